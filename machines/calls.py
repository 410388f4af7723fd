"""What never crosses the broker as an event: MQTT's own packets, and the calls inside one server.

A *packet* goes between an MQTT client and the broker. A *call* goes between the lifelines of one group (MQTT client,
clock, distribution view), or comes from outside the diagram: from the owner who starts and stops a server, or from
the network that lost a connection. `receiver` says which lifeline of the group takes a call.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from immutabledict import immutabledict

from machines.events import (
    BusEvent,
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientRegistered,
    FileInfoPublished,
    Files,
    Fragments,
    ReasonCode,
)

Role = Literal["client", "clock", "view"]
"""What the others of a server call one of its lifelines."""
ROLES: tuple[Role, ...] = get_args(Role)


# MQTT 3.1.1 control packets, as far as the charts tell them apart.


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A control packet between an MQTT client and the broker (MQTT 3.1.1, chapter 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CONNECT(Packet):
    """The client asks for a session (MQTT 3.1.1, 3.1).

    `will` is what the broker publishes if the connection ends without DISCONNECT (3.1.2.5).
    """

    will: BusEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CONNACK(Packet):
    """The broker's answer to CONNECT (3.2); refused if the return code is not 0."""

    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SUBSCRIBE(Packet):
    """The client asks for the events of one topic (3.8)."""

    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SUBACK(Packet):
    """The broker's answer to SUBSCRIBE (3.9); refused if the return code is 0x80."""

    topic: str
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DISCONNECT(Packet):
    """The client ends its session (3.14)."""


# Calls.


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message inside one group, or from outside the diagram to the lifeline `receiver`."""

    receiver: ClassVar[Role]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Call):
    """What a distribution view returns to its own MQTT client, which reads nothing else until then."""

    receiver = "client"


# From outside the diagram.


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Call):
    """The owner starts the server.

    `session` is a name for this connection that was never used before; without one the server goes on with what it has.
    """

    receiver = "client"
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Call):
    """The owner stops the server: it says goodbye and disconnects."""

    receiver = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailed(Call):
    """No CONNACK came: the broker cannot be reached."""

    receiver = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost(Call):
    """The network connection of a session broke."""

    receiver = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFailed(Call):
    """No SUBACK came for this topic."""

    receiver = "client"
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishFailed(Call):
    """The broker did not take over an event: the MQTT handshake of a PUBLISH did not complete."""

    receiver = "client"
    event: type[BusEvent]


# The clock.


@dataclass(frozen=True, slots=True)
class Timer:
    """One setting of a timeout: for which client's join, and the how-manieth of that client.

    The number tells an expiry that was already on its way from that of a later setting.
    """

    client: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimeout(Call):
    """Seed: "Set timeout."; replaces the earlier setting for the same client, if there is one."""

    receiver = "clock"
    timer: Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTimeout(Call):
    """The timeout is no longer needed."""

    receiver = "clock"
    timer: Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutExceeded(Call):
    """Seed: "Timeout exceeded."."""

    receiver = "client"
    timer: Timer


# The distribution view: asked by the tracker.


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckJoin(Call):
    """Seed: "Check if Torrent Server can join the Distribution Service."."""

    receiver = "view"
    request: ClientJoinRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPossible(Answer):
    """Seed: "Returns what the Torrent Server has to change to it's Distribution View to join [...]"."""

    acceptance: ClientJoinAccepted


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinConflicts(Answer):
    """Seed: "Returns that the Torrent Server can not join [...], because conflicts were found."."""

    client: str
    reason_code: ReasonCode
    reason: str
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterClient(Call):
    """Apply the pending admission of a client: it is registered from now on."""

    receiver = "view"
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationApplied(Answer):
    """The view's answer to `RegisterClient`: what everybody is to be told."""

    registered: ClientRegistered


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetAdmission(Call):
    """The pending admission of a client came to nothing: release what it was promised."""

    receiver = "view"
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetClients(Call):
    """A new round begins, with nobody registered and nothing promised; files and fragments stay known."""

    receiver = "view"


# The distribution view: asked by a torrent server.


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeView(Call):
    """What do we know and store, for the next request to join?"""

    receiver = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDescribed(Answer):
    """The view's answer to `DescribeView`; fields as in `ClientJoinRequested`."""

    hash_algorithm: str
    fragment_size: int | None = None
    known_file_infos: Files = field(default_factory=immutabledict)
    stored_fragments: Fragments = field(default_factory=immutabledict)
    endpoints: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView(Call):
    """Make the changes on which the tracker accepted us."""

    receiver = "view"
    acceptance: ClientJoinAccepted


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewChanged(Answer):
    """The view's answer to `ChangeView`: done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewChangeFailed(Answer):
    """The view's answer to `ChangeView`: nothing was changed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddClient(Call):
    """A client was registered: add it, its endpoints, its fragments and the new files."""

    receiver = "view"
    registered: ClientRegistered


@dataclass(frozen=True, slots=True, kw_only=True)
class AddFile(Call):
    """The tracker told of a file: add it."""

    receiver = "view"
    published: FileInfoPublished


# The distribution view: asked by both.


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveClient(Call):
    """A client said goodbye: remove it, its endpoints and what it stored; `request_id`, `session` as in its goodbye."""

    receiver = "view"
    client: str
    request_id: str = ""
    session: str = ""


Message = BusEvent | Packet | Call
"""Whatever an arrow of a diagram can carry."""

PACKETS: tuple[type[Packet], ...] = (CONNECT, CONNACK, SUBSCRIBE, SUBACK, DISCONNECT)
CALLS: tuple[type[Call], ...] = (
    Start,
    Stop,
    ConnectionFailed,
    ConnectionLost,
    SubscriptionFailed,
    PublishFailed,
    SetTimeout,
    StopTimeout,
    TimeoutExceeded,
    CheckJoin,
    JoinPossible,
    JoinConflicts,
    RegisterClient,
    RegistrationApplied,
    ForgetAdmission,
    ForgetClients,
    DescribeView,
    ViewDescribed,
    ChangeView,
    ViewChanged,
    ViewChangeFailed,
    AddClient,
    AddFile,
    RemoveClient,
)
