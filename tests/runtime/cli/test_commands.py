"""The command line as a user has it: what it prints and where, its statuses, and that no traceback reaches anybody."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from machines import CHARTS
from runtime.cli.main import COMMANDS, app
from runtime.demo.scenarios import SCENARIOS
from runtime.mqtt.session import BrokerAddress
from spec.notation import read
from tests.support.nightly import by_day
from tests.support.places import DIAGRAMS
from tests.support.programs import HANGS

QUICK = ("demo", "--scenario", "standard")
SOME = tuple(map(str, sorted(DIAGRAMS.glob("TrackerServerStartup_*.txt"))))
LOST = "--lose=ClientJoinAccepted@to-broker:nobody"


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "runtime.cli.main", *args]


def run(*args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, without a terminal; no traceback is ever shown."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    done = subprocess.run(
        command(*args), capture_output=True, text=True, check=False, env=environment, errors="replace", timeout=HANGS
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def refused(*args: str) -> str:
    """What is said on standard error, in this process, where nothing is played."""
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert not result.stdout
    return " ".join(result.stderr.split())


# What is printed.


def test_the_demo_for_people() -> None:
    done = run("demo", "--timeout", "0.5")
    assert done.returncode == 0
    assert not done.stderr
    lines = done.stdout.splitlines()
    assert sum(line.startswith("== ") for line in lines) == 5
    assert [line for line in lines if " -x " in line and line.endswith("LOST | Tracker: awaiting confirmations")]
    end = lines.index("Everybody is registered, and all distribution views agree.")
    assert "1 lost, 1 never came; 2 timeouts exceeded." in lines[end - 1]
    assert lines[end + 2].startswith("Next: ")
    assert len(lines) < 75
    assert not [line for line in lines if "SetTimeout" in line or "SUBSCRIBE" in line]
    assert "\x1b" not in done.stdout


def test_of_many_torrent_servers_the_demo_shows_numbers() -> None:
    done = run(*QUICK, "--torrents", "5")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert len(lines) < 20
    assert not [line for line in lines if " -> " in line]
    assert "                    6  registered" in lines
    assert "1 lost" not in done.stdout
    assert not done.stderr


@pytest.mark.parametrize(
    "variables",
    [
        {"TERM": "dumb", "COLUMNS": "40"},
        {"LANG": "C", "LC_ALL": "C", "NO_COLOR": "1"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
    ids="-".join,
)
def test_wherever_it_is_printed(variables: dict[str, str]) -> None:
    done = run(*QUICK, "--lose=ClientJoinDenied@to-broker:Zoë", **variables)
    if "POSIX" in variables.values():
        assert done.returncode == 2  # those are no characters there
        assert "expected characters that can be printed" in done.stderr
    else:
        assert done.returncode == 1
        assert "This was to happen and never did: lose ClientJoinDenied@to-broker:Zo" in done.stdout


def test_json_is_one_object_a_line() -> None:
    done = run("demo", "--json", "--timeout", "0.4", "--qos", "0", LOST)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    acts = [row for row in rows if "act" in row]
    arrows = [row for row in rows if "message" in row]
    assert len(acts) == 4
    assert len(acts) + len(arrows) + 1 == len(rows)
    assert rows[-1]["arrows"] == len(arrows)
    assert rows[-1]["as_expected"] is True
    assert rows[-1]["unused_faults"] == [f"lose {LOST.removeprefix('--lose=')}"]
    assert rows[-1]["divergences"] == []
    assert {row["hop"] for row in arrows} == {"to-broker", "from-broker", None}
    (lost,) = [row for row in arrows if row["lost"] and not row["note"]]
    assert (lost["sender"], lost["message"], lost["client"]) == ("Tracker", "ClientJoinAccepted", "torrent-1")
    assert done.returncode == 1


def test_the_list_of_scenarios() -> None:
    result = CliRunner().invoke(app, ["demo", "--list"])
    assert [line.split()[0] for line in result.output.splitlines()] == [scenario.name for scenario in SCENARIOS]
    assert "--scenario" in CliRunner().invoke(app, ["demo", "--help"]).output
    assert CliRunner().invoke(app, []).exit_code == 2


def test_only_an_unexpected_end_has_an_exit_status() -> None:
    lost = ("--timeout", "0.2", "--lose", "ClientRegistered@to-broker")
    done = run("demo", "--scenario", "standard", *lost)
    assert done.returncode == 0
    assert "Not everybody is registered: Torrent awaits the next TrackerHello." in done.stdout


@pytest.mark.parametrize(
    ("lost", "status"),
    by_day(
        [
            ("ClientJoinAccepted@to-broker:torrent-9", 1),
            ("ClientRegistered@to-broker#99", 1),
            ("TrackerHello@to-broker%0", 0),
            ("ClientJoinAccepted@to-broker:torrent-9%1", 0),
        ],
        [("ClientRegistered@to-broker#99", 1), ("TrackerHello@to-broker%0", 0)],
    ),
)
def test_a_fault_that_never_struck_is_no_success(lost: str, status: int) -> None:
    done = run(*QUICK, "--lose", lost)
    assert f"This was to happen and never did: lose {lost}" in done.stdout
    assert done.returncode == status


# What is refused.


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--timeout", "nan"], "--timeout"),
        (["--timeout", "inf"], "--timeout"),
        (["--timeout", "-1"], "--timeout"),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "1e9"], "--timeout"),
        (["--timeout", "soon"], "--timeout"),
        (["--torrents", "0"], "--torrents"),
        (["--torrents", "1000000000"], "--torrents"),
        (["--torrents", "101"], "100"),
        (["--torrents", "1.5"], "--torrents"),
        (["--qos", "3"], "--qos"),
        (["--port", "65536"], "--port"),
        (["--port", "-1"], "--port"),
        (["--seed", "x"], "--seed"),
        (["--bogus"], "--bogus"),
        (["surplus"], "surplus"),
        (["--scenario", "sead"], "no scenario 'sead'; there are acceptance-lost-to-broker, "),
        (["--lose", "ClientJoin@to-broker"], "did you mean ClientJoin"),
        (["--lose", "TrackerHello"], "expected @ and one of to-broker, from-broker"),
        (["--lose", "TrackerHello@to-broker%2"], "expected a number from 0 to 1"),
        (["--lose", "TrackerHello@to-broker#0"], "expected a whole number from 1"),
        (["--lose", "TrackerHello@to-broker=1"], "no =SECONDS for the kind lose"),
        (["--delay", "TrackerHello@to-broker"], "=SECONDS above 0"),
        (["--delay", "TrackerHello@to-broker=nan"], "=SECONDS above 0"),
        (["--duplicate", "TrackerHello@to-broker:\x1b[2J"], "expected characters that can be printed"),
        (["--lose", "TrackerHello@to-broker:\udcff"], "expected characters that can be printed"),
        (["--record", "/dev/null/run.txt"], "cannot write /dev/null/run.txt: Not a directory"),
        (["--record", "/"], "cannot write /: Is a directory"),
        (["--broker", "localhost"], "'localhost' is no broker: unknown scheme ''; the form is mqtt://"),
        (["--broker", "mqtt://user:secret@host:port"], "'mqtt://...@host:port' is no broker"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused_before_playing(args: list[str], expected: str) -> None:
    said = refused("demo", *args)
    assert expected in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://h", BrokerAddress("h", 1883)),
        ("mqtt://h:1/", BrokerAddress("h", 1)),
        ("mqtts://u@h", BrokerAddress("h", 8883, "u", tls=True)),
        ("mqtt://u%40x:p%2F%23@[::1]:5", BrokerAddress("::1", 5, "u@x", "p/#")),
        ("ws://h", BrokerAddress("h", 80, websocket_path="/mqtt")),
        ("wss://h:9/x", BrokerAddress("h", 9, tls=True, websocket_path="/x")),
    ],
)
def test_a_broker_by_url(url: str, address: BrokerAddress) -> None:
    parsed = BrokerAddress.parse(url)
    assert parsed == address
    assert "p/#" not in f"{parsed} {parsed!r}"
    assert BrokerAddress.parse(str(parsed)).host == parsed.host


@pytest.mark.parametrize(
    "url",
    [
        *("", "h", "h:1883", "http://h", "mqtt://", "mqtt://:1", "mqtt://h:0", "mqtt://h:65536", "mqtt://h:x"),
        *("mqtt://h/x", "mqtt://h?x", "mqtt://h#x", "mqtt://[::1", "mqtt://:pw@h", "mqtt://u:pw#x@h"),
        *("mqtt://u:pw/x@h", "mqtt:u:pw@h"),
    ],
)
def test_what_is_no_url_of_a_broker(url: str) -> None:
    with pytest.raises(ValueError, match=r"is no broker: .*; the form is mqtt://") as caught:
        BrokerAddress.parse(url)
    assert "pw" not in str(caught.value)


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(*QUICK, "--port", str(port))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"clientjoin: port {port} of 127.0.0.1 is already in use: stop the program")


def test_a_broker_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = run(*QUICK, "--broker", f"mqtt://user:secret@127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"tracker went offline before the tracker serves: mqtt://127.0.0.1:{port} cannot be reached" in done.stderr
    assert "check --broker" in done.stderr
    assert "secret" not in done.stdout + done.stderr


# Where the output goes.


def test_a_recording_and_one_in_mermaid(tmp_path: Path) -> None:
    title = "Client Join (standard)\n"
    for name, begins in (("run.txt", f"title {title}"), ("run.mmd", f"---\ntitle: {title}")):
        assert run(*QUICK, "--record", str(tmp_path / name)).returncode == 0
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.startswith(begins)
    assert not read((tmp_path / "run.txt").read_text(encoding="utf-8")).diagnostics


full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


@full
def test_a_recording_for_which_there_is_no_space() -> None:
    done = run(*QUICK, "--record", "/dev/full")
    assert done.returncode == 1
    assert done.stderr == "clientjoin: cannot write /dev/full: No space left on device\n"


@full
@pytest.mark.parametrize("args", [QUICK, ("demo", "--list"), ("--help",)], ids=" ".join)
def test_an_output_for_which_there_is_no_space(args: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as out:
        done = subprocess.run(command(*args), stdout=out, stderr=subprocess.PIPE, text=True, check=False, timeout=HANGS)
    assert done.returncode == 1
    assert done.stderr == "clientjoin: cannot go on: No space left on device\n"


@pytest.mark.parametrize("args", [QUICK, (*QUICK, "--json")], ids=" ".join)
def test_a_reader_that_has_seen_enough(args: tuple[str, ...]) -> None:
    with subprocess.Popen(command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 141
        assert not process.stderr.read()


@pytest.mark.parametrize(
    ("by", "status", "arrows"),
    by_day(
        [(signal.SIGINT, 130, 1), (signal.SIGINT, 130, 45), (signal.SIGINT, 130, 95), (signal.SIGTERM, 143, 45)],
        [(signal.SIGINT, 130, 1), (signal.SIGINT, 130, 95)],
    ),
)
def test_interrupted_at_any_moment(by: signal.Signals, status: int, arrows: int, tmp_path: Path) -> None:
    record = tmp_path / "run.txt"
    with subprocess.Popen(
        command("demo", "--timeout", "5", "--json", "--record", str(record)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(arrows):
            process.stdout.readline()
        os.killpg(process.pid, by)
        os.killpg(process.pid, by)  # an impatient user
        process.stdout.read()
        assert process.wait(60) == status
        said = process.stderr.read()
    assert said.endswith("arrows; everything was taken down\n")
    assert said.startswith(f"clientjoin: {'interrupted' if by is signal.SIGINT else 'terminated'} after ")
    assert not read(record.read_text(encoding="utf-8")).diagnostics


# Diagrams.


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_diagrams_are_the_same_whenever_they_are_made(tmp_path: Path) -> None:
    for name, seed in (("one", "1"), ("two", "2")):
        done = run("diagrams", "--out", str(tmp_path / name / "deep"), PYTHONHASHSEED=seed)
        assert done.returncode == 0
        assert len(done.stdout.splitlines()) == 2 * len(CHARTS)
    first = written(tmp_path / "one" / "deep")
    assert first == written(tmp_path / "two" / "deep")
    assert {name.partition(".")[2] for name in first} == {"mmd", "decisions.md"}
    assert len(first) == 2 * len(CHARTS)


@pytest.mark.usefixtures("graphviz_program")
def test_diagrams_as_pictures(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["diagrams", "--format", "svg", "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert all(b"<svg" in content for name, content in written(tmp_path).items() if name.endswith(".svg"))


@pytest.mark.parametrize("form", ["svg", "png"])
def test_pictures_without_graphviz(form: str, tmp_path: Path) -> None:
    done = run("diagrams", "--format", form, "--out", str(tmp_path / "new"), PATH=str(tmp_path))
    assert done.returncode == 1
    assert "needs Graphviz" in done.stderr
    assert "or use --format mermaid or --format dot" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_graphviz_that_fails(tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\ncat >/dev/null; echo it is broken >&2; exit 3\n", encoding="utf-8")
    program.chmod(0o755)
    done = run("diagrams", "--format", "svg", "--out", str(tmp_path), PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr == "clientjoin: Graphviz failed: it is broken; --format dot writes what it was given\n"


@pytest.mark.parametrize("out", ["/dev/null/x", "/dev/null"])
def test_diagrams_into_what_is_no_folder(out: str) -> None:
    result = CliRunner().invoke(app, ["diagrams", "--out", out])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"clientjoin: cannot write to {out}: ")
    assert "name another folder with --out" in result.stderr


def test_an_unknown_format_and_an_unknown_command() -> None:
    assert "--format" in refused("diagrams", "--format", "gif")
    assert "gif" in refused("gif")


# On a terminal.


def on_a_terminal(columns: int, *args: str, **variables: str) -> Iterator[str]:
    """The lines that a person sees on a terminal of that width."""
    script = shutil.which("script")
    if script is None:
        pytest.skip("the program 'script' is not installed")
    line = " ".join(command(*args))
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    environment |= variables
    done = subprocess.run(
        [script, "-qec", line, "/dev/null"], capture_output=True, text=True, check=False, env=environment, timeout=HANGS
    )
    assert done.returncode == 0, done.stdout
    yield from done.stdout.replace("\r", "").splitlines()


@pytest.mark.parametrize("columns", [80, 140])
def test_on_a_terminal_it_is_in_colour_and_fits_narrow_ones(columns: int) -> None:
    lines = list(on_a_terminal(columns, *QUICK, "-v"))
    assert any("\x1b[" in line for line in lines)
    states = "Torrent: awaiting connack, Broker: accepting"
    assert [f"| {states}" in line for line in lines if states in line] == [columns == 140]


@pytest.mark.parametrize(
    "args",
    [
        QUICK,
        ("explore", "--scenario", "standard", "-v"),
        pytest.param(("check", "-v", *SOME), marks=pytest.mark.nightly),
    ],
    ids=" ".join,
)
def test_no_color_is_respected_on_a_terminal(args: tuple[str, ...]) -> None:
    text = "\n".join(on_a_terminal(100, *args, NO_COLOR="1"))
    assert not re.search(r"\x1b\[(?:\d+;)*[349]\dm", text)  # bold and dim are no colours


def counts(told: str, number: int) -> bool:
    """Whether all that a check tells of so many diagrams is how many conform, and what is next."""
    lines = told.splitlines()
    return lines[0] == f"conforms          {number} diagrams" and len(lines) == 4 and "Next: clientjoin explore" in told


@pytest.mark.nightly
def test_of_all_diagrams_a_check_counts_those_that_conform() -> None:
    told = run("check").stdout
    assert counts(told, len(list(DIAGRAMS.glob("*.txt")))), told


def test_of_many_diagrams_a_check_counts_those_that_conform(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if these were many."""
    monkeypatch.setattr("spec.conformance.report.MOST_LISTED", len(SOME) - 1)
    told = CliRunner().invoke(app, ["check", *SOME]).stdout
    assert counts(told, len(SOME)), told


