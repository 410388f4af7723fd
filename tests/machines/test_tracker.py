"""The MQTT client of the tracker server: admissions, arrow by arrow. Its session stands in a file of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from immutabledict import immutabledict

from machines.calls import (
    Answer,
    CheckJoin,
    ForgetAdmission,
    JoinConflicts,
    JoinPossible,
    Message,
    PublishFailed,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    TimeoutExceeded,
    Timer,
)
from machines.events import (
    BUS_EVENTS,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    ReasonCode,
    TrackerHello,
)
from machines.participant import Output
from machines.tracker import Tracker, TrackerData
from tests.support.harness import Step, deferred, did, follow, ignored, refused, took

NO_REQUESTS: Mapping[str, str] = immutabledict()


@pytest.fixture
def chart() -> type[Tracker]:
    return Tracker


def serving(chart: type[Tracker], *pending: str) -> Tracker:
    """With these admissions pending; everybody has been admitted once before."""
    attempts = immutabledict({client: 2 if client in pending else 1 for client in ("anna", "bert", "carl")})
    data = TrackerData("tracker", pending=frozenset(pending), attempts=attempts)
    return chart("tracker", "awaiting_confirmations" if pending else "awaiting_requests", data)


def requested(client: str, event_id: str = "") -> ClientJoinRequested:
    return ClientJoinRequested(client=client, hash_algorithm="md5", event_id=event_id)


def accepted(client: str) -> ClientJoinAccepted:
    return ClientJoinAccepted(client=client, fragment_size=512)


def registered(client: str) -> ClientRegistered:
    return ClientRegistered(client=client, info=ClientMetadata(frozenset({f"http://{client}/"})))


def expired(client: str, attempt: int = 2) -> TimeoutExceeded:
    return TimeoutExceeded(timer=Timer(client, attempt))


def stop(client: str, attempt: int = 2) -> StopTimeout:
    return StopTimeout(timer=Timer(client, attempt))


def confirmations(pending: frozenset[str]) -> str:
    return "awaiting_confirmations" if pending else "awaiting_requests"


def asking(
    client: str, others: Sequence[str] = (), event_id: str = "", known: Mapping[str, str] = NO_REQUESTS
) -> list[Step]:
    """A request comes, and the view is asked; `known` are the requests that came before."""
    request = requested(client, event_id)
    requests = immutabledict({**known, client: event_id})
    return [
        took(request, "checking", current=request, requests=requests, pending=frozenset(others)),
        did(CheckJoin(request=request), "awaiting_verdict"),
    ]


def accepting(client: str, others: Sequence[str] = (), attempts: dict[str, int] | None = None) -> list[Step]:
    """The view answers that the client can join; `attempts` are the counts then."""
    count = attempts or {"anna": 1, "bert": 1, "carl": 1, **dict.fromkeys(others, 2), client: 2}
    return [
        took(
            JoinPossible(acceptance=accepted(client)),
            "setting_timeout",
            current=accepted(client),
            attempts=immutabledict(count),
            pending=frozenset({*others, client}),
        ),
        did(SetTimeout(timer=Timer(client, count[client])), "accepting"),
        did(accepted(client), "awaiting_confirmations", current=None),
    ]


def confirming(client: str, others: Sequence[str] = ()) -> list[Step]:
    """The client confirms, and is registered."""
    succeeded, left = ClientJoinSucceeded(client=client), frozenset(others)
    return [
        took(succeeded, "stopping_timeout", current=succeeded, pending=left),
        did(stop(client), "registering"),
        did(RegisterClient(client=client), "awaiting_registration"),
        took(
            RegistrationApplied(registered=registered(client)),
            "announcing_client",
            current=registered(client),
        ),
        did(registered(client), confirmations(left), current=None),
    ]


def failing(client: str, others: Sequence[str] = ()) -> list[Step]:
    """The client reports that it failed, and is forgotten."""
    failed, left = ClientJoinFailed(client=client), frozenset(others)
    return [
        took(failed, "stopping_timeout_of_failure", current=failed, pending=left),
        did(stop(client), "forgetting"),
        did(ForgetAdmission(client=client), confirmations(left), current=None),
    ]


def expiring(client: str, others: Sequence[str] = ()) -> list[Step]:
    """The timeout of the client is exceeded, and it is forgotten."""
    left = frozenset(others)
    return [
        took(expired(client), "forgetting", current=ClientJoinFailed(client=client), pending=left),
        did(ForgetAdmission(client=client), confirmations(left), current=None),
    ]


def leaving(client: str, others: Sequence[str] = ()) -> list[Step]:
    """The client says goodbye while its admission is pending."""
    goodbye, left = ClientGoodbye(client=client), frozenset(others)
    return [
        took(goodbye, "stopping_timeout_of_leaver", current=goodbye, pending=left),
        did(stop(client), "removing_client"),
        did(RemoveClient(client=client), confirmations(left), current=None),
    ]


# The scenarios of the use case, alone and while another admission is pending.

OTHERS = pytest.mark.parametrize("others", [(), ("bert",), ("bert", "carl")], ids=["alone", "bert", "bert and carl"])


@OTHERS
def test_standard_scenario(chart: type[Tracker], others: Sequence[str]) -> None:
    follow(
        serving(chart, *others),
        *asking("anna", others),
        *accepting("anna", others),
        *confirming("anna", others),
        *ignored(ClientJoinSucceeded(client="anna")),
        *ignored(ClientJoinFailed(client="anna")),
        *ignored(expired("anna")),
    )


@OTHERS
def test_alternative_2_and_4_no_confirmation_comes(chart: type[Tracker], others: Sequence[str]) -> None:
    follow(
        serving(chart, *others),
        *asking("anna", others),
        *accepting("anna", others),
        *ignored(PublishFailed(event=ClientJoinAccepted)),
        *expiring("anna", others),
        *ignored(ClientJoinSucceeded(client="anna")),
        *ignored(ClientJoinFailed(client="anna")),
    )


@OTHERS
def test_alternative_3_denied(chart: type[Tracker], others: Sequence[str]) -> None:
    conflicts = JoinConflicts(client="anna", reason_code=ReasonCode.ENDPOINT_CONFLICT, reason="taken")
    denied = ClientJoinDenied(client="anna", reason_code=ReasonCode.ENDPOINT_CONFLICT, reason="taken")
    follow(
        serving(chart, *others),
        *asking("anna", others),
        took(conflicts, "denying", current=conflicts),
        did(denied, confirmations(frozenset(others)), current=None),
        *ignored(ClientJoinSucceeded(client="anna")),
    )


@pytest.mark.parametrize("code", ReasonCode)
def test_a_denial_gives_the_reason(chart: type[Tracker], code: ReasonCode) -> None:
    conflicts = JoinConflicts(client="anna", reason_code=code, reason="so it is")
    follow(
        serving(chart),
        *asking("anna"),
        took(conflicts, "denying", current=conflicts),
        did(ClientJoinDenied(client="anna", reason_code=code, reason="so it is"), "awaiting_requests", current=None),
    )


@OTHERS
def test_alternative_4_the_change_failed(chart: type[Tracker], others: Sequence[str]) -> None:
    follow(
        serving(chart, *others),
        *asking("anna", others),
        *accepting("anna", others),
        *failing("anna", others),
        *ignored(ClientJoinSucceeded(client="anna")),
        *ignored(expired("anna")),
    )


def test_a_client_joins_again_after_a_failure(chart: type[Tracker]) -> None:
    again = {"anna": 3, "bert": 1, "carl": 1}
    follow(
        serving(chart),
        *asking("anna", event_id="r1"),
        *accepting("anna"),
        *expiring("anna"),
        *ignored(requested("anna", "r1")),
        *asking("anna", event_id="r2"),
        *accepting("anna", attempts=again),
        *ignored(expired("anna")),
    )


def test_the_first_timeout_of_a_client(chart: type[Tracker]) -> None:
    follow(chart("tracker", "awaiting_requests"), *asking("anna"), *accepting("anna", attempts={"anna": 1}))


# Admissions are concurrent.


ENDS = {"confirm": confirming, "fail": failing, "expire": expiring, "leave": leaving}


@pytest.mark.parametrize("order", list(permutations(("anna", "bert", "carl"))), ids=" ".join)
def test_admissions_end_in_any_order(chart: type[Tracker], order: tuple[str, ...]) -> None:
    first, second, third = order
    for end in ENDS.values():
        follow(
            serving(chart, "anna", "bert", "carl"),
            *end(first, (second, third)),
            *ignored(expired(first)),
            *end(second, (third,)),
            *ignored(expired(second)),
            *end(third),
            *ignored(expired(third)),
        )


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
def test_admissions_end_in_every_way(chart: type[Tracker], first: str, second: str) -> None:
    follow(serving(chart, "anna", "bert"), *ENDS[first]("anna", ("bert",)), *ENDS[second]("bert"))


def test_clients_ask_while_others_are_pending(chart: type[Tracker]) -> None:
    follow(
        serving(chart),
        *asking("anna"),
        *accepting("anna"),
        *asking("bert", ("anna",), known={"anna": ""}),
        *accepting("bert", ("anna",)),
        *confirming("anna", ("bert",)),
        *asking("carl", ("bert",), known={"anna": "", "bert": ""}),
        *accepting("carl", ("bert",), attempts={"anna": 2, "bert": 2, "carl": 2}),
        *expiring("bert", ("carl",)),
        *confirming("carl"),
    )


def test_only_the_timeout_of_a_pending_admission_counts(chart: type[Tracker]) -> None:
    stale = (expired("anna", 1), expired("anna", 3), expired("bert", 1), expired("dora", 0))
    follow(serving(chart, "anna"), *ignored(*stale), *expiring("anna"), *ignored(*stale, expired("anna")))


def test_only_pending_admissions_are_confirmed(chart: type[Tracker]) -> None:
    told = (ClientJoinSucceeded(client="bert"), ClientJoinFailed(client="bert"))
    follow(serving(chart, "anna"), *ignored(*told), *confirming("anna"), *ignored(*told))


# Requests that come again.


@OTHERS
@pytest.mark.parametrize("event_id", ["", "r2"])
def test_a_new_request_supersedes_a_pending_admission(
    chart: type[Tracker], others: Sequence[str], event_id: str
) -> None:
    attempts = {"anna": 3, "bert": 1, "carl": 1, **dict.fromkeys(others, 2)}
    request = requested("anna", event_id)
    follow(
        serving(chart, "anna", *others),
        took(
            request,
            "superseding",
            current=request,
            requests=immutabledict({"anna": event_id}),
            pending=frozenset(others),
        ),
        did(stop("anna"), "checking"),
        did(CheckJoin(request=request), "awaiting_verdict"),
        *accepting("anna", others, attempts=attempts),
        *ignored(expired("anna", 2)),
    )


def test_a_request_that_comes_twice_is_taken_once(chart: type[Tracker]) -> None:
    follow(
        serving(chart),
        *asking("anna", event_id="r1"),
        *accepting("anna"),
        *ignored(requested("anna", "r1")),
        *confirming("anna"),
        *ignored(requested("anna", "r1")),
        *asking("bert", event_id="r2", known={"anna": "r1"}),
        *accepting("bert", attempts={"anna": 2, "bert": 2, "carl": 1}),
        *ignored(requested("anna", "r1"), requested("bert", "r2")),
    )


def test_requests_of_two_clients_do_not_repeat_each_other(chart: type[Tracker]) -> None:
    requests = immutabledict({"anna": "r1", "bert": "r1"})
    request = requested("bert", "r1")
    follow(
        serving(chart),
        *asking("anna", event_id="r1"),
        *accepting("anna"),
        took(request, "checking", current=request, requests=requests),
        did(CheckJoin(request=request), "awaiting_verdict"),
    )


# Goodbyes of clients.


@pytest.mark.parametrize("others", [(), ("bert",)], ids=["alone", "bert"])
def test_a_client_without_a_pending_admission_leaves(chart: type[Tracker], others: Sequence[str]) -> None:
    goodbye = ClientGoodbye(client="anna")
    again = [
        took(goodbye, "removing_client", current=goodbye),
        did(RemoveClient(client="anna"), confirmations(frozenset(others)), current=None),
    ]
    follow(serving(chart, *others), *again, *again)


# What moves nothing.

OUTSIDE = (
    FragmentDistributionRequested(client="anna"),
    FragmentDistributionObtained(client="anna"),
    FragmentDistributionFailed(client="anna"),
)
LOST = tuple(PublishFailed(event=event) for event in BUS_EVENTS if event is not TrackerHello)
CONFLICTS = JoinConflicts(client="anna", reason_code=ReasonCode.OTHER, reason="")
ANSWERS: dict[str, tuple[Answer, ...]] = {
    "awaiting_verdict": (JoinPossible(acceptance=accepted("anna")), CONFLICTS),
    "awaiting_registration": (RegistrationApplied(registered=registered("anna")),),
}
ALL_ANSWERS = (*ANSWERS["awaiting_verdict"], *ANSWERS["awaiting_registration"])
BUSY: dict[str, ClientEvent | JoinConflicts] = {
    "superseding": requested("anna"),
    "checking": requested("anna"),
    "awaiting_verdict": requested("anna"),
    "setting_timeout": accepted("anna"),
    "accepting": accepted("anna"),
    "denying": CONFLICTS,
    "stopping_timeout": ClientJoinSucceeded(client="anna"),
    "registering": ClientJoinSucceeded(client="anna"),
    "awaiting_registration": ClientJoinSucceeded(client="anna"),
    "announcing_client": registered("anna"),
    "stopping_timeout_of_failure": ClientJoinFailed(client="anna"),
    "forgetting": ClientJoinFailed(client="anna"),
    "stopping_timeout_of_leaver": ClientGoodbye(client="anna"),
    "removing_client": ClientGoodbye(client="anna"),
}


@OTHERS
def test_what_does_not_concern_admissions_moves_nothing(chart: type[Tracker], others: Sequence[str]) -> None:
    follow(serving(chart, *others), *ignored(*OUTSIDE, *LOST, Start()), *refused(*ALL_ANSWERS))


@pytest.mark.parametrize("state", BUSY)
def test_a_busy_state_does_not_read_the_bus(chart: type[Tracker], state: str) -> None:
    data = TrackerData("tracker", pending=frozenset({"bert"}), current=BUSY[state])
    tracker = chart("tracker", state, data)
    told: tuple[Message, ...] = (
        requested("carl", "r1"),
        ClientJoinSucceeded(client="bert"),
        ClientJoinFailed(client="bert"),
        ClientGoodbye(client="bert"),
        *OUTSIDE,
        *LOST,
        PublishFailed(event=TrackerHello),
        expired("bert"),
    )
    answers = [answer for answer in ALL_ANSWERS if answer not in ANSWERS.get(state, ())]
    follow(tracker, *deferred(*told), *refused(*answers), *ignored(Start()), due=tracker.due())


# Requests with names.


def named(**requests: str) -> Mapping[str, str]:
    return immutabledict(requests)


def test_what_names_another_request_is_of_an_earlier_attempt(chart: type[Tracker]) -> None:
    request = replace(requested("anna"), request_id="s-2")
    acceptance = replace(accepted("anna"), request_id="s-2")
    succeeded = ClientJoinSucceeded(client="anna", request_id="s-2")
    failed = ClientJoinFailed(client="anna", request_id="s-2")
    begun = [
        took(
            request,
            "checking",
            current=request,
            requests=immutabledict({"anna": ""}),
            pending=frozenset({"bert"}),
        ),
        did(CheckJoin(request=request), "awaiting_verdict"),
        took(
            JoinPossible(acceptance=acceptance),
            "setting_timeout",
            current=acceptance,
            attempts=immutabledict({"anna": 2, "bert": 2, "carl": 1}),
            pending=frozenset({"anna", "bert"}),
            names=named(anna="s-2"),
        ),
        did(SetTimeout(timer=Timer("anna", 2)), "accepting"),
        did(acceptance, "awaiting_confirmations", current=None),
        *ignored(replace(succeeded, request_id="s-1"), replace(failed, request_id="s-1")),
    ]
    left = frozenset({"bert"})
    for end, state in ((succeeded, "stopping_timeout"), (failed, "stopping_timeout_of_failure")):
        for given in (end, replace(end, request_id="")):
            ended = took(given, state, current=given, due=[stop("anna")], pending=left, names=named())
            follow(serving(chart, "bert"), *begun, ended)


def test_an_unnamed_request_is_confirmed_with_any_name(chart: type[Tracker]) -> None:
    succeeded = ClientJoinSucceeded(client="anna", request_id="s-1")
    server = serving(chart, "anna")
    follow(server, took(succeeded, "stopping_timeout", current=succeeded, pending=frozenset(), due=[stop("anna")]))


@pytest.mark.parametrize("way", ["request", "expire", "leave", "stop"])
def test_a_name_is_forgotten_with_its_admission(chart: type[Tracker], way: str) -> None:
    server = serving(chart, "anna", "bert")
    server.data = replace(server.data, names=named(anna="s-1", bert="t-1"))
    if way == "stop":
        assert server.receive(Stop())
        server.emit(server.due()[0])
    else:
        ends: dict[str, Message] = {
            "request": requested("anna"),
            "expire": expired("anna"),
            "leave": ClientGoodbye(client="anna"),
        }
        assert server.receive(ends[way])
    assert server.data.names == {"bert": "t-1"}


def test_a_denial_names_the_request(chart: type[Tracker]) -> None:
    conflicts = JoinConflicts(client="anna", reason_code=ReasonCode.OTHER, reason="no", request_id="s-1")
    server = chart("tracker", "denying", TrackerData("tracker", current=conflicts))
    denial = ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER, reason="no", request_id="s-1")
    assert server.due() == (Output(denial, "broker"),)
