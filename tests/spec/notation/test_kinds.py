"""Kinds of texts that were once read wrongly without a word, or with the wrong one."""

import pytest

from spec.notation import Create, Diagram, Fragment, Message, read
from tests.support.arrows import arrows


def names(diagram: Diagram) -> list[str]:
    return [lifeline.name for lifeline in diagram.lifelines]


def told(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.severity) for each in read(text).diagnostics]


def words(text: str) -> str:
    return "\n".join(each.message for each in read(text).diagnostics)


def only(text: str) -> Message:
    (message,) = read(text).messages()
    return message


@pytest.mark.parametrize("arrow", ["-> *", "->>  *", "--> * ", "->\t*", "->(5) *", "-> (5) *", "-#red> *", "->*"])
def test_a_blank_before_the_star_creates_all_the_same(arrow: str) -> None:
    diagram = read(f"participant Job run\nU {arrow}Job run : go")
    assert diagram.diagnostics == ()
    assert names(diagram) == ["Job run", "U"]
    assert only(f"U {arrow}Job run : go").created


def test_a_star_may_still_be_a_part_of_a_declared_name() -> None:
    assert names(read("participant *B\nA -> *B:x")) == ["*B", "A"]
    assert names(read('participant "x" as (5) B\nA -> (5) B:x')) == ["(5) B", "A"]


def test_a_star_on_the_left_creates_with_a_warning() -> None:
    message = only("B*<-A:x")
    assert (message.sender, message.receiver, message.created) == ("A", "B", True)
    assert told("B*<-A:x") == [(1, "warning")]


@pytest.mark.parametrize("line", ["A -> (5) B:x", "A->(5) B:x", "A -x (5)B:x", "A -> ( 5 )  B:x"])
def test_a_delay_may_have_blanks_around_it(line: str) -> None:
    assert read(line).diagnostics == ()
    assert (only(line).receiver, only(line).delay) == ("B", 5)


def test_a_delay_on_the_left_of_a_known_name() -> None:
    assert names(read("participant A\nA (5) <- B:x")) == ["A", "B"]
    assert told("participant A\nA (5) <- B:x") == [(2, "warning")]
    assert names(read("Client (2) <- B:x")) == ["Client (2)", "B"]


@pytest.mark.parametrize("style", [" ;3;dashed", ";3;dashed", " ;0", " ;2.5", " ;;dotted", " ;3 #red", " #red ;3"])
@pytest.mark.parametrize(
    "line",
    [
        *("participant P{}", 'participant "x" as P{}', "activate P{}", "note over P{}:x", "P->Q{}:x", "ref over P{}:x"),
        *("create P{}", "destroy P{}", "deactivate P{}", "box left of P{}:x", "Q->P{}"),
    ],
)
def test_a_style_needs_no_colour(line: str, style: str) -> None:
    diagram = read(f"{line.format(style)}\n//")
    assert diagram.diagnostics == ()
    assert set(names(diagram)) <= {"P", "Q"}


def test_a_style_without_a_colour_stands_before_a_guard_too() -> None:
    (fragment,) = read("alt ;3;dashed ready\nA->B:x\nend").body
    assert getattr(fragment, "guard", "") == "ready"


@pytest.mark.parametrize("line", ["participant A # web", "participant Server #1", "A->B #1:x", "note over A #12 x:y"])
def test_what_cannot_be_a_style_is_told(line: str) -> None:
    assert told(line) == [(1, "warning")]


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize(
    ("line", "sender", "receiver", "lost"),
    [
        ("Bob ->x Ann:m", "Bob", "Ann", True),
        ("Bob ->>x Ann:m", "Bob", "Ann", True),
        ("Bob -->x Ann:m", "Bob", "Ann", True),
        ("Bob ->X Ann:m", "Bob", "Ann", True),
        ("Bob ->o Ann:m", "Bob", "Ann", False),
        ("Ann x<- Bob:m", "Bob", "Ann", True),
        ("Ann o<-- Bob:m", "Bob", "Ann", False),
        ("Ann ->x]:m", "Ann", None, True),
        ("[x<- Ann:m", "Ann", None, True),
        ("[o-> Ann:m", None, "Ann", False),
    ],
)
def test_a_cross_behind_the_head_loses_the_message(
    line: str, sender: str | None, receiver: str | None, lost: bool, blank: str
) -> None:
    message = only(blank + line)
    assert (message.sender, message.receiver, message.lost) == (sender, receiver, lost)
    assert told(line) == [(1, "warning")]


