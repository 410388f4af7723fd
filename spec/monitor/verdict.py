"""What a monitor says."""

from dataclasses import dataclass
from enum import Enum

from machines.events import SIDES, BusEvent
from spec.monitor.observation import Observed

BY_THEMSELVES = ("speaks for", "carries the EventId", "names its request", "publishes no event", "is a ")
"""How it is said of an event that it is wrong whatever else there was."""


class Answer(Enum):
    """Whether what was seen is a run that the charts allow."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    CANNOT_TELL = "cannot tell"

    @property
    def status(self) -> int:
        """The exit status of a program that ends with this answer."""
        return {Answer.ALLOWED: 0, Answer.FORBIDDEN: 1, Answer.CANNOT_TELL: 3}[self]


@dataclass(frozen=True)
class Forbidden:
    """The first event of a participant that no run of its chart can have.

    `what` says it in a sentence; `seen` is the observation, and `event` the event, None where what is wrong is that
    none came. `where` are the states that the participant could be in, `expected` what it could have published there.
    `before` is what was seen at this participant since its beginning is known, oldest first.
    """

    client: str
    role: str
    seen: Observed
    event: BusEvent | None
    what: str
    where: tuple[str, ...] = ()
    expected: tuple[BusEvent, ...] = ()
    before: tuple[Observed, ...] = ()

    @property
    def is_of_the_past(self) -> bool:
        """Whether it is wrong only after what was seen before, so that something that was not seen could explain it."""
        return self.role in SIDES and not self.what.startswith(BY_THEMSELVES)

    @property
    def at(self) -> float:
        """When it was seen, in seconds."""
        return self.seen.at


@dataclass(frozen=True)
class Unjudged:
    """What could not be judged, and why; `is_open`: since the diagrams leave it open (`spec.monitor.openings`)."""

    client: str
    seen: Observed
    why: str
    is_open: bool = False
