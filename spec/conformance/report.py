"""What a check found: a report of all diagrams and of each, as values, as lines of text and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from spec.conformance.bounds import NO_TIME
from spec.conformance.coverage import Coverage, joined
from spec.conformance.finding import Finding, Verdict, verdict


@dataclass(frozen=True)
class Row:
    """One lifeline of one diagram: who plays it, and how many states of the projection and the chart were compared."""

    lifeline: str
    chart: str
    conforms: bool
    spec_states: int
    chart_states: int


@dataclass(frozen=True)
class DiagramReport:
    """What was found of one diagram."""

    file: str
    frame: str
    title: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    nodes: int = 0
    coverage: tuple[Coverage, ...] = ()
    """The transitions that it exercises of each chart that is not ours."""

    @property
    def name(self) -> str:
        """What to call it: its frame, its title, or its file."""
        return self.frame or self.title or self.file

    @property
    def verdict(self) -> Verdict:
        """The answer, where warnings are no mistakes."""
        return verdict(self.findings)

    @property
    def conforms(self) -> bool:
        """Whether all was asked, all was answered, and nothing was found that is not accepted."""
        return self.verdict is Verdict.CONFORMS


@dataclass(frozen=True)
class Explored:
    """What looking at all that charts can do came to: the states of the system that were met, and whether these are
    all.
    """

    states: int
    complete: bool
    as_drawn: bool = False
    """Whether the network did just as the diagrams draw, as the scenarios of a use case that has others, too."""
    with_values: tuple[str, ...] = ()
    """The messages that were sent with the values that are drawn, or named in the binding, and no others."""


@dataclass(frozen=True)
class Report:
    """What was found of all diagrams, and what no diagram of a use case allows.

    `str()` is the text that a person would read.
    """

    diagrams: tuple[DiagramReport, ...]
    implied: tuple[Finding, ...] = ()
    explored: Mapping[str, Explored] = field(default_factory=dict)
    """For each use case: what looking at all that the charts can do came to."""
    strict: bool = False
    """Whether warnings are mistakes, too."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings: of each diagram, and of the use cases."""
        return (*(finding for diagram in self.diagrams for finding in diagram.findings), *self.implied)

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Which transitions of each chart that is not ours the diagrams exercise together."""
        return joined(each for diagram in self.diagrams for each in diagram.coverage)

    @property
    def verdict(self) -> Verdict:
        """Conforms, does not conform, or undetermined: something was not asked, or not answered."""
        return verdict(self.findings, strict=self.strict)

    @property
    def conforms(self) -> bool:
        """Whether all was asked, all was answered, and nothing was found that is not accepted."""
        return self.verdict is Verdict.CONFORMS

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is not *conforms*: the mistakes, or what was not answered."""
        kinds = {Verdict.DOES_NOT_CONFORM: ("error", "warning") if self.strict else ("error",)}
        wanted = kinds.get(self.verdict, ("unanswered",))
        return tuple(f.message for f in self.findings if f.severity in wanted and not f.accepted)

    def strictly(self) -> "Report":
        """The same with warnings as mistakes."""
        return replace(self, strict=True)

    def __str__(self) -> str:
        """The report as text."""
        return as_text(self)

    def __repr__(self) -> str:
        """The verdict, and how many diagrams and findings there are."""
        return f"<Report: {self.verdict}, {len(self.diagrams)} diagrams, {len(self.findings)} findings>"


STYLES = {Verdict.CONFORMS: "green", Verdict.DOES_NOT_CONFORM: "bold red", Verdict.UNDETERMINED: "bold yellow"}
MOST_LISTED = 12
"""Diagrams up to which each gets a line of its own, also if nothing is to be said of it."""
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
            name: {
                "states": found.states,
                "complete": found.complete,
                "as_drawn": found.as_drawn,
                "with_values": [*found.with_values],
            }
            for name, found in report.explored.items()
        },
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.identifier,
        "kind": finding.kind,
        "line": finding.line,
        "file": finding.file or None,
        "lifeline": finding.lifeline or None,
        "message": finding.message,
        "rules": finding.rules or None,
        "counterexample": finding.counterexample or None,
        "severity": finding.severity,
        "accepted": finding.accepted or None,
    }


def as_text(report: Report, *, verbose: bool = False) -> str:
    """The report as a person would read it: a line for each diagram, the findings in full, the verdict at the end."""
    return "\n".join(str(line) for line in lines(report, verbose=verbose))