def test_colours_and_progress_are_for_terminals_only() -> None:
    args = ("explore", "--scenario", "standard", "-v")
    lines = list(on_a_terminal(200, *args))
    assert any(line.startswith("\x1b[32mholds\x1b[0m   ") for line in lines)
    shown = r"\x1b\[K[\d,]+ states, [\d,]+ to look at, depth \d+, [\d,]+ states/s, [\d,]+ MB"
    assert re.search(shown, "\n".join(lines))
    done = run(*args)
    assert "\x1b[" not in done.stdout + done.stderr


def test_the_progress_of_a_check_is_shown_on_a_terminal() -> None:
    checked = "\n".join(on_a_terminal(200, "check", *SOME))
    assert re.search(rf"\x1b\[K{len(SOME)} of {len(SOME)} diagrams checked", checked)


# What a shell completes.


def completed(line: str) -> set[str]:
    words = line.split(" ")
    variables = {"_CLIENTJOIN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return set(run(**variables).stdout.split("\n")) - {""}


def test_the_shell_completes_commands_and_names() -> None:
    assert completed("clientjoin ex") == {"explore"}
    assert completed("clientjoin explore --scenario has") == {"hasty"}
    assert completed("clientjoin explore --property nobo") == {
        "nobody counts itself as registered before it has heard so",
        "nobody is both admitted and registered",
        "nobody knows a client that is not registered",
        "nobody takes an answer to an earlier request",
    }
    assert completed("clientjoin demo --scenario acceptance-lost-t") == {"acceptance-lost-to-broker"}
    assert "--install-completion" in run("--help").stdout


def test_help_is_quick_and_names_every_command_once() -> None:
    told = run("--help").stdout
    assert "..." not in told.replace("[ARGS]...", "")
    assert [line.split()[0] for line in told.partition("Commands:\n")[2].splitlines() if line.strip()] == [*COMMANDS]


def test_main_imports_no_command_before_it_is_asked_for() -> None:
    program = "import sys, runtime.cli.main; print(*sorted(name for name in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"machines", "spec", "numpy", "statemachine", "amqtt", "rich.console"} & set(loaded)


@pytest.mark.parametrize(
    "line",
    by_day(
        [["explore", "--list"], ["explore", "--scenario", "standard", "-v"], ["check", "--seconds", "0.1", "-v"]],
        [["check", "--seconds", "0.1", "-v"]],
    ),
)
def test_who_stops_reading_is_no_finding(line: list[str]) -> None:
    """Status 1 would say that something is broken; 141 is what a program has that the signal of a broken pipe ends."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "runtime.cli", *line], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_command_that_is_misspelled_is_hinted_at() -> None:
    done = CliRunner().invoke(app, ["explor"])
    assert done.exit_code == 2
    assert "No such command 'explor'; did you mean 'explore'?" in done.output


def test_options_about_diagrams_are_refused_for_a_recorded_run(tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.txt"
    done = CliRunner().invoke(app, ["demo", "--record", str(recorded)])
    assert done.exit_code == 0, done.output
    for option in (["--binding", "no.toml"], ["--baseline", "no.toml"], ["--strict"], ["--seconds", "3"]):
        refused = CliRunner().invoke(app, ["check", str(recorded), *option])
        assert refused.exit_code == 2
        assert f"{option[0]} is about diagrams, and {recorded} is a recorded run" in refused.output


def test_the_cases_that_are_listed_are_those_that_are_asked_for() -> None:
    everything = CliRunner().invoke(app, ["verify", "--role", "tracker", "--list"])
    some = CliRunner().invoke(app, ["verify", "--role", "tracker", "--list", "--only", "burst"])
    none = CliRunner().invoke(app, ["verify", "--role", "tracker", "--list", "--only", "zzz"])
    assert (everything.exit_code, none.exit_code) == (0, 2)
    assert some.output.count("\n") < everything.output.count("\n") or some.exit_code == 2
    assert "no case has such a name" in none.output


def test_when_the_time_is_over_it_is_said_once() -> None:
    done = CliRunner().invoke(app, ["check", "--seconds", "0.1"])
    assert done.exit_code == 3
    assert done.output.count("--seconds allows more") == 1
    assert len(done.output.splitlines()) < 20
