"""The tables of a closed system as arrays, filled where a search finds a hole.

A search knows a component by two numbers: its local state, and its *queues*, which are what is under way to and from
it. So all that many slots have in common is noted once. What can happen depends on the local state and on the *heads*
of the queues: together, a *shape*. With the account of faults, and with whether all is quiet, that is a *situation*,
and for each situation the steps are listed that can happen and be paid for. A step says the local state after it, what
it does to the queues (an *edit*), what it publishes, and the account after it.
"""

import copy
from collections.abc import Collection, Iterable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spec.explorer.closed import BREAK, ClosedSystem
from spec.explorer.packing import places
from spec.explorer.queues import Edit, Heads, Queues, edited
from spec.explorer.ragged import HOLE, Ints, Numbers, Ragged, roomy
from spec.explorer.steps import Row, Slot

SITUATION, AFTER, PUSH, BROKEN, UNMARKED, LOCAL_NAME, QUEUE_NAME, LEADERS = range(8)
"""What a hole is in."""
EMPTY = 0
"""The number of the queues with nothing under way, of each component."""
BREAKS = 0
"""What is pushed to a component when its connection is lost, among what is pushed to it by number."""
KEEPS, TAKES, CLEARS, OTHERWISE = range(4)
"""What an edit does to the messages under way, if these are a mere sequence."""
Flags = npt.NDArray[np.bool_]


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


class _Planned(NamedTuple):
    """A step before it is known who pays for it."""

    then: int
    edit: int
    publication: int
    prices: tuple[int, int, int]
    late: bool


