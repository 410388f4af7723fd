"""What can happen next: the small steps of a term.

`steps(t)` are the pairs (a, t') such that the action a can come first and t' is what is then left. In a weak sequence
an action of lifeline l may overtake all that stands before it, provided that this can do without l; what stands before
is then pruned of all scenarios that involve l (Mahe, Gaston, Le Gall 2021). A choice is made by whoever acts first in
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from spec.interaction.problems import InteractionError
from spec.interaction.terms import (
    EMPTY,
    Act,
    Action,
    Alt,
    Critical,
    Definition,
    Empty,
    Lifelines,
    Loop,
    Par,
    Ref,
    Seq,
    Strict,
    Term,
    UnspecifiedReception,
    alt,
    chain,
    critical,
    loop,
    par,
    par_with,
    refer,
    seq,
    strict,
)

Step = tuple[Action, Term]
_REMEMBERED = 1 << 16


# Doing without some lifelines.


def avoids(term: Term, lifelines: Lifelines) -> bool:
    """Whether the term can come to its end without any action of these lifelines."""
    if not lifelines.isdisjoint(term.must):
        return False
    if lifelines.isdisjoint(term.lifelines):
        return True
    return _avoids(term, lifelines & term.lifelines)


def can_end(term: Term) -> bool:
    """Whether nothing has to happen any more."""
    return avoids(term, term.lifelines)


@lru_cache(_REMEMBERED)
def _avoids(term: Term, lifelines: Lifelines) -> bool:
    """As `avoids`. What refers to itself needs a fixpoint: nothing is avoided until it is shown to be."""
    known: dict[Definition, bool] = {}
    while True:
        before = dict(known)
        if _avoids_as_known(term, lifelines, known):
            return True
        for definition in list(known):
            known[definition] = known[definition] or _avoids_as_known(definition.body, lifelines, known)
        if known == before:
            return False


def _avoids_as_known(term: Term, lifelines: Lifelines, known: dict[Definition, bool]) -> bool:
    if not lifelines.isdisjoint(term.must):
        return False
    if lifelines.isdisjoint(term.lifelines):
        return True
    match term:
        case Alt(branches=branches):
            return any(_avoids_as_known(branch, lifelines, known) for branch in branches)
        case Seq() | Strict():
            return all(_avoids_as_known(part, lifelines, known) for part in chain(term))
        case Par(parts=parts):
            return all(_avoids_as_known(part, lifelines, known) for part in parts)
        case Loop(body=body, low=low):
            return low == 0 or _avoids_as_known(body, lifelines, known)
        case Critical(body=body):
            return _avoids_as_known(body, lifelines, known)
        case Ref(definition=definition):
            return known.setdefault(definition, False)
        case UnspecifiedReception():
            raise _refusal(term)
    raise AssertionError(term)


@lru_cache(_REMEMBERED)
def prune(term: Term, lifelines: Lifelines) -> Term:
    """The term without the scenarios in which these lifelines act. It must avoid them."""
    if lifelines.isdisjoint(term.lifelines):
        return term
    match term:
        case Alt(branches=branches):
            return alt(*[prune(branch, lifelines) for branch in branches if avoids(branch, lifelines)])
        case Seq():
            return seq(*[prune(part, lifelines) for part in chain(term)])
        case Strict():
            return strict(*[prune(part, lifelines) for part in chain(term)])
        case Par(parts=parts):
            return par(*[prune(part, lifelines) for part in parts])
        case Loop(body=body, low=low, high=high):
            return loop(prune(body, lifelines), low, high) if avoids(body, lifelines) else EMPTY
        case Critical(body=body, has_begun=has_begun):
            return critical(prune(body, lifelines), has_begun)
        case Ref(definition=definition):
            gone = lifelines & definition.lifelines
            rest = definition.lifelines - gone
            return refer(definition.variant(("without", gone), rest, lambda body: prune(body, gone)))
    raise AssertionError(term)


# What one lifeline sees of a term.


@lru_cache(_REMEMBERED)
def erase(term: Term, lifeline: str) -> Term:
    """The term with the actions of this lifeline only. Its traces are those of the term without the others' actions."""
    if lifeline not in term.lifelines:
        return EMPTY
    match term:
        case Alt(branches=branches):
            return alt(*[erase(branch, lifeline) for branch in branches])
        case Seq() | Strict():
            return seq(*[erase(part, lifeline) for part in chain(term)])
        case Par(parts=parts):
            return par(*[erase(part, lifeline) for part in parts])
        case Loop(body=body, low=low, high=high):
            return loop(erase(body, lifeline), low, high)
        case Critical(body=body, has_begun=has_begun):
            return critical(erase(body, lifeline), has_begun)
        case Ref(definition=definition):
            only = frozenset({lifeline})
            return refer(definition.variant(("only", lifeline), only, lambda body: erase(body, lifeline)))
        case UnspecifiedReception():
            raise _refusal(term)
    return term


