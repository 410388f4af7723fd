"""What one session has published and the broker has not yet acknowledged.

MQTT 3.1.1 has no word for "too much": a broker that takes at most so many unacknowledged publications of a client
acknowledges the others all the same, and drops them. So a session sends the next one only when one of those in flight
is acknowledged. The rest wait their turn, and leave in the order in which they came.

A publication whose sender has stopped waiting still counts as in flight until the broker acknowledges it: to the
broker it is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

IN_FLIGHT = 20
"""Unacknowledged publications of a session: what Mosquitto takes of a client at QoS 2 by default."""


class StalledError(Exception):
    """The broker does not acknowledge: the message says how much it was given."""


class _Waiting(NamedTuple):
    send: Callable[[], int | None]
    outcome: asyncio.Future[str]


class InFlight:
    """Sends publications in order, at most `size` unacknowledged at a time.

    `patience` in seconds is what the broker has for each next sign that it goes on: an acknowledgement, or a change of
    what `progress` gives, such as the number of bytes that it took. So a long queue, a large payload or a slow network
    is no failure, but a standstill is.
    """

    def __init__(self, size: int, patience: float, progress: Callable[[], object] = lambda: None) -> None:
        self._size = size
        self._patience = patience
        self._progress = progress
        self._seen: object = None
        self._moved = 0.0
        self._waiting: deque[_Waiting] = deque()
        self._sent: dict[int, asyncio.Future[str]] = {}
        self._sending = False
        self._ended = ""

    @property
    def awaited(self) -> int:
        """How many publications somebody waits for, sent or not."""
        outcomes = (*self._sent.values(), *(waiting.outcome for waiting in self._waiting))
        return sum(not outcome.done() for outcome in outcomes)

    async def publish(self, send: Callable[[], int | None]) -> None:
        """Call `send` when its turn has come, and wait for the acknowledgement.

        `send` returns the packet identifier, or None where nothing is left to wait for; what it raises is raised here.
        Raises `StalledError` after a standstill of `patience` seconds, and when the connection ends. If the wait
        is cancelled before its turn, `send` is never called.
        """
        if self._ended:
            raise StalledError(self._ended)
        outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(send, outcome))
        self._send_next()
        self._look()
        try:
            await self._await(outcome)
            problem = outcome.result()
        finally:
            if not outcome.cancel():
                outcome.exception()  # seen, even if nobody waits any more
        if problem:
            raise StalledError(problem)

    def acknowledged(self, packet: int) -> None:
        """The broker has acknowledged the publication with this packet identifier."""
        loop = asyncio.get_running_loop()
        self._moved = loop.time()
        outcome = self._sent.pop(packet, None)
        if outcome is not None and not outcome.done():
            outcome.set_result("")
        loop.call_soon(self._send_next)  # not at once: the MQTT library calls this in the middle of its own counting

    def end(self, problem: str) -> None:
        """The connection is no more: whatever is not acknowledged has failed, because of `problem`."""
        self._ended = self._ended or problem
        for outcome in (*self._sent.values(), *(waiting.outcome for waiting in self._waiting)):
            if not outcome.done():
                outcome.set_result(problem)
        self._waiting.clear()
        self._sent.clear()

    def _send_next(self) -> None:
        if self._sending:
            return  # an acknowledgement within `send`: the loop below goes on
        self._sending = True
        try:
            while self._waiting and len(self._sent) < self._size:
                send, outcome = self._waiting.popleft()
                if not outcome.done():
                    self._send(send, outcome)
        finally:
            self._sending = False

    def _send(self, send: Callable[[], int | None], outcome: asyncio.Future[str]) -> None:
        try:
            packet = send()
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            outcome.set_exception(error)
            return
        if packet is None:
            outcome.set_result("")
        else:
            self._sent[packet] = outcome

    async def _await(self, outcome: "asyncio.Future[str]") -> None:
        """Wait for an outcome, as long as the broker goes on."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not outcome.done():
            self._look()
            left = max(began, self._moved) + self._patience - loop.time()
            if left <= 0:
                raise StalledError(
                    f"nothing was acknowledged for {self._patience:g} s, with {len(self._sent)} publications in flight"
                )
            await asyncio.wait({outcome}, timeout=left)

    def _look(self) -> None:
        """Note whether the broker has taken more of what was sent."""
        progress = self._progress()
        if progress != self._seen:
            self._seen = progress
            self._moved = asyncio.get_running_loop().time()
