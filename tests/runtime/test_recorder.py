"""The stage: both ends of every arrow in their order, the broker's chart beside the real one, and who passes by."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from machines import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    BusEvent,
    ClientGoodbye,
    ConnectionFailed,
    ConnectionLost,
    Message,
    SubscriptionFailed,
    TrackerGoodbye,
    TrackerHello,
)
from machines.broker import BrokerData
from runtime.demo.settings import lifelines
from runtime.driver import Move
from runtime.mqtt.broker import EmbeddedBroker
from runtime.recorder import NEVER_CAME, RunRecorder
from runtime.wire.events import encode
from tests.support.mqtt_clients import client, live
from tests.support.servers import a_torrent, a_tracker, on_each_lifeline, reach

HELLO, GOODBYE = TrackerHello.topic, TrackerGoodbye.topic


class Told:
    """A stage on which two clients and a tracker are told of by hand."""

    def __init__(self, *clients: str) -> None:
        self.recorder = RunRecorder(lifelines=lifelines(["tracker", "client-1", "torrent-1"]))
        for name in clients or ("tracker", "client-1", "torrent-1"):
            self.joins(name)

    def does(self, server: str, action: str, message: Message, peer: str = "broker") -> None:
        self.recorder.moved(Move(server, "client", "!" if action == "!" else "?", message, peer, ("here",)))

    def joins(self, name: str) -> None:
        self.does(name, "!", CONNECT())
        self.recorder.connected(name)
        self.does(name, "?", CONNACK())
        for topic in (HELLO, GOODBYE):
            self.does(name, "!", SUBSCRIBE(topic=topic))
            self.recorder.subscribed(name, topic, True)
            self.does(name, "?", SUBACK(topic=topic))

    def sends(self, name: str, event: BusEvent) -> bytes:
        """A client sends; the payload for the broker's hooks."""
        self.does(name, "!", event)
        return encode(event)

    def story(self) -> list[tuple[str, str, str, bool, str]]:
        """The arrows with bus events and the ends of sessions."""
        packets = (CONNECT, CONNACK, SUBSCRIBE, SUBACK)
        return [
            (a.sender, a.name, a.receiver, a.lost, a.note)
            for a in self.recorder.arrows
            if not isinstance(a.message, packets)
        ]


def hello() -> TrackerHello:
    return TrackerHello(event_id=str(uuid4()))


def test_an_event_is_followed_from_its_sender_to_all_receivers() -> None:
    told = Told()
    event = hello()
    payload = told.sends("tracker", event)
    told.recorder.received("tracker", HELLO, payload)
    for name in ("client-1", "torrent-1", "tracker"):
        told.recorder.forwarded(HELLO, payload, name)
    told.does("torrent-1", "?", event)
    told.does("client-1", "?", event)
    told.does("tracker", "?", event)
    assert told.story() == [
        ("Tracker", "TrackerHello", "Broker", False, ""),
        ("Broker", "TrackerHello", "Torrent", False, ""),
        ("Broker", "TrackerHello", "Client", False, ""),
        ("Broker", "TrackerHello", "Tracker", False, ""),
    ]
    assert not told.recorder.divergences
    # The broker passed it on in the order of its chart, whoever read it first.
    assert on_each_lifeline(told.recorder.arrows)["Broker"][-4:] == [
        "?TrackerHello Tracker",
        "!TrackerHello Client",
        "!TrackerHello Torrent",
        "!TrackerHello Tracker",
    ]
    told.recorder.close()
    assert not [arrow for arrow in told.recorder.arrows if arrow.lost]


def test_what_was_never_received_is_a_divergence() -> None:
    told = Told("client-1")
    told.recorder.forwarded(HELLO, encode(hello()), "torrent-1")
    assert told.recorder.divergences == ["TrackerHello to torrent-1, which has not subscribed to it"]


