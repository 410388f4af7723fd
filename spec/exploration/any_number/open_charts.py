"""The open system of a user's own charts: those that there are one of, and two members among any number of others.

As `open_system`, for charts whose members are interchangeable. A view keeps the charts that there are one of (the
*centres*) as two members see them, the charts of these two, their queues without what hidden members sent, and the
budget. A step is a step of the real charts on a completion of the view (`completions`), restricted again:

1. a centre or a member that is seen reads or acts, whoever else there is;
2. a centre reads what a hidden member sent, which stood first in views with that member;
3. a member reads what a hidden member sent to it, likewise;
4. a hidden member spends a fault that is bounded for all together.

All else that hidden members do changes nothing that is seen. So by induction on the length of a run, for all pairs of
members at once, every view of every run with two members or more is a state of the fixpoint (the theorem of the
package). Members hold no names of other members; what does is refused.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from spec.exploration.any_number.completions import Completions, Seen, Whole
from spec.exploration.any_number.open_system import READS, SPENDS
from spec.exploration.any_number.population import Population
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.trees import Trees
from spec.exploration.model.budget import FREE
from spec.exploration.model.chart_node import Broken, Chart
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import Outcome
from spec.exploration.model.steps import Label, Move, Row
from spec.exploration.model.surroundings import Surroundings, said
from spec.system.chart_body import Held, Local
from spec.system.foreign import ForeignMachine
from spec.system.process import Addressed


class Reason(NamedTuple):
    """A completion that an answer comes from, what it read, and the whole local state after it."""

    whole: Whole
    message: Hashable
    then: Hashable


@dataclass
class Hidden:
    """What is known of hidden members, by all rounds of the search."""

    trees: Trees
    seen: tuple[str, str]
    ghosts: tuple[str, ...]
    centres: dict[str, Completions]
    heard: dict[Hashable, set[Seen]] = field(default_factory=lambda: defaultdict(set))
    """By message of another member: how its receiver was when it stood first."""
    asked: dict[tuple[str, Seen, str, Hashable], tuple[Outcome, ...]] = field(default_factory=dict)
    """What nodes said, by name."""

    @property
    def size(self) -> int:
        """Grows whenever anything becomes known."""
        return sum(each.size for each in self.centres.values()) + sum(map(len, self.heard.values()))


@dataclass(kw_only=True)
class OpenCharts(ClosedSystem):
    """A closed system of charts among any number of other members."""

    hidden: Hidden

    def __post_init__(self) -> None:
        assert not self.drop_inert
        super().__post_init__()
        self._seen: dict[tuple[str, Hashable], Seen] = {}
        self._reasons: dict[tuple[int, Hashable, str, Hashable], dict[Outcome, list[Reason]]] = {}
        """By question and what is seen of an answer: what gives it."""
        self._possible: dict[tuple[Hashable, ...], bool] = {}
        self._members: tuple[int, ...] = tuple(
            place for name in self.hidden.seen for place, node in enumerate(self.nodes) if node.name == name
        )

    def surroundings(self) -> Surroundings:
        return Members(self.nodes, self.kept, self)

    # What a local state says of members.

    def seen(self, component: int, state: Hashable) -> Seen:
        """A local state as trees. Raises `NotInterchangeable`."""
        node = self.node(component)
        key = (node.name, state)
        if key not in self._seen:
            broken = state if isinstance(state, Broken) else None
            local = broken.state if broken else state
            machine = node.machine
            assert isinstance(local, Local)
            assert isinstance(local.data, Held)
            assert isinstance(machine, ForeignMachine)
            trees = self.hidden.trees.of(machine.picture(local), node.name)
            bare = local._replace(data=local.data._replace(values=()))
            mask = self.hidden.trees.masked
            rest = Broken(bare, mask(broken.broken), mask(broken.raised)) if broken else bare
            self._seen[key] = Seen(rest, trees)
            own = frozenset({node.name}) if node.name in self.hidden.seen else None
            if own is not None and (others := self.hidden.trees.mentioned_in(trees) - own):
                raise NotInterchangeable(
                    f"{node.name} holds the name of another member, {min(others)}: members that know each other are "
                    "not looked at yet"
                )
        return self._seen[key]

    def state(self, component: int, seen: Seen) -> Hashable:
        """The local state that is seen so."""
        machine = self.node(component).machine
        assert isinstance(machine, ForeignMachine)
        rest = seen.rest
        bare = rest.state if isinstance(rest, Broken) else rest
        local = machine.with_picture(bare, self.hidden.trees.picture(seen.trees))
        return rest._replace(state=local) if isinstance(rest, Broken) else local

    def node(self, component: int) -> Chart:
        """A component's chart. Raises `NotInterchangeable` for one of this project."""
        node = self.nodes[component]
        if not isinstance(node, Chart) or not isinstance(node.machine, ForeignMachine):
            raise NotInterchangeable(f"{node.name} is a chart of this project: ask for a scenario of it")
        return node

    def centre(self, component: int) -> Completions | None:
        """What is known of a chart that there is one of; None for a member."""
        return self.hidden.centres.get(self.nodes[component].name)

    # What nodes say.

    def ask_node(self, component: int, seen: Seen, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        """What a node says in a whole local state; asked once."""
        node = self.node(component)
        key = (node.name, seen, kind, message)
        if key not in self.hidden.asked:
            state = self.state(component, seen)
            self.hidden.asked[key] = said(node, state, kind, message)
        return self.hidden.asked[key]

    def questions(
        self, component: int, state: Hashable, kind: str, message: Hashable
    ) -> Iterator[tuple[Whole, str, Hashable]]:
        """What is asked of a node: what it holds with the hidden members, who are there, and what it reads."""
        seen, centre = self.seen(component, state), self.centre(component)
        if centre is None:
            yield from self._of_member(component, seen, kind, message)
            return
        for whole in centre.wholes(seen):
            if kind == READS:
                for ghost in whole.members[2:]:
                    for head in [*centre.heads]:
                        if sender_of(head) == self.hidden.seen[0] and centre.is_first(whole, head, ghost):
                            yield whole, "read", from_(head, ghost)
            elif kind != "read":
                yield whole, kind, None
            else:
                sender = self.member_of(message)
                head = from_(message, self.hidden.seen[0]) if sender else message
                if centre.is_first(whole, head, sender):
                    yield whole, kind, message

    def _of_member(
        self, component: int, seen: Seen, kind: str, message: Hashable
    ) -> Iterator[tuple[Whole, str, Hashable]]:
        ghost = self.hidden.ghosts[0]
        whole = Whole(seen, (*self.hidden.seen, ghost))
        if kind != READS:
            yield whole, kind, message
            return
        mine = self.canonical_member(component, seen)
        for head, before in [*self.hidden.heard.items()]:
            if mine in before:
                yield whole, "read", self.to_member(from_(head, ghost), component)

    def answers_of(self, component: int, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        """What is seen of all that a node can say, whoever else there is."""
        found: dict[Outcome, list[Reason]] = {}
        for whole, what, about in self.questions(component, state, kind, message):
            for outcome in self.ask_node(component, whole.seen, what, about):
                if self.is_among(outcome, component, whole):
                    sent = tuple(each for each in outcome.sent if self.is_heard(each))
                    then = self.restricted(component, outcome.then)
                    seen = outcome._replace(then=then, sent=sent, arrows=())
                    found.setdefault(seen, []).append(Reason(whole, about, outcome.then))
        self._reasons[component, state, kind, message] = found
        return tuple(found)

    # Views as a whole.

    def is_possible(self, row: Row, label: Label) -> bool:
        """Whether hidden members that are known beside the two as they are in a view let this happen."""
        centre = self.centre(label.component)
        if centre is None or label.outcome is None:
            return True
        state = self.numbers.state(label.component, row[label.component])
        kind = "read" if label.kind == "duplicate" else label.kind
        message = None if kind == READS else label.message
        key = (*(row[place] for place in self._members), label.component, state, kind, message, label.outcome)
        if key not in self._possible:
            slots = [self.slot_of(row, place) for place in self._members]
            first, ghosts = self.hidden.seen[0], self.hidden.ghosts
            self._possible[key] = False
            for whole, about, then in self._reasons[label.component, state, kind, message][label.outcome]:
                sender = sender_of(about) if sender_of(about) in ghosts else ""
                if centre.fits(whole, slots, from_(about, first), sender):
                    self._possible[key] = True
                    centre.profiles.add(centre.profile(self.seen(label.component, then)))
        return self._possible[key]

    def slot_of(self, row: Row, place: int) -> Hashable:
        """A member and what is under way to it but for what members sent, under the name of the first who is seen."""
        slot = self.numbers.slots[place][row[place]]
        queue = [self.numbers.messages[each] for each in slot.down]
        first = self.hidden.seen[0]
        mine = self.canonical_member(place, self.seen(place, self.numbers.locals[place][slot.local]))
        waiting = [_to(each, first) for each in queue if not self.member_of(each)]
        return mine, tuple(waiting if self.ordered else sorted(waiting, key=repr))

    def learn(self, row: Row) -> None:
        """Note what a view says of two members at once."""
        for name, centre in self.hidden.centres.items():
            component = next(place for place, node in enumerate(self.nodes) if node.name == name)
            slot = self.numbers.slots[component][row[component]]
            here = self.seen(component, self.numbers.locals[component][slot.local])
            for place, member in zip(self._members, self.hidden.seen, strict=True):
                other = next(each for each in self.hidden.seen if each != member)
                mine = self.slot_of(row, place)
                pair = centre.pair(here, member, other)
                centre.beside.add((mine, pair))
                for _, head in self.connections.heads(slot[1:])[1]:
                    message = self.numbers.messages[head]
                    if sender_of(message) == other:
                        centre.heads_beside.add((from_(message, self.hidden.seen[0]), mine, pair))

    def is_among(self, outcome: Outcome, component: int, whole: Whole) -> bool:
        """Whether an outcome says something only to members who are there."""
        there = {*whole.members, self.nodes[component].name}
        return all(
            not isinstance(each, Addressed) or each.to not in self.hidden.trees.names or each.to in there
            for each in outcome.sent
        )

    def is_heard(self, message: Hashable) -> bool:
        """Whether somebody who is seen can hear a message."""
        to = message.to if isinstance(message, Addressed) else ""
        return to not in self.hidden.trees.names or to in self.hidden.seen

    def restricted(self, component: int, state: Hashable) -> Hashable:
        """What is seen of a local state."""
        seen, centre = self.seen(component, state), self.centre(component)
        if centre is None:
            return self.state(component, seen)
        return self.state(component, centre.restricted(seen, *self.hidden.seen))

    # Messages.

    def member_of(self, message: Hashable) -> str:
        """The member who sent a message; empty if none did."""
        sender = sender_of(message)
        return sender if sender in self.hidden.trees.names else ""

    def canonical_member(self, component: int, seen: Seen) -> Seen:
        """A member's local state under the name of the first who is seen."""
        name, first = self.nodes[component].name, self.hidden.seen[0]
        trees = tuple(self.hidden.trees.renamed(tree, ((name, first),)) for tree in seen.trees)
        return Seen(seen.rest, trees) if name != first else seen

    def to_member(self, message: Hashable, component: int) -> Hashable:
        """A message that goes to one, as a member hears it."""
        return _to(message, self.nodes[component].name)


def sender_of(message: Hashable) -> str:
    """Who sent a message; empty where nobody says."""
    return message.sender if isinstance(message, Addressed) else ""


def _to(message: Hashable, receiver: str) -> Hashable:
    """The same message to somebody else; one to all stays one to all."""
    return message._replace(to=receiver) if isinstance(message, Addressed) and message.to else message


def from_(message: Hashable, sender: str) -> Hashable:
    """The same message of somebody else."""
    return message._replace(sender=sender) if isinstance(message, Addressed) else message


@dataclass
class Members(Surroundings):
    """The other members: what they add to what is seen."""

    system: OpenCharts

    def met(self, component: int, local: int) -> None:
        seen = self.system.seen(component, self.system.numbers.locals[component][local])
        centre = self.system.centre(component)
        if centre is not None:
            centre.learn(seen)

    def says(self, component: int, state: Hashable, kind: str, message: Hashable) -> tuple[Outcome, ...]:
        return self.system.answers_of(component, state, kind, message)

    def heads(self, component: int, local: int, message: int) -> None:
        system, about = self.system, self.system.numbers.messages[message]
        state, centre = system.numbers.locals[component][local], system.centre(component)
        sender, first = system.member_of(about), system.hidden.seen[0]
        seen = system.seen(component, state)
        if centre is not None:
            centre.learn_head(seen, from_(about, first) if sender else about, sender)
        elif sender:
            mine = system.canonical_member(component, seen)
            system.hidden.heard[_to(from_(about, system.hidden.seen[1]), first)].add(mine)

    def moves(self, component: int, local: int) -> Iterator[Move]:
        system = self.system
        duplicates = system.budgets.cost("duplicates")
        for cost in dict.fromkeys((FREE, *(() if duplicates is None else (duplicates,)))):
            for move in system.moves.asked(component, local, READS, cost=cost):
                yield move._replace(keeps_down=True)
        if component == 0:
            for cost in self._shared():
                yield Move(Label(SPENDS, component, None, None), local, cost=cost)

    def _shared(self) -> list[int]:
        """What faults cost that are bounded for all together, and that can happen to a hidden member."""
        system = self.system
        faults = ("losses", "duplicates", *(f"crash {name}" for name in system.hidden.seen[:1]))
        costs = [(fault, system.budgets.cost(fault)) for fault in faults]
        return [cost for fault, cost in costs if cost is not None and any(True for _ in system.faults.bounds_of(fault))]


def open_charts(of: Population, others: int, caps: Mapping[str, int]) -> OpenCharts:
    """The open system of a population, with nothing known yet; `others` hidden members are tried at once.

    `caps` says up to which size charts ask how large a collection is.
    """
    names = of.names(2 + others)
    whole = of.of(2 + others).build(drop_inert=False)
    seen = (names[0], names[1])
    nodes = tuple(node for node in whole.nodes if node.name not in names[2:])
    trees, ghosts = Trees(names), names[2:]
    centres = {node.name: Completions(trees, seen, ghosts, node.name, caps) for node in nodes if node.name not in seen}
    system = OpenCharts(
        nodes, whole.bus, whole.faults, ordered=whole.ordered, drop_inert=False,
        hidden=Hidden(trees, seen, ghosts, centres),
    )  # fmt: skip
    for place, node in enumerate(nodes):
        if node.name in centres:
            centres[node.name].profiles.add(centres[node.name].profile(system.seen(place, node.begin())))
    return system
