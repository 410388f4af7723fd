"""The explorer: the same states and verdicts whichever way it searches, and properties that bite."""

from dataclasses import replace

import pytest

from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.budget import CAUGHT_UP, FIRST_UNHEARD, ORDINARY, UNHEARD, FaultBudget, FaultBudgets
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.faults import Faults
from spec.exploration.model.reference import explore as explore_plainly
from spec.exploration.model.scenario import Scenario, scenario, scenarios, with_bounds
from spec.exploration.model.surroundings import Kept
from spec.exploration.model.wills import LATE
from spec.exploration.product import MARKS, PAGE
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import Properties
from spec.exploration.traces.replay import play, read
from spec.notation import read as read_diagram
from tests.spec.exploration.findings import table
from tests.support.nightly import by_day

EXACT = Options(symmetric=False, reduced=False)

STALE = "whoever counts itself as registered is registered unless the tracker changed"
GIVEN_UP = "whoever is registered counts itself as registered"
GHOST = "nobody knows a client that is not registered"
MISSED = "everybody registered knows everybody registered"
AGREE = "all views agree"
GONE = "no view holds a client that is gone"
ONE_OF_TWO = "of two rivals one is registered"
STILL_SHARED = "two registered clients share no endpoint"
JUST_THOSE = "the tracker has registered just those who count themselves as registered"
BOTH_SERVE = "where nothing is lost no two trackers serve"
STAYS_OUT = "where nothing is lost every client without a conflict is registered"
SHARED = "two clients that count themselves as registered never share an endpoint"

BROKEN = {
    "default": {STALE, GIVEN_UP, GHOST, MISSED, AGREE, GONE},
    "standard": set(),
    "hasty": {GIVEN_UP},
    "losses": {GIVEN_UP, MISSED},
    "leaving": {GHOST},
    "crashing": {STALE, GIVEN_UP, GHOST, MISSED, GONE},
    "alone": {STALE, GIVEN_UP, GHOST, GONE},
    "dying": {GIVEN_UP},
    "replaced": {GIVEN_UP, MISSED},
    "disconnected": {STALE, GIVEN_UP, GHOST},
    "duplicates": {GIVEN_UP},
    "overtaking": {STALE, GIVEN_UP, GHOST, MISSED},
    "rivals": {SHARED, STALE, GIVEN_UP, GHOST, MISSED, AGREE, GONE, ONE_OF_TWO, STILL_SHARED, JUST_THOSE},
    "files": {GIVEN_UP, MISSED},
    "both-hops": {GIVEN_UP, MISSED},
    "misfit": set(),
    "wrong-size": set(),
    "wrong-hash": set(),
    "spelling": {SHARED, STALE, GHOST},
    "metadata": {GIVEN_UP, "the tracker knows what each registered client stores"},
    "late-expiries": {GIVEN_UP},
    "wiped": set(),
    "hardened-leaving": set(),
    "hardened-disconnected": {GIVEN_UP},
    "wills": set(),
    "crash-points": set(),
    "late-wills": set(),
    "second-tracker": {GIVEN_UP, BOTH_SERVE, STAYS_OUT},
    "second-tracker-stops": set(),
    "second-tracker-rivals": set(),
    "second-tracker-losses": {GIVEN_UP},
    "asking-again": {GIVEN_UP, GHOST, MISSED},  # as drawn; and others know who was removed when it asked again
}
"""What the protocol as drawn does not hold, by scenario."""
LARGEST = (
    "wills",
    "late-wills",
    "second-tracker-stops",
    "second-tracker-rivals",
    "replaced",
    "rivals",
    "files",
    "crashing",
    "second-tracker-losses",
    "disconnected",
)
"""Each takes longer than ten of the others, and has smaller ones beside it."""

COUNTS = {
    "standard": (1886, 4116, 21),
    "hasty": (21582, 81454, 24),
    "losses": (63673, 442046, 24),
}
"""States, transitions and depth of the whole state space."""


def small(**changes: object) -> Scenario:
    """A scenario that is soon explored, with all that can differ in one."""
    known = {"torrents": 1, "stabilisation": True, "faults": {"losses": None, "crash tracker": 1, "stop torrent": 1}}
    made: dict[str, object] = {**known, **changes}
    return Scenario("small", **made)  # type: ignore[arg-type]


