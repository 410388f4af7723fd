"""Waiting for what is to happen in a demo, until nothing more is to be expected."""

import asyncio
from collections.abc import Callable

from runtime.demo.arming import Clocks
from runtime.demo.audience import Audience
from runtime.demo.servers import DemoServers
from runtime.demo.settings import Settings

SILENCE = 1.0
"""Seconds without an arrow after which nothing more is to be expected, if no clock runs and no event is delayed."""
PATIENCE = 15.0
"""Seconds that the demo waits beyond the timeouts of the protocol before it takes things as they are."""
LONGEST_DELAY = 5.0
"""Seconds that the demo waits for what a fault delays."""
STARTING = {("awaiting_connack",), ("subscribing",), ("awaiting_subacks",)}
"""Where a server awaits the broker, which can take its time."""


class DemoError(Exception):
    """The demo cannot go on: the message says why and what to do."""


def delays(settings: Settings) -> float:
    """Seconds by which faults can delay an event, as long as they are waited for."""
    return min(sum(fault.seconds for fault in settings.faults), LONGEST_DELAY)


class Waiting:
    """Waits on the servers, for as long as something can still come of its clocks and delays."""

    def __init__(self, settings: Settings, demo_servers: DemoServers, clocks: Clocks, audience: Audience) -> None:
        self._demo_servers, self._clocks, self._audience = demo_servers, clocks, audience
        self._delays = delays(settings)
        self._patience = PATIENCE + settings.torrents / 2
        self._remedy = "; check --broker, or leave it away" if settings.broker else ""

    async def until(self, condition: Callable[[], bool], what: str, silence: float | None = None) -> bool:
        """Wait for `condition`, until nothing more is to be expected; gives whether it holds.

        That is after `silence` seconds without an arrow (by default enough for every clock), or when the demo has lost
        its patience. Raises `DemoError` if a server has lost the broker, and what the audience raised.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        silent = 0.0
        while not condition():
            self._audience.check()
            for server in self._demo_servers.cut_off():
                raise DemoError(f"{server.name} went offline before {what}: {server.last_error}{self._remedy}")
            counted = self._clocks.seconds
            enough = (SILENCE + counted if silence is None else silence) + self._delays
            if silent > enough or loop.time() - began > 3 * counted + self._patience:
                return False
            if await self._audience.is_shown_something(within=0.1):
                silent = 0.0
            else:
                starting = any(server.where in STARTING for server in self._demo_servers.servers.values())
                silent = 0.0 if starting else silent + 0.1
        return True
