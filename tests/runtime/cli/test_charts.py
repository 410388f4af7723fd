"""`--charts`: charts of a user's own in a check, in the explorer and in pictures, and what is wrong with them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runtime.cli.main import app
from tests.support.places import DIAGRAMS

pytestmark = pytest.mark.usefixtures("folder")


def run(*args: str) -> Result:
    return CliRunner().invoke(app, args)


# Where charts are.


@pytest.mark.parametrize("place", ["duo:BOTH", "duo.py:BOTH", "duo", "duo.py", "./duo.py"])
def test_a_module_or_a_file_and_perhaps_a_mapping(place: str) -> None:
    result = run("check", "asking.txt", "--charts", place)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("conforms ")


def test_what_plays_no_lifeline_is_left_out_and_named() -> None:
    result = run("check", "asking.txt", "--charts", "duo")
    assert result.stderr == "clientjoin: duo: left out, for no diagram has its lifeline: Mute, Bare\n"


def test_a_mapping_of_the_usual_name_needs_no_naming(folder: Path) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write("\nCHARTS = {'Asker': Asker, 'Answerer': Mute}\n")
    assert run("check", "asking.txt", "--charts", "duo").exit_code == 1
    assert run("check", "asking.txt", "--charts", "duo:BOTH").exit_code == 0


def test_what_a_mapping_names_plays_or_is_refused(folder: Path) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write("\nCHARTS = {**BOTH, 'Asket': Mute}\n")
    result = run("check", "asking.txt", "--charts", "duo")
    assert result.exit_code == 2
    assert "'Asket' plays nobody" in result.stderr
    assert "did you mean 'Asker'?" in result.stderr


BROKEN = {
    "import nowhere": ("No module named 'nowhere' (", "line 1); install it, or mend the import"),
    "1 / 0": ("it cannot be imported: ZeroDivisionError: division by zero (", "line 1)"),
    "class A(:": ("it cannot be imported: SyntaxError: invalid syntax (", "line 1)"),
    "raise SystemExit(4)": ("it cannot be imported: SystemExit: 4 (", "line 1)"),
    "NUMBER = 7": (
        "no chart is defined in it: expected classes made from statemachine.StateChart, or a mapping CHARTS",
    ),
    "from statemachine import StateChart": ("no chart is defined in it",),
    "from duo import Asker": ("no chart is defined in it",),
    "CHARTS = 7": ("CHARTS has to be a mapping of lifelines to charts, not 7",),
    "CHARTS = {}": ("CHARTS has to be a mapping of lifelines to charts, not {}",),
    "CHARTS = {'A': int}": ("CHARTS['A']: expected a class made from statemachine.StateChart, not <class 'int'>",),
    "CHARTS = {1: int}": ("CHARTS: 1 is no name of a lifeline",),
}


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("command", [("check", "asking.txt"), ("explore",), ("diagrams",)])
@pytest.mark.parametrize("place", ["wrong", "wrong.py"])
def test_what_cannot_be_imported_is_one_line(folder: Path, text: str, command: tuple[str, ...], place: str) -> None:
    (folder / "wrong.py").write_text(text)
    result = run(*command, "--charts", place)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith(f"clientjoin: --charts {place}: ")
    assert result.stderr.count("\n") == 1
    for said in BROKEN[text]:
        assert said in result.stderr


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("duu", "there is no module 'duu'; the current directory is "),
        ("duo.more", "there is no module"),
        ("duu.more", "there is no module 'duu'"),
        ("duu.py", "there is no file duu.py"),
        ("du-o", "'du-o' is no name of a module"),
        ("duo:BOT", "no mapping 'BOT' in it; did you mean BOTH?; there are BOTH, BARE"),
        ("duo:NUMBER", "NUMBER has to be a mapping of lifelines to charts, not 7"),
        ("duo:a.b", "'a.b' is no name of a mapping"),
        ("", "'' is no name of a module"),
    ],
)
def test_charts_that_are_not_there(place: str, said: str) -> None:
    result = run("check", "asking.txt", "--charts", place)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_charts_need_a_diagram() -> None:
    result = run("check", "--charts", "duo")
    assert result.exit_code == 2
    assert result.stderr == "clientjoin: --charts: name the diagrams that these charts are to be checked against\n"


# In a check.


def test_a_mistake_in_a_chart_is_a_finding(folder: Path) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write("\nWRONG = {'Asker': Asker, 'Answerer': Mute}\n")
    result = run("check", "asking.txt", "--charts", "duo:WRONG")
    assert result.exit_code == 1
    assert "error: chart cannot: line 3: " in result.stdout


def test_the_default_binding_does_not_speak_of_foreign_lifelines(folder: Path) -> None:
    """`TimeoutExceeded` needs a `SetTimeout` before, and a label of ours means our message: in our diagrams only."""
    (folder / "late.py").write_text(
        "from statemachine import Event, State, StateChart\n"
        "class Client(StateChart):\n"
        "    a = State(initial=True)\n"
        "    b = State(final=True)\n"
        '    say = Event(a.to(b), name="!TimeoutExceeded")\n'
        "class Tracker(StateChart):\n"
        "    a = State(initial=True)\n"
        "    b = State(final=True)\n"
        '    hear = Event(a.to(b), name="?TimeoutExceeded")\n'
    )
    (folder / "late.txt").write_text("title Client Join (late)\nClient->Tracker:TimeoutExceeded\n")
    result = run("check", "late.txt", "--charts", "late")
    assert result.exit_code == 0, result.output


def test_a_binding_says_what_events_are() -> None:
    alone = run("check", "asking.txt", "--charts", "duo:BARE")
    assert alone.exit_code == 2
    assert "in the table [chart.Bare] of a binding" in alone.stderr
    said = run("check", "asking.txt", "--charts", "duo:BARE", "--binding", "binding.toml")
    assert said.exit_code == 0, said.output


# In the explorer.


def test_the_heading_says_all_that_can_go_wrong() -> None:
    result = run("explore", "--charts", "duo:BOTH", "--bound", "duplicates=2", "--unordered")
    heading = result.stdout.splitlines()[0]
    assert heading.endswith("; nothing is lost; duplicates: 2; messages to one chart may overtake each other")


def test_the_system_of_the_charts_is_explored() -> None:
    result = run("explore", "--charts", "duo:BOTH", "-v")
    assert result.exit_code == 0, result.output
    assert "duo:BOTH: Asker, Answerer; nothing is lost\n" in result.stdout
    for property_ in (
        "no deadlock",
        "no unexpected reception",
        "no message that nobody takes",
        "no exception in a callback",
    ):
        (line,) = (line for line in result.stdout.splitlines() if line.endswith(property_))
        assert line.startswith("holds "), line


def test_a_loss_makes_a_deadlock_which_is_saved(folder: Path) -> None:
    result = run("explore", "--charts", "duo:BOTH", "--bound", "losses=1", "--property", "deadlock", "--save", "found")
    assert result.exit_code == 1, result.output
    trace = (folder / "found" / "no-deadlock.txt").read_text()
    assert "// step 1: send Asker question to Answerer; lose 1 question\n" in trace
    assert "note over Asker:is in waiting\nnote over Answerer:is in listening\n" in trace
    assert "unexpected" not in result.stdout


def test_the_result_as_data() -> None:
    result = run("explore", "--charts", "duo:BOTH", "--json", "--binding", "binding.toml")
    data = json.loads(result.stdout)
    assert data["verdict"] == "holds"
    assert data["complete"]
    assert data["charts"] == {"Asker": "Asker", "Answerer": "Answerer"}
    assert [each["holds"] for each in data["properties"]] == [True] * 4


def test_what_was_cut_short_is_undetermined() -> None:
    result = run("explore", "--charts", "duo:BOTH", "--simulate", "3")
    assert result.exit_code == 3, result.output


OWN = '''
from spec.exploration.properties.language import always, leads_to

@always
def the_answerer_is_never_asked_twice(Asker, Answerer):
    """Nobody says so."""
    return True, "done" not in Answerer.where

@leads_to
def who_asks_is_answered(Asker):
    """The diagram says so."""
    return Asker.where == ("waiting",), Asker.where == ("done",)

PROPERTIES = [the_answerer_is_never_asked_twice, who_asks_is_answered]
'''


def test_properties_and_faults_of_the_module(folder: Path) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write(OWN)
    result = run("explore", "--charts", "duo:BOTH", "-v")
    assert result.exit_code == 1, result.output
    assert "holds           leads-to  who asks is answered\n" in result.stdout
    assert "BROKEN          always    the answerer is never asked twice\n" in result.stdout
    listed = run("explore", "--charts", "duo:BOTH", "--list").stdout
    assert "  leads-to    who asks is answered\n" in listed
    with (folder / "duo.py").open("a") as file:
        file.write('\nFAULTS = {"losses": 1}\n')
    lossy = run("explore", "--charts", "duo.py:BOTH", "--property", "answered")
    assert lossy.exit_code == 1, lossy.output


ALWAYS = "from spec.exploration.properties.language import always\n@always\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FAULTS = {'crash': 1}", "faults: 'crash' does not happen to such charts; there are losses"),
        ("FAULTS = 1", 'FAULTS: expected {"losses": 1}, or a Faults, not 1'),
        ("PROPERTIES = [len]", "PROPERTIES: expected properties, functions under @always"),
        ("PROPERTIES = len", "PROPERTIES: expected a list, not "),
        ("ROUTES = {'question': ('Answere',)}", "no chart 'Answere'; did you mean 'Answerer'?"),
        ("ROUTES = {'question': 'Answerer'}", "ROUTES['question']: expected names"),
        ("STARTS = {'Nobody': 'a'}", "starts: no chart 'Nobody'"),
        ("MAY_STAY = {'Asker': ['waitin']}", "may stay of Asker: no atomic state 'waitin'; did you mean 'waiting'?"),
        ("INTERCHANGEABLE = [('Asker', 'B')]", "interchangeable: no chart 'B'"),
        ("PAYLOADS = {'answr': [(1,)]}", "payloads: no message 'answr'; did you mean 'answer'?"),
        ("PAYLOADS = {'answer': [1]}", "PAYLOADS['answer']: expected tuples of values, as in [(7,), (8,)], not [1]"),
        ("ROUTES = {'qestion': ('Answerer',)}", "ROUTES: no chart has a message 'qestion'; did you mean 'question'?"),
        (
            "FAULTS = {'losses': 'many'}",
            "FAULTS: 'losses': expected how often, or None for any number of times, not 'many'",
        ),
        (
            f"{ALWAYS}def wrong(Asker): return 1 / 0\nPROPERTIES = [wrong]",
            "the property 'wrong' raises ZeroDivisionError",
        ),
        (
            f"{ALWAYS}def wrong(Asker): return True\nPROPERTIES = [wrong]",
            "has to return a premise and a conclusion, not True",
        ),
        (
            f"{ALWAYS}def wrong(Nobody): return True, True\nPROPERTIES = [wrong]",
            "property 'wrong': no component 'Nobody'",
        ),
    ],
)
def test_what_a_module_says_wrongly_is_one_line(folder: Path, text: str, said: str) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write(f"\n{text}\n")
    result = run("explore", "--charts", "duo:BOTH")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "option", [("--torrents", "3"), ("--scenario", "standard"), ("--hardened",), ("--promela", "x")]
)
def test_options_about_scenarios_of_ours_are_refused(option: tuple[str, ...]) -> None:
    result = run("explore", "--charts", "duo:BOTH", *option)
    assert result.exit_code == 2
    assert f"{option[0]} is about the scenarios of this project" in result.stderr


def test_a_binding_for_a_scenario_of_ours_is_refused() -> None:
    result = run("explore", "--binding", "binding.toml")
    assert result.exit_code == 2
    assert "--binding goes with --charts" in result.stderr


# In pictures.


@pytest.mark.parametrize("format_", ["mermaid", "dot"])
def test_charts_are_drawn(folder: Path, format_: str) -> None:
    result = run("diagrams", "--charts", "duo:BARE", "--binding", "binding.toml", "--out", "out", "--format", format_)
    assert result.exit_code == 0, result.output
    suffix = {"mermaid": "mmd", "dot": "dot"}[format_]
    assert result.stdout == f"out/Bare.{suffix}\nout/Answerer.{suffix}\n"
    drawn = (folder / "out" / f"Bare.{suffix}").read_text()
    assert "!question" in drawn
    assert "?answer" in drawn
    assert "done (final)" in drawn


def test_what_no_diagram_exercises_is_drawn_dashed(folder: Path) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write(
            "\nclass Moody(Answerer):\n    silent = Event(Answerer.thinking.to(Answerer.done), name='!silence')\n"
        )
        file.write("\nMOODY = {'Asker': Asker, 'Answerer': Moody}\n")
    result = run("check", "asking.txt", "--charts", "duo:MOODY", "--coverage", "drawn", "--json")
    data = json.loads(result.stdout)
    assert {chart["chart"]: chart["missed"] for chart in data["coverage"]} == {
        "Asker": [],
        "Moody": [["thinking", "!silence", "done"]],
    }
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == [
        *("Asker.dot", "Asker.mmd", "Moody.dot", "Moody.mmd")
    ]
    dashed = [line for line in (folder / "drawn" / "Moody.dot").read_text().splitlines() if "dashed" in line]
    assert len(dashed) == 1
    assert "!silence" in dashed[0]
    assert "!silence<br/>(not exercised)" in (folder / "drawn" / "Moody.mmd").read_text()
    assert "not exercised" not in (folder / "drawn" / "Asker.mmd").read_text()


def test_transitions_of_our_charts_are_counted_on_request(tmp_path: Path) -> None:
    diagram = str(DIAGRAMS / "ClientGoodbye_StandardProcedure.txt")
    assert json.loads(run("check", diagram, "--json").stdout)["coverage"] == []
    result = run("check", diagram, "--coverage", str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    found = {chart["chart"]: chart for chart in json.loads(result.stdout)["coverage"]}
    assert found["TorrentServer"]["exercised"] == 4
    missed = {tuple(row) for row in found["TorrentServer"]["missed"]}
    assert ("saying_goodbye", "!ClientGoodbye", "disconnecting") not in missed
    assert ("registered", "?Stop", "saying_goodbye") not in missed
    assert ("giving_up", "!StopTimeout", "awaiting_hello") in missed
    assert "(not exercised)" in (tmp_path / "TorrentServer.mmd").read_text()


GIVEN = """
from statemachine import Event, State, StateChart


