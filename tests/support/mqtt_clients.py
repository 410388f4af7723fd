"""MQTT clients to test a broker with: aiomqtt's, bare sockets, and an observer that writes down what it is told."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

import aiomqtt
import pytest

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import FaultPlan, Kind, parse_fault
from runtime.mqtt.observer import SilentObserver
from tests.support.programs import HANGS

P = ParamSpec("P")
HELLO = "tracker/hello"
GOODBYE = "tracker/goodbye"
END = "end/of/test"  # no bus event: no fault ever touches it


def live(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in a loop of its own; one that hangs fails."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(HANGS):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


def plan(kind: Kind, *texts: str) -> FaultPlan:
    return FaultPlan(parse_fault(text, kind) for text in texts)


class Told(SilentObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []
        self._news = asyncio.Event()
        for name in vars(SilentObserver):
            if not name.startswith("_"):
                setattr(self, name, functools.partial(self.note, name.replace("_", " ")))

    def note(self, *what: object) -> None:
        self.log.append(what)
        self._news.set()

    async def until(self, *what: object) -> None:
        while what not in self.log:
            self._news.clear()
            await self._news.wait()

    def events(self) -> list[tuple[object, ...]]:
        """Without the coming and going of clients."""
        return [what for what in self.log if what[0] not in ("connected", "disconnected", "subscribed")]


def client(broker: EmbeddedBroker, name: str, **options: Any) -> aiomqtt.Client:
    return aiomqtt.Client(broker.host, broker.port, identifier=name, **options)


async def take(receiver: aiomqtt.Client, count: int) -> list[bytes]:
    return [(await anext(receiver.messages)).payload for _ in range(count)]


async def take_until_end(receiver: aiomqtt.Client) -> list[bytes]:
    taken = []
    async for message in receiver.messages:
        if message.topic.value == END:
            break
        taken.append(message.payload)
    return taken


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """All messages, apart from that of an exception that a refused aiomqtt client leaves behind."""
    messages = [record.getMessage() for record in caplog.records]
    return [message for message in messages if "MqttCodeError" not in message]


def packet(kind: int, *strings: str, head: bytes = b"", payload: bytes = b"") -> bytes:
    body = head + b"".join(len(text).to_bytes(2) + text.encode() for text in strings) + payload
    assert len(body) < 128
    return bytes((kind, len(body))) + body


def connect_packet(name: str, flags: int = 2) -> bytes:
    return packet(0x10, name, head=b"\0\4MQTT\4" + bytes((flags, 0, 0)))


def publish_packet(topic: str, payload: bytes) -> bytes:
    return packet(0x30, topic, payload=payload)


DISCONNECT = b"\xe0\0"


async def dial(broker: EmbeddedBroker, *packets: bytes) -> asyncio.StreamWriter:
    """Open a connection and send all packets in one segment."""
    _, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(b"".join(packets))
    return writer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def play(faults: FaultPlan, *payloads: bytes, qos: int = 0) -> tuple[Told, list[bytes], list[bytes]]:
    """The tracker says hello with each payload; gives what the observer was told, and what two subscribers got."""
    told = Told()
    async with (
        EmbeddedBroker(faults=faults, observer=told) as broker,
        client(broker, "one") as one,
        client(broker, "two") as two,
        client(broker, "tracker") as tracker,
    ):
        for subscriber in (one, two):
            await subscriber.subscribe([(HELLO, qos), (END, qos)])
        for payload in payloads:
            await tracker.publish(HELLO, payload, qos=qos)
        await tracker.publish(END, qos=qos)
        return told, await take_until_end(one), await take_until_end(two)


def hellos(told: Told) -> list[tuple[object, ...]]:
    return [what for what in told.events() if HELLO in what]
