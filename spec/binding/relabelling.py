"""A diagram in the words of a binding: labels give way to the messages that they stand for."""

from dataclasses import replace

from spec.binding.model import Binding
from spec.notation.model import Diagram, Message, Statement
from spec.notation.rewriting import rewritten


def relabelled(diagram: Diagram, binding: Binding) -> Diagram:
    """The diagram with each arrow's label replaced by its message; ignored arrows are left out.

    A label that nothing binds stays as it is.
    """

    def change(statement: Statement) -> Statement | None:
        if not isinstance(statement, Message):
            return statement
        ends = (statement.sender or "", statement.receiver or "")
        if binding.ignores_label(statement.label, ends):
            return None
        word = binding.word(statement.label, ends)
        return statement if word is None else replace(statement, label=str(word))

    return rewritten(diagram, change)
