"""Which runs are fair, by definition, and when a run that goes round breaks a property: plain, and easy to trust.

An *action* is what a component can do without a fault or an order: read a certain message, take a certain timeout as
expired, send a certain message, pass the first message to the broker on, publish what is due, start. A run is *fair*
if from some moment on nothing goes wrong, and no action stays possible for ever without being taken (weak fairness for
each action; Lamport, "The temporal logic of actions", 1994). In particular:

- The first message of a connection stays the first until it is read (or lost), so it is read some day, unless its
  receiver is again and again in a state in which it does not read it.
- A timeout that stays set expires some day. Setting it again makes a new timeout of it: who is always given more time
  before it expires waits for ever.
- What an action comes to, where there is a choice, nobody has to be fair about; nor about what is possible only now and
  then (that would be strong fairness, and is not offered), nor about faults and orders: these never have to happen.
- Where timeouts are patient, one is possible only while nothing is under way.

A run that ends where no action is possible is fair.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from machines.calls import SetTimeout
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.steps import Label, Row
from spec.exploration.model.wills import SAYS
from spec.exploration.properties.language import Instance, Properties, Property, instances
from spec.system.process import name_of

ASSUMED = (
    "from some moment on nothing goes wrong, and whatever stays possible is done some day: the first message of each "
    "connection is read, each timeout that stays set expires, each send that stays enabled happens (weak fairness; "
    "nothing is assumed of what is possible only now and then)"
)
"""What is assumed of runs wherever a property about runs is judged, in words."""
BY_ITSELF = frozenset({"read", "expire", "publish", "forward", "start", *SAYS})
"""The kinds of steps that are no faults and no orders."""


class Action(NamedTuple):
    """Something that a component can do: which message it reads, which timeout expires, what it sends to whom."""

    component: int
    kind: str
    about: Hashable = None


def action(label: Label) -> Action | None:
    """The action that a step takes; None for a fault or an order."""
    outcome = label.outcome
    if label.kind not in BY_ITSELF or label.lost is not None or (outcome is not None and outcome.fault):
        return None
    if label.kind == "expire":
        assert outcome is not None
        arrow = outcome.arrows[0]
        timer = getattr(arrow.message, "timer", None)
        if timer is not None:
            return _timeout(label.component, timer.client)
        about = (arrow.receiver, name_of(arrow.message), getattr(arrow.message, "client", ""))
        return Action(label.component, "send", about)
    return Action(label.component, label.kind, label.message)


def served(label: Label) -> frozenset[Action]:
    """The actions that do not stay possible over a step: the one that it takes, and timeouts that it sets anew."""
    arrows = () if label.outcome is None else label.outcome.arrows
    anew = {
        _timeout(label.component, arrow.message.timer.client)
        for arrow in arrows
        if isinstance(arrow.message, SetTimeout)
    }
    taken = action(label)
    return frozenset(anew if taken is None else {taken, *anew})


def _timeout(component: int, client: str) -> Action:
    return Action(component, "expire", client)


def possible(system: ClosedSystem, row: Row) -> frozenset[Action]:
    """The actions that are possible in a state."""
    taken = (action(label) for label, _ in successors(system, row))
    return frozenset(found for found in taken if found is not None)


class Fairness:
    """Runs of one system, checked against the definition. A run is its states and the steps between them."""

    def __init__(self, system: ClosedSystem, properties: Properties) -> None:
        self.system, self.properties = system, properties
        self._possible: dict[Row, frozenset[Action]] = {}

    def possible(self, row: Row) -> frozenset[Action]:
        """The actions that are possible in a state; each state is asked once."""
        if row not in self._possible:
            self._possible[row] = possible(self.system, row)
        return self._possible[row]

    def rounds(self, rows: Sequence[Row], labels: Sequence[Label]) -> Iterator[int]:
        """Each number of last steps that lead back to where they began and can be repeated for ever, fairly."""
        if not rows or not labels:
            return
        always, done = self.possible(rows[-1]), frozenset[Action]()
        for steps in range(1, len(labels) + 1):
            label, before = labels[-steps], rows[-steps - 1]
            if action(label) is None:
                return
            always, done = always & self.possible(before), done | served(label)
            if before == rows[-1] and always <= done:
                yield steps

    def breaks(self, property_: Property, rows: Sequence[Row], labels: Sequence[Label]) -> int | None:
        """Whether a run that begins with the initial state breaks a property about runs, by how it ends.

        Returns how many of its last steps are repeated for ever, at least; 0 if it ends for good where it ends, which
        is fair where no action is possible. None if it does not break the property.
        """
        names, trackers = [node.name for node in self.system.nodes], self.system.trackers
        ends = not self.possible(rows[-1])
        if property_.when == "termination":
            if ends:
                return None if self.properties.all_quiescent(rows[-1]) else 0
            return next(self.rounds(rows, labels), None)
        for instance in instances((property_,), names, trackers):
            waiting = self._waiting(instance, rows)
            if waiting is None:
                continue
            steps = 0 if ends else next(self.rounds(rows[waiting:], labels[waiting:]), None)
            if steps is not None:
                return steps
        return None

    def _waiting(self, instance: Instance, rows: Sequence[Row]) -> int | None:
        """Since when a run waits for the conclusion; None if it does not."""
        found = None
        for place in range(len(rows) - 1, -1, -1):
            premise, conclusion = self.properties.answer(instance, rows[place])
            if conclusion:
                break
            if premise and (place == 0 or instance.property_.when == "leads-to"):
                found = place
        return found
