"""All views of a system of a user's own charts: searched until nothing more becomes known of hidden members.

How many hidden members are tried at once is asked of the charts (`charts_lint`), of what they hold (each place that
can name a member may name a hidden one), and of a step, which can be about one more. That they are enough is looked at
besides: of as many as are tried, one can always be left out, and what is seen stays the same (`_check_enough`).
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from spec.exploration.any_number.charts_lint import LISTS, lint_of_charts, sizes
from spec.exploration.any_number.completions import Completions, Seen, Whole, exchanges
from spec.exploration.any_number.lint import Lint
from spec.exploration.any_number.open_charts import OpenCharts, open_charts
from spec.exploration.any_number.open_system import READS
from spec.exploration.any_number.population import Population
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.fairness import BY_ITSELF
from spec.exploration.model.node import Outcome
from spec.exploration.model.reference import canonical, successors
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.steps import Label, Row
from spec.system.process import Addressed

FEWEST, MOST = 2, 7
"""Hidden members that are tried at once."""
MOST_VIEWS = 200_000
"""Views that are searched, where nobody says how many."""


@dataclass
class Views:
    """All views, with the step that each was met by."""

    system: OpenCharts
    parents: dict[Row, tuple[Label, Row] | None]
    steps: int
    others: int
    """How many hidden members were tried at once."""
    rounds: int
    seconds: float
    stopped: str = ""
    """Why these are not all."""
    by_themselves: list[tuple[Row, Row, Label]] = field(default_factory=list)
    """The steps that are no faults: from which view, to which, and what each is called."""

    def path(self, row: Row) -> list[Label]:
        """The labels of a shortest run of the open system to a view."""
        found: list[Label] = []
        while (parent := self.parents[row]) is not None:
            found.append(parent[0])
            row = parent[1]
        return found[::-1]


@dataclass
class Limits:
    """How far to search."""

    most: int = MOST_VIEWS
    is_stopped: Callable[[], bool] = field(default=lambda: False)
    tell: Callable[[str], None] = field(default=lambda _: None)
    """Is given a line about how far it is."""


def views_of(of: Population, limits: Limits | None = None) -> Views:
    """All views of a population. Raises `NotInterchangeable` where a few hidden members do not stand for all."""
    limits, others, began, rounds = limits or Limits(), FEWEST, time.perf_counter(), 0
    _refuse(lint_of_charts(of.system.charts.values(), {}, of.names(2 + MOST)))
    caps: dict[str, int] = {}
    while True:
        system = open_charts(of, others, caps)
        while True:
            rounds += 1
            size = system.hidden.size
            system = system.again(drop_inert=False)
            found = _searched(system, limits)
            found.others, found.rounds, found.seconds = others, rounds, time.perf_counter() - began
            if found.stopped:
                return found
            if system.hidden.size == size:
                break
        asked, wanted = _wanted(system, of)
        if wanted <= others and asked == caps:
            _check_names(system)
            _check_enough(system)
            return found
        others, caps = max(others, wanted), asked


def _searched(system: OpenCharts, limits: Limits) -> Views:
    names = [node.name for node in system.nodes]
    places = [names.index(name) for name in system.hidden.seen]
    permutations = permutations_of(len(names), [places])
    begun = canonical(system, system.initial(), permutations)
    found = Views(system, {begun: None}, 0, 0, 0, 0.0)
    frontier = [begun]
    system.learn(begun)
    while frontier:
        others = len(system.hidden.ghosts)
        limits.tell(f"{len(found.parents):,} views, {others} others at once, {len(system.hidden.asked):,} questions")
        later = []
        for row in frontier:
            if limits.is_stopped():
                found.stopped = "interrupted"
                return found
            for label, then in successors(system, row):
                if not system.is_possible(row, label):
                    continue
                found.steps += 1
                view = canonical(system, then, permutations)
                if label.kind in {*BY_ITSELF, READS} and label.lost is None:
                    found.by_themselves.append((row, view, label))
                if view not in found.parents:
                    found.parents[view] = (label, row)
                    later.append(view)
                    system.learn(view)
        if len(found.parents) > limits.most and later:
            found.stopped = f"stopped after {len(found.parents):,} views"
            return found
        frontier = later
    return found


def _wanted(system: OpenCharts, of: Population) -> tuple[dict[str, int], int]:
    """Up to which size charts ask for collections, and how many hidden members stand for all.

    Raises `NotInterchangeable`.
    """
    trees = system.hidden.trees
    kinds: dict[str, set[str]] = {}
    scalars = 0
    for (name, seen, _, _), outcomes in system.hidden.asked.items():
        place = next(at for at, node in enumerate(system.nodes) if node.name == name)
        for each in (seen, *(system.seen(place, outcome.then) for outcome in outcomes)):
            for at, tree in enumerate(each.trees):
                for attribute, kind in trees.collections(tree, "" if at == 0 else "model"):
                    kinds.setdefault(attribute, set()).add(kind)
            scalars = max(scalars, sum(map(trees.scalars, each.trees)))
    held = {name: frozenset(found) for name, found in kinds.items()}
    asked = _refuse(lint_of_charts(of.system.charts.values(), held, of.names(2 + MOST)))
    caps, ends = sizes(asked)
    caps = {name: max(caps.get(name, 0), 1) for name in (*kinds, *caps) if name in caps or kinds[name] & LISTS}
    wanted = 1 + scalars + sum(caps.values()) + ends
    if wanted > MOST:
        largest = max(asked.questions, key=lambda each: each.constant)
        raise NotInterchangeable(
            f"what charts ask of members takes {wanted} others, and {MOST} are tried at most; most is asked here: "
            f"{largest}"
        )
    return caps, max(FEWEST, wanted)


def _refuse(asked: Lint) -> Lint:
    if asked.refused:
        raise NotInterchangeable(f"a few members do not stand for all others: {asked.refused[0]}")
    return asked


# What the proof rests on, looked at.


def _check_names(system: OpenCharts) -> None:
    """Members are treated alike: what was asked, asked again under exchanged names."""
    trees, members = system.hidden.trees, system.hidden.seen
    for (name, seen, kind, message), outcomes in [*system.hidden.asked.items()]:
        place = [node.name for node in system.nodes].index(name)
        several = len(trees.mentioned_in(seen.trees) - {*members}) > 1  # and with fewer it was asked, too
        names = members if several or name in members else (*members, system.hidden.ghosts[0])
        for exchange in exchanges(names):
            there = dict(exchange).get(name, name)
            other = [node.name for node in system.nodes].index(there)
            turned = Seen(seen.rest, tuple(trees.renamed(tree, exchange) for tree in seen.trees))
            about = _renamed(message, exchange)
            said = {_turned(system, place, outcome, exchange) for outcome in outcomes}
            again = {_turned(system, other, each, ()) for each in system.ask_node(other, turned, kind, about)}
            if said != again:
                what = f"{kind} {message}" if message is not None else kind
                raise NotInterchangeable(
                    f"{name} does something else at {what!r} under exchanged names of members: "
                    "does it compare names, or name one?"
                )


Turned = tuple[Seen, tuple[Hashable, ...]]


def _turned(system: OpenCharts, place: int, outcome: Outcome, exchange: tuple[tuple[str, str], ...]) -> Turned:
    trees = system.hidden.trees
    then = system.seen(place, outcome.then)
    seen = Seen(then.rest, tuple(trees.renamed(tree, exchange) for tree in then.trees))
    return seen, tuple(_renamed(each, exchange) for each in outcome.sent)


def _renamed(message: Hashable, exchange: tuple[tuple[str, str], ...]) -> Hashable:
    if not isinstance(message, Addressed):
        return message
    names = dict(exchange)
    return message._replace(sender=names.get(message.sender, message.sender), to=names.get(message.to, message.to))


def _check_enough(system: OpenCharts) -> None:
    """Where as many hidden members are there as are tried, one can be left out, and what is seen stays the same."""
    for place, node in enumerate(system.nodes):
        centre = system.hidden.centres.get(node.name)
        if centre is None:
            continue
        asked = [key for key in system.hidden.asked if key[0] == node.name]
        for _, seen, kind, message in asked:
            there = centre.trees.mentioned_in(seen.trees)
            if {*system.hidden.ghosts} <= there and not _can_leave_out(system, place, centre, seen, kind, message):
                what = f"{kind} {message}" if message is not None else kind
                raise NotInterchangeable(
                    f"a few members do not stand for all others: at {what!r} {node.name} tells {len(there)} members "
                    "from fewer, whoever is left out"
                )


def _can_leave_out(
    system: OpenCharts, place: int, centre: Completions, seen: Seen, kind: str, message: Hashable
) -> bool:
    sender = message.sender if isinstance(message, Addressed) else ""
    everybody = (*system.hidden.seen, *system.hidden.ghosts)
    for ghost in system.hidden.ghosts:
        if ghost == sender:
            continue
        left = tuple(name for name in everybody if name != ghost)
        fewer = centre.restricted(seen, *left)
        if not all(map(centre.trees.is_resolved, fewer.trees)):
            continue
        whole, without = Whole(seen, everybody), Whole(fewer, left)
        if _seen_by(system, place, centre, whole, kind, message) == _seen_by(
            system, place, centre, without, kind, message
        ):
            return True
    return False


def _seen_by(
    system: OpenCharts, place: int, centre: Completions, whole: Whole, kind: str, message: Hashable
) -> set[Turned]:
    """What those who are seen notice of all that a node does with those who are there."""
    before = centre.restricted(whole.seen, *system.hidden.seen)
    found = {
        (
            centre.restricted(system.seen(place, each.then), *system.hidden.seen),
            tuple(filter(system.is_heard, each.sent)),
        )
        for each in system.ask_node(place, whole.seen, kind, message)
        if system.is_among(each, place, whole)
    }
    return found - {(before, ())}
