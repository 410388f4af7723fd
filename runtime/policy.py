"""What the driver leaves to whoever schedules a server: what is sent when, and when what has come is read.

`SchedulingPolicy` is a server as it lives: it sends what is due at once and in the charts' order, reads what comes as
it comes, and its clock counts real seconds. A replay takes these decisions itself, with a policy of its own.
"""

from machines.events import BusEvent
from machines.participant import Output, Participant

HELD_BACK = 2.0
"""Seconds that a server which disconnects waits for what a fault holds back at its end of the wire."""


class SchedulingPolicy:
    """The decisions of a server that lives by itself; a policy of another kind overrides some of them."""

    counts_time = True
    """Whether timeouts expire by themselves."""
    patience: float | None = HELD_BACK
    """Seconds that a server which disconnects waits for publications that do not end; None: until all have ended."""

    def may_send(self, client: Participant) -> bool:  # noqa: ARG002 - for policies of another kind
        """Whether the server sends now what is due; `client` is the chart of its MQTT client."""
        return True

    def first(self, due: tuple[Output, ...]) -> Output:
        """What goes first of what is due at a chart (never empty)."""
        return due[0]

    def reads(self, event: BusEvent) -> bool:  # noqa: ARG002 - likewise
        """Whether an event that came over the present connection is read at once; if not, the policy keeps it."""
        return True

    async def before_publishing(self, event: BusEvent, *, connected: bool) -> None:
        """Return when an event may leave the server; `connected` is False if its connection broke meanwhile."""

    def connecting(self) -> None:
        """A new connection begins."""

    def disconnecting(self) -> None:
        """The server disconnects of itself: it reads nothing more."""

    def connection_lost(self) -> None:
        """The connection is over, with all that is under way on it."""
