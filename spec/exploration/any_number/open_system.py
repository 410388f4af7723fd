"""The open system: a tracker and a few servers as they are seen, among any number of others.

It is a closed system whose nodes are asked with ghosts: each local state is completed in every way that is known, the
charts make the step, and what comes of it is restricted again. Besides, the tracker serves ghosts, servers read about
them, and ghosts spend faults that are bounded for all together.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from machines.events import BusEvent
from spec.exploration.any_number.entries import Pairs
from spec.exploration.any_number.executed import Noted
from spec.exploration.any_number.knowledge import Knowledge
from spec.exploration.any_number.restriction import NEWS, NotInterchangeable
from spec.exploration.any_number.shares import CONTENTS, HEADS, LOOKS
from spec.exploration.any_number.shares import Ghosts as Others
from spec.exploration.model.budget import CAUGHT_UP, FIRST_UNHEARD, FREE, UNHEARD
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import AGAIN, Arrow, Node, Outcome, ServerState
from spec.exploration.model.steps import TRACKER, Label, Move
from spec.exploration.model.surroundings import Surroundings, said

READS, READS_AGAIN, SPENDS = "read of others", "read again of others", "others"
"""Kinds of steps: somebody reads about a ghost; that is a duplicate; a ghost spends a fault."""
INTERRUPTED = "interrupt read"
"""A crash while somebody reads; without a message: about a ghost."""
Version = tuple[int, ...]
Said = dict[tuple[str, Hashable, str, Hashable], tuple[Outcome, ...]]
"""What a node said, by its name, local state, what was asked, and the message."""
ALL = (LOOKS, HEADS, CONTENTS)
OF_OTHERS = Arrow("others", "others", None)
"""Marks the outcome of a ghost's timeout."""


def is_of_others(label: Label) -> bool:
    """Whether a step is about somebody who is hidden, so that whoever looks at that one sees it."""
    marked = label.outcome is not None and label.outcome.arrows == (OF_OTHERS,)
    return marked or is_read_of_others(label.kind, label.message) or label.kind == SPENDS


def is_read_of_others(kind: str, message: Hashable) -> bool:
    """Whether somebody reads about a ghost, or crashes while it does."""
    return kind in {READS, READS_AGAIN} or (kind, message) == (INTERRUPTED, None)


def timed(expiry: Arrow) -> str:
    """Whose timeout it is that expires; empty where it is no timeout."""
    return str(getattr(getattr(expiry.message, "timer", None), "client", ""))


def client_of(whole: Hashable) -> Hashable:
    """What tells whether a component ignores a message: of a server that is not broken, its MQTT client's chart."""
    return whole.client if isinstance(whole, ServerState) and not whole.broken else whole


@dataclass
class Asking:
    """The nodes, asked once for each local state of all servers; whatever is seen of it."""

    of_servers: Said = field(default_factory=dict)
    of_tracker: Said = field(default_factory=dict)
    """The same where servers are of other kinds."""
    noted: Noted = field(default_factory=dict)
    """All that charts were asked by that; the same where servers are of other kinds."""
    same: Callable[[Any], Any] = field(default=lambda value: value)
    """The value that is equal to one and came first (`Restriction.same`)."""

    @property
    def known(self) -> Said:
        """All that was said."""
        return {**self.of_servers, **self.of_tracker}

    def __call__(
        self, node: Node, state: Hashable, kind: str, message: Hashable, *, is_server: bool
    ) -> tuple[Outcome, ...]:
        """What a node says."""
        known, key = self.of_servers if is_server else self.of_tracker, (node.name, state, kind, message)
        found = known.get(key)
        if found is None:
            found = known[key] = tuple(map(self._same, said(node, state, kind, message)))
        return found

    def _same(self, outcome: Outcome) -> Outcome:
        """The outcome, with charts that are the same objects where they are equal: that is soon compared."""
        then = outcome.then
        if not isinstance(then, ServerState):
            return outcome
        client, clock, view, *others = then
        charts = map(self.same, (client, clock, view))
        return Outcome(ServerState(*charts, *others), outcome.sent, outcome.arrows, outcome.fault)


@dataclass
class SameForAll:
    """A bus that passes on the same whoever else is there: `others` are it with more sessions at the broker."""

    bus: BrokerBus
    others: tuple[BrokerBus, ...]
    names: frozenset[str]
    """Of the nodes that are looked at."""

    def receivers(self, sender: str, message: Hashable) -> frozenset[str]:
        """The names of the nodes that a message reaches. Raises `NotInterchangeable` where that depends on others."""
        found = self.bus.receivers(sender, message)
        if any(bus.receivers(sender, message) & self.names != found & self.names for bus in self.others):
            raise NotInterchangeable("whom the broker passes an event to depends on how many sessions there are")
        return found


