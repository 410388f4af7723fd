"""The driver on a real broker: a server joins, keeps time, and stays unmoved by whatever a stranger publishes."""

import asyncio
import logging
from uuid import uuid4

import pytest
from immutabledict import immutabledict

from machines import (
    CONNACK,
    BusEvent,
    ClientJoinAccepted,
    ClientJoinRequested,
    Decision,
    FileMetadata,
    FragmentMetadata,
    TimeoutExceeded,
    Timer,
    TrackerHello,
    View,
    ViewChanged,
)
from machines.session import MqttClient
from runtime.driver import Server
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import FaultPlan, parse_fault
from runtime.wire.events import encode
from tests.support.malformed import REFUSED
from tests.support.mqtt_clients import client, live
from tests.support.servers import (
    HASH,
    SIZE,
    SOON,
    Leftovers,
    Seen,
    a_torrent,
    a_tracker,
    reach,
    serving,
    snapshots,
)

KEPT = 100_000  # bytes; larger payloads are refused as well, and take their time


def topics(server: Server) -> frozenset[str]:
    """What a server subscribes to."""
    chart = server.charts["client"]
    assert isinstance(chart, MqttClient)
    return chart.topics


# Joining.


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_a_client_joins_and_leaves_and_nothing_is_left_behind(qos: int) -> None:
    async with EmbeddedBroker() as broker:
        before = Leftovers(broker)
        tracker, joined = await serving(broker, qos)
        assert set(tracker.charts["view"].data.view.clients) == {"client-1"}
        assert joined.charts["view"].data.view.clients == tracker.charts["view"].data.view.clients
        await joined.stop()
        await tracker.stop()
        assert tracker.where == joined.where == ("offline",)
        assert [server.charts["clock"].where for server in (tracker, joined)] == [("idle",), ("idle",)]
        assert not tracker.refused + joined.refused
        assert not await before.left()


@live
async def test_thirty_torrent_servers_join_at_once() -> None:
    async with EmbeddedBroker() as broker:
        tracker = a_tracker(broker, timeout=25)
        tracker.start()
        await reach(tracker, "awaiting_requests")
        torrents = [a_torrent(broker, f"torrent-{number}", timeout=25) for number in range(30)]
        for torrent in torrents:
            torrent.start()
        for torrent in torrents:
            await torrent.wait_for(lambda t=torrent: t.where == ("registered",), 25)  # type: ignore[misc]
        assert len(tracker.charts["view"].data.view.clients) == 30
        assert not any(server.refused or server.refusals.total for server in (tracker, *torrents))
        await asyncio.gather(*(server.crash() for server in (tracker, *torrents)))


@live
async def test_a_large_view_goes_into_the_request_and_comes_back() -> None:
    files = {f"file-{number}": FileMetadata(1, (f"fragment-{number}",)) for number in range(1000)}
    fragments = {f"fragment-{number}": FragmentMetadata(1) for number in range(1000)}
    large = View(HASH, None, files=immutabledict(files), fragments=immutabledict(fragments))
    async with EmbeddedBroker() as broker:
        tracker, joined = await serving(broker)
        torrent = a_torrent(broker, view=large)
        torrent.start()
        await reach(torrent, "registered")
        await joined.wait_for(lambda: "torrent-1" in joined.charts["view"].data.view.clients, SOON)
        views = [server.charts["view"].data.view for server in (tracker, joined, torrent)]
        assert all(len(view.files) == 1000 for view in views)
        assert len({(view.files, view.fragments, view.clients) for view in views}) == 1
        for server in (torrent, joined, tracker):
            await server.stop()