# Steps.


@lru_cache(_REMEMBERED)
def steps(term: Term) -> tuple[Step, ...]:
    """All that can happen first, each with what is left after it; no pair twice."""
    return _steps(term, frozenset())


def _steps(term: Term, expanding: frozenset[Term]) -> tuple[Step, ...]:
    """As `steps`; `expanding` are the terms around this one whose steps are being asked for."""
    if term in expanding:
        names = ", ".join(sorted(repr(definition.name) for definition in term.refers))
        raise InteractionError(f"{names} refers to itself without end before anything in it can happen")
    around = expanding | {term} if term.refers else expanding
    match term:
        case Empty():
            return ()
        case Act(action=action):
            return ((action, EMPTY),)
        case Par():
            return _steps_of_par(term, around)
        case Critical(body=body, has_begun=has_begun):
            inside = _steps_within(body, around)
            return tuple((action, critical(rest, has_begun | {action.lifeline})) for action, rest in inside)
    found = {step: None for lifeline in sorted(term.starters) for step in _steps_on(term, lifeline, around)}
    return tuple(found)


def _steps_within(term: Term, around: frozenset[Term]) -> tuple[Step, ...]:
    """Only where there is a reference can a term come to be inside itself; the steps of all others are remembered."""
    return _steps(term, around) if term.refers else steps(term)


def _steps_of_par(term: Par, around: frozenset[Term]) -> tuple[Step, ...]:
    found: dict[Step, None] = {}
    for index, part in enumerate(term.parts):
        for action, rest in _steps_within(part, around):
            if action.lifeline not in term.held:
                found[action, par_with(term.parts, index, rest)] = None
            elif others := _released(term.parts, index, action.lifeline):
                found[action, par(*others[:index], rest, *others[index + 1 :])] = None
    return tuple(found)


def _released(parts: tuple[Term, ...], index: int, lifeline: str) -> tuple[Term, ...]:
    """The parts when the one at `index` acts on a lifeline; none of them if another holds it and has to act there."""
    only = frozenset({lifeline})
    for other, part in enumerate(parts):
        if other != index and lifeline in part.held and not _lets_go(part, only):
            return ()
    return tuple(part if other == index else _freed(part, only) for other, part in enumerate(parts))


def _lets_go(term: Term, lifelines: Lifelines) -> bool:
    """Whether the critical regions that hold these lifelines can do without them from here on."""
    if lifelines.isdisjoint(term.held):
        return True
    if isinstance(term, Critical):
        return avoids(term.body, lifelines)
    parts = chain(term) if isinstance(term, Seq | Strict) else term.parts if isinstance(term, Par) else ()
    return all(_lets_go(part, lifelines) for part in parts)


def _freed(term: Term, lifelines: Lifelines) -> Term:
    """The term when its critical regions have done with these lifelines."""
    if lifelines.isdisjoint(term.held):
        return term
    match term:
        case Critical(body=body, has_begun=has_begun):
            return critical(prune(body, lifelines), has_begun)
        case Seq():
            return seq(*[_freed(part, lifelines) for part in chain(term)])
        case Strict():
            return strict(*[_freed(part, lifelines) for part in chain(term)])
        case Par(parts=parts):
            return par(*[_freed(part, lifelines) for part in parts])
    raise AssertionError(term)


