"""A run of the closed system, one step at a time: what every level of the suite has in common.

The steps are the explorer's, so whatever happens in a run can be written down, drawn and played again by it. Hops are
kept apart, every fault of the explorer can happen any number of times, and at any moment faults can end for good.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from immutabledict import immutabledict

from machines.participant import Participant
from spec.exploration.model.beginnings import thawed
from spec.exploration.model.budget import FaultBudget
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import ORDERS
from spec.exploration.model.node import Server, ServerState
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Label, Row, Slot
from spec.exploration.properties.client_join import PROPERTIES
from spec.exploration.properties.language import OF_STATES, Answer, Instance, Observe, Property, instances
from spec.exploration.properties.steps import concerns, judged, step_of
from spec.exploration.traces.rendering import Trace, choices, render, steps_of
from tests.properties.exchanges import DRAWN, differs
from tests.properties.observed import OF_DATA, side_of

EVERY_FAULT: Mapping[str, None] = immutabledict(
    dict.fromkeys(
        (
            *("losses", "duplicates", "storage failure", "broker restart"),
            *(f"{order} {server}" for order in ORDERS for server in ("tracker", "torrent")),
        )
    )
)
BY_ITSELF = frozenset({"forward", "read", "publish", "start"})
"""The kinds of steps that nobody has to bring about, but for expiries."""
AS_MANY = 16
"""Systems that are kept, with all that was asked of them; that of another scenario takes the place of the oldest."""
AS_LARGE = 20_000
"""States of a system after which a new one takes its place: it remembers all that it has met."""


def everything(torrents: int = 2, *, hardened: bool = True, **more: Any) -> Scenario:
    """A scenario in which every fault can happen any number of times."""
    return Scenario(
        "everything",
        "any fault, any number of times; then faults end",
        torrents=torrents,
        hardened=hardened,
        stabilisation=True,
        keeps_hops=True,
        faults=EVERY_FAULT,
        **more,
    )


class Step(NamedTuple):
    """What happened, and the state after it."""

    label: Label
    row: Row


class Verdict(NamedTuple):
    """The names of the properties that a state breaks, and of those whose premise it meets."""

    broken: frozenset[str]
    exercised: frozenset[str]


@dataclass
class World:
    """A scenario's closed system, with what is known of its states."""

    scenario: Scenario
    charts: Mapping[str, type[Participant]] = field(default_factory=dict)
    properties: Sequence[Property] = (*PROPERTIES, *OF_DATA)
    observe: Observe = side_of

    def __post_init__(self) -> None:
        self.system: ClosedSystem = self.scenario.build(self.charts, drop_inert=False)
        about_states = [one for one in self.properties if one.when in OF_STATES and one.applies_to(self.system)]
        names = [node.name for node in self.system.nodes]
        self._instances = tuple(instances(about_states, names, self.system.trackers))
        self._about_steps = [one for one in self.properties if one.when == "step" and one.applies_to(self.system)]
        self._judged_steps: dict[tuple[int, int, str, int], tuple[Any, Verdict]] = {}
        self._sides: dict[tuple[int, int, bool], Any] = {}
        self._judged: dict[Row, Verdict] = {}
        self._next: dict[Row, tuple[Step, ...]] = {}
        self._by_itself: dict[Row, Step | None] = {}

    @cached_property
    def nodes(self) -> tuple[Server, ...]:
        """The servers; the tracker is the first."""
        return tuple(node for node in self.system.nodes if isinstance(node, Server))

    @property
    def size(self) -> int:
        """How many states it remembers the next steps of."""
        return len(self._next)

    def next(self, row: Row) -> tuple[Step, ...]:
        """Everything that can happen in a state."""
        if row not in self._next:
            self._next[row] = tuple(Step(*found) for found in successors(self.system, row))
        return self._next[row]

    def by_itself(self, row: Row) -> Step | None:
        """What happens next where nothing goes wrong: something arrives, or is said; if nothing is left of that, a
        timeout expires. Cheaper than `next`: what could go wrong is not looked at.
        """
        if row not in self._by_itself:
            expiry = None
            for found in successors(self.system, row, BY_ITSELF | {"expire"}):
                step = Step(*found)
                if step.label.kind in BY_ITSELF:
                    self._by_itself[row] = step
                    break
                if step.label.kind == "expire":
                    expiry = expiry or step
            else:
                self._by_itself[row] = expiry
        return self._by_itself[row]

    def slot(self, row: Row, component: int) -> Slot:
        """The slot of a component."""
        return self.system.numbers.slots[component][row[component]]

    def state(self, row: Row, component: int) -> ServerState:
        """The charts of a server."""
        state = self.system.numbers.locals[component][self.slot(row, component).local]
        assert isinstance(state, ServerState)
        return state

    def is_online(self, row: Row, component: int) -> bool:
        """Whether the bus delivers to a server."""
        return self.system.numbers.online[component][self.slot(row, component).local]

    def under_way(self, row: Row, component: int) -> tuple[list[Any], list[Any]]:
        """The events from a server to the broker, and those to it, oldest first."""
        slot = self.slot(row, component)
        up, down = ([self.system.numbers.messages[number] for number in queue] for queue in slot[1:])
        return up, down

    def budget(self, row: Row) -> FaultBudget:
        """What faults are left."""
        return self.system.budgets.known[row[-1]]

    def judge(self, row: Row) -> Verdict:
        """What the properties say of a state."""
        if row not in self._judged:
            self._judged[row] = self._judge(row)
        return self._judged[row]

    def judge_step(self, before: Row, label: Label) -> Verdict:
        """What the properties about single steps say of one from a state."""
        key = (label.component, self.slot(before, label.component).local, label.kind, id(label.outcome))
        if key not in self._judged_steps:
            broken, exercised = judged(self.system, before, label, self._about_steps)
            if differs(self.system, label.component, self.state(before, label.component), label):
                broken |= {DRAWN}
            self._judged_steps[key] = (label.outcome, Verdict(broken, exercised))
        return self._judged_steps[key][1]

    def judge_local(self, component: int, state: ServerState, label: Label) -> frozenset[str]:
        """The properties about single steps that one breaks which a component takes from a state, met or not."""
        step = step_of(self.system, component, state, label)
        broken = {DRAWN} if differs(self.system, component, state, label) else set()
        for one in self._about_steps if step is not None else ():
            if concerns(self.system, one, component, label.kind):
                premise, conclusion = one.says(step)
                if premise and not conclusion:
                    broken.add(one.name)
        return frozenset(broken)

    def _judge(self, row: Row) -> Verdict:
        budget = self.budget(row)
        sides = [self._side(row, component) for component in range(len(self.system.nodes))]
        quiescent = all(side.is_quiescent for side in sides)
        broken, exercised = set(), set()
        for instance in self._instances:
            when = instance.property_.when
            if when == "always" or (quiescent and (when == "quiescent" or budget.stabilisation)):
                premise, conclusion = _says(instance, [*sides, budget])
                if premise:
                    exercised.add(instance.property_.name)
                    if conclusion is False:
                        broken.add(instance.property_.name)
        return Verdict(frozenset(broken), frozenset(exercised))

    def _side(self, row: Row, component: int) -> Any:
        local = self.slot(row, component).local
        idle = self.system.is_idle(component, row[component])
        key = (component, local, idle)
        if key not in self._sides:
            self._sides[key] = self.observe(self.system, component, self.system.numbers.locals[component][local], idle)
        return self._sides[key]


