"""Properties about a closed system, and how they are looked for in millions of states.

A property is a function of what it concerns (the tracker, a client, another client, the budget of faults; or charts by
their names, or `each` of them) that returns a premise and a conclusion; its name is the function's, read as a sentence.
It is broken where the premise holds and the conclusion does not, and *exercised* where the premise holds: a claim that
was never exercised says nothing.

Each server is seen as a *side*: a small value made from its charts. A property is asked once for each combination of
sides; what breaks it is then covered by products of sets of sides, one bit each. A state breaks the property where the
bits of all its components have one in common. So looking at a state is a few bitwise operations, whatever is claimed.

Where there are several trackers (`ClosedSystem.trackers`), a property about the tracker is asked of each of them. If
it is one of a quiescent system that is about others, too, it means the tracker that *serves*: the one that is online.
Where two are, it holds if it holds of both, is broken if it is broken of both, and otherwise nobody can tell: a search
that meets such a state leaves it undetermined. That one of them serves is a claim of its own
(`client_join_second_tracker`).

Properties about steps (`at_each_step`) are of the same form, too: of the step that a tracker or a client takes, see
`spec.exploration.properties.steps`.

Properties about runs (`OF_RUNS`) are of the same form. `eventually`: where the premise holds in the initial state, the
conclusion holds some day in every run. `leads_to`: whenever the premise holds, the conclusion holds then or later.
`rest`: every run terminates. All three are about fair runs (`spec.exploration.fairness`), and are looked for in the
graph of all states (`spec.exploration.liveness`):

    @leads_to
    def who_asks_is_answered(client: Standing) -> Implication:
        return client.where == ("waiting",), client.where in {("accepted",), ("denied",)}
"""

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spec.exploration.model.budget import FaultBudget
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import TRACKER, Row

When = Literal["always", "step", "quiescent", "stabilisation", "stuck", "termination", "eventually", "leads-to"]
"""In every state; at every step (`spec.exploration.properties.steps`); where nothing is under way and no timeout is
set; the same, after faults have ended for good; where nothing can happen any more, in charts that are not ours
(exercised wherever its premise holds); and of runs instead of states (`OF_RUNS`): that they terminate, that something
happens, that one thing leads to another."""
OF_RUNS: frozenset[When] = frozenset({"termination", "eventually", "leads-to"})
"""The kinds of properties that a run breaks, and no state or step by itself."""
OF_STATES: frozenset[When] = frozenset({"always", "quiescent", "stabilisation", "stuck"})
"""The kinds of properties that a state breaks."""
Implication = tuple[bool, bool]
"""A premise and a conclusion."""
Answer = tuple[bool, bool | None]
"""The same, with None for a conclusion that holds of one of two trackers that serve, and not of the other."""
Observe = Callable[[ClosedSystem, int, Hashable, bool], Hashable]
"""The side of a component: from its number, its local state, and whether nothing is under way to or from it."""
WORD = 64


@dataclass(frozen=True)
class Property:
    """One property. `concerns` are the names of its function's parameters: tracker, other_tracker, client, other,
    budget.
    """

    name: str
    when: When
    says: Callable[..., Implication]
    concerns: tuple[str, ...]
    source: str
    needs: Callable[[ClosedSystem], bool] = field(default=lambda _: True)
    """Whether it says anything of a system, as far as the system tells before it is searched."""

    @property
    def means_who_serves(self) -> bool:
        """Whether the tracker that it is about is the one that serves, where there are several."""
        about_others = {*self.concerns} - {"tracker", "budget"}
        is_about_all = "tracker" in self.concerns and OTHER_TRACKER not in self.concerns and bool(about_others)
        return is_about_all and self.when in {"quiescent", "stabilisation"}

    def applies_to(self, system: ClosedSystem) -> bool:
        """Whether it says anything of a system. One that does, and whose premise never holds, is no pass."""
        return (self.when != "stabilisation" or system.faults.stabilisation) and self.needs(system)


