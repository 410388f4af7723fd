"""`clientjoin explore --torrents any`: the verdicts for every number of torrent servers; and `clientjoin certify`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtime.cli.exits import fail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.cli.verdicts import Output
    from spec.exploration.any_number.fixpoint import Options
    from spec.exploration.any_number.verdicts import Answer
    from spec.exploration.model.scenario import Scenario
    from spec.exploration.properties.language import Property

ANY = "any"
STATUS = {"holds for every number": 0, "broken": 1, "open": 3}
"""The exit statuses, as those of `explore`."""


def number(text: str | None) -> int | None:
    """The number that `--torrents` gives; None for none, and for any. Raises `ScenarioError`."""
    from spec.exploration.model.scenario import MOST_TORRENTS, ScenarioError

    if text is None or text == ANY:
        return None
    if not (text.isdecimal() and 1 <= int(text) <= MOST_TORRENTS):
        raise ScenarioError(f'--torrents {text!r}: give a number from 1 to {MOST_TORRENTS}, or "any"')
    return int(text)


def refuse(
    torrents: str | None, certificate: Path | None, unusable: "Mapping[str, object]", asked: str = "--torrents"
) -> None:
    """Raise `ScenarioError` for options that do not go with any number, or go with nothing else."""
    from spec.exploration.model.scenario import ScenarioError

    if torrents != ANY:
        if certificate is not None:
            raise ScenarioError("--certificate goes with --torrents any: for a number the search itself is the proof")
        return
    for option, given in unusable.items():
        if given:
            raise ScenarioError(f"{option} does not go with {asked} any: give a number")


def of_any_number(
    scenario: "Scenario",
    properties: "tuple[Property, ...]",
    options: "Options",
    output: "Output",
    certificate: Path | None,
) -> "Answer":
    """Answer, and print it; write the certificate of what holds. Raises `ScenarioError`, `OSError`."""
    from runtime.cli.terminal import progress_of_search
    from spec.exploration.any_number import certificate as certificates
    from spec.exploration.any_number.verdicts import answer
    from spec.exploration.model.scenario import ScenarioError

    if scenario.second_trackers:
        raise ScenarioError("--torrents any: it is told for one tracker; take out second_trackers, or give a number")
    if certificate is not None and (why := certificates.covered(scenario)):
        raise ScenarioError(f"--certificate: {why}")
    with progress_of_search() as render:
        found = answer(scenario, replace(options, render=render), properties)
        if certificate is not None:
            made = certificates.certificate(scenario, certificates.claims_of(found.verdicts), options)
            certificates.write(certificate, made)
    output.of_any_number(found)
    return found


CHECKED = "the first view is there, whatever happens in a view leads to one that is there, no view breaks a claim"
UNCHECKED = (
    "one server alone; servers that break or leave; stabilisation; that runs terminate; that charts ask of others what "
    "a few hidden servers stand for (explore --torrents any does)"
)


def certify(
    certificate: Annotated[Path, typer.Argument(help="A file that explore --torrents any --certificate wrote.")],
) -> None:
    """Check a certificate of any number of servers.

    The checker shares no code with the search: it asks the charts. Exit status 0 if the certificate proves what it
    claims, 1 if it does not, 2 if it cannot be read.
    """
    from spec.exploration.any_number.certify import Rejected
    from spec.exploration.any_number.certify import certify as checked

    try:
        views, steps, claims, scenario = checked(certificate)
    except OSError as error:
        raise fail(f"cannot read {certificate}: {error.strerror or error}", status=2) from None
    except Rejected as why:
        raise fail(f"{certificate} proves nothing: {why}") from None
    typer.echo(
        f"{views:,} views, {steps:,} steps: the certificate holds, for every number of torrent servers from two on"
    )
    for claim in claims:
        typer.echo(f"  {claim}")
    lost, fails = ("any" if scenario[happens] else "no" for happens in ("loses", "fails"))
    typer.echo(
        f"Scenario: {scenario['name']}; timeouts: {scenario['timeouts']}; {lost} event is lost, {fails} view fails"
    )
    typer.echo(f"Checked: {CHECKED}\nNot checked: {UNCHECKED}")
