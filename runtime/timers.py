"""Real time for charts: what is due at a clock has a timer of the event loop, and happens when that has run out."""

import asyncio
from collections.abc import Callable, Mapping

from machines.calls import Role
from machines.participant import Output, Participant
from runtime.stepping import Due, changed


class Timers:
    """A timer for each output that is due at a chart which is not urgent."""

    def __init__(
        self,
        charts: Mapping[Role, Participant],
        seconds: Callable[[], float],
        expired: Callable[[Role, Output], None],
    ) -> None:
        """`seconds` says what a timer counts that is set now; `expired` is told whose time has come."""
        self.running: dict[Due, asyncio.TimerHandle] = {}
        self._charts = charts
        self._seconds = seconds
        self._expired = expired
        self._timed: list[tuple[Role, tuple[Output, ...]]] = []
        """What is due, as far as timers are set for it."""

    def follow(self) -> None:
        """Set a timer for what is due now and was not, and cancel that of what is due no more."""
        dues = [(role, chart.due()) for role, chart in self._charts.items() if not chart.urgent]
        if [id(due) for _, due in dues] == [id(due) for _, due in self._timed]:
            return  # charts that have not moved give the very same
        over, new = changed(self._timed, dues)
        self._timed = dues
        for each in over:
            self.running.pop(each).cancel()
        for role, output in new:
            self._set(role, output)

    def shorten(self, seconds: float) -> None:
        """Set those anew that have longer to run than so many seconds."""
        ends = asyncio.get_running_loop().time() + seconds
        for (role, output), timer in list(self.running.items()):
            if timer.when() > ends:
                timer.cancel()
                self._set(role, output)

    def stop(self) -> None:
        """Cancel all of them."""
        for timer in self.running.values():
            timer.cancel()
        self.running.clear()
        self._timed = []

    def _set(self, role: Role, output: Output) -> None:
        loop = asyncio.get_running_loop()
        self.running[role, output] = loop.call_later(self._seconds(), self._expire, role, output)

    def _expire(self, role: Role, output: Output) -> None:
        del self.running[role, output]
        self._timed = [(each, tuple(o for o in due if (each, o) != (role, output))) for each, due in self._timed]
        self._expired(role, output)
