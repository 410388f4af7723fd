"""Room for the work of a search in lanes (`spec.exploration.engine.compiled.kernel`), and what they leave behind."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spec.exploration.engine.compiled import kernel
from spec.exploration.engine.compiled.hashing import LANES
from spec.exploration.engine.compiled.kernel import Lane
from spec.exploration.engine.packing import Words
from spec.exploration.engine.ragged import Ints, Numbers
from spec.exploration.engine.search import Origins

BUFFER = 1 << 17
"""Successors that one lane can collect, at least."""
APART = 32
"""Numbers: what different threads write has to be on different lines of their caches."""
NOBODY = np.zeros(0, np.int64)
SPREAD = np.random.default_rng(0).integers(1 << 63, size=6, dtype=np.uint64)
"""By what the numbers of a hole are multiplied, so that their sum tells it apart."""


@dataclass
class Lanes:
    """Room for so many components, and keys of so many words."""

    components: int
    words: int
    most: int
    """Steps that one state can have, at most."""
    recent: int = 0
    """How many successors a lane remembers, so as not to collect them again; all are collected if none."""
    room: int = field(init=False)
    """How much a lane may have collected before it goes on to the next state."""
    keys: Words = field(init=False)
    origins: Origins = field(init=False)
    owned: Origins = field(init=False)
    filled: Numbers = field(init=False)
    """By the lane that collected, and the lane that owns."""
    is_new: npt.NDArray[np.bool_] = field(init=False)
    lanes: list[Lane] = field(init=False)

    def __post_init__(self) -> None:
        size = max(BUFFER, 4 * self.most)
        self.room = size - self.most
        self.keys = np.empty((LANES, size, self.words), np.uint64)
        self.origins = np.empty((LANES, size), np.uint32)
        self.owned = np.empty((LANES, LANES, size), np.uint32)
        self.filled = matrix(LANES)
        self.is_new = np.empty((LANES, size), np.bool_)
        self._counts = np.zeros((LANES, APART), np.int64)[:, :5]
        self._holes = np.zeros((LANES, kernel.HOLES, 6), np.int32)
        self.lanes = [
            Lane(
                self._holes[lane], NOBODY, self._counts[lane], _apart(np.zeros((7, self.components), np.int64)),
                np.zeros((self.recent, self.words), np.uint64), _apart(np.zeros((1, self.words), np.uint64)),
                self.keys[lane], self.origins[lane], self.owned[lane], self.filled[lane],
                _apart(np.zeros(LANES, np.int64)),
            )
            for lane in range(LANES)
        ]  # fmt: skip

    @property
    def collected(self) -> list[int]:
        """How much each lane has collected."""
        found: list[int] = self.filled.sum(axis=1).tolist()
        return found

    def begin(self, states: int) -> None:
        """Empty what was collected and counted; make room for so many states to be put aside by each lane."""
        self.filled[:] = 0
        self._counts[:] = 0
        if len(self.lanes[0].states) < states:
            self.lanes = [lane._replace(states=np.empty(states, np.int64)) for lane in self.lanes]

    def forget(self) -> None:
        """Collect everything again: the keys are others now."""
        for lane in self.lanes:
            lane.recent[:] = 0

    def total(self, what: int) -> int:
        """What all lanes together have counted."""
        return int(self._counts[:, what].sum())

    def aside(self) -> list[Numbers]:
        """The states that were put aside."""
        return [lane.states[: lane.counts[kernel.ASIDE]].copy() for lane in self.lanes]

    def holes(self) -> Ints:
        """The holes that were found, in an order that does not depend on which lane was the first to note them."""
        found = np.concatenate([lane.holes[: lane.counts[kernel.NOTES]] for lane in self.lanes])
        return found[np.lexsort((found.astype(np.uint64) @ SPREAD, found[:, 2]))]


def split(begin: int, end: int) -> list[tuple[int, int]]:
    """What each lane gets of the numbers from one to another."""
    bounds = [begin + (end - begin) * lane // LANES for lane in range(LANES + 1)]
    return list(pairwise(bounds))


def matrix(height: int) -> Numbers:
    """Numbers by lane in each row, where each row can be written by another thread."""
    return np.zeros((height, APART), np.int64)[:, :LANES]


def _apart(array: npt.NDArray) -> npt.NDArray:  # type: ignore[type-arg]
    """The array, with room around it."""
    room = np.zeros(array.size + 2 * APART, array.dtype)
    return room[APART:-APART].reshape(array.shape)
