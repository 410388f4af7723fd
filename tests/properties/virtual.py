"""An event loop whose clock stands still until somebody moves it: the same run each time, and a day in seconds.

No file descriptor and no thread is behind it. Whoever awaits a socket in it waits for ever, and is told so.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from heapq import heappop
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(RuntimeError):
    """Something is awaited that no callback and no timer will bring."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `run_until_idle` lets no time pass, `run_until_complete` and `run_for` as much as is needed."""

    _ready: "deque[asyncio.Handle]"
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._patient = True

    def time(self) -> float:
        return self._now

    def run_until_idle(self) -> None:
        """Run all that is ready, and what that makes ready; no time passes."""
        self._patient = False
        try:
            self.run_forever()
        finally:
            self._patient = True

    def run_for(self, seconds: float) -> None:
        """Run for so long."""
        self.run_until_complete(asyncio.sleep(seconds))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end of `work`, and return what it returns."""
        return self.run_until_complete(work)

    def _run_once(self) -> None:
        """Run what is ready. If nothing is, the clock moves to the next timer: there is no network to wait for."""
        ready, scheduled = self._ready, self._scheduled
        if not ready:
            while scheduled and scheduled[0].cancelled():
                self._next_timer()
            if not self._patient:
                self.stop()
                return
            if not scheduled:
                raise StuckError("all wait for something that nobody will do")
            self._now = max(self._now, scheduled[0].when())
            while scheduled and scheduled[0].when() <= self._now:
                ready.append(self._next_timer())
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _next_timer(self) -> asyncio.TimerHandle:
        timer: asyncio.TimerHandle = heappop(self._scheduled)
        timer._scheduled = False  # type: ignore[attr-defined] # as `BaseEventLoop` does; it need not be counted
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is dropped when its time has come."""

    # What a loop needs from the operating system; here there is none.

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list

    def _write_to_self(self) -> None:
        """Nobody else runs."""

    def close(self) -> None:
        """Cancel whatever is left, and let it end."""
        left = asyncio.all_tasks(self)
        for task in left:
            task.cancel()
        if left:
            self.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        super().close()
