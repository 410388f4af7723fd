"""The rules of the suite: what can happen to a service, and what must hold whatever happens.

One `RuleBasedStateMachine` for every level. A run begins where the explorer has been, with data that Hypothesis makes;
each rule takes steps of the explorer, and each step is looked at by every property. In the end faults may cease for
good, and what then happens by itself has to come to rest where everybody agrees.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis import target
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.strategies import casts
from runtime.wire.events import Malformed, decode, encode
from spec.exploration.model.beginnings import table_of
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
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
    moved_by,
)
from tests.properties.levels import Charts, DifferenceError, Level, gone_along
from tests.properties.runs import Run, Step, World, world_of
from tests.properties.story import Violation

HELD: tuple[type[BusEvent], ...] = (
    TrackerHello,
    ClientJoinRequested,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinSucceeded,
    ClientRegistered,
    TrackerGoodbye,
)
picks = st.integers(0, 63)


STRANGERS: tuple[BusEvent, ...] = (
    ClientJoinAccepted(client="stranger", fragment_size=1024),
    ClientJoinDenied(client="stranger", reason_code=ReasonCode.OTHER),
    ClientJoinSucceeded(client="stranger"),
    ClientJoinFailed(client="stranger"),
    TrackerHello(),
    TrackerGoodbye(),
)
"""Well-formed events, of which garbage is made."""
EVENT_ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
WELL_FORMED = tuple(encode(replace(event, event_id=EVENT_ID)) for event in STRANGERS)
TOPICS = tuple(event.topic for event in BUS_EVENTS)
BYTES = (b"", b"}", b"\xff", b"null", b"\xc3\xa4", b'{"EventId":1}', b"[" * 2000, b'"\\ud800"', b"1e999")


def spoilt(text: int, cut: int, put: int, topic: int) -> tuple[str, bytes]:
    """A topic of the protocol, and bytes that are no event of it."""
    good = WELL_FORMED[text % len(WELL_FORMED)]
    place = cut % len(good)
    payload = good[:place] + BYTES[put % len(BYTES)] + good[place + 1 :]
    name = TOPICS[topic % len(TOPICS)]
    try:
        decode(name, payload)
    except Malformed:
        return name, payload
    return name, b"{" + payload


garbage = st.builds(spoilt, picks, st.integers(0, 255), picks, picks)


class Service(RuleBasedStateMachine):
    """See the module. A subclass says at which `level`; it may replace the `world` and what is `known` to be broken."""

    level: ClassVar[type[Level]] = Charts
    known: ClassVar[Mapping[bool, frozenset[str]]] = KNOWN_TO_BE_BROKEN
    exercised: ClassVar[Exercised] = NOTHING_KEPT
    begins: ClassVar[tuple[Beginning, ...]] = beginnings()
    views: ClassVar[bool] = True
    """Whether servers begin with data that Hypothesis makes."""
    interrupts: ClassVar[bool] = True
    """Whether servers crash inside a step: not where a real broker says what has come."""
    only_what_runs: ClassVar[bool] = False
    """Whether the way to where a run begins is not judged: it is not done at the level."""

    def __init__(self) -> None:
        super().__init__()
        self.under_test: Level | None = None
        self.has_failed = False
        self.most_pending = self.denials = self.attempts = 0

    @initialize(
        place=st.integers(0, len(begins) - 1),
        whole=st.booleans(),
        kept=st.integers(0, 40),
        others=st.integers(0, 2),
        data=st.data(),
        returns=st.booleans(),
        calms=st.booleans(),
    )
    def begin(
        self, place: int, whole: bool, kept: int, others: int, data: st.DataObject, returns: bool, calms: bool
    ) -> None:
        """Go to a beginning, all the way or as far as is `kept`; `others`: more torrent servers than it has. In the
        end faults cease if it `calms`, and who is gone `returns`.
        """
        beginning = self.begins[place % len(self.begins)]
        self.returns, self.calms = returns, calms
        self.run = Run(self.world(self.scenario_of(beginning, others, data)))
        self.ignored = self.known[beginning.hardened]
        if self.run.world.scenario.views:
            self.ignored |= OF_WHOLE_FILES
        for before, step in self.run.follow(beginning.steps if whole else beginning.steps[:kept]):
            if not self.only_what_runs:
                self.judge(before, step)  # at once, so that a run that breaks a property ends there
        self.under_test = self.level()
        self.guard(self.under_test.begin, self.run)

    def world(self, scenario: Scenario) -> World:
        """The closed system of a scenario."""
        return world_of(scenario)

    def scenario_of(self, beginning: Beginning, others: int, data: st.DataObject) -> Scenario:
        """The scenario of a beginning, with more torrent servers, or with views that Hypothesis makes."""
        second = beginning.hardened and data.draw(st.booleans(), label="may a second tracker come up")
        scenario = replace(
            beginning.scenario, torrents=2 + others, crash_points=self.interrupts, second_trackers=int(second)
        )
        if beginning.rivals:
            scenario = replace(scenario, conflicting=scenario.torrents)
        if self.views and data.draw(st.booleans(), label="are there views of their own"):
            cast = data.draw(casts(scenario.names, conflicts=bool(beginning.rivals)), label="views")
            scenario = replace(scenario, conflicting=0, views={name: table_of(view) for name, view in cast.items()})
        return scenario

    # Steps.

    def guard(self, act: Callable[..., object], *given: Any) -> None:
        """Do something with what is under test."""
        try:
            act(*given)
        except DifferenceError as difference:
            self.fail(AS_CHARTS, str(difference))

    def fail(self, property_: str, why: str = "") -> None:
        """The run is over. Raises `Violation`."""
        self.has_failed = True
        if self.under_test is None and self.level is not Charts:  # it was on its way to where the run begins
            _, difference = gone_along(self.level, self.run, len(self.run.steps) - 1)
            property_, why = (AS_CHARTS, difference) if difference else (property_, why)
        raise Violation(self.level.name, property_, self.run, why)

    def take(self, step: Step, how: str = "") -> None:
        """A step, at every level, and what the properties say of it."""
        before = self.run.row
        self.run.take(step)
        assert self.under_test is not None
        self.guard(self.under_test.do, self.run, step, how)
        self.judge(before, step)

    def judge(self, before: Row, step: Step) -> None:
        """Whether a step, or the state after it, breaks a property."""
        property_, why = broken_by(self.run, before, step, self.ignored)
        if property_:
            self.fail(property_, why)
        data: Any = self.run.world.state(step.row, TRACKER).client.data
        self.most_pending = max(self.most_pending, len(data.pending))
        self.attempts = max(self.attempts, *data.attempts.values(), 0)
        sent = () if step.label.outcome is None else step.label.outcome.sent
        self.denials += any(isinstance(event, ClientJoinDenied) for event in sent)

    def choose(self, pick: int, *kinds: str, how: str = "", of: Callable[[Step], bool] = lambda _: True) -> bool:
        """Take one of the steps of these kinds, if there is one."""
        possible = [step for step in self.run.possible(*kinds) if of(step)]
        if possible:
            self.take(possible[pick % len(possible)], how)
        return bool(possible)

    def can(self, *kinds: str) -> bool:
        """Whether a step of these kinds is possible."""
        return bool(self.run.possible(*kinds))

    # What goes well.

    @precondition(lambda self: self.can("forward", "read", "publish"))
    @rule(choices=st.lists(picks, min_size=1, max_size=8))
    def deliver(self, choices: list[int]) -> None:
        """Events arrive, one after the other."""
        for pick in choices:
            self.choose(pick, "forward", "read", "publish")

    @precondition(lambda self: self.can("forward", "read", "publish"))
    @rule(held=st.sampled_from(HELD), pick=picks)
    def deliver_all_but(self, held: type[BusEvent], pick: int) -> None:
        """Everything arrives but events of one kind, and what is behind them."""
        for _ in range(60):
            if not self.choose(
                pick, "forward", "read", "publish", of=lambda step: type(step.label.message) is not held
            ):
                break

    @precondition(lambda self: self.can("start"))
    @rule(pick=picks, through=st.booleans())
    def join(self, pick: int, through: bool) -> None:
        """A server starts; `through`: and says at once what it has to say."""
        starts = self.run.possible("start")
        step = starts[pick % len(starts)]
        self.take(step)
        if through:
            self.choose(0, "publish", of=lambda other: other.label.component == step.label.component)

    @precondition(lambda self: self.can("stop"))
    @rule(pick=picks)
    def goodbye(self, pick: int) -> None:
        self.choose(pick, "stop")

    @rule(gently=st.booleans(), pick=picks)
    def replace_the_tracker(self, gently: bool, pick: int) -> None:
        """Whatever the others do."""
        order = "stop" if gently else "crash"
        if self.choose(pick, order, of=lambda step: step.label.component == TRACKER) or not self.run.world.is_online(
            self.run.row, TRACKER
        ):
            while self.choose(0, "forward", of=lambda step: step.label.component == TRACKER):
                pass
            for kind in ("start", "publish"):
                self.choose(0, kind, of=lambda step: step.label.component == TRACKER)

    # Faults.

    @precondition(lambda self: self.can_another_come_up)
    @rule(through=st.booleans())
    def a_second_tracker_comes_up(self, through: bool) -> None:
        """Beside the first one; `through`: and says hello, which everybody hears in the end."""
        self.choose(0, "start", of=self._is_of_another)
        for kind in ("publish", "forward") if through else ():
            self.choose(0, kind, of=self._is_of_another)

    @property
    def can_another_come_up(self) -> bool:
        """Whether one is not there, and may be."""
        return any(map(self._is_of_another, self.run.possible("start")))

    def _is_of_another(self, step: Step) -> bool:
        return step.label.component in self.run.world.system.trackers[1:]

    @precondition(lambda self: self.can("expire"))
    @rule(pick=picks)
    def expire(self, pick: int) -> None:
        self.choose(pick, "expire")

    @precondition(lambda self: self.can("lose 1", "lose 2"))
    @rule(pick=picks)
    def lose(self, pick: int) -> None:
        """On either hop."""
        self.choose(pick, "lose 1", "lose 2")

    @precondition(lambda self: self.can("duplicate"))
    @rule(pick=picks)
    def duplicate(self, pick: int) -> None:
        self.choose(pick, "duplicate")

    @precondition(lambda self: self.can("crash", "wipe"))
    @rule(pick=picks)
    def crash(self, pick: int) -> None:
        self.choose(pick, "crash", "wipe")

    @precondition(lambda self: self.can(*INTERRUPTS))
    @rule(pick=picks)
    def crash_inside_a_step(self, pick: int) -> None:
        """Before or after the view is stored, or an event is out."""
        self.choose(pick, *INTERRUPTS)

    @precondition(lambda self: self.can("disconnect"))
    @rule(pick=picks, taken_over=st.booleans())
    def disconnect(self, pick: int, taken_over: bool) -> None:
        """The network breaks a connection, or somebody else takes it over with the same client identifier."""
        self.choose(pick, "disconnect", how="take over" if taken_over else "")

    @precondition(lambda self: self.can("restart"))
    @rule()
    def restart_the_broker(self) -> None:
        self.choose(0, "restart")

    @precondition(lambda self: self.can("stabilisation"))
    @rule(pick=picks)
    def cease(self, pick: int) -> None:
        """Nothing goes wrong any more."""
        self.choose(pick, "stabilisation")

    @rule(made=garbage)
    def publish_garbage(self, made: tuple[str, bytes]) -> None:
        """Whoever reads it does not move."""
        assert self.under_test is not None
        self.guard(self.under_test.disturb, self.run, *made)

    @rule()
    def tell_what_means_nothing(self) -> None:
        """Whoever waits stays as it is, whatever comes of that."""
        moved = moved_by(self.run)
        if moved:
            assert self.under_test is not None
            state = self.run.world.state(self.run.row, moved.component)
            self.guard(self.under_test.reads, self.run, moved.component, state, [moved.message])
            self.fail(UNMOVED, moved.why)

    # In the end.

    def teardown(self) -> None:
        """What happens by itself, to its end."""
        try:
            if self.under_test is not None and not self.has_failed:
                self.come_to_rest()
                self.ask_the_monitor()
                target(float(self.most_pending), label="admissions pending at once")
                target(float(self.attempts), label="admissions of one client")
                target(float(self.denials), label="denials")
        finally:
            if self.under_test is not None:
                self.under_test.end()
                self.exercised.add(self.run)

    def ask_the_monitor(self) -> None:
        """Whether what an observer on the bus saw is a run of the charts, of ours at that."""
        why = forbidden_in(self.run)
        if why:
            self.fail(MONITORED, why)

    def come_to_rest(self) -> None:
        """Faults cease, if they are to, and everything that is under way arrives."""
        if self.calms:
            self.choose(0, "stabilisation")
        kinds = ("forward", "read", "publish", "start") if self.returns else ("forward", "read", "publish")
        for _ in range(LONGEST):
            if not self.choose(0, *kinds) and not self.choose(0, "expire"):
                return
        self.fail(ENDS, f"after {LONGEST} steps something is still to happen")
