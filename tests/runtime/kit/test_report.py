"""The forms of a report, of cases that are made up: what a reader or another program finds in each."""

from xml.etree import ElementTree as ET

import pytest

from machines import ClientJoinSucceeded
from runtime.kit.bench import Settings
from runtime.kit.report import as_html, as_junit, lines
from runtime.kit.result import Case, Status
from runtime.kit.verification import Report
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
    assert [cases.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "2", "1", "2"]
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
