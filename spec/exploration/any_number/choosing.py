"""Several of many, one choice for each way in which they matter together: without trying each combination.

Most of many matter as many others do, so those of a kind are tried in turn only until some can be chosen.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations_with_replacement

Places = tuple[int, ...]
"""What is chosen, by where it stands, in ascending order."""


def first_of_each(
    kinds: Sequence[Hashable],
    counts: range,
    together: Callable[[Places], Hashable],
    fit: Callable[[int, int], bool],
    can_be: Callable[[Places], bool],
) -> Iterator[Places]:
    """Of each way to matter `together` the first choice, in the order of all combinations, with repetitions.

    `kinds` says of each of many how it matters; those of a kind do so alike. Each two that are chosen have to `fit`,
    and all of them `can_be` chosen.
    """
    for count in counts:
        first: dict[Hashable, Places] = {}
        for wanted in combinations_with_replacement(dict.fromkeys(kinds), count):
            places = _first(kinds, Counter(wanted), fit, can_be, ())
            if places is not None:
                way = together(places)
                first[way] = min(places, first.get(way, places))
        yield from sorted(first.values())


def _first(
    kinds: Sequence[Hashable],
    wanted: "Counter[Hashable]",
    fit: Callable[[int, int], bool],
    can_be: Callable[[Places], bool],
    chosen: Places,
) -> Places | None:
    """The first that are of the kinds that are wanted, after those that are chosen."""
    if not wanted.total():
        return chosen if can_be(chosen) else None
    for place in range(chosen[-1] if chosen else 0, len(kinds)):
        if wanted[kinds[place]] and all(fit(other, place) for other in chosen):
            found = _first(kinds, wanted - Counter((kinds[place],)), fit, can_be, (*chosen, place))
            if found is not None:
                return found
    return None
