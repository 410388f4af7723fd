"""`[chart.Name]`: what the events of charts are that do not say so themselves."""

import re
from typing import Any

import pytest
from statemachine import State, StateChart

from spec import check
from spec.binding import BindingError, read_binding
from spec.binding.load import load_for

DIAGRAM = "A->B:question\nB->A:answer\n"


class Asker(StateChart[Any]):
    resting = State(initial=True)
    waiting = State()
    done = State(final=True)
    ask = resting.to(waiting)
    answered = waiting.to(done)


class Answerer(StateChart[Any]):
    listening = State(initial=True)
    thinking = State()
    ready = State()
    done = State(final=True)
    question = listening.to(thinking)
    think = thinking.to(ready)
    answer = ready.to(done)


CHARTS = {"A": Asker, "B": Answerer}
GOOD = """
[chart.A]
sends = { ask = "question" }
receives = { answered = "answer" }
[chart.Answerer]
receives = ["question"]
internal = ["think"]
sends = ["answer"]
"""


def test_events_are_said_by_lifeline_and_by_class() -> None:
    report = check(DIAGRAM, read_binding(GOOD), CHARTS)
    assert report.conforms, str(report)


def test_what_the_binding_says_is_checked() -> None:
    report = check(DIAGRAM, read_binding(GOOD.replace('["answer"]', '{ answer = "question" }')), CHARTS)
    assert not report.conforms


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ("[chart.A]", "[chart.Aske]", "[chart.Aske]: no chart 'Aske'; did you mean"),
        (
            '"think"',
            '"thin"',
            "[chart.Answerer]: Answerer: event 'thin': the chart has no such event; did you mean 'think'?",
        ),
        ("ask =", "asks =", "[chart.A]: Asker: event 'asks': the chart has no such event; did you mean 'ask'?"),
        ('["question"]', '["question", "think"]', "it stands in `receives` and `internal`; leave it in one of them"),
        ("[chart.A]", "[chart.Tracker]", "the events of Tracker say what they are: leave out the table"),
    ],
)
def test_charts_and_events_that_there_are_not(good: str, bad: str, said: str) -> None:
    with pytest.raises(BindingError, match=re.escape(said)):
        check(DIAGRAM, read_binding(GOOD.replace(good, bad), "my.toml"), CHARTS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[chart]\nA = 1", "my.toml: [chart.A]: expected a table with sends, receives or internal, not 1"),
        ("[chart.A]\nsend = []", "my.toml: [chart.A]: unknown send; did you mean sends?"),
        ("[chart.A]\nsends = 1", "my.toml: [chart.A] sends: expected a list of events, or a table"),
        ("[chart.A]\nsends = { ask = 1 }", "my.toml: [chart.A] sends: expected a text ask"),
        ("[chart.A]\ninternal = { a = 'b' }", "my.toml: [chart.A] internal: expected a list of texts"),
        ("chart = 1", "my.toml: expected a table [chart], not 1"),
    ],
)
def test_tables_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(BindingError, match=re.escape(said)):
        read_binding(text, "my.toml")


def test_a_later_file_replaces_what_is_said_of_a_chart() -> None:
    over = read_binding('[chart.A]\nsends = ["ask"]').over(read_binding(GOOD))
    assert over.events["A"].sends == {"ask": "ask"}
    assert over.events["A"].receives == {}
    assert over.events["Answerer"].internal == ("think",)


def test_the_default_binding_is_left_out_for_foreign_charts() -> None:
    assert not load_for({"A", "B"}, {"A", "B"}).players
    assert load_for({"A", "Tracker"}, {"A"}).players, "ours takes part"
    assert not load_for({"Tracker"}, {"Tracker"}).players, "a chart of others has the name of ours"
    assert load_for({"A"}, set()).players
