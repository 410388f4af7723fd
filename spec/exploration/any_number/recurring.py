"""Which steps can recur: a necessary condition, asked of local states and messages alone, without any graph of views.

A step that lies on a cycle of views comes back to the same local state of its component, to the same budget, and to the
same messages under way. So of all steps that need no fault those are taken away, again and again, (a) after which their
component cannot come back to the local state before them, by what is left; (b) after which the budget cannot; (c) that
take a message that nothing that is left sends. What is taken away lies on no cycle: of a cycle's steps the first one to
be taken away would have been so while the others, which bring all of that back, were left.

Where views stand for others under exchanged names, a cycle may come back under other names; gone round several times it
comes back to itself. So steps are looked at under all names.

What is left need not recur: fewer steps are asked about in the graph of views (`termination`), where any are left.
"""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from spec.exploration.engine.components import components
from spec.exploration.engine.tables import Planned, Tables
from spec.exploration.model.queues import Heads
from spec.exploration.model.renaming import Renaming
from spec.exploration.model.steps import BREAK, TRACKER, UNTOLD

UP, DOWN = "up", "down"
"""On its way to the broker, or from it."""
Permutation = tuple[int, ...]
Waiting = tuple[str, int, int]
"""On which way, to or from which component, the number of a message."""


class Recurring(NamedTuple):
    """A step of a component, as far as it matters whether it can recur."""

    plan: int
    """The `id` of the plan that it is an instance of."""
    component: int
    before: int
    after: tuple[int, ...]
    """The local states that it can lead to, by number."""
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    """Messages under way, by number."""
    budgets: tuple[tuple[int, int], ...]
    """What it does to the budget."""


def recurring(tables: Tables, unfair: Collection[int]) -> set[int]:
    """The plans of a complete search that can lie on a cycle of steps that cost nothing `unfair`, each by its `id`."""
    every = _Steps(tables.without(unfair))
    steps = list(every.all())
    if every.breaks:
        return {step.plan for step in steps}
    while True:
        left = _once(steps)
        if len(left) == len(steps):
            return {step.plan for step in left}
        steps = left


def _once(steps: list[Recurring]) -> list[Recurring]:
    """Those that are left when each is taken away that cannot recur by what there is."""
    together = _together((step.component, step.before, then) for step in steps for then in step.after)
    paid = _together((0, one, other) for step in steps for one, other in step.budgets)
    sent = {message for step in steps for message in step.gives}
    return [
        step
        for step in steps
        if any(together[step.component, step.before] == together[step.component, then] for then in step.after)
        and any(paid[0, one] == paid[0, other] for one, other in step.budgets)
        and sent.issuperset(step.takes)
    ]


def _together(edges: Iterator[tuple[int, int, int]]) -> dict[tuple[int, int], int]:
    """Of each state, by number of its graph and its own: which strongly connected component of that graph it is in."""
    numbers: dict[tuple[int, int], int] = {}
    pairs = [
        [numbers.setdefault((graph, state), len(numbers)) for state in ends] for graph, *ends in dict.fromkeys(edges)
    ]
    found = components(len(numbers), *np.array(pairs, np.int64).reshape(-1, 2).T) if pairs else np.zeros(0, np.int64)
    return dict(zip(numbers, found.tolist(), strict=True))


@dataclass
class _Steps:
    """The steps of a system's components under all names."""

    tables: Tables
    breaks: bool = False
    """Whether one of them takes all connections away, so that others come to other local states by it."""
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        system = self.system = self.tables.system
        names = [node.name for node in system.nodes]
        ways = self.tables.permutations or (tuple(range(len(names))),)
        self._names = {way: Renaming({name: names[to] for name, to in zip(names, way, strict=True)}) for way in ways}
        self._locals: dict[tuple[int, int, Permutation], int] = {}
        self._messages: dict[tuple[str, int, int, Permutation], int] = {}

    def all(self) -> Iterator[Recurring]:
        """All steps that need no fault, under all names."""
        for component, local, number, heads in self.tables.known_shapes():
            for plan in self.tables.planned(number):
                if budgets := tuple(self._budgets(plan)):
                    yield from self._under_all_names(component, local, heads, plan, budgets)

    def _under_all_names(
        self, component: int, local: int, heads: Heads, plan: Planned, budgets: tuple[tuple[int, int], ...]
    ) -> Iterator[Recurring]:
        takes, gives = [*self._takes(component, heads, plan)], [*self._gives(component, plan)]
        for way in self._names:
            yield Recurring(
                id(plan), way[component], self._local(component, local, way),
                tuple(self._local(component, then, way) for then in self._after(component, plan.then)),
                tuple(self._waiting(each, way) for each in takes), tuple(self._waiting(each, way) for each in gives),
                budgets,
            )  # fmt: skip

    def _local(self, component: int, local: int, way: Permutation) -> int:
        """The number of a local state under other names."""
        key = (component, local, way)
        if key not in self._locals:
            node, state = self.system.nodes[component], self.system.numbers.locals[component][local]
            self._locals[key] = self._number(way[component], node.renamed(state, self._names[way]))
        return self._locals[key]

    def _waiting(self, waiting: Waiting, way: Permutation) -> int:
        """The number of a message under way, under other names."""
        direction, component, message = waiting
        key = (direction, component, message, way)
        if key not in self._messages:
            about: Hashable = message
            if message != UNTOLD:
                known = self.system.numbers.messages[message]
                about = self.system.nodes[TRACKER].renamed_message(known, self._names[way])
            self._messages[key] = self._number(direction, way[component], about)
        return self._messages[key]

    def _number(self, *what: Hashable) -> int:
        return self._numbers.setdefault(what, len(self._numbers))

    def _budgets(self, plan: Planned) -> Iterator[tuple[int, int]]:
        for budget in range(len(self.system.budgets.known)):
            left = self.tables.paid(budget, plan.prices)
            if left >= 0:
                yield budget, left

    def _after(self, component: int, then: int) -> tuple[int, ...]:
        """The local state after a step, and what it is where nothing under way was delivered before."""
        unmarked = int(self.tables.unmarked[component, then]) if self.tables.unmarked.shape[1] else -1
        return (then, unmarked) if unmarked >= 0 else (then,)

    def _takes(self, component: int, heads: Heads, plan: Planned) -> Iterator[Waiting]:
        edit = self.tables.edit(component, plan.edit)
        if edit.place is not None:
            yield DOWN, component, dict(heads[1])[edit.place]
        if edit.forwards:
            yield UP, component, heads[0]

    def _gives(self, component: int, plan: Planned) -> Iterator[Waiting]:
        edit = self.tables.edit(component, plan.edit)
        yield from ((UP, component, message) for message in edit.sent)
        if edit.stays is not None:
            yield DOWN, component, edit.stays
        for receiver, message in self.system.numbers.publications[plan.publication]:
            if message == BREAK:
                self.breaks = True
            else:
                yield DOWN, receiver, message
