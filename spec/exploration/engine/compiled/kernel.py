"""The inner loop of the search, compiled by numba: it knows states as packed numbers, and no word of any protocol.

It expands states by tables (`spec.exploration.engine`). Where a table has a hole, the state is put aside and the hole
is noted; whoever called fills the holes and calls again. Successors are collected before they are looked up: the
processor waits for many places of the hash table at once.
"""

from typing import NamedTuple

import numpy as np

from spec.exploration.engine.compiled.hashing import BITS, PARTITION_BITS, hash_of
from spec.exploration.engine.compiled.jit import bare, inlined
from spec.exploration.engine.packing import Words
from spec.exploration.engine.queue_tables import BREAKS, EMPTY
from spec.exploration.engine.ragged import HOLE, Ints, Numbers
from spec.exploration.engine.search import Origins
from spec.exploration.engine.tables import (
    AFTER,
    BROKEN,
    LEADERS,
    LOCAL_NAME,
    PUSH,
    QUEUE_NAME,
    SHAPE,
    SITUATION,
    UNMARKED,
)

HOLES = 1 << 16
"""Room for holes: a state may note a few for each that it counts as unknown."""
MOST_UNKNOWN = HOLES // 8
"""Steps that are not known, after which a partition stops (holes depend on what other partitions have noted)."""
NOTED = -2
"""In place of a hole that was noted already."""
ZERO = np.int64(0)
"""A literal would be a type of its own, for which numba compiles again."""
NOTES, ASIDE, TAKEN, AT_REST, UNKNOWN = range(5)
"""What a partition counts: holes, states put aside, transitions, states without a step, unknown steps."""
SLOT = np.uint64(40)
"""Bits of a hash that are not used to tell recent keys apart."""


class Partition(NamedTuple):
    """One of the parts into which the work is split, so that threads can share it."""

    holes: Ints
    states: Numbers
    """Those put aside."""
    counts: Numbers
    scratch: Numbers
    """Room for a few states, by component."""
    recent: Words
    """The successors that were collected last, by hash: most come again soon. Empty if all are wanted."""
    key: Words
    """Room for one key."""
    keys: Words
    """What was collected, in the order in which it was met."""
    origins: Origins
    owned: Origins
    """Where each partition finds what belongs to it."""
    filled: Numbers
    """How much was collected for each partition."""
    started: Numbers
    """How much it was before the last state."""


@inlined
def unpack(keys, at, fields, local, queue):  # type: ignore[no-untyped-def]
    """Write the local states and queues of a state, by component; returns its budget."""
    last = local.shape[0]
    for component in range(last):
        here = keys[at, fields[component, 0]]
        local[component] = np.int64((here >> fields[component, 1]) & fields[component, 2])
        here = keys[at, fields[component, 3]]
        queue[component] = np.int64((here >> fields[component, 4]) & fields[component, 5])
    return np.int64((keys[at, 0] >> fields[last, 1]) & fields[last, 2]) - 1


@inlined
def _pack(local, queue, budget, fields, buffer, at):  # type: ignore[no-untyped-def]
    last = local.shape[0]
    for word in range(1, buffer.shape[1]):
        buffer[at, word] = 0
    if buffer.shape[1] == 1:
        key = np.uint64(budget + 1) << fields[last, 1]
        for component in range(last):
            key |= np.uint64(local[component]) << fields[component, 1]
            key |= np.uint64(queue[component]) << fields[component, 4]
        buffer[at, 0] = key
    else:
        buffer[at, 0] = np.uint64(budget + 1) << fields[last, 1]
        for component in range(last):
            buffer[at, fields[component, 0]] |= np.uint64(local[component]) << fields[component, 1]
            buffer[at, fields[component, 3]] |= np.uint64(queue[component]) << fields[component, 4]


@inlined
def _change(keys, of, component, local, queue, budget, fields, buffer, at):  # type: ignore[no-untyped-def]
    """The key of a state, but for one component and the budget, which change by so much."""
    for word in range(keys.shape[1]):
        buffer[at, word] = keys[of, word]
    buffer[at, 0] += np.uint64(budget) << fields[fields.shape[0] - 1, 1]
    buffer[at, fields[component, 0]] += np.uint64(local) << fields[component, 1]
    buffer[at, fields[component, 3]] += np.uint64(queue) << fields[component, 4]


