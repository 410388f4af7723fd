"""A run as a diagram: on every lifeline the arrows stand in the order in which they happened; and it reads back."""

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from machines import CONNACK, SUBACK, SUBSCRIBE, ClientGoodbye, SetTimeout, Start, Timer, TrackerGoodbye, TrackerHello
from runtime.demo.output import recording
from runtime.demo.scenarios import scenario
from runtime.demo.settings import Settings
from spec.notation import Diagram, Presentation, print_diagram, read
from spec.notation import Message as Read
from spec.rendering.labels import label
from spec.rendering.sequence import Divider, Group, Lifeline, Message, Row, to_mermaid, to_notation
from tests.support.nightly import share
from tests.support.servers import Played, on_each_lifeline, play_all

LEFT = Group("Left", (Lifeline("A", "Client"), Lifeline("B", "View", kind="database")))
RIGHT = Group("Right", (Lifeline("C", "Client"),))
GROUPS = [LEFT, RIGHT]


def reads(text: str) -> Diagram:
    """The diagram that a text is read as, without a complaint; printing it gives the text's meaning again."""
    diagram = read(text)
    assert not diagram.diagnostics
    assert read(print_diagram(diagram)).meaning() == diagram.meaning()
    return diagram


def ends(diagram: Diagram) -> dict[str, list[str]]:
    """What each lifeline does from top to bottom. A delay ends so many rows lower, and `space` moves the next row."""
    row = 0
    found: dict[str, list[tuple[int, str]]] = {}
    for statement in diagram.body:
        if isinstance(statement, Presentation) and statement.keyword == "space":
            row += int(statement.text)
        elif isinstance(statement, Read):
            if statement.sender:
                lost = " lost" if statement.lost else ""
                found.setdefault(statement.sender, []).append((row, f"!{statement.label} {statement.receiver}{lost}"))
            row += int(statement.delay)
            if not statement.lost and statement.receiver:
                found.setdefault(statement.receiver, []).append((row, f"?{statement.label} {statement.sender or ''}"))
            row += 1
    for lifeline in found.values():
        lifeline.sort(key=lambda end: end[0])
    return {name: [what for _, what in lifeline] for name, lifeline in found.items()}


