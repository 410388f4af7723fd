"""A real MQTT 3.1.1 broker inside this process, for one machine, its demo and its tests: amqtt, with faults.

What amqtt does: it frames packets, answers CONNECT, SUBSCRIBE and PINGREQ, and runs the handshakes of QoS 0, 1 and 2
with publishers and subscribers. What is done here instead, and why (amqtt 0.12.1):

- *Taking over a PUBLISH.* amqtt queues it for a loop that drops what is left at DISCONNECT: a goodbye is lost. Here an
  event is handled in the step in which its handshake lets it in, before PUBACK or PUBCOMP. One that a fault loses on
  its way in is acknowledged all the same: the publisher believes that it sent.
- *Passing it on.* amqtt iterates over live collections across awaits: subscribers that come and go make others miss
  events. Here an event goes to all its subscribers in one step without an await, once each, at the lower QoS of
  PUBLISH and SUBSCRIBE; the observer is told in that order.
- *Sessions and wills.* amqtt mixes up two connections of one client. Here a session and its subscriptions end with the
  connection, a second connection of a client ends the first, and a will is an event that was sent with CONNECT, so
  only faults on the hop `from-broker` touch it.
- *Retained messages.* amqtt sends them to clients that did not ask. Here they go to whoever subscribes.

What is missing (Mosquitto has it): persistent sessions, limits on sizes, slow readers and keepalive, passwords, TLS.
Anybody who reaches the port may connect. Payloads pass unread.
"""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Callable, Collection
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, ParamSpec, Self

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType  # type: ignore[import-untyped]
from amqtt.mqtt import DisconnectPacket, PublishPacket  # type: ignore[import-untyped]
from amqtt.plugins.base import BaseAuthPlugin  # type: ignore[import-untyped]
from amqtt.session import ApplicationMessage, Session  # type: ignore[import-untyped]

from machines.events import EVENT_OF_TOPIC
from runtime.mqtt.delivery import deliver
from runtime.mqtt.faults import FROM_BROKER, TO_BROKER, FaultPlan, Hop, Verdict
from runtime.mqtt.observer import BrokerObserver, SilentObserver

P = ParamSpec("P")

REFUSED = 0x80  # the return code in SUBACK (MQTT 3.1.1, 3.9.3)
LINGER = 1.0  # seconds that a closing connection has to take what is still buffered for it

logger = logging.getLogger(__name__)


class BrokerError(OSError):
    """The broker cannot listen: the message names the address and the remedy."""


