"""Parts of a graph without symmetry: their states under all names in turn, with what can be done in each.

A search that counts states once that differ in names only finds a *quotient*: which steps can follow each other is told
rightly by it, but not whether a component moves all the time, for what is called by one name in one state may be called
by another in the next (Emerson and Sistla, TOPLAS 19, 1997). So a strongly connected component of the quotient is
unrolled: from one of its states on, all steps that stay inside are taken without a change of names. Since there are
finitely many ways to exchange names, what is reached so is strongly connected, too. Beginning with other names gives
the same under other names, so one beginning for each component is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spec.exploration.engine import packing
from spec.exploration.engine.packing import Numbers, Words
from spec.exploration.engine.tables import Tables
from spec.exploration.engine.vectorised.search import ranks
from spec.exploration.engine.vectorised.successors import Stale, Successors

CHUNK = 1 << 13
"""States that are expanded together."""
OUTSIDE = -1


@dataclass(frozen=True)
class Unrolled:
    """States by number, all steps inside their component, and all that is possible in them (`Tables.plans`)."""

    tables: Tables
    layout: Words
    keys: Words
    group: Numbers
    """For each state, the number of its component."""
    sources: Numbers
    targets: Numbers
    steps: Numbers
    able: Numbers
    """States, once for each step that is possible there, wherever it leads."""
    possible: Numbers
    """These steps."""

    def numbers(self, state: int) -> list[int]:
        """The numbers of a state, as tables know them."""
        found: list[int] = packing.unpack(self.keys[state : state + 1], self.layout)[0].tolist()
        return found


def unrolled(
    tables: Tables, rows: Numbers, group: Numbers, begins: tuple[Numbers, Numbers], spend: Callable[[int], None]
) -> Unrolled:
    """The components of a quotient, unrolled.

    `rows` are the numbers of all states of these components (`Tables.numbered`), `group` says of which each is.
    `begins` are the numbers of one state for each component, under any names, and their groups; without symmetry, where
    nothing has to be reached, all states in any order. `spend` raises `MemoryError` if there are not so many bytes.
    """
    while True:
        layout = packing.layout_of(tables.sizes())
        try:
            return _Unrolling(tables, layout, rows, group, spend).run(*begins)
        except Stale:  # other names made larger numbers
            continue


class _Unrolling:
    def __init__(
        self, tables: Tables, layout: Words, rows: Numbers, group: Numbers, spend: Callable[[int], None]
    ) -> None:
        self.tables, self.layout, self.spend = tables, layout, spend
        self.successors = Successors(tables, layout)
        self.known, order = _sorted(packing.pack(rows, layout))
        self.group_of_known = group[order]

    def run(self, rows: Numbers, group: Numbers) -> Unrolled:
        todo = packing.pack(rows, self.layout)
        is_whole = len(self.tables.permutations) < 2  # noqa: PLR2004 - the identity alone: all states are there
        seen = set() if is_whole else set(map(bytes, todo))
        keys, groups = [todo], [group]
        inner: list[tuple[Numbers, Words, Numbers]] = []
        able: list[tuple[Numbers, Numbers]] = []
        base = 0
        while len(todo):
            found = []
            for begin in range(0, len(todo), CHUNK):
                here = group[begin : begin + CHUNK]
                for then, origins, steps in self.successors.labelled(todo[begin : begin + CHUNK]):
                    self.spend(4 * (then.nbytes + 3 * steps.nbytes))
                    sources = origins + np.int64(base + begin)
                    able.append((sources, steps))
                    stays = np.flatnonzero(self._groups(then) == here.take(origins))
                    inner.append((sources.take(stays), then[stays], steps.take(stays)))
                    found.append(then[stays])
            base += len(todo)
            if is_whole:
                break
            todo = np.unique(np.concatenate(found), axis=0)
            todo = todo[np.array([key not in seen for key in map(bytes, todo)], np.bool_)]
            seen.update(map(bytes, todo))
            group = self._groups(todo)
            keys.append(todo)
            groups.append(group)
        every = np.concatenate(keys)
        ranked, order = _sorted(every)
        sources, then, steps = (np.concatenate(part) for part in zip(*inner, strict=True))
        targets = order[ranks(then, ranked)]
        states, possible = (np.concatenate(part) for part in zip(*able, strict=True))
        return Unrolled(
            self.tables, self.layout, every, np.concatenate(groups), sources, targets, steps, states, possible
        )

    def _groups(self, keys: Words) -> Numbers:
        """The component of each state, whatever it is called."""
        least = self.successors.least(keys)
        place = np.minimum(ranks(least, self.known), len(self.known) - 1)
        found: Numbers = np.where((self.known[place] == least).all(axis=1), self.group_of_known[place], OUTSIDE)
        return found


def _sorted(keys: Words) -> tuple[Words, Numbers]:
    order = np.lexsort(tuple(keys[:, word] for word in range(keys.shape[1])))
    return keys[order], order