@pytest.mark.parametrize("line", ["Bob->xAnn:m", "Bob -> x Ann:m", "Player x -> Player o:m", "Bob x -> Ann:m"])
def test_a_cross_may_be_a_part_of_a_name(line: str) -> None:
    assert not only(line).lost
    assert told(line) == []


def test_a_name_that_ends_like_a_mark_is_told() -> None:
    assert names(read("Bob o->Ann:m")) == ["Bob o", "Ann"]
    assert told("Bob o->Ann:m") == [(1, "warning")]
    assert names(read("participant Bob\nBob o->Ann:m")) == ["Bob", "Ann"]


@pytest.mark.parametrize("word", ["title", "frame"])
def test_a_file_holds_one_diagram(word: str) -> None:
    text = f"{word} One\nA->B:x\n{word} Two\nB->A:y\n{word} Three"
    assert told(text) == [(3, "warning"), (5, "warning")]
    assert getattr(read(text), word) == "Three"
    assert told(f"{word}\nA->B:x") == [(1, "warning")]


@pytest.mark.parametrize(
    ("line", "name", "label"),
    [
        ('participant "Open as X', "X", "Open"),
        ('participant Open" as X', "X", "Open"),
        ('participant "Open', "Open", "Open"),
        ('participant Open it"', "Open it", "Open it"),
        ("participant “Open it” as X", "X", "Open it"),
        ("participant „Open it“", "Open it", "Open it"),
        ('participant X "Open it"', "X", "Open it"),
        ('participant "Open it" #red as X', "X", "Open it"),
        ("participant Open AS X", "X", "Open"),
        ('participant "Open" As X', "X", "Open"),
        ("participant X;", "X", "X"),
    ],
)
def test_a_declaration_with_a_slip_is_read_as_meant(line: str, name: str, label: str) -> None:
    (lifeline,) = read(f"{line}\n//").lifelines
    assert (lifeline.name, lifeline.label) == (name, label)
    assert told(f"{line}\n//") == [(1, "error")]


@pytest.mark.parametrize("line", ['A->"B:x', '"A->B:x', 'A->B":x', "A->B;", "A->B;:x", 'A" ->B:x'])
def test_a_name_has_neither_half_a_quote_nor_a_semicolon(line: str) -> None:
    assert names(read(line)) == ["A", "B"]
    assert told(line) == [(1, "warning")]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A->#redB:m", "1 A>B m"),
        ("A->#red B:m", "1 A>B m"),
        ("A-->>#lightblueB:m", "1 A>B m"),
        ("A->[#red]B:m", "1 A>B m"),
        ("A->[#red;3] B:m", "1 A>B m"),
        ("A-x[#red]B:m", "1 Ax>B m"),
        ("B<-#redA:m", "1 A>B m"),
        ("A->##mine B:m", "1 A>B m"),
    ],
)
def test_a_colour_behind_the_head_is_told_where_it_goes(line: str, expected: str) -> None:
    assert arrows(read(line)) == [expected]
    assert told(line) == [(1, "error")]
    assert "the colour goes" in words(line)


def test_a_colour_and_a_name_that_cannot_be_parted_are_told() -> None:
    assert arrows(read("A->#wibbleB:m")) == []
    assert "the colour goes before the head" in words("A->#wibbleB:m")
    assert arrows(read("participant B\nA->#wibbleB:m")) == ["2 A>B m"]


def test_a_bracket_alone_is_still_the_environment() -> None:
    assert only("A->[ #red:x").receiver is None
    assert only("A->[B]:x").receiver == "[B]"


@pytest.mark.parametrize("line", ["A-[##s]->B:m", "A-[#red;2]->B:m", "A--[#red]-->>B:m", "A-#red->B:m", "A<-[##s]-B:m"])
def test_a_style_between_dashes_is_a_warning(line: str) -> None:
    assert len(arrows(read(line))) == 1
    assert names(read(line)) == ["A", "B"]
    assert told(line) == [(1, "warning")]


