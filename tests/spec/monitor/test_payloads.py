"""An answer must tell just what the rules say, given what this tracker was told."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from immutabledict import immutabledict

from machines import rules
from machines.calls import JoinPossible
from machines.events import (
    BusEvent,
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
from machines.rules import View
from spec.monitor import Connected, Delivered, Forbidden, Monitor, Observed, Sent, Sight
from tests.support.nightly import by_day

SIGHT = Sight(subscriptions=False)
HASHES = ("a", "b", "c")


def monitor() -> Monitor:
    return Monitor(SIGHT, roles={"tracker": "tracker"}, judges_broker=False)


def a_request(chance: random.Random, client: str) -> ClientJoinRequested:
    files = {key: FileMetadata(chance.choice((1, 2))) for key in HASHES if chance.random() < 0.5}
    parts = {key: FragmentMetadata(chance.choice((1, 2))) for key in HASHES if chance.random() < 0.5}
    return ClientJoinRequested(
        client=client,
        hash_algorithm=chance.choice(("sha-256", "SHA-256", "md5")),
        fragment_size=chance.choice((None, None, 10, 20)),
        known_file_infos=immutabledict(files),
        stored_fragments=immutabledict(parts),
        endpoints=frozenset({f"http://{chance.choice(('x', client))}/"}),
    )


def a_view(chance: random.Random) -> View:
    files = {key: FileMetadata(chance.choice((1, 2))) for key in (*HASHES, "d") if chance.random() < 0.5}
    parts = {key: FragmentMetadata(chance.choice((1, 2))) for key in (*HASHES, "d") if chance.random() < 0.5}
    return View("sha-256", 10, immutabledict(files), immutabledict(parts))


def a_run(chance: random.Random, length: int) -> Iterator[Observed]:
    """A tracker that answers as the rules say, and forgets some admissions; nobody sees what it has in store."""
    view, at = a_view(chance), 0.0
    yield Connected(at, "tracker")
    yield Sent(at, "tracker", TrackerHello())
    for _ in range(length):
        at += 1
        pending = sorted(view.admissions)
        if pending and chance.random() < 0.5:
            client = chance.choice(pending)
            yield Delivered(at, "tracker", ClientJoinSucceeded(client=client))
            view, applied = rules.register(view, client)
            yield Sent(at, "tracker", applied.registered)
            continue
        request = a_request(chance, chance.choice(("t1", "t2", "t3")))
        yield Delivered(at, "tracker", request)
        view, answer = rules.admit(view, request)
        if isinstance(answer, JoinPossible):
            yield Sent(at, "tracker", answer.acceptance)
        else:
            denied = ClientJoinDenied(client=request.client, reason_code=answer.reason_code, reason=answer.reason)
            yield Sent(at, "tracker", denied)


def wrong(seen: Iterator[Observed] | list[Observed]) -> Forbidden | None:
    watching = monitor()
    return next((found for one in seen if (found := watching.see(one)) is not None), None)


@pytest.mark.parametrize("seed", by_day(range(300), range(50, 300)))
def test_answers_by_the_rules_are_allowed_whatever_is_in_store(seed: int) -> None:
    found = wrong(a_run(random.Random(seed), 14))
    assert found is None, found


def changed(event: BusEvent) -> BusEvent | None:
    """The same answer with a payload that no rule gives once one acceptance was seen."""
    if isinstance(event, ClientJoinAccepted):
        return replace(event, add_file_infos=immutabledict({**event.add_file_infos, "never heard of": FileMetadata(7)}))
    if isinstance(event, ClientRegistered):
        return replace(event, added_files=immutabledict({**event.added_files, "never heard of": FileMetadata(7)}))
    return None


@pytest.mark.parametrize("seed", by_day(range(100), range(20, 100)))
def test_answers_that_no_store_explains_are_forbidden(seed: int) -> None:
    run = list(a_run(random.Random(seed), 14))
    accepted = [n for n, one in enumerate(run) if isinstance(getattr(one, "event", None), ClientJoinAccepted)]
    later = [n for n, one in enumerate(run) if isinstance(one, Sent) and accepted and n > accepted[0]]
    for place in later:
        one = run[place]
        assert isinstance(one, Sent)
        other = changed(one.event)
        if other is None:
            continue
        found = wrong([*run[:place], replace(one, event=other)])
        assert found is not None
        assert found.event == other


class Story:
    """A tracker that has said hello, told step by step."""

    def __init__(self) -> None:
        self.monitor = monitor()
        self.at = 0.0
        self.monitor.see(Connected(0.0, "tracker"))
        self.says(TrackerHello())

    def hears(self, event: BusEvent) -> None:
        self.at += 1
        assert self.monitor.see(Delivered(self.at, "tracker", event)) is None

    def says(self, event: BusEvent) -> Forbidden | None:
        self.at += 1
        return self.monitor.see(Sent(self.at, "tracker", event))


REQUEST = ClientJoinRequested(client="t1", hash_algorithm="sha-256", endpoints=frozenset({"http://t1/"}))
FILE = FileMetadata(3, ("f",))


def test_who_is_registered_is_told_to_the_next() -> None:
    story = Story()
    story.hears(REQUEST)
    assert story.says(ClientJoinAccepted(client="t1", fragment_size=10)) is None
    story.hears(ClientJoinSucceeded(client="t1"))
    info = ClientMetadata(frozenset({"http://t1/"}))
    assert story.says(ClientRegistered(client="t1", info=info)) is None
    story.hears(replace(REQUEST, client="t2", endpoints=frozenset()))
    found = story.says(ClientJoinAccepted(client="t2", fragment_size=10))
    assert found is not None
    right = ClientJoinAccepted(client="t2", fragment_size=10, clients=immutabledict({"t1": info}))
    assert right in found.expected


def test_a_service_keeps_its_fragment_size() -> None:
    story = Story()
    story.hears(REQUEST)
    assert story.says(ClientJoinAccepted(client="t1", fragment_size=10)) is None
    story.hears(replace(REQUEST, client="t2", endpoints=frozenset()))
    assert story.says(ClientJoinAccepted(client="t2", fragment_size=11)) is not None


def test_an_endpoint_is_taken_unless_its_admission_has_timed_out() -> None:
    story = Story()
    story.hears(REQUEST)
    assert story.says(ClientJoinAccepted(client="t1", fragment_size=10)) is None
    story.hears(replace(REQUEST, client="t2"))
    assert story.says(ClientJoinAccepted(client="t2", fragment_size=10)) is None
    story.hears(replace(REQUEST, client="t3"))
    denial = ClientJoinDenied(client="t3", reason_code=ReasonCode.ENDPOINT_CONFLICT, reason="as it likes")
    assert story.says(denial) is None
    story.hears(ClientJoinSucceeded(client="t1"))
    assert story.says(ClientRegistered(client="t1", info=ClientMetadata(frozenset({"http://t1/"})))) is not None


def test_a_denial_without_a_conflict_is_forbidden() -> None:
    story = Story()
    story.hears(REQUEST)
    assert story.says(ClientJoinDenied(client="t1", reason_code=ReasonCode.ENDPOINT_CONFLICT)) is not None


def test_a_denial_that_may_be_right_is_believed_and_remembered() -> None:
    story = Story()
    story.hears(replace(REQUEST, fragment_size=20))
    assert story.says(ClientJoinDenied(client="t1", reason_code=ReasonCode.WRONG_FRAGMENT_SIZE)) is None
    story.hears(replace(REQUEST, fragment_size=20))
    assert story.says(ClientJoinAccepted(client="t1", fragment_size=20)) is not None


def test_a_file_that_was_told_belongs_to_the_next_acceptance() -> None:
    story = Story()
    story.hears(REQUEST)
    assert story.says(ClientJoinAccepted(client="t1", fragment_size=10)) is None
    assert story.says(FileInfoPublished(hash="file", size=3, fragment_sequence=("f",))) is None
    story.hears(replace(REQUEST, client="t2", endpoints=frozenset()))
    right = ClientJoinAccepted(client="t2", fragment_size=10, add_file_infos=immutabledict({"file": FILE}))
    assert story.says(replace(right, add_file_infos=immutabledict())) is not None


def test_a_tracker_leaves_names_out_or_gives_them_always() -> None:
    named = replace(REQUEST, request_id="r-1")
    story = Story()
    story.hears(named)
    assert story.says(ClientJoinAccepted(client="t1", fragment_size=10)) is None
    story.hears(ClientJoinSucceeded(client="t1", request_id="r-1"))
    info = ClientMetadata(frozenset({"http://t1/"}), request_id="r-1")
    assert story.says(ClientRegistered(client="t1", info=info, request_id="r-1")) is not None