GOODBYES = frozenset({"ClientGoodbye"})
SYSTEMS = {
    "one client": small(),
    "two clients": Scenario("two", faults={"losses": None}),
    "both hops": small(keeps_hops=True),
    "any order": small(unordered=True, stabilisation=False),
    "twice": small(faults={"duplicates": None, "crash tracker": 1}),
    "twice, in any order": small(unordered=True, faults={"duplicates": 1, "losses": 1}),
    "patient": small(stabilisation=False, timeouts="patient", faults={"crash torrent": 2, "losses": 2}),
    "no timeouts": Scenario("never", timeouts="never", faults={"losses": 1}),
    "disconnected": small(faults={"disconnect tracker": 1, "disconnect torrent": 1, "broker restart": 1}),
    "wiped": small(files=True, faults={"wipe tracker": 1, "wipe torrent": 1, "storage failure": None}),
    "rivals": Scenario("rivals", conflicting=2, timeouts="patient"),
    "wills": small(hardened=True, wills=True, timeouts="never", faults={"crash torrent": 1, LATE: 1, "losses": None}),
    "wills, both hops": small(hardened=True, wills=True, loses=GOODBYES, faults={"crash torrent": 1, LATE: 1}),
    "wills that the broker forgets": small(
        hardened=True,
        wills=True,
        stabilisation=False,
        timeouts="never",
        faults={"broker restart": 1, "crash torrent": 1},
    ),
    "second tracker": small(hardened=True, second_trackers=1, stabilisation=False, timeouts="never", faults={}),
    "second tracker, as drawn": small(second_trackers=1, timeouts="patient", faults={}),
    "second tracker, and one stops": small(
        second_trackers=1, stabilisation=False, timeouts="never", files=True, faults={"stop tracker": 1}
    ),
    "only one kind is lost": small(loses=frozenset({"ClientRegistered"})),
}
LARGER = ("disconnected", "second tracker, as drawn", "second tracker, and one stops", "twice, in any order")
LIKE_OTHERS = (*LARGER, "two clients", "both hops", "wiped")
"""All but what they have beside others is searched in `test_engines.py`, too."""
MIXED = (*LARGER, "second tracker", "wills, both hops")
"""What is in them is in others, one by one; with two trackers, in `test_oracle.py`."""


@pytest.mark.parametrize("name", by_day(SYSTEMS, LIKE_OTHERS))
def test_the_search_finds_what_the_plain_search_finds(name: str) -> None:
    chosen = SYSTEMS[name]
    found = explore(chosen, EXACT).found.progress
    assert (found.states, found.transitions, found.depth) == explore_plainly(chosen.build(drop_inert=False))


@pytest.mark.parametrize("name", by_day(SYSTEMS, MIXED))
def test_reductions_change_no_verdict(name: str) -> None:
    exact = _verdicts(explore(SYSTEMS[name], EXACT))
    for symmetric in (False, True):
        for reduced in (False, True):
            assert _verdicts(explore(SYSTEMS[name], Options(symmetric=symmetric, reduced=reduced))) == exact


def test_hops_that_are_kept_apart_change_no_verdict() -> None:
    """Random scenarios: `spec/exploration/test_one_hop.py`."""
    for chosen in (small(), small(stabilisation=False), Scenario("two", faults={"losses": None}), small(files=True)):
        apart = replace(chosen, keeps_hops=True)
        assert _verdicts(explore(apart)) == _verdicts(explore(chosen)), chosen


def test_symmetry_counts_each_orbit_once() -> None:
    chosen = SYSTEMS["two clients"]
    whole = explore(chosen, EXACT).found.progress.states
    halved = explore(chosen, Options(reduced=False)).found.progress.states
    system = chosen.build(drop_inert=False)
    fixed = _fixed(system)
    assert 2 * halved == whole + fixed, "an orbit has two states, or one that is its own mirror image"


def _fixed(system: ClosedSystem) -> int:
    """States that stay the same when the two clients change names."""
    from spec.exploration.model.reference import successors

    seen = {system.initial()}
    todo = [*seen]
    for row in todo:
        for _, then in successors(system, row):
            if then not in seen:
                seen.add(then)
                todo.append(then)
    permutation = (0, 2, 1)
    return sum(
        (
            system.renamed.slot(0, row[0], permutation),
            system.renamed.slot(2, row[2], permutation),
            system.renamed.slot(1, row[1], permutation),
        )
        == row[:3]
        for row in seen
    )


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    """Without any reduction; a change of the charts, or of the closed system, shows here."""
    found = explore(scenario(name), EXACT).found.progress
    assert (found.states, found.transitions, found.depth) == COUNTS[name]


def test_all_scenarios_are_searched_but_the_largest() -> None:
    assert {*BROKEN, "replaced-twice", "second-tracker-hardened"} == set(scenarios()), "all but what takes a minute"


@pytest.mark.parametrize("name", by_day(BROKEN, LARGEST))
def test_a_scenario_has_its_verdicts(name: str) -> None:
    """A complete search; a claim that is mended, newly broken, or said of nothing shows here and in the page."""
    result = explore(scenario(name))
    assert result.found.complete
    assert {v.property_.name for v in result.verdicts if v.holds is False} == BROKEN[name]
    known = table()
    for verdict in result.verdicts:
        cell = known[verdict.property_.name][name]
        assert cell.lstrip("[")[0] == MARKS[verdict.word], f"{verdict.property_.name}: renew the page ({PAGE.name})"


