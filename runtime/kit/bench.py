"""The bench: a broker under the kit's control, the server under test, its partners, and the monitor that judges it.

A bench is made for one case and taken down after it: a new broker on a free port, new clients, a new process. Where a
broker or a server that runs already is given, only the kit's own clients are new, and nothing but publications is seen.
"""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from machines.events import (
    EVENT_OF_TOPIC,
    TRACKER,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientRegistered,
)
from machines.torrent_server import TOPICS as TORRENT_TOPICS
from machines.tracker import TOPICS as TRACKER_TOPICS
from machines.tracker import TRACKER_ID
from runtime.kit.mosquitto import Mosquitto
from runtime.kit.partners import Partner
from runtime.kit.patience import Patience
from runtime.kit.subject import Subject
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import Fault, FaultPlan
from runtime.mqtt.session import BrokerAddress, NotConnectedError
from runtime.runs.format import Run
from runtime.runs.live import watch
from runtime.runs.watcher import Watcher
from spec.monitor import (
    SUBSCRIBER,
    Assumptions,
    Connected,
    Disconnected,
    Forbidden,
    Monitor,
    Observed,
    Published,
    Sent,
    Sight,
    Unreadable,
)
from spec.monitor.observation import publisher

POLL = 0.01
SIGHT = Sight(sends=False)
"""The kit's broker tells everything, but for what a client that leaves has not handed over."""


@dataclass(frozen=True)
class Settings:
    """What is tested, and how patient the kit is.

    `command` starts the server; without one it runs already, at `broker`, and is called `client`. Seconds are for a
    fast server, and multiplied by `time_factor`: `patience` for what it has to publish, `quiet` in which it may not
    publish what is forbidden, `startup` for its first sign of life, and `case` for all of one case.
    """

    role: str
    command: str = ""
    broker: BrokerAddress | None = None
    client: str = ""
    time_factor: float = 1.0
    patience: float = 3.0
    quiet: float = 0.15
    startup: float = 8.0
    case: float = 60.0
    timeout: float = 0.5
    """Seconds that every timeout of the server lasts at least."""
    longest: float = 0.0
    """Seconds that every timeout of the server lasts at most; 0: nobody has said."""
    enough: float = 35.0
    """Seconds that are waited, a fourth of them first, for a timeout of which nobody has said how long it lasts."""
    strict: bool = False
    """Whether events are played that only a careful reader skips."""
    hash_algorithm: str = "sha-256"
    random_cases: int = 4
    seed: int = 0
    mosquitto: str = ""
    """The program that is the kit's broker, instead of the embedded one."""
    stop_signal: signal.Signals = signal.SIGTERM
    """What asks the server to stop, as its owner does."""
    asks_again: bool = False
    """Whether a torrent server may ask again by itself, though it does not name its requests."""

    @property
    def subject(self) -> str:
        """The MQTT client identifier of the server under test."""
        return self.client or (TRACKER_ID if self.role == TRACKER else "torrent-under-test")

    @property
    def has_own_broker(self) -> bool:
        """Whether the broker is the kit's own, which sees packets and loses events."""
        return self.broker is None and not self.mosquitto

    @property
    def waits(self) -> tuple[float, ...]:
        """Seconds (unscaled) after each of which the kit looks whether a timeout was exceeded."""
        return (self.longest,) if self.longest else (self.enough / 4, self.enough)

    def seconds(self, seconds: float) -> float:
        """Seconds for this server."""
        return seconds * self.time_factor