class _Message(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(eq=False, slots=True)
class _Connection:
    """One TCP connection; `client` is empty and `session` None until CONNECT."""

    writer: asyncio.StreamWriter
    task: asyncio.Task[None] = field(init=False)
    client: str = ""
    session: Session | None = None
    will: _Message | None = None
    clean: bool = False
    sending: set[asyncio.Task[None]] = field(default_factory=set)

    def is_open(self) -> bool:
        """Can it still take an event?"""
        return not (self.clean or self.writer.is_closing())


# amqtt's hooks do not say which connection they are about; the tasks of a connection inherit it from the first.
_CONNECTION: ContextVar[_Connection] = ContextVar("_CONNECTION")


class _Reader(StreamReaderAdapter):  # type: ignore[misc]
    """Reads a connection for amqtt."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._stream = reader
        self._head = b""

    async def has_data(self) -> bool:
        """Wait for the first byte; False if there is none (amqtt would log an error for a mere probe of the port)."""
        self._head = await self._stream.read(1)
        return bool(self._head)

    async def read(self, n: int = -1) -> bytes:
        head, self._head = self._head, b""
        if self._stream.at_eof():
            # amqtt cancels its tasks at the end of the stream: let those for the last packets run first.
            await asyncio.sleep(0)
        data: bytes = await super().read(n - len(head) if n > 0 else n)
        return head + data


class _Writer(StreamWriterAdapter):  # type: ignore[misc]
    """Writes a connection for amqtt, without ever waiting for a peer that does not read.

    amqtt misses an acknowledgement that comes while it waits here.
    """

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        pass

    async def close(self) -> None:
        self._writer.close()


class _Intake(asyncio.Queue[ApplicationMessage]):
    """Stands in for a session's queue of incoming messages: takes each over at once.

    A topic that nobody may publish to goes through the queue to amqtt, which ends the connection.
    """

    def __init__(self, take: Callable[[_Message], None]) -> None:
        super().__init__()
        self._take = take

    def put_nowait(self, item: ApplicationMessage) -> None:
        topic: str = item.topic
        if not topic or topic.startswith("$"):  # wildcards do not come this far
            super().put_nowait(item)
        else:
            self._take(_Message(topic, bytes(item.data), item.qos or 0, bool(item.retain)))


class _Gate(BaseAuthPlugin):  # type: ignore[misc]
    """Hands what amqtt's plugins are told to the broker that owns them."""

    @dataclass
    class Config:
        """What amqtt passes on to the plugin."""

        owner: Any

    async def authenticate(self, *, session: Session) -> bool:
        owner: EmbeddedBroker = self.config.owner
        return await owner._admit(session)  # noqa: SLF001 - its other half

    async def on_mqtt_packet_received(self, *, packet: object, session: Session | None = None) -> None:
        if session is not None and isinstance(packet, DisconnectPacket):
            _CONNECTION.get().clean = True
        elif isinstance(packet, PublishPacket):
            self.config.owner.begun.add(packet.topic_name)


class _Amqtt(Broker):  # type: ignore[misc]
    """amqtt's broker, with its answer to SUBSCRIBE under our control."""

    def __init__(self, owner: "EmbeddedBroker") -> None:
        gate = f"{_Gate.__module__}.{_Gate.__qualname__}"
        listeners = {"default": ListenerConfig(type=ListenerType.EXTERNAL)}
        super().__init__(BrokerConfig(listeners=listeners, plugins={gate: {"owner": owner}}))
        self.owner = owner

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        topic, _ = subscription
        refused = topic in self.owner.refuse_subscriptions
        code: int = REFUSED if refused else await super().add_subscription(subscription, session)
        self.owner._subscribed(_CONNECTION.get(), topic, code)  # noqa: SLF001 - its other half
        return code


class EmbeddedBroker:
    """An MQTT broker on `host`:`port` (0: any free port; `port` tells which), used as an async context manager.

    `faults` decides about each bus event on each hop; other topics pass. `refuse_connections` (client ids) and
    `refuse_subscriptions` (topics) are looked up at each attempt, so a set may be changed meanwhile. After `stop` or
    `kill` the same object can be started again, on the same port. Raises BrokerError if it cannot listen.
    `begun`: the topics of each PUBLISH; it is taken over later at QoS 2, or never if its publisher leaves.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        faults: FaultPlan | None = None,
        observer: BrokerObserver | None = None,
        refuse_connections: Collection[str] = (),
        refuse_subscriptions: Collection[str] = (),
    ) -> None:
        self.host, self.port = host, port
        self.faults = faults or FaultPlan()
        self.observer = observer or SilentObserver()
        self.observer_errors = 0
        self.begun: set[str] = set()
        self.refuse_connections, self.refuse_subscriptions = refuse_connections, refuse_subscriptions
        self._running = False
        self._dead = False
        self._connections: set[_Connection] = set()
        self._clients: dict[str, _Connection] = {}
        self._retained: dict[str, _Message] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # Coming and going of the broker.

    async def start(self) -> None:
        """Listen; nothing is left of an earlier run. Raises BrokerError."""
        assert not self._running, "the broker is running already"
        for name in ("amqtt", "transitions"):
            library = logging.getLogger(name)
            if library.level == logging.NOTSET:
                library.setLevel(logging.WARNING)
        self._retained.clear()
        self._dead = False
        self._amqtt = _Amqtt(self)
        await self._amqtt.start()
        self._running = True
        try:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)
        except (OSError, OverflowError) as error:
            self._running = False
            await self._amqtt.shutdown()
            raise BrokerError(_why_not(self.host, self.port, error)) from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self, within: float = 5.0) -> None:
        """Close all connections and the port, in at most `within` seconds; stopping twice does no harm.

        Events that a fault still delays are dropped, wills stay unsaid.
        """
        if not self._running:
            return
        self._running = False
        self._server.close()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        ending = {connection.task for connection in self._connections}
        for connection in self._connections:
            if connection.client:
                connection.writer.close()
            else:
                connection.task.cancel()  # nothing came yet: amqtt would log the end of the stream as an error
        if ending:
            await asyncio.wait(ending, timeout=min(LINGER, within / 3))
            for connection in self._connections:
                connection.writer.transport.abort()
            _, late = await asyncio.wait(ending, timeout=within / 3)
            for task in late:
                task.cancel()
        try:
            async with asyncio.timeout(within / 3):
                await self._amqtt.shutdown()
                await self._server.wait_closed()
        except TimeoutError:
            logger.warning("the broker on port %d did not end within %g seconds", self.port, within)

    async def kill(self) -> None:
        """Die: all connections break at once, wills stay unsaid, and the observer is told nothing more."""
        self._dead = True
        for connection in self._connections:
            connection.writer.transport.abort()
        await self.stop()

    def will_is_due(self, client: str, topic: str, payload: bytes, say: Callable[[], None]) -> None:  # noqa: ARG002
        """A connection has ended without DISCONNECT, and its client has left a will: the place for a policy."""
        say()

    # Coming and going of clients.

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._running:
            writer.transport.abort()
            return
        connection = _Connection(writer)
        self._connections.add(connection)
        connection.task = asyncio.create_task(self._serve(connection, _Reader(reader)))
        connection.task.add_done_callback(lambda _: self._connections.discard(connection))

    async def _serve(self, connection: _Connection, reader: _Reader) -> None:
        _CONNECTION.set(connection)
        try:
            if await reader.has_data():
                await self._amqtt.external_connected(reader, _Writer(connection.writer), "default")
        except OSError:
            logger.debug("the connection of %r broke", connection.client)
        except Exception:  # whatever one client provokes must not reach the others
            logger.warning("the connection of %r ended by an error", connection.client, exc_info=True)
        finally:
            await self._leave(connection)

    async def _admit(self, session: Session) -> bool:
        """Decide about a CONNECT: the place for a policy."""
        connection = _CONNECTION.get()
        connection.session = session
        client: str = session.client_id
        if client in self.refuse_connections:
            return False
        while before := self._clients.get(client):
            before.writer.transport.abort()  # MQTT 3.1.1, 3.1.4-2
            await asyncio.wait({before.task})
        if session.will_flag:
            will = bytes(session.will_message or b"")
            connection.will = _Message(session.will_topic, will, session.will_qos or 0, bool(session.will_retain))
            session.will_flag = False
        session.is_anonymous = True
        session.parent = 0  # "session present" in CONNACK
        session.inflight_in.clear()
        session.inflight_out.clear()
        session.delivered_message_queue = _Intake(partial(self._take, client))
        connection.client = client
        self._clients[client] = connection
        self._tell(self.observer.connected, client)
        return True

    def _subscribed(self, connection: _Connection, topic: str, code: int) -> None:
        accepted = code != REFUSED
        self._tell(self.observer.subscribed, connection.client, topic, accepted)
        for message in self._retained.values() if accepted else ():
            if matches(topic, message.topic):
                self._pass_on(connection, message._replace(qos=min(code, message.qos)))

    async def _leave(self, connection: _Connection) -> None:
        """End a connection, and with it its session."""
        handler = self._forget(connection.session) if connection.session else None
        if connection.client:
            del self._clients[connection.client]
            self._tell(self.observer.disconnected, connection.client, connection.clean)
            if connection.will and not connection.clean and self._running:
                client, will = connection.client, connection.will
                self.will_is_due(client, will.topic, will.payload, partial(self._receive, client, will))
        connection.writer.close()
        for sending in connection.sending:
            sending.cancel()
        with contextlib.suppress(Exception):  # it ends in any case
            async with asyncio.timeout(LINGER):
                if handler:
                    await handler.stop()
                await connection.writer.wait_closed()
        connection.writer.transport.abort()

    def _forget(self, session: Session) -> Any:
        """Take a session and its subscriptions from amqtt; gives what handles its packets, if it was known."""
        known, handler = self._amqtt.sessions.get(session.client_id, (None, None))
        if known is not session:
            return None  # amqtt has replaced it already
        del self._amqtt.sessions[session.client_id]
        for subscribers in self._amqtt.subscriptions.values():
            subscribers[:] = [one for one in subscribers if one[0] is not session]
        return handler

    # The way of an event.

    def _take(self, client: str, message: _Message) -> None:
        """From a client to the broker."""
        if not self._running:
            return
        verdict = self._verdict(message, TO_BROKER, client)
        if verdict.lost:
            self._tell(self.observer.lost_to_broker, client, message.topic, message.payload)
            return
        for _ in range(1 + verdict.duplicates):
            self._after(verdict.delay, partial(self._receive, client, message))

    def _receive(self, client: str, message: _Message) -> None:
        """At the broker. Nothing here may wait: see the module."""
        self._tell(self.observer.received, client, message.topic, message.payload)
        if message.retain:
            self._retained.pop(message.topic, None)
            if message.payload:
                self._retained[message.topic] = message
        granted: dict[str, int] = {}
        for topic_filter, subscribers in self._amqtt.subscriptions.items():
            if matches(topic_filter, message.topic):
                for session, qos in subscribers:
                    granted[session.client_id] = max(qos, granted.get(session.client_id, 0))
        for subscriber, qos in granted.items():
            if connection := self._clients.get(subscriber):
                self._pass_on(connection, message._replace(qos=min(qos, message.qos), retain=False))

    def _pass_on(self, connection: _Connection, message: _Message) -> None:
        """From the broker to one subscriber."""
        if not connection.is_open():
            return  # no longer a subscriber
        verdict = self._verdict(message, FROM_BROKER, connection.client)
        if verdict.lost:
            self._tell(self.observer.lost_from_broker, message.topic, message.payload, connection.client)
            return
        for _ in range(1 + verdict.duplicates):
            self._after(verdict.delay, partial(self._send, connection, message))

    def _send(self, connection: _Connection, message: _Message) -> None:
        _, handler = self._amqtt.sessions.get(connection.client, (None, None))
        if handler is None or not connection.is_open():
            self._tell(self.observer.lost_from_broker, message.topic, message.payload, connection.client)
            return
        self._tell(self.observer.forwarded, message.topic, message.payload, connection.client)
        # A task for the handshake with this subscriber; tasks start in the order in which they are created.
        sending = asyncio.create_task(self._hand_over(connection, handler, message))
        connection.sending.add(sending)
        sending.add_done_callback(connection.sending.discard)

    async def _hand_over(self, connection: _Connection, handler: Any, message: _Message) -> None:
        try:
            await deliver(handler, *message)
        except Exception:
            if connection.is_open():  # otherwise the subscriber has broken off
                logger.exception("%s was not delivered to %r", message.topic, connection.client)

    def _verdict(self, message: _Message, hop: Hop, client: str) -> Verdict:
        event = EVENT_OF_TOPIC.get(message.topic)
        return self.faults.decide(event.__name__, hop, client) if event else Verdict()

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        if not seconds:
            act()
            return

        def due() -> None:
            self._timers.discard(timer)
            act()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def _tell(self, told: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        if self._dead:
            return
        try:
            told(*args, **kwargs)
        except Exception:
            self.observer_errors += 1
            logger.exception("the observer of the broker failed")


def matches(topic_filter: str, topic: str) -> bool:
    """Does a topic that may be published to match a valid topic filter (MQTT 3.1.1, 4.7)?"""
    levels = topic.split("/")
    wanted = topic_filter.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)


def _why_not(host: str, port: int, error: Exception) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        remedy = "stop the program that listens there, or choose another port (0 picks a free one)"
        return f"port {port} of {host} is already in use: {remedy}"
    remedy = "the host must be an address of this machine such as 127.0.0.1, the port 0 or from 1024 to 65535"
    return f"cannot listen on port {port} of {host} ({error}): {remedy}"