def test_a_lost_message_may_have_its_style_between_dashes() -> None:
    assert arrows(read("A-[#red]-xB:m")) == ["1 Ax>B m"]


@pytest.mark.parametrize("word", ["lifelineweight", "arrowthickness", "fontweight", "messageopacity", "notefontsize"])
def test_a_setting_that_we_have_not_seen_yet_is_one(word: str) -> None:
    assert told(f"A->B:x\n{word} 4") == []


@pytest.mark.parametrize(
    "opener", ["note over X:", "note over X", "box left of X:", "note right of X #red:", "ref over X:"]
)
def test_a_text_on_the_lines_below_is_one_diagnostic(opener: str) -> None:
    text = f"{opener}\nsome text\nmore of it\nX->Y:a\nlorem"
    assert told(text) == [(1, "error"), (5, "error")]
    assert arrows(read(text)) == ["4 X>Y a"]
    held = [text for _, text in read(text).presentation()]
    assert held == [] or held[0].endswith(r"some text\nmore of it")


def test_a_text_below_ends_at_a_gap_and_at_a_statement() -> None:
    assert told("note over X:\none\n\ntwo\nX->Y:a") == [(1, "error"), (4, "error")]
    assert told("note over X:\none\nparticpant Z\nX->Z:a") == [(1, "error"), (3, "error")]
    assert told("note over X:\nX->Y:a") == []


def test_fragments_that_end_too_often_or_not_at_all_are_warnings() -> None:
    assert told("A->B:x\nend") == [(2, "warning")]
    assert told("alt\nA->B:x") == told("participantgroup g\nA->B:x") == [(1, "warning")]
    assert "read as if it were not there" in words("A->B:x\nend")
    assert "read as going to the end of the file" in words("loop\nA->B:x")


def test_a_block_left_open_is_a_warning_where_it_means_something() -> None:
    assert told("parallel\nA->B:x\nB->A:y") == [(1, "warning")]
    assert told("parallel\nA->B:x\nnote over A:y") == []
    assert told("opt\nparallel\nA->B:x\nB->A:y\nend") == [(2, "warning")]
    assert told("parallel\nA->B:x\nB->A:y\nparallel off") == []
    assert told("parallel off\nA->B:x") == [(1, "warning")]
    assert told("parallel\nA->B:x\nparallel\nB->A:y\nparallel off") == [(3, "warning")]


@pytest.mark.parametrize(
    ("line", "severity"),
    [("Title Foo", "warning"), ("NOTE over A:x", "warning"), ("Participant A", "warning"), ("titel Foo", "error")],
)
def test_capitals_in_a_keyword_are_a_warning(line: str, severity: str) -> None:
    assert told(line) == [(1, severity)]


@pytest.mark.parametrize(
    "line", ["Participant x-proxy", "Actor Linux-box", "particpant x-proxy", "Note over x-ray: hot"]
)
def test_the_x_of_a_name_behind_a_keyword_is_no_arrow(line: str) -> None:
    diagram = read(line)
    assert arrows(diagram) == []
    assert names(diagram) == [line.partition(":")[0].rpartition(" ")[2]]
    assert len(diagram.diagnostics) == 1


def test_capitals_do_not_turn_a_block_around() -> None:
    diagram = read("parallel\nA->B:x\nParallel Off\nA->B:y")
    assert len(diagram.body) == 2


@pytest.mark.parametrize("line", ["alt[ready]", "alt(ready)", "alt{ready}", "Alt[ready]"])
def test_a_guard_may_touch_the_keyword(line: str) -> None:
    diagram = read(f"{line}\nA->B:x\nelse[not]\nA->B:y\nend")
    assert len(diagram.body) == 1
    assert [each for each, _ in told(f"{line}\nA->B:x\nelse[not]\nA->B:y\nend")] == [1, 3]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("C->A:early\ncreate C", 1),
        ("C->A:early\nA->*C:new", 1),
        ("destroy B\nA->B:x", 2),
        ("opt\ndestroy B\nend\nA->B:x", 4),
        ("alt\ndestroy B\nelse\nA->B:x\nend\nA->B:y", 6),
        ("create B\ncreate B\nA->B:x", 2),
    ],
)
def test_events_of_a_lifeline_that_is_not_there_are_told(text: str, line: int) -> None:
    assert told(text) == [(line, "warning")]


