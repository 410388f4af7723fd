"""A tour of the startups, packet by packet: at every point of each, everything that can come between.

`python -m tests.properties.packet_tour [--level charts|driver|broker]` goes on it. Each leg plays rules of `packets.py`
in an order that is fixed, and ends as those runs do: everybody who can is registered, and all share one view.
"""

import argparse
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial

from machines.calls import PublishFailed, Start
from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinSucceeded,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Participant
from machines.session import MqttClient
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker
from spec.system.setup import sample
from tests.properties.harmless import STRANGER, harmless
from tests.properties.packet_brokers import BrokeredService, BrokeredSystem
from tests.properties.packet_drivers import DrivenService
from tests.properties.packets import HELD, INTERRUPTIONS, PacketService, timers
from tests.support.harness import Server

NOTHING = TrackerGoodbye
"""What is held back where nothing is: nobody says it on the way there."""
WHO: Mapping[str, type[MqttClient]] = {"anna": TorrentServer, "second": Tracker}
"""A torrent server and a tracker that start while everybody else is there."""
SEEDS = range(6)
AFTER = (1, 4, 7)
"""How much mixes with the subscriptions (`packets.py`)."""
STARTING = ("awaiting_connack", "subscribing", "awaiting_subacks")

Leg = Callable[[PacketService], None]


def begun(
    charts: Mapping[str, type[Participant]],
    held: type[BusEvent] = NOTHING,
    seed: int = 0,
    of: type[PacketService] = PacketService,
) -> PacketService:
    """Two torrent servers and a tracker, where no event of a kind arrived, and a second tracker that is offline."""
    service = of()
    service.charts = charts  # type: ignore[misc]
    service.begin(kinds=["plain", "frail storage"], held=held, seed=seed, failing=False, steps=0)
    return service


def check(service: PacketService) -> None:
    """All that must hold at any time. Raises `AssertionError`."""
    for one in service.invariants:
        one.function(service)


def legs() -> Iterator[tuple[str, type[BusEvent], Leg]]:
    """What each is called, what is held back before it, and what it does."""
    for who, chart in WHO.items():
        for steps in range(2 * len(chart.topics) + 2):  # CONNECT and SUBSCRIBEs, each with its answer
            for how in (*INTERRUPTIONS, "nothing"):
                yield f"{who} starts; after {steps} packets: {how}", NOTHING, partial(_interrupt, who, steps, how)
        for how in (*INTERRUPTIONS, "nothing"):
            for seed in SEEDS:
                yield f"{who} subscribes; between: {how} ({seed})", NOTHING, partial(_mix, who, seed, how)
        for kind in BUS_EVENTS:
            yield f"{who} subscribes and hears {kind.__name__}", NOTHING, partial(_hear, who, kind)
    for held in HELD:
        yield f"what means nothing comes while {held.__name__} is held back", held, _bother
        yield f"the tracker is replaced while {held.__name__} is held back", held, partial(_replace, gently=True)
        yield f"the tracker crashes while {held.__name__} is held back", held, partial(_replace, gently=False)
    for held in (ClientJoinAccepted, ClientJoinSucceeded, NOTHING):
        yield f"the hello was not taken over, {held.__name__} is held back", held, _miss_hello
    yield "the hello of a tracker that hears others was not taken over", NOTHING, _miss_its_hello
    for pending in (False, True):
        for other in (TrackerHello(session="three", event_id="x"), TrackerHello(event_id="x")):
            for early in (False, True):
                told = f"another tracker says hello {'before' if early else 'after'} it, {other.session or 'nameless'}"
                yield f"{told}{', pending' if pending else ''}", NOTHING, partial(_succeed, pending, other, early)
    yield "a hello comes to a tracker that hears others while it subscribes", NOTHING, _hear_another
    yield "of two that are about to be registered one is", ClientJoinSucceeded, _register_one
    for name in ("tracker", "anna"):
        yield f"{name} comes back after its connection broke", ClientJoinSucceeded, partial(_count_on, name)
    for session in ("a", "b"):
        yield f"a will of session {session} comes during an admission of session a", NOTHING, partial(_will, session)


