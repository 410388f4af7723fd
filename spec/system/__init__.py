"""Charts as processes joined by channels: what a checker steps instead of running anything.

In: charts, a binding. Out: a `System` with hashable states and moves. `process` makes one of our charts a local
machine, `foreign` any other `StateChart`, `adapter` a machine of the library `transitions`; `composition` joins them by
channels (`numbering` of states and messages, `addressing` of what is sent, `local_steps` of each lifeline and
`violations` of obligations are its parts), `scheduling` says which moves have to be looked at, `setup` gives charts
their data and brings the system to where a diagram begins. Begin with `composition`.

Charts that are not ours are stepped by `stepped`, which asks a body twice: `chart_body` and `structure` know
python-statemachine, `data` what a chart holds, `surroundings` what it must not change, and `outside` what it must not
ask. What cannot be checked is a `ChartError`. `garbage` has Python look for that seldom.
"""
