"""The search over all states, on small integers.

In: a closed system. Out: all states that can be reached, in the order of a breadth-first search, the first of them that
breaks each property, and the way to it (`Found`). `tables` asks each component once for each step in each state;
`vectorised` searches with NumPy, `compiled` with numba, `choice` takes the one that there is. Begin with `search`.
"""