@bare
def _note(holes, counts, kind, first, second, third, fourth, fifth):  # type: ignore[no-untyped-def]
    number = counts[NOTES]
    holes[number, 0] = kind
    holes[number, 1] = first
    holes[number, 2] = second
    holes[number, 3] = third
    holes[number, 4] = fourth
    holes[number, 5] = fifth
    counts[NOTES] = number + 1


@inlined
def _meet(local, queue, budget, busy, heads, shapes, situations, holes, counts, found):  # type: ignore[no-untyped-def]
    """The situation of each component; false if one is not known."""
    whole = True
    quiescent = 1
    for component in range(local.shape[0]):
        if queue[component] != EMPTY or busy[component, local[component]]:
            quiescent = 0
            break
    for component in range(local.shape[0]):
        head = np.int64(heads[component, queue[component]])
        shape = np.int64(shapes[component, local[component], head])
        situation = situations[shape, budget, quiescent] if shape >= 0 else shape
        if situation < 0:
            # Holes do not tell who has found them: else it would depend on which thread was first what is known next.
            if shape == HOLE:
                shapes[component, local[component], head] = NOTED
                _note(holes, counts, np.int64(SHAPE), component, local[component], head, ZERO, ZERO)
            elif situation == HOLE:
                situations[shape, budget, quiescent] = NOTED
                _note(holes, counts, np.int64(SITUATION), component, local[component], head, budget, quiescent)
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
        _note(holes, counts, np.int64(AFTER), component, queue[component], edit, ZERO, ZERO)
    plain = np.int64(then)
    if left >= 0 and unmarked.shape[1] and not marked[component, left]:
        plain = np.int64(unmarked[component, then])
        if plain == HOLE:
            unmarked[component, then] = NOTED
            _note(holes, counts, np.int64(UNMARKED), component, then, ZERO, ZERO, ZERO)
    local[component] = plain
    queue[component] = left
    return left >= 0 and plain >= 0


@inlined
def _publish(first, end, publications, local, queue, online, broken, push, push_at, holes, counts):  # type: ignore[no-untyped-def]
    """Push to all receivers; false if it is not known what becomes of one."""
    is_known = True
    for entry in range(first, end):
        receiver = np.int64(publications[entry, 0])
        pushed = np.int64(publications[entry, 1])
        connected = online[receiver, local[receiver]]
        if pushed == BREAKS:
            ending = np.int64(broken[receiver, local[receiver]])
            if ending == HOLE:
                broken[receiver, local[receiver]] = NOTED
                _note(holes, counts, np.int64(BROKEN), receiver, local[receiver], ZERO, ZERO, ZERO)
            is_known = bool(ending >= 0)
            if is_known:
                local[receiver] = ending
                if connected:
                    queue[receiver] = EMPTY
        if is_known and connected != (pushed == BREAKS):
            place = push_at[receiver, 0] + queue[receiver] * push_at[receiver, 1] + pushed
            longer = np.int64(push[place])
            if longer == HOLE:
                push[place] = NOTED
                _note(holes, counts, np.int64(PUSH), receiver, queue[receiver], pushed, ZERO, ZERO)
            is_known = bool(longer >= 0)
            if is_known:
                queue[receiver] = longer
        if not is_known:
            break
    return is_known


@inlined
def _queue_name(permutation, component, queue, names, names_at, holes, counts):  # type: ignore[no-untyped-def]
    name = np.int64(queue)
    if permutation:
        place = names_at[component, 0] + queue * names_at[component, 1] + permutation
        name = np.int64(names[place])
        if name == HOLE:
            names[place] = NOTED
            _note(holes, counts, np.int64(QUEUE_NAME), permutation, component, queue, ZERO, ZERO)
    return name


@inlined
def _local_name(permutation, component, local, names, holes, counts):  # type: ignore[no-untyped-def]
    name = np.int64(local)
    if permutation:
        name = np.int64(names[permutation, component, local])
        if name == HOLE:
            names[permutation, component, local] = NOTED
            _note(holes, counts, np.int64(LOCAL_NAME), permutation, component, local, ZERO, ZERO)
    return name


