"""Kinds of servers in one population: hardened ones with those as drawn, rivals with others, those with another view.

A scenario has the kinds that occur in it. C(N) is then a system with N servers, each of one of these kinds: any number
of each, but for those that the scenario calls `fixed`, of which there are as many as the scenario has. Views are of two
servers of any two kinds, in both orders of their names. What is known of the others is known of all kinds together
(`Knowledge`), and each pair of a ghost with anybody must be known, of whatever kinds. So the theorem needs no more than
that views of all pairs of kinds have become known: each step of its proof says of two servers what a view of these two
says, and the others are hidden alike, whatever kind they are. What charts have said is asked again under exchanged
names where both servers are of one kind; of two kinds both orders of names are searched.

Where there is a fixed number of a kind, it is noted of a ghost whether it is of that kind, and no completion has more
of them than there are besides those that are seen. So two servers that are all of their kind see none among the others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from immutabledict import immutabledict

from machines.tracker import TRACKER_ID
from spec.exploration.any_number.restriction import NotInterchangeable, Restriction
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.renaming import Renaming
from spec.exploration.model.scenario import AS_DRAWN, CONFLICTING, Scenario
from spec.exploration.properties.client_join_sides import canonical_all

ITSELF = "itself"
"""In a view to begin with, in place of the name of the server that begins with it."""
NO_VIEW: Mapping[str, Any] = immutabledict()


class Kind(NamedTuple):
    """What servers can differ in, besides their names."""

    hardened: bool
    rival: bool
    """Whether it offers the endpoint that all rivals offer."""
    begins: Mapping[str, Any] = NO_VIEW
    """What the scenario says of the view that it begins with."""
    most: int | None = None
    """How many there are; None: any number."""

    def most_beside(self, seen: Iterable["Kind"]) -> int | None:
        """How many of this kind there can be besides those that are seen; None: any number."""
        return None if self.most is None else self.most - sum(each == self for each in seen)


def kinds_of(scenario: Scenario) -> tuple[Kind, ...]:
    """The kinds of servers that there are, in the order of the scenario.

    Raises `NotInterchangeable` where a view names another server, or of no kind there is any number.
    """
    of_servers = [_kind(scenario, place, name) for place, name in enumerate(scenario.names)]
    found = []
    for kind in dict.fromkeys(of_servers):
        places = [place for place, each in enumerate(of_servers) if each == kind]
        fixed = _is_fixed(scenario, kind, [scenario.names[place] for place in places])
        found.append(kind._replace(most=len(places) if fixed else None))
    if all(kind.most is not None for kind in found):
        raise NotInterchangeable(
            "of each server there is a fixed number: take one out of fixed, or add one that is not fixed"
        )
    return tuple(found)


def _kind(scenario: Scenario, place: int, name: str) -> Kind:
    begins = scenario.views.get(name, NO_VIEW)
    named = Restriction(scenario.names).mentioned(begins) - {name}
    if named:
        raise NotInterchangeable(f"servers are not interchangeable: the view of {name} names {min(named)}")
    itself = Renaming({name: ITSELF})(begins)
    return Kind(scenario.is_hardened(name), place >= scenario.torrents - scenario.conflicting, itself)


def _is_fixed(scenario: Scenario, kind: Kind, names: Iterable[str]) -> bool:
    of_rivals = CONFLICTING in scenario.fixed and kind.rival
    of_drawn = AS_DRAWN in scenario.fixed and scenario.hardened and not kind.hardened
    return of_rivals or of_drawn or not scenario.fixed.isdisjoint(names)


def uniform(scenario: Scenario, kind: Kind, servers: int) -> Scenario:
    """The scenario with so many servers, all of one kind."""
    return _of_kinds(scenario, [kind] * servers)


def populations(scenario: Scenario, servers: int) -> Iterator[Scenario]:
    """The scenario with so many servers, with each number of servers of each of its kinds that there can be.

    One rival alone has none, so it counts as another server where there are others like it. Where servers are not
    interchangeable, there is the scenario with its own number of them.
    """
    try:
        kinds = kinds_of(scenario)
    except NotInterchangeable:
        if servers == scenario.torrents:
            yield scenario
        return
    counts = [range(servers + 1) if kind.most is None else [kind.most] for kind in kinds]
    found = []
    for chosen in product(*counts):
        those = [kind for kind, count in zip(kinds, chosen, strict=True) for _ in range(count)]
        rivals = [kind for kind in those if kind.rival]
        if len(those) == servers and (len(rivals) != 1 or rivals[0]._replace(rival=False) not in kinds):
            found.append(_of_kinds(scenario, those))
    yield from sorted(found, key=lambda each: (each.as_drawn, each.conflicting))


def _of_kinds(scenario: Scenario, those: list[Kind]) -> Scenario:
    """The scenario with just these servers, which are in its order."""
    rivals = sum(kind.rival for kind in those)
    views = {name: view for name, view in scenario.views.items() if name == TRACKER_ID}
    names = Scenario("", torrents=len(those)).names
    views |= {
        name: Renaming({ITSELF: name})(kind.begins) for name, kind in zip(names, those, strict=True) if kind.begins
    }
    drawn = sum(not kind.hardened for kind in those) if scenario.hardened else 0
    return replace(
        scenario,
        torrents=len(those),
        as_drawn=drawn,
        conflicting=rivals if rivals > 1 else 0,
        views=immutabledict(views),
        fixed=frozenset(),
    )


def rivals_beside(systems: Mapping[Kind, ClosedSystem], seen: Sequence[Kind]) -> set[Kind]:
    """Those of two kinds that can have a rival that is not seen; `systems` has servers of one kind each."""
    beside = [kind for kind in systems if kind.most_beside(seen) != 0]
    return {one for one in seen for other in beside if _share_an_endpoint(systems[one], systems[other])}


def _share_an_endpoint(one: ClosedSystem, other: ClosedSystem) -> bool:
    """Whether servers of two kinds that have different names offer the same endpoint."""
    begun: tuple[Any, Any] = (one.nodes[1].begin(), other.nodes[2].begin())
    endpoints = [canonical_all(each.knows.own.endpoints) for each in begun]
    return not endpoints[0].isdisjoint(endpoints[1])


def told(scenario: Scenario) -> str:
    """A population for people."""
    try:
        kinds = kinds_of(scenario)
    except NotInterchangeable:
        return "any number of torrent servers"
    fixed = [kind for kind in kinds if kind.most is not None]
    free = [kind for kind in kinds if kind.most is None]
    if fixed:
        number = "any number of others" if len(free) == 1 else "any number of each other kind"
        return f"{' and '.join(_told(kind, kinds) for kind in fixed)}, among {number}"
    if len(kinds) == 1:
        return "rivals, any number of them" if kinds[0].rival else "any number of torrent servers"
    if len({kind.begins for kind in kinds}) > 1:
        return f"torrent servers of {len(kinds)} kinds, any number of each"
    if len({kind.hardened for kind in kinds}) == 1:
        return "rivals, any number of them with others"
    rivals = ", rivals or not" if any(kind.rival for kind in kinds) else ""
    return f"any number of torrent servers, each hardened or as drawn{rivals}"


def _told(kind: Kind, kinds: tuple[Kind, ...]) -> str:
    """A fixed number of servers of a kind: by what they differ from the others in."""
    assert kind.most is not None
    few = kind.most == 1
    words = []
    if len({each.hardened for each in kinds}) > 1:
        words.append("hardened" if kind.hardened else "as drawn")
    if len({each.rival for each in kinds}) > 1 and kind.rival:
        words.append("rival" if few else "rivals")
    if kind.begins:
        words.append("with a view of its own" if few else "with views of their own")
    return f"{'just one' if few else f'just {kind.most}'} {' '.join(words)}"