def test_passing_on_to_whoever_did_not_ask_is_a_divergence() -> None:
    told = Told("tracker", "client-1")
    payload = told.sends("tracker", hello())
    told.recorder.received("tracker", HELLO, payload)
    told.recorder.forwarded(HELLO, payload, "torrent-1")
    assert told.recorder.divergences == ["TrackerHello to torrent-1, which has not subscribed to it"]


@pytest.mark.parametrize("in_order", [True, False])
def test_overtaking_is_a_divergence_unless_a_delay_can_do_it(in_order: bool) -> None:
    told = Told()
    told.recorder.in_order = in_order
    first, second = hello(), TrackerGoodbye(event_id=str(uuid4()))
    for event in (first, second):
        told.recorder.received("tracker", event.topic, told.sends("tracker", event))
    told.recorder.forwarded(GOODBYE, encode(second), "client-1")
    told.does("client-1", "?", second)
    told.recorder.forwarded(HELLO, encode(first), "client-1")
    told.does("client-1", "?", first)
    expected = [] if in_order is False else ["TrackerGoodbye to client-1 overtakes an earlier event"]
    assert told.recorder.divergences == expected
    assert on_each_lifeline(told.recorder.arrows)["Client"][-2:] == ["?TrackerGoodbye Broker", "?TrackerHello Broker"]


def test_a_duplicate_on_either_hop_is_drawn_and_no_divergence() -> None:
    told = Told("tracker", "client-1")
    event = hello()
    payload = told.sends("tracker", event)
    told.recorder.received("tracker", HELLO, payload)
    told.recorder.received("tracker", HELLO, payload)
    for _ in range(5):  # twice each, and once more
        told.recorder.forwarded(HELLO, payload, "client-1")
        told.does("client-1", "?", event)
    drawn = Counter((sender, receiver) for sender, *_, receiver, _, _ in told.story())
    assert drawn == {("Tracker", "Broker"): 2, ("Broker", "Client"): 5}
    assert not told.recorder.divergences


def test_what_is_lost_on_a_hop_is_drawn_where_it_was_sent() -> None:
    told = Told("tracker", "client-1")
    first, second = hello(), hello()
    told.recorder.lost_to_broker("tracker", HELLO, told.sends("tracker", first))
    told.recorder.received("tracker", HELLO, told.sends("tracker", second))
    told.recorder.lost_from_broker(HELLO, encode(second), "client-1")
    told.recorder.lost_from_broker(HELLO, encode(second), "tracker")
    told.recorder.close()
    assert told.story() == [
        ("Tracker", "TrackerHello", "Broker", True, ""),
        ("Tracker", "TrackerHello", "Broker", False, ""),
        ("Broker", "TrackerHello", "Client", True, ""),
        ("Broker", "TrackerHello", "Tracker", True, ""),
    ]
    lost = [arrow for arrow in told.recorder.arrows if arrow.lost]
    assert all(arrow.sent == arrow.came and not arrow.receiver_state for arrow in lost)
    assert not told.recorder.divergences


def test_what_comes_late_passes_beside_the_chart() -> None:
    told = Told("tracker", "client-1")
    event = hello()
    payload = told.sends("tracker", event)
    told.does("tracker", "!", DISCONNECT())
    told.recorder.disconnected("tracker", clean=True)
    told.recorder.received("tracker", HELLO, payload)
    told.recorder.forwarded(HELLO, payload, "client-1")
    told.does("client-1", "?", event)
    told.recorder.close()
    assert told.story() == [
        ("Tracker", "DISCONNECT", "Broker", False, ""),
        ("Tracker", "TrackerHello", "Broker", False, "late"),
        ("Broker", "TrackerHello", "Client", False, ""),
    ]
    assert not told.recorder.divergences


