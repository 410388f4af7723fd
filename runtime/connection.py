"""The connection of a server: what its MQTT client sends to the broker becomes packets, what comes becomes messages.

A server has one session after another. Each has tasks that work on it, and what a task of an earlier session still
brings is nobody's.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

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
    SubscriptionFailed,
)
from machines.events import BusEvent
from runtime.bus_adapter import BusAdapter
from runtime.mqtt.session import NotConnectedError, RefusedError, Session
from runtime.policy import SchedulingPolicy
from runtime.wire.events import Refusals

log = logging.getLogger("clientjoin.server")
Tasks = set[asyncio.Task[None]]


class Connection:
    """The session that a server has, if any, and the tasks that work on this one and on earlier ones."""

    def __init__(
        self,
        name: str,
        bus: BusAdapter,
        policy: SchedulingPolicy,
        refusals: Refusals,
        arrive: Callable[[Message, str], None],
    ) -> None:
        """`arrive` is given what comes for the MQTT client of the server `name`, and from whom: "broker" or ""."""
        self.session: Session | None = None
        """The present one; None where the server has none, or disconnects."""
        self.failure: Exception | None = None
        """What went wrong last."""
        self.last_error = ""
        """What `failure` says."""
        self.publishing: Tasks = set()
        """One for each event that the broker has not taken over."""
        self.closing: Tasks = set()
        """Those that end sessions."""
        self._name = name
        self._bus = bus
        self._policy = policy
        self._refusals = refusals
        self._arrive = arrive
        self._tasks: Tasks = set()
        self._writing = asyncio.Lock()

    def transmit(self, message: Message) -> None:
        """Begin to do at the broker what the MQTT client sends to it."""
        if isinstance(message, CONNECT):
            self.session = self._bus.dial(self._name, message)
            spawn(self._connect(self.session), self._tasks)
        elif isinstance(message, SUBSCRIBE):
            spawn(self._subscribe(self.session, message.topic), self._tasks)
        elif isinstance(message, DISCONNECT):
            self._policy.disconnecting()
            session, self.session = self.session, None
            spawn(self._disconnect(session), self.closing)
        else:
            assert isinstance(message, BusEvent), f"no way to transmit {message}"
            # paho takes an event over as soon as its task begins, so events leave in the order of their tasks.
            spawn(self._publish(self.session, message), self.publishing)

    def tell(self, session: Session, message: Message) -> None:
        """Something came from the broker; what an earlier session still brings is nobody's."""
        if session is self.session:
            if isinstance(message, BusEvent) and not self._policy.reads(message):
                return
            if isinstance(message, ConnectionLost):
                self._policy.connection_lost()
            lost = isinstance(message, ConnectionLost | ConnectionFailed)
            self._arrive(message, "" if lost or isinstance(message, SubscriptionFailed | PublishFailed) else "broker")

    # The end.

    async def closed(self, within: float) -> bool:
        """Wait until all sessions have ended that are to; False if some have not within so many seconds."""
        if not self.closing:
            return True
        _, late = await asyncio.wait(self.closing, timeout=within)
        return not late

    async def cut_off(self) -> None:
        """Break the session, and leave no task behind."""
        self._policy.connection_lost()
        session, self.session = self.session, None
        for task in self.publishing:
            task.cancel()  # they need not say what they could not do
        if session is not None:
            await session.crash()
        ending = (*self.closing, *self.publishing, *self._tasks)
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def let_go(self) -> None:
        """Let the session break by itself, once the broker has taken over what is being published."""
        session, self.session = self.session, None
        assert session is not None, f"{self._name} has no session"
        spawn(self._crash_when_published(session), self.closing)

    # Tasks.

    async def _connect(self, session: Session) -> None:
        self._policy.connecting()
        try:
            await session.connect()
        except RefusedError as error:
            self._fail(session, error, CONNACK(accepted=False))
        except NotConnectedError as error:
            self._fail(session, error, ConnectionFailed())
        else:
            spawn(self._listen(session), self._tasks)
            if session is self.session:
                self._policy.connected()
            self.tell(session, CONNACK())

    async def _subscribe(self, session: Session | None, topic: str) -> None:
        if session is None:
            return
        try:
            await session.subscribe(self._bus.filter_of(topic))
        except RefusedError as error:
            self._fail(session, error, SUBACK(topic=topic, accepted=False))
        except NotConnectedError as error:
            self._fail(session, error, SubscriptionFailed(topic=topic))
        else:
            self.tell(session, SUBACK(topic=topic))

    async def _publish(self, session: Session | None, event: BusEvent) -> None:
        await self._policy.before_publishing(event, connected=session is not None)
        if session is None:
            return  # the connection broke while the send was due: lost
        try:
            async with self._writing:  # who waits for it goes on in the order in which it came
                payload = await self._bus.encoded(event)
            await session.publish(self._bus.topic_of(event), payload)
        except NotConnectedError as error:
            if session is not self.session:  # no chart waits for it any more
                log.warning("%s: not published: %s: %s", self._name, type(event).__name__, error)
            self._fail(session, error, PublishFailed(event=type(event)))
        except ValueError as error:  # too large, most likely
            log.warning("%s: not published: %s", self._name, error)
            self._fail(session, error, PublishFailed(event=type(event)))

    async def _disconnect(self, session: Session | None) -> None:
        if session is None:
            return
        while self.publishing:
            await asyncio.wait(self.publishing, timeout=self._policy.patience)
            if not session.unacknowledged:
                break  # what is left is held back on purpose, by a fault
        await session.disconnect()

    async def _listen(self, session: Session) -> None:
        try:
            async for topic, payload in session.messages():
                event = await self._bus.decoded(topic, payload, self._refusals)
                if event is not None:
                    self.tell(session, event)
        except NotConnectedError as error:
            if session is self.session:
                for task in self.publishing:
                    task.cancel()  # nobody will acknowledge what is still under way
            self._fail(session, error, ConnectionLost())
        finally:
            await session.crash()

    async def _crash_when_published(self, session: Session) -> None:
        if self.publishing:
            await asyncio.wait(self.publishing)
        await session.crash()

    def _fail(self, session: Session, error: Exception, message: Message) -> None:
        if session is self.session:
            self.last_error = str(error)
            self.failure = error
            log.debug("%s: %s", self._name, error)  # whoever runs the server says what follows from it
        self.tell(session, message)


def spawn(work: Coroutine[Any, Any, None], tasks: Tasks) -> None:
    """Begin some work as a task, which is among `tasks` until it has ended."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
