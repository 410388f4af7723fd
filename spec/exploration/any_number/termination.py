"""Whether every run terminates, for every number of servers: asked of the steps between views.

A run of C(N) breaks `termination` if it is fair and goes on for ever, or ends where not all is quiescent
(`spec.exploration.fairness`). What is said here is about N >= 2, and about the fixpoint.

**No run goes on for ever.** A fair run has faults at its beginning only. Take what comes after these. Each step there
is *seen* by some two servers S: a component reads about a server, or its timeout for one expires, and S holds that one,
and the component, where that is a server; or the step is about nobody, and all S that hold the component see it. There
are finitely many pairs, so if the run goes on for ever, one S sees infinitely many of its steps. By the proof in
`__init__`, S's view of the run is a run of the open system, but for stutters: cases (a) and (e) are steps that S sees;
the others, which S does not see, are *of others*. What is of others may change a view, and may send something to S; so
it is neither left out nor forbidden, but counts as nothing that happened. There are finitely many views, so the run
comes back to one of them, over steps that happen by themselves, of which S sees at least one. Such a cycle, of any
length and with any steps of others in it, lies in a strongly connected component. So it is enough that *no step that S
sees begins and ends in the same component*; components contract what others do. That nobody but others moves for ever
is no way out: some other pair sees their steps.

As a rule that shows already in local states and messages, which are few: steps that cannot recur by these (`recurring`)
lie on no cycle. The graph is made of what is left, and only if a step that is seen is among that.

So that this is sound, a step may count as one of others only where there is a pair that sees it: what is read about a
ghost, a ghost's timeout, what a ghost pays (`is_of_others`). All else counts as seen, and of two steps that come to
the same the one that is seen is kept.

*Fairness* of the tracker is asked for, since it has one name in all views. Let it be able to start, to publish or to
read something about S (`ALWAYS`) in all views of a component, whoever else there is (`is_certain`), and let no step
inside be one by which it does so. A run that stays there is not fair: it could start, or publish, all the time; and of
what it could read the first stays the first for S, only what others sent can stand before it, which is finite and read
in its turn. (So reading is asked for only where the bus keeps the order.) Fairness of servers is not asked for, nor of
timeouts: a cycle that is not fair to them is *open* here, as is one that is a run of no system, since not each step of
it need be possible with the same others.

**No run ends early.** Let nothing be possible in a state c of C(N). (a) If a component is about to publish, or anything
is under way to or from it, it is so in the view of S with it, and with the server that the first message is about; that
message is then the first for S, too. (b) Otherwise nothing is under way anywhere, and a patient timeout can expire. If
a timeout is set for a server, it is set in the view of that one. So it is enough that in each view each component that
is not quiescent can take a step of its own without a fault, whoever else there is (`is_certain`), in (b) a patient one,
too. While a server tells what it had done unheard it can always end that.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np

from spec.exploration.any_number.fixpoint import Fixpoint, Part
from spec.exploration.any_number.open_run import open_run
from spec.exploration.any_number.open_system import is_of_others
from spec.exploration.any_number.recurring import recurring
from spec.exploration.engine.packing import Numbers
from spec.exploration.engine.queue_tables import EMPTY
from spec.exploration.engine.search import BreadthFirst, Origins
from spec.exploration.liveness import CHUNK, Flags, Graph, unfair
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import TRACKER, Label

GOES_ON = "in views a run can go on for ever, which may be a run of no number of servers"
STANDS = "in a view {name} can stand still where not all is quiescent, which may be a view of no state"
ALWAYS = frozenset({"start", "publish", "read"})
"""The kinds of steps that a tracker that can do them all the time does some day."""
OUTSIDE = -1
Quiescent = Callable[[ClosedSystem, int, Hashable, bool], bool]
"""Whether a component is quiescent: from its number, its local state, and whether nothing is under way."""


@dataclass(frozen=True)
class Open:
    """Why it is not proved that every run terminates, and what is seen of a run that does not."""

    reason: str
    run: str = ""


def unproved(done: Fixpoint, is_quiescent: Quiescent) -> Open | None:
    """Why it is not proved that every run terminates; None if it is."""
    return next((found for part in done.parts if (found := _unproved(part, is_quiescent)) is not None), None)


def _unproved(done: Part, is_quiescent: Quiescent) -> Open | None:
    try:
        return _stands(done, is_quiescent) or _goes_on(done)
    except MemoryError:
        return Open("there is no memory left for the graph of all steps between views")
    except KeyboardInterrupt:
        return Open("it was interrupted")


class Contracted(Graph):
    """The steps between views that can recur, those that are seen apart from those of others."""

    def __init__(self, search: BreadthFirst, left: set[int]) -> None:
        """`left` are the plans of these steps (`recurring`)."""
        self.left = left
        super().__init__(search)

    def among(self, keeps: Callable[[Label], bool]) -> tuple[Origins, Origins]:
        """The steps that are called so, by number of view: from where, and to where."""
        return self.search.edges(
            self.search.tables.without(self.unfair, lambda plan: id(plan) in self.left and keeps(plan.label))
        )

    def steps(self) -> tuple[Origins, Origins]:
        self.seen = self.among(_is_seen)
        sources, targets = self.among(is_of_others)
        moves = sources != targets  # of others, what does not show
        return np.concatenate((self.seen[0], sources[moves])), np.concatenate((self.seen[1], targets[moves]))


def _is_seen(label: Label) -> bool:
    return not is_of_others(label)


# Runs that go on.


def _goes_on(done: Part) -> Open | None:
    search = done.search
    left = recurring(search.tables, unfair(done.system))
    plans = (plan for _, _, shape, _ in search.tables.known_shapes() for plan in search.tables.planned(shape))
    if not any(id(plan) in left and _is_seen(plan.label) for plan in plans):
        return None
    graph = Contracted(search, left)
    component = np.full(search.count, OUTSIDE, np.int64)
    states, group = graph.cyclic(np.ones(search.count, np.bool_))
    component[states] = group
    sources, targets = graph.seen
    inner = np.flatnonzero((component[sources] == component[targets]) & (component[sources] != OUTSIDE))
    if len(inner):
        of_tracker = _unfair(done, graph, component)
        inner = inner[~of_tracker[component[sources[inner]]]]
    if not len(inner):
        return None
    first = inner[np.argmin(sources[inner])]
    begin, end = int(sources[first]), int(targets[first])
    back = _way(graph, end, begin, component == component[begin])
    return Open(GOES_ON, open_run(done, begin, (end, *back[1:])))


def _unfair(done: Part, graph: Contracted, component: Numbers) -> Flags:
    """By component: whether the tracker can do something in all of its views, and does so at no step inside."""
    search, states = done.search, np.flatnonzero(component != OUTSIDE)
    found = np.zeros(int(component.max()) + 1, np.bool_)
    parts = _Parts(done)
    for kind in ALWAYS if done.system.ordered else ALWAYS - {"read"}:
        can = np.ones(len(found), np.bool_)
        for begin in range(0, len(states), CHUNK):
            chunk = states[begin : begin + CHUNK]
            met, which = np.unique(search.parts_of(TRACKER, chunk), axis=0, return_inverse=True)
            able = [parts.is_able(TRACKER, local, heads, budget, kind) for local, heads, budget in met.tolist()]
            can[component[chunk[~np.array(able, np.bool_)[which.reshape(-1)]]]] = False
        sources, targets = graph.among(partial(_is_tracker_to, kind))
        inside = (component[sources] == component[targets]) & (component[sources] != OUTSIDE)
        can[component[sources[inside]]] = False
        found |= can
    return found


def _is_tracker_to(kind: str, label: Label) -> bool:
    return label.component == TRACKER and label.kind == kind and not is_of_others(label)


def _way(graph: Graph, begin: int, end: int, inside: Flags) -> list[int]:
    """States on a shortest way inside a part of the graph, from one to another or the same, by number."""
    kept = inside[graph.sources] & inside[graph.targets]
    sources, targets = graph.sources[kept], graph.targets[kept]
    before = np.full(graph.search.count, OUTSIDE, np.int64)
    before[begin] = begin
    while before[end] == OUTSIDE:
        at = np.flatnonzero((before[sources] != OUTSIDE) & (before[targets] == OUTSIDE))
        before[targets[at]] = sources[at]
    found = [end]
    while found[-1] != begin:
        found.append(int(before[found[-1]]))
    return found[::-1]


# Runs that end.


def _stands(done: Part, is_quiescent: Quiescent) -> Open | None:
    system, parts = done.system, _Parts(done)
    for component, met in enumerate(done.search.parts()):
        for local, heads, budget, at in met.tolist():
            is_over = is_quiescent(
                system, component, system.numbers.locals[component][local], parts.is_idle(component, local, heads)
            )
            is_told = system.budgets.known[budget].past == "told"
            if not is_over and not is_told and not parts.is_able(component, local, heads, budget):
                return Open(STANDS.format(name=system.nodes[component].name), open_run(done, at))
    return None


class _Parts:
    """What a component can do in a view: by its local state, the heads of its queues, and the budget, by number."""

    def __init__(self, done: Part) -> None:
        self.system = done.system
        self.tables = done.search.tables.without(unfair(done.system))
        self._certain: dict[tuple[int, int, str, Hashable], bool] = {}

    def is_idle(self, component: int, local: int, heads: int) -> bool:
        """Whether nothing is under way to or from a component."""
        return heads == int(self.tables.heads[component, EMPTY]) and not self.system.is_busy(component, local)

    def is_able(self, component: int, local: int, heads: int, budget: int, kind: str = "") -> bool:
        """Whether it can take a step of its own without a fault, whoever else there is; perhaps of a `kind`.

        A patient one counts if nothing is under way to or from it.
        """
        idle = self.is_idle(component, local, heads)
        return any(
            (idle or not plan.late)
            and kind in {"", plan.label.kind}
            and self.tables.paid(budget, plan.prices) >= 0
            and not is_of_others(plan.label)
            and self._is_certain(component, local, plan.label)
            for plan in self.tables.planned(int(self.tables.shapes[component, local, heads]))
        )

    def _is_certain(self, component: int, local: int, label: Label) -> bool:
        key = (component, local, label.kind, label.message)
        if key not in self._certain:
            self._certain[key] = self.system.is_certain(component, local, label)
        return self._certain[key]