def _says(instance: Instance, sides: Sequence[Any]) -> Answer:
    return instance.answer([sides[place] for place in instance.components])


_WORLDS: OrderedDict[str, World] = OrderedDict()


def world_key(scenario: Scenario) -> str:
    """What tells worlds with every fault apart."""
    told = [
        scenario.torrents,
        scenario.conflicting,
        scenario.hardened,
        scenario.retries,
        scenario.files,
        scenario.crash_points,
        scenario.second_trackers,
    ]
    return json.dumps([*told, thawed(scenario.views)], sort_keys=True)


def world_of(scenario: Scenario) -> World:
    """The world of a scenario with our charts; the same one again, as long as there is room."""
    key = world_key(scenario)
    if key not in _WORLDS or _WORLDS[key].size > AS_LARGE:
        _WORLDS[key] = World(scenario)
        while len(_WORLDS) > AS_MANY:
            _WORLDS.popitem(last=False)
    _WORLDS.move_to_end(key)
    return _WORLDS[key]


@dataclass
class Run:
    """Steps from the initial state of a world."""

    world: World
    steps: list[Step] = field(default_factory=list)

    @property
    def row(self) -> Row:
        """Where it has come to."""
        return self.steps[-1].row if self.steps else self.world.system.initial()

    def possible(self, *kinds: str) -> list[Step]:
        """What can happen next, of these kinds or of all."""
        return [step for step in self.world.next(self.row) if not kinds or step.label.kind in kinds]

    def take(self, step: Step) -> None:
        """Let it happen."""
        self.steps.append(step)

    def texts(self) -> tuple[str, ...]:
        """The steps as text."""
        return steps_of(self.world.system, self.steps)

    def told(self, property_: str) -> str:
        """As a sequence diagram from which it can be played again."""
        trace = Trace(self.world.scenario, property_, self.texts())
        return render(self.world.system, trace, self.steps)

    def follow(self, texts: Iterable[str]) -> Iterator[tuple[Row, Step]]:
        """Take the steps with these texts, as far as they are possible; each with where it was taken, as it is."""
        for text in texts:
            before = self.row
            for known, label, row in choices(self.world.system, before):
                if known == text:
                    step = Step(label, row)
                    self.take(step)
                    yield before, step
                    break
            else:
                return

    def fair_end(self, most: int = 500) -> Iterator[Step]:
        """What happens by itself until nothing more does: events arrive, and timeouts expire once all is still.

        Raises `AssertionError` if there is no end.
        """
        for _ in range(most):
            step = self.world.by_itself(self.row)
            if step is None:
                return
            yield step
        raise AssertionError(f"after {most} steps in which nothing goes wrong something is still to happen")
