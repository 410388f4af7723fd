"""The wire: bus events as UTF-8 JSON, and back.

`PROPERTIES` is the table of the protocol's events, one line a property: the name on the wire, the field of the event,
the type. Everything else here only reads and writes what the table says.

Reading is strict, since anything can arrive on a topic. A payload either is an event or raises `Malformed`, which says
what was expected, what came and where (`$.KnownFileInfos["ab"].Size`); no other exception leaves `decode`. Only
properties that the table does not know are skipped, and even there a key given twice, a number that is not finite or
half of a surrogate pair refuses the whole event: such text is no I-JSON (RFC 7493), and two readers could take it for
two different things. Size and depth are bounded before the JSON parser sees the text.

Writing is the reverse, and its result is read back before it is handed out: what our own readers would refuse is never
sent. The bytes are a function of the event: properties stand in the table's order, sets and mappings are sorted.
"""

import json
import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar
from uuid import UUID

from immutabledict import immutabledict

from machines.events import (
    EVENT_OF_TOPIC,
    BusEvent,
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
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    FragmentDistributionStarted,
    FragmentMetadata,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)

MAX_BYTES = 4 * 1024 * 1024
"""The largest payload that is read or written."""
MAX_DEPTH = 32
"""The deepest nesting that is read; the protocol's own events need 4."""
MAX_INT64 = 2**63 - 1
LOGGED = 10
"""How many refusals of the same sort are logged."""
SHOWN = 40
"""How many characters of a text that came are shown in a message."""

Kind = Literal[
    "unknown-topic",
    "too-large",
    "not-utf8",
    "too-deep",
    "not-json",
    "duplicate-key",
    "missing-property",
    "wrong-type",
    "not-finite",
    "out-of-range",
    "empty",
    "not-a-uuid",
    "unknown-reason-code",
]
"""Why a payload is refused."""

T = TypeVar("T")
log = logging.getLogger("clientjoin.wire")


class Malformed(ValueError):  # noqa: N818 - it is the event that is malformed
    """A payload that is no event of its topic."""

    def __init__(self, topic: str, kind: Kind, path: str, problem: str) -> None:
        super().__init__(f"{_printable(_shortened(topic))}: {path}: {problem} [{kind}]")
        self.topic = topic
        self.kind = kind
        self.path = path


class _Fault(Exception):  # noqa: N818 - likewise
    """What is wrong with a value; it learns where that value stands on its way out."""

    def __init__(self, kind: Kind, expected: str, came: str) -> None:
        super().__init__(kind)
        self.kind: Kind = kind
        self.problem = f"expected {expected}, came {came}"
        self.path = ""


@dataclass(frozen=True, slots=True)
class _Object:
    """A JSON object as it was written, with the keys that were given twice."""

    pairs: list[tuple[str, object]]


# The types of the table.


@dataclass(frozen=True, slots=True)
class Shape:
    """A type of the table: how a JSON value becomes the value of a field, and back."""

    read: Callable[[object], Any]
    write: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Property:
    """A line of the table: a property on the wire and the field that it fills."""

    name: str
    field: str
    shape: Shape
    required: bool = True


def text(expected: str, *, empty: bool = False) -> Shape:
    """A string, and unless `empty` one with something in it."""

    def read(value: object) -> str:
        given = _whole(_typed(value, str, expected))
        if not given and not empty:
            raise _Fault("empty", expected, '""')
        return given

    return Shape(read, _as_it_is)


def integer(low: int) -> Shape:
    """An int64 from `low` on; neither 1.0 nor true is one."""
    expected = f"an integer from {low} to {MAX_INT64}"

    def read(value: object) -> int:
        given = _typed(value, int, expected)
        if not low <= given <= MAX_INT64:
            raise _Fault("out-of-range", expected, _shown(given))
        return given

    return Shape(read, _as_it_is)


def array(item: Shape, make: Callable[[Iterator[Any]], Any], order: Callable[[Any], Any]) -> Shape:
    """An array; `make` collects the items, `order` arranges them to be written."""

    def read(value: object) -> object:
        items = _typed(value, list, "an array")
        return make(_at(_index, place, item.read, given) for place, given in enumerate(items))

    return Shape(read, lambda values: [item.write(value) for value in order(values)])


