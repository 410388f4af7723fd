"""The inner loop of the search, compiled by numba: it knows states as packed numbers, and no word of any protocol.

It expands states by tables (`spec.explorer.tables`). Where a table has a hole, the state is put aside and the hole is
noted; whoever called fills the holes and calls again. Successors are collected before they are looked up, so that the
processor can wait for many places of the hash table at once.
"""

from typing import NamedTuple

import numpy as np

from spec.explorer.compiled import bare, compiled, inlined
from spec.explorer.hashing import find, hash_of
from spec.explorer.ragged import HOLE, Ints, Numbers
from spec.explorer.tables import (
    AFTER,
    BREAKS,
    BROKEN,
    EMPTY,
    LEADERS,
    LOCAL_NAME,
    PUSH,
    QUEUE_NAME,
    SITUATION,
    UNMARKED,
)

EXPANDED = 0
"""All states were expanded, or put aside."""
FULL = 1
"""There has to be more room before the search can go on."""

BUFFER = 4096
"""Successors that are looked up together."""
NOTED = -2
"""In place of a hole that was noted already."""


class Aside(NamedTuple):
    """What an expansion leaves behind: holes, states put aside, and how many; and what it counted."""

    holes: Ints
    states: Numbers
    counts: Numbers
    """Holes, states put aside, transitions, states from which nothing can happen."""
    scratch: Numbers
    """Room for a few states, by component."""


@inlined
def _unpack(keys, at, fields, local, queue):  # type: ignore[no-untyped-def]
    last = local.shape[0]
    for component in range(last):
        here = keys[at, fields[component, 0]]
        local[component] = np.int64((here >> fields[component, 1]) & fields[component, 2])
        here = keys[at, fields[component, 3]]
        queue[component] = np.int64((here >> fields[component, 4]) & fields[component, 5])
    return np.int64((keys[at, 0] >> fields[last, 1]) & fields[last, 2]) - 1


@inlined
def _pack(local, queue, account, fields, buffer, at):  # type: ignore[no-untyped-def]
    last = local.shape[0]
    for word in range(1, buffer.shape[1]):
        buffer[at, word] = 0
    if buffer.shape[1] == 1:
        key = np.uint64(account + 1) << fields[last, 1]
        for component in range(last):
            key |= np.uint64(local[component]) << fields[component, 1]
            key |= np.uint64(queue[component]) << fields[component, 4]
        buffer[at, 0] = key
    else:
        buffer[at, 0] = np.uint64(account + 1) << fields[last, 1]
        for component in range(last):
            buffer[at, fields[component, 0]] |= np.uint64(local[component]) << fields[component, 1]
            buffer[at, fields[component, 3]] |= np.uint64(queue[component]) << fields[component, 4]


@inlined
def _change(keys, of, component, local, queue, account, fields, buffer, at):  # type: ignore[no-untyped-def]
    """The key of a state, but for one component and the account, which change by so much."""
    for word in range(keys.shape[1]):
        buffer[at, word] = keys[of, word]
    buffer[at, 0] += np.uint64(account) << fields[fields.shape[0] - 1, 1]
    buffer[at, fields[component, 0]] += np.uint64(local) << fields[component, 1]
    buffer[at, fields[component, 3]] += np.uint64(queue) << fields[component, 4]


@bare
def _note(holes, counts, kind, first, second, third, fourth, fifth):  # type: ignore[no-untyped-def]
    number = counts[0]
    holes[number, 0] = kind
    holes[number, 1] = first
    holes[number, 2] = second
    holes[number, 3] = third
    holes[number, 4] = fourth
    holes[number, 5] = fifth
    counts[0] = number + 1


