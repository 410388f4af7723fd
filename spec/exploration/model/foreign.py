"""Systems of charts that are not ours: any `StateChart` whose events are actions (`spec.system.foreign`).

Each chart is a component. What it sends goes, without a broker, to the charts that are named for it in `routes`, or
else to all others that have an event for it. There is one channel to each chart, first in first out. A send happens
at any time at which the chart can do it, and it can be lost, as the faults say. A duplicate is read and stays in the
channel, to be read once more. A chart that crashes begins anew, with nothing in its channel; what it had sent stays in
those of others. Properties are the user's own
(`spec.exploration.properties.language`): functions whose parameters are the names of charts, or `each` of them, which
they see as `Standing`. Properties about any such system stand in `spec.exploration.properties.foreign`.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from immutabledict import immutabledict
from statemachine import StateChart

from machines import Participant
from machines.participant import atomic_states
from spec.binding import Events
from spec.exploration.model.bus import Wires
from spec.exploration.model.chart_node import Broken, Chart
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import IN_ALL, Faults
from spec.hints import near_to
from spec.system.chart_body import Held, Local
from spec.system.foreign import ForeignMachine, actions_of
from spec.system.process import ChartMachine, Payloads, name_of


@dataclass(frozen=True)
class ForeignSystem:
    """Charts by name, and what can go wrong. `starts` names the atomic state of those that begin elsewhere."""

    name: str
    charts: Mapping[str, type[StateChart[Any]]]
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=immutabledict)
    """To whom messages go; to nobody, where that is meant."""
    starts: Mapping[str, str] = field(default_factory=immutabledict)
    faults: Faults = field(default_factory=Faults)
    interchangeable: tuple[tuple[str, ...], ...] = ()
    """Names of charts that differ in nothing else, in groups."""
    may_stay: Mapping[str, tuple[str, ...]] = field(default_factory=immutabledict)
    """The atomic states besides final ones that charts may stay in for good."""
    events: Mapping[str, Events] = field(default_factory=immutabledict)
    """What the events of charts are that do not say so themselves, as a binding says it."""
    payloads: Payloads = field(default_factory=immutabledict)
    """The values that messages are sent with."""
    addressed: bool = False
    """Whether a chart sends to one receiver at a time, as in a check, and guards and callbacks see `to` and `sender`.
    Otherwise what is sent goes to all who take it."""
    broadcast: frozenset[str] = frozenset()
    """The names of messages that go to all at once, nevertheless."""
    unordered: bool = False
    """Whether messages to a chart may overtake each other."""

    def build(self, **options: Any) -> ClosedSystem:
        """The closed system. Raises `ValueError` for a name that there is not, or an event that is no action."""
        self.check()
        sent = dict.fromkeys(message for name in self.charts for message in self._messages(name, "!"))
        takers = {
            message: tuple(name for name in self.charts if message in self._messages(name, "?")) for message in sent
        }
        routes = {**takers, **self.routes}
        nodes = tuple(self._node(name, routes) for name in self.charts)
        wires = Wires(tuple(self.charts), routes)
        return ClosedSystem(nodes, wires, self.faults, **{"ordered": not self.unordered, **options})

    def interchangeable_groups(self) -> tuple[tuple[int, ...], ...]:
        """The components that differ in their names only."""
        places = {name: place for place, name in enumerate(self.charts)}
        return tuple(tuple(places[name] for name in group) for group in self.interchangeable)

    def observe(self, system: ClosedSystem, component: int, state: Hashable, idle: bool) -> "Standing":
        """How properties see a component, with what is said here of where it may stay, and of what goes to nobody."""
        name = system.nodes[component].name
        return standing(system, component, state, idle, self.may_stay.get(name, ()), self.routes)

    def check(self) -> None:
        """Raise `ValueError` for what is said of a name that there is not, and for faults that do not happen here."""
        names = [(name, "starts") for name in self.starts] + [(name, "may stay") for name in self.may_stay]
        names += [(name, f"routes of {message!r}") for message, to in self.routes.items() for name in to]
        names += [(name, "interchangeable") for group in self.interchangeable for name in group]
        for name, place in names:
            self._known(name, self.charts, place, "chart")
        messages = self.messages()
        for message, place in (
            *((each, "payloads") for each in self.payloads),
            *((each, "faults: loses") for each in self.faults.loses),
            *((each, "broadcast") for each in self.broadcast),
        ):
            self._known(message, messages, place, "message")
        for name, states in self.may_stay.items():
            for state in states:
                self._known(
                    state, [each.id for each in atomic_states(self.charts[name])], f"may stay of {name}", "atomic state"
                )
        happen = ("losses", "duplicates", *(f"crash {name}" for name in self.charts), IN_ALL)
        for fault, bound in self.faults.bounds.items():
            if fault not in happen and bound != 0:
                raise ValueError(
                    f"{self.name}: faults: {fault!r} does not happen to such charts; there are {', '.join(happen)}"
                )
        if self.faults.stabilisation:
            raise ValueError(
                f"{self.name}: faults: there is no stabilisation in such a system: leave it out, and bound the losses"
            )

    def messages(self) -> set[str]:
        """The names of all messages that charts send or receive."""
        return {message for name in self.charts for kind in "!?" for message in self._messages(name, kind)}

    def sent_by(self, name: str) -> list[str]:
        """The names of the messages that a chart can send."""
        return self._messages(name, "!")

    def taken_by(self, name: str) -> list[str]:
        """The names of the messages that a chart has a reception for."""
        return self._messages(name, "?")

    def _known(self, name: str, known: Iterable[str], place: str, kind: str) -> None:
        known = sorted(known)
        if name not in known:
            raise ValueError(
                f"{self.name}: {place}: no {kind} {name!r}{near_to(name, known)}; there are {', '.join(known)}"
            )

    def _node(self, name: str, routes: Mapping[str, tuple[str, ...]]) -> Chart:
        chart: Any = self.charts[name]
        if issubclass(chart, Participant):
            return Chart(name, ChartMachine(chart()), self.starts.get(name, ""))
        spoken = {message for kind in "!?" for message in self._messages(name, kind)}
        payloads = {message: values for message, values in self.payloads.items() if message in spoken}
        machine = ForeignMachine(chart, payloads=payloads, **self._said(name).declared())
        peers = {
            message: tuple(to for to in routes[message] if to != name)
            for message in self._messages(name, "!")
            if message not in self.broadcast
        }
        return Chart(name, machine, self.starts.get(name, ""), peers if self.addressed else None)

    def _said(self, name: str) -> Events:
        return self.events.get(name) or self.events.get(self.charts[name].__name__) or Events()

    def _messages(self, name: str, kind: str) -> list[str]:
        """The names of the messages that a chart has a send for, or a reception."""
        said = self._said(name)
        labels = actions_of(self.charts[name], said.sends, said.receives)
        return sorted(label[1:] for label in labels if label.startswith(kind))


@dataclass(frozen=True)
class Standing:
    """How properties see a chart: the atomic states that it is in, and its whole local state."""

    name: str
    where: tuple[str, ...]
    state: Hashable
    is_quiescent: bool
    broken: str = ""
    """What came that it does not take."""
    raised: str = ""
    """The error that one of its callbacks raised."""
    is_stuck: bool = False
    """Whether nothing is under way to it, and it can do nothing by itself, though nothing has gone wrong with it."""
    may_stay_for_good: bool = False
    """Whether it may stay where it is for good: in a final state, or in one that is named."""
    unheard: tuple[str, ...] = ()
    """The names of the messages that it can send here, and that nobody takes."""


def standing(
    system: ClosedSystem,
    component: int,
    state: Hashable,
    idle: bool,
    may_stay: Iterable[str] = (),
    routes: Mapping[str, tuple[str, ...]] = immutabledict(),
) -> Standing:
    """How properties see a component, which may also stay for good in the states of `may_stay`."""
    node = system.nodes[component]
    assert isinstance(node, Chart)
    acts = node.expiries(state)
    sent = dict.fromkeys(message for outcome in acts for message in outcome.sent)
    heard = {message: system.delivery.reached(component, system.numbers.message(message)) for message in sent}
    unheard = dict.fromkeys(name_of(each) for each in sent if not heard[each] and name_of(each) not in routes)
    broken = state if isinstance(state, Broken) else Broken(state, "")
    held = broken.state
    where = node.machine.where(held)
    data = held.data if isinstance(held, Local) else None
    is_over = isinstance(data, Held) and not data.running
    return Standing(
        node.name,
        where,
        held,
        idle and not acts,
        broken.broken,
        broken.raised,
        is_stuck=idle and not acts and not isinstance(state, Broken),
        may_stay_for_good=is_over or (bool(where) and set(where) <= set(may_stay)),
        unheard=tuple(unheard),
    )
