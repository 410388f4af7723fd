"""By how much `clientjoin monitor` lags behind a bus on which so many torrent servers join at once.

    python -m tests.benchmarks.monitor_live [--torrents 10 100] [--repeats 3]

Mosquitto, the monitor, and the servers are processes of their own. This one subscribes like the monitor does: for each
event it is told how long after it had come here the monitor had judged it. Medians of the repeats of the median, the
99th percentile and the longest, in milliseconds, and the CPU seconds of the monitor. The servers use a processor and
more while they join; Mosquitto and the monitor have what is left.
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
from statistics import median, quantiles
from typing import Any

from machines.events import EVENT_OF_TOPIC
from runtime.cli.watching import Watcher
from runtime.mqtt.session import BrokerAddress, Session
from spec.monitor import Published
from tests.benchmarks.joins import mosquitto

Times = dict[str, float]
"""When something came of an event, by its identifier, in seconds since the epoch."""


def judging(url: str) -> None:
    """The monitor as the command runs it, until it is told to end; then when each event had been judged."""
    judged: Times = {}
    see = Watcher.see

    def timed(watcher: Any, seen: Any, run: Any) -> None:
        see(watcher, seen, run)
        if isinstance(seen, Published):
            judged[seen.event.event_id] = time.time()

    Watcher.see = timed  # type: ignore[assignment,method-assign]
    sys.argv = ["clientjoin", "monitor", "--broker", url, "--json"]
    print(json.dumps({"ready": True}), flush=True)
    from runtime.cli.main import main as command

    with contextlib.suppress(SystemExit):
        command()
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"judged": judged, "cpu": used.ru_utime + used.ru_stime}), flush=True)


async def observed(port: int, ready: asyncio.Event, found: Times) -> None:
    """Note when each event comes."""
    session = Session(BrokerAddress("127.0.0.1", port), "observer", qos=1)
    await session.connect()
    for topic in EVENT_OF_TOPIC:
        await session.subscribe(topic)
    ready.set()
    try:
        async for _, payload in session.messages():
            found[json.loads(payload)["EventId"]] = time.time()
    finally:
        await session.disconnect()


async def lags(torrents: int) -> tuple[list[float], float]:
    """How long after it had come each event was judged, in milliseconds, of one run; and the monitor's CPU seconds."""
    came: Times = {}
    with tempfile.TemporaryDirectory() as folder:
        broker, port = mosquitto(Path(folder))
        line = [sys.executable, "-m", "tests.benchmarks.monitor_live", "--judging", f"mqtt://127.0.0.1:{port}"]
        judge = await asyncio.create_subprocess_exec(*line, stdout=subprocess.PIPE, limit=1 << 24)
        assert judge.stdout is not None
        await judge.stdout.readline()
        ready = asyncio.Event()
        observing = asyncio.create_task(observed(port, ready, came))
        await ready.wait()
        await asyncio.sleep(3)  # the monitor prints nothing before something happens
        line = [sys.executable, "-m", "tests.benchmarks.joins", "--one", "ours", str(port), str(torrents)]
        joining = await asyncio.create_subprocess_exec(*line, stdout=subprocess.DEVNULL)
        if await joining.wait():
            raise SystemExit("the servers did not join")
        await asyncio.sleep(5)
        judge.terminate()
        rows = (await judge.stdout.read()).decode().splitlines()
        observing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await observing
        broker.terminate()
        broker.wait()
    found = json.loads(rows[-1])
    judged: Times = found["judged"]
    if missing := came.keys() - judged.keys():
        raise SystemExit(f"{len(missing)} of {len(came)} events were not judged within five seconds")
    return [1000 * (judged[event] - at) for event, at in came.items()], found["cpu"]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torrents", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--judging", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.judging:
        judging(options.judging)
        return
    print(f"{'torrents':>8} {'events':>7} {'median ms':>10} {'p99 ms':>10} {'longest ms':>10} {'CPU s':>7}")
    for torrents in options.torrents:
        rows = []
        for _ in range(options.repeats):
            run, cpu = asyncio.run(lags(torrents))
            rows.append((median(run), quantiles(run, n=100)[98], max(run), cpu))
        figures = [median(column) for column in zip(*rows, strict=True)]
        print(f"{torrents:8} {len(run):7}" + "".join(f" {each:10.1f}" for each in figures[:3]) + f" {figures[3]:7.1f}")


if __name__ == "__main__":
    main()
