"""A report of a check, as lines of text and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from spec.conformance.checker import DiagramReport, Report
from spec.conformance.coverage import Coverage
from spec.conformance.finding import Finding, Verdict

STYLES = {Verdict.CONFORMS: "green", Verdict.DOES_NOT_CONFORM: "bold red", Verdict.UNDETERMINED: "bold yellow"}
WIDTH = max(len(str(each)) for each in Verdict)


class Line(NamedTuple):
    """A line of text: what stands first, in a style, and the rest."""

    first: str
    rest: str = ""
    style: str = ""

    def __str__(self) -> str:
        return f"{self.first}{self.rest}".rstrip()


def as_json(report: Report) -> dict[str, Any]:
    """The report as one JSON object."""
    return {
        "verdict": str(report.verdict),
        "conforms": report.conforms,
        "reasons": list(report.reasons),
        "diagrams": [
            {
                "file": diagram.file,
                "frame": diagram.frame,
                "title": diagram.title,
                "verdict": str(diagram.verdict),
                "conforms": diagram.verdict is Verdict.CONFORMS,
                "states": diagram.nodes,
                "lifelines": [row.__dict__ for row in diagram.rows],
                "findings": [_finding(finding) for finding in diagram.findings],
            }
            for diagram in report.diagrams
        ],
        "implied_scenarios": [_finding(finding) for finding in report.implied if not finding.unanswered],
        "unanswered": [_finding(finding) for finding in report.findings if finding.unanswered],
        "coverage": [
            {
                "chart": chart.chart,
                "lifelines": list(chart.lifelines),
                "declared": len(chart.declared),
                "exercised": len(chart.exercised),
                "missed": [list(row) for row in chart.missed],
            }
            for chart in report.coverage
        ],
        "explored": {
            name: {"states": found.states, "complete": found.complete, "as_drawn": found.as_drawn}
            for name, found in report.explored.items()
        },
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.identifier,
        "kind": finding.kind,
        "line": finding.line,
        "lifeline": finding.lifeline or None,
        "message": finding.message,
        "counterexample": finding.counterexample or None,
        "severity": finding.severity,
        "accepted": finding.accepted or None,
    }


def as_text(report: Report, *, verbose: bool = False) -> str:
    """The report as a person would read it: a line for each diagram, the findings in full, the verdict at the end."""
    return "\n".join(str(line) for line in lines(report, verbose=verbose))


def lines(report: Report, *, verbose: bool = False) -> Iterator[Line]:
    """The report line by line; if `verbose`, with the lifelines of each diagram, and with what is accepted."""
    for diagram in report.diagrams:
        said = f"{diagram.name}  ({diagram.file}), {diagram.nodes} states compared"
        # What is found of a use case that one diagram draws alone is found of that diagram.
        answer = report.verdict if len(report.diagrams) == 1 else diagram.verdict
        yield Line(f"{answer!s:{WIDTH}}  ", said, STYLES[answer])
        if verbose:
            yield from _table(diagram)
        for finding in diagram.findings:
            yield from _lines(finding, verbose=verbose)
    for finding in report.implied:
        yield from _lines(finding, verbose=verbose)
    for name, found in report.explored.items() if verbose else ():
        whole = "all" if found.complete else "the first"
        under = "with losses and refusals just as drawn" if found.as_drawn else "under the faults drawn"
        yield Line(f"{name}: {whole} {found.states} states that the charts reach {under} were checked against it.")
    if verbose:
        yield from _coverage(report.coverage)
    yield _end(report)


def _coverage(coverages: Sequence[Coverage]) -> Iterator[Line]:
    """Of each chart how many transitions are exercised, and those that are not."""
    if coverages:
        yield Line("Transitions of charts of others that no diagram exercises:")
    for chart in coverages:
        lifelines = ", ".join(chart.lifelines)
        counts = f"{len(chart.exercised)} of {len(chart.declared)} exercised"
        yield Line(f"    {chart.chart} ({lifelines}): {counts}")
        sources = max((len(source) for source, _, _ in chart.missed), default=0)
        labels = max((len(label) for _, label, _ in chart.missed), default=0)
        for source, label, target in chart.missed:
            to = f"-> {target}" if target else "stays"
            yield Line(f"      {source:{sources}}  {label or 'by itself':{labels}}  {to}")


def _table(diagram: DiagramReport) -> Iterator[Line]:
    names = max((len(row.lifeline) for row in diagram.rows), default=0)
    charts = max((len(row.chart) for row in diagram.rows), default=0)
    for row in diagram.rows:
        states = f"{row.spec_states:6} states drawn, {row.chart_states:6} of the chart"
        sure = "conforms" if row.conforms else "does not conform"
        yield Line(f"    {row.lifeline:{names}}  {row.chart:{charts}}  {states}  {sure}")


def _lines(finding: Finding, *, verbose: bool) -> Iterator[Line]:
    """A finding: what it is, where, its identifier, and the run that shows it."""
    if finding.accepted and not verbose:
        return
    style = "yellow" if finding.accepted or finding.severity != "error" else "bold red"
    state = "accepted" if finding.accepted else "not answered" if finding.unanswered else finding.severity
    kind = "" if finding.unanswered else f": {finding.kind.replace('-', ' ')}"
    place = f"line {finding.line}: " if finding.line else ""
    yield Line(f"  {state}{kind}", f": {place}{finding.message}  [{finding.identifier}]", style)
    if finding.accepted:
        yield Line(f"    because {finding.accepted}", style="dim")
        return
    for line in finding.counterexample.splitlines():
        yield Line(f"      {line}".rstrip(), style="dim")


def _end(report: Report) -> Line:
    found = report.findings
    accepted = sum(bool(finding.accepted) for finding in found)
    left = [finding for finding in found if not finding.accepted]
    counted = {kind: sum(finding.severity == kind for finding in left) for kind in ("error", "warning", "unanswered")}
    said = (
        f": {len(report.diagrams)} diagram{'s' * (len(report.diagrams) != 1)} and their charts; "
        f"{counted['error']} errors, {counted['warning']} warnings, {accepted} accepted, "
        f"{counted['unanswered']} not answered"
    )
    return Line(str(report.verdict), said, STYLES[report.verdict])
