"""The tours: nothing is broken on them, and they get everywhere."""

from collections import Counter

import pytest

from tests.properties import coverage
from tests.properties.beginnings import beginnings
from tests.properties.coverage import Done, Exercised, transitions
from tests.properties.coverage_report import arrows, complaint, exceptions, missing, name_of, toured
from tests.properties.tour import Tour
from tests.properties.wired import Wired

PART = 19
"""Of so many beginnings one is visited with driver and wire."""


def test_the_tours_break_nothing_and_exercise_everything() -> None:
    """Each transition of each chart, and each arrow of each diagram, but for what `unexercised.toml` gives reasons."""
    found = complaint(missing(toured(), exceptions()))
    assert not found, found


def test_the_driver_goes_along_on_a_part_of_the_tour() -> None:
    tour = Tour(level=Wired)
    assert sum(1 for _ in tour.beginnings(beginnings()[::PART])) == len(beginnings()[::PART])


def everything() -> Exercised:
    """As if all that need be exercised had been."""
    excepted = exceptions()
    done = {one for one in transitions().values() if f"{one.chart}: {one.drawn}" not in excepted}
    went = {one.went for one in arrows() if name_of(one.went) not in excepted}
    return Exercised(done=Counter(done), went=Counter(went))


def test_a_transition_that_nothing_reaches_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not complaint(missing(everything(), exceptions()))
    dead = Done("Tracker", "offline ?Stop awaiting_requests")
    monkeypatch.setattr("tests.properties.coverage_report.transitions", lambda: {**transitions(), 0: dead})
    told = complaint(missing(everything(), exceptions()))
    assert told.splitlines()[0] == "  never exercised: Tracker: offline ?Stop awaiting_requests"
    assert "unexercised.toml" in told


def test_an_arrow_that_nothing_exercises_is_told_with_its_place() -> None:
    exercised = everything()
    gone = next(one for one in arrows() if one.file == "ClientJoin_StandardProcedure.txt")
    del exercised.went[gone.went]
    (told,) = missing(exercised, exceptions())
    assert name_of(gone.went) in told
    assert any(f"({one.file}, line {one.line})" in told for one in arrows() if one.went == gone.went)


def test_a_reason_for_what_is_exercised_is_told() -> None:
    exercised = everything()
    chart, _, drawn = next(name for name in exceptions() if name.startswith("Broker: ")).partition(": ")
    exercised.done[coverage.Done(chart, drawn)] = 3
    (told,) = missing(exercised, exceptions())
    assert told.startswith("exercised 3 times, though unexercised.toml says why it is not: Broker: ")
