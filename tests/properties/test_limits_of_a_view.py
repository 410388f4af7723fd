"""Limits of a tracker: whatever it admits stays within them, and it denies nobody for a limit that is not reached."""

from dataclasses import replace
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines.calls import JoinConflicts, JoinPossible
from machines.events import ClientJoinAccepted, ClientJoinRequested, ReasonCode
from machines.limits import Limits
from machines.rules import View, admit
from machines.strategies import requests, tracker_views
from runtime.wire.events import encode

IDS = st.sampled_from(["Anna", "bert", "c-3"])
EVENT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
LOOSE = 8
"""So many times as large is an event, at most, as its bound is when the tracker reckons with the worst."""
ROOM = 2048
few = st.one_of(st.none(), st.integers(0, 5))
limits = st.builds(Limits, clients=few, files=few, fragments=few, endpoints=few)


def counts(view: View, request: ClientJoinRequested) -> Limits:
    """How much the service has, told and promised; `endpoints` are those of the one that asks."""
    return Limits(
        clients=len({*view.clients, *view.admissions}),
        files=len({*view.files, *chain.from_iterable(one.files for one in view.admissions.values())}),
        fragments=len({*view.fragments, *chain.from_iterable(one.fragments for one in view.admissions.values())}),
        endpoints=len(request.endpoints),
    )


def exceeded(view: View, request: ClientJoinRequested, most: Limits) -> list[str]:
    """The limits that are exceeded, by what is counted."""
    has = counts(view, request)
    names = ("clients", "files", "fragments", "endpoints")
    return [name for name in names if getattr(most, name) is not None and getattr(has, name) > getattr(most, name)]


@given(tracker_views(IDS), requests(IDS), limits)
def test_who_is_denied_for_a_limit_would_exceed_it(view: View, request: ClientJoinRequested, most: Limits) -> None:
    unlimited, answer = admit(view, request)
    limited, denied = admit(replace(view, limits=most), request)
    if isinstance(answer, JoinConflicts):
        assert denied == answer
        return
    over = exceeded(unlimited, request, most)
    assert isinstance(denied, JoinConflicts) == bool(over)
    if isinstance(denied, JoinConflicts):
        assert (denied.client, denied.request_id) == (request.client, request.request_id)
        assert denied.reason_code is ReasonCode.OTHER
        assert f"at most {getattr(most, over[0])} {over[0]}" in denied.reason
        assert request.client not in {*limited.admissions, *limited.clients}
    else:
        assert (limited.admissions, denied) == (unlimited.admissions, answer)


def tells_everything(view: View) -> bytes:
    """The largest event: an acceptance for a client that knows nothing, once everybody is registered."""
    promised = view.admissions.values()
    files = dict(chain.from_iterable(one.files.items() for one in promised)) | dict(view.files)
    fragments = dict(chain.from_iterable(one.fragments.items() for one in promised)) | dict(view.fragments)
    infos = {name: one.info for name, one in view.admissions.items()} | dict(view.clients)
    event = ClientJoinAccepted(
        client="newcomer",
        event_id=EVENT,
        fragment_size=view.fragment_size or 0,
        add_file_infos=immutabledict(files),
        add_fragment_infos=immutabledict(fragments),
        clients=immutabledict(infos),
    )
    return encode(event)


@given(tracker_views(IDS), requests(IDS), st.integers(500, 5000))
def test_who_is_admitted_can_be_told_to_everybody(view: View, request: ClientJoinRequested, most: int) -> None:
    unlimited, answer = admit(view, request)
    if isinstance(answer, JoinConflicts):
        return
    size = len(tells_everything(unlimited))
    _, judged = admit(replace(view, limits=Limits(event_bytes=most)), request)
    if isinstance(judged, JoinPossible):
        assert size <= most
    else:
        assert size * LOOSE + ROOM > most
        assert f"at most {most} bytes" in judged.reason
    _, judged = admit(replace(view, limits=Limits(event_bytes=size * LOOSE + ROOM)), request)
    assert isinstance(judged, JoinPossible)
    _, judged = admit(replace(view, limits=Limits(event_bytes=size - 1)), request)
    assert isinstance(judged, JoinConflicts)
