"""Diagrams and charts are checked against each other: what conforms, what does not, and what is said about it."""

import functools
from pathlib import Path
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec import Bounds, Verdict, check, load
from spec.binding import Begin, Binding
from spec.conformance.checker import Explored, Report, check_all, read_accepted
from spec.conformance.inclusion import Finding
from spec.conformance.report import as_json
from tests.support.places import DIAGRAMS

REFERENCE = (DIAGRAMS / "ClientJoin_Alternative2.txt").read_text(encoding="utf-8")
STANDARD = (DIAGRAMS / "ClientJoin_StandardProcedure.txt").read_text(encoding="utf-8")
RETURN = "\nopt\n==Tracker"


def without_return(text: str) -> str:
    """A scenario without what happens when the tracker returns: that is another procedure."""
    return text[: text.index(RETURN)] + "\n" if RETURN in text else text


@functools.cache
def ours() -> Report:
    texts = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
    return check_all(texts, load(), accepted=read_accepted(DIAGRAMS / "baseline.toml"), complete=True)


def errors(report: Report) -> list[Finding]:
    findings = [finding for diagram in report.diagrams for finding in diagram.findings]
    return [finding for finding in (*findings, *report.implied) if not finding.warning and not finding.accepted]


@pytest.mark.nightly  # by day `clientjoin check` says so: `tests/runtime/cli/test_commands.py`
def test_all_diagrams_of_the_specification_conform() -> None:
    assert errors(ours()) == []
    assert ours().conforms
    assert ours().strictly().conforms
    assert ours().explored["Client Join"] == Explored(718, complete=True)


@pytest.mark.nightly
def test_every_accepted_finding_is_one_that_is_found() -> None:
    found = {finding.identifier: finding.accepted for finding in ours().findings}
    for accepted in read_accepted(DIAGRAMS / "baseline.toml"):
        assert found[accepted.id] == accepted.why


@pytest.mark.nightly
def test_the_report_names_every_lifeline_and_its_chart() -> None:
    seed = next(d for d in as_json(ours())["diagrams"] if d["frame"] == "ClientJoin_Alternative2")
    rows = {row["lifeline"]: row for row in seed["lifelines"]}
    assert {name: row["chart"] for name, row in rows.items()} == {
        "TrackerClock": "Clock",
        "TrackerView": "DistributionView",
        "Tracker": "Tracker",
        "Broker": "Broker",
        "Torrent": "TorrentServer",
        "TorrentClock": "Clock",
        "TorrentView": "DistributionView",
        "Client": "RegisteredClient",
        "ClientView": "DistributionView",
    }
    assert all(row["conforms"] and row["spec_states"] and row["chart_states"] for row in rows.values())


def test_the_mistake_of_the_reference_diagram_is_found() -> None:
    report = check(without_return(REFERENCE), file="seed.txt")
    (mistake,) = [f for f in report.diagrams[0].findings if f.kind == "impossible-branch"]
    assert (mistake.line, mistake.lifeline, mistake.severity) == (55, "TrackerClock", "error")
    assert "sent no SetTimeout" in mistake.message
    assert "because conflicts were" in mistake.counterexample
    assert [f for f in errors(report) if f.kind != "impossible-branch"] == []
    assert not report.conforms


# A diagram with one thing wrong in it.

PLANTED = {
    "another event": ("Tracker-->>Broker:PUBLISH clients/join/accepted\\n(ClientJoinAccepted",
                      "Tracker-->>Broker:PUBLISH clients/join/denied\\n(ClientJoinDenied",
                      "chart-cannot", 30, "Tracker"),
    "another receiver": ("Broker->>Tracker:PUBLISH clients/join/requested",
                         "Broker->>Client:PUBLISH clients/join/requested", "chart-cannot", 27, "Broker"),
    "another sender": ("Tracker->>TrackerView:Check", "Torrent->>TrackerView:Check", "chart-cannot", 28, "Torrent"),
    "a word": ("Torrent->>TorrentView:Change", "Torrent->>TorrentView:Chnage", "unbound-label", 37, ""),
    "a lifeline": ("as Broker", "as Brokre", "unplayed-lifeline", 12, "Brokre"),
    "a call that is lost": ("Tracker->>TrackerView:Check", "Tracker-xTrackerView:Check",
                            "impossible-loss", 28, "Tracker"),
    "a keyword": ("note over Client:Ignores", "nte over Client:Ignores", "unreadable", 35, ""),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "kind", "line", "lifeline"), PLANTED.values(), ids=PLANTED)
def test_a_planted_mistake_is_found_where_it_is(old: str, new: str, kind: str, line: int, lifeline: str) -> None:
    assert old in STANDARD
    report = check(STANDARD.replace(old, new, 1), file="planted.txt")
    found = [(finding.kind, finding.line, finding.lifeline) for finding in report.diagrams[0].findings]
    assert (kind, line, lifeline) in found, found
    assert not report.conforms