@inlined
def _meet(local, queue, account, busy, heads, shapes, situations, holes, counts, found):  # type: ignore[no-untyped-def]
    """The situation of each component; false if one is not known."""
    whole = True
    quiet = 1
    for component in range(local.shape[0]):
        if queue[component] != EMPTY or busy[component, local[component]]:
            quiet = 0
            break
    for component in range(local.shape[0]):
        head = heads[component, queue[component]]
        shape = shapes[component, local[component], head]
        situation = situations[shape, account, quiet] if shape >= 0 else shape
        if situation < 0:
            if situation == HOLE:
                _note(holes, counts, SITUATION, component, local[component], head, account, quiet)
                if shape < 0:
                    shapes[component, local[component], head] = NOTED
                else:
                    situations[shape, account, quiet] = NOTED
            whole = False
        found[component] = situation
    return whole


@inlined
def _move(component, then, edit, local, queue, after, after_at, marked, unmarked, holes, counts):  # type: ignore[no-untyped-def]
    """Do a step, but for what it publishes; false if it is not known what becomes of the component."""
    place = after_at[component, 0] + queue[component] * after_at[component, 1] + edit
    left = np.int64(after[place])
    if left == HOLE:
        after[place] = NOTED
        _note(holes, counts, AFTER, component, queue[component], edit, 0, 0)
    plain = np.int64(then)
    if left >= 0 and unmarked.shape[1] and not marked[component, left]:
        plain = np.int64(unmarked[component, then])
        if plain == HOLE:
            unmarked[component, then] = NOTED
            _note(holes, counts, UNMARKED, component, then, 0, 0, 0)
    local[component] = plain
    queue[component] = left
    return left >= 0 and plain >= 0


@inlined
def _publish(first, end, publications, local, queue, online, broken, push, push_at, holes, counts):  # type: ignore[no-untyped-def]
    """Push to all receivers; false if it is not known what becomes of one."""
    is_known = True
    for entry in range(first, end):
        receiver = publications[entry, 0]
        pushed = publications[entry, 1]
        connected = online[receiver, local[receiver]]
        if connected and pushed == BREAKS:
            ending = np.int64(broken[receiver, local[receiver]])
            if ending == HOLE:
                broken[receiver, local[receiver]] = NOTED
                _note(holes, counts, BROKEN, receiver, local[receiver], 0, 0, 0)
            is_known = bool(ending >= 0)
            if is_known:
                local[receiver] = ending
                queue[receiver] = EMPTY
        elif connected or pushed == BREAKS:
            place = push_at[receiver, 0] + queue[receiver] * push_at[receiver, 1] + pushed
            longer = np.int64(push[place])
            if longer == HOLE:
                push[place] = NOTED
                _note(holes, counts, PUSH, receiver, queue[receiver], pushed, 0, 0)
            is_known = bool(longer >= 0)
            if is_known:
                queue[receiver] = longer
        if not is_known:
            break
    return is_known


@inlined
def _queue_name(way, component, queue, names, names_at, holes, counts):  # type: ignore[no-untyped-def]
    name = np.int64(queue)
    if way:
        place = names_at[component, 0] + queue * names_at[component, 1] + way
        name = np.int64(names[place])
        if name == HOLE:
            names[place] = NOTED
            _note(holes, counts, QUEUE_NAME, way, component, queue, 0, 0)
    return name


@inlined
def _local_name(way, component, local, names, holes, counts):  # type: ignore[no-untyped-def]
    name = np.int64(local)
    if way:
        name = np.int64(names[way, component, local])
        if name == HOLE:
            names[way, component, local] = NOTED
            _note(holes, counts, LOCAL_NAME, way, component, local, 0, 0)
    return name


