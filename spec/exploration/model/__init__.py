"""The closed system of the charts under faults: states, steps, scenarios.

In: a `Scenario`, or charts of others (`foreign`). Out: a `ClosedSystem`, whose states are rows of integers, and its
steps. `node` is one component, `bus` carries messages, `faults` and `budget` say what can go wrong and how often,
`surroundings` who else there is, `reference` is the semantics in the fewest lines. Begin with `closed`, which names the
parts of a system, and with `scenario` for what can be asked.
"""
