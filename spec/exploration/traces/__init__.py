"""Counterexamples as sequence diagrams that can be read back (`trace`) and played again (`replay`)."""
