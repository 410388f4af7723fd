"""The inner loop of the search, compiled by numba: a hash set of packed states, and no word of any protocol.

It expands states by tables (`spec.explorer.tables`). Where a table has a hole, the state is put aside and the hole is
noted; whoever called fills the holes and calls again. Successors are collected before they are looked up, so that the
processor can wait for many places of the hash table at once.
"""

import numpy as np
from numba import njit

EXPANDED = 0
"""All states were expanded, or put aside."""
FULL = 1
"""There has to be more room before the search can go on."""

BUFFER = 4096
"""Successors that are looked up together."""


@njit(cache=True, inline="always")
def _mix(value: np.uint64) -> np.uint64:
    """A finaliser of MurmurHash3 (Appleby): each bit of the result depends on each bit of the value."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@njit(cache=True, inline="always")
def _hash(keys, at, words):  # type: ignore[no-untyped-def]
    value = _mix(keys[at, 0])
    for word in range(1, words):
        value = _mix(value ^ keys[at, word])
    return value


@njit(cache=True)
def rehash(keys, count, places):  # type: ignore[no-untyped-def]
    """Put the first `count` keys into an empty hash table."""
    words = keys.shape[1]
    mask = np.uint64(places.shape[0] - 1)
    for at in range(count):
        place = _hash(keys, at, words) & mask
        while places[place, 0] != 0:
            place = (place + np.uint64(1)) & mask
        for word in range(words):
            places[place, word] = keys[at, word]


@njit(cache=True)
def find(keys, count, places, buffer, origin, filled, parents):  # type: ignore[no-untyped-def]
    """Look the buffer up; what is new is appended to the keys. Returns how many keys there are."""
    words = keys.shape[1]
    mask = np.uint64(places.shape[0] - 1)
    for at in range(filled):
        place = _hash(buffer, at, words) & mask
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


@njit(cache=True)
def unpack(keys, at, layout, row):  # type: ignore[no-untyped-def]
    """The row of a state; `layout` gives word, shift and mask of each component."""
    for component in range(layout.shape[0]):
        word, shift = layout[component, 0], layout[component, 1]
        row[component] = np.int64((keys[at, word] >> shift) & layout[component, 2])
    row[layout.shape[0] - 1] -= 1


@njit(cache=True, inline="always")
def _pack(row, layout, buffer, at):  # type: ignore[no-untyped-def]
    for word in range(buffer.shape[1]):
        buffer[at, word] = 0
    last = layout.shape[0] - 1
    for component in range(last):
        buffer[at, layout[component, 0]] |= np.uint64(row[component]) << layout[component, 1]
    buffer[at, layout[last, 0]] |= np.uint64(row[last] + 1) << layout[last, 1]


@njit(cache=True)
def expand(  # type: ignore[no-untyped-def]
    todo,
    begin,
    end,
    keys,
    parents,
    count,
    places,
    layout,
    first,
    steps,
    pushes,
    push_base,
    push_width,
    publication_first,
    publications,
    accounts,
    idle,
    rename,
    holes,
    aside,
    counters,
):
    """Expand the states `todo[begin:end]` (or, where `todo` is empty, the states of these numbers).

    Returns what stopped it, where, how many keys, holes and states put aside there are, and what is still to be looked
    up. `counters` are transitions, and states from which nothing can happen.
    """
    components = layout.shape[0] - 1
    words = keys.shape[1]
    room = places.shape[0] * 5 // 8
    room = min(room, keys.shape[0])
    buffer = np.zeros((BUFFER, words), np.uint64)
    origin = np.zeros(BUFFER, np.uint32)
    filled = 0
    noted = 0
    put_aside = 0
    row = np.zeros(components + 1, np.int64)
    then = np.zeros(components + 1, np.int64)
    best = np.zeros(components + 1, np.int64)
    trial = np.zeros(components + 1, np.int64)
    place = begin
    while place < end:
        at = todo[place] if todo.shape[0] else place
        if filled > BUFFER // 2:
            if count + filled > room:
                return FULL, place, count, noted, put_aside, filled, buffer, origin
            count = find(keys, count, places, buffer, origin, filled, parents)
            filled = 0
        if noted > holes.shape[0] - BUFFER or put_aside >= aside.shape[0]:
            break
        unpack(keys, at, layout, row)
        whole = True
        for component in range(components):
            if first[component, row[component], 0] < 0:
                holes[noted, 0] = 0
                holes[noted, 1] = component
                holes[noted, 2] = row[component]
                noted += 1
                whole = False
        started = filled
        edges = 0
        if whole:
            quiet = True
            for component in range(components):
                if not idle[component, row[component]]:
                    quiet = False
                    break
            for component in range(components):
                slot = row[component]
                for step in range(first[component, slot, 0], first[component, slot, 1]):
                    if steps[step, 4] and not quiet:
                        continue
                    account = accounts[row[components], steps[step, 2]]
                    if account >= 0 and steps[step, 3]:
                        account = accounts[account, steps[step, 3]]
                    if account >= 0 and steps[step, 5]:
                        account = accounts[account, steps[step, 5]]
                    if account == -1:
                        continue
                    if account < 0:
                        holes[noted, 0] = 2
                        holes[noted, 1] = row[components]
                        holes[noted, 2] = step
                        noted += 1
                        whole = False
                        continue
                    number = steps[step, 1]
                    if number == 0 and rename.shape[0] == 1:
                        # Nobody else is concerned: the key differs in one field, and in the account.
                        for word in range(words):
                            buffer[filled, word] = keys[at, word]
                        change = np.uint64(np.int64(steps[step, 0]) - row[component])
                        buffer[filled, layout[component, 0]] += change << layout[component, 1]
                        change = np.uint64(np.int64(account) - row[components])
                        buffer[filled, layout[components, 0]] += change << layout[components, 1]
                        origin[filled] = at
                        filled += 1
                        edges += 1
                        continue
                    for other in range(components):
                        then[other] = row[other]
                    then[component] = steps[step, 0]
                    then[components] = account
                    known = True
                    for entry in range(publication_first[number], publication_first[number + 1]):
                        other = publications[entry, 0]
                        pushed = pushes[push_base[other] + then[other] * push_width[other] + publications[entry, 1]]
                        if pushed < 0:
                            holes[noted, 0] = 1
                            holes[noted, 1] = other
                            holes[noted, 2] = then[other]
                            holes[noted, 3] = publications[entry, 1]
                            noted += 1
                            known = False
                            break
                        then[other] = pushed
                    if known and rename.shape[0] > 1:
                        # The least of the equivalent rows stands for all of them.
                        for other in range(components + 1):
                            best[other] = then[other]
                        noted_before = noted
                        for way in range(1, rename.shape[0]):
                            trial[components] = then[components]
                            for other in range(components):
                                named = rename[way, other, then[other]]
                                if named < 0:
                                    holes[noted, 0] = 3
                                    holes[noted, 1] = other
                                    holes[noted, 2] = then[other]
                                    noted += 1
                                    known = False
                                    break
                                if other == 0 and named > best[0]:
                                    known = False  # what comes first in a row is larger already
                                    break
                                trial[np.int64(rename[way, components, other])] = named
                            if not known:
                                if noted_before == noted:
                                    known = True
                                    continue
                                break
                            for other in range(components):
                                if trial[other] != best[other]:
                                    if trial[other] < best[other]:
                                        for again in range(components):
                                            best[again] = trial[again]
                                    break
                        for other in range(components):
                            then[other] = best[other]
                    if not known:
                        whole = False
                        continue
                    edges += 1
                    _pack(then, layout, buffer, filled)
                    origin[filled] = at
                    filled += 1
        if whole:
            counters[0] += edges
            if edges == 0:
                counters[1] += 1
        else:
            filled = started
            aside[put_aside] = at
            put_aside += 1
        place += 1
    if count + filled > room:
        return FULL, place, count, noted, put_aside, filled, buffer, origin
    count = find(keys, count, places, buffer, origin, filled, parents)
    return EXPANDED, place, count, noted, put_aside, 0, buffer, origin


@njit(cache=True)
def scan(begin, end, keys, layout, masks, account_masks, watched, hits):  # type: ignore[no-untyped-def]
    """Look for the bits that all components of a state have in common; note the first state that has each."""
    components = layout.shape[0] - 1
    row = np.zeros(components + 1, np.int64)
    for at in range(begin, end):
        unpack(keys, at, layout, row)
        for word in range(watched.shape[0]):
            hit = account_masks[row[components], word] & watched[word]
            for component in range(components):
                hit &= masks[component, row[component], word]
            while hit:
                number = 0
                bit = hit & (~hit + np.uint64(1))
                watched[word] ^= bit
                hit ^= bit
                while bit > np.uint64(1):
                    bit >>= np.uint64(1)
                    number += 1
                hits[word * 64 + number] = at
