"""The MQTT client of a hardened torrent server: what it does otherwise than the protocol as drawn, arrow by arrow."""

from dataclasses import replace
from typing import Any

import pytest

from machines.calls import (
    DISCONNECT,
    SUBACK,
    AddClient,
    ChangeView,
    ConnectionLost,
    DescribeView,
    RemoveClient,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    TimeoutExceeded,
    Timer,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.events import (
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Snapshot
from machines.torrent_server import TorrentServer, TorrentServerData
from tests.support.harness import Step, deferred, did, follow, ignored, refused, took

DESCRIBED = ViewDescribed(hash_algorithm="md5")
REQUESTED = ClientJoinRequested(client="anna", hash_algorithm="md5", request_id="s-8")
ACCEPTED = ClientJoinAccepted(client="anna", fragment_size=512, request_id="s-8")
DENIED = ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER, request_id="s-8")
REGISTERED = ClientRegistered(client="anna", info=ClientMetadata(), request_id="s-8")
HELLO = TrackerHello(event_id="h2")
GONE = ClientGoodbye(client="anna", request_id="s-8")
SUCCEEDED = ClientJoinSucceeded(client="anna", request_id="s-8")
BERT = ClientRegistered(client="bert", info=ClientMetadata(), request_id="t-1")
BERT_LEFT = ClientGoodbye(client="bert", request_id="t-1")


@pytest.fixture
def chart() -> type[TorrentServer]:
    return TorrentServer


def earlier(event: Any) -> Any:
    """The same about an earlier request."""
    return replace(event, request_id="s-7")


def nameless(event: Any) -> Any:
    """The same from a tracker that does not know names of requests."""
    return replace(event, request_id="")


def anna(chart: type[TorrentServer], state: str, **known: Any) -> TorrentServer:
    """After seven requests; hardened, unless `session` says otherwise."""
    return chart("anna", state, TorrentServerData("anna", **{"attempt": 3, "session": "s", "request": 7, **known}))


def requesting() -> list[Step]:
    return [
        did(DescribeView(), "awaiting_description"),
        took(DESCRIBED, "setting_timeout", description=DESCRIBED, attempt=4, request=8),
        did(SetTimeout(timer=Timer("anna", 4)), "requesting"),
        did(REQUESTED, "awaiting_answer", description=None),
    ]


def confirming(accepted: ClientJoinAccepted = ACCEPTED) -> list[Step]:
    return [
        took(accepted, "changing_view", acceptance=accepted),
        did(ChangeView(acceptance=accepted), "awaiting_change", acceptance=None),
        took(ViewChanged(), "renewing_timeout", attempt=5),
        did(SetTimeout(timer=Timer("anna", 5)), "confirming"),
        did(SUCCEEDED, "awaiting_registration", confirmed="s-8"),
    ]


def registering(registered: ClientRegistered = REGISTERED) -> list[Step]:
    return [
        took(registered, "stopping_timeout", news=registered),
        did(StopTimeout(timer=Timer("anna", 5)), "adding_itself"),
        did(AddClient(registered=registered), "registered", news=None),
    ]


def given_up() -> Step:
    return did(StopTimeout(timer=Timer("anna", 3)), "awaiting_hello")


def test_with_a_session_it_is_hardened(chart: type[TorrentServer]) -> None:
    assert chart("anna", session="s").data == TorrentServerData("anna", session="s")
    assert chart("anna").data == TorrentServerData("anna")


# It names its requests.


def test_an_answer_to_an_earlier_request_is_none(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        *ignored(earlier(ACCEPTED), earlier(DENIED), earlier(REGISTERED), REGISTERED),
        *confirming(),
        *ignored(earlier(REGISTERED), ACCEPTED),
        *registering(),
        *ignored(REGISTERED, earlier(REGISTERED)),
    )


def test_a_denial_of_the_latest_request_ends_the_attempt(chart: type[TorrentServer]) -> None:
    server = anna(chart, "describing_view")
    follow(server, *requesting(), took(DENIED, "giving_up"), did(StopTimeout(timer=Timer("anna", 4)), "awaiting_hello"))


def test_a_tracker_without_names_answers_the_latest_request(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "describing_view"), *requesting(), *confirming(nameless(ACCEPTED)))
    follow(anna(chart, "awaiting_answer"), took(nameless(DENIED), "giving_up"), given_up())
    follow(anna(chart, "awaiting_registration", attempt=5), *registering(nameless(REGISTERED)))


