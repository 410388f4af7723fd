"""Statements, structure, and what a diagram means."""

import pytest

from spec.notation import (
    Create,
    Destroy,
    Diagram,
    Fragment,
    Lifeline,
    Message,
    Parallel,
    Presentation,
    Reference,
    read,
)
from tests.support.places import REFERENCE


def clean(text: str) -> Diagram:
    diagram = read(text)
    assert diagram.diagnostics == ()
    return diagram


def labels(diagram: Diagram) -> list[str]:
    return [message.label for message in diagram.messages()]


def only_fragment(text: str) -> Fragment:
    (fragment,) = clean(text).body
    assert isinstance(fragment, Fragment)
    return fragment


@pytest.mark.parametrize(
    ("line", "name", "label", "kind"),
    [
        ("participant A", "A", "A", "participant"),
        ("rparticipant A", "A", "A", "rparticipant"),
        ("actor End User", "End User", "End User", "actor"),
        ('boundary "B" as b', "b", "B", "boundary"),
        ('control "Two\\nlines" as c #red', "c", "Two\nlines", "control"),
        ('database "  inner  blanks " as d #fff #red;2;dashed', "d", "inner  blanks", "database"),
        ('entity "**E**" as e', "e", "E", "entity"),
        ('participant "A (x) - y.z" as front-end + (v1.2)', "front-end + (v1.2)", "A (x) - y.z", "participant"),
        ("participant User as u", "u", "User", "participant"),
        ("participant x-ray", "x-ray", "x-ray", "participant"),
        ("actor Linux-box", "Linux-box", "Linux-box", "actor"),
        ("participant Foo\\nBar", "Foo\\nBar", "Foo\nBar", "participant"),
        ('participant "Just quoted"', "Just quoted", "Just quoted", "participant"),
        ('participant "say "hi" now" as s', "s", 'say "hi" now', "participant"),
        ('participant "x as y" as z', "z", "x as y", "participant"),
        ('participant""tight""as t', "t", "", ""),
        ("participant #red A", "A", "A", "participant"),
        ("participant A##mine", "A", "A", "participant"),
        ('fontawesome6solid user-secret "Spy" as s', "s", "Spy", "fontawesome6solid"),
        ("fontawesome f0c0 Users", "Users", "Users", "fontawesome"),
        ('fontawesome5solid f48e "++**Cloud**++" as a #1da1f2', "a", "Cloud", "fontawesome5solid"),
        ("fontawesome6brands f09b GitHub", "GitHub", "GitHub", "fontawesome6brands"),
        ('materialdesignicons F1FF "Icon" as i', "i", "Icon", "materialdesignicons"),
        ('image data:image/png;base64,iVBO/+Rw0K== "Pic" as p', "p", "Pic", "image"),
    ],
)
def test_a_declaration(line: str, name: str, label: str, kind: str) -> None:
    if not kind:  # no blank behind the keyword: not a declaration
        assert len(read(line).diagnostics) == 1
        return
    (lifeline,) = clean(line).lifelines
    assert (lifeline.name, lifeline.label, lifeline.kind, lifeline.group) == (name, label.strip(), kind, None)


def test_groups_nest_and_may_hold_what_is_said() -> None:
    diagram = clean(
        "participantgroup #lightblue **Outer**\nparticipant A\nparticipantgroup Inner\ndatabase D\nend\n"
        "A->B:in the group\nalt x\nA->C:deep\nend\nend\nparticipant E\n"
    )
    assert [(each.name, each.group) for each in diagram.lifelines] == [
        ("A", "Outer"),
        ("D", "Outer / Inner"),
        ("B", "Outer"),
        ("C", "Outer"),
        ("E", None),
    ]
    assert labels(diagram) == ["in the group", "deep"]


def test_lifelines_come_in_the_order_of_their_first_use() -> None:
    diagram = clean("participant Z\nB->A:x\nnote over N:text\nactivate Q\nA<-C:y\nref over R,Z:text\ncreate K\n[->L:x")
    assert [each.name for each in diagram.lifelines] == ["Z", "B", "A", "N", "Q", "C", "R", "K", "L"]
    assert diagram.lifelines[1] == Lifeline("B", "B", "participant", None, 2, 1, "B")


