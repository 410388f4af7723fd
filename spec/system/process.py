"""Charts as local machines that a checker can step without running anything.

A local machine has hashable states and says what can be sent from one and what receiving does to it. Ours are the
charts of `machines`, stepped through python-statemachine once for each state and message and remembered. A chart that
is not ours takes part too (`spec.system.foreign`); its messages are their names.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from machines.calls import CONNACK, CONNECT, SUBACK, SUBSCRIBE, Answer, PublishFailed, ViewDescribed
from machines.events import (
    AttemptEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientRegistered,
    TrackerGoodbye,
)
from machines.participant import (
    Decision,
    Participant,
    Row,
    Snapshot,
    UnspecifiedReception,
    atomic_states,
    row_of,
    rows_of,
)
from spec.binding.labels import detail_of_values
from spec.binding.obligations import Said


class Taking(Enum):
    """What receiving came to."""

    TAKEN = "taken"
    IGNORED = "ignored"
    DEFERRED = "deferred"
    REFUSED = "refused"


class Sending(NamedTuple):
    """One message that can be sent, and to whom in the sender's words; empty if a chart does not say."""

    message: Hashable
    to: str


@dataclass(frozen=True, slots=True, eq=False)
class Payload:
    """A message with values. A message without is just its name. `1`, `True` and `1.0` are three values."""

    message: str
    values: tuple[Hashable, ...]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Payload) or (self.message, self.values) != (other.message, other.values):
            return False
        return all(map(_same_kind, self.values, other.values))

    def __hash__(self) -> int:
        return hash((self.message, self.values))

    def __str__(self) -> str:
        return f"{self.message}({', '.join(map(repr, self.values))})"


def told_apart(values: Iterable[tuple[Hashable, ...]]) -> tuple[tuple[Hashable, ...], ...]:
    """Each of these once, where `1`, `True` and `1.0` are three values."""
    return tuple(payload.values for payload in dict.fromkeys(Payload("", each) for each in values))


def _same_kind(one: Hashable, other: Hashable) -> bool:
    """Whether values that are equal are of one type, all the way down."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return type(one) is type(other) and all(map(_same_kind, one, other))
    return type(one) is type(other)


class Addressed(NamedTuple):
    """A message under way between charts that are not ours, where they see who is at the other end."""

    message: Hashable
    sender: str
    to: str
    """Empty: all who take it."""

    def __str__(self) -> str:
        return str(self.message)


Payloads = Mapping[str, tuple[tuple[Hashable, ...], ...]]
"""The values that a message of a name is sent with: all the tuples that it can be."""


class LocalMachine(Protocol):
    """One participant. What it does is asked by `after_sending`, `after_receiving` and `after_internal`."""

    name: str
    patient: bool
    """Whether what it sends waits until nothing else can happen: a clock."""

    def begin(self, where: str = "") -> Hashable:
        """Its state when it begins in an atomic state of that name. Raises `ValueError` if there is none."""

    def where(self, state: Hashable) -> tuple[str, ...]:
        """The atomic states that a state is in."""

    def sends(self, state: Hashable) -> tuple[Sending, ...]:
        """The messages that can be sent in a state, with their receivers where the chart says them."""

    def busy(self, state: Hashable) -> bool:
        """Whether what it can send comes before anything that it could receive."""

    def takes(self, message: str) -> bool:
        """Whether there is any state in which a message of that name is taken or ignored on purpose."""


def name_of(message: Hashable) -> str:
    """The name of a message, as a binding gives it."""
    if isinstance(message, Payload):
        return message.message
    if isinstance(message, Addressed):
        return name_of(message.message)
    return message if isinstance(message, str) else type(message).__name__


def detail_of(message: Hashable) -> str:
    """What tells messages of one name apart in a diagram."""
    if isinstance(message, Payload):
        return detail_of_values(message.values)
    if isinstance(message, PublishFailed):
        return message.event.__name__
    if isinstance(message, AttemptEvent) and message.request_id:
        return f"{message.client}, request {message.request_id}"
    if isinstance(message, ClientGoodbye) and message.session:
        return f"{message.client}, session {message.session}"
    if isinstance(message, ClientJoinAccepted | ClientRegistered) and message.session:
        return f"{message.client}, session {message.session}"
    if isinstance(message, TrackerGoodbye) and message.session:
        return f"tracker, session {message.session}"
    if isinstance(message, ClientEvent):
        return message.client
    if isinstance(message, ViewDescribed):
        return " ".join(sorted(message.known_file_infos))
    verdict = "" if not isinstance(message, CONNACK | SUBACK) else "accepted" if message.accepted else "refused"
    topic = message.topic if isinstance(message, SUBSCRIBE | SUBACK) else ""
    return f"{topic} {verdict}".strip()


def said_of(message: Hashable, number: int, peer: str) -> Said:
    """A message for a ledger: what it is about, and who is at its other end."""
    will = message.will if isinstance(message, CONNECT) else None
    left = None if will is None else Said(name_of(will), detail_of(will), will.topic, "", peer)
    return Said(name_of(message), detail_of(message), str(getattr(message, "topic", "")), number, peer, left)


@dataclass
class Steps:
    """What a chart's class has been asked: a step depends on nothing but the snapshot and the message."""

    snapshots: dict[Snapshot, Snapshot] = field(default_factory=dict)
    """Each once, so that what is equal is the same: to compare the data of charts part by part costs much more."""
    sends: dict[Snapshot, tuple[Sending, ...]] = field(default_factory=dict)
    sent: dict[tuple[Snapshot, Sending], Snapshot | None] = field(default_factory=dict)
    received: dict[tuple[Snapshot, Hashable, str], tuple[Taking, Snapshot, str]] = field(default_factory=dict)
    done: dict[tuple[Snapshot, str, Snapshot], frozenset[Row]] = field(default_factory=dict)
    """The transitions of each step, by the states before and after it and its action."""

    def note(self, before: Snapshot, label: str, chart: Participant) -> Snapshot:
        """Note by which transitions a chart came to where it is, and return that."""
        then = chart.snapshot()
        then = self.snapshots.setdefault(then, then)
        rows = frozenset(map(row_of, chart.taken or ()))
        self.done[before, label, then] = self.done.get((before, label, then), frozenset()) | rows
        return then


