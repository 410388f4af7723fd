"""The closed system: servers, the bus between them, and the faults that a scenario allows, as tables of small integers.

A *component* is a server with what is under way to it (`down`, from the broker) and from it (`up`, to the broker). A
*slot* is one state of a component, numbered when it is first met. A state of the whole system is a row of slots, and
one number more for how much of each bounded fault is spent. Everything that can happen is a step of one component,
which may publish: each publication is pushed to the slots of its receivers. So a search needs three tables, which are
filled as it asks: the steps of a slot, the slot after a push, and the budget after a fault.

The bus. A connection is first in, first out, on each hop (MQTT runs over TCP; MQTT 3.1.1, 4.6). The broker passes
an event on in one step, to every session that has subscribed. With `keeps_hops` it does so some time after the event
is published: that is how a bus is. Otherwise it does so at once, which is far fewer states.

Faults. A loss takes the oldest event of a hop, or an event as it is sent. A duplicate (QoS 1) leaves the event where
it is, marked as delivered, to be delivered once more. A timeout may expire at any time while it is set; if timeouts are
patient, only when nothing is under way. A crash takes the charts and what is under way; a lost connection what is under
way. But of what was on its way to the broker the oldest events may still arrive.

Stabilisation. At any one moment faults can end for good: the tracker is replaced, and from then on nothing is lost or
crashes, and timeouts are patient. So what is claimed of a quiescent system after stabilisation is claimed of every
past. What is on its way to the broker then is not lost, be its sender still there or not: only what the old tracker had
sent is gone.

One hop leaves out no reachable combination of local states, and none where nothing is under way. Take a run with both
hops. What never reaches the broker in it changes nobody else, so it can as well wait at its receivers. Until all else
reaches it, its sender's steps from there on can as well be done later: nobody has heard of them, and what comes to the
sender meanwhile waits. That needs two things.
- What is cut off on its way to the broker is lost. So every event can be lost, or hops are kept apart
  (`Scenario.keeps_both_hops`). Then it can be lost as it is sent, and of what a connection that ends had under way all
  may arrive.
- A step can be done later, at a time that is not over: an expiry, an order or a loss cannot happen after stabilisation
  any more. So once stabilisation has begun, and before anything else happens in it, servers but the tracker can tell
  what they had done *unheard* (`Moves`): steps from one on that published, of which nothing has reached the broker.
  They tell one after the other, since none had heard another one. After stabilisation a server does nothing more until
  the broker has what it had sent; by the same argument it could as well do that later. A patient timeout that publishes
  asks what is under way everywhere: where timeouts are patient, or one makes a server ask again, hops are kept apart.
  To tell it afterwards is cheaper than to hold events back on suspicion: of a new tracker there are few states.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from spec.exploration.model.budget import FaultBudget, FaultBudgets
from spec.exploration.model.bus import Bus, Unbounded
from spec.exploration.model.faults import Faults
from spec.exploration.model.moves import Moves
from spec.exploration.model.node import Node, Outcome, Server
from spec.exploration.model.queues import Edit, Heads, Queues, Shape, edited
from spec.exploration.model.renaming import Renaming
from spec.exploration.model.steps import BREAK, MOST_IN_FLIGHT, NOTHING, TRACKER, UNTOLD, Label, Move, Row, Slot, Step
from spec.system.process import Addressed

__all__ = ["ClosedSystem", "NotInert", "Unbounded"]

ENDLESS = "there is no end of states; bound the faults that make it so, or how often a chart sends"


class NotInert(Exception):  # noqa: N818 - what was found out, not a defect
    """A message that had not been delivered turns out to matter: the system has to be built anew."""


@dataclass
class ClosedSystem:
    """Nodes on a bus under faults."""

    nodes: tuple[Node, ...]
    bus: Bus
    faults: Faults
    keeps_hops: bool = False
    """Whether what is on its way to the broker is kept apart from what the broker has passed on."""
    ordered: bool = True
    drop_inert: bool = True
    """Whether a message that its receiver ignores in every state it can be in is not delivered to it at all."""
    loses_anywhere: bool = False
    """Whether a loss from the broker takes any event; otherwise it takes the oldest.

    That is the same: its receiver cannot tell before its turn has come, and what is lost can wait as long.
    """
    interesting: set[tuple[int, Hashable]] = field(default_factory=set)
    """Components, and messages that they were found not always to ignore."""
    told: dict[tuple[int, Hashable, str, Hashable], tuple[Outcome, ...]] = field(default_factory=dict)
    """What nodes said, by component, local state, what was asked, and the message."""

    def __post_init__(self) -> None:
        width = range(len(self.nodes))
        self.locals: tuple[list[Hashable], ...] = tuple([] for _ in width)
        self._local_numbers: tuple[dict[Hashable, int], ...] = tuple({} for _ in width)
        self.online: tuple[list[bool], ...] = tuple([] for _ in width)
        self.slots: tuple[list[Slot], ...] = tuple([] for _ in width)
        self._slot_numbers: tuple[dict[Slot, int], ...] = tuple({} for _ in width)
        self.longest = [(0, 0)] * len(self.nodes)
        """How many messages were under way from and to each component at most."""
        self.messages: list[Hashable] = []
        self._message_numbers: dict[Hashable, int] = {}
        self.publications: list[tuple[tuple[int, int], ...]] = [()]
        self._publication_numbers: dict[tuple[tuple[int, int], ...], int] = {(): 0}
        self.reactions: dict[tuple[int, int, str, int], tuple[tuple[int, tuple[int, ...], Outcome], ...]] = {}
        """What nodes said, by component, local state, what was asked, and the message; all by number."""
        self._shaped: dict[tuple[int, Shape], tuple[tuple[int, Edit, Move], ...]] = {}
        self._renamings: dict[tuple[int, int, tuple[int, ...]], int] = {}
        self._name_changes: dict[tuple[int, ...], Renaming] = {}
        self.passed: dict[tuple[int, int], tuple[int, ...]] = {}
        """To whom the bus passes what, by sender and message."""
        self._inert: tuple[dict[int, bool], ...] = tuple({} for _ in width)
        self.recalls = self.faults.stabilisation and not self.keeps_hops
        """Whether what servers had done unheard is told once stabilisation has begun."""
        tracker = self.nodes[TRACKER]
        name = tracker.name if isinstance(tracker, Server) or self.faults.stabilisation else ""
        self._budgets = FaultBudgets(self.faults, name, unheard=self.recalls)
        self.budgets: list[FaultBudget] = self._budgets.known
        self.costs = self._budgets.costs
        self.lingers = self.faults.stabilisation and self.keeps_hops
        """Whether what is on its way to the broker can still reach it when the connection of its sender has ended."""
        self._moves = Moves(self)
        self.can_repeat = self.cost("duplicates") is not None

    def again(self, *, drop_inert: bool, keeps_hops: bool | None = None) -> "ClosedSystem":
        """A system of the same nodes that has met nothing yet; what nodes have said is not asked once more."""
        return replace(self, drop_inert=drop_inert, keeps_hops=self.keeps_hops if keeps_hops is None else keeps_hops)

    # Numbers.

    def local(self, component: int, state: Hashable) -> int:
        """The number of a local state."""
        numbers = self._local_numbers[component]
        if state not in numbers:
            numbers[state] = len(numbers)
            self.locals[component].append(state)
            self.online[component].append(self.nodes[component].is_online(state))
            for message, inert in self._inert[component].items():
                if inert and self.online[component][-1] and not self._ignores(component, state, message):
                    self.interesting.add((component, self.messages[message]))
                    raise NotInert
        return numbers[state]

    def message(self, message: Hashable) -> int:
        """The number of a message."""
        numbers = self._message_numbers
        if message not in numbers:
            numbers[message] = len(numbers)
            self.messages.append(message)
        return numbers[message]

    def slot(self, component: int, slot: Slot) -> int:
        """The number of a slot."""
        numbers = self._slot_numbers[component]
        if slot not in numbers:
            self.measure(component, slot[1:])
            numbers[slot] = len(numbers)
            self.slots[component].append(slot)
        return numbers[slot]

    def measure(self, component: int, queues: Queues) -> None:
        """Note how much is under way to and from a component. Raises `Unbounded` where it is too much."""
        up, down = self.longest[component]
        self.longest[component] = (max(up, len(queues[0])), max(down, len(queues[1])))
        for queue, word in zip(queues, ("from", "for"), strict=True):
            if len(queue) > MOST_IN_FLIGHT:
                name = self.nodes[component].name
                raise Unbounded(f"more than {MOST_IN_FLIGHT} messages wait {word} {name}: {ENDLESS}")

    def initial(self) -> Row:
        """Everybody where their nodes begin, nothing under way, nothing spent."""
        begun = (self.local(place, node.begin()) for place, node in enumerate(self.nodes))
        return (*(self.slot(place, Slot(local)) for place, local in enumerate(begun)), 0)

    # The three tables.

    def steps(self, component: int, number: int) -> list[Step]:
        """What a component can do in a slot."""
        return [step for step, _ in self.labelled(component, number)]

    def push(self, component: int, number: int, message: int) -> int:
        """The slot once a message is under way to it."""
        slot = self.slots[component][number]
        if not self.online[component][slot.local]:
            return self.slot(component, slot._replace(up=())) if message == BREAK else number
        if message == BREAK:
            return self.slot(component, Slot(self.broken(component, slot.local)))
        down = (*slot.down, message) if self.ordered else tuple(sorted((*slot.down, message)))
        return self.slot(component, Slot(slot.local, slot.up, down))

    def broken(self, component: int, local: int) -> int:
        """The local state once the connection is lost."""
        (ending,) = self.ask(component, local, "disconnect", NOTHING)
        return ending[0]

    def spend(self, budget: int, cost: int) -> int:
        """The budget after a fault; negative if it cannot happen (any more)."""
        return self._budgets.spend(budget, cost)

    def renamed(self, component: int, number: int, permutation: tuple[int, ...]) -> int:
        """The slot of component `permutation[component]` that is this one after each component `i` is called
        `permutation[i]`.
        """
        slot = self.slots[component][number]
        local = self.renamed_local(component, slot.local, permutation)
        up, down = (
            tuple(self.renamed_message(message, permutation) for message in queue) for queue in (slot.up, slot.down)
        )
        return self.slot(permutation[component], Slot(local, up, down if self.ordered else tuple(sorted(down))))

    def renamed_local(self, component: int, local: int, permutation: tuple[int, ...]) -> int:
        """The same for a local state alone."""
        key = (component, local, permutation)
        if key not in self._renamings:
            state = self.nodes[component].renamed(self.locals[component][local], self._name_change(permutation))
            self._renamings[key] = self.local(permutation[component], state)
        return self._renamings[key]

    def renamed_message(self, message: int, permutation: tuple[int, ...]) -> int:
        """The same for a message."""
        if message == UNTOLD:
            return message
        key = (-1, message, permutation)
        if key not in self._renamings:
            named = self.nodes[TRACKER].renamed_message(self.messages[message], self._name_change(permutation))
            self._renamings[key] = self.message(named)
        return self._renamings[key]

    def _name_change(self, permutation: tuple[int, ...]) -> Renaming:
        if permutation not in self._name_changes:
            names = [node.name for node in self.nodes]
            self._name_changes[permutation] = Renaming(
                {name: names[to] for name, to in zip(names, permutation, strict=True)}
            )
        return self._name_changes[permutation]

    def is_idle(self, component: int, number: int) -> bool:
        """Whether nothing is under way to or from a component, and it is about to publish nothing."""
        slot = self.slots[component][number]
        return not slot.up and not slot.down and not self.is_busy(component, slot.local)

    def is_busy(self, component: int, local: int) -> bool:
        """Whether a component is about to publish something."""
        return self.nodes[component].is_busy(self.locals[component][local])

    # Steps, with what they are called.

    def labelled(
        self, component: int, number: int, kinds: frozenset[str] | None = None
    ) -> Iterator[tuple[Step, Label]]:
        """What a component can do in a slot, and what that is called; of these `kinds`, or all."""
        slot = self.slots[component][number]
        for local, edit, move in self.shaped(component, self.shape(slot)):
            if kinds is not None and move.label.kind not in kinds:
                continue
            then = self.settled(component, Slot(local, *edited(slot[1:], edit, ordered=self.ordered)))
            step = Step(then, move.publication, move.cost, move.late, move.loss, move.failure, move.part)
            yield step, move.label

    def shape(self, slot: Slot) -> Shape:
        """What the moves in a slot depend on."""
        return slot.local, *self.heads(slot[1:])

    def heads(self, queues: Queues) -> Heads:
        """What can be taken next of what is under way."""
        up, down = queues
        return up[0] if up else NOTHING, tuple(self._heads(down)), len(up) if self.lingers else 0

    def shaped(self, component: int, shape: Shape) -> tuple[tuple[int, Edit, Move], ...]:
        """Each move in slots of a shape, with the local state after it, and what it does to what is under way."""
        key = (component, shape)
        if key not in self._shaped:
            self._shaped[key] = tuple(self._moves.of_shape(component, shape))
        return self._shaped[key]

    def _heads(self, down: tuple[int, ...]) -> Iterable[tuple[int, int]]:
        if self.ordered and self.loses_anywhere:
            return enumerate(down)
        if self.ordered:
            return ((0, down[0]),) if down else ()
        return {message: (place, message) for place, message in enumerate(down)}.values()

    def settled(self, component: int, slot: Slot) -> int:
        """The number of a slot, once nobody needs to remember what was delivered twice."""
        if self.can_repeat and not any(map(self.is_marked, slot.down)):
            slot = slot._replace(local=self.unmarked(component, slot.local))
        return self.slot(component, slot)

    def unmarked(self, component: int, local: int) -> int:
        """The local state in which nobody remembers what was delivered twice."""
        return self.local(component, self.nodes[component].unmarked(self.locals[component][local]))

    def is_marked(self, message: int) -> bool:
        """Whether a message is delivered once more."""
        return bool(self.mark(message))

    def mark(self, message: int) -> str:
        """What an event that is delivered once more is known again by; empty for others."""
        marked = self.messages[message]
        return str(getattr(marked.message if isinstance(marked, Addressed) else marked, "event_id", ""))

    # What nodes say, asked once.

    def ask(
        self, component: int, local: int, kind: str, message: int
    ) -> tuple[tuple[int, tuple[int, ...], Outcome], ...]:
        """What a node says to a message, an order or an expiry: local states, what is published, and the outcomes."""
        key = (component, local, kind, message)
        if key not in self.reactions:
            state = self.locals[component][local]
            question = (component, state, kind, None if message == NOTHING else self.messages[message])
            if question not in self.told:
                self.told[question] = self._told(*question)
            found = self.told[question]
            numbered: dict[tuple[int, tuple[int, ...], str], Outcome] = {}
            for outcome in found:
                sent = tuple(self.message(message) for message in outcome.sent)
                numbered.setdefault((self.local(component, outcome.then), sent, outcome.fault), outcome)
            self.reactions[key] = tuple((local, sent, outcome) for (local, sent, _), outcome in numbered.items())
        return self.reactions[key]

    def _told(self, component: int, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        node = self.nodes[component]
        if kind == "read":
            return node.receive(state, message)
        return node.expiries(state) if kind == "expire" else node.order(state, kind)

    # The bus.

    def recipients(self, sender: int, sent: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """To whom the broker passes what a component published."""
        found = []
        for message in sent:
            found += [(place, message) for place in self.reached(sender, message) if not self._is_inert(place, message)]
        return tuple(found)

    def reached(self, sender: int, message: int) -> tuple[int, ...]:
        """The components that the bus passes a message of a component to, whatever becomes of it there."""
        if (sender, message) not in self.passed:
            names = self.bus.receivers(self.nodes[sender].name, self.messages[message])
            self.passed[sender, message] = tuple(place for place, node in enumerate(self.nodes) if node.name in names)
        return self.passed[sender, message]

    def delivers(self, component: int, message: Hashable) -> bool:
        """Whether a message is delivered to a component, since it does not ignore it always."""
        return not self._is_inert(component, self.message(message))

    def undelivered(self, component: int) -> tuple[Hashable, ...]:
        """The messages that were sent to a component and not delivered, since it always ignores them."""
        return tuple(self.messages[message] for message, inert in self._inert[component].items() if inert)

    def _is_inert(self, component: int, message: int) -> bool:
        if not self.drop_inert:
            return False
        known = self._inert[component]
        if message not in known:
            states = zip(self.locals[component], self.online[component], strict=True)
            known[message] = (component, self.messages[message]) not in self.interesting and all(
                self._ignores(component, state, message) for state, online in states if online
            )
        return known[message]

    def _ignores(self, component: int, state: Hashable, message: int) -> bool:
        return self.nodes[component].ignores(state, self.messages[message])

    def publication(self, pushes: tuple[tuple[int, int], ...]) -> int:
        if pushes not in self._publication_numbers:
            self._publication_numbers[pushes] = len(self.publications)
            self.publications.append(pushes)
        return self._publication_numbers[pushes]

    # Costs.

    def cost(self, fault: str) -> int | None:
        """The cost of a fault; None if it does not happen in this scenario."""
        return None if self.faults.bounds.get(fault, 0) == 0 else self.costs[fault]