def test_without_a_session_every_answer_is_taken(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "awaiting_registration", attempt=5, session=""), *registering(earlier(REGISTERED)))
    follow(anna(chart, "awaiting_answer", session=""), took(DENIED, "giving_up"), given_up())


def test_a_failure_names_the_request(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        took(ACCEPTED, "changing_view", acceptance=ACCEPTED),
        did(ChangeView(acceptance=ACCEPTED), "awaiting_change", acceptance=None),
        took(ViewChangeFailed(reason="full"), "reporting_failure"),
        did(ClientJoinFailed(client="anna", request_id="s-8"), "awaiting_timeout"),
        *ignored(REGISTERED),
    )


def test_the_view_is_told_which_request_a_goodbye_names(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "registered"),
        took(BERT_LEFT, "updating_view", news=BERT_LEFT),
        did(RemoveClient(client="bert", request_id="t-1"), "registered", news=None),
    )


# It declines what it has given up.


@pytest.mark.parametrize("confirmed", ["s-7", "s-8", ""])
def test_a_registration_that_comes_too_late_is_declined(chart: type[TorrentServer], confirmed: str) -> None:
    follow(
        anna(chart, "awaiting_hello", request=8, confirmed=confirmed),
        *ignored(BERT, BERT_LEFT, GONE, ACCEPTED),
        took(REGISTERED, "declining", news=REGISTERED),
        *deferred(REGISTERED, HELLO, BERT),
        did(GONE, "awaiting_hello", news=None, declined="s-8"),
        *ignored(GONE, REGISTERED),
        took(earlier(REGISTERED), "declining", news=earlier(REGISTERED)),
        did(earlier(GONE), "awaiting_hello", news=None, declined="s-7"),
        took(HELLO, "describing_view", hello="h2", confirmed="", declined="", due=[DescribeView()]),
    )


def test_an_unnamed_registration_is_declined_by_its_name(
    chart: type[TorrentServer],
) -> None:
    late = nameless(REGISTERED)
    follow(
        anna(chart, "awaiting_hello", request=8, confirmed="s-8"),
        took(late, "declining", news=late),
        did(GONE, "awaiting_hello", news=None, declined="s-8"),
    )


def test_a_registration_without_a_name_is_declined_once(chart: type[TorrentServer]) -> None:
    late = nameless(REGISTERED)
    follow(anna(chart, "awaiting_hello", confirmed="s-8", declined="s-8"), *ignored(late))
    follow(anna(chart, "awaiting_hello"), *ignored(late))


def test_who_is_not_hardened_does_not_decline(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "awaiting_hello", session=""), *ignored(REGISTERED, nameless(REGISTERED)))


# It says goodbye to what may come of a confirmation.


def test_who_gave_up_after_confirming_says_goodbye_when_it_stops(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view", hello="h1"),
        *requesting(),
        *confirming(),
        took(TimeoutExceeded(timer=Timer("anna", 5)), "awaiting_hello"),
        took(Stop(), "saying_goodbye"),
        did(GONE, "disconnecting", confirmed=""),
        did(DISCONNECT(), "offline", hello=""),
    )


def test_who_gave_up_before_confirming_has_nothing_to_say(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "awaiting_hello"), took(Stop(), "disconnecting"), did(DISCONNECT(), "offline"))


@pytest.mark.parametrize(
    "state", ["awaiting_hello", "awaiting_answer", "awaiting_registration", "awaiting_timeout", "registered"]
)
def test_a_new_tracker_has_registered_nobody(chart: type[TorrentServer], state: str) -> None:
    server = anna(chart, state, confirmed="s-7")
    follow(server, took(HELLO, "describing_view", hello="h2", confirmed=""), *requesting())


def test_after_a_lost_connection_goodbye_comes_first(chart: type[TorrentServer]) -> None:
    server = anna(chart, "registered", confirmed="s-7", hello="h1")
    assert server.receive(ConnectionLost())
    kept = TorrentServerData("anna", attempt=3, session="s", request=7, confirmed="s-7")
    assert server.snapshot() == Snapshot(("offline",), kept)
    topic = frozenset({"tracker/hello"})
    follow(
        anna(chart, "awaiting_subacks", confirmed="s-7", unacknowledged=topic),
        took(SUBACK(topic="tracker/hello"), "withdrawing", unacknowledged=frozenset()),
        *deferred(REGISTERED, HELLO, BERT, Stop()),
        *ignored(Start(), TimeoutExceeded(timer=Timer("anna", 3))),
        *refused(SUBACK(topic="tracker/hello")),
        did(earlier(GONE), "describing_view"),
        *requesting(),
    )


