"""The tours: nothing is broken on them, and they get everywhere."""

from collections import Counter

import pytest

from machines.calls import Start
from tests.properties import broker_tour, coverage
from tests.properties.beginnings import beginnings
from tests.properties.coverage import Done, Exercised, transitions
from tests.properties.coverage_report import arrows, complaint, exceptions, missing, name_of, toured
from tests.properties.judging import AS_CHARTS, Moved
from tests.properties.levels import DifferenceError
from tests.properties.runs import Run, Step
from tests.properties.services import services
from tests.properties.story import Violation
from tests.properties.tour import Tour
from tests.properties.wired import Wired

EVERY = 3
"""Of so many beginnings one is visited: `python -m tests.properties.coverage_report` visits all."""
PART = 19
"""Of so many beginnings one is visited with driver and wire."""
FEW = 5
"""Of so many services one is gone through by day."""


@pytest.mark.nightly
def test_the_tours_break_nothing_and_exercise_everything() -> None:
    """Each transition of each chart, and each arrow of each diagram, but for what `unexercised.toml` gives reasons."""
    found = complaint(missing(toured(every=EVERY), exceptions()))
    assert not found, found


def test_a_part_of_the_services_breaks_nothing() -> None:
    chosen = [*services().values()][::FEW]
    assert sum(1 for _ in Tour().services(chosen)) == len(chosen)


def test_a_tour_of_the_broker_breaks_nothing() -> None:
    assert list(broker_tour.tour())


def test_the_driver_goes_along_on_a_part_of_the_tour() -> None:
    tour = Tour(level=Wired)
    assert sum(1 for _ in tour.beginnings(beginnings()[::PART])) == len(beginnings()[::PART])


class Counted(Wired):
    """A level of which it is counted what it has done."""

    done = 0
    differs = False

    def do(self, run: Run, step: Step, how: str = "") -> None:
        super().do(run, step, how)
        Counted.done += 1
        if self.differs:
            raise DifferenceError("it does something else")


class Otherwise(Counted):
    differs = True


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize(("level", "property_"), [(Counted, "nothing is ever done"), (Otherwise, AS_CHARTS)])
def test_what_breaks_a_property_counts_once_it_was_done(
    monkeypatch: pytest.MonkeyPatch, level: type[Counted], property_: str, only: bool
) -> None:
    monkeypatch.setattr("tests.properties.tour.broken_by", lambda *_: ("nothing is ever done", ""))
    monkeypatch.setattr(Counted, "done", 0)
    with pytest.raises(Violation) as failed:
        list(Tour(level=level, only_what_runs=only).beginnings(beginnings()[:1]))
    assert (failed.value.property_, level.done) == (property_, 1)


@pytest.mark.parametrize("only", [False, True])
def test_what_should_not_be_read_counts_once_it_was_read(monkeypatch: pytest.MonkeyPatch, only: bool) -> None:
    monkeypatch.setattr(Wired, "reads", lambda *_: (_ for _ in ()).throw(DifferenceError("it reads nothing")))
    if not only:
        monkeypatch.setattr("tests.properties.tour.moved_by", lambda _: Moved(0, Start(), "it moves"))
    with pytest.raises(Violation, match="it reads nothing"):
        list(Tour(level=Wired, only_what_runs=only).beginnings(beginnings()[:1]))


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
