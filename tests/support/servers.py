"""Servers and demos to test with: a server on a broker, a demo without an audience, and what was seen on a lifeline."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from immutabledict import immutabledict

from machines import ClientMetadata, Clock, DistributionView, FragmentMetadata, Participant, Snapshot, View
from machines.calls import Role
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker
from runtime.demo.audience import Reporter
from runtime.demo.runner import DemoRunner, Outcome
from runtime.demo.settings import Settings
from runtime.driver import Move, Server
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress, Session
from runtime.recorder import Arrow

HASH = "sha-256"
SIZE = 1024
SOON = 10.0  # seconds; an upper bound for what takes milliseconds, on a machine that is busy with something else


# Servers.


@dataclass
class Seen:
    """Keeps the moves of servers."""

    moves: list[Move] = field(default_factory=list)

    def __call__(self, move: Move) -> None:
        self.moves.append(move)

    def names(self, action: str, role: str = "client") -> list[str]:
        return [type(m.message).__name__ for m in self.moves if m.action == action and m.role == role]


def a_server(
    at: EmbeddedBroker | BrokerAddress,
    chart: Participant,
    view: View | None = None,
    *,
    timeout: float = SOON,
    qos: int = 2,
    patience: float = SOON,
    keepalive: int = 60,
    observer: Callable[[Move], None] | None = None,
) -> Server:
    address = at if isinstance(at, BrokerAddress) else BrokerAddress(at.host, at.port)
    charts: dict[Role, Participant] = {"client": chart, "clock": Clock(), "view": DistributionView(view)}

    def connect(client: str) -> Session:
        return Session(address, client, qos, patience=patience, keepalive=keepalive)

    return Server(charts, connect, timeout=timeout, observer=observer)


def a_tracker(at: EmbeddedBroker | BrokerAddress, timeout: float = SOON, qos: int = 2) -> Server:
    return a_server(at, Tracker("tracker"), View(HASH, SIZE), timeout=timeout, qos=qos)


def a_torrent(
    at: EmbeddedBroker | BrokerAddress,
    name: str = "torrent-1",
    timeout: float = SOON,
    qos: int = 2,
    view: View | None = None,
) -> Server:
    fragment = f"{name}-fragment"
    brought = View(
        HASH,
        None,
        fragments=immutabledict({fragment: FragmentMetadata(100)}),
        own=ClientMetadata(frozenset({f"http://{name}.example/"}), frozenset({fragment})),
    )
    return a_server(at, TorrentServer(name), brought if view is None else view, timeout=timeout, qos=qos)


async def reach(server: Server, state: str) -> None:
    await server.wait_for(lambda: server.where == (state,), SOON)


async def serving(broker: EmbeddedBroker | BrokerAddress, qos: int = 2) -> tuple[Server, Server]:
    """A tracker that serves, and a client that is registered."""
    tracker = a_tracker(broker, qos=qos)
    tracker.start()
    await reach(tracker, "awaiting_requests")
    joined = a_torrent(broker, "client-1", qos=qos)
    joined.start()
    await reach(joined, "registered")
    await reach(tracker, "awaiting_requests")
    return tracker, joined


def snapshots(*servers: Server) -> list[dict[Role, Snapshot]]:
    return [{role: chart.snapshot() for role, chart in server.charts.items()} for server in servers]


class Leftovers:
    """What tasks and threads there are now; later, which ones have come and not gone.

    The idle threads of the loop's own pool are not counted: it keeps them until it is closed.
    """

    def __init__(self, broker: EmbeddedBroker | None = None) -> None:
        self.broker = broker
        self.tasks = asyncio.all_tasks()
        self.threads = set(threading.enumerate())

    async def left(self) -> list[str]:
        while self.broker is not None and self.broker._connections:  # noqa: ASYNC110 - it tells nobody that all have left
            await asyncio.sleep(0.01)
        tasks = [repr(task) for task in asyncio.all_tasks() - self.tasks]
        threads = [repr(t) for t in set(threading.enumerate()) - self.threads if not t.name.startswith("asyncio_")]
        return tasks + threads


# Demos.


class Nobody:
    """Watches, and says nothing."""

    def act(self, title: str) -> None: ...
    def arrow(self, arrow: Arrow) -> None: ...


@dataclass(frozen=True)
class Played:
    """A demo that has ended."""

    play: DemoRunner
    outcome: Outcome

    def arrows(self, act: int | None = None) -> list[Arrow]:
        """All arrows, or those of one act, from 0."""
        arrows = self.outcome.recorder.arrows
        if act is None:
            return arrows
        begins = [*self.outcome.recorder.acts, len(arrows)]
        return arrows[begins[act] : begins[act + 1]]


async def play(settings: Settings, reporter: Reporter | None = None) -> Played:
    play = DemoRunner(settings, reporter or Nobody())
    return Played(play, await play.run())


def play_all(settings: Iterable[Settings], at_a_time: int, within: float = 400) -> list[Played]:
    """Play demos beside each other, since they mostly wait. Raises if one of them fails or hangs."""

    async def all_of_them() -> list[Played]:
        places = asyncio.Semaphore(at_a_time)

        async def one(each: Settings) -> Played:
            async with places, asyncio.timeout(within):
                return await play(each)

        return await asyncio.gather(*map(one, settings))

    return asyncio.run(all_of_them())


def on_each_lifeline(arrows: Sequence[Arrow]) -> dict[str, list[str]]:
    """What each lifeline saw, in its order, such as `!SetTimeout TorrentClock` or `?ClientJoinDenied Broker`."""
    seen: dict[str, list[tuple[int, str]]] = {}
    for arrow in arrows:
        if arrow.sender:
            lost = " lost" if arrow.lost else ""
            seen.setdefault(arrow.sender, []).append((arrow.sent, f"!{arrow.name} {arrow.receiver}{lost}"))
        if not arrow.lost:
            seen.setdefault(arrow.receiver, []).append((arrow.came, f"?{arrow.name} {arrow.sender}"))
    return {lifeline: [what for _, what in sorted(ends)] for lifeline, ends in seen.items()}


def drawn(story: str) -> dict[str, list[str]]:
    """The same for a trace in lines such as `Torrent -> TorrentClock SetTimeout`, `-x` where it is lost."""
    arrows = []
    for number, line in enumerate(story.split("\n")):
        if line.strip():
            sender, head, receiver, name = line.split()
            arrows.append((number, sender, head == "-x", receiver, name))
    seen: dict[str, list[str]] = {}
    for _, sender, lost, receiver, name in arrows:
        seen.setdefault(sender, []).append(f"!{name} {receiver}{' lost' if lost else ''}")
        if not lost:
            seen.setdefault(receiver, []).append(f"?{name} {sender}")
    return seen


def storage(server: Server, how: str) -> None:
    """Let changes of a server's view succeed (`sound`) or fail (`broken`)."""
    view = server.charts["view"]
    view.data = replace(view.data, view=replace(view.data.view, storage=how))
