"""What the driver asks of a server's charts: what one did with a message, and what is due now that was not before."""

from collections.abc import Sequence

from machines.calls import Message, Role
from machines.participant import Decision, Output, Participant, UnspecifiedReception

Due = tuple[Role, Output]


def received(chart: Participant, message: Message) -> tuple[Decision, str]:
    """What a chart did with a message; IMPOSSIBLE, and why, if it does not take it."""
    try:
        return chart.receive(message), ""
    except UnspecifiedReception as refused:
        return Decision.IMPOSSIBLE, str(refused)


def changed(
    before: Sequence[tuple[Role, tuple[Output, ...]]], now: Sequence[tuple[Role, tuple[Output, ...]]]
) -> tuple[set[Due], set[Due]]:
    """What is no longer due, and what is due anew.

    A tracker has a timeout for each pending admission, and each step changes one: so the very same outputs are told by
    what they are, and only the others are compared.
    """
    was = {(role, id(output)) for role, outputs in before for output in outputs}
    is_due = {(role, id(output)) for role, outputs in now for output in outputs}
    over = {(role, output) for role, outputs in before for output in outputs if (role, id(output)) not in is_due}
    new = {(role, output) for role, outputs in now for output in outputs if (role, id(output)) not in was}
    return over - new, new - over
