"""Charts as processes joined by channels: what a checker steps instead of running anything.

In: charts, a binding. Out: a `System` with hashable states and moves. `process` makes one of our charts a local
machine, `foreign` any other `StateChart`; `composition` joins them by channels, `scheduling` says which moves have to
be looked at, `setup` gives charts their data and brings the system to where a diagram begins. Begin with `composition`.
"""
