"""The charts of `machines` with data to begin with, and the system brought to where a diagram begins.

A diagram does not say what a torrent server stores, nor whether it conflicts with the service: both are tried. The
system is not put where a diagram begins but driven there, from everybody offline, by the owner's orders and without
a loss, so that it is in a configuration that it can really reach.
"""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from typing import Any

from immutabledict import immutabledict
from statemachine import StateChart

from machines import (
    BUS_EVENTS,
    CHARTS,
    CONNECT,
    DISCONNECT,
    SUBSCRIBE,
    Broker,
    BusEvent,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    Clock,
    ConnectionFailed,
    ConnectionLost,
    DistributionView,
    FileMetadata,
    FragmentMetadata,
    Message,
    Participant,
    PublishFailed,
    ReasonCode,
    Start,
    Stop,
    SubscriptionFailed,
    TrackerHello,
    View,
)
from machines.events import BESIDE, ClientRegistered, TrackerGoodbye
from machines.session import MqttClient
from spec.binding import BUILT_IN, Begin, Binding, Player
from spec.binding.allowances import Allowances
from spec.system.adapter import TransitionsChart
from spec.system.composition import State, System
from spec.system.driving import CastError, drive
from spec.system.foreign import ForeignMachine, actions_of
from spec.system.process import ChartMachine, LocalMachine, Payload, Payloads, ScriptedMachine, Sending
from spec.system.stepped import SteppedMachine

Charts = Mapping[str, type[StateChart[Any]]]
"""The chart that plays each lifeline, or the chart of each name that a binding gives."""

OURS: Charts = immutabledict({chart.__name__: chart for chart in CHARTS})
"""Our charts, by the names that a binding uses."""

KINDS = (MqttClient, DistributionView, Clock, Broker)
"""What data a chart is given depends on which of these it is."""

FRAGMENT_SIZE = 1024
"""Bytes; a torrent server that conflicts can only work with twice that."""


