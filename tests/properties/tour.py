"""A tour of the closed system: to every beginning, each step that is possible there, and on until all is quiescent.

What random rules reach depends on luck; here nothing does. From each of the beginnings (`beginnings.py`) every next
step is taken, whatever then happens by itself is followed to its end, each server reads whatever can come to it
(`probes.py`), and every step and state is judged by all properties. What an observer on the bus saw on the way to each
beginning, and after it, is given to the monitor. At another level than that of the charts, what runs goes along: from
each beginning to its end, and on each kind of step once.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from spec.exploration.model.node import ServerState
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from tests.properties.beginnings import Beginning, beginnings
from tests.properties.coverage import NOTHING_KEPT, Exercised
from tests.properties.judging import (
    AS_CHARTS,
    ENDS,
    KNOWN_TO_BE_BROKEN,
    LONGEST,
    MONITORED,
    OF_WHOLE_FILES,
    UNMOVED,
    broken_by,
    forbidden_in,
    moved_by,
)
from tests.properties.levels import Charts, DifferenceError, Level
from tests.properties.probes import broken_by_probes
from tests.properties.runs import Run, Step, World, world_of
from tests.properties.services import services
from tests.properties.story import Violation


@dataclass
class Tour:
    """One tour. Each method raises `Violation` at the first run that breaks a property that is not known to be broken,
    that a monitor forbids, that does not end, or that `level` does not follow.
    """

    world: Callable[[Scenario], World] = world_of
    known: Mapping[bool, frozenset[str]] = field(default_factory=lambda: KNOWN_TO_BE_BROKEN)
    """The properties that are known to be broken, by whether torrent servers are hardened."""
    level: type[Level] = Charts
    exercised: Exercised = NOTHING_KEPT

    def __post_init__(self) -> None:
        self._rested: set[tuple[int, Row]] = set()
        self._probed: set[tuple[int, int, ServerState]] = set()
        self._followed: set[Hashable] = set()

    def beginnings(self, stops: Iterable[Beginning] = beginnings()) -> Iterator[Run]:
        """The run to each beginning and on to its end, once all that is possible there is judged."""
        for beginning in stops:
            ignored = self.known[beginning.hardened]
            run = Run(self.world(beginning.scenario))
            for before, step in run.follow(beginning.steps):
                self._judge(run, before, step, ignored)
            self.exercised.add(run)
            self._fail_if(UNMOVED, run, moved_by(run))
            self._probe(run, ignored)
            begun = len(run.steps)
            for step in run.possible():
                branch = Run(run.world, [*run.steps, step])
                self._judge(branch, run.row, step, ignored)
                self.exercised.step(run.world, run.row, step.label)
                if self._is_new(run, step):
                    self._go_along(branch, begun)
                self._rest(branch, ignored, self._rested)
            self._rest(run, ignored)
            self._go_along(run, begun)
            self._fail_if(MONITORED, run, forbidden_in(run))
            yield run

    def services(self) -> Iterator[Run]:
        """Of each service in which servers do not fit together, the run in which nothing goes wrong, and then faults
        cease; each step that is possible on the way is judged, too.
        """
        for scenario in services().values():
            ignored = self.known[scenario.hardened] | OF_WHOLE_FILES
            run = Run(self.world(scenario))
            while step := run.world.by_itself(run.row):
                for other in run.possible():
                    self._judge(Run(run.world, [*run.steps, other]), run.row, other, ignored)
                before = run.row
                run.take(step)
                self._judge(run, before, step, ignored)
                self._probe(run, ignored)
            for step in run.possible("stabilisation"):
                before = run.row
                run.take(step)
                self._judge(run, before, step, ignored)
                self._rest(run, ignored)
            self._go_along(run, 0)
            self._fail_if(MONITORED, run, forbidden_in(run))
            yield run

    def _probe(self, run: Run, ignored: frozenset[str]) -> None:
        """Let each server read whatever can come to it, in each state once."""
        for component in range(len(run.world.nodes)):
            state = run.world.state(run.row, component)
            at = (id(run.world), component, state)
            if at not in self._probed:
                self._probed.add(at)
                see = partial(self.exercised.step, run.world, run.row)
                property_, why = broken_by_probes(run.world, component, state, ignored, see)
                if property_:
                    self._fail_if(property_, run, why)

    def _rest(self, run: Run, ignored: frozenset[str], rested: set[tuple[int, Row]] | None = None) -> None:
        """Follow what happens by itself, first what arrives and then what expires; up to where that was done before."""
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
            self._judge(run, before, step, ignored)
        self._fail_if(ENDS, run, f"after {LONGEST} steps something is still to happen")

    def _is_new(self, run: Run, step: Step) -> bool:
        """Whether no step of its kind was followed by what runs, in such a state of its server."""
        label = step.label
        where = run.world.state(run.row, label.component).where
        is_tracker = label.component == 0
        fault = label.outcome.fault if label.outcome else ""
        kind = (is_tracker, where, label.kind, type(label.message), fault, label.lost, label.arrive)
        if kind in self._followed:
            return False
        self._followed.add(kind)
        return True

    def _go_along(self, run: Run, begun: int) -> None:
        """Whether what runs does what its charts do, from so many steps on."""
        if self.level is Charts:
            return
        under_test, along = self.level(), Run(run.world, run.steps[:begun])
        try:
            under_test.begin(along)
            for step in run.steps[begun:]:
                along.take(step)
                under_test.do(along, step)
        except DifferenceError as difference:
            self._fail_if(AS_CHARTS, along, str(difference))
        finally:
            under_test.end()

    def _judge(self, run: Run, before: Row, step: Step, ignored: frozenset[str]) -> None:
        property_, why = broken_by(run, before, step, ignored)
        if property_:
            raise Violation(self.level.name, property_, run, why)

    def _fail_if(self, property_: str, run: Run, why: str) -> None:
        if why:
            raise Violation(self.level.name, property_, run, why)
