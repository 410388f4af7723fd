"""A tour of the closed system: to every beginning, each step that is possible there, and on until all is quiescent.

What random rules reach depends on luck; here nothing does. From each of the beginnings (`beginnings.py`) every next
step is taken, whatever then happens by itself is followed to its end, each server reads whatever can come to it
(`probes.py`), and every step and state is judged by all properties. What an observer on the bus saw on the way to each
beginning, and after it, is given to the monitor. At another level than that of the charts, what runs goes along: from
each beginning to its end, and on each kind of step once.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from machines.calls import Message
from machines.events import BusEvent
from spec.exploration.model.node import ServerState
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import TRACKER, Row
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
    meaningless,
    moved_by,
)
from tests.properties.levels import Charts, Level, Reading, gone_along, have_read
from tests.properties.probes import broken_by_probes, broken_by_reading, probes, reads
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
    only_what_runs: bool = False
    """Judge nothing but what `level` does. Otherwise all that the charts do is judged, and what breaks a property
    counts once `level` has done it, too.
    """

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
            self._bother(run)
            self._probe(run, ignored)
            begun = len(run.steps)
            for step in run.possible():
                branch = Run(run.world, [*run.steps, step])
                self._judge(branch, run.row, step, ignored)
                self.exercised.step(run.world, run.row, step.label)
                if self._is_new(run, step):
                    self._go_along(branch, begun, ignored)
                if not self.only_what_runs:
                    self._rest(branch, ignored, self._rested)
            self._rest(run, ignored)
            self._go_along(run, begun, ignored)
            self._ask_the_monitor(run)
            yield run

    def services(self, chosen: Iterable[Scenario] = tuple(services().values())) -> Iterator[Run]:
        """Of each service in which servers do not fit together, the run in which nothing goes wrong, and then faults
        cease; each step that is possible on the way is judged, too.
        """
        for scenario in chosen:
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
            self._go_along(run, 0, ignored)
            self._ask_the_monitor(run)
            yield run

    def _bother(self, run: Run) -> None:
        """Let everything come that means nothing."""
        moved = moved_by(run)
        if self.only_what_runs:
            told = [
                Reading(component, run.world.state(run.row, component), [message])
                for component, message in self._new_reads(run, meaningless(run), "means nothing")
            ]
            self._let_read(run, told)
            if moved is None or [moved.message] not in [one.messages for one in told]:
                return
        if moved:
            state = run.world.state(run.row, moved.component)
            self._fail_reading(UNMOVED, run, moved.why, Reading(moved.component, state, [moved.message]))

    def _probe(self, run: Run, ignored: frozenset[str]) -> None:
        """Let each server read whatever can come to it, in each state once."""
        for component in range(len(run.world.nodes)):
            state = run.world.state(run.row, component)
            at = (id(run.world), component, state)
            if at in self._probed or not reads(run.world, component, state):
                continue
            self._probed.add(at)
            see = partial(self.exercised.step, run.world, run.row)
            if not self.only_what_runs:
                broken = broken_by_probes(run.world, component, state, ignored, see)
                if broken:
                    reading = Reading(component, broken.state, broken.messages)
                    self._fail_reading(broken.property_, run, broken.why, reading)
                continue
            made = [(component, message) for message in probes(run.world, component, state)]
            new = [message for _, message in self._new_reads(run, made, "probe") if isinstance(message, BusEvent)]
            self._let_read(run, [Reading(component, state, [message]) for message in new])
            for message in new:
                broken = broken_by_reading(run.world, component, state, message, ignored, see)
                if broken:
                    reading = Reading(component, broken.state, broken.messages)
                    self._fail_reading(broken.property_, run, broken.why, reading)

    def _new_reads(self, run: Run, made: Iterable[tuple[int, Message]], what: str) -> Iterator[tuple[int, Message]]:
        """What no server of a kind has read in such a state, as far as it can be told from its kind and its number."""
        numbers: Counter[tuple[int, type[Message]]] = Counter()
        for component, message in made:
            of = (component, type(message))
            numbers[of] += 1
            where = run.world.state(run.row, component).where
            retries = run.world.scenario.retries > 0  # who asks again has timeouts that nobody else has
            kind = (what, component == TRACKER, retries, where, type(message), numbers[of])
            if kind not in self._followed:
                self._followed.add(kind)
                yield component, message

    def _let_read(self, run: Run, readings: Sequence[Reading]) -> None:
        self._fail_if(AS_CHARTS, run, have_read(self.level, run, readings))

    def _fail_reading(self, property_: str, run: Run, why: str, reading: Reading) -> None:
        """It is broken by this; at the level, too."""
        if self.level is not Charts:
            self._let_read(run, [reading])
        raise Violation(self.level.name, property_, run, why)

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
        self._fail(ENDS, run, f"after {LONGEST} steps something is still to happen", 0)

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

    def _go_along(self, run: Run, begun: int, ignored: frozenset[str] | None = None) -> None:
        """Whether what runs does what its charts do, from so many steps on, and whether that breaks a property."""
        if self.level is Charts:
            return

        def see(along: Run, before: Row, step: Step) -> None:
            if self.only_what_runs and ignored is not None:
                property_, why = broken_by(along, before, step, ignored)
                if property_:
                    raise Violation(self.level.name, property_, along, why)

        along, why = gone_along(self.level, run, begun, see)
        if why:
            raise Violation(self.level.name, AS_CHARTS, along, why)

    def _judge(self, run: Run, before: Row, step: Step, ignored: frozenset[str]) -> None:
        if self.only_what_runs:
            return
        property_, why = broken_by(run, before, step, ignored)
        if property_:
            self._fail(property_, run, why, len(run.steps) - 1)

    def _ask_the_monitor(self, run: Run) -> None:
        why = forbidden_in(run)
        if why:
            self._fail(MONITORED, run, why, 0)

    def _fail(self, property_: str, run: Run, why: str, begun: int) -> None:
        """A run breaks a property, once the level has done it from so many steps on."""
        self._go_along(run, begun)
        raise Violation(self.level.name, property_, run, why)

    def _fail_if(self, property_: str, run: Run, why: str) -> None:
        if why:
            raise Violation(self.level.name, property_, run, why)
