"""The closed system of the charts under faults: states, steps, scenarios. Begin with `closed`; `scenario` says what can
go wrong, `node` is one component, `bus` carries messages, `reference` is the semantics in the fewest lines.
"""