@live
async def test_what_is_too_large_to_be_sent_is_lost_and_told(caplog: pytest.LogCaptureFixture) -> None:
    huge = View(HASH, None, files=immutabledict({"f" * 5_000_000: FileMetadata(1, ())}))
    async with EmbeddedBroker() as broker:
        tracker, joined = await serving(broker)
        torrent = a_torrent(broker, timeout=0.2, view=huge)
        torrent.start()
        await reach(torrent, "awaiting_hello")
        assert [record.getMessage()[:60] for record in caplog.records] == [
            "torrent-1: not published: ClientJoinRequested would be refus"
        ]
        for server in (torrent, joined, tracker):
            await server.stop()


@live
async def test_events_of_one_server_leave_in_the_order_of_sending() -> None:
    for qos in (0, 1, 2):
        async with EmbeddedBroker() as broker, client(broker, "listener") as listener:
            await listener.subscribe("clients/#", qos=qos)
            tracker = a_tracker(broker, qos=qos)
            tracker.start()
            await reach(tracker, "awaiting_requests")
            names = [f"torrent-{number}" for number in range(50)]
            session = tracker.connection.session
            for name in names:
                event = ClientJoinRequested(client=name, hash_algorithm="md5", event_id=str(uuid4()))
                assert session is not None
                tracker.connection.tell(session, event)  # each is denied
            denied = []
            async for message in listener.messages:
                denied.append(bytes(message.payload))
                if len(denied) == len(names):
                    break
            assert [name for name, payload in zip(names, denied, strict=True) if name.encode() in payload] == names
            await tracker.stop()


# Strangers.


@live
async def test_what_is_malformed_is_refused_and_nothing_moves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with EmbeddedBroker() as broker, client(broker, "stranger") as stranger:
        tracker, joined = await serving(broker)
        before = snapshots(tracker, joined)
        moves = Seen()
        tracker._observer = joined._observer = moves
        told = 0
        for event, payload, kind, _ in REFUSED:
            if len(payload) > KEPT:
                continue
            readers = [server for server in (tracker, joined) if event.topic in topics(server)]
            counted = [server.refusals.counts[event.topic, kind] for server in readers]
            await stranger.publish(event.topic, payload, qos=1)
            for server, count in zip(readers, counted, strict=True):
                while server.refusals.counts[event.topic, kind] == count:  # noqa: ASYNC110 - nobody is told
                    await asyncio.sleep(0.001)
                told += count < 10
        assert snapshots(tracker, joined) == before
        assert not moves.moves
        assert len([record for record in caplog.records if record.name == "clientjoin.wire"]) == told
        assert not any(record.exc_info for record in caplog.records)
        for server in (joined, tracker):
            await server.stop()


@live
async def test_an_empty_object_on_every_topic_is_refused() -> None:
    async with EmbeddedBroker() as broker, client(broker, "stranger") as stranger:
        tracker, joined = await serving(broker)
        before = snapshots(tracker, joined)
        for topic in topics(tracker) | topics(joined):
            await stranger.publish(topic, b"{}", qos=1)
        for server in (tracker, joined):
            while server.refusals.total < len(topics(server)):  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        assert snapshots(tracker, joined) == before
        torrent = a_torrent(broker)
        torrent.start()
        await reach(torrent, "registered")
        for server in (torrent, joined, tracker):
            await server.stop()


@live
async def test_an_unspecified_reception_is_refused_and_nothing_moves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with EmbeddedBroker() as broker:
        tracker, joined = await serving(broker)
        offline = a_torrent(broker)
        seen = Seen()
        for server in (tracker, joined, offline):
            server._observer = seen
        before = snapshots(tracker, joined, offline)
        tracker.arrive(CONNACK(), "broker")
        joined.arrive(ViewChanged(), "view")
        joined.arrive(CONNACK(), "broker")
        offline.arrive(TrackerHello(event_id=str(uuid4())), "broker")
        assert snapshots(tracker, joined, offline) == before
        assert [dict(server.refused) for server in (tracker, joined, offline)] == [
            {"CONNACK": 1},
            {"ViewChanged": 1, "CONNACK": 1},
            {"TrackerHello": 1},
        ]
        assert [(move.server, move.decision) for move in seen.moves] == [
            ("tracker", Decision.IMPOSSIBLE),
            ("client-1", Decision.IMPOSSIBLE),
            ("client-1", Decision.IMPOSSIBLE),
            ("torrent-1", Decision.IMPOSSIBLE),
        ]
        assert all(move.why for move in seen.moves)
        assert [record.levelno for record in caplog.records] == [logging.WARNING] * 4
        await joined.crash()
        await tracker.crash()


