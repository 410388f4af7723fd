"""A hash set of keys, compiled by numba. No key is zero: zero stands for an empty place.

The highest bits of a key's hash say where to look for it, and the places after that are tried in turn. So a table of
twice the size has its keys in the same order, and grows where it is, from its end. The table is in parts, as many as
there are lanes: what belongs to one is never found in another, so each can be written by a thread of its own.
"""

import numpy as np

from spec.explorer.compiled import compiled, inlined

LANE_BITS = 2
LANES = 1 << LANE_BITS
"""Parts of a table, and of the work. As many on every machine: the order in which states are met depends on it."""
TOGETHER = 1024
"""Keys whose places are asked for together, so that the processor can wait for many at once."""
BITS = np.uint64(64)


@inlined
def _mix(value: np.uint64) -> np.uint64:
    """Multiplication spreads a key; its highest bits depend on all (Knuth, The Art of Computer Programming, 6.4)."""
    return (value ^ (value >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)


@inlined
def hash_of(keys, at, words):  # type: ignore[no-untyped-def]
    """Where to look for a key."""
    value = _mix(keys[at, 0])
    for word in range(1, words):
        value = _mix(value ^ keys[at, word])
    return value


@inlined
def _measures(size):  # type: ignore[no-untyped-def]
    """How far to shift a hash to get a place, and the mask of places in a part."""
    shift = BITS
    left = size
    while left > 1:
        left >>= 1
        shift -= np.uint64(1)
    return shift, np.uint64(size // LANES - 1)


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


@compiled
def fill(keys, count, places, lane):  # type: ignore[no-untyped-def]
    """Put those of the first `count` keys that belong to a lane into its part, which is empty."""
    words = keys.shape[1]
    shift, mask = _measures(places.shape[0])
    homes = np.zeros(TOGETHER + 1, np.uint64)
    which = np.zeros(TOGETHER + 1, np.int64)
    at = 0
    while at < count:
        some = 0
        while at < count and some < TOGETHER:  # all places are asked for before any is needed
            value = hash_of(keys, at, words)
            if value >> (BITS - np.uint64(LANE_BITS)) == np.uint64(lane):
                homes[some] = value >> shift
                which[some] = at
                homes[TOGETHER] |= places[homes[some], 0]
                some += 1
            at += 1
        for one in range(some):
            place = homes[one]
            while places[place, 0] != 0:
                place = _next(place, mask)
            _put(places, place, keys, which[one], words)


@compiled
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


@compiled
def insert(places, keys, owned, filled, lane, is_new):  # type: ignore[no-untyped-def]
    """Look up what all lanes have collected for one of them, and note what is new."""
    words = places.shape[1]
    shift, mask = _measures(places.shape[0])
    homes = np.zeros(TOGETHER + 1, np.uint64)
    for source in range(LANES):
        of, mine, new = keys[source], owned[source, lane], is_new[source]
        for begin in range(0, filled[source, lane], TOGETHER):
            some = min(TOGETHER, filled[source, lane] - begin)
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


@compiled
def append(keys, parents, begin, found, origins, is_new, count):  # type: ignore[no-untyped-def]
    """Append what is new of what one lane has collected."""
    words = keys.shape[1]
    for at in range(count):
        if is_new[at]:
            _put(keys, begin, found, at, words)
            parents[begin] = origins[at]
            begin += 1


@compiled
def number(keys, begin, end, places, numbers):  # type: ignore[no-untyped-def]
    """Note the numbers of some keys at their places in the hash table."""
    words = keys.shape[1]
    shift, mask = _measures(places.shape[0])
    for at in range(begin, end):
        place = hash_of(keys, at, words) >> shift
        while not _is_at(places, place, keys, at, words):
            place = _next(place, mask)
        numbers[place] = at


@compiled
def find(places, numbers, keys, count, found):  # type: ignore[no-untyped-def]
    """Look up the numbers of some keys, which are all there."""
    words = places.shape[1]
    shift, mask = _measures(places.shape[0])
    for at in range(count):
        place = hash_of(keys, at, words) >> shift
        while not _is_at(places, place, keys, at, words):
            place = _next(place, mask)
        found[at] = numbers[place]
