"""Labels that mean several messages, by who sends them and who receives them, told apart before anything is compiled.

Everything that comes later finds the message of an arrow by its label. So where one label has several meanings, in any
of the diagrams that are checked together, each further one gets a label of its own: the same, with marks behind it that
nobody sees (`spec.binding.labels.MARK`). They are taken out of what is said in the end.
"""

from dataclasses import dataclass, field, replace

from spec.binding import Binding, BindingError, Word
from spec.binding.labels import MARK, Ends, normal
from spec.conformance.finding import Finding
from spec.conformance.lexicon import word_of
from spec.interaction import Action
from spec.notation.model import Message
from spec.system.setup import Charts


@dataclass
class Meanings:
    """What the labels of all diagrams mean."""

    binding: Binding
    charts: Charts
    _known: dict[str, list[tuple[Word | None, bool]]] = field(default_factory=dict)
    """What a label means, and whether it is ignored, each once."""
    _ends: dict[str, Ends] = field(default_factory=dict)
    """Lifelines between which a marked label is drawn."""

    def word(self, label: str, line: int) -> tuple[Word | None, Finding | None]:
        """The message of a label of a diagram that was marked, and what is wrong with it."""
        return word_of(label, line, self.binding, self.charts, self._ends.get(label, ("", "")))

    def marked(self, message: Message, file: str) -> Message:
        """The arrow with a label of one meaning. Raises `BindingError` for an arrow that means two messages."""
        if not self.binding.tells_ends:
            return message
        ends = (message.sender or "", message.receiver or "")
        place = self._place(message.label, ends)
        if message.both_ways and self._place(message.label, ends[::-1]) != place:
            raise BindingError(
                f"{file}: line {message.line}: {normal(message.label)!r} means one message from {ends[0]} to {ends[1]} "
                "and another one back: draw two arrows"
            )
        label = message.label + MARK * place
        self._ends.setdefault(label, ends)
        return replace(message, label=label)

    def _place(self, label: str, ends: Ends) -> int:
        """Which of the meanings of a label it has between two lifelines."""
        word, _ = word_of(label, 0, self.binding, self.charts, ends)
        meaning = (word, self.binding.ignores_label(label, ends))
        known = self._known.setdefault(label, [])
        if meaning not in known:
            known.append(meaning)
        return known.index(meaning)


def unmarked(finding: Finding) -> Finding:
    """A finding as people read it."""
    if not any(MARK in text for text in (finding.message, finding.counterexample, *map(str, finding.run))):
        return finding
    run = tuple(
        replace(step, label=step.label.replace(MARK, "")) if isinstance(step, Action) else step for step in finding.run
    )
    message, counterexample = (text.replace(MARK, "") for text in (finding.message, finding.counterexample))
    return replace(finding, message=message, counterexample=counterexample, run=run)
