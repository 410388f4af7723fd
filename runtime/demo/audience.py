"""Who watches a demo: what is shown to them, and whether they are still there."""

import asyncio
from typing import Protocol

from runtime.recorder import Arrow


class Reporter(Protocol):
    """Who watches."""

    def act(self, title: str) -> None:
        """A part of the trace begins."""

    def arrow(self, arrow: Arrow) -> None:
        """An arrow has happened."""


class Audience:
    """Shows arrows to a reporter. What that raises is kept, so that no broker and no server meets it."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._shown = asyncio.Event()
        self._has_left = False
        self._failure: Exception | None = None

    def act(self, title: str) -> None:
        """A part of the trace begins. Raises what the reporter raises."""
        self._reporter.act(title)

    def arrow(self, arrow: Arrow) -> None:
        """An arrow has happened."""
        self._shown.set()
        if self._has_left or self._failure:
            return
        try:
            self._reporter.arrow(arrow)
        except Exception as failure:  # noqa: BLE001 - whatever it is, `check` raises it
            self._failure = failure

    def leave(self) -> None:
        """Show nothing more."""
        self._has_left = True

    def check(self) -> None:
        """Raise what the reporter has raised."""
        if self._failure:
            raise self._failure

    async def is_shown_something(self, within: float) -> bool:
        """Wait for the next arrow, for so many seconds; gives whether one came."""
        self._shown.clear()
        try:
            async with asyncio.timeout(within):  # not `wait_for`, which can swallow a Ctrl-C in Python 3.11
                await self._shown.wait()
        except TimeoutError:
            return False
        return True
