"""The algebra of the Distribution View's rules, on any data: what is done twice, in another order, or undone."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from machines.calls import JoinConflicts, JoinPossible, ViewChanged, ViewChangeFailed
from machines.endpoints import normal_form
from machines.events import BusEvent, ClientJoinAccepted, ClientJoinDenied, ClientJoinRequested, FileInfoPublished
from machines.rules import (
    View,
    add_client,
    add_file,
    admit,
    change,
    describe,
    forget_admission,
    forget_clients,
    forget_goodbyes,
    register,
    remove_client,
)
from machines.strategies import (
    CLIENT_IDS,
    DENIALS,
    casts,
    conflicting,
    equivalent_uris,
    events_of,
    request_of,
    requests,
    torrent_views,
    tracker_views,
    uris,
)
from runtime.wire.events import decode, encode

EVENT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
IDS = st.sampled_from(["Anna", "bert", "c-3"])
FITTING = torrent_views(fits=True)


def joined(view: View, request: ClientJoinRequested) -> View:
    """The tracker's view once the client is registered; the same view without the client if it is denied."""
    view, answer = admit(view, request)
    return register(view, request.client)[0] if isinstance(answer, JoinPossible) else view


@given(tracker_views(IDS), requests(IDS))
def test_asking_twice_is_asking_once(view: View, request: ClientJoinRequested) -> None:
    once = admit(view, request)
    assert admit(once[0], request) == once


@given(tracker_views(IDS), requests(IDS))
def test_joining_twice_is_joining_once(view: View, request: ClientJoinRequested) -> None:
    once = joined(view, request)
    again = joined(once, request)
    assert (again.clients, again.files, again.fragments) == (once.clients, once.files, once.fragments)


@given(tracker_views(), FITTING)
def test_whoever_did_what_it_was_asked_is_asked_for_no_more(view: View, torrent: View) -> None:
    """Neither to remove anything, nor to add what it has added."""
    asked, answer = admit(view, request_of("newcomer", torrent))
    if isinstance(answer, JoinConflicts):
        return
    changed, outcome = change(torrent, answer.acceptance)
    assert isinstance(outcome, ViewChanged)
    _, again = admit(asked, request_of("newcomer", changed))
    assert isinstance(again, JoinPossible)
    assert not again.acceptance.remove_file_infos
    assert not again.acceptance.remove_fragment_infos
    assert not again.acceptance.add_file_infos


@given(tracker_views(st.sampled_from(["c-3", "d"])), requests(st.just("Anna")), requests(st.just("bert")))
def test_two_in_either_order_come_to_the_same_or_one_is_denied(
    view: View, first: ClientJoinRequested, second: ClientJoinRequested
) -> None:
    one, other = joined(joined(view, first), second), joined(joined(view, second), first)
    shared = {*map(normal_form, first.endpoints)} & {*map(normal_form, second.endpoints)}
    alone = {request.client for request in (first, second) if request.client in joined(view, request).clients}
    if shared and len(alone) == 2:
        assert {"Anna", "bert"} & one.clients.keys() == {"Anna"}
        assert {"Anna", "bert"} & other.clients.keys() == {"bert"}
    else:
        assert one.clients.keys() == other.clients.keys() == view.clients.keys() | alone
        assert one.files.keys() == other.files.keys()
        assert one.fragments.keys() == other.fragments.keys()
        for held, told in (("files", "known_file_infos"), ("fragments", "stored_fragments")):
            both = getattr(first, told).keys() & getattr(second, told).keys()
            for key in getattr(one, held).keys() - both:
                assert getattr(one, held)[key] == getattr(other, held)[key]


@given(tracker_views(), torrent_views())
def test_who_joins_and_leaves_leaves_only_what_it_added(view: View, torrent: View) -> None:
    request = request_of("newcomer", torrent)
    after = remove_client(joined(view, request), "newcomer")
    assert (after.clients, after.admissions, after.gone) == (view.clients, view.admissions, view.gone)
    assert dict(view.files).items() <= dict(after.files).items()
    assert dict(view.fragments).items() <= dict(after.fragments).items()
    assert after.files.keys() - view.files.keys() <= request.known_file_infos.keys()
    assert after.fragments.keys() - view.fragments.keys() <= request.stored_fragments.keys()


