"""Breadth-first search of a closed system with the compiled inner loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spec.explorer import kernel
from spec.explorer.closed import ClosedSystem, Row
from spec.explorer.tables import Marks, Tables, Words

CHUNK = 1 << 15
"""States that are expanded between two looks at the clock."""


@dataclass
class Progress:
    """How far a search has come."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    frontier: int = 0
    seconds: float = 0.0


@dataclass
class Found:
    """What a search found: keys in the order in which they were reached, and whether that is all of them."""

    progress: Progress
    complete: bool
    at_rest: int
    """States from which nothing can happen."""
    hits: dict[int, int]
    """The first state that had each bit."""


@dataclass
class Search:
    """One search. `watch` are the bits to look for."""

    system: ClosedSystem
    marks: Marks
    ways: tuple[tuple[int, ...], ...] = ()
    most: int | None = None
    """Stop after so many states."""
    tell: Callable[[Progress], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        row = self.system.initial()
        self.tables = Tables(self.system, self.marks, self.ways)
        self.layout = self.tables.layout(row)
        self.words = int(self.layout[:, 0].max()) + 1
        self.keys: Words = np.zeros((1 << 14, self.words), np.uint64)
        self.parents = np.zeros(1 << 14, np.uint32)
        self.places: Words = np.zeros((1 << 15, self.words), np.uint64)
        self.keys[0] = self._key(row)
        self.count = 1
        kernel.rehash(self.keys, 1, self.places)
        self.levels = [0, 1]
        self.progress = Progress(states=1)
        self._began = time.perf_counter()

    def _key(self, row: Row) -> list[int]:
        key = [0] * self.words
        for place, number in enumerate(row):
            word, shift, _ = (int(part) for part in self.layout[place])
            key[word] |= (number + (place == len(row) - 1)) << shift
        return key

    def row(self, at: int) -> Row:
        """The row of the state of a number."""
        found = []
        for place in range(len(self.layout)):
            word, shift, mask = (int(part) for part in self.layout[place])
            found.append((int(self.keys[at, word]) >> shift) & mask)
        found[-1] -= 1
        return tuple(found)

    def path(self, at: int) -> list[Row]:
        """The rows from the initial state to a state, one step apart."""
        found = [at]
        while found[-1]:
            found.append(int(self.parents[found[-1]]))
        return [self.row(number) for number in reversed(found)]

    def run(self) -> Found:
        """Search until nothing is new, or there are too many states."""
        words = self.marks.words
        watched = np.full(words, np.iinfo(np.uint64).max, np.uint64)
        hits = np.full(words * 64, -1, np.int64)
        counters = np.zeros(4, np.int64)
        complete = True
        try:
            while self.levels[-2] < self.levels[-1]:
                self._level(watched, hits, counters)
                if self.most is not None and self.count > self.most:
                    complete = False
                    break
        except KeyboardInterrupt:
            complete = False
        found = {bit: int(at) for bit, at in enumerate(hits) if at >= 0}
        return Found(self.progress, complete, int(counters[1]), found)

    def _level(self, watched: Words, hits: np.ndarray, counters: np.ndarray) -> None:
        begin, end = self.levels[-2:]
        none = np.zeros(0, np.int64)
        aside: list[np.ndarray] = []
        for start in range(begin, end, CHUNK):
            aside.append(self._expand(none, start, min(start + CHUNK, end), watched, hits, counters))
            self._tell(counters, end)
        todo = np.concatenate(aside)
        while len(todo):
            todo = self._expand(todo, 0, len(todo), watched, hits, counters)
        self.levels.append(self.count)
        self._tell(counters, self.count)

    def _expand(  # type: ignore[no-untyped-def]
        self, todo, begin: int, end: int, watched, hits, counters
    ) -> np.ndarray:
        """Expand some states; returns those that were put aside, with the holes that kept them filled."""
        tables = self.tables
        left = []
        while begin < end:
            holes = np.zeros((1 << 15, 4), np.int32)
            aside = np.zeros(max(1, end - begin), np.int64)
            pushes, base, width = tables.pushes
            why, begin, self.count, noted, put, filled, buffer, origin = kernel.expand(
                todo, begin, end, self.keys, self.parents, self.count, self.places, self.layout,
                tables.first, tables.steps, pushes, base, width, tables.publication_first, tables.publications,
                tables.accounts, tables.idle, tables.masks, tables.account_masks, watched, hits, tables.rename,
                holes, aside, counters,
            )  # fmt: skip
            if why == kernel.FULL:
                self._grow()
                self.count = kernel.find(self.keys, self.count, self.places, buffer, origin, filled, self.parents)
            if noted:
                tables.fill(dict.fromkeys(map(tuple, holes[:noted].tolist())))
            left.append(aside[:put])
        return np.concatenate(left) if left else np.zeros(0, np.int64)

    def _grow(self) -> None:
        capacity = 2 * len(self.keys)
        keys = np.zeros((capacity, self.words), np.uint64)
        keys[: self.count] = self.keys[: self.count]
        parents = np.zeros(capacity, np.uint32)
        parents[: self.count] = self.parents[: self.count]
        self.keys, self.parents = keys, parents
        self.places = np.zeros((2 * capacity, self.words), np.uint64)
        kernel.rehash(self.keys, self.count, self.places)

    def _tell(self, counters: np.ndarray, end: int) -> None:
        progress = self.progress
        progress.states, progress.transitions = self.count, int(counters[0])
        progress.depth, progress.frontier = len(self.levels) - 2, self.count - end
        progress.seconds = time.perf_counter() - self._began
        self.tell(progress)
