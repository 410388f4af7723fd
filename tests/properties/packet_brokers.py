"""The service of `packets.py` with real drivers and a real broker: level (c), packet by packet.

A packet that is carried to the broker goes over a real session, and its answer is awaited; what the broker passes on is
held until somebody carries it on. So startups are interrupted, refused and cut off at each packet, by a real broker.
Servers are on a loop on which no time passes (`packet_drivers.py`), the broker and its sessions on one of their own.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, ClassVar, TypeVar

from machines.broker import Broker, BrokerData
from machines.calls import CONNACK, CONNECT, DISCONNECT, SUBACK, SUBSCRIBE, ConnectionLost, Message
from machines.events import EVENT_OF_TOPIC, BusEvent
from machines.participant import Output, Snapshot
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress, NotConnectedError, RefusedError, Session
from runtime.wire.events import decode, encode
from tests.properties.levels import DifferenceError
from tests.properties.packet_drivers import DrivenServer, DrivenSystem, stamped
from tests.properties.packets import PacketService
from tests.support.harness import System

T = TypeVar("T")
PATIENCE = 10.0
"""Seconds within which a broker on this machine answers, or passes on."""
EVERYTHING = frozenset(EVENT_OF_TOPIC)


class RealBroker:
    """The embedded broker, where the harness expects the broker's chart. One is used again and again (`begin`)."""

    urgent = True
    where = ("listening", "settled", "quiet")

    def __init__(self) -> None:
        self.refuses = False
        self._runner = asyncio.Runner()
        self._broker = EmbeddedBroker()
        self._sessions: dict[str, _Reading] = {}
        self._owed: deque[Output] = deque()
        self.run(self._broker.start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the broker and its sessions work until this is done."""
        return self._runner.run(work)

    def close(self) -> None:
        """Stop it."""
        self.run(self._begin({}))
        self.run(self._broker.stop())
        self._runner.close()

    def begin(self, sessions: Mapping[str, frozenset[str]]) -> None:
        """Be where these clients have been connected for a while, and nobody else."""
        self.run(self._begin(sessions))

    async def _begin(self, sessions: Mapping[str, frozenset[str]]) -> None:
        self._owed.clear()
        self.refuses = False
        for client in list(self._sessions):
            await self._left(client)
        for client, topics in sessions.items():
            await self._connect(client)
            for topic in sorted(topics):
                await self._subscribe(client, topic)
        self._owed.clear()

    # As the harness sees the broker.

    @property
    def data(self) -> BrokerData:
        """Who is connected."""
        return BrokerData({client: frozenset(one.topics) for client, one in self._sessions.items()})

    def snapshot(self) -> Snapshot:
        """Where it is, as its chart would say."""
        sessions = tuple(sorted((client, tuple(sorted(one.topics))) for client, one in self._sessions.items()))
        return Snapshot(self.where, sessions)

    def due(self) -> tuple[Output, ...]:
        """What came from it first, of all that was not carried on."""
        return tuple(self._owed)[:1]

    def emit(self, output: Output) -> None:
        """It is carried on."""
        assert self._owed[0] == output
        self._owed.popleft()

    def receive(self, message: Message, client: str) -> None:
        """A packet goes to it; returns when all that it does about it is done."""
        self.run(self._receive(message, client))

    async def _receive(self, message: Message, client: str) -> None:
        if isinstance(message, CONNECT):
            await self._connect(client)
        elif client not in self._sessions:
            return  # it was refused, and has sent more before it knew
        elif isinstance(message, SUBSCRIBE):
            await self._subscribe(client, message.topic)
        elif isinstance(message, DISCONNECT):
            await self._left(client, clean=True)
        elif isinstance(message, ConnectionLost):
            await self._left(client)
        else:
            assert isinstance(message, BusEvent), message
            await self._pass_on(message, client)

    async def _connect(self, client: str) -> None:
        earlier = self._sessions.pop(client, None)
        self._broker.refuse_connections = {client} if self.refuses else ()
        session = _Reading(self._address(), client)
        try:
            await session.connect()
        except RefusedError:
            self._owed.append(Output(CONNACK(accepted=False), client))
        else:
            session.listen()
            self._sessions[client] = session
            self._owed.append(Output(CONNACK(), client))
        if earlier is not None:
            await earlier.end()

    async def _subscribe(self, client: str, topic: str) -> None:
        self._broker.refuse_subscriptions = EVERYTHING if self.refuses else ()
        try:
            await self._sessions[client].subscribe(topic)
        except RefusedError:
            self._owed.append(Output(SUBACK(topic=topic, accepted=False), client))
        else:
            self._sessions[client].topics.add(topic)
            self._owed.append(Output(SUBACK(topic=topic), client))

    async def _left(self, client: str, *, clean: bool = False) -> None:
        await self._sessions.pop(client).end(clean=clean)

    async def _pass_on(self, event: BusEvent, client: str) -> None:
        on_wire = stamped(event)
        await self._sessions[client].publish(event.topic, encode(on_wire))
        for receiver, session in self._sessions.items():
            if event.topic in session.topics:
                got = await session.next(f"{type(event).__name__} comes to {receiver}")
                if decode(*got) != on_wire:
                    raise DifferenceError(f"{got} comes to {receiver}, and not {on_wire}")
                self._owed.append(Output(event, receiver))

    def _address(self) -> BrokerAddress:
        return BrokerAddress(self._broker.host, self._broker.port)


class _Reading(Session):
    """A session, what it has subscribed to, and what has come."""

    def __init__(self, address: BrokerAddress, client: str) -> None:
        super().__init__(address, client, 1, patience=PATIENCE)
        self.topics: set[str] = set()
        self._come: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._reader: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Read whatever comes."""
        self._reader = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for message in self.messages():
                self._come.put_nowait(message)
        except NotConnectedError:
            return  # it was ended here, or by a later session of its client

    async def next(self, what: str) -> tuple[str, bytes]:
        """What comes next. Raises `DifferenceError` if nothing does."""
        try:
            return await asyncio.wait_for(self._come.get(), PATIENCE)
        except TimeoutError:
            raise DifferenceError(f"{PATIENCE:g} s were not enough: {what}") from None

    async def end(self, *, clean: bool = False) -> None:
        """End it; nothing may have come that nobody expected."""
        await (self.disconnect() if clean else self.crash())
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if not self._come.empty():
            raise DifferenceError(f"{self._come.get_nowait()} comes to {self.client}, and nobody owes it")


class BrokeredSystem(DrivenSystem):
    """Drivers, and a broker that is no chart."""

    broker: Any
    _one: ClassVar[RealBroker | None] = None

    @classmethod
    def shared(cls) -> RealBroker:
        """The broker of all these systems, one after the other."""
        if cls._one is None:
            cls._one = RealBroker()
        return cls._one

    @classmethod
    def stop(cls) -> None:
        """It is not needed any more."""
        if cls._one is not None:
            cls._one.close()
            cls._one = None

    def _connected(self, sessions: dict[str, frozenset[str]]) -> None:
        self.broker.begin(sessions)

    def _take_up(self, link: Any) -> None:
        self.broker.refuses = self.refusing
        super()._take_up(link)

    def _allowed(self, due: tuple[Output, ...]) -> Any:
        """What the broker has said it has said."""
        return iter(due)


class BrokeredService(PacketService):
    """The rules of `packets.py` over the embedded broker."""

    server = DrivenServer

    def built(self, servers: list[Any], seed: int, broker: type[Broker]) -> System:
        del broker
        return BrokeredSystem(servers, seed, BrokeredSystem.shared())
