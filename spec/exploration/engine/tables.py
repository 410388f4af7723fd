"""The tables of a closed system as arrays, filled where a search finds a hole.

A search knows a component by two numbers: its local state, and its *queues*, which are what is under way to and from
it. So all that many slots have in common is noted once. What can happen depends on the local state and on the *heads*
of the queues: together, a *shape*. With the budget of faults, and with whether all is quiescent, that is a *situation*,
and for each situation the steps are listed that can happen and be paid for. A step says the local state after it, what
it does to the queues (an *edit*), what it publishes, and the budget after it.
"""

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from spec.exploration.engine.packing import places
from spec.exploration.engine.queue_tables import Flags, InFlight
from spec.exploration.engine.ragged import HOLE, Ints, Numbers, roomy
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.queues import Edit, Heads
from spec.exploration.model.steps import Label, Row, Slot

SITUATION, AFTER, PUSH, BROKEN, UNMARKED, LOCAL_NAME, QUEUE_NAME, LEADERS, SHAPE = range(9)
"""What a hole is in."""


class Arrays(NamedTuple):
    """What a search reads. Ragged tables come with where each begins, and how wide it is."""

    busy: Flags
    online: Flags
    heads: Ints
    marked: Flags
    shapes: Ints
    situations: Ints
    begins: Numbers
    steps: Ints
    after: Ints
    after_at: Numbers
    push: Ints
    push_at: Numbers
    broken: Ints
    unmarked: Ints
    """Of width zero where nothing is delivered twice."""
    publication_first: Ints
    publications: Ints
    inverse: Ints
    """For each way and place, which component comes there."""
    local_names: Ints
    queue_names: Ints
    queue_names_at: Numbers
    leader_of: Ints
    leader_first: Ints
    leaders: Ints


class LessPossible(Exception):  # noqa: N818 - what was found out, not a defect
    """A step that was possible no longer is, now that more is known: the search has to begin anew."""


class Planned(NamedTuple):
    """A step before it is known who pays for it."""

    then: int
    edit: int
    publication: int
    prices: tuple[int, ...]
    late: bool
    label: Label


