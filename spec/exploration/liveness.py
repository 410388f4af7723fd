"""Liveness: whether every fair run terminates, does something some day, or lets something lead to something.

What is fair is said in `spec.exploration.fairness`: faults end, and each action that stays possible is taken some day.
A property about runs is broken by a *lasso*: a stem to a state, and a cycle that begins and ends there and is fair; or
by a stem alone, to where nothing is possible any more. The stem may contain faults, the cycle does not.

`rest` is broken by every fair cycle, and by an end where not all is quiescent. `eventually` and `leads_to` are broken
by a state where the premise holds, and from there on a path, and a fair cycle or an end, without any state in which the
conclusion holds. So these two look at the graph without the states in which it does.

Whether there is a fair cycle is asked of each strongly connected component (of the graph, or of what is left of it).
For weak fairness it is enough to ask, for each action, whether some state of the component makes it impossible, or some
step inside takes it:

- If so for all actions, a walk through all states and all steps of the component, again and again, is fair.
- If there is a fair run, the states that it visits without end, with the steps between them, are strongly connected,
  and each action is impossible in some of these states or taken by some of these steps. Both are in the component that
  contains them, so this component passes, too. (A part that passes makes the whole pass, since all that is asked for is
  that something exists. So no component has to be searched for smaller ones. Of strong fairness this is not true: there
  a state that makes an action possible is asked for nothing before the part that avoids it.)

Reductions. Symmetry: components of the quotient are unrolled (`spec.exploration.engine.vectorised.unrolled`) for
`rest`; the other properties may name components, and are judged in a search without it. Undelivered messages that are
ignored: leaving them out makes and removes no cycle and no end, and the first message that matters is read, as if the
others were read at once. But while they are under way, nobody's patient timeout can expire. So where only such
timeouts keep a component from being fair, it is looked at again with everything delivered.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spec.exploration.engine import packing
from spec.exploration.engine.packing import Numbers
from spec.exploration.engine.search import INTERRUPTED, BreadthFirst, Origins
from spec.exploration.engine.vectorised.successors import Successors
from spec.exploration.engine.vectorised.unrolled import Unrolled, unrolled
from spec.exploration.fairness import action, served
from spec.exploration.model.budget import UNFAIR
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import BREAKING
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.steps import Label, Row
from spec.exploration.properties.language import Instance, Properties, Property, instances
from spec.exploration.walks import Walks

STATE = 16
"""Bytes that the graph takes for each state, at most, while it is built."""
CHUNK = 1 << 14
"""States that are looked at together."""
Flags = npt.NDArray[np.bool_]
Run = tuple[tuple[Label, Row], ...]


class Cut(Exception):  # noqa: N818 - what happened, not a defect
    """The graph could not be built, or not searched: the message says why."""


class Inexact(Exception):  # noqa: N818 - what was found out
    """Only what has been left out tells whether a component is fair."""


@dataclass(frozen=True)
class Lasso:
    """A run that breaks a property, as steps, each with the state after it: those that happen once, and those that can
    be repeated for ever. There are none of these where the run ends.
    """

    stem: Run
    cycle: Run = ()
    delivers: Callable[[int, Hashable], bool] = field(default=lambda _component, _message: True)
    """Which messages are delivered to a component."""


@dataclass(frozen=True)
class Answer:
    """What became of a property about runs; `holds` is None if that is not known, and then `reason` says why."""

    holds: bool | None
    non_vacuous: bool = True
    reason: str = ""
    lasso: Lasso | None = None


@dataclass
class Liveness:
    """Properties about runs of a system, asked of one complete search of it.

    `exact` searches the system anew with all messages delivered and all names told apart; it raises `Cut` if that
    cannot be completed. `claims_of` makes properties about such a system.
    """

    search: BreadthFirst
    properties: Properties
    exact: Callable[[], tuple[BreadthFirst, Properties]]

    def answer(self, property_: Property) -> Answer:
        """Whether a property holds of every fair run."""
        try:
            if property_.when == "termination":
                return self._rest()
            return self._leads_to(property_)
        except Cut as found:
            return Answer(None, reason=str(found))
        except MemoryError:
            return Answer(None, reason="there is no memory left for the graph of all steps")
        except KeyboardInterrupt:
            return Answer(None, reason=INTERRUPTED)

    @cached_property
    def _graph(self) -> "Graph":
        return Graph(self.search)

    @cached_property
    def _exact(self) -> "tuple[Graph, Properties]":
        if not self.search.system.drop_inert and len(self.search.permutations) < 2:  # noqa: PLR2004 - the identity alone
            return self._graph, self.properties
        search, properties = self.exact()
        return Graph(search), properties

    def _rest(self) -> Answer:
        try:
            return _rest(self._graph, self.properties)
        except Inexact:
            return _rest(*self._exact)

    def _leads_to(self, property_: Property) -> Answer:
        graph, properties = self._exact
        _renew(properties)
        non_vacuous = False
        names = [node.name for node in graph.system.nodes]
        for instance in instances((property_,), names, graph.system.trackers):
            premise, conclusion = graph.answers(properties, instance)
            if property_.when == "eventually":
                premise[1:] = False
            non_vacuous |= bool(premise.any())
            waiting = np.flatnonzero(premise & ~conclusion)
            lasso = graph.avoids(conclusion, waiting) if len(waiting) else None
            if lasso is not None:
                return Answer(False, lasso=lasso)
        if not non_vacuous:
            return Answer(None, non_vacuous=False, reason="its premise holds in no state")
        return Answer(True)


def _renew(properties: Properties) -> None:
    """Have properties know all states that have been met since they were last looked at."""
    if not properties.is_current():
        properties.renew()


def _rest(graph: "Graph", properties: Properties) -> Answer:
    _renew(properties)
    stuck = graph.ends[~graph.quiescent(properties, graph.ends)]
    if len(stuck):
        return Answer(False, lasso=graph.lasso(graph.run(graph.path(int(stuck.min())))))
    found = graph.fair(np.ones(graph.search.count, np.bool_))
    return Answer(True) if not found else Answer(False, lasso=graph.goes_round(graph.path(found[0][0]), *found[0]))


def unfair(system: ClosedSystem) -> list[int]:
    """What faults cost that need not happen."""
    return [cost for fault, cost in system.budgets.costs.items() if fault in UNFAIR or fault.startswith(BREAKING)]


class Graph:
    """The steps that happen by themselves between the states of a complete search, by number of state.

    Raises `MemoryError` if there is not so much memory.
    """

    def __init__(self, search: BreadthFirst) -> None:
        self.search, self.system = search, search.system
        self._spend(
            search.step_size * search.transitions + STATE * search.count + search.parents.itemsize * len(search.places)
        )
        self.unfair = unfair(search.system)
        self.tables = search.tables.without(self.unfair)
        self.sources, self.targets = self.steps()

    def steps(self) -> tuple[Origins, Origins]:
        """All steps that happen by themselves, by number of state: from where, and to where."""
        return self.search.edges(self.tables)

    def _spend(self, size: int) -> None:
        spare = self.search.spare()
        if spare is not None and size > spare:
            raise MemoryError

    @cached_property
    def every(self) -> tuple[Origins, Origins]:
        """All steps, with faults and orders."""
        self._spend(self.search.step_size * self.search.transitions)
        return self.search.edges(self.search.tables)

    @cached_property
    def ends(self) -> Numbers:
        """States from which nothing happens by itself."""
        return np.flatnonzero(np.bincount(self.sources, minlength=self.search.count) == 0)

    def path(self, at: int) -> list[int]:
        """States from the first one to one, by number."""
        found = [at]
        while found[-1]:
            found.append(int(self.search.parents[found[-1]]))
        return found[::-1]

    def lasso(self, stem: Run, cycle: Run = ()) -> Lasso:
        """A lasso of these steps."""
        return Lasso(stem, cycle, self.system.delivery.delivers)

    def run(self, path: Sequence[int]) -> Run:
        """The steps along states by number, with names that are not exchanged on the way."""
        found = []
        here = self.search.row(path[0])
        for state in path[1:]:
            wanted = canonical(self.system, self.search.row(state), self.search.permutations)
            label, here = next(
                (label, then)
                for label, then in successors(self.system, here)
                if canonical(self.system, then, self.search.permutations) == wanted
            )
            found.append((label, here))
        return tuple(found)

    # States.

    def quiescent(self, properties: Properties, states: Numbers) -> Flags:
        """Which of some states are quiescent."""
        found = Successors(self.search.tables, self.search.layout)
        numbers = found.unpacked(self.search.keys[states])
        quiescent = np.ones(len(states), np.bool_)
        for component in range(len(self.system.nodes)):
            quiescent &= properties.quiescent_sides(component)[found.sides(numbers, component)]
        return quiescent

    def answers(self, properties: Properties, instance: Instance) -> tuple[Flags, Flags]:
        """For each state, the premise and the conclusion of an instance; asked once for each combination of sides."""
        found = Successors(self.search.tables, self.search.layout)
        premise, conclusion = (np.zeros(self.search.count, np.bool_) for _ in range(2))
        for begin in range(0, self.search.count, CHUNK):
            states = found.unpacked(self.search.keys[begin : min(begin + CHUNK, self.search.count)])
            sides = [
                states.budget if component == len(self.system.nodes) else found.sides(states, component)
                for component in instance.components
            ]
            if not sides:
                sides = [np.zeros_like(states.budget)]
            seen, which = np.unique(np.stack(sides, axis=1), axis=0, return_inverse=True)
            answers = [
                instance.property_.says(*map(properties.side, instance.components, numbers))
                for numbers in seen.tolist()
            ]
            told = np.array(answers, np.bool_)[which.reshape(-1)]
            premise[begin : begin + len(told)], conclusion[begin : begin + len(told)] = told[:, 0], told[:, 1]
        return premise, conclusion

    # Cycles.

    def fair(self, inside: Flags) -> list[tuple[int, Numbers]]:
        """Components of the part of the graph with some states only in which there is a fair cycle, nearest first.

        Each is its nearest state, and all of its states, by number. Raises `Inexact`.
        """
        states, group = self.cyclic(inside)
        if not len(states):
            return []
        nearest = np.full(int(group.max()) + 1, self.search.count, np.int64)
        np.minimum.at(nearest, group, states)
        begins = (states, group) if len(self.search.permutations) < 2 else (nearest, np.arange(len(nearest)))  # noqa: PLR2004
        parts = Parts(self._unrolled(states, group, begins))
        if parts.unfair.all() and not parts.firmly_unfair.all() and self.system.drop_inert:
            raise Inexact
        members = np.split(states[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
        return sorted(((int(nearest[one]), members[one]) for one in np.flatnonzero(~parts.unfair)), key=lambda f: f[0])

    def cyclic(self, inside: Flags) -> tuple[Numbers, Numbers]:
        """The states that can reach themselves inside a part of the graph, and of which component each is."""
        sources, targets = self.sources, self.targets
        if not inside.all():
            kept = inside[sources] & inside[targets]
            sources, targets = sources[kept], targets[kept]
        for _ in range(2):  # what leads to a cycle, and of that, with all steps turned round, what a cycle leads to
            left = self.search.peeled(sources, targets) > 0
            kept = left[sources] & left[targets]
            sources, targets = targets[kept], sources[kept]
        states = np.flatnonzero(left)
        if not len(states):
            return states, states
        number = np.zeros(self.search.count, np.int64)
        number[states] = np.arange(len(states))
        found = self.search.components(len(states), number[sources], number[targets])
        same = found[number[sources]] == found[number[targets]]
        cyclic = np.isin(found, found[number[sources[same]]])
        return states[cyclic], np.unique(found[cyclic], return_inverse=True)[1].reshape(-1)

    def _unrolled(self, states: Numbers, group: Numbers, begins: tuple[Numbers, Numbers]) -> Unrolled:
        rows = packing.unpack(self.search.keys[states], self.search.layout)
        first = packing.unpack(self.search.keys[begins[0]], self.search.layout)
        return unrolled(self.tables, rows, group, (first, begins[1]), self._spend)

    def goes_round(self, path: Sequence[int], _nearest: int, states: Numbers) -> Lasso:
        """A lasso with a fair cycle through the last state of a path, in the component of these states."""
        stem = self.run(path)
        here = stem[-1][1] if stem else self.search.row(path[0])
        group = np.zeros(len(states), np.int64)
        rows = packing.unpack(self.search.keys[states], self.search.layout)
        begins = np.array([self.tables.numbered(here)], np.int64)
        if len(self.search.permutations) < 2:  # noqa: PLR2004 - nothing has to be reached under other names
            begins = np.concatenate((begins, rows[states != path[-1]]))
        part = unrolled(self.tables, rows, group, (begins, group[: len(begins)]), self._spend)
        return self.lasso(stem, tuple(self._labelled(part, Walks(part).round())))

    def _labelled(self, part: Unrolled, steps: Sequence[int]) -> Iterator[tuple[Label, Row]]:
        for step in steps:
            yield part.tables.plans[part.steps[step]].label, part.tables.row(part.numbers(int(part.targets[step])))

    # What is avoided for good.

    def avoids(self, conclusion: Flags, waiting: Numbers) -> Lasso | None:
        """A lasso through one of the waiting states, after which the conclusion never holds; None if there is none."""
        without = ~conclusion
        ends = self.ends[without[self.ends]]
        parts = self.fair(without)
        bad = {**{int(end): None for end in ends}, **{int(state): part for part in parts for state in part[1]}}
        if not bad:
            return None
        path = self._permutation(without, waiting, np.array(sorted(bad), np.int64))
        if path is None:
            return None
        part = bad[path[-1]]
        return self.lasso(self.run(path)) if part is None else self.goes_round(path, *part)

    def _permutation(self, inside: Flags, begins: Numbers, ends: Numbers) -> list[int] | None:
        """States from the first one, through one of `begins` and from there inside, to one of `ends`."""
        sources, targets = self.every
        kept = inside[sources] & inside[targets]
        sources, targets = sources[kept], targets[kept]
        before = np.full(self.search.count, -1, np.int64)
        before[begins] = begins
        reached = np.zeros(self.search.count, np.bool_)
        reached[begins] = True
        wanted = np.zeros(self.search.count, np.bool_)
        wanted[ends] = True
        while not (met := np.flatnonzero(reached & wanted)).size:
            at = np.flatnonzero(reached[sources] & ~reached[targets])
            if not len(at):
                return None
            before[targets[at]] = sources[at]
            reached[targets[at]] = True
        found = [int(met[0])]
        while before[found[-1]] != found[-1]:
            found.append(int(before[found[-1]]))
        return [*self.path(found[-1])[:-1], *reversed(found)]


class Parts:
    """What is possible, and what is taken, in each component of an unrolled graph."""

    def __init__(self, graph: Unrolled) -> None:
        self._numbers: dict[object, int] = {}
        plans = graph.tables.plans
        used = np.unique(graph.possible)
        taken = np.zeros(len(plans), np.int64)
        for step in used.tolist():
            found = action(plans[step].label)
            assert found is not None, "a graph of what happens by itself holds a fault"
            taken[step] = self._numbers.setdefault(found, len(self._numbers))
        late = np.zeros(len(plans), np.bool_)
        late[used] = [plans[step].late for step in used.tolist()]
        inner = np.unique(graph.group[graph.sources] * len(plans) + graph.steps)
        done = {
            (place // len(plans), self._numbers[each])
            for place in inner.tolist()
            for each in served(plans[place % len(plans)].label)
            if each in self._numbers
        }
        sizes = np.bincount(graph.group)
        self.unfair = self._unfair(graph, graph.able, taken[graph.possible], sizes, done)
        """By component: whether an action is possible in all of its states, and none of its steps serves it."""
        firm = ~late[graph.possible]
        self.firmly_unfair = self.unfair
        if not firm.all():
            self.firmly_unfair = self._unfair(graph, graph.able[firm], taken[graph.possible[firm]], sizes, done)
        """The same where that does not depend on whether all is quiescent."""

    def _unfair(
        self, graph: Unrolled, states: Numbers, taken: Numbers, sizes: Numbers, done: set[tuple[int, int]]
    ) -> Flags:
        width = max(1, len(self._numbers))
        pairs = np.unique(states * width + taken)
        places, counts = np.unique(graph.group[pairs // width] * width + pairs % width, return_counts=True)
        always = places[counts == sizes[places // width]]
        found = np.zeros(len(sizes), np.bool_)
        found[[place // width for place in always.tolist() if divmod(place, width) not in done]] = True
        return found
