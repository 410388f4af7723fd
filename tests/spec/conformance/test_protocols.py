"""Protocols of others, each with its diagram and charts: the right ones conform, and each planted bug is found."""

from pathlib import Path

import pytest

from runtime.cli.charts import charts_of
from spec.binding import load_for
from spec.conformance.checker import Report, check_all
from spec.conformance.finding import Verdict
from spec.notation import read
from tests.support.places import DATA

PROTOCOLS = sorted((DATA / "protocols").glob("*.txt"))
PLANTED = [(file, bug) for file in PROTOCOLS for bug in charts_of(str(file.with_suffix(".py"))).said("BUGS", {})]


def checked(file: Path, bug: str = "") -> Report:
    """What `clientjoin check DIAGRAM --charts FILE` comes to."""
    given = charts_of(str(file.with_suffix(".py")))
    charts = given.said("BUGS", {})[bug] if bug else given.charts
    text = file.read_text(encoding="utf-8")
    rows = [row] if (row := file.with_suffix(".toml")).exists() else []
    binding = load_for({lifeline.name for lifeline in read(text).lifelines}, charts, rows)
    return check_all([(file.name, text)], binding, charts)


@pytest.mark.parametrize("file", PROTOCOLS, ids=lambda file: file.stem)
def test_protocol_conforms(file: Path) -> None:
    report = checked(file)
    assert report.conforms, str(report)


@pytest.mark.parametrize(("file", "bug"), PLANTED, ids=[f"{file.stem}: {bug}" for file, bug in PLANTED])
def test_planted_bug_is_found(file: Path, bug: str) -> None:
    report = checked(file, bug)
    assert report.verdict is Verdict.DOES_NOT_CONFORM, str(report)
    assert report.reasons
