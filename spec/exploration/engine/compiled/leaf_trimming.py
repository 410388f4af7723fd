"""Which states of a graph lead to a cycle, compiled by numba: what has no successor is taken away, again and again.

And which of them can reach each other: the strongly connected components.
"""

import numpy as np

from spec.exploration.engine import components
from spec.exploration.engine.compiled.jit import compiled

label_components = compiled(components.label_components)


@compiled
def trim_leaves(size, sources, targets):  # type: ignore[no-untyped-def]
    """For each state, how many of its steps lead to what is left in the end (Kahn, CACM 5, 1962)."""
    degree = np.zeros(size, np.uint32)
    first = np.zeros(size + 1, np.int64)
    for step in range(sources.shape[0]):
        degree[sources[step]] += 1
        first[targets[step]] += 1
    total = 0
    for state in range(size + 1):
        total += first[state]
        first[state] = total
    before = np.empty(sources.shape[0], np.uint32)
    for step in range(sources.shape[0]):  # from behind, so that `first` says in the end where each state begins
        first[targets[step]] -= 1
        before[first[targets[step]]] = sources[step]
    gone = np.empty(size, np.uint32)
    end = 0
    for state in range(size):
        if degree[state] == 0:
            gone[end] = state
            end += 1
    at = 0
    while at < end:
        state = gone[at]
        at += 1
        for step in range(first[state], first[state + 1]):
            degree[before[step]] -= 1
            if degree[before[step]] == 0:
                gone[end] = before[step]
                end += 1
    return degree