@bare
def _rename(  # type: ignore[no-untyped-def]
    first, end, leaders, inverse, local_names, queue_names, names_at, holes, counts, local, queue, least, least_queue
):
    """Of the states that some ways make of this one, the least; false if not all names are known.

    The numbers are compared in the order in which they stand in keys.
    """
    best = np.int64(-1)
    for entry in range(first, end):
        way = np.int64(leaders[entry])
        less = best < 0
        worse = False
        for place in range(1, local.shape[0]):
            component = inverse[way, place]
            one = _local_name(way, component, local[component], local_names, holes, counts)
            other = _queue_name(way, component, queue[component], queue_names, names_at, holes, counts)
            if one < 0 or other < 0:
                return False
            if not less:
                if one > least[place] or (one == least[place] and other > least_queue[place]):
                    worse = True
                    break
                less = one != least[place] or other != least_queue[place]
            if less:
                least[place] = one
                least_queue[place] = other
        if worse:
            continue
        other = _queue_name(way, 0, queue[0], queue_names, names_at, holes, counts)
        if other < 0:
            return False
        if less or other < least_queue[0]:
            best = way
            least_queue[0] = other
    least[0] = _local_name(best, 0, local[0], local_names, holes, counts)
    return least[0] >= 0


@bare
def _successors(todo, place, end, keys, fields, known, aside, buffer, origin, filled):  # type: ignore[no-untyped-def]
    """Append the successors of states to the buffer, until it is half full; returns the next place and how many."""
    # Taken out of their tuples once, since numba counts references whenever an array is taken out.
    busy, online, heads, marked, shapes = known.busy, known.online, known.heads, known.marked, known.shapes
    situations, begins, steps, after, after_at = (
        known.situations, known.begins, known.steps, known.after, known.after_at,
    )  # fmt: skip
    push, push_at, broken, unmarked = known.push, known.push_at, known.broken, known.unmarked
    fans, publications, inverse = known.publication_first, known.publications, known.inverse
    local_names, queue_names, names_at = known.local_names, known.queue_names, known.queue_names_at
    leader_of, leader_first, leaders = known.leader_of, known.leader_first, known.leaders
    holes, put_aside, counts = aside.holes, aside.states, aside.counts
    components = heads.shape[0]
    scratch = aside.scratch
    local, queue, then_local, then_queue = scratch[0], scratch[1], scratch[2], scratch[3]
    least, least_queue, found = scratch[4], scratch[5], scratch[6]
    is_named = local_names.shape[0] > 1
    while place < end and filled <= buffer.shape[0] // 2 and counts[0] < holes.shape[0] // 2:
        at = todo[place] if todo.shape[0] else place
        place += 1
        account = _unpack(keys, at, fields, local, queue)
        whole = _meet(local, queue, account, busy, heads, shapes, situations, holes, counts, found)
        started = filled
        if whole:
            for component in range(components):
                then_local[component] = local[component]
                then_queue[component] = queue[component]
            for component in range(components):
                for step in range(begins[found[component]], begins[found[component] + 1]):
                    then, edit, publication = steps[step, 0], steps[step, 1], steps[step, 2]
                    is_known = _move(
                        component, then, edit, then_local, then_queue, after, after_at, marked, unmarked, holes, counts
                    )
                    if is_known and publication:
                        is_known = _publish(
                            fans[publication], fans[publication + 1], publications,
                            then_local, then_queue, online, broken, push, push_at, holes, counts,
                        )  # fmt: skip
                    is_renamed = False
                    if is_known and is_named:
                        leader = np.int64(leader_of[then_local[0]])
                        if leader == HOLE:
                            leader_of[then_local[0]] = NOTED
                            _note(holes, counts, LEADERS, then_local[0], 0, 0, 0, 0)
                        is_known = leader >= 0
                        first, last = leader_first[leader], leader_first[leader + 1]
                        if is_known and (last > first + 1 or leaders[first]):  # not the identity alone
                            is_renamed = True
                            is_known = _rename(
                                first, last, leaders, inverse, local_names,
                                queue_names, names_at, holes, counts, then_local, then_queue, least, least_queue,
                            )  # fmt: skip
                    if is_known and is_renamed:
                        _pack(least, least_queue, steps[step, 3], fields, buffer, filled)
                    elif is_known and not publication:
                        _change(
                            keys, at, component, then_local[component] - local[component],
                            then_queue[component] - queue[component], steps[step, 3] - account, fields, buffer, filled,
                        )  # fmt: skip
                    elif is_known:
                        _pack(then_local, then_queue, steps[step, 3], fields, buffer, filled)
                    if is_known:
                        origin[filled] = at
                        filled += 1
                    whole &= is_known
                    then_local[component] = local[component]
                    then_queue[component] = queue[component]
                    if publication:
                        for other in range(components):
                            then_local[other] = local[other]
                            then_queue[other] = queue[other]
        if whole:
            counts[2] += filled - started
            counts[3] += filled == started
        else:
            filled = started
            put_aside[counts[1]] = at
            counts[1] += 1
    return place, filled


