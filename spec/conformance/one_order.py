"""One order for many: which steps of a diagram stand for all where the others differ in what nobody can notice."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from spec.interaction import Action, Term, avoids, erase, steps
from spec.interaction.exploration import actions_in, has_strict_order
from spec.interaction.semantics import Step

if TYPE_CHECKING:
    from spec.conformance.memory import Memory


def enough(term: Term, every: tuple[Step, ...], memory: Memory) -> tuple[Step, ...]:
    """Enough of the steps to see every trace up to the order of what is independent; often those of one lifeline.

    They are enough if the lifeline has to act, can do now all that it could ever do next, and puts nothing into a queue
    into which others may still put something: then any trace can be reordered so that its first action of this lifeline
    comes first, without any lifeline or queue noticing. A call inside a server is received as soon as it is sent, so
    its receiver has to await just that. Where a strict order is drawn somebody could notice, and all steps are needed;
    and what patient lifelines send is no such step, since it waits for all others.
    """
    if len(every) <= 1 or has_strict_order(term):
        return every
    by_lifeline: dict[str, list[Step]] = {}
    for step in every:
        by_lifeline.setdefault(step[0].lifeline, []).append(step)
    for lifeline, own in sorted(by_lifeline.items(), key=lambda item: len(item[1])):
        sends = [action for action, _ in own if action.kind == "!"]
        if len(own) == len(every) or avoids(term, frozenset({lifeline})):
            continue
        if sends and memory.is_patient(lifeline):
            continue
        if any(_is_contested(action, term, memory) for action in sends):
            continue
        if any(memory.is_call(action) and not _is_awaited(action, rest) for action, rest in own if action.kind == "!"):
            continue
        possible = set(steps(erase(term, lifeline)))
        if possible <= {(action, erase(rest, lifeline)) for action, rest in own}:
            return tuple(own)
    return every


def _is_awaited(call: Action, rest: Term) -> bool:
    """Whether receiving a call at once rules nothing out: its receiver can do nothing else next."""
    possible = steps(erase(rest, call.peer or ""))
    return all(action.kind == "?" and action.arrow == call.arrow for action, _ in possible)


def _is_contested(send: Action, term: Term, memory: Memory) -> bool:
    """Whether somebody else may still put a message into the queue that this one goes into."""
    if send.lost or send.peer is None or not memory.is_shared(send.lifeline, send.peer):
        return False
    others = _senders(term, send.peer) - {send.lifeline}
    return any(memory.is_shared(other, send.peer) for other in others)


@lru_cache(1 << 14)
def receives_in(term: Term) -> frozenset[Action]:
    """The receives in what is left."""
    return frozenset(action for action in actions_in(term) if action.kind == "?")


@lru_cache(1 << 14)
def _senders(term: Term, receiver: str) -> frozenset[str]:
    """Who sends anything to a lifeline in what is left."""
    return frozenset(a.lifeline for a in actions_in(term) if a.kind == "!" and a.peer == receiver and not a.lost)
