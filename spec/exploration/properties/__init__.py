"""What is claimed of a system.

In: the components of a state, as `side_of` shows them. Out: whether a property's premise and conclusion hold there.
`language` has the kinds of properties (always, when quiescent, after stabilisation, of runs) and judges them,
`client_join` and `client_join_runs` are those of this protocol, `foreign` those of any charts. Begin with
`client_join`, to be read from top to bottom.
"""
