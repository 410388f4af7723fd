"""An event loop whose clock stands still until somebody moves it: the same run each time, and a day in seconds.

No file descriptor and no thread is behind it. Whoever awaits a socket in it waits for ever, and is told so.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class StuckError(RuntimeError):
    """Something is awaited that no callback and no timer will bring."""


class _Waiting:
    """In the place of a selector: where the loop would wait for the network, the clock moves."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            self._loop.is_idle(stuck=True)
        elif timeout > 0:
            self._loop.waits(timeout)
        return []

    def close(self) -> None:
        """Nothing is open."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `run_until_idle` lets no time pass, `run_until_complete` and `run_for` as much as is needed."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = _Waiting(self)
        self._patient = True
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._now

    def waits(self, seconds: float) -> None:
        """Nothing is ready for so long."""
        if self._patient:
            self._now += seconds
        else:
            self.stop()

    def is_idle(self, *, stuck: bool) -> None:
        """Nothing is ready, and nothing will be."""
        if not self._patient:
            self.stop()
        elif stuck:
            raise StuckError("all wait for something that nobody will do")

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
