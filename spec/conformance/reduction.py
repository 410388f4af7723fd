"""What is concurrent and alike, in one order.

A client subscribes to its topics in any order. Charts treat every topic the same way, so of threads that differ in the
topic alone one order stands for all: every other is that one with the topics renamed. Which messages are treated so is
said in the binding (`[[interchangeable]]`), and a test asks the charts whether it is true of ours.

With n threads that leaves n + 1 states instead of 2 to the n.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from spec.binding import Binding, Word
from spec.interaction import Interaction, Term
from spec.interaction.terms import Act, Alt, Critical, Par, Ref, Seq, Strict, alt, chain, children, refer, seq

Signature = tuple[object, ...]


def in_one_order(interaction: Interaction, words: Mapping[str, Word], binding: Binding) -> Interaction:
    """The interaction with critical regions that are concurrent and alike in the order in which they are drawn."""

    def change(term: Term) -> Term:
        match term:
            case Seq():
                return seq(*[change(part) for part in chain(term)])
            case Alt(branches=branches):
                return alt(*[change(branch) for branch in branches])
            case Ref(definition=definition):
                return refer(definition.variant("in one order", definition.lifelines, change))
            case Par(parts=parts) if are_interchangeable(parts, words, binding):
                return seq(*[part.body if isinstance(part, Critical) else part for part in parts])
        return term

    return replace(interaction, term=change(interaction.term)) if binding.interchangeable else interaction


def are_interchangeable(parts: tuple[Term, ...], words: Mapping[str, Word], binding: Binding) -> bool:
    """Whether these are critical regions, or arrows, that differ in nothing but what messages treated alike are about.

    Arrows from one lifeline to one other arrive in the order in which they are sent, whichever that is.
    """

    def message(label: str) -> str | None:
        word = words.get(label)
        if word is None or not binding.is_interchangeable(word.message):
            return None
        _, _, verdict = word.detail.partition(" ")  # after what it is about
        return f"{word.message} {verdict}"

    signatures = {_signature(part, message) for part in parts}
    is_ordered = all(isinstance(part, Critical) for part in parts) or all(_is_arrow(part) for part in parts)
    return is_ordered and len(signatures) == 1 and None not in signatures


def _is_arrow(term: Term) -> bool:
    return isinstance(term, Strict) and not term.strictly and all(isinstance(end, Act) for end in chain(term))


def _signature(term: Term, message: Callable[[str], str | None]) -> Signature | None:
    """A term without what its messages are about; None if another message is in it, or something refers elsewhere."""
    if isinstance(term, Act):
        action = term.action
        said = message(action.label)
        return None if said is None else (action.kind, action.lifeline, said, action.peer, action.lost)
    inside = [_signature(part, message) for part in children(term)]
    return (type(term), *inside) if inside and None not in inside else None