@pytest.mark.parametrize(
    "text",
    [
        "create C\nA->C:x\ndestroy C",
        "alt\nA->*C:x\nelse\nA->*C:y\nend\nC->A:z",
        "destroy B\nA-xB:lost",
        "destroy B\ncreate B\nA->B:x",
        "destroy B\nneg\nA->B:x\nend",
        "loop\n" * 40 + "A->B:x\n" + "end\n" * 40 + "destroy B",
    ],
)
def test_a_life_in_order_is_not(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("raw", "label"),
    [
        ("--small", "small"),
        ("**bold", "bold"),
        ("**++Big", "Big"),
        ('""mono', "mono"),
        ("~~gone", "gone"),
        (r"x\n**y", "x\ny"),
        ("<color:#red>**x", "x"),
        ("//etc/hosts", "//etc/hosts"),
        ("run --rm x", "run --rm x"),
        ("-- a", "-- a"),
        ("i++", "i++"),
        ("****", "****"),
        (r"\**x", "**x"),
        ("**a** b **c", "a b **c"),
    ],
)
def test_a_mark_that_is_never_closed(raw: str, label: str) -> None:
    assert only(f"A->B:{raw}").label == label


def test_the_label_of_a_declaration_has_none_either() -> None:
    assert read('actor "**++Big" as X').lifelines[0].label == "Big"


@pytest.mark.parametrize(
    ("line", "guard", "style"),
    [
        ("group #gray label #white [cond]", "label [cond]", "#gray #white"),
        ("group label #white [cond]", "label [cond]", "#white"),
        ("group label ##mine[cond]", "label [cond]", "##mine"),
        ("group label [cond #1]", "label [cond #1]", ""),
        ("alt label #white [cond]", "label #white [cond]", ""),
    ],
)
def test_the_text_of_a_group_has_a_colour(line: str, guard: str, style: str) -> None:
    (fragment,) = read(f"{line}\nA->B:x\nend").body
    assert isinstance(fragment, Fragment)
    (operand,) = fragment.operands
    assert (operand.guard, operand.style) == (guard, style)


@pytest.mark.parametrize("text", ["", "\n\n", "// x\n# y", "\ufeff", " \t\n"])
def test_where_nothing_is_that_is_told(text: str) -> None:
    (diagnostic,) = read(text).diagnostics
    assert (diagnostic.severity, diagnostic.message) == (
        "warning",
        "there is no diagram in here: no lifeline, and no message",
    )


def test_a_title_alone_is_something() -> None:
    assert told("title X") == told("participant A") == []


def test_characters_that_nobody_sees_do_no_harm_in_silence() -> None:
    assert arrows(read("A-\u200b>B:x")) == ["1 A>B x"]
    assert told("A-\u200b>B:x") == [(1, "error")]
    assert told("A->B:x\u2028C->D:y") == told("A->B:x\x0bC->D:y") == [(1, "warning")]


def test_create_keeps_its_name_without_the_style() -> None:
    (created,) = read("create P ;2").body
    assert isinstance(created, Create)
    assert created.name == "P"


def test_bent_quotes_in_a_message_are_quotes() -> None:
    assert names(read("“A B”->C:x")) == ["A B", "C"]
    assert told("“A B”->C:x") == [(1, "warning")]


def test_a_label_in_a_create_is_one() -> None:
    diagram = read('create "X Y" as X\nA->X:x')
    assert [(each.name, each.label) for each in diagram.lifelines] == [("X", "X Y"), ("A", "A")]
    assert told('create "X Y" as X\nA->X:x') == [(1, "error")]
    assert names(read('create actor "X Y" as X\nA->X:x')) == ["X", "A"]


def test_a_place_may_have_capitals_like_its_keyword() -> None:
    assert read("Note Right of A: t").presentation() == (("note", "right of A:t"),)
    assert told("Note Right of A: t") == [(1, "warning")]


@pytest.mark.parametrize("word", ["activate", "deactivate", "deactivateafter"])
def test_a_colour_is_no_lifeline(word: str) -> None:
    assert told(f"A->B:x\n{word} #red") == [(2, "error")]
