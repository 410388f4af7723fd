"""Small systems that nobody thought of: of charts as users write them, and of tables with names in their messages."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from statemachine import Event, State, StateChart
from statemachine.exceptions import InvalidDefinition

from spec.exploration.model.chart_node import Broken, Chart
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem, Standing, standing
from spec.exploration.model.node import Arrow, Outcome
from spec.exploration.model.renaming import Renaming
from spec.exploration.properties.language import Implication, Property, property_

TIMEOUTS: Any = ("any", "any", "patient")
KINDS = ("m", "n", "o")


# Charts.


def a_chart(chance: Random) -> type[StateChart[Any]]:
    """A chart of up to four states that sends and receives."""
    metaclass: Any = type(StateChart)
    while True:
        size = chance.randint(1, 4)
        steps = {
            (source, chance.randrange(size), chance.choice("?!!") + chance.choice((*KINDS, "tick")))
            for source in range(size)
            for _ in range(chance.choice((0, 1, 1, 2, 2)))
        }
        left = {source for source, _, _ in steps}
        states = [State(initial=number == 0, final=number not in left) for number in range(size)]
        events = {
            f"event{number}": Event(states[source].to(states[target]), name=label)
            for number, (source, target, label) in enumerate(sorted(steps))
        }
        named = {f"state{number}": state for number, state in enumerate(states)}
        try:
            made = metaclass("Made", (StateChart,), {**named, **events})
        except InvalidDefinition:
            continue
        return made  # type: ignore[no-any-return]


def of_charts(chance: Random) -> ForeignSystem:
    """Two or three charts; sometimes two of them are the same."""
    names = ("left", "middle", "right")[: chance.choice((1, 2, 2, 3, 3))]
    charts = {name: a_chart(chance) for name in names}
    alike: tuple[tuple[str, ...], ...] = ()
    if len(names) > 2 and chance.random() < 2 / 3:
        charts["right"] = charts["middle"]
        alike = (("middle", "right"),)
    faults = Faults(chance.choice(({}, {}, {"losses": 1}, {"losses": None})), chance.choice(TIMEOUTS))
    return ForeignSystem("random", charts, routes={"tick": ()}, faults=faults, interchangeable=alike)


# Tables: a hub that knows the others by name, and peers that differ in theirs only.


Sent = tuple[str, str]
"""A kind of message, and whose name stands in it: `self`, `sender` or `last`."""


@dataclass(frozen=True)
class Rules:
    """What a node does, by the number of its state. `reads` is by kind, too, and by whether it is about a known name.

    What is read comes to one of several outcomes; to none if it is deferred, and to nothing new if it is not named.
    """

    reads: Mapping[tuple[int, str, bool], tuple[tuple[int, bool, tuple[Sent, ...]], ...]]
    acts: Mapping[int, tuple[tuple[int, Sent], ...]]
    busy: frozenset[int] = frozenset()
    offline: frozenset[int] = frozenset()


class Table(Chart):
    """A node that does what its rules say. Its state is a number, and for the hub the last name that it has noted."""

    def __init__(self, name: str, rules: Rules, last: str = "") -> None:
        self.name, self.rules, self.last = name, rules, last

    def begin(self) -> Hashable:
        return 0, self.last

    def is_online(self, state: Any) -> bool:
        return state[0] not in self.rules.offline

    def is_busy(self, state: Any) -> bool:
        return state[0] in self.rules.busy

    def _rule(self, state: Any, message: Any) -> Any:
        kind, who = message.split()
        return self.rules.reads.get((state[0], kind, who in {state[1], self.name}))

    def receive(self, state: Any, message: Any) -> tuple[Outcome, ...]:
        rule, come = self._rule(state, message), Arrow("", self.name, message)
        if rule is None:
            return (Outcome(state, (), (come,)),)
        sender = message.split()[1]
        return tuple(
            self._outcome(state, then, sender if notes and self.last else state[1], sender, sends, (come,))
            for then, notes, sends in rule
        )

    def ignores(self, state: Any, message: Any) -> bool:
        return self.is_busy(state) or self._rule(state, message) is None

    def renamed(self, state: Any, names: Renaming) -> Any:
        return names(state)

    def renamed_message(self, message: Any, names: Renaming) -> Any:
        return names(message)

    def expiries(self, state: Any) -> tuple[Outcome, ...]:
        return () if self.is_busy(state) or not self.is_online(state) else self._acts(state)

    def order(self, state: Any, order: str) -> tuple[Outcome, ...]:
        if order == "publish" and self.is_busy(state):
            return self._acts(state)[:1] or (Outcome((0, state[1]), (), ()),)
        if order == "start" and not self.is_online(state):
            return (Outcome((0, state[1]), (), ()),)
        return ()

    def _acts(self, state: Any) -> tuple[Outcome, ...]:
        return tuple(
            self._outcome(state, then, state[1], state[1], (sent,), ())
            for then, sent in self.rules.acts.get(state[0], ())
        )

    def _outcome(
        self, state: Any, then: int, last: str, sender: str, sends: tuple[Sent, ...], arrows: tuple[Arrow, ...]
    ) -> Outcome:
        named = {"self": self.name, "sender": sender, "last": state[1] or self.name}
        told = tuple(f"{kind} {named[who]}" for kind, who in sends)
        sent = tuple(message for message in told if not message.startswith("tick"))
        return Outcome((then, last), sent, (*arrows, *(Arrow(self.name, "", message) for message in told)))


@dataclass(frozen=True)
class Names:
    """A bus that passes calls to the hub, answers to whom they name, and news to all other peers.

    What is passed on goes to those others that can be exchanged. A tick is not sent at all.
    """

    hub: str
    peers: tuple[str, ...]

    def receivers(self, sender: str, message: Any) -> frozenset[str]:
        kind, who = message.split()
        reached = {"call": {self.hub}, "hello": {self.hub}, "answer": {who}, "news": {*self.peers}}
        reached["pass"] = {*self.peers[1:]}
        return frozenset(reached.get(kind, set()) - {sender})


@dataclass(frozen=True)
class Tables:
    """A hub and its peers."""

    hub: Rules
    peer: Rules
    peers: tuple[str, ...]
    faults: Faults = field(default_factory=Faults)
    options: Mapping[str, bool] = field(default_factory=dict)
    name: str = "random"

    def build(self, **options: Any) -> ClosedSystem:
        """The closed system; the hub is its first component."""
        nodes = (Table("hub", self.hub, self.peers[0]), *(Table(name, self.peer) for name in self.peers))
        return ClosedSystem(nodes, Names("hub", self.peers), self.faults, **{**self.options, **options})

    def interchangeable_groups(self) -> tuple[tuple[int, ...], ...]:
        """The peers, but for the one whose name the hub has noted from the beginning."""
        others = tuple(range(2, len(self.peers) + 1))
        return (others,) if len(others) > 1 else ()


def of_tables(chance: Random) -> Tables:
    """A hub and two or three peers."""
    hub = _rules(chance, ("call", "hello"), (("answer", "sender"), ("answer", "last"), ("tick", "self")))
    peer = _rules(chance, ("answer", "news"), (("call", "self"), ("hello", "self"), ("tick", "self"), ("news", "self")))
    faults = Faults(chance.choice(({}, {}, {"losses": 1}, {"losses": None})), chance.choice(TIMEOUTS))
    options = {"ordered": chance.random() < 3 / 4, "keeps_hops": chance.random() < 1 / 3}
    return Tables(hub, peer, ("ann", "bob", "cid")[: chance.choice((1, 2, 3, 3, 3))], faults, options)


def _rules(chance: Random, heard: tuple[str, ...], sends: tuple[Sent, ...]) -> Rules:
    size = chance.randint(1, 3)

    def outcome() -> tuple[int, bool, tuple[Sent, ...]]:
        return chance.randrange(size), chance.random() < 1 / 2, (chance.choice(sends),) * chance.choice((0, 0, 0, 1))

    minded = [kind for kind in heard if chance.random() < 2 / 3]
    reads = {
        (state, kind, known): tuple(outcome() for _ in range(chance.choice((0, 1, 1, 1, 2))))
        for state in range(size)
        for kind in minded
        for known in (False, True)
        if chance.random() < 3 / 4
    }
    acts = {
        state: tuple((chance.randrange(size), chance.choice(sends)) for _ in range(chance.choice((0, 1, 1, 2))))
        for state in range(size)
    }
    others = range(1, size)
    busy = frozenset(state for state in others if chance.random() < 1 / 4)
    offline = frozenset(state for state in others if chance.random() < 1 / 8) - busy
    return Rules(reads, acts, busy, offline)


# Properties.


@dataclass(frozen=True)
class Seen:
    """How properties see a node of a table."""

    name: str
    at: int
    is_quiescent: bool


def seen(system: ClosedSystem, component: int, state: Any, idle: bool) -> Hashable:
    """How properties see a component of either kind."""
    node = system.nodes[component]
    if isinstance(node, Table):
        return Seen(node.name, state[0], idle)
    return standing(system, component, state, idle)


def _is_at(side: Any, places: frozenset[int], quiescent: bool) -> bool:
    if isinstance(side, Standing):
        here = any(f"state{place}" in side.where for place in places) and not isinstance(side.state, Broken)
    else:
        here = side.at in places
    return here and (side.is_quiescent or not quiescent)


@property_("termination")
def every_run_terminates() -> Implication:
    """Random systems do, or do not."""
    return True, True


def of_runs(chance: Random, names: tuple[str, ...], number: int) -> Property:
    """A claim that something happens, or leads to something, about one component or two."""
    ask = chance.choice(names)
    answer = chance.choice((ask, ask, chance.choice(names)))
    asked = frozenset(chance.sample(range(3), chance.randint(1, 2)))
    wanted = frozenset(range(3)) - asked if chance.random() < 1 / 2 else frozenset({chance.randrange(3)})
    quiescent = chance.random() < 1 / 8
    concerns = tuple(dict.fromkeys((ask, answer)))

    def says(*sides: Any) -> Implication:
        by_name = dict(zip(concerns, sides, strict=True))
        return _is_at(by_name[ask], asked, False), _is_at(by_name[answer], wanted, quiescent)

    kind: Any = chance.choice(("eventually", "leads-to", "leads-to"))
    return Property(f"something leads to something ({number})", kind, says, concerns, "Random.")
