"""A report of a check, for people and as JSON."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spec.conformance.checker import DiagramReport, Report
from spec.conformance.finding import Finding


def as_json(report: Report, *, strict: bool = False) -> dict[str, Any]:
    """The report as one JSON object."""
    return {
        "conforms": report.conforms(strict=strict),
        "diagrams": [
            {
                "file": diagram.file,
                "frame": diagram.frame,
                "conforms": diagram.conforms(strict=strict),
                "lifelines": [
                    {
                        "lifeline": row.lifeline,
                        "chart": row.chart,
                        "conforms": row.conforms,
                        "spec_states": row.spec_states,
                        "chart_states": row.chart_states,
                    }
                    for row in diagram.rows
                ],
                "findings": [_finding(finding) for finding in diagram.findings],
            }
            for diagram in report.diagrams
        ],
        "implied_scenarios": [
            {
                "lifeline": finding.lifeline,
                "message": finding.message,
                "witness": finding.witness or None,
                "accepted": finding.accepted or None,
            }
            for finding in report.implied
        ],
        "explored": {
            name: {"states": states, "complete": complete} for name, (states, complete) in report.explored.items()
        },
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "line": finding.line,
        "lifeline": finding.lifeline or None,
        "message": finding.message,
        "witness": finding.witness or None,
        "severity": "warning" if finding.warning else "error",
        "accepted": finding.accepted or None,
    }


def show(report: Report, console: Console, *, strict: bool = False) -> None:
    """Print the report."""
    for diagram in report.diagrams:
        console.print(_diagram(diagram, strict=strict))
        console.print()
    for finding in report.implied:
        console.print(Group(*_lines(finding.kind, finding)))
    for sentence in _sentences(report, strict=strict):
        console.print(Text(sentence), soft_wrap=True)


def _diagram(diagram: DiagramReport, *, strict: bool) -> Group:
    verdict = Text("conforms", "green") if diagram.conforms(strict=strict) else Text("does not conform", "bold red")
    name = diagram.frame or diagram.title or diagram.file
    head = Text.assemble((name, "bold"), f"  ({diagram.file}): ", verdict, f", {diagram.nodes} states compared")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("lifeline", "chart"):
        table.add_column(column, no_wrap=True)
    for column in ("diagram", "chart"):
        table.add_column(f"states of\n{column}", justify="right")
    table.add_column("verdict")
    for row in diagram.rows:
        sure = Text("conforms", "green") if row.conforms else Text("does not conform", "bold red")
        table.add_row(row.lifeline, row.chart, str(row.spec_states), str(row.chart_states), sure)
    lines = [line for finding in diagram.findings for line in _lines(finding.kind, finding)]
    return Group(head, Padding(table, (0, 0, 0, 2)), *lines)


def _lines(kind: str, finding: Finding) -> Iterator[Text]:
    """A finding: what it is, where, and the run that shows it."""
    style = "yellow" if finding.warning or finding.accepted else "bold red"
    state = "accepted: " if finding.accepted else "warning: " if finding.warning else "error: "
    place = f"line {finding.line}: " if finding.line else ""
    yield Text.assemble("  ", (state + kind.replace("-", " "), style), f": {place}{finding.message}")
    if finding.accepted:
        yield Text(f"    because {finding.accepted}", "dim")
        return
    for line in finding.witness.splitlines():
        yield Text(f"      {line}".rstrip(), "dim")


def _sentences(report: Report, *, strict: bool) -> Iterator[str]:
    for family, (states, complete) in report.explored.items():
        whole = "all" if complete else "the first"
        yield f"{family}: {whole} {states} states that the charts reach under the faults drawn were held against it."
    findings = [finding for diagram in report.diagrams for finding in diagram.findings] + list(report.implied)
    accepted = sum(bool(finding.accepted) for finding in findings)
    warnings = sum(finding.warning and not finding.accepted for finding in findings)
    errors = len(findings) - accepted - warnings
    verdict = "conform" if report.conforms(strict=strict) else "do NOT conform"
    yield (
        f"{len(report.diagrams)} diagrams and their charts {verdict}: "
        f"{errors} errors, {warnings} warnings, {accepted} accepted findings."
    )
