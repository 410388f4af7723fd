"""To whom messages go of charts that do not say it: a wrong receiver is found where anything tells it."""

from collections.abc import Mapping

import pytest
from statemachine import Event, State, StateChart

from spec.binding import Binding
from spec.binding.load import load
from spec.binding.reader import read_text
from spec.conformance.checker import check_all
from spec.conformance.finding import Verdict
from spec.conformance.report import Report
from tests.support.asking import Server
from tests.support.places import DIAGRAMS


class Asker(StateChart[object]):
    """Is greeted, asks, and waits."""

    a = State(initial=True)
    b = State()
    w = State()
    z = State(final=True)
    hi = Event(a.to(b), name="?hi")
    ask = Event(b.to(w), name="!ask")
    ok = Event(w.to(z), name="?ok")


class Greeter(StateChart[object]):
    """Greets, and would answer, too."""

    g = State(initial=True)
    a = State()
    w = State()
    z = State(final=True)
    hi = Event(g.to(a), name="!hi")
    ask = Event(a.to(w), name="?ask")
    ok = Event(w.to(z), name="!ok")


CHARTS = {"A": Asker, "B": Server, "C": Greeter}
HEAD = "title Asking\nparticipant A\nparticipant B\nparticipant C\nC->A: hi\n"
RIGHT = HEAD + "A->B: ask\nB->A: ok\n"
WRONG = HEAD + "A->C: ask\nC->A: ok\n"
ROUTES = '[routes]\nask = ["B"]\nok = ["A"]\n'


def _check(text: str, binding: str = "", charts: Mapping[str, type[StateChart[object]]] = CHARTS) -> Report:
    laid: Binding = read_text(binding, "mine.toml").over(load())
    return check_all([("asking.txt", text)], laid, charts)


def _errors(report: Report) -> list[str]:
    return [finding.message for finding in report.findings if finding.kind == "wrong-receiver"]


def test_the_diagram_alone_tells_it_where_nothing_else_does() -> None:
    assert _check(RIGHT).conforms
    assert _check(WRONG).conforms


def test_routes_tell_a_wrong_receiver() -> None:
    assert _check(RIGHT, ROUTES).conforms
    assert _errors(_check(WRONG, ROUTES)) == ["A sends ask to C, but it goes to B ([routes])"]


def test_what_goes_to_nobody_is_drawn_to_go_to_nobody() -> None:
    (said,) = _errors(_check(RIGHT, "[routes]\nask = []\n"))
    assert said == "A sends ask to B, but it goes to nobody here ([routes])"


OUT = "title Asking\nparticipant A\nparticipant B\n[->A: hi\nA->]: ask\n"


def test_what_leaves_the_diagram_though_somebody_takes_it() -> None:
    two = {"A": Asker, "B": Server}
    report = _check(OUT, charts=two)
    (said,) = [each.message for each in report.findings if each.unanswered]
    assert said.startswith("whether A sends ask to somebody outside, for B can receive it: draw the arrow to B")
    assert report.verdict is Verdict.UNDETERMINED
    (implied,) = _check(OUT, '[routes]\nask = ["B", "]"]\n', two).implied
    assert (
        "A can do !ask to B, which no scenario allows here; the scenarios allow !ask to the environment"
        in implied.message
    )
    assert _errors(_check(OUT, '[routes]\nask = ["B"]\n', two))
    assert not _errors(_check(OUT, "[routes]\nask = []\n", two))


def test_what_leaves_the_diagram_and_nobody_takes_may() -> None:
    assert not _errors(_check(OUT.replace("participant B\n", ""), charts={"A": Asker}))


def test_a_lifeline_that_is_part_of_the_environment_takes_anything() -> None:
    binding = "[lifeline]\nNet = { environment = true }\n"
    text = OUT.replace("A->]:", "A->Net:").replace("participant B", "participant B\nparticipant Net")
    assert not _errors(_check(text, binding, {"A": Asker, "B": Server}))


def test_routes_tell_a_receiver_that_no_scenario_draws() -> None:
    both = '[routes]\nask = ["B", "C"]\n'
    (implied,) = _check(RIGHT, both).implied
    assert "A can do !ask to C, which no scenario allows here; the scenarios allow !ask to B" in implied.message
    body = WRONG.removeprefix(HEAD)
    assert _check(f"{HEAD}alt\n{RIGHT.removeprefix(HEAD)}else\n{body}end\n", both).conforms


def test_routes_may_be_those_of_one_sender() -> None:
    assert _check(RIGHT, '[routes]\n"A ask" = ["B"]\n"C ok" = ["B"]\n').conforms
    assert _errors(_check(WRONG, '[routes]\n"A ask" = ["B"]\n'))


PAID = """title Paying
participant A
participant B
A->B: pay(7)
"""


def test_values_of_the_binding_may_be_sent_too() -> None:
    class Payer(StateChart[object]):
        a = State(initial=True)
        z = State(final=True)
        pay = Event(a.to(z), name="!pay")

    class Taker(StateChart[object]):
        a = State(initial=True)
        z = State(final=True)
        pay = Event(a.to(z), name="?pay")

    charts = {"A": Payer, "B": Taker}
    assert _check(PAID, charts=charts).conforms
    assert _check(PAID, "[payloads]\npay = [[7]]\n", charts).conforms
    assert not _check(PAID, "[payloads]\npay = [[8]]\n", charts).conforms


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('[routes]\naks = ["B"]', "[routes] aks: no chart has a message 'aks'; did you mean 'ask'"),
        ('[routes]\nask = ["D"]', "[routes] ask: no lifeline 'D'"),
        ("[payloads]\naks = [[7]]", "[payloads] aks: no chart has a message 'aks'"),
        ("[payloads]\nask = [7]", "[payloads] ask: expected lists of plain values, as in [[7], [8]]"),
        ('[routes]\nask = "B"', "[routes] ask: expected a list of texts"),
    ],
)
def test_rows_about_nothing_are_refused(row: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml") as refused:
        _check(RIGHT, row)
    assert said in str(refused.value)


def test_a_first_delivery_is_not_one_more() -> None:
    name = "ClientJoin_StandardProcedure.txt"
    text = (DIAGRAMS / name).read_text("utf-8")
    first = "Broker->>Tracker:PUBLISH clients/join/requested"
    assert first in text
    marked = text.replace(first, first.replace("PUBLISH", "PUBLISH (DUP)"), 1)
    twice = text.replace(
        first, f"{first}\\n(ClientJoinRequested Event)\n{first.replace('PUBLISH', 'PUBLISH (DUP)')}", 1
    )
    others = [(file.name, file.read_text("utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]

    def repeats(drawn: str) -> list[str]:
        report = check_all([(name, drawn)], load(), referred=others)
        return [each.message for each in report.findings if each.kind == "wrong-repeat"]

    (said,) = repeats(marked)
    assert said.startswith(
        "ClientJoinRequested is drawn as delivered again from Broker to Tracker, and no arrow before"
    )
    assert not repeats(twice)
