"""Whether all fair runs of a small system do what is claimed of them, from the definition, in plain Python.

Nothing is shared with `spec.exploration.liveness`: no component is computed, and nothing is reduced. All states are
listed under their own names, with every message delivered. Each state is then told apart by the action that a run waits
for next, in turn: a step from where the action is not possible, or one that takes it, goes on to the next. A run that
goes through all turns again and again is fair, and a fair run does (Choueka, JCSS 8, 1974). So a property is broken
where one of the steps that end a round can be reached from where it leads to.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.steps import Label, Row
from spec.system.process import name_of

Node = tuple[Row, int]
Where = Callable[[Row], bool]


class TooLarge(Exception):  # noqa: N818 - what was found, not a defect
    """More states than the oracle is to list."""


def done(label: Label) -> Hashable:
    """What a step does, if it is no fault."""
    outcome = label.outcome
    if label.lost is not None or (outcome is not None and outcome.fault):
        return None
    if label.kind in {"read", "publish", "forward", "start"}:
        return label.component, label.kind, label.message
    if label.kind == "expire":
        assert outcome is not None
        message = outcome.arrows[0].message
        timer = getattr(message, "timer", None)
        return label.component, label.kind, name_of(message) if timer is None else timer.client
    return None


@dataclass
class Oracle:
    """All states of a system, and what can be done in each. Raises `TooLarge` for more than `most` states."""

    system: ClosedSystem
    most: int

    def __post_init__(self) -> None:
        self.steps: dict[Row, list[tuple[Label, Row]]] = {}
        todo = [self.system.initial()]
        while todo:
            row = todo.pop()
            if row in self.steps:
                continue
            self.steps[row] = list(successors(self.system, row))
            todo += [then for _, then in self.steps[row] if then not in self.steps]
            if len(self.steps) > self.most:
                raise TooLarge
        self.possible = {row: {done(label) for label, _ in steps} - {None} for row, steps in self.steps.items()}
        self.turns: list[Any] = sorted(set().union(*self.possible.values()), key=repr)

    def is_quiescent(self, row: Row) -> bool:
        """Whether nothing is under way, and nobody is about to publish something."""
        return all(self.system.is_idle(component, number) for component, number in enumerate(row[:-1]))

    def may_stay(self) -> bool:
        """Whether every fair run ends, and where all is quiescent."""
        ends_well = all(self.possible[row] or self.is_quiescent(row) for row in self.steps)
        return ends_well and not self._goes_round(self.steps, lambda _: True)

    def leads_to(self, begins: Collection[Row], conclusion: Where) -> bool:
        """Whether every fair run in which one of these states occurs is in the conclusion then or later."""

        def without(row: Row) -> bool:
            return not conclusion(row)

        reached = self._reached((row for row in begins if without(row)), without)
        if any(not self.possible[row] for row in reached):
            return False
        return not self._goes_round(reached, without)

    def _reached(self, begins: Iterable[Row], inside: Where) -> set[Row]:
        """All that can be reached inside by any steps, faults too."""
        found: set[Row] = set()
        todo = [*begins]
        while todo:
            row = todo.pop()
            if row not in found:
                found.add(row)
                todo += [then for _, then in self.steps[row] if inside(then)]
        return found

    def _goes_round(self, begins: Collection[Row], inside: Where) -> bool:
        """Whether a fair run that never ends can begin in one of these states and stay inside."""
        edges = {
            (row, turn): [self._next(row, label, then, turn) for label, then in self.steps[row] if done(label)]
            for row in begins
            for turn in range(len(self.turns))
        }
        edges = {node: [edge for edge in out if inside(edge[0][0])] for node, out in edges.items()}
        last = {then for out in edges.values() for then, ends_round in out if ends_round}
        return any(self._returns(node, edges) for node in last)

    def _next(self, row: Row, label: Label, then: Row, turn: int) -> tuple[Node, bool]:
        """Where a step leads, and whether all actions have had their turn."""
        while turn < len(self.turns) and (
            self.turns[turn] not in self.possible[row] or self.turns[turn] == done(label)
        ):
            turn += 1
        return (then, turn % len(self.turns)), turn == len(self.turns)

    def _returns(self, begin: Node, edges: dict[Node, list[tuple[Node, bool]]]) -> bool:
        """Whether a step that ends a round, and leads to a node, can be reached from it."""
        seen, todo = {begin}, [begin]
        while todo:
            for then, ends_round in edges[todo.pop()]:
                if ends_round and then == begin:
                    return True
                if then not in seen:
                    seen.add(then)
                    todo.append(then)
        return False

    def is_fair_end(self, rows: Sequence[Row], labels: Sequence[Label], repeats: int) -> bool:
        """Whether a run ends as it says: for good, or with so many steps that can be repeated for ever, fairly."""
        if not repeats:
            return not self.possible[rows[-1]]
        around = range(len(labels) - repeats, len(labels))
        taken = [done(labels[place]) for place in around]
        always = set.intersection(*(self.possible[rows[place]] for place in around))
        return rows[-repeats - 1] == rows[-1] and None not in taken and always <= {*taken}
