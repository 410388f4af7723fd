"""What the diagrams leave open is left to the servers, and what follows from their decisions is not."""

from dataclasses import replace

import pytest
from immutabledict import immutabledict

from machines.events import (
    TORRENT,
    TRACKER,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentMetadata,
    ReasonCode,
    TrackerHello,
)
from spec.monitor import Answer, Assumptions, Delivered, Monitor, Observed, Sent
from tests.spec.monitor.runs import connects

ENDPOINT = frozenset({"http://one.invalid/"})
PATIENT = Assumptions(timeout=1e6)
"""No timeout explains what is seen."""
FILES = immutabledict({"new": FileMetadata(1, ())})


def judge(*seen: Observed, leaves_open: bool = True) -> Monitor:
    roles = {"tracker": TRACKER, "t1": TORRENT}
    monitor = Monitor(roles=roles, judges_broker=False, assumed=PATIENT, leaves_open=leaves_open)
    monitor.see_all(seen)
    return monitor


def asks(client: str, **properties: object) -> Delivered:
    request = ClientJoinRequested(client=client, hash_algorithm="sha-256", endpoints=ENDPOINT)
    return Delivered(1, "tracker", replace(request, **properties))  # type: ignore[arg-type]


def says(event: BusEvent) -> Sent:
    return Sent(1, "tracker", event)


def accepts(client: str, **properties: object) -> Sent:
    return says(replace(ClientJoinAccepted(client=client, fragment_size=10), **properties))  # type: ignore[arg-type]


def registers(client: str, info: ClientMetadata, **properties: object) -> tuple[Observed, Observed]:
    confirmed = Delivered(1, "tracker", ClientJoinSucceeded(client=client))
    return confirmed, says(replace(ClientRegistered(client=client, info=info), **properties))  # type: ignore[arg-type]


HELLO = (*connects("tracker"), says(TrackerHello()))
INFO = ClientMetadata(ENDPOINT)
BOTH = (*HELLO, asks("a"), accepts("a"), asks("b"), accepts("b"))


def test_an_endpoint_that_is_only_promised_may_be_free() -> None:
    open_ = judge(*BOTH)
    assert not open_.forbidden
    assert [one.is_open for one in open_.unjudged] == [True]
    assert judge(*BOTH, leaves_open=False).forbidden
    silent = (Delivered(1, "tracker", ClientJoinSucceeded(client="b")), asks("c", endpoints=frozenset()))
    after = judge(*BOTH, *registers("a", INFO), *silent, accepts("c", clients=immutabledict({"a": INFO})))
    assert not after.forbidden
    assert after.judged > open_.judged


def test_two_registered_clients_never_share_an_endpoint() -> None:
    assert not judge(*BOTH, *registers("b", INFO)).forbidden
    found = judge(*BOTH, *registers("a", INFO), *registers("b", INFO)).forbidden
    assert isinstance(getattr(found[0], "event", None), ClientRegistered)


def test_an_endpoint_of_a_registered_client_is_taken() -> None:
    taken = (*HELLO, asks("a"), accepts("a"), *registers("a", INFO), asks("b"))
    assert judge(*taken, accepts("b", clients=immutabledict({"a": INFO}))).forbidden
    assert not judge(*taken, says(ClientJoinDenied(client="b", reason_code=ReasonCode.ENDPOINT_CONFLICT))).forbidden


@pytest.mark.parametrize("code", list(ReasonCode))
def test_a_denial_may_name_any_conflict_that_there_is(code: ReasonCode) -> None:
    known = (*HELLO, asks("a"), accepts("a"), *registers("a", INFO))
    denied = says(ClientJoinDenied(client="b", reason_code=code))
    monitor = judge(*known, asks("b", hash_algorithm="other", fragment_size=10), denied)
    is_right = code in {ReasonCode.WRONG_HASH_ALGORITHM, ReasonCode.ENDPOINT_CONFLICT}
    assert bool(monitor.forbidden) is not is_right


def test_a_fragment_with_replaced_metadata_may_still_be_stored() -> None:
    held, told = immutabledict({"p": FragmentMetadata(1)}), immutabledict({"p": FragmentMetadata(2)})
    changes = {"add_fragment_infos": held, "remove_fragment_infos": frozenset({"p"})}
    other = ClientMetadata(frozenset({"http://two.invalid/"}), frozenset({"p"}))
    run = (*HELLO, asks("b", stored_fragments=told, endpoints=other.endpoints), accepts("b", **changes))
    registered = judge(*run, *registers("b", other))
    assert not registered.forbidden
    assert registered.answer is Answer.CANNOT_TELL
    more = replace(other, stored_fragments=frozenset({"p", "q"}))
    assert judge(*run, *registers("b", more)).forbidden


def request(name: str = "", **properties: object) -> Sent:
    asked = ClientJoinRequested(client="t1", hash_algorithm="sha-256", request_id=name)
    return Sent(1, "t1", replace(asked, **properties))  # type: ignore[arg-type]


def hears(event: BusEvent) -> Delivered:
    return Delivered(1, "t1", event)


BEGUN = (*connects("t1"), request())
MEMBER = (
    *BEGUN,
    hears(ClientJoinAccepted(client="t1", fragment_size=10)),
    Sent(1, "t1", ClientJoinSucceeded(client="t1")),
    hears(ClientRegistered(client="t1", info=ClientMetadata())),
)
NEWS = ClientRegistered(client="t2", info=ClientMetadata(), added_files=FILES)


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize("news", [FileInfoPublished(hash="new", size=1), NEWS])
def test_files_that_one_hears_of_outside_may_be_taken_over(news: BusEvent, takes: bool) -> None:
    known = FILES if takes else immutabledict()
    assert not judge(*BEGUN, hears(news), hears(TrackerHello()), request(known_file_infos=known)).forbidden


def test_a_member_takes_over_what_another_client_brings() -> None:
    assert judge(*MEMBER, hears(NEWS), hears(TrackerHello()), request()).forbidden
    assert not judge(*MEMBER, hears(NEWS), hears(TrackerHello()), request(known_file_infos=FILES)).forbidden


def test_names_of_requests_may_be_left_out_of_what_tells_of_them() -> None:
    named = ClientJoinAccepted(client="t1", fragment_size=10, request_id="r")
    succeeded = Sent(1, "t1", ClientJoinSucceeded(client="t1", request_id="r"))
    run = (*connects("t1"), request("r"), hears(named), succeeded, Sent(1, "t1", ClientGoodbye(client="t1")))
    assert judge(*run).answer is Answer.ALLOWED
    asked = (*HELLO, asks("a", request_id="r"), accepts("a", request_id="r"))
    confirmed = Delivered(1, "tracker", ClientJoinSucceeded(client="a", request_id="r"))
    registered = says(ClientRegistered(client="a", info=INFO, request_id="r"))
    later = (asks("b", endpoints=frozenset()), accepts("b", clients=immutabledict({"a": INFO})))
    assert judge(*asked, confirmed, registered, *later).answer is Answer.ALLOWED


def test_what_comes_on_other_topics_by_a_wildcard_is_skipped() -> None:
    own = hears(ClientJoinRequested(client="t1", hash_algorithm="sha-256"))
    rest = (hears(ClientJoinAccepted(client="t1", fragment_size=10)), Sent(1, "t1", ClientJoinSucceeded(client="t1")))
    assert judge(*BEGUN, own, *rest, leaves_open=False).answer is Answer.ALLOWED
