"""A tour of the closed system: to every beginning, each step that is possible there, and on until all is quiescent.

What random rules reach depends on luck; here nothing does. From each of the beginnings (`beginnings.py`) every next
step is taken, whatever then happens by itself is followed to its end, and every step and state is judged by all
properties. What an observer on the bus saw on the way to each beginning, and after it, is given to the monitor.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from spec.exploration.model.node import ServerState
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from tests.properties.beginnings import Beginning, beginnings
from tests.properties.coverage import Exercised
from tests.properties.judging import ENDS, LONGEST, MONITORED, UNMOVED, broken_by, forbidden_in, moved_by
from tests.properties.probes import broken_by_probes
from tests.properties.runs import Run, Step, World, world_of
from tests.properties.story import Violation


def tour(
    known: Mapping[bool, frozenset[str]],
    world: Callable[[Scenario], World] = world_of,
    stops: Iterable[Beginning] = beginnings(),
    exercised: Exercised | None = None,
) -> Iterator[Run]:
    """The run to each beginning and on to its end, once all that is possible there is judged.

    `known` are the properties that are known to be broken, by whether torrent servers are hardened. Raises `Violation`
    at the first run that breaks another one, that a monitor forbids, or that does not end.
    """
    rested: set[tuple[int, Row]] = set()
    probed: set[tuple[int, int, ServerState]] = set()
    for beginning in stops:
        ignored = known[beginning.hardened]
        run = Run(world(beginning.scenario))
        for before, step in run.follow(beginning.steps):
            _judge(run, before, step, ignored)
        if exercised is not None:
            exercised.add(run)
        _fail_if(UNMOVED, run, moved_by(run))
        probe(run, ignored, probed)
        for step in run.possible():
            branch = Run(run.world, [*run.steps, step])
            _judge(branch, run.row, step, ignored)
            if exercised is not None:
                exercised.step(run.world, run.row, step.label)
            rest(branch, ignored, rested)
        rest(run, ignored)
        _fail_if(MONITORED, run, forbidden_in(run))
        yield run


def probe(run: Run, ignored: frozenset[str], probed: set[tuple[int, int, ServerState]]) -> None:
    """Let each server read whatever can come to it, in each state once (`probes.py`)."""
    for component in range(len(run.world.nodes)):
        state = run.world.state(run.row, component)
        at = (id(run.world), component, state)
        if at not in probed:
            probed.add(at)
            property_, why = broken_by_probes(run.world, component, state, ignored)
            if property_:
                raise Violation("charts", property_, run, why)


def rest(run: Run, ignored: frozenset[str], rested: set[tuple[int, Row]] | None = None) -> None:
    """Follow what happens by itself, first what arrives and then what expires; up to where it was followed before."""
    for _ in range(LONGEST):
        if rested is not None:
            at = (id(run.world), run.row)
            if at in rested:
                return
            rested.add(at)
        before, step = run.row, run.world.by_itself(run.row)
        if step is None:
            return
        run.take(step)
        _judge(run, before, step, ignored)
    raise Violation("charts", ENDS, run, f"after {LONGEST} steps something is still to happen")


def _judge(run: Run, before: Row, step: Step, ignored: frozenset[str]) -> None:
    property_, why = broken_by(run, before, step, ignored)
    if property_:
        raise Violation("charts", property_, run, why)


def _fail_if(property_: str, run: Run, why: str) -> None:
    if why:
        raise Violation("charts", property_, run, why)
