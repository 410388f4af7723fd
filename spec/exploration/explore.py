"""Explore a scenario: search, look at every claim, and tell the shortest story of each that is broken."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace

from spec.exploration.engine.search import BreadthFirst, Engine, Found, Progress, engine, interruptible
from spec.exploration.fairness import ASSUMED, Fairness
from spec.exploration.liveness import Cut, Lasso, Liveness
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.renaming import ways_of
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from spec.exploration.model.symmetry import Asymmetric, check
from spec.exploration.properties.client_join import CLAIMS, side_of
from spec.exploration.properties.language import OF_RUNS, Claim, Claims, Observe
from spec.exploration.result import Explorable, Result, Verdict
from spec.exploration.traces.elaboration import Run, delivered, elaborated
from spec.exploration.traces.story import Story, steps_of, tell

__all__ = ["Explorable", "Options", "Result", "Verdict", "explore", "run_of"]

NEVER_EXERCISED = "its premise held in no state"


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
    tell: Callable[[Progress], None] = field(default=lambda _: None)


def explore(
    scenario: Explorable, options: Options | None = None, claims: Sequence[Claim] = CLAIMS, observe: Observe = side_of
) -> Result:
    """Search a closed system and look at claims about it; `observe` says how the claims see its components."""
    options = options or Options()
    system = scenario.build(drop_inert=options.reduced)
    why = _names_one(system, scenario, claims) if options.symmetric else ""
    if why:
        options = replace(options, symmetric=False)
    while True:
        try:
            with interruptible() as is_stopped:
                return replace(_explored(scenario, system, options, claims, observe, is_stopped), asymmetry=why)
        except NotInert:  # the system has noted what has to be delivered
            system = system.again(drop_inert=options.reduced)
        except Asymmetric as found:
            why, options = str(found), replace(options, symmetric=False)
            system = system.again(drop_inert=options.reduced)


def _names_one(system: ClosedSystem, scenario: Explorable, claims: Sequence[Claim]) -> str:
    """Which claim is about one of several components that would count as the same; empty if there is none."""
    alike = {system.nodes[place].name for group in scenario.interchangeable() for place in group}
    named = ((one.name, name) for one in claims for name in one.concerns if name in alike)
    return next((f"the claim {claim!r} is about {name}" for claim, name in named), "")


def _explored(
    scenario: Explorable,
    system: ClosedSystem,
    options: Options,
    claims: Sequence[Claim],
    observe: Observe,
    is_stopped: Callable[[], bool],
) -> Result:
    ways = ways_of(len(system.nodes), scenario.interchangeable()) if options.symmetric else ()
    search = _search(system, ways, options, is_stopped)
    found = search.run()
    check(system, ways)
    watched = Claims(system, claims, observe)
    first: dict[tuple[str, bool], int] = {}
    for watch, at in zip(watched.watches, search.scan(watched), strict=True):
        if at is not None:
            key = (watch.instance.claim.name, watch.broken)
            first[key] = min(first.get(key, at), at)
    exact = system.again(drop_inert=False)

    def exactly() -> tuple[BreadthFirst, Claims]:
        whole = _search(exact, (), options, is_stopped)
        ended = whole.run()
        if not ended.complete:
            raise Cut(f"with all messages delivered and all names told apart, {ended.stopped}")
        return whole, Claims(exact, (), observe)

    liveness = Liveness(search, watched, exactly)
    verdicts = []
    for one in claims:
        if one.when in OF_RUNS:
            verdicts.append(_of_runs(one, scenario, liveness, found, Fairness(exact, Claims(exact, (), observe))))
            continue
        broken, exercised = first.get((one.name, True)), (one.name, False) in first
        holds = True if found.complete and exercised else None
        reason = "" if holds else found.stopped or NEVER_EXERCISED
        rows = [] if broken is None else search.path(broken)
        if rows:
            told = run_of(system, rows, ways)
            whole, run = elaborated(system, told, at_rest=one.when != "always")
            story = Story(_in(whole, scenario), one.name, steps_of(whole, run))
            verdicts.append(Verdict(one, False, exercised, run, tell(whole, story, run)))
        else:
            applies = one.applies_to(system)
            verdicts.append(Verdict(one, holds, exercised, applies=applies, reason=reason if applies else ""))
    return Result(scenario, found, tuple(verdicts), system)


def _search(
    system: ClosedSystem, ways: tuple[tuple[int, ...], ...], options: Options, is_stopped: Callable[[], bool]
) -> BreadthFirst:
    return engine(options.engine)(
        system, ways, most=options.most, memory=options.memory, tell=options.tell, is_stopped=is_stopped
    )


def _of_runs(one: Claim, scenario: Explorable, liveness: Liveness, found: Found, fairness: Fairness) -> Verdict:
    """The verdict on a claim about runs. What was not searched to the end says nothing of runs."""
    if not found.complete:
        return Verdict(one, None, True, reason=f"the search was cut: {found.stopped}", assumed=ASSUMED)
    answer = liveness.answer(one)
    if answer.lasso is None:
        reason = answer.reason or ("" if answer.holds is not None else NEVER_EXERCISED)
        return Verdict(one, answer.holds, answer.exercised, reason=reason, assumed=ASSUMED)
    run, repeats = looped(fairness, one, answer.lasso)
    story = Story(scenario, one.name, steps_of(fairness.system, run), repeats)
    return Verdict(one, False, True, run, tell(fairness.system, story, run), assumed=ASSUMED, repeats=repeats)


def looped(fairness: Fairness, claim: Claim, lasso: Lasso) -> tuple[Run, int]:
    """A lasso where everything is delivered, as its shortest beginning that breaks the claim, and how many of its last
    steps are repeated for ever. What nobody minds is read at the end of each round, so that no queue grows.
    """
    exact = fairness.system

    def is_left_out(component: int, message: Hashable) -> bool:
        return not lasso.delivers(component, message)

    run = [*delivered(exact, lasso.stem, at_rest=True, reads=is_left_out)]
    seen: dict[Row, int] = {}
    while lasso.cycle and (row := run[-1][1] if run else exact.initial()) not in seen:
        seen[row] = len(run)
        run += delivered(exact, lasso.cycle, at_rest=True, begin=row, reads=is_left_out)
    rows, labels = [exact.initial(), *(row for _, row in run)], [label for label, _ in run]
    for steps in range(len(run) + 1):
        repeats = fairness.breaks(claim, rows[: steps + 1], labels[:steps])
        if repeats is not None:
            return tuple(run[:steps]), repeats
    raise AssertionError(f"a run that was to break {claim.name!r} does not, by the definition of fair runs")


def run_of(system: ClosedSystem, rows: Sequence[Row], ways: tuple[tuple[int, ...], ...] = ()) -> Run:
    """The steps between rows that stand for themselves and for those that differ in names only."""
    run = []
    here = rows[0]
    for row in rows[1:]:
        wanted = canonical(system, row, ways)
        label, here = next(
            (label, then) for label, then in successors(system, here) if canonical(system, then, ways) == wanted
        )
        run.append((label, here))
    return run


def _in(system: ClosedSystem, scenario: Explorable) -> Explorable:
    """The scenario of a story that is told in a system of it."""
    if isinstance(scenario, Scenario) and system.keeps_hops and not scenario.tells_hops_apart:
        return replace(scenario, keeps_hops=True)
    return scenario
