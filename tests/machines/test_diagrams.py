"""State diagrams and decision tables say what the charts say, and nothing else."""

import re
import shutil
import subprocess

import pytest

from machines import CHARTS, Participant, RegisteredClient, Tracker
from machines.diagrams import decision_page, dot, graph, mermaid
from machines.participant import all_states, arrows_of, atomic_states, label_of, words

charts = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)


@charts
def test_a_diagram_shows_every_transition_and_no_other(chart: type[Participant]) -> None:
    drawn = {(edge.source, edge.target, label.split(" ")[0]) for edge in graph(chart).edges for label in edge.labels}
    declared = {
        (state.id, (arrow.target or state).id, label_of(arrow))
        for state in all_states(chart)
        for arrow in arrows_of(state)
    }
    if not chart.folded:
        assert drawn == declared
    assert {label for _, _, label in drawn} <= {label for _, _, label in declared}


@charts
def test_every_action_has_the_form_of_one(chart: type[Participant]) -> None:
    for state in all_states(chart):
        for arrow in arrows_of(state):
            assert re.fullmatch(r"[?!][A-Za-z]+", label_of(arrow))


@charts
def test_mermaid_names_every_state_that_is_not_folded(chart: type[Participant]) -> None:
    text = mermaid(chart)
    assert text.startswith("stateDiagram-v2\n")
    for state in atomic_states(chart):
        if not any(holder.id in chart.folded for holder in state.ancestors()):
            assert f'state "{words(state.id)}" as {state.id}\n' in text
    assert text.count("{\n") == text.count("}\n")


def test_folding_leaves_one_box_and_what_crosses_its_border() -> None:
    text = mermaid(Tracker, frozenset({"starting"}))
    assert 'state "starting ..." as starting' in text
    assert "as connecting" not in text
    assert "starting --> awaiting_requests : !TrackerHello" in text
    assert "[*] --> registered" in mermaid(RegisteredClient)


@charts
def test_graphviz_takes_the_dot(chart: type[Participant]) -> None:
    graphviz = shutil.which("dot")
    if graphviz is None:
        pytest.skip("Graphviz is not installed")
    drawn = subprocess.run([graphviz, "-Tsvg"], input=dot(chart), capture_output=True, text=True, check=True)
    assert drawn.stderr == ""
    for state in atomic_states(chart):
        if not any(holder.id in chart.folded for holder in state.ancestors()):
            assert words(state.id) in drawn.stdout


@charts
def test_a_decision_page_has_a_row_for_every_state(
    chart: type[Participant],
) -> None:
    page = decision_page(chart)
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [words(s.id) for s in atomic_states(chart)]
    for row in rows:
        for cell in row.split(" | ")[2:]:
            assert all(": " in entry for entry in cell.removesuffix(" |").split("<br>") if entry != "-")