@bare
def _rename(  # type: ignore[no-untyped-def]
    first, end, leaders, inverse, local_names, queue_names, names_at, holes, counts, local, queue, least, least_queue
):
    """Of the states that some ways make of this one, the least; false if not all names are known.

    The numbers are compared in the order in which they stand in keys. Where no way moves the first component, leaders
    are those that make its local state the least, so all are alike in that.
    """
    best = np.int64(-1)
    for entry in range(first, end):
        permutation = np.int64(leaders[entry])
        less = best < 0
        worse = False
        begins = np.int64(inverse[permutation, 0])
        begin = _local_name(permutation, begins, local[begins], local_names, holes, counts)
        if begin < 0:
            return False
        if not less:
            if begin > least[0]:
                continue
            less = begin != least[0]
        if less:
            least[0] = begin
        for place in range(1, local.shape[0]):
            component = np.int64(inverse[permutation, place])
            one = _local_name(permutation, component, local[component], local_names, holes, counts)
            other = _queue_name(permutation, component, queue[component], queue_names, names_at, holes, counts)
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
        other = _queue_name(permutation, begins, queue[begins], queue_names, names_at, holes, counts)
        if other < 0:
            return False
        if less or other < least_queue[0]:
            best = permutation
            least_queue[0] = other
    return best >= 0


@inlined
def _collect(key, recent, keys, origins, owned, filled, collected, origin):  # type: ignore[no-untyped-def]
    """Collect a successor, unless it was collected just before; returns how many there are."""
    words = key.shape[1]
    value = hash_of(key, 0, words)
    is_new = np.int64(1)  # counted, not asked: whether it is new cannot be foretold
    if recent.shape[0]:
        slot = (value >> SLOT) & np.uint64(recent.shape[0] - 1)
        other = np.uint64(0)
        for word in range(words):
            other |= recent[slot, word] ^ key[0, word]
            recent[slot, word] = key[0, word]
        is_new = np.int64(other != 0)
    owner = np.int64(value >> (BITS - np.uint64(PARTITION_BITS)))
    for word in range(words):
        keys[collected, word] = key[0, word]
    origins[collected] = origin
    owned[owner, filled[owner]] = collected
    filled[owner] += is_new
    return collected + is_new


