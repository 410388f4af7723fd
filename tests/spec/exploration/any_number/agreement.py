"""The views of a closed system with N servers, to be compared with those of any number.

`python -m tests.spec.exploration.any_number.agreement [SCENARIO...]` compares larger scenarios than the tests do.
"""

import sys
from collections.abc import Hashable
from dataclasses import replace
from itertools import permutations

from spec.exploration.any_number.fixpoint import Fixpoint, Options, fixpoint
from spec.exploration.any_number.restriction import Restriction
from spec.exploration.engine.choice import engine
from spec.exploration.model.budget import FaultBudget
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.model.steps import UNTOLD, Row, Slot

View = tuple[Hashable, ...]
SEEN = ("torrent3", "torrent6")


def of_any_number(done: Fixpoint) -> set[View]:
    """All views, under both ways to call the two servers."""
    system = done.system
    found = set()
    for at in range(done.search.count):
        row = done.search.row(at)
        for way in ((0, 1, 2), (0, 2, 1)):
            renamed = [0, 0, 0]
            for component, number in enumerate(row[:-1]):
                renamed[way[component]] = system.renamed.slot(component, number, way)
            found.add(_view(system, (*renamed, row[-1]), Restriction(SEEN), (0, 1, 2), ()))
    return found


def of_number(chosen: Scenario, servers: int, *, reduced: bool = True) -> set[View]:
    """All views of two servers in all states with so many."""
    conflicting = servers if chosen.conflicting else 0
    system = replace(chosen, torrents=servers, conflicting=conflicting).build(drop_inert=reduced)
    ways = permutations_of(servers + 1, [tuple(range(1, servers + 1))])
    while True:
        search = engine()(system, ways)
        try:
            assert search.run().complete
            break
        except NotInert:
            system = system.again(drop_inert=reduced)
    return {view for at in range(search.count) for view in views_of(system, search.row(at))}


def views_of(system: ClosedSystem, row: Row) -> set[View]:
    """All views of two servers in a state."""
    names = tuple(node.name for node in system.nodes[1:])
    restrict = _restriction(names)
    found = set()
    for one, two in permutations(range(1, len(names) + 1), 2):
        naming = ((names[one - 1], SEEN[0]), (names[two - 1], SEEN[1]))
        found.add(_view(system, row, restrict, (0, one, two), naming))
    return found


_restrictions: dict[tuple[str, ...], Restriction] = {}


def _restriction(names: tuple[str, ...]) -> Restriction:
    return _restrictions.setdefault(names, Restriction(names))


def _view(
    system: ClosedSystem, row: Row, restrict: Restriction, places: tuple[int, ...], naming: tuple[tuple[str, str], ...]
) -> View:
    visible = frozenset(system.nodes[place].name for place in places[1:])

    def seen(value: Hashable) -> Hashable:
        found: Hashable = restrict.renamed(restrict(value, visible), naming)
        return found

    def queue(numbers: tuple[int, ...]) -> tuple[Hashable, ...]:
        messages = [UNTOLD if number == UNTOLD else system.numbers.messages[number] for number in numbers]
        return tuple(
            seen(each)
            for each in messages
            if each == UNTOLD or not restrict.subject(each) or restrict.subject(each) in visible
        )

    slots: list[Slot] = [system.numbers.slots[place][row[place]] for place in places]
    parts = [
        (seen(system.numbers.locals[place][slot.local]), queue(slot.up), queue(slot.down))
        for place, slot in zip(places, slots, strict=True)
    ]
    budget: FaultBudget = system.budgets.known[row[-1]]
    tells = any(UNTOLD in slot.up for slot in slots)
    return (*parts, budget._replace(past="open") if budget.past == "told" and not tells else budget)


def main(names: list[str]) -> None:
    """Compare."""
    for name in names:
        chosen = scenario(name)
        views = of_any_number(fixpoint(chosen, Options()))
        for servers in (2, 3):
            few = of_number(chosen, servers)
            print(f"{name}, {servers} servers: {len(few):,} views, of {len(views):,}; outside: {len(few - views):,}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["standard", "hasty", "losses"])
