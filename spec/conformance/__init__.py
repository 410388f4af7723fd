"""Checks charts against diagrams, in both directions.

In: diagrams as text, a binding, charts. Out: a `Report` whose verdict is *conforms*, *does not conform* or
*undetermined*, with findings and what was not answered. `bind` resolves the names of the diagrams, once for all that
comes after; `specification` puts them together as use cases; `inclusion` asks whether the charts can do what they say,
`implied` whether they say what the charts can do; `counterexample` draws the run that shows a finding. Begin with
`checker`.
"""