@dataclass
class SystemFactory:
    """The systems of a binding; a machine is made once, and what it has learned of its chart serves every diagram."""

    binding: Binding
    charts: Charts = OURS
    by_pairs: bool = True
    """Whether systems of our charts keep a queue for each pair of lifelines, see `System`."""
    payloads: Payloads = field(default_factory=dict)
    """The values that messages of charts that are not ours are sent with."""

    def __post_init__(self) -> None:
        self._machines: dict[tuple[str, bool, str, str, str], LocalMachine] = {}
        self._driven: dict[Hashable, tuple[System, State] | CastError] = {}

    def systems(
        self,
        lifelines: frozenset[str],
        begin: Begin,
        routes: Mapping[tuple[str, str], tuple[str, ...]],
        *,
        repeats: bool = False,
        messages: frozenset[str] = frozenset(),
        beside: frozenset[str] = frozenset(),
        losses: frozenset[tuple[str, str, str]] = frozenset(),
        gates: tuple[tuple[str, str], ...] = (),
    ) -> list[tuple[System, State]]:
        """The systems that a diagram can be about, each where the diagram begins. Raises `CastError` if none is.

        `messages` are all that the diagrams draw; `beside` are lifelines that take part though this one does not draw
        them. For `losses` and `gates` see `System`.
        """
        outcomes = [
            self._system(lifelines, begin, routes, messages, beside, conflicts=conflicts, repeats=repeats)
            for conflicts in ((False,) if begin.endpoints else (False, True))
        ]
        found = [outcome for outcome in outcomes if not isinstance(outcome, CastError)]
        for system, _ in found:
            system.losses = losses
            system.gates = tuple(each for each in gates if isinstance(system.machines.get(each[0]), SteppedMachine))
        if not found:
            raise next(outcome for outcome in outcomes if isinstance(outcome, CastError))
        players = [system.machines for system, _ in found]
        is_one = players[0] == players[-1] or all(isinstance(m, ForeignMachine) for m in players[0].values())
        return found[:1] if is_one else found  # where there is no view, nobody is there who could conflict

    def made(self) -> list[System]:
        """The systems that were asked for so far."""
        return [driven[0] for driven in self._driven.values() if not isinstance(driven, CastError)]

    def _system(
        self,
        lifelines: frozenset[str],
        begin: Begin,
        routes: Mapping[tuple[str, str], tuple[str, ...]],
        messages: frozenset[str],
        beside: frozenset[str],
        *,
        conflicts: bool,
        repeats: bool,
    ) -> tuple[System, State] | CastError:
        key = (begin.title, lifelines, messages, beside, conflicts, repeats)
        if key not in self._driven or routes:
            try:
                machines = self._players(lifelines | beside, begin, conflicts=conflicts)
                servers = {name for name, player in self.binding.players.items() if player.role != "broker"}
                in_full = frozenset(servers if begin.in_full else ())
                allowances = Allowances(self.binding, drawn=lifelines, drawn_messages=messages, in_full=in_full)
                system = System(
                    machines,
                    allowances,
                    routes=routes,
                    environment=self._orders,
                    repeats=repeats,
                    patience=begin.patient,
                    by_pairs=self.by_pairs,
                )
                self._driven[key] = (system, drive(system, begin))
            except CastError as error:
                self._driven[key] = error
        return self._driven[key]

    def _players(self, lifelines: frozenset[str], begin: Begin, *, conflicts: bool) -> dict[str, LocalMachine]:
        """The machine of each lifeline of each server that the diagram draws anything of."""
        players = self.binding.players
        groups = {player.group or name for name, player in players.items() if name in lifelines}
        if any(players[name].role == "client" for name in lifelines if name in players):
            groups |= {player.group for player in players.values() if player.role == "broker"}
        parts: dict[tuple[str, str], str] = {}
        for name, player in sorted(
            players.items(), key=lambda item: (item[0] not in lifelines, item[1].place == BUILT_IN)
        ):
            other = parts.setdefault((player.group, player.role or name), name)
            if other != name and name in lifelines:
                raise CastError(
                    f"{other} and {name} are both the {player.role} of {player.group!r}: give one of them another "
                    "group in [lifeline]"
                )
        found = {}
        for name, player in players.items():
            is_part = name in lifelines or (player.chart in self.charts and name in parts.values())
            if (player.group or name) in groups and is_part:
                said = (begin.sessions, begin.services, begin.endpoints)
                session, services, endpoint = (_of_server(name, each, players) for each in said)
                # Only what a view holds can conflict.
                key = (name, conflicts and player.role == "view", session, services, endpoint)
                if key not in self._machines:
                    self._machines[key] = self._machine(name, player, *key[1:])
                found[name] = self._machines[key]
        return found

    def _orders(self, lifeline: str, name: str) -> Iterator[Hashable]:
        """The messages that an order of the environment can be."""
        if name in self.payloads:
            yield from (Payload(name, values) for values in self.payloads[name])
        else:
            yield from order(lifeline, name)

    def _may_ignore(self, lifeline: str, message: str, where: tuple[str, ...]) -> bool:
        """Whether the binding says that a lifeline may ignore a message in these atomic states."""
        return Allowances(self.binding).may_ignore(lifeline, f"?{message}", where)

    def _machine(
        self, name: str, player: Player, conflicts: bool, session: str, services: str, endpoint: str
    ) -> LocalMachine:
        if player.scripted:
            return ScriptedMachine(_anything(player.client, self))
        given = name_given(name, self.binding, self.charts)
        chart = self.charts.get(given)
        if chart is None:
            raise CastError(
                f"the binding says that the chart {player.chart} plays {name}, but there is no such chart; "
                f"there are {', '.join(sorted(self.charts))}"
            )
        if isinstance(chart, TransitionsChart):
            own = {message: values for message, values in self.payloads.items() if f"!{message}" in chart.actions}
            may_ignore = partial(self._may_ignore, name)
            return chart.machine(patient=player.patient, may_ignore=may_ignore, payloads=own)
        if issubclass(chart, Participant):
            made = {"session": session, "retries": int("retry" in services), "leaves_will": "will" in services}
            hardened = {key: value for key, value in made.items() if value}
            return ChartMachine(_ours(chart, name, self.binding, conflicts, hardened, endpoint))
        said = {action[1:] for action in spoken(given, chart, self.binding)}
        return ForeignMachine(
            chart,
            patient=player.patient,
            may_ignore=partial(self._may_ignore, name),
            payloads={message: values for message, values in self.payloads.items() if message in said},
            **self.binding.events_of(given, chart).declared(),
        )


def name_given(lifeline: str, binding: Binding, charts: Charts) -> str:
    """The name under which the chart is given that plays a lifeline: that of the lifeline, the one that the binding
    says, or that of a chart whose class is called so; empty if no chart plays it.
    """
    player = binding.players.get(lifeline)
    if player is not None and player.scripted:
        return ""
    said = player.chart if player else ""
    by_class = (name for name, chart in charts.items() if chart.__name__ == said)
    return next((name for name in (lifeline, said) if name in charts), next(by_class, ""))


def is_participant(chart: Any) -> bool:
    """Whether a chart is one of ours, or made from one."""
    return isinstance(chart, type) and issubclass(chart, Participant)


def _of_server(lifeline: str, said: Mapping[str, str], players: Mapping[str, Player]) -> str:
    """What is said of a lifeline, or of another one of its server."""
    group = players[lifeline].group
    return next((text for name, text in said.items() if name == lifeline or players[name].group == group != ""), "")


def spoken(name: str, chart: type[StateChart[Any]], binding: Binding) -> frozenset[str]:
    """The actions of a chart that is given under a name, as it says itself and as the binding says of it."""
    if isinstance(chart, TransitionsChart):
        return chart.actions
    said = binding.events_of(name, chart)
    return actions_of(chart, said.sends, said.receives)


