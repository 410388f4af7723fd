"""Events that are delivered twice (QoS 1), in a closed system.

An event that may come again stays where it is with a *mark*, its `event_id`, by which its receiver knows it again.
Once none is under way to a component any more, it need not remember any: states that differ in that count as one.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from itertools import chain, count

from machines.events import BusEvent
from spec.exploration.model.node import AGAIN
from spec.exploration.model.numbers import Numbers
from spec.exploration.model.steps import Slot
from spec.system.process import Addressed


@dataclass
class Marks:
    """What tells events that are delivered once more, where that can happen at all."""

    numbers: Numbers
    can_repeat: bool

    def of(self, message: int) -> str:
        """What an event that is delivered once more is known again by; empty for others."""
        marked = self.numbers.messages[message]
        return str(getattr(marked.message if isinstance(marked, Addressed) else marked, "event_id", ""))

    def is_marked(self, message: int) -> bool:
        """Whether a message is delivered once more."""
        return bool(self.of(message))

    def free(self, component: int, local: int, heads: tuple[tuple[int, int], ...]) -> str:
        """A mark that is neither under way nor known in a local state: for the next event that is delivered twice."""
        if not self.can_repeat:
            return ""
        taken = {self.of(message) for _, message in heads}
        taken |= self.numbers.nodes[component].marks(self.numbers.locals[component][local])
        marks = chain((AGAIN,), (f"{AGAIN} {number}" for number in count(2)))
        return next(mark for mark in marks if mark not in taken)

    def unmarked(self, component: int, local: int) -> int:
        """The local state in which nobody remembers what was delivered twice."""
        state = self.numbers.nodes[component].unmarked(self.numbers.locals[component][local])
        return self.numbers.local(component, state)

    def settled(self, component: int, slot: Slot) -> Slot:
        """A slot once nobody needs to remember what was delivered twice."""
        if self.can_repeat and not any(map(self.is_marked, slot.down)):
            return slot._replace(local=self.unmarked(component, slot.local))
        return slot


def marked(message: Hashable, mark: str) -> Hashable:
    """A message as it is delivered twice: an event then has an identifier, by which its receiver knows it again."""
    if isinstance(message, Addressed):
        return message._replace(message=marked(message.message, mark))
    if isinstance(message, BusEvent):
        return replace(message, event_id=message.event_id or mark)
    return message
