"""Torrent servers come and go for as long as one likes: does a service that stays need more and more memory?

    python -m tests.benchmarks.churn [--servers 2000] [--store]

A tracker and a member that stays on one Mosquitto; torrent servers of names that were never used before
join one after the other and leave: three of four say goodbye, the fourth dies, and its last will speaks for it. Told
are, after each tenth of them, how many objects there are (what the garbage collector follows, after a collection), the
megabytes of the process, and how many objects one server more costs, from the middle of the run to its end. Everything
is in one process, the torrent servers too: whatever anybody keeps of who is gone shows. It fails if anybody who is gone
is still known to somebody.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from runtime.services.store import Store
from tests.support.churn import come_and_go
from tests.support.mosquitto import Mosquitto
from tests.support.programs import needed
from tests.support.services import a_bus

DIES = 4
"""Each so many-th dies without a goodbye."""


def objects() -> Counter[str]:
    """What the garbage collector follows, by type."""
    gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def megabytes() -> float:
    """What the process uses now (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1024


async def churned(folder: Path, servers: int, stored: bool) -> None:
    """The run. Raises AssertionError if somebody who is gone is known."""
    mosquitto = Mosquitto(needed("mosquitto"), folder, "set_tcp_nodelay true\n")
    try:
        async with AsyncExitStack() as opened:
            bus = await opened.enter_async_context(a_bus(mosquitto.address))
            store = opened.enter_context(Store(f"sqlite:///{folder}/store.db")) if stored else None
            tracker = await bus.tracker(store, store.load() if store else None).member()
            stay = [tracker, await bus.torrent("stays").member()]
            tenth = max(1, servers // 10)
            seen: list[Counter[str]] = []
            for first in range(0, servers, tenth):
                numbers = range(first, min(first + tenth, servers))
                await come_and_go(bus, stay, numbers, dies=lambda number: not number % DIES)
                seen.append(objects())
                print(f"{first + tenth:8} servers {seen[-1].total():9} objects {megabytes():8.1f} MB", flush=True)
            half = len(seen) // 2
            more = seen[-1] - seen[half]
            print(f"one server more: {more.total() / (tenth * (len(seen) - 1 - half) or 1):.2f} objects")
            for kind, count in more.most_common(15):
                print(f"{count:10} more  {kind}")
    finally:
        mosquitto.kill()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=2000)
    parser.add_argument("--store", action="store_true", help="the tracker stores its view")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(churned(Path(folder), given.servers, given.store))
    return 0


if __name__ == "__main__":
    sys.exit(main())
