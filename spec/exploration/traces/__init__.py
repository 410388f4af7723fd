"""Runs of the explorer as text.

In: a run, which is a list of steps of the closed system. Out: a sequence diagram that can be read back (`rendering`), a
line that says what happens in it (`summary`), the steps with all that was left out of the search (`elaboration`).
`replay` reads a saved run and plays it again. Begin with `rendering`.
"""
