"""The same for diagrams of other protocols: checked against the language of the diagram itself."""

from collections.abc import Iterable
from itertools import product

import pytest

from spec.interaction import compile_diagram, traces
from spec.monitor import Answer, Gap
from spec.monitor.projected import Acted, DiagramMonitor
from spec.notation import read

TEXT = """participant A
participant B
A->B:ask
alt
B->A:yes
A->B:thanks
else
B->A:no
end
"""


def of(word: Iterable[tuple[str, str, str, str | None]], monitor: DiagramMonitor) -> Answer:
    return monitor.see_all(Acted(float(n), *one) for n, one in enumerate(word))  # type: ignore[arg-type]


BOTH = TEXT.replace("alt", "par").replace("else", "thread")


@pytest.mark.parametrize("text", [TEXT, BOTH])
def test_every_trace_of_a_diagram_is_allowed(text: str) -> None:
    interaction = compile_diagram(read(text, file="ask.txt"))
    for trace in traces(interaction.term):
        monitor = DiagramMonitor.of({"ask.txt": text})
        word = [(one.lifeline, str(one.kind), one.label, one.peer) for one in trace]
        assert of(word, monitor) is Answer.ALLOWED, monitor.forbidden


def test_a_word_is_allowed_just_if_each_lifeline_can_begin_so() -> None:
    """All words of up to four letters, against what is drawn, lifeline by lifeline."""
    letters = [("!", "ask"), ("?", "yes"), ("?", "no"), ("!", "thanks")]
    right = {(), ("!ask",), ("!ask", "?yes"), ("!ask", "?no"), ("!ask", "?yes", "!thanks")}
    for length in range(5):
        for word in product(letters, repeat=length):
            monitor = DiagramMonitor.of({"ask.txt": TEXT})
            of(tuple(("A", kind, label, "B") for kind, label in word), monitor)
            assert (not monitor.forbidden) == (tuple(kind + label for kind, label in word) in right), word


def test_what_is_forbidden_says_what_was_allowed_and_where() -> None:
    monitor = DiagramMonitor.of({"ask.txt": TEXT})
    found = monitor.see(Acted(0.0, "B", "!", "yes", "A"))
    assert found is not None
    assert found.what == "does !yes > A; the diagrams allow ?ask < A (ask.txt, line 3)"
    assert monitor.see(Acted(0.0, "C", "!", "yes", "A")) is not None


def test_what_cannot_be_seen_is_passed_over() -> None:
    monitor = DiagramMonitor.of({"ask.txt": TEXT}, sees=lambda _lifeline, letter: letter.label != "ask")
    assert monitor.see(Acted(0.0, "B", "!", "no", "A")) is None
    assert monitor.may_rest("B")
    assert not monitor.may_rest("A")


def test_after_a_gap_everything_can_have_happened() -> None:
    monitor = DiagramMonitor.of({"ask.txt": TEXT})
    monitor.see(Gap(0.0))
    assert monitor.see(Acted(1.0, "A", "!", "thanks", "B")) is None
    assert monitor.answer is Answer.CANNOT_TELL
    assert monitor.see(Acted(2.0, "A", "!", "thanks", "B")) is not None


def test_a_procedure_that_nobody_drew_cannot_be_told() -> None:
    monitor = DiagramMonitor.of({"a.txt": "participant A\nparticipant B\nref over A,B:elsewhere\nA->B:end\n"})
    assert monitor.see(Acted(0.0, "A", "!", "whatever", "B")) is None
    assert monitor.answer is Answer.CANNOT_TELL


def test_a_diagram_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"bad\.txt: line 2"):
        DiagramMonitor.of({"bad.txt": "participant A\nthis is nothing\n"})