def set_of(item: Shape) -> Shape:
    """An array whose order means nothing; an item that stands in it twice is in the set once."""
    return array(item, frozenset, sorted)


def sequence_of(item: Shape) -> Shape:
    """An array whose order counts."""
    return array(item, tuple, tuple)


def map_of(key: Shape, item: Shape) -> Shape:
    """An object whose keys are data."""

    def read(value: object) -> object:
        pairs = _pairs(value, "an object")
        return immutabledict({_at(_key, k, key.read, k): _at(_key, k, item.read, given) for k, given in pairs})

    return Shape(read, lambda values: {k: item.write(values[k]) for k in sorted(values)})


def record(make: type, *properties: Property) -> Shape:
    """An object with these properties; others are skipped."""
    by_name = {known.name: known for known in properties}

    def read(value: object) -> object:
        fields = {}
        for name, given in _pairs(value, f"an object ({make.__name__})"):
            known = by_name.get(name)
            if known is None:
                _at(_key, name, _skip, given)
            else:
                fields[known.field] = _at(_property, name, known.shape.read, given)
        for known in properties:
            if known.required and known.field not in fields:
                _at(_property, known.name, _miss, known.name)
        return make(**fields)

    def write(value: object) -> object:
        given = ((known, getattr(value, known.field)) for known in properties)
        return {known.name: known.shape.write(x) for known, x in given if known.required or x is not None}

    return Shape(read, write)


def _uuid(value: object) -> str:
    expected = "a UUID such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    given = _typed(value, str, expected)
    if _UUID.fullmatch(given) is None:
        raise _Fault("not-a-uuid", expected, _shown(given))
    return str(UUID(given))


def _reason_code(value: object) -> ReasonCode:
    expected = "one of " + ", ".join(f"{code.value} ({code.name})" for code in ReasonCode)
    given = _typed(value, int, expected)
    if given not in set(ReasonCode):
        raise _Fault("unknown-reason-code", expected, _shown(given))
    return ReasonCode(given)


def _as_it_is(value: object) -> object:
    return value


_HEX = "[0-9a-fA-F]"
_HYPHENED = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_UUID = re.compile(rf"{_HYPHENED}|\{{{_HYPHENED}\}}|urn:uuid:{_HYPHENED}")

HASH = text("a hash (not empty)")
CLIENT = text("a client identifier (not empty)")
URI = text("a URI (not empty)")
ALGORITHM = text("the name of a hash algorithm (not empty)")
REASON = text("a text", empty=True)
SIZE = integer(0)
FRAGMENT_SIZE = integer(1)
REASON_CODE = Shape(_reason_code, _as_it_is)

FILE_METADATA = record(
    FileMetadata,
    Property("Size", "size", SIZE),
    Property("FragmentSequence", "fragment_sequence", sequence_of(HASH)),
)
FRAGMENT_METADATA = record(
    FragmentMetadata,
    Property("Size", "size", SIZE),
)
CLIENT_METADATA = record(
    ClientMetadata,
    Property("Endpoints", "endpoints", set_of(URI)),
    Property("StoredFragments", "stored_fragments", set_of(HASH)),
)

FILES = map_of(HASH, FILE_METADATA)
FRAGMENTS = map_of(HASH, FRAGMENT_METADATA)
CLIENTS = map_of(CLIENT, CLIENT_METADATA)

EVENT_ID = Property("EventId", "event_id", Shape(_uuid, _as_it_is))
CLIENT_IDENTIFIER = Property("ClientIdentifier", "client", CLIENT)

