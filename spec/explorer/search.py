"""Breadth-first search of a closed system with the compiled inner loop."""

from dataclasses import dataclass

import numpy as np

from spec.explorer import kernel
from spec.explorer.breadth import BreadthFirst, Found, Hits, Progress
from spec.explorer.claims import Claims
from spec.explorer.packing import Words

__all__ = ["Found", "Progress", "Search"]

CHUNK = 1 << 15
"""States that are expanded between two looks at the clock."""


@dataclass
class Search(BreadthFirst):
    """The compiled engine."""

    def _rehash(self) -> None:
        kernel.rehash(self.keys, self.count, self.places)

    def _look(self, claims: Claims, masks: list[Words], watched: Words, hits: Hits) -> None:
        size = max(len(bits) for bits in masks)
        padded = np.zeros((len(masks), size, claims.words), np.uint64)
        for component, bits in enumerate(masks):
            padded[component, : len(bits)] = bits
        kernel.scan(0, self.count, self.keys, self.layout, padded, claims.account_masks(), watched, hits)

    def _level(self, begin: int, end: int) -> None:
        none = np.zeros(0, np.int64)
        aside: list[np.ndarray] = []
        for start in range(begin, end, CHUNK):
            aside.append(self._expand(none, start, min(start + CHUNK, end)))
            self._tell(end)
        todo = np.concatenate(aside)
        while len(todo):
            todo = self._expand(todo, 0, len(todo))

    def _expand(self, todo: np.ndarray, begin: int, end: int) -> np.ndarray:
        """Expand some states; returns those that were put aside, with the holes that kept them filled."""
        tables = self.tables
        left = []
        counters = np.zeros(2, np.int64)
        while begin < end:
            holes = np.zeros((1 << 15, 4), np.int32)
            aside = np.zeros(max(1, end - begin), np.int64)
            pushes, base, width = tables.pushes
            why, begin, self.count, noted, put, filled, buffer, origin = kernel.expand(
                todo, begin, end, self.keys, self.parents, self.count, self.places, self.layout,
                tables.first, tables.steps, pushes, base, width, tables.publication_first, tables.publications,
                tables.accounts, tables.idle, tables.rename,
                holes, aside, counters,
            )  # fmt: skip
            if why == kernel.FULL:
                self._grow()
                self.count = kernel.find(self.keys, self.count, self.places, buffer, origin, filled, self.parents)
            if noted:
                for kind in range(4):
                    some = holes[:noted][holes[:noted, 0] == kind]
                    if len(some):
                        tables.fill(kind, some[:, 1:])
                self._fits()
            left.append(aside[:put])
        self.transitions += int(counters[0])
        self.at_rest += int(counters[1])
        return np.concatenate(left) if left else np.zeros(0, np.int64)
