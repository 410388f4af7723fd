"""Servers that live by themselves on a bus in memory: a day of protocol time in seconds, the same each time for a seed.

    python -m tests.properties.simulation [--runs N] [--hours H] [--torrents N] [--seed N] [--judge] [--every]

The real driver and the real wire; chance decides how long an event takes on each hop, which are lost, and who is
stopped, crashes, or loses its connection, and when. In the end faults cease and the tracker is replaced: then everybody
has to be registered, and a monitor has to allow all that was seen on the bus.
"""

import argparse
import asyncio
import gc
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import count, product
from random import Random
from typing import Any, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from machines import Clock, DistributionView, Participant, TorrentServer, Tracker, View
from machines.calls import CONNECT, Role
from machines.calls import Message as Call
from machines.distribution_view import DistributionViewData
from machines.events import BusEvent, ClientMetadata
from machines.participant import Snapshot
from runtime.bus_adapter import BusAdapter
from runtime.driver import Server
from runtime.mqtt.session import NotConnectedError
from runtime.wire.events import decode, encode
from spec.monitor import (
    LOSSY_SUBSCRIBER,
    Assumptions,
    Connected,
    Delivered,
    Disconnected,
    Monitor,
    Observed,
    Passed,
    Published,
    Sent,
    Subscribed,
)
from tests.properties.buses import Message, SimulatedBus, SimulatedSession
from tests.properties.remembered import Remembered
from tests.properties.virtual import VirtualLoop

TIMEOUT = 5.0
SLOWEST = 0.2
"""Seconds that an event takes on one hop at most."""
TICK = 1.0
"""Seconds after which an observer notes that nothing came."""
APART = 1e-6
"""Seconds between two events on one way: a loop does not keep the order of what is due at the same time."""
TRACKER, SUCCESSOR = "tracker", "tracker-2"


class Features(NamedTuple):
    """What servers do beside what the protocol draws, as the charts know it."""

    named: bool = True
    """Whether torrent servers name their requests, which hardens them."""
    retries: int = 0
    leaves_will: bool = False
    steps_down: bool = False
    """Whether trackers listen to each other's hellos."""

    @property
    def label(self) -> str:
        """What a test is called that has these."""
        return "-".join(name for name, value in zip(self._fields, self, strict=True) if value) or "as drawn"


NAMED = Features()
EVERY = tuple(Features(*each) for each in product((False, True), (0, 2), (False, True), (False, True)))
"""Each combination."""
HALF = tuple(each for each in EVERY if sum(map(bool, each)) % 2)
"""Half of them, in which each two features are met in each combination of these two."""


class LivingSession(SimulatedSession):
    """A session on which events are under way for some time."""

    bus: "LivingBus"
    will: BusEvent | None = None

    def __init__(self, bus: "LivingBus", client: str) -> None:
        super().__init__(bus, client)
        self.awaited: dict[int, asyncio.Future[None]] = {}
        self._numbers = count()

    @property
    def unacknowledged(self) -> int:  # type: ignore[override]
        return len(self.awaited)

    async def connect(self) -> None:
        while self.bus.sent[self.client]:  # noqa: ASYNC110 - what an earlier session sent comes first
            await asyncio.sleep(SLOWEST)
        await super().connect()
        self.bus.see(Connected(self.bus.now(), self.client))

    async def subscribe(self, topic: str) -> None:
        await super().subscribe(topic)
        self.bus.see(Subscribed(self.bus.now(), self.client, topic))

    async def publish(self, topic: str, payload: bytes) -> None:
        await super().publish(topic, payload)
        self.bus.see(Sent(self.bus.now(), self.client, self.bus.event((topic, payload))))
        number = next(self._numbers)
        self.awaited[number] = asyncio.get_running_loop().create_future()
        self.bus.send(self, number)
        try:
            await self.awaited[number]
        finally:
            del self.awaited[number]

    def taken_over(self, number: int) -> None:
        """The broker has an event, or it was lost: its sender cannot tell."""
        awaited = self.awaited.get(number)
        if awaited is not None and not awaited.done():
            awaited.set_result(None)

    async def disconnect(self) -> None:
        self._end(clean=True)

    async def crash(self) -> None:
        self._end(clean=False)

    def _end(self, *, clean: bool) -> None:
        if self.is_open:
            self.bus.see(Disconnected(self.bus.now(), self.client, clean=clean))
            if not clean:
                self.bus.cut(self.client, 0)
        is_broken = self.is_open and not clean
        self.bus.end(self)
        if is_broken and self.will is not None:
            self.bus.pass_on(self.client, (self.will.topic, encode(self.will)))
        for awaited in self.awaited.values():
            if not awaited.done():
                awaited.set_exception(NotConnectedError("the connection is gone"))


