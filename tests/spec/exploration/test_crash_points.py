"""Crashes inside a step: nothing acknowledged is lost, and a service that publishes before it stores is found."""

from dataclasses import replace

import pytest

from spec.exploration.explore import Options, Result, explore
from spec.exploration.model import node
from spec.exploration.model.interruptions import KINDS
from spec.exploration.model.reference import explore as explore_plainly
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.spin.model import write
from spec.exploration.spin.refusals import Unwritable
from spec.exploration.traces.replay import play, read
from spec.notation import read as read_diagram

TOLD = "whoever was told of is in the store"
BROUGHT = "what a client brought that counts itself as registered is in the trackers store"
CHOSEN = scenario("crash-points")
SMALL = replace(CHOSEN, stabilisation=False, timeouts="never", wills=False)


def broken(result: Result) -> dict[str, str]:
    assert result.found.complete
    return {verdict.property_.name: verdict.trace for verdict in result.verdicts if verdict.holds is False}


def test_nothing_acknowledged_is_lost() -> None:
    result = explore(CHOSEN)
    assert not broken(result)
    said = {verdict.property_.name: verdict for verdict in result.verdicts}
    assert said[TOLD].non_vacuous
    assert said[BROUGHT].non_vacuous


def test_who_publishes_before_it_stores_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "stored_before", lambda here: here.stored)
    found = broken(explore(CHOSEN))
    assert {TOLD, BROUGHT} <= found.keys()
    diagram = read_diagram(found[TOLD])
    assert not diagram.diagnostics
    assert "It crashes, in the middle of that." in found[TOLD]
    trace = read(found[BROUGHT], "the trace")
    assert trace.scenario == CHOSEN
    played = list(play(trace.scenario.build(drop_inert=False), trace.steps))
    assert any(step.text.startswith("interrupt read tracker ClientJoinSucceeded") for step in played)


def test_each_point_of_each_kind_is_met() -> None:
    """Before anything is out with the view stored, between publications, and after the last; of each kind of step."""
    system = CHOSEN.build(drop_inert=False, keeps_hops=False)
    seen, todo = {system.initial()}, [system.initial()]
    met = set()
    for row in todo:
        for label, then in successors(system, row):
            if label.kind in KINDS and label.outcome is not None:
                met.add((label.kind, label.component, len(label.outcome.sent)))
            if then not in seen:
                seen.add(then)
                todo.append(then)
        if len(todo) > 6000:
            break
    assert {
        ("interrupt read", 0, 0),  # the view is stored, and nobody has been told
        ("interrupt read", 0, 1),
        ("interrupt read", 1, 1),
        ("interrupt publish", 0, 1),
        ("interrupt publish", 1, 1),
        ("interrupt stop", 0, 1),
        ("interrupt stop", 1, 1),
    } <= met


@pytest.mark.parametrize("options", [Options(), Options(engine="vectorised"), Options(symmetric=False, reduced=False)])
def test_the_search_finds_what_the_plain_search_finds(options: Options) -> None:
    found = explore(SMALL, options).found.progress
    exact = explore_plainly(SMALL.build(drop_inert=False))
    assert found.states <= exact[0]
    if not options.reduced:
        assert (found.states, found.transitions, found.depth) == exact


def test_a_crash_inside_a_step_is_no_other_for_who_is_not_told() -> None:
    """All that it can lead to is known from crashes between steps; where it happens is what is new."""
    plain, inside = (
        {verdict.property_.name: verdict.holds for verdict in explore(chosen).verdicts}
        for chosen in (replace(CHOSEN, crash_points=False), CHOSEN)
    )
    assert {name for name in plain if plain[name] != inside[name]} == {TOLD}


def test_spin_is_not_asked_about_crashes_inside_a_step() -> None:
    lossy = Scenario("", torrents=1, timeouts="never", crash_points=True, faults={"crash tracker": 1, "losses": None})
    system = explore(lossy).system
    with pytest.raises(Unwritable, match="take out crash_points"):
        write(system)
