"""Crashes inside a step: what a server that is started again finds, and what it had published by then.

A step is: the charts go on, the view is stored, an event is published, and so on. A view is stored before anything
that follows from it is published (`runtime.services.keeping`); when exactly, nobody knows. So at each point of a step
the store holds the view of now, or the one that was stored when the last event was published; and a prefix of the
events is out. What a step leaves that publishes nothing counts as stored when it is done.

A point at which nothing is out is none of its own where it is like a crash before the step, or after it. Where both
hops are kept apart, of what is out something may be cut off with the connection. That is like a crash at an earlier
point, so of such a point only that is told that all of it arrives (`spec.exploration.model.moves`).

Steps with an event, an expiry, a stop, and what a server publishes first after its start are interrupted so. A stop
that is interrupted counts as both, a stop and a crash.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from machines.participant import Snapshot
from spec.exploration.model.normal_form import normal

if TYPE_CHECKING:
    from spec.exploration.model.node import Progress, Server, ServerState

KINDS = {f"interrupt {kind}": kind for kind in ("read", "expire", "publish", "stop")}
"""What a crash inside a step is called, and the step."""


def stored_before(here: "Progress") -> Snapshot:
    """The view that is stored before an event is published: that of now."""
    return here.state.view


def points(
    server: "Server",
    before: "ServerState",
    met: "Iterable[tuple[Progress, bool]]",
    is_answering: Callable[[Snapshot], bool],
) -> "Iterator[tuple[ServerState, Progress]]":
    """What a server is after a crash at each point that was `met` on the way, with whether the step ends there.

    `is_answering`: whether a view is about to answer, which is no point: its change is not done.
    """
    for here, ends in met:
        if here.state.broken or not server.is_online(here.state) or is_answering(here.state.view):
            continue
        for view in dict.fromkeys(_stored(before, here)):
            is_before = not here.sent and view == before.view
            is_after = ends and not here.sent and view == here.state.view
            if not (is_before or is_after):
                born = server.reborn(here.state._replace(view=view), keeps_view=True)
                yield normal(born)._replace(view=born.view), here  # as it was stored, though much is forgotten next


def _stored(before: "ServerState", here: "Progress") -> Iterator[Snapshot]:
    yield before.view if here.stored is None else here.stored
    yield here.state.view
