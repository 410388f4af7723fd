"""Systems of charts that are not ours: any `StateChart` whose events are named `?message` and `!message`.

Each chart is a component. What it sends goes, without a broker, to the charts that are named for it in `routes`, or
else to all others that have an event for it. There is one channel to each chart, first in first out. A send happens
at any time at which the chart can do it; it can be lost, and delivered twice, as the faults say. Claims are the user's
own (`spec.exploration.properties.language`): functions whose parameters are the names of charts.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from immutabledict import immutabledict
from statemachine import StateChart

from machines import Participant
from spec.exploration.model.bus import Wires
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import Faults
from spec.exploration.model.node import Broken, Chart
from spec.system.foreign import ForeignMachine, actions_of
from spec.system.process import ChartMachine


@dataclass(frozen=True)
class Others:
    """Charts by name, and what can go wrong. `starts` names the atomic state of those that begin elsewhere."""

    name: str
    charts: Mapping[str, type[StateChart[Any]]]
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=immutabledict)
    starts: Mapping[str, str] = field(default_factory=immutabledict)
    faults: Faults = field(default_factory=Faults)
    alike: tuple[tuple[str, ...], ...] = ()
    """Names of charts that differ in nothing else, in groups."""

    def build(self, **options: Any) -> ClosedSystem:
        """The closed system. Raises `ValueError` for a name that there is not, or an event that is no action."""
        unknown = {*self.starts, *(name for names in self.routes.values() for name in names)} - self.charts.keys()
        if unknown:
            raise ValueError(f"{self.name}: no chart {sorted(unknown)}; there are {', '.join(self.charts)}")
        nodes = tuple(self._node(name) for name in self.charts)
        takers = {
            message: tuple(node.name for node in nodes if node.machine.takes(message))
            for chart in self.charts.values()
            for message in _sends(chart)
        }
        return ClosedSystem(nodes, Wires(tuple(self.charts), {**takers, **self.routes}), self.faults, **options)

    def interchangeable(self) -> tuple[tuple[int, ...], ...]:
        """The components that differ in their names only."""
        places = {name: place for place, name in enumerate(self.charts)}
        return tuple(tuple(places[name] for name in group) for group in self.alike)

    def _node(self, name: str) -> Chart:
        chart: Any = self.charts[name]
        ours = issubclass(chart, Participant)
        machine = ChartMachine(chart()) if ours else ForeignMachine(chart)
        return Chart(name, machine, self.starts.get(name, ""))


def _sends(chart: type[StateChart[Any]]) -> list[str]:
    """The names of the messages that a chart has a send for."""
    return [label[1:] for label in actions_of(chart) if label.startswith("!")]


@dataclass(frozen=True)
class Standing:
    """How claims see a chart: the atomic states that it is in, and its whole local state."""

    name: str
    where: tuple[str, ...]
    state: Hashable
    is_quiet: bool
    broken: str = ""
    """What came that it does not take."""


def standing(system: ClosedSystem, component: int, state: Hashable, idle: bool) -> Standing:
    """How claims see a component."""
    node = system.nodes[component]
    assert isinstance(node, Chart)
    broken = state.broken if isinstance(state, Broken) else ""
    held = state.state if isinstance(state, Broken) else state
    return Standing(node.name, node.machine.where(held), held, idle, broken)
