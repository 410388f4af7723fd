"""The command `clientjoin monitor`, and runs as `check` and `replay` read them."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime.cli.main import app
from runtime.demo.output import recording
from runtime.demo.runner import DemoRunner
from runtime.demo.scenarios import SCENARIOS, scenario
from runtime.demo.settings import Settings
from runtime.mqtt.broker import EmbeddedBroker
from runtime.recorder import Arrow
from runtime.runs.judged import judge
from runtime.runs.logs import load_run, read_run
from spec.monitor import Answer, Monitor, Published

TRACES = sorted((Path(__file__).parents[2] / "data" / "traces").glob("*.txt"))
HELLO = '{"EventId":"3f2504e0-4f89-41d3-9a0c-0305e82c3301"}'
SUCCEEDED = '{"EventId":"3f2504e0-4f89-41d3-9a0c-0305e82c3302","ClientIdentifier":"t1"}'


class Nobody:
    """Watches nothing."""

    def act(self, title: str) -> None: ...

    def arrow(self, arrow: Arrow) -> None: ...


def record(name: str, torrents: int = 1) -> str:
    async def play() -> str:
        runner = DemoRunner(Settings(scenario(name), torrents=torrents, timeout=0.3), Nobody())
        await runner.run()
        return recording(f"Client Join ({name})", runner.recorder)

    return asyncio.run(play())


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "standard.txt"
    path.write_text(record("standard"), "utf-8")
    return path


def falsified(recorded: Path) -> Path:
    """The tracker accepts the second client with another fragment size."""
    lines = recorded.read_text("utf-8").splitlines()
    changed = [
        line.replace('"FragmentSize": 1024', '"FragmentSize": 1025')
        if '"ClientIdentifier": "torrent-1"' in line
        else line
        for line in lines
    ]
    path = recorded.with_name("falsified.txt")
    path.write_text("\n".join(changed), "utf-8")
    return path


def run(*arguments: str, given: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments), input=given)
    return result.exit_code, result.output


@pytest.mark.broker
@pytest.mark.parametrize("name", [one.name for one in SCENARIOS])
def test_what_the_demo_records_is_allowed(name: str) -> None:
    found = judge(read_run(record(name, torrents=2)))
    assert found.answer is Answer.ALLOWED, found.first


@pytest.mark.broker
@pytest.mark.parametrize("command", ["check", "replay", "monitor"])
def test_a_recording_is_read_by_every_command(recorded: Path, command: str) -> None:
    assert run(command, str(recorded))[0] == 0
    assert run(command, str(falsified(recorded)))[0] == 1


@pytest.mark.parametrize("trace", TRACES, ids=lambda path: path.stem)
def test_a_trace_of_the_explorer_is_read_by_every_command(trace: Path) -> None:
    for command in ("check", "replay", "monitor"):
        assert run(command, str(trace))[0] == 0


@pytest.mark.broker
def test_what_is_forbidden_is_told_with_what_was_allowed(recorded: Path, tmp_path: Path) -> None:
    status, output = run("monitor", str(falsified(recorded)), "--save", str(tmp_path))
    assert status == 1
    assert "FORBIDDEN  tracker: ClientJoinAccepted" in output
    assert "fragment_size 1024 and not 1025" in output
    assert "ClientJoin_Alternative2.txt, line 37" in output
    saved = {path.name for path in tmp_path.iterdir()}
    assert saved == {f"forbidden-1-tracker-{part}.txt" for part in ("last-minute", "shortest", "allowed")}
    again, _ = run("monitor", str(tmp_path / "forbidden-1-tracker-last-minute.txt"))
    assert again == 1


def test_lines_of_mosquitto_sub_are_read(tmp_path: Path) -> None:
    hello = f"tracker/hello {HELLO}"
    wrong = f"clients/join/succeeded {SUCCEEDED}"
    times = ("", "1795920001.5 ", "2026-11-29T02:10:50.123456Z+0000 ", "2026-11-29T02:10:50+0000 ")
    for time in times:
        log = tmp_path / "bus.log"
        log.write_text(f"{time}{hello}\n{time}{wrong}\n", "utf-8")
        assert run("monitor", "--from-the-start", str(log))[0] == 1, time
    rows = [
        {"tst": times[2].strip(), "topic": "tracker/hello", "qos": 0, "retain": 0, "payload": json.loads(HELLO)},
        {"tst": times[2].strip(), "topic": "clients/join/succeeded", "retain": 0, "payload": SUCCEEDED},
    ]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert run("monitor", "--from-the-start", str(log))[0] == 1
    log.write_text(f"{hello}\n", "utf-8")
    assert run("monitor", str(log))[0] == 0
    assert run("monitor", "-", given=f"{hello}\n")[0] == 0
    log.write_text(f"{wrong}\n", "utf-8")
    assert run("monitor", str(log))[0] == 3  # what it did before was not seen


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no run"),
        ("what is this", "line 1: 'what is this' is no observation"),
        ('{"kind": "publshed", "topic": "tracker/hello"}', "line 1: kind is 'publshed'; it is one of"),
        ('{"topic": "tracker/hello", "at": "soon", "payload": {}}', "line 1: at is 'soon'"),
        ('{"topic": "tracker/hello"', "line 1: column"),
        ('{"kind": "run", "version": 7}', "version 7 of the format"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_place(tmp_path: Path, text: str, told: str) -> None:
    log = tmp_path / "bus.log"
    log.write_text(text, "utf-8")
    status, output = run("monitor", str(log))
    assert status == 2
    assert told in output
    assert run("monitor", str(tmp_path / "none.log"))[0] == 2
    assert run("monitor")[0] == 2


def test_a_payload_that_is_no_event_cannot_be_told(tmp_path: Path) -> None:
    log = tmp_path / "bus.log"
    log.write_text(f"tracker/hello {HELLO}\ntracker/hello {{}}\n", "utf-8")
    status, output = run("monitor", str(log))
    assert status == 3
    assert "EventId" in output


# Logs as they are found.

NAMED = '"ClientIdentifier":"t1"'
ADDED = '"AddFileInfos":{},"AddFragmentInfos":{},"RemoveFileInfos":[],"RemoveFragmentInfos":[],"Clients":{}'
INFO = '"Info":{"Endpoints":[],"StoredFragments":[]},"AddedFiles":{},"AddedFragments":{}'
ASKED = '"HashAlgorithm":"a","KnownFileInfos":{},"StoredFragments":{},"Endpoints":[]'
JOIN = (
    ("tracker/hello", ""),
    ("clients/join/requested", f",{NAMED},{ASKED}"),
    ("clients/join/accepted", f',{NAMED},"FragmentSize":9,{ADDED}'),
    ("clients/join/succeeded", f",{NAMED}"),
    ("clients/registered", f",{NAMED},{INFO}"),
)


def lines(form: str, **changes: int) -> list[str]:
    """A join as `mosquitto_sub -F form` prints it; `mid` counts from 1."""
    rows = []
    for number, (topic, more) in enumerate(JOIN, 1):
        payload = f'{{"EventId":"3f2504e0-4f89-41d3-9a0c-0305e82c330{number}"{more}}}'
        at, retain = f"2026-11-29T06:00:1{number}", changes.get("retain", 0) == number
        tst = f'{{"tst":"{at}.5Z+0000","topic":"{topic}","retain":{int(retain)},"mid":{number}'
        every = {"%t": topic, "%p": payload, "%q": "2", "%l": "99", "%I": f"{at}+0000", "%U": f"179593201{number}.25"}
        every |= {
            "%D": at.replace("T", " "),
            "%J": f'{tst},"payload":{payload}}}',
            "%j": f'{tst},"payload":{json.dumps(payload)}}}',
        }
        row = form
        for name, value in every.items():
            row = row.replace(name, value)
        rows.append(row)
    return rows


def judged(tmp_path: Path, *rows: str, options: tuple[str, ...] = ("--from-the-start",)) -> tuple[int, str]:
    log = tmp_path / "bus.log"
    log.write_text("\n".join(rows) + "\n", "utf-8")
    status, output = run("monitor", *options, str(log))
    assert "Traceback" not in output
    stream = run("monitor", *options, "-", given=log.read_text("utf-8"))
    assert stream[0] == (3 if "give the log as a file" in stream[1] else status)
    return status, output


FORMATS = (
    "%t %p",
    "%I %t %p",
    "%U %t %p",
    "%D %t %p",
    "%I %q %l %t %p",
    "%t\t%p",
    "%t: %p",
    "%p %t",
    "%I,%t,%p",
    "%J",
    "%j",
)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_with_topic_and_payload_is_read(tmp_path: Path, form: str) -> None:
    right, wrong = lines(form), lines(form)
    del wrong[2]
    assert judged(tmp_path, *right)[0] == 0
    assert judged(tmp_path, *wrong)[0] == (3 if form in {"%J", "%j"} else 1)  # these are numbered: one is missing
    assert judged(tmp_path, *wrong, options=("--from-the-start", "--gaps"))[0] == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({2: None}, "lines are missing"),
        ({2: "cut"}, "no JSON object"),
        ({4: "cut"}, "no JSON object"),
        ({2: '{"tst":"soon","topic":"tracker/hello","payload":{}}'}, "is no time"),
        ({2: '{"topic":7}'}, "topic is 7"),
    ],
)
def test_what_is_missing_in_a_log_cannot_be_told(tmp_path: Path, change: dict[int, str | None], why: str) -> None:
    rows: list[str | None] = [*lines("%J")]
    for place, text in change.items():
        rows[place] = str(rows[place])[:90] if text == "cut" else text
    status, output = judged(tmp_path, *(row for row in rows if row is not None))
    assert status == 3
    assert why in output


@pytest.mark.parametrize(("form", "status"), [("%U %t %p", 0), ("2026-11-29T06:00:10+0000 %t %p", 1), ("%t %p", 1)])
def test_lines_are_put_in_the_order_of_their_times(tmp_path: Path, form: str, status: int) -> None:
    """Without times, and where all have one time, the order is that of the lines."""
    rows = lines(form)
    rows[2], rows[3] = rows[3], rows[2]
    assert judged(tmp_path, *rows)[0] == status
    if form.startswith("%U"):
        twice = [row.replace("14.25", "13.25") for row in rows]
        assert judged(tmp_path, twice[2], twice[0], twice[1], *twice[3:])[0] == 3


def test_other_topics_and_what_was_retained_are_passed_over(tmp_path: Path) -> None:
    rows = lines("%t %p")
    others = ("home/lamp on", "$SYS/broker/uptime 12 seconds", "lamp {}", "far/away/tracker/hello/x y")
    assert judged(tmp_path, others[0], *rows[:2], *others[1:], *rows[2:], others[0])[0] == 0
    assert judged(tmp_path, *rows[:2], 'quested {"EventId":1}', *rows[2:])[0] == 3
    assert judged(tmp_path, *lines("%J", retain=1))[0] == 3
    (tmp_path / "cut.log").write_text("\n".join([*rows[:4], rows[4][:9]]), "utf-8")
    assert run("monitor", str(tmp_path / "cut.log"))[0] == 3


def test_topics_of_a_service_are_read(tmp_path: Path) -> None:
    below = [f"plant/{row}" for row in lines("%t %p")]
    status, output = run("monitor", str(_written(tmp_path, below)))
    assert (status, "give --prefix plant" in output) == (2, True)
    assert judged(tmp_path, *below, options=("--prefix", "plant"))[0] == 0
    assert run("monitor", "--prefix", "a//b", str(_written(tmp_path, below)))[0] == 2
    each = [row.replace("clients/join/accepted", "clients/join/accepted/plant-t1") for row in below]
    assert judged(tmp_path, *each, options=("--prefix", "plant", "--topic-per-client"))[0] == 0


def _written(tmp_path: Path, rows: list[str]) -> Path:
    (tmp_path / "below.log").write_text("\n".join(rows), "utf-8")
    return tmp_path / "below.log"


@pytest.mark.broker
def test_a_broker_that_runs_is_watched() -> None:
    async def play() -> tuple[int, str]:
        async with EmbeddedBroker() as broker:
            url = f"mqtt://127.0.0.1:{broker.port}"
            watch = ["monitor", "--broker", url, "--from-the-start", "--json"]
            command = [sys.executable, "-m", "runtime.cli", *watch]
            watching = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            while not any(client.startswith("monitor-") for client in broker._clients):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            demo = [sys.executable, "-m", "runtime.cli", "demo", "--scenario", "standard", "--broker", url]
            playing = await asyncio.create_subprocess_exec(*demo, stdout=subprocess.DEVNULL)
            assert await playing.wait() == 0
            watching.terminate()
            output, _ = await watching.communicate()
            return watching.returncode or 0, output.decode()

    status, output = asyncio.run(play())
    last = json.loads(output.splitlines()[-1])
    assert last["answer"] == "allowed", output
    assert last["judged"] >= 8
    assert status == 0


def test_the_format_of_runs_is_read_back(recorded: Path) -> None:
    found = load_run(recorded)
    again = read_run("\n".join(found.lines()))
    assert again == found
    assert any(isinstance(one, Published) for one in found.seen)
    assert found.monitor().see_all(found.seen) is Answer.ALLOWED
    assert isinstance(found.monitor(), Monitor)
