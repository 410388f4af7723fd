"""Hardened torrent servers in the explorer: what they hold beyond the protocol as drawn, and what nobody could."""

from functools import cache

import pytest

from tests.support.nightly import by_day

pytest.importorskip("numba", reason="complete searches of hardened torrent servers need the compiled inner loop")

from dataclasses import replace

from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.reference import explore as explore_plainly
from spec.exploration.model.scenario import Scenario, scenario, with_bounds
from spec.exploration.properties.client_join import PROPERTIES, ClientSide, TrackerSide
from spec.exploration.properties.language import Implication, when_quiescent

STALE = "whoever counts itself as registered is registered unless the tracker changed"
GIVEN_UP = "whoever is registered counts itself as registered"
GHOST = "nobody knows a client that is not registered"
MISSED = "everybody registered knows everybody registered"
SHARED = "two clients that count themselves as registered never share an endpoint"


@when_quiescent
def whoever_is_registered_and_connected_counts_itself_as_registered(
    tracker: TrackerSide, client: ClientSide
) -> Implication:
    """What remains of the property where a client can be gone without a word: nobody can speak for it."""
    both_online = tracker.is_online and client.is_online
    return both_online and client.name in tracker.registered, client.is_registered


BROKEN = {
    "standard": set(),
    "hasty": set(),
    "leaving": set(),
    "dying": {GIVEN_UP},
    "disconnected": {GIVEN_UP},
    "losses": {GIVEN_UP, GHOST, MISSED},
    "crashing": {GIVEN_UP, GHOST, MISSED},
    "duplicates": set(),
}
"""What hardened torrent servers do not hold, by scenario: all of it follows from a loss, or a client that is gone."""


@cache
def explored(name: str) -> Result:
    chosen = replace(scenario(name), hardened=True)
    if name == "crashing":
        chosen = with_bounds(chosen, {"crash torrent": 1})
    return explore(chosen, properties=(*PROPERTIES, whoever_is_registered_and_connected_counts_itself_as_registered))


def broken(result: Result) -> set[str]:
    return {verdict.property_.name for verdict in result.verdicts if verdict.holds is False}


@pytest.mark.parametrize("name", by_day(BROKEN, ["disconnected", "crashing"]))
def test_what_hardened_torrent_servers_do_not_hold(name: str) -> None:
    result = explored(name)
    assert result.found.complete
    lossy = {whoever_is_registered_and_connected_counts_itself_as_registered.name}
    assert broken(result) - lossy == BROKEN[name]
    assert STALE not in broken(result)
    assert not [
        verdict for verdict in result.verdicts if verdict.property_.when == "stabilisation" and verdict.holds is False
    ]


@pytest.mark.parametrize("name", by_day(["hasty", "leaving", "dying", "disconnected", "duplicates"], ["disconnected"]))
def test_without_losses_everybody_knows_whether_it_is_registered(name: str) -> None:
    assert whoever_is_registered_and_connected_counts_itself_as_registered.name not in broken(explored(name))


SYSTEMS = {
    "hasty": Scenario("hasty", hardened=True),
    "one client": Scenario(
        "one", torrents=1, hardened=True, stabilisation=True, faults={"losses": None, "crash torrent": 1}
    ),
    "both hops": Scenario("hops", torrents=1, hardened=True, keeps_hops=True, faults={"disconnect torrent": 1}),
}


@pytest.mark.parametrize("name", by_day(SYSTEMS, ["hasty"]))
def test_the_search_finds_what_the_plain_search_finds(name: str) -> None:
    chosen = SYSTEMS[name]
    found = explore(chosen, Options(symmetric=False, reduced=False)).found.progress
    assert (found.states, found.transitions, found.depth) == explore_plainly(chosen.build(drop_inert=False))


@pytest.mark.parametrize("name", SYSTEMS)
def test_reductions_change_no_verdict(name: str) -> None:
    whole = explore(SYSTEMS[name], Options(symmetric=False, reduced=False))
    reduced = explore(SYSTEMS[name])
    assert broken(reduced) == broken(whole)


def test_names_of_requests_are_never_used_twice() -> None:
    system = SYSTEMS["one client"].build(drop_inert=False)
    explore_plainly(system)
    for state in system.numbers.locals[1]:
        data = state.client.data  # type: ignore[attr-defined]
        assert data.session
        assert data.confirmed in {"", *(f"{data.session}-{number}" for number in range(1, data.request + 1))}
