"""The MQTT client of a torrent server: Client Join, arrow by arrow. Its session stands in a file of its own."""

from dataclasses import replace

import pytest
from immutabledict import immutabledict

from machines.calls import (
    AddClient,
    AddFile,
    ChangeView,
    DescribeView,
    PublishFailed,
    RemoveClient,
    SetTimeout,
    Start,
    StopTimeout,
    TimeoutExceeded,
    Timer,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.events import (
    BUS_EVENTS,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionStarted,
    FragmentMetadata,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.torrent_server import TorrentServer, TorrentServerData
from tests.support.harness import Step, deferred, did, follow, ignored, refused, took

KNOWN = immutabledict({"f": FileMetadata(7, ("ab",))})
STORED = immutabledict({"ab": FragmentMetadata(7)})
AT = frozenset({"http://anna/"})
DESCRIBED = ViewDescribed(
    hash_algorithm="md5", fragment_size=512, known_file_infos=KNOWN, stored_fragments=STORED, endpoints=AT
)
REQUESTED = ClientJoinRequested(
    client="anna",
    hash_algorithm="md5",
    fragment_size=512,
    known_file_infos=KNOWN,
    stored_fragments=STORED,
    endpoints=AT,
)
ACCEPTED = ClientJoinAccepted(client="anna", fragment_size=512, event_id="a1")
DENIED = ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER)
REGISTERED = ClientRegistered(client="anna", info=ClientMetadata(AT))
HELLO, SAME_HELLO = TrackerHello(event_id="h2"), TrackerHello(event_id="h1")

BERT_ACCEPTED, BERT_DENIED = replace(ACCEPTED, client="bert"), replace(DENIED, client="bert")
BERT_REGISTERED = ClientRegistered(client="bert", info=ClientMetadata(frozenset({"http://bert/"})))
BERT_LEFT = ClientGoodbye(client="bert")
FILE = FileInfoPublished(hash="g", size=9)

OUTSIDE = (FragmentDistributionStarted(), FragmentDistributionDelivered(), FragmentDistributionEnded())
EXPIRED, EXPIRED_EARLIER = TimeoutExceeded(timer=Timer("anna", 3)), TimeoutExceeded(timer=Timer("anna", 2))
EXPIRED_OTHER = TimeoutExceeded(timer=Timer("bert", 3))
PUBLISH_FAILED = tuple(PublishFailed(event=event) for event in BUS_EVENTS)


@pytest.fixture
def chart() -> type[TorrentServer]:
    return TorrentServer


def anna(chart: type[TorrentServer], state: str) -> TorrentServer:
    """In a state of her third attempt, which TrackerHello "h1" led to."""
    return chart("anna", state, TorrentServerData("anna", attempt=3, hello="h1"))


def anna_at_work(chart: type[TorrentServer], state: str) -> TorrentServer:
    """With all that some step could need."""
    data = TorrentServerData("anna", attempt=3, hello="h1", description=DESCRIBED, acceptance=ACCEPTED, news=REGISTERED)
    return chart("anna", state, data)


def requesting() -> list[Step]:
    """From where the join begins to where the answer is awaited."""
    return [
        did(DescribeView(), "awaiting_description"),
        took(DESCRIBED, "setting_timeout", description=DESCRIBED, attempt=4),
        did(SetTimeout(timer=Timer("anna", 4)), "requesting"),
        did(REQUESTED, "awaiting_answer", description=None),
    ]


def confirming() -> list[Step]:
    """From the acceptance to where the registration is awaited."""
    return [
        took(ACCEPTED, "changing_view", acceptance=ACCEPTED),
        did(ChangeView(acceptance=ACCEPTED), "awaiting_change", acceptance=None),
        took(ViewChanged(), "renewing_timeout", attempt=5),
        did(SetTimeout(timer=Timer("anna", 5)), "confirming"),
        did(ClientJoinSucceeded(client="anna"), "awaiting_registration"),
    ]


def registering() -> list[Step]:
    """From the registration to the end of the join."""
    return [
        took(REGISTERED, "stopping_timeout", news=REGISTERED),
        did(StopTimeout(timer=Timer("anna", 5)), "adding_itself"),
        did(AddClient(registered=REGISTERED), "registered", news=None),
    ]


def hello(state: str = "describing_view") -> Step:
    return took(HELLO, state, hello="h2")


# The scenarios of the use case.


def test_standard_scenario(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        *ignored(BERT_ACCEPTED),
        *ignored(BERT_DENIED),
        *confirming(),
        *registering(),
        *ignored(BERT_ACCEPTED),
        *ignored(BERT_DENIED),
    )


def test_alternative_1_and_2_the_request_or_the_answer_is_lost(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        took(TimeoutExceeded(timer=Timer("anna", 4)), "awaiting_hello"),
        *ignored(ACCEPTED),
        *ignored(DENIED),
        *ignored(REGISTERED),
    )


def test_alternative_1_the_broker_does_not_take_the_request_over(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        *ignored(PublishFailed(event=ClientJoinRequested)),
        took(TimeoutExceeded(timer=Timer("anna", 4)), "awaiting_hello"),
    )


def test_alternative_3_denied(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        took(DENIED, "giving_up"),
        did(StopTimeout(timer=Timer("anna", 4)), "awaiting_hello"),
        *ignored(TimeoutExceeded(timer=Timer("anna", 4))),
    )


def test_alternative_4_the_confirmation_is_lost(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        *confirming(),
        *ignored(TimeoutExceeded(timer=Timer("anna", 4))),
        took(TimeoutExceeded(timer=Timer("anna", 5)), "awaiting_hello"),
    )


def test_alternative_4_the_change_fails(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        took(ACCEPTED, "changing_view", acceptance=ACCEPTED),
        did(ChangeView(acceptance=ACCEPTED), "awaiting_change", acceptance=None),
        took(ViewChangeFailed(reason="full"), "reporting_failure"),
        did(ClientJoinFailed(client="anna"), "awaiting_timeout"),
        *ignored(REGISTERED),
        took(TimeoutExceeded(timer=Timer("anna", 4)), "awaiting_hello"),
    )


def test_after_a_failure_the_next_hello_makes_it_join_again(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "awaiting_hello"), hello(), *requesting(), *confirming(), *registering())