def test_what_was_in_flight_to_a_client_that_left_is_told_once() -> None:
    told = Told("tracker", "client-1")
    event = hello()
    payload = told.sends("tracker", event)
    told.recorder.received("tracker", HELLO, payload)
    told.does("client-1", "!", DISCONNECT())
    told.recorder.disconnected("client-1", clean=True)
    told.recorder.lost_from_broker(HELLO, payload, "client-1")  # a delay beyond the connection
    told.does("tracker", "?", event)
    told.recorder.close()
    told.recorder.close()
    assert [line for line in told.story() if line[3]] == [("Broker", "TrackerHello", "Client", True, NEVER_CAME)]
    assert not told.recorder.divergences


def test_a_crash_while_starting_leaves_the_next_session_alone() -> None:
    told = Told("tracker")
    told.does("client-1", "!", CONNECT())
    told.recorder.connected("client-1")  # the CONNACK is never read
    told.recorder.disconnected("client-1", clean=False)
    told.does("client-1", "!", CONNECT())
    told.recorder.connected("client-1")
    told.does("client-1", "?", CONNACK())
    told.does("client-1", "!", SUBSCRIBE(topic=HELLO))
    told.recorder.subscribed("client-1", HELLO, True)
    told.recorder.disconnected("client-1", clean=False)
    told.joins("client-1")
    event = hello()
    payload = told.sends("tracker", event)
    told.recorder.received("tracker", HELLO, payload)
    told.recorder.forwarded(HELLO, payload, "client-1")
    told.does("client-1", "?", event)
    assert told.story()[-1] == ("Broker", "TrackerHello", "Client", False, "")
    assert not told.recorder.divergences
    lost = [(arrow.name, arrow.note) for arrow in told.recorder.arrows if arrow.lost]
    assert lost == [("CONNACK", NEVER_CAME), ("SUBACK", NEVER_CAME)]


@pytest.mark.parametrize(
    ("failure", "asked"),
    [(ConnectionFailed(), CONNECT()), (SubscriptionFailed(topic=HELLO), SUBSCRIBE(topic=HELLO))],
    ids=["ConnectionFailed", "SubscriptionFailed"],
)
def test_what_was_never_answered_was_lost(failure: Message, asked: Message) -> None:
    told = Told("tracker")
    told.does("client-1", "!", asked)
    told.does("client-1", "?", failure, peer="")
    assert [(arrow.sender, arrow.message, arrow.lost) for arrow in told.recorder.arrows[-2:]] == [
        ("Client", asked, True),
        ("", failure, False),
    ]


def test_without_hooks_the_answers_are_drawn_when_they_are_read() -> None:
    told = Told("tracker")
    for question, answer in ((CONNECT(), CONNACK()), (SUBSCRIBE(topic=HELLO), SUBACK(topic=HELLO))):
        told.does("client-1", "!", question)
        told.does("client-1", "?", answer)
    assert [(arrow.sender, arrow.name) for arrow in told.recorder.arrows[-4:]] == [
        ("Client", "CONNECT"),
        ("Broker", "CONNACK"),
        ("Client", "SUBSCRIBE"),
        ("Broker", "SUBACK"),
    ]
    assert told.recorder.broker.data.sessions["client-1"] == {HELLO}


def test_without_hooks_a_subscription_can_precede_its_suback() -> None:
    told = Told("tracker")
    for message in (CONNECT(), SUBSCRIBE(topic=HELLO)):
        told.does("client-1", "!", message)
    told.does("client-1", "?", CONNACK())
    event = hello()
    payload = told.sends("tracker", event)
    told.recorder.received("tracker", HELLO, payload)
    told.recorder.forwarded(HELLO, payload, "client-1")
    told.does("client-1", "?", event)
    told.does("client-1", "?", SUBACK(topic=HELLO))
    assert ("Broker", "TrackerHello", "Client", False, "") in told.story()
    assert not told.recorder.divergences


