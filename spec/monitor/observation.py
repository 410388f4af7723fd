"""What was seen on the bus: one record for each thing that an observer can see, in the order in which it saw them.

An observer that is told by the broker, or by both ends, sees everything. One that only subscribes sees `Published`,
and nothing of who read it. `Sight` says what an observer can see at all, so that nothing is concluded from what was
not there to be seen.
"""

from dataclasses import dataclass
from typing import NamedTuple

from machines.events import TRACKER, BusEvent, ClientEvent


@dataclass(frozen=True, slots=True)
class Observed:
    """`at` is in seconds, on any clock that does not go back."""

    at: float


@dataclass(frozen=True, slots=True)
class Connected(Observed):
    """The broker accepted the connection of a client."""

    client: str


@dataclass(frozen=True, slots=True)
class Disconnected(Observed):
    """A connection ended; `clean` by a DISCONNECT of its client."""

    client: str
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Subscribed(Observed):
    """The broker answered a SUBSCRIBE to a topic or a filter."""

    client: str
    topic: str
    accepted: bool = True


@dataclass(frozen=True, slots=True)
class Published(Observed):
    """The broker took over an event. `client` is empty where the observer is not told who published."""

    client: str
    event: BusEvent


@dataclass(frozen=True, slots=True)
class Delivered(Observed):
    """The broker passed an event on to a client, which reads it some time later."""

    client: str
    event: BusEvent


@dataclass(frozen=True, slots=True)
class Sent(Observed):
    """A client has sent an event, which may get lost on its way to the broker, or be seen there (`Published`) later."""

    client: str
    event: BusEvent


@dataclass(frozen=True, slots=True)
class Unreadable(Observed):
    """A payload that is no event of its topic: nobody can have meant it, and readers skip it."""

    client: str
    topic: str
    why: str


@dataclass(frozen=True, slots=True)
class Gap(Observed):
    """The observer missed something here: what went on before says nothing of what comes."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Passed(Observed):
    """Time has passed, and up to here nothing else was seen."""


class Sight(NamedTuple):
    """What an observer can see beside what the broker takes over."""

    connections: bool = True
    subscriptions: bool = True
    deliveries: bool = True
    losses: bool = True
    """Whether what a client publishes is seen or told to be lost; otherwise it may be lost unseen."""
    sends: bool = True
    """Whether clients tell what they send; otherwise the last of it may be lost unseen with their connection."""


COMPLETE = Sight()
SUBSCRIBER = Sight(connections=False, subscriptions=False, deliveries=False, sends=False)
"""An observer that only subscribes, `mosquitto_sub` say, where servers publish with QoS 1 or 2: then an event is lost
before the broker only with the connection of its publisher."""
LOSSY_SUBSCRIBER = SUBSCRIBER._replace(losses=False)
"""The same where servers publish with QoS 0, or lose events on purpose."""


def publisher(event: BusEvent, tracker: str) -> str:
    """Who published, as far as the event tells: the tracker, the torrent server that it names, or nobody knows."""
    if event.publisher == TRACKER:
        return tracker
    return event.client if isinstance(event, ClientEvent) else ""
