"""Breadth-first search of a closed system: what the engines have in common.

States are numbered in the order in which they are reached, so the states of one depth stand together. Each keeps its
key and the number of the state that it was reached from first: a shortest run to anything. An engine expands states,
finds out which keys are new, and looks at properties.
"""

import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from spec.exploration.engine import packing
from spec.exploration.engine.components import components
from spec.exploration.engine.memory import free, used
from spec.exploration.engine.packing import Numbers, Words
from spec.exploration.engine.queue_tables import Flags
from spec.exploration.engine.tables import Tables
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import Row
from spec.exploration.properties.language import WORD, Properties

Engine = Literal["auto", "compiled", "vectorised"]
Hits = npt.NDArray[np.int64]
Origins = npt.NDArray[np.uint32]
"""Numbers of states."""
MEGA = 1 << 20
PAUSE = 0.1
"""Seconds, at least, between two looks at how much memory there is."""
ROOM = 1 << 14
"""States that there is room for at first."""


@dataclass
class Progress:
    """How far a search has come."""

    states: int = 0
    transitions: int = 0
    depth: int = 0
    frontier: int = 0
    seconds: float = 0.0


INTERRUPTED = "it was interrupted"
"""Why a search is not complete that was told to stop."""


@dataclass
class Found:
    """What a search found: keys in the order in which they were reached, and whether that is all of them."""

    progress: Progress
    complete: bool
    quiescent: int
    """States from which nothing can happen."""
    stopped: str = ""
    """Why it is not complete."""


