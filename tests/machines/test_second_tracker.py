"""The MQTT client of a tracker that hears other trackers, and the wills of clients, arrow by arrow."""

from typing import Any

import pytest
from immutabledict import immutabledict

from machines.calls import (
    DISCONNECT,
    CheckJoin,
    ConnectionLost,
    Message,
    PublishFailed,
    RemoveClient,
    Start,
    Stop,
    StopTimeout,
    Timer,
)
from machines.events import (
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Snapshot
from machines.records import replace
from machines.tracker import TOPICS, Tracker, TrackerData
from tests.support.harness import did, follow, ignored, refused, took

OWN, OTHERS, NAMELESS = TrackerHello(session="s"), TrackerHello(session="t"), TrackerHello()
REQUEST = ClientJoinRequested(client="anna", hash_algorithm="md5")
SERVING = [("awaiting_requests", ()), ("awaiting_confirmations", ("anna",))]


@pytest.fixture
def chart() -> type[Tracker]:
    return Tracker


def tracker(chart: type[Tracker], state: str, pending: tuple[str, ...], **known: Any) -> Tracker:
    attempts = immutabledict(dict.fromkeys(pending, 1))
    return chart("tracker", state, TrackerData("tracker", pending=frozenset(pending), attempts=attempts, **known))


@pytest.mark.parametrize(("state", "pending"), SERVING)
def test_it_steps_down_for_a_later_tracker(chart: type[Tracker], state: str, pending: tuple[str, ...]) -> None:
    for others in (OTHERS, NAMELESS):
        follow(
            tracker(chart, state, pending, session="s"),
            *ignored(OWN),
            took(others, "disconnecting", due=[DISCONNECT()]),
        )


def test_it_serves_from_its_own_hello_on(chart: type[Tracker]) -> None:
    """What comes before that is for an earlier tracker: whoever hears its hello asks anew."""
    before = (OTHERS, NAMELESS, REQUEST, ClientJoinSucceeded(client="anna"), ClientGoodbye(client="anna"))
    follow(
        tracker(chart, "announcing_itself", (), session="s"),
        did(OWN, "awaiting_its_hello"),
        *ignored(*before),
        took(OWN, "awaiting_requests"),
        took(
            REQUEST,
            "checking",
            due=[CheckJoin(request=REQUEST)],
            current=REQUEST,
            requests=immutabledict({"anna": ""}),
        ),
    )


@pytest.mark.parametrize(
    ("order", "where"),
    [(Stop(), "saying_goodbye"), (PublishFailed(event=TrackerHello), "disconnecting"), (ConnectionLost(), "offline")],
)
def test_it_can_leave_before_it_has_heard_its_hello(chart: type[Tracker], order: Message, where: str) -> None:
    """It has said hello, so whoever follows it by then has to hear its goodbye."""
    server = tracker(chart, "awaiting_its_hello", (), session="s")
    server.receive(order)
    assert server.where == (where,)
    server = tracker(chart, "saying_goodbye", (), session="s")
    follow(server, did(TrackerGoodbye(session="s"), "disconnecting"), did(DISCONNECT(), "offline"))


def test_what_it_tells_clients_says_who_it_is(chart: type[Tracker]) -> None:
    accepted = ClientJoinAccepted(client="anna", fragment_size=512)
    registered = ClientRegistered(client="anna", info=ClientMetadata())
    for session in ("", "s"):
        server = tracker(chart, "accepting", ("anna",), session=session, current=accepted)
        follow(server, did(replace(accepted, session=session), "awaiting_confirmations", current=None))
        server = tracker(chart, "announcing_client", (), session=session, current=registered)
        follow(server, did(replace(registered, session=session), "awaiting_requests", current=None))


@pytest.mark.parametrize(("state", "pending"), SERVING)
def test_as_drawn_it_hears_none(chart: type[Tracker], state: str, pending: tuple[str, ...]) -> None:
    follow(tracker(chart, state, pending), *ignored(OTHERS, NAMELESS))


def test_it_leaves_without_a_goodbye(chart: type[Tracker]) -> None:
    follow(tracker(chart, "disconnecting", (), session="s"), did(DISCONNECT(), "offline"))


def test_its_hello_says_the_session_that_its_owner_gave(chart: type[Tracker]) -> None:
    server = chart("tracker", session="r")
    assert server.data == TrackerData("tracker", session="r")
    server.receive(Start(session="s"))
    topics = TOPICS | {TrackerHello.topic}
    assert server.data == TrackerData("tracker", topics, topics, session="s")
    server = chart("tracker", "announcing_itself", TrackerData("tracker", session="s"))
    follow(server, did(OWN, "awaiting_its_hello"))
    follow(tracker(chart, "announcing_itself", ()), did(NAMELESS, "awaiting_requests"))
    server = chart("tracker", data=TrackerData("tracker", session="s"))
    server.receive(Start())
    assert server.data.session == "s"


def test_a_hello_that_comes_before_it_serves_is_an_earlier_one(chart: type[Tracker]) -> None:
    server = tracker(chart, "awaiting_subacks", (), session="s", unacknowledged=frozenset({"a"}))
    follow(server, *ignored(OTHERS, OWN))


@pytest.mark.parametrize("state", ["offline", "awaiting_connack"])
def test_where_nothing_is_subscribed_no_hello_comes(chart: type[Tracker], state: str) -> None:
    follow(tracker(chart, state, ()), *refused(OTHERS))


def test_a_will_of_an_earlier_session_ends_no_admission(chart: type[Tracker]) -> None:
    late, now = (ClientGoodbye(client="anna", session=name) for name in ("s", "t"))
    names = immutabledict({"anna": "t-1"})
    follow(
        tracker(chart, "awaiting_confirmations", ("anna",), names=names),
        *ignored(late),
        took(now, "stopping_timeout_of_leaver", pending=frozenset(), names=immutabledict(), current=now),
        did(StopTimeout(timer=Timer("anna", 1)), "removing_client"),
        did(RemoveClient(client="anna", session="t"), "awaiting_requests", current=None),
    )


def test_of_who_is_not_pending_the_view_decides(chart: type[Tracker]) -> None:
    will, said = ClientGoodbye(client="anna", session="s"), ClientGoodbye(client="anna")
    server = tracker(chart, "awaiting_requests", ())
    follow(
        server,
        took(will, "removing_client", current=will),
        did(RemoveClient(client="anna", session="s"), "awaiting_requests", current=None),
        took(said, "removing_client", current=said),
        did(RemoveClient(client="anna"), "awaiting_requests", current=None),
    )
    assert server.snapshot() == Snapshot(("awaiting_requests",), server.data)
