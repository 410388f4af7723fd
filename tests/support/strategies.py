"""Hypothesis strategies for what crosses the broker."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from immutabledict import immutabledict

from machines.events import (
    BUS_EVENTS,
    AttemptEvent,
    BusEvent,
    ClientEvent,
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
)

LETTERS = 'aZ0-. /:"\\\x00\n\x1b\u2028äß\uffff\U0001f600'
"""Few, since a table of all that Unicode has is slow to make, but each of another sort."""
NAMES = st.text(LETTERS, min_size=1, max_size=8)
CLIENT_IDS = st.sampled_from(["Anna", "bert", "c-3"]) | NAMES
HASHES = st.text("0123456789abcdef", min_size=1, max_size=4) | NAMES
SIZES = st.integers(0, 2**63 - 1)
URIS = st.builds("http://{}:{}/".format, st.sampled_from(["a", "b.example"]), st.integers(1, 65535)) | NAMES

hash_sets = st.frozensets(HASHES, max_size=3)
endpoints = st.frozensets(URIS, max_size=3)
file_metadata = st.builds(FileMetadata, SIZES, st.lists(HASHES, max_size=3).map(tuple))
request_ids = st.just("") | NAMES
client_metadata = st.builds(ClientMetadata, endpoints, hash_sets, request_ids)
files: SearchStrategy[Files] = st.dictionaries(HASHES, file_metadata, max_size=3).map(immutabledict)
fragments: SearchStrategy[Fragments] = st.dictionaries(HASHES, st.builds(FragmentMetadata, SIZES), max_size=3).map(
    immutabledict
)


def clients(client_ids: SearchStrategy[str] = CLIENT_IDS) -> SearchStrategy[Clients]:
    """Registered clients by their identifier."""
    return st.dictionaries(client_ids, client_metadata, max_size=3).map(immutabledict)


def fields_of(event: type[BusEvent], client_ids: SearchStrategy[str]) -> dict[str, SearchStrategy[object]]:
    """What an event carries besides `event_id` and `client`."""
    carried: dict[type[BusEvent], dict[str, SearchStrategy[object]]] = {
        ClientJoinRequested: {
            "hash_algorithm": NAMES,
            "fragment_size": st.none() | st.integers(1, 2**63 - 1),
            "known_file_infos": files,
            "stored_fragments": fragments,
            "endpoints": endpoints,
        },
        ClientJoinAccepted: {
            "fragment_size": st.integers(1, 2**63 - 1),
            "add_file_infos": files,
            "add_fragment_infos": fragments,
            "remove_file_infos": hash_sets,
            "remove_fragment_infos": hash_sets,
            "clients": clients(client_ids),
        },
        ClientJoinDenied: {
            "reason_code": st.sampled_from(ReasonCode),
            "reason": st.none() | st.text(LETTERS, max_size=20),
        },
        ClientRegistered: {"info": client_metadata, "added_files": files, "added_fragments": fragments},
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
