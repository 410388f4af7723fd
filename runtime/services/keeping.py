"""What a tracker knows is stored before anybody is told what follows from it, and its loop goes on meanwhile.

A store may take long: a member brings 45,000 files, a disk is slow, a database is elsewhere. So a view is stored in a
thread, one at a time. While the latest view is not stored, the chart of the MQTT client does not take the step in which
it publishes an event (`ServicePolicy`); it stays in the state in which that is due, where it reads no other event, so
the order of what it does is the same as if storing took no time. What fails ends the service: the step is never taken.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from machines.rules import View
from runtime.services.threads import in_a_thread

log = logging.getLogger("clientjoin.service")


class StoreFailure(Exception):  # noqa: N818 - what happened, not a defect
    """What is known could not be stored: the message says where, why, and what to do."""


class Keeper(Protocol):
    """Stores a view; raises `StoreFailure`."""

    def keep(self, view: View) -> None:
        """Store this view in place of the last one. It is called in a thread, once at a time."""


class Keeping:
    """Has a keeper store the latest view of a server."""

    def __init__(self, name: str, keeper: Keeper | None, view: Callable[[], View], go_on: Callable[[], None]) -> None:
        """`view` is the latest one of the server `name`; `go_on` is called when one was stored, or could not be."""
        self.failure: StoreFailure | None = None
        """Why a view could not be stored: no other one will be."""
        self._name = name
        self._keeper = keeper
        self._view = view
        self._go_on = go_on
        self._kept: View | None = None
        self._storing: asyncio.Task[None] | None = None

    def is_kept(self) -> bool:
        """Whether the latest view is stored; if it is not, it is begun to be, unless that has failed."""
        if self._keeper is None:
            return True
        if self.failure is not None:
            return False
        view = self._view()
        if self._kept is not None and _same(view, self._kept):
            return True
        if self._storing is None:
            self._storing = asyncio.get_running_loop().create_task(self._store(self._keeper, view))
        return False

    async def ended(self) -> None:
        """Return when nothing is being stored."""
        if self._storing is not None:
            await asyncio.wait({self._storing})

    async def _store(self, keeper: Keeper, view: View) -> None:
        """Store a view, and then the latest one until there is no later one."""
        try:
            while self._kept is None or not _same(view, self._kept):
                try:
                    await in_a_thread(keeper.keep, view)
                except StoreFailure as failure:
                    self.failure = failure
                except Exception as error:  # noqa: BLE001 - whatever it was, nothing was stored, and the service ends
                    self.failure = StoreFailure(f"cannot store what is known: {error!r}")
                if self.failure is not None:
                    log.error("%s: %s", self._name, self.failure)
                    break
                self._kept = view
                self._go_on()
                view = self._view()
        finally:
            self._storing = None
        if self.failure is not None:
            self._go_on()


def _same(one: View, other: View) -> bool:
    """Whether there is nothing to store of the one view when the other is stored."""
    return one.files is other.files and one.fragments is other.fragments and one.clients is other.clients
