"""Conformance finds charts with a fault: some mutants here, all by `python -m tests.mutation.conformance`."""

from collections.abc import Iterator

import pytest

from machines import Broker, Tracker
from machines.participant import Participant
from spec.system.garbage import collected_seldom
from tests.mutation.bisimulation import SOME, missed
from tests.mutation.conformance import (
    ALIKE,
    CHARTS,
    EQUIVALENT,
    UNTRIED,
    behaviours,
    bisimilar,
    excuse,
    listed,
    trial,
    unlike,
)
from tests.mutation.equivalence import difference
from tests.mutation.mutants import mutants_of

EVERY = {"Tracker": 36, "TorrentServer": 45, "Broker": 60, "Clock": 9, "DistributionView": 12}
"""Of each chart every n-th mutant: a matter of a minute."""
TWO = ("one", "two")
"""Clients are enough to see a difference, if there is one."""


@pytest.fixture(scope="module", autouse=True)
def seldom_garbage() -> Iterator[None]:
    with collected_seldom():
        yield


@pytest.mark.nightly
@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_the_diagrams_find_every_fault_that_is_not_excused(chart: type[Participant]) -> None:
    for mutant in list(mutants_of(chart))[1 :: EVERY[chart.__name__]]:
        why = excuse(mutant)
        found = None if why in UNTRIED else trial().killer(mutant)
        assert (found is None) is bool(why), f"{chart.__name__}: {mutant.name}: {found or 'survives'}; {why}"


@pytest.mark.nightly
def test_what_is_said_to_act_alike_acts_alike() -> None:
    interchangeable = [mutant for mutant in mutants_of(Broker) if excuse(mutant) in {ALIKE, EQUIVALENT}]
    assert len([mutant for mutant in interchangeable if excuse(mutant) == ALIKE]) == 3
    for mutant in [mutant for mutant in interchangeable if excuse(mutant) == ALIKE] + interchangeable[::9]:
        assert not difference(mutant, TWO), mutant.name
    other = next(mutant for mutant in mutants_of(Broker) if mutant.name.startswith("drop close_session: listening"))
    assert difference(other, TWO).startswith("?CONNECT(one) !CONNACK(one) ?DISCONNECT(one) ?SUBSCRIBE(one): ignored")


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_who_is_said_to_act_like_its_chart_does_so(chart: type[Participant]) -> None:
    mutants = [mutant for mutant in mutants_of(chart) if (chart.__name__, mutant.name) in bisimilar()]
    for mutant in mutants[::7]:
        assert unlike(mutant, SOME) is None, f"{chart.__name__}: {mutant.name}"


def test_a_comparison_finds_a_fault_and_misses_no_state() -> None:
    faults = {mutant.name: mutant for mutant in mutants_of(Tracker)}
    fault = faults["drop forget_current: denying !ClientJoinDenied awaiting_confirmations [is_any_pending]"]
    assert "StopTimeout" in (unlike(fault, ()) or "")
    assert not any(missed(each) for found in behaviours(SOME).values() for each in found)


def test_every_mutant_that_is_listed_exists() -> None:
    names = {(chart.__name__, mutant.name) for chart in CHARTS for mutant in mutants_of(chart)}
    assert listed().keys() <= names
