"""A tracker as somebody writes it with aiomqtt alone: `tracker_aiomqtt.py HOST PORT ID [FAULT]`.

It knows the wire format and the rules of the protocol, and nothing of this project. FAULT names a mistake. Its
timeouts last TIMEOUT seconds, and who keeps clients keeps them in the file STATE, both from the environment.
"""

import asyncio
import json
import os
import signal
import sys
import uuid
from pathlib import Path

import aiomqtt

HOST, PORT, ID = sys.argv[1], int(sys.argv[2]), sys.argv[3]
FAULT = sys.argv[4] if len(sys.argv) > 4 else ""
TOPICS = (
    "clients/join/requested", "clients/join/succeeded", "clients/join/failed", "clients/goodbye",
    "fragments/distribution/requested", "fragments/distribution/obtained", "fragments/distribution/failed",
)  # fmt: skip
SIZE, ALGORITHM, TIMEOUT = 1024, "sha-256", float(os.environ.get("TIMEOUT", "30"))


class Tracker:
    def __init__(self, mqtt):
        self.mqtt = mqtt
        self.files = {"service-file": {"Size": 2048, "FragmentSequence": ["s-1", "s-2"]}}
        self.fragments = {"s-1": {"Size": 1024}, "s-2": {"Size": 1024}}
        self.clients = {}
        if FAULT == "keeps its clients" and Path(os.environ["STATE"]).exists():
            self.clients = json.loads(Path(os.environ["STATE"]).read_text())
        self.pending = {}
        self.requests = {}

    async def publish(self, topic, **properties):
        await self.mqtt.publish(topic, json.dumps({"EventId": str(uuid.uuid4()), **properties}), 2)

    async def take(self, topic, event):
        client = event["ClientIdentifier"]
        if topic == "clients/join/requested":
            if FAULT == "answers twice" or self.requests.get(client) != event["EventId"]:
                self.requests[client] = event["EventId"]
                await self.requested(client, event)
        elif topic == "clients/join/succeeded":
            if client in self.pending or FAULT == "registers anybody":
                await self.succeeded(client)
        elif topic == "clients/join/failed":
            if FAULT != "remembers who failed":
                self.pending.pop(client, None)
        elif topic == "clients/goodbye":
            self.pending.pop(client, None)
            if FAULT != "remembers who left":
                self.clients.pop(client, None)

    def expire(self, client):
        late = self.pending.pop(client, None)
        if late and FAULT == "keeps what it promised":
            self.clients["late " + client] = late

    async def deny(self, client, code):
        if FAULT != "never denies":
            await self.publish("clients/join/denied", ClientIdentifier=client, ReasonCode=code, Reason="conflict")

    async def requested(self, client, event):
        if client in self.clients and FAULT == "denies who asks again":
            return await self.deny(client, 4)
        self.clients.pop(client, None)
        self.pending.pop(client, None)
        if event.get("FragmentSize") not in (None, SIZE) and FAULT != "takes any size":
            return await self.deny(client, 1)
        asked = event["HashAlgorithm"]
        if asked != ALGORITHM and (asked.lower() != ALGORITHM or FAULT == "spells strictly"):
            return await self.deny(client, 2)
        promised = () if FAULT == "forgets promises" else self.pending.values()
        taken = {uri for one in (*self.clients.values(), *promised) for uri in one["Endpoints"]}
        if taken & set(event["Endpoints"]) and FAULT != "shares endpoints":
            return await self.deny(client, 4)
        if FAULT == "never accepts":
            return None
        changes = {}
        brings = {}
        for kind, told, held in (
            ("File", event["KnownFileInfos"], self.files),
            ("Fragment", event["StoredFragments"], self.fragments),
        ):
            service = {key: value for one in self.pending.values() for key, value in one["Brings"][kind].items()} | held
            wrong = [key for key in told if key in service and service[key] != told[key]]
            wrong = [] if FAULT == "overlooks conflicts" else wrong
            add = {key: held[key] for key in held if key not in told or FAULT == "adds what is known"} | {
                key: service[key] for key in wrong
            }
            if FAULT == "keeps its files" and kind == "File":
                add = {}
            changes |= {f"Add{kind}Infos": add, f"Remove{kind}Infos": wrong}
            brings[kind] = {key: service.get(key, told[key]) for key in told if key not in held}
        stored = [key for key in event["StoredFragments"] if key not in changes["RemoveFragmentInfos"]]
        self.pending[client] = {"Endpoints": event["Endpoints"], "StoredFragments": stored, "Brings": brings}
        if FAULT != "sets no timeout":
            asyncio.get_running_loop().call_later(TIMEOUT, self.expire, client)
        clients = {name: self.info(one) for name, one in self.clients.items()}
        await self.publish(
            "clients/join/accepted", ClientIdentifier=client, FragmentSize=SIZE, Clients=clients, **changes
        )

    @staticmethod
    def info(one):
        return {"Endpoints": one["Endpoints"], "StoredFragments": one["StoredFragments"]}

    async def succeeded(self, client):
        empty = {"Endpoints": [], "StoredFragments": [], "Brings": {"File": {}, "Fragment": {}}}
        admitted = self.pending.pop(client, empty)
        files = {key: value for key, value in admitted["Brings"]["File"].items() if key not in self.files}
        fragments = {key: value for key, value in admitted["Brings"]["Fragment"].items() if key not in self.fragments}
        self.files |= files
        self.fragments |= fragments
        self.clients[client] = admitted
        if FAULT == "keeps its clients":
            Path(os.environ["STATE"]).write_text(json.dumps(self.clients))
        if FAULT == "registers in silence":
            return
        info = self.info(admitted)
        await self.publish(
            "clients/registered", ClientIdentifier=client, Info=info, AddedFiles=files, AddedFragments=fragments
        )


async def main():
    async with aiomqtt.Client(HOST, PORT, identifier=ID, protocol=aiomqtt.ProtocolVersion.V311) as mqtt:
        for topic in TOPICS:
            granted = await mqtt.subscribe(topic, 2)
            if any(getattr(code, "value", code) >= 0x80 for code in granted) and FAULT != "goes on when refused":
                return
        tracker = Tracker(mqtt)
        if FAULT != "says no hello":
            await tracker.publish("tracker/hello")
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        listening = asyncio.create_task(listen(mqtt, tracker))
        await ended.wait()
        if FAULT != "leaves without a word":
            await tracker.publish("tracker/goodbye")
        listening.cancel()


async def listen(mqtt, tracker):
    async for message in mqtt.messages:
        try:
            event = json.loads(message.payload)
            assert isinstance(event["EventId"], str) and event["ClientIdentifier"]
        except Exception:
            continue
        await tracker.take(str(message.topic), event)


asyncio.run(main())
