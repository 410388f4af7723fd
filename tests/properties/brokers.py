"""Level (c): the real driver over a real broker, the embedded one or Mosquitto, with faults that are injected.

Each session is a real one. What a server publishes is held at our end of the wire until a step lets the broker have it,
and what comes is held until a step lets the server read it; so every loss and every duplicate of a run happens, on
either hop, on any broker. After each step everything is compared with what the run says, as soon as it has come.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress, NotConnectedError, Session
from tests.properties.buses import Message
from tests.properties.levels import DifferenceError
from tests.properties.runs import Run
from tests.properties.wired import Wired
from tests.support.mosquitto import Mosquitto

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds that what has been sent can take to come."""
FEW, FEWEST = 25, 3
FAR = 86_400.0
"""Seconds that a clock counts: no timeout expires but those that a run lets expire."""


def few(examples: int) -> int:
    """How many examples are tried here in the place of so many at other levels: each takes real time."""
    return max(FEWEST, examples // FEW)


class HeldSession:
    """A session with a broker; what it publishes, and what comes, is held."""

    unacknowledged = 0

    def __init__(self, bus: "HeldBus", client: str) -> None:
        self.bus = bus
        self.client = client
        self.real = Session(bus.address(), client, 2, patience=PATIENCE)
        self.down: deque[Message] = deque()
        self.topics: set[str] = set()
        self.is_open = False
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        await self.real.connect()
        self.is_open = True
        self.bus.sessions[self.client] = self
        self._reader = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for message in self.real.messages():
                if self.is_open:
                    self.down.append(message)
        except NotConnectedError:
            self.lost()

    async def subscribe(self, topic: str) -> None:
        await self.real.subscribe(topic)
        self.topics.add(topic)

    async def publish(self, topic: str, payload: bytes) -> None:
        if not self.is_open:
            raise NotConnectedError("the connection is gone")
        self.bus.sent[self.client].append((topic, payload))

    async def messages(self) -> AsyncIterator[Message]:
        while (message := await self._inbox.get()) is not None:
            yield message
        raise NotConnectedError("the connection broke")

    def read(self, message: Message | None) -> None:
        """Let a message come to the server; None: the connection is broken."""
        self._inbox.put_nowait(message)

    def lost(self) -> None:
        """The connection is gone, to the knowledge of the server."""
        if self.is_open:
            self.is_open = False
            self.down.clear()
            self.read(None)

    async def disconnect(self) -> None:
        await self._end(self.real.disconnect)

    async def crash(self) -> None:
        await self._end(self.real.crash)

    async def _end(self, how: Callable[[], Awaitable[None]]) -> None:
        """The server is through with it; what it has sent may still be on its way, and goes first."""
        self.is_open = False
        self.down.clear()
        self.topics.clear()
        if self.bus.sessions.get(self.client) is self:
            del self.bus.sessions[self.client]
            if self.bus.sent[self.client]:
                self.bus.ending[self.client] = (self, how)
                return
        if self.bus.ending.get(self.client, (None,))[0] is not self:
            await self.close(how)

    async def close(self, how: Callable[[], Awaitable[None]]) -> None:
        """End the real session."""
        await how()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)


