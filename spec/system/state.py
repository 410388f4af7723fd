"""A state of the system, and what leads from one to another: small tuples, for searches keep many of them."""

from typing import NamedTuple

from spec.system.channels import Rows
from spec.system.process import Sending


class State(NamedTuple):
    """Where each lifeline is, in the system's order, and what is under way; small integers that the system knows."""

    locals: tuple[int, ...]
    channels: Rows = ()
    """What is under way, as `spec.system.channels` keeps it."""
    posted: tuple[tuple[tuple[int, int], int], ...] = ()
    """What was published so far, and between whom; noted only where an event can be delivered again."""


class Act(NamedTuple):
    """One end of an arrow: `kind` is `!` or `?`, or `.` for a step that nobody sees. `peer` is the other lifeline, or
    empty for the environment.
    """

    kind: str
    lifeline: str
    message: str
    detail: str
    peer: str
    lost: bool = False
    ignored: bool = False
    allowed: bool = False
    """Whether the binding lets it be ignored although it is drawn."""

    def __str__(self) -> str:
        return f"{self.kind}{self.message}"


class Move(NamedTuple):
    """An action and the state after it."""

    act: Act
    then: State


class Flying(NamedTuple):
    """A message that is under way, and whether it can be received next."""

    sender: str
    message: str
    detail: str
    is_next: bool


class Sent(NamedTuple):
    """A message that is due: as it is sent, and as it is lost."""

    act: Act
    lost: Act
    message: int
    receiver: int | None
    sending: Sending


def with_local(state: State, place: int, local: int) -> State:
    """The state with one lifeline elsewhere."""
    return state._replace(locals=(*state.locals[:place], local, *state.locals[place + 1 :]))
