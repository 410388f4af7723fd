"""The search over all states, on small integers. `tables` asks each component once for each step in each state;
`vectorised` searches with NumPy, `compiled` with numba. Begin with `search`.
"""