class LivingBus(SimulatedBus):
    """A broker that passes on what comes, after some time, and now and then loses it."""

    def __init__(self, loop: VirtualLoop, chance: Random, losses: float) -> None:
        super().__init__()
        self.loop, self.chance, self.losses = loop, chance, losses
        self.observed: list[Observed] = []
        self._free: dict[object, float] = {}

    def session(self, client: str) -> LivingSession:
        self.sent.setdefault(client, deque())
        return LivingSession(self, client)

    def now(self) -> float:
        return self.loop.time()

    def event(self, message: Message) -> BusEvent:
        """What is said by a message, for who sees it go by. Different lives have the same ones."""
        return _seen(*message)

    def see(self, seen: Observed) -> None:
        """What an observer sees who misses nothing."""
        self.observed.append(seen)

    def _later(self, way: object, act: Callable[..., None], *given: Any) -> None:
        """Do something when an event has come to the end of a way, behind those before it."""
        at = max(self.now() + self.chance.uniform(0, SLOWEST), self._free.get(way, 0.0) + APART)
        self._free[way] = at
        self.loop.call_at(at, act, *given)

    def send(self, session: LivingSession, number: int) -> None:
        """An event is on its way to the broker."""
        message = self.sent[session.client][-1]
        self._later(session, self._arrive, session, number, message)

    def _arrive(self, session: LivingSession, number: int, message: Message) -> None:
        sent = self.sent[session.client]
        if message not in sent:
            return  # it was cut off
        sent.remove(message)
        session.taken_over(number)
        if self.chance.random() >= self.losses:
            self.pass_on(session.client, message)

    def pass_on(self, client: str, message: Message) -> None:
        """The broker has taken an event over."""
        event = self.event(message)
        self.see(Published(self.now(), client, event))
        for receiver in self.sessions.values():
            if message[0] in receiver.topics and self.chance.random() >= self.losses:
                self.see(Delivered(self.now(), receiver.client, event))
                self._later((receiver, "down"), _come, receiver, message)


_seen = lru_cache(20_000)(decode)


def _come(session: SimulatedSession, message: Message) -> None:
    if session.is_open:
        session.read(message)


Numbers = Counter[tuple[str, type[Call]]]
"""How many events of each kind servers have published."""


class LivingServer(Server):
    """A server whose events are numbered, so that a seed gives the same ones; those of each kind by themselves, so that
    different lives come to the same states of charts, which are remembered.
    """

    numbers: Numbers

    def event_id(self, event: BusEvent) -> str:
        return numbered(self.numbers, self.name, type(event))


class LivingAdapter(BusAdapter):
    """Sessions with a bus, and the wills that are left there."""

    def __init__(self, bus: LivingBus, numbers: Numbers) -> None:
        self.bus, self.numbers = bus, numbers

    def dial(self, client: str, call: CONNECT) -> Any:
        session = self.bus.session(client)
        if call.will is not None:
            session.will = replace(call.will, event_id=numbered(self.numbers, client, type(call.will)))
        return session


