"""So many clients ask one tracker at once, on Mosquitto: all are registered, and all are stored.

    python -m tests.benchmarks.crowd [--clients 1000]

The clients share one connection, and do no more than the protocol needs; so nearly all of the time is the tracker's,
which is in the same process. Told are the seconds until all are registered, and the CPU seconds of the process.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

from machines.events import (
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    FileMetadata,
    FragmentMetadata,
)
from runtime.mqtt.session import BrokerAddress, Session
from runtime.services.store import Store
from runtime.wire.events import decode, encode
from tests.support.mosquitto import Mosquitto
from tests.support.programs import needed
from tests.support.services import a_bus


class Crowd:
    """So many clients of the protocol at one connection: each asks, and confirms as soon as it is accepted."""

    def __init__(self, address: BrokerAddress, count: int) -> None:
        self.session = Session(address, "crowd", 2)
        self.names = [f"client-{number:04}" for number in range(count)]
        self.accepted: Counter[str] = Counter()
        self.registered: Counter[str] = Counter()
        self._sending: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        await self.session.connect()
        for kind in (ClientJoinAccepted, ClientRegistered):
            await self.session.subscribe(kind.topic)
        for name in self.names:
            self._send(self._request(name))
        async for topic, payload in self.session.messages():
            event = decode(topic, payload)
            if isinstance(event, ClientJoinAccepted):
                self.accepted[event.client] += 1
                self._send(ClientJoinSucceeded(event_id=str(uuid4()), client=event.client, request_id=event.request_id))
            elif isinstance(event, ClientRegistered):
                self.registered[event.client] += 1
            if len(self.registered) == len(self.names):
                return

    def _request(self, name: str) -> ClientJoinRequested:
        return ClientJoinRequested(
            event_id=str(uuid4()),
            client=name,
            request_id=f"{name}-1",
            hash_algorithm="sha-256",
            known_file_infos={f"{name}-file": FileMetadata(1, (f"{name}-fragment",))},
            stored_fragments={f"{name}-fragment": FragmentMetadata(1)},
            endpoints=frozenset({f"http://{name}/"}),
        )

    def _send(self, event: ClientJoinRequested | ClientJoinSucceeded) -> None:
        task = asyncio.create_task(self.session.publish(event.topic, encode(event)))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)


async def joined(folder: Path, count: int) -> None:
    """Let so many join. Raises AssertionError if somebody is missing, in the view or in the store, or came twice."""
    mosquitto = Mosquitto(needed("mosquitto"), folder, "set_tcp_nodelay true\nmax_queued_messages 100000\n")
    url = f"sqlite:///{folder}/store.db"
    try:
        async with a_bus(mosquitto.address) as bus:
            with Store(url) as store:
                tracker = await bus.tracker(store, store.load(), timeout=600.0).member()
                crowd = Crowd(mosquitto.address, count)
                await crowd.join()
                assert crowd.accepted == crowd.registered == Counter(crowd.names)
                assert set(tracker.server.view.clients) == set(crowd.names)
                assert len(tracker.server.view.files) == count
                assert tracker.status.joins["timed out"] == tracker.status.joins["denied"] == 0
                await crowd.session.disconnect()
                await tracker.kill()
            with Store(url) as store:
                assert set(store.load().clients) == set(crowd.names)
    finally:
        mosquitto.kill()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    count = parser.parse_args().clients
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(joined(Path(folder), count))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{count} clients registered and stored: {time.perf_counter() - began:.1f} s, {cpu:.1f} s of CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