@dataclass
class Seen:
    """What is seen of all that a node said to a question."""

    asked: set[tuple[int, int]] = field(default_factory=set)
    """The completions that were asked, with the message, by `id`: `Knowledge` keeps each once, and for ever."""
    found: dict[Outcome, None] = field(default_factory=dict)
    minds: bool = False
    """Whether a message is not ignored, where just that was asked."""
    version: Version = ()
    """How much was known when it was last asked."""


@dataclass
class OfState:
    """What was asked of a component in a local state."""

    place: int
    """Which other shares it depends on (`Knowledge.place_of`)."""
    agreed: set[int] = field(default_factory=set)
    """The completions of which is known that they are online, and about to publish, as this is; by `id`."""
    lists: dict[tuple[Hashable, ...], tuple[Version, tuple[Any, ...]]] = field(default_factory=dict)
    """How it can be completed, and how much was known when that was listed."""
    said: dict[tuple[str, Hashable], Seen] = field(default_factory=dict)
    """What is seen of what came of each question."""
    ignored: dict[Hashable, Seen] = field(default_factory=dict)
    """Whether messages are ignored."""

    def listed(self, key: tuple[Hashable, ...], version: Version, make: Callable[[], Iterable[Any]]) -> tuple[Any, ...]:
        """What is listed under a key; made anew only when more is known of what it depends on."""
        before = self.lists.get(key)
        if before is None or before[0] != version:
            before = self.lists[key] = (version, tuple(make()))
        return before[1]


@dataclass(kw_only=True)
class OpenSystem(ClosedSystem):
    """A closed system among any number of others."""

    knowledge: Knowledge
    asking: Asking = field(default_factory=Asking)
    speakers: tuple[Node, ...] = ()
    """The nodes, as they are asked in completions: they note which steps their charts take."""
    alike: bool = True
    """Whether the two servers differ in their names only."""
    rivals: tuple[int, ...] = ()
    """The components that have rivals among the others."""
    of_states: dict[tuple[int, Hashable], OfState] = field(default_factory=dict)
    """What was asked in each local state, by component."""

    def surroundings(self) -> Surroundings:
        return Ghosts(self.nodes, self.kept, self)

    def owner(self, component: int) -> str:
        """Whose shares a component's local state is made of; empty for the tracker."""
        return "" if component == TRACKER else self.nodes[component].name

    def is_certain(self, component: int, local: int, label: Label) -> bool:
        """Whether a component can take a step without a fault, whoever else there is."""
        if label.kind in {"forward", "settle"}:
            return True
        node, state = self.speakers[component], self.numbers.locals[component][local]
        return all(
            any(not outcome.fault for outcome in self.asking(node, whole, what, about, is_server=component != TRACKER))
            for whole, what, about in self.questions(component, state, label.kind, label.message)
        )

    def questions(
        self, component: int, state: Hashable, kind: str, message: Hashable
    ) -> Iterator[tuple[Hashable, str, Hashable]]:
        """What is asked of a node, in all ways in which what is seen can be completed."""
        if is_read_of_others(kind, message):
            for _, whole, about, again in self.latest_of("served", component, state):
                if again == (kind == READS_AGAIN):
                    yield whole, kind if kind == INTERRUPTED else "read", about
            return
        if self.knowledge.restrict.is_of_hidden(message):
            for _, whole, about in self.latest_of("news", component, state, message):
                yield whole, kind, about
            return
        if message is None:
            for _, whole in self.latest_of("completions", component, state):
                yield whole, kind, None
            return
        told = self.knowledge.messages(message)
        for ghosts, whole in self.latest_of("completions", component, state):
            for about in told(ghosts):
                yield whole, kind, about

    def listened(self, component: int, state: Hashable, message: Hashable) -> Iterator[tuple[Hashable, Hashable]]:
        """The questions whether a message is ignored, which the charts of MQTT clients alone tell.

        So of the completions in which that chart, and the names of who is hidden, are the same one is asked.
        """
        if self.knowledge.restrict.is_of_hidden(message):
            for whole, _, about in self.questions(component, state, "read", message):
                yield whole, about
            return
        of = self.of_state(component, state)

        def listeners() -> Iterable[tuple[Others, Hashable]]:
            found: dict[Hashable, tuple[Others, Hashable]] = {}
            for ghosts, whole in self.latest_of("completions", component, state):
                found.setdefault((client_of(whole), tuple([ghost.name for ghost in ghosts])), (ghosts, whole))
            return found.values()

        told = self.knowledge.messages(message)
        for ghosts, whole in of.listed(("listeners",), self._version(of, LOOKS), listeners):
            for about in told(ghosts):
                yield whole, about

    def of_state(self, component: int, state: Hashable) -> OfState:
        """What was asked of a component in a local state."""
        found = self.of_states.get((component, state))
        if found is None:
            owner = self.owner(component)
            place = self.knowledge.place_of(owner, self.knowledge.split(owner, state))
            found = self.of_states[component, state] = OfState(place)
        return found

    def latest_of(self, what: str, component: int, state: Hashable, *message: Hashable) -> tuple[Any, ...]:
        """All that `Knowledge` gives when it is asked so; listed anew only when more is known of what it depends on."""
        of = self.of_state(component, state)
        version = self._version(of, LOOKS) if what == "completions" else self._version(of, *ALL)
        ask = partial(getattr(self.knowledge, what), self.owner(component), state, *message)
        return of.listed((what, *message), version, ask)

    def _version(self, of: OfState, *what: str) -> Version:
        versions = self.knowledge.versions
        return tuple(versions[each, 0 if each == CONTENTS else of.place] for each in what)

    def version(self, of: OfState, kind: str, message: Hashable) -> Version:
        """Grows whenever `questions` may give more."""
        if is_read_of_others(kind, message) or self.knowledge.restrict.is_of_hidden(message):
            return self._version(of, *ALL)
        said = 0 if message is None else self.knowledge.how_much_is_said(message)
        return (*self._version(of, LOOKS), said)

    def learn(self) -> None:
        """Take over what this system has met. What was asked about ghosts before is then to be asked anew."""
        for message in self.numbers.messages:
            self.knowledge.learn_content(message)
        for component, move in self.moves.known():
            for prices in self._spent(move) if component != TRACKER else ():
                if self._matters(prices):
                    self.knowledge.learn_price(prices, late=move.late)

    def _spent(self, move: Move) -> Iterator[tuple[int, ...]]:
        """What of a ghost's step the budget shows: one fault after the other.

        What a ghost tells of steps that nobody had heard is seen as a whole: nobody else does anything meanwhile.
        """
        part, faults = move.part, [cost for cost in (move.cost, move.loss, move.failure) if cost != FREE]
        if part in {self.budgets.costs[FIRST_UNHEARD], self.budgets.costs[UNHEARD], self.budgets.costs[CAUGHT_UP]}:
            yield from (
                (self.budgets.costs[FIRST_UNHEARD], cost, self.budgets.costs[CAUGHT_UP], FREE) for cost in faults
            )
        else:
            yield from ((part, cost, FREE, FREE) for cost in (FREE, *faults))

    def _matters(self, prices: tuple[int, ...]) -> bool:
        """Whether paying this changes some budget."""
        return any(self.paid(budget, prices) not in {-1, budget} for budget in range(len(self.budgets.known)))

    def paid(self, budget: int, prices: tuple[int, ...]) -> int:
        """The budget after a step; negative if it cannot be paid."""
        for price in prices:
            budget = self.spend(budget, price) if budget >= 0 else budget
        return budget


