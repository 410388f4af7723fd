"""What is under way to and from a component, and what the moves of its slots depend on."""

from typing import NamedTuple

Queues = tuple[tuple[int, ...], tuple[int, ...]]
"""The numbers of the messages to the broker and from it, oldest first."""
Heads = tuple[int, tuple[tuple[int, int], ...], int]
"""The first message to the broker, the messages that can be read next, with their places, and how many wait for the
broker where that matters."""
Shape = tuple[int, int, tuple[tuple[int, int], ...], int]
"""A local state, and what can be taken next."""


class Edit(NamedTuple):
    """What a move does to what is under way."""

    place: int | None = None
    """Of the message that is taken."""
    stays: int | None = None
    """What takes its place."""
    sent: tuple[int, ...] = ()
    forwards: bool = False
    """Whether the broker takes the first of what is under way to it."""
    keeps_down: bool = True
    keeps_up: int | None = None
    """How many of those under way to the broker still reach it: the oldest; None for all."""


def edited(queues: Queues, edit: Edit, *, ordered: bool) -> Queues:
    """The queues after a move. Unless they are `ordered`, what stays in the place of a message is sorted in."""
    up, down = queues
    if edit.place is not None:
        stays = () if edit.stays is None else (edit.stays,)
        down = (*down[: edit.place], *stays, *down[edit.place + 1 :])
        down = down if ordered or not stays else tuple(sorted(down))
    return (*up[edit.forwards :][: edit.keeps_up], *edit.sent), down if edit.keeps_down else ()
