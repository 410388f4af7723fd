"""The views of a user's own charts with N members, to be compared with those of any number.

`python -m tests.spec.exploration.any_number.charts_agreement` compares the lock service and what is planted in it with
two, three and four clients, and verdicts with those of the explorer.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from statemachine import StateChart

from spec.exploration.any_number.charts_fixpoint import Views, views_of
from spec.exploration.any_number.charts_verdicts import answer_of_charts
from spec.exploration.any_number.completions import Seen
from spec.exploration.any_number.open_charts import OpenCharts, open_charts
from spec.exploration.any_number.population import Population, population
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.steps import Row, Slot
from spec.exploration.properties.foreign import PROPERTIES
from spec.system.process import Addressed
from tests.data.lock_service import charts as lock_service
from tests.data.lock_service import planted

CHARTS = planted.with_server(lock_service.Server)
PLANTED = {
    planted.Generous: ("one at a time holds the lock", 2),
    planted.Hurried: ("no deadlock", 3),
    planted.Short: ("no deadlock", 4),
    planted.Small: ("no deadlock", 5),
    planted.Twice: ("no unexpected reception", 3),
}
"""The property that each breaks, and with how many clients."""


def lock(charts: Mapping[str, type[StateChart[Any]]] = CHARTS, faults: Faults | None = None) -> ForeignSystem:
    """The lock service as a user asks for it."""
    return ForeignSystem(
        "lock", charts, faults=faults or Faults(), interchangeable=(("Client1", "Client2"),),
        may_stay={"Server": ("free",)}, addressed=True,
    )  # fmt: skip


def views_with(of: Population, number: int, there: OpenCharts) -> set[Row]:
    """The views of two members in all states with so many, as rows of the open system."""
    system = of.of(number).build(drop_inert=False)
    names = [node.name for node in system.nodes]
    members = of.names(number)
    permutations = permutations_of(len(names), [[names.index(name) for name in members]])
    whole = OpenCharts(
        system.nodes, system.bus, system.faults, drop_inert=False, hidden=open_charts(of, number, {}).hidden
    )
    whole.hidden.centres.clear()  # nothing is learned from it
    met = {canonical(system, system.initial(), permutations)}
    todo = [*met]
    for row in todo:
        for _, then in successors(system, row):
            state = canonical(system, then, permutations)
            if state not in met:
                met.add(state)
                todo.append(state)
    return {_view(whole, system, row, pair, there) for row in met for pair in combinations(members, 2)}


def _view(whole: OpenCharts, system: ClosedSystem, row: Row, pair: tuple[str, ...], there: OpenCharts) -> Row:
    """What two members see of a state, in the open system."""
    trees, visible = whole.hidden.trees, frozenset(pair)
    to = dict(zip(pair, there.hidden.seen, strict=True))
    names, found = [node.name for node in system.nodes], []
    for here, node in enumerate(there.nodes):
        place = names.index(next((old for old, new in to.items() if new == node.name), node.name))
        slot = system.numbers.slots[place][row[place]]
        seen = whole.seen(place, system.numbers.locals[place][slot.local])
        shown = tuple(trees.renamed(trees(tree, visible), tuple(to.items())) for tree in seen.trees)
        queue = []
        for message in (system.numbers.messages[each] for each in slot.down):
            assert isinstance(message, Addressed)
            if message.sender not in {*trees.names} - visible:
                sender, receiver = (to.get(name, name) for name in (message.sender, message.to))
                queue.append(there.numbers.message(message._replace(sender=sender, to=receiver)))
        local = there.numbers.local(here, there.state(here, Seen(seen.rest, shown)))
        found.append(there.numbers.slot(here, Slot(local, (), tuple(queue if there.ordered else sorted(queue)))))
    budget = (
        there.budgets.known.index(system.budgets.known[row[-1]])
        if system.budgets.known[row[-1]] in there.budgets.known
        else -1
    )
    places = [[node.name for node in there.nodes].index(name) for name in there.hidden.seen]
    return canonical(there, (*found, budget), permutations_of(len(found), [places]))


def missing(of: Population, done: Views, number: int) -> tuple[int, int]:
    """How many views of so many members are not known, and how many there are."""
    found = views_with(of, number, done.system)
    return len(found - {*done.parents}), len(found)


def main() -> None:
    """Compare all."""
    for name, charts in {"lock": CHARTS, **{each.__name__: planted.with_server(each) for each in PLANTED}}.items():
        of = population(lock(charts))
        try:
            done = views_of(of)
        except NotInterchangeable as why:
            print(f"{name}: {why}")
            continue
        for number in (2, 3, 4):
            unknown, count = missing(of, done, number)
            print(f"{name} with {number}: {count} views, {unknown} of them unknown, of {len(done.parents)}", flush=True)
    for server, (broken, number) in PLANTED.items():
        found = answer_of_charts(lock(planted.with_server(server)), (*PROPERTIES, *lock_service.PROPERTIES))
        told = next(each for each in found.verdicts if each.property_.name == broken)
        print(f"{server.__name__}: {broken}: {told.word} with {told.servers}; wanted: {number}", flush=True)


if __name__ == "__main__":
    main()
