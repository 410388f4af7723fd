"""The resolutions of a diagram's choices: one way through its alternatives and loops each, as a term without choices.

A diagram says of each of them that it can happen. Most come to their ends as a matter of course; where channels or
patience hold something up, each is asked for by itself. There is no end of them where a loop has no upper bound: such a
loop is tried with the fewest rounds, and with one more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from spec.conformance.bounds import Stopped
from spec.interaction import Term
from spec.interaction.terms import EMPTY, Alt, Critical, Loop, Par, Ref, Seq, Strict, chain, critical, par, seq, strict

MOST = 4_096
"""Resolutions of one diagram; more are not looked at one by one."""
ROUNDS = 1
"""Rounds beyond the fewest that a loop without an upper bound is tried with."""
_DEEP = 8
"""References inside one another."""

Terms = tuple[Term, ...]


def resolutions(term: Term) -> Terms:
    """The term with its choices made, in each way that there is. Raises `Stopped` where these are too many."""
    return _resolutions(term, _DEEP)


@lru_cache(1 << 10)
def _resolutions(term: Term, deep: int) -> Terms:
    match term:
        case Alt(branches=branches):
            return _few(each for branch in branches for each in _resolutions(branch, deep))
        case Seq() | Strict():
            return _joined(seq if isinstance(term, Seq) else strict, chain(term), deep)
        case Par(parts=parts):
            return _joined(par, parts, deep)
        case Loop(body=body, low=low, high=high):
            return _rounds(_resolutions(body, deep), low, low + ROUNDS if high is None else high)
        case Critical(body=body, has_begun=has_begun):
            return _few(critical(each, has_begun) for each in _resolutions(body, deep))
        case Ref(definition=definition):
            if not deep:
                raise Stopped(f"{definition.name!r} refers to itself")
            return _resolutions(definition.body, deep - 1)
    return (term,)


def _joined(make: Callable[..., Term], parts: Iterable[Term], deep: int) -> Terms:
    found: Terms = (EMPTY,)
    for part in reversed(list(parts)):
        rest = found
        found = _few(make(each, after) for each in _resolutions(part, deep) for after in rest)
    return found


def _rounds(once: Terms, low: int, high: int) -> Terms:
    found: list[Term] = []
    times: Terms = (EMPTY,)
    for count in range(high + 1):
        if count >= low:
            found += times
        if count < high:
            times = _few(seq(each, after) for each in once for after in times)
    return _few(found)


def _few(terms: Iterable[Term]) -> Terms:
    found: dict[Term, None] = {}
    for term in terms:
        found[term] = None
        if len(found) > MOST:
            raise Stopped(f"there are more than {MOST} of them")
    return tuple(found)
