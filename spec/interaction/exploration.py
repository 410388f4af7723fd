"""All that a term allows: its traces (of small ones), and the graph of what can be left of it (of larger ones)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spec.interaction.problems import InteractionError
from spec.interaction.semantics import Step, avoids, can_end, erase, steps
from spec.interaction.terms import Act, Action, Term, children, referred

Trace = tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What can be left of a term, the term itself first, with the steps between; `ends` can be the last of a trace."""

    states: tuple[Term, ...]
    edges: tuple[tuple[tuple[Action, int], ...], ...]
    ends: frozenset[int]


def explore(term: Term, *, limit: int = 200_000) -> Graph:
    """Everything that `steps` leads to. An error if there are more than `limit` states, as with most loops:

    who only sends can be any number of rounds ahead of who only receives.
    """
    numbers = {term: 0}
    states = [term]
    edges: list[tuple[tuple[Action, int], ...]] = []
    for state in states:
        for _, rest in steps(state):
            if rest not in numbers:
                numbers[rest] = len(states)
                states.append(rest)
        edges.append(tuple((action, numbers[rest]) for action, rest in steps(state)))
        if len(states) > limit:
            raise InteractionError(f"more than {limit} states; a loop in which somebody runs ahead has infinitely many")
    return Graph(tuple(states), tuple(edges), frozenset(n for n, state in enumerate(states) if can_end(state)))


def traces(term: Term, limit: int = 10_000, *, longest: int | None = None) -> frozenset[Trace]:
    """All complete traces, or those of at most `longest` actions. An error if there are more than `limit`."""
    found: set[Trace] = set()
    layer: dict[Trace, set[Term]] = {(): {term}}
    while layer:
        found |= {trace for trace, terms in layer.items() if any(map(can_end, terms))}
        following: dict[Trace, set[Term]] = {}
        for trace, terms in layer.items():
            if longest is not None and len(trace) == longest:
                continue
            for before in terms:
                for action, rest in steps(before):
                    following.setdefault((*trace, action), set()).add(rest)
        if max(len(found), len(following)) > limit:
            raise InteractionError(f"more than {limit} traces")
        layer = following
    return frozenset(found)


def ample(term: Term) -> tuple[Step, ...]:
    """Enough of the steps to see every trace up to the order of what is independent; often those of one lifeline.

    They are enough if the lifeline has to act, and can do now all that it could ever do next: then any trace can be
    reordered so that its first action of this lifeline comes first, without any lifeline noticing. Where a strict order
    is drawn somebody could notice, and all steps are needed.
    """
    enabled = steps(term)
    if has_strict_order(term):
        return enabled
    by_lifeline: dict[str, list[Step]] = {}
    for step in enabled:
        by_lifeline.setdefault(step[0].lifeline, []).append(step)
    for lifeline, own in sorted(by_lifeline.items(), key=lambda item: len(item[1])):
        if len(own) < len(enabled) and not avoids(term, frozenset({lifeline})):
            possible = set(steps(erase(term, lifeline)))
            if possible <= {(action, erase(rest, lifeline)) for action, rest in own}:
                return tuple(own)
    return enabled


def has_strict_order(term: Term) -> bool:
    """Whether, here or in what is referred to, an order is drawn that is neither a lifeline's nor an arrow's."""
    return term.strictly or any(definition.body.strictly for definition in referred(term))


def inside(term: Term) -> Iterator[Term]:
    """A term and all that it is made of, also what it refers to."""
    stack = [term, *(definition.body for definition in referred(term))]
    while stack:
        here = stack.pop()
        yield here
        stack += children(here)


def actions_in(term: Term) -> Iterator[Action]:
    """The actions that are drawn in a term, or in what it refers to; an action that is drawn twice comes twice."""
    return (each.action for each in inside(term) if isinstance(each, Act))