class Tables(InFlight):
    """What happens in each situation, by number. `permutations`: those of components that change nothing."""

    def __init__(self, system: ClosedSystem, permutations: tuple[tuple[int, ...], ...] = ()) -> None:
        super().__init__(system, permutations)
        width = self.components
        self._known_locals = [0] * width
        self._planned: list[tuple[Planned, ...]] = []
        self._forbidden: frozenset[int] = frozenset()
        self._keeps: Callable[[Planned], bool] | None = None
        # By component and local state.
        self.busy: Flags = np.zeros((width, 64), np.bool_)
        self.online: Flags = np.zeros((width, 64), np.bool_)
        self.broken: Ints = np.full((width, 64), HOLE, np.int32)
        self.unmarked: Ints = np.full((width, 64 if system.faults.can_repeat else 0), HOLE, np.int32)
        # By component, local state and heads; and by shape, budget, and whether all is quiescent.
        self.shapes: Ints = np.full((width, 64, 16), HOLE, np.int32)
        self._forget_situations()
        self.publication_first: Ints = np.zeros(64, np.int32)
        self.publications: Ints = np.zeros((64, 2), np.int32)
        self._known_publications = 0
        # By way, component and local state.
        self.local_names: Ints = np.full((max(1, len(permutations)), width, 64), HOLE, np.int32)
        self.inverse: Ints = np.array(
            [np.argsort(permutation) for permutation in permutations] or [np.arange(width)], np.int32
        )
        self.leader_of: Ints = np.full(64, HOLE, np.int32)
        self.leaders: list[tuple[int, ...]] = []
        """Ways to rename that make some local state of the first component the least; all, where any moves it."""
        self.catch_up()

    def _forget_situations(self) -> None:
        shape = (max(64, 2 * len(self._planned)), max(4, len(self.system.budgets.known)), 2)
        self.situations: Ints = np.full(shape, HOLE, np.int32)
        self.begins: Numbers = np.zeros(64, np.int64)
        self.steps: Ints = np.zeros((256, 4), np.int32)
        """Local state, edit, publication and budget of each step."""
        self.most_steps: Numbers = np.zeros(self.components, np.int64)
        """Steps in one situation, at most, by component."""
        self.plans: list[Planned] = []
        """What each of the steps is."""
        self.known_situations = self.known_steps = 0

    def without(self, costs: Collection[int], keeps: Callable[[Planned], bool] | None = None) -> "Tables":
        """The same tables, where nothing happens that has one of these costs, or is not kept."""
        made = copy.copy(self)
        made._forbidden = frozenset(costs)  # noqa: SLF001 - its own kind
        made._keeps = keeps  # noqa: SLF001
        made._forget_situations()  # noqa: SLF001
        return made

    def planned(self, shape: int) -> tuple[Planned, ...]:
        """What can happen in a shape, whoever pays for it."""
        return self._planned[shape]

    def known_shapes(self) -> Iterator[tuple[int, int, int, Heads]]:
        """All shapes that were met: of which component, with which local state, their number, and the heads."""
        for component, local, heads in np.argwhere(self.shapes >= 0).tolist():
            yield component, local, int(self.shapes[component, local, heads]), self._heads[component][heads]

    def edit(self, component: int, number: int) -> Edit:
        """What an edit of a component does."""
        return self._edits[component][number]

    @contextmanager
    def only_more(self) -> Iterator[Flags]:
        """Ask the system what more can happen; meanwhile, states that were expanded have just those steps.

        Yields whether there are any, by shape that was met before. Raises `NotInert`, and `LessPossible` where a step
        is no longer what it was.
        """
        stale = self.system.renew_moves()
        before, now = self._planned, list(self._planned)
        more: list[tuple[Planned, ...]] = [() for _ in before]
        changed = []
        for component, local in sorted(stale):
            if local >= self._known_locals[component]:
                continue  # it is in no state that was expanded
            for heads in np.flatnonzero(self.shapes[component, local] >= 0).tolist():
                shape = int(self.shapes[component, local, heads])
                now[shape] = tuple(self._plans(component, local, self._heads[component][heads]))
                more[shape] = _more(before[shape], now[shape])
                if now[shape] != before[shape]:
                    changed.append(shape)
            broken = self.broken[component, local]
            if broken >= 0 and self.system.broken(component, local) != broken:
                raise LessPossible
        self.measure()
        self.catch_up()
        kept = self.situations, self.begins, self.steps, self.plans, self.known_situations, self.known_steps
        kept[0][changed] = HOLE
        self._planned = more
        self._forget_situations()
        self.situations[[shape for shape, plans in enumerate(more) if not plans]] = self._no_steps()
        try:
            yield np.array([bool(plans) for plans in more], np.bool_)
        finally:
            self._planned = [*now, *self._planned[len(now) :]]
            self.situations, self.begins, self.steps, self.plans, self.known_situations, self.known_steps = kept
            self.catch_up()

    def _no_steps(self) -> int:
        """The number of a situation in which nothing happens."""
        number = self.known_situations
        self.begins[number + 1] = self.begins[number]
        self.known_situations = number + 1
        return number

    # States.

    def sizes(self) -> list[int]:
        """How many numbers there are for each number of a state."""
        first, *others = ((len(self.system.numbers.locals[c]), int(self.counts[c])) for c in range(self.components))
        return [first[0], *(size for pair in others for size in pair), first[1], len(self.system.budgets.known)]

    def numbered(self, row: Row) -> list[int]:
        """The numbers of a state: locals and queues, and the budget."""
        slots = [self.system.numbers.slots[component][number] for component, number in enumerate(row[:-1])]
        pairs = [(slot.local, self.queue(component, slot[1:])) for component, slot in enumerate(slots)]
        return [pairs[0][0], *(number for pair in pairs[1:] for number in pair), pairs[0][1], row[-1]]

    def row(self, numbers: Sequence[int]) -> Row:
        """The slots of a state, and its budget."""
        slots = (
            self.system.numbers.slot(component, Slot(numbers[local], *self._in_flight(component, numbers[queue])))
            for component, (local, queue) in enumerate(places(self.components))
        )
        return (*slots, numbers[-1])

    # Room.

    @property
    def arrays(self) -> Arrays:
        """All that a search reads. What was read before is stale once something has been filled."""
        firsts = np.cumsum([0, *map(len, self.leaders)])
        return Arrays(
            self.busy, self.online, self.heads, self.marked, self.shapes, self.situations, self.begins, self.steps,
            self.after.flat, self.after.place, self.push.flat, self.push.place,
            self.broken, self.unmarked, self.publication_first, self.publications, self.inverse, self.local_names,
            self.queue_names.flat, self.queue_names.place,
            self.leader_of, firsts.astype(np.int32),
            np.array([permutation for permutations in self.leaders for permutation in permutations] or [0], np.int32),
        )  # fmt: skip

    def catch_up(self) -> None:
        """Take over what the system, and these tables, have numbered since."""
        system = self.system
        self._catch_up_publications()
        if self.is_plain:
            self._catch_up_names()
        for component in range(self.components):
            count = len(system.numbers.locals[component])
            self.busy = roomy(self.busy, 1, count, 0)
            self.online = roomy(self.online, 1, count, 0)
            self.broken = roomy(self.broken, 1, count, HOLE)
            if system.faults.can_repeat:
                self.unmarked = roomy(self.unmarked, 1, count, HOLE)
            self.shapes = roomy(self.shapes, 1, count, HOLE)
            self.local_names = roomy(self.local_names, 2, count, HOLE)
            self.leader_of = roomy(self.leader_of, 0, count, HOLE)
            for number in range(self._known_locals[component], count):
                self.busy[component, number] = system.is_busy(component, number)
                self.online[component, number] = system.numbers.online[component][number]
            self._known_locals[component] = count
            self._reserve(component, int(self.counts[component]))
            self.shapes = roomy(self.shapes, 2, len(self._heads[component]), HOLE)
        self.situations = roomy(self.situations, 1, len(system.budgets.known), HOLE)

    def _catch_up_publications(self) -> None:
        for number, entries in enumerate(self.system.numbers.publications):
            if number < self._known_publications:
                continue
            begin = self.publication_first[number]
            end = begin + len(entries)
            self.publication_first = roomy(self.publication_first, 0, number + 2, 0)
            self.publications = roomy(self.publications, 0, end, 0)
            for place, (component, message) in enumerate(entries, start=begin):
                self.publications[place] = (component, self._push_number(component, message))
            self.publication_first[number + 1] = end
            self._known_publications = number + 1

    # Filling.

    def fill(self, holes: Ints) -> None:
        """Ask the system for what is missing: rows of a kind, and up to five numbers that name the place."""
        ask = (
            self._fill_situation, self._fill_after, self._fill_push, self._fill_broken, self._fill_unmarked,
            self._fill_local_name, self._fill_queue_name, self._fill_leaders, self._fill_shape,
        )  # fmt: skip
        for kind, *place in holes.tolist():
            ask[kind](*place)
        self.measure()
        self.catch_up()

    def _fill_situation(self, component: int, local: int, heads: int, budget: int, quiescent: int) -> None:
        shape = self._fill_shape(component, local, heads)
        self.situations = roomy(self.situations, 1, budget + 1, HOLE)
        if self.situations[shape, budget, quiescent] >= 0:
            return
        paid = [
            (plan, left)
            for plan in self._planned[shape]
            if (quiescent or not plan.late)
            and (self._keeps is None or self._keeps(plan))
            and (left := self.paid(budget, plan.prices)) >= 0
        ]
        steps = [(plan.then, plan.edit, plan.publication, left) for plan, left in paid]
        self.plans += [plan for plan, _ in paid]
        begin, end = self.known_steps, self.known_steps + len(steps)
        self.steps = roomy(self.steps, 0, end, 0)
        self.steps[begin:end] = np.array(steps, np.int32).reshape(-1, 4)
        self.most_steps[component] = max(self.most_steps[component], len(steps))
        number = self.known_situations
        self.begins = roomy(self.begins, 0, number + 2, 0)
        self.begins[number + 1] = end
        self.situations[shape, budget, quiescent] = number
        self.known_situations, self.known_steps = number + 1, end

    def _fill_shape(self, component: int, local: int, heads: int, *_: int) -> int:
        shape = int(self.shapes[component, local, heads])
        if shape < 0:
            shape = self.shapes[component, local, heads] = len(self._planned)
            self._planned.append(tuple(self._plans(component, local, self._heads[component][heads])))
            self.situations = roomy(self.situations, 0, shape + 1, HOLE)
        return shape

    def _plans(self, component: int, local: int, heads: Heads) -> Iterable[Planned]:
        for then, edit, move in self.system.moves.of_shape(component, (local, *heads)):
            prices = (move.part, move.cost, move.loss, move.failure)
            yield Planned(then, self._edit_number(component, edit), move.publication, prices, move.late, move.label)

    def paid(self, budget: int, prices: Iterable[int]) -> int:
        """The budget after a step; negative if it cannot be paid, or does not happen in these tables."""
        for price in prices:
            budget = -1 if price in self._forbidden else self.system.spend(budget, price)
            if budget < 0:
                break
        return budget

    def _fill_broken(self, component: int, local: int, *_: int) -> None:
        self.broken[component, local] = self.system.broken(component, local)

    def _fill_unmarked(self, component: int, local: int, *_: int) -> None:
        self.unmarked[component, local] = self.system.marks.unmarked(component, local)

    def _fill_local_name(self, permutation: int, component: int, local: int, *_: int) -> None:
        self.local_names[permutation, component, local] = self.system.renamed.local(
            component, local, self.permutations[permutation]
        )

    def _fill_leaders(self, local: int, *_: int) -> None:
        if any(permutation[0] for permutation in self.permutations):  # its local state alone then rules out none
            least = tuple(range(len(self.permutations)))
        else:
            named = [self.system.renamed.local(0, local, permutation) for permutation in self.permutations]
            least = tuple(number for number, name in enumerate(named) if name == min(named))
        if least not in self.leaders:
            self.leaders.append(least)
        self.leader_of[local] = self.leaders.index(least)


def _more(before: Iterable[Planned], now: Iterable[Planned]) -> tuple[Planned, ...]:
    """The steps that come to what none came to before. Raises `LessPossible` where there is less than before."""
    left = Counter(plan[:-1] for plan in before)
    more = []
    for plan in now:
        if left[plan[:-1]]:
            left[plan[:-1]] -= 1
        else:
            more.append(plan)
    if left.total():
        raise LessPossible
    return tuple(more)
