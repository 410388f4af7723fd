"""The page of what is known for every number says what is found today; the standard scenario is searched anew."""

from spec.exploration.any_number.page import PAGE, answers, column


def test_the_page_says_what_is_found() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    for title, found in answers(["standard"]).items():
        place = cells[0].index(title)
        said = [row[place] for row in cells[1:]]
        names = [each.property_.name for each in found.verdicts]
        listed = ["views of two servers", *names]
        expected = [
            word for name, word in zip(listed, column(found), strict=True) if name in [row[0] for row in cells[1:]]
        ]
        assert said == expected, "the page is stale: python -m spec.exploration.any_number.page"
