"""The monitor, case by case: what it says, and what it does not know."""

from dataclasses import replace

import pytest
from immutabledict import immutabledict

from machines.events import (
    TORRENT,
    TRACKER,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileMetadata,
    FragmentDistributionStarted,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from spec.monitor import (
    LOSSY_SUBSCRIBER,
    SUBSCRIBER,
    Answer,
    Assumptions,
    Delivered,
    Disconnected,
    Gap,
    Monitor,
    Observed,
    Passed,
    Published,
    Sent,
    Sight,
    Unreadable,
)
from spec.monitor import track as track_of
from spec.monitor.drawn import reads, sends
from spec.monitor.explanation import alone, diagram, nearest, sentences, shortest
from spec.notation import read
from tests.spec.monitor.runs import connects

ROLES = {"tracker": TRACKER, "t1": TORRENT}
REQUEST = ClientJoinRequested(client="t1", hash_algorithm="sha-256")
ACCEPTED = ClientJoinAccepted(client="t1", fragment_size=10)
SUCCEEDED = ClientJoinSucceeded(client="t1")
REGISTERED = ClientRegistered(client="t1", info=ClientMetadata())


def judge(*seen: Observed, **options: object) -> Monitor:
    monitor = Monitor(roles=ROLES, judges_broker=False, **options)  # type: ignore[arg-type]
    monitor.see_all(seen)
    return monitor


JOINED = (
    *connects("t1"),
    Sent(1, "t1", REQUEST),
    Delivered(2, "t1", ACCEPTED),
    Sent(3, "t1", SUCCEEDED),
    Delivered(4, "t1", REGISTERED),
)


def test_a_join_is_allowed_and_ends_registered() -> None:
    monitor = judge(*JOINED, as_drawn=True)
    assert monitor.answer is Answer.ALLOWED
    assert monitor.where("t1") == ("awaiting_hello", "awaiting_registration", "registered")
    assert monitor.judged == 2


def test_who_has_waited_for_less_than_every_timeout_still_waits() -> None:
    monitor = judge(*JOINED, assumed=Assumptions(timeout=30))
    assert monitor.where("t1") == ("awaiting_registration", "registered")


@pytest.mark.parametrize(
    ("event", "allowed"),
    [(SUCCEEDED, False), (REQUEST, False), (ClientGoodbye(client="t1"), True), (TrackerHello(), False)],
)
def test_what_a_registered_client_may_publish(event: ClientGoodbye, allowed: bool) -> None:
    monitor = judge(*JOINED, Sent(5, "t1", event), as_drawn=True)
    assert (monitor.answer is Answer.ALLOWED) == allowed


def test_nobody_speaks_for_another() -> None:
    monitor = judge(*JOINED, Sent(5, "t1", ClientGoodbye(client="t2")))
    assert monitor.forbidden[0].what.startswith("speaks for t2")


def test_an_event_may_come_twice_but_two_have_not_one_identifier() -> None:
    request = replace(REQUEST, event_id="one")
    assert judge(*connects("t1"), Sent(1, "t1", request), Published(2, "t1", request)).answer is Answer.ALLOWED
    other = replace(SUCCEEDED, event_id="one")
    found = judge(*connects("t1"), Sent(1, "t1", request), Delivered(2, "t1", ACCEPTED), Sent(3, "t1", other))
    assert found.forbidden[0].what.startswith("carries the EventId")


def test_a_request_is_named_anew() -> None:
    named = replace(REQUEST, request_id="a")
    run = (*connects("t1"), Sent(1, "t1", named), Delivered(2, "t1", TrackerHello()))
    assert judge(*run, Sent(3, "t1", replace(REQUEST, request_id="b"))).answer is Answer.ALLOWED
    assert judge(*run, Sent(3, "t1", named)).forbidden[0].what.startswith("names its request")


def test_a_hardened_server_takes_no_answer_to_an_earlier_request() -> None:
    run = (
        *connects("t1"),
        Sent(1, "t1", replace(REQUEST, request_id="a")),
        Delivered(2, "t1", TrackerHello()),
        Sent(3, "t1", replace(REQUEST, request_id="b")),
    )
    right, late = replace(ACCEPTED, request_id="b"), replace(ACCEPTED, request_id="a")
    confirms = replace(SUCCEEDED, request_id="b")
    assert judge(*run, Delivered(4, "t1", right), Sent(5, "t1", confirms)).answer is Answer.ALLOWED
    assert judge(*run, Delivered(4, "t1", late), Sent(5, "t1", confirms)).answer is Answer.FORBIDDEN


def test_what_is_stored_shows_in_the_next_request() -> None:
    file = FileMetadata(3, ("f",))
    accepted = replace(ACCEPTED, add_file_infos=immutabledict({"file": file}))
    run = (*connects("t1"), Sent(1, "t1", REQUEST), Delivered(2, "t1", accepted), Sent(3, "t1", SUCCEEDED))
    again = replace(REQUEST, known_file_infos=immutabledict({"file": file}))
    hello = Delivered(4, "t1", TrackerHello())
    assert judge(*run, hello, Sent(5, "t1", again)).answer is Answer.ALLOWED
    assert judge(*run, hello, Sent(5, "t1", REQUEST)).answer is Answer.FORBIDDEN


def test_who_owes_an_answer_for_too_long_is_found_out() -> None:
    run = (*connects("tracker"), Sent(1, "tracker", TrackerHello()), Delivered(2, "tracker", REQUEST))
    assert judge(*run, Passed(11)).answer is Answer.ALLOWED
    found = judge(*run, Passed(13)).forbidden[0]
    assert found.event is None
    assert found.what.startswith("publishes nothing for 10 s")


def test_who_need_not_answer_may_be_silent() -> None:
    monitor = judge(*JOINED, Passed(1000), as_drawn=True)
    assert monitor.answer is Answer.ALLOWED
    assert monitor.where("t1") == ("awaiting_hello", "registered")


@pytest.mark.parametrize("sight", [SUBSCRIBER, LOSSY_SUBSCRIBER])
def test_members_may_be_silent_while_others_join(sight: Sight) -> None:
    """Nobody sees that they read what is not for them."""
    second = replace(ACCEPTED, clients=immutabledict({"one": ClientMetadata()}))
    run = [Published(0, "", TrackerHello())]
    for at, (name, accepted) in enumerate([("one", ACCEPTED), ("two", second)]):
        events = (REQUEST, accepted, SUCCEEDED, REGISTERED)
        run += [Published(at + 0.1, "", replace(event, client=name)) for event in events]
    goodbye = Published(500, "", ClientGoodbye(client="two"))
    monitor = Monitor(sight)
    monitor.see_all((*run, *(Passed(at) for at in (5, 13, 100)), goodbye, Passed(1000)))
    assert monitor.answer is Answer.ALLOWED, monitor.forbidden or monitor.unjudged
    assert "registered" in monitor.where("one")
    assert monitor.where("two") == ("offline",)


def test_what_was_not_seen_is_not_judged_until_it_is_known_again() -> None:
    monitor = judge(*JOINED, Gap(5), Sent(6, "t1", SUCCEEDED), Sent(8, "t1", REQUEST))
    assert monitor.answer is Answer.CANNOT_TELL
    assert [one.client for one in monitor.unjudged] == ["", "t1", "t1"]
    monitor.see(Delivered(9, "t1", ACCEPTED))
    assert monitor.see(Sent(10, "t1", SUCCEEDED)) is None
    assert monitor.see(Sent(11, "t1", SUCCEEDED)) is not None


def test_nothing_is_not_allowed() -> None:
    assert Monitor().answer is Answer.CANNOT_TELL


def test_a_payload_that_is_no_event_cannot_be_told() -> None:
    assert judge(*JOINED, Unreadable(5, "", "tracker/hello", "no JSON")).answer is Answer.CANNOT_TELL


def test_other_use_cases_are_not_judged() -> None:
    monitor = judge(*connects("tracker"), Sent(1, "tracker", FragmentDistributionStarted()))
    assert not monitor.forbidden
    assert monitor.judged == 0


def test_a_subscriber_tells_servers_apart_by_what_they_say() -> None:
    seen = [TrackerHello(), REQUEST, ACCEPTED, SUCCEEDED, REGISTERED]
    monitor = Monitor(SUBSCRIBER)
    assert monitor.see_all(Published(n, "", event) for n, event in enumerate(seen)) is Answer.ALLOWED
    wrong = Monitor(SUBSCRIBER)
    assert wrong.see_all(Published(n, "", event) for n, event in enumerate([*seen[:2], REGISTERED])) is Answer.FORBIDDEN
    assert wrong.forbidden[0].client == "tracker"


def test_a_goodbye_can_be_lost_with_its_connection() -> None:
    leaves = Disconnected(5, "t1", clean=True)
    waits = Assumptions(timeout=30)
    assert judge(*JOINED, leaves, assumed=waits).answer is Answer.FORBIDDEN
    assert judge(*JOINED, leaves, assumed=waits, sight=Sight(sends=False)).answer is Answer.ALLOWED


def test_the_broker_passes_on_in_order_to_who_subscribed() -> None:
    hello, goodbye = TrackerHello(event_id="1"), TrackerGoodbye(event_id="2")
    took = (Published(1, "tracker", hello), Published(2, "tracker", goodbye))
    start = (*connects("tracker"), *connects("t1"))

    def wrong(*seen: Observed) -> str:
        monitor = Monitor(roles=ROLES)
        monitor.see_all((*start, *seen))
        return next((one.what for one in monitor.forbidden if one.client == "Broker"), "")

    assert not wrong(*took, Delivered(3, "t1", hello), Delivered(4, "t1", goodbye), Delivered(5, "t1", hello))
    assert "nobody published" in wrong(Delivered(3, "t1", hello))
    assert "later" in wrong(*took, Delivered(3, "t1", goodbye), Delivered(4, "t1", hello))
    assert "not subscribed" in wrong(*took, Delivered(3, "tracker", goodbye))


def test_an_explanation_holds_what_matters_and_is_a_diagram() -> None:
    news = Delivered(3.5, "t1", ClientJoinDenied(client="t9", reason_code=ReasonCode.OTHER))
    monitor = judge(*JOINED[:-1], news, Delivered(4, "t1", REGISTERED), Sent(5, "t1", SUCCEEDED))
    found = monitor.forbidden[0]
    short = shortest(found, alone(found, monitor))
    assert news not in short.before
    assert (short.where, short.what) == (found.where, found.what)
    told = list(sentences(short))
    assert told[0] == "t1: ClientJoinSucceeded: no run of its chart publishes that here"
    assert "ClientJoin_Alternative4.txt, line 45" in told[1]
    for text in (diagram(short), nearest(short)):
        drawn = read(text)
        assert not [one for one in drawn.diagnostics if one.severity == "error"]
        assert [each.name for each in drawn.lifelines] == ["t1", "Broker"]
    assert "sequenceDiagram" in diagram(short, mermaid=True)


def test_every_event_of_client_join_is_drawn() -> None:
    for event in (REQUEST, ACCEPTED, SUCCEEDED, REGISTERED, TrackerHello()):
        assert sends(type(event))
        other = TRACKER if event.publisher == TORRENT else TORRENT
        assert reads(type(event), other)


def test_asking_where_somebody_is_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out of an answer, for there is too much of it, is not missed where the next event is judged."""
    monitor = judge(*JOINED)
    track = monitor.participants["t1"].track
    assert track is not None
    monkeypatch.setattr(track_of, "MOST", -99)
    assert monitor.where("t1") == ()
    assert monitor.participants["t1"].track is track
    assert not track.is_cut_short
    assert not list(track.expected(3))
    assert not track.is_cut_short


def test_where_somebody_is_can_be_asked_bit_by_bit() -> None:
    monitor = judge(*JOINED)
    assert tuple(sorted({*monitor.looking("t1")})) == monitor.where("t1") != ()
    assert list(monitor.looking("nobody")) == []
