"""What a step of the closed system is: slots, rows, and what can happen, with what it is called."""

from collections.abc import Hashable
from typing import NamedTuple

from spec.exploration.model.budget import FREE
from spec.exploration.model.interruptions import KINDS
from spec.exploration.model.node import Outcome

BREAK = -1
"""What is pushed to every component when the broker restarts: all connections are lost."""
NOTHING = -2
"""In place of a message: what happens without one."""
UNTOLD = -3
"""Before what is on its way to the broker: of this component more unheard steps may be told."""
MOST_IN_FLIGHT = 64
"""Messages on one connection, after which a system counts as unbounded."""
ENDS_CONNECTION = ("crash", "wipe", "disconnect", *KINDS)
"""The orders, and crashes inside a step, after which what is on its way to the broker may be cut off."""
TRACKER = 0
"""The component that a broker restart and stabilisation begin with."""


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
    """What it costs besides, where the storage of a view fails, a will is late, or a stop is interrupted."""
    part: int = FREE
    """What it costs before all that, for the part of a run that it belongs to."""

    @property
    def prices(self) -> tuple[int, ...]:
        """All that has to be paid, in this order."""
        return self.part, self.cost, self.loss, self.failure


class Label(NamedTuple):
    """What a step is called: who does what. `kind` is one of the words below."""

    kind: str
    """`read`, `expire`, `publish`, `forward` (by the broker), `start`, `stop`, `disconnect`, `crash`, `wipe`,
    `will` and `late will` (the broker says it), `stabilisation`, `restart` (of the broker), `lose 1` and
    `lose 2` (on the first or second hop), `duplicate`, `interrupt read`, `interrupt expire`, `interrupt publish` and
    `interrupt stop` (a crash inside that step), `settle` (no more unheard steps of this component are told).
    """
    component: int
    message: Hashable
    """What was read, lost or forwarded."""
    outcome: Outcome | None
    lost: int | None = None
    """Which of what is published is lost at once, before the broker."""
    arrive: int = 0
    """How many of the events that are on their way to the broker still reach it, though the connection ends."""
    unheard: bool = False
    """Whether it was made before stabilisation began, though what it published had not reached the broker then."""


Row = tuple[int, ...]
"""A state of the system: a slot for each component, and the budget of the bounded faults."""


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
    keeps_up: int | None = None
    stays: int | None = None
    """What takes the place of the message that was read."""
    part: int = FREE
    is_all: bool = False
    """Whether all that is on its way to the broker arrives (`label.arrive`), and not that much of it."""
    begins: bool = False
    """Whether it can only be the first of the steps of a server that are unheard when stabilisation begins."""
