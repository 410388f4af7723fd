"""What the driver leaves to whoever schedules a server: what is sent when, and when what has come is read.

`SchedulingPolicy` is a server as it lives: it sends what is due at once and in the charts' order, reads what comes as
it comes, and its clock counts real seconds. A replay takes these decisions itself, with a policy of its own; a service
waits until what it knows is stored, and lets longer and longer pauses pass.
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

    def waits(self) -> bool:
        """Whether the charts neither send nor read for now; the policy has `Server.settle` called when they can."""
        return False

    def may_send(self, client: Participant) -> bool:  # noqa: ARG002 - for policies of another kind
        """Whether the server sends now what is due; `client` is the chart of its MQTT client."""
        return True

    def first(self, due: tuple[Output, ...]) -> Output:
        """What goes first of what is due at a chart (never empty)."""
        return due[0]

    def is_ready(self, output: Output) -> bool:  # noqa: ARG002 - likewise
        """Whether what goes first at a chart can be sent now; else the policy has `Server.settle` called when it can.

        Meanwhile another chart may send what is due there, and the MQTT client reads what it does not defer.
        """
        return True

    def seconds(self, client: Participant, timeout: float) -> float:  # noqa: ARG002 - likewise
        """What the clock counts for a timeout that is set now; `timeout` is what it counts as a rule."""
        return timeout

    def reads(self, event: BusEvent) -> bool:  # noqa: ARG002 - likewise
        """Whether an event that came over the present connection is read at once; if not, the policy keeps it."""
        return True

    async def before_publishing(self, event: BusEvent, *, connected: bool) -> None:
        """Return when an event may leave the server; `connected` is False if its connection broke meanwhile."""

    def connecting(self) -> None:
        """A new connection begins."""

    def connected(self) -> None:
        """The broker has accepted the connection."""

    def disconnecting(self) -> None:
        """The server disconnects of itself: it reads nothing more."""

    def connection_lost(self) -> None:
        """The connection is over, with all that is under way on it."""

    def settled(self) -> None:
        """All charts wait: nothing is due or to be read, or they have to wait for it."""