class Tables:
    """What happens in each situation, by number. `ways` are the permutations of components that change nothing."""

    def __init__(self, system: ClosedSystem, ways: tuple[tuple[int, ...], ...] = ()) -> None:
        self.system, self.ways = system, ways
        width = self.components = len(system.nodes)
        self.queues: list[list[Queues]] = [[] for _ in range(width)]
        self._queue_numbers: list[dict[Queues, int]] = [{} for _ in range(width)]
        self._known_queues, self._known_locals = [0] * width, [0] * width
        self._heads: list[list[Heads]] = [[] for _ in range(width)]
        self._head_numbers: list[dict[Heads, int]] = [{} for _ in range(width)]
        self._edits: list[list[Edit]] = [[] for _ in range(width)]
        self._edit_numbers: list[dict[Edit, int]] = [{} for _ in range(width)]
        self._pushed: list[list[int]] = [[BREAK] for _ in range(width)]
        self._push_numbers: list[dict[int, int]] = [{BREAK: BREAKS} for _ in range(width)]
        self._planned: list[tuple[_Planned, ...]] = []
        self._forbidden: frozenset[int] = frozenset()
        # By component and local state.
        self.busy: Flags = np.zeros((width, 64), np.bool_)
        self.online: Flags = np.zeros((width, 64), np.bool_)
        self.broken: Ints = np.full((width, 64), HOLE, np.int32)
        self.unmarked: Ints = np.full((width, 64 if system.can_repeat else 0), HOLE, np.int32)
        # By component and queues.
        self.heads: Ints = np.zeros((width, 64), np.int32)
        self.marked: Flags = np.zeros((width, 64), np.bool_)
        self.after, self.push = Ragged(width), Ragged(width)
        self.queue_names = Ragged(width, columns=max(1, len(ways)))
        # Where queues are mere sequences: by component and queues, what they are without the last message, and which
        # one that is; and by component and message pushed, the heads where it is alone.
        self.is_plain = system.ordered and not system.keeps_hops
        self.parents: Ints = np.full((width, 64), HOLE, np.int32)
        self.lasts: Ints = np.full((width, 64), HOLE, np.int32)
        self.first_heads: Ints = np.full((width, 8), HOLE, np.int32)
        self.edit_kinds: Ints = np.full((width, 8), OTHERWISE, np.int32)
        self.push_names: Ints = np.full((max(1, len(ways)), width, 8), HOLE, np.int32)
        self._named = [[0] * width for _ in ways]
        self.counts: Numbers = np.zeros(width, np.int64)
        # By component, local state and heads; and by shape, account, and whether all is quiet.
        self.shapes: Ints = np.full((width, 64, 16), HOLE, np.int32)
        self._forget_situations()
        self.publication_first: Ints = np.zeros(64, np.int32)
        self.publications: Ints = np.zeros((64, 2), np.int32)
        self._known_publications = 0
        # By way, component and local state.
        self.local_names: Ints = np.full((max(1, len(ways)), width, 64), HOLE, np.int32)
        self.inverse: Ints = np.array([np.argsort(way) for way in ways] or [np.arange(width)], np.int32)
        self.leader_of: Ints = np.full(64, HOLE, np.int32)
        self.leaders: list[tuple[int, ...]] = []
        """Ways to rename that make some local state of the first component the least."""
        for component in range(width):
            self.queue(component, ((), ()))
            self.queue_names.tables[component][EMPTY] = EMPTY
        self.catch_up()

    def _forget_situations(self) -> None:
        shape = (max(64, 2 * len(self._planned)), max(4, len(self.system.accounts)), 2)
        self.situations: Ints = np.full(shape, HOLE, np.int32)
        self.begins: Numbers = np.zeros(64, np.int64)
        self.steps: Ints = np.zeros((256, 4), np.int32)
        """Local state, edit, publication and account of each step."""
        self.known_situations = self.known_steps = 0

    def without(self, costs: Collection[int]) -> "Tables":
        """The same tables, where nothing happens that has one of these costs."""
        made = copy.copy(self)
        made._forbidden = frozenset(costs)  # noqa: SLF001 - its own kind
        made._forget_situations()  # noqa: SLF001
        return made

    # States.

    def sizes(self) -> list[int]:
        """How many numbers there are for each number of a state."""
        first, *others = ((len(self.system.locals[c]), len(self.queues[c])) for c in range(self.components))
        return [first[0], *(size for pair in others for size in pair), first[1], len(self.system.accounts)]

    def numbered(self, row: Row) -> list[int]:
        """The numbers of a state: locals and queues, and the account."""
        slots = [self.system.slots[component][number] for component, number in enumerate(row[:-1])]
        pairs = [(slot.local, self.queue(component, slot[1:])) for component, slot in enumerate(slots)]
        return [pairs[0][0], *(number for pair in pairs[1:] for number in pair), pairs[0][1], row[-1]]

    def row(self, numbers: Sequence[int]) -> Row:
        """The slots of a state, and its account."""
        self.take_over()
        slots = (
            self.system.slot(component, Slot(numbers[local], *self.queues[component][numbers[queue]]))
            for component, (local, queue) in enumerate(places(self.components))
        )
        return (*slots, numbers[-1])

    def queue(self, component: int, queues: Queues) -> int:
        """The number of what is under way."""
        self.take_over()
        return self._queue(component, queues)

    def _queue(self, component: int, queues: Queues) -> int:
        numbers = self._queue_numbers[component]
        if queues not in numbers:
            self.system.measure(component, queues)
            if self.is_plain and queues[1]:
                self._queue(component, ((), queues[1][:-1]))  # parents have lower numbers
            numbers[queues] = len(numbers)
            self.queues[component].append(queues)
        return numbers[queues]

    def take_over(self) -> None:
        """Note the queues that were numbered in the arrays alone."""
        for component, queues in enumerate(self.queues):
            begin, end = len(queues), int(self.counts[component])
            if begin >= end:
                continue
            numbers, pushed = self._queue_numbers[component], self._pushed[component]
            parents, lasts = self.parents[component, begin:end].tolist(), self.lasts[component, begin:end].tolist()
            for number, (parent, last) in enumerate(zip(parents, lasts, strict=True), start=begin):
                queue = ((), (*queues[parent][1], pushed[last]))
                numbers[queue] = number
                queues.append(queue)
            self.system.measure(component, max(queues[begin:], key=lambda queue: len(queue[1])))
            self._known_queues[component] = end

    def room(self, component: int) -> int:
        """How many queues of a component there is room for."""
        tables = (self.after, self.push, self.queue_names)
        return min(int(self.heads.shape[1]), *(len(table.tables[component]) for table in tables))

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
            np.array([way for ways in self.leaders for way in ways] or [0], np.int32),
        )  # fmt: skip

    def catch_up(self) -> None:
        """Take over what the system, and these tables, have numbered since."""
        system = self.system
        self._catch_up_publications()
        if self.is_plain:
            self._catch_up_names()
        for component in range(self.components):
            count = len(system.locals[component])
            self.busy = roomy(self.busy, 1, count, 0)
            self.online = roomy(self.online, 1, count, 0)
            self.broken = roomy(self.broken, 1, count, HOLE)
            if system.can_repeat:
                self.unmarked = roomy(self.unmarked, 1, count, HOLE)
            self.shapes = roomy(self.shapes, 1, count, HOLE)
            self.local_names = roomy(self.local_names, 2, count, HOLE)
            self.leader_of = roomy(self.leader_of, 0, count, HOLE)
            for number in range(self._known_locals[component], count):
                self.busy[component, number] = system.is_busy(component, number)
                self.online[component, number] = system.online[component][number]
            self._known_locals[component] = count
            self._catch_up_queues(component)
        self.situations = roomy(self.situations, 1, len(system.accounts), HOLE)

    def _catch_up_queues(self, component: int) -> None:
        queues = self.queues[component]
        begin, end = self._known_queues[component], len(queues)
        self.heads = roomy(self.heads, 1, end, 0)
        self.marked = roomy(self.marked, 1, end, 0)
        numbers = self._head_numbers[component]
        found = []
        for here in queues[begin:]:
            heads = self.system.heads(here)
            if heads not in numbers:
                numbers[heads] = len(numbers)
                self._heads[component].append(heads)
            found.append(numbers[heads])
        self.heads[component, begin:end] = found
        if self.system.can_repeat:
            self.marked[component, begin:end] = [any(map(self.system.is_marked, down)) for _, down in queues[begin:]]
        self._known_queues[component] = end
        self.shapes = roomy(self.shapes, 2, len(numbers), HOLE)
        self.after.reserve(component, end, len(self._edits[component]))
        self.push.reserve(component, end, len(self._pushed[component]))
        self.queue_names.reserve(component, end, max(1, len(self.ways)))
        if self.is_plain:
            self._note_parents(component, begin, end)

    def _note_parents(self, component: int, begin: int, end: int) -> None:
        numbers = self._queue_numbers[component]
        self.parents, self.lasts = roomy(self.parents, 1, end, HOLE), roomy(self.lasts, 1, end, HOLE)
        self.first_heads = roomy(self.first_heads, 1, len(self._pushed[component]), HOLE)
        for number, (_, down) in enumerate(self.queues[component][begin:end], start=begin):
            if down:
                last = self._push_number(component, down[-1])
                parent = numbers[(), down[:-1]]
                self.parents[component, number], self.lasts[component, number] = parent, last
                self.push.reserve(component, end, last + 1)
                self.push.tables[component][parent, last] = number
                if len(down) == 1:
                    self.first_heads = roomy(self.first_heads, 1, last + 1, HOLE)
                    self.first_heads[component, last] = self.heads[component, number]
        self.counts[component] = end

    def _push_number(self, component: int, message: int) -> int:
        numbers = self._push_numbers[component]
        if message not in numbers:
            numbers[message] = len(numbers)
            self._pushed[component].append(message)
        return numbers[message]

    def _catch_up_names(self) -> None:
        """What is pushed, as it is called under other names."""
        renamed = self.system.renamed_message
        known = -1
        while known != (known := sum(map(len, self._pushed))):  # more may be pushed once all is named
            for component, way in product(range(self.components), range(len(self.ways))):
                pushed = self._pushed[component]
                self.push_names = roomy(self.push_names, 2, len(pushed), HOLE)
                for number in range(self._named[way][component], len(pushed)):
                    names = self.ways[way]
                    message = BREAK if number == BREAKS else renamed(pushed[number], names)
                    self.push_names[way, component, number] = self._push_number(names[component], message)
                self._named[way][component] = len(pushed)
        for component in range(self.components):
            self.first_heads = roomy(self.first_heads, 1, len(self._pushed[component]), HOLE)

    def _catch_up_publications(self) -> None:
        for number, entries in enumerate(self.system.publications):
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
            self._fill_local_name, self._fill_queue_name, self._fill_leaders,
        )  # fmt: skip
        self.take_over()
        for kind, *place in holes.tolist():
            ask[kind](*place)
        self.catch_up()

    def _fill_situation(self, component: int, local: int, heads: int, account: int, quiet: int) -> None:
        shape = int(self.shapes[component, local, heads])
        if shape < 0:
            shape = self.shapes[component, local, heads] = len(self._planned)
            self._planned.append(tuple(self._plans(component, local, self._heads[component][heads])))
        self.situations = roomy(self.situations, 0, shape + 1, HOLE)
        self.situations = roomy(self.situations, 1, account + 1, HOLE)
        if self.situations[shape, account, quiet] >= 0:
            return
        steps = [
            (plan.then, plan.edit, plan.publication, left)
            for plan in self._planned[shape]
            if (quiet or not plan.late) and (left := self._paid(account, plan.prices)) >= 0
        ]
        begin, end = self.known_steps, self.known_steps + len(steps)
        self.steps = roomy(self.steps, 0, end, 0)
        self.steps[begin:end] = np.array(steps, np.int32).reshape(-1, 4)
        number = self.known_situations
        self.begins = roomy(self.begins, 0, number + 2, 0)
        self.begins[number + 1] = end
        self.situations[shape, account, quiet] = number
        self.known_situations, self.known_steps = number + 1, end

    def _plans(self, component: int, local: int, heads: Heads) -> Iterable[_Planned]:
        numbers = self._edit_numbers[component]
        for then, edit, move in self.system.shaped(component, (local, *heads)):
            if edit not in numbers:
                number = numbers[edit] = len(numbers)
                self._edits[component].append(edit)
                self.edit_kinds = roomy(self.edit_kinds, 1, number + 1, OTHERWISE)
                self.edit_kinds[component, number] = _kind(edit)
            yield _Planned(then, numbers[edit], move.publication, (move.cost, move.loss, move.failure), move.late)

    def _paid(self, account: int, prices: Iterable[int]) -> int:
        for price in prices:
            account = -1 if price in self._forbidden else self.system.spend(account, price)
            if account < 0:
                break
        return account

    def _fill_after(self, component: int, queues: int, edit: int, *_: int) -> None:
        then = edited(self.queues[component][queues], self._edits[component][edit], ordered=self.system.ordered)
        self.after.tables[component][queues, edit] = self._queue(component, then)

    def _fill_push(self, component: int, queues: int, number: int, *_: int) -> None:
        up, down = self.queues[component][queues]
        if number == BREAKS:  # to somebody who has no connection to lose: what was sent before is lost
            then: Queues = ((), down)
        else:
            down = (*down, self._pushed[component][number])
            then = (up, down if self.system.ordered else tuple(sorted(down)))
        self.push.tables[component][queues, number] = self._queue(component, then)

    def _fill_broken(self, component: int, local: int, *_: int) -> None:
        self.broken[component, local] = self.system.broken(component, local)

    def _fill_unmarked(self, component: int, local: int, *_: int) -> None:
        self.unmarked[component, local] = self.system.unmarked(component, local)

    def _fill_local_name(self, way: int, component: int, local: int, *_: int) -> None:
        self.local_names[way, component, local] = self.system.renamed_local(component, local, self.ways[way])

    def _fill_queue_name(self, way: int, component: int, queues: int, *_: int) -> None:
        names = self.ways[way]
        up, down = (
            tuple(self.system.renamed_message(message, names) for message in queue)
            for queue in self.queues[component][queues]
        )
        named = (up, down if self.system.ordered else tuple(sorted(down)))
        self.queue_names.tables[component][queues, way] = self._queue(names[component], named)

    def _fill_leaders(self, local: int, *_: int) -> None:
        named = [self.system.renamed_local(0, local, way) for way in self.ways]
        least = tuple(number for number, name in enumerate(named) if name == min(named))
        if least not in self.leaders:
            self.leaders.append(least)
        self.leader_of[local] = self.leaders.index(least)


def _kind(edit: Edit) -> int:
    if not edit.keeps_down:
        return CLEARS if not edit.sent else OTHERWISE
    return {Edit(): KEEPS, Edit(place=0): TAKES}.get(edit._replace(keeps_up=True), OTHERWISE)
