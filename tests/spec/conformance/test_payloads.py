"""Messages with values: `amount(7)` in a diagram is what guards and callbacks of charts of others see."""

from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec import check, load
from spec.binding import read_binding
from spec.binding.labels import detail_of_values, values_of
from spec.conformance.checker import Report
from spec.conformance.report import lines


class Payer(StateChart[Any]):
    """It pays what it was told to, and nothing else."""

    resting = State(initial=True)
    paying = State()
    waiting = State()
    done = State(final=True)
    told = Event(resting.to(paying, on="note"), name="?order")
    pay = Event(paying.to(waiting, cond="is_that"), name="!amount")
    thanked = Event(waiting.to(done), name="?thanks")

    def __init__(self) -> None:
        self.sum = 0
        super().__init__()

    def note(self, value: int) -> None:
        self.sum = value

    def is_that(self, value: int) -> bool:
        return value == self.sum


class Careless(Payer):
    """It pays anything."""

    def is_that(self, value: int) -> bool:
        return value > 0


class Taker(StateChart[Any]):
    """It is thankful for much only."""

    waiting = State(initial=True)
    thanking = State()
    sulking = State(final=True)
    done = State(final=True)
    paid = Event(
        waiting.to(thanking, cond="is_much") | waiting.to(sulking, unless="is_much"),
        name="?amount",
    )
    thank = Event(thanking.to(done), name="!thanks")

    def is_much(self, values: tuple[int, ...]) -> bool:
        return sum(values) > 5


DIAGRAM = """title Paying
alt much
[->A:order(7)
A->B:amount(7)
B->A:thanks
else little
[->A:order(3)
A->B:amount(3)
end
"""


def checked(payer: type[StateChart[Any]] = Payer, diagram: str = DIAGRAM, binding: str = "") -> Report:
    return check(diagram, read_binding(binding, "my.toml"), {"A": payer, "B": Taker})


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings if not finding.warning}


def test_guards_see_the_values() -> None:
    report = checked()
    assert report.conforms, str(report)


def test_a_chart_that_cannot_send_the_value_is_found() -> None:
    report = checked(diagram=DIAGRAM.replace("A->B:amount(3)", "A->B:amount(4)"))
    assert "chart-cannot" in kinds(report)


def test_a_chart_that_cannot_take_the_value_is_found() -> None:
    report = checked(diagram=DIAGRAM.replace("amount(3)\n", "amount(3)\nB->A:thanks\n"))
    assert "chart-cannot" in kinds(report)


def test_what_a_chart_can_send_besides_is_an_implied_scenario() -> None:
    """It has the choice between all values that are drawn."""
    report = checked(Careless)
    assert kinds(report) == {"implied-scenario"}
    assert "amount(3)" in report.implied[0].counterexample or "amount(7)" in report.implied[0].counterexample


def test_a_label_without_values_leaves_them_open() -> None:
    more = "else again\n[->A:order(7)\nA->B:amount\nB->A:thanks\nend\n"
    assert checked(diagram=DIAGRAM.replace("end\n", more)).conforms


def test_a_rule_can_say_the_values() -> None:
    binding = """
    [[label]]
    pattern = 'pays (?P<sum>\\d+) euros'
    message = "amount"
    detail = "{sum}"
    """
    assert checked(diagram=DIAGRAM.replace("amount(7)", "pays 7 euros"), binding=binding).conforms
    wrong = checked(diagram=DIAGRAM.replace("amount(7)", "pays 7 euros"), binding=binding.replace("{sum}", "{sum} of"))
    assert "bound to amount with '7 of', which are no values" in str(wrong)


class Literal(StateChart[Any]):
    """Its message is called just so."""

    resting = State(initial=True)
    done = State(final=True)
    say = Event(resting.to(done), name="!amount(7)")


class LiteralTaker(StateChart[Any]):
    resting = State(initial=True)
    done = State(final=True)
    hear = Event(resting.to(done), name="?amount(7)")


