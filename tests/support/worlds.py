"""What a chart can come into by itself, explored breadth first."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from immutabledict import immutabledict

from machines import CHARTS
from machines.broker import Broker
from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    AddClient,
    AddFile,
    Answer,
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
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    FragmentDistributionStarted,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import (
    Decision,
    Output,
    Participant,
    Snapshot,
    UnspecifiedReception,
)
from machines.registered_client import RegisteredClient
from machines.rules import View
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker

Action = tuple[str, Message, str]
"""`?` or `!`, the message, and with whom."""

Outcome = tuple[Decision, Snapshot]

Graph = dict[Snapshot, dict[Action, Outcome]]


@dataclass(frozen=True)
class World:
    """What a chart is explored in: where it begins, what can come, and how far it is followed."""

    begin: Callable[[], Participant]
    inputs: tuple[Message, ...]
    peers: tuple[str, ...] = ("",)
    sensible: Callable[[Any, Message], bool] = lambda _, __: True
    near: Callable[[Any], bool] = lambda _: True
    unexplored: frozenset[type[Message]] = field(default_factory=frozenset)


def accepted(client: str) -> ClientJoinAccepted:
    return ClientJoinAccepted(client=client, fragment_size=512)


def registered(client: str) -> ClientRegistered:
    return ClientRegistered(client=client, info=ClientMetadata(frozenset({f"http://{client}/"})))


def requested(client: str, event_id: str = "", **offer: Any) -> ClientJoinRequested:
    return ClientJoinRequested(client=client, hash_algorithm="sha-256", event_id=event_id, **offer)


DENIED = ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER)

FILE = FileInfoPublished(hash="f", size=1)


def session(*topics: str) -> tuple[Message, ...]:
    """What every MQTT client can be told of its session."""
    granted = (SUBACK(topic=topic, accepted=accepted) for topic in topics for accepted in (True, False))
    failed = (SubscriptionFailed(topic=topic) for topic in topics)
    connack = (CONNACK(), CONNACK(accepted=False), ConnectionFailed(), ConnectionLost())
    return (Start(), Stop(), *connack, *granted, *failed)


def few_topics(chart: type[Participant], topics: frozenset[str], **arguments: Any) -> Callable[[], Participant]:
    """Begin with a chart that differs in what it subscribes to."""
    return lambda: type(chart.__name__, (chart,), {"topics": topics})(**arguments)


TRACKER = World(
    few_topics(Tracker, frozenset({"a"}), session="mine"),
    (
        *session("a", TrackerHello.topic),
        *(TrackerHello(session=name) for name in ("mine", "other", "")),
        ClientGoodbye(client="anna", session="earlier"),
        *(PublishFailed(event=event) for event in (TrackerHello, ClientJoinAccepted)),
        requested("anna", "r1"),
        *(requested(client) for client in ("anna", "bert")),
        *(ClientJoinSucceeded(client=client) for client in ("anna", "bert")),
        *(ClientJoinFailed(client=client) for client in ("anna", "bert")),
        *(ClientGoodbye(client=client) for client in ("anna", "bert")),
        *(JoinPossible(acceptance=accepted(client)) for client in ("anna", "bert")),
        *(JoinConflicts(client=client, reason_code=ReasonCode.OTHER, reason="") for client in ("anna", "bert")),
        *(RegistrationApplied(registered=registered(client)) for client in ("anna", "bert")),
        *(TimeoutExceeded(timer=timer) for timer in (Timer("anna", 1), Timer("anna", 2), Timer("bert", 1))),
        FragmentDistributionRequested(client="anna"),
        FragmentDistributionObtained(client="anna"),
        FragmentDistributionFailed(client="anna"),
    ),
    sensible=lambda data, told: not isinstance(told, Answer) or data.current is None or of(told) == of(data.current),
    near=lambda data: max(data.attempts.values(), default=0) <= 1,
)

TORRENT_INPUTS: tuple[Message, ...] = (
    *session("a", "b"),
    PublishFailed(event=ClientJoinRequested),
    TrackerHello(),
    TrackerHello(event_id="h1"),
    TrackerGoodbye(),
    DENIED,
    *(accepted(client) for client in ("anna", "bert")),
    *(registered(client) for client in ("anna", "bert")),
    *(ClientGoodbye(client=client) for client in ("anna", "bert")),
    FILE,
    ViewDescribed(hash_algorithm="md5"),
    ViewChanged(),
    ViewChangeFailed(reason="full"),
    *(TimeoutExceeded(timer=Timer("anna", attempt)) for attempt in (1, 2, 3, 4)),
    FragmentDistributionStarted(),
    FragmentDistributionDelivered(),
    FragmentDistributionEnded(),
)

TORRENT = World(
    few_topics(TorrentServer, frozenset({"a", "b"}), client="anna", retries=1),
    TORRENT_INPUTS,
    near=lambda data: data.attempt <= 4,
)

REGISTERED_CLIENT = World(
    few_topics(RegisteredClient, frozenset({"a", "b"}), client="anna", retries=1),
    TORRENT_INPUTS,
    near=lambda data: data.attempt <= 4,
)

BROKER = World(
    Broker,
    (
        CONNECT(),
        CONNECT(will=TrackerHello(session="left")),
        SUBSCRIBE(topic=TrackerHello.topic),
        DISCONNECT(),
        ConnectionLost(),
        TrackerHello(),
        ClientGoodbye(client="anna"),
    ),
    peers=("anna", "bert"),
    near=lambda data: len(data.outbox) + len(data.subacks) + len(data.connacks) <= 2,
    unexplored=frozenset(BUS_EVENTS) - {TrackerHello},
)

TIMERS = (Timer("anna", 1), Timer("anna", 2), Timer("bert", 1))

CLOCK = World(
    Clock,
    (*(SetTimeout(timer=timer) for timer in TIMERS), *(StopTimeout(timer=timer) for timer in TIMERS)),
)

VIEW = World(
    lambda: DistributionView(View(fragment_size=512, storage="either")),
    (
        *(CheckJoin(request=requested(client, endpoints=frozenset({"http://x/"}))) for client in ("anna", "bert")),
        RegisterClient(client="anna"),
        ForgetAdmission(client="anna"),
        ForgetClients(),
        DescribeView(),
        ChangeView(acceptance=accepted("anna")),
        AddClient(registered=registered("bert")),
        AddFile(published=FILE),
        RemoveClient(client="anna"),
    ),
)

WORLDS: Mapping[type[Participant], World] = immutabledict(
    {
        Tracker: TRACKER,
        TorrentServer: TORRENT,
        RegisteredClient: REGISTERED_CLIENT,
        Broker: BROKER,
        Clock: CLOCK,
        DistributionView: VIEW,
    }
)


def of(message: Any) -> str:
    """The client that a message is about."""
    for inner in ("acceptance", "registered"):
        message = getattr(message, inner, message)
    return str(message.client)


def act(chart: Participant, action: Action) -> Outcome:
    """Do an action, or try to."""
    kind, message, peer = action
    try:
        if kind == "?":
            return chart.receive(message, peer), chart.snapshot()
        chart.emit(Output(message, peer))
    except UnspecifiedReception:
        return Decision.IMPOSSIBLE, chart.snapshot()
    return Decision.TAKEN, chart.snapshot()


@cache
def explored(kind: type[Participant]) -> Graph:
    """All that a chart does in its world."""
    world = WORLDS[kind]
    chart = world.begin()
    graph: Graph = {}
    ahead = deque([chart.snapshot()])
    while ahead:
        here = ahead.popleft()
        if here in graph:
            continue
        chart.restore(here)
        told = (one for one in world.inputs if world.sensible(here.data, one))
        actions: list[Action] = [("?", message, peer) for message in told for peer in world.peers]
        actions += [("!", *output) for output in chart.due()]
        graph[here] = {}
        for action in actions:
            chart.restore(here)
            graph[here][action] = act(chart, action)
        ahead.extend(there for _, there in graph[here].values() if world.near(there.data))
    return graph


every_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
