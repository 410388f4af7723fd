"""Checks charts against diagrams, in both directions.

In: diagrams as text, a binding, charts. Out: a `Report` whose verdict is *conforms*, *does not conform* or
*undetermined*, with findings and what was not answered. `specification` reads, compiles and binds the diagrams;
`inclusion` asks whether the charts can do what they say, `implied` whether they say what the charts can do;
`counterexample` draws the run that shows a finding. Begin with `checker`.
"""
