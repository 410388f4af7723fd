"""Whatever servers do beside what the protocol draws, as the charts know it, a monitor forbids none of it."""

from dataclasses import replace

import pytest

from machines.events import (
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
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
    Monitor,
    Observed,
    Published,
    Sight,
)
from tests.properties.simulation import EVERY, HALF, Features, Life, judged, judged_from_outside
from tests.spec.monitor.runs import connects, featured, observed, random_runs, subscribed
from tests.support.nightly import by_day

PATIENT = Assumptions(lag=1e9)
UNDELIVERED = Sight(deliveries=False)
each = pytest.mark.parametrize("features", by_day(EVERY, HALF), ids=lambda features: features.label)


@each
def test_drivers_with_any_features_are_allowed(features: Features) -> None:
    seen = Life(4, features=features).run()
    monitor = judged(seen)
    assert not monitor.forbidden
    assert not monitor.unjudged
    assert not judged_from_outside(seen).forbidden


@each
def test_charts_with_any_features_are_allowed(features: Features) -> None:
    system = featured("crashing", features)
    for run in random_runs(system, 3, 3, 80):
        seen = observed(system, run)
        for monitor, told in (
            (Monitor(), seen),
            (
                Monitor(Sight(deliveries=False), assumed=PATIENT),
                [one for one in seen if not isinstance(one, Delivered)],
            ),
            (Monitor(LOSSY_SUBSCRIBER, assumed=PATIENT), subscribed(seen)),
        ):
            monitor.see_all(told)
            assert not monitor.forbidden


def test_a_tracker_that_starts_again_knows_whose_will_was_said() -> None:
    """It lists nobody who registers in the name of a session that is over."""
    assert not judged(Life(2, features=Features(leaves_will=True)).run()).forbidden


def test_each_feature_shows_in_what_is_seen() -> None:
    """Otherwise nothing would be said of it."""
    plain, named, again, will, down = (
        [one.event for one in Life(4, features=features).run() if isinstance(one, Published)]
        for features in (
            Features(named=False),
            Features(),
            Features(named=False, retries=2),
            Features(leaves_will=True),
            Features(steps_down=True),
        )
    )
    assert not any(getattr(event, "request_id", "") for event in plain)
    assert any(getattr(event, "request_id", "") for event in named)
    assert any(isinstance(event, ClientGoodbye) and event.session for event in will)
    assert len({event.session for event in down if isinstance(event, TrackerHello)}) > 1

    def requests(seen: list[BusEvent]) -> int:
        return sum(isinstance(event, ClientJoinRequested) for event in seen)

    assert requests(again) > requests(plain)


# What is still found out.


def judge(*told: Observed, **options: object) -> Monitor:
    monitor = Monitor(roles={"t1": "torrent"}, judges_broker=False, **options)  # type: ignore[arg-type]
    monitor.see_all(told)
    return monitor


def joins() -> list[Observed]:
    """A torrent server that does not name its requests has asked, and was denied at 1.2 s."""
    return [
        *connects("t1"),
        Published(1.0, "t1", REQUEST),
        Delivered(1.2, "t1", DENIED),
    ]


REQUEST = ClientJoinRequested(client="t1", hash_algorithm="sha-256")
DENIED = ClientJoinDenied(client="t1", reason_code=ReasonCode.WRONG_HASH_ALGORITHM)


@pytest.mark.parametrize(
    ("at", "as_drawn", "answer"),
    [(9.0, False, Answer.ALLOWED), (1.9, False, Answer.FORBIDDEN), (9.0, True, Answer.FORBIDDEN)],
)
def test_who_asks_again_has_waited_for_a_timeout(at: float, as_drawn: bool, answer: Answer) -> None:
    again = Published(at, "t1", REQUEST)
    monitor = judge(*joins(), again, as_drawn=as_drawn, assumed=Assumptions(timeout=1.0))
    assert monitor.answer is answer


GOODBYE = ClientGoodbye(client="t1")