def in_order(arrows: Sequence[Message]) -> dict[str, list[str]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for arrow in arrows:
        if arrow.sender:
            lost = " lost" if arrow.lost else ""
            found.setdefault(arrow.sender, []).append((arrow.sent, f"!{arrow.label} {arrow.receiver}{lost}"))
        if not arrow.lost:
            found.setdefault(arrow.receiver, []).append((arrow.came, f"?{arrow.label} {arrow.sender}"))
    return {name: [what for _, what in sorted(lifeline)] for name, lifeline in found.items()}


def test_arrows_that_do_not_cross_get_a_row_each() -> None:
    rows: list[Row] = [
        Divider("first"),
        Message("", "A", "begin", sent=1, came=1),
        Message("A", "B", "call", sent=2, came=3),
        Divider("second"),
        Message("A", "C", "far", sent=4, came=8),  # it can be drawn where it came,
        Message("B", "A", "answer", lost=True, sent=5, came=5),
        Message("C", "A", "near", sent=9, came=10),
    ]
    assert to_notation("T", GROUPS, rows).split("\n\n")[-1].splitlines() == [
        "==first==",
        "[->>A:begin",
        "A->>B:call",
        "==second==",
        "A->>C:far",
        "B-#redxA:answer",
        "C->>A:near",
    ]


def test_crossing_arrows_stand_where_all_lifelines_agree() -> None:
    rows: list[Row] = [  # in the order in which they came
        Message("A", "B", "2", sent=3, came=4),
        Message("A", "C", "1", sent=1, came=5),
    ]
    assert [line for line in to_notation("T", GROUPS, rows).splitlines() if ">>" in line] == ["A->>C:1", "A->>B:2"]


def test_arrows_that_cross_are_drawn_with_a_delay() -> None:
    rows: list[Row] = [
        Message("C", "A", "back", sent=2, came=3),
        Message("A", "C", "there", sent=1, came=4),
        Message("A", "B", "then", sent=5, came=6),
    ]
    text = to_notation("T", GROUPS, rows)
    assert text.split("\n\n")[-1].splitlines() == [
        "space 1",
        "C->>(1)A:back",
        "space -3",
        "A->>(3)C:there",
        "A->>B:then",
    ]
    assert ends(reads(text))["A"] == ["!there C", "?back C", "!then B"]


def test_mermaid_has_no_delays_and_no_markup() -> None:
    rows: list[Row] = [
        Divider("a: b; c"),
        Message("", "A", "begin", sent=1, came=1),
        Message("A", "B", r"Check if //Torrent//\ncan; #1", lost=True, sent=2, came=2),
    ]
    assert to_mermaid("Client Join (x): y", GROUPS, rows) == (
        "---\ntitle: Client Join (x) - y\n---\nsequenceDiagram\n"
        "    actor Owner as Owner\n"
        "    box Left\n        participant A as Client\n        participant B as View\n    end\n"
        "    box Right\n        participant C as Client\n    end\n"
        "    Note over Owner,C: a: b, c\n"
        "    Owner->>A: begin\n"
        "    A-xB: Check if Torrent<br/>can, no. 1\n"
    )


def test_a_sequence_without_arrows_is_a_diagram() -> None:
    diagram = reads(to_notation("T", GROUPS, []))
    assert [(each.name, each.kind, each.group) for each in diagram.lifelines] == [
        ("A", "participant", "Left"),
        ("B", "database", "Left"),
        ("C", "participant", "Right"),
    ]


def a_run(random: Random, lifelines: str, length: int) -> list[Message]:
    """Lifelines that send at any time, to a network that keeps no order and loses; in the order in which they came."""
    under_way: list[tuple[int, str, str]] = []
    arrows: list[Message] = []
    for number in range(1, length + 1):
        if under_way and random.random() < 0.5:
            sent, sender, receiver = under_way.pop(random.randrange(len(under_way)))
            arrows.append(Message(sender, receiver, f"m{sent}", sent=sent, came=number))
        elif random.random() < 0.2:
            arrows.append(Message("A", "B", f"m{number}", lost=True, sent=number, came=number))
        elif random.random() < 0.1:
            arrows.append(Message("", "C", f"m{number}", sent=number, came=number))
        else:
            sender, receiver = random.sample(lifelines, 2)
            under_way.append((number, sender, receiver))
    return arrows


@given(st.randoms(use_true_random=False), st.integers(0, 60))
@settings(deadline=None, max_examples=share(300))
def test_a_drawing_keeps_the_order_on_every_lifeline(random: Random, length: int) -> None:
    arrows = a_run(random, "ABC", length)
    diagram = read(to_notation("T", GROUPS, arrows))
    assert not diagram.diagnostics
    assert ends(diagram) == in_order(arrows)
    assert len(list(diagram.messages())) == len(arrows)


def test_many_arrows_that_all_cross_are_drawn_without_recursion() -> None:
    count = 3000
    arrows = [Message("A", "C", f"a{n}", sent=2 * n, came=4 * count + 2 * n) for n in range(count)]
    arrows += [Message("C", "A", f"c{n}", sent=2 * n + 1, came=4 * count + 2 * n + 1) for n in range(count)]
    arrows.sort(key=lambda arrow: arrow.came)
    assert ends(read(to_notation("T", GROUPS, arrows))) == in_order(arrows)


# Recordings of live runs.

RECORDED = ("acceptance-lost-from-broker", "denial-lost-to-broker", "failure-lost-from-broker")


def labels(played: Played) -> dict[str, list[str]]:
    """What each lifeline saw, in the words of the diagrams."""
    found: dict[str, list[tuple[int, str]]] = {}
    for arrow in played.arrows():
        words = " ".join(read(f"A->B:{label(arrow.message)}").body[0].label.split())  # type: ignore[union-attr]
        if arrow.sender:
            lost = " lost" if arrow.lost else ""
            found.setdefault(arrow.sender, []).append((arrow.sent, f"!{words} {arrow.receiver}{lost}"))
        if not arrow.lost:
            found.setdefault(arrow.receiver, []).append((arrow.came, f"?{words} {arrow.sender}".strip()))
    return {name: [what for _, what in sorted(lifeline)] for name, lifeline in found.items()}


def test_a_recording_reads_back_as_what_every_lifeline_saw() -> None:
    plays = play_all(
        [Settings(scenario(name), torrents=torrents, timeout=1.5) for name in RECORDED for torrents in (1, 3)], 6
    )
    for played in plays:
        diagram = reads(recording("Client Join", played.outcome.recorder))
        read_back = {name: [" ".join(end.split()) for end in lifeline] for name, lifeline in ends(diagram).items()}
        assert read_back == labels(played)
        assert {name: len(lifeline) for name, lifeline in read_back.items()} == {
            name: len(lifeline) for name, lifeline in on_each_lifeline(played.arrows()).items()
        }
        acts = [text for keyword, text in diagram.presentation() if keyword == "=="]
        assert [act.strip("=") for act in acts] == list(played.outcome.recorder.acts.values())
        assert {each.name for each in diagram.lifelines} >= {"Tracker", "TrackerClock", "TrackerView", "Broker"}
        mermaid = recording("Client Join", played.outcome.recorder, ".mmd")
        assert mermaid.count("->>") + mermaid.count("-x") == len(played.arrows())


def test_labels_are_distinct_and_say_what_was_refused() -> None:
    events = [label(TrackerHello()), label(TrackerGoodbye()), label(ClientGoodbye(client="a"))]
    assert events[0] == r"PUBLISH tracker/hello\n(TrackerHello Event)"
    assert len(set(events)) == len(events)
    assert label(SetTimeout(timer=Timer("torrent-1", 1))) == "Set timeout."
    assert label(SUBSCRIBE(topic="a")) == "SUBSCRIBE a"
    assert label(SUBACK(topic="a", accepted=False)) == r"SUBACK a\n(refused)"
    assert label(CONNACK(accepted=False)) == r"CONNACK\n(refused)"
    assert label(Start()) == "Start"
