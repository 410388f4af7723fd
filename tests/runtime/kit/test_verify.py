"""The kit tells right servers from wrong ones: a torrent server with paho, a tracker with aiomqtt, a shell script."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from machines.events import ClientJoinAccepted, ClientJoinRequested
from runtime.cli.main import app
from runtime.kit import bench
from runtime.kit.bench import Settings
from runtime.kit.mosquitto import Mosquitto
from runtime.kit.near_misses import given_twice, near_misses
from runtime.kit.paths import paths
from runtime.kit.playing import RUNS_ALREADY
from runtime.kit.report import as_html, as_json, as_junit, lines
from runtime.kit.result import Case, Status
from runtime.kit.skipping import Misses
from runtime.kit.subject import Subject, SubjectError
from runtime.kit.verdict import Report, arrows
from runtime.kit.verification import cases, verify
from runtime.mqtt.session import BrokerAddress
from runtime.runs.live import UnreachableError
from runtime.wire.events import Malformed, decode
from tests.support.nightly import by_day
from tests.support.programs import HANGS, needed

pytestmark = pytest.mark.broker

WRITTEN = Path(__file__).parents[2] / "data" / "implementations"
STAMP = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
ENOUGH = 0.3
"""Seconds that are waited for timeouts here: the servers' last longer, so that nobody can tell what is too late."""
SERVERS = {"torrent": "torrent_paho.py", "tracker": "tracker_aiomqtt.py"}


SHORT = 1.5
"""Seconds of timeouts that are exceeded here, before `LONG` is over."""
LONG = 2.5


def command(role: str, fault: str = "", **environment: object) -> str:
    given = " ".join(f"{name}={value}" for name, value in environment.items())
    return f'env {given} {sys.executable} {WRITTEN / SERVERS[role]} {{host}} {{port}} {{id}} "{fault}"'


def verified(role: str, only: str, fault: str = "", factor: float = 1.0) -> Report:
    settings = Settings(role, command(role, fault), time_factor=factor, patience=2.0, random_cases=1, enough=ENOUGH)
    return asyncio.run(verify(settings, only))


def timed(role: str, only: str, fault: str = "", **given: Any) -> Report:
    """Of a server whose timeouts are short."""
    started = command(role, fault, TIMEOUT=SHORT)
    return asyncio.run(verify(Settings(role, started, patience=2.0, random_cases=1, enough=LONG, **given), only))


RIGHT = [
    (role, only)
    for only in ("Standard", "Alternative", "startup/", "obligation/", "random/")
    for role in ("torrent", "tracker")
]


@pytest.mark.parametrize(("role", "only"), by_day(RIGHT, [("tracker", "Alternative"), ("torrent", "obligation/")]))
def test_a_right_server_conforms(role: str, only: str) -> None:
    report = timed(role, only) if only == "obligation/" else verified(role, only, factor=2.0)
    wrong = [(case.name, case.reasons) for case in report.cases if case.status is Status.VIOLATES]
    assert not wrong
    assert report.status is Status.CONFORMS, report.unanswered
    assert report.exit_status == 0


FAULTS = {"torrent": "confirms twice", "tracker": "registers in silence"}
TORRENT = "ClientJoin_StandardProcedure/Torrent"
TRACKER = "ClientJoin_StandardProcedure/Tracker"