def test_a_refused_connection_and_a_refused_subscription() -> None:
    told = Told("tracker")
    told.does("client-1", "!", CONNECT())
    told.does("client-1", "?", CONNACK(accepted=False))
    assert "client-1" not in told.recorder.broker.data.sessions
    told.joins("torrent-1")
    told.does("torrent-1", "!", SUBSCRIBE(topic=ClientGoodbye.topic))
    told.recorder.subscribed("torrent-1", ClientGoodbye.topic, False)
    told.does("torrent-1", "?", SUBACK(topic=ClientGoodbye.topic, accepted=False))
    assert told.recorder.broker.data.sessions["torrent-1"] == {HELLO, GOODBYE}
    assert not told.recorder.divergences


def test_a_lost_connection_ends_the_session_in_the_chart() -> None:
    told = Told("tracker", "client-1")
    told.recorder.disconnected("client-1", clean=False)
    assert told.story() == [("Client", "ConnectionLost", "Broker", False, "the connection broke")]
    assert set(told.recorder.broker.data.sessions) == {"tracker"}
    assert told.recorder.broker.data == BrokerData(sessions=told.recorder.broker.data.sessions)


def test_malformed_payloads_are_nobodys_arrow() -> None:
    told = Told("tracker", "client-1")
    before = len(told.recorder.arrows)
    told.recorder.received("tracker", HELLO, b"{}")
    told.recorder.forwarded(HELLO, b"{}", "client-1")
    told.recorder.lost_to_broker("tracker", HELLO, b"{}")
    told.recorder.lost_from_broker(HELLO, b"{}", "client-1")
    assert len(told.recorder.arrows) == before
    assert not told.recorder.divergences


def test_of_strangers_only_what_they_publish_is_drawn() -> None:
    told = Told("client-1")
    before = len(told.recorder.arrows)
    event = hello()
    payload = encode(event)
    told.recorder.connected("Tracker")  # named like a lifeline
    told.recorder.subscribed("Tracker", "#", True)
    told.recorder.received("Tracker", HELLO, payload)
    told.recorder.forwarded(HELLO, payload, "Tracker")
    told.recorder.forwarded(HELLO, payload, "client-1")
    told.does("client-1", "?", event)
    told.recorder.lost_to_broker("Tracker", HELLO, payload)
    told.recorder.lost_from_broker(HELLO, payload, "Tracker")
    told.recorder.disconnected("Tracker", clean=True)
    assert told.story() == [
        ("", "TrackerHello", "Broker", False, "from a stranger"),
        ("Broker", "TrackerHello", "Client", False, ""),
    ]
    assert len(told.recorder.arrows) == before + 2
    assert not told.recorder.divergences


@live
async def test_live_the_chart_agrees_with_the_broker() -> None:
    recorder = RunRecorder()
    moves: list[Move] = []

    def observe(move: Move) -> None:
        moves.append(move)
        recorder.moved(move)

    async with EmbeddedBroker(observer=recorder) as broker, client(broker, "watcher") as watcher:
        await watcher.subscribe("nothing/of/ours")
        servers = [a_tracker(broker), *(a_torrent(broker, f"torrent-{number}") for number in range(4))]
        for server in servers:
            server._observer = observe
            server.start()
            await asyncio.sleep(0)
        for server in servers[1:]:
            await reach(server, "registered")
        await servers[1].reconnect()
        await reach(servers[1], "registered")
        for server in reversed(servers):
            await server.stop()
    recorder.close()
    assert not recorder.divergences
    assert broker.observer_errors == 0
    assert not recorder.broker.data.sessions.keys() - {"watcher"}
    seen = on_each_lifeline(recorder.arrows)
    for server in servers:
        for role in server.charts:
            moved = [
                f"{m.action}{type(m.message).__name__}" for m in moves if (m.server, m.role) == (server.name, role)
            ]
            lifeline = recorder.lifeline(server.name, role)
            drawn = [end.split()[0] for end in seen[lifeline] if end != "!ConnectionLost Broker"]
            assert drawn == moved, lifeline
    assert ConnectionLost in {type(arrow.message) for arrow in recorder.arrows}
