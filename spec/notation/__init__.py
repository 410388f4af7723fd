"""The notation of sequencediagram.org: read, printed, summed up. It knows nothing of what the diagrams are about."""

from spec.notation.model import (
    Create,
    Destroy,
    Diagnostic,
    Diagram,
    Fragment,
    Lifeline,
    Look,
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
    "Create",
    "Destroy",
    "Diagnostic",
    "Diagram",
    "Fragment",
    "Lifeline",
    "Look",
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