def numbered(numbers: Numbers, name: str, kind: type[Call]) -> str:
    """The identifier of the next event of a kind that a server publishes."""
    numbers[name, kind] += 1
    return _identifier(name, kind.__name__, numbers[name, kind])


@cache
def _identifier(*of: object) -> str:
    return str(uuid5(NAMESPACE_OID, " ".join(map(str, of))))


@dataclass
class Life:
    """One simulation."""

    seed: int
    torrents: int = 2
    losses: float = 0.02
    hours: float = 60 / 3600
    remembers: bool = True
    features: Features = NAMED
    breaks: int = 2
    """How often somebody breaks in an hour, for each server, at least once in all."""
    owner: list[str] = field(default_factory=list)
    """What the owner and chance did."""

    def run(self) -> tuple[Observed, ...]:
        """Live; what was seen on the bus. Raises `AssertionError` where not everybody is registered in the end."""
        self.chance = Random(self.seed)
        self.loop = VirtualLoop()
        self.bus = LivingBus(self.loop, self.chance, self.losses)
        self.numbers: Numbers = Counter()
        self._sessions: Counter[str] = Counter()
        self.names = [f"torrent{number}" for number in range(1, self.torrents + 1)]
        self.servers = {name: self._born(name) for name in (TRACKER, *self.names)}
        try:
            self.loop.run(self._live())
        finally:
            for server in self.servers.values():
                self.loop.run(server.crash())
            self.loop.close()
        return tuple(self.bus.observed)

    def _born(self, name: str, view: View | None = None) -> LivingServer:
        charts: dict[Role, Any] = dict(_charts(name) if self.remembers else _new_charts(name))
        for role, chart in charts.items():
            _put(charts, role, chart.snapshot())
        client = charts["client"].snapshot()
        _put(charts, "client", client._replace(data=replace(client.data, **self._made(name))))
        if view is not None:
            _put(charts, "view", Snapshot(("idle",), DistributionViewData(view)))
        server = LivingServer(charts, LivingAdapter(self.bus, self.numbers), timeout=TIMEOUT)
        server.numbers = self.numbers
        return server

    def _made(self, name: str) -> dict[str, Any]:
        """What the data of an MQTT client begins with."""
        features = self.features
        self._sessions[name] += 1
        session = f"{name}s{self._sessions[name]}"
        if name in {TRACKER, SUCCESSOR}:
            return {"session": session if features.steps_down else ""}
        return {
            "session": session if features.named else "",
            "retries": features.retries,
            "leaves_will": features.leaves_will,
        }

    async def _live(self) -> None:
        end = self.hours * 3600
        for name in self.chance.sample([TRACKER, *self.names], 1 + self.torrents):
            self.servers[name].start()
            await asyncio.sleep(self.chance.uniform(0, 2))
        pause = end / max(1.0, self.breaks * self.hours * (1 + self.torrents))
        while self.loop.time() < end:
            await asyncio.sleep(self.chance.expovariate(1 / pause))
            await self._break(self.chance.choice([TRACKER, *self.names]))
        self.bus.losses = 0.0
        await asyncio.sleep(4 * TIMEOUT)
        if self.features.steps_down:
            self.servers[SUCCESSOR] = self._born(SUCCESSOR)
            self.servers[SUCCESSOR].start()
        else:
            await self._break(TRACKER, "stop")
        await asyncio.sleep(6 * TIMEOUT)
        left = [name for name in self.names if self.servers[name].where != ("registered",)]
        assert not left, f"seed {self.seed}: {left} are not registered in the end"

    async def _break(self, name: str, how: str = "") -> None:
        """Something ends a server's connection; it is started again some time later."""
        how = how or self.chance.choice(["stop", "crash", "reconnect"])
        self.owner.append(f"{self.loop.time():.3f} {how} {name}")
        server = self.servers[name]
        if how == "reconnect":
            await server.reconnect()
            return
        view: View = server.charts["view"].data.view
        await (server.stop() if how == "stop" else server.crash())
        await asyncio.sleep(self.chance.uniform(0, 2 * TIMEOUT))
        if how == "crash":
            self.servers[name] = server = self._born(name, view)
        server.start()