@dataclass
class Bench:
    """One case's surroundings; an async context manager."""

    settings: Settings
    faults: list[Fault] = field(default_factory=list)
    seen: list[Observed] = field(default_factory=list)
    published: asyncio.Queue[BusEvent | None] = field(default_factory=asyncio.Queue)
    """What the server under test published, and nobody has awaited yet; None for what it should not have done."""
    forbidden: list[Forbidden] = field(default_factory=list)
    """What it should not have done."""

    async def __aenter__(self) -> Self:
        self._watching: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._mosquitto: Mosquitto | None = None
        self._partners: list[Partner] = []
        self._ids: set[str] = set()
        self._registered: set[str] = set()
        self._has_begun = False
        self._speaks_elsewhere = False
        self._left: Disconnected | None = None
        self.is_ours = self.settings.has_own_broker
        self.subject = Subject(self.settings.command, "", "", 0, self.settings.subject)
        try:
            await self._begin()
        except BaseException:  # whatever has started ends, also if somebody interrupts
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _begin(self) -> None:
        """Start the broker, and watch it."""
        settings = self.settings
        roles = {settings.subject: settings.role}
        lag = settings.seconds(settings.patience)
        if self.is_ours:
            self.watcher = Watcher(self.observe)
            self.broker = EmbeddedBroker(observer=self.watcher)
            self._has_begun = True
            await self.broker.start()
            self.address = BrokerAddress("127.0.0.1", self.broker.port)
            self.monitor = Monitor(
                SIGHT,
                roles=roles,
                assumed=Assumptions(settings.timeout, lag),
                as_drawn=not settings.asks_again,
                leaves_open=True,
            )
        else:
            if settings.broker is None:
                self._mosquitto = Mosquitto(settings.mosquitto)
                await self._mosquitto.start(settings.seconds(settings.patience))
            self.address = settings.broker or BrokerAddress("127.0.0.1", self._mosquitto.port if self._mosquitto else 0)
            tracker = settings.subject if settings.role == TRACKER else TRACKER_ID
            is_new = settings.broker is None
            self.monitor = Monitor(
                SUBSCRIBER,
                from_the_start=is_new,
                tracker=tracker,
                roles=roles if is_new else {},
                as_drawn=not settings.asks_again,
                leaves_open=True,
            )
            self._watching = asyncio.create_task(self._watch())
            ready = asyncio.create_task(self._ready.wait())
            await asyncio.wait({ready, self._watching}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if self._watching.done():
                await self._watching  # raises why the broker cannot be watched
        self.subject.connect_to(self.address)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self.settings.command:
                await self.subject.kill()
        finally:
            await self._take_down()

    async def _take_down(self) -> None:
        self.subject.close()
        for partner in self._partners:
            if self.settings.broker is not None and self.settings.role == TRACKER:
                with contextlib.suppress(NotConnectedError):  # whoever runs on must not keep the kit's clients
                    await partner.publish(ClientGoodbye(client=partner.client))
            await partner.disconnect()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._has_begun:
            await self.broker.stop()
        if self._mosquitto is not None:
            await self._mosquitto.stop()

    @property
    def has_spoken(self) -> bool:
        """Whether the server under test has published an event."""
        return bool(self._ids)

    def leaves_without(self, event: type[BusEvent]) -> bool:
        """Whether the server under test has sent DISCONNECT, and nobody has begun to publish such an event."""
        if not self.is_ours or event.topic in self.broker.begun:
            return False
        return any(
            isinstance(one, Disconnected) and one.client == self.settings.subject and one.clean for one in self.seen
        )

    @property
    def own_clients(self) -> set[str]:
        """The MQTT client identifiers of the kit's own clients."""
        return {partner.client for partner in self._partners}

    @property
    def run(self) -> Run:
        """What was seen, in the format of runs."""
        if not self.is_ours:
            start = self.monitor.from_the_start
            return Run(tuple(self.seen), SUBSCRIBER, from_the_start=start, tracker=self.monitor.tracker)
        return Run(tuple(self.seen), SIGHT, roles={self.settings.subject: self.settings.role})

    async def partner(self, client: str, role: str) -> Partner:
        """A client of the kit, connected and subscribed to what servers of a role subscribe to."""
        partner = Partner(self.address, client, TRACKER_TOPICS if role == TRACKER else TORRENT_TOPICS)
        self._partners.append(partner)
        await partner.connect()
        return partner

    def lose(self, event: type[BusEvent] | str, hop: str, client: str) -> None:
        """Lose the next such event on a hop, where the broker is the kit's; `client` publishes or receives it."""
        name = event if isinstance(event, str) else event.__name__
        where = "to-broker" if hop == "to-broker" else "from-broker"
        self.fault(Fault("lose", name, where, client, occurrence=1))  # type: ignore[arg-type]

    def fault(self, fault: Fault) -> None:
        """Let something go wrong from now on, in place of what was to go wrong before."""
        if self.is_ours:
            self.broker.faults = FaultPlan([fault])

    def no_faults(self) -> None:
        """Nothing goes wrong from now on."""
        if self.is_ours:
            self.broker.faults = FaultPlan()

    async def next(self, within: float) -> BusEvent | None:
        """What the server under test publishes next, or None if nothing comes within so many seconds (unscaled), or it
        does what is forbidden, or has ended. Seconds in which it could not run do not count.
        """
        getting = asyncio.create_task(self.published.get())
        ending = asyncio.create_task(self._ended())
        patience = self.patience(within)
        try:
            while not (getting.done() or ending.done()) and (left := patience.left):
                await asyncio.wait({getting, ending}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            return getting.result() if getting.done() else None
        finally:
            getting.cancel()
            ending.cancel()

    def patience(self, within: float) -> Patience:
        """So many seconds (unscaled) for the server under test."""
        process = self.subject.process
        alive = process is not None and not self.subject.has_ended
        return Patience(self.settings.seconds(within), process.pid if process is not None and alive else None)

    async def _ended(self) -> None:
        """Wait until the server's process has ended, and what it has published last must have come."""
        if self.subject.process is None:
            await asyncio.Event().wait()
        else:
            await self.subject.process.wait()
            await self.rest()

    async def until(self, condition: Callable[[], bool], within: float) -> bool:
        """Whether a condition comes to hold within so many seconds (unscaled) in which the server could run."""
        patience = self.patience(within)
        while not condition():
            if not patience.left:
                return False
            await asyncio.sleep(POLL)
        return True

    async def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait so many seconds (unscaled) by the clock on the wall, or until a condition holds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.settings.seconds(seconds)
        while not condition() and loop.time() < end:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(POLL)

    async def rest(self) -> None:
        """Give the server time to do what it should not."""
        await asyncio.sleep(self.settings.seconds(self.settings.quiet))

    def _is_its_own(self, seen: Published | Sent) -> bool:
        """Whether an event was published by none of the kit's clients, in the name of the server under test."""
        settings = self.settings
        if seen.client in {settings.subject, *self.own_clients}:
            return False
        names_it = getattr(seen.event, "client", "") == settings.subject
        return seen.event.publisher == settings.role and (names_it or settings.role == TRACKER)

    def _is_its_garbage(self, seen: Unreadable) -> bool:
        """Whether the server under test published what is no event; the kit does so on topics of the other role."""
        if self.is_ours:
            return seen.client == self.settings.subject
        event = EVENT_OF_TOPIC.get(seen.topic)
        return self._mosquitto is not None and event is not None and event.publisher == self.settings.role

    def _lists_strangers(self, seen: Observed) -> Forbidden | None:
        """That the tracker under test lists a client of the kit which it has never registered, if it does."""
        event = getattr(seen, "event", None)
        if self.settings.role != TRACKER or not isinstance(seen, Published | Sent):
            return None
        if isinstance(event, ClientRegistered):
            self._registered.add(event.client)
        if not isinstance(event, ClientJoinAccepted):
            return None
        wrong = sorted((event.clients.keys() & self.own_clients) - self._registered)
        what = f"lists {', '.join(wrong)}, which it has not registered"
        return (
            Forbidden(self.settings.subject, TRACKER, seen, event, what, before=tuple(self.seen[:-1]))
            if wrong
            else None
        )

    async def _watch(self) -> None:
        async for seen in watch(self.address, f"kit-{id(self):x}"):
            self._ready.set()
            self.observe(seen)

    def observe(self, seen: Observed) -> None:
        """Take notice of something, as of what the broker tells.

        A server can publish over connections of another name; what nobody else can have published is its own. Of such
        a server a DISCONNECT of the connection that has its name does not say that it has left: it counts when it
        connects again.
        """
        subject = self.settings.subject
        if isinstance(seen, Published | Sent) and self.is_ours and self._is_its_own(seen):
            seen = replace(seen, client=subject)
            self._speaks_elsewhere = True
        if isinstance(seen, Disconnected) and seen.client == subject and seen.clean and self._speaks_elsewhere:
            self._left = seen
            return
        if isinstance(seen, Connected) and seen.client == subject and self._left is not None:
            left, self._left = replace(self._left, at=seen.at), None
            self.seen.append(left)
            self.monitor.see(left)
        self.seen.append(seen)
        found = self.monitor.see(seen)
        if isinstance(seen, Unreadable) and self._is_its_garbage(seen):
            found = Forbidden(subject, self.settings.role, seen, None, f"publishes no event: {seen.why}")
        found = found or self._lists_strangers(seen)
        if found is not None and found.client == subject:
            self.forbidden.append(found)
            self.published.put_nowait(None)
        if isinstance(seen, Published | Sent):
            who = seen.client or publisher(seen.event, self.monitor.tracker)
            if who == subject and seen.event.event_id not in self._ids:
                self._ids.add(seen.event.event_id)
                self.published.put_nowait(seen.event)
