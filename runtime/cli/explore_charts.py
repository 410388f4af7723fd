"""`clientjoin explore --charts`: a system of a user's own charts, with what their module says of it.

The module may hold, all optional:

    CLAIMS = [never_both]                  claims, see spec.exploration.properties.language
    FAULTS = {"losses": 1}                 how often messages are lost (None: any number of times), or a `Faults`
    ROUTES = {"commit": ("P1", "P2")}      to whom messages go, otherwise all who take them; () is nobody
    STARTS = {"Server": "opened"}          the atomic state of charts that begin elsewhere
    RESTS = {"Server": ["listening"]}      atomic states, besides final ones, that a chart may stay in for good
    BROADCAST = ["commit"]                 messages that go to all who take them at once; others go to one at a time
    ALIKE = [("P1", "P2")]                 charts that differ in their names only
    PAYLOADS = {"amount": [(7,), (8,)]}    the values that messages are sent with
"""

import difflib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from runtime.cli.charts import ChartsError, Given, charts_of

if TYPE_CHECKING:
    from spec.exploration.explore import Options, Verdict
    from spec.exploration.model.foreign import Others
    from spec.exploration.properties.language import Claim, Implication

KINDS: Mapping[str, tuple[type, ...]] = {
    "CLAIMS": (list, tuple),
    "ALIKE": (list, tuple),
    "BROADCAST": (list, tuple),
    **dict.fromkeys(("ROUTES", "STARTS", "RESTS", "PAYLOADS"), (Mapping,)),
}


@dataclass(frozen=True)
class Asked:
    """A system, and the claims to look at."""

    others: "Others"
    claims: "tuple[Claim, ...]"

    @property
    def heading(self) -> str:
        """The system in a line."""
        faults = self.others.faults
        bound = faults.bounds.get("losses", 0)
        names = ", ".join(sorted(faults.loses)) or "anything"
        often = "" if bound is None else f", {bound} time{'s' * (bound != 1)} in all"
        lost = "nothing is lost" if bound == 0 else f"what may be lost: {names}{often}"
        return f"{', '.join(self.others.charts)}; {lost}"

    def list(self) -> None:
        """The charts and the claims, printed."""
        typer.echo("Charts")
        for name, chart in self.others.charts.items():
            typer.echo(f"  {name:<20}{chart.__name__}")
        typer.echo("Claims")
        for claim in self.claims:
            typer.echo(f"  {claim.when:<12}{claim.name}")