class Printer(StateChart):
    idle = State(initial=True)
    busy = State()
    recv_publish = Event(idle.to(busy), name="?publish")
    send_done = Event(busy.to(idle), name="!done")


class Desk(StateChart):
    open = State(initial=True)
    recv_done = Event(open.to.itself(), name="?done")


MAY_STAY = {"Printer": ["idle"], "Desk": ["open"]}
"""


@pytest.mark.parametrize("how", ["press", "press.py"])
def test_charts_that_were_just_changed_are_those_that_stand_there(folder: Path, how: str) -> None:
    """They are as long as before, and were changed in the same second, which is all that Python asks of a file."""
    for given, status in (("1", 0), ("2", 1)):
        (folder / "press.py").write_text(GIVEN + f'OUTSIDE = {{"publish": {given}}}\n')
        os.utime(folder / "press.py", (1_700_000_000, 1_700_000_000))
        command = [sys.executable, "-m", "runtime.cli.main", "explore", "--charts", how]
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        variables["PYTHONPATH"] = str(Path(__file__).parents[3])
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=variables)
        assert done.returncode == status, done.stdout + done.stderr
    assert not (folder / "__pycache__").exists()


def test_what_comes_from_outside_is_given(folder: Path) -> None:
    (folder / "press.py").write_text(GIVEN)
    quiet = run("explore", "--charts", "press", "--json")
    assert json.loads(quiet.stdout)["states"] == 1
    (folder / "press.py").write_text(GIVEN + 'OUTSIDE = {"publish": 1}\n')
    once = run("explore", "--charts", "press.py", "--json")
    assert once.exit_code == 0, once.output
    assert json.loads(once.stdout)["states"] > 3
    (folder / "press.py").write_text(GIVEN + 'OUTSIDE = {"publish": 2}\n')
    twice = run("explore", "--charts", "press.py", "--property", "unexpected", "--show", "unexpected")
    assert twice.exit_code == 1, "the second comes while the printer is busy"
    assert "Outside->>Printer:publish" in twice.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('{"publsh": 1}', "no chart takes a message 'publsh'"),
        ('{"done": 1}', "Printer sends 'done' itself"),
        ('{"publish": 0}', "expected a whole number"),
        ('{"publish": None}', "expected a whole number"),
        ("1", "OUTSIDE: expected"),
    ],
)
def test_what_cannot_come_from_outside_is_refused(folder: Path, given: str, said: str) -> None:
    (folder / "press.py").write_text(f"{GIVEN}OUTSIDE = {given}\n")
    done = run("explore", "--charts", "press.py")
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("PROPERTEIS = []", "PROPERTEIS: did you mean PROPERTIES?"),
        ("FAULT = {'losses': 1}", "FAULT: did you mean FAULTS?"),
        ("PAYLOADS = {'ask': [([],)]}", "PAYLOADS['ask']: ([],) cannot be a key"),
    ],
)
def test_a_table_that_would_be_passed_over_is_refused(folder: Path, more: str, says: str) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write(f"\n{more}\n")
    result = run("explore", "--charts", "duo:BOTH")
    assert result.exit_code == 2
    assert says in result.stderr


def test_machines_of_transitions_are_for_a_check_only(folder: Path) -> None:
    (folder / "machine.py").write_text(
        "from transitions import Machine\nfrom spec.system.adapter import from_transitions\n"
        "def made():\n    return Machine(states=['a', 'b'], transitions=[['go', 'a', 'b']], initial='a')\n"
        "CHARTS = {'A': from_transitions(made, sends={'go'})}\n"
    )
    for command in (("explore",), ("diagrams", "--out", "drawn")):
        result = run(*command, "--charts", "machine")
        assert result.exit_code == 2, result.output
        assert "machines of the library transitions are for `clientjoin check`" in result.stderr


def test_the_explorer_has_the_channels_of_the_binding(folder: Path) -> None:
    (folder / "any.toml").write_text('[channels]\nmodel = "any"\n')
    result = run("explore", "--charts", "duo:BOTH", "--binding", "any.toml")
    assert "messages to one chart may overtake each other" in result.stdout.splitlines()[0]
    (folder / "pair.toml").write_text('[channels]\nmodel = "pair"\n')
    result = run("explore", "--charts", "duo:BOTH", "--binding", "pair.toml")
    assert result.exit_code == 2
    assert 'leave model = "pair" to check' in result.stderr


@pytest.mark.parametrize("table", ['BROADCAST = ["ask"]', "PAYLOADS = {}"])
def test_what_a_check_does_not_read_is_not_answered(folder: Path, table: str) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write(f"\n{table}\n")
    result = run("check", "asking.txt", "--charts", "duo:BOTH")
    asks_more = not table.endswith("{}")
    assert result.exit_code == (3 if asks_more else 0), result.output
    told = f"whether it is so with {table.split(maxsplit=1)[0]} of duo:BOTH, which only `clientjoin explore` reads"
    assert (told in result.stdout) is asks_more


TABLES = {
    'ROUTES = {"question": ("Answerer",)}': 0,
    'ROUTES = {"question": ()}': 1,
    'ROUTES = {"qestion": ("Answerer",)}': 2,
    'ROUTES = {"question": "Answerer"}': 2,
    'STARTS = {"Asker": "resting"}': 0,
    'STARTS = {"Asker": "waiting"}': 1,
    'STARTS = {"Asket": "waiting"}': 2,
    'PAYLOADS = {"question": [(7,)]}': 0,
}


@pytest.mark.parametrize("table", TABLES)
def test_a_check_reads_the_tables_of_a_module(folder: Path, table: str) -> None:
    with (folder / "duo.py").open("a") as file:
        file.write(f"\n{table}\n")
    result = run("check", "asking.txt", "--charts", "duo:BOTH")
    assert result.exit_code == TABLES[table], result.output
