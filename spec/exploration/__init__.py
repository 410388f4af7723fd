"""The explorer: every loss, every timeout, every restart, and a counterexample that is a sequence diagram.

In: a scenario (who takes part, what can go wrong) and properties. Out: a `Result` with a verdict for each property, and
the shortest run for each that is broken. `model` is the closed system, `engine` searches it, `properties` says what is
claimed, `traces` writes and replays runs, `liveness` and `fairness` judge runs without end, `pages` writes
`spec/findings`, `spin` is a second opinion. Begin with `explore`.

    >>> from spec.exploration.explore import explore
    >>> from spec.exploration.model.scenario import scenario
    >>> result = explore(scenario("hasty"))
    >>> result.found.progress.states
    2306
    >>> [(one.property_.name, one.happens) for one in result.verdicts if one.word == "broken"]
    [('whoever is registered counts itself as registered', "torrent1's timeout expires")]
"""
