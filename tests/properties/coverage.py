"""What runs of the suite exercise: transitions and decisions of charts, arrows of diagrams, obligations, losses.

`Exercised` is told each run of the closed system, and watches charts that are stepped one by one. The command
is in `coverage_report.py`.

An arrow of a diagram is exercised when its message went between charts of these kinds: all the way, or lost on that hop
if it is drawn lost. Arrows from and to the outside of a diagram are not counted, and a registered client is a torrent
server.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from statemachine.transition import Transition

from machines import Broker, Clock, DistributionView, Participant, TorrentServer, Tracker
from machines import steps as chart_steps
from machines.calls import CONNECT, DISCONNECT, SUBSCRIBE, AddFile, ConnectionLost
from machines.events import TORRENT as TORRENT_SIDE
from machines.events import TRACKER as TRACKER_SIDE
from machines.events import BusEvent
from machines.participant import (
    Decision,
    Snapshot,
    actions,
    all_states,
    arrows_of,
    decision_table,
    guards_of,
    label_of,
)
from spec.exploration.model.node import Outcome, Server, ServerState
from spec.exploration.model.steps import Label, Row
from spec.system.process import Sending
from tests.properties.runs import Run, World

CHARTS: tuple[type[Participant], ...] = (Tracker, TorrentServer, DistributionView, Clock, Broker)
ROLES = ("client", "clock", "view")
ENDS = {"crash", "wipe", "disconnect", "restart"}


class Done(NamedTuple):
    """A transition of a chart."""

    chart: str
    drawn: str


class Decided(NamedTuple):
    """What a chart did with an input in a state."""

    chart: str
    state: str
    message: str


class Went(NamedTuple):
    """A message between charts, or that was lost between them."""

    sender: str
    message: str
    receiver: str
    lost: bool = False


class Lost(NamedTuple):
    """An event that was lost on a hop, and whose timeout expired after it, and in which order."""

    message: str
    hop: int
    expired: str


@cache
def transitions() -> dict[int, Done]:
    """Every transition of our charts, by its `id`."""
    return {
        id(one): Done(chart.__name__, drawn(one))
        for chart in CHARTS
        for state in all_states(chart)
        for one in arrows_of(state)
    }


def drawn(transition: Transition) -> str:
    """A transition as a text that tells it from all others of its chart."""
    guards = [f"{'' if expected else 'not '}{name}" for name, expected in guards_of(transition)]
    target = transition.target or transition.source
    return f"{transition.source.id} {label_of(transition)} {target.id}" + (f" [{', '.join(guards)}]" if guards else "")


@cache
def decisions() -> frozenset[Decided]:
    """Every cell of the charts' decision tables in which something can come and be read."""
    return frozenset(
        Decided(chart.__name__, state, message.__name__)
        for chart in CHARTS
        for state, row in decision_table(chart).items()
        for message, cell in row.items()
        if cell.arrows or cell.otherwise is Decision.IGNORED
    )


