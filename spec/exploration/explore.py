"""Explore a scenario: search, look at every claim, and tell the shortest story of each that is broken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from spec.exploration.engine.search import Engine, Progress, engine, interruptible
from spec.exploration.liveness import comes_to_rest
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.renaming import ways_of
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from spec.exploration.model.symmetry import Asymmetric, check
from spec.exploration.properties.client_join import CLAIMS, side_of
from spec.exploration.properties.language import Claim, Claims, Observe
from spec.exploration.result import Explorable, Result, Verdict
from spec.exploration.traces.elaboration import Run, elaborated
from spec.exploration.traces.story import Story, steps_of, tell

__all__ = ["Explorable", "Options", "Result", "Verdict", "explore", "run_of"]

NEVER_EXERCISED = "its premise held in no state"
CUT_GRAPH = "the steps between the states were not looked at to the end, or no fair cycle was found among them"


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
    why = ""
    while True:
        try:
            with interruptible() as is_stopped:
                return replace(_explored(scenario, system, options, claims, observe, is_stopped), asymmetry=why)
        except NotInert:  # the system has noted what has to be delivered
            system = system.again(drop_inert=options.reduced)
        except Asymmetric as found:
            why, options = str(found), replace(options, symmetric=False)
            system = system.again(drop_inert=options.reduced)


def _explored(
    scenario: Explorable,
    system: ClosedSystem,
    options: Options,
    claims: Sequence[Claim],
    observe: Observe,
    is_stopped: Callable[[], bool],
) -> Result:
    ways = ways_of(len(system.nodes), scenario.interchangeable()) if options.symmetric else ()
    search = engine(options.engine)(
        system, ways, most=options.most, memory=options.memory, tell=options.tell, is_stopped=is_stopped
    )
    found = search.run()
    check(system, ways)
    watched = Claims(system, claims, observe)
    first: dict[tuple[str, bool], int] = {}
    for watch, at in zip(watched.watches, search.scan(watched), strict=True):
        if at is not None:
            key = (watch.instance.claim.name, watch.broken)
            first[key] = min(first.get(key, at), at)
    verdicts = []
    for one in claims:
        before = None  # a cycle
        broken, exercised = first.get((one.name, True)), (one.name, False) in first
        holds = True if found.complete and exercised else None
        reason = "" if holds else found.stopped or NEVER_EXERCISED
        rows = [] if broken is None else search.path(broken)
        if one.when == "rest" and found.complete:
            rest = comes_to_rest(search, watched)
            holds, exercised, reason = rest.holds, True, CUT_GRAPH if rest.holds is None else ""
            rows = [search.row(state) for state in (*rest.path, *rest.cycle)] if holds is False else []
            before = len(rest.path) - 1 if rest.cycle else None
        if rows:
            told = run_of(system, rows, ways)
            whole, run = elaborated(system, told, at_rest=one.when not in {"always", "rest"})
            repeats = 0 if before is None else len(run) - len(elaborated(system, told[:before], at_rest=False)[1])
            story = Story(_in(whole, scenario), one.name, steps_of(whole, run), repeats)
            verdicts.append(Verdict(one, False, exercised, run, tell(whole, story, run)))
        else:
            applies = one.applies_to(system)
            verdicts.append(Verdict(one, holds, exercised, applies=applies, reason=reason if applies else ""))
    return Result(scenario, found, tuple(verdicts), system)


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
