"""The views of any number of torrent servers are those of two, three, five and eight, where these can be listed."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any

import pytest
from immutabledict import immutabledict

from spec.exploration.any_number import fixpoint as fixpoint_module
from spec.exploration.any_number.fixpoint import Fixpoint, Options, Part, fixpoint
from spec.exploration.any_number.knowledge import Knowledge
from spec.exploration.any_number.open_system import Ghosts
from spec.exploration.any_number.restriction import Restriction
from spec.exploration.any_number.shares import PLAIN
from spec.exploration.engine.search import BreadthFirst, Engine
from spec.exploration.engine.tables import LessPossible
from spec.exploration.model.moves import Moves
from spec.exploration.model.scenario import Scenario, scenario
from tests.spec.exploration.any_number.agreement import View, met, of_any_number, of_number
from tests.support.nightly import by_day

EVERYTHING = Options(reduced=False)
RIVALS = Scenario("rivals", timeouts="patient", conflicting=2)
STOPS = Scenario("stops", timeouts="patient", faults=immutabledict({"stop tracker": 1}))


@pytest.mark.parametrize(("name", "views"), by_day([("hasty", 3426), ("losses", 8619)], [("hasty", 3426)]))
def test_how_many_views_there_are(name: str, views: int) -> None:
    found = fixpoint(scenario(name))
    assert found.complete
    assert found.search.count == views


def test_all_engines_find_the_same(standard: Fixpoint) -> None:
    assert of_any_number(fixpoint(scenario("standard"), Options(engine="vectorised"))) == of_any_number(standard)


@pytest.mark.parametrize(("chosen", "views"), by_day([(RIVALS, 669), (STOPS, 14924)], [(STOPS, 14924)]))
def test_how_many_views_other_scenarios_have(chosen: Scenario, views: int) -> None:
    found = fixpoint(chosen)
    assert (found.search.count, found.complete) == (views, True)


def test_views_of_two_are_within_and_those_of_three_are_all(standard: Fixpoint) -> None:
    views = of_any_number(standard)
    assert of_number(scenario("standard"), 2) < views
    assert of_number(scenario("standard"), 3) == views


def test_with_names_told_apart_and_everything_delivered() -> None:
    """So many as an independent program found."""
    found = fixpoint(scenario("standard"), Options(symmetric=False, reduced=False))
    assert (found.search.count, found.complete) == (2340, True)


def from_the_beginning(done: Fixpoint, options: Options) -> Part:
    """What a search finds that knows all from the beginning."""
    return fixpoint_module._searched(done.system, options, 1 << 30)


@pytest.mark.parametrize("engine", by_day(["compiled", "vectorised"], ["vectorised"]))
def test_rounds_come_to_what_one_search_finds_that_knows_all(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With rounds so small that most becomes known when there are views already."""
    monkeypatch.setattr(fixpoint_module, "FIRST_PART", 1 << 5)
    options = Options(engine=engine)
    done = fixpoint(RIVALS, options)
    size = done.system.knowledge.size
    again = from_the_beginning(done, options)
    assert done.rounds > 2
    assert done.system.knowledge.size == size
    assert (again.search.count, again.search.transitions) == (done.views, done.steps)
    whole = Fixpoint((again,), 1, 0.0, grown=False)
    assert of_any_number(whole) == of_any_number(done)


def nothing_more(_self: BreadthFirst) -> None:
    """States that were expanded stay as they are."""


def test_what_becomes_known_later_matters_to_views_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    told_apart = Options(symmetric=False)  # else it shows that servers are not asked alike
    views = fixpoint(RIVALS, told_apart).views
    monkeypatch.setattr(BreadthFirst, "_take_more", nothing_more)
    assert fixpoint(RIVALS, told_apart).views < views


def test_a_step_that_is_no_longer_possible_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_self: BreadthFirst) -> None:
        refused.append(True)
        raise LessPossible

    refused: list[bool] = []
    monkeypatch.setattr(BreadthFirst, "_take_more", refuses)
    assert fixpoint(RIVALS).views == 669
    assert refused


@pytest.mark.parametrize(("name", "servers"), [("standard", 8)])
def test_random_runs_of_many_stay_within(name: str, servers: int) -> None:
    views = everything(name)
    for view in met(scenario(name), servers, runs=1, length=40):
        assert view in views