@pytest.mark.parametrize(
    "kind",
    [
        *("alt", "opt", "loop", "par", "break", "critical", "ref", "seq", "strict", "neg", "ignore", "consider"),
        *("assert", "region", "group", "expandable+", "expandable-"),
    ],
)
def test_every_fragment(kind: str) -> None:
    fragment = only_fragment(f"{kind} #red #fff #blue;2;dashed some **guard**\nA->B:x\nend")
    assert (fragment.kind, fragment.guard, fragment.line) == (kind, "some guard", 1)
    assert fragment.operands[0].style == "#red #fff #blue;2;dashed"
    assert len(fragment.operands[0].body) == 1


def test_operands_know_their_guard_line_and_word() -> None:
    fragment = only_fragment("alt\nA->B:1\nelse #red otherwise\nA->B:2\nelse\nend")
    assert [(each.line, each.by, each.guard, len(each.body)) for each in fragment.operands] == [
        (1, "start", "", 1),
        (3, "else", "otherwise", 1),
        (5, "else", "", 0),
    ]
    fragment = only_fragment("par first\nA->B:1\nthread second\nC->D:2\nend")
    assert [(each.by, each.guard) for each in fragment.operands] == [("start", "first"), ("thread", "second")]


def test_guards_may_look_like_messages() -> None:
    assert only_fragment("alt A->B: ok\nend").guard == "A->B: ok"
    assert only_fragment("loop #1 of 3\nend").guard == "#1 of 3"
    assert only_fragment("group label [bracket text]\nend").guard == "label [bracket text]"
    assert only_fragment("alt#red x\nend").guard == "x"


def test_a_parallel_block_may_stay_open() -> None:
    closed, left_open = clean("parallel\nA->B:1\nparallel off\nparallel on\nA->B:2").body
    assert isinstance(closed, Parallel)
    assert isinstance(left_open, Parallel)
    assert (closed.closed, left_open.closed) == (True, False)
    fragment = only_fragment("alt\nparallel\nA->B:1\nelse\nA->B:2\nend")
    assert isinstance(fragment.operands[0].body[0], Parallel)
    assert isinstance(fragment.operands[1].body[0], Message)


def test_a_block_that_ends_inside_a_fragment_ends_with_it() -> None:
    diagram = read("parallel\nA->B:1\nopt\nA->B:2\nparallel off\nend\nA->B:3")
    block, message = diagram.body
    assert isinstance(block, Parallel)
    assert isinstance(message, Message)
    assert [each.line for each in diagram.diagnostics] == [5]


def test_references() -> None:
    (reference,) = clean(r"ref over A, B#red:**sd** Tracker\nStartup").body
    assert isinstance(reference, Reference)
    assert reference.over == ("A", "B")
    assert (reference.text, reference.target, reference.style) == ("sd Tracker\nStartup", "Tracker Startup", "#red")
    (reference,) = clean("ref over A:**Use Case:** Client Join").body
    assert isinstance(reference, Reference)
    assert (reference.target, reference.line) == ("Use Case: Client Join", 1)


def test_life_cycle() -> None:
    diagram = clean("create X\nA->*Y:new\ndestroy X\ndestroyafter Y #red\ndestroysilent A")
    assert [(type(each), each.line) for each in diagram.body] == [
        (Create, 1),
        (Message, 2),
        (Destroy, 3),
        (Destroy, 4),
        (Destroy, 5),
    ]
    assert [each.how for each in diagram.body if isinstance(each, Destroy)] == [
        "destroy",
        "destroyafter",
        "destroysilent",
    ]


PRESENTATION = r"""
note over A:text -> more
note left of A#red:text
note right of A #red #blue;2;dashed:text
note over A,B:one\ntwo
box over A:x
abox right of A:x
rbox left of B##mine:x
aboxright over A:x
aboxleft over A:x
state over A:busy
==text==
== spaced ==#gray
==x==#lightgray #green;1;dashed
space
space 5
space -2.5
linear
linear off
activate A
activate A #red
deactivate A
deactivateafter A
autoactivation on
autonumber
autonumber 10
autonumber off
entryspacing 0.5
participantspacing equal
activecolor A #red
fontfamily mono
lifelinecolor A #red
lifelinestyle A #red;3;dashed
bottomparticipants
style mine #red #green;2;dashed,**
participantstyle #red
messagestyle ##mine
notestyle #red #blue;2;dashed
dividerstyle ##mine
// a comment
# another: A->B
//no blank
#A->B:x
"""


