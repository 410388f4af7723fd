"""Brokers to run one test on each of: Mosquitto, and the embedded one; and one that acknowledges when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress
from tests.support.mosquitto import Mosquitto
from tests.support.programs import needed

KINDS = ("mosquitto", "embedded")


@asynccontextmanager
async def a_broker(kind: str, folder: Path) -> AsyncIterator[BrokerAddress]:
    """A broker of this kind; where its program is missing, the test is skipped."""
    if kind == "embedded":
        async with EmbeddedBroker() as broker:
            yield BrokerAddress(broker.host, broker.port)
    else:
        mosquitto = Mosquitto(needed("mosquitto"), folder)
        try:
            yield mosquitto.address
        finally:
            mosquitto.kill()


CONNACK = b"\x20\x02\x00\x00"
PUBLISH, PUBACK = 3, 0x40


class Slow:
    """Answers CONNECT, counts publications at QoS 1 and acknowledges those that `acknowledge` lets go, in order."""

    def __init__(self) -> None:
        self.held: list[bytes] = []
        self.topics: list[bytes] = []
        self.most_held = 0
        self._news = asyncio.Event()

    async def __aenter__(self) -> BrokerAddress:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return BrokerAddress("127.0.0.1", self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if hasattr(self, "_writer"):
            self._writer.close()

    async def holds(self, count: int) -> None:
        """Wait until so many are not acknowledged."""
        while len(self.held) < count:
            self._news.clear()
            await self._news.wait()

    def acknowledge(self) -> None:
        self._writer.write(bytes((PUBACK, 2)) + self.held.pop(0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while head := await reader.read(1):
            length, shift = 0, 0
            while True:
                (digit,) = await reader.readexactly(1)
                length |= (digit & 127) << shift
                shift += 7
                if digit < 128:
                    break
            body = await reader.readexactly(length)
            if head[0] >> 4 == 1:
                writer.write(CONNACK)
            elif head[0] >> 4 == PUBLISH:
                size = int.from_bytes(body[:2])
                self.topics.append(body[2 : 2 + size])
                self.held.append(body[2 + size : 4 + size])
                self.most_held = max(self.most_held, len(self.held))
                self._news.set()


def embedded_gives_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let amqtt's own five seconds be a tenth of one, so that what depends on them shows at once."""
    wait_for = asyncio.wait_for

    async def soon(awaitable: object, timeout: float | None = None) -> object:  # noqa: ASYNC109 - asyncio's name
        return await wait_for(awaitable, 0.1 if timeout == 5 else timeout)  # type: ignore[arg-type]

    monkeypatch.setattr("amqtt.mqtt.protocol.handler.asyncio.wait_for", soon)