@pytest.mark.parametrize(
    ("role", "fault", "only", "obligation"),
    [
        ("torrent", "subscribes to less", TORRENT, "allowed"),
        ("torrent", "goes on when refused", "startup/subscription refused", "allowed"),
        ("torrent", "goes on when refused", "startup/another", "allowed"),
        ("torrent", "stays when refused", "startup/subscription refused", "answers"),
        ("tracker", "goes on when refused", "startup/subscription refused", "allowed"),
        ("torrent", "joins twice", "obligation/repeated", "allowed"),
        ("torrent", "never confirms", TORRENT, "answers"),
        ("torrent", "confirms twice", TORRENT, "allowed"),
        ("torrent", "takes others' answers", "obligation/others", "allowed"),
        ("torrent", "names nobody", TORRENT, "readable"),
        ("torrent", "speaks for others", TORRENT, "itself"),
        ("torrent", "asks again when denied", "Alternative3/Torrent", "allowed"),
        ("torrent", "asks again when denied", "obligation/waits", "waits"),
        ("torrent", "dies of garbage", "obligation/malformed", "answers"),
        ("torrent", "stays registered", TORRENT, "answers"),
        ("torrent", "forgets new files", "ClientJoin_StandardProcedure/Client", "allowed"),
        ("torrent", "leaves without a word", "obligation/stops", "stops"),
        ("tracker", "leaves without a word", "obligation/stops", "stops"),
        ("tracker", "says no hello", "TrackerServerStartup", "starts"),
        ("tracker", "answers twice", "obligation/repeated", "allowed"),
        ("tracker", "registers anybody", "obligation/others", "allowed"),
        ("tracker", "remembers who left", "ClientGoodbye", "allowed"),
        ("tracker", "never denies", "Alternative3", "answers"),
        ("tracker", "shares endpoints", "obligation/conflicts", "allowed"),
        ("tracker", "never accepts", TRACKER, "answers"),
        ("tracker", "spells strictly", "obligation/spelling", "spelling"),
        ("tracker", "takes any size", "obligation/sizes", "sizes"),
        ("tracker", "overlooks conflicts", "obligation/metadata", "metadata"),
        ("tracker", "keeps its files", TRACKER, "allowed"),
        ("tracker", "registers in silence", TRACKER, "answers"),
        ("tracker", "denies who asks again", "obligation/again", "again"),
        ("tracker", "adds what is known", "obligation/known", "known"),
        ("tracker", "forgets promises", "obligation/promised", "promised"),
        ("torrent", "confirms again when registered", "obligation/stays", "stays"),
    ],
)
def test_a_wrong_server_violates(role: str, fault: str, only: str, obligation: str) -> None:
    report = verified(role, only, fault)
    assert report.status is Status.VIOLATES
    assert report.obligations[obligation] is Status.VIOLATES
    case = next(case for case in report.cases if case.status is Status.VIOLATES)
    assert case.reasons
    assert "title What was seen" in case.observed
    assert "title What is allowed" in case.expected


@pytest.mark.parametrize(
    ("role", "fault", "name"),
    [
        ("torrent", "sets no timeout", "expires"),
        ("torrent", "sets one timeout", "overdue"),
        ("tracker", "sets no timeout", "expires"),
    ],
)
def test_a_timeout_that_is_never_set_is_no_pass(role: str, fault: str, name: str) -> None:
    """It violates where timeouts have a bound; otherwise it may be longer than anybody waits for."""
    told = timed(role, f"obligation/{name}", fault, longest=LONG)
    assert told.obligations[name] is Status.VIOLATES
    report = timed(role, f"obligation/{name}", fault)
    assert report.exit_status == 3
    assert "--longest-timeout" in report.unanswered[f"obligation/{name}"]


def test_what_was_promised_until_a_timeout_is_free_after_it() -> None:
    assert timed("tracker", "obligation/expires", "keeps what it promised").obligations["expires"] is Status.VIOLATES


@pytest.mark.parametrize("broker", ["", "mosquitto"])
def test_a_tracker_that_keeps_its_clients_violates(tmp_path: Path, broker: str) -> None:
    """A tracker that begins anew lists nobody; whoever it has registered joins again."""
    started = command("tracker", "keeps its clients", STATE=tmp_path / "clients")
    settings = Settings("tracker", started, patience=2.0, mosquitto=needed(broker) if broker else "")
    report = asyncio.run(verify(settings, "obligation/restarts"))
    assert (report.obligations["restarts"], report.exit_status) == (Status.VIOLATES, 1)
    assert "client-1" in report.cases[0].expected or "client-1" in " ".join(report.cases[0].reasons)


