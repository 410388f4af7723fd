"""The notation of sequencediagram.org: read, printed, summed up.

In: text. Out: a `Diagram` whose statements have their lines and columns, with a diagnostic for whatever was not
understood or probably not meant (`read`); text again (`print_diagram`); a summary for people and as data (`summary`).
It knows nothing of what the diagrams are about. Begin with `model`, then `reader`.

    >>> from spec.notation import read
    >>> diagram = read("A->B:ask; alt; B->A:yes; else; B-->A:no".replace("; ", chr(10)))
    >>> [(message.line, message.sender, message.label) for message in diagram.messages()]
    [(1, 'A', 'ask'), (3, 'B', 'yes'), (5, 'B', 'no')]
    >>> [str(each.message) for each in diagram.diagnostics]
    ['`alt` is not closed: expected `end`; read as going to the end of the file']
"""

from spec.notation.model import (
    ArrowStyle,
    Create,
    Destroy,
    Diagnostic,
    Diagram,
    Fragment,
    Lifeline,
    Mark,
    Meaning,
    Message,
    Operand,
    Parallel,
    Presentation,
    Reference,
    Statement,
    walk,
)
from spec.notation.printer import print_diagram
from spec.notation.reader import read
from spec.notation.summary import render_text, summary

__all__ = [
    "ArrowStyle",
    "Create",
    "Destroy",
    "Diagnostic",
    "Diagram",
    "Fragment",
    "Lifeline",
    "Mark",
    "Meaning",
    "Message",
    "Operand",
    "Parallel",
    "Presentation",
    "Reference",
    "Statement",
    "print_diagram",
    "read",
    "render_text",
    "summary",
    "walk",
]
