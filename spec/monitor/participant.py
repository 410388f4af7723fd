"""Whom a monitor has seen, and who of them may be passed an event that nobody sees being passed on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from machines.events import TRACKER, BusEvent
from spec.monitor.observation import Observed
from spec.monitor.track import UNREAD, Track

CROWDED = 2 * UNREAD
"""Events that wait for one participant; beyond, what it must have read is forgotten."""
GONE = 10_000
"""Of so many who are gone it is known what they were; beyond, the first of them count as new when they come back."""


@dataclass
class Participant:
    """A client that was seen: its role ("" as long as nobody knows), and what was seen of it."""

    client: str
    role: str
    track: Track | None = None
    before: list[Observed] = field(default_factory=list)
    is_whole: bool = True
    """Whether `before` holds all that was seen of it."""
    wills: int = 0
    """How many of its connections broke; its track goes on from there (`Track.wills`)."""


class Present:
    """Of these participants, those that may be passed an event: who is offline for certain is passed nothing.

    So what a monitor has to do for an event, and what it keeps, does not grow with all who were ever there.
    """

    def __init__(self, participants: dict[str, Participant]) -> None:
        self._participants = participants
        self._gone: dict[str, None] = {}

    def add(self, client: str) -> None:
        """It was seen."""
        self._gone.pop(client, None)

    def reached(self, event: BusEvent) -> Iterator[Participant]:
        """Whoever may be passed an event; an event about somebody may say that it is back."""
        self.add(getattr(event, "client", ""))
        return iter(self)

    def __iter__(self) -> Iterator[Participant]:
        return iter([each for client, each in self._participants.items() if client not in self._gone])

    def deliver(self, to: Participant, at: float, event: BusEvent) -> None:
        """An event is on its way to a participant, whose role is known."""
        assert to.track is not None
        to.track.deliver(at, event)
        if len(to.track.inbox) % UNREAD == 0 and len(to.track.inbox) >= CROWDED:
            to.track.catch_up(at)
            self.see_off(to, at)

    def see_off(self, gone: Participant, at: float) -> None:
        """Forget what it was passed if it has left. A tracker may start unseen, and answer what it was passed then."""
        if gone.role == TRACKER or gone.track is None or not has_left(gone.track, at):
            return
        gone.track.inbox.clear()
        gone.before.clear()
        gone.is_whole = False
        gone.track.configurations = {each._replace(place=0) for each in gone.track.configurations or ()}
        self._gone[gone.client] = None
        if len(self._gone) > GONE:
            del self._participants[next(iter(self._gone))]
            del self._gone[next(iter(self._gone))]


def has_left(track: Track, at: float) -> bool:
    """Whether it has left, whatever it did, and was not seen for longer than an event may lie unread."""
    here = {each.state.where for each in track.configurations or ()}
    return bool(here) and here <= {"offline", "disconnecting"} and track.latest < at - track.assumed.lag
