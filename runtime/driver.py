"""The driver: runs the charts of one server on asyncio.

It turns `!` into I/O and I/O into `?`, and knows nothing of the protocol. A send to the broker becomes a packet, a send
inside the server is received at once by the chart that it names. What is due at a clock happens when its time has come,
on the monotonic clock of the loop. What a chart does not read now waits in its channel.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast
from uuid import uuid4

from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    ConnectionFailed,
    ConnectionLost,
    Message,
    PublishFailed,
    Role,
    Start,
    Stop,
    SubscriptionFailed,
)
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant
from runtime.mqtt.session import Connect, NotConnectedError, RefusedError, Session
from runtime.policy import SchedulingPolicy
from runtime.stepping import changed, received
from runtime.wire.events import Refusals, decode_or_refuse, encode

log = logging.getLogger("clientjoin.server")


@dataclass(frozen=True)
class Move:
    """One action that was done, or tried: who, what, with whom, and where that left the chart.

    `peer` is "broker", a role of the same server, or "" for the owner and the network. `decision` is IMPOSSIBLE where
    a chart refused what came.
    """

    server: str
    role: Role
    action: Literal["!", "?"]
    message: Message
    peer: str
    where: tuple[str, ...]
    decision: Decision = Decision.TAKEN
    why: str = ""


class Server:
    """A tracker server or a torrent server: an MQTT client, a clock and a distribution view."""

    def __init__(
        self,
        charts: Mapping[Role, Participant],
        connect: Connect,
        *,
        timeout: float = 5.0,
        observer: Callable[[Move], None] | None = None,
        refusals: Refusals | None = None,
        policy: SchedulingPolicy | None = None,
    ) -> None:
        """`charts` by role; `connect` makes a session; `timeout` in seconds is what the clock counts.

        `policy` decides what is sent and read when; without one everything is, as soon as it can be.
        """
        self.charts = dict(charts)
        self.name: str = charts["client"].data.client
        self.timeout = timeout
        self.refusals = Refusals() if refusals is None else refusals
        self.refused: Counter[str] = Counter()
        """How often the charts refused which message."""
        self.last_error = ""
        self.failure: Exception | None = None
        """What `last_error` says."""
        self._policy = SchedulingPolicy() if policy is None else policy
        self._connect = connect
        self._observer = observer
        self._session: Session | None = None
        self._channel: deque[tuple[Message, str]] = deque()
        self._timers: dict[tuple[Role, Output], asyncio.TimerHandle] = {}
        self._timed: list[tuple[Role, tuple[Output, ...]]] = []
        """What is due at the charts that are not urgent, as far as timers are set for it."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._publishing: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()
        self._waiters: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self._settling = False
        self._crashed = False

    # For the owner.

    @property
    def where(self) -> tuple[str, ...]:
        """The atomic states of the MQTT client."""
        return self.charts["client"].where

    def start(self) -> None:
        """Order the server to start, also after a crash; `wait_for` tells how that went."""
        if self._crashed:
            self._crashed = False
            self._arrive(ConnectionLost(), "")  # its chart did not live to see that
        self._arrive(Start(), "")

    async def stop(self, within: float = 10.0) -> None:
        """Order the server to say goodbye and disconnect, and leave no task behind; after `within` s it is cut off."""
        deadline = asyncio.get_running_loop().time() + within
        self._arrive(Stop(), "")
        try:
            await self.wait_for(lambda: self.where == ("offline",), within)
        except TimeoutError:
            log.warning("%s did not stop within %s s, being in %s; it is cut off", self.name, within, self.where)
        if self._closing:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(self._closing, timeout=left)
            if late:
                log.warning(
                    "%s did not disconnect within %s s, with %d events not taken over; it is cut off",
                    self.name,
                    within,
                    len(self._publishing),
                )
        await self._cut_off()
        self._stop_timers()

    async def crash(self) -> None:
        """Die: the connection breaks without a word, and what was not yet read and every timeout is gone.

        The charts stay as they are; `start` lets the MQTT client begin anew, with what its view holds.
        """
        self._crashed = self.where != ("offline",)
        self._channel.clear()
        self._stop_timers()
        await self._cut_off()

    async def reconnect(self) -> None:
        """Lose the connection, and start anew."""
        await self._cut_off()
        self._arrive(ConnectionLost(), "")
        self.start()

    def count(self, seconds: float) -> None:
        """What the clock counts from now on; a timeout that is set already and longer ends as early as a new one."""
        self.timeout = seconds
        ends = asyncio.get_running_loop().time() + seconds
        for (role, output), timer in list(self._timers.items()):
            if timer.when() > ends:
                timer.cancel()
                self._set_timer(role, output)

    async def wait_for(self, condition: Callable[[], bool], within: float | None) -> None:
        """Wait until `condition` holds, asked whenever all charts wait. Raises `TimeoutError` after `within` s.

        With `within` None it waits as long as it takes.
        """
        if condition():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = condition
        try:
            async with asyncio.timeout(within):
                await waiter
        finally:
            del self._waiters[waiter]

    # Messages come in.

    def _arrive(self, message: Message, peer: str) -> None:
        """Put a message into the channel of the MQTT client, and let the charts do what they can."""
        self._channel.append((message, peer))
        self._settle()

    def _settle(self) -> None:
        """Let every chart send what is due and read what has come, until all of them wait."""
        if self._settling:
            return  # the loop below is running already, further up the stack
        self._settling = True
        try:
            while self._send_next() or self._read_next():
                pass
            self._set_timers()
        finally:
            self._settling = False
        for waiter, condition in self._waiters.items():
            if not waiter.done() and condition():
                waiter.set_result(None)

    def _send_next(self) -> bool:
        if not self._policy.may_send(self.charts["client"]):
            return False
        for role, chart in self.charts.items():
            due = chart.due() if chart.urgent else ()
            if due and self._may_send(output := self._policy.first(due)):
                self._send(role, output)
                return True
        return False

    def _may_send(self, output: Output) -> bool:  # noqa: ARG002 - for a service that has to store something first
        """Whether what is due can be sent now; if not, `_settle` is called when it can."""
        return True

    def _send(self, role: Role, output: Output) -> None:
        self.charts[role].emit(output)
        message = output.message
        if isinstance(message, BusEvent):
            message = replace(message, event_id=self._new_id())
        self._note_sent(role, message, output.to)
        if output.to == "broker":
            self._transmit(message)
        elif output.to == "client" and role == "clock":
            self._channel.append((message, role))
        else:
            self._receive(cast("Role", output.to), message, role)

    def _new_id(self) -> str:
        """A UUID for the next event: a place for who needs the same ones each time."""
        return str(uuid4())

    def _read_next(self) -> bool:
        """Read the first message in the channel that the MQTT client does not defer."""
        deferred: set[type[Message]] = set()
        for place, (message, peer) in enumerate(self._channel):
            if (kind := type(message)) not in deferred:
                if self.charts["client"].decide(kind) is not Decision.DEFERRED:
                    del self._channel[place]
                    self._receive("client", message, peer)
                    return True
                deferred.add(kind)
        return False

    def _receive(self, role: Role, message: Message, peer: str) -> None:
        self._note_received(role, message, peer, *received(self.charts[role], message))

    def _note_sent(self, role: Role, message: Message, peer: str) -> None:
        if self._observer is not None:
            self._observer(Move(self.name, role, "!", message, peer, self.charts[role].where))

    def _note_received(self, role: Role, message: Message, peer: str, decision: Decision, why: str) -> None:
        if decision is Decision.IMPOSSIBLE:
            self.refused[type(message).__name__] += 1
            log.warning("%s: refused: %s", self.name, why)
        if self._observer is not None:
            self._observer(Move(self.name, role, "?", message, peer, self.charts[role].where, decision, why))

    # Time.

    def _set_timers(self) -> None:
        """Let real timers follow what is due at the charts that are not urgent."""
        if not self._policy.counts_time:
            return
        dues = [(role, chart.due()) for role, chart in self.charts.items() if not chart.urgent]
        over, new = changed(self._timed, dues)
        self._timed = dues
        for each in over:
            self._timers.pop(each).cancel()
        for role, output in new:
            self._set_timer(role, output)

    def _set_timer(self, role: Role, output: Output) -> None:
        loop = asyncio.get_running_loop()
        self._timers[role, output] = loop.call_later(self._seconds(), self._expire, role, output)

    def _seconds(self) -> float:
        """What the clock counts for a timeout that is set now."""
        return self.timeout

    def _expire(self, role: Role, output: Output) -> None:
        del self._timers[role, output]
        self._timed = [(each, tuple(o for o in due if (each, o) != (role, output))) for each, due in self._timed]
        self._send(role, output)
        self._settle()

    def _stop_timers(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._timed = []

    # I/O.

    def _transmit(self, message: Message) -> None:
        if isinstance(message, CONNECT):
            self._session = self._connect(self.name)
            self._spawn(self._do_connect(self._session), self._tasks)
        elif isinstance(message, SUBSCRIBE):
            self._spawn(self._do_subscribe(self._session, message.topic), self._tasks)
        elif isinstance(message, DISCONNECT):
            self._policy.disconnecting()
            session, self._session = self._session, None
            self._spawn(self._do_disconnect(session), self._closing)
        else:
            assert isinstance(message, BusEvent), f"no way to transmit {message}"
            # paho takes an event over as soon as its task begins, so events leave in the order of their tasks.
            self._spawn(self._do_publish(self._session, message), self._publishing)

    async def _do_connect(self, session: Session) -> None:
        self._policy.connecting()
        try:
            await session.connect()
        except RefusedError as error:
            self._fail(session, error, CONNACK(accepted=False))
        except NotConnectedError as error:
            self._fail(session, error, ConnectionFailed())
        else:
            self._spawn(self._listen(session), self._tasks)
            self._tell(session, CONNACK())

    async def _do_subscribe(self, session: Session | None, topic: str) -> None:
        if session is None:
            return
        try:
            await session.subscribe(self._filter_of(topic))
        except RefusedError as error:
            self._fail(session, error, SUBACK(topic=topic, accepted=False))
        except NotConnectedError as error:
            self._fail(session, error, SubscriptionFailed(topic=topic))
        else:
            self._tell(session, SUBACK(topic=topic))

    async def _do_publish(self, session: Session | None, event: BusEvent) -> None:
        await self._policy.before_publishing(event, connected=session is not None)
        if session is None:
            return  # the connection broke while the send was due: lost
        try:
            async with self._writing:  # who waits for it goes on in the order in which it came
                payload = await self._encoded(event)
            await session.publish(self._topic_of(event), payload)
        except NotConnectedError as error:
            if session is not self._session:  # no chart waits for it any more
                log.warning("%s: not published: %s: %s", self.name, type(event).__name__, error)
            self._fail(session, error, PublishFailed(event=type(event)))
        except ValueError as error:  # too large, most likely
            log.warning("%s: not published: %s", self.name, error)
            self._fail(session, error, PublishFailed(event=type(event)))

    async def _do_disconnect(self, session: Session | None) -> None:
        if session is None:
            return
        while self._publishing:
            await asyncio.wait(self._publishing, timeout=self._policy.patience)
            if not session.unacknowledged:
                break  # what is left is held back on purpose, by a fault
        await session.disconnect()

    async def _listen(self, session: Session) -> None:
        try:
            async for topic, payload in session.messages():
                event = await self._decoded(topic, payload)
                if event is not None:
                    self._tell(session, event)
        except NotConnectedError as error:
            if session is self._session:
                for task in self._publishing:
                    task.cancel()  # nobody will acknowledge what is still under way
            self._fail(session, error, ConnectionLost())
        finally:
            await session.crash()

    # What a service does in another way.

    def _topic_of(self, event: BusEvent) -> str:
        """Where an event is published."""
        return event.topic

    def _filter_of(self, topic: str) -> str:
        """How the broker is asked for the events of a topic."""
        return topic

    async def _encoded(self, event: BusEvent) -> bytes:
        """The payload of an event. Raises `ValueError` if it cannot be sent."""
        return encode(event)

    async def _decoded(self, topic: str, payload: bytes) -> BusEvent | None:
        """The event that has come; None if it is malformed, or of no concern."""
        return decode_or_refuse(topic, payload, self.refusals)

    def _tell(self, session: Session, message: Message) -> None:
        """Something came from the broker; what an earlier session still brings is nobody's."""
        if session is self._session:
            if isinstance(message, BusEvent) and not self._policy.reads(message):
                return
            if isinstance(message, ConnectionLost):
                self._policy.connection_lost()
            lost = isinstance(message, ConnectionLost | ConnectionFailed)
            self._arrive(message, "" if lost or isinstance(message, SubscriptionFailed | PublishFailed) else "broker")

    def _fail(self, session: Session, error: Exception, message: Message) -> None:
        if session is self._session:
            self.last_error = str(error)
            self.failure = error
            log.info("%s: %s", self.name, error)
        self._tell(session, message)

    # Tasks.

    def _spawn(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _cut_off(self) -> None:
        """Break the connection, and leave no task behind."""
        self._policy.connection_lost()
        session, self._session = self._session, None
        for task in self._publishing:
            task.cancel()  # they need not say what they could not do
        if session is not None:
            await session.crash()
        ending = (*self._closing, *self._publishing, *self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
