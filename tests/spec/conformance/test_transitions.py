"""Machines of the library `transitions` are checked like other charts, from Python and by the command line."""

from pathlib import Path

import pytest
from transitions import Machine
from typer.testing import CliRunner

from runtime.cli.main import app
from spec import Binding, check
from spec.system.adapter import TransitionsChart, from_transitions

EXCHANGE = "A->B:ask\nB->A:answer\n"


def machine(*steps: str) -> Machine:
    """A machine that does one thing after the other."""
    return Machine(
        states=[str(number) for number in range(len(steps) + 1)],
        initial="0",
        auto_transitions=False,
        transitions=[
            {"trigger": step, "source": str(number), "dest": str(number + 1)} for number, step in enumerate(steps)
        ],
    )


def chart(name: str, *steps: str) -> TransitionsChart:
    return from_transitions(lambda: machine(*steps), name=name)


@pytest.mark.parametrize(("answer", "conforms"), [("!answer", True), ("!other", False)])
def test_a_machine_takes_part_in_a_check(answer: str, conforms: bool) -> None:
    charts = {"A": chart("A", "!ask", "?answer"), "B": chart("B", "?ask", answer)}
    report = check(EXCHANGE, Binding(), charts)  # type: ignore[arg-type]
    assert report.conforms is conforms
    assert conforms or "the chart B, in 1, can do here: !other" in report.reasons[0]


def test_what_is_no_chart_is_refused_with_the_way_to_give_one() -> None:
    with pytest.raises(ValueError, match=r"given by spec\.system\.adapter\.from_transitions"):
        check(EXCHANGE, Binding(), {"A": machine("!ask")})  # type: ignore[dict-item]


def test_the_command_takes_machines_of_a_module(tmp_path: Path) -> None:
    lines = [
        "from transitions import Machine",
        "from spec.system.adapter import from_transitions",
        "def one_after_the_other(*steps):",
        "    rows = [{'trigger': step, 'source': str(n), 'dest': str(n + 1)} for n, step in enumerate(steps)]",
        "    states = [str(n) for n in range(len(steps) + 1)]",
        "    return Machine(states=states, initial='0', auto_transitions=False, transitions=rows)",
        "CHARTS = {",
        "    'A': from_transitions(lambda: one_after_the_other('!ask', '?answer'), name='A'),",
        "    'B': from_transitions(lambda: one_after_the_other('?ask', '!answer'), name='B'),",
        "}",
    ]
    (tmp_path / "machines_of_theirs.py").write_text("\n".join(lines), encoding="utf-8")
    diagram = tmp_path / "exchange.txt"
    diagram.write_text(EXCHANGE, encoding="utf-8")
    done = CliRunner().invoke(app, ["check", str(diagram), "--charts", str(tmp_path / "machines_of_theirs.py")])
    assert done.exit_code == 0, done.output
