"""The search in NumPy, for where nothing is compiled.

In: the tables of a closed system. Out: all states that can be reached, in the order of a breadth-first search, as rows
of integers. `search` goes from level to level, `successors` computes all next states of a level at once, `unrolled` is
the same for queues. Begin with `search`.
"""