def tour(
    charts: Mapping[str, type[Participant]],
    of: type[PacketService] = PacketService,
    on: Iterable[tuple[str, type[BusEvent], Leg]] | None = None,
) -> Iterator[str]:
    """What each leg is called, once it is done; `on` these, or on all. Raises `AssertionError`, or what a chart raises.

    `of` says what runs: charts, or more.
    """
    rested = set()
    for told, held, act in legs() if on is None else on:
        service = begun(charts, held, of=of)
        try:
            act(service)
            check(service)
            service.system.run()
            here = _where(service)
            if here not in rested:  # what has come to rest from there would do so once more
                rested.add(here)
                service.come_to_rest()
        finally:
            service.system.end()
        yield told


def _where(service: PacketService) -> Hashable:
    """All that decides how a run goes on, once nothing is under way, but for chance."""
    servers = service.system.servers.values()
    charts = [(server.link is None, *(one.snapshot() for one in server.charts.values())) for server in servers]
    return (*charts, service.system.broker.snapshot(), service.system.refusing)


# Legs.


def _offline(service: PacketService, who: str) -> None:
    """Stop a torrent server, or the first tracker, and let all arrive."""
    name = who if who == "anna" else "tracker"
    service.stop(pick=service.named(but=("offline",)).index(name))
    service.system.run()
    check(service)


def _interrupt(who: str, steps: int, how: str, service: PacketService) -> None:
    _offline(service, who)
    service.interrupt_a_startup(pick=service.startable().index(who), steps=steps, how=how)
    server = service.system.servers[who]
    if how == "nothing":
        unmoved(service, server)
    elif how in {"stop", "broken"}:
        assert server.at not in STARTING, (how, server.at)
    if how != "refused":
        check(service)
    service.system.run()


def _mix(who: str, seed: int, how: str, service: PacketService) -> None:
    _offline(service, who)
    service.system._random.seed(seed)
    pick = service.startable().index(who)
    service.interrupt_the_subscriptions(pick=pick, how=how, after=AFTER[seed % len(AFTER)])
    service.system.run()


def _hear(who: str, kind: type[BusEvent], service: PacketService) -> None:
    """An event is passed on to a server between its subscriptions."""
    _offline(service, who)
    service.interrupt_a_startup(pick=service.startable().index(who), steps=len(WHO[who].topics) + 4, how="nothing")
    server = service.system.servers[who]
    if server.link is not None and server.at == "awaiting_subacks" and kind.topic in server.chart.topics:
        server.link.down.appendleft(sample(kind, STRANGER))
        before = server.client.snapshot()
        service.system.carry_down(who)
        assert server.client.snapshot() == before, (server.at, kind)
    service.system.run()


def _bother(service: PacketService) -> None:
    for server in service.system.servers.values():
        unmoved(service, server)


def _replace(service: PacketService, *, gently: bool) -> None:
    service.replace_the_tracker(gently=gently)
    _bother(service)


def _miss_hello(service: PacketService) -> None:
    """A tracker of which the broker has no hello starts anew: its owner sees that it is offline."""
    service.miss_the_acknowledgement_of_hello()
    assert service.system.servers["tracker"].at == "offline"


def _second_up_to(service: PacketService, where: str) -> Server:
    """A second tracker starts, packet by packet, until it is somewhere."""
    service.system.tell("second", Start(session="two"))
    tracker = service.system.servers["second"]
    while tracker.at != where:
        if tracker.link and tracker.link.up:
            service.system.carry_up(tracker.link)
        else:
            service.system.carry_down("second")
    return tracker


def _miss_its_hello(service: PacketService) -> None:
    """The same of a tracker that waits for its own hello, and does not serve."""
    _offline(service, "second")
    tracker = _second_up_to(service, "awaiting_its_hello")
    service.cut.add(tracker.name)
    service.system.tell("second", PublishFailed(event=TrackerHello))
    assert tracker.at == "offline"


def _named(service: PacketService, *, is_heard: bool = False) -> Server:
    """A tracker that hears others, and has heard itself or not; and a torrent server that names its requests and has
    just started.
    """
    _offline(service, "second")
    _offline(service, "anna")
    service.system.tell("second", Start(session="two"))
    service.system.run_startup("second")
    if is_heard:
        service.system.run()
    service.system.tell("anna", Start(session="a"))
    service.system.run_startup("anna")
    return service.system.servers["second"]


