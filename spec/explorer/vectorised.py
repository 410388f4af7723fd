"""Breadth-first search of a closed system in NumPy: where nothing can be compiled.

Many states are expanded at once, one component after the other. What a component can do depends on its slot, on the
account, and on whether anything is under way: its *situation*. For each situation that is met, the steps that can
happen are noted with the fields of the key that they set. So a successor is the key without these fields, plus theirs,
plus for each receiver of what is published the difference that a push makes to its slot.

Duplicates are found in a hash table, in rounds: all keys look at their places at once. Of those that find them empty,
the last to leave its mark there takes it; the others compare again, and the unequal go to the next place.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spec.explorer import packing
from spec.explorer.breadth import BreadthFirst, Hits
from spec.explorer.claims import Claims
from spec.explorer.packing import Words
from spec.explorer.situations import Renamed, Situations, Stale

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
        self._situations = Situations(self.tables, self.layout)
        self._renamed = Renamed(self.tables, self.layout)

    def _level(self, begin: int, end: int) -> None:
        for start in range(begin, end, CHUNK):
            stop = min(start + CHUNK, end)
            while not self._expanded(start, stop):
                pass
            self._tell(end)

    def _expanded(self, begin: int, end: int) -> bool:
        """Expand states; not if the keys had to be packed anew first."""
        try:
            found, at_rest = self._successors(self.keys[begin:end])
        except Stale:
            self._fits()
            self._situations = Situations(self.tables, self.layout)
            self._renamed = Renamed(self.tables, self.layout)
            return False
        for keys, origins in found:
            self.transitions += len(keys)
            self._add(keys, origins + np.uint32(begin))
        self.at_rest += at_rest
        return True

    def _successors(self, keys: Words) -> tuple[list[tuple[Words, npt.NDArray[np.uint32]]], int]:
        """The keys of all successors by component, each with the place of its origin; how many states have none."""
        known = self._situations
        slots = [packing.field(keys, self.layout, place) for place in range(len(self.layout))]
        accounts = slots.pop() - 1
        quiet = known.quiet(slots)
        everybody = np.arange(len(keys), dtype=np.uint32)
        moving = np.zeros(len(keys), np.int64)
        found = []
        for component, here in enumerate(slots):
            begin, counts = known.steps(component, here, accounts, quiet)
            moving += counts
            origins = np.repeat(everybody, counts)
            before = np.cumsum(counts)
            before -= counts
            steps = np.repeat(begin - before, counts)
            steps += np.arange(len(steps))
            successors = known.moved(component, keys, origins, steps)
            known.publish(component, successors, slots, origins, steps)
            if len(self.ways) > 1:
                successors = self._renamed.least(successors)
            found.append((successors, origins))
        return found, int(np.count_nonzero(moving == 0))

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
            while self.count + len(keys) > len(self.keys):
                self._grow()
        table = self.places
        place = self._places_of(keys)
        columns = [table[:, word] for word in range(self.words)]
        last = len(table) - 1
        while len(keys):
            there = columns[0].take(place)
            other = there != keys[:, 0]
            for word in range(1, self.words):
                other |= columns[word].take(place) != keys[:, word]
            left = np.flatnonzero(other)
            if not len(left):
                return
            empty = there.take(left) == 0
            keys, place = keys[left], place.take(left)
            origins = origins if origins is None else origins.take(left)
            free = np.flatnonzero(empty)
            marks = free.view(np.uint64) | MARK
            at = place.take(free)
            columns[0][at] = marks
            won = columns[0].take(at) == marks
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

    def _rehash(self) -> None:
        for begin in range(0, self.count, CHUNK):
            self._add(self.keys[begin : min(begin + CHUNK, self.count)], None)

    # Claims.

    def _look(self, claims: Claims, masks: list[Words], watched: Words, hits: Hits) -> None:
        of_accounts = claims.account_masks()
        for begin in range(0, self.count, CHUNK):
            keys = self.keys[begin : min(begin + CHUNK, self.count)]
            bits = of_accounts[packing.field(keys, self.layout, len(masks)) - 1]
            for component, mask in enumerate(masks):
                bits &= mask[packing.field(keys, self.layout, component)]
            bits &= watched
            met: list[Any] = np.bitwise_or.reduce(bits, axis=0).tolist()
            for word, left in enumerate(met):
                for bit in (place for place in range(BITS) if left >> place & 1):
                    one = np.uint64(1 << bit)
                    hits[word * BITS + bit] = begin + int(np.argmax((bits[:, word] & one) != 0))
                    watched[word] &= ~one
