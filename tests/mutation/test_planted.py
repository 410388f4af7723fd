"""Faults that are planted are found by a named property: a part of them here, all by `python -m tests.mutation`."""

from pathlib import Path

import pytest

from spec.exploration.properties.client_join import PROPERTIES
from tests.mutation.explorer_claims import SYSTEMS, broken_claims
from tests.mutation.hunting import SMALL, hunt, ours
from tests.mutation.planting import Fault, NotPlanted, faults, recast, replaced
from tests.mutation.table import row
from tests.support.nightly import by_day

ALL = faults()
PAGE = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
SAMPLE = [fault for fault in ALL if not fault.equivalent and fault.place != "explorer"][4::19]
OF_THE_EXPLORER = [fault for fault in ALL if not fault.equivalent and fault.place == "explorer"][4::19]
"""Before these, the definition is asked of all systems; others are found each time in `test_agreement.py`, too."""

LONG = [
    fault
    for fault in SAMPLE
    if fault.name
    in {
        "fate: patient timeouts are never exceeded",
        "rules: a denial names another client",
        "server: who is registered is forgotten wherever nobody is told anew",
        "tracker: the name of a request is not kept",
    }
]
"""With them large scenarios are searched to their ends, or until there are too many states."""
FIRST = SMALL[:9]
"""The other faults are found in these; ours, without a fault, are searched in all scenarios that are tried."""
QUICK = [at for at, system in enumerate(SYSTEMS) if system.name in {"twice", "stuck"}]
"""Numbers of systems that are soon searched in all ways."""


@pytest.mark.parametrize(
    "fault", by_day([*SAMPLE, *OF_THE_EXPLORER], [*LONG, *OF_THE_EXPLORER]), ids=lambda fault: fault.name
)
def test_a_fault_is_found(fault: Fault) -> None:
    found = hunt(fault, SMALL if fault in LONG else FIRST)
    assert found.bite is not None
    told = f"| {fault.place} | {fault.tells} | {found.bite.property_}"
    assert row(found).startswith(told)
    assert f"\n{told}" in PAGE, "the page says otherwise: python -m tests.mutation writes it anew"


def test_what_a_fault_replaces_stands_there_once() -> None:
    for fault in ALL:
        assert fault.faulty(), fault.name


@pytest.mark.parametrize("every", by_day([16, 4], [4]))
def test_a_fault_can_be_planted_and_is_taken_out_again(every: int) -> None:
    for fault in ALL[::every]:
        ours = fault.target()
        with fault.planted() as charts:
            assert all(chart.__name__ == name for name, chart in charts.items())
            assert charts.get(fault.chart, fault.target()) is not ours
        assert fault.target() is ours


def test_the_page_has_a_row_for_every_fault() -> None:
    table = PAGE.partition("| in | fault | ")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith(tuple(f"| {fault.place} | " for fault in ALL))]
    for fault in ALL:
        assert sum(line.startswith(f"| {fault.place} | {fault.tells} | ") for line in rows) == 1, fault.name
    assert len(rows) == len(ALL), "python -m tests.mutation writes it anew"


def test_every_fault_is_told_once_and_is_one() -> None:
    assert len({fault.name for fault in ALL}) == len(ALL)
    assert not [fault.name for fault in ALL if fault.old == fault.new or bool(fault.chart) == bool(fault.function)]


@pytest.mark.parametrize("number", by_day(range(len(SYSTEMS)), [at for at in range(len(SYSTEMS)) if at not in QUICK]))
def test_ours_break_nothing_that_the_explorer_promises(number: int) -> None:
    assert not list(broken_claims([number]))


@pytest.mark.nightly
def test_the_small_scenarios_exercise_every_property() -> None:
    exercised = {one.property_.name for known in map(ours, SMALL) for one in known.verdicts if one.non_vacuous}
    assert exercised == {one.name for one in PROPERTIES}


def test_a_text_that_is_not_there_is_no_fault() -> None:
    with pytest.raises(NotPlanted, match="stands 0 times"):
        recast("Clock", "no such text", "nothing")
    with pytest.raises(NotPlanted, match="stands 2 times"):
        replaced("one one", "one", "two")
