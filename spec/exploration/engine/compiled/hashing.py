"""A hash set of keys, compiled by numba. No key is zero: zero stands for an empty place.

The highest bits of a key's hash say where to look for it, and the places after that are tried in turn. So a table of
twice the size has its keys in the same order, and grows where it is, from its end. The table is in parts, as many as
there are partitions: what belongs to one is never found in another, so each can be written by a thread of its own.
"""

import numpy as np
import numpy.typing as npt

from spec.exploration.engine.compiled.jit import bare, inlined
from spec.exploration.engine.packing import Words

PARTITION_BITS = 2
PARTITIONS = 1 << PARTITION_BITS
"""Parts of a table, and of the work. As many on every machine: the order in which states are met depends on it."""
TOGETHER = 1024
"""Keys whose places are asked for together, so that the processor can wait for many at once."""
BITS = np.uint64(64)
SPREAD = np.uint64(0x9E3779B97F4A7C15)


def homes() -> npt.NDArray[np.uint64]:
    """Room for as many places as are looked up together, and one."""
    return np.zeros(TOGETHER + 1, np.uint64)


@inlined
def _mix(value: np.uint64) -> np.uint64:
    """Multiplication spreads a key; its highest bits depend on all (Knuth, The Art of Computer Programming, 6.4)."""
    return (value ^ (value >> np.uint64(32))) * SPREAD


@inlined
def hash_of(keys, at, words):  # type: ignore[no-untyped-def]
    """Where to look for a key."""
    value = _mix(keys[at, 0])
    for word in range(1, words):
        value = _mix(value ^ keys[at, word])
    return value


def owners(keys: Words) -> npt.NDArray[np.uint8]:
    """The partitions to which keys belong."""
    value = np.zeros(len(keys), np.uint64)
    for word in range(keys.shape[1]):
        value ^= keys[:, word]
        value ^= value >> np.uint64(32)
        value *= SPREAD
    return (value >> (BITS - np.uint64(PARTITION_BITS))).astype(np.uint8)


@inlined
def _measures(size):  # type: ignore[no-untyped-def]
    """How far to shift a hash to get a place, and the mask of places in a part."""
    shift = BITS
    left = size
    while left > 1:
        left >>= 1
        shift -= np.uint64(1)
    return shift, np.uint64(size // PARTITIONS - 1)


@inlined
def _next(place, mask):  # type: ignore[no-untyped-def]
    """The place after one, in the same part."""
    return (place & ~mask) | ((place + np.uint64(1)) & mask)


@inlined
def _is_at(places, place, keys, at, words):  # type: ignore[no-untyped-def]
    same = places[place, 0] == keys[at, 0]
    for word in range(1, words):
        same &= places[place, word] == keys[at, word]
    return same


@inlined
def _put(places, place, keys, at, words):  # type: ignore[no-untyped-def]
    for word in range(words):
        places[place, word] = keys[at, word]


@bare
def spread(places, old, aside):  # type: ignore[no-untyped-def]
    """Make a table of all places out of one in the first `old` of them, which are half; false if that failed.

    From the end, each key moves up. A few cannot, until all are gone from where they belong; they wait in `aside`.
    """
    words = places.shape[1]
    shift, mask = _measures(places.shape[0])
    waiting = 0
    for back in range(old):
        at = np.uint64(old - 1 - back)
        if places[at, 0] == 0:
            continue
        if waiting == aside.shape[0]:
            return False
        place = hash_of(places, at, words) >> shift
        _put(aside, waiting, places, at, words)
        for word in range(words):
            places[at, word] = 0
        while place > at and places[place, 0] != 0:
            place = _next(place, mask)
        if place > at:
            _put(places, place, aside, waiting, words)
        else:
            waiting += 1
    for one in range(waiting):
        place = hash_of(aside, one, words) >> shift
        while places[place, 0] != 0:
            place = _next(place, mask)
        _put(places, place, aside, one, words)
    return True


@bare
def insert(places, keys, owned, filled, partition, is_new, homes):  # type: ignore[no-untyped-def]
    """Look up what has been collected for one partition, perhaps by several, and note what is new. Returns how much.

    `homes` is room for as many numbers as are looked up together, and one.
    """
    words = places.shape[1]
    shift, mask = _measures(places.shape[0])
    count = 0
    for source in range(keys.shape[0]):
        of, mine, new = keys[source], owned[source, partition], is_new[source]
        for begin in range(0, filled[source, partition], TOGETHER):
            some = min(TOGETHER, filled[source, partition] - begin)
            for one in range(some):  # all places are asked for before any is needed
                homes[one] = hash_of(of, mine[begin + one], words) >> shift
                homes[TOGETHER] |= places[homes[one], 0]
            for one in range(some):
                place = homes[one]
                at = mine[begin + one]
                while places[place, 0] != 0 and not _is_at(places, place, of, at, words):
                    place = _next(place, mask)
                new[at] = places[place, 0] == 0
                if new[at]:
                    _put(places, place, of, at, words)
                    count += 1
    return count


@bare
def append(keys, parents, begin, found, origins, is_new, count):  # type: ignore[no-untyped-def]
    """Append what is new of what one partition has collected."""
    words = keys.shape[1]
    for at in range(count):
        if is_new[at]:
            _put(keys, begin, found, at, words)
            parents[begin] = origins[at]
            begin += 1


@bare
def find(places, keys, begin, end, found):  # type: ignore[no-untyped-def]
    """Find the places of some keys, which are all there."""
    words = places.shape[1]
    shift, mask = _measures(places.shape[0])
    for at in range(begin, end):
        place = hash_of(keys, at, words) >> shift
        while not _is_at(places, place, keys, at, words):
            place = _next(place, mask)
        found[at] = place
