"""When a server of a service acts: it waits for what a store or a thread does, and its pauses grow.

Nothing that follows from what is known is published before that is stored (`runtime.services.keeping`).
"""

import asyncio

from machines.events import BusEvent
from machines.participant import Output, Participant
from runtime.policy import SchedulingPolicy
from runtime.services.back_off import BackOff
from runtime.services.keeping import Keeping


class ServicePolicy(SchedulingPolicy):
    """Waits for `keeping` before an event is published, and for `stepping` before anything else happens."""

    def __init__(self, keeping: Keeping, pauses: BackOff) -> None:
        """`pauses` are what a clock counts before a torrent server asks again."""
        self.keeping = keeping
        self.pauses = pauses
        self.pause = 0.0
        """Seconds of the pause that was set last."""
        self.stepping: asyncio.Task[None] | None = None
        """A step that a thread does now: the charts wait for it."""
        self.accepted_at: float | None = None
        """When the broker accepted the last connection, on the loop's clock; None if it did not."""

    def waits(self) -> bool:
        """While a thread does a step."""
        return self.stepping is not None

    def is_ready(self, output: Output) -> bool:
        """An event is, once the latest view is stored; what stays inside the server always."""
        return not isinstance(output.message, BusEvent) or self.keeping.is_kept()

    def seconds(self, client: Participant, timeout: float) -> float:
        """The next pause where the torrent server waits before it asks again; otherwise the timeout."""
        if client.where != ("awaiting_retry",):
            return timeout
        self.pause = self.pauses.next()
        return self.pause

    def connected(self) -> None:
        """Note when that was."""
        self.accepted_at = asyncio.get_running_loop().time()

    def settled(self) -> None:
        """Begin to store what is not, though nothing waits for it."""
        self.keeping.is_kept()
