"""Who takes whose part: lifelines of a user that are `like` ours.

What is said of a lifeline (where it begins, what it may do undrawn or ignore, what comes to it from outside) holds for
those that are like it. One that is played by a chart of ours is like ours that this chart plays, so that who only has
other names for the same participants need not say everything again. A lifeline in a group of its own gets the undrawn
rest of its server: a second torrent server has a clock and a view, drawn or not.
"""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from spec.binding.model import BUILT_IN, Binding, BindingError, Player, Row
from spec.hints import near_to
from spec.notation.model import Diagram


def settled(binding: Binding) -> Binding:
    """The binding with everything in it that follows from who is like whom. Raises `BindingError`."""
    ours = {name: player for name, player in binding.players.items() if player.place == BUILT_IN}
    players = {name: ours.get(name) or _resolved(name, binding, ours) for name in binding.players}
    for name, player in list(players.items()):
        if player.like and player.place != BUILT_IN:
            players |= _rest_of_server(name, player, players)
    likes = {name: player.like for name, player in players.items() if player.like}
    environment = dict(binding.environment)
    for name, like in likes.items():
        if like in environment:
            environment.setdefault(name, environment[like])
    return replace(
        binding,
        players=players,
        begins=tuple(
            replace(
                begin,
                states=_shared(begin.states, likes),
                orders=_shared(begin.orders, likes),
                sessions=_shared(begin.sessions, likes),
                services=_shared(begin.services, likes),
                endpoints=_shared(begin.endpoints, likes),
                later=_also(begin.later, players, begin.place),
            )
            for begin in binding.begins
        ),
        may_be_undrawn=_widened(binding.may_be_undrawn, likes),
        ignores=_widened(binding.ignores, likes),
        early_sends=_widened(binding.early_sends, likes),
        publishes=_widened(binding.publishes, likes),
        obligations=_widened(binding.obligations, likes),
        forgets=_widened(binding.forgets, likes),
        environment=environment,
    )


def _resolved(name: str, binding: Binding, ours: Mapping[str, Player], seen: tuple[str, ...] = ()) -> Player:
    """A player with what it does not say itself taken from the one that it is like."""
    player = binding.players[name]
    if name in seen:
        raise BindingError(f"{player.place}: {' is like '.join((*seen, name))}: one of them has to name a chart")
    like = player.like or _same_part(player, binding, ours)
    if player.scripted or not like:
        return player
    if like not in binding.players:
        near = near_to(like, binding.players)
        raise BindingError(f"{player.place}: like: no lifeline {like!r}{near}; there are {', '.join(binding.players)}")
    original = ours[like] if like in ours else _resolved(like, binding, ours, (*seen, name))
    group = player.group or original.group
    client = player.client or (original.client if group == original.group else name if original.client else "")
    return replace(
        player,
        chart=player.chart or original.chart,
        group=group,
        role=player.role or original.role,
        client=client,
        like=original.like or like,
    )


def _same_part(player: Player, binding: Binding, ours: Mapping[str, Player]) -> str:
    """The lifeline of ours that the same chart plays: the one of its server, if there are several."""
    same = [name for name, other in ours.items() if other.chart == player.chart]
    if len(same) > 1:
        groups = {player.group}
        for other in binding.players.values():  # whose part is taken by others of the same server
            if other.place != BUILT_IN and other.group == player.group:
                charts = [name for name, mine in ours.items() if name == other.like or mine.chart == other.chart]
                groups |= {ours[name].group for name in charts if len(charts) == 1}
        same = [name for name in same if ours[name].group in groups]
        if not same and player.group:
            same = [name for name, other in ours.items() if other.chart == player.chart][:1]
    return same[0] if same else ""


def _rest_of_server(name: str, player: Player, players: Mapping[str, Player]) -> dict[str, Player]:
    """What the server of a lifeline in a group of its own has besides, as the one that it is like."""
    home = players[player.like].group
    if not player.role or player.group == home:
        return {}
    roles = {other.role for other in players.values() if other.group == player.group}
    return {
        f"{name} {other.role}": Player(other.chart, player.group, other.role, like=mine, place=player.place)
        for mine, other in players.items()
        if other.group == home and other.place == BUILT_IN and other.role not in roles
    }


def _shared(said: Mapping[str, str], likes: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in said.items():
        found[name] = value
        for other, like in likes.items():
            if like == name and other not in said:
                found[other] = value
    return found


def _also(later: Iterable[tuple[str, str]], players: Mapping[str, Player], place: str) -> tuple[tuple[str, str], ...]:
    """Our orders, each also to those who are on stage in place of ours; whoever is not is passed over."""

    def others(name: str) -> Iterable[str]:
        for other, player in players.items():
            if place == BUILT_IN and player.like == name in players and player.group == players[name].group:
                yield other

    return tuple((who, order) for name, order in later for who in (name, *others(name)))


def _widened(rows: Iterable[Row], likes: Mapping[str, str]) -> tuple[Row, ...]:
    return tuple(
        replace(row, lifelines=row.lifelines | {name for name, like in likes.items() if like in row.lifelines})
        for row in rows
    )


# What a binding makes of a diagram.


def our_names(binding: Binding, drawn: Collection[str]) -> dict[str, str]:
    """The names that a user has for lifelines of ours, of those that are `drawn`."""
    return {
        player.like: name
        for name, player in reversed(list(binding.players.items()))
        if name in drawn and player.like not in drawn
        if player.like in binding.players and player.group == binding.players[player.like].group
    }


def misspelled(diagram: Diagram, binding: Binding) -> dict[str, str]:
    """Lifelines that nobody plays, and those that were probably meant. Numbers differ on purpose."""
    known = [*binding.players, *binding.outside]
    found = {}
    for each in diagram.lifelines:
        if each.name not in known:
            likely = difflib.get_close_matches(each.name, known, n=1, cutoff=0.7)
            if likely and re.findall(r"\d+", likely[0]) == re.findall(r"\d+", each.name):
                found[each.name] = likely[0]
    return found