# Clocks.


@live
async def test_an_expiry_of_an_attempt_that_ended_is_ignored() -> None:
    async with EmbeddedBroker() as broker:
        tracker, joined = await serving(broker)
        before = snapshots(tracker, joined)
        joined.arrive(TimeoutExceeded(timer=Timer("client-1", 1)), "clock")
        tracker.arrive(TimeoutExceeded(timer=Timer("client-1", 1)), "clock")
        assert snapshots(tracker, joined) == before
        assert not tracker.refused + joined.refused
        assert not tracker.timers.running
        assert not joined.timers.running
        await joined.crash()
        await tracker.crash()


@live
async def test_a_timeout_is_set_anew_stopped_and_exceeded() -> None:
    seen = Seen()
    lost = parse_fault("ClientRegistered@from-broker", "lose")
    # Not before the loss: a machine that stands still for a moment must not decide which timeout is exceeded.
    story = FaultPlan([lost], told=lambda _: torrent.count(0.1))
    async with EmbeddedBroker(faults=story) as broker:
        tracker = a_tracker(broker)
        tracker.start()
        await reach(tracker, "awaiting_requests")
        torrent = a_torrent(broker)
        torrent._observer = seen
        torrent.start()
        await reach(torrent, "awaiting_hello")
        # The first timeout was replaced by the second one, and only that was exceeded.
        assert seen.names("?", "clock") == ["SetTimeout", "SetTimeout"]
        assert seen.names("!", "clock") == ["TimeoutExceeded"]
        broker.faults = FaultPlan()
        torrent.timeout = SOON
        await tracker.reconnect()
        await reach(torrent, "registered")
        assert seen.names("?", "clock")[2:] == ["SetTimeout", "SetTimeout", "StopTimeout"]
        assert seen.names("!", "clock") == ["TimeoutExceeded"]
        assert torrent.charts["clock"].where == ("idle",)
        assert not torrent.timers.running
        await torrent.stop()
        await tracker.stop()


@live
async def test_a_shorter_timeout_counts_for_those_that_are_set() -> None:
    seen = Seen()
    async with EmbeddedBroker() as broker:
        torrent = a_torrent(broker, timeout=3600.0)
        torrent._observer = seen
        torrent.start()
        await reach(torrent, "awaiting_answer")
        (set_first,) = torrent.timers.running.values()
        torrent.count(7200.0)
        assert list(torrent.timers.running.values()) == [set_first]
        assert not set_first.cancelled()
        torrent.count(0.01)
        assert set_first.cancelled()
        await reach(torrent, "awaiting_hello")
        assert seen.names("!", "clock") == ["TimeoutExceeded"]
        await torrent.stop()


# What a server does with one event, in one place for each kind of owner.


@live
async def test_another_clients_answer_is_ignored() -> None:
    async with EmbeddedBroker() as broker, client(broker, "stranger") as stranger:
        tracker, joined = await serving(broker)
        seen = Seen()
        joined._observer = seen
        before = snapshots(joined)
        events: list[BusEvent] = [
            ClientJoinAccepted(client=name, fragment_size=SIZE, event_id=str(uuid4())) for name in ("client-1", "other")
        ]
        for event in events:
            await stranger.publish(event.topic, encode(event), qos=2)
        while len(seen.moves) < len(events):  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
        assert [move.decision for move in seen.moves] == [Decision.IGNORED] * 2
        assert snapshots(joined) == before
        await joined.stop()
        await tracker.stop()
