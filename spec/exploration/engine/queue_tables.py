"""What is under way in a closed system, as numbers by component: *queues*, and what becomes of them.

Where a bus keeps the order and has one hop, what is under way to a component is a sequence of messages, and its number
stands in a trie: each queue has a *parent*, which is the queue without its last message. Compiled code can go on from
there by itself (`spec.exploration.engine.compiled.growth`), since all that it needs stands in arrays. Where something
is on its way from the component, too, the queues are listed instead, and have no parent.
"""

from itertools import product

import numpy as np
import numpy.typing as npt

from spec.exploration.engine.ragged import HOLE, Ints, Numbers, Ragged, roomy
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.queues import Edit, Heads, Queues, edited
from spec.exploration.model.steps import BREAK

EMPTY = 0
"""The number of the queues with nothing under way, of each component."""
BREAKS = 0
"""What is pushed to a component when its connection is lost, among what is pushed to it by number."""
KEEPS, TAKES, CLEARS, OTHERWISE = range(4)
"""What an edit does to the messages under way, where these are a mere sequence."""
Flags = npt.NDArray[np.bool_]


class InFlight:
    """The queues of a system by number, as far as they are known. `permutations` are those to rename components."""

    def __init__(self, system: ClosedSystem, permutations: tuple[tuple[int, ...], ...]) -> None:
        self.system, self.permutations = system, permutations
        width = self.components = len(system.nodes)
        # By component, but where queues are mere sequences: they are not listed there.
        self._queues: list[dict[int, Queues]] = [{} for _ in range(width)]
        self._queue_numbers: list[dict[Queues, int]] = [{} for _ in range(width)]
        self._measured = [0] * width
        self._heads: list[list[Heads]] = [[] for _ in range(width)]
        self._head_numbers: list[dict[Heads, int]] = [{} for _ in range(width)]
        self._edits: list[list[Edit]] = [[] for _ in range(width)]
        self._edit_numbers: list[dict[Edit, int]] = [{} for _ in range(width)]
        self._pushed: list[list[int]] = [[BREAK] for _ in range(width)]
        self._push_numbers: list[dict[int, int]] = [{BREAK: BREAKS} for _ in range(width)]
        # By component and queues.
        self.heads: Ints = np.zeros((width, 64), np.int32)
        self.marked: Flags = np.zeros((width, 64), np.bool_)
        self.after, self.push = Ragged(width), Ragged(width)
        self.queue_names = Ragged(width, columns=max(1, len(permutations)))
        # Where queues are mere sequences: by component and queues, what they are without the last message, which one
        # that is, and how many there are; and by component and message pushed, the heads where it is alone.
        self.is_plain = system.ordered and not system.keeps_hops
        self.parents: Ints = np.full((width, 64), HOLE, np.int32)
        self.lasts: Ints = np.full((width, 64), HOLE, np.int32)
        self.lengths: Ints = np.zeros((width, 64), np.int32)
        self.first_heads: Ints = np.full((width, 8), HOLE, np.int32)
        self.edit_kinds: Ints = np.full((width, 8), OTHERWISE, np.int32)
        self.push_names: Ints = np.full((max(1, len(permutations)), width, 8), HOLE, np.int32)
        self._named = [[0] * width for _ in permutations]
        self.counts: Numbers = np.zeros(width, np.int64)
        """Of queues."""
        for component in range(width):
            self._list(component, ((), ()))
            self.queue_names.tables[component][EMPTY] = EMPTY

    # Numbers.

    def queue(self, component: int, queues: Queues) -> int:
        """The number of what is under way."""
        if self._is_sequence(queues):
            number = EMPTY
            for message in queues[1]:
                number = self._longer(component, number, self._push_number(component, message))
            return number
        numbers = self._queue_numbers[component]
        if queues not in numbers:
            self._list(component, queues)
        return numbers[queues]

    def _is_sequence(self, queues: Queues) -> bool:
        """Whether the number of these stands in the trie."""
        return self.is_plain and not queues[0]

    def _is_in_trie(self, component: int, number: int) -> bool:
        return self.is_plain and number not in self._queues[component]

    def _in_flight(self, component: int, number: int) -> Queues:
        """What is under way, by its number."""
        if number in self._queues[component]:
            return self._queues[component][number]
        found = []
        while number != EMPTY:
            found.append(self._pushed[component][self.lasts[component, number]])
            number = int(self.parents[component, number])
        return (), tuple(reversed(found))

    def _list(self, component: int, queues: Queues) -> int:
        """Number what is under way for the first time."""
        self.system.connections.measure(component, queues)
        heads = self.system.connections.heads(queues)
        numbers = self._head_numbers[component]
        if heads not in numbers:
            numbers[heads] = len(numbers)
            self._heads[component].append(heads)
        number = self._numbered(component, numbers[heads], any(map(self.system.marks.is_marked, queues[1])))
        if not self._is_sequence(queues):
            self._queues[component][number] = queues
            self._queue_numbers[component][queues] = number
        return number

    def _numbered(self, component: int, heads: int, marked: bool) -> int:
        number = int(self.counts[component])
        self._reserve(component, number + 1)
        self.heads[component, number] = heads
        self.marked[component, number] = marked
        self.counts[component] = number + 1
        return number

    def _longer(self, component: int, queue: int, last: int) -> int:
        """The number of a queue with one message more."""
        self.push.reserve(component, queue + 1, last + 1)
        number = int(self.push.tables[component][queue, last])
        if number < 0:
            if queue == EMPTY:
                number = self._list(component, ((), (self._pushed[component][last],)))
                self.first_heads = roomy(self.first_heads, 1, last + 1, HOLE)
                self.first_heads[component, last] = self.heads[component, number]
            else:
                number = self._numbered(component, self.heads[component, queue], self.marked[component, queue])
            self.parents[component, number], self.lasts[component, number] = queue, last
            self.lengths[component, number] = self.lengths[component, queue] + 1
            self.push.tables[component][queue, last] = number
        return number

    def measure(self) -> None:
        """Note how much is under way by queues that were numbered in the arrays alone. Raises `Unbounded`."""
        if not self.is_plain:
            return
        for component, (begin, end) in enumerate(zip(self._measured, self.counts.tolist(), strict=True)):
            if begin < end:
                longest = begin + int(self.lengths[component, begin:end].argmax())
                self.system.connections.measure(component, self._in_flight(component, longest))
                self._measured[component] = end

    def _push_number(self, component: int, message: int) -> int:
        numbers = self._push_numbers[component]
        if message not in numbers:
            numbers[message] = len(numbers)
            self._pushed[component].append(message)
        return numbers[message]

    def _edit_number(self, component: int, edit: Edit) -> int:
        numbers = self._edit_numbers[component]
        if edit not in numbers:
            number = numbers[edit] = len(numbers)
            self._edits[component].append(edit)
            self.edit_kinds = roomy(self.edit_kinds, 1, number + 1, OTHERWISE)
            self.edit_kinds[component, number] = _kind(edit)
        return numbers[edit]

    def _catch_up_names(self) -> None:
        """What is pushed, as it is called under other names."""
        renamed = self.system.renamed.message
        known = -1
        while known != (known := sum(map(len, self._pushed))):  # more may be pushed once all is named
            for component, permutation in product(range(self.components), range(len(self.permutations))):
                pushed = self._pushed[component]
                self.push_names = roomy(self.push_names, 2, len(pushed), HOLE)
                for number in range(self._named[permutation][component], len(pushed)):
                    names = self.permutations[permutation]
                    message = BREAK if number == BREAKS else renamed(pushed[number], names)
                    self.push_names[permutation, component, number] = self._push_number(names[component], message)
                self._named[permutation][component] = len(pushed)

    # Room.

    def room(self) -> Numbers:
        """How many queues of each component there is room for."""
        ragged = (self.after, self.push, self.queue_names)
        return np.array(
            [
                min(self.heads.shape[1], self.parents.shape[1], *(len(table.tables[component]) for table in ragged))
                for component in range(self.components)
            ]
        )

    @property
    def largest(self) -> int:
        """Bytes of the largest table."""
        return max(table.flat.nbytes for table in (self.after, self.push, self.queue_names))

    def widen(self) -> bool:
        """Make more room for queues where there is none left; whether that was anywhere."""
        full = np.flatnonzero(self.counts >= self.room()).tolist()
        for component in full:
            self._reserve(component, int(self.counts[component]) + 1)
        return bool(full)

    def _reserve(self, component: int, queues: int) -> None:
        """Make room for so many queues, and for what is done to them."""
        self.heads = roomy(self.heads, 1, queues, 0)
        self.marked = roomy(self.marked, 1, queues, 0)
        self.after.reserve(component, queues, len(self._edits[component]))
        self.push.reserve(component, queues, len(self._pushed[component]))
        self.queue_names.reserve(component, queues, max(1, len(self.permutations)))
        if self.is_plain:
            self.parents, self.lasts = roomy(self.parents, 1, queues, HOLE), roomy(self.lasts, 1, queues, HOLE)
            self.lengths = roomy(self.lengths, 1, queues, 0)
            self.first_heads = roomy(self.first_heads, 1, len(self._pushed[component]), HOLE)

    # What becomes of queues.

    def _fill_after(self, component: int, queues: int, edit: int, *_: int) -> None:
        if self._is_in_trie(component, queues) and self.edit_kinds[component, edit] == TAKES:
            self._take(component, queues, edit)
            return
        then = edited(self._in_flight(component, queues), self._edits[component][edit], ordered=self.system.ordered)
        number = self.queue(component, then)
        self.after.tables[component][queues, edit] = number

    def _take(self, component: int, queue: int, edit: int) -> None:
        """Note a queue without its first message: from the nearest one of which it is known, and down again."""
        chain = []
        while self.parents[component, queue] != EMPTY and self.after.tables[component][queue, edit] < 0:
            chain.append(queue)
            queue = int(self.parents[component, queue])
        if self.parents[component, queue] == EMPTY:
            self.after.tables[component][queue, edit] = EMPTY
        for longer in reversed(chain):
            before = int(self.after.tables[component][int(self.parents[component, longer]), edit])
            number = self._longer(component, before, int(self.lasts[component, longer]))
            self.after.tables[component][longer, edit] = number

    def _fill_push(self, component: int, queues: int, number: int, *_: int) -> None:
        if self._is_in_trie(component, queues):
            longer = queues if number == BREAKS else self._longer(component, queues, number)
        else:
            up, down = self._in_flight(component, queues)
            if number == BREAKS:  # to somebody who has no connection to lose: what was sent before is lost
                up = ()
            else:
                down = (*down, self._pushed[component][number])
            longer = self.queue(component, (up, down if self.system.ordered else tuple(sorted(down))))
        self.push.tables[component][queues, number] = longer

    def _fill_queue_name(self, permutation: int, component: int, queues: int, *_: int) -> None:
        names = self.permutations[permutation]
        up, down = (
            tuple(self.system.renamed.message(message, names) for message in queue)
            for queue in self._in_flight(component, queues)
        )
        named = (up, down if self.system.ordered else tuple(sorted(down)))
        name = self.queue(names[component], named)
        self.queue_names.tables[component][queues, permutation] = name


def _kind(edit: Edit) -> int:
    if not edit.keeps_down:
        return CLEARS if not edit.sent else OTHERWISE
    return {Edit(): KEEPS, Edit(place=0): TAKES}.get(edit._replace(keeps_up=None), OTHERWISE)