def _succeed(pending: bool, other: TrackerHello, early: bool, service: PacketService) -> None:
    """Another tracker says hello: it steps down if that is later than its own, whatever it is at."""
    tracker = _named(service, is_heard=not pending and not early)
    if early:
        _hears(service, tracker, other, first=True)
        assert tracker.at != "offline", "it stepped down for an earlier tracker"
    service.system.run(ClientJoinSucceeded if pending else NOTHING)
    assert tracker.at == ("awaiting_confirmations" if pending else "awaiting_requests")
    unmoved(service, tracker)
    _hears(service, tracker, TrackerHello(session="two", event_id="y"))
    assert tracker.at != "offline", "it stepped down for itself"
    if not early:
        service.cut.add(tracker.name)
        _hears(service, tracker, other)
        assert tracker.at == "offline", "it did not step down for a later tracker"


def _hear_another(service: PacketService) -> None:
    _offline(service, "second")
    tracker = _second_up_to(service, "awaiting_subacks")
    _hears(service, tracker, TrackerHello(session="three", event_id="x"), first=True)
    assert tracker.at == "awaiting_subacks"
    service.system.run_startup("second")


def _register_one(service: PacketService) -> None:
    """While the other's admission stays pending."""
    tracker, anna = service.system.servers["tracker"], service.system.servers["anna"]
    assert tracker.link is not None
    assert anna.link is not None
    assert tracker.at == "awaiting_confirmations"
    service.system.carry_up(anna.link)
    service.system.carry_down("tracker")
    assert tracker.at == "awaiting_confirmations"
    assert anna.name in tracker.view.data.view.clients


def _count_on(name: str, service: PacketService) -> None:
    """Whose connection broke counts its timeouts on: an expiry of one of before can still be on its way."""
    server = service.system.servers[name]
    before = set(timers(server))
    assert before
    for link in service.system.links:  # confirmations are lost
        while link.up and isinstance(link.up[0], ClientJoinSucceeded):
            link.up.popleft()
    service.lose_connection(pick=service.named(but=("offline",)).index(name))
    service.system.run(ClientJoinSucceeded)
    service.start(pick=service.startable().index(name), through=True)
    service.system.run(ClientJoinSucceeded)
    anew = {timer.client for timer in timers(server) if timer not in before}
    assert anew == {timer.client for timer in before}, f"{name} sets a timeout under the number of an earlier one"
    service.system.run()


def _will(session: str, service: PacketService) -> None:
    """A will speaks of one session: it ends an admission of this one, and of no other."""
    tracker = _named(service)
    service.system.run(ClientJoinSucceeded)
    pending = tracker.view.data.view.admissions.keys()
    assert "anna" in pending
    _hears(service, tracker, ClientGoodbye(client="anna", session=session))
    left = pending - tracker.view.data.view.admissions.keys()
    assert left == ({"anna"} if session == "a" else set()), "a will has to end what is of its session, and nothing else"
    service.lose_connection(pick=service.named(but=("offline",)).index("anna"))
    service.system.run()
    service.system.tell("anna", Start(session="c"))  # an owner names each connection anew


def _hears(service: PacketService, server: Server, event: BusEvent, *, first: bool = False) -> None:
    """An event comes to a server, before all that is on its way to it or after nothing else is."""
    assert server.link is not None
    assert first or not server.link.down
    server.link.down.appendleft(event)
    service.system.carry_down(server.name)


def unmoved(service: PacketService, server: Server) -> None:
    """What means nothing to a server leaves it as it is. Raises `AssertionError`."""
    before, due = server.client.snapshot(), server.client.due()
    for message in harmless(before, server.chart.topics):
        service.system.give(server.name, message)
        assert (server.client.snapshot(), server.client.due()) == (before, due), (server.name, server.at, message)


LEVELS: Mapping[str, type[PacketService]] = {
    "charts": PacketService,
    "driver": DrivenService,
    "broker": BrokeredService,
}
"""What goes on it: charts, drivers with the chart of the broker, or drivers over the embedded broker."""


def main() -> None:
    """Go on it, and say how many legs it has."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties.packet_tour")
    parser.add_argument("--level", choices=[*LEVELS], default="charts", help="what goes on it (charts)")
    level = parser.parse_args().level
    try:
        print(f"{sum(1 for _ in tour({}, LEVELS[level]))} legs")
    finally:
        BrokeredSystem.stop()


if __name__ == "__main__":
    main()
