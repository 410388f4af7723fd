"""The MQTT client of the tracker server: startup, goodbye, and what happens when the connection is lost."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from immutabledict import immutabledict

from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    ConnectionFailed,
    ConnectionLost,
    ForgetClients,
    Message,
    PublishFailed,
    Start,
    Stop,
    StopTimeout,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
)
from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientGoodbye,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Snapshot, atomic_states
from machines.tracker import Tracker, TrackerData
from tests.support.harness import Step, deferred, did, follow, ignored, refused, subscriptions, took

TOPICS = frozenset(
    [
        "clients/join/requested",
        "clients/join/succeeded",
        "clients/join/failed",
        "clients/goodbye",
        "fragments/distribution/requested",
        "fragments/distribution/obtained",
        "fragments/distribution/failed",
    ]
)
NOBODY: frozenset[str] = frozenset()
NOTHING: immutabledict[str, str] = immutabledict()
ATTEMPTS = immutabledict({"anna": 1, "bert": 2, "carl": 3})
TOLD: tuple[BusEvent, ...] = (
    ClientJoinRequested(client="anna", hash_algorithm="md5", event_id="r1"),
    ClientJoinSucceeded(client="anna"),
    ClientJoinFailed(client="anna"),
    ClientGoodbye(client="anna"),
    FragmentDistributionRequested(client="anna"),
    FragmentDistributionObtained(client="anna"),
    FragmentDistributionFailed(client="anna"),
)
EXPIRED = TimeoutExceeded(timer=Timer("anna", 1))
FAILED_TO_PUBLISH = tuple(PublishFailed(event=event) for event in BUS_EVENTS)
GRANTED, REFUSED = SUBACK(topic="clients/goodbye"), SUBACK(topic="clients/goodbye", accepted=False)
FAILED = SubscriptionFailed(topic="clients/goodbye")


@pytest.fixture
def chart() -> type[Tracker]:
    return Tracker


def tracker(chart: type[Tracker], state: str = "offline", pending: Sequence[str] = ()) -> Tracker:
    requests = immutabledict(dict.fromkeys(pending, "r0"))
    data = TrackerData("tracker", pending=frozenset(pending), attempts=ATTEMPTS, requests=requests)
    return chart("tracker", state, data)


def subscribes(topics: frozenset[str] = TOPICS) -> list[SUBSCRIBE]:
    return [SUBSCRIBE(topic=topic) for topic in topics]


def connecting() -> list[Step]:
    return [
        took(Start(), "forgetting_clients", unsubscribed=TOPICS, unacknowledged=TOPICS),
        did(ForgetClients(), "connecting"),
        did(CONNECT(), "awaiting_connack"),
    ]


def connected() -> list[Step]:
    return [*connecting(), took(CONNACK(), "subscribing", due=subscribes())]


def disconnecting() -> Step:
    return did(DISCONNECT(), "offline", unsubscribed=NOBODY, unacknowledged=NOBODY, pending=NOBODY, requests=NOTHING)


# Startup.


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("topics", [sorted(TOPICS), sorted(TOPICS, reverse=True)], ids=["forwards", "backwards"])
def test_startup(chart: type[Tracker], topics: Sequence[str], interleaved: bool) -> None:
    follow(
        tracker(chart),
        *connected(),
        *subscriptions(topics, "announcing_itself", interleaved=interleaved),
        did(TrackerHello(), "awaiting_requests"),
    )


def test_startup_of_a_new_tracker(chart: type[Tracker]) -> None:
    assert chart().snapshot() == Snapshot(("offline",), TrackerData("tracker"))
    assert chart("other").snapshot() == Snapshot(("offline",), TrackerData("other"))


def test_the_broker_refuses_the_connection(chart: type[Tracker]) -> None:
    follow(
        tracker(chart),
        *connecting(),
        took(CONNACK(accepted=False), "offline", unsubscribed=frozenset(), unacknowledged=frozenset()),
        *connected(),
    )


def test_the_broker_cannot_be_reached(chart: type[Tracker]) -> None:
    follow(
        tracker(chart),
        *connecting(),
        took(ConnectionFailed(), "offline", unsubscribed=frozenset(), unacknowledged=frozenset()),
        *connected(),
    )


@pytest.mark.parametrize("failure", [REFUSED, FAILED])
def test_a_subscription_fails_while_others_are_still_to_be_sent(
    chart: type[Tracker], failure: SUBACK | SubscriptionFailed
) -> None:
    left = TOPICS - {"clients/goodbye"}
    follow(
        tracker(chart),
        *connected(),
        did(SUBSCRIBE(topic="clients/goodbye"), unsubscribed=left, due=subscribes(left)),
        took(failure, "disconnecting"),
        *ignored(GRANTED, REFUSED, FAILED),
        disconnecting(),
    )


@pytest.mark.parametrize("failure", [REFUSED, FAILED])
@pytest.mark.parametrize("last", [False, True])
def test_a_subscription_fails_when_all_are_sent(
    chart: type[Tracker], failure: SUBACK | SubscriptionFailed, last: bool
) -> None:
    awaited = frozenset({"clients/goodbye"}) if last else TOPICS
    data = TrackerData("tracker", unacknowledged=awaited, attempts=ATTEMPTS)
    follow(chart("tracker", "awaiting_subacks", data), took(failure, "disconnecting"), disconnecting())


def test_a_suback_that_comes_twice_is_no_other_suback(chart: type[Tracker]) -> None:
    awaited = frozenset({"clients/goodbye", "clients/join/failed"})
    follow(
        chart("tracker", "awaiting_subacks", TrackerData("tracker", unacknowledged=awaited)),
        took(GRANTED, unacknowledged=frozenset({"clients/join/failed"})),
        took(GRANTED),
        took(SUBACK(topic="clients/join/failed"), "announcing_itself", unacknowledged=NOBODY),
        did(TrackerHello(), "awaiting_requests"),
    )


@pytest.mark.parametrize("pending", [(), ("anna",), ("anna", "bert")])
def test_a_hello_that_fails_aborts_the_startup(chart: type[Tracker], pending: Sequence[str]) -> None:
    state = "awaiting_confirmations" if pending else "awaiting_requests"
    follow(
        tracker(chart, state, pending),
        *ignored(*(failure for failure in FAILED_TO_PUBLISH if failure.event is not TrackerHello)),
        took(PublishFailed(event=TrackerHello), "disconnecting"),
        *ignored(EXPIRED, *FAILED_TO_PUBLISH),
        disconnecting(),
        *ignored(EXPIRED),
    )


def test_what_comes_before_it_serves(chart: type[Tracker]) -> None:
    left = TOPICS - {"clients/goodbye"}
    asked = (CONNACK(), ConnectionFailed())
    always = (Start(), EXPIRED, *FAILED_TO_PUBLISH)
    start, forget, connect = connecting()
    unasked: tuple[Message, ...] = (*TOLD, *asked, GRANTED, REFUSED, FAILED)
    follow(
        tracker(chart),
        *refused(*unasked),
        *ignored(Stop(), ConnectionLost(), EXPIRED, *FAILED_TO_PUBLISH),
        start,
        *refused(*unasked),
        *deferred(Stop()),
        *ignored(*always),
        forget,
        *refused(*unasked),
        *deferred(Stop()),
        *ignored(*always),
        connect,
        *refused(*TOLD, GRANTED, REFUSED, FAILED),
        *ignored(*always),
        took(CONNACK(), "subscribing", due=subscribes()),
        did(SUBSCRIBE(topic="clients/goodbye"), unsubscribed=left, due=subscribes(left)),
        *deferred(*TOLD),
        *refused(*asked),
        *ignored(*always),
    )


def test_the_hello_makes_everybody_ask_anew(chart: type[Tracker]) -> None:
    always = (Start(), EXPIRED, *FAILED_TO_PUBLISH)
    server = chart("tracker", "awaiting_subacks", TrackerData("tracker", unacknowledged=frozenset({"clients/goodbye"})))
    follow(
        server,
        *ignored(*TOLD, *always),
        *refused(CONNACK(), ConnectionFailed()),
        took(GRANTED, "announcing_itself", unacknowledged=NOBODY),
        *deferred(*TOLD, Stop()),
        *refused(CONNACK(), ConnectionFailed(), GRANTED, FAILED),
        *ignored(*always),
        did(TrackerHello(), "awaiting_requests"),
    )


# Goodbye.


def test_stop_before_it_serves(chart: type[Tracker]) -> None:
    server = tracker(chart)
    follow(server, *connecting(), took(Stop(), "disconnecting"), disconnecting())
    follow(server, *connected(), took(Stop(), "disconnecting"), disconnecting())
    awaiting = [*subscriptions(sorted(TOPICS), "")][:-1]
    follow(server, *connected(), *awaiting, took(Stop(), "disconnecting"), disconnecting())


def test_stop_while_nobody_is_pending(chart: type[Tracker]) -> None:
    follow(
        tracker(chart, "awaiting_requests"),
        took(Stop(), "saying_goodbye"),
        did(TrackerGoodbye(), "disconnecting"),
        disconnecting(),
        *connected(),
    )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_stop_while_admissions_are_pending(chart: type[Tracker], count: int) -> None:
    """Their timeouts are stopped first, in any order."""
    for order in permutations(sorted(ATTEMPTS)[:count]):
        stops = [StopTimeout(timer=Timer(client, ATTEMPTS[client])) for client in order]
        steps = [
            did(
                stop,
                "" if stops[number:] else "saying_goodbye",
                pending=frozenset(order[number:]),
                due=stops[number:] or None,
            )
            for number, stop in enumerate(stops, 1)
        ]
        follow(
            tracker(chart, "awaiting_confirmations", order),
            took(Stop(), "stopping_timeouts", due=stops),
            *steps,
            did(TrackerGoodbye(), "disconnecting"),
            disconnecting(),
            *ignored(EXPIRED),
        )


@pytest.mark.parametrize("state", ["stopping_timeouts", "saying_goodbye", "disconnecting"])
def test_a_tracker_that_leaves_goes_on_leaving(chart: type[Tracker], state: str) -> None:
    server = tracker(chart, state, ("anna", "bert"))
    follow(
        server,
        *deferred(*TOLD),
        *ignored(Start(), Stop(), GRANTED, REFUSED, FAILED, EXPIRED, *FAILED_TO_PUBLISH),
        *refused(CONNACK(), ConnectionFailed()),
        due=server.due(),
    )


# The connection is lost.


RUNNING = [state.id for state in atomic_states(Tracker) if state.id != "offline"]


def at_work(chart: type[Tracker], state: str) -> Tracker:
    """With a pending admission; nothing that is due is asked for."""
    data = TrackerData("tracker", TOPICS, TOPICS, frozenset({"anna"}), ATTEMPTS, immutabledict({"anna": "r1"}))
    return chart("tracker", state, replace(data, current=ClientGoodbye(client="bert")))


@pytest.mark.parametrize("state", RUNNING)
def test_a_lost_connection_ends_all_but_the_number_of_attempts(chart: type[Tracker], state: str) -> None:
    server = at_work(chart, state)
    assert server.receive(ConnectionLost())
    assert (server.snapshot(), server.due()) == (Snapshot(("offline",), TrackerData("tracker", attempts=ATTEMPTS)), ())


@pytest.mark.parametrize("state", RUNNING)
def test_nobody_starts_it_twice(chart: type[Tracker], state: str) -> None:
    server = at_work(chart, state)
    before = server.snapshot()
    server.receive(Start())
    assert server.snapshot() == before


@pytest.mark.parametrize("pending", [(), ("anna",)])
def test_packets_that_nobody_asked_for(chart: type[Tracker], pending: Sequence[str]) -> None:
    state = "awaiting_confirmations" if pending else "awaiting_requests"
    unasked = (CONNACK(), ConnectionFailed(), GRANTED, REFUSED, FAILED)
    follow(tracker(chart, state, pending), *refused(*unasked))
