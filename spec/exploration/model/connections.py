"""The connections of a closed system: what is under way to and from each component, and what comes next of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from spec.exploration.model.bus import Unbounded
from spec.exploration.model.queues import Heads, Queues
from spec.exploration.model.steps import MOST_IN_FLIGHT, NOTHING

ENDLESS = "there is no end of states; bound the faults that make it so, or how often a chart sends"


@dataclass
class Connections:
    """How messages join a connection and leave it, and how many there are at most. `names` are of the components."""

    names: tuple[str, ...]
    ordered: bool
    """Whether a connection is first in, first out; otherwise what is under way from the broker is a multiset."""
    loses_anywhere: bool
    """Whether a loss from the broker takes any message, and not the oldest."""
    lingers: bool
    """Whether what is on its way to the broker can still reach it when the connection of its sender has ended."""

    def __post_init__(self) -> None:
        self.longest = [(0, 0)] * len(self.names)
        """How many messages were under way from and to each component at most."""

    def measure(self, component: int, queues: Queues) -> None:
        """Note how much is under way to and from a component. Raises `Unbounded` where it is too much."""
        up, down = self.longest[component]
        self.longest[component] = (max(up, len(queues[0])), max(down, len(queues[1])))
        for queue, word in zip(queues, ("from", "for"), strict=True):
            if len(queue) > MOST_IN_FLIGHT:
                raise Unbounded(f"more than {MOST_IN_FLIGHT} messages wait {word} {self.names[component]}: {ENDLESS}")

    def heads(self, queues: Queues) -> Heads:
        """What can be taken next of what is under way."""
        up, down = queues
        return up[0] if up else NOTHING, tuple(self._next(down)), len(up) if self.lingers else 0

    def _next(self, down: tuple[int, ...]) -> Iterable[tuple[int, int]]:
        if self.ordered and self.loses_anywhere:
            return enumerate(down)
        if self.ordered:
            return ((0, down[0]),) if down else ()
        return {message: (place, message) for place, message in enumerate(down)}.values()

    def arranged(self, down: tuple[int, ...]) -> tuple[int, ...]:
        """What is under way from the broker, so that equal multisets are equal tuples."""
        return down if self.ordered else tuple(sorted(down))
