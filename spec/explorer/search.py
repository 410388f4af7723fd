"""Breadth-first search of a closed system with the compiled inner loop."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from spec.explorer import kernel
from spec.explorer.claims import Claims
from spec.explorer.closed import ClosedSystem, Row
from spec.explorer.tables import Tables, Words

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


@dataclass
class Search:
    """One search for the shortest ways to everything; `ways` are the permutations of components that change nothing."""

    system: ClosedSystem
    ways: tuple[tuple[int, ...], ...] = ()
    most: int | None = None
    """Stop after so many states."""
    tell: Callable[[Progress], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        row = self.system.initial()
        self.tables = Tables(self.system, self.ways)
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
        counters = np.zeros(2, np.int64)
        complete = True
        try:
            while self.levels[-2] < self.levels[-1]:
                self._level(counters)
                if self.most is not None and self.count > self.most:
                    complete = self.levels[-2] == self.levels[-1]
                    break
        except KeyboardInterrupt:
            complete = False
        return Found(self.progress, complete, int(counters[1]))

    def scan(self, claims: Claims) -> list[int | None]:
        """The first state for each watch of the claims, among the states that were found."""
        claims.renew()
        width = len(self.system.nodes)
        found = [claims.masks(component) for component in range(width)]
        size = max(len(masks) for masks in found)
        masks = np.zeros((width, 2 * size, claims.words), np.uint64)
        for component, bits in enumerate(found):
            masks[component, : 2 * len(bits)] = bits.reshape(-1, claims.words)
        watched = np.full(claims.words, np.iinfo(np.uint64).max, np.uint64)
        hits = np.full(claims.words * 64, -1, np.int64)
        kernel.scan(
            0, self.count, self.keys, self.layout, self.tables.sides, masks, claims.account_masks(), watched, hits
        )
        return [int(at) if at >= 0 else None for at in hits[: len(claims.watches)]]

    def _level(self, counters: np.ndarray) -> None:
        begin, end = self.levels[-2:]
        none = np.zeros(0, np.int64)
        aside: list[np.ndarray] = []
        for start in range(begin, end, CHUNK):
            aside.append(self._expand(none, start, min(start + CHUNK, end), counters))
            self._tell(counters, end)
        todo = np.concatenate(aside)
        while len(todo):
            todo = self._expand(todo, 0, len(todo), counters)
        self.levels.append(self.count)
        self._tell(counters, self.count)

    def _expand(self, todo: np.ndarray, begin: int, end: int, counters: np.ndarray) -> np.ndarray:
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
                tables.accounts, tables.idle, tables.rename,
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
        progress.depth = len(self.levels) - 2 - (self.levels[-1] == self.levels[-2])
        progress.frontier = self.count - end
        progress.seconds = time.perf_counter() - self._began
        self.tell(progress)
