"""The wire: bus events as UTF-8 JSON, and back.

`PROPERTIES` is the table of the protocol's events, one line a property: the name on the wire, the field of the event,
the type. Everything else here only reads and writes what the table says.

Reading is strict, since anything can arrive on a topic. A payload either is an event or raises `Malformed`, which says
what was expected, what came and where (`$.KnownFileInfos["ab"].Size`); no other exception leaves `decode`. Only
properties that the table does not know are skipped, and even there a key given twice, a number that is not finite or
half of a surrogate pair refuses the whole event: such text is no I-JSON (RFC 7493), and two readers could take it for
two different things. How that is done stands in `runtime.wire.strict_json`.

Writing is the reverse, and what is written is read back before it is handed out: what our own readers would refuse is
never sent. The bytes are a function of the event: properties stand in the table's order, sets and mappings are sorted.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping
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
from machines.records import replace
from runtime.wire.in_pieces import encoded
from runtime.wire.strict_json import (
    MAX_BYTES,
    Fault,
    Kind,
    Property,
    Shape,
    as_it_is,
    integer,
    map_of,
    read,
    read_of_written,
    record,
    sequence_of,
    set_of,
    shown,
    text,
    typed,
    unhurried,
)
from runtime.wire.texts import printable, shortened

LOGGED = 10
"""How many refusals of the same sort are logged."""

log = logging.getLogger("clientjoin.wire")


class Malformed(ValueError):  # noqa: N818 - it is the event that is malformed
    """A payload that is no event of its topic."""

    def __init__(self, topic: str, kind: Kind, path: str, problem: str) -> None:
        super().__init__(f"{printable(shortened(topic))}: {path}: {problem} [{kind}]")
        self.topic = topic
        self.kind = kind
        self.path = path


# The table.


def _uuid(value: object) -> str:
    expected = "a UUID such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    given = typed(value, str, expected)
    if _NORMAL_UUID.fullmatch(given) is not None:
        return given
    if _UUID.fullmatch(given) is None:
        raise Fault("not-a-uuid", expected, shown(given))
    return str(UUID(given))


def _reason_code(value: object) -> ReasonCode:
    expected = "one of " + ", ".join(f"{code.value} ({code.name})" for code in ReasonCode)
    given = typed(value, int, expected)
    if given not in set(ReasonCode):
        raise Fault("unknown-reason-code", expected, shown(given))
    return ReasonCode(given)


_HEX = "[0-9a-fA-F]"
_HYPHENED = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_NORMAL_UUID = re.compile("-".join(f"[0-9a-f]{{{digits}}}" for digits in (8, 4, 4, 4, 12)))
_UUID = re.compile(rf"{_HYPHENED}|\{{{_HYPHENED}\}}|urn:uuid:{_HYPHENED}")

HASH = text("a hash (not empty)")
CLIENT = text("a client identifier (not empty)")
URI = text("a URI (not empty)")
ALGORITHM = text("the name of a hash algorithm (not empty)")
REASON = text("a text", empty=True)
NAME = text("a text", empty=True)
SIZE = integer(0)
FRAGMENT_SIZE = integer(1)
REASON_CODE = unhurried(_reason_code, as_it_is)

REQUEST_ID = Property("RequestId", "request_id", NAME, required=False, absent="")
"""Unknown to the protocol as drawn: only who is hardened gives it, and who does not know it skips it."""
SESSION = Property("Session", "session", NAME, required=False, absent="")
"""Likewise."""

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
    REQUEST_ID,
)

FILES = map_of(HASH, FILE_METADATA)
FRAGMENTS = map_of(HASH, FRAGMENT_METADATA)
CLIENTS = map_of(CLIENT, CLIENT_METADATA)

EVENT_ID = Property("EventId", "event_id", unhurried(_uuid, as_it_is))
CLIENT_IDENTIFIER = Property("ClientIdentifier", "client", CLIENT)

PROPERTIES: Mapping[type[BusEvent], tuple[Property, ...]] = immutabledict(
    {
        TrackerHello: (SESSION,),
        TrackerGoodbye: (SESSION,),
        ClientJoinRequested: (
            CLIENT_IDENTIFIER,
            REQUEST_ID,
            Property("HashAlgorithm", "hash_algorithm", ALGORITHM),
            Property("FragmentSize", "fragment_size", FRAGMENT_SIZE, required=False),
            Property("KnownFileInfos", "known_file_infos", FILES),
            Property("StoredFragments", "stored_fragments", FRAGMENTS),
            Property("Endpoints", "endpoints", set_of(URI)),
        ),
        ClientJoinAccepted: (
            CLIENT_IDENTIFIER,
            REQUEST_ID,
            Property("FragmentSize", "fragment_size", FRAGMENT_SIZE),
            Property("AddFileInfos", "add_file_infos", FILES),
            Property("AddFragmentInfos", "add_fragment_infos", FRAGMENTS),
            Property("RemoveFileInfos", "remove_file_infos", set_of(HASH)),
            Property("RemoveFragmentInfos", "remove_fragment_infos", set_of(HASH)),
            Property("Clients", "clients", CLIENTS),
            SESSION,
        ),
        ClientJoinDenied: (
            CLIENT_IDENTIFIER,
            REQUEST_ID,
            Property("ReasonCode", "reason_code", REASON_CODE),
            Property("Reason", "reason", REASON, required=False),
        ),
        ClientJoinSucceeded: (CLIENT_IDENTIFIER, REQUEST_ID),
        ClientJoinFailed: (CLIENT_IDENTIFIER, REQUEST_ID),
        ClientRegistered: (
            CLIENT_IDENTIFIER,
            REQUEST_ID,
            Property("Info", "info", CLIENT_METADATA),
            Property("AddedFiles", "added_files", FILES),
            Property("AddedFragments", "added_fragments", FRAGMENTS),
            SESSION,
        ),
        ClientGoodbye: (CLIENT_IDENTIFIER, REQUEST_ID, SESSION),
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


def encode(event: BusEvent, largest: int = MAX_BYTES) -> bytes:
    """The event as UTF-8 JSON of at most `largest` bytes.

    Raises ValueError if it has no `event_id`, or if `decode` would not give it back.
    """
    name = type(event).__name__
    shape = _EVENTS.get(type(event))
    if shape is None:
        raise ValueError(f"{name} is no event of the protocol: expected one of machines.events.BUS_EVENTS")
    if not event.event_id:
        raise ValueError(f"{name} has no event_id: expected a UUID, came an empty text; stamp it before it is sent")
    try:
        value = shape.write(event)
        payload = encoded(value).encode("utf-8")
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{name} cannot be written as JSON in UTF-8: {error}") from error
    try:
        back = read_of_written(shape, value, payload, largest)
    except Fault as fault:
        raise ValueError(f"{name} would be refused by whoever reads it: {_malformed(event.topic, fault)}") from fault
    if back != replace(event, event_id=back.event_id):
        raise ValueError(f"{name} has a field of another type than declared: it would be read as {back!r:.200}")
    return payload


def decode(topic: str, payload: bytes, largest: int = MAX_BYTES) -> BusEvent:
    """The event that was published on this topic; `Malformed`, and nothing else, if the payload is none.

    A payload of more than `largest` bytes is none.
    """
    try:
        event: BusEvent = read(_shape_of(topic), payload, largest)
    except Fault as fault:
        raise _malformed(topic, fault) from None
    return event


def _malformed(topic: str, fault: Fault) -> Malformed:
    return Malformed(topic, fault.kind, "$" + fault.path, fault.problem)


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
        raise Fault("unknown-topic", "a topic of the protocol", shown(topic))
    return _EVENTS[EVENT_OF_TOPIC[topic]]