def property_(when: When) -> Callable[[Callable[..., Implication]], Property]:
    """Make a property of a function: its docstring says where it comes from."""

    def made(says: Callable[..., Implication]) -> Property:
        concerns = tuple(inspect.signature(says).parameters)
        return Property(says.__name__.replace("_", " "), when, says, concerns, inspect.getdoc(says) or "")

    return made


def needs(what: Callable[[ClosedSystem], bool]) -> Callable[[Property], Property]:
    """Say of what systems a property says something; where it is said twice, both have to be so."""
    return lambda made: replace(made, needs=lambda system: what(system) and made.needs(system))


always = property_("always")
at_each_step = property_("step")
when_quiescent = property_("quiescent")
after_stabilisation = property_("stabilisation")
eventually = property_("eventually")
leads_to = property_("leads-to")
where_stuck = property_("stuck")
EACH = "each"
"""The name of a parameter that stands for every component."""
OTHER_TRACKER = "other_tracker"
"""The name of a parameter that stands for another tracker than `tracker`."""
ALTERNATIVE = "a tracker that may serve as well"
"""In the place of a parameter: another tracker, for a property that means the one that serves."""


@dataclass(frozen=True)
class Instance:
    """A property about certain components, in the order of its parameters; the budget is the last component."""

    property_: Property
    components: tuple[int, ...]
    alternative: int | None = None
    """Another tracker, if the property means the one that serves; it is the last of the components."""

    def answer(self, sides: Sequence[Any]) -> Answer:
        """What the property says of sides of its components."""
        if self.alternative is None:
            return self.property_.says(*sides)
        *asked, alternative = sides
        place = self.property_.concerns.index("tracker")
        if not asked[place].is_online:
            return False, True
        premise, conclusion = self.property_.says(*asked)
        if not premise or conclusion or not alternative.is_online:
            return premise, conclusion
        asked[place] = alternative
        premise, conclusion = self.property_.says(*asked)
        return True, None if not premise or conclusion else False


@dataclass(frozen=True)
class Watch:
    """One product of sets of sides that breaks an instance, or (`broken` is false) exercises it."""

    instance: Instance
    broken: bool | None
    """None: of two trackers that serve it is broken of one, and not of the other."""
    sets: tuple[frozenset[int], ...]
    """Sides, by number."""


def is_stuck(side: Hashable) -> bool:
    """Whether nothing is under way to or from a component, and it can do nothing by itself."""
    return bool(getattr(side, "is_stuck", False))


def instances(
    properties: Iterable[Property], names: Sequence[str], trackers: Sequence[int] = (TRACKER,)
) -> Iterator[Instance]:
    """Each property about each tracker, about each client, each pair of clients, or components by name; a parameter
    `each` stands for every component. What is the name of a component means that one; but where there are several
    trackers, `tracker` means each of them.
    """
    width = len(names)
    others = [place for place in range(width) if place not in trackers]
    for one in properties:
        about = [name for name in one.concerns if name in {"client", "other"} - set(names)]
        every = range(width) if EACH in one.concerns and EACH not in names else (0,)
        which = _trackers_of(one, names, trackers)
        for clients, each, chosen_trackers in product(permutations(others, len(about)), every, which):
            named = {EACH: each, **{name: place for place, name in enumerate(names)}}
            chosen = {
                "tracker": trackers[0],
                "budget": width,
                **named,
                **chosen_trackers,
                **dict(zip(about, clients, strict=True)),
            }
            unknown = [name for name in one.concerns if name not in chosen]
            if unknown:
                raise ValueError(
                    f"property {one.name!r}: no component {unknown[0]!r}; there are {', '.join(names)}, {EACH}, budget"
                )
            places = tuple(chosen[name] for name in one.concerns)
            alternative = chosen.get(ALTERNATIVE)
            yield Instance(one, places if alternative is None else (*places, alternative), alternative)


