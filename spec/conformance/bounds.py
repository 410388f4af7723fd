"""How far a search goes before it says that this is not all, and which reductions it may use."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from spec.system.channels import Rows

STATES = 20_000
"""States of one question, if nobody says otherwise: more than any diagram of this project takes."""
UNDER_WAY = 64
"""Messages that may wait in one queue: who puts more into it, while nobody reads, sends for ever."""
NO_TIME = "--seconds allows more"
"""How it is said what to do where the seconds were over."""
DIAGRAM_DONE = "checked"
"""What whoever is told of progress is given when a diagram has been checked, with 0 states."""


class Stopped(Exception):  # noqa: N818 - what happened, not a defect
    """A search was stopped before its end: the message says by what, and how far it had come."""


class Interruption:
    """Whether somebody wants searches to end: who handles Ctrl-C sets it."""

    is_set = False


interruption = Interruption()
"""Of this process."""


@dataclass(frozen=True)
class Reductions:
    """What a search may leave out because it makes no difference; each can be switched off, to check it against
    the rest.

    `partial_order`: of orders of actions that nobody can tell apart, one is looked at (`one_order.enough`,
    `spec.system.scheduling`). `interchangeable`: what is concurrent and differs only in what it is about is looked at
    in one order (`reduction`). `by_pairs`: systems of our charts keep a queue for each pair of lifelines
    (`spec.system.composition`).
    """

    partial_order: bool = True
    interchangeable: bool = True
    by_pairs: bool = True


@dataclass
class Bounds:
    """The most states of one question, the most seconds of all, and who is told how far it is."""

    states: int = STATES
    seconds: float | None = None
    progress: Callable[[str, int], None] | None = None
    """Is given what is looked at, and the states so far."""
    reductions: Reductions = field(default_factory=Reductions)
    after_mistakes: bool = False
    """Whether to go on to the end though there are mistakes: they may all be accepted."""
    _end: float | None = field(default=None, init=False, repr=False)

    def begin(self) -> None:
        """The seconds begin to count."""
        self._end = None if self.seconds is None else time.monotonic() + self.seconds

    def watch(self, what: str, states: int) -> None:
        """Go on with one state more. Raises `Stopped` where a bound is hit."""
        if interruption.is_set:
            raise Stopped(f"interrupted after {states} states")
        if states >= self.states:
            raise Stopped(
                f"stopped after {states} states; --states allows more, or draw less in parallel, or in several diagrams"
            )
        if self._end is not None and states % 64 == 0 and time.monotonic() > self._end:
            raise Stopped(f"stopped after {self.seconds:g} seconds and {states} states; {NO_TIME}")
        if self.progress is not None and states % 256 == 0:
            self.progress(what, states)

    def watch_queues(self, rows: Rows) -> None:
        """Raises `Stopped` where more waits than a system with an end ever has under way."""
        if any(len(messages) > UNDER_WAY for _, messages in rows):
            raise Stopped(
                f"stopped where more than {UNDER_WAY} messages wait in one queue: somebody goes on sending, and nobody "
                "has to read; bound how often, or draw an answer that is waited for"
            )

    def end_diagram(self) -> None:
        """Tell that one more diagram has been checked."""
        if self.progress is not None:
            self.progress(DIAGRAM_DONE, 0)
