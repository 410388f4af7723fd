"""Events on the wire, one of each kind, and the same with something changed."""

import json
from typing import Any

from immutabledict import immutabledict

from machines.events import (
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    FileMetadata,
    FragmentMetadata,
    ReasonCode,
)
from runtime.wire.events import encode

ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"

GOODBYE = ClientGoodbye(event_id=ID, client="a")

REQUESTED = ClientJoinRequested(
    event_id=ID,
    client="a",
    hash_algorithm="sha-256",
    fragment_size=1024,
    known_file_infos=immutabledict({"f2": FileMetadata(7, ("ab", "cd", "ab")), "f1": FileMetadata(0)}),
    stored_fragments=immutabledict({"ab": FragmentMetadata(5)}),
    endpoints=frozenset({"http://b/", "http://a/"}),
)

ACCEPTED = ClientJoinAccepted(
    event_id=ID,
    client="a",
    fragment_size=1024,
    add_file_infos=immutabledict({"f": FileMetadata(7, ("ab",))}),
    add_fragment_infos=immutabledict({"ab": FragmentMetadata(5)}),
    remove_file_infos=frozenset({"g", "f"}),
    remove_fragment_infos=frozenset({"cd"}),
    clients=immutabledict({"Bö": ClientMetadata(frozenset({"http://b/"}), frozenset({"ab"}))}),
)

DENIED = ClientJoinDenied(event_id=ID, client="a", reason_code=ReasonCode.OTHER)


def changed(event: BusEvent, path: list[str | int], value: Any) -> bytes:
    """A valid payload with one value replaced, or the property left out where `value` is `...`."""
    root = json.loads(encode(event))
    place = root
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(root).encode()


def beside(text: str) -> bytes:
    """A valid goodbye, but for this property that nobody reads."""
    return f'{{"EventId":"{ID}","ClientIdentifier":"a",{text}}}'.encode()
