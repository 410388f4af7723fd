"""States as words: the numbers of a row side by side in 64 bits, or in several words where they take more.

The fields are as wide as the numbers that have been met need, and share what is left of a word: the wider get far
more, since they go on growing. So most systems fit in one word. Where a number outgrows its field, the keys are packed
anew. The budget stands in the lowest bits of the first word, plus one, so that no key is zero. The components begin
with the highest bits: keys are ordered as their rows are, but for the budget.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]

WORD = 64
MOST_BITS = 31
"""Tables hold numbers of 32 bits with a sign."""


def layout_of(sizes: Sequence[int]) -> Words:
    """For each number of a row, of which there are so many, where it stands in a key: word, shift and mask."""
    last = len(sizes) - 1
    needed = [max(1, (size + (place == last)).bit_length()) for place, size in enumerate(sizes)]
    words: list[list[int]] = [[last]]
    for place in range(last):
        if sum(needed[other] for other in words[-1]) + needed[place] > WORD:
            words.append([])
        words[-1].append(place)
    layout = np.zeros((len(sizes), 3), np.uint64)
    for number, places in enumerate(words):
        bits = {place: needed[place] for place in places}

        def spare(place: int, bits: dict[int, int] = bits) -> float:
            return (bits[place] - needed[place] + 1) / needed[place] ** 2

        while sum(bits.values()) < WORD and any(width < MOST_BITS for width in bits.values()):
            bits[min(bits, key=lambda place: (bits[place] >= MOST_BITS, spare(place)))] += 1
        shift = 0
        for place in sorted(places, reverse=True):
            layout[place] = (number, shift, (1 << bits[place]) - 1)
            shift += bits[place]
    return layout


def words_of(layout: Words) -> int:
    """How many words a key takes."""
    return int(layout[:, 0].max()) + 1


def fits(sizes: Sequence[int], layout: Words) -> bool:
    """Whether numbers below these sizes stand in their fields."""
    last = len(sizes) - 1
    return all(size + (place == last) <= int(layout[place, 2]) + 1 for place, size in enumerate(sizes))


def field(keys: Words, layout: Words, place: int) -> Numbers:
    """One number of each of the rows (the budget plus one)."""
    word, shift, mask = layout[place]
    found: Numbers = ((keys[:, int(word)] >> shift) & mask).view(np.int64)
    return found


def pack(rows: Numbers, layout: Words) -> Words:
    """The keys of rows."""
    keys = np.zeros((len(rows), words_of(layout)), np.uint64)
    last = len(layout) - 1
    for place, (word, shift, _) in enumerate(layout):
        keys[:, int(word)] |= (rows[:, place] + (place == last)).astype(np.uint64) << shift
    return keys


def unpack(keys: Words, layout: Words) -> Numbers:
    """The rows of keys."""
    rows = np.stack([field(keys, layout, place) for place in range(len(layout))], axis=1)
    rows[:, -1] -= 1
    return rows


def places(components: int) -> list[tuple[int, int]]:
    """Where the local state and the queues of each component stand among the numbers of a state.

    The first component knows the others by name and has the most queues, so these come last: what differs in names
    only is told apart before they matter.
    """
    return [(0, 2 * components - 1), *((2 * place - 1, 2 * place) for place in range(1, components))]
