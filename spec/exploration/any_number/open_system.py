"""The open system: a tracker and a few servers as they are seen, among any number of others.

It is a closed system whose nodes are asked with ghosts: each local state is completed in every way that is known, the
charts make the step, and what comes of it is restricted again. Besides, the tracker serves ghosts, servers read about
them, and ghosts spend faults that are bounded for all together.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace

from machines.events import BusEvent
from spec.exploration.any_number.knowledge import Knowledge
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.budget import CAUGHT_UP, FIRST_UNHEARD, FREE, UNHEARD
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.moves import Moves
from spec.exploration.model.node import AGAIN, Arrow, Node, Outcome
from spec.exploration.model.steps import NOTHING, TRACKER, Label, Move

READS, READS_AGAIN, SPENDS = "read of others", "read again of others", "others"
"""Kinds of steps: somebody reads about a ghost; that is a duplicate; a ghost spends a fault."""
Said = dict[tuple[str, Hashable, str, Hashable], tuple[Outcome, ...]]
"""What a node said, by its name, local state, what was asked, and the message."""
OF_OTHERS = Arrow("others", "others", None)
"""Marks the outcome of a ghost's timeout."""


def is_of_others(label: Label) -> bool:
    """Whether a step is about somebody who is hidden, so that whoever looks at that one sees it."""
    marked = label.outcome is not None and label.outcome.arrows == (OF_OTHERS,)
    return marked or label.kind in {READS, READS_AGAIN, SPENDS}


def timed(expiry: Arrow) -> str:
    """Whose timeout it is that expires; empty where it is no timeout."""
    return str(getattr(getattr(expiry.message, "timer", None), "client", ""))


@dataclass
class Asking:
    """The nodes, asked once for each local state of all servers; whatever is seen of it."""

    of_servers: Said = field(default_factory=dict)
    of_tracker: Said = field(default_factory=dict)
    """The same where servers are of other kinds."""

    @property
    def known(self) -> Said:
        """All that was said."""
        return {**self.of_servers, **self.of_tracker}

    def __call__(
        self, node: Node, state: Hashable, kind: str, message: Hashable, *, is_server: bool
    ) -> tuple[Outcome, ...]:
        """What a node says."""
        known, key = self.of_servers if is_server else self.of_tracker, (node.name, state, kind, message)
        if key not in known:
            if kind == "read":
                known[key] = node.receive(state, message)
            elif kind == "expire":
                known[key] = node.expiries(state)
            else:
                known[key] = node.order(state, kind)
        return known[key]


