"""The cast of Client Join: one statechart for every lifeline of the sequence diagram.

`LIFELINES` says which chart plays which lifeline of the seed; the events and calls are what the arrows carry. Nothing
in here does I/O: the charts can be looked at, drawn, stepped by hand, explored, and run by `runtime`.
"""

from collections.abc import Mapping

from immutabledict import immutabledict

from machines.broker import Broker
from machines.calls import (
    AddClient,
    AddFile,
    Answer,
    CALLS,
    CONNACK,
    CONNECT,
    Call,
    ChangeView,
    CheckJoin,
    ConnectionFailed,
    ConnectionLost,
    DISCONNECT,
    DescribeView,
    ForgetAdmission,
    ForgetClients,
    JoinConflicts,
    JoinPossible,
    Message,
    PACKETS,
    Packet,
    PublishFailed,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
    SUBACK,
    SUBSCRIBE,
    SetTimeout,
    Start,
    Stop,
    StopTimeout,
    SubscriptionFailed,
    TimeoutExceeded,
    Timer,
    ViewChangeFailed,
    ViewChanged,
    ViewDescribed,
)
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import (
    BUS_EVENTS,
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
    EVENT_OF_TOPIC,
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
    Refused,
    Snapshot,
    decision_table,
    holes,
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
"""Which chart plays which lifeline of the seed (the aliases of spec/diagrams/ClientJoin_Alternative2.txt, lines 5-26)."""

GROUPS: Mapping[str, tuple[str, ...]] = immutabledict(
    {
        "Tracker Server": ("TrackerClock", "TrackerView", "Tracker"),
        "Event Bus": ("Broker",),
        "Torrent Server": ("Torrent", "TorrentClock", "TorrentView"),
        "Registered Client": ("Client", "ClientView"),
    }
)
"""The lifelines of each server, as the seed groups them."""

CHARTS: tuple[type[Participant], ...] = (Tracker, TorrentServer, RegisteredClient, Broker, Clock, DistributionView)
"""Every chart, once."""

__all__ = [
    "AddClient",
    "AddFile",
    "Answer",
    "BUS_EVENTS",
    "Broker",
    "BusEvent",
    "CALLS",
    "CHARTS",
    "CONNACK",
    "CONNECT",
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
    "DISCONNECT",
    "Decision",
    "DescribeView",
    "DistributionView",
    "EVENT_OF_TOPIC",
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
    "GROUPS",
    "JoinConflicts",
    "JoinPossible",
    "LIFELINES",
    "Message",
    "Output",
    "PACKETS",
    "Packet",
    "Participant",
    "PublishFailed",
    "ReasonCode",
    "Refused",
    "RegisterClient",
    "RegisteredClient",
    "RegistrationApplied",
    "RemoveClient",
    "SUBACK",
    "SUBSCRIBE",
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
    "View",
    "ViewChangeFailed",
    "ViewChanged",
    "ViewDescribed",
    "decision_table",
    "holes",
]