@pytest.mark.parametrize("role", ["torrent", "tracker"])
@pytest.mark.parametrize("name", ["types", "twice"])
def test_what_is_nearly_an_event_is_skipped_or_that_is_told(role: str, name: str) -> None:
    """Both servers take such events for events: their choice, unless somebody demands better."""
    careless = timed(role, f"obligation/{name}").cases[0]
    assert careless.status is Status.ITS_CHOICE
    assert "--strict" in careless.why
    assert "the kit published" in careless.why
    strict = timed(role, f"obligation/{name}", strict=True)
    assert strict.status is Status.VIOLATES
    assert strict.cases[0].reasons[0].startswith("the kit published")


REQUEST = ClientJoinRequested(client="a", hash_algorithm="b", event_id=STAMP)
ACCEPTED = ClientJoinAccepted(client="a", fragment_size=1, event_id=STAMP)


@pytest.mark.parametrize("event", [REQUEST, ACCEPTED])
@pytest.mark.parametrize("misses", [near_misses, given_twice])
def test_near_misses_are_no_events(misses: Misses, event: ClientJoinRequested | ClientJoinAccepted) -> None:
    found = list(misses(event))
    assert len({what for what, _ in found}) == len(found) > 8
    for _, payload in found:
        with pytest.raises(Malformed):
            decode(event.topic, payload)


def test_a_tracker_that_lets_nobody_join_does_not_conform() -> None:
    settings = Settings("tracker", command("tracker"), patience=2.0, hash_algorithm="md5")
    report = asyncio.run(verify(settings, TRACKER))
    assert report.status is Status.CANNOT_TELL
    assert "--hash-algorithm" in report.untested


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("sh -c 'echo no such module >&2; exit 3'", "status 3; it printed 'no such module' last; it has not connected"),
        (f"{sys.executable} {WRITTEN / SERVERS['torrent']} {{host}} {{port}} other", "it has connected as 'other'"),
        ("sh -c 'setsid sleep 600 & :'", "status 0: it has to stay in the foreground"),
    ],
)
def test_a_server_that_does_not_start_is_told_how_and_given_up(program: str, words: str) -> None:
    report = asyncio.run(verify(Settings("torrent", program, startup=1.0), "StandardProcedure"))
    assert words in report.cases[0].why
    assert [case.status for case in report.cases[:3]] == [Status.VIOLATES] * 3
    assert {case.status for case in report.cases[3:]} == {Status.NOT_EXERCISED}
    assert report.obligations["starts"] is Status.VIOLATES


def test_a_server_that_only_ends_conforms_in_nothing() -> None:
    report = asyncio.run(verify(Settings("torrent", "false", startup=0.5, random_cases=0)))
    assert {case.status for case in report.cases} == {Status.VIOLATES, Status.NOT_EXERCISED}
    assert report.exit_status == 1


def test_a_server_that_leaves_in_a_hurry_is_not_accused() -> None:
    """Its goodbye is lost with its connection: nobody can tell whether it said it."""
    report = verified("torrent", "obligation/stops", "leaves in a hurry")
    assert report.cases[0].status is Status.CANNOT_TELL


def test_a_shell_script_that_plays_a_torrent_server_badly_violates() -> None:
    needed("mosquitto_sub")
    script = WRITTEN / "torrent.sh"
    settings = Settings("torrent", f"sh {script} {{host}} {{port}} {{id}}", patience=2.0)
    report = asyncio.run(verify(settings, TORRENT))
    assert report.status is Status.VIOLATES
    assert report.cases[0].reasons


@pytest.mark.parametrize("only", ["ClientJoin_StandardProcedure", "Goodbye", "startup/", "obligation/stops"])
def test_a_shell_script_that_plays_a_torrent_server_conforms(only: str) -> None:
    """It publishes over connections of other names, and what it listens with ends before it says goodbye."""
    needed("mosquitto_sub")
    script = WRITTEN / "torrent_right.sh"
    report = asyncio.run(verify(Settings("torrent", f"sh {script} {{host}} {{port}} {{id}}", time_factor=2.0), only))
    assert report.exit_status == 0, [report.unanswered, *(case.reasons for case in report.cases)]


