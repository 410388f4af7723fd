"""How long a large member makes the event loop of its tracker, and its own, stand still.

    python -m tests.benchmarks.lag [--files 1000 10000 100000] [--repeats 3]

A tracker, a torrent server with so many files of one fragment each, and then a second one that brings nothing join over
Mosquitto, each in a process of its own with a probe in its loop: a task that sleeps for a millisecond, and measures by
how much it oversleeps. Told are, as medians of the repeats, the longest standstill of each process, the seconds from
the order to start to the registration, the CPU seconds and the memory. A process that does nothing else but to probe,
`idle`, tells what the machine itself does to a loop meanwhile.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from runtime.mqtt.session import BrokerAddress
from runtime.services.store import Store
from tests.benchmarks.joins import mosquitto
from tests.support.services import Bus, shared

MIB = 1024 * 1024
LONG = 600.0
ROLES = ("idle", "tracker", "large", "small")


class Probe:
    """Measures how long the loop stands still."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - began - 0.001)


async def served(role: str, port: int, files: int, store: Store | None) -> dict[str, float]:
    """Run one of the three until its input ends; with a store it is the tracker."""
    bus = Bus(BrokerAddress("127.0.0.1", port))
    settings = {"timeout": LONG, "patience": 60.0, "max_payload": max(4 * MIB, files * 700)}
    brings = shared("large", files if role == "large" else 0)
    probe = Probe()
    probing = asyncio.create_task(probe.run())
    began = time.perf_counter()
    if role != "idle":
        running = bus.tracker(store, store.load(), **settings) if store else bus.torrent(role, brings, **settings)
        await running.until(lambda: running.status.is_member, LONG)
    seconds = time.perf_counter() - began
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    probing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await probing
    used = resource.getrusage(resource.RUSAGE_SELF)
    for each in bus.running:
        await each.kill()
    return {
        "longest ms": 1000 * probe.longest,
        "seconds": seconds,
        "CPU s": used.ru_utime + used.ru_stime,
        "MB": used.ru_maxrss / 1024,
    }


def measured(files: int) -> dict[str, dict[str, float]]:
    """One run of the three processes."""
    with tempfile.TemporaryDirectory() as folder:
        broker, port = mosquitto(Path(folder))
        processes = []
        try:
            for role in ROLES:
                line = [sys.executable, "-m", "tests.benchmarks.lag", "--one", role, str(port), str(files)]
                one = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                processes.append(one)
                assert one.stdout is not None
                assert one.stdout.readline() == "ready\n", f"{role} did not become a member"
            return {role: json.loads(one.communicate("\n")[0]) for role, one in zip(ROLES, processes, strict=True)}
        finally:
            for one in processes:
                one.kill()
            broker.kill()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        role, port, files = options.one
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened:
            store = opened.enter_context(Store(f"sqlite:///{folder}/store.db")) if role == "tracker" else None
            print(json.dumps(asyncio.run(served(role, int(port), int(files), store))))
        return
    for files in options.files:
        runs = [measured(files) for _ in range(options.repeats)]
        for role in ROLES:
            row = {key: median(run[role][key] for run in runs) for key in runs[0][role]}
            print(f"{files:8} {role:>8}", *(f"{key} {value:8.2f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