def _anything(client: str, factory: SystemFactory) -> Iterator[Sending]:
    """All that a scripted lifeline can send: what crosses the broker, and what charts that are not ours receive."""
    packets: list[Message] = [CONNECT(), DISCONNECT(), ConnectionLost()]
    packets += [SUBSCRIBE(topic=event.topic) for event in BUS_EVENTS]
    packets += [sample(event, client) for event in BUS_EVENTS]
    packets += [ClientRegistered(client=client, info=ClientMetadata(), session=client), TrackerGoodbye(session=client)]
    yield from (Sending(packet, "broker") for packet in packets)
    theirs = ((name, chart) for name, chart in factory.charts.items() if not is_participant(chart))
    names = {
        action[1:] for name, chart in theirs for action in spoken(name, chart, factory.binding) if action[0] == "?"
    }
    for name in sorted(names):
        drawn = factory.payloads.get(name)
        yield from [Sending(Payload(name, values), "") for values in drawn] if drawn else [Sending(name, "")]


def sample(event: type[BusEvent], client: str) -> BusEvent:
    """An event of this kind that says as little as it can, about a client."""
    required = (each.name for each in fields(event) if each.default is MISSING and each.default_factory is MISSING)
    return event(**{name: _SAMPLE.get(name, client) for name in required})


_SAMPLE: Mapping[str, Any] = immutabledict(
    hash_algorithm="sha-256",
    fragment_size=FRAGMENT_SIZE,
    reason_code=ReasonCode.OTHER,
    info=ClientMetadata(),
    hash="new-file",
    size=FRAGMENT_SIZE,
)
"""What events have to say besides naming a client."""


def _ours(
    chart: Any,
    lifeline: str,
    binding: Binding,
    conflicts: bool,
    hardened: Mapping[str, Any],
    endpoint: str,
) -> Participant:
    """A chart of ours, or one that stands in for it, with data."""
    player = binding.players[lifeline]
    ours = chart if issubclass(chart, KINDS) else OURS.get(player.chart, chart)
    if issubclass(ours, MqttClient):
        try:
            made: Participant = chart(player.client, start="offline", **hardened)
        except TypeError:
            raise CastError(
                f"[[begin]]: {chart.__name__}, which plays {lifeline}, is not made with {' and '.join(hardened)}: "
                "take its sessions and services away"
            ) from None
    elif not player.group:
        raise CastError(
            f"{player.place or lifeline}: say whose {chart.__name__} {lifeline} is: give it the group of its server, "
            f"or let it be like another lifeline"
        )
    elif issubclass(ours, DistributionView):
        made = chart(_view(lifeline, binding, endpoint, conflicts=conflicts))
    elif issubclass(ours, (Clock, Broker)):
        made = chart()
    else:
        raise CastError(f"{chart.__name__} for {lifeline}: no way to give it data; name a chart of machines")
    return made


def _view(lifeline: str, binding: Binding, endpoint: str, *, conflicts: bool) -> View:
    """The view of a tracker knows one file; that of a torrent server brings another, and may fail to be changed."""
    group = binding.players[lifeline].group
    owners = (player for player in binding.players.values() if player.group == group and player.role == "client")
    owner = min(owners, key=lambda player: player.place == BUILT_IN, default=None)
    if owner is None or owner.chart == "Tracker":
        files = immutabledict({"file": FileMetadata(FRAGMENT_SIZE, ("fragment",))})
        fragments = immutabledict({"fragment": FragmentMetadata(FRAGMENT_SIZE)})
        return View(fragment_size=FRAGMENT_SIZE, files=files, fragments=fragments)
    own = f"{owner.client}-fragment"
    joining = owner.chart == "TorrentServer"
    return View(
        fragment_size=2 * FRAGMENT_SIZE if conflicts and joining else None,
        files=immutabledict({f"{owner.client}-file": FileMetadata(10, (own,))}),
        fragments=immutabledict({own: FragmentMetadata(10)}),
        own=ClientMetadata(frozenset({endpoint or f"http://{owner.client}/"}), frozenset({own})),
        storage="either" if joining else "sound",
    )


def order(lifeline: str, name: str) -> Iterator[Hashable]:
    """The messages that an order of the environment can be."""
    if name == "PublishFailed":
        yield from (PublishFailed(event=event) for event in (TrackerHello, ClientJoinDenied, ClientJoinRequested))
    elif name in _BESIDE:
        yield sample(_BESIDE[name], lifeline)
    elif name == "SubscriptionFailed":
        yield from (SubscriptionFailed(topic=topic) for topic in sorted(_topics()))
    else:
        found = _ORDERS.get(name)
        yield name if found is None else found()  # charts that are not ours call their messages by name


_BESIDE = {event.__name__: event for event in BESIDE}
_ORDERS = {order.__name__: order for order in (Start, Stop, ConnectionLost, ConnectionFailed)}


def _topics() -> frozenset[str]:
    return frozenset(topic for chart in CHARTS for topic in getattr(chart, "topics", ()))