@pytest.mark.parametrize("role", by_day(["torrent", "tracker"], ["tracker"]))
def test_servers_are_verified_on_mosquitto(role: str) -> None:
    program = needed("mosquitto")
    for only in ("Alternative4", "obligation/", "random/"):
        report = timed(role, only, mosquitto=program)
        report.accept({"ClientJoin_Alternative4:*": "what is lost before the broker is lost only at the kit's own"})
        assert report.status is Status.CONFORMS, [report.unanswered, *(case.reasons for case in report.cases)]
    wrong = Settings(role, command(role, FAULTS[role]), patience=2.0, mosquitto=program)
    assert asyncio.run(verify(wrong, "StandardProcedure/T")).status is Status.VIOLATES


@pytest.mark.parametrize(
    ("role", "fault", "obligation"),
    [
        ("torrent", "takes others' answers", "others"),
        ("torrent", "keeps what it knew", "metadata"),
        ("torrent", "forgets new files", "news"),
        ("tracker", "registers anybody", "others"),
        ("tracker", "remembers who left", "leavers"),
        ("tracker", "remembers who failed", "failures"),
    ],
)
def test_what_no_subscriber_sees_is_found_out_by_what_comes_next(role: str, fault: str, obligation: str) -> None:
    """On Mosquitto nobody sees what a server has read; then its next word has to show it."""
    settings = Settings(role, command(role, fault), patience=2.0, mosquitto=needed("mosquitto"))
    report = asyncio.run(verify(settings, f"obligation/{obligation}"))
    assert report.obligations[obligation] is Status.VIOLATES
    assert report.cases[0].reasons[0]
    assert "title What was seen" in report.cases[0].observed


@pytest.mark.parametrize(
    ("role", "name", "only", "fault"),
    [
        ("torrent", "t1", TORRENT, "never confirms"),
        ("tracker", "a tracker", "ClientJoin_Alternative3", "never denies"),
        ("tracker", "a tracker", "obligation/others", "registers anybody"),
    ],
)
def test_a_server_that_runs_already_is_verified(role: str, name: str, only: str, fault: str) -> None:
    """On Mosquitto, at which it was before the kit came."""
    program = needed("mosquitto")

    async def play(fault: str) -> Report:
        broker = Mosquitto(program)
        await broker.start(10.0)
        written = [sys.executable, str(WRITTEN / SERVERS[role]), "127.0.0.1", str(broker.port), name, fault]
        process = await asyncio.create_subprocess_exec(*written)
        try:
            await asyncio.sleep(1.0)  # until it has connected, and said its first word to nobody
            settings = Settings(role, "", BrokerAddress("127.0.0.1", broker.port), name, 2.0, patience=2.0)
            return await verify(settings, only)
        finally:
            process.kill()
            await process.wait()
            await broker.stop()

    right = asyncio.run(play(""))
    assert {*right.unanswered.values()} <= {RUNS_ALREADY}
    right.accept({"*": "it runs already"})
    assert right.exit_status == 0, [right.unanswered, *(case.reasons for case in right.cases)]
    assert asyncio.run(play(fault)).status is Status.VIOLATES


def test_what_needs_a_new_start_is_not_answered_without_one() -> None:
    settings = Settings("tracker", "", BrokerAddress("127.0.0.1", 1), "a tracker")
    cases = [Case("fine", "a case", Status.CONFORMS)]
    report = Report(settings, cases, planned=1)
    assert report.exit_status == 3
    assert "--exec" in report.unanswered["TrackerServerStartup_StandardProcedure:64"]
    assert "--mosquitto" in report.unanswered["ClientJoin_Alternative2:37"]


def test_the_arrow_is_blamed_that_was_published_wrongly() -> None:
    """Not the one that the kit was at when it saw that."""
    arrows = verified("torrent", TORRENT, "confirms twice").arrows
    assert arrows["ClientJoin_StandardProcedure:39"] is Status.VIOLATES
    assert arrows["ClientJoin_StandardProcedure:45"] is not Status.VIOLATES


