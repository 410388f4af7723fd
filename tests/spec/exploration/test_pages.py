"""The pages of findings say what the explorer finds today."""

import re
from functools import cache

import pytest

from spec.exploration.explore import explore
from spec.exploration.pages import FOLDER, findings, page
from spec.exploration.properties.client_join import PROPERTIES
from spec.notation import read
from tests.support.nightly import by_day

explored = cache(explore)
"""Several pages are about one scenario."""
SLOW = {"views-that-differ-after-stabilisation"}
"""Four million states: what is broken is searched by `test_explorer.py`, too."""
LONG = [
    finding
    for finding in findings()
    if finding.name
    in {
        "news-of-another-tracker",
        "one-endpoint-twice",
        "why-order-matters",
        "fragments-that-are-no-longer-stored",
        "two-trackers-that-do-not-hear-each-other",
    }
]


@pytest.mark.parametrize("finding", by_day(findings(), LONG), ids=lambda finding: finding.name)
def test_a_page_is_what_the_generator_writes(finding: object) -> None:
    from spec.exploration.pages import Finding

    assert isinstance(finding, Finding)
    path = FOLDER / f"{finding.name}.md"
    text = path.read_text(encoding="utf-8")
    if finding.name not in SLOW:
        assert text == page(finding, explored), "the page is stale: python -m spec.exploration.pages"
    (trace,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert not read(trace).diagnostics


def test_there_is_a_page_for_each_finding_and_no_other() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} - {"README"} == {finding.name for finding in findings()}
    assert {finding.property_ for finding in findings()} <= {property_.name for property_ in PROPERTIES}
