"""The tables of a closed system as arrays, filled where a search finds a hole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import numpy.typing as npt

from spec.explorer.bulk import Bulk
from spec.explorer.closed import ClosedSystem

Ints = npt.NDArray[np.int32]

HOLE = -1
UNKNOWN_ACCOUNT = -2
STEPS_OF, PUSH, SPEND, RENAME = range(4)
"""What a hole is in."""


@dataclass
class Tables:
    """Steps, pushes and accounts by number. `ways` are the permutations of components that change nothing."""

    system: ClosedSystem
    ways: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        width = len(self.system.nodes)
        self.components = width
        self.first: Ints = np.full((width, 64, 2), HOLE, np.int32)
        self.idle: npt.NDArray[np.bool_] = np.zeros((width, 64), np.bool_)
        self.sides: Ints = np.zeros((width, 64), np.int32)
        """For each slot: twice the number of its local state, and one more if nothing is under way."""
        self.steps: Ints = np.zeros((64, 6), np.int32)
        self._used_steps = 0
        self._bulk = Bulk(self.system)
        self._ops: list[dict[int, int]] = [{} for _ in range(width)]
        self._messages: list[list[int]] = [[] for _ in range(width)]
        self._push_capacity = [(64, 8)] * width
        self._pushes: list[Ints] = [np.full((64, 8), HOLE, np.int32) for _ in range(width)]
        self._push_is_stale = True
        self.publication_first: Ints = np.zeros(64, np.int32)
        self.publications: Ints = np.zeros((64, 2), np.int32)
        self._known_publications = 0
        self.accounts: Ints = np.full((4, len(self.system.costs) + 1), UNKNOWN_ACCOUNT, np.int32)
        self._known_accounts = 0
        self._known_slots = [0] * width
        self.rename: Ints = np.full((max(1, len(self.ways)), width + 1, 64), HOLE, np.int32)
        for number, way in enumerate(self.ways):
            self.rename[number, width, : len(way)] = way
        self.leader_of: Ints = np.zeros(64, np.int32)
        """For each slot of the first component: which ways make it the least, by number."""
        self.leaders: list[tuple[int, ...]] = []
        self.catch_up()

    # Room.

    def catch_up(self) -> None:
        """Take over what the system has numbered since."""
        system = self.system
        most = max(len(slots) for slots in system.slots)
        if most > self.first.shape[1]:
            size = 1 << (most - 1).bit_length()
            self.first = grown(self.first, 1, size, HOLE)
            self.idle = grown(self.idle, 1, size, 0)
            self.sides = grown(self.sides, 1, size, 0)
            self.rename = grown(self.rename, 2, size, HOLE)
            self.leader_of = grown(self.leader_of, 0, size, 0)
        for component, slots in enumerate(system.slots):
            for number in range(self._known_slots[component], len(slots)):
                idle = system.is_idle(component, number)
                self.idle[component, number] = idle
                self.sides[component, number] = 2 * slots[number].local + idle
            self._known_slots[component] = len(slots)
        self._catch_up_publications()
        if len(system.accounts) > self.accounts.shape[0]:
            size = 1 << (len(system.accounts) - 1).bit_length()
            self.accounts = grown(self.accounts, 0, size, UNKNOWN_ACCOUNT)
        for number in range(self._known_accounts, len(system.accounts)):
            self.accounts[number, 0] = number
        self._known_accounts = len(system.accounts)

    def _catch_up_publications(self) -> None:
        known = self.system.publications
        while self._known_publications < len(known):
            number = self._known_publications
            entries = known[number]
            begin = self.publication_first[number]
            end = begin + len(entries)
            if number + 2 > len(self.publication_first):
                self.publication_first = grown(self.publication_first, 0, 2 * len(self.publication_first), 0)
            if end > len(self.publications):
                self.publications = grown(self.publications, 0, 2 * max(end, 32), 0)
            for place, (component, message) in enumerate(entries, start=begin):
                self.publications[place] = (component, self._op(component, message))
            self.publication_first[number + 1] = end
            self._known_publications += 1

    def _op(self, component: int, message: int) -> int:
        ops = self._ops[component]
        if message not in ops:
            ops[message] = len(ops)
            self._messages[component].append(message)
        return ops[message]

    @property
    def pushes(self) -> tuple[Ints, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """All push tables in one array, where that of each component begins in it, and how wide its rows are."""
        if self._push_is_stale or any(
            table.shape[0] < self._known_slots[place] or table.shape[1] < len(self._ops[place])
            for place, table in enumerate(self._pushes)
        ):
            self._renew_pushes()
        return self._flat, self._base, self._width

    def _renew_pushes(self) -> None:
        shapes = [
            (max(64, 2 * self._known_slots[place]), max(8, 2 * len(self._ops[place])))
            for place in range(self.components)
        ]
        flat: Ints = np.full(sum(rows * columns for rows, columns in shapes), HOLE, np.int32)
        base = 0
        bases = []
        for place, (rows, columns) in enumerate(shapes):
            old = self._pushes[place]
            table = flat[base : base + rows * columns].reshape(rows, columns)
            table[: old.shape[0], : old.shape[1]] = old[:rows, :columns]
            self._pushes[place] = table
            bases.append(base)
            base += rows * columns
        self._flat = flat
        self._base = np.array(bases, np.int64)
        self._width = np.array([columns for _, columns in shapes], np.int64)
        self._push_is_stale = False

    # Filling.

    def fill(self, kind: int, holes: npt.NDArray[np.signedinteger]) -> None:
        """Ask the system for what is missing: steps of slots, pushes, accounts, slots under another name.

        Each hole is a component (or account), a slot (or step), and what is pushed.
        """
        holes = _once(holes)
        if kind == STEPS_OF:
            for component in range(self.components):
                slots = holes[holes[:, 0] == component, 1]
                self._fill_steps(component, slots[self.first[component, slots, 0] == HOLE].tolist())
        else:
            for first, second, third in holes.tolist():
                if kind == PUSH:
                    self._fill_push(first, second, third)
                elif kind == SPEND:
                    self._fill_account(first, self.steps[second, [2, 3, 5]].tolist())
                else:
                    self._fill_names(first, second)
        self.catch_up()

    def _fill_steps(self, component: int, slots: list[int]) -> None:
        slots, counts, found = self._bulk.steps(component, slots)
        begin = self._used_steps
        if begin + len(found) > len(self.steps):
            self.steps = grown(self.steps, 0, 2 * (begin + len(found)), 0)
        self.steps[begin : begin + len(found)] = found
        ends = begin + np.cumsum(counts, dtype=np.int64)
        self.first[component, slots, 0] = ends - counts
        self.first[component, slots, 1] = ends
        self._used_steps += len(found)

    def _fill_push(self, component: int, slot: int, op: int) -> None:
        table = self._pushes[component]
        if table[slot, op] == HOLE:
            table[slot, op] = self.system.push(component, slot, self._messages[component][op])

    def _fill_account(self, account: int, prices: Iterable[int]) -> None:
        for price in prices:
            then = self.system.spend(account, price)
            self.accounts[account, price] = then
            if then < 0:
                return
            if then >= len(self.accounts):
                self.catch_up()
            account = then

    def _fill_names(self, component: int, slot: int) -> None:
        for number, way in enumerate(self.ways):
            self.rename[number, component, slot] = self.system.renamed(component, slot, way)
        if component == 0:
            named = self.rename[:, 0, slot]
            least = tuple(np.flatnonzero(named == named.min()).tolist())
            if least not in self.leaders:
                self.leaders.append(least)
            self.leader_of[slot] = self.leaders.index(least)


def _once(holes: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.int64]:
    """The same holes, each once, as rows of three numbers."""
    first, second, third = holes.astype(np.int64).T
    keys = np.unique((first << 47) | (second << 16) | third)
    return np.stack([keys >> 47, (keys >> 16) & 0x7FFFFFFF, keys & 0xFFFF], axis=1)


def columns(first: int | npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Holes that take two numbers to name."""
    return np.stack([np.broadcast_to(first, len(second)), second, np.zeros(len(second), np.int64)], axis=1)


def grown(array: npt.NDArray, axis: int, size: int, fill: int) -> npt.NDArray:  # type: ignore[type-arg]
    """The array with more room along an axis."""
    shape = list(array.shape)
    shape[axis] = size
    made = np.full(shape, fill, array.dtype)
    made[tuple(slice(0, length) for length in array.shape)] = array
    return made


def ways_of(width: int, groups: Iterable[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """All permutations of `width` components that permute each group in itself; the identity comes first."""
    found = []
    groups = [tuple(group) for group in groups]
    for arranged in product(*(permutations(group) for group in groups)):
        way = list(range(width))
        for group, places in zip(groups, arranged, strict=True):
            for place, other in zip(group, places, strict=True):
                way[place] = other
        found.append(tuple(way))
    return tuple(sorted(found))
