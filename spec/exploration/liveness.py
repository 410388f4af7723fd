"""Liveness: whether every run comes to rest once nothing goes wrong any more.

Fairness, as it is assumed: no further fault happens, and whoever can always do something does it some day: messages are
read, timeouts that are set expire, whoever is started connects. So a run goes on until nothing can happen but faults
and orders. It comes to rest where the graph of these steps has no cycle, and where it ends everything is quiet. A cycle
in which somebody could act all the time and never does is no fair run (weak fairness); if only such a cycle is found,
the verdict is open.

The graph is searched over all states that were found, so this holds from wherever faults have led. Under symmetry a
cycle of orbits is a cycle of states, and the other way round, since there are finitely many ways to exchange names.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spec.exploration.engine.packing import Numbers
from spec.exploration.engine.search import BreadthFirst, Origins
from spec.exploration.engine.vectorised.successors import Successors
from spec.exploration.model.budget import UNFAIR
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import BREAKING
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.steps import Label, Row
from spec.exploration.properties.language import Claims

STATE = 16
"""Bytes that the graph takes for each state, at most, while it is built."""


@dataclass(frozen=True)
class Rest:
    """How runs end. `holds` is None if that is not known."""

    holds: bool | None
    path: tuple[int, ...] = ()
    """States from the first one to where a run is stuck, or to where it goes round."""
    cycle: tuple[int, ...] = ()
    """The states that it goes round, beginning after the last of the path."""


def comes_to_rest(search: BreadthFirst, claims: Claims) -> Rest:
    """Whether every run comes to rest. The search has to be complete."""
    spare = search.spare()
    needed = search.step_size * search.transitions + STATE * search.count + search.parents.itemsize * len(search.places)
    if spare is not None and needed > spare:
        return Rest(None)
    try:
        graph = _Graph.of(search)
    except KeyboardInterrupt:
        return Rest(None)
    stuck = graph.ends[~_quiet(search, claims, graph.ends)]
    if len(stuck):
        return Rest(False, tuple(_path(search, int(stuck.min()))))
    left = graph.left()
    if not len(left):
        return Rest(True)
    cycle = graph.cycle(int(left.min()), left)
    fair = _is_fair(search, cycle)
    return Rest(False if fair else None, tuple(_path(search, cycle[0])), (*cycle[1:], cycle[0]))


def _path(search: BreadthFirst, at: int) -> list[int]:
    found = [at]
    while found[-1]:
        found.append(int(search.parents[found[-1]]))
    return found[::-1]


def _quiet(search: BreadthFirst, claims: Claims, states: Numbers) -> npt.NDArray[np.bool_]:
    successors = Successors(search.tables, search.layout)
    found = successors.unpacked(search.keys[states])
    quiet = np.ones(len(states), np.bool_)
    for component in range(len(search.system.nodes)):
        quiet &= claims.quiet_sides(component)[successors.sides(found, component)]
    return quiet


@dataclass
class _Graph:
    """The steps that happen by themselves, by number of state."""

    search: BreadthFirst
    sources: Origins
    targets: Origins

    @classmethod
    def of(cls, search: BreadthFirst) -> "_Graph":
        costs = search.system.costs.items()
        unfair = [cost for fault, cost in costs if fault in UNFAIR or fault.startswith(BREAKING)]
        return cls(search, *search.edges(search.tables.without(unfair)))

    @property
    def ends(self) -> Numbers:
        """States from which nothing happens by itself."""
        return np.flatnonzero(np.bincount(self.sources, minlength=self.search.count) == 0)

    def left(self) -> Numbers:
        """What is left when states without successors are taken away, again and again: what leads to a cycle."""
        return np.flatnonzero(self.search.peeled(self.sources, self.targets))

    def after(self, state: int) -> Numbers:
        """The states that follow one."""
        return np.unique(self.targets[self.sources == state])

    def cycle(self, state: int, left: Numbers) -> list[int]:
        """A cycle that the state leads to."""
        inside = set(left.tolist())
        found: dict[int, int] = {}
        while state not in found:
            found[state] = len(found)
            state = next(then for then in self.after(state).tolist() if then in inside)
        return list(found)[found[state] :]


def _is_fair(search: BreadthFirst, cycle: list[int]) -> bool:
    """Whether each component acts in the cycle, or is somewhere in it unable to act."""

    def least(state: int) -> Row:
        return canonical(search.system, search.row(state), search.ways)

    wanted = {search.row(state): least(then) for state, then in zip(cycle, [*cycle[1:], cycle[0]], strict=True)}
    acts: set[int] = set()
    always_can = set(range(len(search.system.nodes)))
    for row, then in wanted.items():
        for label, after in successors(search.system, row):
            if is_fair(label) and canonical(search.system, after, search.ways) == then:
                acts.add(label.component)
        always_can &= by_itself(search.system, row)
    return always_can <= acts


def is_fair(label: Label) -> bool:
    """Whether a step is no fault and no order."""
    fails = label.outcome is not None and bool(label.outcome.fault)
    return label.kind in {"read", "expire", "publish", "forward", "start"} and label.lost is None and not fails


def by_itself(system: ClosedSystem, row: Row) -> set[int]:
    """The components that can do something that is no fault and no order."""
    return {label.component for label, _ in successors(system, row) if is_fair(label)}
