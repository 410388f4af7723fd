"""The forms of a report, of cases that are made up: what a reader or another program finds in each."""

from xml.etree import ElementTree as ET

import pytest

from machines import ClientJoinSucceeded
from runtime.kit.bench import Settings
from runtime.kit.report import as_html, as_junit, lines
from runtime.kit.result import Case, Status
from runtime.kit.verdict import Report
from spec.monitor import Connected, Forbidden, Monitor, Published

SUITE = {"name", "tests", "failures", "errors", "skipped", "time"}
SUITES = SUITE - {"skipped"}
CASE = {"name", "classname", "time"}
OUTCOMES = {
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"message"},
    "system-out": set[str](),
}
"""The attributes that the usual schema has (junit-10.xsd), as far as we use them."""


def forbidden() -> Forbidden:
    monitor = Monitor(roles={"t1": "torrent"})
    monitor.see(Connected(0.0, "t1"))
    found = monitor.see(Published(0.1, "t1", ClientJoinSucceeded(client="t1")))
    assert found is not None
    return found


@pytest.fixture
def report() -> Report:
    wrong = {"ClientJoin_StandardProcedure:39": Status.VIOLATES}
    cases = [
        Case("fine", "a case", Status.CONFORMS, seconds=0.25),
        Case("wrong", "a case", Status.VIOLATES, found=forbidden(), arrows=wrong, output="it says <so>\x00"),
        Case("wrong, too", "a case", Status.VIOLATES, found=forbidden()),
        Case("unclear", "a case", Status.CANNOT_TELL, why="it was not over after 3 s"),
        Case("elsewhere", "a case", Status.NOT_EXERCISED, why="nothing makes it fail"),
        Case("known", "a case", Status.VIOLATES, found=forbidden()),
    ]
    made = Report(Settings("torrent", "my-server {host}"), cases)
    made.expect(["known", "no such name"])
    return made


def test_junit_is_as_others_read_it(report: Report) -> None:
    root = ET.fromstring(as_junit(report))
    assert (root.tag, set(root.keys())) == ("testsuites", SUITES)
    for suite in root:
        assert (suite.tag, set(suite.keys())) == ("testsuite", SUITE)
        for case in suite:
            assert (case.tag, set(case.keys())) == ("testcase", CASE)
            for outcome in case:
                assert set(outcome.keys()) == OUTCOMES[outcome.tag]
    cases = root[0]
    assert [cases.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "2", "2", "1"]
    assert sum(int(suite.get("tests", 0)) for suite in root) == int(root.get("tests", 0))
    assert [suite.get("name") for suite in root] == ["cases", "arrows", "obligations", "expected failures"]
    messages = [outcome.get("message") for case in cases for outcome in case if outcome.tag != "system-out"]
    assert messages == [
        "violates: t1: ClientJoinSucceeded: no run of its chart publishes that here",
        "violates: t1: ClientJoinSucceeded: no run of its chart publishes that here",
        "cannot tell: it was not over after 3 s",
        "not exercised: nothing makes it fail",
        "violates: t1: ClientJoinSucceeded: no run of its chart publishes that here (as expected)",
    ]


def unanswered() -> Report:
    arrow = "ClientJoin_Alternative4:57"
    cases = [
        Case("fine", "a case", Status.CONFORMS),
        Case("unclear", "a case", Status.CANNOT_TELL, why="nobody knows", arrows={arrow: Status.CANNOT_TELL}),
        Case("obligation/stops", "a case", Status.NOT_EXERCISED, why="it was not asked"),
        Case("other", "a case", Status.ITS_CHOICE, why="it may"),
    ]
    return Report(Settings("torrent"), cases, planned=9)


def test_what_was_not_answered_is_no_pass() -> None:
    report = unanswered()
    assert report.exit_status == 3
    assert report.unanswered == {"unclear": "nobody knows", "obligation/stops": "it was not asked"}
    told = list(lines(report))
    assert told[-1].startswith("cannot tell: 4 cases of 9")
    assert "; not answered: unclear, obligation/stops (" in told[-1]
    assert "  other: it may" in told
    assert [
        case.get("name") for case in ET.fromstring(as_junit(report)).iter("testcase") if case.find("error") is not None
    ] == [
        "unclear",
        "obligation/stops",
    ]


def test_what_was_accepted_is_told_and_counts_no_more() -> None:
    report = unanswered()
    report.accept({"un*": "we know", "stops": "it never does", "fine": "no reason at all"})
    assert (report.exit_status, report.unanswered) == (0, {})
    told = list(lines(report))
    assert told[-1] == "conforms: 4 cases of 9 (1 cannot tell, 1 conforms, 1 not exercised, 1 its choice) in 0 s"
    assert "  obligation/stops: it never does" in told
    assert "--accept fine: nothing of that name was left unanswered" in told
    assert not list(ET.fromstring(as_junit(report)).iter("error"))


def test_an_arrow_that_no_case_came_to_is_no_pass() -> None:
    whole = Report(Settings("torrent", "a server"), [Case("fine", "a case", Status.CONFORMS)], planned=1)
    assert whole.exit_status == 3
    assert whole.unanswered["ClientJoin_Alternative4:57"] == "no case came there"
    assert "obligation/" not in "".join(whole.unanswered)
    chosen = Report(Settings("torrent"), [Case("fine", "a case", Status.CONFORMS)], planned=2)
    assert chosen.exit_status == 0


def test_the_page_stands_alone_and_says_what_is_wrong_first(report: Report) -> None:
    page = as_html(report)
    assert not [word for word in ("src=", "href=", "@import", "url(http", "<script") if word in page]
    assert page.count("<svg") == 2  # what was seen, and what is right, of both that are alike
    assert "The same in 1 other case: wrong, too." in page
    assert page.index("<h2>wrong</h2>") < page.index("<h2>Cases</h2>") < page.index("<h2>Arrows</h2>")
    assert "it says &lt;so&gt;" in page
    assert "<code>my-server {host}</code>" in page


def test_the_verdict_is_last_and_what_is_wrong_before_it(report: Report) -> None:
    told = list(lines(report))
    assert told[-1] == "violates: 6 cases (3 violates, 1 cannot tell, 1 conforms, 1 not exercised) in 0 s"
    assert told[-2] == "no such name is no case, arrow or obligation"
    assert "  the same in 1 other case: wrong, too" in told
    assert told.index("wrong (a case)") > next(
        place for place, line in enumerate(told) if line.startswith("violates  ")
    )
    assert all(len(line) <= 125 for line in told if line.startswith(("not exercised", " " * 15)))