@pytest.mark.parametrize(
    "name",
    by_day(["hasty", "leaving", "crashing", "overtaking", "both-hops", "disconnected"], ["crashing", "disconnected"]),
)
def test_a_counterexample_breaks_its_property_at_its_end_only(name: str) -> None:
    result = explore(scenario(name))
    traces = [verdict for verdict in result.verdicts if verdict.trace]
    assert traces
    for verdict in traces:
        diagram = read_diagram(verdict.trace)
        assert not diagram.diagnostics, diagram.diagnostics
        trace = read(verdict.trace, "the trace")
        # Where it matters what was done unheard, both hops are told.
        assert replace(trace.scenario, keeps_hops=scenario(name).keeps_hops) == scenario(name)
        assert trace.property_ == verdict.property_.name
        system = trace.scenario.build(drop_inert=False)
        properties = Properties(system, PROPERTIES, side_of)
        played = list(play(system, trace.steps))
        assert [step.number for step in played] == list(range(1, len(trace.steps) + 1))
        rows = [step.row for step in played]
        assert [properties.broken_in(row, trace.property_) for row in rows] == [False] * (len(rows) - 1) + [True]


def test_a_counterexample_is_a_shortest_one() -> None:
    chosen = scenario("hasty")
    (verdict,) = (v for v in explore(chosen).verdicts if v.trace)
    system = chosen.build(drop_inert=False)
    properties = Properties(system, PROPERTIES, side_of)
    from spec.exploration.model.reference import successors

    frontier, seen, depth = [system.initial()], {system.initial()}, 0
    while not any(properties.broken_in(row, verdict.property_.name) for row in frontier):
        found = {then for row in frontier for _, then in successors(system, row)} - seen
        seen |= found
        frontier, depth = [*found], depth + 1
    assert depth == len(verdict.run)


def test_more_states_than_allowed_is_no_verdict() -> None:
    result = explore(scenario("crashing"), Options(most=1000))
    assert not result.found.complete
    assert not result.holds
    assert all(verdict.holds is not True for verdict in result.verdicts), "unknown is not the same as holding"


def test_a_message_that_turns_out_to_matter_is_delivered() -> None:
    """A client that is offline has not seen a hello yet: the search begins anew when it is found to matter."""
    kept = Kept()
    chosen = Scenario("two", faults={"losses": None})
    with pytest.raises(NotInert):
        explore_plainly(chosen.build(kept=kept))
    assert {type(message).__name__ for _, message in kept.interesting} == {"TrackerHello"}


def test_bounds_are_bounds() -> None:
    none, once, twice = (
        explore(with_bounds(scenario("standard"), {"losses": bound})).found.progress.states for bound in (0, 1, 2)
    )
    assert none < once < twice


def _verdicts(result: Result) -> dict[str, tuple[bool | None, bool]]:
    return {verdict.property_.name: (verdict.holds, verdict.non_vacuous) for verdict in result.verdicts}


def test_stabilisation_lasts() -> None:
    """Also after a timeout that was set before it has expired: no fault happens any more, and properties are asked."""
    budgets = FaultBudgets(Faults({"losses": None, "crash tracker": 1}, stabilisation=True), "tracker")
    stabilisation = budgets.spend(0, budgets.costs["stabilisation"])
    assert budgets.known[stabilisation] == FaultBudget(stabilisation=True, changed=True)
    assert budgets.spend(stabilisation, budgets.costs["stabilisation expiry"]) == stabilisation
    assert budgets.spend(0, budgets.costs["stabilisation expiry"]) < 0
    others = [cost for fault, cost in budgets.costs.items() if fault not in {"stabilisation expiry", ORDINARY}]
    assert all(budgets.spend(stabilisation, cost) < 0 for cost in others)


def test_what_was_done_unheard_is_told_first() -> None:
    budgets = FaultBudgets(Faults({"losses": None, "crash tracker": 1}, stabilisation=True), "tracker", unheard=True)

    def spent(*faults: str) -> FaultBudget | None:
        budget = 0
        for fault in faults:
            budget = budgets.spend(budget, budgets.costs[fault]) if budget >= 0 else budget
        return budgets.known[budget] if budget >= 0 else None

    left = (("crash tracker", 1),)
    assert spent("stabilisation") == FaultBudget(left, stabilisation=True, changed=True, past="open")
    assert spent("stabilisation", FIRST_UNHEARD) == FaultBudget(left, stabilisation=True, changed=True, past="told")
    told = spent("stabilisation", FIRST_UNHEARD, UNHEARD, "losses", "crash tracker")
    assert told == FaultBudget(stabilisation=True, changed=True, past="told")
    assert spent("stabilisation", FIRST_UNHEARD, CAUGHT_UP) == spent("stabilisation")
    assert spent("stabilisation", ORDINARY) == FaultBudget(stabilisation=True, changed=True)
    assert spent(ORDINARY) == budgets.known[0]
    impossible = [
        (FIRST_UNHEARD,),
        ("stabilisation", UNHEARD),
        ("stabilisation", "losses"),
        ("stabilisation", FIRST_UNHEARD, ORDINARY),
    ]
    impossible += [
        ("stabilisation", FIRST_UNHEARD, fault) for fault in ("stabilisation", "stabilisation expiry", FIRST_UNHEARD)
    ]
    impossible += [("stabilisation", ORDINARY, fault) for fault in (FIRST_UNHEARD, UNHEARD, CAUGHT_UP, "losses")]
    assert not [faults for faults in impossible if spent(*faults) is not None]
