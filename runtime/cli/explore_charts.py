"""`clientjoin explore --charts`: a system of a user's own charts, with what their module says of it.

The module may hold, all optional:

    PROPERTIES = [never_both]              properties, see spec.exploration.properties.language
    FAULTS = {"losses": 1}                 how often messages are lost (None: any number of times), or a `Faults`
    ROUTES = {"commit": ("P1", "P2")}      to whom messages go, otherwise all who take them; () is nobody
    STARTS = {"Server": "opened"}          the atomic state of charts that begin elsewhere
    MAY_STAY = {"Server": ["listening"]}   atomic states, besides final ones, that a chart may stay in for good
    BROADCAST = ["commit"]                 messages that go to all who take them at once; others go to one at a time
    INTERCHANGEABLE = [("P1", "P2")]       charts that differ in their names only (`--members any`: so many as you like)
    PAYLOADS = {"amount": [(7,), (8,)]}    the values that messages are sent with
    OUTSIDE = {"publish": 2}               messages that no chart sends and that come from outside, and how often
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from runtime.cli.charts import ChartsError, charts_of, refuse_machines
from runtime.cli.tables import names_of, tables_of, values_of
from runtime.cli.verdicts import Output

if TYPE_CHECKING:
    from spec.binding import Binding
    from spec.exploration.any_number.charts_verdicts import AnswerOfCharts
    from spec.exploration.explore import Options, Verdict
    from spec.exploration.model.foreign import ForeignSystem
    from spec.exploration.properties.language import Implication, Property


@dataclass(frozen=True)
class Asked:
    """A system, and the claims to look at."""

    others: "ForeignSystem"
    properties: "tuple[Property, ...]"

    @property
    def heading(self) -> str:
        """The system in a line."""
        faults = self.others.faults
        bound = faults.bounds.get("losses", 0)
        names = ", ".join(sorted(faults.loses)) or "anything"
        often = "" if bound is None else f", {bound} time{'s' * (bound != 1)} in all"
        said = ["nothing is lost" if bound == 0 else f"what may be lost: {names}{often}"]
        said += [
            f"{fault}: {'any number' if most is None else most}"
            for fault, most in faults.bounds.items()
            if fault != "losses" and most != 0
        ]
        said += ["messages to one chart may overtake each other"] * self.others.unordered
        return f"{', '.join(self.others.charts)}; {'; '.join(said)}"

    def list(self) -> None:
        """The charts and the properties, printed."""
        typer.echo("Charts")
        for name, chart in self.others.charts.items():
            typer.echo(f"  {name:<20}{chart.__name__}")
        typer.echo("Properties")
        for property_ in self.properties:
            typer.echo(f"  {property_.when:<12}{property_.name}")


def given_bounds(texts: Iterable[str]) -> dict[str, int | None]:
    """How often which fault happens, as `--bound` says; None for any number. Raises `ScenarioError`."""
    from spec.exploration.model.scenario import ScenarioError, bound

    found: dict[str, int | None] = {}
    for text in texts:
        fault, equals, number = text.partition("=")
        if not equals:
            raise ScenarioError(f"--bound {text!r}: write FAULT=N, such as 'losses=2' or 'losses=any'")
        if fault in found:
            raise ScenarioError(f"--bound {text!r}: {fault!r} is bounded twice; give one bound")
        found[fault] = bound(number, f"--bound {text!r}")
    return found


def asked(
    place: str,
    bindings: Iterable[Path],
    words: Sequence[str],
    bounds: Sequence[str],
    *,
    unordered: bool,
) -> Asked:
    """What is to be explored. Raises `ValueError` for what cannot be, with the place and the remedy."""
    from spec.exploration.model.faults import Faults
    from spec.exploration.model.foreign import ForeignSystem
    from spec.exploration.model.outside import OUTSIDE, outside
    from spec.exploration.properties.foreign import PROPERTIES

    given = charts_of(place)
    refuse_machines(given, "explore")
    said = tables_of(given)
    _refuse_properties(said["PROPERTIES"], place)
    own = tuple(replace(property_, says=_guarded(property_, place)) for property_ in said["PROPERTIES"])
    faults: Any = given.said("FAULTS", {})
    if not isinstance(faults, Faults | Mapping):
        raise ChartsError(f'--charts {place}: FAULTS: expected {{"losses": 1}}, or a Faults, not {faults!r}')
    faults = faults if isinstance(faults, Faults) else Faults(dict(faults))
    for fault, number in faults.bounds.items():
        if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
            text = f"{fault!r}: expected how often, or None for any number of times, not {number!r}"
            raise ChartsError(f"--charts {place}: FAULTS: {text}")
    faults = replace(faults, bounds={**faults.bounds, **given_bounds(bounds)})
    charts, may_stay = dict(given.charts), dict(said["MAY_STAY"])
    if said["OUTSIDE"]:
        if OUTSIDE in charts:
            raise ChartsError(f"--charts {place}: OUTSIDE: a chart is called {OUTSIDE!r}: rename it")
        try:
            charts[OUTSIDE] = outside(said["OUTSIDE"])
        except ValueError as error:
            raise ChartsError(f"--charts {place}: OUTSIDE: {error}") from None
        may_stay[OUTSIDE] = ["outside"]
    bound_by = _bound_by(bindings)
    others = ForeignSystem(
        place,
        charts,
        {
            **bound_by.routes,
            **{str(message): names_of(to, place, f"ROUTES[{message!r}]") for message, to in said["ROUTES"].items()},
        },
        said["STARTS"],
        faults,
        tuple(names_of(group, place, "INTERCHANGEABLE") for group in said["INTERCHANGEABLE"]),
        {str(name): names_of(states, place, f"MAY_STAY[{name!r}]") for name, states in may_stay.items()},
        bound_by.events,
        {
            **bound_by.payloads,
            **{
                str(message): values_of(values, place, f"PAYLOADS[{message!r}]")
                for message, values in said["PAYLOADS"].items()
            },
        },
        addressed=True,
        broadcast=frozenset(names_of(said["BROADCAST"], place, "BROADCAST")),
        unordered=unordered or bound_by.channels == "any",
    )
    others.check()
    for message in said["OUTSIDE"]:
        for name in given.charts:
            if message in others.sent_by(name):
                raise ChartsError(f"--charts {place}: OUTSIDE: {name} sends {message!r} itself: leave it out")
        if not any(message in others.taken_by(name) for name in given.charts):
            raise ChartsError(f"--charts {place}: OUTSIDE: no chart takes a message {message!r}")
    for message in others.routes:
        if message not in others.messages():
            from spec.hints import near_to

            hint = near_to(message, others.messages())
            raise ChartsError(f"--charts {place}: ROUTES: no chart has a message {message!r}{hint}")
    properties = tuple(
        property_
        for property_ in (*PROPERTIES, *own)
        if not words or any(text.lower() in property_.name for text in words)
    )
    if not properties:
        raise ChartsError(f"--property {' '.join(words)!r}: no property has these words; --list names the properties")
    return Asked(others, properties)


def _refuse_properties(properties: Iterable[Any], place: str) -> None:
    """Raise `ChartsError` for what is no property, or none of charts of others."""
    from spec.exploration.properties.language import Property

    for property_ in properties:
        if not isinstance(property_, Property):
            text = f"expected properties, functions under @always, @leads_to and so on, not {property_!r}"
            raise ChartsError(f"--charts {place}: PROPERTIES: {text}")
        if property_.when == "step":
            text = f"{property_.name!r}: single steps are seen of the charts of this project only; use @always"
            raise ChartsError(f"--charts {place}: PROPERTIES: {text}")


def _bound_by(bindings: Iterable[Path]) -> "Binding":
    from spec.binding import load

    found = load(bindings, default=False)
    if found.channels == "pair":
        text = 'explore has one queue for each receiver, or no order: leave model = "pair" to check'
        raise ChartsError(f"--binding: [channels]: {text}")
    return found


def _guarded(property_: "Property", place: str) -> "Callable[..., Implication]":
    """What a property says, where an error in it is one line, too."""

    def says(*sides: Any) -> "Implication":
        try:
            answer = property_.says(*sides)
        except Exception as error:  # noqa: BLE001 - whatever stands in a user's function
            raise ChartsError(f"--charts {place}: the property {property_.name!r} raises {error!r}") from None
        if not isinstance(answer, tuple) or len(answer) != 2:  # noqa: PLR2004 - a premise and a conclusion
            text = f"the property {property_.name!r} has to return a premise and a conclusion, not {answer!r}"
            raise ChartsError(f"--charts {place}: {text}")
        return bool(answer[0]), bool(answer[1])

    return says


def of_charts(
    question: Asked, options: "Options", runs: tuple[int, int, int] | None, output: Output
) -> "tuple[Verdict, ...]":
    """Search a system, or take random runs (how many, how long, and a seed), and print what came of it."""
    from runtime.cli.terminal import progress_of_search
    from spec.exploration.explore import explore
    from spec.exploration.simulate import simulate

    others = question.others
    heading = f"{others.name}: {question.heading}"
    names = {name: chart.__name__ for name, chart in others.charts.items()}
    if runs is not None:
        done = simulate(others, *runs, question.properties, others.observe)
        output.simulation(done, others, heading, *runs[1:], charts=names)
        return done.verdicts
    with progress_of_search() as render:
        result = explore(others, replace(options, render=render), question.properties, others.observe)
    output.result(result, heading, charts=names)
    return result.verdicts


def with_members(question: Asked, members: str | None) -> Asked:
    """The same with so many charts in place of those that INTERCHANGEABLE names. Raises `ChartsError`."""
    from spec.exploration.any_number.population import population
    from spec.exploration.any_number.restriction import NotInterchangeable

    if members is None:
        return question
    if not members.isdecimal() or not int(members):
        raise ChartsError(f'--members {members!r}: give a number from 1, or "any"')
    try:
        of = population(question.others)
        number = int(members)
        for one in question.properties:
            missing = [name for name in one.concerns if name in of.group and name not in of.names(number)]
            if missing:
                raise ChartsError(f"--members {members}: the property {one.name!r} is about {missing[0]}: give more")
        return replace(question, others=of.of(number))
    except NotInterchangeable as why:
        raise ChartsError(f"--members {members}: {why}") from None


def of_any_members(question: Asked, options: "Options", output: Output) -> "AnswerOfCharts":
    """Answer for every number of members, and print it."""
    from runtime.cli.terminal import status_line
    from spec.exploration.any_number.charts_verdicts import answer_of_charts

    with status_line() as show:
        found = answer_of_charts(question.others, question.properties, options, show)
    output.of_any_number(found)
    return found


def refuse_ours(**options: Any) -> None:
    """Raise `ChartsError` for an option that is about scenarios of this project, and was given."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise ChartsError(f"--{name} is about the scenarios of this project: leave it out with --charts")
