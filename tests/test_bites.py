"""Conformance finds charts with a fault: a part of the mutants is tried here, all by `python -m tests.bites`."""

from collections.abc import Iterator

import pytest

from machines.participant import Participant
from spec.processes import uninterrupted
from tests.bites import CHARTS, excuse, listed, trial
from tests.mutants import mutants_of

EVERY = {"Tracker": 30, "TorrentServer": 36, "Clock": 9, "DistributionView": 12}
"""Of each chart every n-th mutant: a matter of half a minute. The broker's list is not complete yet."""


@pytest.fixture(scope="module", autouse=True)
def seldom_garbage() -> Iterator[None]:
    with uninterrupted():
        yield


@pytest.mark.parametrize("chart", [one for one in CHARTS if one.__name__ in EVERY], ids=lambda chart: chart.__name__)
def test_the_diagrams_find_every_fault_that_is_not_excused(chart: type[Participant]) -> None:
    for mutant in list(mutants_of(chart))[:: EVERY[chart.__name__]]:
        found, why = trial().killer(mutant), excuse(mutant)
        assert (found is None) is bool(why), f"{chart.__name__}: {mutant.name}: {found or 'survives'}; {why}"


def test_every_mutant_that_is_listed_exists() -> None:
    names = {(chart.__name__, mutant.name) for chart in CHARTS for mutant in mutants_of(chart)}
    assert listed().keys() <= names
