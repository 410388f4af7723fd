"""The search compiled from Python by numba; nothing outside `engine` knows of it.

In: the same tables as the vectorised search. Out: the same states in the same order, whatever the number of threads.
`kernel` is the inner loop, `hashing` the set of states, `partitions` who works on which states, `growth` makes room,
`leaf_trimming` finds the states without successors. Begin with `search`.
"""
