"""Strongly connected components of a graph (Tarjan, SIAM Journal on Computing 1, 1972), without recursion.

The function indexes what it is given and makes nothing: with lists it runs as it stands, with arrays it can be compiled
(`spec.exploration.engine.compiled.search`).
"""

from collections.abc import Callable, MutableSequence, Sequence
from typing import Any

import numpy as np

from spec.exploration.engine.packing import Numbers

UNKNOWN = -1
"""The label of a state whose component is not complete yet."""
Known = Sequence[int]
Room = MutableSequence[int]


def label_components(
    size: int, first: Known, targets: Known, number: Room, low: Room, labels: Room, stack: Room, path: Room
) -> int:
    """Write the number of its component to `labels` for each state; returns how many there are.

    The steps of state `s` lead to `targets[first[s]:first[s + 1]]`. `number`, `low`, `stack` and `path` are room for
    `size` integers each; `number` has to be zero, and `labels` `UNKNOWN`. Successors get lower labels.
    """
    count = found = waiting = 0
    for root in range(size):
        if number[root]:
            continue
        depth = 1
        path[0] = root
        while depth:
            state = path[depth - 1]
            if not number[state]:
                count += 1
                number[state] = count
                low[state] = first[state]  # until it is left: the next of its steps
                stack[waiting] = state
                waiting += 1
            descended = False
            while low[state] < first[state + 1]:
                target = targets[low[state]]
                if not number[target]:
                    path[depth] = target
                    depth += 1
                    descended = True
                    break
                low[state] += 1
            if descended:
                continue
            depth -= 1
            least = number[state]
            for step in range(first[state], first[state + 1]):
                target = targets[step]
                if labels[target] < 0:
                    # What was left already has its low link there; what is still on the path has its number.
                    other = low[target] if number[target] > number[state] else number[target]
                    least = min(other, least)
            low[state] = least
            if least == number[state]:
                while True:
                    waiting -= 1
                    member = stack[waiting]
                    labels[member] = found
                    if member == state:
                        break
                found += 1
    return found


def components(
    size: int, sources: Numbers, targets: Numbers, label: Callable[..., Any] = label_components, *, lists: bool = True
) -> Numbers:
    """The number of its component for each of `size` states, for steps by number in any order.

    `lists`: whether `label` is handed lists instead of arrays, which plain Python indexes faster.
    """
    order = np.argsort(sources, kind="stable")
    first = np.zeros(size + 1, np.int64)
    np.cumsum(np.bincount(sources, minlength=size), out=first[1:])
    graph: list[Any] = [first, targets.take(order).astype(np.int64)]
    room: list[Any] = [np.zeros(size, np.int64) for _ in range(5)]
    room[2].fill(UNKNOWN)
    if lists:
        graph, room = [array.tolist() for array in graph], [array.tolist() for array in room]
    label(size, *graph, *room)
    return np.asarray(room[2], np.int64)
