"""Small random terms, and what they mean by the book: sets of traces, composed without any small step."""

from collections.abc import Iterator
from itertools import product

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spec.interaction import (
    Action,
    Interaction,
    InteractionError,
    Term,
    act,
    alt,
    critical,
    loop,
    par,
    seq,
    strict,
    traces,
)
from spec.interaction.terms import EMPTY, Act, Alt, Critical, Empty, Loop, Par, Seq, Strict
from spec.projection import Letter, letter_of

NAMES = ("A", "B", "C")

Tagged = tuple[tuple[Action, tuple[object, ...]], ...]
"""A trace, with the critical regions around each action."""
Mixed = tuple[tuple[int, tuple[Action, tuple[object, ...]]], ...]
"""Two traces interleaved, with where each step comes from."""


def arrow(sender: str | None, receiver: str | None, label: str, line: int = 0, *, lost: bool = False) -> Term:
    send = act(Action("!", sender, label, receiver, line, lost=lost)) if sender else EMPTY
    receive = act(Action("?", receiver, label, sender, line)) if receiver and not lost else EMPTY
    return strict(send, receive)


def interaction(term: Term, names: tuple[str, ...] = NAMES) -> Interaction:
    return Interaction("random", term, names)


def arrows(labels: str = "mn", *, losses: bool = True) -> SearchStrategy[Term]:
    ends = st.sampled_from([(a, b) for a in NAMES for b in NAMES])
    lost = st.booleans() if losses else st.just(value=False)
    return st.builds(
        lambda pair, label, line, is_lost: arrow(pair[0], pair[1], label, line, lost=is_lost),
        ends,
        st.sampled_from(labels),
        st.integers(1, 9),
        lost,
    )


def terms(leaves: SearchStrategy[Term], *, loops: bool = True, orders: bool = True) -> SearchStrategy[Term]:
    """Terms of few arrows. `orders`: also strict sequences of more than an arrow, and critical regions."""

    def larger(smaller: SearchStrategy[Term]) -> SearchStrategy[Term]:
        made = [
            st.builds(seq, smaller, smaller),
            st.builds(seq, smaller, smaller, smaller),
            st.builds(alt, smaller, smaller),
            st.builds(par, smaller, smaller),
            st.builds(lambda term: alt(term, EMPTY), smaller),
        ]
        if loops:
            made.append(st.builds(loop, smaller, st.integers(0, 1), st.integers(1, 2)))
        if orders:
            made += [st.builds(strict, smaller, smaller), st.builds(critical, smaller)]
        return st.one_of(made)

    return st.recursive(leaves, larger, max_leaves=4)


def meaning(term: Term) -> frozenset[tuple[Action, ...]]:
    """All traces of a term whose loops are bounded."""
    return frozenset(tuple(action for action, _ in trace) for trace in _traces(term))


def _traces(term: Term) -> set[Tagged]:
    match term:
        case Empty():
            return {()}
        case Act(action=action):
            return {((action, ()),)}
        case Seq(head=head, tail=tail):
            return _sequences([_tagged(_traces(head), 0), _tagged(_traces(tail), 1)])
        case Strict(head=head, tail=tail):
            pairs = product(_tagged(_traces(head), 0), _tagged(_traces(tail), 1))
            return {before + after for before, after in pairs}
        case Alt(branches=branches):
            return {trace for branch in branches for trace in _traces(branch)}
        case Par(parts=parts):
            found: set[Tagged] = {()}
            for number, part in enumerate(parts):
                pairs = product(found, _tagged(_traces(part), number))
                mixtures = [mixed for one, other in pairs for mixed in _shuffles(one, other)]
                found = {_plain(mixed) for mixed in mixtures if _uninterrupted(mixed)}
            return found
        case Loop(body=body, low=low, high=high):
            assert high is not None
            rounds = [_sequences([_tagged(_traces(body), n) for n in range(times)]) for times in range(low, high + 1)]
            return set().union(*rounds)
        case Critical(body=body):
            return {tuple((action, (*regions, "here")) for action, regions in trace) for trace in _traces(body)}
    raise AssertionError(term)


def _tagged(traces: set[Tagged], number: int) -> set[Tagged]:
    """Regions of different occurrences are different."""
    return {tuple((action, tuple((number, r) for r in regions)) for action, regions in trace) for trace in traces}


def _sequences(parts: list[set[Tagged]]) -> set[Tagged]:
    found: set[Tagged] = {()}
    for part in parts:
        found = {_plain(mixed) for one, other in product(found, part) for mixed in _shuffles(one, other, weakly=True)}
    return found


def _shuffles(one: Tagged, other: Tagged, *, weakly: bool = False) -> Iterator[Mixed]:
    """All interleavings; `weakly`: what is on the same lifeline in order."""
    if not one or not other:
        yield tuple((0, step) for step in one) + tuple((1, step) for step in other)
        return
    for rest in _shuffles(one[1:], other, weakly=weakly):
        yield ((0, one[0]), *rest)
    if not weakly or all(action.lifeline != other[0][0].lifeline for action, _ in one):
        for rest in _shuffles(one, other[1:], weakly=weakly):
            yield ((1, other[0]), *rest)


def _plain(mixed: Mixed) -> Tagged:
    return tuple(step for _, step in mixed)


def _uninterrupted(mixed: Mixed) -> bool:
    """Whether on each lifeline nothing of one operand stands between the actions of a region of the other."""
    for lifeline in {action.lifeline for _, (action, _) in mixed}:
        here = [(side, regions) for side, (action, regions) in mixed if action.lifeline == lifeline]
        for side, region in {(side, region) for side, regions in here for region in regions}:
            inside = [place for place, step in enumerate(here) if step[0] == side and region in step[1]]
            if any(step[0] != side for step in here[inside[0] : inside[-1]]):
                return False
    return True


def word_of(trace: tuple[Action, ...], lifeline: str) -> tuple[Letter, ...]:
    return tuple(letter_of(action) for action in trace if action.lifeline == lifeline)


def few_traces(term: Term) -> frozenset[tuple[Action, ...]]:
    """All traces of a random term; an example with more than can be looked at is rejected, and another one made."""
    try:
        return traces(term, 100_000)
    except InteractionError:
        return reject()
