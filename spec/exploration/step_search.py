"""Which single steps break a property, looked up for the states that a search found (`properties.steps`)."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spec.exploration.engine import packing
from spec.exploration.engine.packing import places
from spec.exploration.engine.queue_tables import EMPTY
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.engine.tables import Planned
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.node import Outcome, Server, ServerState
from spec.exploration.properties.language import Property
from spec.exploration.properties.steps import Step, concerns, step_of

CHUNK = 1 << 16
"""States that are looked at together."""
WORD = 64


def first_steps(search: BreadthFirst, properties: Sequence[Property]) -> dict[tuple[str, bool | None], int]:
    """By name, and by whether it is broken or exercised: the first state from which a step does that."""
    about = [one for one in properties if one.when == "step"]
    return Steps(search, about).first() if about else {}


def deliver_what_matters(
    system: ClosedSystem, properties: Sequence[Property], first: Mapping[tuple[str, bool | None], int]
) -> None:
    """Mark messages that were not delivered, being always ignored, as interesting if a property about steps needs them.

    `first` is what `first_steps` found. Raises `NotInert` if there are new ones: the search has to be done anew then.
    """
    about = [one for one in properties if one.when == "step" and (one.name, True) not in first]
    known = len(system.delivery.interesting)
    for component, node in enumerate(system.nodes):
        mine = [one for one in about if concerns(system, one, component, "read")]
        if not mine or not isinstance(node, Server):
            continue
        for message in system.delivery.undelivered(component):
            for state, online in zip(system.numbers.locals[component], system.numbers.online[component], strict=True):
                if not online or not isinstance(state, ServerState) or node.is_busy(state):
                    continue
                step = Step(node, system, "read", state, message, (), state)
                for one in mine:
                    premise, conclusion = one.says(step)
                    if premise and (not conclusion or (one.name, False) not in first):
                        system.delivery.interesting.add((component, message))
    if len(system.delivery.interesting) > known:
        raise NotInert


@dataclass(frozen=True)
class _Watched:
    """What a kind of steps does to a property, and what they need."""

    property_: str
    broken: bool
    component: int
    prices: tuple[int, ...]
    late: bool


class Steps:
    """Properties about the steps from all states that a search has found."""

    def __init__(self, search: BreadthFirst, properties: Sequence[Property]) -> None:
        self._search = search
        self._tables = search.tables
        self._system = search.system
        self._properties = properties
        self._answers: dict[tuple[int, int, str, Hashable, int], tuple[Outcome | None, list[tuple[str, bool]]]] = {}
        """By the identity of an outcome, which is kept, so that no other one gets it."""
        self._bits: dict[_Watched, int] = {}
        self._of_shapes = [self._shapes_of(component) for component in range(len(self._system.nodes))]

    def _shapes_of(self, component: int) -> dict[int, int]:
        """For each shape of a component, the bits of what its steps do, as a number."""
        found: dict[int, int] = {}
        for local, shapes in enumerate(self._tables.shapes[component]):
            for shape in set(shapes[shapes >= 0].tolist()):
                bits = 0
                for plan in self._tables.planned(shape):
                    for name, broken in self._judged(component, local, plan):
                        watched = _Watched(name, broken, component, plan.prices, plan.late)
                        bits |= 1 << self._bits.setdefault(watched, len(self._bits))
                found[shape] = bits
        return found

    def _judged(self, component: int, local: int, plan: Planned) -> list[tuple[str, bool]]:
        label = plan.label
        key = (component, local, label.kind, label.message, id(label.outcome))
        if key not in self._answers:
            found: list[tuple[str, bool]] = []
            self._answers[key] = label.outcome, found
            step = step_of(self._system, component, self._system.numbers.locals[component][local], label)
            for one in self._properties if step is not None else ():
                if concerns(self._system, one, component, label.kind):
                    premise, conclusion = one.says(step)
                    found += [(one.name, False)] if premise else []
                    found += [(one.name, True)] if premise and not conclusion else []
        return self._answers[key][1]

    def first(self) -> dict[tuple[str, bool | None], int]:
        """By name, and by whether it is broken or exercised: the first state from which a step does that."""
        words = max(1, -(-len(self._bits) // WORD))
        by_shape = [_table(shapes, words) for shapes in self._of_shapes]
        by_budget = self._payable(words)
        late = _words(sum(1 << bit for watched, bit in self._bits.items() if watched.late), words)
        wanted = _words((1 << len(self._bits)) - 1, words)
        found: dict[tuple[str, bool | None], int] = {}
        bits = {bit: watched for watched, bit in self._bits.items()}
        for begin in range(0, self._search.count, CHUNK):
            if not wanted.any():
                break
            met = self._met(begin, by_shape, by_budget, late) & wanted
            for bit in _set_bits(np.bitwise_or.reduce(met, axis=0)):
                word, one = divmod(bit, WORD)
                at = begin + int(np.argmax((met[:, word] >> np.uint64(one)) & np.uint64(1)))
                watched = bits[bit]
                wanted[word] &= ~np.uint64(1 << one)
                key = (watched.property_, watched.broken)
                found[key] = min(found.get(key, at), at)
        return found

    def _met(
        self,
        begin: int,
        by_shape: list[npt.NDArray[np.uint64]],
        by_budget: npt.NDArray[np.uint64],
        late: npt.NDArray[np.uint64],
    ) -> npt.NDArray[np.uint64]:
        """For each of the states from one on, what can be done in it."""
        rows = packing.unpack(self._search.keys[begin : min(begin + CHUNK, self._search.count)], self._search.layout)
        met = np.zeros((len(rows), by_budget.shape[1]), np.uint64)
        idle = np.ones(len(rows), np.bool_)
        for component, (local, queue) in enumerate(places(len(self._system.nodes))):
            heads = self._tables.heads[component, rows[:, queue]]
            shape = self._tables.shapes[component, rows[:, local], heads]
            met |= by_shape[component][shape]
            idle &= (rows[:, queue] == EMPTY) & ~self._tables.busy[component, rows[:, local]]
        met &= by_budget[rows[:, -1]]
        met[~idle] &= ~late
        return met

    def _payable(self, words: int) -> npt.NDArray[np.uint64]:
        """For each budget, the bits of what can be paid for."""
        found = []
        for budget in range(len(self._system.budgets.known)):
            bits = 0
            for watched, bit in self._bits.items():
                left = budget
                for price in watched.prices:
                    left = self._system.spend(left, price) if left >= 0 else left
                bits |= (left >= 0) << bit
            found.append(_words(bits, words))
        return np.array(found, np.uint64).reshape(-1, words)


def _table(shapes: dict[int, int], words: int) -> npt.NDArray[np.uint64]:
    found = np.zeros((max(shapes, default=-1) + 2, words), np.uint64)  # the last row is for no shape
    for shape, bits in shapes.items():
        found[shape] = _words(bits, words)
    return found


def _words(bits: int, words: int) -> npt.NDArray[np.uint64]:
    return np.array([bits >> (WORD * word) & ((1 << WORD) - 1) for word in range(words)], np.uint64)


def _set_bits(met: npt.NDArray[np.uint64]) -> Iterator[int]:
    for word, left in enumerate(met.tolist()):
        yield from (word * WORD + bit for bit in range(WORD) if left >> bit & 1)