def _new_charts(name: str) -> dict[Role, Participant]:
    own = View(own=ClientMetadata(frozenset({f"http://{name}/"})))
    client: Participant = TorrentServer(name)
    if name in {TRACKER, SUCCESSOR}:
        own, client = View(fragment_size=1024), Tracker(name)
    return {"client": client, "clock": Clock(), "view": DistributionView(own)}


@cache
def _charts(name: str) -> dict[Role, Remembered]:
    """Those that a server begins with; to make a chart takes longer than to live with it for some steps."""
    return {role: Remembered(chart) for role, chart in _new_charts(name).items()}


def _put(charts: dict[Role, Any], role: Role, snapshot: Snapshot) -> None:
    """Let a chart be in another state, without touching one that others begin with."""
    if isinstance(charts[role], Remembered):
        charts[role] = charts[role].again(snapshot)
    else:
        charts[role].restore(snapshot)


def judged(seen: tuple[Observed, ...]) -> Monitor:
    """A monitor that has seen all of it."""
    monitor = Monitor()
    monitor.see_all(seen)
    return monitor


def judged_from_outside(seen: tuple[Observed, ...]) -> Monitor:
    """A monitor that has seen what somebody sees who only subscribes, and knows that events are lost.

    It is told each second in which nothing comes that time goes by, as where a monitor watches a broker.
    """
    monitor = Monitor(LOSSY_SUBSCRIBER, assumed=Assumptions(timeout=TIMEOUT))
    at = 0.0
    for one in seen:
        while one.at - at > TICK:
            at += TICK
            monitor.see(Passed(at))
        at = one.at
        if isinstance(one, Published):
            monitor.see(replace(one, client=""))
    return monitor


JUDGES: dict[str, tuple[Callable[[tuple[Observed, ...]], Monitor], ...]] = {
    "both": (judged, judged_from_outside),
    "whole": (judged,),
}


def main() -> None:
    """Live, and say how fast that was."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties.simulation")
    parser.add_argument("--runs", type=int, default=200, help="how many (200)")
    parser.add_argument("--hours", type=float, default=1 / 60, help="protocol time of each (a minute)")
    parser.add_argument("--torrents", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--judge",
        nargs="?",
        choices=[*JUDGES],
        const="both",
        help="let monitors judge each: one of the whole, and one of what a subscriber sees (both, the default), "
        "or one of the whole alone, which is six times as fast",
    )
    parser.add_argument("--every", action="store_true", help="so many with each combination of features")
    given = parser.parse_args()
    gc.set_threshold(100_000, 50, 1_000)  # as in the tests: what is kept is remembered, and no garbage
    began, wall, events, wrong = time.process_time(), time.perf_counter(), 0, 0
    lives = list(product(EVERY if given.every else [NAMED], range(given.seed, given.seed + given.runs)))
    for features, seed in lives:
        seen = Life(seed, given.torrents, hours=given.hours, features=features).run()
        events += len(seen)
        for monitor in [judge(seen) for judge in JUDGES.get(given.judge, ())]:
            wrong += bool(monitor.forbidden)
            for found in monitor.forbidden[:1]:
                print(f"seed {seed}, {features.label}: {found.client}: {found.what}: {found.event}")
    spent, passed = time.process_time() - began, time.perf_counter() - wall
    protocol = len(lives) * given.hours
    print(
        f"{len(lives)} runs, {protocol:.1f} h of protocol time, {events} observations: "
        f"{spent:.1f} s of CPU time, {passed:.1f} s; {len(lives) / spent:.0f} runs a second of CPU time"
        + (f"; forbidden: {wrong}" if given.judge else "")
    )
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
