"""Verdicts for every number of torrent servers, with our charts and with mistakes that take three and more to show.

`python -m tests.spec.exploration.any_number.test_verdicts [WORDS...]` tries all of the mistakes, which takes ten
minutes; or those whose names contain one of these words.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from spec.exploration.any_number.fixpoint import Options
from spec.exploration.any_number.verdicts import ASKED, Answer, answer
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.properties.client_join import OF_MEMBERSHIP
from spec.exploration.properties.language import OF_RUNS, Property
from tests.spec.exploration.any_number.planted import ENDLESS, PLANTED, Planted
from tests.spec.exploration.any_number.planted_files import PLANTED_FILES
from tests.spec.exploration.any_number.planted_more import PLANTED_MORE
from tests.spec.exploration.any_number.table import row

OF_STATES = tuple(each for each in ASKED if each.when not in OF_RUNS)
OF_RUNS_ONLY = tuple(each for each in OF_MEMBERSHIP if each.when in OF_RUNS)
QUICK = (("timeouts are mixed up", "every pending admission has a timeout"),)


def words(found: Answer) -> dict[str, tuple[str, int]]:
    return {each.property_.name: (each.word, each.servers) for each in found.verdicts}


def test_what_holds_in_the_standard_scenario() -> None:
    found = answer(scenario("standard"))
    assert found.verdict == "holds for every number"
    assert {word for word, _ in words(found).values()} == {"holds for every number", "does not apply"}


def test_what_is_broken_comes_with_the_fewest_servers_and_a_run() -> None:
    found = answer(scenario("hasty"), properties=OF_STATES)
    broken = {name: servers for name, (word, servers) in words(found).items() if word == "broken"}
    assert broken == {"whoever is registered counts itself as registered": 1}
    for each in found.verdicts:
        if each.word == "broken":
            assert each.found is not None
            assert each.found.run
            assert each.found.trace


def test_a_bound_that_was_hit_is_open() -> None:
    found = answer(scenario("losses"), Options(most=100), OF_STATES)
    assert "holds for every number" not in {word for word, _ in words(found).values()}
    assert "not wanted" in found.reason


def test_what_cannot_be_looked_at_by_pairs_is_open_with_the_reason() -> None:
    begins = {"files": {"torrent2-file": {"size": 1, "sequence": []}}}
    named = Scenario("own", timeouts="patient", views={"torrent1": begins})
    found = answer(named, Options(most=1000), OF_STATES[:1])
    assert (found.verdict, found.reason) == (
        "open", "servers are not interchangeable: the view of torrent1 names torrent2",
    )  # fmt: skip


def test_the_table_of_scenarios_says_what_is_open() -> None:
    found = answer(scenario("standard"), properties=OF_STATES[:2]).as_data()
    assert row("standard", found).endswith(" | 2 | 0 |  |")
    stopped = answer(scenario("losses"), Options(most=100), OF_STATES[:2]).as_data()
    assert "| 2: more than 100 states were not wanted |" in row("losses", stopped)
    assert row("default", "not answered") == "| default | | | | | not answered |"


def caught(planted: Planted, properties: Sequence[Property]) -> tuple[Answer, int]:
    found = answer(planted.scenario, properties=properties, charts=planted.charts)
    ours = answer(planted.scenario, properties=properties)
    before = {each.property_.name: each.servers for each in ours.verdicts if each.word == "broken"}
    fewest = [
        each.servers
        for each in found.verdicts
        if each.word == "broken" and before.get(each.property_.name, 0) != each.servers
    ]
    return found, min(fewest, default=0)


@pytest.mark.parametrize(("name", "about"), QUICK)
def test_mistakes_that_take_three_servers_are_caught(name: str, about: str) -> None:
    """In a smaller scenario, and asked about one property."""
    wanted = [each for each in OF_STATES if each.name == about]
    found = answer(scenario("standard"), properties=wanted, charts=PLANTED[name].charts)
    assert words(found) == {about: ("broken", 3)}


def test_a_run_that_is_not_found_is_not_called_none() -> None:
    """A view breaks it, and no run is found: that not all states were looked at is told."""
    planted = PLANTED["the fourth pending admission is dropped"]
    found = answer(scenario("standard"), Options(most=1100), OF_STATES[2:3], charts=planted.charts)
    (open_,) = found.verdicts
    assert open_.reason == (
        "no run with up to 5 servers is found that breaks it, but a view does; with 3, 4, 5 not all states were "
        "looked at: more than 1,100 states were not wanted"
    )


@pytest.mark.nightly
def test_what_takes_more_than_a_few_is_refused_with_its_line() -> None:
    planted = PLANTED["the sixth pending admission is dropped"]
    found = answer(planted.scenario, Options(most=5000), OF_STATES[2:3], charts=planted.charts)
    assert found.verdict == "open"
    assert "planted.py:" in found.reason
    assert "size against 5 of 'pending'" in found.reason


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("name", "servers"),
    [("the fourth pending admission is dropped", 4), ("the fifth pending admission is dropped", 5)],
)
def test_mistakes_that_take_four_and_five_servers_are_caught(name: str, servers: int) -> None:
    planted, about = PLANTED[name], OF_STATES[2:3]
    found = answer(planted.scenario, properties=about, charts=planted.charts)
    assert words(found) == {about[0].name: ("broken", servers)}
    assert found.fixpoint is not None
    assert found.fixpoint.complete
    found = answer(planted.scenario, properties=OF_STATES[3:4], charts=planted.charts)
    assert found.verdict == "holds for every number"


def main(words: Sequence[str]) -> None:
    """Try all mistakes, or some."""
    missed = []
    mistakes = [
        *((*each, OF_STATES) for each in {**PLANTED, **PLANTED_FILES, **PLANTED_MORE}.items()),
        *((*each, OF_RUNS_ONLY) for each in ENDLESS.items()),
    ]
    for name, planted, properties in mistakes:
        if words and not any(word in name for word in words):
            continue
        began = time.perf_counter()
        found, servers = caught(planted, properties)
        is_caught = 0 < servers <= planted.servers or bool(found.reason)  # a step may show it with fewer
        how: Any = f"with {servers} servers" if servers else found.reason
        print(
            f"{'caught' if is_caught else 'MISSED':<8}{name}: {how} ({time.perf_counter() - began:.0f} s)", flush=True
        )
        missed += [] if is_caught else [name]
    sys.exit(len(missed))


if __name__ == "__main__":
    main(sys.argv[1:])
