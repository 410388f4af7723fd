"""Last wills in a closed system: what the broker says in the name of a server whose connection broke without a word.

A hardened torrent server leaves its goodbye with CONNECT, for this session only, whose name is new with each start. The
broker says it once it has noticed that the connection is gone, behind all that still arrived on it. When that is,
nobody knows; but the session is taken over when its owner connects once more (MQTT 3.1.1, 3.1.4), and by then the will
is said, before anything of the new session. DISCONNECT discards it, and a broker that restarts knows it no more.

A *late* will is a fault: its owner is back, and starts without its being said, and it is said at some time after that.
That another client takes a session over is no fault of its own: it breaks the connection, and the will is said.

Nobody says a will to its owner, who would ignore it (the decision table of its chart).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeGuard

from machines.calls import CONNECT, DISCONNECT
from machines.events import ClientGoodbye

if TYPE_CHECKING:
    from spec.exploration.model.node import Arrow, Outcome, ServerState

LATE = "late will"
"""The fault, and the step in which the broker says a will although it is late."""
SAYS = ("will", LATE)
"""The steps in which the broker says a will; with one in time the connection is gone, and all that it brought is read.
"""
BY_BROKER = "will"
"""Who sends a will, in the arrows of a step."""


def is_will(message: object) -> TypeGuard[ClientGoodbye]:
    """Whether a message is a will: no other goodbye names a session."""
    return isinstance(message, ClientGoodbye) and bool(message.session)


def renewed(session: str) -> str:
    """A name for the next session."""
    name, _, number = session.rpartition(".")
    return f"{name}.{int(number) + 1}" if number.isdecimal() else f"{session}.1"


def noted(state: "ServerState", packet: object) -> "ServerState":
    """The state once the broker has a packet: a will comes with CONNECT, and is discarded by DISCONNECT."""
    if isinstance(packet, CONNECT):
        return state._replace(will=packet.will if isinstance(packet.will, ClientGoodbye) else None)
    return state._replace(will=None) if isinstance(packet, DISCONNECT) else state


def forgetting(state: "ServerState", ends: "tuple[Outcome, ...]") -> "Iterator[Outcome]":
    """How a state ends when the broker restarts, and knows of no will; `ends` are those of a lost connection.

    Nothing where nothing changes.
    """
    for end in ends:
        then = end.then._replace(will=None, late_wills=())  # type: ignore[attr-defined]
        if then != state:
            yield end._replace(then=then)


def saying(state: "ServerState", kind: str, *, online: bool) -> "Iterator[tuple[ServerState, ClientGoodbye]]":
    """Each will that the broker can say now, in time (`will`) or `late will`, and the state after that."""
    if kind == LATE:
        for will in dict.fromkeys(state.late_wills):
            left = list(state.late_wills)
            left.remove(will)
            yield state._replace(late_wills=tuple(left)), will
    elif state.will is not None and not online:
        yield state._replace(will=None), state.will


def started(state: "ServerState", ends: "tuple[Outcome, ...]", arrow: "type[Arrow]") -> "Iterator[Outcome]":
    """How a start can end whose owner had left a will: the broker says it first; or it is late, which is a fault.

    `ends` are those of a start without a will.
    """
    will = state.will
    for end in ends:
        if will is None:
            yield end
            continue
        said = arrow(BY_BROKER, "broker", will)
        yield end._replace(sent=(will, *end.sent), arrows=(said, *end.arrows))
        then = end.then._replace(late_wills=(*end.then.late_wills, will))  # type: ignore[attr-defined]
        yield end._replace(then=then, fault=LATE)
