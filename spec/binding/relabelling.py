"""A diagram in the words of a binding: labels give way to the messages that they stand for."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from spec.binding.model import Binding
from spec.notation.model import Diagram, Fragment, Message, Parallel, Statement


def relabelled(diagram: Diagram, binding: Binding) -> Diagram:
    """The diagram with each arrow's label replaced by its message; ignored arrows are left out.

    A label that nothing binds stays as it is.
    """
    return replace(diagram, body=tuple(_relabelled(diagram.body, binding)))


def _relabelled(body: Iterable[Statement], binding: Binding) -> Iterator[Statement]:
    for statement in body:
        match statement:
            case Message(label=label, sender=sender, receiver=receiver):
                ends = (sender or "", receiver or "")
                word = binding.word(label, ends)
                if not binding.ignores_label(label, ends):
                    yield statement if word is None else replace(statement, label=str(word))
            case Fragment(operands=operands):
                kept = tuple(replace(each, body=tuple(_relabelled(each.body, binding))) for each in operands)
                yield replace(statement, operands=kept)
            case Parallel():
                yield replace(statement, body=tuple(_relabelled(statement.body, binding)))
            case _:
                yield statement
