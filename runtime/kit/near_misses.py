"""Payloads that are nearly events: what a server has to skip, though it looks like what it waits for."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from machines.events import BusEvent, ClientJoinAccepted, ClientJoinRequested
from runtime.wire.events import encode

WRONG: Mapping[type[BusEvent], Mapping[str, Any]] = {
    ClientJoinRequested: {
        "HashAlgorithm": 7,
        "FragmentSize": "1024",
        "KnownFileInfos": [],
        "StoredFragments": {"a part": 10},
        "Endpoints": "http://one.invalid/",
    },
    ClientJoinAccepted: {
        "FragmentSize": "1024",
        "AddFileInfos": [],
        "AddFragmentInfos": {"a part": 10},
        "RemoveFileInfos": "a file",
        "Clients": None,
    },
}
"""Values of another type than the property has."""
OPTIONAL = frozenset({"ClientIdentifier", "FragmentSize", "RequestId"})
"""Properties without which the kit does not try: who they name, and what need not be there in every event."""


def near_misses(event: BusEvent) -> Iterator[tuple[str, bytes]]:
    """What is wrong with each, as words, and the payload; each has an EventId of its own, if it has one."""
    whole = json.loads(encode(event))
    for name in whole:
        if name not in OPTIONAL:
            yield f"no {name}", _payload({key: value for key, value in whole.items() if key != name})
    for name, value in WRONG[type(event)].items():
        yield f"{name} {json.dumps(value)}", _payload({**whole, name: value})


def given_twice(event: BusEvent) -> Iterator[tuple[str, bytes]]:
    """As `near_misses`, each with one property that stands there twice: as it is, and first with another value."""
    whole = json.loads(encode(event))
    for name in whole:
        fresh = {**whole, "EventId": str(uuid4())}
        body = json.dumps(fresh)[1:]
        yield f"{name} twice", f"{{{_item(name, fresh[name])}, {body}".encode()
    for name, value in WRONG[type(event)].items():
        body = json.dumps({**whole, "EventId": str(uuid4())})[1:]
        yield f"{name} twice, the first {json.dumps(value)}", f"{{{_item(name, value)}, {body}".encode()
    part = '{"Size": 1, "Size": 10}'
    for name in ("StoredFragments", "AddFragmentInfos"):
        if name in whole:
            rest = json.dumps({**{key: value for key, value in whole.items() if key != name}, "EventId": str(uuid4())})
            yield f"a Size twice in {name}", f'{{"{name}": {{"a part": {part}}}, {rest[1:]}'.encode()


def _item(name: str, value: object) -> str:
    return f"{json.dumps(name)}: {json.dumps(value)}"


def _payload(properties: dict[str, Any]) -> bytes:
    stamp = {"EventId": str(uuid4())} if "EventId" in properties else {}
    return json.dumps({**properties, **stamp}).encode()
