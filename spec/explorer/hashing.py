"""A hash set of keys, compiled by numba. No key is zero: zero stands for an empty place."""

import numpy as np

from spec.explorer.compiled import compiled, inlined

TOGETHER = 4096
"""Keys whose places are asked for together, so that the processor can wait for many at once."""


@inlined
def _mix(value: np.uint64) -> np.uint64:
    """A finaliser of MurmurHash3 (Appleby): each bit of the result depends on each bit of the value."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@inlined
def hash_of(keys, at, words):  # type: ignore[no-untyped-def]
    """Where to look for a key."""
    value = _mix(keys[at, 0])
    for word in range(1, words):
        value = _mix(value ^ keys[at, word])
    return value


@compiled
def rehash(keys, count, places):  # type: ignore[no-untyped-def]
    """Put the first `count` keys into an empty hash table."""
    words = keys.shape[1]
    mask = np.uint64(places.shape[0] - 1)
    home = np.zeros(TOGETHER + 1, np.uint64)
    for begin in range(0, count, TOGETHER):
        some = min(TOGETHER, count - begin)
        for at in range(some):  # all places are asked for before any is needed
            home[at] = hash_of(keys, begin + at, words) & mask
            home[TOGETHER] |= places[home[at], 0]
        for at in range(some):
            place = home[at]
            while places[place, 0] != 0:
                place = (place + np.uint64(1)) & mask
            for word in range(words):
                places[place, word] = keys[begin + at, word]


@compiled
def find(keys, count, places, buffer, origin, filled, parents):  # type: ignore[no-untyped-def]
    """Look the buffer up; what is new is appended to the keys. Returns how many keys there are."""
    words = keys.shape[1]
    mask = np.uint64(places.shape[0] - 1)
    home = np.empty(filled + 1, np.uint64)
    home[filled] = 0
    for at in range(filled):  # all places are asked for before any is needed
        home[at] = hash_of(buffer, at, words) & mask
        home[filled] |= places[home[at], 0]
    for at in range(filled):
        place = home[at]
        while True:
            if places[place, 0] == 0:
                for word in range(words):
                    places[place, word] = buffer[at, word]
                    keys[count, word] = buffer[at, word]
                parents[count] = origin[at]
                count += 1
                break
            same = True
            for word in range(words):
                if places[place, word] != buffer[at, word]:
                    same = False
                    break
            if same:
                break
            place = (place + np.uint64(1)) & mask
    return count


@compiled
def number(keys, count, places, numbers):  # type: ignore[no-untyped-def]
    """Note the number of each key at its place in the hash table."""
    words = keys.shape[1]
    mask = np.uint64(places.shape[0] - 1)
    for at in range(count):
        place = hash_of(keys, at, words) & mask
        while True:
            same = True
            for word in range(words):
                same &= places[place, word] == keys[at, word]
            if same:
                numbers[place] = at
                break
            place = (place + np.uint64(1)) & mask
