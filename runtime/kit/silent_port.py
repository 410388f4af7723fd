"""A port that takes connections and never answers, as a broker that a CONNECT never reaches."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

PACKETS = {1: "CONNECT", 3: "PUBLISH", 6: "PUBREL", 8: "SUBSCRIBE", 12: "PINGREQ", 14: "DISCONNECT"}
"""What clients send first, by the type that the first four bits of a packet say (MQTT 3.1.1, 2.2.1)."""


GO_ON = 0x80
"""The bit of a byte of a length that says that another one follows."""


@dataclass
class SilentPort:
    """Listens on a free `port`; `packets` are the names of what came, oldest first. An async context manager."""

    port: int = 0
    packets: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._writers: list[asyncio.StreamWriter] = []
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                (first,) = await reader.readexactly(1)
                await reader.readexactly(await _length(reader))
                self.packets.append(PACKETS.get(first >> 4, f"a packet of type {first >> 4}"))


async def _length(reader: asyncio.StreamReader) -> int:
    """The bytes that are left of a packet: seven bits a byte, the least first, four at most (MQTT 3.1.1, 2.2.3)."""
    length = 0
    for place in range(4):
        (byte,) = await reader.readexactly(1)
        length |= (byte & GO_ON - 1) << 7 * place
        if byte < GO_ON:
            break
    return length
