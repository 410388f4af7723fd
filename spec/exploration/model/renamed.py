"""Local states, messages and slots of a closed system after its components have exchanged names."""

from dataclasses import dataclass, field

from spec.exploration.model.numbers import Numbers
from spec.exploration.model.renaming import Renaming
from spec.exploration.model.steps import TRACKER, UNTOLD, Slot

Permutation = tuple[int, ...]
"""Component `i` is called `permutation[i]`."""


@dataclass
class Renamed:
    """What a number stands for, under other names; each is renamed once."""

    numbers: Numbers
    _known: dict[tuple[int, int, Permutation], int] = field(default_factory=dict)
    _names: dict[Permutation, Renaming] = field(default_factory=dict)

    def slot(self, component: int, number: int, permutation: Permutation) -> int:
        """The slot of component `permutation[component]` that is this one of `component` under other names."""
        slot = self.numbers.slots[component][number]
        local = self.local(component, slot.local, permutation)
        up, down = (tuple(self.message(message, permutation) for message in queue) for queue in (slot.up, slot.down))
        return self.numbers.slot(permutation[component], Slot(local, up, self.numbers.connections.arranged(down)))

    def local(self, component: int, local: int, permutation: Permutation) -> int:
        """The same for a local state alone."""
        key = (component, local, permutation)
        if key not in self._known:
            node, state = self.numbers.nodes[component], self.numbers.locals[component][local]
            renamed = node.renamed(state, self._renaming(permutation))
            self._known[key] = self.numbers.local(permutation[component], renamed)
        return self._known[key]

    def message(self, message: int, permutation: Permutation) -> int:
        """The same for a message."""
        if message == UNTOLD:
            return message
        key = (-1, message, permutation)
        if key not in self._known:
            node, known = self.numbers.nodes[TRACKER], self.numbers.messages[message]
            self._known[key] = self.numbers.message(node.renamed_message(known, self._renaming(permutation)))
        return self._known[key]

    def _renaming(self, permutation: Permutation) -> Renaming:
        if permutation not in self._names:
            names = [node.name for node in self.numbers.nodes]
            self._names[permutation] = Renaming({name: names[to] for name, to in zip(names, permutation, strict=True)})
        return self._names[permutation]
