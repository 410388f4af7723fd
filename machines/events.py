"""The bus events: what crosses the MQTT broker.

Each class is one event of the protocol, frozen and hashable, with its MQTT topic and with the side that publishes
it. Field names are Python's; the names on the wire belong to `runtime.wire.events`. Sets and mappings are immutable and
compare by content, so a chart that keeps an event in its data can be snapshotted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Literal, get_args

from immutabledict import immutabledict

Side = Literal["tracker", "torrent"]
"""A side of the protocol: who publishes an event."""
TRACKER: Side = "tracker"
TORRENT: Side = "torrent"
SIDES: tuple[Side, ...] = get_args(Side)


class ReasonCode(IntEnum):
    """Why a client was denied (`ReasonCode` of ClientJoinDenied)."""

    WRONG_FRAGMENT_SIZE = 1
    WRONG_HASH_ALGORITHM = 2
    ENDPOINT_CONFLICT = 4
    OTHER = 128


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """A file: its size in bytes and the hashes of its fragments in order."""

    size: int
    fragment_sequence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FragmentMetadata:
    """A fragment: its size in bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """A registered client: the URIs where it serves fragments, and the hashes of the fragments it stores.

    `request_id` says which of its requests it was registered for; empty if that is not known.
    """

    endpoints: frozenset[str] = frozenset()
    stored_fragments: frozenset[str] = frozenset()
    request_id: str = ""


Files = Mapping[str, FileMetadata]
Fragments = Mapping[str, FragmentMetadata]
Clients = Mapping[str, ClientMetadata]


@dataclass(frozen=True, slots=True, kw_only=True)
class BusEvent:
    """What crosses the broker.

    `event_id` is a UUID; charts send events without one, and whoever puts an event on the wire stamps it.
    """

    topic: ClassVar[str]
    publisher: ClassVar[Side]
    event_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEvent(BusEvent):
    """A bus event that names one torrent server by its MQTT client identifier.

    In what a torrent server publishes `client` is the publisher, in what the tracker publishes the one meant.
    """

    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEvent(ClientEvent):
    """A client event about one attempt to join.

    `request_id` names the request that the attempt began with, in the words of its client; empty if that does not name
    its requests. The protocol as drawn knows no such name, so whoever reads an event can do without.
    """

    request_id: str = ""


# The tracker's coming and going.


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerHello(BusEvent):
    """A tracker has started: whoever wants to be registered joins (again).

    `session` names the connection of a tracker that is hardened.
    """

    topic = "tracker/hello"
    publisher = TRACKER
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerGoodbye(BusEvent):
    """The tracker leaves: nobody is registered any longer.

    `session` is what its hello said, so that nobody takes it for the goodbye of another tracker.
    """

    topic = "tracker/goodbye"
    publisher = TRACKER
    session: str = ""


