"""How a server goes, from every state and at any moment; and brokers that refuse, are away, are silent, and die."""

import asyncio

import pytest

from machines import (
    Participant,
    TorrentServer,
    Tracker,
    TrackerHello,
)
from runtime.driver import Move, Server
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress
from tests.support.mqtt_clients import client, live, plan
from tests.support.servers import (
    SOON,
    Leftovers,
    a_server,
    a_torrent,
    a_tracker,
    reach,
    serving,
    snapshots,
    storage,
)

# Stopping.

HOLDING: list[tuple[str, str, str]] = [
    # the state of the torrent server, what the broker loses, what its storage is
    ("awaiting_answer", "ClientJoinRequested@to-broker#1", "sound"),
    ("awaiting_answer", "ClientJoinAccepted@from-broker#1", "sound"),
    ("awaiting_registration", "ClientJoinSucceeded@from-broker#1", "sound"),
    ("awaiting_timeout", "ClientJoinFailed@to-broker#1", "broken"),
    ("registered", "TrackerHello@from-broker#1", "sound"),
]


@pytest.mark.parametrize(("state", "lost", "how"), HOLDING)
@pytest.mark.parametrize("leaving", ["stop", "crash", "reconnect"])
@live
async def test_a_torrent_server_can_go_from_every_state(state: str, lost: str, how: str, leaving: str) -> None:
    async with EmbeddedBroker(faults=plan("lose", lost)) as broker:
        before = Leftovers(broker)
        tracker = a_tracker(broker)
        tracker.start()
        await reach(tracker, "awaiting_requests")
        torrent = a_torrent(broker)
        storage(torrent, how)
        torrent.start()
        await reach(torrent, state)
        while state != "registered" and broker.faults.unused():  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
        if leaving == "reconnect":
            storage(torrent, "sound")
            await torrent.reconnect()
            await reach(torrent, "registered")
        await (torrent.crash if leaving == "crash" else torrent.stop)()
        assert leaving == "crash" or torrent.where == ("offline",)
        assert not tracker.refused + torrent.refused
        await tracker.crash()
        assert not await before.left()


@live
async def test_a_tracker_that_goes_stops_pending_timeouts() -> None:
    async with (
        EmbeddedBroker(faults=plan("lose", "ClientJoinAccepted@to-broker")) as broker,
        client(broker, "listener") as listener,
    ):
        await listener.subscribe("tracker/goodbye")
        tracker = a_tracker(broker)
        tracker.start()
        await reach(tracker, "awaiting_requests")
        torrents = [a_torrent(broker, name) for name in ("torrent-1", "torrent-2")]
        for torrent in torrents:
            torrent.start()
        await tracker.wait_for(lambda: len(tracker.charts["clock"].data.running) == 2, SOON)
        assert tracker.where == ("awaiting_confirmations",)
        await tracker.stop()
        assert tracker.where == ("offline",)
        assert tracker.charts["clock"].where == ("idle",)
        assert (await anext(listener.messages)).topic.value == "tracker/goodbye"
        for torrent in torrents:
            await reach(torrent, "awaiting_hello")
            await torrent.stop()


