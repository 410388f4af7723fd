"""Projections as text for other programs: it runs, and says what the automaton says."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from transitions import MachineError
from typer.testing import CliRunner, Result

from runtime.cli.main import app
from spec.interaction import compile_diagram
from spec.notation import read
from spec.projection import Automaton, letter_name, project
from spec.projection.export import to_dot, to_python
from tests.support.places import DIAGRAMS, REFERENCE, THIRD_PARTY

ODD = """title Odd "names"
participant "It's me" as A
A->B:say "hi"\\nthen\\wait
alt
B->A:yes; {1} 100%
else
B-xA:no
end
"""


def automata(text: str) -> list[Automaton]:
    interaction = compile_diagram(read(text))
    return [project(interaction, name) for name in interaction.lifelines]


def run(*args: str, given: str | None = None) -> Result:
    return CliRunner().invoke(app, ["project", *args], input=given)


@pytest.mark.parametrize("text", [ODD, REFERENCE.read_text(encoding="utf-8")], ids=["odd", "reference"])
def test_the_python_text_makes_the_machines_of_the_projections(text: str, tmp_path: Path) -> None:
    path = tmp_path / "machines.py"
    path.write_text(to_python(automata(text), "Odd"), encoding="utf-8")
    module = runpy.run_path(str(path))
    for automaton in automata(text):
        for state, row in automaton.edges.items():
            for letter in automaton.letters:
                machine = module["machine"](automaton.lifeline)
                machine.set_state(str(state))
                if letter in row:
                    machine.trigger(letter_name(letter))
                    assert machine.state == str(row[letter])
                else:
                    with pytest.raises(MachineError):
                        machine.trigger(letter_name(letter))
            assert machine.get_state(str(state)).final == (state in automaton.accepting)


def test_the_python_text_is_a_program_that_goes_to_an_end(tmp_path: Path) -> None:
    path = tmp_path / "machines.py"
    done = run("-", "--format", "python", "--out", str(path), given="Alice->Bob:hello\nBob->Alice:welcome")
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{path}: Alice (3 states), Bob (3 states)\n"
    assert f"Next: python {path}" in done.stderr
    printed = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines() == [
        "Alice: !hello > Bob",
        "Alice: ?welcome < Bob",
        "Alice: in state 2",
        "Bob: ?hello < Alice",
        "Bob: !welcome > Alice",
        "Bob: in state 2",
    ]


@pytest.mark.usefixtures("graphviz_program")
def test_graphviz_takes_what_is_written() -> None:
    dot = shutil.which("dot")
    assert dot is not None
    for automaton in automata(ODD):
        drawn = subprocess.run([dot, "-Tjson"], input=to_dot(automaton), capture_output=True, text=True, check=True)
        edges = json.loads(drawn.stdout)["edges"]
        labels = sorted(edge["label"] for edge in edges if edge.get("label"))
        assert labels == sorted(letter_name(letter).replace("\\", "\\\\") for _, letter in automaton.origins)


def test_by_default_each_lifeline_is_drawn_in_mermaid() -> None:
    done = run(str(THIRD_PARTY / "readme.txt"))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith('# Joining a swarm\n\n```mermaid\n---\ntitle: "Peer"\n---\nstateDiagram-v2\n')
    assert done.stdout.count("```mermaid\n") == 2
    one = run(str(THIRD_PARTY / "readme.txt"), "--lifeline", "Index")
    assert one.stdout.startswith('---\ntitle: "Index"\n---\nstateDiagram-v2\n    [*] --> 0\n')
    assert "    0 --> 1: ?join? #60; Peer\n" in one.stdout


def test_a_binding_names_the_messages() -> None:
    binding = ("--binding", str(THIRD_PARTY / "readme.toml"))
    done = run(str(THIRD_PARTY / "readme.txt"), "--lifeline", "Peer", *binding)
    assert [line.partition(": ")[2] for line in done.stdout.splitlines() if " --> " in line and ": " in line] == [
        "!ClientJoinRequested #62; Index",
        "?ClientJoinAccepted #60; Index",
        "?ClientJoinDenied #60; Index",
        "!ClientJoinSucceeded #62; Index",
    ]


def test_labels_of_one_message_are_one_trigger(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("alt\nPeer->Index:welcome\nelse\nPeer->Index:come in\nend\nPeer->Index:psst\n")
    (tmp_path / "two.toml").write_text(
        (THIRD_PARTY / "readme.toml").read_text() + '\n[[label]]\ntext = "psst"\nignored = true\n'
    )
    done = run(str(tmp_path / "two.txt"), "--lifeline", "Peer", "--binding", str(tmp_path / "two.toml"))
    assert done.exit_code == 0, done.output
    assert done.stdout.count(" --> 1: ") == 1
    assert "!ClientJoinAccepted #62; Index" in done.stdout
    assert [line for line in done.stdout.splitlines() if " --> 2" in line] == []  # the ignored arrow is no step


def test_frames_of_the_project_are_what_references_refer_to() -> None:
    done = run(str(DIAGRAMS / "ClientJoin_Alternative4.txt"), "--lifeline", "Torrent")
    assert done.exit_code == 0, done.output
    assert "ref Use Case#58; Client Join" in done.stdout


@pytest.mark.parametrize(
    ("text", "args", "said"),
    [
        ("Alice->Bob:hello", ["--lifeline", "Carol"], "has no lifeline 'Carol'; there are Alice, Bob"),
        ("Alice->Bob:hello\nAlice goes to Bob", [], "line 2: "),
        ("title Nobody", [], "there is no lifeline in it"),
        ("neg\nAlice->Bob:hello\nend", [], "neg"),
        ("Alice->Bob:hello", ["--format", "tikz"], "tikz"),
        ("Alice->Bob:hello", ["--binding", "/nowhere/at/all.toml"], "/nowhere/at/all.toml"),
        ("Alice->Bob:hello", ["--out", "/nowhere/at/all.mmd"], "cannot write /nowhere/at/all.mmd"),
    ],
)
def test_what_cannot_be_projected_is_told_in_a_line(text: str, args: list[str], said: str) -> None:
    done = run("-", *args, given=text)
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_a_file_that_is_not_there() -> None:
    done = run("/nowhere/at/all.txt")
    assert done.exit_code == 2
    assert done.stderr.startswith("clientjoin: ")