# Client Join.


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientJoinRequested(AttemptEvent):
    """A torrent server asks to join, with all that it knows and stores; sizes in bytes.

    `fragment_size` None means that it can work with any fragment size.
    """

    topic = "clients/join/requested"
    publisher = TORRENT
    hash_algorithm: str
    fragment_size: int | None = None
    known_file_infos: Files = field(default_factory=immutabledict)
    stored_fragments: Fragments = field(default_factory=immutabledict)
    endpoints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientJoinAccepted(AttemptEvent):
    """The tracker lets a client join once it has made these changes to its Distribution View.

    `session` says whom the client follows from then on; empty if the tracker is not hardened.
    """

    topic = "clients/join/accepted"
    publisher = TRACKER
    fragment_size: int
    add_file_infos: Files = field(default_factory=immutabledict)
    add_fragment_infos: Fragments = field(default_factory=immutabledict)
    remove_file_infos: frozenset[str] = frozenset()
    remove_fragment_infos: frozenset[str] = frozenset()
    clients: Clients = field(default_factory=immutabledict)
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientJoinDenied(AttemptEvent):
    """The tracker does not let a client join."""

    topic = "clients/join/denied"
    publisher = TRACKER
    reason_code: ReasonCode
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientJoinSucceeded(AttemptEvent):
    """A client has changed its view as the tracker asked and counts itself as registered."""

    topic = "clients/join/succeeded"
    publisher = TORRENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientJoinFailed(AttemptEvent):
    """A client could not change its view as the tracker asked."""

    topic = "clients/join/failed"
    publisher = TORRENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRegistered(AttemptEvent):
    """The tracker has registered a client, and with it learned of these files and fragments.

    `session` says which tracker that is, if it is hardened.
    """

    topic = "clients/registered"
    publisher = TRACKER
    info: ClientMetadata
    added_files: Files = field(default_factory=immutabledict)
    added_fragments: Fragments = field(default_factory=immutabledict)
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientGoodbye(AttemptEvent):
    """A registered client leaves.

    With a `session` the broker says so for it, as its last will: it has left if it was registered for a request of this
    session. A will that comes late, when its owner is back with another session, is nobody's goodbye.
    """

    topic = "clients/goodbye"
    publisher = TORRENT
    session: str = ""


# What the service does beside Client Join. Only FileInfoPublished touches the Distribution View.


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfoPublished(BusEvent):
    """The tracker tells of a file: hash of its content, size in bytes, hashes of its fragments in order."""

    topic = "files/info"
    publisher = TRACKER
    hash: str
    size: int
    fragment_sequence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentDistributionStarted(BusEvent):
    """Outside Client Join; published by the tracker."""

    topic = "fragments/distribution/started"
    publisher = TRACKER


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentDistributionDelivered(BusEvent):
    """Outside Client Join; published by the tracker."""

    topic = "fragments/distribution/delivered"
    publisher = TRACKER


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentDistributionEnded(BusEvent):
    """Outside Client Join; published by the tracker."""

    topic = "fragments/distribution/ended"
    publisher = TRACKER


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentDistributionRequested(ClientEvent):
    """Outside Client Join; published by a torrent server."""

    topic = "fragments/distribution/requested"
    publisher = TORRENT


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentDistributionObtained(ClientEvent):
    """Outside Client Join; published by a torrent server."""

    topic = "fragments/distribution/obtained"
    publisher = TORRENT


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentDistributionFailed(ClientEvent):
    """Outside Client Join; published by a torrent server."""

    topic = "fragments/distribution/failed"
    publisher = TORRENT


BUS_EVENTS: tuple[type[BusEvent], ...] = (
    TrackerHello,
    TrackerGoodbye,
    ClientJoinRequested,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinSucceeded,
    ClientJoinFailed,
    ClientRegistered,
    ClientGoodbye,
    FileInfoPublished,
    FragmentDistributionStarted,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionRequested,
    FragmentDistributionObtained,
    FragmentDistributionFailed,
)
"""Every bus event of the protocol."""

EVENT_OF_TOPIC: Mapping[str, type[BusEvent]] = immutabledict({event.topic: event for event in BUS_EVENTS})
"""The bus event that is published on each topic."""

EVENT_OF_NAME: Mapping[str, type[BusEvent]] = immutabledict({event.__name__: event for event in BUS_EVENTS})
"""The bus event of each name."""

ANSWERS: tuple[type[AttemptEvent], ...] = (ClientJoinAccepted, ClientJoinDenied)
"""What the tracker says to one client, and the others ignore."""

BESIDE: tuple[type[BusEvent], ...] = BUS_EVENTS[BUS_EVENTS.index(FileInfoPublished) :]
"""What the service publishes beside Client Join, in procedures that the charts do not play."""

TOPICS_OF: Mapping[Side, frozenset[str]] = immutabledict(
    {side: frozenset(event.topic for event in BUS_EVENTS if event.publisher == side) for side in SIDES}
)
"""The topics on which each side publishes."""
