"""What happens between the servers and the broker, put together arrow by arrow.

Each server tells its moves, the broker tells through its hooks what it takes over, passes on and drops. The stage joins
the two ends of every arrow, lets the broker's chart follow the real broker, and keeps all as a list of arrows: the run.
Where the real broker does what its chart does not allow, that is a *divergence*, and is counted.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from machines.broker import Broker
from machines.calls import CONNACK, CONNECT, DISCONNECT, SUBACK, SUBSCRIBE, Call, ConnectionLost, Message
from machines.events import BusEvent
from machines.participant import Decision, Output, Refused
from runtime.server import Move
from runtime.wire import Malformed, decode

BROKER = "Broker"


@dataclass(frozen=True)
class Arrow:
    """One arrow of the run.

    `sender` is empty where the owner or the network acts, `receiver` is who was meant where the message is lost.
    `sender_state` and `receiver_state` are the configurations that the arrow left its ends in. `at` is in seconds since
    the stage was set.
    """

    at: float
    sender: str
    receiver: str
    message: Message
    lost: bool = False
    note: str = ""
    sender_state: tuple[str, ...] = ()
    receiver_state: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the message."""
        return type(self.message).__name__


@dataclass
class Stage:
    """Collects the run, and tells each arrow to `show`.

    `lifelines` gives the lifeline of a server's role, by its MQTT client identifier and the role.
    """

    show: Callable[[Arrow], None] = lambda _: None
    arrows: list[Arrow] = field(default_factory=list)
    acts: dict[int, str] = field(default_factory=dict)
    """Headings, by the number of the arrow that they stand before."""
    divergences: list[str] = field(default_factory=list)
    broker: Broker = field(default_factory=Broker)
    lifelines: dict[tuple[str, str], str] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._sent: dict[tuple[str, str], tuple[str, ...]] = {}  # by client and message: the sender's configuration
        self._passed_on: dict[tuple[str, str], tuple[str, ...]] = {}  # by message and client: the broker's

    def lifeline(self, client: str, role: str = "client") -> str:
        """The lifeline of a role of a server."""
        return self.lifelines.get((client, role), client if role == "client" else f"{client}-{role}")

    # Told by the servers.

    def moved(self, move: Move) -> None:
        """A server has done something."""
        if move.action == "!":
            self._on_send(move)
        elif move.peer == "broker":
            self._on_receive_from_broker(move)
        else:
            sender = self.lifeline(move.server, move.peer) if move.peer else ""
            key = (move.server, move.peer + _key(move.message))
            self._add(
                Arrow(
                    0.0,
                    sender,
                    self.lifeline(move.server, move.role),
                    move.message,
                    note=_note(move),
                    sender_state=self._sent.pop(key, ()),
                    receiver_state=move.where,
                )
            )

    def _on_send(self, move: Move) -> None:
        if move.peer != "broker":
            self._sent[move.server, move.role + _key(move.message)] = move.where
            return
        self._sent[move.server, _key(move.message)] = move.where

    def _on_receive_from_broker(self, move: Move) -> None:
        message = move.message
        if isinstance(message, CONNACK):
            self._answer(move.server, CONNECT(), message)
        elif isinstance(message, SUBACK):
            self._answer(move.server, SUBSCRIBE(topic=message.topic), message)
        state = self._passed_on.pop((_key(message), move.server), self.broker.where)
        self._add(
            Arrow(
                0.0,
                BROKER,
                self.lifeline(move.server),
                message,
                note=_note(move),
                sender_state=state,
                receiver_state=move.where,
            )
        )

    # Told by the broker (`runtime.broker.BrokerObserver`).

    def connected(self, client: str) -> None:
        """The broker accepted a session; the arrow is drawn when the CONNACK has come."""

    def disconnected(self, client: str, clean: bool) -> None:
        """A session ended, with a DISCONNECT or without one."""
        self._reach_broker(client, DISCONNECT() if clean else ConnectionLost())

    def subscribed(self, client: str, topic: str, accepted: bool) -> None:
        """The broker answered a SUBSCRIBE; the arrow is drawn when the SUBACK has come.

        From here on events on the topic go to this client, perhaps before the SUBACK does.
        """
        self._answer(client, SUBSCRIBE(topic=topic), SUBACK(topic=topic, accepted=accepted))

    def received(self, client: str, topic: str, payload: bytes) -> None:
        """The broker took over an event."""
        event = _decoded(topic, payload)
        if event is not None:
            self._reach_broker(client, event)

    def lost_to_broker(self, client: str, topic: str, payload: bytes) -> None:
        """A fault took an event on its way to the broker."""
        event = _decoded(topic, payload)
        if event is not None:
            self._lose_to_broker(client, event)

    def forwarded(self, topic: str, payload: bytes, to_client: str) -> None:
        """The broker passed an event on."""
        event = _decoded(topic, payload)
        if event is not None:
            self._emit(Output(event, to_client))

    def lost_from_broker(self, topic: str, payload: bytes, to_client: str) -> None:
        """The broker passed an event on, and a fault took it on its way to the subscriber."""
        event = _decoded(topic, payload)
        if event is None:
            return
        self._emit(Output(event, to_client))
        state = self._passed_on.pop((_key(event), to_client), self.broker.where)
        self._add(Arrow(0.0, BROKER, self.lifeline(to_client), event, lost=True, sender_state=state))

    # Both ends together.

    def _reach_broker(self, client: str, message: Message) -> None:
        """`?message` at the broker, and the arrow that ends there."""
        try:
            ignored = self.broker.receive(message, client) is Decision.IGNORED
        except Refused as refused:
            self.divergences.append(str(refused))
            ignored = False
        lost_connection = isinstance(message, Call)
        self._add(
            Arrow(
                0.0,
                self.lifeline(client),
                BROKER,
                message,
                note="ignored" if ignored else "the connection broke" if lost_connection else "",
                sender_state=self._sent.get((client, _key(message)), ()),
                receiver_state=self.broker.where,
            )
        )

    def _lose_to_broker(self, client: str, event: BusEvent) -> None:
        state = self._sent.pop((client, _key(event)), ())
        self._add(Arrow(0.0, self.lifeline(client), BROKER, event, lost=True, sender_state=state))

    def _answer(self, client: str, question: CONNECT | SUBSCRIBE, answer: CONNACK | SUBACK) -> None:
        """`?CONNECT` and `!CONNACK`, or `?SUBSCRIBE` and `!SUBACK`, once."""
        if (_key(answer), client) in self._passed_on:
            return
        self._reach_broker(client, question)
        self._emit(Output(answer, client))

    def _emit(self, output: Output) -> None:
        key = (_key(output.message), output.to)
        try:
            self.broker.emit(output)
        except Refused as refused:
            if key not in self._passed_on:  # passing on twice is what QoS 1 allows
                self.divergences.append(str(refused))
        self._passed_on[key] = self.broker.where

    def _add(self, arrow: Arrow) -> None:
        arrow = replace(arrow, at=time.monotonic() - self.began)
        self.arrows.append(arrow)
        self.show(arrow)


def _key(message: Message) -> str:
    """What tells messages apart that are under way at the same time."""
    if isinstance(message, BusEvent):
        return message.event_id
    topic = message.topic if isinstance(message, SUBSCRIBE | SUBACK) else ""
    return f"{type(message).__name__} {topic}"


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
