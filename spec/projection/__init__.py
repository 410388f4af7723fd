"""What a diagram says to each lifeline by itself, and whether that is enough.

In: an `Interaction`, and the name of a lifeline. Out: `project` makes its local automaton; `to_machine`, `to_mermaid`,
`export` and `Monitor` let it run, draw it, write it, and hold it against what was observed. `realisability` asks
whether all the automata together do no more than what the diagram says. Begin with `automaton`.
"""

from spec.projection.automaton import Automaton, Letter, letter_name, letter_of, project
from spec.projection.conflicts import realisability
from spec.projection.machine import Monitor, Verdict, to_machine, to_mermaid

__all__ = [
    "Automaton",
    "Letter",
    "Monitor",
    "Verdict",
    "letter_name",
    "letter_of",
    "project",
    "realisability",
    "to_machine",
    "to_mermaid",
]
