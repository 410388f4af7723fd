"""A second explorer, slow and plain, to check the first one against: nothing of `spec.exploration` is in it.

It drives the charts themselves by what every chart can do (`receive`, `due`, `emit`, `snapshot`, `restore`; a chart of
others by `send`), has a bus of its own that always keeps both hops, and counts faults by itself. There are no numbers,
tables or reductions: a configuration is what it is, and what was met is a set.

- `servers`, `users`: what one server, or one chart of somebody else, can do;
- `world`: what can happen next to all of them on a bus under faults;
- `search`: all configurations, and what properties say of them;
- `sides`: how the properties of Client Join see a server;
- `plain`: configurations as values that both explorers can be asked for;
- `drawn`, `drawn_charts`: random scenarios and random charts;
- `compare`: where the explorer says something else; `planted`: faults in it that have to be found.

`python -m tests.spec.exploration.oracle --systems 2000 --seed 1` compares as many systems as wanted.
"""
