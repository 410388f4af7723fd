"""`clientjoin explore` as a user types it."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runtime.cli.main import app
from spec.exploration.model.scenario import scenario
from spec.exploration.properties.client_join import PROPERTIES
from tests.support.programs import HANGS


def explore(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explore", *arguments])


def test_what_holds_ends_well() -> None:
    done = explore("--scenario", "standard", "--stats")
    assert done.exit_code == 0, done.output
    assert "304 states (all of them)" in done.output
    assert "BROKEN" not in done.output


def test_what_is_broken_is_told_as_a_diagram(tmp_path: Path) -> None:
    done = explore("--scenario", "hasty", "--save", str(tmp_path), "--show", "whoever is registered")
    assert done.exit_code == 1
    assert "BROKEN          quiescent      whoever is registered counts itself as registered" in done.output
    assert "participantgroup Tracker Server" in done.output
    (saved,) = tmp_path.iterdir()
    assert saved.name == "whoever-is-registered-counts-itself-as-registered.txt"
    played = CliRunner().invoke(app, ["replay", str(saved)])
    assert played.exit_code == 0, played.output


def test_by_default_what_is_broken_is_a_line_and_the_rest_a_count() -> None:
    done = explore("--scenario", "hasty")
    lines = done.stdout.splitlines()
    assert len(lines) < 12
    broken = lines.index("BROKEN          quiescent      whoever is registered counts itself as registered")
    assert lines[broken + 1].split(": ") == ["                9 steps", "torrent1's timeout expires"]
    assert lines[broken + 2].startswith("1 broken, 37 hold, 54 do not apply")
    assert lines[-1].startswith("Next: ")
    assert "participantgroup" not in done.stdout
    assert "\nholds " not in done.stdout


def test_verbose_lists_every_property() -> None:
    done = explore("--scenario", "hasty", "-v")
    verdicts = [line for line in done.stdout.splitlines() if re.match(r"(BROKEN|holds|does not apply) ", line)]
    assert len(verdicts) == len(PROPERTIES)
    assert "Assumed of runs: " in done.stdout


def test_what_is_undetermined_is_listed_with_the_reason() -> None:
    done = explore("--scenario", "leaving", "--states", "100")
    assert "undetermined    always         the tracker meets nothing that its charts call impossible (more than" in (
        done.stdout
    )


def test_show_of_no_property_is_refused_before_the_search() -> None:
    done = explore("--scenario", "default", "--torrents", "9", "--show", "flying pigs")
    assert done.exit_code == 2
    assert "--show 'flying pigs': no property that is asked has these words in its name; --list" in done.stderr


def test_show_of_what_holds_says_so_and_changes_no_status() -> None:
    done = explore("--scenario", "standard", "--show", "every attempt ends")
    assert done.exit_code == 0
    assert "--show 'every attempt ends': no such property is broken, so there is no run" in done.stderr


def test_random_runs_say_what_is_broken_in_a_line() -> None:
    done = explore("--scenario", "hasty", "--simulate", "60", "--seed", "3")
    assert done.exit_code == 1, done.output
    assert re.search(
        r"\nBROKEN +quiescent +whoever is registered.*\n +\d+ steps: .*torrent\d's timeout expires", done.stdout
    )


def test_json() -> None:
    done = explore("--scenario", "hasty", "--json", "--property", "counts itself")
    told = json.loads(done.stdout)
    assert {"scenario", "states", "transitions", "depth", "seconds", "complete", "properties"} <= told.keys()
    assert told["complete"] is True
    broken = [one for one in told["properties"] if one["holds"] is False]
    assert [one["name"] for one in broken] == ["whoever is registered counts itself as registered"]
    assert broken[0]["counterexample"].startswith("title ")
    assert (broken[0]["steps"], broken[0]["happens"]) == (9, "torrent1's timeout expires")
    assert all({"name", "kind", "holds", "counterexample"} <= one.keys() for one in told["properties"])


def test_bounds_and_sizes_from_the_command_line() -> None:
    few = explore("--scenario", "standard", "--torrents", "1", "--json")
    more = explore("--scenario", "standard", "--torrents", "1", "--bound", "losses=1", "--json")
    assert json.loads(few.stdout)["states"] < json.loads(more.stdout)["states"]


def test_a_search_that_is_stopped_is_no_pass() -> None:
    done = explore("--scenario", "leaving", "--states", "100")
    assert done.exit_code == 3
    assert "not all of them" in done.output
    assert "\nholds" not in done.output


def test_random_runs_can_be_repeated() -> None:
    first, second = (json.loads(explore("--simulate", "20", "--seed", "7", "--json").stdout) for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    assert first["complete"] is False


def test_the_model_for_spin(tmp_path: Path) -> None:
    path = tmp_path / "model.pml"
    done = explore("--scenario", "standard", "--promela", str(path))
    assert done.exit_code == 0, done.output
    assert "active proctype closed_system()" in path.read_text()


def test_lists() -> None:
    done = explore("--list")
    assert done.exit_code == 0
    assert "hasty" in done.output
    assert "every attempt ends" in done.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scenario", "nothing"], "no scenario 'nothing'; there are default"),
        (["--torrents", "0"], "--torrents '0': give a number from 1 to 9"),
        (["--torrents", "20000"], "--torrents '20000': give a number from 1 to 9"),
        (["--scenario", "rivals", "--torrents", "1"], "--torrents 1 does not fit: scenario 'rivals': conflicting is 2"),
        (["--scenario", "spelling", "--torrents", "1"], "--torrents 1 does not fit: no server 'torrent2'"),
        (["--seed", "3"], "--length and --seed go with --simulate"),
        (["--table", "--hardened"], "--hardened does not go with --table"),
        (["--torrents", "77"], "from 1 to 9"),
        (["--bound", "losses"], "write FAULT=N"),
        (["--bound", "losses=many"], "is no bound"),
        (["--bound", "losses=1", "--bound", "losses=any"], "'losses' is bounded twice"),
        (["--bound", "meteors=1"], "no fault 'meteors'; there are losses"),
        (["--property", "flying pigs"], "no property has these words"),
        (["--scenarios", "/nowhere/at/all.toml"], "cannot be read"),
        (["--scenario", "standard", "--save", "/proc/nowhere"], "cannot write"),
    ],
)
def test_bad_input_is_told_in_a_line(arguments: list[str], told: str) -> None:
    done = explore(*arguments)
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has to hold tables"),
        ("[scenario.x]\ndescription = 1", "1 is no str"),
        ("[scenario.x]\ntorrents = true", "True is no int"),
        ("[scenario.x]\nwings = 2", "no such key; there are"),
        ("[scenario.x]\ntimeouts = 'soon'", "is not one of any, patient, never"),
        ("[scenario.x]\nconflicting = 1", "from 2 to torrents"),
        ("[scenario.x]\nloses = ['Joining']", "no event 'Joining'; there are TrackerHello"),
        ("[scenario.x.faults]\nlosses = -1", "is no bound"),
        (
            "[scenario.x.faults]\nlossses = 1",
            "no fault 'lossses'; did you mean 'losses'?",
        ),
        ("[scenario.x", "is not TOML"),
    ],
)
def test_a_bad_scenario_file_names_place_and_remedy(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    done = explore("--scenarios", str(path), "--scenario", "x")
    assert done.exit_code == 2, done.output
    assert str(path) in done.output.replace("\n", "")
    assert told in done.output


def test_a_scenario_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[scenario.mine]\ndescription = "mine"\ntorrents = 1\nfaults = { "wipe torrent" = 1 }\n')
    done = explore("--scenarios", str(path), "--scenario", "mine")
    assert "mine, 1 torrent servers: mine" in done.output


def test_a_scenario_file_that_is_edited_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for torrents in (1, 2):
        path.write_text(f'[scenario.mine]\ndescription = "mine"\ntorrents = {torrents}\n')
        assert scenario("mine", path).torrents == torrents


def test_what_stopped_a_search_is_told() -> None:
    done = explore("--scenario", "losses", "--memory", "1", "--property", "admitted")
    assert done.exit_code == 3
    assert "not all of them: there is no more memory, it takes" in done.output
    told = json.loads(explore("--scenario", "losses", "--states", "10", "--json", "--property", "admitted").stdout)
    assert (told["complete"], told["stopped"]) == (False, "more than 10 states were not wanted")


def test_ctrl_c_reports_what_was_covered() -> None:
    """As soon as some states are found, which a terminal is told."""
    command = [sys.executable, "-m", "runtime.cli.main", "explore", "--torrents", "3", "--seconds", "60"]
    shows, terminal = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True) as process:
        os.close(terminal)
        shown, is_interrupted = b"", False
        with contextlib.suppress(OSError):  # where nobody has the terminal any more, Linux tells an error
            while part := os.read(shows, 1 << 12):
                shown += part
                if not is_interrupted and b" to look at" in shown:
                    process.send_signal(signal.SIGINT)
                    is_interrupted = True
        out, _ = process.communicate(timeout=HANGS)
    os.close(shows)
    assert is_interrupted
    assert b"Traceback" not in shown
    assert process.returncode in {1, 3}, shown
    assert "it was interrupted" in out


def test_it_stops_when_its_time_is_over() -> None:
    result = CliRunner().invoke(app, ["explore", "--seconds", "0.1", "--property", "pending admission has a timeout"])
    assert result.exit_code == 3, result.output
    assert "(not all of them: it took more than 0.1 seconds)" in result.stdout
    any_number = CliRunner().invoke(app, ["explore", "--seconds", "1", "--torrents", "any"])
    assert any_number.exit_code == 2
    assert "--seconds does not go with --torrents any" in any_number.stderr