@cache
def everything(name: str) -> set[View]:
    return of_any_number(fixpoint(scenario(name), EVERYTHING))


# A wrong abstraction is noticed.


def no_ghost_is_served(*_: Any) -> Iterator[Any]:
    yield from ()


def without_ghosts(_self: Knowledge, _owner: str, _shares: Any) -> Iterator[Any]:
    yield ()


LEARNS = Knowledge.learn_local


def everybody_fits(self: Knowledge, owner: str, local: Any) -> None:
    """The pair lemma, left out."""
    LEARNS(self, owner, local)
    for one, two in product([*self.pairs] if not owner else (), repeat=2):
        if self.base(one) == self.base(two):
            self.pairs[one].add(two)
            self.joints[one, two].add(PLAIN)


def always_possible(*_: Any) -> bool:
    """The lemma of what is empty, left out."""
    return True


def no_hello_is_seen(self: Ghosts, message: Any) -> bool:
    """A message that matters, to all that are seen, is dropped."""
    return type(message).__name__ != "TrackerHello" and self.system.knowledge.restrict.subject(message) in self.visible


@pytest.mark.parametrize(
    ("chosen", "views", "owner", "method", "wrong"),
    [
        (scenario("standard"), 407, Knowledge, "served", no_ghost_is_served),
        (RIVALS, 669, Knowledge, "_choose", without_ghosts),
        (RIVALS, 669, Knowledge, "learn_local", everybody_fits),
        (STOPS, 14924, Knowledge, "is_possible", always_possible),
        (scenario("standard"), 407, Ghosts, "is_seen", no_hello_is_seen),
    ],
)
def test_a_wrong_abstraction_has_other_views(
    chosen: Scenario, views: int, owner: Any, method: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out are steps of ghosts, ghosts in the steps of others, either lemma, and a message."""
    monkeypatch.setattr(owner, method, wrong)
    assert fixpoint(chosen).search.count != views


# What is seen of a value.


def test_what_is_seen_together_is_the_value(standard: Fixpoint) -> None:
    system = standard.system
    restrict = Restriction(tuple(f"torrent{number}" for number in range(1, 9)))
    for state in system.numbers.locals[0]:
        parts = [restrict(state, frozenset({name})) for name in ("torrent3", "torrent6")]
        assert restrict.merged(*parts) == state
        assert restrict(state, frozenset({"torrent3", "torrent6"})) == state


def test_a_number_stays_a_number_though_true_is_equal_to_it() -> None:
    """A name that is made of a number would be another one: request-1, and request-True."""
    restrict = Restriction(("torrent1",))
    assert restrict(True, frozenset()) is True
    assert type(restrict(1, frozenset())) is int


@pytest.mark.nightly
def test_wills_of_servers_that_are_hidden_are_said() -> None:
    wills = Scenario("wills", timeouts="never", hardened=True, wills=True)
    found = fixpoint(wills)
    assert (found.search.count, found.complete) == (486, True)
    assert of_number(wills, 2) < of_any_number(found)


POINTS = Scenario("points", timeouts="never", crash_points=True, faults=immutabledict({"crash tracker": 1}))


@pytest.mark.nightly
def test_who_reads_about_somebody_hidden_can_crash_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fixpoint(POINTS)
    assert (found.search.count, found.steps) == (58813, 206583)
    reading = Moves.interrupts

    def of_those_who_are_seen(moves: Moves, *asked: Any, **how: Any) -> Any:
        return iter(()) if asked[2:] == ("read",) else reading(moves, *asked, **how)

    monkeypatch.setattr(Moves, "interrupts", of_those_who_are_seen)
    assert fixpoint(POINTS).steps < found.steps


@pytest.mark.nightly
@pytest.mark.parametrize("fault", ["crash tracker", "crash torrent"])
def test_random_runs_with_crashes_inside_steps_stay_within(fault: str) -> None:
    points = replace(POINTS, hardened=True, faults=immutabledict({fault: 1}))
    views = of_any_number(fixpoint(points, Options(reduced=False)))
    for servers in (3, 4):
        assert views >= set(met(points, servers, 40, 60))
