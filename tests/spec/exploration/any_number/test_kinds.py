"""Servers of two kinds in one population: hardened ones beside those as drawn, rivals beside others."""

from typing import Any

import pytest

from spec.exploration.any_number import verdicts
from spec.exploration.any_number.fixpoint import fixpoint
from spec.exploration.any_number.kinds import kinds_of, populations
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.scenario import Scenario, ScenarioError, scenario_of
from spec.exploration.properties.client_join import OF_MEMBERSHIP
from tests.spec.exploration.any_number.agreement import of_any_number, of_number

MIXED = Scenario("mixed", hardened=True, as_drawn=1)
AMONG_OTHERS = Scenario("among others", timeouts="patient", torrents=3, conflicting=2)


def test_the_kinds_of_a_scenario() -> None:
    assert len(kinds_of(Scenario("one", hardened=True))) == 1
    assert len(kinds_of(MIXED)) == len(kinds_of(AMONG_OTHERS)) == 2
    with pytest.raises(NotInterchangeable, match="one at a time"):
        kinds_of(Scenario("both", torrents=4, hardened=True, as_drawn=1, conflicting=2))


def test_populations_have_each_number_of_each_kind() -> None:
    found = [(each.torrents, each.hardened, each.as_drawn) for each in populations(MIXED, 2)]
    assert found == [(2, True, 0), (2, True, 1), (2, True, 2)]
    assert [each.conflicting for each in populations(AMONG_OTHERS, 3)] == [0, 2, 3]
    assert [each.conflicting for each in populations(Scenario("rivals", conflicting=2), 1)] == [0]


def test_servers_that_differ_in_two_ways_are_open() -> None:
    both = Scenario("both", torrents=4, timeouts="never", hardened=True, as_drawn=1, conflicting=2)
    assert len([*populations(both, 2)]) == 6
    found = verdicts.answer(both, properties=())
    assert (found.verdict, "one at a time" in found.reason) == ("open", True)


def test_with_fewer_servers_than_have_a_view_there_is_nothing() -> None:
    own = Scenario("own", views={"torrent2": {"storage": "broken"}})
    assert [len([*populations(own, servers)]) for servers in (1, 2, 3)] == [0, 1, 1]


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


def test_rivals_beside_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found = fixpoint(AMONG_OTHERS)
    assert (found.views, len(found.parts), found.complete) == (3590, 4, True)
    assert of_number(AMONG_OTHERS, 2) < of_any_number(found)
    monkeypatch.setattr(verdicts, "fixpoint", lambda *_: found)
    told = verdicts.answer(AMONG_OTHERS, properties=OF_MEMBERSHIP)
    assert next(told.lines()) == "among others, rivals, any number of them with others: holds for every number"
    words = {each.property_.name: each.word for each in told.verdicts}
    assert words["two clients that count themselves as registered never share an endpoint"] == "holds for every number"
