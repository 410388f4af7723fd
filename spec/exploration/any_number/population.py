"""A system of a user's own charts with any number of interchangeable members: the same with N of them.

`Population` holds what the user's module says of the members it names, and says it of N. What would make one member
another than the next is refused, with the place: routes to some of them (a ring has no interchangeable members, each
has neighbours of its own), beginnings of their own, values of messages that name them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.faults import IN_ALL, Faults
from spec.exploration.model.foreign import ForeignSystem

T = TypeVar("T")


@dataclass(frozen=True)
class Population:
    """A system of charts, of whose only interchangeable group there are to be any number."""

    system: ForeignSystem
    group: tuple[str, ...]

    def names(self, number: int) -> tuple[str, ...]:
        """The names of so many members: those of the module come first."""
        first = self.group[0]
        stem = re.sub(r"\d+$", "", first)
        found, taken, count = [*self.group], {*self.system.charts}, 0
        while len(found) < number:
            count += 1
            name = f"{stem}{count}"
            if name not in taken:
                found.append(name)
                taken.add(name)
        return tuple(found[:number])

    def of(self, number: int) -> ForeignSystem:
        """The system with so many members. Raises `NotInterchangeable`."""
        whole, names = self.system, self.names(number)
        chart = whole.charts[self.group[0]]
        kept = [name for name in whole.charts if name not in self.group]
        place = next(at for at, name in enumerate(whole.charts) if name in self.group)
        before = [name for name in [*whole.charts][:place] if name in kept]
        order = (*before, *names, *(name for name in kept if name not in before))
        return replace(
            whole,
            charts={name: chart if name in names else whole.charts[name] for name in order},
            routes={message: self._route(message, to, names) for message, to in whole.routes.items()},
            starts=self._of_each("STARTS", whole.starts, names),
            may_stay=self._of_each("MAY_STAY", whole.may_stay, names),
            events=self._of_each("events of a binding", whole.events, names),
            faults=self._faults(names),
            interchangeable=(names,) if number > 1 else (),
        )

    def _route(self, message: str, to: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        some = [name for name in to if name in self.group]
        if not some:
            return to
        missing = [name for name in self.group if name not in to]
        if missing:
            raise NotInterchangeable(
                f"ROUTES[{message!r}] goes to {some[0]} and not to {missing[0]}: members with neighbours of their own, "
                f"as in a ring, are not interchangeable"
            )
        return (*(name for name in to if name not in self.group), *names)

    def _of_each(self, said: str, table: Mapping[str, T], names: tuple[str, ...]) -> dict[str, T]:
        first = self.group[0]
        for other in self.group[1:]:
            if table.get(first) != table.get(other):
                raise NotInterchangeable(f"{said} says something else of {first} than of {other}")
        found = {name: value for name, value in table.items() if name not in self.group}
        return {**found, **dict.fromkeys(names, table[first])} if first in table else found

    def _faults(self, names: tuple[str, ...]) -> Faults:
        """Crashes of members are not counted, or counted for all together."""
        faults = self.system.faults
        mine = {f"crash {name}" for name in self.group}
        bounds = {faults.bounds.get(each, 0) for each in mine}
        if len(bounds) > 1 or not bounds <= {0, None}:
            raise NotInterchangeable(
                f"FAULTS counts crashes of {self.group[0]} for each member: bound {IN_ALL!r} instead, and let each "
                "crash any number of times (None)"
            )
        kept = {fault: bound for fault, bound in faults.bounds.items() if fault not in mine}
        crashes = dict.fromkeys((f"crash {name}" for name in names), None) if bounds == {None} else {}
        return replace(faults, bounds={**kept, **crashes})


def population(system: ForeignSystem) -> Population:
    """The population of a system. Raises `NotInterchangeable` for what has no members that are interchangeable."""
    if len(system.interchangeable) != 1:
        many = len(system.interchangeable)
        raise NotInterchangeable(
            f"INTERCHANGEABLE names {many} groups: any number can be had of one group of charts that differ in their "
            'names only, as in INTERCHANGEABLE = [("Client1", "Client2")]'
        )
    (group,) = system.interchangeable
    charts = {system.charts[name] for name in group}
    if len(charts) > 1:
        one, two = sorted(chart.__name__ for chart in charts)[:2]
        raise NotInterchangeable(f"INTERCHANGEABLE: {one} and {two} are different charts, in one group")
    _check_values(system, group)
    found = Population(system, tuple(group))
    found.of(len(group))
    return found


def _check_values(system: ForeignSystem, group: Iterable[str]) -> None:
    for message, rows in system.payloads.items():
        for name in group:
            if any(_mentions(value, name) for row in rows for value in row):
                raise NotInterchangeable(f"PAYLOADS[{message!r}] names {name}: who is told of is written down there")


def _mentions(value: Any, name: str) -> bool:
    if isinstance(value, str):
        return re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", value) is not None
    if isinstance(value, Mapping):
        return any(_mentions(each, name) for pair in value.items() for each in pair)
    return isinstance(value, list | tuple | set | frozenset) and any(_mentions(each, name) for each in value)
