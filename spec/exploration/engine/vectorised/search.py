"""Breadth-first search of a closed system in NumPy: where nothing can be compiled.

Many states are expanded at once (`spec.exploration.engine.vectorised.successors`).

Duplicates are found in a hash table, in rounds: all keys look at their places at once. Of those that find them empty,
the last to leave its mark there takes it; the others compare again, and the unequal go to the next place.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.exploration.engine.packing import Numbers, Words
from spec.exploration.engine.search import BreadthFirst, Hits, Origins
from spec.exploration.engine.tables import Tables
from spec.exploration.engine.vectorised.successors import Stale, Successors
from spec.exploration.properties.language import Properties

CHUNK = 1 << 14
"""States that are expanded together: what is gathered for them stays in the processor's cache."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Multiplying by it spreads keys (Knuth, The Art of Computer Programming, 6.4)."""
BITS = 64
"""Of a word."""
MIX = np.uint64(29)
MARK = np.uint64(1 << 63)
"""In place of the first word of a key, while it is not settled whose the place is: with a number."""


@dataclass
class VectorisedSearch(BreadthFirst):
    """The engine in NumPy."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._successors = Successors(self.tables, self.layout)

    def expand_level(self, begin: int, end: int) -> None:
        if self._successors.layout is not self.layout:
            self._successors = Successors(self.tables, self.layout)
        for start in range(begin, end, CHUNK):
            stop = min(start + CHUNK, end)
            while not self._expanded(start, stop):
                pass
            self._render(end)

    def _expanded(self, begin: int, end: int) -> bool:
        """Expand states; not if the keys had to be packed anew first."""
        try:
            found, quiescent = self._successors.of(self.keys[begin:end])
        except Stale:
            self._fits()
            self._successors = Successors(self.tables, self.layout)
            return False
        for keys, origins in found:
            self.transitions += len(keys)
            self._add(keys, origins + np.uint32(begin))
        self.quiescent += quiescent
        return True

    # The hash table.

    def _places_of(self, keys: Words) -> npt.NDArray[np.int64]:
        mixed = keys[:, 0] * GOLDEN
        for word in range(1, keys.shape[1]):
            mixed ^= mixed >> MIX
            mixed += keys[:, word]
            mixed *= GOLDEN
        mixed >>= np.uint64(BITS - (len(self.places).bit_length() - 1))
        return mixed.view(np.int64)

    def _add(self, keys: Words, origins: npt.NDArray[np.uint32] | None) -> None:
        """Look keys up; what is new is appended. Without origins the keys are those that are there already."""
        if origins is not None:
            self._make_room(self.count + len(keys))
        table = self.places
        place = self._places_of(keys)
        flat = table.reshape(-1)  # taking from a column would copy all of it
        last = len(table) - 1
        while len(keys):
            there = flat.take(place * self.words)
            other = there != keys[:, 0]
            for word in range(1, self.words):
                other |= flat.take(place * self.words + word) != keys[:, word]
            left = np.flatnonzero(other)
            if not len(left):
                return
            empty = there.take(left) == 0
            keys, place = keys[left], place.take(left)
            origins = origins if origins is None else origins.take(left)
            free = np.flatnonzero(empty)
            marks = free.view(np.uint64) | MARK
            at = place.take(free)
            flat[at * self.words] = marks
            won = flat.take(at * self.words) == marks
            taken, at = free[won], at[won]
            new = keys[taken]
            table[at] = new
            if origins is not None:
                self.keys[self.count : self.count + len(new)] = new
                self.parents[self.count : self.count + len(new)] = origins.take(taken)
                self.count += len(new)
            # Who found another key goes on; who lost its place looks again at what has taken it.
            rest = np.ones(len(keys), np.bool_)
            rest[taken] = False
            place += ~empty
            place &= last
            keys, place = keys[rest], place[rest]
            origins = origins if origins is None else origins[rest]

    def rehash(self) -> None:
        for begin in range(0, self.count, CHUNK):
            self._add(self.keys[begin : min(begin + CHUNK, self.count)], None)

    # The graph.

    def edges(self, tables: Tables) -> tuple[Origins, Origins]:
        keys = self.keys[: self.count]
        order = np.lexsort(tuple(keys[:, word] for word in range(keys.shape[1])))
        ranked = keys[order]
        successors = Successors(tables, self.layout, is_closed=True)
        sources, targets = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
        for begin in range(0, self.count, CHUNK):
            if self.is_stopped():
                raise KeyboardInterrupt
            for found, origins in successors.of(self.keys[begin : min(begin + CHUNK, self.count)])[0]:
                sources.append(origins + np.uint32(begin))
                targets.append(order[ranks(found, ranked)].astype(np.uint32))
        return np.concatenate(sources), np.concatenate(targets)

    def peeled(self, sources: Origins, targets: Origins) -> Numbers | Origins:
        degree = np.bincount(sources, minlength=self.count)
        order = np.argsort(targets, kind="stable")
        before = sources[order]
        first = np.searchsorted(targets[order], np.arange(self.count + 1))
        gone = np.flatnonzero(degree == 0)
        while len(gone):
            counts = first[gone + 1] - first[gone]
            shift = np.cumsum(counts) - counts
            places = np.arange(int(counts.sum())) + np.repeat(first[gone] - shift, counts)
            hit, times = np.unique(before[places], return_counts=True)
            degree[hit] -= times
            gone = hit[degree[hit] == 0]
        return degree

    # Properties.

    def note_hits(self, properties: Properties, masks: list[Words], watched: Words, hits: Hits) -> None:
        of_budgets = properties.budget_masks()
        for begin in range(0, self.count, CHUNK):
            states = self._successors.unpacked(self.keys[begin : min(begin + CHUNK, self.count)])
            bits = of_budgets[states.budget]
            for component, mask in enumerate(masks):
                bits &= mask[self._successors.sides(states, component)]
            bits &= watched
            met: list[Any] = np.bitwise_or.reduce(bits, axis=0).tolist()
            for word, left in enumerate(met):
                for bit in (place for place in range(BITS) if left >> place & 1):
                    one = np.uint64(1 << bit)
                    hits[word * BITS + bit] = begin + int(np.argmax((bits[:, word] & one) != 0))
                    watched[word] &= ~one


def ranks(found: Words, ranked: Words) -> Numbers:
    """The places of keys among those that are sorted, by halving."""
    if ranked.shape[1] == 1:
        return np.searchsorted(ranked[:, 0], found[:, 0])
    low = np.zeros(len(found), np.int64)
    high = np.full(len(found), len(ranked), np.int64)
    while True:
        open_ = low < high
        if not open_.any():
            return low
        middle = (low + high) // 2
        there = ranked[np.minimum(middle, len(ranked) - 1)]
        less = np.zeros(len(found), np.bool_)
        same = np.ones(len(found), np.bool_)
        for word in reversed(range(ranked.shape[1])):
            less |= same & (there[:, word] < found[:, word])
            same &= there[:, word] == found[:, word]
        low = np.where(open_ & less, middle + 1, low)
        high = np.where(open_ & ~less, middle, high)