@given(tracker_views(), torrent_views())
def test_an_admission_that_comes_to_nothing_leaves_nothing(view: View, torrent: View) -> None:
    assert forget_admission(admit(view, request_of("newcomer", torrent))[0], "newcomer") == view


@given(tracker_views(), st.data())
def test_each_conflict_is_denied_for_its_reason_or_corrected(view: View, data: st.DataObject) -> None:
    made = data.draw(conflicting(view))
    after, answer = admit(view, made.request)
    if made.conflict in DENIALS:
        assert isinstance(answer, JoinConflicts)
        assert answer.reason_code == DENIALS[made.conflict]
        assert after == view
        return
    assert isinstance(answer, JoinPossible)
    accepted = answer.acceptance
    if made.conflict == "file":
        assert made.hash in accepted.remove_file_infos
        assert accepted.add_file_infos[made.hash] == view.files[made.hash]
    else:
        assert made.hash in accepted.remove_fragment_infos
        assert accepted.add_fragment_infos[made.hash] == view.fragments[made.hash]


@given(torrent_views(storage=("broken",)), requests(IDS), tracker_views(IDS))
def test_a_change_that_fails_changes_nothing(torrent: View, request: ClientJoinRequested, view: View) -> None:
    _, answer = admit(view, replace(request, fragment_size=None, hash_algorithm="sha-256", endpoints=frozenset()))
    assert isinstance(answer, JoinPossible)
    after, outcome = change(torrent, answer.acceptance)
    assert isinstance(outcome, ViewChangeFailed)
    assert after == torrent


@given(uris(), st.data())
def test_an_endpoint_in_another_spelling_is_the_same_endpoint(uri: str, data: st.DataObject) -> None:
    other = data.draw(equivalent_uris(uri))
    assert normal_form(other) == normal_form(uri)
    assert normal_form(normal_form(uri)) == normal_form(uri)


@given(tracker_views(IDS), requests(IDS), torrent_views(), events_of(FileInfoPublished))
def test_no_rule_changes_what_it_is_given(
    view: View, request: ClientJoinRequested, torrent: View, published: FileInfoPublished
) -> None:
    fitting = replace(request, fragment_size=None, hash_algorithm="sha-256", endpoints=frozenset())
    admitted, answer = admit(view, fitting)
    assert isinstance(answer, JoinPossible)
    registered = register(admitted, fitting.client)[1].registered
    rules: tuple[Callable[[View], object], ...] = (
        lambda one: admit(one, request) if one.fragment_size else None,
        lambda one: register(one, next(iter(one.admissions))) if one.admissions else None,
        lambda one: remove_client(one, request.client, "r"),
        lambda one: change(one, answer.acceptance),
        lambda one: add_client(one, registered),
        lambda one: add_file(one, published),
        forget_clients,
        forget_goodbyes,
        describe,
    )
    for given_view in (view, admitted, torrent):
        before = repr(given_view)
        for rule in rules:
            assert rule(given_view) == rule(given_view)
            assert repr(given_view) == before


@given(tracker_views(CLIENT_IDS), requests(CLIENT_IDS))
def test_whatever_the_rules_say_comes_over_the_wire_as_it_was_said(view: View, request: ClientJoinRequested) -> None:
    view, answer = admit(view, request)
    told: list[BusEvent] = [request]
    if isinstance(answer, JoinPossible):
        told += [answer.acceptance, register(view, request.client)[1].registered]
        assert isinstance(answer.acceptance, ClientJoinAccepted)
    else:
        denied = ClientJoinDenied(
            client=request.client,
            request_id=answer.request_id,
            reason_code=answer.reason_code,
            reason=answer.reason,
        )
        told.append(denied)
    for event in told:
        stamped = replace(event, event_id=EVENT)
        assert decode(stamped.topic, encode(stamped)) == stamped


@given(casts(("anna", "bert", "carl"), conflicts=False))
def test_whoever_has_no_conflict_is_registered_in_any_order(cast: dict[str, View]) -> None:
    view = View(fragment_size=1024)
    for name, torrent in cast.items():
        view = joined(view, request_of(name, torrent))
    assert view.clients.keys() == cast.keys()
    assert view.files.keys() == {key for one in cast.values() for key in one.files}
