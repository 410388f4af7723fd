"""What a diagram says to each lifeline by itself, and whether that is enough.

In: an `Interaction`, and the name of a lifeline. Out: `project` makes its local automaton; `to_machine`, `to_mermaid`,
`export` and `Monitor` let it run, draw it, write it, and check it against what was observed. `realisability` asks
whether all the automata together do no more than what the diagram says. Begin with `automaton`.

    >>> from spec.interaction import compile_diagram
    >>> from spec.notation import read
    >>> from spec.projection import project, realisability
    >>> interaction = compile_diagram(read("alt; A->B:x; else; B->A:y; end".replace("; ", chr(10))))
    >>> [(letter.kind, letter.label, state) for letter, state in project(interaction, "A").edges[0].items()]
    [('!', 'x', 1), ('?', 'y', 1)]
    >>> print(realisability(interaction)[0].message)
    B can begin with !y > A (line 4), A with !x > B (line 2): each rules out the other, unseen
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
