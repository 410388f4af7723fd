"""What a closed system has met, by number: local states, slots, messages, and what a step publishes.

Numbers are given in the order in which things are first met, so tables that are indexed by them have no holes.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from spec.exploration.model.connections import Connections
from spec.exploration.model.node import Node
from spec.exploration.model.steps import Slot

Publication = tuple[tuple[int, int], ...]
"""To which component which message goes, in this order."""


@dataclass
class Numbers:
    """The local states and slots of each component, the messages, and the publications, each with its number."""

    nodes: tuple[Node, ...]
    connections: Connections

    def __post_init__(self) -> None:
        width = range(len(self.nodes))
        self.locals: tuple[list[Hashable], ...] = tuple([] for _ in width)
        self.online: tuple[list[bool], ...] = tuple([] for _ in width)
        """Of each local state, whether the bus delivers to the component."""
        self.slots: tuple[list[Slot], ...] = tuple([] for _ in width)
        self.messages: list[Hashable] = []
        self.publications: list[Publication] = [()]
        self._of_local: tuple[dict[Hashable, int], ...] = tuple({} for _ in width)
        self._of_slot: tuple[dict[Slot, int], ...] = tuple({} for _ in width)
        self._of_message: dict[Hashable, int] = {}
        self._of_publication: dict[Publication, int] = {(): 0}
        self._watching: list[Callable[[int, int], None]] = []

    def watch(self, met: Callable[[int, int], None]) -> None:
        """Call this, from now on, with each component and local state that is met for the first time."""
        self._watching.append(met)

    def local(self, component: int, state: Hashable) -> int:
        """The number of a local state. Raises what those raise who watch."""
        numbers = self._of_local[component]
        if state not in numbers:
            number = numbers[state] = len(numbers)
            self.locals[component].append(state)
            self.online[component].append(self.nodes[component].is_online(state))
            for met in self._watching:
                met(component, number)
        return numbers[state]

    def message(self, message: Hashable) -> int:
        """The number of a message."""
        numbers = self._of_message
        if message not in numbers:
            numbers[message] = len(numbers)
            self.messages.append(message)
        return numbers[message]

    def slot(self, component: int, slot: Slot) -> int:
        """The number of a slot. Raises `Unbounded` for one with too much under way."""
        numbers = self._of_slot[component]
        if slot not in numbers:
            self.connections.measure(component, slot[1:])
            numbers[slot] = len(numbers)
            self.slots[component].append(slot)
        return numbers[slot]

    def publication(self, pushes: Publication) -> int:
        """The number of what a step publishes."""
        numbers = self._of_publication
        if pushes not in numbers:
            numbers[pushes] = len(numbers)
            self.publications.append(pushes)
        return numbers[pushes]

    def state(self, component: int, slot: int) -> Hashable:
        """The local state in a slot."""
        return self.locals[component][self.slots[component][slot].local]

    def is_busy(self, component: int, local: int) -> bool:
        """Whether a component is about to publish something in a local state."""
        return self.nodes[component].is_busy(self.locals[component][local])

    def is_online(self, component: int, slot: int) -> bool:
        """Whether the bus delivers to a component in a slot."""
        return self.online[component][self.slots[component][slot].local]
