"""Runs one server until it is told to stop: connects, reconnects with back-off, and says goodbye in the end.

How it ended is an exit status: 0 stopped as asked; 3 the broker refused for good (credentials, protocol, identifier,
a topic, a certificate), which no further attempt would change; 4 the store failed; 5 another tracker took over. What
passes (no broker, a connection that broke, a broker that is not available yet) is tried again, however long it takes.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from runtime.mqtt.session import NotConnectedError, RefusedError, UntrustedError
from runtime.services.back_off import BackOff
from runtime.services.server import ServiceServer
from runtime.services.status import Status
from runtime.wire.texts import printable

log = logging.getLogger("clientjoin.service")

SERVER_UNAVAILABLE = 3
"""The one return code of CONNACK that passes (MQTT 3.1.1, 3.2.2.3)."""
LASTED = 10.0
"""A connection that lasted so many seconds, or as long as the longest pause, begins the pauses anew."""
REMEDY = "if no broker runs there, name one with --broker (a tracker can bring its own: --embedded-broker)"
"""What is said with the first attempt that fails."""
AWAITS_ITS_HELLO = ("awaiting_its_hello",)
"""Where a tracker does not serve yet (`machines.tracker`)."""
HEARS_WITHIN = 10.0
"""A tracker that has not heard its own hello for so many seconds has lost it, and connects again."""
SUSPICIOUS = 3
"""So many connections in a row that were accepted and did not last are no chance."""


class Exit(IntEnum):
    """How a service ended."""

    STOPPED = 0
    REFUSED = 3
    STORE = 4
    SUPERSEDED = 5


class Supervisor:
    """Keeps a server connected."""

    def __init__(self, server: ServiceServer, status: Status, pauses: BackOff, stop_within: float) -> None:
        """`pauses` between connections; `stop_within` in seconds is how long a goodbye may take."""
        self.server = server
        self.status = status
        self.pauses = pauses
        self.stop_within = stop_within
        self.hears_within = HEARS_WITHIN
        self._stopped = asyncio.Event()
        self._short = 0
        """How many connections in a row were accepted, and did not last."""

    def stop(self) -> None:
        """Say goodbye, and let `run` return."""
        self._stopped.set()

    async def run(self) -> Exit:
        """Run until `stop`, or until there is no use in going on."""
        try:
            return await self._run()
        finally:
            await self.server.crash()  # whatever happened, no task is left

    async def _run(self) -> Exit:
        loop = asyncio.get_running_loop()
        while True:
            self.status.connection = "it is about to connect"
            self.server.start()
            await self._until_over()
            if self.server.store_failure is not None:
                await self.server.crash()
                self.status.ended = str(self.server.store_failure)
                return Exit.STORE
            if self._stopped.is_set():
                return await self._say_goodbye()
            ended = self._for_good()
            if ended is not None:
                return ended
            accepted = self.server.accepted_at
            lasted = accepted is not None and loop.time() - accepted > min(LASTED, self.pauses.most)
            if lasted:
                self.pauses.reset()
            self._short = self._short + 1 if accepted is not None and not lasted else 0
            if not await self._pause():
                return Exit.STOPPED

    async def _until_over(self) -> None:
        """Wait until the connection has ended, or the store failed, or `stop`; end it where a hello does not come."""
        while not (self._is_over() or self._stopped.is_set()):
            await self._until(lambda: self._is_over() or not self._hears_itself())
            if self._is_over() or await self._wait(self._until(self._hears_itself), self.hears_within):
                continue
            log.warning(
                "%s has not heard its own hello for %g s: it connects again", self.server.name, self.hears_within
            )
            await self.server.lose_connection()

    def _hears_itself(self) -> bool:
        return self.server.where != AWAITS_ITS_HELLO

    def _is_over(self) -> bool:
        return self.server.where == ("offline",) or self.server.store_failure is not None

    async def _say_goodbye(self) -> Exit:
        log.info("%s stops", self.server.name)
        await self.server.stop(self.stop_within)
        if self.server.store_failure is not None:
            return Exit.STORE
        log.info("%s has stopped", self.server.name)
        return Exit.STOPPED

    def _for_good(self) -> Exit | None:
        """Why there is no use in trying again, if there is none."""
        if self.status.superseded:
            self.status.ended = "another tracker has said hello: this one has stepped down"
            return Exit.SUPERSEDED
        failure = self.server.failure
        passes = isinstance(failure, RefusedError) and failure.code == SERVER_UNAVAILABLE
        if isinstance(failure, RefusedError | UntrustedError) and not passes:
            log.error("%s gives up: %s", self.server.name, failure)
            self.status.ended = f"refused for good: {failure}"
            return Exit.REFUSED
        return None

    async def _pause(self) -> bool:
        """Wait before the next attempt; False if it was told to stop meanwhile."""
        seconds = self.pauses.next()
        why = self.server.last_error or "the connection ended"
        if self._short >= SUSPICIOUS:
            why += (
                f" (soon after it was accepted, {self._short} times in a row: does another client connect as "
                f"{printable(self.server.topics.client_id(self.server.name))}, or does the broker refuse what is sent?)"
            )
        was_there = self.server.accepted_at is not None
        if not (self.status.reconnects or was_there) and type(self.server.failure) is NotConnectedError:
            why += f"; {REMEDY}"
        self.status.reconnects += 1
        self.status.connection = (
            f"not connected: {why}; attempt {self.status.reconnects + 1} follows in {seconds:.1f} s"
        )
        log.warning("%s: %s", self.server.name, self.status.connection)
        return not await self._wait(self._stopped.wait(), seconds)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition of the server holds, or `stop`."""
        reached = asyncio.ensure_future(self.server.wait_for(condition, None))
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({reached, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (reached, stopped):
                waiting.cancel()
            await asyncio.gather(reached, stopped, return_exceptions=True)

    async def _wait(self, what: Awaitable[object], seconds: float) -> bool:
        """Whether it came within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await what
        except TimeoutError:
            return False
        return True


@dataclass
class Service:
    """A server that can be run, and what is known of it."""

    supervisor: Supervisor
    status: Status

    @property
    def server(self) -> ServiceServer:
        """The charts, on a bus."""
        return self.supervisor.server


@contextlib.contextmanager
def told_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT stop; a second one ends the process at once, with status 128 and its number."""
    loop = asyncio.get_running_loop()
    heard: list[signal.Signals] = []

    def hear(by: signal.Signals) -> None:
        heard.append(by)
        if len(heard) > 1:
            log.error("%s a second time: ended at once, without a goodbye", by.name)
            logging.shutdown()
            os._exit(128 + by)
        stop()

    known: list[signal.Signals] = []
    try:
        for by in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(by, hear, by)
            known.append(by)
    except NotImplementedError:
        log.warning("this system's event loop takes no signals: end the service by closing it")
    try:
        yield
    finally:
        for by in known:
            loop.remove_signal_handler(by)
