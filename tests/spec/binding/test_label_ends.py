"""`from` and `to` of a [[label]]: one text that means several messages, by who sends it and who receives it."""

import re
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec import check, load
from spec.binding import Binding, BindingError, read_binding
from spec.binding.labels import MARK
from spec.conformance.checker import Report, check_all
from spec.conformance.report import as_text


class A(StateChart[Any]):
    """It asks, and is told twice that all is well: by B, and then by C."""

    resting = State(initial=True)
    waiting = State()
    doubting = State()
    done = State(final=True)
    ask = Event(resting.to(waiting), name="!question")
    heard = Event(waiting.to(doubting), name="?answer")
    sure = Event(doubting.to(done), name="?confirmation")


class B(StateChart[Any]):
    listening = State(initial=True)
    thinking = State()
    telling = State()
    done = State(final=True)
    asked = Event(listening.to(thinking), name="?question")
    answer = Event(thinking.to(telling), name="!answer")
    tell = Event(telling.to(done), name="!report")


class C(StateChart[Any]):
    listening = State(initial=True)
    confirming = State()
    done = State(final=True)
    told = Event(listening.to(confirming), name="?report")
    confirm = Event(confirming.to(done), name="!confirmation")


CHARTS: dict[str, type[StateChart[Any]]] = {"A": A, "B": B, "C": C}
DIAGRAM = "title Asking\nA->B:question\nB->A:ok\nB->C:ok\nC->A:ok\n"
RULES = """
[[label]]
text = "ok"
from = "B"
to = "A"
message = "answer"
[[label]]
text = "ok"
from = "C"
message = "confirmation"
[[label]]
text = "ok"
message = "report"
"""


def checked(diagram: str = DIAGRAM, rules: str = RULES, **charts: type[StateChart[Any]]) -> Report:
    return check(diagram, read_binding(rules, "my.toml"), {**CHARTS, **charts})


def test_each_arrow_means_what_is_said_of_its_lifelines() -> None:
    report = checked()
    assert report.conforms, str(report)
    assert checked(DIAGRAM.replace("C->A:ok\n", "C->A: ok \n")).conforms, "blanks are no other label"


@pytest.mark.parametrize("nested", ["critical\n{}end\n", "opt\n{}end\n", "loop 1\n{}end\n", "group\n{}end\n"])
def test_also_inside_of_other_things(nested: str) -> None:
    inner = "B->A:ok\nB->C:ok\nC->A:ok\n"
    report = checked("title Asking\nA->B:question\n" + nested.format(inner))
    assert not [finding for finding in report.findings if finding.kind in {"unbound-label", "chart-cannot"}], str(
        report
    )


def test_without_ends_one_message_is_meant() -> None:
    report = checked(rules='[[label]]\ntext = "ok"\nmessage = "answer"\n')
    assert not report.conforms


class Silent(StateChart[Any]):
    """It takes the report for the confirmation."""

    listening = State(initial=True)
    confirming = State()
    done = State(final=True)
    told = Event(listening.to(confirming), name="?answer")
    confirm = Event(confirming.to(done), name="!confirmation")


def test_findings_show_labels_as_they_are_written() -> None:
    report = checked(C=Silent)
    assert not report.conforms
    text = as_text(report, verbose=True)
    assert MARK not in text
    assert all(MARK not in step for finding in report.findings for step in map(str, finding.run))
    (finding,) = (each for each in report.diagrams[0].findings if each.kind == "chart-cannot")
    assert "B->C:ok" in finding.counterexample.replace("->>", "->")


def test_two_diagrams_of_one_use_case_are_told_apart_together() -> None:
    """In one of them only one of the meanings is drawn."""
    first = ("first.txt", DIAGRAM.replace("Asking", "Asking (all)"))
    second = ("second.txt", "title Asking (part)\nA->B:question\nB->A:ok\nB->C:ok\nC->A:ok\n")
    other = ("third.txt", "title Telling (part)\nB->C:ok\n")
    binding = read_binding(RULES + '[[begin]]\ntitle = "Telling *"\nB = "telling"\n')
    report = check_all([other, second, first], binding, CHARTS)
    assert not [f for f in report.findings if f.kind in {"unbound-label", "chart-cannot"}], str(report)


def test_what_is_ignored_between_some_is_drawn_between_others() -> None:
    rules = RULES + '[[label]]\ntext = "question"\nfrom = "C"\nignored = true\n'
    assert checked(DIAGRAM + "C->B:question\n", rules).conforms
    assert not checked(DIAGRAM + "C->B:question\n").conforms


def test_a_label_that_is_bound_elsewhere_says_where() -> None:
    report = checked(rules=RULES.replace('[[label]]\ntext = "ok"\nmessage = "report"\n', ""))
    (finding,) = (each for each in report.findings if each.kind == "unbound-label")
    assert finding.line == 4
    assert "nothing binds 'ok' from B to C to a message, only from B to A and from C to anybody" in finding.message


def test_an_arrow_both_ways_that_means_two_messages_is_refused() -> None:
    with pytest.raises(
        BindingError, match=re.escape("line 3: 'ok' means one message from B to A and another one back")
    ):
        checked("title Asking\nA->B:question\nB<->A:ok\nB->C:ok\n")


def test_a_lifeline_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BindingError, match=re.escape("my.toml: [[label]] 'ok': no lifeline 'BB'; did you mean 'B'?")):
        checked(rules=RULES.replace('from = "B"', 'from = "BB"'))


def test_only_what_is_near_is_a_hint() -> None:
    assert load().nearest("Set the timeout") == "Set timeout."
    assert load().nearest("Publish the results") is None
    assert Binding().nearest("Question", ["question"]) == "question"
    assert Binding().nearest("query", ["question"]) is None
    report = checked(DIAGRAM.replace("A->B:question", "A->B:please answer me"))
    (finding,) = (each for each in report.findings if each.kind == "unbound-label")
    assert finding.message == "nothing binds 'please answer me' to a message; add a [[label]] for it"


def test_also_inside_of_what_is_parallel() -> None:
    report = checked("title Asking\nA->B:question\nparallel\nB->A:ok\nB->C:ok\nparallel off\nC->A:ok\n")
    assert not [finding for finding in report.findings if finding.kind == "unbound-label"], str(report)