@pytest.mark.parametrize("session", ["", "s1"])
def test_a_will_is_said_when_a_connection_broke_and_once(session: str) -> None:
    will = Published(4.0, "t1", replace(GOODBYE, session=session))
    broke, left = Disconnected(3.0, "t1"), Disconnected(3.0, "t1", clean=True)
    assert judge(*joins(), broke, will).answer is not Answer.FORBIDDEN
    assert judge(*joins(), broke, will, will).answer is Answer.FORBIDDEN
    assert judge(*joins(), left, will).answer is Answer.FORBIDDEN
    assert judge(*joins(), will).answer is Answer.FORBIDDEN
    late = judge(*joins(), broke, *connects("t1", 3.5), will)
    assert (late.answer is Answer.FORBIDDEN) is not bool(session), "it names the session that broke"
    assert judge(*joins(), broke, *connects("t1", 3.5), will, will).answer is Answer.FORBIDDEN


def test_a_late_will_can_be_the_first_that_is_seen_of_a_server() -> None:
    will = Published(4.0, "t1", replace(GOODBYE, session="s1"))
    monitor = Monitor()
    monitor.see_all([*connects("t1"), Disconnected(1.0, "t1"), *connects("t1", 2.0), will])
    assert not monitor.forbidden
    monitor.see(will)
    assert monitor.forbidden


@pytest.mark.parametrize(("as_drawn", "answer"), [(False, Answer.CANNOT_TELL), (True, Answer.FORBIDDEN)])
def test_a_subscriber_cannot_tell_a_will(as_drawn: bool, answer: Answer) -> None:
    seen = [Published(float(at), "", event) for at, event in enumerate((TrackerHello(), REQUEST, DENIED, GOODBYE))]
    assert judge(*seen, sight=SUBSCRIBER, as_drawn=as_drawn).answer is answer


@pytest.mark.parametrize(
    ("hellos", "at", "answer"),
    [
        (("a", "b"), 2.0, Answer.CANNOT_TELL),
        (("a", "b"), 20.0, Answer.FORBIDDEN),
        (("", ""), 2.0, Answer.FORBIDDEN),
        (("a",), 2.0, Answer.FORBIDDEN),
    ],
)
def test_an_older_tracker_may_answer_until_it_has_stepped_down(
    hellos: tuple[str, ...], at: float, answer: Answer
) -> None:
    said = [Published(1.0, "", TrackerHello(session=session)) for session in hellos]
    assert judge(*said, Published(at, "", DENIED), sight=SUBSCRIBER).answer is answer


def test_a_tracker_that_said_goodbye_is_not_there_any_more() -> None:
    said = (TrackerHello(session="a"), TrackerGoodbye(), TrackerHello(session="b"), DENIED)
    seen = [Published(float(at), "", event) for at, event in enumerate(said)]
    assert judge(*seen, sight=SUBSCRIBER).answer is Answer.FORBIDDEN


@pytest.mark.parametrize(
    ("session", "leaves_open", "answer"),
    [
        ("b", False, Answer.ALLOWED),
        ("", True, Answer.ALLOWED),
        ("", False, Answer.FORBIDDEN),
        ("a", False, Answer.FORBIDDEN),
    ],
)
def test_a_goodbye_says_whose_it_is(session: str, leaves_open: bool, answer: Answer) -> None:
    """It is that of the tracker that says it; whoever names itself in its hello alone is as right."""
    said = (TrackerHello(session="b"), TrackerGoodbye(session=session))
    seen = [Published(float(at), "", event) for at, event in enumerate(said)]
    assert judge(*seen, sight=SUBSCRIBER, leaves_open=leaves_open).answer is answer


def test_what_the_latest_tracker_says_is_not_an_older_ones() -> None:
    """Who publishes is not known, but what it says names its session."""
    hellos = [Published(float(at), "", TrackerHello(session=session)) for at, session in enumerate("ab", start=1)]
    for session, answer in (("b", Answer.FORBIDDEN), ("a", Answer.CANNOT_TELL)):
        accepted = ClientJoinAccepted(client="t1", fragment_size=1, session=session)
        assert judge(*hellos, Published(2.5, "", accepted), sight=SUBSCRIBER).answer is answer
