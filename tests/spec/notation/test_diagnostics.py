"""What is said about lines that cannot be read, how they are read all the same, and that nothing is an exception."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spec.notation import Diagram, Fragment, print_diagram, read, render_text, summary
from tests.support.nightly import share
from tests.support.places import REFERENCE


def clean(text: str) -> Diagram:
    diagram = read(text)
    assert diagram.diagnostics == ()
    return diagram


def told(text: str) -> list[tuple[int, str, str]]:
    return [(each.line, each.severity, each.message) for each in read(text).diagnostics]


def labels(diagram: Diagram) -> list[str]:
    return [message.label for message in diagram.messages()]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("alt x\nA->B:x", 1, "`alt` is not closed: expected `end`"),
        ("participantgroup x\nparticipant A", 1, "`participantgroup` is not closed"),
        ("A->B:x\nend", 2, "`end` closes nothing"),
        ("parallel\nend", 2, "`end` closes nothing"),
        ("else x", 1, "`else` has no open fragment"),
        ("participantgroup x\nelse\nend", 2, "`else` has no open fragment"),
        ("thread x", 1, "`thread` has no open fragment"),
        ("alt\nthread x\nend", 2, "`thread` separates the operands of `par`"),
        ("loop 1\nelse x\nend", 2, "`else` separates the operands of `alt`"),
        ("->B:x", 1, "expected the sender before the arrow"),
        ("A->:x", 1, "expected the receiver behind the arrow"),
        ("<-B:x", 1, "expected the receiver before the arrow"),
        ("->:x", 1, "expected a name on both sides"),
        ("[->]:x", 1, "expected a lifeline on one side"),
        ("particpant Foo", 1, "did you mean `participant`?"),
        ("databse Foo", 1, "did you mean `database`?"),
        ("Participant Foo", 1, "expected the keyword `participant`"),
        ('queue "Q" as q', 1, "did you mean `participant`?"),
        ('actr "Q" as q', 1, "did you mean `actor`?"),
        ("participant", 1, "expected a name behind `participant`"),
        ('participant "A" as', 1, "expected a name behind `participant`"),
        ("participant A:B", 1, "a name holds no `:`"),
        ("participant A\nparticipant A #red\nactor A", 3, "`A` was declared on line 2 already"),
        ("activate", 1, "expected a lifeline behind `activate`"),
        ("note over :x", 1, "expected a lifeline behind `note over`"),
        ("note over A", 1, "expected `:` and the text of the note"),
        ("==open", 1, "a divider has `==` on both sides"),
        ("App:Main->B:x", 1, "expected an arrow before the first `:`"),
        ("lorem ipsum", 1, "expected a statement or a message such as `A->B:text`, got `lorem ipsum`"),
        ('"Quoted Name"->B:x', 1, "quotes belong into declarations"),
        ("parallel 2", 1, "expected `parallel`, `parallel on` or `parallel off`"),
        ("note beside A:x", 1, "expected `note (over|left of|right of) A:text`"),
        ("critical\noption x\nend", 2, "write what may happen instead as `alt` and `else`"),
        ("A->B:x\nB(3)->A:y", 2, "`B(3)` is read as a lifeline beside `B`; a delay stands behind the arrow"),
        ("A -[hidden]-> B:x", 1, "an arrow that is hidden is not drawn"),
        ("linear 3", 1, "expected `linear on` or `linear off`"),
        ("space wide", 1, "expected a number behind `space`"),
    ],
)
def test_what_is_said_about_a_bad_line(text: str, line: int, words: str) -> None:
    ((found, _, message),) = told(text)
    assert found == line
    assert words in message


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("particpant Foo", "participant Foo"),
        ("Note over A: x", "note over A: x"),
        ("lop 3 times\nA->B:x\nend", "loop 3 times\nA->B:x\nend"),
        ("alt\nA->B:x\nels y\nend", "alt\nA->B:x\nelse y\nend"),
        ("alt\nA->B:x\nEND", "alt\nA->B:x\nend"),
        ("alt\nA->B:x\nend alt", "alt\nA->B:x\nend"),
        ("alt x\nelseif y\nend", "alt x\nelse y\nend"),
        ("alt x\nelif y\nend", "alt x\nelse y\nend"),
        ("loop until {\nA->B:x\n}", "loop until\nA->B:x\nend"),
        ("alt x {\nA->B:x\n} else {\nB->A:x\n}", "alt x\nA->B:x\nelse\nB->A:x\nend"),
        ("opt {\nparallel {\nA->B:x\n}\n}", "opt\nparallel\nA->B:x\nparallel off\nend"),
        ("&A -> B:x", "A->B:x"),
        ("A -[dashed]-> B:x", "A--[dashed]>B:x"),
        ("A->B:w\nA -[hidden]-> B:x", "A->B:w"),
        ("A->B **:x", "A->B:x"),
        ("par x\nand y\nend", "par x\nthread y\nend"),
        ("parallel {\nA->B:x\n}\nA->B:y", "parallel\nA->B:x\nparallel off\nA->B:y"),
        ("A=>B:x", "A->B:x"),
        ("A → B:x", "A->B:x"),
        ("A –> B:x", "A-->B:x"),  # noqa: RUF001
        ("A ..> B:x", "A-->B:x"),
        ("A - > B:x", "A->B:x"),
        ("A-)B:x", "A->>B:x"),
        ("A -\\ B:x", "A->B:x"),
        ("A -[#red]-> B:x", "A--[#red]>B:x"),
        ("A -&gt; B:x", "A->B:x"),
        ("A->>>B:x", "A->>B:x"),
        ("A--->B:x", "A-->B:x"),
        ("A->+B:x", "A->B:x"),
        ("A-->-B:x", "A-->B:x"),
        ("A->B ++:x", "A->B:x"),
        ("A->B:w\nA ->x B:x", "A->B:w\nA-xB:x"),
        ("A->B->C:x", "A->B:x"),
        ("C#->B:x", "C->B:x"),
        ('participant A as "Alice"', 'participant "Alice" as A'),
        ('participant "Alice" A #red', 'participant "Alice" as A #red'),
        ("participant Foo <<svc>>", "participant Foo"),
        ("participant Foo order 10", "participant Foo"),
        ("create actor X", "create X"),
        ("A->B:x\nnote left: hm", "A->B:x\nnote left of A:hm"),
        ("A->B:x\nnote right\none\ntwo\nend note", "A->B:x\nnote right of B:one\\ntwo"),
        ("note over A\none\ntwo\nend note\nA->B:x", "note over A:one\\ntwo\nA->B:x"),
        ("ref over A,B\none\nend ref", "ref over A,B:one"),
        ('box "Server side" #red\nparticipant A\nend box', "participantgroup #red Server side\nparticipant A\nend"),
        ("...", "space"),
        ("|||", "space"),
        ("==open", "==open=="),
    ],
)
def test_a_bad_line_is_read_as_it_was_meant(text: str, instead: str) -> None:
    diagram, meant = read(text), clean(instead)
    assert diagram.diagnostics
    assert diagram.meaning() == meant.meaning()
    assert diagram.presentation() == meant.presentation()


@pytest.mark.parametrize(
    "line", ["@startuml", "skinparam x 3", "return ok", "hide footbox", "' comment", "!include x", "%% x"]
)
def test_what_has_no_counterpart_is_skipped(line: str) -> None:
    diagram = read(f"A->B:1\n{line}\nB->A:2")
    assert [(each.line, each.severity) for each in diagram.diagnostics] == [(2, "error")]
    assert labels(diagram) == ["1", "2"]


def test_one_bad_line_hides_no_other() -> None:
    diagram = read("lorem\nalt x\nA->:y\nA->B:1\nels\nA->B:2\nparticpant C\nend\nend\nopt\nA->B:3")
    assert [each.line for each in diagram.diagnostics] == [1, 3, 5, 7, 9, 10]
    assert labels(diagram) == ["1", "2", "3"]
    fragment, unclosed = diagram.body
    assert isinstance(fragment, Fragment)
    assert isinstance(unclosed, Fragment)
    assert len(fragment.operands) == 2


def test_nesting_without_measure_is_flattened() -> None:
    diagram = read("alt\n" * 5000 + "A->B:x\n" + "end\n" * 5000)
    assert labels(diagram) == ["x"]
    assert {each.message[:20] for each in diagram.diagnostics} == {"nested deeper than 6"}
    assert hash(diagram.meaning()) == hash(read(print_diagram(diagram)).meaning())


def bear(text: str) -> None:
    diagram = read(text, file="any")
    json.dumps(summary(diagram))
    assert render_text(diagram).startswith("any\n")
    hash(diagram.meaning())
    count = max(1, text.count("\n") + text.count("\r") + 1)
    assert all(1 <= each.line <= count and each.column >= 1 for each in diagram.diagnostics)
    assert all(each.line >= 1 for each in diagram.statements())


@given(st.text())
@settings(max_examples=share(600))
def test_no_text_is_an_exception(text: str) -> None:
    bear(text)


WORDS = [
    "A",
    "B",
    "front-end",
    "x",
    "->",
    "-->>",
    "<-",
    "-x",
    "x--",
    "-#redx",
    "<->",
    "->*",
    "(5)",
    "[",
    "]",
    ":",
    " ",
    "\n",
    "#red",
]
WORDS += [
    "alt",
    "else",
    "end",
    "par ",
    "thread",
    "parallel",
    "parallel off",
    "participant ",
    "participantgroup",
    '"',
    " as ",
    "note ",
]
WORDS += [
    "over ",
    "left of ",
    "ref ",
    ",",
    "==",
    "create ",
    "destroy ",
    "**",
    "//",
    "\\n",
    "\\",
    "space",
    "...",
    "end note",
    "title ",
]


@given(st.lists(st.sampled_from(WORDS)).map("".join))
@settings(max_examples=share(1000))
def test_no_jumble_of_the_notation_is_an_exception(text: str) -> None:
    bear(text)


@pytest.mark.parametrize(
    "piece", ["-", "x-", "->", "A->B", "<", "(1)", "-[", "[", '"', "\\", "#red ", "==", "\0", "A ", " as x", "**"]
)
@pytest.mark.parametrize("head", ["", "A->B:", "participant ", 'participant "', "note over ", "alt ", "box ", "=="])
def test_very_long_lines(head: str, piece: str) -> None:
    bear(head + piece * 3000)


def test_bytes_that_are_no_text() -> None:
    bear(bytes(range(256)).decode("latin-1") * 40)
    bear(bytes(range(256)).decode("utf-8", errors="surrogateescape") * 40)


def test_many_lines() -> None:
    seed = REFERENCE.read_text(encoding="utf-8")
    body = seed[seed.index("Torrent->>") :]
    diagram = clean("\n".join([seed] + [body] * 100))
    assert len(list(diagram.messages())) == 16 * 101