@compiled
def pack_anew(keys, count, old, new, made):  # type: ignore[no-untyped-def]
    """Pack keys by another layout: word, shift and mask of each number. They may be made where they are."""
    key = np.zeros(made.shape[1], np.uint64)
    for at in range(count):
        key[:] = 0
        for place in range(old.shape[0]):
            number = (keys[at, np.int64(old[place, 0])] >> old[place, 1]) & old[place, 2]
            key[np.int64(new[place, 0])] |= number << new[place, 1]
        made[at] = key


@compiled
def expand(  # type: ignore[no-untyped-def]
    todo, place, end, keys, parents, count, places, fields, known, aside, buffer, origin
):
    """Expand the states `todo[place:end]` (or, where `todo` is empty, the states of these numbers).

    Returns what stopped it, where, how many keys there are, and how much of the buffer is still to be looked up.
    """
    room = min(places.shape[0] * 5 // 8, keys.shape[0])
    filled = 0
    while place < end and aside.counts[0] < aside.holes.shape[0] // 2:
        place, filled = _successors(todo, place, end, keys, fields, known, aside, buffer, origin, filled)
        if count + filled > room:
            return FULL, place, count, filled
        count = find(keys, count, places, buffer, origin, filled, parents)
        filled = 0
    return EXPANDED, place, count, 0


@compiled
def edges(todo, place, end, keys, places, numbers, fields, known, aside, buffer, origin, found):  # type: ignore[no-untyped-def]
    """Note origins and numbers of successors, which are all known; returns the next place and how many."""
    words = keys.shape[1]
    mask = np.uint64(places.shape[0] - 1)
    noted = 0
    while place < end and noted + buffer.shape[0] <= found.shape[1] and aside.counts[0] < aside.holes.shape[0] // 2:
        place, filled = _successors(todo, place, end, keys, fields, known, aside, buffer, origin, 0)
        for at in range(filled):
            there = hash_of(buffer, at, words) & mask
            while True:
                same = True
                for word in range(words):
                    same &= places[there, word] == buffer[at, word]
                if same:
                    break
                there = (there + np.uint64(1)) & mask
            found[0, noted + at] = origin[at]
            found[1, noted + at] = numbers[there]
        noted += filled
    return place, noted


@compiled
def scan(begin, end, keys, fields, busy, masks, account_masks, watched, hits):  # type: ignore[no-untyped-def]
    """Look for the bits that all components of a state have in common; note the first state that has each."""
    components = masks.shape[0]
    local = np.zeros(components, np.int64)
    queue = np.zeros(components, np.int64)
    side = np.zeros(components, np.int64)
    for at in range(begin, end):
        account = _unpack(keys, at, fields, local, queue)
        for component in range(components):
            idle = queue[component] == EMPTY and not busy[component, local[component]]
            side[component] = 2 * local[component] + idle
        for word in range(watched.shape[0]):
            hit = account_masks[account, word] & watched[word]
            for component in range(components):
                hit &= masks[component, side[component], word]
            while hit:
                place = 0
                bit = hit & (~hit + np.uint64(1))
                watched[word] ^= bit
                hit ^= bit
                while bit > np.uint64(1):
                    bit >>= np.uint64(1)
                    place += 1
                hits[word * 64 + place] = at
