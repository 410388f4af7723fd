"""The commands, as processes: two terminals, and how each ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.mqtt import ports
from tests.support.mosquitto import Mosquitto
from tests.support.places import TOP
from tests.support.programs import needed

SOON = 40.0


class Command:
    """`clientjoin ...` as a process, with its log."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.log = folder / f"{len(list(folder.iterdir()))}-{arguments[0]}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runtime.cli", *arguments],
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(TOP), **environment},
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def until(self, text: str) -> None:
        ends = time.monotonic() + SOON
        while text not in self.said():
            assert self.process.poll() is None or text in self.said(), self.said()
            assert time.monotonic() < ends, self.said()
            time.sleep(0.02)

    def ends(self, by: signal.Signals | None = None) -> int:
        if by:
            self.process.send_signal(by)
        return self.process.wait(SOON)


@pytest.fixture
def commands(tmp_path: Path) -> Iterator["list[Command]"]:
    running: list[Command] = []
    yield running
    for command in running:
        command.process.kill()
        command.process.wait()


def start(commands: list[Command], folder: Path, *arguments: str, **environment: str) -> Command:
    commands.append(Command(folder, *arguments, **environment))
    return commands[-1]


def test_two_terminals_and_two_commands(commands: list[Command], tmp_path: Path, free_port: int) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"content")
    at = f"mqtt://127.0.0.1:{free_port}"
    tracker = start(commands, tmp_path, "tracker", "--embedded-broker", "--broker", at)
    tracker.until("tracker serves")
    torrent = start(commands, tmp_path, "torrent", "--id", "torrent-1", "--share", "folder", "--broker", at)
    torrent.until("torrent-1 is registered")
    assert "shares 1 files in 1 fragments" in torrent.said()
    tracker.until("registered torrent-1")
    assert torrent.ends(signal.SIGTERM) == 0
    tracker.until("torrent-1 leaves: goodbye")
    assert tracker.ends(signal.SIGINT) == 0
    for command in commands:
        assert "Traceback" not in command.said()


def test_a_second_signal_ends_at_once(commands: list[Command], tmp_path: Path) -> None:
    """The broker stands still, so that a goodbye would take all the time it has."""
    mosquitto = Mosquitto(needed("mosquitto"), tmp_path)
    try:
        at = f"mqtt://127.0.0.1:{mosquitto.port}"
        start(commands, tmp_path, "tracker", "--broker", at).until("tracker serves")
        torrent = start(commands, tmp_path, "torrent", "--broker", at, "--stop-within", "600", "--id", "one")
        torrent.until("one is registered")
        mosquitto.process.send_signal(signal.SIGSTOP)
        torrent.process.send_signal(signal.SIGTERM)
        torrent.until("one stops")
        assert torrent.process.poll() is None
        assert torrent.ends(signal.SIGTERM) == 128 + signal.SIGTERM
        tracker = commands[0]
        tracker.process.send_signal(signal.SIGTERM)
        tracker.until("it is cut off")
        assert tracker.process.wait(SOON) == 0
    finally:
        mosquitto.kill()


def test_a_wrong_password_ends_it_with_a_status_of_its_own(commands: list[Command], tmp_path: Path) -> None:
    mosquitto = Mosquitto(needed("mosquitto"), tmp_path, "allow_anonymous false\n")
    try:
        at = f"mqtt://me@127.0.0.1:{mosquitto.port}"
        torrent = start(commands, tmp_path, "torrent", "--broker", at, CLIENTJOIN_PASSWORD="wrong-secret")
        assert torrent.ends() == 3
        assert "gives up: mqtt://127.0.0.1" in torrent.said()
        assert "wrong-secret" not in torrent.said()
    finally:
        mosquitto.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tracker", "--broker", "http://h"), "clientjoin: --broker: 'http://h' is no broker: unknown scheme 'http'"),
        (("tracker", "--broker", "mqtt://u:p@h"), "clientjoin: --broker has a password in it"),
        (("torrent", "--share", "nowhere"), "clientjoin: --share nowhere: there is no such folder"),
        (("tracker", "--embedded-broker", "--broker", "mqtts://h"), "clientjoin: --embedded-broker takes mqtt://"),
        (("tracker", "--config", "none.toml"), "clientjoin: there is no file none.toml"),
    ],
)
def test_a_mistake_is_one_line(arguments: tuple[str, ...], said: str, commands: list[Command], tmp_path: Path) -> None:
    command = start(commands, tmp_path, *arguments)
    assert command.ends() == 2
    assert command.said().startswith(said)
    assert command.said().count("\n") == 1


def test_the_log_as_json(commands: list[Command], tmp_path: Path, free_port: int) -> None:
    at = f"mqtt://127.0.0.1:{free_port}"
    line = ("tracker", "--embedded-broker", "--broker", at, "--log-format", "json", "--log-level", "debug")
    tracker = start(commands, tmp_path, *line)
    tracker.until("tracker serves")
    assert tracker.ends(signal.SIGTERM) == 0
    lines = [json.loads(text) for text in tracker.said().splitlines()]
    steps = [line["action"] for line in lines if line.get("role") == "client"]
    assert steps[:3] == ["?Start", "!ForgetClients", "!CONNECT"]
    assert {line["level"] for line in lines} == {"debug", "info"}


@pytest.fixture
def free_port() -> int:
    return ports.free_port()
