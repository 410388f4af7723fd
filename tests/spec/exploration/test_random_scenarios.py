"""Scenarios that nobody thought of: engines, reductions and SPIN agree on them, and every trace can be played again."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spec.exploration.explore import Options, explore
from spec.exploration.model import reference as plain
from spec.exploration.model.closed import ClosedSystem, Unbounded
from spec.exploration.model.scenario import Recast, Scenario
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import Properties
from spec.exploration.properties.steps import judged
from spec.exploration.spin import runner as spin
from spec.exploration.spin.model import write
from spec.exploration.spin.properties import bad
from spec.exploration.traces.replay import play, read, repeats
from tests.mutation.planting import Fault, faults
from tests.spec.exploration.systems import all_states, patiently, scenarios, verdicts
from tests.support.engines import engines

MOST = 4000
"""States of a system that the reference search can search."""


def searched(scenario: Scenario) -> tuple[ClosedSystem, tuple[int, int, int]]:
    """The whole system and its size, if it is small."""
    system = scenario.build(drop_inert=False)
    try:
        size = plain.explore(system, MOST)
    except Unbounded:
        size = (MOST + 1, 0, 0)
    assume(size[0] <= MOST)
    return system, size


@patiently(8)
@given(scenarios())
def test_engines_and_reductions_agree(scenario: Scenario) -> None:
    _, size = searched(scenario)
    for engine in engines():
        whole = explore(scenario, Options(symmetric=False, reduced=False, engine=engine))
        progress = whole.found.progress
        assert (progress.states, progress.transitions, progress.depth) == size
        least = explore(scenario, Options(engine=engine))
        assert least.found.complete
        assert verdicts(least) == verdicts(whole)


FAULTY = [fault for fault in faults() if fault.chart and fault.place in {"tracker", "torrent_server"}]


@patiently(8)
@given(scenarios(), st.sampled_from(FAULTY))
def test_single_steps_are_judged_as_one_by_one(scenario: Scenario, fault: Fault) -> None:
    """In every state of the whole system, each step by itself, with a chart that has a fault."""
    with fault.planted() as charts:
        faulty = Recast(scenario, charts)
        system = faulty.build(drop_inert=False)
        rows = all_states(system, MOST)
        assume(rows is not None)
        about = [one for one in PROPERTIES if one.when == "step" and one.applies_to(system)]
        broken, exercised = set[str](), set[str]()
        for row in rows or ():
            for label, _ in plain.successors(system, row):
                breaks, exercises = judged(system, row, label, about)
                broken |= breaks
                exercised |= exercises
        for options in (Options(), Options(symmetric=False, reduced=False)):
            found = [one for one in explore(faulty, options).verdicts if one.property_.when == "step" and one.applies]
            assert {one.property_.name for one in found if one.holds is False} == broken
            assert {one.property_.name for one in found if one.non_vacuous} == exercised


@patiently(8)
@given(scenarios())
def test_every_trace_can_be_played_again(scenario: Scenario) -> None:
    system, _ = searched(scenario)
    properties = Properties(system, PROPERTIES, side_of)
    for verdict in explore(scenario).verdicts:
        if verdict.trace:
            trace = read(verdict.trace, "the trace")
            assert replace(trace.scenario, keeps_hops=scenario.keeps_hops) == scenario
            system = trace.scenario.build(drop_inert=False)
            properties = Properties(system, PROPERTIES, side_of)
            steps = list(play(system, trace.steps))
            rows = [step.row for step in steps] or [system.initial()]
            if verdict.property_.when == "termination":
                assert repeats(system, properties, verdict.property_, steps) is not None
            else:
                assert [properties.broken_in(row, trace.property_) for row in rows] == [False] * (len(rows) - 1) + [
                    True
                ]


@pytest.mark.nightly
@patiently(2)
@given(scenarios())
def test_spin_agrees(spin_programs: tuple[str, str], scenario: Scenario) -> None:
    assert spin_programs
    assume(not scenario.unordered or scenario.faults.get("duplicates", 0) in {0, 1})  # it says so itself
    system, size = searched(scenario)
    properties = Properties(system, PROPERTIES, side_of)
    found = spin.run(write(system, bad(properties)), table=18)
    assert (found.states, found.transitions) == size[:2]
    watches = [watch for number, watch in enumerate(properties.watches) if found.violated >> number & 1]
    others = {"termination", "step"}  # of which SPIN is not asked
    about_states = [verdict for verdict in explore(scenario).verdicts if verdict.property_.when not in others]
    assert {w.instance.property_.name for w in watches if w.broken} == {
        verdict.property_.name for verdict in about_states if verdict.holds is False
    }
    assert {w.instance.property_.name for w in watches if not w.broken} == {
        verdict.property_.name for verdict in about_states if verdict.non_vacuous
    }
