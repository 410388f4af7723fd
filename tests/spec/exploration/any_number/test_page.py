"""The page of what is known for every number says what is found today; the standard scenario is searched anew."""

from dataclasses import replace

from spec.exploration.any_number.page import PAGE, answers, column, fingerprint, known
from spec.exploration.model.scenario import scenario


def test_the_page_is_about_the_charts_that_there_are() -> None:
    stale = "the charts have changed: python -m spec.exploration.any_number.page"
    assert f"<!-- Charts: {fingerprint()} -->" in PAGE.read_text(encoding="utf-8"), stale


def test_what_is_known_is_quoted_or_the_command_named() -> None:
    assert ": 18 hold (clientjoin" in known(replace(scenario("standard"), torrents=5))
    assert ": 1 broken with 1, 17 hold (" in known(scenario("hasty"))
    assert ": 18 hold (" in known(replace(scenario("hasty"), hardened=True))
    assert known(scenario("default")).endswith("clientjoin explore --torrents any --scenario default")
    assert known(replace(scenario("standard"), faults={"losses": 1})).endswith("the same with --torrents any")


def test_the_page_says_what_is_found() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    for title, found in answers(["standard"], [False]).items():
        place = cells[0].index(title)
        said = [row[place] for row in cells[1:]]
        names = [each.property_.name for each in found.verdicts]
        listed = ["views of two servers", *names]
        expected = [
            word for name, word in zip(listed, column(found), strict=True) if name in [row[0] for row in cells[1:]]
        ]
        assert said == expected, "the page is stale: python -m spec.exploration.any_number.page"
