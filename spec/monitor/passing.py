"""The broker followed: what it passes on has been published, goes to who subscribed to it, and does not overtake.

The chart `machines.broker` says the same of an ideal bus. Here losses and duplicates are left to the network: what was
passed on to a client once may be passed on once more (QoS 1), and what never comes is not missed.
"""

from collections import deque
from dataclasses import dataclass, field

from machines.events import BusEvent
from spec.monitor.observation import Sight

REMEMBERED = 100_000
"""Publications that are kept; of older ones nothing is said."""


@dataclass
class Passing:
    """What a broker has taken over and passed on."""

    sight: Sight
    in_order: bool = True
    topics: dict[str, set[str]] = field(default_factory=dict)
    """The filters of each client that is connected."""
    _numbers: dict[str, int] = field(default_factory=dict)
    _order: deque[str] = field(default_factory=deque)
    _latest: dict[str, int] = field(default_factory=dict)
    _count: int = 0
    _forgot: bool = False

    def took(self, event: BusEvent) -> None:
        """An event was taken over."""
        if event.event_id and event.event_id not in self._numbers:
            self._count += 1
            self._numbers[event.event_id] = self._count
            self._order.append(event.event_id)
            if len(self._order) > REMEMBERED:
                self._forgot = True
                del self._numbers[self._order.popleft()]

    def passed_on(self, client: str, event: BusEvent) -> str:
        """An event was passed on; what is wrong with that, or nothing."""
        if self.sight.subscriptions and client in self.topics and not self._wants(client, event.topic):
            return f"passes {type(event).__name__} on to {client}, which has not subscribed to {event.topic}"
        if not event.event_id:
            return ""
        number = self._numbers.get(event.event_id)
        if number is None:
            return "" if self._forgot else f"passes {type(event).__name__} on to {client}, which nobody published"
        latest = self._latest.get(client, 0)
        self._latest[client] = max(number, latest)
        # An earlier one may come once more, but it must have come before what overtook it.
        if self.in_order and number < latest and (client, number) not in self._passed:
            return f"passes {type(event).__name__} on to {client} after an event that it took over later"
        self._passed.add((client, number))
        return ""

    def __post_init__(self) -> None:
        self._passed: set[tuple[str, int]] = set()

    def connected(self, client: str) -> None:
        """A session begins, with no subscription."""
        self.topics[client] = set()

    def disconnected(self, client: str) -> None:
        """A session ends, and with it what it had subscribed to."""
        self.topics.pop(client, None)

    def _wants(self, client: str, topic: str) -> bool:
        return any(covers(wanted, topic) for wanted in self.topics[client])


def covers(wanted: str, topic: str) -> bool:
    """Whether a topic matches a valid filter (MQTT 3.1.1, 4.7)."""
    if wanted == topic:
        return True
    levels, patterns = topic.split("/"), wanted.split("/")
    for place, pattern in enumerate(patterns):
        if pattern == "#":
            return True
        if place >= len(levels) or pattern not in {"+", levels[place]}:
            return False
    return len(patterns) == len(levels)