@dataclass
class Ghosts(Surroundings):
    """The others: what they add to what is seen, and what of it is seen."""

    system: OpenSystem

    def __post_init__(self) -> None:
        self.visible = frozenset(self.system.knowledge.seen)
        self.pairs = Pairs(self.system.knowledge.restrict)
        self._prices = len(self.system.knowledge.prices)
        self._ignored: dict[tuple[int, Hashable, int], bool] = {}

    def met(self, component: int, local: int) -> None:
        state = self.system.numbers.locals[component][local]
        self.system.knowledge.learn_local(self.system.owner(component), state)

    def says(self, component: int, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        """What is seen of all that the node can say, whoever else there is."""
        of = self.system.of_state(component, state)
        seen, version = of.said.setdefault((kind, message), Seen()), self.system.version(of, kind, message)
        if seen.version != version:
            self._ask(seen, component, state, kind, message)
            seen.version = version
        # Of those that come to the same the first is kept.
        return tuple(sorted(seen.found, key=lambda outcome: outcome.arrows == (OF_OTHERS,)))

    def is_current(self, component: int, state: Hashable, kind: str, message: Hashable) -> bool:
        of = self.system.of_state(component, state)
        seen = of.said.get((kind, message))
        return seen is not None and seen.version == self.system.version(of, kind, message)

    def renewed(self) -> frozenset[int]:
        before, self._prices = self._prices, len(self.system.knowledge.prices)
        return frozenset() if before == self._prices else frozenset({TRACKER})

    def _ask(self, seen: Seen, component: int, state: Hashable, kind: str, message: Hashable) -> None:
        """Ask the node in all completions in which it was not asked yet."""
        system, node = self.system, self.nodes[component]
        asked, found, restrict = seen.asked, seen.found, system.knowledge.restrict
        agreed = system.of_state(component, state).agreed
        for whole, what, about in system.questions(component, state, kind, message):
            if (id(whole), id(about)) in asked:
                continue
            asked.add((id(whole), id(about)))
            if id(whole) not in agreed:
                self._agree(node, state, whole)
                agreed.add(id(whole))
            for outcome in system.asking(
                system.speakers[component], whole, what, about, is_server=component != TRACKER
            ):
                if component == TRACKER:
                    system.knowledge.learn_profile(outcome.then)
                self._check_pairs(component, outcome)
                sent = tuple(restrict(each, self.visible) for each in outcome.sent if self.is_seen(each))
                then = restrict(outcome.then, self.visible)
                arrows = outcome.arrows[:1] if kind == "expire" else ()
                if arrows and self._is_of_others(arrows[0]):
                    arrows = (OF_OTHERS,)
                found.setdefault(Outcome(then, sent, arrows, outcome.fault), None)

    def _is_of_others(self, expiry: Arrow) -> bool:
        """Whether it is a ghost's timeout that expires."""
        client = timed(expiry)
        return client in self.system.knowledge.restrict.names and client not in self.visible

    def is_seen(self, message: Hashable) -> bool:
        """Whether a message is about somebody who is seen, or about nobody; or tells of files that are seen."""
        return self.system.knowledge.restrict.is_seen(message, self.visible)

    def _check_pairs(self, component: int, outcome: Outcome) -> None:
        """What is held, and said, of servers has to be held and said of two at most."""
        self.pairs.check(outcome.then, self.system.owner(component))
        for message in outcome.sent:
            self.pairs.check(message, self.system.knowledge.restrict.subject(message))
            if component != TRACKER and any(getattr(message, name, ()) for name in NEWS):
                raise NotInterchangeable(
                    f"{self.nodes[component].name} tells everybody of files itself, which is not looked at"
                )

    def _agree(self, node: Node, state: Hashable, whole: Hashable) -> None:
        """Whoever else there is, a component has to be online, and about to publish, all the same."""
        if node.is_online(whole) != node.is_online(state) or node.is_busy(whole) != node.is_busy(state):
            raise NotInterchangeable(
                f"{node.name}: whether it is online, or about to publish, depends on who else there is"
            )

    def ending(self, component: int, local: int, endings: Sequence[int]) -> int:
        if not endings:
            return local  # nothing that is known is seen like this: not yet, or there is no such state
        if len({*endings}) != 1:
            raise NotInterchangeable(f"{self.nodes[component].name}: a lost connection ends in several ways")
        return endings[0]

    def ignores(self, component: int, state: Hashable, message: Hashable) -> bool:
        of = self.system.of_state(component, state)
        seen, version = of.ignored.setdefault(message, Seen()), self.system.version(of, "read", message)
        if seen.version != version:
            for whole, _, about in self.system.questions(component, state, "read", message):
                if (id(whole), id(about)) not in seen.asked:
                    seen.asked.add((id(whole), id(about)))
                    seen.minds |= not self._ignores(component, whole, about)
            seen.version = version
        return bool(seen.asked) and not seen.minds

    def _ignores(self, component: int, whole: Hashable, about: Hashable) -> bool:
        """Whether a node ignores a message; of servers only the charts of MQTT clients tell."""
        key = (component, client_of(whole), id(about))
        if key not in self._ignored:
            self._ignored[key] = self.nodes[component].ignores(whole, about)
        return self._ignored[key]

    def heads(self, component: int, local: int, message: int) -> None:
        system, about = self.system, self.system.numbers.messages[message]
        if not system.is_busy(component, local):
            owner, state = system.owner(component), system.numbers.locals[component][local]
            system.knowledge.learn_head(owner, state, about, again=False)
            if system.faults.can_repeat and isinstance(about, BusEvent):
                system.knowledge.learn_head(owner, state, replace(about, event_id=AGAIN), again=True)

    def moves(self, component: int, local: int) -> Iterator[Move]:
        system = self.system
        if not system.is_busy(component, local):
            again = [(READS_AGAIN, system.budgets.costs["duplicates"])] if system.faults.can_repeat else []
            for kind, cost in [(READS, FREE), *again]:
                for move in system.moves.asked(component, local, kind, cost=cost):
                    if move.local != local or move.publication or move.sent:
                        yield move._replace(keeps_down=system.numbers.online[component][move.local])
            yield from system.moves.interrupts(component, local, "read")
        if component == TRACKER:
            for (part, cost, loss, failure), late in sorted(system.knowledge.prices):
                label = Label(SPENDS, component, None, None)
                yield Move(label, local, cost=cost, late=late, loss=loss, failure=failure, part=part)