def test_it_says_goodbye_once_everything_is_subscribed_to(chart: type[TorrentServer]) -> None:
    topics = frozenset({"tracker/hello", "files/info"})
    server = anna(chart, "awaiting_subacks", confirmed="s-7", unacknowledged=topics)
    follow(server, took(SUBACK(topic="files/info"), unacknowledged=frozenset({"tracker/hello"})))
    refusal = SUBACK(topic="tracker/hello", accepted=False)
    gone = did(DISCONNECT(), "offline", unacknowledged=frozenset())
    follow(server, took(refusal, "disconnecting"), gone)


# It follows one tracker.


def hearing(server: TorrentServer, event: Any) -> tuple[str, ...]:
    """Where it is once it has read an event."""
    server.receive(event)
    return server.where


def by(event: Any, session: str) -> Any:
    """The same from a tracker that names itself."""
    return replace(event, session=session)


def test_it_follows_whom_it_heard_last(chart: type[TorrentServer]) -> None:
    """That is the tracker of the latest hello, or the one that has accepted it since; one as drawn has no name."""
    for session in ("b", ""):
        hello = by(HELLO, session)
        follow(
            anna(chart, "awaiting_hello", tracker="a"),
            took(hello, "describing_view", hello="h2", tracker=session),
            *requesting(),
            *ignored(by(TrackerGoodbye(), "a")),
            took(
                by(ACCEPTED, "c"),
                "changing_view",
                due=[ChangeView(acceptance=by(ACCEPTED, "c"))],
                acceptance=by(ACCEPTED, "c"),
                tracker="c",
            ),
        )


@pytest.mark.parametrize("state", ["awaiting_answer", "awaiting_registration", "awaiting_timeout", "registered"])
def test_it_skips_the_goodbye_of_another_tracker(chart: type[TorrentServer], state: str) -> None:
    for tracker, others in (("b", "a"), ("", "a")):
        follow(anna(chart, state, tracker=tracker), *ignored(by(TrackerGoodbye(), others)))
    then = "awaiting_hello" if state == "registered" else "giving_up"
    for tracker, said in (("b", "b"), ("b", ""), ("", "")):
        assert hearing(anna(chart, state, tracker=tracker), by(TrackerGoodbye(), said)) == (then,)
    assert hearing(anna(chart, state, session=""), by(TrackerGoodbye(), "a")) == (then,)


@pytest.mark.parametrize(
    ("state", "then"),
    [
        ("awaiting_answer", "updating_view_before_answer"),
        ("awaiting_registration", "updating_view_before_registration"),
        ("registered", "updating_view"),
    ],
)
def test_it_skips_whom_another_tracker_registers(chart: type[TorrentServer], state: str, then: str) -> None:
    for tracker in ("b", ""):
        follow(anna(chart, state, tracker=tracker), *ignored(by(BERT, "a")))
    for said in ("", "b"):
        assert hearing(anna(chart, state, tracker="b"), by(BERT, said)) == (then,)
    assert hearing(anna(chart, state, session=""), by(BERT, "a")) == (then,)


def test_it_is_registered_by_the_tracker_that_accepted_it(chart: type[TorrentServer]) -> None:
    """Both may have accepted it, where a hello was lost."""
    follow(
        anna(chart, "awaiting_registration", tracker="b", attempt=5, request=8),
        *ignored(by(REGISTERED, "a")),
        *registering(by(REGISTERED, "b")),
    )


def test_it_declines_whoever_registers_it_too_late(chart: type[TorrentServer]) -> None:
    """Whoever follows that tracker still has it in its view."""
    late = by(REGISTERED, "a")
    follow(
        anna(chart, "awaiting_hello", tracker="b", request=8, confirmed="s-8"),
        took(late, "declining", news=late),
        did(GONE, "awaiting_hello", declined="s-8", news=None),
    )


def test_after_its_connection_it_follows_nobody(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "registered", tracker="b"), took(ConnectionLost(), "offline", tracker=""))
