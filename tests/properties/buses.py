"""A bus on which nothing moves by itself: what is sent waits at the sender's end, what came waits at the receiver's.

`SimulatedBus` is in memory, with sessions behind the interface of `runtime.mqtt.session`; one that stands before a real
broker is in `tests.properties.brokers`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from runtime.mqtt.session import NotConnectedError

Message = tuple[str, bytes]
"""Topic and payload."""


class SimulatedSession:
    """One session of a client with a `SimulatedBus`."""

    def __init__(self, bus: "SimulatedBus", client: str) -> None:
        self.bus = bus
        self.client = client
        self.is_open = False
        self.topics: set[str] = set()
        self.down: deque[Message] = deque()
        self._inbox: asyncio.Queue[Message | None] = asyncio.Queue()

    unacknowledged = 0

    async def connect(self) -> None:
        self.bus.connect(self)

    async def subscribe(self, topic: str) -> None:
        if not self.is_open:
            raise NotConnectedError("the connection is gone")
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
        """Let a message come to the client; None: the connection is broken."""
        self._inbox.put_nowait(message)

    async def disconnect(self) -> None:
        self.bus.end(self)

    async def crash(self) -> None:
        self.bus.end(self)


class SimulatedBus:
    """A broker and its connections, in memory."""

    def __init__(self) -> None:
        self.sessions: dict[str, SimulatedSession] = {}
        self.sent: dict[str, deque[Message]] = {}

    def session(self, client: str) -> SimulatedSession:
        """A new session, not yet connected."""
        self.sent.setdefault(client, deque())
        return SimulatedSession(self, client)

    def connect(self, session: SimulatedSession) -> None:
        """A second connection of a client ends the first (MQTT 3.1.1, 3.1.4)."""
        earlier = self.sessions.get(session.client)
        self.sessions[session.client] = session
        session.is_open = True
        if earlier is not None:
            self._break(earlier)

    def end(self, session: SimulatedSession) -> None:
        """A session ends at its client's end; what it has sent is still on its way."""
        session.is_open = False
        session.down.clear()
        if self.sessions.get(session.client) is session:
            del self.sessions[session.client]

    def _break(self, session: SimulatedSession) -> None:
        self.end(session)
        session.read(None)

    # What a test does.

    def up(self, client: str) -> list[Message]:
        return list(self.sent.get(client, ()))

    def down(self, client: str) -> list[Message]:
        return list(self.sessions[client].down) if client in self.sessions else []

    async def forward(self, client: str) -> None:
        """The broker takes over the oldest event of a client, and passes it on."""
        message = self.sent[client].popleft()
        for session in await self.inject(*message):
            session.down.append(message)

    async def inject(self, topic: str, payload: bytes) -> list[SimulatedSession]:
        """To whom the broker passes an event on; it comes to their clients when they read it."""
        del payload
        return [session for session in self.sessions.values() if topic in session.topics]

    async def lose_up(self, client: str) -> None:
        self.sent[client].popleft()

    async def lose_sent(self, client: str, place: int) -> None:
        """One of those that a client has sent, though not the oldest."""
        del self.sent[client][place]

    async def deliver(self, client: str, *, again: bool = False) -> None:
        """The oldest event that is on its way to a client comes; `again`: and stays on its way."""
        session = self.sessions[client]
        session.read(session.down[0] if again else session.down.popleft())

    async def lose_down(self, client: str) -> None:
        self.sessions[client].down.popleft()

    def cut(self, client: str, arrive: int) -> None:
        """Of what a client has sent only the oldest so many reach the broker."""
        while len(self.sent[client]) > arrive:
            self.sent[client].pop()

    async def disconnect(self, client: str) -> None:
        """The network breaks a connection."""
        self._break(self.sessions[client])

    async def take_over(self, client: str) -> None:
        """Somebody else connects with the identifier of a client, and leaves."""
        rival = self.session(client)
        self.connect(rival)
        self.end(rival)

    async def restart(self) -> None:
        """The broker ends with all connections, and is there again."""
        for session in list(self.sessions.values()):
            self._break(session)
        for sent in self.sent.values():
            sent.clear()

    # Beginning in the middle.

    async def put(self, session: SimulatedSession, topics: frozenset[str], down: list[Message]) -> None:
        """A client has been connected for a while."""
        self.connect(session)
        session.topics |= topics
        session.down.extend(down)
