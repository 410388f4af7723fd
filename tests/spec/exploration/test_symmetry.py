"""The check that names do not matter asks for all permutations, not only for those that a search happens to meet."""

from dataclasses import dataclass, replace
from itertools import combinations, pairwise, permutations
from typing import Any

import pytest

from spec.exploration.explore import Options, explore
from spec.exploration.model.chart_node import Chart
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import Faults
from spec.exploration.model.node import Arrow, Outcome
from spec.exploration.model.renaming import MOST_WAYS, Renaming, permutations_of
from spec.exploration.model.scenario import scenario
from spec.exploration.properties.client_join import PROPERTIES
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


@pytest.mark.parametrize("sizes", [(5,), (6,), (8,), (4, 4), (3, 3, 3, 3), (2, 12)])
def test_there_are_not_too_many_ways_to_exchange_names(sizes: tuple[int, ...]) -> None:
    """With eight servers there are 40,320. Fewer will do where those are a group: then no state is lost."""
    ends = [1 + sum(sizes[:place]) for place in range(len(sizes) + 1)]
    ways = permutations_of(1 + sum(sizes), [range(one, two) for one, two in pairwise(ends)])
    assert len(ways) <= MOST_WAYS
    assert ways[0] == tuple(range(1 + sum(sizes)))
    assert {tuple(one[place] for place in other) for one in ways for other in ways} == set(ways)


def test_eight_servers_are_searched_as_far_as_is_wanted() -> None:
    found = explore(replace(scenario("standard"), torrents=8), Options(most=300), [PROPERTIES[0]])
    assert found.found.progress.states > 300
    assert "not wanted" in found.verdicts[0].reason
