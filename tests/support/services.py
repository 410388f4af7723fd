"""Services to test with: a tracker and torrent servers that run in this loop, on any broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from machines import FileMetadata, FragmentMetadata, View
from runtime.mqtt.session import BrokerAddress
from runtime.services.keeping import Keeper
from runtime.services.run import torrent, tracker
from runtime.services.settings import TorrentSettings, TrackerSettings
from runtime.services.share import Shared
from runtime.services.supervisor import Exit, Service

SOON = 15.0
"""Seconds; an upper bound for what takes milliseconds, on a machine that is busy with something else."""
QUICK: dict[str, Any] = {"timeout": 5.0, "retry_first": 0.05, "retry_most": 0.4, "stop_within": 5.0, "patience": 5.0}


class Running:
    """A service that runs as a task."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.status = service.status
        self.server = service.server
        self.task = asyncio.create_task(service.supervisor.run())

    async def until(self, condition: Callable[[], bool], within: float = SOON) -> None:
        try:
            await self.server.wait_for(condition, within)
        except TimeoutError:
            raise AssertionError(
                f"{self.server.name} is in {self.server.where}, not a member because: {self.status.why()}; "
                f"{list(self.status.recent)[-12:]}"
            ) from None

    async def member(self) -> "Running":
        await self.until(lambda: self.status.is_member)
        return self

    async def members(self, *names: str) -> None:
        """Wait until its view holds just these clients."""
        await self.until(lambda: set(self.server.view.clients) == set(names))

    async def kill(self) -> None:
        """The process ends without a word."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def stop(self) -> Exit:
        self.service.supervisor.stop()
        return await self.ends()

    async def ends(self) -> Exit:
        async with asyncio.timeout(SOON):
            return await self.task


async def until(condition: Callable[[], bool], within: float = SOON) -> None:
    """Wait until a condition holds that no server tells of."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)


def shared(name: str, files: int = 1) -> Shared:
    """Files of a torrent server, each of one fragment."""
    numbers = range(files)
    return Shared(
        {f"{name}-file-{n}": FileMetadata(10, (f"{name}-fragment-{n}",)) for n in numbers},
        {f"{name}-fragment-{n}": FragmentMetadata(10) for n in numbers},
    )


class Bus:
    """Services at one broker; whatever runs at the end is stopped."""

    def __init__(self, address: BrokerAddress) -> None:
        self.address = address
        self.running: list[Running] = []

    def tracker(self, keeper: Keeper | None = None, known: View | None = None, **settings: Any) -> Running:
        made = TrackerSettings(**{**QUICK, "fragment_size": 1024, **settings})
        return self._run(tracker(made, self.address, keeper, known))

    def torrent(self, name: str, brings: Shared | None = None, **settings: Any) -> Running:
        ends = {"endpoint": (f"http://{name}/",)}
        made = TorrentSettings(**{**QUICK, "fragment_size": 1024, "id": name, **ends, **settings})
        return self._run(torrent(made, shared(name) if brings is None else brings, self.address))

    def _run(self, service: Service) -> Running:
        running = Running(service)
        self.running.append(running)
        return running


@contextlib.asynccontextmanager
async def a_bus(address: BrokerAddress) -> AsyncIterator[Bus]:
    bus = Bus(address)
    try:
        yield bus
    finally:
        for running in bus.running:
            await running.kill()


def view_of(running: Running) -> tuple[object, ...]:
    """What everybody has to agree on."""
    view = running.server.view
    return view.files, view.fragments, view.clients
