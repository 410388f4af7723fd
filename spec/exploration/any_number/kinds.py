"""Kinds of servers in one population: hardened ones with those as drawn, rivals with others; any number of each.

A scenario has the kinds that occur in it. C(N) is then a system with N servers, each of any of these kinds. Views are
of two servers of any two kinds, in both orders of their names. What is known of the others is known of all kinds
together (`Knowledge`): a ghost may look like a server of any kind, and each pair of it with anybody must be known, of
whatever kinds. So the theorem needs no more than that views of all pairs of kinds have become known: each step of its
proof says of two servers what a view of these two says, and the others are hidden alike, whatever kind they are. What
charts have said is asked again under exchanged names where both servers are of one kind; of two kinds both orders of
names are searched.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from machines.tracker import TRACKER_ID
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.scenario import Scenario


class Kind(NamedTuple):
    """What servers can differ in, besides their names."""

    hardened: bool
    rival: bool
    """Whether it offers the endpoint that all rivals offer."""


def kinds_of(scenario: Scenario) -> tuple[Kind, ...]:
    """The kinds of servers that there are. Raises `NotInterchangeable` where they differ in two ways."""
    of_hardening = {scenario.is_hardened(name) for name in scenario.names}
    alone = scenario.torrents - scenario.conflicting
    of_rivalry = {place >= alone for place in range(scenario.torrents)}
    if len(of_hardening) + len(of_rivalry) > 3:  # noqa: PLR2004 - two of each
        raise NotInterchangeable(
            "servers differ in whether they are hardened, and in whether they are rivals: one at a time is looked at"
        )
    return tuple(Kind(*kind) for kind in product(sorted(of_hardening), sorted(of_rivalry)))


def uniform(scenario: Scenario, kind: Kind, servers: int) -> Scenario:
    """The scenario with so many servers, all of one kind."""
    conflicting = servers if kind.rival and servers > 1 else 0
    return replace(scenario, torrents=servers, hardened=kind.hardened, as_drawn=0, conflicting=conflicting)


def populations(scenario: Scenario, servers: int) -> Iterator[Scenario]:
    """The scenario with so many servers, with each number of servers of each of its kinds.

    Where servers differ in two ways, of each mixture there is one; none where one with a view of its own is missing.
    """
    if {*scenario.views} - {TRACKER_ID} - {*scenario.names[:servers]}:
        return
    alone = scenario.torrents - scenario.conflicting
    as_drawn = range(servers + 1) if 0 < scenario.as_drawn < scenario.torrents else [servers * (scenario.as_drawn > 0)]
    rivals = range(servers + 1) if scenario.conflicting > 0 and alone else [servers * (scenario.conflicting > 0)]
    for drawn, conflicting in product(as_drawn, rivals):
        if conflicting != 1:  # one rival alone is none
            yield replace(scenario, torrents=servers, as_drawn=drawn, conflicting=conflicting)
        elif servers == 1 and len(rivals) == 1:
            yield replace(scenario, torrents=servers, as_drawn=drawn, conflicting=0)


def told(scenario: Scenario) -> str:
    """A population for people."""
    if len({scenario.is_hardened(name) for name in scenario.names}) > 1:
        return "any number of torrent servers, each hardened or as drawn"
    if not scenario.conflicting:
        return "any number of torrent servers"
    return "rivals, any number of them" + (" with others" if scenario.conflicting < scenario.torrents else "")
