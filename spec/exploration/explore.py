"""Explore a scenario: search, look at every property, and tell the shortest trace of each that is broken."""

import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import INTERRUPTED, BreadthFirst, Engine, Found, Progress, interruptible
from spec.exploration.fairness import ASSUMED, Fairness
from spec.exploration.liveness import Cut, Lasso, Liveness
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from spec.exploration.model.symmetry import Asymmetric, check
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import OF_RUNS, Observe, Properties, Property
from spec.exploration.properties.steps import breaking
from spec.exploration.result import Explorable, Result, Verdict
from spec.exploration.step_search import deliver_what_matters, first_steps
from spec.exploration.traces.elaboration import Run, delivered, elaborated
from spec.exploration.traces.rendering import Trace, render, steps_of
from spec.exploration.traces.summary import what_happens
from spec.system.garbage import collected_seldom

__all__ = ["Explorable", "Options", "Result", "Verdict", "explore", "run_of"]

VACUOUS = "its premise held in no state"
UNCLEAR = "in some state two trackers serve, and it holds of one and not of the other"


@dataclass(frozen=True)
class Options:
    """How to search; none of it changes a verdict."""

    symmetric: bool = True
    """States that differ only in which of the interchangeable torrent servers is which count once.

    If these turn out not to act alike, it is searched without that.
    """
    reduced: bool = True
    """Events that their receivers always ignore are not delivered."""
    engine: Engine = "auto"
    """The compiled search needs numba; the one in NumPy does not."""
    most: int | None = None
    """Stop after so many states."""
    memory: int | None = None
    """Stop before the process takes more bytes than these; otherwise before the machine has no more."""
    render: Callable[[Progress], None] = field(default=lambda _: None)
    seconds: float | None = None
    """Stop the search after so many."""


@collected_seldom()
def explore(
    scenario: Explorable,
    options: Options | None = None,
    properties: Sequence[Property] = PROPERTIES,
    observe: Observe = side_of,
) -> Result:
    """Search a closed system and look at properties about it; `observe` says how the properties see its components."""
    options = options or Options()
    system = scenario.build(drop_inert=options.reduced)
    why = _names_one(system, scenario, properties) if options.symmetric else ""
    if why:
        options = replace(options, symmetric=False)
    until = time.monotonic() + options.seconds if options.seconds is not None else math.inf
    while True:
        try:
            with interruptible() as is_interrupted:
                stop = _Stop(is_interrupted, options.seconds, until)
                return replace(_explored(scenario, system, options, properties, observe, stop), asymmetry=why)
        except NotInert:  # the system has noted what has to be delivered
            system = system.again(drop_inert=options.reduced)
        except Asymmetric as found:
            why, options = str(found), replace(options, symmetric=False)
            system = system.again(drop_inert=options.reduced)


def _names_one(system: ClosedSystem, scenario: Explorable, properties: Sequence[Property]) -> str:
    """Which property is about one of several components that would count as the same; empty if there is none."""
    places = {place for group in scenario.interchangeable_groups() for place in group}
    alike = {system.nodes[place].name for place in places}
    if 0 in places:  # then these are about some of those that would count as the same, and not about others
        alike |= {"tracker", "client", "other"} - {node.name for node in system.nodes}
    named = ((one.name, name) for one in properties for name in one.concerns if name in alike)
    return next((f"the property {property_!r} is about {name}" for property_, name in named), "")


def _explored(
    scenario: Explorable,
    system: ClosedSystem,
    options: Options,
    properties: Sequence[Property],
    observe: Observe,
    stop: "_Stop",
) -> Result:
    permutations = permutations_of(len(system.nodes), scenario.interchangeable_groups()) if options.symmetric else ()
    search = _search(system, permutations, options, stop)
    found = stop.told(search.run())
    check(system, permutations)
    watched = Properties(system, properties, observe)
    first = first_steps(search, properties)
    if found.complete:
        deliver_what_matters(system, properties, first)
    for watch, at in zip(watched.watches, search.scan(watched), strict=True):
        if at is not None:
            key = (watch.instance.property_.name, watch.broken)
            first[key] = min(first.get(key, at), at)
    exact = system.again(drop_inert=False)

    def exactly() -> tuple[BreadthFirst, Properties]:
        whole = _search(exact, (), options, stop)
        ended = stop.told(whole.run())
        if not ended.complete:
            raise Cut(f"with all messages delivered and all names told apart, {ended.stopped}")
        return whole, Properties(exact, (), observe)

    liveness = Liveness(search, watched, exactly)
    verdicts = []
    for one in properties:
        if one.when in OF_RUNS:
            verdicts.append(_of_runs(one, scenario, liveness, found, Fairness(exact, Properties(exact, (), observe))))
            continue
        applies, unclear = one.applies_to(system), (one.name, None) in first
        broken, non_vacuous = first.get((one.name, True)) if applies else None, (one.name, False) in first
        holds = True if found.complete and non_vacuous and applies and not unclear else None
        reason = "" if holds else found.stopped or (UNCLEAR if unclear else VACUOUS)
        rows = [] if broken is None else search.path(broken)
        if rows:
            told = run_of(system, rows, permutations)
            if one.when == "step":
                told = (*told, next(breaking(system, told[-1][1] if told else rows[0], one)))
            whole, run = elaborated(system, told, quiescent=one.when not in {"always", "step"})
            trace = Trace(_in(whole, scenario), one.name, steps_of(whole, run))
            happens = what_happens([node.name for node in whole.nodes], run)
            verdicts.append(Verdict(one, False, non_vacuous, run, render(whole, trace, run), happens=happens))
        else:
            verdicts.append(Verdict(one, holds, non_vacuous, applies=applies, reason=reason if applies else ""))
    return Result(scenario, found, tuple(verdicts), system)