@dataclass
class Exercised:
    """Counts, since it was made."""

    done: Counter[Done] = field(default_factory=Counter)
    decided: Counter[Decided] = field(default_factory=Counter)
    went: Counter[Went] = field(default_factory=Counter)
    lost: Counter[Lost] = field(default_factory=Counter)
    obliged: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self._known: dict[int, tuple[Outcome, tuple[Hashable, ...]]] = {}

    def add(self, run: Run) -> None:
        """Count a run of the closed system."""
        self.runs += 1
        self.steps += len(run.steps)
        row = run.world.system.initial()
        for step in run.steps:
            self.step(run.world, row, step.label)
            row = step.row
        self.lost.update(orders_of(run))

    def step(self, world: World, row: Row, label: Label) -> None:
        """Count a step from a state."""
        for what in self._of(world, row, label):
            self._count(what)

    def _count(self, what: Hashable) -> None:
        if isinstance(what, Done):
            self.done[what] += 1
        elif isinstance(what, Decided):
            self.decided[what] += 1
        elif isinstance(what, Went):
            self.went[what] += 1
        else:
            self.obliged[str(what)] += 1

    def _of(self, world: World, row: Any, label: Label) -> Iterator[Hashable]:
        component, kind = label.component, label.kind
        own = _named(world, component)
        if kind in {"lose 1", "lose 2"}:
            name = type(label.message).__name__
            yield Went(own, name, "Broker", True) if kind == "lose 1" else Went("Broker", name, own, True)
        elif kind == "forward":
            yield from self._forwarded(world, row, label)
        elif label.outcome is not None:
            node = world.nodes[component]
            before = world.state(row, component)
            if kind == "stabilisation":
                before = node.reborn(before, keeps_view=True)
            if id(label.outcome) not in self._known:
                found = tuple(_inside(node, own, before, label.outcome))
                self._known[id(label.outcome)] = (label.outcome, found)
            yield from self._known[id(label.outcome)][1]
            if label.lost is not None:
                yield Went(own, type(label.outcome.sent[label.lost]).__name__, "Broker", True)
        if kind in ENDS:
            yield "a clean session ends with its connection"

    def _forwarded(self, world: World, row: Any, label: Label) -> Iterator[Hashable]:
        """What the broker takes over, and passes on."""
        name = type(label.message).__name__
        yield Went(_named(world, label.component), name, "Broker")
        reached = world.system.delivery.reached(label.component, world.system.numbers.message(label.message))
        for receiver in reached:
            if world.is_online(row, receiver):
                yield Went("Broker", name, _named(world, receiver))
                yield "an event is passed on to each that has subscribed"

    # Charts that are stepped one by one.

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count the transitions of all charts that are stepped meanwhile, and what is received."""
        after, receive = chart_steps.Steps.after, Participant.receive
        known = transitions()

        def counted(steps: Any, where: tuple[str, ...], arrows: tuple[Any, ...]) -> tuple[str, ...]:
            for arrow in arrows:
                if id(arrow.transition) in known:
                    self.done[known[id(arrow.transition)]] += 1
            return after(steps, where, arrows)

        def received(chart: Participant, message: Any, sender: str = "") -> Decision:
            name = type(message).__name__
            self.decided.update(Decided(type(chart).__name__, state, name) for state in chart.where)
            self.went.update(_went(chart, message))
            if isinstance(chart, Broker):
                self.obliged.update(_obliged(message))
            return receive(chart, message, sender)

        chart_steps.Steps.after, Participant.receive = counted, received  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            chart_steps.Steps.after, Participant.receive = after, receive  # type: ignore[method-assign]


NOTHING_KEPT: Any = type("NothingKept", (), {"add": lambda *_: None, "step": lambda *_: None})()
"""In the place of `Exercised`, where nobody asks."""


_DONE: dict[int, tuple[Outcome, frozenset[Done]]] = {}
"""By the `id` of the outcome, which is kept so that no other one gets it."""


def done_in(world: World, row: Row, label: Label) -> frozenset[Done]:
    """The transitions of the charts in a step from a state."""
    key = id(label.outcome)
    if key not in _DONE:
        assert label.outcome is not None
        node, before = world.nodes[label.component], world.state(row, label.component)
        inside = _inside(node, _named(world, label.component), before, label.outcome)
        _DONE[key] = (label.outcome, frozenset(what for what in inside if isinstance(what, Done)))
    return _DONE[key][1]


def _named(world: World, component: int) -> str:
    return "Tracker" if component in world.system.trackers else "TorrentServer"


def _inside(node: Server, own: str, before: ServerState, outcome: Outcome) -> Iterator[Hashable]:
    """The transitions of a step, one after the other, and its messages."""
    charts: dict[str, Participant] = {role: getattr(node, role) for role in ROLES} | {"broker": node.broker}
    names = {"client": own, "clock": "Clock", "view": "DistributionView", "broker": "Broker", "": ""}
    machines: dict[str, Any] = {**node._machines, "broker": node._broker}
    at: dict[str, Snapshot] = {role: getattr(before, role) for role in ROLES} | {"broker": node._broker.begin()}
    for sender, receiver, message in outcome.arrows:
        is_event = isinstance(message, BusEvent)
        if sender and not (is_event and receiver == "broker"):
            yield Went(names[sender], type(message).__name__, names[receiver])
        if sender and not (is_event and sender == "broker"):
            yield from _taken(charts[sender], at[sender], f"!{type(message).__name__}", message)
            to = node.name if sender == "broker" else receiver
            at[sender] = machines[sender].send(at[sender], Sending(message, to)) or at[sender]
        if not (is_event and receiver == "broker"):
            yield Decided(type(charts[receiver]).__name__, at[receiver].states[0], type(message).__name__)
            yield from _taken(charts[receiver], at[receiver], f"?{type(message).__name__}", message)
            at[receiver] = machines[receiver].receive(at[receiver], message, node.name if receiver == "broker" else "")[
                1
            ]
            if receiver == "broker":
                yield from _obliged(message)


def _taken(chart: Participant, snapshot: Snapshot, label: str, message: object) -> Iterator[Done]:
    """The transitions by which a chart does an action, if any."""
    compiled, event = chart_steps.compiled(type(chart)), actions(type(chart)).get(label)
    if compiled is None or event is None:
        return
    chart.restore(snapshot)
    for arrow in compiled.enabled(chart, snapshot.states, event, {"message": message, "sender": "", "to": ""}):
        if id(arrow.transition) in transitions():
            yield transitions()[id(arrow.transition)]


SIDES = {TRACKER_SIDE: "Tracker", TORRENT_SIDE: "TorrentServer"}


def _went(chart: Participant, message: object) -> Iterator[Went]:
    """The arrow by which an event came, or a file to a view."""
    name = type(message).__name__
    if isinstance(message, BusEvent):
        ends = (SIDES[message.publisher], "Broker") if isinstance(chart, Broker) else ("Broker", type(chart).__name__)
        yield Went(ends[0], name, ends[1])
    elif isinstance(message, AddFile):
        yield Went("TorrentServer", name, "DistributionView")


def _obliged(message: object) -> Iterator[str]:
    if isinstance(message, CONNECT):
        yield "each CONNECT is answered by one CONNACK"
    elif isinstance(message, SUBSCRIBE):
        yield "each SUBSCRIBE of a client that has a session is answered by one SUBACK"
    elif isinstance(message, DISCONNECT | ConnectionLost):
        yield "a clean session ends with its connection"
    elif isinstance(message, BusEvent):
        yield "an event is passed on to each that has subscribed"


OBLIGATIONS = (
    "each CONNECT is answered by one CONNACK",
    "each SUBSCRIBE of a client that has a session is answered by one SUBACK",
    "an event is passed on to each that has subscribed",
    "a clean session ends with its connection",
)
"""Of the broker, in the order of the binding."""


def orders_of(run: Run) -> Iterator[Lost]:
    """Each loss of a run, with the order in which timeouts expired after it."""
    for place, step in enumerate(run.steps):
        label = step.label
        hop = {"lose 1": 1, "lose 2": 2}.get(label.kind, 1 if label.lost is not None else 0)
        if not hop:
            continue
        lost = label.outcome.sent[label.lost] if label.lost is not None and label.outcome else label.message
        later = [one.label.component for one in run.steps[place + 1 :] if one.label.kind == "expire"]
        order = list(
            dict.fromkeys("tracker" if one in run.world.system.trackers else "torrent server" for one in later)
        )
        yield Lost(type(lost).__name__, hop, ", then ".join(order) or "nobody")
