"""The MQTT client of a torrent server that asks again by itself, and that leaves its will, arrow by arrow."""

from typing import Any

import pytest

from machines.calls import (
    CONNECT,
    ConnectionLost,
    DescribeView,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    TimeoutExceeded,
    Timer,
    ViewDescribed,
)
from machines.events import (
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Snapshot
from machines.torrent_server import TOPICS, TorrentServer, TorrentServerData
from tests.support.harness import Step, deferred, did, follow, ignored, took

DENIED = ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER)
DESCRIBED = ViewDescribed(hash_algorithm="md5")
REGISTERED = ClientRegistered(client="anna", info=ClientMetadata(), request_id="s-1")
AFTER = ["awaiting_answer", "awaiting_registration", "awaiting_timeout"]


@pytest.fixture
def chart() -> type[TorrentServer]:
    return TorrentServer


def anna(chart: type[TorrentServer], state: str, **known: Any) -> TorrentServer:
    return chart("anna", state, TorrentServerData("anna", **{"attempt": 3, "retries": 2, **known}))


def exceeded(attempt: int) -> TimeoutExceeded:
    return TimeoutExceeded(timer=Timer("anna", attempt))


def pausing(attempt: int) -> list[Step]:
    return [*deferred(DENIED, TrackerHello()), did(SetTimeout(timer=Timer("anna", attempt)), "awaiting_retry")]


def asking(attempt: int) -> list[Step]:
    return [
        did(DescribeView(), "awaiting_description"),
        took(DESCRIBED, "setting_timeout", description=DESCRIBED, attempt=attempt),
        did(SetTimeout(timer=Timer("anna", attempt)), "requesting"),
        did(ClientJoinRequested(client="anna", hash_algorithm="md5"), "awaiting_answer", description=None),
    ]


@pytest.mark.parametrize("state", AFTER)
def test_it_asks_again_after_a_timeout(chart: type[TorrentServer], state: str) -> None:
    follow(
        anna(chart, state),
        *ignored(exceeded(2)),
        took(exceeded(3), "pausing", attempt=4),
        *pausing(4),
        *ignored(exceeded(3), TrackerGoodbye(), DENIED, FileInfoPublished(hash="f", size=1), ClientGoodbye(client="b")),
        *ignored(ClientJoinAccepted(client="anna", fragment_size=1)),
        took(exceeded(4), "describing_view", retried=1),
        *asking(5),
    )


@pytest.mark.parametrize("state", AFTER)
def test_it_asks_as_often_as_it_may(chart: type[TorrentServer], state: str) -> None:
    follow(anna(chart, state, retried=2), took(exceeded(3), "awaiting_hello"), *ignored(exceeded(3)))
    follow(anna(chart, "awaiting_retry", retried=1), took(exceeded(3), "describing_view", retried=2), *asking(4))


def test_it_asks_again_after_a_denial(chart: type[TorrentServer]) -> None:
    stopped = StopTimeout(timer=Timer("anna", 3))
    follow(
        anna(chart, "awaiting_answer"),
        took(DENIED, "giving_up"),
        did(stopped, "pausing", attempt=4, due=[SetTimeout(timer=Timer("anna", 4))]),
        *pausing(4),
    )
    follow(anna(chart, "awaiting_answer", retried=2), took(DENIED, "giving_up"), did(stopped, "awaiting_hello"))


def test_it_asks_again_after_a_goodbye_of_the_tracker(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "registered"), took(TrackerGoodbye(), "pausing", attempt=4), *pausing(4))
    follow(anna(chart, "registered", retried=2), took(TrackerGoodbye(), "awaiting_hello"))


def test_a_hello_begins_the_count_anew(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "awaiting_retry", retried=1, hello="h1"),
        *ignored(TrackerHello(event_id="h1")),
        took(TrackerHello(event_id="h2"), "describing_view", hello="h2", retried=0),
        *asking(4),
    )


def test_a_registration_is_declined_during_a_pause(chart: type[TorrentServer]) -> None:
    gone = ClientGoodbye(client="anna", request_id="s-1")
    timer = SetTimeout(timer=Timer("anna", 4))
    follow(
        anna(chart, "awaiting_retry", session="s", request=1, confirmed="s-1"),
        *ignored(ClientRegistered(client="bert", info=ClientMetadata())),
        took(REGISTERED, "declining", news=REGISTERED),
        did(gone, "pausing", declined="s-1", news=None, attempt=4, due=[timer]),
        did(timer, "awaiting_retry"),
        *ignored(REGISTERED),
    )
    follow(
        anna(chart, "awaiting_retry", session="s", request=1, confirmed="s-1", retried=2),
        took(REGISTERED, "declining", news=REGISTERED),
        did(gone, "awaiting_hello", declined="s-1", news=None),
    )
    follow(anna(chart, "awaiting_retry"), *ignored(REGISTERED))


def test_it_stops_during_a_pause(chart: type[TorrentServer]) -> None:
    stopped = StopTimeout(timer=Timer("anna", 3))
    follow(
        anna(chart, "awaiting_retry"),
        took(Stop(), "stopping_timeout_to_disconnect"),
        did(stopped, "disconnecting", due=anna(chart, "disconnecting").due()),
    )
    follow(
        anna(chart, "awaiting_retry", session="s", confirmed="s-1"),
        took(Stop(), "stopping_timeout_to_leave"),
        did(stopped, "saying_goodbye", due=[ClientGoodbye(client="anna", request_id="s-1")]),
    )


@pytest.mark.parametrize("state", ["awaiting_retry", "pausing"])
def test_what_it_may_is_known_beyond_a_connection(chart: type[TorrentServer], state: str) -> None:
    server = anna(chart, state, retried=1, session="s", request=4, leaves_will=True)
    assert server.receive(ConnectionLost())
    kept = TorrentServerData("anna", attempt=3, session="s", request=4, retries=2, retried=1, leaves_will=True)
    assert server.snapshot() == Snapshot(("offline",), kept)


def test_its_will_names_the_session_that_its_owner_gave(chart: type[TorrentServer]) -> None:
    server = chart("anna", session="s", retries=1, leaves_will=True)
    assert server.data == TorrentServerData("anna", session="s", retries=1, leaves_will=True)
    will = ClientGoodbye(client="anna", session="t")
    topics: dict[str, Any] = {"unsubscribed": TOPICS, "unacknowledged": TOPICS}
    server = chart("anna", data=TorrentServerData("anna", session="s", request=4, leaves_will=True))
    follow(
        server,
        took(Start(session="t"), "connecting", session="t", request=0, **topics),
        did(CONNECT(will=will), "awaiting_connack"),
    )
    server = chart("anna", data=TorrentServerData("anna", session="s", request=4))
    follow(server, took(Start(), "connecting", **topics), did(CONNECT(), "awaiting_connack"))
