"""What a step of the closed system is: slots, rows, and what can happen, with what it is called."""

from collections.abc import Hashable
from typing import NamedTuple

from spec.exploration.model.budget import FREE
from spec.exploration.model.node import Outcome


class Slot(NamedTuple):
    """A state of a component: the number of its local state, and those of the messages under way, oldest first."""

    local: int
    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()


class Step(NamedTuple):
    """What one component can do: the slot after it, what it publishes (a number), and what it costs."""

    then: int
    publication: int = 0
    cost: int = FREE
    late: bool = False
    """Whether it happens only when nothing is under way."""
    loss: int = FREE
    """What it costs besides, where what it publishes is lost at once."""
    failure: int = FREE
    """What it costs besides, where the storage of a view fails."""


class Label(NamedTuple):
    """What a step is called: who does what. `kind` is one of the words below."""

    kind: str
    """`read`, `expire`, `publish`, `forward` (by the broker), `start`, `stop`, `disconnect`, `crash`, `wipe`, `calm`,
    `restart` (of the broker), `lose 1` and `lose 2` (on the first or second hop), `duplicate`."""
    component: int
    message: Hashable
    """What was read, lost or forwarded."""
    outcome: Outcome | None
    lost: int | None = None
    """Which of what is published is lost at once, before the broker."""


Row = tuple[int, ...]
"""A state of the system: a slot for each component, and the account of the bounded faults."""


class Move(NamedTuple):
    """What a node can do in a local state, whatever else is under way to it."""

    label: Label
    local: int = 0
    publication: int = 0
    sent: tuple[int, ...] = ()
    """What is under way to the broker from now on."""
    cost: int = FREE
    late: bool = False
    loss: int = FREE
    failure: int = FREE
    keeps_down: bool = True
    keeps_up: bool = True
    stays: int | None = None
    """What takes the place of the message that was read."""