PROPERTIES: Mapping[type[BusEvent], tuple[Property, ...]] = immutabledict(
    {
        TrackerHello: (),
        TrackerGoodbye: (),
        ClientJoinRequested: (
            CLIENT_IDENTIFIER,
            Property("HashAlgorithm", "hash_algorithm", ALGORITHM),
            Property("FragmentSize", "fragment_size", FRAGMENT_SIZE, required=False),
            Property("KnownFileInfos", "known_file_infos", FILES),
            Property("StoredFragments", "stored_fragments", FRAGMENTS),
            Property("Endpoints", "endpoints", set_of(URI)),
        ),
        ClientJoinAccepted: (
            CLIENT_IDENTIFIER,
            Property("FragmentSize", "fragment_size", FRAGMENT_SIZE),
            Property("AddFileInfos", "add_file_infos", FILES),
            Property("AddFragmentInfos", "add_fragment_infos", FRAGMENTS),
            Property("RemoveFileInfos", "remove_file_infos", set_of(HASH)),
            Property("RemoveFragmentInfos", "remove_fragment_infos", set_of(HASH)),
            Property("Clients", "clients", CLIENTS),
        ),
        ClientJoinDenied: (
            CLIENT_IDENTIFIER,
            Property("ReasonCode", "reason_code", REASON_CODE),
            Property("Reason", "reason", REASON, required=False),
        ),
        ClientJoinSucceeded: (CLIENT_IDENTIFIER,),
        ClientJoinFailed: (CLIENT_IDENTIFIER,),
        ClientRegistered: (
            CLIENT_IDENTIFIER,
            Property("Info", "info", CLIENT_METADATA),
            Property("AddedFiles", "added_files", FILES),
            Property("AddedFragments", "added_fragments", FRAGMENTS),
        ),
        ClientGoodbye: (CLIENT_IDENTIFIER,),
        FileInfoPublished: (
            Property("Hash", "hash", HASH),
            Property("Size", "size", SIZE),
            Property("FragmentSequence", "fragment_sequence", sequence_of(HASH)),
        ),
        FragmentDistributionStarted: (),
        FragmentDistributionDelivered: (),
        FragmentDistributionEnded: (),
        FragmentDistributionRequested: (CLIENT_IDENTIFIER,),
        FragmentDistributionObtained: (CLIENT_IDENTIFIER,),
        FragmentDistributionFailed: (CLIENT_IDENTIFIER,),
    }
)
"""The properties of each event besides EventId, which every event has."""

_EVENTS = {event: record(event, EVENT_ID, *properties) for event, properties in PROPERTIES.items()}


# Events to bytes and back.


def encode(event: BusEvent) -> bytes:
    """The event as UTF-8 JSON; ValueError if it has no `event_id`, or if `decode` would not give it back."""
    name = type(event).__name__
    shape = _EVENTS.get(type(event))
    if shape is None:
        raise ValueError(f"{name} is no event of the protocol: expected one of machines.events.BUS_EVENTS")
    if not event.event_id:
        raise ValueError(f"{name} has no event_id: expected a UUID, came an empty text; stamp it before it is sent")
    try:
        written = json.dumps(shape.write(event), ensure_ascii=False, separators=(",", ":"))
        payload = written.encode("utf-8")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be written as JSON in UTF-8: {error}") from error
    try:
        back = decode(event.topic, payload)
    except Malformed as refusal:
        raise ValueError(f"{name} would be refused by whoever reads it: {refusal}") from refusal
    if back != replace(event, event_id=back.event_id):
        raise ValueError(f"{name} has a field of another type than declared: it would be read as {back!r:.200}")
    return payload


def decode(topic: str, payload: bytes) -> BusEvent:
    """The event that was published on this topic; `Malformed`, and nothing else, if the payload is none."""
    try:
        event: BusEvent = _shape_of(topic).read(_parsed(payload))
    except _Fault as fault:
        raise Malformed(topic, fault.kind, "$" + fault.path, fault.problem) from None
    return event


