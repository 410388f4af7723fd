"""The closed system: servers, the bus between them, and the faults that a scenario allows, as tables of small integers.

A *component* is a server with what is under way to it (`down`, from the broker) and from it (`up`, to the broker). A
*slot* is one state of a component, numbered when it is first met. A state of the whole system is a row of slots, and
one number more for how much of each bounded fault is spent. Everything that can happen is a step of one component,
which may publish: each publication is pushed to the slots of its receivers. So a search needs three tables, which are
filled as it asks: the steps of a slot, the slot after a push, and the budget after a fault.

What these are made of stands beside this module, each with one task: `numbers` (what was met), `connections` (what is
under way), `answers` (what nodes say), `surroundings` (who else there is: nobody), `delivery` (who hears what), `marks`
(what is delivered twice), `renamed` (exchanged names), `budget` (what faults cost) and `moves` (what can happen).

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

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from spec.exploration.model.answers import Answers
from spec.exploration.model.budget import FaultBudgets
from spec.exploration.model.bus import Bus, Unbounded
from spec.exploration.model.connections import Connections
from spec.exploration.model.delivery import Delivery, NotInert
from spec.exploration.model.faults import Faults
from spec.exploration.model.marks import Marks
from spec.exploration.model.moves import Moves
from spec.exploration.model.node import Node, Server
from spec.exploration.model.numbers import Numbers
from spec.exploration.model.queues import edited
from spec.exploration.model.renamed import Renamed
from spec.exploration.model.steps import BREAK, NOTHING, TRACKER, Label, Row, Slot, Step
from spec.exploration.model.surroundings import Kept, Surroundings

__all__ = ["ClosedSystem", "NotInert", "Unbounded"]


@dataclass
class ClosedSystem:
    """Nodes on a bus under faults."""

    nodes: tuple[Node, ...]
    bus: Bus
    faults: Faults
    keeps_hops: bool = False
    """Whether what is on its way to the broker is kept apart from what the broker has passed on."""
    ordered: bool = True
    """Whether a connection is first in, first out."""
    drop_inert: bool = True
    """Whether a message that its receiver ignores in every state it can be in is not delivered to it at all."""
    loses_anywhere: bool = False
    """Whether a loss from the broker takes any event; otherwise it takes the oldest.

    That is the same: its receiver cannot tell before its turn has come, and what is lost can wait as long.
    """
    kept: Kept = field(default_factory=Kept)
    """What is known from systems of the same nodes before."""
    trackers: tuple[int, ...] = (TRACKER,)
    """The components that are trackers; stabilisation replaces the first one."""

    def __post_init__(self) -> None:
        self.recalls = self.faults.stabilisation and not self.keeps_hops
        """Whether what servers had done unheard is told once stabilisation has begun."""
        names = tuple(node.name for node in self.nodes)
        lingers = self.faults.stabilisation and self.keeps_hops
        self.connections = Connections(names, self.ordered, self.loses_anywhere, lingers)
        self.numbers = Numbers(self.nodes, self.connections)
        self.around = self.surroundings()
        self.answers = Answers(self.numbers, self.around)
        self.delivery = Delivery(self.bus, self.numbers, self.around, self.drop_inert)
        self.numbers.watch(self.delivery.met)
        self.numbers.watch(self.around.met)
        self.marks = Marks(self.numbers, self.faults.can_repeat)
        self.renamed = Renamed(self.numbers)
        is_replaced = isinstance(self.nodes[TRACKER], Server) or self.faults.stabilisation
        self.budgets = FaultBudgets(self.faults, names[TRACKER] if is_replaced else "", unheard=self.recalls)
        self.moves = Moves(
            self.numbers, self.answers, self.delivery, self.marks, self.budgets, self.around, self.keeps_hops
        )

    def surroundings(self) -> Surroundings:
        """Who there is besides the nodes: nobody. A system that is open says otherwise."""
        return Surroundings(self.nodes, self.kept)

    def again(self, *, drop_inert: bool, keeps_hops: bool | None = None) -> Self:
        """A system of the same nodes that has met nothing yet; what nodes have said is not asked once more."""
        return replace(self, drop_inert=drop_inert, keeps_hops=self.keeps_hops if keeps_hops is None else keeps_hops)

    def initial(self) -> Row:
        """Everybody where their nodes begin, nothing under way, nothing spent."""
        begun = (self.numbers.local(place, node.begin()) for place, node in enumerate(self.nodes))
        return (*(self.numbers.slot(place, Slot(local)) for place, local in enumerate(begun)), 0)

    def renew_moves(self) -> set[tuple[int, int]]:
        """Ask nodes anew what they may say more to than before, since whoever is around may have become known to.

        Returns the components and local states whose moves may be more than they were; these are asked for anew.
        Raises `NotInert` where a message matters now that was not delivered.
        """
        known, locals_ = self.answers.known, self.numbers.locals
        renewed = self.around.renewed()
        stale = {(component, local) for component in renewed for local in range(len(locals_[component]))}
        for key, before in [*known.items()]:
            component, local, kind, message = key
            about = None if message == NOTHING else self.numbers.messages[message]
            if not self.around.is_current(component, locals_[component][local], kind, about):
                del known[key]
                if self.answers.ask(*key) != before:
                    stale.add((component, local))
        self.moves.forget(stale)
        for component, states in enumerate(locals_):
            for local in range(len(states)):
                self.delivery.met(component, local)
        return stale

    # The three tables.

    def steps(self, component: int, number: int) -> list[Step]:
        """What a component can do in a slot."""
        return [step for step, _ in self.labelled(component, number)]

    def labelled(
        self, component: int, number: int, kinds: frozenset[str] | None = None
    ) -> Iterator[tuple[Step, Label]]:
        """What a component can do in a slot, and what that is called; of these `kinds`, or all."""
        slot = self.numbers.slots[component][number]
        for local, edit, move in self.moves.of_shape(component, (slot.local, *self.connections.heads(slot[1:]))):
            if kinds is not None and move.label.kind not in kinds:
                continue
            after = Slot(local, *edited(slot[1:], edit, ordered=self.ordered))
            then = self.numbers.slot(component, self.marks.settled(component, after))
            step = Step(then, move.publication, move.cost, move.late, move.loss, move.failure, move.part)
            yield step, move.label

    def push(self, component: int, number: int, message: int) -> int:
        """The slot once a message is under way to it."""
        slot = self.numbers.slots[component][number]
        if not self.numbers.online[component][slot.local]:
            gone = slot._replace(local=self.broken(component, slot.local), up=())
            return self.numbers.slot(component, gone) if message == BREAK else number
        if message == BREAK:
            return self.numbers.slot(component, Slot(self.broken(component, slot.local)))
        down = self.connections.arranged((*slot.down, message))
        return self.numbers.slot(component, Slot(slot.local, slot.up, down))

    def broken(self, component: int, local: int) -> int:
        """The local state once the broker has restarted, and all connections are lost."""
        if self.moves.has_wills:
            cut = self.answers.ask(component, local, "cut", NOTHING)
            return cut[0][0] if cut else local
        if not self.numbers.online[component][local]:
            return local
        endings = [then for then, _, _ in self.answers.ask(component, local, "disconnect", NOTHING)]
        return self.around.ending(component, local, endings)

    def spend(self, budget: int, cost: int) -> int:
        """The budget after a fault; negative if it cannot happen (any more)."""
        return self.budgets.spend(budget, cost)

    # What waits until nothing is under way.

    def is_idle(self, component: int, number: int) -> bool:
        """Whether nothing is under way to or from a component, and it is about to publish nothing."""
        slot = self.numbers.slots[component][number]
        return not slot.up and not slot.down and not self.is_busy(component, slot.local)

    def is_busy(self, component: int, local: int) -> bool:
        """Whether a component is about to publish something."""
        return self.numbers.is_busy(component, local)