def test_a_message_that_is_called_like_the_label_is_meant_first() -> None:
    assert check("A->B:amount(7)\n", read_binding(""), {"A": Literal, "B": LiteralTaker}).conforms


class Teller(StateChart[Any]):
    """It says two values at once, and then one of them."""

    resting = State(initial=True)
    half = State()
    done = State(final=True)
    both = Event(resting.to(half, cond="are_two"), name="!pair")
    one = Event(half.to(done, unless="are_two"), name="!pair")

    def are_two(self, values: tuple[object, ...]) -> bool:
        return len(values) == 2


class Hearer(StateChart[Any]):
    waiting = State(initial=True)
    heard = Event(waiting.to.itself(), name="?pair")


def test_more_values_are_another_message() -> None:
    """`pair(1)` does not stand for `pair(1, "x")`."""
    charts = {"A": Teller, "B": Hearer}
    assert check('A->B:pair(1, "x")\nA->B:pair(1)\n', read_binding(""), charts).conforms
    assert not check('A->B:pair(1)\nA->B:pair(1, "x")\n', read_binding(""), charts).conforms


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("7", (7,)),
        ('7, "x"', (7, "x")),
        ("-1, 2.5, True, None", (-1, 2.5, True, None)),
        ("yes", ("yes",)),
        ("", ()),
        ("7,", (7,)),
        ("1 + 1", None),
        ("[1]", None),
        ("f(1)", None),
        ("a b", None),
        ("1) + (2", None),
        ("),(", None),
        ("*a", None),
        (",", None),
    ],
)
def test_values_of_a_label(text: str, values: tuple[object, ...] | None) -> None:
    assert values_of(text) == values


def test_the_detail_of_values_reads_back_the_same() -> None:
    assert detail_of_values((7,)) == "7"
    assert detail_of_values((7, "x")) == "7; 'x'"


def test_values_that_are_equal_and_of_other_types_are_told_apart() -> None:
    class Sender(StateChart[Any]):
        a = State(initial=True)
        b = State()
        c = State(final=True)
        number = Event(a.to(b, cond="is_number"), name="!x")
        flag = Event(b.to(c, cond="is_flag"), name="!x")

        def is_number(self, value: object) -> bool:
            return type(value) is int

        def is_flag(self, value: object) -> bool:
            return value is True

    class Reader(StateChart[Any]):
        a = State(initial=True)
        b = State()
        c = State(final=True)
        first = Event(a.to(b), name="?x")
        second = Event(b.to(c), name="?x")

    charts = {"A": Sender, "B": Reader}
    assert check("A->B:x(1)\nA->B:x(True)\n", load(), charts).conforms
    assert not check("A->B:x(1)\nA->B:x(1.0)\n", load(), charts).conforms


def test_which_values_were_sent_is_told() -> None:
    report = check("A->B:x(1)\n", load(), {"A": Once, "B": Reads})
    assert [found.with_values for found in report.explored.values()] == [("x",)]
    assert "x was sent with the values that are drawn, and no others" in "\n".join(
        f"{line.first}{line.rest}" for line in lines(report, verbose=True)
    )


class Once(StateChart[Any]):
    """It sends one message."""

    a = State(initial=True)
    b = State(final=True)
    x = Event(a.to(b), name="!x")


class Reads(StateChart[Any]):
    """It reads one message."""

    a = State(initial=True)
    b = State(final=True)
    x = Event(a.to(b), name="?x")


def test_a_label_without_the_values_that_a_guard_looks_at() -> None:
    class Picky(StateChart[Any]):
        a = State(initial=True)
        b = State(final=True)
        x = Event(a.to(b, cond="is_seven"), name="!x")

        def is_seven(self, value: object = None) -> bool:
            return value == 7

    said = [finding.message for finding in check("A->B:x\n", load(), {"A": Picky, "B": Reads}).findings]
    assert any("a guard forbids !x here; if it looks at values, draw them, as in x(7)" in text for text in said), said
    assert check("A->B:x(7)\n", load(), {"A": Picky, "B": Reads}).conforms
