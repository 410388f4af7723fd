"""Diagrams of this protocol as others would draw them, each with its binding; and the same with a mistake in them."""

import re
from collections.abc import Sequence

import pytest

from spec import load
from spec.conformance.checker import Report, check_all
from spec.conformance.inclusion import Finding
from tests.support.nightly import by_day
from tests.support.places import DIAGRAMS, THIRD_PARTY, TOP

OURS = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(DIAGRAMS.glob("*.txt"))]
DRAWN = {file.stem: file.read_text(encoding="utf-8") for file in sorted(THIRD_PARTY.glob("*.txt"))}


def checked(name: str, text: str, diagrams_bound: Sequence[tuple[str, str]] = OURS) -> Report:
    """What `clientjoin check` finds."""
    return check_all([(f"{name}.txt", text)], load([THIRD_PARTY / f"{name}.toml"]), referred=diagrams_bound)


def errors(report: Report) -> list[Finding]:
    findings = [*report.diagrams[0].findings, *report.implied]
    return [finding for finding in findings if not finding.warning and not finding.accepted]


@pytest.mark.parametrize("name", by_day(DRAWN, ["end_to_end", "again"]))
def test_what_others_draw_conforms(name: str) -> None:
    report = checked(name, DRAWN[name])
    assert errors(report) == []
    assert all(row.conforms and row.chart_states for row in report.diagrams[0].rows)
    assert report.conforms


def test_the_example_of_the_readme_is_one_of_them() -> None:
    text = (TOP / "spec" / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"<!-- file tests/data/third_party/(\S+) -->\n```\w*\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in shown] == ["readme.txt", "readme.toml"]
    for name, content in shown:
        assert content == (THIRD_PARTY / name).read_text(encoding="utf-8")


def test_a_diagram_that_ends_where_charts_go_on_is_told_so() -> None:
    text = DRAWN["user"].partition("Peer->MB: joined!")[0]
    assert text != DRAWN["user"]
    report = checked("user", text)
    assert [finding.kind for finding in report.implied] == ["goes-on"]
    assert "the diagram ends here, Peer goes on with !ClientJoinSucceeded to MB" in report.implied[0].message
    assert not report.conforms


MISTAKES = {
    "two messages swapped": (
        "joining", "Peer->MB: joined!\nMB->Index: joined!\nIndex->MB: new member\nMB->Peer: new member",
        "Index->MB: new member\nMB->Peer: new member\nPeer->MB: joined!\nMB->Index: joined!",
        "chart-cannot", 10, "Index", "can do here: nothing"),
    "a message missing": (
        "joining", "MB->Index: joined!\n", "", "chart-cannot", 11, "Index", "sends ClientRegistered to MB"),
    "an answer before the request": (
        "joining", "MB->Index: join?\nIndex-->MB: welcome", "Index-->MB: welcome\nMB->Index: join?",
        "chart-cannot", 7, "Index", "in awaiting_requests"),
    "sent by the wrong lifeline": (
        "joining", "MB->Index: joined!", "Peer->Index: joined!", "chart-cannot", 11, "Peer",
        "sends ClientJoinSucceeded to Index"),
    "drawn by the wrong end": (
        "refused", "Index->Catalogue: may it?", "Catalogue->Index: may it?",
        "chart-cannot", 10, "Catalogue", "sends CheckJoin"),
    "a typo in a label": (
        "joining", "MB-->Peer: welcome", "MB-->Peer: wellcome", "unbound-label", 9, "",
        "nearest that is bound is 'welcome'"),
    "a typo in a lifeline": (
        "joining", "MB-->Peer: welcome", "MB-->Pier: welcome", "unplayed-lifeline", 9, "Pier", "nobody plays Pier"),
    "lost, and received after all": (
        "joining", "MB->Index: join?", "MB-xIndex: join?", "chart-cannot", 8, "Index", "sends ClientJoinAccepted"),
    "a timeout that was never set": (
        "procedures", "S->SA: arm\n", "", "impossible-branch", 20, "SA", "S sent no SetTimeout to SA"),
    "a branch that nobody can take": (
        "end_to_end", "Index-xPeer: welcome\nend", "Index->Peer: new member\nend", "chart-cannot", 10, "Index",
        "sends ClientRegistered"),
    "a reference to no procedure": (
        "procedures", "TrackerServerStartup_Standard", "TrackerServerRestart_Standard", "missing-reference", 23, "",
        "TrackerServerRestart_StandardProcedure"),
    "a message to nobody": (
        "member", "MB-->>Old: welcome", "MB-->>Old: welcome\nthread\nMB-->>Old: join?", "sent-to-nobody", 19, "Old",
        "never receives"),
    "a wrong topic": (
        "procedures", "Bus->T: PUBLISH clients/join/requested", "Bus->T: PUBLISH clients/requested",
        "wrong-topic", 14, "", "published to clients/join/requested, not to clients/requested"),
    "no such event": (
        "procedures", "(TrackerHello)", "(TrakcerHello)", "unbound-label", 24, "", "did you mean TrackerHello?"),
    "a word that nobody knows": (
        "joining", "MB-->Peer: welcome", "MB-->Peer: xyzzy", "unbound-label", 9, "", "nothing binds 'xyzzy'"),
    "a loop too many": (
        "joining", "Peer->MB: joined!\nMB->Index: joined!", "loop 2\nPeer->MB: joined!\nMB->Index: joined!\nend",
        "chart-cannot", 11, "Peer", "sends ClientJoinSucceeded"),
    "a fragment that is left open": (
        "refused", "MB-xPeer: welcome\nend", "MB-xPeer: welcome", "unreadable", 19, "", "end"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", by_day(MISTAKES, ["a branch that nobody can take"]))
def test_a_mistake_is_found_where_it_is_and_nothing_else(mistake: str) -> None:
    name, old, new, kind, line, lifeline, says = MISTAKES[mistake]
    assert old in DRAWN[name]
    report = checked(name, DRAWN[name].replace(old, new, 1), OURS if "ref over" in DRAWN[name] else ())
    findings = report.diagrams[0].findings
    (found,) = [f for f in findings if (f.kind, f.line, f.lifeline) == (kind, line, lifeline)]
    assert says in found.message
    assert found.run or kind not in {"chart-cannot", "impossible-branch"}
    assert not report.strictly().conforms
    assert {f.line for f in findings if not f.unanswered or f == found} == {line}
