"""Counterexamples: a finding's run is drawn in the notation, reads back, and can be checked in its turn."""

from collections.abc import Sequence

import pytest

from spec import check, check_all, load
from spec.conformance.inclusion import Finding
from spec.conformance.report import as_json
from spec.notation import Diagram, read
from spec.rendering.sequence import (
    Comment,
    Divider,
    End,
    Group,
    Lifeline,
    Mark,
    Message,
    Note,
    Reference,
    past,
    rows_of,
    to_mermaid,
    to_notation,
)
from tests.support.places import DIAGRAMS

TEXTS = {file.stem: file.read_text(encoding="utf-8") for file in DIAGRAMS.glob("*.txt")}


def alone(name: str) -> str:
    """A scenario by itself, without what happens when the tracker returns."""
    return TEXTS[name].partition("\nopt\n==Tracker")[0] + "\n"


def reads(text: str) -> Diagram:
    diagram = read(text)
    assert not diagram.diagnostics, text
    return diagram


def arrows(text: str) -> list[str]:
    return [line for line in text.splitlines() if "->>" in line or ("x" in line.partition(":")[0] and "-#red" in line)]


@pytest.fixture(scope="module")
def implied() -> Sequence[Finding]:
    """What the charts do that the standard scenario alone does not draw, and the second alternative alone."""
    names = ("ClientJoin_StandardProcedure", "ClientJoin_Alternative2", "ClientJoin_Alternative4")
    reports = [check_all([(name, alone(name))], load(), complete=True) for name in names]
    return [finding for report in reports for finding in report.implied]


def test_an_implied_scenario_is_drawn_in_the_diagrams_words(
    implied: Sequence[Finding],
) -> None:
    (finding,) = [f for f in implied if f.lifeline == "Torrent" and "?ClientJoinDenied" in f.message][-1:]
    diagram = reads(finding.counterexample)
    seed = {each.name: (each.label, each.kind, each.group) for each in read(TEXTS["ClientJoin_Alternative2"]).lifelines}
    assert {each.name: (each.label, each.kind, each.group) for each in diagram.lifelines}.items() <= seed.items()
    assert diagram.title == "Client Join (implied scenario)"
    below = finding.counterexample.partition("==No diagram allows this==\n")[2]
    assert arrows(below)[-1:] == [r"Broker->>Torrent:PUBLISH clients/join/denied\n(ClientJoinDeniedEvent)"]
    assert "note over Torrent:Torrent can do ?ClientJoinDenied" in below
    assert r"TrackerView->>Tracker:Returns that the //Torrent\nServer// can not join" in finding.counterexample
    assert "note over Torrent:begins in describing view" in finding.counterexample


def test_every_implied_scenario_can_be_run_by_the_charts(implied: Sequence[Finding]) -> None:
    assert implied
    for finding in implied:
        report = check(finding.counterexample)
        wrong = [f for f in report.diagrams[0].findings if not f.warning and f.kind != "goes-on"]
        assert wrong == [], finding.counterexample


def test_a_finding_is_drawn_with_the_lines_of_its_arrows() -> None:
    (mistake,) = [f for f in check(alone("ClientJoin_Alternative2")).diagrams[0].findings if f.run]
    diagram = reads(mistake.counterexample)
    lines = [number for keyword, number in diagram.presentation() if keyword == "//"]
    assert lines == [" the arrows of lines 26, 28, 29, 56, 30, 43, 55"]
    assert [message.sender for message in diagram.messages()][-1] == "TrackerClock"
    again = check(mistake.counterexample).diagrams[0]
    assert [f.kind for f in again.findings if not f.unanswered] == ["impossible-branch"]


def test_a_loss_is_drawn_as_a_loss() -> None:
    goodbye = r"Torrent->>Broker:PUBLISH clients/goodbye\n(ClientGoodbye Event)"
    (finding,) = [f for f in check(f"{alone('ClientJoin_Alternative1')}{goodbye}\n").diagrams[0].findings if f.run]
    lost = [message for message in reads(finding.counterexample).messages() if message.lost]
    assert [(message.sender, message.receiver) for message in lost] == [("Torrent", "Broker")]
    assert "Torrent-#redxBroker:PUBLISH clients/join/requested" in finding.counterexample


def test_the_counterexample_in_the_json_is_a_text_or_null() -> None:
    data = as_json(check(alone("ClientJoin_Alternative2") + "Torrent->>Nobody:Stop timeout.\n"))
    rows = [*data["diagrams"][0]["findings"], *data["implied_scenarios"]]
    assert {type(row["counterexample"]) for row in rows} == {str, type(None)}
    assert all(row["counterexample"] is None or row["counterexample"].startswith("title Client Join (") for row in rows)


def test_the_bindings_words_are_used_for_undrawn_arrows(implied: Sequence[Finding]) -> None:
    labels = {message.label for f in implied for message in reads(f.counterexample).messages()}
    assert "Stop timeout." in labels
    words = load()
    assert all(words.word(label) or label.isidentifier() for label in labels)


# Rows from the ends of a run.


def test_ends_become_arrows() -> None:
    run: list[End | Mark] = [
        Comment("c"),
        End("!", "A", "B", "one"),
        End("!", "A", "B", "one"),
        End("!", "A", "C", "gone", lost=True),
        End("?", "B", "A", "one"),
        Divider("d"),
        End("?", "C", "", "order"),
        Note(("C",), "n"),
    ]
    assert rows_of(run) == [
        Comment("c"),
        Message("A", "C", "gone", lost=True, sent=3, came=3),
        Message("A", "B", "one", sent=1, came=4),
        Divider("d"),
        Message("", "C", "order", sent=5, came=5),
        Message("A", "B", "one", sent=2, came=6),
        Note(("C",), "n"),
    ]


def test_the_past_of_the_last_end_is_all_that_it_needs() -> None:
    needed = [End("!", "A", "B", "m"), End("?", "B", "A", "m"), End("!", "B", "C", "n")]
    beside = [End("!", "D", "A", "x"), End("?", "A", "D", "x")]
    run = [needed[0], *beside, *needed[1:]]
    assert past(run) == needed
    assert past([*run, End("!", "B", "A", "expiry", late=True)]) == [*run, End("!", "B", "A", "expiry", late=True)]
    assert past([]) == []


def test_marks_are_drawn_and_names_of_all_kinds_are_read_back() -> None:
    groups = [Group("", (Lifeline("TCP Client", r"a\n//b//", "actor"),)), Group("G", (Lifeline("x-y", "x-y"),))]
    run: list[End | Mark] = [
        Comment("why"),
        End("!", "TCP Client", "x-y", "SYN: -> #1"),
        End("?", "x-y", "TCP Client", "SYN: -> #1"),
        Reference(("TCP Client", "x-y"), "**sd** Rest"),
    ]
    diagram = reads(to_notation("T: //x//", groups, rows_of(run)))
    (message,) = diagram.messages()
    assert (message.sender, message.receiver, message.label) == ("TCP Client", "x-y", "SYN: -> #1")
    assert [(each.label, each.kind, each.group) for each in diagram.lifelines] == [
        ("a\nb", "actor", None),
        ("x-y", "participant", "G"),
    ]
    mermaid = to_mermaid("T", groups, rows_of(run))
    assert "    %% why\n" in mermaid
    assert "Note over TCP Client,x-y: **sd** Rest" in mermaid
