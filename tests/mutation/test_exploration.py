"""The properties bite: faults of the system, and a part of the mutants of the charts, are noticed by a property."""

from functools import cache

import pytest

from machines import Clock, DistributionView, Participant, TorrentServer, Tracker
from tests.mutation.exploration import SYSTEM, bite, sampled
from tests.mutation.exploration import baselines as all_baselines

baselines = cache(all_baselines)
EVERY: dict[type[Participant], int] = {Tracker: 150, TorrentServer: 150, DistributionView: 27, Clock: 16}
"""How many mutants of a chart there are for each that is tried here."""
LEAST = 0.5
"""Of those that are tried, the share that a property has to notice; conformance is there for the others."""


@pytest.mark.parametrize(
    ("name", "chart"), SYSTEM, ids=lambda value: value if isinstance(value, str) else value.__name__
)
def test_a_fault_of_the_system_is_noticed(name: str, chart: type[Participant]) -> None:
    assert bite({name: chart}, baselines()) is not None, f"{chart.__doc__} No property notices."


@pytest.mark.nightly
def test_mutants_of_the_charts_are_noticed() -> None:
    noticed: list[str] = []
    missed: list[str] = []
    for chart, every in EVERY.items():
        for mutant in sampled(chart, every):
            found = bite({chart.__name__: mutant.make()}, baselines())
            (noticed if found else missed).append(f"{chart.__name__}: {mutant.name}")
    assert len(noticed) >= LEAST * (len(noticed) + len(missed)), "missed:\n" + "\n".join(missed)