class HeldBus:
    """A real broker, and what is held before and behind it."""

    def __init__(self, address: Callable[[], BrokerAddress], restart: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.address = address
        self._restart = restart
        self.sessions: dict[str, HeldSession] = {}
        self.sent: dict[str, deque[Message]] = {}
        self.ending: dict[str, tuple[HeldSession, Callable[[], Awaitable[None]]]] = {}
        """Sessions that the server has left, of which something is still on its way."""

    def session(self, client: str) -> HeldSession:
        self.sent.setdefault(client, deque())
        return HeldSession(self, client)

    async def put(self, session: HeldSession, topics: frozenset[str], down: list[Message]) -> None:
        """A client has been connected for a while."""
        await session.connect()
        for topic in sorted(topics):
            await session.subscribe(topic)
        session.down.extend(down)

    def up(self, client: str) -> list[Message]:
        return list(self.sent[client])

    def down(self, client: str) -> list[Message]:
        return list(self.sessions[client].down) if client in self.sessions else []

    async def forward(self, client: str) -> None:
        topic, payload = self.sent[client].popleft()
        ending, there = self.ending.get(client), self.sessions.get(client)
        if ending is not None and there is None:
            await ending[0].real.publish(topic, payload)
        elif ending is None and there is not None:
            await there.real.publish(topic, payload)
        else:  # the connection over which it left is over: the client is back, or it left before the run begins
            await self._publish(topic, payload)
        await self._ended(client)

    async def _publish(self, topic: str, payload: bytes) -> None:
        """Publish something over a connection of its own."""
        stranger = Session(self.address(), "stranger", 2, patience=PATIENCE)
        await stranger.connect()
        await stranger.publish(topic, payload)
        await stranger.disconnect()

    async def _ended(self, client: str) -> None:
        """Close what the last event was awaited of."""
        if client in self.ending and not self.sent[client]:
            session, how = self.ending.pop(client)
            await session.close(how)

    async def lose_up(self, client: str) -> None:
        self.sent[client].popleft()
        await self._ended(client)

    async def deliver(self, client: str, *, again: bool = False) -> None:
        session = self.sessions[client]
        session.read(session.down[0] if again else session.down.popleft())

    async def lose_sent(self, client: str, place: int) -> None:
        del self.sent[client][place]
        await self._ended(client)

    async def lose_down(self, client: str) -> None:
        self.sessions[client].down.popleft()

    def cut(self, client: str, arrive: int) -> None:
        while len(self.sent[client]) > arrive:
            self.sent[client].pop()

    async def disconnect(self, client: str) -> None:
        """The network breaks a connection."""
        self.sessions[client].lost()

    async def take_over(self, client: str) -> None:
        """Somebody else connects with the identifier of a client, and leaves: the broker ends the first connection."""
        session = self.sessions[client]
        rival = Session(self.address(), client, 2, patience=PATIENCE)
        await rival.connect()
        await until(lambda: not session.is_open, f"the broker ends the connection of {client} that was taken over")
        await rival.crash()

    async def restart(self) -> None:
        """The broker ends with all connections, and is there again."""
        for sent in self.sent.values():
            sent.clear()
        left = [*self.sessions.values(), *(session for session, _ in self.ending.values())]
        self.ending.clear()
        await self._restart()
        await until(lambda: not any(session.is_open for session in left), "everybody notices that the broker is gone")

    async def inject(self, topic: str, payload: bytes) -> list[HeldSession]:
        """Somebody else publishes. Waits until all who have subscribed have it, and takes it from what is held."""
        reached = [session for session in self.sessions.values() if topic in session.topics]
        await self._publish(topic, payload)
        await until(
            lambda: all((topic, payload) in session.down for session in reached), f"{payload!r} on {topic} comes"
        )
        for session in reached:
            session.down.remove((topic, payload))
        return reached

    async def close(self) -> None:
        """Leave no connection."""
        for session, _ in list(self.ending.values()):
            await session.close(session.real.crash)
        self.ending.clear()


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that comes over a real network. Raises `DifferenceError` after `PATIENCE` seconds."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not holds():
        if asyncio.get_running_loop().time() > deadline:
            raise DifferenceError(f"{PATIENCE:g} s were not enough: {what}")
        await asyncio.sleep(0.001)


class RealLoop:
    """The loop of asyncio, with what the driver level asks of one."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self._runner.close()


class OnEmbedded(Wired):
    """With the broker that comes with the package."""

    name = "embedded broker"
    remembers = False
    timeout = FAR
    held: HeldBus

    def _loop(self) -> Any:
        return RealLoop()

    def begin(self, run: Run) -> None:
        self.loop.run(self._start())
        self.bus = self.held = HeldBus(self._address, self._restart)
        self.loop.run(self._begun(run))
        self._settle(run)

    async def _start(self) -> None:
        self._broker = EmbeddedBroker()
        await self._broker.start()

    def _address(self) -> BrokerAddress:
        return BrokerAddress(self._broker.host, self._broker.port)

    async def _restart(self) -> None:
        await self._broker.stop()
        await self._broker.start()

    async def _stop(self) -> None:
        await self._broker.stop()

    def _settle(self, run: Run) -> None:
        self.loop.run(self._come(run))

    async def _come(self, run: Run) -> None:
        """Wait until everything is as the run says."""
        found: list[str] = []

        def is_there() -> bool:
            found[:] = self.differences(run)
            return not found

        with suppress(DifferenceError):
            await until(is_there, "")
        if found:
            raise DifferenceError("; ".join(found))

    def end(self) -> None:
        for server in self.servers.values():
            self.loop.run(server.crash())
        if hasattr(self, "held"):
            self.loop.run(self.held.close())
        if hasattr(self, "_broker"):
            self.loop.run(self._stop())
        self.loop.close()


class OnMosquitto(OnEmbedded):
    """With Mosquitto: one for all runs."""

    name = "Mosquitto"
    program = ""
    folder = Path()
    running: Mosquitto | None = None

    async def _start(self) -> None:
        if OnMosquitto.running is None:
            OnMosquitto.running = Mosquitto(self.program, self.folder)

    def _address(self) -> BrokerAddress:
        assert OnMosquitto.running is not None
        return OnMosquitto.running.address

    async def _restart(self) -> None:
        assert OnMosquitto.running is not None
        OnMosquitto.running.kill()
        OnMosquitto.running.start()

    def end(self) -> None:
        for server in self.servers.values():
            self.loop.run(server.crash())
        if hasattr(self, "held"):
            self.loop.run(self.held.close())
        self.loop.close()