class Refusals:
    """What was refused, counted by topic and kind, and logged until there is enough of the same in the log."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    @property
    def total(self) -> int:
        """How many inputs were refused."""
        return self.counts.total()

    def add(self, refusal: Malformed) -> None:
        """Count a refused input, and log it unless `LOGGED` of the same topic and kind were logged before."""
        sort = (refusal.topic, refusal.kind)
        self.counts[sort] += 1
        if self.counts[sort] < LOGGED:
            log.warning("refused: %s", refusal)
        elif self.counts[sort] == LOGGED:
            log.warning("refused: %s (number %d of this sort, further ones are only counted)", refusal, LOGGED)


def decode_or_refuse(topic: str, payload: bytes, refusals: Refusals) -> BusEvent | None:
    """The event, or None once `refusals` has taken note of a malformed one."""
    try:
        return decode(topic, payload)
    except Malformed as refusal:
        refusals.add(refusal)
        return None


def _shape_of(topic: str) -> Shape:
    if topic not in EVENT_OF_TOPIC:
        raise _Fault("unknown-topic", "a topic of the protocol", _shown(topic))
    return _EVENTS[EVENT_OF_TOPIC[topic]]


# Bytes to a JSON value.


def _parsed(payload: bytes) -> object:
    if len(payload) > MAX_BYTES:
        raise _Fault("too-large", f"at most {MAX_BYTES} bytes", f"{len(payload)} bytes")
    try:
        given = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        came = payload[error.start : error.start + 4].hex(" ")
        raise _Fault("not-utf8", "UTF-8", f"{came} at byte {error.start}") from None
    if given.startswith("\ufeff"):
        raise _Fault("not-utf8", "UTF-8 without a byte order mark", "one at byte 0")
    _bound_depth(given)
    try:
        return _JSON.decode(given)
    except json.JSONDecodeError as error:
        came = f"{_shown(given[error.pos : error.pos + SHOWN])} at character {error.pos} ({error.msg})"
        raise _Fault("not-json", "one JSON object", came) from None


def _bound_depth(given: str) -> None:
    """Refuse what nests too deep for the parser's recursion.

    Up to the first mistake in the text this counts what the parser would; after it, the parser reads no further.
    """
    depth = 0
    for token in _NESTING.finditer(given):
        if token[0] in {"[", "{"}:
            depth += 1
        elif token[0] in {"]", "}"}:
            depth -= 1
        if depth > MAX_DEPTH:
            raise _Fault("too-deep", f"at most {MAX_DEPTH} levels of nesting", f"more at character {token.start()}")


def _int(literal: str) -> int:
    """Cut to these many digits a literal is out of int64's range all the same, and cheap to convert."""
    return int(literal[: SHOWN + 1])


_NESTING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_JSON = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_int)


# A JSON value to the value of a field.


def _typed(value: object, kind: type[T], expected: str) -> T:
    if isinstance(value, float) and not math.isfinite(value):
        raise _Fault("not-finite", expected, _shown(value))
    if isinstance(value, bool) or not isinstance(value, kind):
        raise _Fault("wrong-type", expected, _shown(value))
    return value


def _whole(value: str) -> str:
    """UTF-8 has no half surrogate pairs, but JSON's escapes can write them."""
    if _SURROGATE.search(value):
        raise _Fault("not-utf8", "text that UTF-8 can hold", f"{_shown(value)} with half a surrogate pair")
    return value


def _pairs(value: object, expected: str) -> Iterator[tuple[str, object]]:
    seen = set()
    for name, given in _typed(value, _Object, expected).pairs:
        _at(_key, name, _whole, name)
        if name in seen:
            _at(_key, name, _repeat, name)
        seen.add(name)
        yield name, given


def _skip(value: object) -> None:
    """Refuse even in a property that nobody reads what no JSON text should have."""
    match value:
        case _Object():
            for name, given in _pairs(value, "an object"):
                _at(_key, name, _skip, given)
        case list():
            for place, given in enumerate(value):
                _at(_index, place, _skip, given)
        case str():
            _whole(value)
        case float() if not math.isfinite(value):
            raise _Fault("not-finite", "a finite number", _shown(value))


def _repeat(name: str) -> None:
    raise _Fault("duplicate-key", "each property once", f"{_shown(name)} twice")


def _miss(name: str) -> None:
    raise _Fault("missing-property", f"the property {name}", "an object without it")


_SURROGATE = re.compile("[\ud800-\udfff]")


# Where it stands, and what came.


def _at(step: Callable[[Any], str], place: object, read: Callable[[Any], T], value: object) -> T:
    """Read a value that stands at this place; a fault in it learns the place."""
    try:
        return read(value)
    except _Fault as fault:
        fault.path = step(place) + fault.path
        raise


def _property(name: str) -> str:
    return f".{name}"


def _key(name: str) -> str:
    return f"[{_shown(name)}]"


def _index(place: int) -> str:
    return f"[{place}]"


def _shown(value: object) -> str:
    """A JSON value in one short line."""
    match value:
        case _Object():
            return f"an object of {len(value.pairs)} properties"
        case list():
            return f"an array of {len(value)} items"
        case str():
            return _printable(json.dumps(_shortened(value), ensure_ascii=False))
        case _:
            return _shortened(json.dumps(value))


def _shortened(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
