"""Logs of several subscribers of one bus, put together: what one of them missed, another may have seen.

Events are known by their `EventId`. Those that two logs share say how the logs lie to each other, whatever the clocks
of their machines show; what only one of them holds has its place between the shared ones. Where each holds something
between two shared events that the other lacks, the order is a guess by the times, and what hangs on it is not judged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from runtime.runs.format import Run, RunError
from spec.monitor import Gap, Observed

FEWEST = 3
"""Copies by which a second clock is known."""
ALIKE = 0.1
"""Seconds by which the copies of two subscribers lie apart otherwise than by their clocks, at most."""
CLOCKS = "one log holds what subscribers with different clocks have seen: give the log of each as a file of its own"
GUESSED = "between events that the logs share each holds others: what only their order explains is not judged"


def merged(runs: Sequence[tuple[str, Run]]) -> Run:
    """The run that several named logs tell together. Raises `RunError` if nobody can say how they lie to each other."""
    (first, run), *others = runs
    for name, other in others:
        if (run.sight, run.in_order, run.roles) != (other.sight, other.in_order, other.roles):
            raise RunError(f"{first} and {name} are of observers that see different things: judge each by itself")
        if run.is_timed != other.is_timed:
            raise RunError(f"of {first} and {name} one has no times: judge each by itself")
        run = _both(run, other, f"{first} and {name}")
    return run


def _both(run: Run, other: Run, names: str) -> Run:
    places = {name: place for place, one in reversed([*enumerate(run.seen)]) if (name := name_of(one))}
    found = {name: place for place, one in reversed([*enumerate(other.seen)]) if (name := name_of(one)) in places}
    if not found:
        return _one_after_the_other(run, other, names)
    shared = sorted((place, places[name]) for name, place in found.items())
    ascending = [shared[0]]
    for here in shared[1:]:
        if here[1] > ascending[-1][1]:
            ascending.append(here)
    offset = median(run.seen[mine].at - other.seen[its].at for its, mine in ascending)
    copies = {place for place, one in enumerate(other.seen) if name_of(one) in found}
    theirs = [replace(one, at=one.at + offset) for one in other.seen]
    seen: list[Observed] = []
    is_guessed = len(ascending) < len(shared)
    bounds = [(-1, -1), *ascending, (len(other.seen), len(run.seen))]
    for (its, mine), (its_next, mine_next) in pairwise(bounds):
        if mine >= 0:
            seen.append(run.seen[mine])
        own = list(run.seen[mine + 1 : mine_next])
        added = [theirs[place] for place in range(its + 1, its_next) if place not in copies]
        is_between = mine >= 0 and mine_next < len(run.seen)
        own, added = _without_gaps(own, added) if is_between else (own, added)
        is_guessed = is_guessed or bool(own and added)
        seen += sorted([*own, *added], key=lambda one: one.at) if own and added else [*own, *added]
    return replace(
        run,
        seen=tuple(_in_time(seen)),
        misses=run.misses or other.misses or is_guessed,
        doubt=run.doubt or other.doubt or (GUESSED if is_guessed else ""),
    )


def _without_gaps(own: list[Observed], added: list[Observed]) -> tuple[list[Observed], list[Observed]]:
    """Between two shared events: where one subscriber missed something, the other has seen it."""
    gaps = [any(isinstance(one, Gap) for one in part) for part in (own, added)]
    if all(gaps):
        return own, added
    kept = [[one for one in part if not isinstance(one, Gap)] for part in (own, added)]
    return kept[0], kept[1]


def _one_after_the_other(run: Run, other: Run, names: str) -> Run:
    """Logs that share nothing: the later one follows a gap."""
    early, late = sorted((run, other), key=lambda one: one.seen[0].at)
    if not run.is_timed or early.seen[-1].at > late.seen[0].at:
        raise RunError(f"{names} share no event, so that nobody knows how they lie to each other: judge each by itself")
    gap = Gap(late.seen[0].at, f"{names} share no event: what was between them was not seen")
    return replace(early, seen=(*early.seen, gap, *late.seen), misses=run.misses or other.misses)


def _in_time(seen: Sequence[Observed]) -> Iterator[Observed]:
    """The same, none earlier than the one before it."""
    latest = seen[0].at
    for one in seen:
        latest = max(latest, one.at)
        yield replace(one, at=latest)


def name_of(seen: Observed) -> str:
    """The `EventId` of what was seen; empty if it is no event."""
    return str(getattr(getattr(seen, "event", None), "event_id", ""))


def has_two_clocks(seen: Sequence[Observed]) -> bool:
    """Whether copies of events show that subscribers with different clocks have seen them, and the order hangs on that.

    The times of one subscriber are later by much the same; MQTT's own repetitions come at any time.
    """
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for one in seen:
        if name := name_of(one):
            first[name] = min(first.get(name, one.at), one.at)
            last[name] = max(last.get(name, one.at), one.at)
    apart = [last[name] - first[name] for name in first if last[name] > first[name]]
    if len(apart) < FEWEST or sorted(first, key=first.__getitem__) == sorted(last, key=last.__getitem__):
        return False
    usual = median(apart)
    return usual > ALIKE and sum(abs(each - usual) <= ALIKE for each in apart) > len(apart) / 2