@dataclass(kw_only=True)
class OpenSystem(ClosedSystem):
    """A closed system among any number of others. `buses` pass on the same with more sessions at the broker."""

    knowledge: Knowledge
    buses: tuple[BrokerBus, ...] = ()
    asking: Asking = field(default_factory=Asking)
    alike: bool = True
    """Whether the two servers differ in their names only."""
    rivals: tuple[int, ...] = ()
    """The components that have rivals among the others."""
    seen_outcomes: dict[tuple[int, Hashable, str, Hashable], tuple[set[Hashable], dict[Outcome, None]]] = field(
        default_factory=dict
    )
    """By question: the completions that were asked, and what is seen of what came of it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._moves: Moves = OpenMoves(self)
        self.visible = frozenset(self.knowledge.seen)

    def owner(self, component: int) -> str:
        """Whose shares a component's local state is made of; empty for the tracker."""
        return "" if component == TRACKER else self.nodes[component].name

    def local(self, component: int, state: Hashable) -> int:
        count = len(self.locals[component])
        number = super().local(component, state)
        if number == count:
            self.knowledge.learn_local(self.owner(component), state)
        return number

    def again(self, *, drop_inert: bool, keeps_hops: bool | None = None) -> "OpenSystem":
        hops = self.keeps_hops if keeps_hops is None else keeps_hops
        return replace(self, drop_inert=drop_inert, keeps_hops=hops, told={})

    def _told(self, component: int, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        """What is seen of all that the node can say, whoever else there is."""
        asked, found = self.seen_outcomes.setdefault((component, state, kind, message), (set(), {}))
        node, restrict = self.nodes[component], self.knowledge.restrict
        for whole, what, about in self._questions(component, state, kind, message):
            if (whole, about) in asked:
                continue
            asked.add((whole, about))
            self._agree(node, state, whole)
            for outcome in self.asking(node, whole, what, about, is_server=component != TRACKER):
                if component == TRACKER:
                    self.knowledge.learn_profile(outcome.then)
                sent = tuple(restrict(each, self.visible) for each in outcome.sent if self._is_seen(each))
                then = restrict(outcome.then, self.visible)
                arrows = outcome.arrows[:1] if kind == "expire" else ()
                if arrows and self._is_of_others(arrows[0]):
                    arrows = (OF_OTHERS,)
                found.setdefault(outcome._replace(then=then, sent=sent, arrows=arrows), None)
        # Of those that come to the same the first is kept.
        return tuple(sorted(found, key=lambda outcome: outcome.arrows == (OF_OTHERS,)))

    def _is_of_others(self, expiry: Arrow) -> bool:
        """Whether it is a ghost's timeout that expires."""
        client = timed(expiry)
        return client in self.knowledge.restrict.names and client not in self.visible

    def is_certain(self, component: int, local: int, label: Label) -> bool:
        """Whether a component can take a step without a fault, whoever else there is."""
        if label.kind in {"forward", "settle"}:
            return True
        node, state = self.nodes[component], self.locals[component][local]
        return all(
            any(not outcome.fault for outcome in self.asking(node, whole, what, about, is_server=component != TRACKER))
            for whole, what, about in self._questions(component, state, label.kind, label.message)
        )

    def _questions(
        self, component: int, state: Hashable, kind: str, message: Hashable
    ) -> Iterator[tuple[Hashable, str, Hashable]]:
        owner = self.owner(component)
        if kind in {READS, READS_AGAIN}:
            for _, whole, about, again in self.knowledge.served(owner, state):
                if again == (kind == READS_AGAIN):
                    yield whole, "read", about
            return
        for ghosts, whole in self.knowledge.completions(owner, state):
            if message is None:
                yield whole, kind, None
            else:
                for about in self.knowledge.messages(message, ghosts):
                    yield whole, kind, about

    def _is_seen(self, message: Hashable) -> bool:
        subject = self.knowledge.restrict.subject(message)
        return not subject or subject in self.visible

    def _agree(self, node: Node, state: Hashable, whole: Hashable) -> None:
        """Whoever else there is, a component has to be online, and about to publish, all the same."""
        if node.is_online(whole) != node.is_online(state) or node.is_busy(whole) != node.is_busy(state):
            raise NotInterchangeable(
                f"{node.name}: whether it is online, or about to publish, depends on who else there is"
            )

    def broken(self, component: int, local: int) -> int:
        endings = {ending[0] for ending in self.ask(component, local, "disconnect", NOTHING)}
        if not endings:
            return local  # nothing that is known is seen like this: not yet, or there is no such state
        if len(endings) != 1:
            raise NotInterchangeable(f"{self.nodes[component].name}: a lost connection ends in several ways")
        return endings.pop()

    def _ignores(self, component: int, state: Hashable, message: int) -> bool:
        node, about = self.nodes[component], self.messages[message]
        return all(
            node.ignores(whole, full)
            for ghosts, whole in self.knowledge.completions(self.owner(component), state)
            for full in self.knowledge.messages(about, ghosts)
        )

    def reached(self, sender: int, message: int) -> tuple[int, ...]:
        if (sender, message) not in self.passed:
            places = super().reached(sender, message)
            for bus in self.buses:
                names = bus.receivers(self.nodes[sender].name, self.messages[message])
                if tuple(place for place, node in enumerate(self.nodes) if node.name in names) != places:
                    raise NotInterchangeable(
                        "whom the broker passes an event to depends on how many sessions there are"
                    )
        return super().reached(sender, message)

    def learn(self) -> None:
        """Take over what this system has met. What was asked about ghosts before is then to be asked anew."""
        for message in self.messages:
            self.knowledge.learn_content(message)
        for (component, _), moves in self._shaped.items():
            for _, _, move in moves if component != TRACKER else ():
                for prices in self._spent(move):
                    if self._matters(prices):
                        self.knowledge.learn_price(prices, late=move.late)

    def _spent(self, move: Move) -> Iterator[tuple[int, ...]]:
        """What of a ghost's step the budget shows: one fault after the other.

        What a ghost tells of steps that nobody had heard is seen as a whole: nobody else does anything meanwhile.
        """
        part, faults = move.part, [cost for cost in (move.cost, move.loss, move.failure) if cost != FREE]
        if part in {self.costs[FIRST_UNHEARD], self.costs[UNHEARD], self.costs[CAUGHT_UP]}:
            yield from ((self.costs[FIRST_UNHEARD], cost, self.costs[CAUGHT_UP], FREE) for cost in faults)
        else:
            yield from ((part, cost, FREE, FREE) for cost in (FREE, *faults))

    def _matters(self, prices: tuple[int, ...]) -> bool:
        """Whether paying this changes some budget."""
        return any(self.paid(budget, prices) not in {-1, budget} for budget in range(len(self.budgets)))

    def paid(self, budget: int, prices: tuple[int, ...]) -> int:
        """The budget after a step; negative if it cannot be paid."""
        for price in prices:
            budget = self.spend(budget, price) if budget >= 0 else budget
        return budget


class OpenMoves(Moves):
    """The moves of what is seen, and those of ghosts that are seen."""

    system: OpenSystem

    def _reading(self, component: int, local: int, message: int, mark: str) -> Iterator[Move]:
        system, about = self.system, self.system.messages[message]
        if not system.is_busy(component, local):
            owner, state = system.owner(component), system.locals[component][local]
            system.knowledge.learn_head(owner, state, about, again=False)
            if system.can_repeat and isinstance(about, BusEvent):
                system.knowledge.learn_head(owner, state, replace(about, event_id=AGAIN), again=True)
        yield from super()._reading(component, local, message, mark)

    def _acting(self, component: int, local: int) -> Iterator[Move]:
        yield from super()._acting(component, local)
        system = self.system
        if not system.is_busy(component, local):
            costs = [(READS, FREE), *([(READS_AGAIN, system.costs["duplicates"])] if system.can_repeat else [])]
            for kind, cost in costs:
                for move in self._asked(component, local, kind, cost=cost):
                    if move.local != local or move.publication or move.sent:
                        yield move._replace(keeps_down=system.online[component][move.local])
        if component == TRACKER:
            for (part, cost, loss, failure), late in sorted(system.knowledge.prices):
                label = Label(SPENDS, component, None, None)
                yield Move(label, local, cost=cost, late=late, loss=loss, failure=failure, part=part)
