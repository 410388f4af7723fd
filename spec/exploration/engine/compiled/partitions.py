"""Room for the work of a search in partitions (`spec.exploration.engine.compiled.kernel`), and what they leave."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spec.exploration.engine.compiled import kernel
from spec.exploration.engine.compiled.hashing import PARTITIONS
from spec.exploration.engine.compiled.kernel import Partition
from spec.exploration.engine.packing import Words
from spec.exploration.engine.ragged import Ints, Numbers
from spec.exploration.engine.search import Origins

BUFFER = 1 << 17
"""Successors that one partition can collect, at least."""
APART = 32
"""Numbers: what different threads write has to be on different lines of their caches."""
NOBODY = np.zeros(0, np.int64)
SPREAD = np.random.default_rng(0).integers(1 << 63, size=6, dtype=np.uint64)
"""By what the numbers of a hole are multiplied, so that their sum tells it apart."""


@dataclass
class Partitions:
    """Room for so many components, and keys of so many words."""

    components: int
    words: int
    most: int
    """Steps that one state can have, at most."""
    recent: int = 0
    """How many successors a partition remembers, so as not to collect them again; all are collected if none."""
    room: int = field(init=False)
    """How much a partition may have collected before it goes on to the next state."""
    keys: Words = field(init=False)
    origins: Origins = field(init=False)
    owned: Origins = field(init=False)
    filled: Numbers = field(init=False)
    """By the partition that collected, and the partition that owns."""
    is_new: npt.NDArray[np.bool_] = field(init=False)
    partitions: list[Partition] = field(init=False)

    def __post_init__(self) -> None:
        size = max(BUFFER, 4 * self.most)
        self.room = size - self.most
        self.keys = np.empty((PARTITIONS, size, self.words), np.uint64)
        self.origins = np.empty((PARTITIONS, size), np.uint32)
        self.owned = np.empty((PARTITIONS, PARTITIONS, size), np.uint32)
        self.filled = matrix(PARTITIONS)
        self.is_new = np.empty((PARTITIONS, size), np.bool_)
        self._counts = np.zeros((PARTITIONS, APART), np.int64)[:, :5]
        self._holes = np.zeros((PARTITIONS, kernel.HOLES, 6), np.int32)
        self.partitions = [
            Partition(
                self._holes[partition], NOBODY, self._counts[partition],
                _apart(np.zeros((7, self.components), np.int64)),
                np.zeros((self.recent, self.words), np.uint64), _apart(np.zeros((1, self.words), np.uint64)),
                self.keys[partition], self.origins[partition], self.owned[partition], self.filled[partition],
                _apart(np.zeros(PARTITIONS, np.int64)),
            )
            for partition in range(PARTITIONS)
        ]  # fmt: skip

    @property
    def collected(self) -> list[int]:
        """How much each partition has collected."""
        found: list[int] = self.filled.sum(axis=1).tolist()
        return found

    def begin(self, states: int) -> None:
        """Empty what was collected and counted; make room for so many states to be put aside by each partition."""
        self.filled[:] = 0
        self._counts[:] = 0
        if len(self.partitions[0].states) < states:
            self.partitions = [partition._replace(states=np.empty(states, np.int64)) for partition in self.partitions]

    def forget(self) -> None:
        """Collect everything again: the keys are others now."""
        for partition in self.partitions:
            partition.recent[:] = 0

    def total(self, what: int) -> int:
        """What all partitions together have counted."""
        return int(self._counts[:, what].sum())

    def aside(self) -> list[Numbers]:
        """The states that were put aside."""
        return [partition.states[: partition.counts[kernel.ASIDE]].copy() for partition in self.partitions]

    def holes(self) -> Ints:
        """The holes that were found, in an order that does not depend on which partition was the first to note them."""
        found = np.concatenate([partition.holes[: partition.counts[kernel.NOTES]] for partition in self.partitions])
        return found[np.lexsort((found.astype(np.uint64) @ SPREAD, found[:, 2]))]


def split(begin: int, end: int) -> list[tuple[int, int]]:
    """What each partition gets of the numbers from one to another."""
    bounds = [begin + (end - begin) * partition // PARTITIONS for partition in range(PARTITIONS + 1)]
    return list(pairwise(bounds))


def matrix(height: int) -> Numbers:
    """Numbers by partition in each row, where each row can be written by another thread."""
    return np.zeros((height, APART), np.int64)[:, :PARTITIONS]


def _apart(array: npt.NDArray) -> npt.NDArray:  # type: ignore[type-arg]
    """The array, with room around it."""
    room = np.zeros(array.size + 2 * APART, array.dtype)
    return room[APART:-APART].reshape(array.shape)
