"""Whole systems as the reference search sees them, and random scenarios to try equivalences on."""

from collections.abc import Hashable
from typing import Any

from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spec.exploration.explore import Result
from spec.exploration.model import reference as plain
from spec.exploration.model.closed import ClosedSystem, Unbounded
from spec.exploration.model.faults import ORDERS
from spec.exploration.model.scenario import EVENTS, Scenario, scenario_of
from spec.exploration.model.steps import Row
from tests.support.nightly import share

MOST = 2500
"""States of a system that the reference search can search."""
BOUNDS = st.sampled_from([1, 2, "any"])
BREAKS = ["broker restart", *(f"{order} {server}" for server in ("tracker", "torrent") for order in ORDERS)]
FAULTS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("losses", "storage failure", "duplicates", "breaks in all"), BOUNDS)
)
Joint = tuple[tuple[Hashable, ...], bool, bool, tuple[tuple[str, int], ...]]
"""The local state of each component, and the budget: stabilisation, changed, and what is left before stabilisation."""

Place = tuple[int, ...]


def patiently(examples: int) -> settings:
    return settings(max_examples=max(2, share(examples)), deadline=None, suppress_health_check=list(HealthCheck))


def scenarios(**fixed: Any) -> SearchStrategy[Scenario]:
    """Scenarios of one or two torrent servers, as somebody may write them, some of their keys fixed."""

    def made(breaks: dict[str, Any], faults: dict[str, Any], rivals: bool, **keys: Any) -> Scenario:
        keys |= fixed
        known = {**breaks, **faults, **keys.pop("faults", {})}
        rivals = rivals and keys["torrents"] == 2
        return scenario_of("random", "random", {**keys, "conflicting": 2 * rivals, "faults": known})

    switch = st.sampled_from([False, False, True])
    return st.builds(
        made,
        breaks=st.dictionaries(st.sampled_from(BREAKS), BOUNDS, max_size=2),
        faults=FAULTS,
        rivals=switch,
        torrents=st.integers(1, 2),
        hardened=switch,
        files=switch,
        timeouts=st.sampled_from(["any", "patient", "never"]),
        stabilisation=switch,
        unordered=switch,
        keeps_hops=switch,
        loses=st.lists(st.sampled_from(EVENTS[:9]), max_size=2, unique=True),
    )


def all_states(system: ClosedSystem, most: int | None = None) -> list[Row] | None:
    """All states of a system; None if there are more than `most`, or no end of them."""
    seen = {system.initial()}
    todo = [*seen]
    try:
        for row in todo:
            if most is not None and len(todo) > most:
                return None
            for _, then in plain.successors(system, row):
                if then not in seen:
                    seen.add(then)
                    todo.append(then)
    except Unbounded:
        return None
    return todo


def states(system: ClosedSystem) -> list[Row]:
    """All states of a system; a hypothesis example with too many is given up."""
    found = all_states(system, MOST)
    assume(found is not None)
    assert found is not None
    return found


def joint(system: ClosedSystem, row: Row) -> Joint:
    """Where everybody is, whatever is under way."""
    return _said(system, _place(system, row))


def _place(system: ClosedSystem, row: Row) -> Place:
    """Where everybody is, as numbers: of local states, and of the budget."""
    return *(system.numbers.slots[component][number].local for component, number in enumerate(row[:-1])), row[-1]


def _said(system: ClosedSystem, place: Place) -> Joint:
    budget = system.budgets.known[place[-1]]
    locals_ = tuple(system.numbers.locals[component][number] for component, number in enumerate(place[:-1]))
    return locals_, budget.stabilisation, budget.changed, () if budget.stabilisation else budget.left


def is_idle(system: ClosedSystem, row: Row) -> bool:
    """Whether nothing is under way."""
    return all(system.is_idle(component, number) for component, number in enumerate(row[:-1]))


def joints(system: ClosedSystem, rows: list[Row] | None = None) -> tuple[set[Joint], set[Joint]]:
    """Where everybody can be, and where everybody can be with nothing under way."""
    rows = states(system) if rows is None else rows
    everywhere = {_place(system, row) for row in rows}
    idle = {_place(system, row) for row in rows if is_idle(system, row)}
    return {_said(system, place) for place in everywhere}, {_said(system, place) for place in idle}


def verdicts(result: Result) -> list[tuple[str, bool | None, bool]]:
    """The verdicts, by name of property."""
    return [(verdict.property_.name, verdict.holds, verdict.non_vacuous) for verdict in result.verdicts]
