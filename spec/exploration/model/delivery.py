"""To whom the bus of a closed system delivers what, and what nobody need deliver.

A message is *inert* for a component that ignores it in every state that it was ever in: then it is not delivered at
all, which is far fewer states. A state that does not ignore it may be met later. Then `NotInert` is raised, and all
begins anew with the message delivered.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from spec.exploration.model.bus import Bus
from spec.exploration.model.numbers import Numbers, Publication
from spec.exploration.model.surroundings import Surroundings


class NotInert(Exception):  # noqa: N818 - what was found out, not a defect
    """A message that had not been delivered turns out to matter: the system has to be built anew."""


@dataclass
class Delivery:
    """What becomes of what components publish."""

    bus: Bus
    numbers: Numbers
    surroundings: Surroundings
    drops_inert: bool

    def __post_init__(self) -> None:
        self.nodes = self.numbers.nodes
        self.interesting = self.surroundings.kept.interesting
        self.passed: dict[tuple[int, int], tuple[int, ...]] = {}
        """To whom the bus passes what, by sender and message."""
        self._inert: tuple[dict[int, bool], ...] = tuple({} for _ in self.nodes)

    def recipients(self, sender: int, sent: tuple[int, ...]) -> Publication:
        """To whom the broker passes what a component published."""
        found = []
        for message in sent:
            found += [(place, message) for place in self.reached(sender, message) if not self.is_inert(place, message)]
        return tuple(found)

    def reached(self, sender: int, message: int) -> tuple[int, ...]:
        """The components that the bus passes a message of a component to, whatever becomes of it there."""
        if (sender, message) not in self.passed:
            names = self.bus.receivers(self.nodes[sender].name, self.numbers.messages[message])
            self.passed[sender, message] = tuple(place for place, node in enumerate(self.nodes) if node.name in names)
        return self.passed[sender, message]

    def delivers(self, component: int, message: Hashable) -> bool:
        """Whether a message is delivered to a component, since it does not ignore it always."""
        return not self.is_inert(component, self.numbers.message(message))

    def undelivered(self, component: int) -> tuple[Hashable, ...]:
        """The messages that were sent to a component and not delivered, since it always ignores them."""
        return tuple(self.numbers.messages[message] for message, inert in self._inert[component].items() if inert)

    def is_inert(self, component: int, message: int) -> bool:
        """Whether a message is not delivered to a component."""
        if not self.drops_inert:
            return False
        known = self._inert[component]
        if message not in known:
            online = enumerate(self.numbers.online[component])
            known[message] = (component, self.numbers.messages[message]) not in self.interesting and all(
                self._ignores(component, local, message) for local, is_online in online if is_online
            )
        return known[message]

    def met(self, component: int, local: int) -> None:
        """Look at a local state that is new. Raises `NotInert` if it minds what was not delivered so far."""
        for message, inert in self._inert[component].items():
            is_online = self.numbers.online[component][local]
            if inert and is_online and not self._ignores(component, local, message):
                self.interesting.add((component, self.numbers.messages[message]))
                raise NotInert

    def _ignores(self, component: int, local: int, message: int) -> bool:
        state, about = self.numbers.locals[component][local], self.numbers.messages[message]
        return self.surroundings.ignores(component, state, about)
