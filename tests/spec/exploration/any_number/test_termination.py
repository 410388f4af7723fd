"""Whether every run terminates, for every number of servers: what holds, what is found, and what must not be missed."""

import re
from typing import Any

import pytest
from immutabledict import immutabledict

from spec.exploration.any_number import (
    charts_termination,
    charts_verdicts,
    looks,
    open_charts,
    open_run,
    termination,
    verdicts,
)
from spec.exploration.any_number.charts_verdicts import AnswerOfCharts
from spec.exploration.any_number.fixpoint import Fixpoint, fixpoint
from spec.exploration.any_number.open_system import READS, is_of_others
from spec.exploration.any_number.termination import GOES_ON, STANDS, unproved
from spec.exploration.any_number.verdicts import answer, is_quiescent
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.model.steps import Label
from spec.exploration.properties.client_join import OF_MEMBERSHIP
from spec.notation.reader import read
from tests.spec.exploration.any_number.agreement import steps_of_any_number, steps_of_number
from tests.spec.exploration.any_number.planted import ENDLESS, AsksForEver

TERMINATION = tuple(each for each in OF_MEMBERSHIP if each.when == "termination")
UNCONFIRMED = Scenario(
    "unconfirmed", timeouts="patient", loses=frozenset({"ClientJoinSucceeded"}), faults=immutabledict({"losses": None})
)
"""Small, and any number of admissions can be pending when nothing is under way."""
TWO = ENDLESS["two timeouts are exceeded again and again"]


@pytest.fixture(scope="module")
def endless() -> Fixpoint:
    return fixpoint(UNCONFIRMED, charts=TWO.charts)


def test_what_goes_on_for_ever_is_broken_with_the_fewest(endless: Fixpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "fixpoint", lambda *_: endless)
    (found,) = answer(UNCONFIRMED, properties=TERMINATION, charts=TWO.charts).verdicts
    assert (found.word, found.servers) == ("broken", 2)
    assert found.found is not None
    assert "goes round for ever" in found.found.trace


def test_who_asks_again_for_ever_is_found_with_one_server() -> None:
    planted = ENDLESS["a server asks again for ever"]
    (found,) = answer(planted.scenario, properties=TERMINATION, charts=planted.charts).verdicts
    assert (found.word, found.servers) == ("broken", 1)


def test_a_cycle_that_no_few_servers_show_is_open(endless: Fixpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "fixpoint", lambda *_: endless)
    monkeypatch.setattr(verdicts, "MOST_OF_RUNS", 1)
    (found,) = answer(UNCONFIRMED, properties=TERMINATION, charts=TWO.charts).verdicts
    assert found.word == "open"
    assert found.reason.startswith(GOES_ON)
    assert "loop for ever" in found.run


def test_a_cycle_of_views_is_open_and_drawn(endless: Fixpoint) -> None:
    found = unproved(endless, is_quiescent)
    assert found is not None
    assert found.reason == GOES_ON
    assert re.search(r"loop for ever\n  tracker->tracker: expire (torrent3|torrent6)\nend\n", found.run)
    assert read(found.run)


def test_a_standstill_is_found(standard: Fixpoint) -> None:
    """Where nothing counts as quiescent every end is one."""
    found = unproved(standard, lambda *_: False)
    assert found is not None
    assert found.reason == STANDS.format(name="tracker")


# A wrong contraction is noticed.


def expiries_are_of_others(label: Label) -> bool:
    return is_of_others(label) or label.kind == "expire"


def reads_of_others_are_seen(label: Label) -> bool:
    return label.kind != READS and is_of_others(label)


def test_without_steps_that_are_seen_a_cycle_is_missed(endless: Fixpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(termination, "is_of_others", expiries_are_of_others)
    assert getattr(unproved(endless, is_quiescent), "reason", "") != GOES_ON


def test_what_others_do_is_no_cycle(standard: Fixpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unproved(standard, is_quiescent) is None
    for module in (termination, open_run):
        monkeypatch.setattr(module, "is_of_others", reads_of_others_are_seen)
    assert unproved(standard, is_quiescent) is not None


def test_a_cycle_that_is_not_fair_to_the_tracker_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks until it is answered asks for ever only if the tracker never starts."""
    found = fixpoint(scenario("standard"), charts={"TorrentServer": AsksForEver})
    assert unproved(found, is_quiescent) is None
    monkeypatch.setattr(termination, "ALWAYS", frozenset({"publish", "read"}))
    again = unproved(found, is_quiescent)
    assert again is not None
    assert again.reason == GOES_ON


def test_steps_of_three_are_steps_between_views(standard: Fixpoint) -> None:
    """Two servers see each step that is about them as their own, and no other one unless it is in the graph."""
    every, seen = steps_of_any_number(standard)
    for before, after, is_about_them in steps_of_number(scenario("standard"), 3, every=9):
        if is_about_them:
            assert (before, after) in seen
        elif before != after:
            assert (before, after) in every


# Charts of others.


def never(*_: Any) -> bool:
    return False


@pytest.mark.parametrize(
    ("method", "reason"),
    [pytest.param("is_of_others", GOES_ON, marks=pytest.mark.nightly), ("is_certain", STANDS.format(name="Server"))],
)
def test_what_others_do_is_told_from_what_is_seen(
    answered: AnswerOfCharts, method: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others take the lock again and again; and who does not surely take a message stands still."""
    assert answered.views is not None
    assert charts_termination.unproved(answered.views) is None
    monkeypatch.setattr(open_charts.OpenCharts, method, never)
    found = charts_termination.unproved(answered.views)
    assert found is not None
    assert found[0] == reason
    assert ("loop for ever" in charts_verdicts.open_run(answered.views, *found[1:])) == (reason == GOES_ON)
