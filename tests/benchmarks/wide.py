"""So many torrent servers join one tracker at once: all are registered, all views are equal, at what cost.

    python -m tests.benchmarks.wide [--torrents 1 10 100 1000] [--repeats 1] [--one-topic] [--qos 2] [--newcomers 100]

The tracker has a process of its own, the torrent servers share others, at most `EACH` in one (each is a service, with
its own connection), and Mosquitto is a fresh one with `set_tcp_nodelay` and room for the bursts. By default each client
has a topic of its own (`--topic-per-client`); with `--one-topic` it is as the protocol is drawn, and every acceptance,
which tells of all members, goes to everybody. Told are the seconds from the order to start until the last server knows
everybody, the 99th percentile of the time that one took to be registered, the CPU seconds and the memory of the
tracker, of all torrent servers together, and of the broker, how many events the broker passed on with how many
megabytes, and how many servers joined anew. It fails if anybody is missing, or if two views differ and go on to differ:
one that joins anew at that moment changes what all others know, so who differs is asked again.

With `--newcomers` so many more come when all are there, each alone: it starts, joins, and says goodbye before the next
one starts. Told are the median and the 99th percentile of the seconds from its start until it is a member.
"""

import argparse
import asyncio
import hashlib
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import aiomqtt

from runtime.mqtt.session import BrokerAddress
from tests.benchmarks.joins import mosquitto
from tests.support.services import Bus, Running, shared

EACH = 250
LONG = 3600.0
SETTLED = 60
"""How often those whose views differ are asked again, a second later."""
PASSED_ON = "$SYS/broker/publish/messages/sent"
BYTES = "$SYS/broker/publish/bytes/sent"


def digest(running: Running) -> str:
    """What a server knows, as a short text that is the same where it knows the same."""
    view = running.server.view
    clients = sorted((name, info.request_id, sorted(info.endpoints)) for name, info in view.clients.items())
    told = (sorted(view.files), sorted(view.fragments), clients)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


async def served(port: int, first: int, count: int, total: int, settings: dict[str, Any]) -> None:
    """Run `count` torrent servers, or the tracker where `count` is 0, until everybody knows everybody."""
    bus = Bus(BrokerAddress("127.0.0.1", port))
    began = time.perf_counter()
    if not count:
        await bus.tracker(**settings).member()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began = time.perf_counter()
    names = [f"torrent-{number:04}" for number in range(first, first + count)]
    took: list[float] = []

    async def join(name: str) -> None:
        running = bus.torrent(name, shared(name), **settings)
        await running.until(lambda: running.status.is_member, LONG)
        took.append(time.perf_counter() - began)

    await asyncio.gather(*(join(name) for name in names))
    for running in bus.running:
        await running.until(lambda running=running: len(running.server.view.clients) == total, LONG)  # type: ignore[misc]
    seconds = time.perf_counter() - began
    print("done", flush=True)
    while await asyncio.to_thread(sys.stdin.readline):  # until all agree: a will would change what others know
        used = resource.getrusage(resource.RUSAGE_SELF)
        found = {
            "digests": sorted({digest(running) for running in bus.running}),
            "seconds": seconds,
            "took": took,
            "cpu": used.ru_utime + used.ru_stime,
            "megabytes": used.ru_maxrss / 1024,
            "anew": sum(running.status.reconnects for running in bus.running),
        }
        print(json.dumps(found), flush=True)
    await asyncio.gather(*(running.kill() for running in bus.running))


async def come(port: int, first: int, count: int, settings: dict[str, Any]) -> None:
    """So many torrent servers, one after the other; prints how long each took until it was a member."""
    bus = Bus(BrokerAddress("127.0.0.1", port))
    took: list[float] = []
    for number in range(first, first + count):
        name = f"torrent-{number:04}"
        began = time.perf_counter()
        running = bus.torrent(name, shared(name), **settings)
        await running.until(lambda running=running: running.status.is_member, LONG)  # type: ignore[misc]
        took.append(time.perf_counter() - began)
        await running.stop()
    print(json.dumps(took), flush=True)


