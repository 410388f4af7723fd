"""Counterexamples as sequence diagrams that can be read back (`story`) and played again (`replay`)."""
