"""Properties about a user's own charts, judged on views.

A view counts as stuck where the two who are seen can do nothing, nothing is under way to anybody who is seen, and it
can be that nobody else can do anything either: each centre can be completed with as many hidden members as are tried,
so that it can do nothing, and that all pairs of members have been seen by it in views that are stuck themselves. That
is weaker than that nothing can happen any more, with at least two and as many members as are tried; with fewer, the
explorer answers. A member that a property names is any: all members are treated alike.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any, NoReturn

from spec.exploration.any_number.charts_fixpoint import Views
from spec.exploration.any_number.completions import Completions, Whole
from spec.exploration.any_number.population import Population
from spec.exploration.model.chart_node import Broken
from spec.exploration.model.foreign import Standing
from spec.exploration.model.node import Outcome
from spec.exploration.model.steps import Row
from spec.exploration.properties.language import Instance, Property, instances
from spec.system.chart_body import Held, Local
from spec.system.process import name_of


class LooksInside(BaseException):
    """A property looks at what a chart holds of members: a view holds no more of it than two members see.

    It is no `Exception`, so that no handler of a property takes it.
    """


class Inside:
    """In place of what a chart holds of members."""

    def __init__(self, name: str) -> None:
        object.__setattr__(self, "_name", name)

    def _look(self, *_: Any) -> NoReturn:
        raise LooksInside(object.__getattribute__(self, "_name"))

    __getattribute__ = __getitem__ = __iter__ = __len__ = __bool__ = __str__ = __repr__ = _look

    def __eq__(self, other: object) -> bool:
        raise LooksInside(object.__getattribute__(self, "_name"))

    def __hash__(self) -> int:
        raise LooksInside(object.__getattribute__(self, "_name"))


def about_pairs(of: Population, property_: Property) -> tuple[Property, ...] | None:
    """The property about the members that are seen, in place of those that it names; None if it names more."""
    named = [name for name in dict.fromkeys(property_.concerns) if name in of.group]
    seen = of.names(2)
    if len(named) > len(seen):
        return None
    found = []
    for chosen in permutations(seen, len(named)):
        table = dict(zip(named, chosen, strict=True))
        found.append(replace(property_, concerns=tuple(table.get(name, name) for name in property_.concerns)))
    return tuple(found)


@dataclass
class Judged:
    """What views say of properties."""

    of: Population
    views: Views
    _acts: dict[tuple[int, Hashable], tuple[Outcome, ...]] = field(default_factory=dict)
    _sides: dict[tuple[int, Hashable, bool, bool, bool], Standing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.system = self.views.system
        self.names = [node.name for node in self.system.nodes]
        self._centres: list[tuple[int, Completions]] = [
            (place, centre) for place in range(len(self.names)) if (centre := self.system.centre(place)) is not None
        ]
        self.quiescent = self._resting(broken=True)
        self.stuck = self._resting(broken=False)

    def first(self, property_: Property) -> tuple[Row | None, bool]:
        """The first view that breaks a property, and whether any exercises it. Raises `LooksInside`."""
        known: dict[tuple[Any, ...], tuple[bool, bool]] = {}
        asked = [each for one in about_pairs(self.of, property_) or () for each in instances([one], self.names)]
        is_met = False
        for row in self.views.parents:
            if property_.when not in {"always", "stuck"} and row not in self.quiescent:
                continue
            for number, instance in enumerate(asked):
                key = (number, *(self._key(row, place) for place in instance.components))
                if key not in known:
                    known[key] = property_.says(*self._about(row, instance))
                premise, conclusion = known[key]
                is_met = is_met or premise
                if premise and not conclusion and (property_.when != "stuck" or row in self.stuck):
                    return row, True
        return None, is_met

    def _about(self, row: Row, instance: Instance) -> Iterator[Any]:
        for place in instance.components:
            yield self.system.budgets.known[row[-1]] if place == len(self.names) else self.side(row, place)

    def _key(self, row: Row, place: int) -> Hashable:
        if place == len(self.names):
            return row[-1]
        return place, self._state(row, place), self.system.is_idle(place, row[place]), *self._kind(row)

    def _state(self, row: Row, place: int) -> Hashable:
        return self.system.numbers.state(place, row[place])

    def side(self, row: Row, place: int) -> Standing:
        """How properties see a chart in a view."""
        state, idle = self._state(row, place), self.system.is_idle(place, row[place])
        quiescent, stuck = self._kind(row)
        key = (place, state, idle, quiescent, stuck)
        if key not in self._sides:
            self._sides[key] = self._standing(place, state, idle=idle, quiescent=quiescent, stuck=stuck)
        return self._sides[key]

    def _kind(self, row: Row) -> tuple[bool, bool]:
        return row in self.quiescent, row in self.stuck

    def _standing(self, place: int, state: Hashable, *, idle: bool, quiescent: bool, stuck: bool) -> Standing:
        node, whole = self.system.node(place), self.of.system
        acts = self.acts(place, state)
        may_stay = whole.may_stay.get(self.of.group[0] if node.name in self.system.hidden.seen else node.name, ())
        broken = state if isinstance(state, Broken) else Broken(state, "")
        where = node.machine.where(broken.state)
        data = broken.state.data if isinstance(broken.state, Local) else None
        is_over = isinstance(data, Held) and not data.running
        sent = dict.fromkeys(message for outcome in acts for message in outcome.sent)
        unheard = (
            name_of(each) for each in sent
            if name_of(each) not in whole.routes and not self.system.bus.receivers(node.name, each)
        )  # fmt: skip
        centre = self.system.centre(place)
        is_all = centre is None or not any(centre.trees.mentioned_in(pair.trees) for pair in centre.pairs)
        return Standing(
            node.name, where, broken.state if is_all else Inside(node.name), quiescent or (idle and not acts),
            broken.broken, broken.raised, stuck,
            is_over or (bool(where) and {*where} <= {*may_stay}), tuple(dict.fromkeys(unheard)),
        )  # fmt: skip

    def acts(self, place: int, state: Hashable) -> tuple[Outcome, ...]:
        """All that a chart can do by itself, whoever else there is."""
        key = (place, state)
        if key not in self._acts:
            found: dict[Outcome, None] = {}
            for whole, kind, message in self.system.questions(place, state, "expire", None):
                found.update(dict.fromkeys(self._of_whole(place, whole, kind, message)))
            self._acts[key] = tuple(found)
        return self._acts[key]

    def _of_whole(self, place: int, whole: Whole, kind: str, message: Hashable) -> Iterator[Outcome]:
        said = self.system.ask_node(place, whole.seen, kind, message)
        return (outcome for outcome in said if self.system.is_among(outcome, place, whole))

    # What is stuck.

    def _resting(self, *, broken: bool) -> frozenset[Row]:
        """The views of which it can be that nothing can happen any more; `broken`: though something has gone wrong."""
        members = [self.names.index(name) for name in self.system.hidden.seen]
        still = [
            row for row in self.views.parents
            if all(self.system.is_idle(place, row[place]) for place in range(len(self.names)))
            and (broken or not any(isinstance(self._state(row, place), Broken) for place in range(len(self.names))))
            and not any(self.acts(place, self._state(row, place)) for place in members)
        ]  # fmt: skip
        while True:
            quiet = [self._quiet(place, centre, still) for place, centre in self._centres]
            left = [
                row for row in still
                if all(self._can_rest(row, *each, *known) for each, known in zip(self._centres, quiet, strict=True))
            ]  # fmt: skip
            if len(left) == len(still):
                return frozenset(left)
            still = left

    def _quiet(
        self, place: int, centre: Completions, rows: Sequence[Row]
    ) -> tuple[set[Hashable], set[tuple[Hashable, Hashable]]]:
        """Which pairs a centre has seen in these views, and beside which members."""
        pairs: set[Hashable] = set()
        beside: set[tuple[Hashable, Hashable]] = set()
        a, b = self.system.hidden.seen
        for row in rows:
            here = self.system.seen(place, self._state(row, place))
            for one, two in ((a, b), (b, a)):
                pair = centre.pair(here, one, two)
                pairs.add(pair)
                beside.add((self.system.slot_of(row, self.names.index(one)), pair))
        return pairs, beside

    def _can_rest(
        self, row: Row, place: int, centre: Completions, pairs: set[Hashable], beside: set[tuple[Hashable, Hashable]]
    ) -> bool:
        state = self._state(row, place)
        slots = {name: self.system.slot_of(row, self.names.index(name)) for name in self.system.hidden.seen}

        def fits(whole: Whole) -> bool:
            ghosts = whole.members[2:]
            return (
                len(ghosts) == self.views.others
                and all(
                    (slots[one], centre.pair(whole.seen, one, ghost)) in beside for one in slots for ghost in ghosts
                )
                and all(centre.pair(whole.seen, one, two) in pairs for one, two in permutations(ghosts, 2))
            )

        wholes = centre.wholes(self.system.seen(place, state))
        return any(fits(each) and not any(self._of_whole(place, each, "expire", None)) for each in wholes)
