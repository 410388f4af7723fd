"""Hypothesis strategies for the data of the protocol: events, Distribution Views, requests, and what is in conflict.

For tests of trackers and torrent servers, ours or others'. They need Hypothesis (`pip install 'clientjoin[test]'`),
which nothing else in this package does; so this module is imported by name only:

    from hypothesis import given
    from machines.strategies import requests, tracker_views

    @given(tracker_views(), requests())
    def test_who_is_denied_is_promised_nothing(view, request): ...

Names are few, so that clients meet in the same hashes and endpoints; texts are short, and of every awkward sort.
`tracker_views`, `torrent_views` and `requests` make valid data that may conflict or not; `conflicting` makes a request
that a given view has to deny, or to correct, for a reason of its choice.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple, get_args

from immutabledict import immutabledict

from machines.endpoints import DEFAULT_PORTS, normal_form
from machines.events import (
    BUS_EVENTS,
    AttemptEvent,
    BusEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    Clients,
    FileInfoPublished,
    FileMetadata,
    Files,
    FragmentMetadata,
    Fragments,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.rules import View, admit, describe, register

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "machines.strategies needs Hypothesis: pip install 'clientjoin[test]'", name=missing.name
    ) from None

LETTERS = 'aZ0-. /:"\\\x00\n\x1b\u2028äß\uffff\U0001f600'
"""Few, since a table of all that Unicode has is slow to make, but each of another sort."""
LARGEST = 2**63 - 1
SERVICE = 1024
"""Bytes of a fragment, in the services that are made here."""

NAMES = st.text(LETTERS, min_size=1, max_size=8)
CLIENT_IDS = st.sampled_from(["Anna", "bert", "c-3"]) | NAMES
HASHES = st.text("0123456789abcdef", min_size=1, max_size=4) | NAMES
SIZES = st.integers(0, LARGEST)
URIS = st.builds("http://{}:{}/".format, st.sampled_from(["a", "b.example"]), st.integers(1, 65535)) | NAMES

hash_sets = st.frozensets(HASHES, max_size=3)
endpoints = st.frozensets(URIS, max_size=3)
file_metadata = st.builds(FileMetadata, SIZES, st.lists(HASHES, max_size=3).map(tuple))
request_ids = st.just("") | NAMES
sessions = st.just("") | NAMES
client_metadata = st.builds(ClientMetadata, endpoints, hash_sets, request_ids)
files: SearchStrategy[Files] = st.dictionaries(HASHES, file_metadata, max_size=3).map(immutabledict)
fragments: SearchStrategy[Fragments] = st.dictionaries(HASHES, st.builds(FragmentMetadata, SIZES), max_size=3).map(
    immutabledict
)


# Events.


def clients(client_ids: SearchStrategy[str] = CLIENT_IDS) -> SearchStrategy[Clients]:
    """Registered clients by their identifier."""
    return st.dictionaries(client_ids, client_metadata, max_size=3).map(immutabledict)


def fields_of(event: type[BusEvent], client_ids: SearchStrategy[str]) -> dict[str, SearchStrategy[object]]:
    """What an event carries besides `event_id` and `client`."""
    carried: dict[type[BusEvent], dict[str, SearchStrategy[object]]] = {
        ClientJoinRequested: {
            "hash_algorithm": NAMES,
            "fragment_size": st.none() | st.integers(1, LARGEST),
            "known_file_infos": files,
            "stored_fragments": fragments,
            "endpoints": endpoints,
        },
        ClientJoinAccepted: {
            "fragment_size": st.integers(1, LARGEST),
            "add_file_infos": files,
            "add_fragment_infos": fragments,
            "remove_file_infos": hash_sets,
            "remove_fragment_infos": hash_sets,
            "clients": clients(client_ids),
            "session": sessions,
        },
        ClientJoinDenied: {
            "reason_code": st.sampled_from(ReasonCode),
            "reason": st.none() | st.text(LETTERS, max_size=20),
        },
        ClientRegistered: {
            "info": client_metadata,
            "added_files": files,
            "added_fragments": fragments,
            "session": sessions,
        },
        TrackerHello: {"session": sessions},
        TrackerGoodbye: {"session": sessions},
        ClientGoodbye: {"session": sessions},
        FileInfoPublished: {
            "hash": HASHES,
            "size": SIZES,
            "fragment_sequence": st.lists(HASHES, max_size=3).map(tuple),
        },
    }
    return carried.get(event, {})


def events_of(event: type[BusEvent], client_ids: SearchStrategy[str] = CLIENT_IDS) -> SearchStrategy[BusEvent]:
    """Events of one class, stamped with an `event_id`."""
    fields = {"event_id": st.uuids().map(str), **fields_of(event, client_ids)}
    if issubclass(event, ClientEvent):
        fields["client"] = client_ids
    if issubclass(event, AttemptEvent):
        fields["request_id"] = request_ids
    return st.builds(event, **fields)


def bus_events(client_ids: SearchStrategy[str] = CLIENT_IDS) -> SearchStrategy[BusEvent]:
    """Events of every class, stamped with an `event_id`."""
    return st.one_of([events_of(event, client_ids) for event in BUS_EVENTS])


# Endpoints.

HOSTS = ("a.example", "b.example", "[::1]", "192.0.2.1")
PATHS = ("/", "/fragments", "/a/b", "/%7Edata", "/x?y=1", "/x#z")


@st.composite
def uris(draw: st.DrawFn, hosts: Sequence[str] = HOSTS) -> str:
    """A URI with an authority, such as a torrent server serves fragments at."""
    scheme = draw(st.sampled_from(sorted(DEFAULT_PORTS)))
    port = draw(st.sampled_from(["", "", f":{DEFAULT_PORTS[scheme]}", ":8080"]))
    return f"{scheme}://{draw(st.sampled_from(hosts))}{port}{draw(st.sampled_from(PATHS))}"


@st.composite
def equivalent_uris(draw: st.DrawFn, uri: str) -> str:
    """Another spelling of the same endpoint: case, default port, escapes, dots (RFC 3986, 6.2.2 and 6.2.3).

    What is no URI with an authority has no other spelling, and is returned as it is.
    """
    parts = _PLAIN.fullmatch(uri)
    if parts is None:
        return uri
    scheme, host, port, path, rest = parts[1], parts[2], parts[3] or "", parts[4], parts[5]
    default = f":{DEFAULT_PORTS.get(scheme.lower(), '')}"
    if port in {"", ":", default} and default != ":":
        port = draw(st.sampled_from(["", ":", default]))
    if path in {"", "/"}:
        path = draw(st.sampled_from(["", "/"]))
    if path:
        path = draw(st.sampled_from([path, f"/.{path}", f"/gone/..{path}"]))
    if draw(st.booleans()):
        path = _LETTER.sub(lambda letter: f"%{ord(letter[0]):02x}", path, count=1)
    spelled = [draw(st.sampled_from([scheme, scheme.upper()])), draw(st.sampled_from([host, host.upper()]))]
    return f"{spelled[0]}://{spelled[1]}{port}{path}{rest}"


_PLAIN = re.compile(r"([A-Za-z]+)://([^/?#:@%\[\]]+|\[[0-9a-fA-F:]+\])(:[0-9]*)?((?:/[^?#%]*)?)([^%]*)")
_LETTER = re.compile("(?<=/)[a-z](?=[a-z/]|$)")


# Views.

METADATA = ("f", "g", "h", "ä")
"""Hashes that several servers know."""
known_files: SearchStrategy[Files] = st.dictionaries(
    st.sampled_from(METADATA),
    st.builds(
        FileMetadata, st.sampled_from([0, 1, LARGEST]), st.lists(st.sampled_from(METADATA), max_size=3).map(tuple)
    ),
    max_size=3,
).map(immutabledict)
known_fragments: SearchStrategy[Fragments] = st.dictionaries(
    st.sampled_from(METADATA), st.builds(FragmentMetadata, st.sampled_from([0, 1, SERVICE, LARGEST])), max_size=3
).map(immutabledict)


@st.composite
def torrent_views(
    draw: st.DrawFn,
    *,
    fits: bool = False,
    at: SearchStrategy[frozenset[str]] | None = None,
    storage: Sequence[Literal["sound", "broken", "either"]] = ("sound",),
) -> View:
    """What a torrent server knows, stores and serves. `fits`: it works with the service's fragment size and algorithm;
    `at` gives its endpoints.
    """
    known = draw(known_fragments)
    stored = draw(st.frozensets(st.sampled_from(sorted(known)))) if known else frozenset()
    served = st.frozensets(uris(), max_size=2) if at is None else at
    return View(
        hash_algorithm=draw(st.sampled_from(["sha-256", "SHA-256"] + ([] if fits else ["md5"]))),
        fragment_size=draw(st.sampled_from([None, SERVICE] + ([] if fits else [1]))),
        files=draw(known_files),
        fragments=known,
        own=ClientMetadata(draw(served), stored),
        storage=draw(st.sampled_from(storage)),
    )


@st.composite
def requests(
    draw: st.DrawFn,
    client_ids: SearchStrategy[str] = CLIENT_IDS,
    views: SearchStrategy[View] | None = None,
    names: SearchStrategy[str] = request_ids,
) -> ClientJoinRequested:
    """What a torrent server with such a view asks."""
    view = draw(torrent_views() if views is None else views)
    return request_of(draw(client_ids), view, draw(names))


def request_of(client: str, view: View, request_id: str = "") -> ClientJoinRequested:
    """The request to join that a torrent server with this view makes."""
    told = describe(view)
    return ClientJoinRequested(
        client=client,
        request_id=request_id,
        hash_algorithm=told.hash_algorithm,
        fragment_size=told.fragment_size,
        known_file_infos=told.known_file_infos,
        stored_fragments=told.stored_fragments,
        endpoints=told.endpoints,
    )


@st.composite
def tracker_views(draw: st.DrawFn, client_ids: SearchStrategy[str] = CLIENT_IDS) -> View:
    """What a tracker knows that has served for a while: some clients are registered, some are promised a place."""
    view = View(fragment_size=SERVICE, files=draw(known_files), fragments=draw(known_fragments))
    for request in draw(st.lists(requests(client_ids, torrent_views(fits=True)), max_size=3)):
        view, _ = admit(view, request)
        if request.client in view.admissions and draw(st.booleans()):
            view, _ = register(view, request.client)
    return view


# Conflicts.

Conflict = Literal["fragment size", "hash algorithm", "endpoint", "file", "fragment"]
CONFLICTS: tuple[Conflict, ...] = get_args(Conflict)
DENIALS: Mapping[Conflict, ReasonCode] = immutabledict(
    {
        "fragment size": ReasonCode.WRONG_FRAGMENT_SIZE,
        "hash algorithm": ReasonCode.WRONG_HASH_ALGORITHM,
        "endpoint": ReasonCode.ENDPOINT_CONFLICT,
    }
)
"""Why a tracker denies a request with a conflict; with the others it tells what has to be replaced."""


class Conflicting(NamedTuple):
    """A request, and what it is in conflict with; for metadata, the hash that it knows otherwise."""

    request: ClientJoinRequested
    conflict: Conflict
    hash: str = ""


@st.composite
def conflicting(draw: st.DrawFn, view: View, client: str = "newcomer") -> Conflicting:
    """A request of a client that the view does not hold yet, in conflict with it in one way that the view makes
    possible.
    """
    taken = sorted(uri for info in view.clients.values() for uri in info.endpoints)
    taken += sorted(uri for one in view.admissions.values() for uri in one.info.endpoints)
    possible: dict[Conflict, bool] = {
        "fragment size": True,
        "hash algorithm": True,
        "endpoint": bool(taken),
        "file": bool(view.files),
        "fragment": bool(view.fragments),
    }
    conflict = draw(st.sampled_from([each for each in CONFLICTS if possible[each]]))
    free = frozenset({"http://newcomer.example/"})
    request = request_of(client, draw(torrent_views(fits=True, at=st.just(free))))
    if conflict == "fragment size":
        other = st.integers(1, LARGEST).filter(lambda size: size != view.fragment_size)
        return Conflicting(replace(request, fragment_size=draw(other)), conflict)
    if conflict == "hash algorithm":
        return Conflicting(replace(request, hash_algorithm=draw(st.sampled_from(["md5", "sha-512", "ä"]))), conflict)
    if conflict == "endpoint":
        uri = draw(equivalent_uris(draw(st.sampled_from(taken))))
        return Conflicting(replace(request, endpoints=free | {uri}), conflict)
    if conflict == "file":
        key = draw(st.sampled_from(sorted(view.files)))
        held = view.files[key]
        otherwise = st.sampled_from(
            [
                FileMetadata(held.size ^ 1, held.fragment_sequence),
                FileMetadata(held.size, (*held.fragment_sequence, "f")),
            ]
        )
        known = immutabledict({**request.known_file_infos, key: draw(otherwise)})
        return Conflicting(replace(request, known_file_infos=known), conflict, key)
    key = draw(st.sampled_from(sorted(view.fragments)))
    stored = immutabledict({**request.stored_fragments, key: FragmentMetadata(view.fragments[key].size ^ 1)})
    return Conflicting(replace(request, stored_fragments=stored), conflict, key)


@st.composite
def casts(draw: st.DrawFn, names: Sequence[str], *, conflicts: bool = True) -> Mapping[str, View]:
    """What each torrent server of a service begins with. `conflicts`: some may offer an endpoint of another one, in
    another spelling, know other metadata, or not fit at all.
    """
    found: dict[str, View] = {}
    for name in names:
        own = f"http://{name}/"
        served = {own}
        if conflicts and found and draw(st.booleans()):
            served.add(draw(equivalent_uris(f"http://{draw(st.sampled_from(sorted(found)))}/")))
        view = draw(torrent_views(fits=not conflicts, at=st.just(frozenset(served))))
        if not conflicts:
            view = _apart(view, name)
        found[name] = view
    assert len({normal_form(f"http://{name}/") for name in names}) == len(names), "names differ in their case only"
    return found


def _apart(view: View, name: str) -> View:
    """The same, under hashes that nobody else knows."""
    return replace(
        view,
        files=immutabledict((f"{name} {key}", value) for key, value in view.files.items()),
        fragments=immutabledict((f"{name} {key}", value) for key, value in view.fragments.items()),
        own=replace(view.own, stored_fragments=frozenset(f"{name} {key}" for key in view.own.stored_fragments)),
    )
