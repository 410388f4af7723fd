"""Nothing of a text is dropped in silence, and nothing is in a diagram that no line says."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spec.notation import Diagram, Fragment, Message, Presentation, read
from spec.notation.text import lines
from tests.support.nightly import share

NAMES = [
    "A",
    "B",
    "Alice",
    "alice",
    "Alcie",
    "front-end",
    "Log Server",
    "x",
    "x Bob",
    "Bob o",
    "C++",
    "Größe",
    "名前",
    "B;",
]
ARROWS = [
    "->",
    "->>",
    "-->",
    "<-",
    "<<--",
    "-x",
    "x--",
    "<->",
    "->*",
    "-> *",
    "-> (5) ",
    "(5)<-",
    "-#red>",
    "-[#red;2]->",
]
ARROWS += [
    "->#red",
    "->[#red]",
    "->x ",
    " x<-",
    "=>",
    "→",
    "- >",
    "--",
    "-",
    "->+",
    "-)",
    "->>o ",
    "<-[##s]",
    "..>",
    "-X ",
]
WORDS = [
    "participant ",
    "actor ",
    "Actor ",
    "particpant ",
    "participantgroup ",
    "note over ",
    "note left of ",
    "note left",
]
WORDS += [
    "Note over ",
    "box over ",
    "ref over ",
    "alt ",
    "Alt ",
    "alt[ok]",
    "else ",
    "elsif ",
    "end",
    "end alt",
    "END",
    "par ",
]
WORDS += [
    "thread ",
    "parallel",
    "parallel on",
    "parallel off",
    "parallel Off",
    "create ",
    "destroy ",
    "destroyafter ",
    "title ",
]
WORDS += [
    "Title ",
    "frame ",
    "activate ",
    "deactivate ",
    "autonumber ",
    "space ",
    "lifelineweight 4",
    "==x==",
    "==x",
    "// ",
    "#",
]
WORDS += [
    "group ",
    "loop ",
    "break ",
    "neg ",
    "style s #red",
    "return ok",
    "and ",
    "option ",
    "rect ",
    "@enduml",
    "skinparam x",
]
WORDS += [
    "...",
    "|||",
    "%% x",
    "' x",
    "end note",
    "end ref",
    "box ",
    "fontawesome ",
    "image ",
    "```",
    "---",
    "- ",
    "* ",
    "1. ",
]
BITS = [
    ":",
    ": text",
    ":**bold",
    ":--small",
    " as ",
    '"',
    "“",
    "”",
    ",",
    " #red",
    "#1",
    " ;3;dashed",
    "##s",
    ";",
    " // why",
]
BITS += [
    " ",
    "\t",
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\x0b",
    "[",
    "]",
    "\\n",
    "lorem ipsum",
    "é",
    "🙂",
    " [style=s]",
    "(5)",
]
BREAKS = ["\n", "\n", "\n", "\r\n", "\r", "\n\n", "\n  "]

texts = st.lists(
    st.one_of(
        st.sampled_from(BREAKS),
        st.sampled_from(NAMES),
        st.tuples(st.sampled_from(NAMES), st.sampled_from(ARROWS), st.sampled_from(NAMES), st.sampled_from(BITS)).map(
            "".join
        ),
        st.tuples(st.sampled_from(BREAKS), st.sampled_from(WORDS)).map("".join),
        st.sampled_from(BITS),
        st.text(max_size=3),
    ),
    max_size=25,
).map("".join)


def held(text: str) -> dict[int, str]:
    """The lines that hold something, by number."""
    return {number: line for number, _, line in lines(text)}


def said(diagram: Diagram) -> set[int]:
    """The lines that something in the diagram comes from."""
    found = {statement.line for statement in diagram.statements()} | {mark.line for mark in diagram.marks}
    fragments = (statement for statement in diagram.statements() if isinstance(statement, Fragment))
    return found | {operand.line for fragment in fragments for operand in fragment.operands}


def account(text: str) -> None:
    diagram, texts = read(text), held(text)
    told = {each.line for each in diagram.diagnostics}
    if diagram.notation != "sequencediagram.org":
        (refusal,) = diagram.diagnostics
        assert refusal.severity == "error"
        assert refusal.line in texts
        assert (diagram.lifelines, diagram.body, diagram.marks) == ((), (), ())
        return
    assert set(texts) <= said(diagram) | told, "a line was dropped"
    assert said(diagram) <= set(texts), "something comes from no line"
    assert told <= set(texts) or not said(diagram)
    for lifeline in diagram.lifelines:
        assert lifeline.name in texts[lifeline.line] or lifeline.line in told, "a lifeline was invented"
    for statement in diagram.statements():
        line = texts[statement.line]
        match statement:
            case Message(sender=sender, receiver=receiver, raw_text=raw):
                ends = [name for name in (sender, receiver) if name is not None]
                assert statement.line in told or all(name in line for name in (*ends, raw))
                assert not line.startswith(("//", "#"))
            case Presentation(keyword=keyword) if keyword in {"//", "#"}:
                assert line.startswith(keyword)
    last = 0
    for mark in diagram.marks:
        line = texts[mark.line]
        assert mark.line in told or not mark.word or line.startswith(mark.word)
        if not mark.word:  # the text of a note: one diagnostic at the line above all of it
            assert last == mark.line or max((each for each in told if each < mark.line), default=0) > 0
        last = mark.line


@given(texts)
@settings(max_examples=share(1200), deadline=None)
@example("activate #red")
@example("note over A\nA->B:x\nnote over B\ntext\nend note")
@example("parallel\nparallel\nparallel off\nparallel off")
@example("alt\n" * 70 + "else\n" + "end\n" * 70)
def test_every_line_is_something_or_has_a_diagnostic(text: str) -> None:
    account(text)


@given(st.text(max_size=60))
def test_so_is_every_line_of_any_text(text: str) -> None:
    account(text)


@pytest.mark.parametrize(
    "text",
    [
        "note over A:\nfirst\nsecond\nA->B:x",
        "ref over A\nfirst\nend ref\nA->B:x",
        "participantgroup\nparticipant A\nend\nend",
        'participant A\nactor "B" as A\nA->A:x',
        "title One\ntitle Two\nframe\nA->B:x",
        "[->]:x\n->\nA->:x",
        "```\nA->B:x\n```",
        "# Notes\n\nA word.\n\n```sequence\nA->B:x\n```",
    ],
)
def test_lines_of_each_kind_are_accounted_for(text: str) -> None:
    account(text)


def test_an_arrow_between_two_notes_is_not_the_text_of_the_first() -> None:
    diagram = read("note over A\nA->B:x\nnote over B\ntext\nend note\nB->A:y")
    assert [message.label for message in diagram.messages()] == ["x", "y"]
    assert diagram.presentation() == (("note", "over A:"), ("note", "over B:text"))
