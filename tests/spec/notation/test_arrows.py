"""Who sends to whom: every arrow of the notation, and names that look like parts of one."""

import pytest

from spec.notation import Message, read
from spec.notation.arrows import is_writable, scan


def only(text: str) -> Message:
    diagram = read(text)
    assert diagram.diagnostics == ()
    (message,) = list(diagram.messages())
    return message


def last(text: str) -> Message:
    diagram = read(text)
    assert diagram.diagnostics == ()
    return list(diagram.messages())[-1]


def course(message: Message) -> tuple[str | None, str | None, bool]:
    return message.sender, message.receiver, message.lost


FORWARD = ["->", "->>", "-->", "-->>", "-#red>", "-#ff0000>>", "--#red;3;dashed>", "-[#red;3]>", "-(5)>", "->(5)"]
FORWARD += ["-##important>", "--##extra>>", "-:3>", "-#red:2.5>", "-[#red]>(2)", "->*", "-->>*"]
BACKWARD = ["<-", "<<-", "<--", "<<--", "<#red-", "<<[#red;3]--", "<-[#red]", "(5)<-", "<##style-"]
LOST_FORWARD = ["-x", "--x", "-#redx", "--#redx(1)", "-[#red;3]x", "-x(5)", "-##bolderx", "-(5)x"]
LOST_BACKWARD = ["x-", "x--", "x#red-", "x[#red;3]--", "(5)x--"]
BOTH = ["<->", "<<->>", "<-->", "<-[#red]>", "<#red->"]


@pytest.mark.parametrize("gap", ["", " "])
@pytest.mark.parametrize("arrow", FORWARD)
def test_an_arrow_with_its_head_on_the_right_is_sent_by_the_left(arrow: str, gap: str) -> None:
    message = only(f"A{gap}{arrow}{gap}B:text")
    assert course(message) == ("A", "B", False)
    assert message.label == "text"
    assert not message.both_ways
    assert message.created == arrow.endswith("*")


@pytest.mark.parametrize("gap", ["", " "])
@pytest.mark.parametrize("arrow", BACKWARD)
def test_an_arrow_with_its_head_on_the_left_is_sent_by_the_right(arrow: str, gap: str) -> None:
    assert course(only(f"A{gap}{arrow}{gap}B:text")) == ("B", "A", False)


@pytest.mark.parametrize("gap", ["", " "])
@pytest.mark.parametrize("arrow", LOST_FORWARD)
def test_a_cross_on_the_right_loses_what_the_left_sends(arrow: str, gap: str) -> None:
    assert course(only(f"A{gap}{arrow}{gap}Broker:text")) == ("A", "Broker", True)


@pytest.mark.parametrize("gap", ["", " "])
@pytest.mark.parametrize("arrow", LOST_BACKWARD)
def test_a_cross_on_the_left_loses_what_the_right_sends(arrow: str, gap: str) -> None:
    assert course(only(f"A{gap}{arrow}{gap}Broker:text")) == ("Broker", "A", True)


@pytest.mark.parametrize("arrow", BOTH)
def test_two_heads_are_one_message_both_ways(arrow: str) -> None:
    message = only(f"A{arrow}B:text")
    assert course(message) == ("A", "B", False)
    assert message.both_ways


@pytest.mark.parametrize(
    ("line", "sender", "receiver", "lost"),
    [
        ("[->A:in", None, "A", False),
        ("A->]:out", "A", None, False),
        ("[<-A:out", "A", None, False),
        ("A<-]:in", None, "A", False),
        ("[ -> A: in", None, "A", False),
        ("A -->> ]", "A", None, False),
        ("[-xA:lost on its way in", None, "A", True),
        ("[-#red>A:coloured", None, "A", False),
        ("[-[#red;3]>A:coloured", None, "A", False),
    ],
)
def test_a_bracket_is_the_environment(line: str, sender: str | None, receiver: str | None, lost: bool) -> None:
    assert course(only(line)) == (sender, receiver, lost)


@pytest.mark.parametrize(
    ("line", "sender", "receiver"),
    [
        ("front-end->back-end:x", "front-end", "back-end"),
        ("Linux-box->A:x", "Linux-box", "A"),
        ("A->nginx-proxy:x", "A", "nginx-proxy"),
        ("nginx-proxy-->A:x", "nginx-proxy", "A"),
        ("A<-nginx-proxy:x", "nginx-proxy", "A"),
        ("Box->xylophone:x", "Box", "xylophone"),
        ("A<-xylophone:x", "xylophone", "A"),
        ("A<->xylophone:x", "A", "xylophone"),
        ("pre-x->B:x", "pre-x", "B"),
        ("x->x-ray:x", "x", "x-ray"),
        ("Client (v1.2)->Server + DB:x", "Client (v1.2)", "Server + DB"),
        ("Client - Web -> Server:x", "Client - Web", "Server"),
        ("A->C++:x", "A", "C++"),
        ("A->List<String>:x", "A", "List<String>"),
        ("<<service>> A->B:x", "<<service>> A", "B"),
        ("A->B.c(d):x", "A", "B.c(d)"),
        ("Service(x)->B:x", "Service(x)", "B"),
        ("A->api/v1/x-y:x", "A", "api/v1/x-y"),
        ("title->end:x", "title", "end"),
        ("actor -> database: x", "actor", "database"),
        ("end user->B:x", "end user", "B"),
        ("state machine->B:x", "state machine", "B"),
        ("box office->B:x", "box office", "B"),
        ("style guide->B:x", "style guide", "B"),
        ("space ship->B:x", "space ship", "B"),
        ("participant->B:x", "participant", "B"),
        ("Ünïcode->名前:x", "Ünïcode", "名前"),
        ("A B  C->D:x", "A B  C", "D"),
    ],
)
def test_names_may_look_like_arrows_and_keywords(line: str, sender: str, receiver: str) -> None:
    assert course(only(line)) == (sender, receiver, False)


