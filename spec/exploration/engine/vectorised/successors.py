"""The successors of many states at once, in NumPy: the tables as arrays are indexed by arrays.

One component after the other moves. A successor's key is the key of its origin, plus the difference that the step
makes to each number that it changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spec.exploration.engine import packing
from spec.exploration.engine.packing import Numbers, Words, places
from spec.exploration.engine.queue_tables import BREAKS, EMPTY
from spec.exploration.engine.ragged import Ints
from spec.exploration.engine.tables import (
    AFTER,
    BROKEN,
    LEADERS,
    LOCAL_NAME,
    PUSH,
    QUEUE_NAME,
    SITUATION,
    UNMARKED,
    Tables,
)

Origins = npt.NDArray[np.uint32]
Found = tuple[list[tuple[Words, Origins]], int]


class Stale(Exception):  # noqa: N818 - what was found out, not a defect
    """A number does not fit in its field any more: the keys have to be packed anew."""


@dataclass
class States:
    """The numbers of many states, by component."""

    local: list[Numbers]
    queue: list[Numbers]
    budget: Numbers

    def take(self, component: int, origins: Origins) -> tuple[Numbers, Numbers]:
        return self.local[component].take(origins), self.queue[component].take(origins)


@dataclass
class Successors:
    """What follows states whose keys are packed in one way."""

    tables: Tables
    layout: Words
    is_closed: bool = False
    """Whether nothing new follows: what has been numbered since the search ended is in none of these keys."""
    _recipients: list[Numbers] = field(default_factory=list)
    """For each component, and each publication: what is pushed to it, and -1 after the last."""
    _known_fans: int = 0

    def of(self, keys: Words) -> Found:
        """The keys of all successors by component, each with the place of its origin; how many states have none.

        Raises `Stale`.
        """
        moving = np.zeros(len(keys), np.int64)
        found = []
        for successors, origins, _ in self.labelled(keys):
            moving += np.bincount(origins, minlength=len(keys))
            found.append((self.least(successors), origins))
        return found, int(np.count_nonzero(moving == 0))

    def labelled(self, keys: Words) -> Iterator[tuple[Words, Origins, Numbers]]:
        """For each component, the keys of successors as they are called, the places of their origins, and the steps.

        Steps are numbers of `Tables.plans`. Raises `Stale`.
        """
        states = self.unpacked(keys)
        quiescent = self._quiescent(states).astype(np.int64)
        everybody = np.arange(len(keys), dtype=np.uint32)
        for component in range(self.tables.components):
            situations = self._situations(component, states, quiescent)
            begin = self.tables.begins.take(situations)
            counts = self.tables.begins.take(situations + 1) - begin
            origins = np.repeat(everybody, counts)
            before = np.cumsum(counts)
            before -= counts
            steps = np.repeat(begin - before, counts)
            steps += np.arange(len(steps))
            yield self._moved(component, keys, states, origins, self.tables.steps.take(steps, axis=0)), origins, steps

    def unpacked(self, keys: Words) -> States:
        """The numbers of states."""
        numbers = [packing.field(keys, self.layout, place) for place in range(len(self.layout))]
        where = places(self.tables.components)
        return States([numbers[local] for local, _ in where], [numbers[queue] for _, queue in where], numbers[-1] - 1)

    def sides(self, states: States, component: int) -> Numbers:
        """Twice the numbers of a component's local states, and one more where nothing is under way."""
        local = states.local[component]
        sides: Numbers = 2 * local + ((states.queue[component] == EMPTY) & ~self.tables.busy[component].take(local))
        return sides

    def _quiescent(self, states: States) -> npt.NDArray[np.bool_]:
        """Whether nothing is under way, for each state."""
        found = np.ones(len(states.budget), np.bool_)
        for component in range(self.tables.components):
            found &= (self.sides(states, component) & 1).astype(np.bool_)
        return found

    def _fill(self, kind: int, *columns: Numbers | Ints | int) -> None:
        """Have holes filled that are named by these numbers."""
        rows = np.stack(np.broadcast_arrays(kind, *columns, *(0,) * (5 - len(columns))), axis=1)
        self.tables.fill(np.unique(rows, axis=0).astype(np.int32))
        if not self.is_closed and not packing.fits(self.tables.sizes(), self.layout):
            raise Stale

    # Steps.

    def _situations(self, component: int, states: States, quiescent: Numbers) -> Numbers:
        tables = self.tables
        local, budget = states.local[component], states.budget
        heads = tables.heads[component].take(states.queue[component])
        while True:
            shape = tables.shapes[component][local, heads]
            found: Numbers = np.where(shape < 0, shape, tables.situations[shape, budget, quiescent]).astype(np.int64)
            holes = np.flatnonzero(found < 0)
            if not len(holes):
                return found
            self._fill(SITUATION, component, *(of.take(holes) for of in (local, heads, budget, quiescent)))

    def _moved(self, component: int, keys: Words, states: States, origins: Origins, steps: Ints) -> Words:
        local, queue = states.take(component, origins)
        made = keys.take(origins, axis=0)
        then, after = self._after(component, steps[:, 0], queue, steps[:, 1])
        self._add(made, len(self.layout) - 1, steps[:, 3] - states.budget.take(origins))
        publications = steps[:, 2]
        some = np.flatnonzero(publications)
        publications, told = publications.take(some), origins.take(some)
        self._catch_up_fans()
        for receiver, recipients in enumerate(self._recipients):
            hears = np.flatnonzero(recipients[:, 0].take(publications) >= 0)
            if not len(hears):
                continue
            at, pushed = some.take(hears), recipients.take(publications.take(hears), axis=0)
            if receiver == component:
                then[at], after[at] = self._told(receiver, then.take(at), after.take(at), pushed)
                continue
            here, waiting = states.take(receiver, told.take(hears))
            ending, longer = self._told(receiver, here, waiting, pushed)
            self._add_pair(made, receiver, ending - here, longer - waiting, at)
        self._add_pair(made, component, then - local, after - queue)
        return made

    def _after(self, component: int, then: Ints, queue: Numbers, edit: Ints) -> tuple[Numbers, Numbers]:
        """Local states and queues after steps."""
        tables = self.tables
        while True:
            after = tables.after.at(component, queue, edit).astype(np.int64)
            holes = np.flatnonzero(after < 0)
            if not len(holes):
                break
            self._fill(AFTER, component, queue.take(holes), edit.take(holes))
        while True:
            if not tables.system.faults.can_repeat:
                return then.astype(np.int64), after
            plain = np.where(tables.marked[component].take(after), then, tables.unmarked[component].take(then))
            if (plain >= 0).all():
                return plain.astype(np.int64), after
            self._fill(UNMARKED, component, then[plain < 0])

    def _add(self, keys: Words, place: int, difference: Numbers | Ints, at: Numbers | slice = slice(None)) -> None:
        word, shift, _ = self.layout[place]
        keys[at, int(word)] += difference.astype(np.int64, copy=False).view(np.uint64) << shift

    def _add_pair(
        self,
        keys: Words,
        component: int,
        local: Numbers | Ints,
        queue: Numbers | Ints,
        at: Numbers | slice = slice(None),
    ) -> None:
        for place, difference in zip(places(self.tables.components)[component], (local, queue), strict=True):
            self._add(keys, place, difference, at)

    # Publications.

    def _catch_up_fans(self) -> None:
        known = self.tables.system.numbers.publications
        if len(known) == self._known_fans:
            return
        self.tables.catch_up()
        first, entries = self.tables.publication_first, self.tables.publications
        self._recipients = []
        for receiver in range(self.tables.components):
            told = [
                [int(op) for to, op in entries[first[one] : first[one + 1]] if to == receiver]
                for one in range(len(known))
            ]
            width = max(1, *map(len, told))
            self._recipients.append(np.array([[*ops, *[-1] * (width - len(ops))] for ops in told], np.int64))
        self._known_fans = len(known)

    def _told(self, receiver: int, local: Numbers, queue: Numbers, pushed: Numbers) -> tuple[Numbers, Numbers]:
        """Local states and queues once all has been pushed."""
        for column in range(pushed.shape[1]):
            local, queue = self._pushed(receiver, local, queue, pushed[:, column])
        return local, queue

    def _pushed(self, receiver: int, local: Numbers, queue: Numbers, pushed: Numbers) -> tuple[Numbers, Numbers]:
        tables = self.tables
        online = tables.online[receiver].take(local)
        breaks = pushed == BREAKS
        is_longer = np.flatnonzero(np.where(online, pushed > BREAKS, breaks))
        while True:
            here = queue.take(is_longer), pushed.take(is_longer)
            longer = tables.push.at(receiver, *here)
            holes = np.flatnonzero(longer < 0)
            if not len(holes):
                break
            self._fill(PUSH, receiver, *(of.take(holes) for of in here))
        queue = queue.copy()
        queue[is_longer] = longer
        is_broken = np.flatnonzero(breaks)
        if len(is_broken):
            local = local.copy()
            those = local.take(is_broken)
            while ((ending := tables.broken[receiver].take(those)) < 0).any():
                self._fill(BROKEN, receiver, those[ending < 0])
            local[is_broken] = ending
            queue[np.flatnonzero(online & breaks)] = EMPTY
        return local, queue

    # Names.

    def least(self, keys: Words) -> Words:
        """For each key, the least of all that stand for the same state under other names.

        The first component knows the others by name: most ways to rename them are ruled out by what that makes of its
        local state alone.
        """
        tables = self.tables
        if len(tables.permutations) < 2:  # noqa: PLR2004 - the identity alone
            return keys
        states = self.unpacked(keys)
        while ((best := tables.leader_of.take(states.local[0])) < 0).any():
            self._fill(LEADERS, states.local[0][best < 0])
        made = np.empty_like(keys)
        for leader in np.unique(best).tolist():
            at = np.flatnonzero(best == leader)
            chosen = None
            for permutation in tables.leaders[leader]:
                trial = self._renamed(keys, states, at, permutation)
                chosen = trial if chosen is None else _lesser(chosen, trial)
            assert chosen is not None
            made[at] = chosen
        return made

    def _renamed(self, keys: Words, states: States, at: Numbers, permutation: int) -> Words:
        if permutation == 0:
            return keys[at]
        tables = self.tables
        word, shift, mask = self.layout[-1]
        made = np.zeros((len(at), keys.shape[1]), np.uint64)
        made[:, int(word)] = keys[at, int(word)] & (mask << shift)
        for component in range(tables.components):
            local, queue = states.local[component].take(at), states.queue[component].take(at)
            while ((local_name := tables.local_names[permutation, component].take(local)) < 0).any():
                self._fill(LOCAL_NAME, permutation, component, local[local_name < 0])
            while ((queue_name := tables.queue_names.at(component, queue, permutation)) < 0).any():
                self._fill(QUEUE_NAME, permutation, component, queue[queue_name < 0])
            self._add_pair(made, tables.permutations[permutation][component], local_name, queue_name)
        return made


def _lesser(left: Words, right: Words) -> Words:
    """The lesser of each two keys; the first words come first."""
    less = right[:, 0] < left[:, 0]
    same = right[:, 0] == left[:, 0]
    for word in range(1, left.shape[1]):
        less |= same & (right[:, word] < left[:, word])
        same &= right[:, word] == left[:, word]
    return np.where(less[:, None], right, left)