Asks = Callable[..., Any]
_STEPS: WeakKeyDictionary[type[Participant], Steps] = WeakKeyDictionary()
"""One step of a chart through python-statemachine costs as much as hundreds here: each is done once in a process."""


def steps_of(chart: type[Participant]) -> Steps:
    """All that a chart's class has been asked so far."""
    return _STEPS.setdefault(chart, Steps())


class ChartMachine:
    """A chart of ours (`machines.Participant`)."""

    def __init__(self, chart: Participant) -> None:
        """`chart` gives the data to begin with; it is used up: the machine steps it as it needs."""
        self.name = type(chart).__name__
        self.patient = not chart.urgent
        self.states = tuple(state.id for state in atomic_states(type(chart)))
        self.kind = type(chart)
        self._chart = chart
        self._initial = chart.snapshot()
        self._steps = steps_of(type(chart))
        self.declared = rows_of(type(chart))
        """All transitions of the chart."""
        self.done = self._steps.done
        """The transitions of each step that was asked for."""

    def watch(self, steps: Steps, watched: Callable[[Asks], Asks]) -> None:
        """Have the chart asked anew all that `steps` do not know, each time by way of what `watched` makes of that."""
        self._steps, self.done = steps, steps.done
        for ask in (self._sendings, self._sent, self._received):
            setattr(self, ask.__name__, watched(ask))

    def begin(self, where: str = "") -> Snapshot:
        """The chart's own beginning, or the atomic state named, with the data that the chart was made with."""
        if not where:
            return self._initial
        self._chart.restore(Snapshot((where,), self._initial.data))
        return self._chart.snapshot()

    def where(self, state: Hashable) -> tuple[str, ...]:
        """The atomic states."""
        assert isinstance(state, Snapshot)
        return state.states

    def sends(self, state: Hashable) -> tuple[Sending, ...]:
        """What is due."""
        assert isinstance(state, Snapshot)
        known = self._steps.sends.get(state)
        if known is None:
            known = self._steps.sends[state] = tuple(self._sendings(state))
        return known

    def _sendings(self, state: Snapshot) -> list[Sending]:
        try:
            self._chart.restore(state)
            return [Sending(*output) for output in self._chart.due()]
        except Exception:  # noqa: BLE001 - a mutated chart may break anywhere; it then sends nothing
            return []

    def send(self, state: Hashable, sending: Sending) -> Snapshot | None:
        """The state after one of the messages that are due; None where it composes one that no transition sends."""
        assert isinstance(state, Snapshot)
        key = (state, sending)
        known = self._steps.sent.get(key)
        if known is None and key not in self._steps.sent:
            known = self._steps.sent[key] = self._sent(state, sending)
        return known

    def _sent(self, state: Snapshot, sending: Sending) -> Snapshot | None:
        self._chart.restore(state)
        try:
            # As `emit` does, which would ask once more what is due.
            label = f"!{type(sending.message).__name__}"
            if not self._chart.step(label, message=sending.message, to=sending.to):
                return None
        except Exception:  # noqa: BLE001 - see above
            return None
        return self._steps.note(state, label, self._chart)

    def busy(self, state: Hashable) -> bool:
        """Whether it is about to send, and reads nothing before that."""
        return not self.patient and bool(self.sends(state))

    def receive(self, state: Hashable, message: Hashable, sender: str) -> tuple[Taking, Snapshot, str]:
        """`?message`; deferred is what its decision table defers."""
        assert isinstance(state, Snapshot)
        key = (state, message, sender)
        known = self._steps.received.get(key)
        if known is None:
            known = self._steps.received[key] = self._received(state, message, sender)
        return known

    def _received(self, state: Snapshot, message: Any, sender: str) -> tuple[Taking, Snapshot, str]:
        self._chart.restore(state)
        try:
            if type(message) in self._chart.inputs and self._chart.decide(type(message)) is Decision.DEFERRED:
                return Taking.DEFERRED, state, "it has something to do first"
            taking = Taking(self._chart.receive(message, sender).value)
        except UnspecifiedReception as refused:
            return Taking.REFUSED, state, str(refused)
        except Exception as error:  # noqa: BLE001 - see above
            return Taking.REFUSED, state, f"{self.name} in {'/'.join(state.states)} breaks on {message}: {error!r}"
        if taking is Taking.TAKEN:
            return taking, self._steps.note(state, f"?{type(message).__name__}", self._chart), ""
        return taking, self._chart.snapshot(), ""

    def takes(self, message: str) -> bool:
        """Whether it is an input of the chart."""
        return any(known.__name__ == message for known in self._chart.inputs)