def test_an_earlier_timeout_cannot_end_the_confirmation(chart: type[TorrentServer]) -> None:
    """The timeout of the request expires while the view changes: it waits in its channel, and then is out of date."""
    late = TimeoutExceeded(timer=Timer("anna", 4))
    steps = confirming()
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        steps[0],
        *deferred(late),
        steps[1],
        *deferred(late),
        *steps[2:],
        *ignored(late),
        *registering(),
        *ignored(late),
    )


# The tracker changes.


@pytest.mark.parametrize(
    "state", ["awaiting_hello", "awaiting_answer", "awaiting_registration", "awaiting_timeout", "registered"]
)
def test_a_hello_makes_it_join_from_wherever_it_is(chart: type[TorrentServer], state: str) -> None:
    follow(anna(chart, state), *ignored(SAME_HELLO), hello(), *requesting(), *ignored(HELLO))


@pytest.mark.parametrize(
    "state", ["awaiting_hello", "awaiting_answer", "awaiting_registration", "awaiting_timeout", "registered"]
)
def test_hellos_without_an_event_id_are_never_repeated_ones(chart: type[TorrentServer], state: str) -> None:
    server = chart("anna", state, TorrentServerData("anna", attempt=3))
    follow(server, took(TrackerHello(), "describing_view"), *requesting())


def test_an_expiry_of_before_the_hello_is_out_of_date(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "awaiting_answer"),
        hello(),
        *deferred(EXPIRED),
        *requesting(),
        *ignored(EXPIRED),
        took(TimeoutExceeded(timer=Timer("anna", 4)), "awaiting_hello"),
    )


@pytest.mark.parametrize("state", ["awaiting_answer", "awaiting_registration", "awaiting_timeout"])
def test_a_tracker_that_leaves_ends_the_attempt(chart: type[TorrentServer], state: str) -> None:
    follow(
        anna(chart, state),
        took(TrackerGoodbye(), "giving_up"),
        did(StopTimeout(timer=Timer("anna", 3)), "awaiting_hello"),
        *ignored(TrackerGoodbye()),
        *ignored(EXPIRED),
        hello(),
        *requesting(),
    )


def test_a_tracker_that_leaves_ends_the_membership(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "registered"),
        took(TrackerGoodbye(), "awaiting_hello"),
        *ignored(SAME_HELLO),
        hello(),
        *requesting(),
    )


# Other clients, and files.


