"""One hop instead of two leaves nothing out, also of stabilisation: what is on its way when faults end is not lost."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from immutabledict import immutabledict

from runtime.cli.replay import play_live, played
from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import Properties
from spec.exploration.traces.replay import play, read
from tests.spec.exploration.systems import joints, patiently, scenarios, verdicts
from tests.support.servers import Nobody

GONE = "no view holds a client that is gone"
AGREE = "all views agree"
ANY_LOSS = {"losses": "any"}


@patiently(12)
@given(scenarios(stabilisation=True, keeps_hops=False, timeouts="any", loses=[], faults=ANY_LOSS))
def test_what_was_done_unheard_is_told_in_full(scenario: Scenario) -> None:
    """The same joint states, with something under way and without, as where hops are kept apart."""
    system = scenario.build(drop_inert=False)
    assert system.recalls
    assert joints(system) == joints(scenario.build(drop_inert=False, keeps_hops=True))


@patiently(8)
@given(scenarios(stabilisation=False, keeps_hops=False))
def test_one_hop_reaches_what_two_hops_reach(scenario: Scenario) -> None:
    assert joints(scenario.build(drop_inert=False)) == joints(scenario.build(drop_inert=False, keeps_hops=True))


@patiently(5)
@given(scenarios(stabilisation=True, keeps_hops=False, loses=[], faults=ANY_LOSS))
def test_verdicts_do_not_depend_on_how_hops_are_told_apart(scenario: Scenario) -> None:
    joints(scenario.build(drop_inert=False, keeps_hops=True))  # it is small
    assert verdicts(explore(scenario)) == verdicts(explore(replace(scenario, keeps_hops=True)))


LEAVING = Scenario("leaving", torrents=1, stabilisation=True, faults=immutabledict({"stop torrent": 1}))
LOSSY = replace(LEAVING, faults=immutabledict({"stop torrent": 1, "losses": None}))
CRASHING = replace(LEAVING, faults=immutabledict({"crash torrent": 1, "losses": None}))
DISCONNECTED = replace(LEAVING, faults=immutabledict({"disconnect torrent": 1}))


def broken(result: Result) -> set[str]:
    assert result.found.complete
    return {verdict.property_.name for verdict in result.verdicts if verdict.holds is False}


@pytest.mark.parametrize("chosen", [LEAVING, LOSSY, CRASHING], ids=["stop", "stop and lose", "crash"])
@pytest.mark.parametrize("keeps_hops", [False, True])
def test_a_request_on_its_way_survives_who_sent_it(chosen: Scenario, keeps_hops: bool) -> None:
    """It reaches the new tracker, which registers somebody who is gone; a hardened server's goodbye names it."""
    chosen = replace(chosen, keeps_hops=keeps_hops)
    assert GONE in broken(explore(chosen))
    after_stabilisation = {property_.name for property_ in PROPERTIES if property_.when == "stabilisation"}
    assert not broken(explore(replace(chosen, hardened=True))) & after_stabilisation


def test_where_one_hop_would_miss_something_hops_are_kept_apart() -> None:
    assert LEAVING.build().keeps_hops, "stabilisation cuts off what the old tracker sent, and nothing can be lost"
    assert DISCONNECTED.build().keeps_hops
    assert replace(LOSSY, timeouts="patient").build().keeps_hops
    assert replace(LOSSY, loses=frozenset({"TrackerHello"})).build().keeps_hops
    asking = Scenario("asking again", torrents=1, retries=1)
    assert replace(asking, timeouts="patient").build().keeps_hops, (
        "a tracker that is new accepts before its hello comes"
    )
    assert replace(asking, stabilisation=True, faults=LOSSY.faults).build().keeps_hops
    assert not asking.build().keeps_hops
    assert LOSSY.build().recalls
    assert not replace(LOSSY, stabilisation=False).build().recalls


@pytest.mark.parametrize("engine", ["compiled", "vectorised"])
def test_engines_agree_on_what_was_done_unheard(engine: str) -> None:
    if engine == "compiled":
        pytest.importorskip("numba")
    exact = explore(LOSSY, Options(symmetric=False, reduced=False, engine=engine))  # type: ignore[arg-type]
    assert GONE in broken(exact)
    assert verdicts(exact) == verdicts(explore(LOSSY))


@pytest.mark.parametrize("chosen", [LOSSY, LEAVING, CRASHING, scenario("alone")], ids=lambda chosen: chosen.name)
def test_the_trace_is_told_with_both_hops_and_plays(chosen: Scenario) -> None:
    (verdict,) = (one for one in explore(chosen).verdicts if one.property_.name == GONE)
    trace = read(verdict.trace, "the trace")
    system = trace.scenario.build(drop_inert=False)
    assert system.keeps_hops
    properties = Properties(system, PROPERTIES, side_of)
    rows = [step.row for step in play(system, trace.steps)]
    assert [properties.broken_in(row, GONE) for row in rows] == [False] * (len(rows) - 1) + [True]


GONE_OFF = {
    "stop": "stop torrent",
    "crash": "crash torrent",
    "wipe": "wipe torrent",
    "disconnect": "disconnect torrent",
}


@pytest.mark.parametrize("kind", GONE_OFF)
def test_the_trace_plays_live(kind: str, tmp_path: Path) -> None:
    """Requests arrive at the real broker although the server that had sent them is gone."""
    faults = immutabledict({GONE_OFF[kind]: 1, "losses": None})
    (verdict,) = (one for one in explore(replace(LEAVING, faults=faults)).verdicts if one.property_.name == GONE)
    assert "ClientJoinRequested" in verdict.trace
    path = tmp_path / "trace.txt"
    path.write_text(verdict.trace, encoding="utf-8")
    run = played(path)
    ending = asyncio.run(play_live(run, Nobody(), 2))
    assert not ending.differences
    assert ending.row is not None
    assert run.breaks(ending.row)
