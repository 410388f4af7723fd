"""The statecharts of `machines` live: asyncio, MQTT, an embedded broker with faults, the command line.

In: charts, a broker's address, faults to inject. Out: a run on the wire, recorded as arrows, and what became of it.
`driver` turns what a chart sends into I/O and what comes into messages, and knows nothing of the protocol; `policy`
says what of that happens when, `bus_adapter` how it looks on the bus; `recorder` puts the ends of arrows together.
`wire`, `mqtt`, `demo`, `replay` and `cli` stand on these. Begin with `driver`.
"""
