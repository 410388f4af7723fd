"""Where the tests find their data, and the project's own diagrams."""

from pathlib import Path

TOP = Path(__file__).parent.parent.parent
DIAGRAMS = TOP / "spec" / "diagrams"
REFERENCE = DIAGRAMS / "ClientJoin_Alternative2.txt"
DATA = TOP / "tests" / "data"
THIRD_PARTY = DATA / "third_party"
"""Diagrams of this protocol as others draw them, each with its binding."""
TRACES = DATA / "traces"
"""Runs to be replayed."""
