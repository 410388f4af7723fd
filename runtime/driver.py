"""The driver: runs the charts of one server on asyncio.

It turns `!` into I/O and I/O into `?`, and knows nothing of the protocol. A send to the broker becomes a packet
(`runtime.connection`), a send inside the server is received at once by the chart that it names. What is due at a clock
happens when its time has come, on the monotonic clock of the loop (`runtime.timers`). What a chart does not read now
waits in its channel. A `SchedulingPolicy` decides when, a `BusAdapter` how what is said stands on the bus.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast
from uuid import uuid4

from machines.calls import ConnectionLost, Message, Role, Start, Stop
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant
from machines.records import replace
from runtime.bus_adapter import BusAdapter, PlainAdapter
from runtime.connection import Connection
from runtime.mqtt.session import Connect
from runtime.policy import SchedulingPolicy
from runtime.stepping import received
from runtime.timers import Timers
from runtime.wire.events import Refusals

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
        connect: Connect | BusAdapter,
        *,
        timeout: float = 5.0,
        observer: Callable[[Move], None] | None = None,
        refusals: Refusals | None = None,
        policy: SchedulingPolicy | None = None,
    ) -> None:
        """`charts` by role; `connect` makes a session; `timeout` in seconds is what the clock counts.

        In place of `connect` an adapter says, too, how topics and payloads look. `policy` decides what is sent and read
        when; without one everything is, as soon as it can be.
        """
        self.charts = dict(charts)
        self.name: str = charts["client"].data.client
        self.timeout = timeout
        self.refusals = Refusals() if refusals is None else refusals
        self.refused: Counter[str] = Counter()
        """How often the charts refused which message."""
        self.crashed = False
        """Whether it died when it was not offline, and was not started since."""
        self.channel: deque[tuple[Message, str]] = deque()
        """What has come for the MQTT client and was not read, each with the peer that it came from."""
        self._policy = SchedulingPolicy() if policy is None else policy
        bus = connect if isinstance(connect, BusAdapter) else PlainAdapter(connect)
        self.connection = Connection(self.name, bus, self._policy, self.refusals, self.arrive)
        self.timers = Timers(
            self.charts, lambda: self._policy.seconds(self.charts["client"], self.timeout), self._expired
        )
        self._observer = observer
        self._waiters: dict[asyncio.Future[None], Callable[[], bool]] = {}
        self._settling = False

    # For the owner.

    @property
    def where(self) -> tuple[str, ...]:
        """The atomic states of the MQTT client."""
        return self.charts["client"].where

    @property
    def failure(self) -> Exception | None:
        """What went wrong last between the server and the broker."""
        return self.connection.failure

    @property
    def last_error(self) -> str:
        """What went wrong last, in words; empty if nothing did."""
        return self.connection.last_error

    def start(self, session: str = "") -> None:
        """Order the server to start, also after a crash; `wait_for` tells how that went.

        `session` is a name for this connection that was never used, if it is to have one.
        """
        if self.crashed:
            self.crashed = False
            self.arrive(ConnectionLost(), "")  # its chart did not live to see that
        self.arrive(Start(session=session), "")

    async def stop(self, within: float = 10.0) -> None:
        """Order the server to say goodbye and disconnect, and leave no task behind; after `within` s it is cut off."""
        deadline = asyncio.get_running_loop().time() + within
        self.arrive(Stop(), "")
        try:
            await self.wait_for(lambda: self.where == ("offline",), within)
        except TimeoutError:
            log.warning("%s did not stop within %s s, being in %s; it is cut off", self.name, within, self.where)
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        if not await self.connection.closed(left):
            log.warning(
                "%s did not disconnect within %s s, with %d events not taken over; it is cut off",
                self.name,
                within,
                len(self.connection.publishing),
            )
        await self.connection.cut_off()
        self.timers.stop()

    async def crash(self) -> None:
        """Die: the connection breaks without a word, and what was not yet read and every timeout is gone.

        The charts stay as they are; `start` lets the MQTT client begin anew, with what its view holds.
        """
        self.crashed = self.where != ("offline",)
        self.channel.clear()
        self.timers.stop()
        await self.connection.cut_off()

    async def lose_connection(self) -> None:
        """Lose the connection, and what is under way on it; the server lives on, offline."""
        await self.connection.cut_off()
        self.arrive(ConnectionLost(), "")

    async def reconnect(self) -> None:
        """Lose the connection, and start anew."""
        await self.lose_connection()
        self.start()

    def count(self, seconds: float) -> None:
        """What the clock counts from now on; a timeout that is set already and longer ends as early as a new one."""
        self.timeout = seconds
        self.timers.shorten(seconds)

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

    def arrive(self, message: Message, peer: str) -> None:
        """Put a message into the channel of the MQTT client, and let the charts do what they can."""
        self.channel.append((message, peer))
        self.settle()

    def settle(self) -> None:
        """Let every chart send what is due and read what has come, until all of them wait."""
        if self._settling:
            return  # the loop below is running already, further up the stack
        self._settling = True
        try:
            while not self._policy.waits() and (self._send_next() or self._read_next()):
                pass
            if self._policy.counts_time:
                self.timers.follow()
        finally:
            self._settling = False
        for waiter, condition in self._waiters.items():
            if not waiter.done() and condition():
                waiter.set_result(None)
        self._policy.settled()

    def _send_next(self) -> bool:
        if not self._policy.may_send(self.charts["client"]):
            return False
        for role, chart in self.charts.items():
            due = chart.due() if chart.urgent else ()
            if due and self._policy.is_ready(output := self._policy.first(due)):
                self.send(role, output)
                return True
        return False

    def send(self, role: Role, output: Output) -> None:
        """Let a chart send what is due there, and whom it names receive it: one step.

        An heir may do a step in another way. If it does so later, its policy has the charts wait meanwhile, and the
        step ends with `settle`.
        """
        self.charts[role].emit(output)
        message = output.message
        if isinstance(message, BusEvent):
            message = replace(message, event_id=self.event_id(message))
        self.note_sent(role, message, output.to)
        if output.to == "broker":
            self.connection.transmit(message)
        elif output.to == "client" and role == "clock":
            self.channel.append((message, role))
        else:
            self.receive(cast("Role", output.to), message, role)

    def event_id(self, event: BusEvent) -> str:  # noqa: ARG002 - for heirs
        """A UUID for an event that is about to be published; an heir may give the same ones each time."""
        return str(uuid4())

    def _read_next(self) -> bool:
        """Read the first message in the channel that the MQTT client does not defer."""
        deferred: set[type[Message]] = set()
        for place, (message, peer) in enumerate(self.channel):
            if (kind := type(message)) not in deferred:
                if self.charts["client"].decide(kind) is not Decision.DEFERRED:
                    del self.channel[place]
                    self.receive("client", message, peer)
                    return True
                deferred.add(kind)
        return False

    def receive(self, role: Role, message: Message, peer: str) -> None:
        """Give a message to a chart at once, and note what it did with it."""
        self.note_received(role, message, peer, *received(self.charts[role], message))

    def note_sent(self, role: Role, message: Message, peer: str) -> None:
        """Tell the observer that a chart has sent a message."""
        if self._observer is not None:
            self._observer(Move(self.name, role, "!", message, peer, self.charts[role].where))

    def note_received(self, role: Role, message: Message, peer: str, decision: Decision, why: str) -> None:
        """Tell the observer what a chart did with a message; count and log it, if it was refused."""
        if decision is Decision.IMPOSSIBLE:
            self.refused[type(message).__name__] += 1
            log.warning("%s: refused: %s", self.name, why)
        if self._observer is not None:
            self._observer(Move(self.name, role, "?", message, peer, self.charts[role].where, decision, why))

    def _expired(self, role: Role, output: Output) -> None:
        self.send(role, output)
        self.settle()
