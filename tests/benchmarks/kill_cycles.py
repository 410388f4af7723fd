"""`python -m tests.benchmarks.kill_cycles [CYCLES]`: kill -9 of a tracker and torrent servers under load, repeatedly.

Each cycle kills one of them, the tracker half of the time, at a moment that chance chooses, and starts it again on the
same store. In the end everybody has to be registered, with the files that each brought, and all views have to be equal;
the store has to hold every file that any member ever knew. Prints cycles, time, and what was lost or invented. The
processes are real ones, on a Mosquitto of their own; `tests/runtime/services/test_kill.py` runs a few cycles.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runtime.mqtt.ports import free_port
from tests.support.mosquitto import Mosquitto
from tests.support.places import TOP
from tests.support.programs import needed

SOON = 90.0
"""Seconds that everybody may take to be registered on a busy machine."""


class Process:
    """A service as a process, which can be killed and started again."""

    def __init__(self, folder: Path, broker: str, *arguments: str) -> None:
        self.port = free_port()
        self.name = arguments[2]
        self.log = folder / f"{self.name}.log"
        quick = ("--timeout", "5", "--retry-first", "0.05", "--retry-most", "0.5", "--metrics", str(self.port))
        self.line = [sys.executable, "-m", "runtime.cli", *arguments, "--broker", broker, *quick]
        self.folder = folder
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            environment = {**os.environ, "PYTHONPATH": str(TOP)}
            self.process = subprocess.Popen(self.line, stdout=log, stderr=log, cwd=self.folder, env=environment)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def state(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/state", timeout=2) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except (OSError, urllib.error.URLError, ValueError):
            return None


@contextmanager
def running(folder: Path, torrents: int) -> Iterator[list[Process]]:
    mosquitto = Mosquitto(needed("mosquitto"), folder)
    broker = f"mqtt://127.0.0.1:{mosquitto.port}"
    processes: list[Process] = []
    try:
        processes.append(
            Process(folder, broker, "tracker", "--id", "tracker", "--store", f"sqlite:///{folder}/store.db")
        )
        for number in range(torrents):
            name = f"torrent-{number}"
            (folder / name).mkdir()
            (folder / name / "file").write_text(name)
            own = ("--share", name, "--endpoint", f"http://{name}/")
            processes.append(Process(folder, broker, "torrent", "--id", name, *own))
        yield processes
    finally:
        for process in processes:
            process.kill()
        mosquitto.kill()


def agreed(processes: list[Process]) -> str:
    """What is missing until all are members and all views are equal; empty if nothing is."""
    names = [process.name for process in processes[1:]]
    for process in processes:
        state = process.state()
        if state is None or not state["member"]:
            return f"{process.name}: {state and state['why_not']}"
        if sorted(state["members"]) != names:
            return f"{process.name} knows {sorted(state['members'])}"
        if state["pending_admissions"]:
            return f"{process.name} has {state['pending_admissions']} pending"
        if state["files"] != len(names) or state["fragments"] != len(names):
            return f"{process.name} knows {state['files']} files and {state['fragments']} fragments"
    return ""


def until_agreed(processes: list[Process]) -> None:
    ends = time.monotonic() + SOON
    while missing := agreed(processes):
        if time.monotonic() > ends:
            said = {each.name: each.log.read_text(encoding="utf-8").splitlines()[-5:] for each in processes}
            raise AssertionError([missing, *(process.state() for process in processes), said])
        time.sleep(0.1)


def cycles(folder: Path, count: int, torrents: int = 3, seed: int = 0, together: int = 5) -> float:
    """Kill so often, looking that all is well again after each `together` kills; gives seconds for a cycle."""
    chance = random.Random(seed)
    with running(folder, torrents) as processes:
        until_agreed(processes)
        began = time.monotonic()
        for number in range(count):
            victim = processes[0] if chance.random() < 1 / 2 else chance.choice(processes[1:])
            victim.kill()
            victim.start()
            time.sleep(chance.uniform(0, 1.5))
            if number % together == together - 1:
                until_agreed(processes)
        until_agreed(processes)
        return (time.monotonic() - began) / count


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 1000
    seed = int(arguments[1]) if len(arguments) > 1 else 0
    folder = tempfile.mkdtemp()  # with the logs, if it fails
    print(f"in {folder}, seed {seed}")
    seconds = cycles(Path(folder), count, seed=seed)
    shutil.rmtree(folder)
    print(f"{count} times kill -9: no registration lost, none invented, all views equal; {seconds:.2f} s a cycle")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
