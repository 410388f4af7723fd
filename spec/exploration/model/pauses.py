"""Where a step of a server pauses, which of what is due in it is a choice, and what is told of one without an end."""

from typing import TYPE_CHECKING

from machines.events import BusEvent
from spec.system.process import Sending

if TYPE_CHECKING:
    from spec.exploration.model.node import Arrow, Progress

SHOWN = 20
"""Calls of a step without an end that are kept, and told."""


def pauses(here: "Progress", busy: tuple[str, tuple[Sending, ...]]) -> bool:
    """Whether a step ends before its first publication, because it began with a handshake; `busy`: what is due."""
    role, sendings = busy
    shook_hands = any(arrow.receiver == "broker" for arrow in here.arrows)
    return role == "client" and shook_hands and not here.sent and isinstance(sendings[0].message, BusEvent)


def choices(sendings: tuple[Sending, ...]) -> tuple[Sending, ...]:
    """Different messages are a choice; several of one kind are all sent, in any order, which nobody sees."""
    return sendings if len({type(sending.message) for sending in sendings}) > 1 else sendings[:1]


def endless(here: "Progress", steps: int) -> "tuple[str, tuple[BusEvent, ...], tuple[Arrow, ...]]":
    """A server that never terminates is nowhere that its charts call possible: why, what it published, and arrows."""
    arrows = here.arrows[:SHOWN]
    sent = tuple(arrow.message for arrow in arrows if arrow[:2] == ("client", "broker"))
    events = tuple(message for message in sent if isinstance(message, BusEvent))
    return f"after {steps} calls in one step it still goes on, in {here.state.where}", events, arrows
