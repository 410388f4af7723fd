"""A run of the charts is never forbidden, whatever an observer sees of it."""

import random

import pytest

from spec.exploration.model.scenario import scenarios
from spec.monitor import (
    LOSSY_SUBSCRIBER,
    SUBSCRIBER,
    Answer,
    Assumptions,
    Delivered,
    Monitor,
    Observed,
    Sight,
    participant,
    track,
)
from tests.spec.monitor.runs import PAUSE, is_calm, observed, random_runs, subscribed, system_of, with_pauses
from tests.support.nightly import by_day, share

NAMES = list(scenarios())
ORDERED = [name for name in NAMES if not scenarios()[name].unordered]
"""Whoever does not see what is passed on takes it to be passed on in order."""
TOLD_APART = [name for name in ORDERED if not scenarios()[name].second_trackers]
"""As drawn, nothing that a tracker publishes says which of two it is: who only subscribes takes them for one."""
MANY_ORDERS = ("leaving", "hardened-leaving", "metadata", "overtaking")
"""Their runs can have been published in so many orders that each takes as long as ten others."""
PATIENT = Assumptions(lag=1e9)
"""Whatever is passed on can lie unread for ever."""


def judge(monitor: Monitor, seen: list[Observed]) -> Answer:
    for one in seen:
        wrong = monitor.see(one)
        assert wrong is None, f"{one}: {wrong}"
    return monitor.answer


@pytest.mark.parametrize("hardened", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_run_of_which_everything_is_seen_is_allowed(name: str, hardened: bool) -> None:
    _, system = system_of(name, hardened=hardened)
    for run in random_runs(system, 1, share(12), 90):
        seen = observed(system, run)
        monitor = Monitor(in_order=system.ordered)
        judge(monitor, seen)
        assert not monitor.unjudged


@pytest.mark.parametrize("name", by_day(NAMES, MANY_ORDERS))
def test_a_run_of_which_only_publications_are_seen_in_any_order(name: str) -> None:
    chosen, system = system_of(name)
    steps = 16 if chosen.second_trackers else 32  # each order of two trackers is possible
    for run in random_runs(system, 7, 1, steps):
        monitor = Monitor(LOSSY_SUBSCRIBER, assumed=PATIENT, in_order=False)
        judge(monitor, subscribed(observed(system, run)))


@pytest.mark.parametrize("name", TOLD_APART)
def test_a_run_of_which_only_publications_are_seen_is_allowed(name: str) -> None:
    _, system = system_of(name)
    for run in random_runs(system, 2, share(8), 60):
        judge(Monitor(LOSSY_SUBSCRIBER, assumed=PATIENT), subscribed(observed(system, run)))


@pytest.mark.parametrize("name", TOLD_APART)
def test_a_run_of_which_a_subscriber_sees_all_is_allowed(name: str) -> None:
    """Events are lost with connections only."""
    _, system = system_of(name, losses=0)
    for run in random_runs(system, 6, share(12), 70):
        judge(Monitor(SUBSCRIBER, assumed=PATIENT), subscribed(observed(system, run)))


@pytest.mark.parametrize("sight", [SUBSCRIBER, LOSSY_SUBSCRIBER, Sight(deliveries=False), Sight()])
@pytest.mark.parametrize("name", TOLD_APART)
def test_time_may_go_by_where_nobody_has_to_answer(name: str, sight: Sight) -> None:
    """However much of the run is seen; steps take no time, as long as something is under way."""
    _, system = system_of(name, losses=0 if sight is SUBSCRIBER else None)
    for run in random_runs(system, 8, share(4), 60):
        seen = with_pauses(system, run)
        if not sight.connections:
            seen = subscribed(seen)
        elif not sight.deliveries:
            seen = [one for one in seen if not isinstance(one, Delivered)]
        judge(Monitor(sight, assumed=Assumptions(lag=PAUSE / 2)), seen)


@pytest.mark.parametrize("name", TOLD_APART)
def test_what_is_forgotten_accuses_nobody(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What must have been read by now is forgotten as soon as two events wait, and not at some hundred."""
    monkeypatch.setattr(track, "UNREAD", 1)
    monkeypatch.setattr(participant, "UNREAD", 1)
    monkeypatch.setattr(participant, "CROWDED", 2)
    _, system = system_of(name, losses=0)
    for run in random_runs(system, 9, share(4), 60):
        seen = subscribed(with_pauses(system, run))
        judge(Monitor(SUBSCRIBER, assumed=Assumptions(lag=PAUSE / 2)), seen)


@pytest.mark.parametrize("name", ORDERED)
def test_a_run_of_which_no_deliveries_are_seen_is_allowed(name: str) -> None:
    _, system = system_of(name)
    for run in random_runs(system, 3, share(12), 80):
        seen = [one for one in observed(system, run) if not isinstance(one, Delivered)]
        judge(Monitor(Sight(deliveries=False), assumed=PATIENT), seen)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_watched_from_a_quiet_moment_is_allowed(name: str) -> None:
    _, system = system_of(name)
    chance = random.Random(4)
    for run in random_runs(system, 4, share(16), 90):
        quiet = [place for place, (_, row) in enumerate(run, start=1) if is_calm(system, row)]
        if quiet:
            before = len(observed(system, run[: chance.choice(quiet)]))
            monitor = Monitor(from_the_start=False, assumed=Assumptions(under_way=0), in_order=system.ordered)
            judge(monitor, observed(system, run)[before:])


def test_a_run_in_which_storages_fail_is_allowed() -> None:
    _, system = system_of("files", storage_failure=None, losses=0)
    failures = 0
    for run in random_runs(system, 5, 40, 90):
        seen = observed(system, run)
        failures += any("ClientJoinFailed" in str(one) for one in seen)
        judge(Monitor(), seen)
    assert failures