@bare
def expand(todo, place, end, keys, fields, known, partition, room):  # type: ignore[no-untyped-def]
    """Collect the successors of the states `todo[place:end]` (where `todo` is empty, of these numbers).

    Returns how far it came: until there is no more room for what one state can do, or there are too many holes.
    """
    # Taken out of their tuples once, since numba counts references whenever an array is taken out.
    busy, online, heads, marked, shapes = known.busy, known.online, known.heads, known.marked, known.shapes
    situations, begins, steps, after, after_at = (
        known.situations, known.begins, known.steps, known.after, known.after_at,
    )  # fmt: skip
    push, push_at, broken, unmarked = known.push, known.push_at, known.broken, known.unmarked
    recipients, publications, inverse = known.publication_first, known.publications, known.inverse
    local_names, queue_names, names_at = known.local_names, known.queue_names, known.queue_names_at
    leader_of, leader_first, leaders = known.leader_of, known.leader_first, known.leaders
    holes, put_aside, counts, scratch = (
        partition.holes,
        partition.states,
        partition.counts,
        partition.scratch,
    )
    recent, key, filled = partition.recent, partition.key, partition.filled
    collected_keys, origins, owned = partition.keys, partition.origins, partition.owned
    components = heads.shape[0]
    local, queue, then_local, then_queue = scratch[0], scratch[1], scratch[2], scratch[3]
    least, least_queue, found, started = scratch[4], scratch[5], scratch[6], partition.started
    is_named = local_names.shape[0] > 1
    collected = np.int64(0)
    while place < end and collected <= room and counts[UNKNOWN] < MOST_UNKNOWN:
        began = collected
        for owner in range(filled.shape[0]):
            started[owner] = filled[owner]
        at = todo[place] if todo.shape[0] else place
        place += 1
        budget = unpack(keys, at, fields, local, queue)
        whole = _meet(local, queue, budget, busy, heads, shapes, situations, holes, counts, found)
        counts[UNKNOWN] += not whole
        taken = 0
        if whole:
            for component in range(components):
                then_local[component] = local[component]
                then_queue[component] = queue[component]
            for component in range(components):
                for step in range(begins[found[component]], begins[found[component] + 1]):
                    # All as wide: else numba compiles what they are handed on to more than once.
                    then, edit = np.int64(steps[step, 0]), np.int64(steps[step, 1])
                    publication = np.int64(steps[step, 2])
                    is_known = _move(
                        component,
                        then,
                        edit,
                        then_local,
                        then_queue,
                        after,
                        after_at,
                        marked,
                        unmarked,
                        holes,
                        counts,
                    )
                    if is_known and publication:
                        is_known = _publish(
                            recipients[publication], recipients[publication + 1], publications,
                            then_local, then_queue, online, broken, push, push_at, holes, counts,
                        )  # fmt: skip
                    is_renamed = False
                    if is_known and is_named:
                        leader = np.int64(leader_of[then_local[0]])
                        if leader == HOLE:
                            leader_of[then_local[0]] = NOTED
                            _note(holes, counts, np.int64(LEADERS), then_local[0], ZERO, ZERO, ZERO, ZERO)
                        is_known = bool(leader >= 0)
                        if is_known:
                            first, last = leader_first[leader], leader_first[leader + 1]
                            if last > first + 1 or leaders[first]:  # not the identity alone
                                is_renamed = True
                                is_known = _rename(
                                    first, last, leaders, inverse, local_names,
                                    queue_names, names_at, holes, counts, then_local, then_queue, least, least_queue,
                                )  # fmt: skip
                    if is_known:
                        if is_renamed:
                            _pack(least, least_queue, steps[step, 3], fields, key, 0)
                        elif publication:
                            _pack(then_local, then_queue, steps[step, 3], fields, key, 0)
                        else:
                            _change(
                                keys, at, component, then_local[component] - local[component],
                                then_queue[component] - queue[component], steps[step, 3] - budget, fields, key, 0,
                            )  # fmt: skip
                        collected = _collect(key, recent, collected_keys, origins, owned, filled, collected, at)
                        taken += 1
                    else:
                        whole = False
                        counts[UNKNOWN] += 1
                    then_local[component] = local[component]
                    then_queue[component] = queue[component]
                    if publication:
                        for other in range(components):
                            then_local[other] = local[other]
                            then_queue[other] = queue[other]
        if whole:
            counts[TAKEN] += taken
            counts[AT_REST] += taken == 0
        else:
            put_aside[counts[ASIDE]] = at
            counts[ASIDE] += 1
            if recent.shape[0] == 0:  # they come again; if only new ones are collected, they stay
                collected = began
                for owner in range(filled.shape[0]):
                    filled[owner] = started[owner]
    return place


@bare
def pack_anew(keys, begin, end, old, new, made, key):  # type: ignore[no-untyped-def]
    """Pack some keys by another layout: word, shift and mask of each number. They may be made where they are.

    `key` is room for one.
    """
    for at in range(begin, end):
        for word in range(key.shape[0]):  # word by word: numba takes seconds to compile what does it at once
            key[word] = 0
        for place in range(old.shape[0]):
            number = (keys[at, np.int64(old[place, 0])] >> old[place, 1]) & old[place, 2]
            key[np.int64(new[place, 0])] |= number << new[place, 1]
        for word in range(key.shape[0]):
            made[at, word] = key[word]


@bare
def scan(begin, end, keys, fields, busy, masks, budget_masks, watched, hits, scratch):  # type: ignore[no-untyped-def]
    """Look for the bits that all components of a state have in common; note the first state that has each."""
    components = masks.shape[0]
    local, queue, side = scratch[0], scratch[1], scratch[2]
    for at in range(begin, end):
        budget = unpack(keys, at, fields, local, queue)
        for component in range(components):
            idle = queue[component] == EMPTY and not busy[component, local[component]]
            side[component] = 2 * local[component] + idle
        for word in range(watched.shape[0]):
            hit = budget_masks[budget, word] & watched[word]
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
