"""A server that is told what it reads, when its timeouts are exceeded, and whether its view fails.

Events come over the wire as they always do, and are held until somebody says that the server reads them. Its clock
counts for ever. Where publishing is held too, an event stays at our end of the wire until it is let go.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from machines.calls import DISCONNECT, ConnectionLost, Message, Stop, TimeoutExceeded, ViewChangeFailed
from machines.events import BusEvent
from machines.participant import Output, Participant
from runtime.driver import Move, Role, Server
from runtime.mqtt.session import Connect, Session

STARTING = {("awaiting_connack",), ("subscribing",), ("awaiting_subacks",)}
"""Where a server awaits the broker."""


@dataclass
class _Leaving:
    """An event that is held before it goes out."""

    event: BusEvent
    go: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class ControlledServer(Server):
    """See the module; `held` is what has come and was not read, `leaving` what was published and not let go."""

    def __init__(
        self,
        charts: Mapping[Role, Participant],
        connect: Connect,
        *,
        observer: Callable[[Move], None],
        holds_publishing: bool = False,
    ) -> None:
        super().__init__(charts, connect, observer=observer)
        self.held: deque[BusEvent] = deque()
        self.leaving: deque[_Leaving] = deque()
        self.late: deque[TimeoutExceeded] = deque()
        """Timeouts that are exceeded, of which the MQTT client has not heard yet."""
        self.holds_publishing = holds_publishing
        self.fails = False
        """Whether a storage that may fail does so."""
        self.published = 0
        """Events that were published in the present step."""
        self.loses: int | None = None
        """Which of these is lost as it is sent, and so is not held."""
        self.pauses = False
        """Whether it publishes nothing for now: it has started, and is to be told to go on."""
        self.sent = 0
        """Events that went out to the broker."""
        self.came = 0
        """Events that came in over the present connection."""

    # What it is told.

    def read(self, event: BusEvent) -> None:
        """Read one of the events that are held."""
        self.held.remove(event)
        self._arrive(event, "broker")

    def expire(self, client: str) -> None:
        """Let the timeout for that client be exceeded. Raises `LookupError` if none is set."""
        for output in self.charts["clock"].due():
            if isinstance(output.message, TimeoutExceeded) and output.message.timer.client == client:
                self._send("clock", output)
                self._settle()
                return
        raise LookupError(f"no timeout for {client} is set at {self.name}")

    def exceed(self, client: str) -> None:
        """Let the timeout for that client be exceeded, and the MQTT client not yet hear of it. Raises `LookupError`."""
        for output in self.charts["clock"].due():
            if isinstance(output.message, TimeoutExceeded) and output.message.timer.client == client:
                self.charts["clock"].emit(output)
                self.late.append(output.message)
                self._settle()
                return
        raise LookupError(f"no timeout for {client} is set at {self.name}")

    def hear_late(self) -> None:
        """Let the MQTT client hear of the first timeout of which it has not heard yet."""
        self._arrive(self.late.popleft(), "clock")

    def go_on(self) -> None:
        """Publish what is due, and go on."""
        self.pauses = False
        self._settle()

    def let_go(self) -> None:
        """Publish the oldest of the events that are held before they go out."""
        self.leaving.popleft().go.set_result(None)

    def leave(self) -> None:
        """Say goodbye and disconnect; without waiting for that."""
        self._arrive(Stop(), "")

    async def lose_connection(self, arrive: int = 0) -> None:
        """Lose the connection, and what is under way on it but for some events; the server lives on."""
        if arrive:
            self.leave_behind(arrive)
        else:
            await self._cut_off()
        self._arrive(ConnectionLost(), "")

    def leave_behind(self, arrive: int) -> None:
        """Let go of the connection, which ends once so many of the events that are held have gone out."""
        session, self._session = self._session, None
        assert session is not None
        self.held.clear()
        self.came = 0
        while len(self.leaving) > arrive:
            self.leaving.pop().go.cancel()
        self._spawn(self._end(session), self._closing)

    def bequeath(self, heir: "ControlledServer") -> None:
        """Leave it to another server to let go what is held, since this one is no more."""
        heir.leaving, heir._publishing, heir._closing = self.leaving, self._publishing, self._closing  # noqa: SLF001

    async def _end(self, session: Session) -> None:
        if self._publishing:
            await asyncio.wait(self._publishing)
        await session.crash()

    # How it is doing.

    @property
    def is_online(self) -> bool:
        """Whether it has a connection, to its own knowledge."""
        return self.where != ("offline",)

    @property
    def is_quiescent(self) -> bool:
        """Whether it has nothing to do, apart from what it is told."""
        handed_over = len(self._publishing) == len(self.leaving)
        closed = not self._closing or bool(self.leaving)  # it goes when what it published has gone
        return handed_over and closed and self.where not in STARTING

    @property
    def is_stuck(self) -> bool:
        """Whether it was given what its charts do not read now."""
        return bool(self._channel)

    # Against what servers do by themselves.

    def _set_timers(self) -> None:
        """No timeout is exceeded by itself."""

    def _send_next(self) -> bool:
        if self.pauses and any(isinstance(output.message, BusEvent) for output in self.charts["client"].due()):
            return False
        return super()._send_next()

    def _first(self, due: tuple[Output, ...]) -> Output:
        failures = (output for output in due if isinstance(output.message, ViewChangeFailed))
        return next(failures, due[0]) if self.fails else due[0]

    def _tell(self, session: Session, message: Message) -> None:
        if session is self._session and isinstance(message, BusEvent):
            self.came += 1
            self.held.append(message)
            return
        if session is self._session and isinstance(message, ConnectionLost):
            self._forget()
        super()._tell(session, message)

    async def _do_publish(self, session: Session | None, event: BusEvent) -> None:
        place, self.published = self.published, self.published + 1
        if self.holds_publishing and session is not None and place != self.loses:
            leaving = _Leaving(event)
            self.leaving.append(leaving)
            await leaving.go
        self.sent += session is not None
        await super()._do_publish(session, event)

    def _transmit(self, message: Message) -> None:
        if isinstance(message, DISCONNECT):
            self.held.clear()
        super()._transmit(message)

    async def _do_disconnect(self, session: Session | None) -> None:
        if self._publishing:
            await asyncio.wait(self._publishing)
        await super()._do_disconnect(session)

    async def _do_connect(self, session: Session) -> None:
        self._forget()
        await super()._do_connect(session)

    async def _cut_off(self) -> None:
        self._forget()
        await super()._cut_off()

    def _forget(self) -> None:
        """What was under way is gone with its connection."""
        self.held.clear()
        self.leaving.clear()
        self.came = 0