def _trackers_of(property_: Property, names: Sequence[str], trackers: Sequence[int]) -> list[dict[str, int]]:
    """What parameters about trackers can stand for, together, where there are several."""
    if len(trackers) == 1 or not {"tracker", OTHER_TRACKER} & {*property_.concerns}:
        return [] if OTHER_TRACKER in {*property_.concerns} - {*names} else [{}]
    second = ALTERNATIVE if property_.means_who_serves else OTHER_TRACKER
    return [{"tracker": one, second: other} for one, other in permutations(trackers, 2)]


@dataclass
class Properties:
    """The properties about a system, as bits by component and local state."""

    system: ClosedSystem
    properties: Sequence[Property]
    observe: Observe
    is_quiescent: Callable[[Hashable], bool] = field(default=lambda side: bool(getattr(side, "is_quiescent", True)))

    def __post_init__(self) -> None:
        width = len(self.system.nodes)
        about_states = [one for one in self.properties if one.when in OF_STATES]
        self.instances = tuple(self._instances(about_states))
        self.watches: list[Watch] = []
        self._values: list[Hashable] = []  # sides and budgets: looked at, and compared, once, and then by number
        self._numbers: dict[Hashable, int] = {}
        self._sides: list[list[tuple[int, int]]] = [[] for _ in range(width)]  # by local: busy, idle
        self._budgets: list[int] = []
        self._answers: list[dict[tuple[int, ...], Answer]] = [{} for _ in self.instances]
        self.renew()

    def _instances(self, properties: Iterable[Property]) -> Iterator[Instance]:
        return instances(properties, [node.name for node in self.system.nodes], self.system.trackers)

    def is_current(self) -> bool:
        """Whether nothing has been met since the bits were made that they do not know."""
        known = all(len(s) == len(n) for s, n in zip(self._sides, self.system.numbers.locals, strict=True))
        return known and len(self._budgets) == len(self.system.budgets.known)

    def renew(self) -> None:
        """Make the bits for all that the system has met."""
        for component, sides in enumerate(self._sides):
            for state in self.system.numbers.locals[component][len(sides) :]:
                sides.append(
                    (
                        self._number(self.observe(self.system, component, state, False)),
                        self._number(self.observe(self.system, component, state, True)),
                    )
                )
        self._budgets = list(map(self._number, self.system.budgets.known))
        self.watches = [watch for number in range(len(self.instances)) for watch in self._watches(number)]

    def _number(self, value: Hashable) -> int:
        if value not in self._numbers:
            self._numbers[value] = len(self._values)
            self._values.append(value)
        return self._numbers[value]

    def _watches(self, number: int) -> Iterator[Watch]:
        instance, answers, values = self.instances[number], self._answers[number], self._values
        sides = [self._sides_of(component) for component in instance.components]
        for broken in (True, False) if instance.alternative is None else (True, False, None):

            def is_met(chosen: tuple[int, ...], broken: bool | None = broken) -> bool:
                answer = answers.get(chosen)
                if answer is None:
                    answer = answers[chosen] = instance.answer([values[one] for one in chosen])
                premise, conclusion = answer
                if broken is None:
                    return premise and conclusion is None
                return bool(premise and not (broken and conclusion is not False))

            for sets in _products(is_met, sides, ()):
                yield Watch(instance, broken, sets)

    def _sides_of(self, component: int) -> list[int]:
        if component == len(self._sides):
            return list(dict.fromkeys(self._budgets))
        return list(dict.fromkeys(side for pair in self._sides[component] for side in pair))

    def judge(self, row: Row, properties: Iterable[Property]) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the properties that a state breaks, and of those that it exercises; asked without any bits."""
        budget = self.system.budgets.known[row[-1]]
        quiescent = self.all_quiescent(row)
        sides = [*self._seen(row), budget]
        broken, non_vacuous = set(), set()
        for instance in self._instances(one for one in properties if one.when in OF_STATES):
            when = instance.property_.when
            if when in {"always", "stuck"} or (quiescent and (when == "quiescent" or budget.stabilisation)):
                premise, conclusion = instance.answer([sides[place] for place in instance.components])
                if premise:
                    non_vacuous.add(instance.property_.name)
                    if conclusion is False and (when != "stuck" or all(map(is_stuck, sides[:-1]))):
                        broken.add(instance.property_.name)
        return frozenset(broken), frozenset(non_vacuous)

    def all_quiescent(self, row: Row) -> bool:
        """Whether nothing is under way and no timeout is set."""
        return all(map(self.is_quiescent, self._seen(row)))

    def answer(self, instance: Instance, row: Row) -> Answer:
        """The premise and the conclusion of an instance in a state, whatever kind of property it is."""
        sides = [*self._seen(row), self.system.budgets.known[row[-1]]]
        return instance.answer([sides[place] for place in instance.components])

    def side(self, component: int, number: int) -> Hashable:
        """A side by number: twice the number of a local state, and one more if idle; of an budget, just its number."""
        if component == len(self._sides):
            return self._values[self._budgets[number]]
        return self._values[self._sides[component][number // 2][number % 2]]

    def _seen(self, row: Row) -> list[Hashable]:
        found = []
        for component, number in enumerate(row[:-1]):
            state = self.system.numbers.state(component, number)
            found.append(self.observe(self.system, component, state, self.system.is_idle(component, number)))
        return found

    def broken_in(self, row: Row, property_: str) -> bool:
        """Whether a state breaks the property of a name."""
        return property_ in self.judge(row, (one for one in self.properties if one.name == property_))[0]

    def quiescent_sides(self, component: int) -> npt.NDArray[np.bool_]:
        """For each local state of a component, busy and idle, whether it is quiescent."""
        return np.array(
            [self.is_quiescent(self._values[side]) for pair in self._sides[component] for side in pair], np.bool_
        )

    # Bits.

    @property
    def words(self) -> int:
        """How many words of 64 bits the watches take."""
        return max(1, -(-len(self.watches) // WORD))

    def masks(self, component: int) -> npt.NDArray[np.uint64]:
        """For each local state of a component, busy and idle, the watches that it leaves possible."""
        return self._bits([side for pair in self._sides[component] for side in pair], component).reshape(
            -1, 2, self.words
        )

    def budget_masks(self) -> npt.NDArray[np.uint64]:
        """For each budget, the watches that it leaves possible."""
        return self._bits(self._budgets, len(self._sides))

    def _bits(self, sides: Sequence[int], component: int) -> npt.NDArray[np.uint64]:
        words = {
            side: self._words([self._allows(watch, component, side) for watch in self.watches])
            for side in dict.fromkeys(sides)
        }
        return np.array([words[side] for side in sides], np.uint64).reshape(len(sides), self.words)

    def _allows(self, watch: Watch, component: int, number: int) -> bool:
        side = self._values[number]
        when = watch.instance.property_.when
        if component == len(self._sides):
            if when == "stabilisation" and not (isinstance(side, FaultBudget) and side.stabilisation):
                return False
        elif when == "stuck":
            if watch.broken and not is_stuck(side):
                return False
        elif when != "always" and not self.is_quiescent(side):
            return False
        places = [place for place, other in enumerate(watch.instance.components) if other == component]
        return all(number in watch.sets[place] for place in places)

    def _words(self, bits: list[bool]) -> list[int]:
        number = sum(1 << place for place, bit in enumerate(bits) if bit)
        return [(number >> (WORD * word)) & ((1 << WORD) - 1) for word in range(self.words)]


def _products(
    is_met: Callable[[tuple[int, ...]], bool], sides: Sequence[Sequence[int]], chosen: tuple[int, ...]
) -> tuple[tuple[frozenset[int], ...], ...]:
    """Products of sets that together are just the combinations for which `is_met`."""
    here = sides[len(chosen)]
    if len(chosen) + 1 == len(sides):
        met = frozenset(side for side in here if is_met((*chosen, side)))
        return ((met,),) if met else ()
    alike: dict[tuple[tuple[frozenset[int], ...], ...], list[int]] = {}
    for side in here:
        alike.setdefault(_products(is_met, sides, (*chosen, side)), []).append(side)
    return tuple((frozenset(group), *rest) for rests, group in alike.items() for rest in rests)
