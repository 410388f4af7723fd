"""Fill holes in the tables of queues, compiled by numba: for buses that keep the order, with one hop.

Queues of a component from which something is on its way, too, are left to whoever called.

There, all that is under way to a component is a sequence of messages, and its number stands in a trie: each queue has a
*parent*, which is the queue without its last message. What is left without the first message, or under other names, is
found by way of the parents.
"""

import numpy as np

from spec.exploration.engine.compiled.jit import bare
from spec.exploration.engine.queue_tables import BREAKS, CLEARS, EMPTY, KEEPS, TAKES
from spec.exploration.engine.ragged import HOLE
from spec.exploration.engine.tables import AFTER, PUSH, QUEUE_NAME

DEEP = 80
"""Messages on one connection, at most."""


@bare
def _pushed(  # type: ignore[no-untyped-def]
    component, queue, number, push, push_at, heads, marked, parents, lasts, lengths, counts, capacity, first_heads,
):  # fmt: skip
    """The queue with one message more; a hole where there is no room, or where it is not known what is read first."""
    place = push_at[component, 0] + queue * push_at[component, 1] + number
    found = np.int64(push[place])
    if found >= 0:
        return found
    head = heads[component, queue] if queue != EMPTY else first_heads[component, number]
    new = counts[component]
    if head < 0 or new >= capacity:
        return np.int64(HOLE)
    counts[component] = new + 1
    heads[component, new] = head
    marked[component, new] = marked[component, queue]
    parents[component, new] = queue
    lasts[component, new] = number
    lengths[component, new] = lengths[component, queue] + 1
    push[place] = new
    return new


@bare
def grow(  # type: ignore[no-untyped-def]
    holes, count, push, push_at, after, after_at, names, names_at, heads, marked, parents, lasts, lengths, counts,
    capacity, first_heads, kinds, permutations, push_names, chain,
):  # fmt: skip
    """Fill what can be filled of the first holes; those that are left over come first then. Returns how many."""
    left = 0
    for at in range(count):
        # All as wide: else numba compiles what they are handed on to more than once.
        kind, one = np.int64(holes[at, 0]), np.int64(holes[at, 1])
        two, three = np.int64(holes[at, 2]), np.int64(holes[at, 3])
        done = False
        is_of_queue = kind == PUSH or kind == AFTER or kind == QUEUE_NAME  # noqa: PLR1714 - numba compiles no sets
        queue, whose = two, one
        if kind == QUEUE_NAME:
            queue, whose = three, two
        if not is_of_queue or (queue != EMPTY and parents[whose, queue] < 0):
            pass  # others fill it, or it stands in no trie
        elif kind == PUSH:
            if three == BREAKS:
                push[push_at[one, 0] + two * push_at[one, 1] + three] = two
                done = True
            else:
                done = _pushed(
                    one, two, three, push, push_at, heads, marked, parents, lasts, lengths, counts, capacity[one],
                    first_heads,
                ) >= 0  # fmt: skip
        elif kind == AFTER:
            place = after_at[one, 0] + two * after_at[one, 1] + three
            edit = kinds[one, three]
            if edit == KEEPS:
                after[place] = two
                done = True
            elif edit == CLEARS:
                after[place] = EMPTY
                done = True
            elif edit == TAKES:
                # Up to the nearest queue of which it is known, and down again.
                queue, length = two, 0
                here = np.int64(HOLE)
                while True:
                    chain[length] = queue
                    length += 1
                    queue = np.int64(parents[one, queue])
                    if queue == EMPTY:
                        here = np.int64(EMPTY)
                        length -= 1
                        after[after_at[one, 0] + chain[length] * after_at[one, 1] + three] = EMPTY
                        break
                    here = np.int64(after[after_at[one, 0] + queue * after_at[one, 1] + three])
                    if here >= 0:
                        break
                while length and here >= 0:
                    length -= 1
                    queue = chain[length]
                    here = _pushed(
                        one, here, np.int64(lasts[one, queue]), push, push_at, heads, marked, parents, lasts, lengths,
                        counts, capacity[one], first_heads,
                    )  # fmt: skip
                    if here >= 0:
                        after[after_at[one, 0] + queue * after_at[one, 1] + three] = here
                done = bool(here >= 0)
        elif kind == QUEUE_NAME:  # of a way, a component, and queues
            target = np.int64(permutations[one, two])
            queue, length = three, 0
            here = np.int64(HOLE)
            while True:
                chain[length] = queue
                length += 1
                queue = np.int64(parents[two, queue])
                if queue == EMPTY:
                    here = np.int64(EMPTY)
                    break
                here = np.int64(names[names_at[two, 0] + queue * names_at[two, 1] + one])
                if here >= 0:
                    break
            while length and here >= 0:
                length -= 1
                queue = chain[length]
                number = np.int64(push_names[one, two, lasts[two, queue]])
                here = np.int64(HOLE) if number < 0 else _pushed(
                    target, here, number, push, push_at, heads, marked, parents, lasts, lengths, counts,
                    capacity[target], first_heads,
                )  # fmt: skip
                if here >= 0:
                    names[names_at[two, 0] + queue * names_at[two, 1] + one] = here
            done = bool(here >= 0)
        if not done:
            for column in range(holes.shape[1]):
                holes[left, column] = holes[at, column]
            left += 1
    return left
