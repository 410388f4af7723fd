"""Breadth-first search of a closed system with the compiled inner loop."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spec.explorer import growth, hashing, kernel
from spec.explorer.breadth import BreadthFirst, Found, Hits, Progress
from spec.explorer.claims import Claims
from spec.explorer.kernel import Aside
from spec.explorer.packing import Words, places
from spec.explorer.ragged import Ints, Numbers
from spec.explorer.tables import Tables

__all__ = ["Found", "Progress", "Search"]

CHUNK = 1 << 15
"""States that are expanded between two looks at the clock."""
HOLES = 1 << 16
EDGES = 1 << 20
"""Steps that are noted between two looks at whether to stop."""
EVERYTHING = np.zeros(0, np.int64)
"""In place of numbers of states: those from one number to another."""


@dataclass
class Search(BreadthFirst):
    """The compiled engine."""

    @cached_property
    def _ways(self) -> Ints:
        return np.array(self.ways or [range(self.tables.components)], np.int32)

    def _rehash(self) -> None:
        hashing.rehash(self.keys, self.count, self.places)

    def _pack_anew(self, old: Words, keys: Words) -> None:
        kernel.pack_anew(self.keys, self.count, old, self.layout, keys)

    def _look(self, claims: Claims, masks: list[Words], watched: Words, hits: Hits) -> None:
        size = max(len(bits) for bits in masks)
        padded = np.zeros((len(masks), size, claims.words), np.uint64)
        for component, bits in enumerate(masks):
            padded[component, : len(bits)] = bits
        fields, busy = self._fields(), self.tables.busy
        kernel.scan(0, self.count, self.keys, fields, busy, padded, claims.account_masks(), watched, hits)

    def _level(self, begin: int, end: int) -> None:
        aside: list[Numbers] = []
        for start in range(begin, end, CHUNK):
            aside.append(self._expand(EVERYTHING, start, min(start + CHUNK, end)))
            self._tell(end)
        todo = np.concatenate(aside)
        while len(todo):
            todo = self._expand(todo, 0, len(todo))

    def _expand(self, todo: Numbers, begin: int, end: int) -> Numbers:
        """Expand some states; returns those that were put aside, with the holes that kept them filled."""
        left = []
        while begin < end:
            buffer, origin = self._buffer()
            aside = leavings(end - begin, self.tables.components)
            why, begin, self.count, filled = kernel.expand(
                todo, begin, end, self.keys, self.parents, self.count, self.places, self._fields(),
                self.tables.arrays, aside, buffer, origin,
            )  # fmt: skip
            if why == kernel.FULL:
                self._grow()
                self.count = hashing.find(self.keys, self.count, self.places, buffer, origin, filled, self.parents)
            holes, states, transitions, at_rest = aside.counts.tolist()
            self.transitions += transitions
            self.at_rest += at_rest
            if holes:
                self._fill(aside.holes, holes)
                self._fits()
            left.append(aside.states[:states])
        return np.concatenate(left) if left else EVERYTHING

    def edges(self, tables: Tables) -> tuple[Numbers, Numbers]:
        numbers = np.zeros(len(self.places), np.uint32)
        hashing.number(self.keys, self.count, self.places, numbers)
        buffer, origin = self._buffer()
        found = [np.zeros((2, 0), np.uint32)]
        todo, begin, end = EVERYTHING, 0, self.count
        while begin < end:
            left = []
            while begin < end:
                aside = leavings(end - begin, tables.components)
                some = np.zeros((2, EDGES), np.uint32)
                begin, filled = kernel.edges(
                    todo, begin, end, self.keys, self.places, numbers, self._fields(), tables.arrays, aside,
                    buffer, origin, some,
                )  # fmt: skip
                holes, states, *_ = aside.counts.tolist()
                tables.fill(aside.holes[:holes])
                found.append(some[:, :filled])
                left.append(aside.states[:states])
                if self.is_stopped():
                    raise KeyboardInterrupt
            todo, begin = np.concatenate(left), 0
            end = len(todo)
        sources, targets = np.concatenate(found, axis=1)
        return sources.astype(np.int64), targets.astype(np.int64)

    def _fill(self, holes: Ints, count: int) -> None:
        """Fill holes: in compiled code what can be, since it is the most."""
        tables = self.tables
        if tables.is_plain:
            count = growth.grow(
                holes, count, tables.push.flat, tables.push.place, tables.after.flat, tables.after.place,
                tables.queue_names.flat, tables.queue_names.place, tables.heads, tables.marked, tables.parents,
                tables.lasts, tables.counts, np.array([tables.room(c) for c in range(tables.components)], np.int64),
                tables.first_heads, tables.edit_kinds, self._ways, tables.push_names,
                np.zeros(growth.DEEP, np.int64),
            )  # fmt: skip
        tables.fill(holes[:count])

    def _buffer(self) -> tuple[Words, npt.NDArray[np.uint32]]:
        return np.zeros((kernel.BUFFER, self.words), np.uint64), np.zeros(kernel.BUFFER, np.uint32)

    def _fields(self) -> Words:
        """Word, shift and mask of each component's local state, and of its queues; and of the account."""
        made = np.zeros((self.tables.components + 1, 6), np.uint64)
        for component, (local, queue) in enumerate(places(self.tables.components)):
            made[component, :3], made[component, 3:] = self.layout[local], self.layout[queue]
        made[-1, :3] = self.layout[-1]
        return made


def leavings(states: int, components: int) -> Aside:
    """Room for what an expansion of so many states leaves behind."""
    return Aside(
        np.zeros((HOLES, 6), np.int32),
        np.zeros(max(1, states), np.int64),
        np.zeros(4, np.int64),
        np.zeros((7, components), np.int64),
    )
