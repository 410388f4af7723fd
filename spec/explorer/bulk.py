"""The steps of many slots at once.

Slots are many and their shapes are few: what can happen in a slot is decided by its local state and by the first
messages under way. So each shape is asked once, each move is applied to each queue once, and what is left for a slot is
to look up numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spec.explorer.closed import ClosedSystem
from spec.explorer.queues import Edit, Queues, Shape, edited
from spec.explorer.steps import Slot

Ints = npt.NDArray[np.int32]
LOCAL = 40
"""Where the number of a local state begins in the key of a slot, above that of its queues."""


class _Moves(NamedTuple):
    """The moves of a shape: the same for all of its slots, but for the slots after them."""

    thens: tuple[tuple[int, Edit], ...]
    steps: Ints


@dataclass
class Bulk:
    """The steps of a system's slots as rows of numbers: then, publication, cost, loss, late, failure."""

    system: ClosedSystem
    _queues: list[Queues] = field(default_factory=list)
    _queue_numbers: dict[Queues, int] = field(default_factory=dict)
    _edited: dict[Edit, dict[int, int]] = field(default_factory=dict)
    _shapes: dict[tuple[int, Shape], _Moves] = field(default_factory=dict)
    _slots: dict[int, dict[int, int]] = field(default_factory=dict)

    def steps(self, component: int, slots: Sequence[int]) -> tuple[list[int], list[int], Ints]:
        """The slots in the order of their steps, how many each has, and the steps."""
        alike: dict[Shape, list[int]] = {}
        known = self.system.slots[component]
        for number in slots:
            alike.setdefault(self.system.shape(known[number]), []).append(number)
        counts: list[int] = []
        found = [np.zeros((0, 6), np.int32)]
        for shape, numbers in alike.items():
            moves = self._moves(component, shape)
            queues = [self._queue(known[number][1:]) for number in numbers]
            steps = np.repeat(moves.steps[None], len(numbers), axis=0)
            after: dict[Edit, list[int]] = {}
            for place, (local, edit) in enumerate(moves.thens):
                if edit not in after:
                    after[edit] = self._after(queues, edit)
                steps[:, place, 0] = self._numbers(component, local, after[edit])
            counts += [len(moves.thens)] * len(numbers)
            found.append(steps.reshape(-1, 6))
        return [number for numbers in alike.values() for number in numbers], counts, np.concatenate(found)

    def _moves(self, component: int, shape: Shape) -> _Moves:
        key = (component, shape)
        if key not in self._shapes:
            moved = self.system.shaped(component, shape)
            steps = [(0, move.publication, move.cost, move.loss, move.late, move.failure) for _, _, move in moved]
            thens = tuple((local, edit) for local, edit, _ in moved)
            self._shapes[key] = _Moves(thens, np.array(steps, np.int32).reshape(-1, 6))
        return self._shapes[key]

    def _queue(self, queues: Queues) -> int:
        numbers = self._queue_numbers
        if queues not in numbers:
            numbers[queues] = len(numbers)
            self._queues.append(queues)
        return numbers[queues]

    def _after(self, queues: Sequence[int], edit: Edit) -> list[int]:
        known = self._edited.setdefault(edit, {})
        for queue in queues:
            if queue not in known:
                known[queue] = self._queue(edited(self._queues[queue], edit, ordered=self.system.ordered))
        return [known[queue] for queue in queues]

    def _numbers(self, component: int, local: int, queues: Sequence[int]) -> list[int]:
        known = self._slots.setdefault(component, {})
        base = local << LOCAL
        for queue in queues:
            if base | queue not in known:
                slot = Slot(local, *self._queues[queue])
                known[base | queue] = self.system.settled(component, slot)
        return [known[base | queue] for queue in queues]