def test_what_only_draws_is_kept_and_means_nothing() -> None:
    lines = PRESENTATION.strip().splitlines()
    diagram = clean("A->B:x\n" + PRESENTATION)
    assert len(diagram.presentation()) == len(lines)
    assert all(isinstance(each, Presentation) for each in diagram.body[1:])
    assert diagram.meaning() == clean("A->B:x").meaning()
    assert [f"{keyword} {text}".split()[0] for keyword, text in diagram.presentation()[:3]] == ["note"] * 3


def test_heading() -> None:
    diagram = clean("title A **bold** title\nframe#red The_Name\n")
    assert (diagram.title, diagram.frame) == ("A bold title", "The_Name")
    assert clean("A->B:x").title is None


def test_every_statement_keeps_its_place() -> None:
    diagram = clean("\n\n  A->B:x\r\n\t\talt\r   note over A:x\n end\n")
    message, fragment = diagram.body
    assert isinstance(fragment, Fragment)
    assert [(message.line, message.column), (fragment.line, fragment.column)] == [(3, 3), (4, 3)]
    assert [(each.line, each.column) for each in fragment.operands[0].body] == [(5, 4)]


def test_blanks_of_all_kinds() -> None:
    diagram = clean("\ufeffparticipant\u00a0A\u00a0\r\n\tA\u00a0->\tB:\u00a0x\u00a0\r\n\u200b\r\n")
    assert [(each.sender, each.receiver, each.label) for each in diagram.messages()] == [("A", "B", "x")]


def test_a_known_lifeline_with_a_comma() -> None:
    diagram = clean('participant "x" as A, B\nnote over A, B:text\nref over A, B:text')
    assert [each.name for each in diagram.lifelines] == ["A, B"]


def test_meaning_knows_neither_lines_nor_looks() -> None:
    left = clean("A-->>B:**x**\nnote over A:y\ngroup g\nB<-A:z\nend\nalt\n\nA-#redxB:w\nend")
    right = clean("A->B:x\nA->>B:z\nalt #red\nA--xB:w\nend\n")
    assert left.meaning() == right.meaning()
    assert len({left.meaning(), right.meaning()}) == 1
    assert left.meaning() != clean("A->B:x\nA->>B:z\nalt #red\nA-->B:w\nend\n").meaning()


def test_space_matters_with_delays_only() -> None:
    assert clean("A->B:x\nspace\nA->B:y").meaning() == clean("A->B:x\nA->B:y").meaning()
    assert clean("A->(3)B:x\nspace -2\nA->B:y").meaning() != clean("A->(3)B:x\nA->B:y").meaning()


def test_the_seed() -> None:
    diagram = clean(REFERENCE.read_text(encoding="utf-8"))
    assert (diagram.frame, diagram.title) == ("ClientJoin_Alternative2", "Client Join (Alternative 2)")
    assert [(each.name, each.label, each.group) for each in diagram.lifelines][2:5] == [
        ("Tracker", "MQTT Client", "Tracker Server"),
        ("Broker", "MQTT Broker", "Event Bus"),
        ("Torrent", "MQTT Client", "Torrent Server"),
    ]
    assert [each.line for each in diagram.messages() if each.lost] == [37, 40, 45, 48]
    assert labels(diagram)[3] == "Check if Torrent Server\ncan join the Distribution\nService."
    assert [type(each).__name__ for each in diagram.body if not isinstance(each, Presentation)] == [
        *["Message"] * 4,
        *("Fragment", "Parallel", "Fragment"),
    ]
    assert [each.target for each in diagram.statements() if isinstance(each, Reference)] == [
        "TrackerServerStartup_StandardProcedure",
        "Use Case: Client Join",
    ]
