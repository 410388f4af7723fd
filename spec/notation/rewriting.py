"""A diagram with some statements changed or left out, wherever they are nested."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from spec.notation.model import Diagram, Fragment, Parallel, Statement

Change = Callable[[Statement], Statement | None]
"""What takes the place of a statement that holds no others; None leaves it out."""


def rewritten(diagram: Diagram, change: Change) -> Diagram:
    """The diagram with each statement changed, in the order of its lines; fragments and parallels keep their shape."""
    return replace(diagram, body=tuple(_rewritten(diagram.body, change)))


def _rewritten(body: Iterable[Statement], change: Change) -> Iterator[Statement]:
    for statement in body:
        match statement:
            case Fragment(operands=operands):
                kept = tuple(replace(each, body=tuple(_rewritten(each.body, change))) for each in operands)
                yield replace(statement, operands=kept)
            case Parallel():
                yield replace(statement, body=tuple(_rewritten(statement.body, change)))
            case _:
                changed = change(statement)
                if changed is not None:
                    yield changed
