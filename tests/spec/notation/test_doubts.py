"""Names that were probably not meant: against those that were declared, and in themselves."""

import pytest

from spec.notation import read
from spec.notation.doubts import is_slip


def told(text: str) -> list[tuple[int, str]]:
    diagram = read(text)
    assert all(each.severity == "warning" for each in diagram.diagnostics)
    return [(each.line, each.message) for each in diagram.diagnostics]


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        ("Transfer", "Tranfer"),
        ("Transfer", "Transferr"),
        ("Transfer", "Trasnfer"),
        ("Transfer", "Tramsfer"),
        ("Alice", "alice"),
        ("alice", "Alice"),
        ("Log-in", "Login"),
        ("log server", "LogServer"),
        ("Client 1", "Client1"),
        ("Größe", "GRÖSSE"),
        ("Broker", "Brokef"),
        ("A", "a"),
    ],
)
def test_a_name_close_to_a_declared_one_gets_a_hint(declared: str, used: str) -> None:
    ((line, message),) = told(f"participant {declared}\n{declared}->Other:x\n{used}->Other:y")
    assert line == 3
    assert f"did you mean `{declared}` of line 1?" in message


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        ("a1", "a2"),
        ("Server1", "Server2"),
        ("Server1", "Server12"),
        ("ServerA", "ServerB"),
        ("Server", "ServerB"),
        ("Server A", "Server B"),
        ("Node x", "Node y"),
        ("Ann", "Ben"),
        ("DB", "CB"),
        ("Bus", "Bug"),
        ("Publisher", "Subscriber"),
    ],
)
def test_names_that_differ_on_purpose_get_none(declared: str, used: str) -> None:
    assert told(f"participant {declared}\n{declared}->Other:x\n{used}->Other:y") == []


def test_undeclared_names_are_not_compared() -> None:
    assert told("Transfer->A:x\nTranfer->A:y\nalice->Alice:z\na1->a2:w") == []


def test_nor_are_those_that_all_were() -> None:
    assert told("participant Alice\nparticipant alice\nparticipant Alise\nAlice->alice:x\nAlise->Alice:y") == []


@pytest.mark.parametrize("other", ["A  B", "A\u2009B", "A B\u200b.", "A B!"])
def test_names_that_look_the_same_are_told(other: str) -> None:
    ((line, message),) = told(f"A B->C:x\nC->{other}:y")
    assert (line, "nearly `A B` of line 1" in message) == (2, True)


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        ("User [style=s]", "User"),
        ("User {main}", "User"),
        ("User, Admin", "User"),
        ("Web App", "App"),
        ('"x" as the end', "the"),
        ("Web", "Web App"),
        ("Web", "Website"),
        ("Node", "front Node"),
    ],
)
def test_a_silent_name_and_a_new_one_that_is_a_part_of_it(declared: str, used: str) -> None:
    found = told(f"participant {declared}\n{used}->S:a")
    assert [line for line, _ in found] == [2]
    assert "takes part in no message; is it the same?" in found[0][1]


@pytest.mark.parametrize("more", ["Web->S:b", "ref over Web:b", "destroy Web"])
def test_one_that_does_is_another(more: str) -> None:
    assert told(f"participant Web\nWeb App->S:a\n{more}") == []


def test_a_label_is_no_name() -> None:
    ((line, message),) = told('participant "Web App" as w\nw->S:a\nweb app->S:b')
    assert line == 3
    assert "is the label of `w`; did you mean `w`?" in message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("A->B,C:x", 1, "with a `,` in it"),
        ("A->B;C:x", 1, "with a `;` in it"),
        ('A->B "hello"', 1, 'with a `"` in it'),
        ("B->C:w\nA->B and C:x", 2, "though its parts are lifelines"),
        ("B->C:w\nA->B & C:x", 2, "though its parts are lifelines"),
        ("B->C:w\nnote over B and C:x", 2, "though its parts are lifelines"),
        ("participant A // ours\nA // ours->B:x", 1, "no comments behind a statement"),
        ("- A->B:x", 1, "an item of a list"),
        ("3) A->B:x", 1, "an item of a list"),
        ("A->B:x\n2 A->B:x", 2, "an item of a list"),
        ("A->B:x\nend B->A:y", 2, "a message or `end`, not both"),
        ("create A->B:x", 1, "a message or `create`, not both"),
        ("participant A->B:x", 1, "a message or `participant`, not both"),
        ("alt[x->y]", 1, "a blank behind the keyword"),
        ("[*]->A:x", 1, "the environment is"),
        ("A->?:x", 1, "the environment is"),
        ("A->B:x\nB->A the text", 2, "a `:` between"),
        ("A->B hello there", 1, "a `:` between"),
        ("A - -> B:x", 1, "an arrow without blanks"),
        ("A-(3)->B:x", 1, "an arrow without blanks"),
        ("A->(3 s)B:x", 1, "an arrow without blanks"),
        ("A->(3)(4)B:x", 1, "an arrow without blanks"),
        ("[A->B:x", 1, "a bracket alone"),
        ("A->[B:x", 1, "a bracket alone"),
        ("/* A->B:x", 1, "an item of a list"),
        ("-- A->B:x", 1, "an item of a list"),
        ("A->B //y", 1, "no comments behind a statement"),
        ("A->B\uff1ax", 1, "with a `\uff1a` in it"),
        ("create A, B", 1, "with a `,` in it"),
        ("A->B:x\nactivate B now", 2, "`B` is one"),
        ("A->B:x\ndestroy A B", 2, "`A` is one"),
        ("A->B:x\nnote over A B:y", 2, "`A` is one"),
        ("A->Server+:x\nServer->A:y", 2, "nearly `Server+`"),
        ("A->B:x;B->A:y", 1, "a message stands on a line of its own"),
        ("A->B:x\nalt B->A:y\nend", 2, "a message stands on a line of its own"),
    ],
)
def test_what_is_odd_about_a_name_is_told(text: str, line: int, words: str) -> None:
    found = told(text)
    assert [(each, words in message) for each, message in found[:1]] == [(line, True)]


@pytest.mark.parametrize(
    "text",
    [
        "end user->B:x",
        "box office->state machine:x",
        "A->B:see a, b; and c",
        'A->B:"hello"',
        "Server 2->Server 3:x",
        "2 Phones->B:x",
        "(Web) Client->B:x",
        "A->B C",
        "R&D->B:x",
        "client/server->B:x",
        "alt A->B: ok\nend",
        "A->B:302 -> login page; then A",
    ],
)
def test_what_is_not_odd_is_not(text: str) -> None:
    assert told(text) == []


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("İstanbul", "istanbul"), ("", "abcd"), ("ab", "ba")]
)
def test_letters_that_change_their_length_are_no_trouble(one: str, other: str) -> None:
    assert not is_slip(one, other)


def test_many_names_are_no_trouble() -> None:
    text = "\n".join(f"participant Server{n:04}x" for n in range(500)) + "\n"
    text += "\n".join(f"Client{n:04}x->Sink:x" for n in range(500))
    assert told(text) == []
