"""The cast of Client Join: one statechart for every lifeline of the sequence diagram.

In: a message (`chart.receive`), with all that a decision needs. Out: what is due to be sent (`chart.due`,
`chart.emit`), and a configuration that can be frozen and restored. `LIFELINES` says which chart plays which lifeline of
the reference diagram; `events` and `calls` are what arrows carry. Nothing in here does I/O: charts can be looked at,
drawn, stepped by hand, explored, and run by `runtime`. Begin with `clock`, the smallest, and `participant`, which all
share.

    >>> from machines import ClientJoinDenied, ReasonCode, TorrentServer
    >>> chart = TorrentServer("torrent-1", start="awaiting_answer")
    >>> chart.receive(ClientJoinDenied(client="torrent-1", reason_code=ReasonCode.ENDPOINT_CONFLICT)).value
    'taken'
    >>> chart.where, [type(output.message).__name__ for output in chart.due()]
    (('giving_up',), ['StopTimeout'])
"""

from collections.abc import Mapping

from immutabledict import immutabledict

from machines.broker import Broker
from machines.calls import (
    CALLS,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PACKETS,
    SUBACK,
    SUBSCRIBE,
    AddClient,
    AddFile,
    Answer,
    Call,
    ChangeView,
    CheckJoin,
    ConnectionFailed,
    ConnectionLost,
    DescribeView,
    ForgetAdmission,
    ForgetClients,
    JoinConflicts,
    JoinPossible,
    Message,
    Packet,
    PublishFailed,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import (
    BUS_EVENTS,
    EVENT_OF_TOPIC,
    BusEvent,
    ClientEvent,
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
from machines.participant import (
    Cell,
    Decision,
    Output,
    Participant,
    Snapshot,
    UnspecifiedReception,
    decision_table,
    undecided_cells,
)
from machines.registered_client import RegisteredClient
from machines.rules import View
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker

LIFELINES: Mapping[str, type[Participant]] = immutabledict(
    {
        "TrackerClock": Clock,
        "TrackerView": DistributionView,
        "Tracker": Tracker,
        "Broker": Broker,
        "Torrent": TorrentServer,
        "TorrentClock": Clock,
        "TorrentView": DistributionView,
        "Client": RegisteredClient,
        "ClientView": DistributionView,
    }
)
"""Which chart plays which lifeline of the reference diagram (spec/diagrams/ClientJoin_Alternative2.txt, lines 5 to 24).
"""

GROUPS: Mapping[str, tuple[str, ...]] = immutabledict(
    {
        "Tracker Server": ("TrackerClock", "TrackerView", "Tracker"),
        "Event Bus": ("Broker",),
        "Torrent Server": ("Torrent", "TorrentClock", "TorrentView"),
        "Registered Client": ("Client", "ClientView"),
    }
)
"""The lifelines of each server, as the reference diagram groups them."""

CHARTS: tuple[type[Participant], ...] = (Tracker, TorrentServer, RegisteredClient, Broker, Clock, DistributionView)
"""Every chart, once."""

__all__ = [
    "BUS_EVENTS",
    "CALLS",
    "CHARTS",
    "CONNACK",
    "CONNECT",
    "DISCONNECT",
    "EVENT_OF_TOPIC",
    "GROUPS",
    "LIFELINES",
    "PACKETS",
    "SUBACK",
    "SUBSCRIBE",
    "AddClient",
    "AddFile",
    "Answer",
    "Broker",
    "BusEvent",
    "Call",
    "Cell",
    "ChangeView",
    "CheckJoin",
    "ClientEvent",
    "ClientGoodbye",
    "ClientJoinAccepted",
    "ClientJoinDenied",
    "ClientJoinFailed",
    "ClientJoinRequested",
    "ClientJoinSucceeded",
    "ClientMetadata",
    "ClientRegistered",
    "Clock",
    "ConnectionFailed",
    "ConnectionLost",
    "Decision",
    "DescribeView",
    "DistributionView",
    "FileInfoPublished",
    "FileMetadata",
    "ForgetAdmission",
    "ForgetClients",
    "FragmentDistributionDelivered",
    "FragmentDistributionEnded",
    "FragmentDistributionFailed",
    "FragmentDistributionObtained",
    "FragmentDistributionRequested",
    "FragmentDistributionStarted",
    "FragmentMetadata",
    "JoinConflicts",
    "JoinPossible",
    "Message",
    "Output",
    "Packet",
    "Participant",
    "PublishFailed",
    "ReasonCode",
    "RegisterClient",
    "RegisteredClient",
    "RegistrationApplied",
    "RemoveClient",
    "SetTimeout",
    "Snapshot",
    "Start",
    "Stop",
    "StopTimeout",
    "SubscriptionFailed",
    "TimeoutExceeded",
    "Timer",
    "TorrentServer",
    "Tracker",
    "TrackerGoodbye",
    "TrackerHello",
    "UnspecifiedReception",
    "View",
    "ViewChangeFailed",
    "ViewChanged",
    "ViewDescribed",
    "decision_table",
    "undecided_cells",
]