class _Place(NamedTuple):
    """A term inside a sequence: what was overtaken, the term, what comes after, and the references it came through."""

    before: tuple[Term, ...]
    focus: Term
    after: tuple[Term, ...]
    through: tuple[tuple[Definition, tuple[Term, ...], tuple[Term, ...]], ...] = ()

    def filled(self, rest: Term) -> Term:
        return seq(*self.before, rest, *self.after)


def _steps_on(term: Term, lifeline: str, around: frozenset[Term]) -> Iterator[Step]:
    """The steps of one lifeline.

    A reference that is met again inside its own expansion adds nothing if it stands in the same place (the recursion is
    a tail). In another place it stands for infinitely many steps, an error, unless there are none to begin with.
    """
    stack = [_Place((), term, ())]
    endless: set[Definition] = set()
    productive: set[Definition] = set()
    while stack:
        place = stack.pop()
        if lifeline not in place.focus.starters:
            continue
        if isinstance(place.focus, Ref):
            met = {definition: context for definition, *context in place.through}
            context = [place.before, place.after]
            definition = place.focus.definition
            if definition not in met:
                through = (*place.through, (definition, place.before, place.after))
                stack.append(_Place(place.before, definition.body, place.after, through))
            elif met[definition] != context:
                endless.add(definition)
            continue
        if isinstance(place.focus, Act | Par | Critical):
            found = [step for step in _steps_within(place.focus, around) if step[0].lifeline == lifeline]
        else:
            found = list(_opened(place, lifeline, around, stack))
        if found:
            productive.update(definition for definition, *_ in place.through)
        for action, rest in found:
            yield action, place.filled(rest)
    if not endless.isdisjoint(productive):
        names = ", ".join(sorted(repr(definition.name) for definition in endless & productive))
        raise InteractionError(f"{names} refers to itself without end before anything on {lifeline} happens")


def _opened(place: _Place, lifeline: str, around: frozenset[Term], stack: list[_Place]) -> Iterator[Step]:
    """The steps of a sequence that is inside no other; the places inside other terms are put on the stack."""
    only = frozenset({lifeline})
    match place.focus:
        case Seq(head=head, tail=tail):
            if avoids(head, only):
                skipped = prune(head, only)
                before = place.before if skipped is EMPTY else (*place.before, skipped)
                stack.append(place._replace(before=before, focus=tail))
            stack.append(place._replace(focus=head, after=(tail, *place.after)))
        case Strict(head=head, tail=tail):
            if can_end(head):
                stack.append(place._replace(focus=tail))
            for action, rest in _steps_within(head, around):
                if action.lifeline == lifeline:
                    yield action, strict(rest, tail)
        case Alt(branches=branches):
            stack.extend(place._replace(focus=branch) for branch in reversed(branches))
        case Loop():
            for skipped, rest in _rounds(place.focus, only):
                before = place.before if skipped is EMPTY else (*place.before, skipped)
                after = place.after if rest is EMPTY else (rest, *place.after)
                stack.append(_Place(before, place.focus.body, after, place.through))
        case UnspecifiedReception():
            raise _refusal(place.focus)


def _rounds(term: Loop, lifelines: Lifelines) -> Iterator[tuple[Term, Term]]:
    """The rounds in which these lifelines can act first: the rounds before, done without them, and those after."""
    body, low, high = term.body, term.low, term.high
    skipped = prune(body, lifelines) if avoids(body, lifelines) else EMPTY
    if skipped is EMPTY:
        yield EMPTY, _less(body, low, high, 1)
        return
    if high is None:
        yield loop(skipped, low), loop(body)
    for rounds in range(low if high is None else high):
        yield loop(skipped, rounds, rounds), _less(body, low, high, rounds + 1)


def _less(body: Term, low: int, high: int | None, rounds: int) -> Term:
    return loop(body, max(low - rounds, 0), None if high is None else high - rounds)


def _refusal(term: UnspecifiedReception) -> InteractionError:
    return InteractionError(term.message, line=term.line, file=term.file)
