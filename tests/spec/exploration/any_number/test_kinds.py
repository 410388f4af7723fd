"""Servers of several kinds in one population: hardened ones beside those as drawn, rivals beside others, misfits."""

from dataclasses import replace
from typing import Any

import pytest

from spec.exploration.any_number import looks, verdicts
from spec.exploration.any_number.fixpoint import fixpoint
from spec.exploration.any_number.kinds import kinds_of, populations, told
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.scenario import Scenario, ScenarioError, scenario_of
from spec.exploration.properties.client_join import OF_MEMBERSHIP
from tests.spec.exploration.any_number.agreement import of_any_number, of_number
from tests.spec.exploration.any_number.planted_files import TWO_RIVALS

MIXED = Scenario("mixed", hardened=True, as_drawn=1)
MISFIT = Scenario("misfit", timeouts="patient", views={"torrent1": {"fragment_size": 2048}})
AMONG_OTHERS = Scenario("among others", timeouts="patient", torrents=3, conflicting=2)


def test_the_kinds_of_a_scenario() -> None:
    assert len(kinds_of(Scenario("one", hardened=True))) == 1
    assert len(kinds_of(MIXED)) == len(kinds_of(AMONG_OTHERS)) == 2
    both = kinds_of(Scenario("both", torrents=4, hardened=True, as_drawn=1, conflicting=2))
    assert [(kind.hardened, kind.rival) for kind in both] == [(False, False), (True, False), (True, True)]


def test_populations_have_each_number_of_each_kind() -> None:
    found = [(each.torrents, each.hardened, each.as_drawn) for each in populations(MIXED, 2)]
    assert found == [(2, True, 0), (2, True, 1), (2, True, 2)]
    assert [each.conflicting for each in populations(AMONG_OTHERS, 3)] == [0, 2, 3]
    assert [each.conflicting for each in populations(Scenario("rivals", conflicting=2), 1)] == [0]


def test_populations_of_servers_that_differ_in_two_ways() -> None:
    both = Scenario("both", torrents=4, timeouts="never", hardened=True, as_drawn=1, conflicting=2)
    found = [(each.as_drawn, each.conflicting) for each in populations(both, 2)]
    assert found == [(0, 0), (0, 2), (1, 0), (2, 0)]


def test_servers_with_another_view_are_another_kind() -> None:
    assert [len([*populations(MISFIT, servers)]) for servers in (1, 2, 3)] == [2, 3, 4]
    assert [dict(each.views) for each in populations(MISFIT, 1)] == [{}, {"torrent1": {"fragment_size": 2048}}]
    assert told(MISFIT) == "torrent servers of 2 kinds, any number of each"
    named = replace(MISFIT, views={"torrent1": {"files": {"torrent2-file": {"size": 1, "sequence": []}}}})
    with pytest.raises(NotInterchangeable, match="the view of torrent1 names torrent2"):
        kinds_of(named)


def test_of_what_is_fixed_there_are_just_so_many() -> None:
    assert [kind.most for kind in kinds_of(TWO_RIVALS)] == [None, 2]
    assert [len([*populations(TWO_RIVALS, servers)]) for servers in (1, 2, 3, 4)] == [0, 1, 1, 1]
    assert told(TWO_RIVALS) == "just 2 rivals, among any number of others"
    assert [kind.most for kind in kinds_of(replace(MISFIT, fixed=frozenset({"torrent1"})))] == [1, None]
    assert [kind.most for kind in kinds_of(replace(MIXED, fixed=frozenset({"as_drawn"})))] == [1, None]
    with pytest.raises(NotInterchangeable, match="of each server there is a fixed number"):
        kinds_of(replace(TWO_RIVALS, torrents=2))


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"fixed": ["conflicting"]}, "nobody who differs from others"),
        ({"torrents": 3, "conflicting": 2, "fixed": ["as_drawn"]}, "there are conflicting"),
        ({"views": {"torrent1": {"storage": "broken"}}, "fixed": ["torrent2"]}, "there are torrent1"),
    ],
)
def test_who_is_fixed_has_to_differ(table: dict[str, Any], why: str) -> None:
    with pytest.raises(ScenarioError, match=f"here fixed: .* {why}"):
        scenario_of("here", "here", table)


def test_just_two_rivals_among_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fixpoint(TWO_RIVALS)
    assert [part.search.count for part in found.parts] == [407, 1194, 1194, 457]
    assert of_number(TWO_RIVALS, 2) < of_any_number(found)
    assert [part.system.rivals for part in found.parts] == [(), (2,), (1,), ()]
    monkeypatch.setattr(looks, "fixpoint", lambda *_: found)
    assert verdicts.answer(TWO_RIVALS, properties=OF_MEMBERSHIP).verdict == "holds for every number"


def test_so_many_are_as_drawn() -> None:
    system = Scenario("three", torrents=3, hardened=True, as_drawn=2).build()
    sessions = [bool(node.begin().client.data.session) for node in system.nodes[1:]]  # type: ignore[attr-defined]
    assert sessions == [False, False, True]
    assert Scenario("three", torrents=4, hardened=True, as_drawn=2).interchangeable_groups() == ((1, 2), (3, 4))


@pytest.mark.parametrize(
    "table", [{"as_drawn": 1}, {"hardened": True, "as_drawn": 3}, {"hardened": True, "as_drawn": -1}]
)
def test_more_as_drawn_than_there_are_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ScenarioError, match="as_drawn is"):
        scenario_of("here", "here", table)


@pytest.mark.nightly
def test_rivals_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fixpoint(AMONG_OTHERS)
    assert (found.views, len(found.parts), found.complete) == (3590, 4, True)
    assert of_number(AMONG_OTHERS, 2) < of_any_number(found)
    monkeypatch.setattr(looks, "fixpoint", lambda *_: found)
    answered = verdicts.answer(AMONG_OTHERS, properties=OF_MEMBERSHIP)
    assert next(answered.lines()) == "among others, rivals, any number of them with others: holds for every number"
    words = {each.property_.name: each.word for each in answered.verdicts}
    assert words["two clients that count themselves as registered never share an endpoint"] == "holds for every number"
