"""Charts in memory: one chart followed arrow by arrow, and a system of charts with channels between them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, repeat
from random import Random
from typing import Any, Literal

import pytest
from immutabledict import immutabledict

from machines.broker import Broker, BrokerData
from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    Call,
    ConnectionFailed,
    ConnectionLost,
    Message,
    TimeoutExceeded,
    ViewChanged,
    ViewChangeFailed,
)
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant, Snapshot, UnspecifiedReception
from machines.rules import View
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker

# One chart: every line of a scenario says what is done, and what that leaves of the whole participant.


@dataclass(frozen=True)
class Step:
    """One action, where it leaves the chart ("" = where it was), what it changes in the data, and what is due then.

    `due` None stands for the send that is the next step, and for nothing if the next step is none.
    """

    action: Literal["?", "!"]
    message: Message
    peer: str
    decision: Decision = Decision.TAKEN
    states: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    due: tuple[Output, ...] | None = None


def took(message: Message, states: str = "", *, sender: str = "", due: Any = None, **changes: Any) -> Step:
    """`?message` is taken."""
    return Step("?", message, sender, Decision.TAKEN, states, changes, outputs(due))


def did(message: Message, states: str = "", *, to: str = "", due: Any = None, **changes: Any) -> Step:
    """`!message` is sent."""
    return Step("!", message, to or destination(message), Decision.TAKEN, states, changes, outputs(due))


def ignored(*messages: Message, sender: str = "") -> list[Step]:
    """Each `?message` is ignored: it moves nothing."""
    return [Step("?", message, sender, Decision.IGNORED) for message in messages]


def refused(*messages: Message, sender: str = "") -> list[Step]:
    """Each `?message` is impossible: it is refused, and moves nothing."""
    return [Step("?", message, sender, Decision.IMPOSSIBLE) for message in messages]


def deferred(*messages: Message) -> list[Step]:
    """Each `?message` has to wait in its channel: given all the same it is refused, and moves nothing."""
    return [Step("?", message, "", Decision.DEFERRED) for message in messages]


def destination(message: Message) -> str:
    """Whom an MQTT client, a clock or a view sends such a message."""
    return message.receiver if isinstance(message, Call) else "broker"


def outputs(messages: Iterable[Message | Output] | None) -> tuple[Output, ...] | None:
    """Messages with their destination, where it is not given."""
    if messages is None:
        return None
    return tuple(one if isinstance(one, Output) else Output(one, destination(one)) for one in messages)


def follow(chart: Participant, *steps: Step, due: Any = None) -> None:
    """Do the steps; before the first and after each compare the whole snapshot, and what is due (first: `due`)."""
    snapshot, idle = chart.snapshot(), _due_at(outputs(due), steps)
    assert _sorted(chart.due()) == idle, f"{type(chart).__name__} at the beginning"
    for number, step in enumerate(steps):
        at = f"{type(chart).__name__} after step {number + 1}, {step.action}{step.message}"
        _do(chart, step, at)
        if step.decision is Decision.TAKEN:
            states = tuple(step.states.split()) or snapshot.states
            snapshot = Snapshot(states, replace(snapshot.data, **step.changes))
            idle = _due_at(step.due, steps[number + 1 :])
        assert chart.snapshot() == snapshot, at
        assert _sorted(chart.due()) == idle, at


def _do(chart: Participant, step: Step, at: str) -> None:
    if step.action == "!":
        chart.emit(Output(step.message, step.peer))
    elif step.decision in {Decision.TAKEN, Decision.IGNORED}:
        assert chart.receive(step.message, step.peer) is step.decision, at
    else:
        assert chart.decide(type(step.message)) is step.decision, at
        with pytest.raises(UnspecifiedReception):
            chart.receive(step.message, step.peer)


def _due_at(given: tuple[Output, ...] | None, rest: Sequence[Step]) -> list[Output]:
    following = next((step for step in rest if step.decision is Decision.TAKEN), None)
    if given is None and following is not None and following.action == "!":
        given = (Output(following.message, following.peer),)
    return _sorted(given or ())


def _sorted(due: Iterable[Output]) -> list[Output]:
    return sorted(due, key=repr)


def subscriptions(topics: Sequence[str], then: str, *, interleaved: bool = False) -> Iterator[Step]:
    """Subscribe topic by topic in this order; SUBACKs come in this order too, when all is sent or as early as can be.

    `then` is where the last SUBACK leads, with the send due there that is the next step.
    """
    unsent, ungranted = set(topics), set(topics)
    for topic in topics:
        unsent.remove(topic)
        left = None if not unsent else [SUBSCRIBE(topic=other) for other in unsent]
        state = "subscribing" if unsent else "awaiting_subacks"
        yield did(SUBSCRIBE(topic=topic), state, unsubscribed=frozenset(unsent), due=left)
        if interleaved and unsent:
            ungranted.remove(topic)
            yield took(SUBACK(topic=topic), unacknowledged=frozenset(ungranted), due=left)
    for topic in [topic for topic in topics if topic in ungranted]:
        ungranted.remove(topic)
        state = "" if ungranted else then
        yield took(SUBACK(topic=topic), state, unacknowledged=frozenset(ungranted))


# A system: every participant in memory, with channels that can lose, repeat and delay.


PLAYING: Mapping[str, type[Any]] = {
    chart.__name__: chart for chart in (Tracker, TorrentServer, Clock, DistributionView, Broker)
}
"""Our charts, by name."""


MOST = 5000
"""Steps after which something has no end."""


def bounded(what: str) -> Iterator[None]:
    """As many rounds as something takes at most. Raises `AssertionError` after them."""
    yield from repeat(None, MOST)
    raise AssertionError(f"whoever {what} does so for more than {MOST} steps")


@dataclass(eq=False)
class Link:
    """One MQTT connection: what is under way in it, towards the broker (`up`) and towards the client (`down`)."""

    client: str
    up: deque[Message] = field(default_factory=deque)
    down: deque[Message] = field(default_factory=deque)


class Server:
    """The charts of one server; its open connection, if it has one; and the expiries on their way to its client."""

    def __init__(
        self, chart: type[Tracker | TorrentServer], name: str, view: View, charts: Mapping[str, type[Any]] = PLAYING
    ) -> None:
        """`charts` are those of the clock and the view, by the names of ours."""
        self.chart, self.name, self.charts_of_server = chart, name, charts
        self.is_tracker = chart.__name__ == Tracker.__name__
        self.link: Link | None = None
        self.boot(view)

    def boot(self, view: View) -> None:
        """Begin as a new process does; the view is what it finds in its store."""
        self.client = self.chart(self.name)
        self.clock: Clock = self.charts_of_server["Clock"]()
        self.view: DistributionView = self.charts_of_server["DistributionView"](view)
        self.expiries: deque[TimeoutExceeded] = deque()

    @property
    def charts(self) -> dict[str, Participant]:
        """All participants of the group, by the name that they have there."""
        return {"client": self.client, "clock": self.clock, "view": self.view}

    def reads(self, message: Message) -> bool:
        """Whether its client does not leave such a message in its channel."""
        return self.client.decide(type(message)) is not Decision.DEFERRED

    @property
    def at(self) -> str:
        """Where its client is."""
        return self.client.where[0]


class System:
    """Servers around a broker. After every step whoever has something due sends it at once, in an order drawn.

    A message towards a client of an earlier connection is nobody's; a client that connects anew ends its earlier
    connection at the broker (MQTT 3.1.1, 3.1.4).
    """

    def __init__(self, servers: Iterable[Server], seed: int = 0, broker: Broker | None = None) -> None:
        self.servers = {server.name: server for server in servers}
        self.broker = broker or Broker()
        self.links: list[Link] = []
        """Connections that the broker has not seen the end of, oldest first."""
        self.refusing = False
        """Whether the next CONNACK or SUBACK is a refusal."""
        self.failing = False
        """Whether a storage that may fail does so."""
        self.mixing = 0.0
        """How likely it is that something comes before the next of what is due is sent."""
        self.orders: list[tuple[str, Call | None]] = []
        """What comes to servers while they subscribe, by name; None: the broker refuses from then on."""
        self._known: dict[str, Link] = {}
        self._random = Random(seed)
        self._numbers = count(1)

    def add(self, server: Server) -> None:
        """One more server, offline."""
        self.servers[server.name] = server

    def connect_all(self) -> None:
        """Begin where everybody is connected and subscribed, and the first tracker is about to say hello."""
        self.links = [Link(name) for name in self.servers]
        self._known = {link.client: link for link in self.links}
        for link, server in zip(self.links, self.servers.values(), strict=True):
            server.link = link
            start = "announcing_itself" if server.is_tracker else "awaiting_hello"
            server.client.restore(server.client.snapshot()._replace(states=(start,)))
        sessions = immutabledict({name: server.chart.topics for name, server in self.servers.items()})
        self.broker.restore(self.broker.snapshot()._replace(data=BrokerData(sessions)))
        self.settle()

    # What the owner and the network do.

    def tell(self, name: str, message: Call) -> None:
        """Something from outside the diagram, such as Start."""
        self.give(name, message)
        self.settle()

    def give(self, name: str, message: Message) -> None:
        """The same, or an event, and nobody does what is then due."""
        self.servers[name].client.receive(message)

    def end(self) -> None:
        """Leave nothing behind: here nothing is."""

    def lose_connection(self, name: str) -> None:
        """The connection breaks; what was on its way to the broker may still arrive, before the broker notices."""
        server = self.servers[name]
        self._hang_up(server, ConnectionLost())
        self.tell(name, ConnectionLost())

    def fail_to_connect(self, name: str) -> None:
        """No CONNACK comes in time."""
        self._hang_up(self.servers[name], ConnectionLost())
        self.tell(name, ConnectionFailed())

    def crash(self, name: str, view: View) -> None:
        """The process dies, and is there again with this view, not yet started."""
        server = self.servers[name]
        if server.link is not None:
            self._hang_up(server, ConnectionLost())
        server.boot(view)

    def _hang_up(self, server: Server, last: Message) -> None:
        assert server.link is not None
        server.link.up.append(last)
        server.link = None

    # What is under way arrives, or not.

    def carry_up(self, link: Link) -> None:
        """The oldest message in a connection reaches the broker."""
        self._take_up(link)
        self.settle()

    def _take_up(self, link: Link) -> None:
        message = link.up.popleft()
        if isinstance(message, CONNECT):
            earlier = self.links[: self.links.index(link)]
            self.links = [other for other in self.links if other not in earlier or other.client != link.client]
            self._known[link.client] = link
        self.broker.receive(message, link.client)
        if isinstance(message, DISCONNECT | ConnectionLost):
            self.links.remove(link)

    def carry_down(self, name: str) -> None:
        """The oldest message on its way to a client reaches it."""
        self._take_down(name)
        self.settle()

    def _take_down(self, name: str) -> None:
        server = self.servers[name]
        assert server.link is not None
        message = server.link.down.popleft()
        assert server.client.decide(type(message)) is not Decision.DEFERRED, (server.at, message)
        server.client.receive(message)
        if message == CONNACK(accepted=False):
            server.link = None

    def carry_expiry(self, name: str) -> None:
        """The oldest expiry reaches its client."""
        server = self.servers[name]
        self.tell(name, server.expiries.popleft())

    def expire(self, name: str, expiry: Output) -> None:
        """The time of a timeout that is set has come; the news of it is on its way."""
        server = self.servers[name]
        server.clock.emit(expiry)
        assert isinstance(expiry.message, TimeoutExceeded)
        server.expiries.append(expiry.message)

    def publish(self, server: Server, event: BusEvent) -> None:
        """An event is on its way, with an identifier of its own."""
        assert server.link is not None
        server.link.up.append(replace(event, event_id=f"e{next(self._numbers)}"))

    # What is due.

    def settle(self) -> None:
        """Let everybody send what is due at once, until all wait. Raises `AssertionError` where there is no end."""
        for _ in bounded("sends what is due"):
            urgent = [*self._urgent()]
            if not urgent:
                return
            if self.mixing and self._random.random() < self.mixing and self._let_in():
                continue
            server, sender, output = self._random.choice(urgent)
            sender.emit(output)
            self.refusing &= getattr(output.message, "accepted", True)
            if server is None:
                self._send_down(output)
            elif output.to == "broker":
                self._send_up(server, output.message)
            else:
                server.charts[output.to].receive(output.message)

    def _let_in(self) -> bool:
        """Let something come to whoever reads it, though somebody has something to send; whether there was any."""
        ways: list[Callable[[], object]] = [partial(self._take_up, link) for link in self.links if link.up]
        for name, server in self.servers.items():
            if server.link and server.link.down and server.reads(server.link.down[0]):
                ways.append(partial(self._take_down, name))
        for order in self.orders:
            if self.servers[order[0]].at == "subscribing":
                ways = [partial(self._obey, order)]
        if ways:
            self._random.choice(ways)()
        return bool(ways)

    def _obey(self, order: tuple[str, Call | None]) -> None:
        self.orders.remove(order)
        if order[1] is None:
            self.refusing = True
        else:
            self.give(order[0], order[1])

    def _urgent(self) -> Iterator[tuple[Server | None, Participant, Output]]:
        participants = [(server, chart) for server in self.servers.values() for chart in server.charts.values()]
        for server, chart in (*participants, (None, self.broker)):
            if chart.urgent:
                yield from ((server, chart, output) for output in self._allowed(chart.due()))

    def _allowed(self, due: tuple[Output, ...]) -> Iterator[Output]:
        """Whether a request is refused and a storage fails is not for chance, but for a fault, to say."""
        for output in due:
            answer = getattr(output.message, "accepted", None)
            if answer is not None and answer == self.refusing:
                continue
            open_end = len(due) > 1 and isinstance(output.message, ViewChanged | ViewChangeFailed)
            if open_end and isinstance(output.message, ViewChangeFailed) != self.failing:
                continue
            yield output

    def _send_up(self, server: Server, message: Message) -> None:
        if isinstance(message, CONNECT):
            server.link = Link(server.name)
            self.links.append(server.link)
        assert server.link is not None, (server.name, server.at, message)
        if isinstance(message, BusEvent):
            self.publish(server, message)
        else:
            server.link.up.append(message)
        if isinstance(message, DISCONNECT):
            server.link = None

    def _send_down(self, output: Output) -> None:
        link = self._known[output.to]
        link.down.append(output.message)
        if output.message == CONNACK(accepted=False) and not link.up:
            self.links.remove(link)

    # Without faults.

    def run(self, *held: type[Message]) -> None:
        """Carry all that is under way, in any order, but nothing of the kinds `held`; no timeout is exceeded."""
        for _ in bounded("carries what is under way"):
            moves = self.moves(*held)
            if not moves:
                return
            self._random.choice(moves)()

    def run_startup(self, name: str) -> None:
        """Carry what a server that was started exchanges with the broker, until it is subscribed to all."""
        server = self.servers[name]
        for _ in bounded("starts"):
            if server.link is None or server.at not in {"awaiting_connack", "awaiting_subacks"}:
                return
            if server.link.up:
                self.carry_up(server.link)
            else:
                self.carry_down(name)

    def run_out(self) -> None:
        """Carry all that is under way, and let every timeout be exceeded, until all is quiet."""
        self.run()
        for _ in bounded("lets timeouts be exceeded"):
            timers = [(name, due) for name, server in self.servers.items() for due in server.clock.due()]
            if not timers:
                return
            self.expire(*self._random.choice(timers))
            self.run()

    def moves(self, *held: type[Message]) -> list[Callable[[], None]]:
        """What can be carried next."""
        servers = self.servers.items()
        return [
            *(partial(self.carry_up, link) for link in self.links if link.up and not isinstance(link.up[0], held)),
            *(
                partial(self.carry_down, name)
                for name, server in servers
                if server.link and server.link.down and not isinstance(server.link.down[0], held)
            ),
            *(partial(self.carry_expiry, name) for name, server in servers if server.expiries),
        ]