@dataclass(frozen=True)
class _Stop:
    """Whether a search is to stop at the next opportunity: it was interrupted, or its time is over."""

    is_interrupted: Callable[[], bool]
    seconds: float | None
    until: float

    def __call__(self) -> bool:
        return self.is_interrupted() or time.monotonic() > self.until

    def told(self, found: Found) -> Found:
        """What a search found, with the bound that it hit."""
        if found.stopped != INTERRUPTED or self.is_interrupted() or time.monotonic() <= self.until:
            return found
        return replace(found, stopped=f"it took more than {self.seconds:g} seconds")


def _search(
    system: ClosedSystem, permutations: tuple[tuple[int, ...], ...], options: Options, is_stopped: Callable[[], bool]
) -> BreadthFirst:
    return engine(options.engine)(
        system, permutations, most=options.most, memory=options.memory, render=options.render, is_stopped=is_stopped
    )


def _of_runs(one: Property, scenario: Explorable, liveness: Liveness, found: Found, fairness: Fairness) -> Verdict:
    """The verdict on a property about runs. What was not searched to the end says nothing of runs."""
    if not found.complete:
        return Verdict(one, None, True, reason=f"the search was cut: {found.stopped}", assumed=ASSUMED)
    answer = liveness.answer(one)
    if answer.lasso is None:
        reason = answer.reason or ("" if answer.holds is not None else VACUOUS)
        return Verdict(one, answer.holds, answer.non_vacuous, reason=reason, assumed=ASSUMED)
    run, repeats = looped(fairness, one, answer.lasso)
    trace = Trace(scenario, one.name, steps_of(fairness.system, run), repeats)
    text = render(fairness.system, trace, run)
    happens = what_happens([node.name for node in fairness.system.nodes], run)
    return Verdict(one, False, True, run, text, assumed=ASSUMED, happens=happens, repeats=repeats)


def looped(fairness: Fairness, property_: Property, lasso: Lasso) -> tuple[Run, int]:
    """A lasso where everything is delivered, as its shortest beginning that breaks the property, and how many of its
    last steps are repeated for ever. What nobody minds is read at the end of each round, so that no queue grows.
    """
    exact = fairness.system

    def is_left_out(component: int, message: Hashable) -> bool:
        return not lasso.delivers(component, message)

    run = [*delivered(exact, lasso.stem, quiescent=True, reads=is_left_out)]
    seen: dict[Row, int] = {}
    while lasso.cycle and (row := run[-1][1] if run else exact.initial()) not in seen:
        seen[row] = len(run)
        run += delivered(exact, lasso.cycle, quiescent=True, begin=row, reads=is_left_out)
    rows, labels = [exact.initial(), *(row for _, row in run)], [label for label, _ in run]
    for steps in range(len(run) + 1):
        repeats = fairness.breaks(property_, rows[: steps + 1], labels[:steps])
        if repeats is not None:
            return tuple(run[:steps]), repeats
    raise AssertionError(f"a run that was to break {property_.name!r} does not, by the definition of fair runs")


def run_of(system: ClosedSystem, rows: Sequence[Row], permutations: tuple[tuple[int, ...], ...] = ()) -> Run:
    """The steps between rows that stand for themselves and for those that differ in names only."""
    run = []
    here = rows[0]
    for row in rows[1:]:
        wanted = canonical(system, row, permutations)
        label, here = next(
            (label, then) for label, then in successors(system, here) if canonical(system, then, permutations) == wanted
        )
        run.append((label, here))
    return run


def _in(system: ClosedSystem, scenario: Explorable) -> Explorable:
    """The scenario of a trace that is told in a system of it."""
    if isinstance(scenario, Scenario) and system.keeps_hops and not scenario.keeps_both_hops:
        return replace(scenario, keeps_hops=True)
    return scenario
