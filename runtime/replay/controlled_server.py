"""A server that is told what it reads, when its timeouts are exceeded, and whether its view fails.

Events come over the wire as they always do, and are held until somebody says that the server reads them. Its clock
counts for ever. Where publishing is held too, an event stays at our end of the wire until it is let go.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from machines.calls import ConnectionLost, Role, Stop, TimeoutExceeded, ViewChangeFailed
from machines.events import BusEvent
from machines.participant import Output, Participant
from runtime.bus_adapter import BusAdapter
from runtime.driver import Move, Server
from runtime.mqtt.session import Connect
from runtime.policy import SchedulingPolicy
from spec.exploration.model.wills import is_will

STARTING = {("awaiting_connack",), ("subscribing",), ("awaiting_subacks",)}
"""Where a server awaits the broker."""


@dataclass
class _Leaving:
    """An event that is held before it goes out."""

    event: BusEvent
    go: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Control(SchedulingPolicy):
    """Decides nothing by itself: what was told to it decides.

    `held` is what has come and was not read, `leaving` what was published and not let go.
    """

    counts_time = False
    patience = None

    def __init__(self, *, holds_publishing: bool = False, owner: str = "") -> None:
        self.owner = owner
        """Whose will is of no concern here, as in the explorer."""
        self.held: deque[BusEvent] = deque()
        self.leaving: deque[_Leaving] = deque()
        self.holds_publishing = holds_publishing
        self.fails = False
        """Whether a storage that may fail does so."""
        self.pauses = False
        """Whether it publishes nothing for now: it has started, and is to be told to go on."""
        self.published = 0
        """Events that were published in the present step."""
        self.loses: int | None = None
        """Which of these is lost as it is sent, and so is not held."""
        self.sent = 0
        """Events that went out to the broker."""
        self.came = 0
        """Events that came in over the present connection."""

    def may_send(self, client: Participant) -> bool:
        """Not while it pauses, where events are due."""
        return not (self.pauses and any(isinstance(output.message, BusEvent) for output in client.due()))

    def first(self, due: tuple[Output, ...]) -> Output:
        """A failure of the storage where it fails."""
        failures = (output for output in due if isinstance(output.message, ViewChangeFailed))
        return next(failures, due[0]) if self.fails else due[0]

    def reads(self, event: BusEvent) -> bool:
        """Never at once: it is held."""
        self.came += 1
        if not (is_will(event) and event.client == self.owner):
            self.held.append(event)
        return False

    async def before_publishing(self, event: BusEvent, *, connected: bool) -> None:
        """Wait until it is let go, where publishing is held."""
        place, self.published = self.published, self.published + 1
        if self.holds_publishing and connected and place != self.loses:
            leaving = _Leaving(event)
            self.leaving.append(leaving)
            await leaving.go
        self.sent += connected

    def connecting(self) -> None:
        """Nothing is under way on a new connection."""
        self.connection_lost()

    def disconnecting(self) -> None:
        """What has come and was not read never will be."""
        self.held.clear()

    def connection_lost(self) -> None:
        """What was under way is gone."""
        self.held.clear()
        self.leaving.clear()
        self.came = 0


class ControlledServer(Server):
    """A server under `control`, and what it can be told."""

    def __init__(
        self,
        charts: Mapping[Role, Participant],
        connect: Connect | BusAdapter,
        *,
        observer: Callable[[Move], None],
        holds_publishing: bool = False,
    ) -> None:
        """`holds_publishing` keeps each event at our end of the wire until `let_go`."""
        self.control = Control(holds_publishing=holds_publishing, owner=charts["client"].data.client)
        super().__init__(charts, connect, observer=observer, policy=self.control)
        self.late: deque[TimeoutExceeded] = deque()
        """Timeouts that are exceeded, of which the MQTT client has not heard yet."""

    # What it is told.

    def read(self, event: BusEvent) -> None:
        """Read one of the events that are held."""
        self.control.held.remove(event)
        self.arrive(event, "broker")

    def expire(self, client: str) -> None:
        """Let the timeout for that client be exceeded. Raises `LookupError` if none is set."""
        for output in self.charts["clock"].due():
            if isinstance(output.message, TimeoutExceeded) and output.message.timer.client == client:
                self.send("clock", output)
                self.settle()
                return
        raise LookupError(f"no timeout for {client} is set at {self.name}")

    def exceed(self, client: str) -> None:
        """Let the timeout for that client be exceeded, and the MQTT client not yet hear of it. Raises `LookupError`."""
        for output in self.charts["clock"].due():
            if isinstance(output.message, TimeoutExceeded) and output.message.timer.client == client:
                self.charts["clock"].emit(output)
                self.late.append(output.message)
                self.settle()
                return
        raise LookupError(f"no timeout for {client} is set at {self.name}")

    def hear_late(self) -> None:
        """Let the MQTT client hear of the first timeout of which it has not heard yet."""
        self.arrive(self.late.popleft(), "clock")

    def go_on(self) -> None:
        """Publish what is due, and go on."""
        self.control.pauses = False
        self.settle()

    def let_go(self) -> None:
        """Publish the oldest of the events that are held before they go out."""
        self.control.leaving.popleft().go.set_result(None)

    def leave(self) -> None:
        """Say goodbye and disconnect; without waiting for that."""
        self.arrive(Stop(), "")

    async def lose_connection(self, arrive: int = 0) -> None:
        """Lose the connection, and what is under way on it but for some events; the server lives on."""
        if arrive:
            self.leave_behind(arrive)
            self.arrive(ConnectionLost(), "")
        else:
            await super().lose_connection()

    def leave_behind(self, arrive: int) -> None:
        """Let go of the connection, which ends once so many of the events that are held have gone out."""
        self.control.held.clear()
        self.control.came = 0
        while len(self.control.leaving) > arrive:
            self.control.leaving.pop().go.cancel()
        self.connection.let_go()

    def bequeath(self, heir: "ControlledServer") -> None:
        """Leave it to another server to let go what is held, since this one is no more."""
        heir.control.leaving = self.control.leaving
        heir.connection.publishing, heir.connection.closing = self.connection.publishing, self.connection.closing

    # How it is doing.

    @property
    def is_online(self) -> bool:
        """Whether it has a connection, to its own knowledge."""
        return self.where != ("offline",)

    @property
    def is_quiescent(self) -> bool:
        """Whether it has nothing to do, apart from what it is told."""
        handed_over = len(self.connection.publishing) == len(self.control.leaving)
        closed = not self.connection.closing or bool(self.control.leaving)  # it goes when what it published has gone
        return handed_over and closed and self.where not in STARTING

    @property
    def is_stuck(self) -> bool:
        """Whether it was given what its charts do not read now."""
        return bool(self.channel)
