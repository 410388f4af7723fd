"""Breadth-first search of a closed system with the compiled inner loop, in as many threads as there are processors.

The work is split into partitions. In turns, all partitions expand states, and then each looks up the successors that
belong to its part of the hash table, whoever has collected them. What is found, and in which order, does not depend on
the number of threads.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, TypeVar

import numpy as np

from spec.exploration.engine.compiled import growth, hashing, kernel, leaf_trimming, scans
from spec.exploration.engine.compiled.hashing import PARTITIONS
from spec.exploration.engine.compiled.partitions import NOBODY, Partitions, matrix, split
from spec.exploration.engine.components import components
from spec.exploration.engine.packing import Words, places
from spec.exploration.engine.queue_tables import Flags
from spec.exploration.engine.ragged import Ints, Numbers
from spec.exploration.engine.search import BreadthFirst, Found, Hits, Origins, Progress
from spec.exploration.engine.tables import Tables
from spec.exploration.properties.language import Properties

__all__ = ["Found", "Progress", "Search"]

CHUNK = 1 << 17
"""States that are expanded between two looks at the clock."""
T = TypeVar("T")
FEW = 1 << 18
"""States that NumPy packs anew."""
RECENT = 1 << 12
"""Successors that a partition remembers, so as not to collect them again."""
FULL = 15 / 16
"""How full the part of one partition may be."""
SMALL = 1 << 11
"""States that are not worth a second thread."""
EVERYTHING = NOBODY
"""In place of numbers of states: those from one number to another."""


@dataclass
class Search(BreadthFirst):
    """The compiled engine."""

    load: ClassVar[float] = 0.8
    step_size: ClassVar[int] = 24
    threads: int = field(default_factory=lambda: min(PARTITIONS, _processors()))
    _pool: ThreadPoolExecutor | None = None
    _partitions: Partitions | None = None

    @cached_property
    def _permutations(self) -> Ints:
        return np.array(self.permutations or [range(self.tables.components)], np.int32)

    def run(self, *, more: bool = False) -> Found:
        with self._threads():
            return super().run(more=more)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        if self.threads == 1:
            yield
            return
        with ThreadPoolExecutor(self.threads - 1) as self._pool:
            yield
        self._pool = None

    def _each(self, work: Callable[[int], T], size: int) -> list[T]:
        """Do some work in every partition; in several threads, if there is enough of it."""
        if self._pool is None or size < SMALL:
            return [work(partition) for partition in range(PARTITIONS)]
        shares = [range(first, PARTITIONS, self.threads) for first in range(self.threads)]
        others = [self._pool.submit(lambda share: list(map(work, share)), share) for share in shares[1:]]
        done = [list(map(work, shares[0])), *(other.result() for other in others)]
        return [done[partition % self.threads][partition // self.threads] for partition in range(PARTITIONS)]

    # The hash table.

    def rehash(self) -> None:
        owners = hashing.owners(self.keys[: self.count])
        self._owned = np.bincount(owners, minlength=PARTITIONS)
        while self._is_crowded(self._owned):
            self.places.resize((2 * len(self.places), self.words), refcheck=False)
        is_new = np.zeros((1, self.count), np.bool_)

        def fill(partition: int) -> None:
            mine = np.flatnonzero(owners == partition)
            owned = np.zeros((1, PARTITIONS, len(mine)), np.uint32)
            owned[0, partition] = mine
            filled = matrix(PARTITIONS)
            filled[0, partition] = len(mine)
            hashing.insert(
                self.places, self.keys[None, : self.count], owned, filled, partition, is_new, hashing.homes()
            )

        self._each(fill, self.count)

    def _is_crowded(self, owned: Numbers) -> bool:
        """Whether the part of a partition has hardly room for so many keys; as a rule all have about the same."""
        return int(owned.max()) > len(self.places) // PARTITIONS * FULL

    def widen(self) -> None:
        old = len(self.places)
        self.places.resize((2 * old, self.words), refcheck=False)
        if not hashing.spread(self.places, old, np.zeros((CHUNK, self.words), np.uint64)):
            self._new_places(2 * old)

    def pack_anew(self, old: Words, keys: Words) -> None:
        if self._partitions is not None:
            self._partitions.forget()
        if self.count < FEW:  # it is not worth what numba needs to compile it
            super().pack_anew(old, keys)
            return
        parts = split(0, self.count)

        def pack(partition: int) -> None:
            kernel.pack_anew(self.keys, *parts[partition], old, self.layout, keys, np.zeros(self.words, np.uint64))

        self._each(pack, self.count)

    # Expansion.

    def expand_level(self, begin: int, end: int) -> None:
        aside: list[Numbers] = []
        for start in range(begin, end, CHUNK):
            aside += self._expand(EVERYTHING, start, min(start + CHUNK, end))
            self._render(end)
        self._expand_all(np.concatenate(aside))

    def _expand_all(self, todo: Numbers) -> None:
        """Expand some states, until none of them is put aside."""
        while len(todo):
            todo = np.concatenate(self._expand(todo, 0, len(todo)))

    def expand_of_shapes(self, end: int, wanted: Flags) -> None:
        tables, found = self.tables, np.zeros(end, np.int64)
        parts, fields = split(0, end), self._fields()

        def look(partition: int) -> Numbers:
            begin, last = parts[partition]
            room = np.zeros((2, tables.components), np.int64)
            past = scans.of_shapes(begin, last, self.keys, fields, tables.heads, tables.shapes, wanted, found, room)
            return found[begin:past]

        todo = np.concatenate(self._each(look, end))
        for begin in range(0, len(todo), CHUNK):
            self._expand_all(todo[begin : begin + CHUNK])
            self._render(end)

    def _expand(self, todo: Numbers, begin: int, end: int) -> list[Numbers]:
        """Expand some states; returns those that were put aside, with the holes that kept them filled."""
        left: list[Numbers] = []
        ranges = split(begin, end)
        while any(place < last for place, last in ranges):
            partitions = self._partitions = self._room(self._partitions, RECENT)
            ranges = self._collect(partitions, todo, ranges, self.tables)
            self._make_room(self.count + sum(partitions.collected))
            while self._is_crowded(self._owned + partitions.filled.sum(axis=0)):
                self._spend(self.places.nbytes)
                self.widen()
            self._insert(partitions)
            self.transitions += partitions.total(kernel.TAKEN)
            self.quiescent += partitions.total(kernel.AT_REST)
            left += partitions.aside()
            if partitions.total(kernel.NOTES):
                self._fill(partitions.holes())
                self._fits()
        return left

    def _room(self, partitions: Partitions | None, recent: int) -> Partitions:
        most = int(self.tables.most_steps.sum())
        if partitions is None or partitions.words != self.words or partitions.most < most:
            return Partitions(self.tables.components, self.words, 2 * most, recent)
        return partitions

    def _collect(
        self, partitions: Partitions, todo: Numbers, ranges: list[tuple[int, int]], tables: Tables
    ) -> list[tuple[int, int]]:
        """Have the successors of ranges of states collected; returns what is left of them."""
        size = max(last - place for place, last in ranges)
        partitions.begin(size)
        fields, arrays = self._fields(), tables.arrays

        def work(partition: int) -> int:
            place, last = ranges[partition]
            done: int = kernel.expand(
                todo, place, last, self.keys, fields, arrays, partitions.partitions[partition], partitions.room
            )
            return done

        return [(place, last) for place, (_, last) in zip(self._each(work, PARTITIONS * size), ranges, strict=True)]

    def _insert(self, partitions: Partitions) -> None:
        """Look up what was collected, and append what is new."""
        collected = partitions.collected
        size = sum(collected)

        def look_up(partition: int) -> None:
            self._owned[partition] += hashing.insert(
                self.places,
                partitions.keys,
                partitions.owned,
                partitions.filled,
                partition,
                partitions.is_new,
                hashing.homes(),
            )

        self._each(look_up, size)
        new = [int(np.count_nonzero(flags[:count])) for flags, count in zip(partitions.is_new, collected, strict=True)]
        begins = [self.count + sum(new[:partition]) for partition in range(PARTITIONS)]

        def append(partition: int) -> None:
            hashing.append(
                self.keys, self.parents, begins[partition], partitions.keys[partition], partitions.origins[partition],
                partitions.is_new[partition],
                collected[partition],
            )  # fmt: skip

        self._each(append, size)
        self.count += sum(new)

    def _fill(self, holes: Ints) -> None:
        """Fill holes: in compiled code what can be, since it is the most."""
        tables = self.tables
        count = len(holes)
        while tables.is_plain:
            before = count
            count = growth.grow(
                holes, count, tables.push.flat, tables.push.place, tables.after.flat, tables.after.place,
                tables.queue_names.flat, tables.queue_names.place, tables.heads, tables.marked, tables.parents,
                tables.lasts, tables.lengths, tables.counts, tables.room(), tables.first_heads, tables.edit_kinds,
                self._permutations, tables.push_names, np.zeros(growth.DEEP, np.int64),
            )  # fmt: skip
            if not tables.widen() and (count == before or not count):
                break
        tables.fill(holes[:count])

    # The graph.

    def edges(self, tables: Tables) -> tuple[Origins, Origins]:
        parts = split(0, self.count)
        sources, targets = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
        with self._threads():
            where = np.empty(self.count, np.uint32)
            self._each(lambda partition: hashing.find(self.places, self.keys, *parts[partition], where), self.count)
            numbers = np.zeros(len(self.places), np.uint32)
            numbers[where] = np.arange(self.count, dtype=np.uint32)
            todo, end = EVERYTHING, self.count
            partitions = None
            while end:
                left = []
                for start in range(0, end, CHUNK):
                    ranges = split(start, min(start + CHUNK, end))
                    while any(place < last for place, last in ranges):
                        partitions = self._room(partitions, 0)
                        ranges = self._collect(partitions, todo, ranges, tables)
                        tables.fill(partitions.holes())
                        left += partitions.aside()
                        self._note_edges(partitions, numbers, sources, targets)
                    if self.is_stopped():
                        raise KeyboardInterrupt
                todo = np.concatenate(left)
                end = len(todo)
        return np.concatenate(sources), np.concatenate(targets)

    def peeled(self, sources: Origins, targets: Origins) -> Origins:
        degrees: Origins = leaf_trimming.trim_leaves(self.count, sources, targets)
        return degrees

    def components(self, size: int, sources: Numbers, targets: Numbers) -> Numbers:
        return components(size, sources, targets, leaf_trimming.label_components, lists=False)

    def _note_edges(
        self, partitions: Partitions, numbers: Origins, sources: list[Origins], targets: list[Origins]
    ) -> None:
        collected = partitions.collected
        found = [np.empty(count, np.uint32) for count in collected]
        self._each(
            lambda partition: hashing.find(
                self.places, partitions.keys[partition], 0, collected[partition], found[partition]
            ),
            sum(collected),
        )
        targets += [numbers.take(where) for where in found]
        sources += [origins[:count].copy() for origins, count in zip(partitions.origins, collected, strict=True)]

    # Properties.

    def note_hits(self, properties: Properties, masks: list[Words], watched: Words, hits: Hits) -> None:
        size = max(len(bits) for bits in masks)
        padded = np.zeros((len(masks), size, properties.words), np.uint64)
        for component, bits in enumerate(masks):
            padded[component, : len(bits)] = bits
        fields, busy = self._fields(), self.tables.busy
        kernel.scan(
            0,
            self.count,
            self.keys,
            fields,
            busy,
            padded,
            properties.budget_masks(),
            watched,
            hits,
            np.zeros((3, len(masks)), np.int64),
        )

    def parts(self) -> list[Numbers]:
        tables = self.tables
        first = np.full((len(tables.situations), len(self.system.budgets.known)), -1, np.int64)
        room = np.zeros((2, tables.components), np.int64)
        scans.note_shapes(0, self.count, self.keys, self._fields(), tables.heads, tables.shapes, first, room)
        found: list[list[tuple[int, ...]]] = [[] for _ in range(tables.components)]
        for component, local, heads in np.argwhere(tables.shapes >= 0).tolist():
            met = first[tables.shapes[component, local, heads]]
            found[component] += [(local, heads, int(budget), int(met[budget])) for budget in np.flatnonzero(met >= 0)]
        return [np.array(rows, np.int64).reshape(-1, 4) for rows in found]

    def _fields(self) -> Words:
        """Word, shift and mask of each component's local state, and of its queues; and of the budget."""
        made = np.zeros((self.tables.components + 1, 6), np.uint64)
        for component, (local, queue) in enumerate(places(self.tables.components)):
            made[component, :3], made[component, 3:] = self.layout[local], self.layout[queue]
        made[-1, :3] = self.layout[-1]
        return made


def _processors() -> int:
    """How many processors there are for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
