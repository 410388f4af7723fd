"""What an observer missed never makes an allowed run a forbidden one, if it is known that something may be missing."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from spec.exploration.model.scenario import scenarios
from spec.monitor import SUBSCRIBER, Assumptions, Gap, Monitor, Observed
from tests.spec.monitor.runs import is_calm, observed, random_runs, subscribed, system_of
from tests.support.nightly import share

ORDERED = [name for name, scenario in scenarios().items() if not scenario.unordered][:6]
PATIENT = Assumptions(lag=1e9, under_way=0.0)
SEEDS = 8

names = st.sampled_from(ORDERED)
seeds = st.integers(0, SEEDS - 1)


@cache
def log_of(name: str, seed: int) -> tuple[list[Observed], list[int]]:
    """What a subscriber sees of a random run in which events are lost with connections only, and the places in it
    where nothing was under way.
    """
    _, system = system_of(name, losses=0)
    run = next(random_runs(system, seed, 1, 70))
    quiet = [place for place, (_, row) in enumerate(run, start=1) if is_calm(system, row)]
    places = [len(subscribed(observed(system, run[:place]))) for place in quiet[:: max(1, len(quiet) // 4)]]
    return subscribed(observed(system, run)), places


def as_logged(*, misses: bool = False) -> Monitor:
    """A monitor as `clientjoin monitor LOG` has it."""
    return Monitor(SUBSCRIBER, from_the_start=False, reconsiders=True, leaves_open=True, assumed=PATIENT, misses=misses)


def with_gaps(seen: list[Observed], missing: set[int], swapped: set[int]) -> list[Observed]:
    """What is left of a log, with some neighbours in the other order."""
    left = [one for place, one in enumerate(seen) if place not in missing]
    for place in swapped:
        left[place : place + 2] = reversed(left[place : place + 2])
    return left


@settings(max_examples=share(60), deadline=None)
@given(names, seeds, st.sets(st.integers(0, 40), min_size=1), st.sets(st.integers(0, 40), max_size=3))
def test_a_log_with_gaps_is_never_forbidden(name: str, seed: int, missing: set[int], swapped: set[int]) -> None:
    seen, _ = log_of(name, seed)
    monitor = as_logged(misses=True)
    monitor.see_all(with_gaps(seen, missing, swapped))
    assert not monitor.forbidden


@settings(max_examples=share(60), deadline=None)
@given(names, seeds, st.sets(st.integers(0, 40), min_size=1))
def test_who_is_not_told_of_gaps_says_that_one_could_be_why(name: str, seed: int, missing: set[int]) -> None:
    seen, _ = log_of(name, seed)
    monitor = as_logged()
    monitor.see_all(with_gaps(seen, missing, set()))
    assert all(found.is_of_the_past for found in monitor.forbidden)


@settings(max_examples=share(40), deadline=None)
@given(names, seeds, st.integers(0, 40), st.integers(0, 4))
def test_a_gap_that_is_told_is_never_forbidden(name: str, seed: int, begin: int, number: int) -> None:
    """It begins anywhere, and ends where nothing is under way."""
    seen, quiet = log_of(name, seed)
    end = ([*quiet, len(seen)])[min(number, len(quiet))]
    monitor = as_logged()
    monitor.see_all([*seen[: min(begin, end)], Gap(0.0), *seen[end:]])
    assert not monitor.forbidden


def test_gaps_that_nobody_tells_of_are_met() -> None:
    """Otherwise the properties above would say nothing."""
    found = 0
    for seed in range(2):
        for name in ORDERED:
            seen, _ = log_of(name, seed)
            monitor = as_logged()
            monitor.see_all(one for place, one in enumerate(seen) if place % 4)
            found += bool(monitor.forbidden)
    assert found > 0
