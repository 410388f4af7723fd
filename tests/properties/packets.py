"""A whole service in memory, with a bus that loses, repeats and delays, and servers that come and go.

Random, but not from scratch: a run begins where everybody is about to join, with some kind of message held back.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, combinations
from random import Random
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from immutabledict import immutabledict

from machines.broker import Broker, BrokerData
from machines.calls import (
    AddFile,
    Call,
    JoinConflicts,
    Message,
    PublishFailed,
    Start,
    Stop,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
)
from machines.distribution_view import DistributionViewData
from machines.endpoints import normal_form
from machines.events import (
    BusEvent,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    FragmentDistributionStarted,
    FragmentMetadata,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Participant, Snapshot
from machines.rules import View, admit, describe
from machines.torrent_server import TorrentServerData
from machines.tracker import TrackerData
from tests.support.harness import PLAYING, Server, System

NAMES = ("anna", "bert", "carl")
TRACKERS = ("tracker", "second")
HELD: tuple[type[BusEvent], ...] = (
    TrackerHello,
    ClientJoinRequested,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinSucceeded,
    ClientRegistered,
    TrackerGoodbye,
)
OFFERS = ("plain", "endpoint of anna", "other fragment size", "other algorithm", "other metadata", "frail storage")
RESTING = {"offline", "awaiting_hello", "registered"}

BESIDE_OF_TRACKERS: tuple[type[Any], ...] = (
    FragmentDistributionStarted,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
)
BESIDE_OF_TORRENTS: tuple[type[Any], ...] = (
    FragmentDistributionRequested,
    FragmentDistributionObtained,
    FragmentDistributionFailed,
)
INTERRUPTIONS = ("stop", "no answer", "refused", "broken")

picks = st.integers(0, 5)


def offer(name: str, kind: str) -> View:
    """What a torrent server starts with."""
    plain = View(
        files=immutabledict({f"file of {name}": FileMetadata(5, (f"fragment of {name}",))}),
        fragments=immutabledict({f"fragment of {name}": FragmentMetadata(5)}),
        own=ClientMetadata(frozenset({f"http://{name}/"}), frozenset({f"fragment of {name}"})),
    )
    stale = {"file of anna": FileMetadata(len(name), ()), "shared": FileMetadata(len(name) + 1)}
    bad = {"fragment of anna": FragmentMetadata(len(name) + 7)}
    return {
        "plain": plain,
        "endpoint of anna": replace(plain, own=replace(plain.own, endpoints=frozenset({"HTTP://anna:80"}))),
        "other fragment size": replace(plain, fragment_size=1),
        "other algorithm": replace(plain, hash_algorithm="md5"),
        "other metadata": replace(
            plain,
            files=immutabledict({**plain.files, **stale}),
            fragments=immutabledict({**plain.fragments, **bad}),
            own=replace(plain.own, stored_fragments=frozenset({*plain.fragments, *bad})),
        ),
        "frail storage": replace(plain, storage="either"),
    }[kind]


class Reused(Server):
    """A server whose charts are those of an earlier one of its name, put back to where they begin: to make a chart
    takes longer than most runs.
    """

    def boot(self, view: View) -> None:
        charts = self.charts_of_server
        self.client = _as_it_begins(self.name, self.chart, self.name)
        self.clock = _as_it_begins(self.name, charts["Clock"])
        self.view = _as_it_begins(self.name, charts["DistributionView"])
        self.view.restore(self.view.snapshot()._replace(data=DistributionViewData(view)))
        self.expiries = deque()


_MADE: dict[tuple[str, type[Any]], tuple[Any, Snapshot]] = {}


def _as_it_begins(owner: str, chart: type[Any], *given: str) -> Any:
    """The chart of an owner, which has one of each kind at a time."""
    if (owner, chart) not in _MADE:
        made = chart(*given)
        _MADE[owner, chart] = (made, made.snapshot())
    made, begin = _MADE[owner, chart]
    made.restore(begin)
    return made


class PacketService(RuleBasedStateMachine):
    """Drives the system; what must hold at any time are its invariants, what must come in the end its teardown."""

    charts: ClassVar[Mapping[str, type[Participant]]] = {}
    """Charts that take the place of ours of the same name."""
    server: ClassVar[type[Server]] = Reused

    @initialize(
        kinds=st.lists(st.sampled_from(OFFERS), min_size=1, max_size=3),
        held=st.sampled_from(HELD),
        seed=st.integers(0, 99),
        failing=st.booleans(),
        steps=st.integers(0, 20),
    )
    def begin(self, kinds: list[str], held: type[BusEvent], seed: int, failing: bool, steps: int) -> None:
        self.offers = {name: offer(name, kind) for name, kind in zip(NAMES, kinds, strict=False)}
        self.offers |= dict.fromkeys(TRACKERS, View(fragment_size=512))
        charts = {**PLAYING, **self.charts}
        servers = [
            self.server(charts["Tracker" if name in TRACKERS else "TorrentServer"], name, view, charts)
            for name, view in self.offers.items()
        ]
        spare = servers.pop()
        self.system = self.built(servers, seed, charts["Broker"])
        self.system.failing = failing
        self.system.connect_all()
        self.system.add(spare)
        self.cut: set[str] = set()
        self.wander(Random(seed), steps)
        self.system.run(held)

    def built(self, servers: list[Server], seed: int, broker: type[Broker]) -> System:
        """The servers and their broker."""
        return System(servers, seed, _as_it_begins("broker", broker))

    def wander(self, random: Random, steps: int) -> None:
        """Get somewhere: messages arrive, and now and then a server comes or goes."""
        for _ in range(steps):
            self.carry([random.randrange(30) for _ in range(random.randrange(12))])
            pick, kind = random.randrange(30), random.randrange(8)
            if kind == 0:
                self.replace_the_tracker(gently=pick % 2 == 0)
            elif kind == 1 and self.expiries():
                self.expire(pick)
            elif kind == 2 and self.named(but=("offline",)):
                self.stop(pick)
            elif self.startable():
                self.start(pick, through=True)

    def torrents(self) -> Iterator[Server]:
        return (server for server in self.system.servers.values() if not server.is_tracker)

    def trackers(self) -> Iterator[Server]:
        return (server for server in self.system.servers.values() if server.is_tracker)

    def named(self, *states: str, but: tuple[str, ...] = ()) -> list[str]:
        return [
            name
            for name, server in self.system.servers.items()
            if (not states or server.at in states) and server.at not in but
        ]

    def channels(self) -> list[tuple[deque[Message], str]]:
        """Those with a bus event at their head; with the publisher, where the broker has not got it."""
        ups = [(link.up, link.client) for link in self.system.links]
        downs = [(server.link.down, "") for server in self.system.servers.values() if server.link]
        return [(queue, name) for queue, name in (*ups, *downs) if queue and isinstance(queue[0], BusEvent)]

    def startable(self) -> list[str]:
        """At most one tracker is connected: the broker has seen the end of the other one."""
        tracker = any(link.client in TRACKERS for link in self.system.links)
        return [name for name in self.named("offline") if name not in TRACKERS or not tracker]

    # What goes well.

    @rule(choices=st.lists(picks, min_size=1, max_size=8))
    def carry(self, choices: list[int]) -> None:
        for choice in choices:
            if moves := self.system.moves():
                moves[choice % len(moves)]()

    @rule(held=st.sampled_from(HELD))
    def carry_all_but(self, held: type[BusEvent]) -> None:
        self.system.run(held)

    @precondition(lambda self: self.startable())
    @rule(pick=picks, through=st.booleans())
    def start(self, pick: int, through: bool) -> None:
        name = self.startable()[pick % len(self.startable())]
        self.system.tell(name, Start())
        if through:
            self.system.run_startup(name)

    @rule(gently=st.booleans())
    def replace_the_tracker(self, gently: bool) -> None:
        """While the others are wherever they are: nothing of theirs is carried."""
        for tracker in [one for one in self.trackers() if one.link]:
            if gently:
                self.system.tell(tracker.name, Stop())
            else:
                self.system.crash(tracker.name, tracker.view.data.view)
        for link in [one for one in self.system.links if one.client in TRACKERS]:
            while link in self.system.links:
                self.system.carry_up(link)
        name = next(name for name in self.startable() if name in TRACKERS)
        self.system.tell(name, Start())
        self.system.run_startup(name)

    @precondition(lambda self: self.named("awaiting_requests", "awaiting_confirmations"))
    @rule(number=st.integers(1, 3), name=st.sampled_from(["shared", "file of anna", "another"]))
    def publish_a_file(self, name: str, number: int) -> None:
        """Outside Client Join: a file comes into the service."""
        tracker = self.system.servers[self.named("awaiting_requests", "awaiting_confirmations")[0]]
        self.system.publish(tracker, FileInfoPublished(hash=name, size=number))
        tracker.view.receive(AddFile(published=FileInfoPublished(hash=name, size=number)))

    @precondition(lambda self: self.named("awaiting_requests", "awaiting_confirmations", "registered"))
    @rule(pick=picks, number=picks)
    def publish_beside_client_join(self, pick: int, number: int) -> None:
        """What belongs to other use cases, and changes nothing here."""
        names = self.named("awaiting_requests", "awaiting_confirmations", "registered")
        server = self.system.servers[names[pick % len(names)]]
        known = BESIDE_OF_TRACKERS if server.is_tracker else BESIDE_OF_TORRENTS
        event = known[number % len(known)]
        given = {} if server.is_tracker else {"client": server.name}
        self.system.publish(server, event(**given))

    @precondition(lambda self: self.startable())
    @rule(pick=picks, steps=st.integers(0, 12), how=st.sampled_from(INTERRUPTIONS))
    def interrupt_a_startup(self, pick: int, steps: int, how: str) -> None:
        """A server starts, exchanges some packets with the broker, and then something comes between."""
        name = self.startable()[pick % len(self.startable())]
        server = self.system.servers[name]
        self.system.tell(name, Start())
        for _ in range(steps):
            if server.link is None or server.at not in {"awaiting_connack", "awaiting_subacks"}:
                return
            if server.link.up:
                self.system.carry_up(server.link)
            elif server.link.down:
                self.system.carry_down(name)
        if how == "stop":
            self.system.tell(name, Stop())
        elif how == "no answer" and server.at == "awaiting_connack":
            self.system.fail_to_connect(name)
        elif how == "no answer" and server.at == "awaiting_subacks":
            topic = min(server.client.data.unacknowledged)
            self.system.tell(name, SubscriptionFailed(topic=topic))
        elif how == "refused":
            self.system.refusing = True
        elif how == "broken" and server.at != "offline":
            self.cut.add(name)
            self.system.lose_connection(name)

    @precondition(lambda self: self.startable())
    @rule(pick=picks, how=st.sampled_from(INTERRUPTIONS), after=st.integers(0, 8))
    def interrupt_the_subscriptions(self, pick: int, how: str, after: int) -> None:
        """A server starts, and something comes while it is still subscribing; packets of all mix with what is due."""
        name = self.startable()[pick % len(self.startable())]
        told: dict[str, Call | None] = {
            "refused": None,
            "stop": Stop(),
            "no answer": SubscriptionFailed(topic=min(self.system.servers[name].chart.topics)),
        }
        self.system.orders = [(name, told[how])] if how in told else []
        self.system.mixing = 0.1 * (1 + after)
        self.system.tell(name, Start())
        self.system.run_startup(name)
        self.system.mixing, self.system.orders = 0.0, []

    @precondition(lambda self: self.named("awaiting_requests", "awaiting_confirmations"))
    @rule()
    def miss_the_acknowledgement_of_hello(self) -> None:
        """The broker did not take the hello over in time, and the tracker has begun to serve."""
        name = self.named("awaiting_requests", "awaiting_confirmations")[0]
        self.cut.add(name)
        self.system.tell(name, PublishFailed(event=TrackerHello))

    @precondition(lambda self: self.named(but=("offline",)))
    @rule(pick=picks)
    def stop(self, pick: int) -> None:
        names = self.named(but=("offline",))
        self.system.tell(names[pick % len(names)], Stop())

    # Faults.

    @precondition(lambda self: self.channels())
    @rule(pick=picks, known=st.booleans())
    def lose(self, pick: int, known: bool) -> None:
        queue, publisher = self.channels()[pick % len(self.channels())]
        event = queue.popleft()
        assert isinstance(event, BusEvent)
        if known and publisher and self.system.servers[publisher].link:
            self.cut.add(publisher)
            self.system.tell(publisher, PublishFailed(event=type(event)))

    @precondition(lambda self: self.channels())
    @rule(pick=picks)
    def repeat(self, pick: int) -> None:
        queue, _ = self.channels()[pick % len(self.channels())]
        queue.appendleft(queue[0])

    @precondition(lambda self: self.expiries())
    @rule(pick=picks)
    def expire(self, pick: int) -> None:
        name, expiry = self.expiries()[pick % len(self.expiries())]
        self.system.expire(name, expiry)

    def expiries(self) -> list[tuple[str, Any]]:
        return [(name, due) for name, server in self.system.servers.items() for due in server.clock.due()]

    @precondition(lambda self: self.named(but=("offline",)))
    @rule(pick=picks)
    def lose_connection(self, pick: int) -> None:
        names = self.named(but=("offline",))
        self.cut.add(names[pick % len(names)])
        self.system.lose_connection(names[pick % len(names)])

    @precondition(lambda self: self.named("awaiting_connack"))
    @rule()
    def fail_to_connect(self) -> None:
        self.system.fail_to_connect(self.named("awaiting_connack")[0])

    @precondition(lambda self: self.named("awaiting_subacks"))
    @rule()
    def fail_to_subscribe(self) -> None:
        name = self.named("awaiting_subacks")[0]
        topic = min(self.system.servers[name].client.data.unacknowledged)
        self.system.tell(name, SubscriptionFailed(topic=topic))

    @rule(pick=picks, kept=st.booleans())
    def crash(self, pick: int, kept: bool) -> None:
        name = self.named()[pick % len(self.system.servers)]
        view = self.system.servers[name].view.data.view if kept else self.offers[name]
        self.system.crash(name, view)
        self.cut.discard(name)

    @rule()
    def refuse_the_next(self) -> None:
        self.system.refusing = True

    @rule(failing=st.booleans())
    def break_frail_storages(self, failing: bool) -> None:
        self.system.failing = failing

    # What must hold at any time.

    @invariant()
    def all_wait(self) -> None:
        """Nobody who waits has anything in hand, and the broker owes nothing but answers that are refused."""
        for server in self.system.servers.values():
            data = server.client.data
            assert server.client.due() == ()
            assert server.view.snapshot() == (("idle",), DistributionViewData(server.view.data.view))
            held = ["current"] if server.is_tracker else ["description", "acceptance", "news"]
            assert [getattr(data, name) for name in held] == [None] * len(held)
        assert self.system.broker.where == ("listening", "settled", "quiet")
        assert self.system.broker.data == BrokerData(self.system.broker.data.sessions)

    @invariant()
    def a_connection_is_open_while_a_server_runs(self) -> None:
        for server in self.system.servers.values():
            assert (server.link is None) == (server.at == "offline"), (server.name, server.at)

    @invariant()
    def at_most_one_tracker_is_connected(self) -> None:
        assert len([name for name in self.system.broker.data.sessions if name in TRACKERS]) <= 1

    @invariant()
    def endpoints_never_overlap(self) -> None:
        for tracker in self.trackers():
            view = tracker.view.data.view
            assert not view.clients.keys() & view.admissions.keys()
            infos = chain(view.clients.values(), (admission.info for admission in view.admissions.values()))
            for one, other in combinations([{*map(normal_form, info.endpoints)} for info in infos], 2):
                assert not one & other

    @invariant()
    def the_tracker_and_its_view_agree_who_is_pending(self) -> None:
        for tracker in self.trackers():
            if tracker.at != "offline":
                assert tracking(tracker).pending == tracker.view.data.view.admissions.keys()
            assert bool(tracking(tracker).pending) == (tracker.at == "awaiting_confirmations")

    @invariant()
    def who_is_pending_has_a_timeout(self) -> None:
        for tracker in self.trackers():
            data = tracking(tracker)
            for client in data.pending:
                assert timers(tracker).count(data.timer(client)) == 1, client

    @invariant()
    def who_waits_for_an_answer_has_a_timeout(self) -> None:
        for torrent in self.torrents():
            if torrent.at in {"awaiting_answer", "awaiting_registration", "awaiting_timeout"}:
                assert timers(torrent).count(joining(torrent).timer) == 1, torrent.at

    @invariant()
    def who_is_registered_knows_of_itself(self) -> None:
        for torrent in self.torrents():
            if torrent.at == "registered":
                view = torrent.view.data.view
                assert view.clients[torrent.name].endpoints == view.own.endpoints

    @invariant()
    def timeouts_that_nobody_waits_for_are_stopped(self) -> None:
        """But for those of a session that broke: their expiry is ignored when it comes."""
        for server in self.system.servers.values():
            running = server.clock.data.running.keys()
            if not running:
                self.cut.discard(server.name)
            elif server.is_tracker:
                assert running <= tracking(server).pending or server.name in self.cut
            else:
                assert server.at not in RESTING or server.name in self.cut

    # What must come in the end.

    def teardown(self) -> None:
        if not hasattr(self, "system"):
            return
        try:
            self.come_to_rest()
        finally:
            self.system.end()

    def come_to_rest(self) -> None:
        self.system.refusing = self.system.failing = False
        self.system.run_out()
        assert {server.at for server in self.torrents()} <= RESTING
        assert {tracker.at for tracker in self.trackers()} <= {"offline", "awaiting_requests"}
        for tracker in [one for one in self.trackers() if one.at != "offline"]:
            self.system.tell(tracker.name, Stop())
            self.system.run()
            assert {server.at for server in self.torrents()} <= {"offline", "awaiting_hello"}
        *_, tracker = (one for one in self.trackers() if one.name in self.startable())
        self.system.tell(tracker.name, Start())
        self.system.run()
        self.everybody_who_can_is_registered(tracker)
        for name in self.named("offline"):
            if name in NAMES:
                self.system.tell(name, Start())
        self.system.run()
        self.everybody_who_can_is_registered(tracker)
        self.publish_a_file("another", 3)
        self.system.run()
        for leaver in self.named("registered")[:1]:
            self.system.tell(leaver, Stop())
        self.system.run()
        self.all_share_one_view(tracker)

    def everybody_who_can_is_registered(self, tracker: Server) -> None:
        shared = self.all_share_one_view(tracker)
        for torrent in [one for one in self.torrents() if one.at not in {"registered", "offline"}]:
            told = describe(torrent.view.data.view)
            request = ClientJoinRequested(
                client=torrent.name,
                hash_algorithm=told.hash_algorithm,
                fragment_size=told.fragment_size,
                endpoints=told.endpoints,
            )
            assert isinstance(admit(shared, request)[1], JoinConflicts)

    def all_share_one_view(self, tracker: Server) -> View:
        """That is, all who are registered; and the tracker knows who they are."""
        assert tracker.at == "awaiting_requests"
        shared = tracker.view.data.view
        assert shared.clients.keys() == {one.name for one in self.torrents() if one.at == "registered"}
        for view in [one.view.data.view for one in self.torrents() if one.at == "registered"]:
            assert (view.files, view.fragments, view.clients) == (shared.files, shared.fragments, shared.clients)
        return shared


def tracking(server: Server) -> TrackerData:
    data = server.client.data
    assert isinstance(data, TrackerData)
    return data


def joining(server: Server) -> TorrentServerData:
    data = server.client.data
    assert isinstance(data, TorrentServerData)
    return data


def timers(server: Server) -> list[Timer]:
    """The timeouts that are set, and those whose expiry is under way."""
    due = [output.message for output in server.clock.due()]
    return [message.timer for message in (*due, *server.expiries) if isinstance(message, TimeoutExceeded)]