@pytest.mark.parametrize(
    ("left_out", "conforms"), [(("CONNACK",), False), (("SUBACK",), True), (("CONNACK", "SUBACK"), True)]
)
def test_acknowledgements_are_left_out_from_the_connection_on(left_out: tuple[str, ...], conforms: bool) -> None:
    """Who draws no SUBACK may draw the CONNACK; not the other way round."""
    text = (DIAGRAMS / "TrackerServerStartup_StandardProcedure.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not any(f":{packet}" in line for packet in left_out)]
    report = check("\n".join(lines) + "\n", file="startup.txt")
    assert report.conforms is conforms, str(report)


def test_an_unbound_label_is_told_with_the_nearest_known_one() -> None:
    report = check(
        STANDARD.replace(r"Check if //Torrent Server//\ncan join", r"Check whether //Torrent Server//\ncan join")
    )
    (finding,) = [f for f in report.diagrams[0].findings if f.kind == "unbound-label"]
    assert "Check if Torrent Server can join" in finding.message


def test_a_reference_to_nothing_is_a_warning_with_its_line() -> None:
    text = REFERENCE.replace("TrackerServerStartup_StandardProcedure", "NoSuchProcedure")
    findings = [f for f in check(text).diagrams[0].findings if f.kind == "missing-reference"]
    assert (68, True) in {(f.line, f.warning) for f in findings}


def test_a_message_that_its_receiver_never_takes_is_a_mistake() -> None:
    arrow = r"Broker->>Client:PUBLISH clients/join/requested\n(ClientJoinRequested Event)"
    text = STANDARD.replace("Client->>ClientView:", f"{arrow}\nClient->>ClientView:")
    findings = check(text).diagrams[0].findings
    assert any(f.kind == "sent-to-nobody" and f.lifeline == "Client" and f.warning for f in findings)


# A protocol of strangers.


class Asker(StateChart[Any]):
    idle = State(initial=True)
    waiting = State()
    send_question = Event(idle.to(waiting), name="!question")
    recv_answer = Event(waiting.to(idle), name="?answer")


class Answerer(StateChart[Any]):
    idle = State(initial=True)
    thinking = State()
    recv_question = Event(idle.to(thinking), name="?question")
    send_answer = Event(thinking.to(idle), name="!answer")


FOREIGN = "A->B:question\nB-->A:answer\n"


def test_a_foreign_protocol_whose_labels_are_names() -> None:
    again = Binding(begins=(Begin("*", {}, {}, recurring=True),))
    report = check(FOREIGN, again, {"A": Asker, "B": Answerer})
    assert report.conforms
    assert [row.conforms for row in report.diagrams[0].rows] == [True, True]


def test_what_may_begin_again_is_said_and_not_assumed() -> None:
    report = check(FOREIGN, Binding(), {"A": Asker, "B": Answerer})
    (finding,) = report.findings
    assert finding.kind == "goes-on"
    assert "the diagram ends here, A goes on with !question to B" in finding.message


def test_what_a_foreign_chart_cannot_do_is_found() -> None:
    report = check("A->B:question\nA->B:question\n", Binding(), {"A": Asker, "B": Answerer})
    (finding,) = [f for f in report.diagrams[0].findings if f.kind == "chart-cannot"]
    assert (finding.line, finding.lifeline) == (2, "A")


def test_what_no_diagram_draws_is_an_implied_scenario() -> None:
    report = check("A->B:question\n", Binding(), {"A": Asker, "B": Answerer})
    assert [(f.kind, f.lifeline) for f in report.implied] == [("goes-on", "B")]
    assert "the diagram ends here, B goes on with !answer" in report.implied[-1].message


def test_what_has_ever_more_to_do_is_not_followed_for_ever() -> None:
    """A diagram that refers to its own use case beside other things has a state space without end."""
    text = (DIAGRAMS / "ClientJoin_StandardProcedure.txt").read_text(encoding="utf-8")
    assert "parallel off\nClient->>ClientView" in text
    endless = text.replace("parallel off\nClient->>ClientView", "Client->>ClientView")
    report = check_all([("endless.txt", endless)], load(), complete=True)
    assert any("ever more" in finding.message for finding in report.findings if finding.unanswered)
    assert not report.conforms


class Talker(StateChart[Any]):
    """Sends for ever."""

    only = State(initial=True)
    says = Event(only.to.itself(), name="!x")


class Listener(StateChart[Any]):
    """Takes all of it."""

    only = State(initial=True)
    hears = Event(only.to.itself(), name="?x")


def test_who_sends_for_ever_is_not_followed_for_ever() -> None:
    """There is no end of messages under way: that is said, and said soon."""
    report = check("participant A\nparticipant B\nloop\nA->B:x\nend\n", load(()), {"A": Talker, "B": Listener})
    assert report.verdict is Verdict.UNDETERMINED
    (finding,) = [finding for finding in report.findings if finding.unanswered]
    assert "more than 64 messages wait in one queue" in finding.message


def test_a_comparison_ends_and_says_so() -> None:
    text = (DIAGRAMS / "ClientJoin_Alternative3.txt").read_text(encoding="utf-8")
    report = check(without_return(text), bounds=Bounds(states=10))
    (diagram,) = report.diagrams
    (finding,) = [finding for finding in diagram.findings if not finding.warning]
    stopped = "stopped after 10 states; --states allows more, or draw less in parallel, or in several diagrams"
    assert f"{stopped}; what comes after that was not compared" in finding.message
    assert finding.severity == "unanswered"
    assert diagram.nodes == 10
    assert report.verdict is Verdict.UNDETERMINED
    assert not report.conforms


def test_diagrams_stand_verbatim_beside_the_reference_diagram() -> None:
    names = {path.stem for path in Path(DIAGRAMS).glob("*.txt")}
    assert {"ClientJoin_StandardProcedure", *(f"ClientJoin_Alternative{n}" for n in (1, 2, 3, 4))} <= names
