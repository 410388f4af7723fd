"""Which transitions the diagrams exercise: no more than their runs go through, and no less."""

import json
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec.binding import load, read_binding
from spec.conformance.checker import Report, check_all
from spec.conformance.coverage import Coverage, Row, joined
from spec.conformance.report import as_json, as_text
from tests.support.places import DIAGRAMS


class Asker(StateChart[Any]):
    resting = State(initial=True)
    waiting = State()
    done = State(final=True)
    ask = Event(resting.to(waiting), name="!question")
    good = Event(waiting.to(done), name="?yes")
    bad = Event(waiting.to(done), name="?no")
    never = Event(done.from_(resting), name="?no")


class Answerer(StateChart[Any]):
    listening = State(initial=True)
    thinking = State()
    ready = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    think = thinking.to(ready)
    yes = Event(ready.to(done), name="!yes")
    no = Event(ready.to(done), name="!no")
    internal = ("think",)


GOOD = ("good.txt", "title Asking (good)\nA->B:question\nB->A:yes\n")
BAD = ("bad.txt", "title Asking (bad)\nA->B:question\nB->A:no\n")
CHARTS: dict[str, type[StateChart[Any]]] = {"A": Asker, "B": Answerer}
ASK, YES, NO, NEVER = (
    ("resting", "!question", "waiting"),
    ("waiting", "?yes", "done"),
    ("waiting", "?no", "done"),
    ("resting", "?no", "done"),
)
ASKED, THINK, SAY_YES, SAY_NO = (
    ("listening", "?question", "thinking"),
    ("thinking", "think", "ready"),
    ("ready", "!yes", "done"),
    ("ready", "!no", "done"),
)


def checked(*texts: tuple[str, str], processes: int = 1) -> Report:
    return check_all(texts, read_binding(""), CHARTS, processes=processes)


def by_chart(report: Report) -> dict[str, frozenset[tuple[str, str, str]]]:
    return {chart.chart: chart.exercised for chart in report.coverage}


def test_only_what_runs_of_the_diagram_go_through_is_exercised() -> None:
    """The other answer is looked at, too, as something that no diagram allows; and so is each step that is refused."""
    assert by_chart(checked(GOOD)) == {
        "Asker": frozenset({ASK, YES}),
        "Answerer": frozenset({ASKED, THINK, SAY_YES}),
    }


def test_a_step_that_nobody_sees_is_exercised_on_the_way() -> None:
    assert THINK in by_chart(checked(BAD))["Answerer"]


@pytest.mark.parametrize("processes", [1, 2])
def test_several_diagrams_exercise_together(processes: int) -> None:
    report = checked(GOOD, BAD, processes=processes)
    assert by_chart(report)["Asker"] == {ASK, YES, NO}
    (asker, answerer) = report.coverage
    assert asker.missed == [NEVER]
    assert answerer.missed == []
    assert [chart.lifelines for chart in report.coverage] == [("A",), ("B",)]


def test_a_diagram_exercises_what_comes_before_its_mistake() -> None:
    report = checked(("wrong.txt", "title Asking (wrong)\nA->B:question\nA->B:question\nB->A:no\n"))
    assert not report.conforms
    found = by_chart(report)
    assert found["Asker"] == {ASK}
    assert SAY_NO not in found["Answerer"]


def test_lifelines_of_one_chart_exercise_together() -> None:
    one = Coverage("Voter", ("P1",), frozenset({ASK, YES}), frozenset({ASK}))
    two = Coverage("Voter", ("P2",), frozenset({ASK, YES}), frozenset({YES}))
    other = Coverage("Voter", ("P3",), frozenset({ASK}), frozenset())
    assert joined([one, two, other, one]) == (
        Coverage("Voter", ("P1", "P2"), frozenset({ASK, YES}), frozenset({ASK, YES})),
        other,
    ), "a chart that only has the same name is another one"


def test_a_table_and_data() -> None:
    report = checked(GOOD)
    assert "exercised" not in as_text(report), "in short it is not told"
    table = (
        "Transitions of charts that no diagram exercises:\n"
        "    Asker (A): 2 of 4 exercised\n"
        "      resting  ?no  -> done\n"
        "      waiting  ?no  -> done\n"
        "    Answerer (B): 3 of 4 exercised\n"
        "      ready  !no  -> done\n"
    )
    assert table in as_text(report, verbose=True)
    (asker, _) = json.loads(json.dumps(as_json(report)))["coverage"]
    assert asker == {
        "chart": "Asker",
        "lifelines": ["A"],
        "declared": 4,
        "exercised": 2,
        "missed": [list(NEVER), list(NO)],
    }


def test_what_other_checks_asked_our_charts_does_not_count() -> None:
    def exercised(name: str) -> dict[str, frozenset[Row]]:
        diagrams = [(file.name, file.read_text("utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
        report = check_all([(name, dict(diagrams)[name])], load(), referred=diagrams, coverage=True)
        return {chart.chart: chart.exercised for chart in report.coverage}

    before = exercised("ClientGoodbye_StandardProcedure.txt")
    exercised("ClientJoin_Alternative2.txt")
    assert exercised("ClientGoodbye_StandardProcedure.txt") == before
