"""What can happen in a closed system: the moves of a node in a local state, by what is under way to and from it."""

from collections.abc import Collection, Hashable, Iterator
from dataclasses import dataclass, field

from spec.exploration.model.answers import Answers
from spec.exploration.model.budget import CAUGHT_UP, FIRST_UNHEARD, FREE, ORDINARY, UNHEARD, FaultBudgets
from spec.exploration.model.delivery import Delivery
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
from spec.exploration.model.marks import Marks, marked
from spec.exploration.model.numbers import Numbers
from spec.exploration.model.queues import Edit, Shape
from spec.exploration.model.steps import (
    BREAK,
    ENDS_CONNECTION,
    MOST_IN_FLIGHT,
    NOTHING,
    TRACKER,
    UNTOLD,
    Label,
    Move,
)
from spec.exploration.model.surroundings import Surroundings
from spec.exploration.model.wills import LATE, SAYS
from spec.system.process import name_of

GO_ON = frozenset({"read", "expire", "start", "publish", LATE})
"""The steps after which a connection is still there, with what is under way on it."""


@dataclass
class Moves:
    """The moves of a system's nodes; each is asked for once."""

    numbers: Numbers
    answers: Answers
    delivery: Delivery
    marks: Marks
    budgets: FaultBudgets
    surroundings: Surroundings
    keeps_hops: bool
    _known: dict[tuple[int, int, int, str], tuple[Move, ...]] = field(default_factory=dict)
    _shaped: dict[tuple[int, Shape], tuple[tuple[int, Edit, Move], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.nodes, self.connections = self.numbers.nodes, self.numbers.connections
        self.faults, self.recalls = self.budgets.faults, self.budgets.unheard
        self._ordinary = self.budgets.costs[ORDINARY] if self.recalls else FREE
        self.has_wills = any(getattr(node, "leaves_will", False) for node in self.nodes)

    def of_shape(self, component: int, shape: Shape) -> tuple[tuple[int, Edit, Move], ...]:
        """Each move in slots of a shape, with the local state after it, and what it does to what is under way."""
        key = (component, shape)
        if key not in self._shaped:
            self._shaped[key] = tuple(self._of_shape(component, shape))
        return self._shaped[key]

    def forget(self, stale: Collection[tuple[int, int]]) -> None:
        """Find out anew from now on what these components can do in these local states."""
        for known in [key for key in self._known if key[:2] in stale]:
            del self._known[known]
        for shaped in [key for key in self._shaped if (key[0], key[1][0]) in stale]:
            del self._shaped[shaped]

    def known(self) -> Iterator[tuple[int, Move]]:
        """Each move that was asked for so far, with its component."""
        for (component, _), moves in self._shaped.items():
            for _, _, move in moves:
                yield component, move

    def _of_shape(self, component: int, shape: Shape) -> Iterator[tuple[int, Edit, Move]]:
        local, first, heads, waiting = shape
        mark = self.marks.free(component, local, heads)
        for place, message in heads:
            for move in self._moves(component, local, message, mark):
                behind = not self._arrives(move, waiting)
                behind |= place > 0 and self.connections.ordered and move.label.kind != "lose 2"
                if not behind and self._is_possible(move, first):
                    edit = Edit(place, move.stays, sent=move.sent, keeps_down=move.keeps_down, keeps_up=move.keeps_up)
                    yield move.local, edit, move
        if first != NOTHING:
            for move in self._forwards(component, first):
                yield local, Edit(forwards=True), move
        for move in self._moves(component, local, NOTHING):
            if self._is_possible(move, first) and self._arrives(move, waiting):
                yield move.local, Edit(sent=move.sent, keeps_down=move.keeps_down, keeps_up=move.keeps_up), move

    def _arrives(self, move: Move, waiting: int) -> bool:
        """Whether so much is on its way to the broker as still arrives."""
        return move.label.arrive == waiting if move.is_all else move.label.arrive <= waiting

    def _is_possible(self, move: Move, first: int) -> bool:
        """Whether a move is possible behind what is on its way to the broker, of which this is the first."""
        if first != NOTHING and move.label.kind in {"start", "will"}:
            return False  # what was sent before is still under way on the old connection
        if not self.recalls:
            return True
        if move.label.unheard:
            return first == (NOTHING if move.begins else UNTOLD)
        return first == NOTHING  # what comes behind can as well be done after that

    def _moves(self, component: int, local: int, message: int, mark: str = "") -> tuple[Move, ...]:
        """The moves with a message, or without one, in a local state; `mark` is for what is delivered twice."""
        key = (component, local, message, mark)
        if key not in self._known:
            found = self._reading(*key) if message != NOTHING else self._acting(component, local)
            self._known[key] = tuple(found)
        return self._known[key]

    def _reading(self, component: int, local: int, message: int, mark: str) -> Iterator[Move]:
        self.surroundings.heads(component, local, message)
        name = self.numbers.messages[message]
        busy = self.numbers.is_busy(component, local)
        if not busy:
            yield from self.asked(component, local, "read", message)
            yield from self.interrupts(component, local, "read", message)
        cost = self.loss(name)
        if cost is not None:
            lost = Move(Label("lose 2", component, name, None), local, cost=cost)
            yield lost._replace(part=self._ordinary)
            yield from self._unheard(lost)
        cost = self.budgets.cost("duplicates")
        if cost is not None and not busy:
            again = self.numbers.message(marked(name, mark))
            for move in self.asked(component, local, "read", again, cost=cost):
                label = move.label._replace(kind="duplicate")
                yield move._replace(label=label, stays=again)

    def _forwards(self, component: int, message: int) -> Iterator[Move]:
        if message == UNTOLD:
            yield Move(Label("settle", component, None, None), part=self.budgets.costs[CAUGHT_UP])
            return
        name = self.numbers.messages[message]
        publication = self.numbers.publication(self.delivery.recipients(component, (message,)))
        yield Move(Label("forward", component, name, None), publication=publication, part=self._ordinary)
        cost = self.loss(name)
        if cost is not None and not self.recalls:
            yield Move(Label("lose 1", component, name, None), cost=cost)

    def _acting(self, component: int, local: int) -> Iterator[Move]:
        """Expiries, and orders of the owner or of fate."""
        if self.faults.timeouts == "any":
            yield from self.asked(component, local, "expire", cost=self.budgets.costs["expiry"])
        if self.faults.timeouts == "patient" or self.faults.stabilisation:
            price = FREE if self.faults.timeouts == "patient" else self.budgets.costs["stabilisation expiry"]
            yield from self.asked(component, local, "expire", cost=price, late=True)
        yield from self.asked(component, local, "publish")
        yield from self.interrupts(component, local, "publish")
        if self.faults.timeouts != "never":
            yield from self.interrupts(component, local, "expire", late=self.faults.timeouts == "patient")
        yield from self.asked(component, local, "start")
        for kind in SAYS if self.has_wills else ():
            yield from self.asked(component, local, kind)
        for order, fault in self.faults.orders(self.nodes[component].name):
            cost = self.budgets.cost(fault)
            if cost is not None:
                yield from self.asked(component, local, order, cost=cost)
                if order == "stop":
                    yield from self.interrupts(component, local, order, besides=cost)
        if component == TRACKER and self.faults.stabilisation:
            yield from self.asked(component, local, "stabilisation", cost=self.budgets.costs["stabilisation"])
        cost = self.budgets.cost("broker restart")
        if component == TRACKER and cost is not None:
            everybody = tuple((place, BREAK) for place in range(len(self.nodes)))
            label = Label("restart", component, None, None)
            yield Move(label, local, self.numbers.publication(everybody), cost=cost, part=self._ordinary)
        yield from self.surroundings.moves(component, local)

    def interrupts(
        self, component: int, local: int, kind: str, message: int = NOTHING, *, besides: int = FREE, late: bool = False
    ) -> Iterator[Move]:
        """Crashes inside a step, which has a cost of its own besides."""
        if not self.faults.crash_points:
            return
        fault = next(fault for order, fault in self.faults.orders(self.nodes[component].name) if order == "crash")
        cost = self.budgets.cost(fault)
        if cost is not None:
            yield from self.asked(component, local, f"interrupt {kind}", message, cost, besides=besides, late=late)

    def asked(
        self,
        component: int,
        local: int,
        kind: str,
        message: int = NOTHING,
        cost: int = FREE,
        *,
        besides: int = FREE,
        late: bool = False,
    ) -> Iterator[Move]:
        """What a node says: with its publications under way, and, where the bus has one hop, with each of them lost."""
        for then, sent, outcome in self.answers.ask(component, local, kind, message):
            failure = self.budgets.cost(outcome.fault) if outcome.fault else besides
            if failure is None:
                continue
            label = Label(kind, component, None if message == NOTHING else self.numbers.messages[message], outcome)
            move = Move(
                label,
                then,
                cost=cost,
                late=late,
                failure=failure,
                keeps_down=self.numbers.online[component][then] and kind in GO_ON,
                keeps_up=0 if kind in {*ENDS_CONNECTION, "stabilisation"} else None,
            )
            if sent and kind in {"start", *SAYS}:  # a will, which the broker has already
                recipients = self.numbers.publication(self.delivery.recipients(component, sent))
                yield move._replace(publication=recipients, part=self._ordinary)
                continue
            if self.keeps_hops:
                yield from self._kept_apart(move, sent)
                continue
            recipients = self.numbers.publication(self.delivery.recipients(component, sent))
            yield move._replace(publication=recipients, part=self._ordinary)
            if not late:
                yield from self._unheard(move, sent)
            for place, lost in enumerate(sent):
                loss = self.loss(self.numbers.messages[lost])
                if loss is not None and self.delivery.recipients(component, (lost,)):
                    left = (*sent[:place], *sent[place + 1 :])
                    lossy = move._replace(label=label._replace(lost=place), loss=loss)
                    recipients = self.numbers.publication(self.delivery.recipients(component, left))
                    yield lossy._replace(publication=recipients, part=self._ordinary)
                    yield from self._unheard(lossy, left)

    def _kept_apart(self, move: Move, sent: tuple[int, ...]) -> Iterator[Move]:
        """A move where both hops are kept apart: with all that is sent on its way to the broker.

        Where stabilisation may begin, it matters what is on its way then. So something can be lost as it is sent,
        though what was sent before it is still on its way; and though a connection ends, the oldest events on it may
        arrive.
        """
        if move.label.kind in INTERRUPTS and sent:
            yield from self._all_out(move, sent)
            return
        yield move._replace(sent=sent)
        if not self.connections.lingers:
            return
        for place, lost in enumerate(sent):
            loss = self.loss(self.numbers.messages[lost])
            if (
                loss is not None
                and move.label.kind != "stabilisation"
                and self.delivery.recipients(move.label.component, (lost,))
            ):
                label = move.label._replace(lost=place)
                yield move._replace(label=label, sent=(*sent[:place], *sent[place + 1 :]), loss=loss)
        if move.label.kind in ENDS_CONNECTION:
            for arrive in range(1, MOST_IN_FLIGHT + 1):
                yield move._replace(label=move.label._replace(arrive=arrive), keeps_up=arrive)

    def _all_out(self, move: Move, sent: tuple[int, ...]) -> Iterator[Move]:
        """A crash inside a step behind publications which all arrive, with all that was on its way before them."""
        for arrive in range(MOST_IN_FLIGHT + 1) if self.connections.lingers else ():
            label = move.label._replace(arrive=arrive)
            yield move._replace(label=label, sent=sent, keeps_up=None, is_all=True)

    def _unheard(self, move: Move, sent: tuple[int, ...] = ()) -> Iterator[Move]:
        """The same, done before stabilisation, where nothing of what is sent has reached the broker by then."""
        component = move.label.component
        if not self.recalls or component == TRACKER:
            return
        held = tuple(message for message in sent if self.delivery.recipients(component, (message,)))
        unheard = move._replace(label=move.label._replace(unheard=True), sent=held, keeps_up=None)
        yield unheard._replace(part=self.budgets.costs[UNHEARD])
        if held:
            yield unheard._replace(part=self.budgets.costs[FIRST_UNHEARD], sent=(UNTOLD, *held), begins=True)

    def loss(self, message: Hashable) -> int | None:
        """What the loss of a message costs; None if it cannot be lost in this scenario."""
        if self.faults.loses and name_of(message) not in self.faults.loses:
            return None
        return self.budgets.cost("losses")
