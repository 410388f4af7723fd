"""The explorer: every loss, every timeout, every restart, and a counterexample that is a sequence diagram."""
