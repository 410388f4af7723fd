"""The service of `packets.py` with real drivers and the real wire in the place of charts, packet by packet.

What `packet_tour.py` and the rules of `packets.py` do to charts they do here to `runtime.driver`: a startup is
interrupted at each packet, a CONNACK or SUBACK is a refusal or never comes, connections break while they are made.
Sessions are in memory, and what is under way in them lies in the links of the harness, as that of charts does. The
broker is its chart, or a real one (`packet_brokers.py`).
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from immutabledict import immutabledict

from machines.broker import BrokerData
from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    ConnectionLost,
    Message,
    Role,
    Start,
    SubscriptionFailed,
    TimeoutExceeded,
    ViewChangeFailed,
)
from machines.distribution_view import DistributionViewData
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant
from machines.rules import View
from runtime.connection import spawn
from runtime.driver import Move
from runtime.driver import Server as Driver
from runtime.mqtt.session import NotConnectedError, RefusedError
from runtime.policy import SchedulingPolicy
from runtime.wire.events import Refusals, decode, encode
from tests.properties.packets import PacketService
from tests.properties.remembered import Remembered
from tests.properties.virtual import VirtualLoop
from tests.properties.wired import fire
from tests.support.harness import MOST, Link, Server, System, bounded

Act = Callable[[], object]


def stamped(event: BusEvent) -> BusEvent:
    """The event as it can be on a wire: its identifier is a UUID, the same one for the same text."""
    try:
        UUID(event.event_id)
    except ValueError:
        return replace(event, event_id=str(uuid5(NAMESPACE_OID, event.event_id)))
    return event


class PacketSession:
    """A session of which each packet lies in a link until somebody carries it."""

    unacknowledged = 0

    def __init__(self, server: "DrivenServer") -> None:
        self.server = server
        self.link: Link | None = None
        self._awaited: dict[str, asyncio.Future[bool]] = {}
        self._inbox: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()

    async def connect(self) -> None:
        self.open()
        await self._ask(CONNECT(), "")

    async def subscribe(self, topic: str) -> None:
        await self._ask(SUBSCRIBE(topic=topic), topic)

    async def _ask(self, packet: CONNECT | SUBSCRIBE, of: str) -> None:
        if self.link is None:
            raise NotConnectedError("the connection is gone")
        self.link.up.append(packet)
        self._awaited[of] = asyncio.get_running_loop().create_future()
        if not await self._awaited[of]:
            raise RefusedError(f"the broker said no to {type(packet).__name__} {of}")

    async def publish(self, topic: str, payload: bytes) -> None:
        if self.link is None:
            raise NotConnectedError("the connection is gone")
        self.link.up.append(decode(topic, payload))

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        while (message := await self._inbox.get()) is not None:
            yield message
        raise NotConnectedError("the connection broke")

    async def disconnect(self) -> None:
        self.end(DISCONNECT())

    async def crash(self) -> None:
        self.end(ConnectionLost())

    # What a test does.

    def open(self) -> None:
        """A connection begins."""
        self.link = self.server.link = Link(self.server.name)
        self.server.system.links.append(self.link)

    def end(self, last: DISCONNECT | ConnectionLost | None) -> None:
        """It ends, with this as the last that the broker hears of it; None: the broker has ended it."""
        if self.link is None:
            return
        if last is not None:
            self.link.up.append(last)
        if self.server.link is self.link:
            self.server.link = None
        self.link = None
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(NotConnectedError("the connection broke"))
        self._inbox.put_nowait(None)

    def awaits(self, topic: str) -> bool:
        """Whether it was not yet said if a subscription is granted."""
        return topic in self._awaited and not self._awaited[topic].done()

    def give_up(self, topic: str) -> None:
        """No SUBACK comes in time."""
        self._awaited[topic].set_exception(NotConnectedError("no answer"))

    def take(self, message: Message) -> None:
        """Something comes from the broker."""
        if isinstance(message, BusEvent):
            self._inbox.put_nowait((message.topic, encode(stamped(message))))
            return
        assert isinstance(message, CONNACK | SUBACK), message
        answer = self._awaited[message.topic if isinstance(message, SUBACK) else ""]
        assert not answer.done(), f"{self.server.name} has an answer already, and gets {message}"
        answer.set_result(message.accepted)
        if isinstance(message, CONNACK) and not message.accepted:
            self.end(None)


class OneByOne(SchedulingPolicy):
    """Where packets of others mix with what a server sends while it subscribes, it sends what it is let to."""

    fails = False
    mixes = False
    lets = 0

    def may_send(self, client: Participant) -> bool:
        if not self.mixes or client.where[0] != "subscribing":
            return True
        self.lets, may = max(0, self.lets - 1), self.lets > 0
        return may

    def first(self, due: tuple[Output, ...]) -> Output:
        return next((one for one in due if self.fails and isinstance(one.message, ViewChangeFailed)), due[0])


class Watched(set[asyncio.Task[None]]):
    """Tasks of which is kept how they failed: it is raised where the test is; a task would keep it to itself."""

    def __init__(self, errors: list[BaseException]) -> None:
        super().__init__()
        self._errors = errors

    def add(self, task: asyncio.Task[None]) -> None:
        task.add_done_callback(self._ended)
        super().add(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)


class StrictDriver(Driver):
    """A driver that fails where a task of its own does, a chart refuses what comes, or something has no end."""

    def __init__(self, charts: dict[Role, Any], connect: Any, policy: SchedulingPolicy) -> None:
        self.errors: list[BaseException] = []
        self.moves = 0
        super().__init__(charts, connect, observer=self._see, refusals=Refusals(), policy=policy)
        tasks = [Watched(self.errors) for _ in range(3)]
        self.connection.publishing, self.connection.closing, self.connection._tasks = tasks

    def _see(self, move: Move) -> None:
        self.moves += 1
        assert self.moves < MOST, f"whoever sends what is due does so for more than {MOST} steps"
        if move.decision is Decision.IMPOSSIBLE:
            self.errors.append(AssertionError(f"{move.server} refuses {move.message}: {move.why}"))

    def raise_errors(self) -> None:
        """What went wrong since the last time, if anything did. Raises it."""
        self.moves = 0
        errors, self.errors = self.errors, []
        if self.refusals.total:
            errors.append(AssertionError(f"{self.name} cannot read what came: {dict(self.refusals.counts)}"))
        for error in errors[:1]:
            raise error

    def new_session(self, session: PacketSession) -> None:
        """Go on where the charts are, with a session that is open."""
        self.connection.session = session  # type: ignore[assignment]
        spawn(self.connection._listen(session), self.connection._tasks)  # type: ignore[arg-type]

    def go_on(self) -> None:
        """Send what is due."""
        self.settle()

    def timer(self, expiry: Output) -> asyncio.TimerHandle | None:
        """That of a timeout that is set."""
        return self.timers.running.get(("clock", expiry))


class DrivenServer(Server):
    """A server that a driver runs."""

    system: "DrivenSystem"

    def boot(self, view: View) -> None:
        charts = {"client": self.chart, **{role: self.charts_of_server[one] for role, one in _OF_ROLES.items()}}
        made: Any = {role: _as_it_begins(self.name, role, chart) for role, chart in charts.items()}
        self.client, self.clock, self.view = made["client"], made["clock"], made["view"]
        self.view.restore(self.view.snapshot()._replace(data=DistributionViewData(view)))
        self.expiries = deque()  # what is exceeded comes at once
        self.policy = OneByOne()
        self.driver = StrictDriver(made, self._connect, self.policy)

    def _connect(self, name: str) -> PacketSession:
        assert name == self.name
        self.session = PacketSession(self)
        return self.session


_OF_ROLES = {"clock": "Clock", "view": "DistributionView"}
_MADE: dict[tuple[str, type[Any]], tuple[Remembered, Any]] = {}


def _as_it_begins(owner: str, role: str, chart: type[Any]) -> Remembered:
    """A chart of an owner; its steps are remembered."""
    if (owner, chart) not in _MADE:
        made = Remembered(chart(owner) if role == "client" else chart())
        _MADE[owner, chart] = (made, made.snapshot())
    made, begin = _MADE[owner, chart]
    return made.again(begin)


class DrivenSystem(System):
    """See the module. All servers are on one loop, on which time does not pass."""

    servers: dict[str, DrivenServer]  # type: ignore[assignment]

    def __init__(self, servers: list[Any], seed: int, broker: Any) -> None:
        super().__init__(servers, seed, broker)
        self.loop = VirtualLoop()
        for server in servers:
            server.system = self

    def add(self, server: Any) -> None:
        super().add(server)
        server.system = self

    def connect_all(self) -> None:
        for server in self.servers.values():
            server.session = PacketSession(server)
            server.session.open()
            start = "announcing_itself" if server.is_tracker else "awaiting_hello"
            server.client.restore(server.client.snapshot()._replace(states=(start,)))
            self._act(partial(server.driver.new_session, server.session))
        self._known = {link.client: link for link in self.links}
        self._connected({name: server.chart.topics for name, server in self.servers.items()})
        self.settle()

    def _connected(self, sessions: dict[str, frozenset[str]]) -> None:
        """The broker knows these sessions."""
        self.broker.restore(self.broker.snapshot()._replace(data=BrokerData(immutabledict(sessions))))

    def end(self) -> None:
        if not self.loop.is_closed():
            for server in self.servers.values():
                self.loop.run(server.driver.crash())
            self.loop.close()

    def _act(self, act: Act) -> None:
        """Do something on the loop, and let the servers do what comes of it."""

        async def acted() -> None:
            act()

        for server in self.servers.values():
            server.policy.fails, server.policy.mixes = self.failing, self.mixing > 0
        self.loop.run(acted())
        self.loop.run_until_idle()
        for server in self.servers.values():
            server.driver.raise_errors()

    # What the owner and the network do.

    def give(self, name: str, message: Message) -> None:
        server = self.servers[name]
        if isinstance(message, SubscriptionFailed) and server.link and server.session.awaits(message.topic):
            self._act(lambda: server.session.give_up(message.topic))
        elif isinstance(message, BusEvent):
            self._act(lambda: server.session.take(message))
        elif message == Start():
            self._act(server.driver.start)
        else:
            peer = "clock" if isinstance(message, TimeoutExceeded) else ""
            self._act(lambda: server.driver.arrive(message, peer))

    def lose_connection(self, name: str) -> None:
        server = self.servers[name]
        assert server.link is not None
        if server.at == "awaiting_connack":  # a broken one would be told as one that was never made
            self.loop.run(server.driver.lose_connection())
        else:
            self._act(lambda: server.session.end(ConnectionLost()))
        self.settle()

    def fail_to_connect(self, name: str) -> None:
        server = self.servers[name]
        assert server.at == "awaiting_connack"
        self._act(lambda: server.session.end(ConnectionLost()))
        self.settle()

    def crash(self, name: str, view: View) -> None:
        server = self.servers[name]
        self.loop.run(server.driver.crash())
        server.boot(view)

    def expire(self, name: str, expiry: Output) -> None:
        timer = self.servers[name].driver.timer(expiry)
        assert timer is not None, f"{name} counts no time for {expiry.message}"
        self._act(lambda: fire(timer))
        self.settle()

    def publish(self, server: Server, event: BusEvent) -> None:
        """Beside what its charts say."""
        super().publish(server, stamped(replace(event, event_id=f"e{next(self._numbers)}")))

    # What is under way arrives; what is due is sent.

    def _take_down(self, name: str) -> None:
        server = self.servers[name]
        assert server.link is not None
        message = server.link.down.popleft()
        assert server.client.decide(type(message)) is not Decision.DEFERRED, (server.at, message)
        self._act(lambda: server.session.take(message))

    def settle(self) -> None:
        for _ in bounded("sends what is due"):
            if self.mixing and self._random.random() < self.mixing and self._let_in():
                continue
            ways: list[Act] = [partial(self._answer, output) for _, _, output in self._urgent()]
            ways += [partial(self._let, server) for server in self.servers.values() if _is_due(server)]
            if not ways:
                return
            self._random.choice(ways)()

    def _urgent(self) -> Any:
        """The servers see to themselves."""
        return ((None, self.broker, output) for output in self._allowed(self.broker.due()))

    def _answer(self, output: Output) -> None:
        self.broker.emit(output)
        self.refusing &= getattr(output.message, "accepted", True)
        self._send_down(output)

    def _let(self, server: DrivenServer) -> None:
        """Let a server send one thing that is due."""
        server.policy.lets = 1
        self._act(server.driver.go_on)


def _is_due(server: DrivenServer) -> bool:
    charts: tuple[Any, ...] = (server.client, server.view)
    return any(chart.due() for chart in charts)


class DrivenService(PacketService):
    """The rules of `packets.py` at the level of driver and wire."""

    server = DrivenServer

    def built(self, servers: list[Any], seed: int, broker: Any) -> System:
        return DrivenSystem(servers, seed, super().built(servers, seed, broker).broker)