def measured(torrents: int, settings: dict[str, Any], newcomers: int) -> dict[str, float]:
    """One run, with a broker of its own. Raises AssertionError if somebody knows less than all."""
    shares = [(first, min(EACH, torrents - first)) for first in range(0, torrents, EACH)]
    processes: list[subprocess.Popen[str]] = []
    with tempfile.TemporaryDirectory() as folder:
        broker, port = mosquitto(Path(folder))
        try:
            for first, count in ((0, 0), *shares):
                told = json.dumps([port, first, count, torrents, settings])
                line = [sys.executable, "-m", "tests.benchmarks.wide", "--one", told]
                processes.append(subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
                if not count:
                    _line(processes[0], "ready")
                    _go_on(processes[0])
            for process in processes:
                _line(process, "done")
            of_broker = _used(broker.pid)
            passed_on = asyncio.run(_counted(port))
            found = _agreed(processes)
            alone = _newcomers(port, torrents, newcomers, settings) if newcomers else []
        finally:
            for process in processes:
                process.kill()
            broker.kill()
            broker.wait()
    tracker, others = found[0], found[1:]
    took = [one for each in others for one in each["took"]]
    return {
        "seconds": max(each["seconds"] for each in others),
        "p99 s": quantiles(took, n=100)[98] if len(took) > 1 else took[0],
        "tracker CPU s": tracker["cpu"],
        "torrents CPU s": sum(each["cpu"] for each in others),
        "broker CPU s": of_broker[0],
        "tracker MB": tracker["megabytes"],
        "torrents MB": sum(each["megabytes"] for each in others),
        "broker MB": of_broker[1],
        "passed on": passed_on[PASSED_ON],
        "MB passed on": passed_on[BYTES] / 1e6,
        "joined anew": sum(each["anew"] for each in found),
        **({"newcomer s": median(alone), "newcomer p99 s": quantiles(alone, n=100)[98]} if alone else {}),
    }


def _newcomers(port: int, first: int, count: int, settings: dict[str, Any]) -> list[float]:
    """How long each of so many took that came when all were there."""
    told = json.dumps([port, first, count, settings])
    line = [sys.executable, "-m", "tests.benchmarks.wide", "--come", told]
    took: list[float] = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    return took


def _agreed(processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """What each process found, when all views are equal. Raises AssertionError if they go on to differ."""
    for _ in range(SETTLED):
        found = [json.loads(_asked(process)) for process in processes]
        if len({one for each in found for one in each["digests"]}) == 1:
            return found
        time.sleep(1)
    raise AssertionError(f"views differ: {[(each['digests'], each['anew']) for each in found]}")


async def _counted(port: int) -> dict[str, float]:
    """How many events, and bytes of them, the broker has passed on."""
    await asyncio.sleep(2)  # it counts anew each second
    found: dict[str, float] = {}
    try:
        async with asyncio.timeout(30), aiomqtt.Client("127.0.0.1", port) as client:
            for topic in (PASSED_ON, BYTES):
                await client.subscribe(topic)
            async for message in client.messages:
                found[str(message.topic)] = float(bytes(message.payload))
                if len(found) > 1:
                    break
    except TimeoutError:
        print("Mosquitto does not tell what it has passed on", file=sys.stderr)
    return {PASSED_ON: math.nan, BYTES: math.nan, **found}


def _line(process: subprocess.Popen[str], expected: str) -> None:
    assert process.stdout is not None
    came = process.stdout.readline()
    assert came == f"{expected}\n", f"a process has ended early: {came!r}"


def _asked(process: subprocess.Popen[str]) -> str:
    """What a process tells next."""
    _go_on(process)
    assert process.stdout is not None
    return process.stdout.readline()


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _used(pid: int) -> tuple[float, float]:
    """CPU seconds and megabytes of a process that runs (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / 100, int(peak) / 1024


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torrents", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--one-topic", action="store_true")
    parser.add_argument("--qos", type=int, default=2)
    parser.add_argument("--newcomers", type=int, default=0, help="at least 2")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--come", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        asyncio.run(served(*json.loads(options.one)))
        return
    if options.come:
        asyncio.run(come(*json.loads(options.come)))
        return
    settings = {
        "timeout": 600.0,
        "patience": 600.0,
        "qos": options.qos,
        "topic_per_client": not options.one_topic,
        "keepalive": 3600,
    }
    for torrents in options.torrents:
        runs = [measured(torrents, settings, options.newcomers) for _ in range(options.repeats)]
        row = {key: median(run[key] for run in runs) for key in runs[0]}
        print(f"{torrents:6}", ", ".join(f"{key} {value:.2f}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