@pytest.mark.parametrize(
    ("state", "busy"),
    [
        ("awaiting_answer", "updating_view_before_answer"),
        ("awaiting_registration", "updating_view_before_registration"),
        ("registered", "updating_view"),
    ],
)
def test_it_learns_of_other_clients_and_of_files(chart: type[TorrentServer], state: str, busy: str) -> None:
    follow(
        anna(chart, state),
        took(BERT_REGISTERED, busy, news=BERT_REGISTERED),
        did(AddClient(registered=BERT_REGISTERED), state, news=None),
        took(FILE, busy, news=FILE),
        did(AddFile(published=FILE), state, news=None),
        took(BERT_LEFT, busy, news=BERT_LEFT),
        did(RemoveClient(client="bert"), state, news=None),
        *ignored(ClientGoodbye(client="anna")),
    )


@pytest.mark.parametrize("busy", ["updating_view_before_answer", "updating_view_before_registration", "updating_view"])
def test_news_wait_while_the_view_is_updated(chart: type[TorrentServer], busy: str) -> None:
    server = chart("anna", busy, TorrentServerData("anna", attempt=3, hello="h1", news=FILE))
    waiting = (BERT_REGISTERED, BERT_LEFT, FILE, ACCEPTED, DENIED, REGISTERED, HELLO, TrackerGoodbye())
    follow(server, *deferred(*waiting), due=[AddFile(published=FILE)])


@pytest.mark.parametrize("state", ["awaiting_hello", "awaiting_timeout"])
def test_the_next_acceptance_brings_what_is_told_meanwhile(chart: type[TorrentServer], state: str) -> None:
    told = (BERT_REGISTERED, BERT_LEFT, FILE, REGISTERED, ACCEPTED, DENIED, BERT_ACCEPTED, BERT_DENIED)
    follow(anna(chart, state), *ignored(*told))


def test_an_answer_that_comes_twice_is_taken_once(chart: type[TorrentServer]) -> None:
    follow(
        anna(chart, "describing_view"),
        *requesting(),
        *confirming(),
        *ignored(ACCEPTED),
        *ignored(DENIED),
        *registering(),
        *ignored(REGISTERED),
        *ignored(ACCEPTED),
        *ignored(DENIED),
    )


def test_a_registration_of_an_earlier_attempt_is_no_answer(chart: type[TorrentServer]) -> None:
    follow(anna(chart, "describing_view"), *requesting(), *ignored(REGISTERED), *confirming(), *registering())


@pytest.mark.parametrize("state", ["awaiting_answer", "awaiting_registration", "awaiting_timeout"])
def test_only_its_latest_timeout_counts(chart: type[TorrentServer], state: str) -> None:
    follow(
        anna(chart, state),
        *ignored(EXPIRED_EARLIER),
        *ignored(EXPIRED_OTHER),
        *ignored(TimeoutExceeded(timer=Timer("anna", 4))),
        took(EXPIRED, "awaiting_hello"),
        *ignored(EXPIRED),
    )


STABLE = ["awaiting_answer", "awaiting_registration", "awaiting_timeout", "awaiting_hello", "registered"]


@pytest.mark.parametrize("state", STABLE)
def test_what_does_not_concern_a_join_moves_nothing(chart: type[TorrentServer], state: str) -> None:
    follow(anna(chart, state), *ignored(*OUTSIDE, *PUBLISH_FAILED, Start()))


BUSY = [
    "describing_view",
    "awaiting_description",
    "setting_timeout",
    "requesting",
    "changing_view",
    "awaiting_change",
    "renewing_timeout",
    "confirming",
    "stopping_timeout",
    "adding_itself",
    "reporting_failure",
    "giving_up",
]


@pytest.mark.parametrize("state", BUSY)
def test_a_busy_state_does_not_read_the_bus(chart: type[TorrentServer], state: str) -> None:
    server = anna_at_work(chart, state)
    told = (ACCEPTED, DENIED, REGISTERED, BERT_REGISTERED, BERT_LEFT, FILE, HELLO, TrackerGoodbye(), *OUTSIDE, EXPIRED)
    follow(server, *deferred(*told), *ignored(*PUBLISH_FAILED, Start()), due=server.due())


ANSWERS = {"awaiting_description": (DESCRIBED,), "awaiting_change": (ViewChanged(), ViewChangeFailed(reason="full"))}


@pytest.mark.parametrize("state", [*STABLE, *BUSY])
def test_the_view_answers_only_what_it_was_asked(chart: type[TorrentServer], state: str) -> None:
    server = anna_at_work(chart, state)
    answers = [answer for at, answers in ANSWERS.items() if at != state for answer in answers]
    follow(server, *refused(*answers), due=server.due())
