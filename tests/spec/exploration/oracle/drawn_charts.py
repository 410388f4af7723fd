"""Random systems of charts as users write them: with guards, data, values, choices and internal steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from statemachine import Event, State, StateChart
from statemachine.exceptions import InvalidDefinition

from tests.spec.exploration.oracle.users import User
from tests.spec.exploration.oracle.world import TOGETHER, Rules, World

NAMES = ("left", "middle", "right")
KINDS = ("m", "n", "o")
FIELDS = ("count", "last", "notes")
VALUES = {"n": ((1,), (2,))}
GUARDS = ("", "", "", "even", "not even", "few", "is_first", "knows")
ACTIONS = ("step", "note", "keep", "add", "reset")


class Drawn(StateChart[Any]):
    """What the callbacks of random charts do."""

    allow_event_without_transition = False
    catch_errors_as_events = False

    def __init__(self) -> None:
        self.count, self.last = 0, ""
        self.notes: tuple[str, ...] = ()
        super().__init__()

    def even(self) -> bool:
        return self.count % 2 == 0

    def few(self) -> bool:
        return self.count < 2

    def is_first(self, sender: str = "", to: str = "") -> bool:
        return (sender or to) == "left"

    def knows(self, sender: str = "", to: str = "") -> bool:
        return (sender or to) == self.last

    def step(self) -> None:
        self.count = (self.count + 1) % 3

    def add(self, value: int = 1) -> None:
        self.count = (self.count + value) % 3

    def note(self, message: str = "", sender: str = "") -> None:
        self.last = sender or message

    def keep(self, message: str = "", sender: str = "") -> None:
        self.notes = (*self.notes, sender or message)[-2:]

    def reset(self) -> None:
        self.count, self.last, self.notes = 0, "", ()

    def boom(self) -> None:
        raise ValueError("boom")


def chart(chance: Random) -> type[StateChart[Any]]:
    """A chart of up to three states."""
    metaclass: Any = type(StateChart)
    while True:
        size = chance.randint(1, 3)
        steps = [
            (source, chance.randrange(size), chance.choice(("?", "?", "!", "!", "-")) + chance.choice(KINDS))
            for source in range(size)
            for _ in range(chance.choice((0, 1, 1, 2, 2)))
        ]
        left = {source for source, _, _ in steps}
        hears = [kind for kind in KINDS if chance.random() < 1 / 2]
        steps += [(at, at, f"?{kind}") for at in sorted(left) for kind in hears if chance.random() < 3 / 4]
        states = [State(initial=at == 0, final=at not in left) for at in range(size)]
        members: dict[str, Any] = {f"state{at}": state for at, state in enumerate(states)}
        internal = []
        for at, (source, target, label) in enumerate(steps):
            guard = chance.choice(GUARDS)
            action = "boom" if chance.random() < 1 / 40 else chance.choice(ACTIONS)
            on = action if chance.random() < 1 / 2 else None
            step = states[source].to(states[target], on=on, cond=guard or None)
            if label[0] == "-":
                internal.append(f"event{at}")
            members[f"event{at}"] = Event(step, name=f"event{at}" if label[0] == "-" else label)
        try:
            return metaclass("Made", (Drawn,), {**members, "internal": tuple(internal)})  # type: ignore[no-any-return]
        except InvalidDefinition:
            continue


@dataclass(frozen=True)
class System:
    """Charts by name, and what can go wrong, for either explorer."""

    charts: Mapping[str, type[StateChart[Any]]]
    bounds: Mapping[str, int | None] = field(default_factory=dict)
    timeouts: str = "any"
    loses: frozenset[str] = frozenset()
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addressed: bool = False
    broadcast: frozenset[str] = frozenset()
    unordered: bool = False
    alike: tuple[tuple[str, ...], ...] = ()

    def hearers(self) -> dict[str, tuple[str, ...]]:
        """Who hears each message."""
        found = {
            kind: tuple(name for name, made in self.charts.items() if f"?{kind}" in _labels(made)) for kind in KINDS
        }
        return {**found, **self.routes}

    def used(self) -> frozenset[str]:
        """The messages that any chart sends or receives."""
        labels = {label for made in self.charts.values() for label in _labels(made)}
        return frozenset(kind for kind in KINDS if {f"!{kind}", f"?{kind}"} & labels)

    def world(self, **bus: bool) -> World:
        """The system for the oracle."""
        made: dict[str, Any] = {
            name: User(name, each, FIELDS, self.hearers(), VALUES, self.addressed, self.broadcast)
            for name, each in self.charts.items()
        }
        rules = Rules(self.bounds, self.timeouts, loses=self.loses, ordered=not self.unordered, **bus)
        return World(tuple(made.values()), rules)


def _labels(made: type[StateChart[Any]]) -> set[str]:
    return {event.name for event in made._events}


def system(chance: Random) -> System:
    """Two or three charts; sometimes some of them are the same, also the first of all."""
    names = NAMES[: chance.choice((1, 2, 2, 2, 2, 3))]
    charts = {name: chart(chance) for name in names}
    alike: tuple[tuple[str, ...], ...] = ()
    if len(names) > 1 and chance.random() < 1 / 2:
        group = chance.choice((names, names[-2:], names[:2]))
        charts |= dict.fromkeys(group, charts[group[0]])
        alike = (tuple(group),)
    drawn = System(charts)
    used = sorted(drawn.used())
    some = frozenset(kind for kind in used if chance.random() < 1 / 4)
    bounds: dict[str, int | None] = dict(chance.choice(({}, {}, {"losses": 1}, {"losses": 2}, {"losses": None})))
    if chance.random() < 1 / 5:
        bounds["duplicates"] = chance.choice((1, 2, None))
    for name in names:
        if chance.random() < 1 / 8:
            bounds[f"crash {name}"] = chance.choice((1, None))
            bounds |= {TOGETHER: 1} if chance.random() < 1 / 4 else {}
    return System(
        charts,
        bounds,
        chance.choice(("any", "any", "patient")),
        loses=some if chance.random() < 1 / 3 else frozenset(),
        routes={chance.choice(KINDS): tuple(chance.sample(names, chance.randrange(len(names) + 1)))}
        if chance.random() < 1 / 4
        else {},
        addressed=chance.random() < 1 / 3,
        broadcast=some if chance.random() < 1 / 3 else frozenset(),
        unordered=chance.random() < 1 / 4,
        alike=alike,
    )
