"""`clientjoin explore --torrents any`: the verdicts for every number of torrent servers."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from typing import Any

    from spec.exploration.any_number.fixpoint import Options
    from spec.exploration.any_number.verdicts import Answer
    from spec.exploration.model.scenario import Scenario
    from spec.exploration.properties.language import Property

ANY = "any"
STATUS = {"holds for every number": 0, "broken": 1, "open": 3}
"""The exit statuses, as those of `explore`."""


def number(text: str | None) -> int | None:
    """The number that `--torrents` gives; None for none, and for any. Raises `ScenarioError`."""
    from spec.exploration.model.scenario import ScenarioError

    if text is None or text == ANY:
        return None
    if not text.removeprefix("-").isdecimal():
        raise ScenarioError(f'--torrents {text!r}: give a number from 1, or "any"')
    return int(text)


def refuse(unusable: "Mapping[str, object]") -> None:
    """Raise `ScenarioError` for options that say nothing of any number."""
    from spec.exploration.model.scenario import ScenarioError

    for option, given in unusable.items():
        if given:
            raise ScenarioError(f"{option} does not go with --torrents any: give a number of torrent servers")


def of_any_number(
    scenario: "Scenario",
    properties: "tuple[Property, ...]",
    options: "Options",
    progress: "AbstractContextManager[Any]",
    *,
    as_json: bool,
) -> "Answer":
    """Answer, and print it."""
    from spec.exploration.any_number.verdicts import answer

    with progress as render:
        found = answer(scenario, replace(options, render=render), properties)
    typer.echo(json.dumps(found.as_data(), indent=1) if as_json else "\n".join(found.lines()))
    return found
