"""The demo on a broker that is not ours: Mosquitto, with losses at our end of the wire."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.demo.runner import DemoRunner
from runtime.demo.scenarios import SCENARIOS, scenario
from runtime.demo.settings import Settings
from runtime.demo.waiting import DemoError
from runtime.mqtt.faults import Kind, parse_fault
from tests.support.demo_scenarios import STORIES, story
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_clients import live
from tests.support.servers import (
    SOON,
    Nobody,
    Played,
    a_torrent,
    a_tracker,
    drawn,
    on_each_lifeline,
    play,
    reach,
    serving,
)

NAMES = [each.name for each in SCENARIOS]


@pytest.fixture
def mosquitto(mosquitto_program: str, tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(mosquitto_program, tmp_path)
    yield broker
    broker.kill()


@pytest.fixture(scope="module")
def courses(mosquitto_program: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """Every scenario, on three brokers beside each other, since two demos on one broker take each other's clients."""
    folder = tmp_path_factory.mktemp("mosquitto")
    brokers = [Mosquitto(mosquitto_program, folder) for _ in range(3)]

    async def on_one(broker: Mosquitto, names: list[str]) -> dict[str, Played]:
        return {
            name: await play(Settings(scenario(name), timeout=1.0, qos=number % 3, broker=broker.address))
            for number, name in enumerate(names)
        }

    async def on_all() -> dict[str, Played]:
        parts = await asyncio.gather(*(on_one(broker, NAMES[n::3]) for n, broker in enumerate(brokers)))
        return {name: played for part in parts for name, played in part.items()}

    try:
        return asyncio.run(on_all())
    finally:
        for broker in brokers:
            broker.kill()


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_is_the_same_on_mosquitto(courses: dict[str, Played], name: str) -> None:
    outcome = courses[name].outcome
    assert outcome.expected
    assert outcome.ends == {"Tracker": ("awaiting_requests",), "Client": ("registered",), "Torrent": ("registered",)}
    assert not outcome.recorder.divergences
    assert not outcome.refused
    assert not outcome.unused
    assert on_each_lifeline(story(courses[name])) == drawn(STORIES[name])


@pytest.mark.parametrize("torrents", [8])
@live
async def test_several_torrent_servers(mosquitto_program: str, tmp_path: Path, torrents: int) -> None:
    broker = Mosquitto(mosquitto_program, tmp_path)
    try:
        outcome = (await play(Settings(scenario("denied"), torrents, timeout=4.0, broker=broker.address))).outcome
    finally:
        broker.kill()
    assert outcome.expected
    assert not outcome.recorder.divergences


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("lose", "TrackerHello@from-broker:torrent-1"),
        ("lose", "ClientGoodbye@to-broker"),
        ("lose", "*@from-broker#3"),
        ("duplicate", "*@to-broker"),
        ("duplicate", "*@from-broker"),
        ("delay", "ClientGoodbye@to-broker=1"),
        ("delay", "*@from-broker=0.05"),
    ],
)
@live
async def test_faults_are_injected_at_our_end(mosquitto: Mosquitto, kind: Kind, text: str) -> None:
    faults = (parse_fault(text, kind),)
    outcome = (await play(Settings(scenario("denied"), 1, faults, timeout=0.5, broker=mosquitto.address))).outcome
    assert not outcome.recorder.divergences
    assert not outcome.refused
    assert not outcome.unused
    assert {"Tracker", "Client", "Torrent"} == set(outcome.ends)


@live
async def test_mosquitto_comes_back_and_the_servers_start_again(mosquitto: Mosquitto) -> None:
    tracker, joined = await serving(mosquitto.address)
    mosquitto.kill()
    for server in (tracker, joined):
        await reach(server, "offline")
        assert server.last_error == f"the connection to {mosquitto.address} broke"
    mosquitto.start()
    for server, state in ((tracker, "awaiting_requests"), (joined, "registered")):
        server.start()
        await reach(server, state)
    await joined.stop()
    await tracker.stop()


@live
async def test_who_takes_a_client_identifier_takes_the_session(mosquitto: Mosquitto) -> None:
    tracker = a_tracker(mosquitto.address)
    tracker.start()
    await reach(tracker, "awaiting_requests")
    other = a_torrent(mosquitto.address, "tracker")
    other.start()
    await reach(tracker, "offline")
    await other.crash()
    await tracker.stop()


@live
async def test_mosquitto_dies_while_the_demo_is_played(mosquitto: Mosquitto) -> None:
    show = DemoRunner(Settings(scenario("acceptance-lost-to-broker"), timeout=SOON, broker=mosquitto.address), Nobody())
    running = asyncio.create_task(show.run())
    while len(show.recorder.arrows) < 80:  # noqa: ASYNC110 - at just that moment
        await asyncio.sleep(0)
    mosquitto.kill()
    with pytest.raises(DemoError, match=rf"the connection to {mosquitto.address} broke; check --broker"):
        await running
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_mosquitto_dies_and_the_user_is_told(mosquitto: Mosquitto, tmp_path: Path) -> None:
    record = tmp_path / "run.txt"
    line = [sys.executable, "-m", "runtime.cli.main", "demo", "--timeout", "30", "--broker", str(mosquitto.address)]
    with subprocess.Popen(
        [*line, "--record", str(record)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "LOST" not in process.stdout.readline():
            assert process.poll() is None
        mosquitto.process.send_signal(signal.SIGKILL)
        process.stdout.read()
        assert process.wait(60) == 1
        said = process.stderr.read()
    assert said.startswith("clientjoin: ")
    assert said.endswith(f"the connection to {mosquitto.address} broke; check --broker, or leave it away\n")
    assert "Traceback" not in said
    assert "ConnectionLost" in record.read_text(encoding="utf-8")
