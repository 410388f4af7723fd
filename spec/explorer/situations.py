"""What can happen in each situation of a component, as fields of keys: the tables as the search in NumPy reads them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spec.explorer import packing
from spec.explorer.packing import Numbers, Words
from spec.explorer.tables import HOLE, RENAME, SPEND, STEPS_OF, UNKNOWN_ACCOUNT, Tables, columns, grown

Origins = npt.NDArray[np.uint32]
UNSEEN = np.iinfo(np.int32).min


class Stale(Exception):  # noqa: N818 - what was found out, not a defect
    """A number does not fit in its field any more: the keys have to be packed anew."""


@dataclass
class Situations:
    """The steps of each situation that was met; and what each publication does to the slots of its receivers."""

    tables: Tables
    layout: Words

    def __post_init__(self) -> None:
        width = self.tables.components
        self._numbers: list[npt.NDArray[np.int32]] = [np.full(0, HOLE, np.int32) for _ in range(width)]
        """For each slot, account and quiet or not: the number of the situation."""
        self._begins: list[Numbers] = [np.zeros(1, np.int64) for _ in range(width)]
        self._fields: list[Words] = [np.zeros((64, packing.words_of(self.layout)), np.uint64) for _ in range(width)]
        self._publications: list[npt.NDArray[np.int32]] = [np.zeros(64, np.int32) for _ in range(width)]
        self._accounts = 0
        # Of the receivers.
        self._ops: list[npt.NDArray[np.int32]] = [np.zeros(1, np.int32) for _ in range(width)]
        """For each publication: the number of what it pushes to a component; 0 if nothing."""
        self._pushed: list[list[tuple[int, ...]]] = [[()] for _ in range(width)]
        self._differences: list[npt.NDArray[np.int32]] = [np.zeros((0, 1), np.int32) for _ in range(width)]

    def quiet(self, slots: list[Numbers]) -> npt.NDArray[np.bool_]:
        """Whether nothing is under way, for each state."""
        found: npt.NDArray[np.bool_] = self.tables.idle[0].take(slots[0])
        for component, here in enumerate(slots[1:], start=1):
            found &= self.tables.idle[component].take(here)
        return found

    # Steps.

    def steps(
        self, component: int, slots: Numbers, accounts: Numbers, quiet: npt.NDArray[np.bool_]
    ) -> tuple[Numbers, Numbers]:
        """The first step of each state, and how many there are."""
        self._fill_steps(component, slots)
        self._make_room()
        at = (slots * self._accounts + accounts) * 2 + quiet
        numbers = self._numbers[component].take(at)
        unseen = at[numbers == HOLE]
        if len(unseen):
            self._meet(component, np.unique(unseen))
            at = (slots * self._accounts + accounts) * 2 + quiet  # there may be more accounts now
            numbers = self._numbers[component].take(at)
        begins = self._begins[component]
        begin = begins.take(numbers)
        return begin, begins[1:].take(numbers) - begin

    def _fill_steps(self, component: int, slots: Numbers) -> None:
        holes = slots[self.tables.first[component, :, 0].take(slots) == HOLE]
        if len(holes):
            self.tables.fill(STEPS_OF, columns(component, holes))
            self._check()

    def _check(self) -> None:
        system = self.tables.system
        if not packing.fits([*(len(slots) for slots in system.slots), len(system.accounts)], self.layout):
            raise Stale

    def _make_room(self) -> None:
        """Tables for as many slots and accounts as there may be."""
        tables = self.tables
        slots, accounts = tables.first.shape[1], tables.accounts.shape[0]
        for component, numbers in enumerate(self._numbers):
            if len(numbers) != slots * accounts * 2:
                made = np.full((slots, accounts, 2), HOLE, np.int32)
                if self._accounts:
                    old = numbers.reshape(-1, self._accounts, 2)
                    made[: len(old), : self._accounts] = old
                self._numbers[component] = made.reshape(-1)
        self._accounts = accounts

    def _meet(self, component: int, unseen: Numbers) -> None:
        """Note the steps of situations: those that can be paid for, and that do not have to wait."""
        tables = self.tables
        slots, rest = np.divmod(unseen, self._accounts * 2)
        accounts, quiet = np.divmod(rest, 2)
        first, end = tables.first[component, slots].astype(np.int64).T
        counts = end - first
        owner = np.repeat(np.arange(len(unseen)), counts)
        number = np.arange(len(owner)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        can = (tables.steps[number, 4] == 0) | (quiet[owner] == 1)
        number, owner = number[can], owner[can]
        left = self._paid(accounts[owner], number)
        self._make_room()
        can = left >= 0
        number, owner, left = number[can], owner[can], left[can]
        then = tables.steps[number, 0].astype(np.int64)
        publication = tables.steps[number, 1]
        self._catch_up_publications()
        then = self._told_oneself(component, then, publication)
        used = self._begins[component][-1]
        fields = np.zeros((len(then), self._fields[component].shape[1]), np.uint64)
        for place, values in ((component, then), (tables.components, left + 1)):
            word, shift, _ = self.layout[place]
            fields[:, int(word)] |= values.astype(np.uint64) << shift
        self._fields[component] = _put(self._fields[component], used, fields)
        self._publications[component] = _put(self._publications[component], used, publication)
        ends = used + np.cumsum(np.bincount(owner, minlength=len(unseen)))
        numbers = np.arange(len(unseen)) + len(self._begins[component]) - 1
        at = (slots * self._accounts + accounts) * 2 + quiet
        self._numbers[component][at] = numbers
        self._begins[component] = np.concatenate([self._begins[component], ends])

    def _paid(self, accounts: Numbers, steps: Numbers) -> Numbers:
        """The accounts after steps; negative where a step cannot be paid for."""
        tables = self.tables
        left = accounts
        for price in (2, 3, 5):
            prices = tables.steps[steps, price]
            unknown = (left >= 0) & (tables.accounts[left, prices] == UNKNOWN_ACCOUNT)
            if unknown.any():
                tables.fill(SPEND, columns(accounts[unknown], steps[unknown]))
                self._check()
            left = np.where(left >= 0, tables.accounts[left, prices], left)
        return left

    def _told_oneself(self, component: int, then: Numbers, publications: npt.NDArray[np.int32]) -> Numbers:
        """The slots after what a component hears of what it publishes itself."""
        ops = self._ops[component].take(publications)
        for at in np.flatnonzero(ops).tolist():
            then[at] = self._after(component, int(then[at]), int(ops[at]))
        self._check()
        return then

    def moved(self, component: int, keys: Words, origins: Origins, steps: Numbers) -> Words:
        """The keys after steps, before anything is published."""
        made = np.empty((len(steps), keys.shape[1]), np.uint64)
        changed = (component, self.tables.components)
        for word in range(keys.shape[1]):
            kept = keys[:, word]
            fields = [self.layout[place] for place in changed if int(self.layout[place, 0]) == word]
            for _, shift, mask in fields:
                kept = kept & ~(mask << shift)
            made[:, word] = kept.take(origins)
            if fields:
                made[:, word] += self._fields[component][:, word].take(steps)
        return made

    # Publications.

    def publish(self, component: int, keys: Words, slots: list[Numbers], origins: Origins, steps: Numbers) -> None:
        """Push to all receivers what steps of a component publish."""
        publications = self._publications[component].take(steps)
        some = np.flatnonzero(publications)
        publications = publications.take(some)
        for receiver in range(len(slots)):
            if receiver == component:
                continue
            ops = self._ops[receiver].take(publications)
            hears = np.flatnonzero(ops)
            if len(hears):
                edges = some.take(hears)
                here = slots[receiver].take(origins.take(edges))
                difference = self._difference(receiver, here, ops.take(hears).astype(np.int64))
                word, shift, _ = self.layout[receiver]
                keys[edges, int(word)] += difference.view(np.uint64) << shift

    def _difference(self, receiver: int, slots: Numbers, ops: Numbers) -> Numbers:
        table = self._differences[receiver]
        if len(table) < self.tables.first.shape[1]:
            table = grown(table, 0, self.tables.first.shape[1], UNSEEN)
            self._differences[receiver] = table
        at = slots * table.shape[1] + ops
        found = table.reshape(-1).take(at)
        holes = np.unique(at[found == UNSEEN])
        if len(holes):
            for hole in holes.tolist():
                slot, op = divmod(hole, table.shape[1])
                table[slot, op] = self._after(receiver, slot, op) - slot
            self.tables.catch_up()
            self._check()
            found = table.reshape(-1).take(at)
        return np.asarray(found, np.int64)

    def _after(self, receiver: int, slot: int, op: int) -> int:
        for message in self._pushed[receiver][op]:
            slot = self.tables.system.push(receiver, slot, message)
        return slot

    def _catch_up_publications(self) -> None:
        known = self.tables.system.publications
        if len(known) == len(self._ops[0]):
            return
        for receiver, pushed in enumerate(self._pushed):
            numbers = {messages: number for number, messages in enumerate(pushed)}
            ops = []
            for publication in known:
                messages = tuple(message for to, message in publication if to == receiver)
                ops.append(numbers.setdefault(messages, len(numbers)))
            self._ops[receiver] = np.array(ops, np.int32)
            pushed[:] = numbers
            if len(pushed) > self._differences[receiver].shape[1]:
                self._differences[receiver] = grown(self._differences[receiver], 1, 2 * len(pushed), UNSEEN)


def _put(array: npt.NDArray, at: int, values: npt.NDArray) -> npt.NDArray:  # type: ignore[type-arg]
    if at + len(values) > len(array):
        array = grown(array, 0, 2 * (at + len(values)), 0)
    array[at : at + len(values)] = values
    return array


@dataclass
class Renamed:
    """The least of the keys that differ only in which component is which.

    The tracker comes first in a row, and knows its clients by name: most ways to rename them are ruled out by what
    that makes of its slot alone.
    """

    tables: Tables
    layout: Words

    def least(self, keys: Words) -> Words:
        """For each key, the least of all that stand for the same state under other names."""
        tables = self.tables
        width = tables.components
        slots = [packing.field(keys, self.layout, place) for place in range(width)]
        self._fill(slots)
        leaders, best = tables.leaders, tables.leader_of.take(slots[0])
        made = np.empty_like(keys)
        for number in np.unique(best).tolist():
            at = np.flatnonzero(best == number)
            chosen = None
            for way in leaders[number]:
                trial = self._renamed(keys, slots, at, way)
                chosen = trial if chosen is None else _lesser(chosen, trial)
            assert chosen is not None
            made[at] = chosen
        return made

    def _renamed(self, keys: Words, slots: list[Numbers], at: Numbers, way: int) -> Words:
        if way == 0:
            return keys[at]
        tables = self.tables
        word, shift, mask = self.layout[tables.components]
        made = np.zeros((len(at), keys.shape[1]), np.uint64)
        made[:, int(word)] = keys[at, int(word)] & (mask << shift)
        for component, here in enumerate(slots):
            word, shift, _ = self.layout[tables.ways[way][component]]
            named = tables.rename[way, component].take(here.take(at)).astype(np.uint64)
            made[:, int(word)] |= named << shift
        return made

    def _fill(self, slots: list[Numbers]) -> None:
        tables = self.tables
        for component, here in enumerate(slots):
            holes = here[tables.rename[-1, component].take(here) == HOLE]
            if len(holes):
                tables.fill(RENAME, columns(component, holes))
        system = tables.system
        if not packing.fits([*(len(slots) for slots in system.slots), len(system.accounts)], self.layout):
            raise Stale


def _lesser(left: Words, right: Words) -> Words:
    """The lesser of each two keys; the first words come first."""
    less = right[:, 0] < left[:, 0]
    same = right[:, 0] == left[:, 0]
    for word in range(1, left.shape[1]):
        less |= same & (right[:, word] < left[:, word])
        same &= right[:, word] == left[:, word]
    return np.where(less[:, None], right, left)