@pytest.mark.parametrize(
    ("names", "line", "expected"),
    [
        (["Linux-box", "A"], "Linux-boxx-A:x", ("A", "Linux-box", True)),
        (["nginx-proxy", "A"], "nginx-proxy-xA:x", ("nginx-proxy", "A", True)),
        (["A", "xylophone"], "A-xxylophone:x", ("A", "xylophone", True)),
        (["Max-Planck", "B"], "Max-Planckx-B:x", ("B", "Max-Planck", True)),
        (["A", "(5)B"], "A->(5)B:x", ("A", "(5)B", False)),
        (["A(5)", "B"], "A(5)<-B:x", ("B", "A(5)", False)),
        (["A", "*B"], "A->*B:x", ("A", "*B", False)),
        (["A", "+B"], "A->+B:x", ("A", "+B", False)),
        (["note service", "B"], "note service->B:x", ("note service", "B", False)),
        (["alt A", "B"], "alt A->B:x", ("alt A", "B", False)),
        (["loop", "B"], "loop -> B:x", ("loop", "B", False)),
    ],
)
def test_a_declared_name_decides(names: list[str], line: str, expected: tuple[str, str, bool]) -> None:
    declared = "\n".join(f'participant "{name}" as {name}' for name in names if "->" not in name)
    assert course(last(f"{declared}\n{line}")) == expected


def test_an_unknown_name_may_begin_like_a_declared_one() -> None:
    diagram = read("participant front\nfront-x->B:x")
    assert [course(message) for message in diagram.messages()] == [("front-x", "B", False)]
    assert [(each.line, each.severity) for each in diagram.diagnostics] == [(2, "warning")]


def test_the_seeds_coloured_loss() -> None:
    message = only(r"Tracker--#redxBroker: PUBLISH clients/join/accepted\n(ClientJoinAccepted Event)")
    assert course(message) == ("Tracker", "Broker", True)
    assert message.label == "PUBLISH clients/join/accepted\n(ClientJoinAccepted Event)"
    assert message.raw_text == r"PUBLISH clients/join/accepted\n(ClientJoinAccepted Event)"
    assert (message.look.dashed, message.look.right_style) == (True, "#red")


def test_the_text_begins_at_the_first_colon_behind_the_arrow() -> None:
    assert only("A->B::method: a->b").label == ":method: a->b"
    assert only("A->B").label == ""
    assert only("A->B:").label == ""
    assert only("A-:3>B:3:4").label == "3:4"


def test_delays_create_and_styles_are_told_apart() -> None:
    message = only("A-[#red;3]>(2.5)*New Thing##bold:text")
    assert (message.receiver, message.delay, message.created) == ("New Thing", 2.5, True)
    assert (message.look.right_style, message.look.suffix) == ("[#red;3]", "##bold")


def test_a_known_name_ends_with_the_x_that_would_be_a_head() -> None:
    diagram = read("Box->A:x\nBox-A:forgotten head\nA->xylo:x\nA-xylo:forgotten head")
    assert [course(message) for message in diagram.messages()] == [
        ("Box", "A", False),
        ("Box", "A", False),
        ("A", "xylo", False),
        ("A", "xylo", False),
    ]
    assert [(each.line, each.severity) for each in diagram.diagnostics] == [(2, "error"), (4, "error")]


@pytest.mark.parametrize(
    "line", ["a non-xml answer", "some text with x-rays in it", "foo", "A B", "x", "-", ">", "A:B->C"]
)
def test_prose_is_no_message(line: str) -> None:
    diagram = read(line)
    assert list(diagram.messages()) == []
    assert len(diagram.diagnostics) == 1
    assert diagram.lifelines == ()


def test_the_first_that_fits_wins_among_strangers() -> None:
    assert scan("A-xB-xC") is not None
    arrow = scan("A-xB-xC")
    assert arrow is not None
    assert (arrow.left, arrow.right) == ("A", "B-xC")


@pytest.mark.parametrize(
    ("name", "writable"), [("A-B", True), ("L<T>", True), ("A->B", False), ("A<-B", False), ("--", False)]
)
def test_a_name_holds_no_arrow(name: str, writable: bool) -> None:
    assert is_writable(name) is writable