def asked(
    place: str,
    bindings: Iterable[Path],
    words: Sequence[str],
    bounds: Sequence[str],
    *,
    unordered: bool,
) -> Asked:
    """What is to be explored. Raises `ValueError` for what cannot be, with the place and the remedy."""
    from spec.binding import load
    from spec.exploration.model.faults import Faults
    from spec.exploration.model.foreign import Others
    from spec.exploration.model.scenario import bound
    from spec.exploration.properties.foreign import CLAIMS
    from spec.exploration.properties.language import Claim

    given = charts_of(place)
    said = {name: _said(given, name) for name in KINDS}
    for claim in said["CLAIMS"]:
        if not isinstance(claim, Claim):
            text = f"expected claims, functions under @always, @leads_to and so on, not {claim!r}"
            raise ChartsError(f"--charts {place}: CLAIMS: {text}")
    own = tuple(replace(claim, says=_guarded(claim, place)) for claim in said["CLAIMS"])
    faults: Any = given.said("FAULTS", {})
    if not isinstance(faults, Faults | Mapping):
        raise ChartsError(f'--charts {place}: FAULTS: expected {{"losses": 1}}, or a Faults, not {faults!r}')
    faults = faults if isinstance(faults, Faults) else Faults(dict(faults))
    for fault, number in faults.bounds.items():
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
            text = f"{fault!r}: expected how often, or None for any number of times, not {number!r}"
            raise ChartsError(f"--charts {place}: FAULTS: {text}")
    for text in bounds:
        fault, equals, number = text.partition("=")
        if not equals:
            raise ChartsError(f"--bound {text!r}: write FAULT=N, such as 'losses=2' or 'losses=any'")
        faults = replace(faults, bounds={**faults.bounds, fault: bound(number, f"--bound {text!r}")})
    others = Others(
        place,
        given.charts,
        {str(message): _names(to, place, f"ROUTES[{message!r}]") for message, to in said["ROUTES"].items()},
        said["STARTS"],
        faults,
        tuple(_names(group, place, "ALIKE") for group in said["ALIKE"]),
        {str(name): _names(states, place, f"RESTS[{name!r}]") for name, states in said["RESTS"].items()},
        load(bindings, default=False).events,
        {
            str(message): _values(values, place, f"PAYLOADS[{message!r}]")
            for message, values in said["PAYLOADS"].items()
        },
        addressed=True,
        broadcast=frozenset(_names(said["BROADCAST"], place, "BROADCAST")),
        unordered=unordered,
    )
    others.check()
    for message in others.routes:
        if message not in others.messages():
            near = difflib.get_close_matches(message, others.messages(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ChartsError(f"--charts {place}: ROUTES: no chart has a message {message!r}{hint}")
    claims = tuple(claim for claim in (*CLAIMS, *own) if not words or any(text.lower() in claim.name for text in words))
    if not claims:
        raise ChartsError(f"--property {' '.join(words)!r}: no claim has these words; --list names the claims")
    return Asked(others, claims)


def _said(given: Given, name: str) -> Any:
    kinds = KINDS[name]
    value = given.said(name, kinds[0]() if kinds[0] is not Mapping else {})
    if not isinstance(value, kinds):
        kind = "a mapping" if Mapping in kinds else "a list"
        raise ChartsError(f"--charts {given.place}: {name}: expected {kind}, not {value!r}")
    return value


def _guarded(claim: "Claim", place: str) -> "Callable[..., Implication]":
    """What a claim says, where an error in it is one line, too."""

    def says(*sides: Any) -> "Implication":
        try:
            answer = claim.says(*sides)
        except Exception as error:  # noqa: BLE001 - whatever stands in a user's function
            raise ChartsError(f"--charts {place}: the claim {claim.name!r} raises {error!r}") from None
        if not isinstance(answer, tuple) or len(answer) != 2:  # noqa: PLR2004 - a premise and a conclusion
            text = f"the claim {claim.name!r} has to return a premise and a conclusion, not {answer!r}"
            raise ChartsError(f"--charts {place}: {text}")
        return bool(answer[0]), bool(answer[1])

    return says


def _values(said: Any, place: str, where: str) -> tuple[tuple[Hashable, ...], ...]:
    if not isinstance(said, (list, tuple)) or not all(isinstance(each, (list, tuple)) for each in said):
        raise ChartsError(f"--charts {place}: {where}: expected tuples of values, as in [(7,), (8,)], not {said!r}")
    return tuple(map(tuple, said))


def _names(said: Any, place: str, where: str) -> tuple[str, ...]:
    if not isinstance(said, (list, tuple)) or not all(isinstance(each, str) for each in said):
        raise ChartsError(f'--charts {place}: {where}: expected names, as in ["P1", "P2"], not {said!r}')
    return tuple(said)


def of_charts(
    question: Asked, options: "Options", runs: tuple[int, int, int] | None, *, as_json: bool, stats: bool
) -> "tuple[Verdict, ...]":
    """Search a system, or take random runs (how many, how long, and a seed), and print what came of it."""
    from runtime.cli.explore import progress_of_search, show, simulation_data
    from spec.exploration.explore import explore
    from spec.exploration.result import table
    from spec.exploration.simulate import simulate

    others = question.others
    if runs is not None:
        done = simulate(others, *runs, question.claims, others.observe)
        if as_json:
            _print(simulation_data(others, done), others)
        else:
            typer.echo(f"{others.name}: {question.heading}")
            typer.echo(
                f"{done.runs:,} random runs of at most {runs[1]} steps (seed {runs[2]}), {done.steps:,} steps, "
                f"{done.states:,} states met, {done.seconds:.1f} s"
            )
            typer.echo("\n" + "\n".join(table(done.verdicts)))
        return done.verdicts
    with progress_of_search() as tell:
        result = explore(others, replace(options, tell=tell), question.claims, others.observe)
    if as_json:
        _print(result.as_data(), others)
    else:
        typer.echo(f"{others.name}: {question.heading}")
        show(result, stats=stats)
    return result.verdicts


def _print(data: dict[str, Any], others: "Others") -> None:
    names = {name: chart.__name__ for name, chart in others.charts.items()}
    typer.echo(json.dumps({**data, "charts": names}, indent=1))


def refuse_ours(**options: Any) -> None:
    """Raise `ChartsError` for an option that is about scenarios of this project."""
    for name, value in options.items():
        if value:
            raise ChartsError(f"--{name} is about the scenarios of this project: leave it out with --charts")