def lines(report: Report, *, verbose: bool = False) -> Iterator[Line]:
    """The report line by line; if `verbose`, with the lifelines of each diagram, what is accepted, and all runs.

    Otherwise, of many diagrams those that conform are a count, and the run of the first finding that has one is shown.
    """
    is_short = not verbose and len(report.diagrams) > MOST_LISTED
    silent = late = 0
    told: set[str] = set()
    for diagram in report.diagrams:
        # What is found of a use case that one diagram draws alone is found of that diagram.
        answer = report.verdict if len(report.diagrams) == 1 else diagram.verdict
        if is_short and answer is Verdict.CONFORMS and all(finding.accepted for finding in diagram.findings):
            silent += 1
            continue
        if is_short and all(finding.accepted or _is_late(finding) for finding in diagram.findings):
            late += 1
            continue
        said = f"{diagram.name}  ({diagram.file}), {counted(diagram.nodes, 'state')} compared"
        yield Line(f"{answer!s:{WIDTH}}  ", said, STYLES[answer])
        if verbose:
            yield from _table(diagram)
        for finding in diagram.findings:
            yield from _lines(finding, told, verbose=verbose)
    if silent:
        others = "other " if silent < len(report.diagrams) else ""
        yield Line(f"{Verdict.CONFORMS!s:{WIDTH}}  ", counted(silent, f"{others}diagram"), STYLES[Verdict.CONFORMS])
    if late:
        text = f"{counted(late, 'diagram')}: the time was over, and {NO_TIME} (-v lists what was not answered)"
        yield Line(f"{Verdict.UNDETERMINED!s:{WIDTH}}  ", text, STYLES[Verdict.UNDETERMINED])
    for finding in report.implied:
        if not (late and _is_late(finding)):
            yield from _lines(finding, told, verbose=verbose)
    for name, found in report.explored.items() if verbose else ():
        whole = "all" if found.complete else "the first"
        under = "with losses and refusals just as drawn" if found.as_drawn else "under the faults drawn"
        yield Line(f"{name}: {whole} {found.states} states that the charts reach {under} were checked against it.")
        if found.with_values:
            sent = f"{', '.join(found.with_values)} {'was' if len(found.with_values) == 1 else 'were'} sent"
            text = "with the values that are drawn, and no others: [payloads] of a binding names more"
            yield Line(f"{name}: {sent} {text}.")
    if verbose:
        yield from _coverage(report.coverage)
    yield _end(report)


def _is_late(finding: Finding) -> bool:
    """Whether it is a question for which no time was left."""
    return finding.unanswered and NO_TIME in finding.message


def counted(number: int, noun: str) -> str:
    """How many of something there are, as a person says it: "1 state", "2,000 states"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _coverage(coverages: Sequence[Coverage]) -> Iterator[Line]:
    """Of each chart how many transitions are exercised, and those that are not."""
    if coverages:
        yield Line("Transitions of charts that no diagram exercises:")
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


def _lines(finding: Finding, told: set[str], *, verbose: bool) -> Iterator[Line]:
    """A finding: what it is, where, its identifier, and the run that shows it; `told` holds the runs shown before."""
    if finding.accepted and not verbose:
        return
    style = "yellow" if finding.accepted or finding.severity != "error" else "bold red"
    state = "accepted" if finding.accepted else "not answered" if finding.unanswered else finding.severity
    kind = "" if finding.unanswered else f": {finding.kind.replace('-', ' ')}"
    place = f"line {finding.line}: " if finding.line else ""
    if finding.file:
        place = f"{finding.file}, {place}"
    yield Line(f"  {state}{kind}", f": {place}{finding.message}  [{finding.identifier}]", style)
    if finding.accepted:
        yield Line(f"    because {finding.accepted}", style="dim")
        return
    if finding.rules:
        yield Line(f"    by {finding.rules}", style="dim")
    run = finding.counterexample.splitlines()
    if told and run and not verbose:
        yield Line(f"      (-v shows the run, {len(run)} lines)", style="dim")
        return
    told.update(finding.counterexample for _ in run[:1])
    for line in run:
        yield Line(f"      {line}".rstrip(), style="dim")


def _end(report: Report) -> Line:
    found = report.findings
    accepted = sum(bool(finding.accepted) for finding in found)
    left = [finding for finding in found if not finding.accepted]
    errors, warnings, unanswered = (
        sum(finding.severity == kind for finding in left) for kind in ("error", "warning", "unanswered")
    )
    said = (
        f": {counted(len(report.diagrams), 'diagram')} and {'its' if len(report.diagrams) == 1 else 'their'} charts; "
        f"{counted(errors, 'error')}, {counted(warnings, 'warning')}, {accepted} accepted, {unanswered} not answered"
    )
    return Line(str(report.verdict), said, STYLES[report.verdict])
