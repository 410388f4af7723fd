"""Compare our servers with a client written by hand with the same MQTT library: so many joins at once on Mosquitto.

    python -m tests.benchmarks.joins [--torrents 1 10 100] [--repeats 3]

Each measurement is a process of its own with a tracker and all torrent servers in it; the two programs take turns, and
medians are told: CPU seconds of the process, seconds until the last torrent server is registered, and the 99th
percentile of the time from the order to start to the registration. The client written by hand does what the protocol
needs and no more: it subscribes to the same topics, keeps who is registered in a dictionary, reads JSON without looking
at its types, and knows nothing of timeouts, conflicts or a second tracker. Mosquitto runs with `set_tcp_nodelay`, on
this machine.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from uuid import uuid4

import aiomqtt

from machines import torrent_server, tracker
from runtime.mqtt.ports import free_port
from runtime.mqtt.session import BrokerAddress
from tests.support.servers import a_torrent, a_tracker, reach

QOS = 2
LONG = 120.0


class Hand:
    """A torrent server and a tracker as somebody would write them who needs them once."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.took: list[float] = []

    def client(self, name: str) -> aiomqtt.Client:
        return aiomqtt.Client("127.0.0.1", self.port, identifier=name, max_inflight_messages=20)

    async def tracker(self, ready: asyncio.Event) -> None:
        clients: dict[str, object] = {}
        pending: dict[str, object] = {}
        async with self.client("tracker") as mqtt:
            for topic in tracker.TOPICS:
                await mqtt.subscribe(topic, qos=QOS)
            ready.set()
            async with asyncio.TaskGroup() as tasks:
                async for message in mqtt.messages:
                    event = json.loads(bytes(message.payload))
                    name = event["ClientIdentifier"]
                    about = {"EventId": str(uuid4()), "ClientIdentifier": name}
                    if str(message.topic).endswith("requested"):
                        pending[name] = {
                            "Endpoints": event["Endpoints"],
                            "StoredFragments": [*event["StoredFragments"]],
                        }
                        about |= {
                            "FragmentSize": 1024,
                            "AddFileInfos": {},
                            "AddFragmentInfos": {},
                            "RemoveFileInfos": [],
                        }
                        about |= {"RemoveFragmentInfos": [], "Clients": clients}
                        topic = "clients/join/accepted"
                    else:
                        clients[name] = pending.pop(name)
                        about |= {"Info": clients[name], "AddedFiles": {}, "AddedFragments": {}}
                        topic = "clients/registered"
                    tasks.create_task(mqtt.publish(topic, json.dumps(about), qos=QOS))

    async def torrent(self, name: str) -> None:
        known: dict[str, object] = {}
        async with self.client(name) as mqtt:
            for topic in torrent_server.TOPICS:
                await mqtt.subscribe(topic, qos=QOS)
            began = time.perf_counter()
            about = {"EventId": str(uuid4()), "ClientIdentifier": name}
            request = about | {
                "HashAlgorithm": "sha-256",
                "KnownFileInfos": {},
                "Endpoints": [f"http://{name}.example/"],
            }
            request["StoredFragments"] = {f"{name}-fragment": {"Size": 100}}
            await mqtt.publish("clients/join/requested", json.dumps(request), qos=QOS)
            async for message in mqtt.messages:
                event = json.loads(bytes(message.payload))
                if str(message.topic) == "clients/registered":
                    known[event["ClientIdentifier"]] = event["Info"]
                    if event["ClientIdentifier"] == name:
                        break
                elif event["ClientIdentifier"] == name:
                    known |= event["Clients"]
                    await mqtt.publish("clients/join/succeeded", json.dumps(about), qos=QOS)
            self.took.append(time.perf_counter() - began)

    async def all(self, torrents: int) -> None:
        ready = asyncio.Event()
        serving = asyncio.create_task(self.tracker(ready))
        await ready.wait()
        await asyncio.gather(*(self.torrent(f"torrent-{number}") for number in range(torrents)))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def ours(port: int, torrents: int) -> list[float]:
    """The same with our servers: how long each took from its order to start to its registration."""
    address = BrokerAddress("127.0.0.1", port)
    serving = a_tracker(address, timeout=LONG)
    serving.start()
    await reach(serving, "awaiting_requests")

    async def join(number: int) -> float:
        server = a_torrent(address, f"torrent-{number}", timeout=LONG)
        began = time.perf_counter()
        server.start()
        await server.wait_for(lambda: server.where == ("registered",), LONG)
        took = time.perf_counter() - began
        await server.crash()
        return took

    took = list(await asyncio.gather(*(join(number) for number in range(torrents))))
    await serving.crash()
    return took


def measured(who: str, port: int, torrents: int) -> dict[str, float]:
    """One run in this process."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    if who == "ours":
        took = asyncio.run(ours(port, torrents))
    else:
        hand = Hand(port)
        asyncio.run(hand.all(torrents))
        took = hand.took
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    p99 = quantiles(took, n=100)[98] if len(took) > 1 else took[0]
    return {"cpu": cpu, "seconds": time.perf_counter() - began, "p99": p99, "megabytes": after.ru_maxrss / 1024}


def mosquitto(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A Mosquitto that sends small packets at once, with room for bursts."""
    import socket

    port = free_port()
    lines = (f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false", "set_tcp_nodelay true")
    (folder / "mosquitto.conf").write_text(
        "\n".join((*lines, "max_queued_messages 100000", "sys_interval 1", "")), encoding="utf-8"
    )
    process = subprocess.Popen(["mosquitto", "-c", folder / "mosquitto.conf"], stderr=subprocess.DEVNULL)
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.01)
        else:
            return process, port
    raise SystemExit("Mosquitto does not start")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torrents", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        who, port, torrents = options.one
        print(json.dumps(measured(who, int(port), int(torrents))))
        return
    print(f"{'torrents':>8} {'who':>5} {'CPU s':>8} {'wall s':>8} {'p99 s':>8} {'MB':>6}")
    for torrents in options.torrents:
        rows: dict[str, list[dict[str, float]]] = {"ours": [], "hand": []}
        for _ in range(options.repeats):
            for who, found in rows.items():
                with tempfile.TemporaryDirectory() as folder:
                    broker, port = mosquitto(Path(folder))
                    command = [sys.executable, "-m", "tests.benchmarks.joins", "--one", who, str(port), str(torrents)]
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
                    broker.terminate()
                    broker.wait()
                if done.returncode:
                    raise SystemExit(done.stderr)
                found.append(json.loads(done.stdout))
        medians = {who: {key: median(row[key] for row in found) for key in found[0]} for who, found in rows.items()}
        for who, row in medians.items():
            figures = f"{row['cpu']:8.2f} {row['seconds']:8.2f} {row['p99']:8.3f} {row['megabytes']:6.0f}"
            print(f"{torrents:8} {who:>5} {figures}")
        print(f"{torrents:8} ratio {medians['ours']['cpu'] / medians['hand']['cpu']:8.2f}")


if __name__ == "__main__":
    main()
