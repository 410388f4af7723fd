"""The check that names do not matter asks for all permutations, not only for those that a search happens to meet."""

from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import pytest

from spec.exploration.explore import explore
from spec.exploration.model.chart_node import Chart
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import Faults
from spec.exploration.model.node import Arrow, Outcome
from spec.exploration.model.renaming import Renaming
from spec.exploration.properties.language import Implication, always
from tests.spec.exploration.random_systems import Names, Rules, Seen, Table, seen

PEERS = ("ann", "bob", "cid")
ORDERS = tuple(permutations(PEERS))
Order = tuple[str, ...]


class Hub(Chart):
    """Waits for all to call, and prefers some orders of their calls."""

    def __init__(self, preferred: frozenset[Order]) -> None:
        self.name, self.preferred = "hub", preferred

    def begin(self) -> Any:
        return 0, ()

    def is_busy(self, state: Any) -> bool:
        return False

    def receive(self, state: Any, message: Any) -> tuple[Outcome, ...]:
        here = (*state[1], message.split()[1])
        then = (1 if here in self.preferred else 0, here)
        return (Outcome(then, (), (Arrow("", self.name, message),)),)

    def ignores(self, state: Any, message: Any) -> bool:
        return False

    def renamed(self, state: Any, names: Renaming) -> Any:
        return names(state)

    def renamed_message(self, message: Any, names: Renaming) -> Any:
        return names(message)

    def expiries(self, state: Any) -> tuple[Outcome, ...]:
        return ()


@dataclass(frozen=True)
class Called:
    """A hub that all peers call once."""

    preferred: frozenset[Order]
    name: str = "called"

    def build(self, **options: Any) -> ClosedSystem:
        """The closed system."""
        peer = Rules({}, {0: ((1, ("call", "self")),)})
        nodes = (Hub(self.preferred), *(Table(name, peer) for name in PEERS))
        return ClosedSystem(nodes, Names("hub", PEERS), Faults(), **options)

    def interchangeable_groups(self) -> tuple[tuple[int, ...], ...]:
        """All peers, as it is claimed."""
        return ((1, 2, 3),)


@always
def no_order_is_preferred(tracker: Seen) -> Implication:
    """That would depend on names."""
    return True, tracker.at == 0


@pytest.mark.parametrize("count", range(len(ORDERS) + 1))
def test_a_hub_that_prefers_some_orders_is_not_symmetric(count: int) -> None:
    for preferred in combinations(ORDERS, count):
        result = explore(Called(frozenset(preferred)), properties=(no_order_is_preferred,), observe=_seen)
        assert bool(result.asymmetry) == (0 < count < len(ORDERS)), preferred
        assert result.verdicts[0].holds is (count == 0)


def _seen(system: ClosedSystem, component: int, state: Any, idle: bool) -> Any:
    return Seen("hub", state[0], idle) if component == 0 else seen(system, component, state, idle)