@pytest.mark.parametrize("broker", ["", "mosquitto"])
def test_who_ends_a_verification_ends_the_server_and_its_broker(tmp_path: Path, broker: str) -> None:
    """By SIGTERM, which ends a program at once unless it listens; also what the server has started itself."""
    started = tmp_path / "started"
    script = f"sleep 600 & echo $$ $! > {started}.$$; mv {started}.$$ {started}; wait"
    given = ["--mosquitto", needed(broker)] if broker else []
    verifying = [sys.executable, "-m", "runtime.cli", "verify", "--role", "torrent", *given, "--exec"]
    process = subprocess.Popen([*verifying, f"sh -c '{script}'"], stderr=subprocess.PIPE, text=True)
    try:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        _, told = process.communicate(timeout=HANGS)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert told == "clientjoin: ended by SIGTERM; the server under test and its broker were ended, too\n"
    assert not running(started)


def running(started: Path) -> list[str]:
    """Which of the processes run on whose numbers a file tells: who was killed ends when the system comes to it."""
    numbers = started.read_text("utf-8").split()
    deadline = time.monotonic() + HANGS
    while (left := [number for number in numbers if runs(number)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def runs(number: str) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text("utf-8").split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"  # it has ended, and nobody has asked how


def test_a_server_whose_start_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    """Wherever: after each turn of the loop that a start takes."""

    async def interrupted(after: int) -> bool:
        started = tmp_path / f"started-{after}"
        script = f"sleep 600 & echo $$ $! > {started}.$$; mv {started}.$$ {started}; wait"
        subject = Subject(f'sh -c "{script}"', "", "", 0, "torrent-1")
        starting = asyncio.create_task(subject.start())
        for _ in range(after):
            await asyncio.sleep(0)
        has_started = starting.done()
        for _ in range(50 if after > 1 else 0):  # the loop stands still meanwhile
            if not started.exists():
                time.sleep(0.02)  # noqa: ASYNC251
        starting.cancel()
        await asyncio.wait({starting})
        assert starting.cancelled() is not has_started
        await subject.kill()
        subject.close()
        assert not started.exists() or not running(started), f"interrupted after {after} turns of the loop"
        return has_started

    async def all_turns() -> None:
        after = 0
        while not await interrupted(after):
            after += 1

    asyncio.run(all_turns())


def test_what_cannot_be_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would disturb the cases that come after."""
    subject = Subject("sleep 600", "", "", 0, "torrent-1")
    monkeypatch.setattr("runtime.kit.subject.ENDS_WITHIN", 0.05)
    monkeypatch.setattr(Subject, "_left", lambda _: iter([2**30]))  # no system has such a number

    async def ended() -> None:
        await subject.start()
        await subject.kill()

    with pytest.raises(SubjectError, match=r"could not be ended.*end 1073741824 by hand"):
        asyncio.run(ended())
    subject.close()


def test_a_broker_that_cannot_be_watched_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = []

    async def watch(*_: object) -> AsyncIterator[None]:
        raise UnreachableError("nobody is there")
        yield None

    async def stop(mosquitto: Mosquitto) -> None:
        stopped.append(mosquitto)
        await end(mosquitto)

    end = Mosquitto.stop
    monkeypatch.setattr(bench, "watch", watch)
    monkeypatch.setattr(Mosquitto, "stop", stop)
    settings = Settings("torrent", "true", mosquitto=needed("mosquitto"))
    report = asyncio.run(verify(settings, f"{TORRENT}/1"))
    assert report.status is Status.CANNOT_TELL
    assert len(stopped) == 2  # where the kit itself fails it tries once more
    assert any("was played once more: the kit lost its own broker" in note for note in report.notes)


def test_a_server_that_cannot_be_started_is_an_error() -> None:
    result = CliRunner().invoke(app, ["verify", "--role", "torrent", "--exec", "/no/such/program"])
    assert result.exit_code == 2
    assert "cannot start" in result.output
    assert CliRunner().invoke(app, ["verify", "--role", "torrent"]).exit_code == 2
    nothing = ["verify", "--role", "torrent", "--exec", "true", "--only", "no such case"]
    assert CliRunner().invoke(app, nothing).exit_code == 2


def test_silence_violates_and_a_missing_broker_is_an_error() -> None:
    settings = Settings("torrent", "sleep 60", startup=0.5)
    assert asyncio.run(verify(settings, TORRENT)).obligations["starts"] is Status.VIOLATES
    where = ["verify", "--role", "torrent", "--broker", "mqtt://127.0.0.1:1", "--only", TORRENT]
    assert CliRunner().invoke(app, where).exit_code == 2


def test_expected_failures_are_strict(tmp_path: Path) -> None:
    names = tmp_path / "xfail.txt"
    names.write_text("ClientJoin_StandardProcedure/Torrent/1  # it confirms twice\n", "utf-8")
    xfail = ["--xfail", str(names), "--only", TORRENT, "--json"]
    wrong = ["verify", "--role", "torrent", "--exec", command("torrent", "confirms twice"), *xfail]
    assert CliRunner().invoke(app, wrong).exit_code == 3  # nothing else was tried
    right = CliRunner().invoke(app, ["verify", "--role", "torrent", "--exec", command("torrent"), *xfail])
    assert right.exit_code == 1
    told = json.loads(right.output[right.output.index("{") :])
    assert told["unexpected"] == ["ClientJoin_StandardProcedure/Torrent/1 was expected to be violated, and is not"]


def test_names_that_mean_nothing_are_an_error(tmp_path: Path) -> None:
    names = tmp_path / "xfail.txt"
    names.write_text("obligation/repeatd\n", "utf-8")
    run = ["verify", "--role", "torrent", "--exec", "true"]
    for given, words in (
        (["--xfail", str(names)], "did you mean obligation/repeated"),
        (["--accept", "stosp=it runs for ever"], "did you mean stops"),
        (["--accept", "stops"], "say NAME=REASON"),
    ):
        result = CliRunner().invoke(app, [*run, *given])
        assert result.exit_code == 2
        assert words in result.output


def test_what_is_not_answered_is_named_on_the_last_line() -> None:
    run = ["verify", "--role", "torrent", "--only", "obligation/stops"]
    result = CliRunner().invoke(app, [*run, "--exec", command("torrent", "leaves in a hurry")])
    assert result.exit_code == 3
    assert "not answered: obligation/stops" in result.output.splitlines()[-1]
    assert "--accept NAME=REASON" in result.output.splitlines()[-1]
    assert "--accept 'obligation/stops=REASON'" in result.output
    assert "--stop-signal" in result.output


def test_every_form_of_the_report_tells_the_same(tmp_path: Path) -> None:
    junit, page = tmp_path / "report.xml", tmp_path / "report.html"
    run = ["verify", "--role", "torrent", "--exec", command("torrent", "confirms twice"), "--only", TORRENT]
    result = CliRunner().invoke(app, [*run, "--junit", str(junit), "--html", str(page)])
    assert result.exit_code == 1
    assert "violates       ClientJoin_StandardProcedure:" in result.output
    suites = ET.parse(junit).getroot()
    assert {suite.get("name") for suite in suites} == {"cases", "arrows", "obligations"}
    assert any(case.find("failure") is not None for case in suites.iter("testcase"))
    text = page.read_text("utf-8")
    assert "Right would have been" in text
    assert "http" not in text.replace("http://", "", 0) or "src=" not in text


def test_reports_can_hold_whatever_a_server_prints() -> None:
    case = Case("a", "b", Status.VIOLATES, "why <&\x00\x1b", output="\x07<script>")
    report = Report(Settings("torrent"), [case])
    ET.fromstring(as_junit(report))
    assert "<script>" not in as_html(report)
    json.dumps(as_json(report))
    assert list(lines(report))


def test_every_arrow_of_the_protocol_at_a_role_has_a_path() -> None:
    for role in ("torrent", "tracker"):
        names = [case.name for case, _ in cases(Settings(role))]
        assert len(names) == len(set(names))
        assert any("Alternative4" in name for name in names)
        assert all(path.publications for path in paths(role))
        assert len(arrows(role)) >= 15
