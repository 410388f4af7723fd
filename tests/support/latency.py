"""A TCP proxy that lets every byte arrive late, in order, at any rate: a distant network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime.mqtt.session import BrokerAddress


@asynccontextmanager
async def distant(address: BrokerAddress, seconds: float) -> AsyncIterator[BrokerAddress]:
    """Where the broker at `address` can be reached with this one-way delay in each direction."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        there, back = await asyncio.open_connection(address.host, address.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_carry(reader, back, seconds))
                both.create_task(_carry(there, writer, seconds))
        finally:
            writer.close()
            back.close()
            serving.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Carry bytes from one to the other until the sender ends."""
    loop = asyncio.get_running_loop()
    carried: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            due, data = await carried.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)

    async with asyncio.TaskGroup() as both:
        both.create_task(arrive())
        data = b"."
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""  # a connection that breaks has ended, too
            carried.put_nowait((loop.time() + seconds, data))
