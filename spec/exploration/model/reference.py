"""The reference search: no tables of numbers, no reduction, nothing compiled. Slow, and easy to trust."""

from collections.abc import Iterator

from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import Label, Row


def successors(system: ClosedSystem, row: Row) -> Iterator[tuple[Label, Row]]:
    """Everything that can happen next, and the state after it."""
    *slots, budget = row
    idle = all(system.is_idle(component, slot) for component, slot in enumerate(slots))
    for component, slot in enumerate(slots):
        for step, label in system.labelled(component, slot):
            left = budget
            for price in step.prices:
                left = system.spend(left, price) if left >= 0 else left
            if left < 0 or (step.late and not idle):
                continue
            then = [*slots]
            then[component] = step.then
            for receiver, message in system.numbers.publications[step.publication]:
                then[receiver] = system.push(receiver, then[receiver], message)
            yield label, (*then, left)


def canonical(system: ClosedSystem, row: Row, permutations: tuple[tuple[int, ...], ...]) -> Row:
    """The row that stands for all rows that differ only in who is called what."""
    found = [row]
    for permutation in permutations[1:]:
        renamed = [0] * len(permutation)
        for component, slot in enumerate(row[:-1]):
            renamed[permutation[component]] = system.renamed.slot(component, slot, permutation)
        found.append((*renamed, row[-1]))
    return min(found)


def explore(system: ClosedSystem, most: int | None = None) -> tuple[int, int, int]:
    """How many states and transitions there are, and how deep they lie, breadth first; at most so many states."""
    seen = {system.initial()}
    frontier = [*seen]
    transitions = depth = 0
    while frontier and (most is None or len(seen) <= most):
        found = []
        for row in frontier:
            for _, then in successors(system, row):
                transitions += 1
                if then not in seen:
                    seen.add(then)
                    found.append(then)
        frontier = found
        depth += bool(found)
    return len(seen), transitions, depth