@dataclass
class BreadthFirst(ABC):
    """One search for the shortest ways to everything; `permutations` are the permutations of components that change
    nothing.
    """

    system: ClosedSystem
    permutations: tuple[tuple[int, ...], ...] = ()
    most: int | None = None
    """Stop after so many states."""
    memory: int | None = None
    """Stop before the process takes more bytes than these; otherwise before the machine has no more."""
    render: Callable[[Progress], None] = field(default=lambda _: None)
    is_stopped: Callable[[], bool] = field(default=lambda: False)
    """Whether to stop at the next opportunity."""
    known: Tables | None = None
    """Tables that an earlier search of the same system has filled."""
    load: ClassVar[float] = 1 / 2
    """How full the hash table may be."""
    step_size: ClassVar[int] = 72
    """Bytes that are needed for each step of a graph."""

    def __post_init__(self) -> None:
        row = self.system.initial()
        self.tables = self.known or Tables(self.system, self.permutations)
        self.layout = packing.layout_of(self.tables.sizes())
        self.keys: Words = np.zeros((ROOM, self.words), np.uint64)
        self.parents = np.zeros(ROOM, np.uint32)
        self.places: Words = np.zeros((2 * ROOM, self.words), np.uint64)
        """A hash table of the keys; zero stands for an empty place."""
        self.keys[0] = packing.pack(np.array([self.tables.numbered(row)]), self.layout)[0]
        self.count = 1
        self.rehash()
        self.levels = [0, 1]
        self.transitions = 0
        self.quiescent = 0
        self.progress = Progress(states=1)
        self._began = time.perf_counter()
        self._looked = -PAUSE
        """When it was looked how much memory there is."""

    @property
    def words(self) -> int:
        """How many words a key takes."""
        return packing.words_of(self.layout)

    # What an engine does.

    @abstractmethod
    def expand_level(self, begin: int, end: int) -> None:
        """Expand the states from number `begin` to before `end`, and append what is new.

        That is: their keys to `keys`, from which states they were reached to `parents`, and their number to `count`.
        Steps are counted in `transitions`, states without any in `quiescent`. Raises `MemoryError` where there is not
        enough of it, `KeyboardInterrupt` if it is stopped.
        """

    @abstractmethod
    def rehash(self) -> None:
        """Put all keys into `places`, which is empty."""

    @abstractmethod
    def note_hits(self, properties: Properties, masks: list[Words], watched: Words, hits: Hits) -> None:
        """Write into `hits` for each watch (a bit of `watched`) the first state that has its bit in all of its masks.

        There is a mask for each side of each component: `masks[component][side]`, of `properties.words` words. A side
        is twice the number of a local state, and one more if nothing is under way. Where there is no such state, `hits`
        stays as it is; `watched` may be used up.
        """

    @abstractmethod
    def edges(self, tables: Tables) -> tuple[Origins, Origins]:
        """All steps between the states that were found, by number: from where, and to where.

        `tables` are those of the search, or the same with fewer steps. Raises `KeyboardInterrupt` if it is stopped.
        """

    @abstractmethod
    def peeled(self, sources: Origins, targets: Origins) -> Numbers | Origins:
        """For each state, how many steps are left when states without any are taken away, again and again."""

    def components(self, size: int, sources: Numbers, targets: Numbers) -> Numbers:
        """The number of its strongly connected component for each of `size` states of a part of the graph."""
        return components(size, sources, targets)

    # What an engine may do faster.

    def expand_of_shapes(self, end: int, wanted: Flags) -> None:  # noqa: ARG002 - all do no harm
        """Expand the states before number `end` in which a component has one of the shapes that are `wanted`."""
        self.expand_level(0, end)

    def pack_anew(self, old: Words, keys: Words) -> None:
        """Pack the keys by the present layout instead of the old one; `keys` is where, perhaps where they are."""
        for begin in range(0, self.count, ROOM):
            rows = packing.unpack(self.keys[begin : min(begin + ROOM, self.count)], old)
            keys[begin : begin + len(rows)] = packing.pack(rows, self.layout)

    def widen(self) -> None:
        """Make the hash table at least twice as large, with all keys in it."""
        self._new_places(2 * len(self.places))

    # What is the same for all.

    def row(self, at: int) -> Row:
        """The row of the state of a number."""
        return self.tables.row(packing.unpack(self.keys[at : at + 1], self.layout)[0].tolist())

    def path(self, at: int) -> list[Row]:
        """The rows from the initial state to a state, one step apart."""
        found = [at]
        while found[-1]:
            found.append(int(self.parents[found[-1]]))
        return [self.row(number) for number in reversed(found)]

    def run(self, *, more: bool = False) -> Found:
        """Search until nothing is new, or there are too many states.

        `more`: whether more may be possible than when states were expanded that there are already. What is reached by
        that stands behind them, so the ways to it need not be shortest ones; nor is it counted how many states without
        a step have one now. Raises `NotInert` and `LessPossible` where all has to begin anew.
        """
        why = ""
        try:
            if more:
                self._take_more()
            while self.levels[-2] < self.levels[-1] and not why:
                self.expand_level(*self.levels[-2:])
                self.levels.append(self.count)
                self._render(self.count)
                if self.most is not None and self.count > self.most and self.levels[-2] < self.levels[-1]:
                    why = f"more than {self.most:,} states were not wanted"
        except KeyboardInterrupt:
            why = INTERRUPTED
        except MemoryError:
            why = f"there is no more memory, it takes {used() / MEGA:,.0f} MB"
        return Found(self.progress, not why, self.quiescent, why)

    def _take_more(self) -> None:
        """Have the states that were expanded take the steps that they did not have then."""
        quiescent = self.quiescent
        with self.tables.only_more() as wanted:
            self._fits()
            self.expand_of_shapes(self.levels[-2], wanted)
        self.quiescent, self.levels[-1] = quiescent, self.count

    def spare(self) -> int | None:
        """Bytes that may still be taken; None where that is not known."""
        return free() if self.memory is None else self.memory - used()

    def scan(self, properties: Properties) -> list[int | None]:
        """The first state for each watch of the properties, among the states that were found."""
        if not properties.is_current():
            properties.renew()
        masks = [
            properties.masks(component).reshape(-1, properties.words) for component in range(len(self.system.nodes))
        ]
        watched = np.full(properties.words, np.iinfo(np.uint64).max, np.uint64)
        hits = np.full(properties.words * WORD, -1, np.int64)
        self.note_hits(properties, masks, watched, hits)
        return [int(at) if at >= 0 else None for at in hits[: len(properties.watches)]]

    def parts(self) -> list[Numbers]:
        """For each component, what there is of it in the states, a row each: its local state, the heads of its queues,
        the budget, and the first state that has all of these; by number.
        """
        found: list[Numbers] = []
        for component in range(len(self.system.nodes)):
            first: dict[tuple[int, ...], int] = {}
            for begin in range(0, self.count, ROOM):
                states = np.arange(begin, min(begin + ROOM, self.count))
                met, at = np.unique(self.parts_of(component, states), axis=0, return_index=True)
                for part, place in zip(met.tolist(), at.tolist(), strict=True):
                    first.setdefault(tuple(part), begin + place)
            found.append(np.array([(*part, place) for part, place in first.items()], np.int64))
        return found

    def parts_of(self, component: int, states: Numbers) -> Numbers:
        """Of some states, the local state of a component, the heads of its queues, and the budget, by number."""
        local, queue = packing.places(len(self.system.nodes))[component]
        keys = self.keys[states]
        rows = [packing.field(keys, self.layout, place) for place in (local, queue, len(self.layout) - 1)]
        return np.column_stack((rows[0], self.tables.heads[component].take(rows[1]), rows[2] - 1)).astype(np.int64)

    def _fits(self) -> bool:
        """Whether all numbers that the system has given still fit in a key; if not, the keys are packed anew."""
        sizes = self.tables.sizes()
        if packing.fits(sizes, self.layout):
            return True
        layout = packing.layout_of(sizes)
        words = packing.words_of(layout)
        if words != self.words:
            self._spend((len(self.keys) + len(self.places)) * words * self.keys.itemsize)
        old, self.layout = self.layout, layout
        keys = self.keys if self.words == self.keys.shape[1] else np.zeros((len(self.keys), self.words), np.uint64)
        self.pack_anew(old, keys)
        self.keys = keys
        self._new_places(len(self.places))
        return False

    def _make_room(self, states: int) -> None:
        """Make room for so many states. Raises `MemoryError` before there is not enough of it."""
        width = self.keys.itemsize * self.words
        if states > len(self.keys):
            capacity = max(states, len(self.keys) * 5 // 4)
            self._spend((capacity - len(self.keys)) * (width + self.parents.itemsize))
            # In place: fresh memory costs more time than what is written to it. Nobody holds a view of these arrays.
            self.keys.resize((capacity, self.words), refcheck=False)
            self.parents.resize(capacity, refcheck=False)
        while states > len(self.places) * self.load:
            self._spend(len(self.places) * width)
            self.widen()

    def _spend(self, size: int) -> None:
        """Raises `MemoryError` if there is less memory than so many bytes."""
        spare = self.spare()
        if spare is not None and size > spare:
            raise MemoryError

    def _new_places(self, size: int) -> None:
        self.places[:] = 0
        self.places.resize((size, self.words), refcheck=False)
        self.rehash()

    def _render(self, end: int) -> None:
        progress = self.progress
        progress.states, progress.transitions = self.count, self.transitions
        is_over = self.levels[-2] == self.levels[-1]
        progress.depth, progress.frontier = len(self.levels) - 2 - is_over, self.count - end
        progress.seconds = time.perf_counter() - self._began
        self.render(progress)
        if progress.seconds - self._looked > PAUSE:
            self._looked = progress.seconds
            self._spend(self.tables.largest)  # it may have to grow any moment
        if self.is_stopped():
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed meanwhile: compiled code must not be torn away from its work, so it is asked."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
