"""The MQTT client of a torrent server: startup, goodbye, and what happens when the connection is lost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    ConnectionFailed,
    ConnectionLost,
    DescribeView,
    PublishFailed,
    Start,
    Stop,
    StopTimeout,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
    ViewChanged,
    ViewDescribed,
)
from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionStarted,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Snapshot, atomic_states
from machines.torrent_server import TorrentServer, TorrentServerData
from tests.support.harness import Step, deferred, did, follow, ignored, refused, subscriptions, took

TOPICS = frozenset(
    [
        "tracker/hello",
        "tracker/goodbye",
        "clients/join/accepted",
        "clients/join/denied",
        "clients/registered",
        "clients/goodbye",
        "files/info",
        "fragments/distribution/started",
        "fragments/distribution/delivered",
        "fragments/distribution/ended",
    ]
)
NOTHING: frozenset[str] = frozenset()
ACCEPTED = ClientJoinAccepted(client="anna", fragment_size=512)
TOLD: tuple[BusEvent, ...] = (
    TrackerHello(event_id="h2"),
    TrackerGoodbye(),
    ACCEPTED,
    ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER),
    ClientRegistered(client="anna", info=ClientMetadata()),
    ClientRegistered(client="bert", info=ClientMetadata()),
    ClientGoodbye(client="bert"),
    FileInfoPublished(hash="g", size=9),
    FragmentDistributionStarted(),
    FragmentDistributionDelivered(),
    FragmentDistributionEnded(),
)
EXPIRED = TimeoutExceeded(timer=Timer("anna", 3))
FAILED_TO_PUBLISH = tuple(PublishFailed(event=event) for event in BUS_EVENTS)
GRANTED, REFUSED = SUBACK(topic="files/info"), SUBACK(topic="files/info", accepted=False)
FAILED = SubscriptionFailed(topic="files/info")


@pytest.fixture
def chart() -> type[TorrentServer]:
    return TorrentServer


def anna(chart: type[TorrentServer], state: str = "", data: TorrentServerData | None = None) -> TorrentServer:
    return chart("anna", state or "offline", data or TorrentServerData("anna", attempt=3))


def subscribes(topics: frozenset[str] = TOPICS) -> list[SUBSCRIBE]:
    return [SUBSCRIBE(topic=topic) for topic in topics]


def connecting() -> list[Step]:
    return [
        took(Start(), "connecting", unsubscribed=TOPICS, unacknowledged=TOPICS),
        did(CONNECT(), "awaiting_connack"),
    ]


def connected() -> list[Step]:
    return [*connecting(), took(CONNACK(), "subscribing", due=subscribes())]


def leaving(**changes: Any) -> Step:
    return did(DISCONNECT(), "offline", **changes)


# Startup.


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("topics", [sorted(TOPICS), sorted(TOPICS, reverse=True)], ids=["forwards", "backwards"])
def test_startup(chart: type[TorrentServer], topics: Sequence[str], interleaved: bool) -> None:
    follow(
        anna(chart),
        *connected(),
        *subscriptions(topics, "describing_view", interleaved=interleaved),
        did(DescribeView(), "awaiting_description"),
    )


def test_startup_of_a_new_server(chart: type[TorrentServer]) -> None:
    assert chart("bert").snapshot() == Snapshot(("offline",), TorrentServerData("bert"))
    assert chart().snapshot() == Snapshot(("offline",), TorrentServerData("torrent"))


def test_the_broker_refuses_the_connection(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart),
        *connecting(),
        took(CONNACK(accepted=False), "offline", unsubscribed=frozenset(), unacknowledged=frozenset()),
        *connected(),
    )


def test_the_broker_cannot_be_reached(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart),
        *connecting(),
        took(ConnectionFailed(), "offline", unsubscribed=frozenset(), unacknowledged=frozenset()),
        *connected(),
    )


@pytest.mark.parametrize("failure", [REFUSED, FAILED])
def test_a_subscription_fails_while_others_are_still_to_be_sent(
    chart: type[TorrentServer], failure: SUBACK | SubscriptionFailed
) -> None:
    left = TOPICS - {"files/info"}
    follow(
        anna(chart),
        *connected(),
        did(SUBSCRIBE(topic="files/info"), unsubscribed=left, due=subscribes(left)),
        took(failure, "disconnecting"),
        *ignored(GRANTED, REFUSED, FAILED),
        leaving(unsubscribed=NOTHING, unacknowledged=NOTHING),
    )


@pytest.mark.parametrize("failure", [REFUSED, FAILED])
@pytest.mark.parametrize("last", [False, True])
def test_a_subscription_fails_when_all_are_sent(
    chart: type[TorrentServer], failure: SUBACK | SubscriptionFailed, last: bool
) -> None:
    awaited = frozenset({"files/info"}) if last else TOPICS
    server = anna(chart, "awaiting_subacks", TorrentServerData("anna", unacknowledged=awaited, attempt=3))
    follow(server, took(failure, "disconnecting"), leaving(unacknowledged=NOTHING))


def test_a_suback_that_comes_twice_is_no_other_suback(chart: type[TorrentServer]) -> None:
    awaited = frozenset({"files/info", "tracker/hello"})
    follow(
        anna(chart, "awaiting_subacks", TorrentServerData("anna", unacknowledged=awaited)),
        took(GRANTED, unacknowledged=frozenset({"tracker/hello"})),
        took(GRANTED),
        took(SUBACK(topic="tracker/hello"), "describing_view", unacknowledged=NOTHING),
        did(DescribeView(), "awaiting_description"),
    )


def test_what_comes_before_the_join_begins(chart: type[TorrentServer]) -> None:
    left = TOPICS - {"tracker/hello"}
    asked = (CONNACK(), ConnectionFailed())
    follow(
        anna(chart),
        *refused(*TOLD, *asked, GRANTED, FAILED),
        *ignored(Stop(), ConnectionLost(), EXPIRED, *FAILED_TO_PUBLISH),
        connecting()[0],
        *refused(*TOLD),
        *refused(*asked, GRANTED, FAILED),
        *deferred(Stop()),
        *ignored(Start(), EXPIRED, *FAILED_TO_PUBLISH),
        connecting()[1],
        *refused(*TOLD, GRANTED, FAILED),
        *ignored(Start(), EXPIRED, *FAILED_TO_PUBLISH),
        took(CONNACK(), "subscribing", due=subscribes()),
        did(SUBSCRIBE(topic="tracker/hello"), unsubscribed=left, due=subscribes(left)),
        *deferred(*TOLD),
        *refused(*asked),
        *ignored(Start(), EXPIRED, *FAILED_TO_PUBLISH),
    )


def test_the_join_begins_anew_once_the_startup_is_done(chart: type[TorrentServer]) -> None:
    server = anna(chart, "awaiting_subacks", TorrentServerData("anna", unacknowledged=TOPICS))
    follow(server, *ignored(*TOLD, Start(), EXPIRED, *FAILED_TO_PUBLISH), *refused(CONNACK()))


# Goodbye.


def test_stop_before_the_join(chart: type[TorrentServer]) -> None:
    gone = leaving(unsubscribed=NOTHING, unacknowledged=NOTHING)
    server = anna(chart)
    follow(server, *connecting(), took(Stop(), "disconnecting"), gone)
    follow(server, *connected(), took(Stop(), "disconnecting"), gone)
    follow(server, *connected(), *[*subscriptions(sorted(TOPICS), "")][:-1], took(Stop(), "disconnecting"), gone)


@pytest.mark.parametrize("state", ["awaiting_answer", "awaiting_timeout"])
def test_stop_of_a_joining_client(chart: type[TorrentServer], state: str) -> None:
    follow(
        anna(chart, state, TorrentServerData("anna", attempt=3, hello="h1")),
        took(Stop(), "stopping_timeout_to_disconnect"),
        did(StopTimeout(timer=Timer("anna", 3)), "disconnecting"),
        leaving(hello=""),
    )


def test_stop_of_a_client_that_may_be_registered_already(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "awaiting_registration", TorrentServerData("anna", attempt=3, hello="h1")),
        took(Stop(), "stopping_timeout_to_leave"),
        did(StopTimeout(timer=Timer("anna", 3)), "saying_goodbye"),
        did(ClientGoodbye(client="anna"), "disconnecting"),
        leaving(hello=""),
    )


def test_stop_of_a_registered_client(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "registered", TorrentServerData("anna", attempt=3, hello="h1")),
        took(Stop(), "saying_goodbye"),
        did(ClientGoodbye(client="anna"), "disconnecting"),
        leaving(hello=""),
        *ignored(EXPIRED),
    )


def test_stop_of_a_client_that_awaits_a_tracker(chart: type[TorrentServer]) -> None:
    server = anna(chart, "awaiting_hello", TorrentServerData("anna", attempt=3, hello="h1"))
    follow(server, took(Stop(), "disconnecting"), leaving(hello=""), *connected())


@pytest.mark.parametrize(
    "state", ["stopping_timeout_to_disconnect", "stopping_timeout_to_leave", "saying_goodbye", "disconnecting"]
)
def test_a_client_that_leaves_goes_on_leaving(chart: type[TorrentServer], state: str) -> None:
    server = anna(chart, state)
    follow(
        server,
        *deferred(*TOLD),
        *ignored(Start(), Stop(), GRANTED, REFUSED, FAILED, EXPIRED, *FAILED_TO_PUBLISH),
        *refused(CONNACK(), ConnectionFailed(), ViewChanged()),
        due=server.due(),
    )


# The connection is lost.


RUNNING = [state.id for state in atomic_states(TorrentServer) if state.id != "offline"]


@pytest.mark.parametrize("state", RUNNING)
def test_a_lost_connection_ends_all_but_the_number_of_attempts(chart: type[TorrentServer], state: str) -> None:
    data = TorrentServerData("anna", TOPICS, TOPICS, 3, "h1", ViewDescribed(hash_algorithm="md5"), ACCEPTED)
    server = anna(chart, state, replace(data, news=ClientGoodbye(client="bert")))
    assert server.receive(ConnectionLost())
    assert (server.snapshot(), server.due()) == (Snapshot(("offline",), TorrentServerData("anna", attempt=3)), ())


@pytest.mark.parametrize("state", RUNNING)
def test_nobody_starts_it_twice(chart: type[TorrentServer], state: str) -> None:
    data = TorrentServerData("anna", TOPICS, TOPICS, 3, "h1", ViewDescribed(hash_algorithm="md5"), ACCEPTED)
    server = anna(chart, state, replace(data, news=ClientGoodbye(client="bert")))
    follow(server, *ignored(Start()), due=server.due())


STABLE = ["awaiting_answer", "awaiting_registration", "awaiting_timeout", "awaiting_hello", "registered"]


@pytest.mark.parametrize("state", STABLE)
def test_packets_that_nobody_asked_for(chart: type[TorrentServer], state: str) -> None:
    follow(anna(chart, state), *refused(CONNACK(), ConnectionFailed(), GRANTED, REFUSED, FAILED))


@pytest.mark.parametrize("state", ["awaiting_hello", "registered"])
def test_an_expiry_may_come_when_the_attempt_is_over(chart: type[TorrentServer], state: str) -> None:
    follow(anna(chart, state), *ignored(EXPIRED))
