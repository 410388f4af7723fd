"""A second tracker in a closed system: it comes up at any moment beside the first one, and that is a fault.

An operator starts a tracker twice, or a supervisor starts a new one while the old one hangs. The second one has the
charts of the first, another MQTT client identifier and a store of its own: a store belongs to one tracker at a time
(`runtime.services.store`), so it begins with the view that the first one began with. Once it has come up it is a
tracker like the other one: what can happen to a tracker can happen to either, for the same bounds.

*Hardened*, each has a session, hears the hellos of trackers, serves from its own on, and steps down for a later one
(`machines.tracker.Tracker`). A service that has stepped down ends (`runtime.services.supervisor`), so here nothing
starts it again but stabilisation, which replaces the first one. As drawn no tracker hears another one: both go on.

A service has a new session with each connection. Here two names take turns, so that there are finitely many: who missed
a hello and follows an earlier connection still tells it from the next one; only of the one after that it cannot.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from machines.events import TrackerHello
from machines.tracker import TrackerData

if TYPE_CHECKING:
    from spec.exploration.model.node import Outcome, ServerState

SECOND = "second tracker"
"""The fault: a tracker comes up beside another one."""
SPARE = "spare"
"""It is not there yet, and need not come up ever."""
STEPPED_DOWN = "stepped down"
"""It has heard a later tracker, and is not started again."""
TURN = "'"
"""What every other session of a tracker is told by."""


def name_of_second(tracker: str, number: int) -> str:
    """The name of a tracker that comes up beside one of the name; `number` counts from 2."""
    return f"{tracker}{number}"


def session_of(tracker: str) -> str:
    """One of the two sessions of a hardened tracker; the other one is that of its first start."""
    return f"session of {tracker}"


def session_after(data: object) -> str:
    """The session that the owner gives to the next connection of a hardened tracker; that of others has no name."""
    if not isinstance(data, TrackerData) or not data.session:
        return ""
    name = data.session.removesuffix(TURN)
    return name if name != data.session else name + TURN


def coming_up(state: "ServerState", ends: "tuple[Outcome, ...]") -> "Iterator[Outcome]":
    """How a start can end: a fault of one that was not there yet, and nothing of one that has stepped down.

    `ends` are those of a server that is started again and again.
    """
    if state.life == STEPPED_DOWN:
        return
    for end in ends:
        yield end._replace(then=end.then._replace(life=""), fault=SECOND) if state.life == SPARE else end  # type: ignore[attr-defined]


def stepping_down(message: object, ends: "tuple[Outcome, ...]") -> "Iterator[Outcome]":
    """How reading a message ends: who goes offline because of a hello has stepped down."""
    for end in ends:
        is_over = isinstance(message, TrackerHello) and end.then.where == "offline"  # type: ignore[attr-defined]
        yield end._replace(then=end.then._replace(life=STEPPED_DOWN)) if is_over else end  # type: ignore[attr-defined]