class ScriptedMachine:
    """A participant that no chart plays: it can send any of its messages at any time, and reads whatever it is sent.

    What of that it does, a diagram says. It waits for that: nothing drives it.
    """

    patient = True

    def __init__(self, messages: Iterable[Sending]) -> None:
        """`messages` are all that it can send."""
        self.name = "scripted"
        self._messages = tuple(messages)

    def begin(self, where: str = "") -> Hashable:
        """It has one state."""
        if where not in {"", self.name}:
            raise ValueError(f"a scripted lifeline is in no state {where!r}: leave it out")
        return self.name

    def where(self, state: Hashable) -> tuple[str, ...]:  # noqa: ARG002
        """The name of its one state."""
        return (self.name,)

    def sends(self, state: Hashable) -> tuple[Sending, ...]:  # noqa: ARG002
        """All messages that a diagram draws it sending, in any state."""
        return self._messages

    def send(self, state: Hashable, sending: Sending) -> Hashable:  # noqa: ARG002
        """The state after sending: it has one only."""
        return state

    def busy(self, state: Hashable) -> bool:  # noqa: ARG002
        """Nothing that it sends has to come first."""
        return False

    def receive(self, state: Hashable, message: Hashable, sender: str) -> tuple[Taking, Hashable, str]:  # noqa: ARG002
        """It takes whatever it is sent: how, the state after it, and no reason against it."""
        return Taking.TAKEN, state, ""

    def takes(self, message: str) -> bool:  # noqa: ARG002
        """Whether it takes messages of this name in some state: always."""
        return True


# What a machine answers: ours have one outcome of each step, others may have several.


def after_sending(machine: Any, state: Hashable, sending: Sending) -> tuple[Hashable, ...]:
    """Every state that a machine can be in after sending; none where it cannot be sent."""
    then = machine.send(state, sending)
    if isinstance(machine, ChartMachine | ScriptedMachine):
        return () if then is None else (then,)
    return tuple(then)


def after_receiving(
    machine: Any, state: Hashable, message: Hashable, sender: str
) -> tuple[tuple[Taking, Hashable, str], ...]:
    """Everything that receiving can come to: how it is taken, the state after it, and why it was not taken."""
    found = machine.receive(state, message, sender)
    return (found,) if isinstance(machine, ChartMachine | ScriptedMachine) else tuple(found)


def after_internal(machine: Any, state: Hashable) -> tuple[tuple[str, Hashable], ...]:
    """The steps of a machine that nobody sees: the name of each, and the state after it."""
    return () if isinstance(machine, ChartMachine | ScriptedMachine) else tuple(machine.internal(state))


def is_answer(message: Hashable) -> bool:
    """Whether a message answers a call of the receiver's own server."""
    return isinstance(message, Answer)
