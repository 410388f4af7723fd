"""The views of a closed system with N servers, to be compared with those of any number.

`python -m tests.spec.exploration.any_number.agreement [SCENARIO...]` compares larger scenarios than the tests do.
"""

import random
import sys
from collections.abc import Hashable, Iterator
from dataclasses import replace
from itertools import permutations
from typing import Any

from spec.exploration.any_number.fixpoint import Fixpoint, Options, fixpoint
from spec.exploration.any_number.kinds import populations
from spec.exploration.any_number.open_system import is_of_others
from spec.exploration.any_number.restriction import Restriction
from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.model.budget import FaultBudget
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.reference import successors
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.model.steps import UNTOLD, Label, Row, Slot
from tests.spec.exploration.any_number.planted_files import FILES, TWO_RIVALS

View = tuple[Hashable, ...]
SEEN = ("torrent3", "torrent6")


def of_any_number(done: Fixpoint) -> set[View]:
    """All views, under both ways to call two servers that are alike."""
    return {
        _renamed_view(part.system, part.search.row(at), way)
        for part in done.parts
        for at in range(part.search.count)
        for way in (((0, 1, 2), (0, 2, 1)) if part.system.alike else ((0, 1, 2),))
    }


def _renamed_view(system: ClosedSystem, row: Row, way: tuple[int, ...]) -> View:
    renamed = [0, 0, 0]
    for component, number in enumerate(row[:-1]):
        renamed[way[component]] = system.renamed.slot(component, number, way)
    return _view(system, (*renamed, row[-1]), _restriction(SEEN), (0, 1, 2), ())


def of_number(chosen: Scenario, servers: int, *, reduced: bool = True) -> set[View]:
    """All views of two servers in all states with so many, of all kinds."""
    searches = (_searched(each, reduced=reduced) for each in populations(chosen, servers))
    return {
        view for search in searches for at in range(search.count) for view in views_of(search.system, search.row(at))
    }


def _searched(chosen: Scenario, *, reduced: bool) -> BreadthFirst:
    system = chosen.build(drop_inert=reduced)
    ways = permutations_of(len(system.nodes), chosen.interchangeable_groups())
    while True:
        search = engine()(system, ways)
        try:
            assert search.run().complete
        except NotInert:
            system = system.again(drop_inert=reduced)
        else:
            return search


Steps = set[tuple[View, View]]


def steps_of_any_number(done: Fixpoint) -> tuple[Steps, Steps]:
    """All steps without a fault between views; and those of them that do not count as steps of others."""
    system = done.system
    every: Steps = set()
    seen: Steps = set()
    for at in range(done.search.count):
        row = done.search.row(at)
        for label, then in successors(system, row):
            for way in ((0, 1, 2), (0, 2, 1)):
                pair = tuple(_renamed_view(system, each, way) for each in (row, then))
                every.add((pair[0], pair[1]))
                if not is_of_others(label):
                    seen.add((pair[0], pair[1]))
    return every, seen


def steps_of_number(chosen: Scenario, servers: int, every: int = 1) -> Iterator[tuple[View, View, bool]]:
    """What two servers see of the steps from some states with so many; and whether they have to see it."""
    search = _searched(replace(chosen, torrents=servers), reduced=True)
    system = search.system
    names = [node.name for node in system.nodes]
    for at in range(0, search.count, every):
        row = search.row(at)
        for label, then in successors(system, row):
            about = {names[label.component], *_about(label)} - {names[0]}
            for one, two in permutations(range(1, len(names)), 2):
                pair = {names[one], names[two]}
                before, after = (_view_of_pair(system, each, one, two) for each in (row, then))
                yield before, after, about <= pair


def _about(label: Label) -> set[str]:
    """Whom a step is about: of whom it reads, or whose timeout expires."""
    if label.kind == "expire":
        assert label.outcome is not None
        message: Any = label.outcome.arrows[0].message
        return {message.timer.client}
    return {getattr(label.message, "client", "")} - {""}


def views_of(system: ClosedSystem, row: Row) -> set[View]:
    """All views of two servers in a state."""
    return {_view_of_pair(system, row, *pair) for pair in permutations(range(1, len(system.nodes)), 2)}


def _view_of_pair(system: ClosedSystem, row: Row, one: int, two: int) -> View:
    names = tuple(node.name for node in system.nodes)
    naming = ((names[one], SEEN[0]), (names[two], SEEN[1]))
    return _view(system, row, _restriction(names[1:]), (0, one, two), naming)


def met(chosen: Scenario, servers: int, runs: int, length: int) -> Iterator[View]:
    """What any two see of some random runs with so many servers."""
    chance = random.Random(servers)
    system = replace(chosen, torrents=servers).build(drop_inert=False)
    for _ in range(runs):
        row = system.initial()
        for _ in range(length):
            found = [then for _, then in successors(system, row)]
            if not found:
                break
            row = chance.choice(found)
            yield from views_of(system, row)


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
        return tuple(seen(each) for each in messages if each == UNTOLD or restrict.is_seen(each, visible))

    slots: list[Slot] = [system.numbers.slots[place][row[place]] for place in places]
    parts = [
        (seen(system.numbers.locals[place][slot.local]), queue(slot.up), queue(slot.down))
        for place, slot in zip(places, slots, strict=True)
    ]
    budget: FaultBudget = system.budgets.known[row[-1]]
    tells = any(UNTOLD in slot.up for slot in slots)
    return (*parts, budget._replace(past="open") if budget.past == "told" and not tells else budget)


MIXED = {
    "hardened beside as drawn": Scenario("mixed", timeouts="patient", hardened=True, as_drawn=1),
    "rivals beside others": Scenario("among others", timeouts="patient", torrents=3, conflicting=2),
    "two rivals among others": TWO_RIVALS,
    "misfits": scenario("misfit"),
    "with files": FILES,
}


def main(names: list[str]) -> None:
    """Compare."""
    for name in names:
        chosen = MIXED.get(name) or scenario(name)
        views = of_any_number(fixpoint(chosen, Options()))
        for servers in (2, 3):
            few = of_number(chosen, servers)
            print(f"{name}, {servers} servers: {len(few):,} views, of {len(views):,}; outside: {len(few - views):,}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["standard", "hasty", "losses", *MIXED])