class Mute:
    """Accepts connections, answers CONNECT if it is told to, and nothing else."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> BrokerAddress:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return BrokerAddress("127.0.0.1", self.server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for writer in self.writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self.writers), return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(self.answer)


YES = b"\x20\x02\x00\x00"  # CONNACK


@pytest.mark.parametrize(
    "chart", [Tracker("tracker"), TorrentServer("torrent-1")], ids=lambda chart: type(chart).__name__
)
@pytest.mark.parametrize("leaving", ["stop", "crash"])
@pytest.mark.parametrize(("answer", "state"), [(b"", "awaiting_connack"), (YES, "awaiting_subacks")])
@live
async def test_a_server_can_go_while_it_starts(chart: Participant, leaving: str, answer: bytes, state: str) -> None:
    chart = type(chart)(chart.data.client)
    async with Mute(answer) as address:
        before = Leftovers()
        server = a_server(address, chart, patience=0.3)
        server.start()
        await reach(server, state)
        await (server.crash if leaving == "crash" else server.stop)()
        assert server.where == ("offline" if leaving == "stop" else state,)
        assert not await before.left()


@live
async def test_a_server_can_go_at_any_moment() -> None:
    async with EmbeddedBroker() as broker:
        before = Leftovers(broker)
        for turns in range(0, 60, 3):
            for leaving in ("stop", "crash", "reconnect"):
                tracker = a_tracker(broker)
                tracker.start()
                for _ in range(turns):
                    await asyncio.sleep(0)
                if leaving == "reconnect":
                    await tracker.reconnect()
                    await reach(tracker, "awaiting_requests")
                await (tracker.crash if leaving == "crash" else tracker.stop)()
                assert not tracker.refused
        assert not await before.left()


@live
async def test_stopping_and_starting_twice_changes_nothing() -> None:
    async with EmbeddedBroker() as broker:
        tracker, joined = await serving(broker)
        before = snapshots(tracker, joined)
        tracker.start()
        joined.start()
        assert snapshots(tracker, joined) == before
        for server in (joined, tracker):
            await server.stop()
            stopped = snapshots(server)
            await server.stop()
            assert snapshots(server) == stopped
        tracker.start()
        await reach(tracker, "awaiting_requests")
        joined.start()
        await reach(joined, "registered")
        await joined.crash()
        await tracker.crash()
        await tracker.crash()


# Brokers that refuse, are away, are silent, and die.


async def fails(server: Server, expected: str, broker: EmbeddedBroker | None = None) -> None:
    before = Leftovers(broker)
    server.start()
    await server.wait_for(lambda: server.where == ("offline",) and bool(server.last_error), SOON)
    assert expected in server.last_error
    await server.stop()
    assert not await before.left()


@live
async def test_a_broker_refuses_the_connection_and_later_does_not() -> None:
    refused = {"tracker"}
    async with EmbeddedBroker(refuse_connections=refused) as broker:
        tracker = a_tracker(broker)
        await fails(tracker, f"mqtt://127.0.0.1:{broker.port} refused the connection of tracker", broker)
        refused.clear()
        tracker.start()
        await reach(tracker, "awaiting_requests")
        await tracker.stop()


@pytest.mark.parametrize("topic", ["clients/join/requested", "clients/goodbye"])
@live
async def test_a_broker_refuses_one_subscription(topic: str) -> None:
    async with EmbeddedBroker(refuse_subscriptions={topic}) as broker:
        await fails(a_tracker(broker), f"refused tracker the topic {topic}", broker)


@live
async def test_no_broker_is_there() -> None:
    async with Mute() as address:
        pass
    await fails(a_tracker(address), f"{address} cannot be reached")
    await fails(a_tracker(BrokerAddress("nowhere.invalid", 1883)), "mqtt://nowhere.invalid:1883 cannot be reached")


@live
async def test_a_broker_does_not_answer_connect() -> None:
    async with Mute() as address:
        await fails(a_server(address, Tracker(), patience=0.2), f"{address} does not answer CONNECT")


@live
async def test_a_broker_does_not_answer_subscribe() -> None:
    async with Mute(YES) as address:
        await fails(a_server(address, Tracker(), patience=0.2), f"{address} did not answer SUBSCRIBE")


@live
async def test_a_broker_falls_silent_and_keepalive_notices() -> None:
    async with Mute(YES) as address:
        # The SUBACKs are awaited longer than the sign of life.
        await fails(a_server(address, Tracker(), keepalive=1), f"the connection to {address} broke")


@live
async def test_what_is_no_mqtt_at_all_is_no_broker() -> None:
    async with Mute(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        await fails(a_server(address, Tracker(), patience=0.2), str(address))


@pytest.mark.parametrize("qos", [0, 2])
@live
async def test_a_broker_comes_back_and_the_servers_start_again(qos: int) -> None:
    before = Leftovers()
    broker = EmbeddedBroker()
    await broker.start()
    tracker, joined = await serving(broker, qos)
    await broker.kill()
    for server in (tracker, joined):
        await reach(server, "offline")
        assert server.last_error == f"the connection to mqtt://127.0.0.1:{broker.port} broke"
    await fails(tracker, "cannot be reached")
    await broker.start()
    tracker.start()
    await reach(tracker, "awaiting_requests")
    assert not tracker.charts["view"].data.view.clients
    joined.start()
    await reach(joined, "registered")
    assert set(tracker.charts["view"].data.view.clients) == {"client-1"}
    await joined.stop()
    await tracker.stop()
    await broker.stop()
    assert not await before.left()


@live
async def test_a_broker_dies_while_an_event_is_not_yet_acknowledged() -> None:
    before = Leftovers()
    broker = EmbeddedBroker()
    await broker.start()
    tracker = a_tracker(broker)
    killed: list[asyncio.Task[None]] = []

    def dies(move: Move) -> None:
        if type(move.message) is TrackerHello:
            killed.append(asyncio.create_task(broker.kill()))

    tracker._observer = dies
    tracker.start()
    await reach(tracker, "offline")
    await asyncio.gather(*killed)
    assert not tracker.connection.publishing
    await tracker.stop()
    assert not await before.left()
