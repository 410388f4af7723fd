"""What happens between the servers and the broker, put together arrow by arrow.

Each server tells its moves, the broker tells through its hooks what it takes over, passes on and drops. The stage joins
the two ends of every arrow, lets the broker's chart follow the real broker, and keeps all as a list of arrows: the run.
Where the real broker does what its chart does not allow, that is a *divergence*, and is counted.

The chart passes an event on as soon as it has taken it over. What the hooks tell later is how it fares on its way: a
delay, a loss or a duplicate belongs to the hop, not to the broker. Two kinds of events pass beside the chart: what
*strangers* publish (clients of the same broker that have no lifeline here), and what a delay brought after its
publisher was gone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from machines.broker import Broker
from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    ConnectionFailed,
    ConnectionLost,
    Message,
    SubscriptionFailed,
)
from machines.events import BusEvent
from machines.lifelines import BROKER
from machines.participant import Decision, Output, UnspecifiedReception
from runtime.driver import Move
from runtime.runs.watcher import Watcher
from runtime.wire.events import Malformed, decode
from spec.monitor import Observed

NEVER_CAME = "never came"
"""The note at an arrow that is lost without a fault: one of its ends was gone."""


@dataclass(frozen=True)
class Arrow:
    """One arrow of the run.

    `sender` is empty where the owner, the network or a stranger acts, `receiver` is who was meant where the message is
    lost. `sender_state` and `receiver_state` are the configurations that the arrow left its ends in. `at` is in seconds
    since the stage was set. `sent` and `came` number its two ends among all that happened, from 1; they are equal where
    it has one end.
    """

    at: float
    sender: str
    receiver: str
    message: Message
    lost: bool = False
    note: str = ""
    sender_state: tuple[str, ...] = ()
    receiver_state: tuple[str, ...] = ()
    sent: int = 0
    came: int = 0

    @property
    def name(self) -> str:
        """The name of the message."""
        return type(self.message).__name__


@dataclass
class _Sending:
    """The first end of an arrow, until the second one is known."""

    number: int
    sender: str
    receiver: str
    message: Message
    where: tuple[str, ...]
    arrived: bool = False


@dataclass
class RunRecorder:
    """Collects the run, and tells each arrow to `show`.

    `lifelines` gives the lifeline of a server's role, by its MQTT client identifier and the role; without it everybody
    has one. `in_order`: no delay is injected and the hooks are the broker's own, so that an event which overtakes
    another one is a divergence.
    """

    show: Callable[[Arrow], None] = lambda _: None
    arrows: list[Arrow] = field(default_factory=list)
    acts: dict[int, str] = field(default_factory=dict)
    """Headings, by the number of the arrow that they stand before."""
    divergences: list[str] = field(default_factory=list)
    broker: Broker = field(default_factory=Broker)
    lifelines: dict[tuple[str, str], str] = field(default_factory=dict)
    in_order: bool = True
    began: float = field(default_factory=time.monotonic)
    observed: list[Observed] = field(default_factory=list)
    """What an observer on the bus saw who missed nothing."""

    def __post_init__(self) -> None:
        self._watcher = Watcher(self.observed.append, began=self.began)
        self._number = 0
        self._sendings: dict[tuple[str, str, object], list[_Sending]] = {}
        self._owed: dict[str, list[str]] = {}  # by client: the events that its broker passes on, oldest first
        self._beside: set[str] = set()

    def lifeline(self, client: str, role: str = "client") -> str:
        """The lifeline of a role of a server."""
        return self.lifelines.get((client, role), client if role == "client" else f"{client}-{role}")

    def close(self) -> None:
        """The run is over: what was sent and never came is lost."""
        for sendings in self._sendings.values():
            self._give_up(sendings)

    # Told by the servers.

    def moved(self, move: Move) -> None:
        """A server has done something."""
        lifeline = self.lifeline(move.server, move.role)
        peer = BROKER if move.peer == "broker" else self.lifeline(move.server, move.peer) if move.peer else ""
        if move.action == "!":
            if isinstance(move.message, BusEvent) and move.peer == "broker":
                self._watcher.sent(move.server, move.message)
            self._send(lifeline, peer, move.message, move.where)
            return
        for unanswered in _unanswered(move.message):
            self._give_up(self._sendings.get((lifeline, BROKER, unanswered), []))
        if isinstance(move.message, CONNACK | SUBACK) and not self._is_under_way(BROKER, lifeline, move.message):
            self._answer(move.server, move.message)
        self._come(peer, lifeline, move.message, move.where, _note(move))

    # Told by the broker (`runtime.mqtt.observer.BrokerObserver`).

    def connected(self, client: str) -> None:
        """The broker accepted a session."""
        if self._is_known(client):
            self._answer(client, CONNACK())

    def disconnected(self, client: str, clean: bool) -> None:
        """A session ended, with a DISCONNECT or without one."""
        if not self._is_known(client):
            return
        self._owed.pop(client, None)
        self._watcher.disconnected(client, clean)
        self._reach_broker(client, DISCONNECT() if clean else ConnectionLost())
        if clean:  # it reads nothing more
            for (sender, receiver, _), sendings in self._sendings.items():
                if sender == BROKER and receiver == self.lifeline(client):
                    self._give_up(sendings)

    def subscribed(self, client: str, topic: str, accepted: bool) -> None:
        """The broker answered a SUBSCRIBE."""
        if self._is_known(client):
            self._answer(client, SUBACK(topic=topic, accepted=accepted))

    def received(self, client: str, topic: str, payload: bytes) -> None:
        """The broker took over an event."""
        event = _decoded(topic, payload)
        if event is None:
            return
        if not self._is_known(client):
            self._beside.add(event.event_id)
            self._come("", BROKER, event, self.broker.where, "from a stranger")
            return
        self._watcher.received(client, topic, payload)
        self._reach_broker(client, event)
        for receiver in [receiver for receiver, owed in self.broker.data.outbox if owed == event]:
            self._emit(Output(event, receiver))
            self._owed.setdefault(receiver, []).append(event.event_id)

    def lost_to_broker(self, client: str, topic: str, payload: bytes) -> None:
        """A fault took an event on its way to the broker."""
        event = _decoded(topic, payload)
        if event is not None and self._is_known(client):
            self._lose(self._arriving(self.lifeline(client), BROKER, event))

    def forwarded(self, topic: str, payload: bytes, to_client: str) -> None:
        """The broker passed an event on; the arrow is drawn when the event has come."""
        event = _decoded(topic, payload)
        if event is not None and self._is_known(to_client):
            self._watcher.forwarded(topic, payload, to_client)
            self._check(event, to_client)

    def lost_from_broker(self, topic: str, payload: bytes, to_client: str) -> None:
        """The broker passed an event on, and a fault took it on its way to the subscriber."""
        event = _decoded(topic, payload)
        if event is not None and self._is_known(to_client):
            self._check(event, to_client)
            receiver = self.lifeline(to_client)
            if self._is_under_way(BROKER, receiver, event):
                self._lose(self._arriving(BROKER, receiver, event))

    # The broker's chart follows.

    def _is_known(self, client: str) -> bool:
        """Whether a client is not a stranger."""
        return not self.lifelines or (client, "client") in self.lifelines

    def _reach_broker(self, client: str, message: Message) -> None:
        """`?message` at the broker."""
        note = "the connection broke" if isinstance(message, ConnectionLost) else ""
        try:
            if self.broker.receive(message, client) is Decision.IGNORED:
                note = "ignored"
        except UnspecifiedReception as refused:
            self.divergences.append(str(refused))
        if isinstance(message, BusEvent) and note:
            self._beside.add(message.event_id)
            note = "late"
        sender = self.lifeline(client)
        if isinstance(message, ConnectionLost):
            self._send(sender, BROKER, message, ())
        self._come(sender, BROKER, message, self.broker.where, note)

    def _answer(self, client: str, answer: CONNACK | SUBACK) -> None:
        """`?CONNECT` and `!CONNACK`, or `?SUBSCRIBE` and `!SUBACK`."""
        if isinstance(answer, SUBACK):
            self._watcher.subscribed(client, answer.topic, answer.accepted)
        elif answer.accepted:
            self._watcher.connected(client)
        self._reach_broker(client, CONNECT() if isinstance(answer, CONNACK) else SUBSCRIBE(topic=answer.topic))
        self._emit(Output(answer, client))

    def _emit(self, output: Output) -> None:
        """`!message` of the broker."""
        try:
            self.broker.emit(output)
        except UnspecifiedReception as refused:
            self.divergences.append(str(refused))
        self._send(BROKER, self.lifeline(output.to), output.message, self.broker.where)

    def _check(self, event: BusEvent, to_client: str) -> None:
        """Hold what the real broker passes on against what its chart has passed on."""
        owed = self._owed.get(to_client, [])
        receiver = self.lifeline(to_client)
        if event.event_id in owed:
            if self.in_order and owed[0] != event.event_id:
                self.divergences.append(f"{type(event).__name__} to {to_client} overtakes an earlier event")
            owed.remove(event.event_id)
        elif (BROKER, receiver, _key(event)) in self._sendings:
            pass  # once more, which is what QoS 1 allows; or after the session has ended
        else:
            # Where the broker is not ours it may have read a SUBSCRIBE before we read its SUBACK.
            asked = (receiver, BROKER, SUBSCRIBE(topic=event.topic)) in self._sendings
            if not asked and event.event_id not in self._beside:
                self.divergences.append(f"{type(event).__name__} to {to_client}, which has not subscribed to it")
            self._send(BROKER, receiver, event, self.broker.where)

    # Both ends together.

    def _send(self, sender: str, receiver: str, message: Message, where: tuple[str, ...]) -> None:
        """The first end of an arrow."""
        sendings = self._sendings.setdefault((sender, receiver, _key(message)), [])
        if not isinstance(message, BusEvent):
            self._give_up(sendings)  # another one of the same is on its way now
            sendings.clear()
        sendings.append(_Sending(self._next(), sender, receiver, message, where))

    def _is_under_way(self, sender: str, receiver: str, message: Message) -> bool:
        return any(not sending.arrived for sending in self._sendings.get((sender, receiver, _key(message)), ()))

    def _arriving(self, sender: str, receiver: str, message: Message) -> _Sending:
        """The sending that has come: the first that had not, or once more the last one."""
        sendings = self._sendings.get((sender, receiver, _key(message)), [])
        waiting = [sending for sending in sendings if not sending.arrived]
        if sendings:
            return (waiting or sendings[-1:])[0]
        return _Sending(self._next(), sender, receiver, message, ())

    def _come(self, sender: str, receiver: str, message: Message, where: tuple[str, ...], note: str) -> None:
        """The second end of an arrow."""
        sending = self._arriving(sender, receiver, message)
        sending.arrived = True
        came = self._next() if sender else sending.number
        self._add(sending, came, note=note, where=where)

    def _give_up(self, sendings: list[_Sending]) -> None:
        """What has not come will not come."""
        for sending in sendings:
            if not sending.arrived:
                self._lose(sending, note=NEVER_CAME)

    def _lose(self, sending: _Sending, note: str = "") -> None:
        """There is no second end."""
        sending.arrived = True
        self._add(sending, sending.number, note=note, lost=True)

    def _add(
        self, sending: _Sending, came: int, *, note: str = "", lost: bool = False, where: tuple[str, ...] = ()
    ) -> None:
        arrow = Arrow(
            time.monotonic() - self.began,
            sending.sender,
            sending.receiver,
            sending.message,
            lost,
            note,
            sending.where,
            where,
            sending.number,
            came,
        )
        self.arrows.append(arrow)
        self.show(arrow)

    def _next(self) -> int:
        self._number += 1
        return self._number


def _unanswered(message: Message) -> Iterator[Message]:
    """What was never answered, when such a message comes."""
    if isinstance(message, ConnectionFailed):
        yield CONNECT()
    elif isinstance(message, SubscriptionFailed):
        yield SUBSCRIBE(topic=message.topic)


def _key(message: Message) -> object:
    """What tells messages apart that are under way between the same two at the same time."""
    return message.event_id if isinstance(message, BusEvent) else message


@lru_cache(maxsize=64)
def _decoded(topic: str, payload: bytes) -> BusEvent | None:
    """The event; malformed input is the readers' business, and no participant moves."""
    try:
        return decode(topic, payload)
    except Malformed:
        return None


def _note(move: Move) -> str:
    if move.decision is Decision.IGNORED:
        return "ignored"
    return "refused" if move.decision is Decision.IMPOSSIBLE else ""
