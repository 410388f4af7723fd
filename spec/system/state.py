"""A state of the system, and what leads from one to another: small tuples, for searches keep many of them."""

from typing import NamedTuple


class State(NamedTuple):
    """Where each lifeline is, in the system's order, and what is under way; small integers that the system knows."""

    locals: tuple[int, ...]
    channels: tuple[tuple[tuple[int, int], tuple[int, ...]], ...] = ()
    posted: tuple[tuple[tuple[int, int], int], ...] = ()
    """What was published so far, and between whom; noted only where an event can be delivered again."""


class Act(NamedTuple):
    """One end of an arrow: `kind` is `!` or `?`. `peer` is the other lifeline, or empty for the environment."""

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


def with_local(state: State, place: int, local: int) -> State:
    """The state with one lifeline elsewhere."""
    return state._replace(locals=(*state.locals[:place], local, *state.locals[place + 1 :]))


def with_message(state: State, ends: tuple[int, int], message: int) -> State:
    """The state with a message more under way."""
    channels = dict(state.channels)
    channels[ends] = (*channels.get(ends, ()), message)
    return state._replace(channels=tuple(sorted(channels.items(), key=lambda row: row[0])))


def without_head(state: State, ends: tuple[int, int]) -> State:
    """The state without the message that is the next to arrive."""
    channels = tuple((key, messages[1:] if key == ends else messages) for key, messages in state.channels)
    return state._replace(channels=tuple(row for row in channels if row[1]))
