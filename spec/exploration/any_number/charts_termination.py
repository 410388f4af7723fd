"""Whether every run of charts of others terminates, for every number of members: asked of the steps between views.

*No run goes on for ever*: the argument of `termination`. A step is seen by each pair that holds the member that moves,
or that a centre hears or sends something to; it is of others (`OpenCharts.is_of_others`) only if it is about a hidden
one, in whatever way what is hidden is completed.

*No run ends early.* Let nothing be possible in a state of N >= 2 members. No chart can send then, so all are quiescent
but for what is under way. The first message that waits for somebody is the first in the view of who sent it and who it
waits for, too. So it is enough that in each view each chart takes the first message that waits for it, whoever else
there is; where messages overtake each other, some that waits.
"""

from collections.abc import Hashable

import numpy as np

from spec.exploration.any_number.charts_fixpoint import Views
from spec.exploration.any_number.termination import GOES_ON, STANDS
from spec.exploration.engine.components import components
from spec.exploration.model.steps import Label, Row

Cycle = tuple[str, Row, list[Label]]
"""Why it is not proved; a view; and the steps that lead from it back to it, if any."""


def unproved(views: Views) -> Cycle | None:
    """Why it is not proved that every run terminates; None if it is."""
    return _stands(views) or _goes_on(views)


def _goes_on(views: Views) -> Cycle | None:
    numbers = {row: number for number, row in enumerate(views.parents)}
    sources = np.array([numbers[row] for row, _, _ in views.by_themselves], np.int64)
    targets = np.array([numbers[then] for _, then, _ in views.by_themselves], np.int64)
    group = components(len(numbers), sources, targets)
    for row, then, label in views.by_themselves:
        if group[numbers[row]] == group[numbers[then]] and not views.system.is_of_others(row, label):
            return GOES_ON, row, [label, *_way(views, then, row)]
    return None


def _way(views: Views, begin: Row, end: Row) -> list[Label]:
    """The steps from one view to another."""
    after: dict[Row, list[tuple[Row, Label]]] = {}
    for row, then, label in views.by_themselves:
        after.setdefault(row, []).append((then, label))
    ways: dict[Row, list[Label]] = {begin: []}
    todo = [begin]
    while end not in ways:
        here = todo.pop(0)
        for then, label in after.get(here, []):
            if then not in ways:
                ways[then] = [*ways[here], label]
                todo.append(then)
    return ways[end]


def _stands(views: Views) -> Cycle | None:
    system = views.system
    known: dict[tuple[int, Hashable, int], bool] = {}
    for row in views.parents:
        for place, number in enumerate(row[:-1]):
            slot = system.numbers.slots[place][number]
            heads = [head for _, head in system.connections.heads(slot[1:])[1]]
            for head in heads:
                key = (place, slot.local, head)
                if key not in known:
                    state, message = system.numbers.locals[place][slot.local], system.numbers.messages[head]
                    known[key] = system.is_certain(place, state, message)
            if heads and not any(known[place, slot.local, head] for head in heads):
                return STANDS.format(name=system.nodes[place].name), row, []
    return None
