"""The command `clientjoin check`."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from machines import CHARTS
from runtime.cli.charts import HELP, Charts, Given, charts_of
from runtime.cli.diagrams import FORMATS, drawn, written
from runtime.cli.exits import fail

if TYPE_CHECKING:
    from spec.binding import Binding
    from spec.conformance.checker import Report
    from spec.conformance.finding import Finding

OF_EXPLORER = {
    "BROADCAST": "a check takes each arrow for a message of its own",
}
"""Tables of a module of charts that the explorer reads and a check does not, and what there is instead."""


def check(
    diagrams: Annotated[
        list[Path] | None, typer.Argument(metavar="DIAGRAM", help="Without one: all of spec/diagrams.")
    ] = None,
    binding: Annotated[
        list[Path] | None, typer.Option(help="A TOML file that binds the diagram's words; laid over ours.")
    ] = None,
    charts: Annotated[str | None, typer.Option(metavar="MODULE[:MAPPING]", help=HELP)] = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="The diagrams draw all that can happen; what they lose may be lost anywhere."),
    ] = False,
    refer: Annotated[
        list[Path] | None,
        typer.Option(
            "--refer", metavar="DIAGRAM", help="A diagram that others refer to, besides those of the project."
        ),
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(help="A TOML file of accepted findings, by the identifiers that are printed."),
    ] = None,
    states: Annotated[
        int | None,
        typer.Option(min=1, help="Most states of each question; what needs more is not answered.  [default: 20000]"),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Stop the whole check after so many seconds; what is left is not answered."),
    ] = None,
    coverage: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write state diagrams in which what no diagram exercises is dashed (DOT) or listed.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Findings about a diagram itself are errors, too.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Tables, and what is accepted.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the verdict.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """Check charts against sequence diagrams.

    It asks both ways: can the charts do what is drawn, and is all drawn that they can do?

    What the demo recorded, or the explorer wrote, is one run: it conforms if the statecharts allow it.

    Exit status: 0 conforms, 1 does not conform, 3 undetermined (something was not asked or not answered), 2 cannot be
    used.
    """
    from runtime.cli.tables import with_tables
    from runtime.cli.terminal import interruptible, progress_of_check
    from spec.binding import BUILT_IN, DIAGRAMS, load, load_for
    from spec.conformance.bounds import STATES, Bounds
    from spec.conformance.checker import check_all, read_accepted
    from spec.conformance.report import as_json as report_as_json
    from spec.notation import read

    ours = sorted(DIAGRAMS.glob("*.txt"))
    files = list(diagrams or ours)
    if charts is not None and not diagrams:
        raise fail("--charts: name the diagrams that these charts are to be checked against", status=2)
    texts = [(str(file) if diagrams else file.name, _text(file)) for file in files]
    if charts is None and diagrams:
        unusable = {
            "--binding": binding, "--complete": complete, "--refer": refer, "--baseline": baseline, "--states": states,
            "--seconds": seconds, "--coverage": coverage, "--strict": strict,
        }  # fmt: skip
        _check_runs(texts, [name for name, value in unusable.items() if value], quiet=quiet, as_json=as_json)
    others = [(file.name, _text(file)) for file in refer or ()]
    _refuse_foreign(texts)
    try:
        playing: Charts = {}
        given = None if charts is None else charts_of(charts)
        if given is not None:
            lifelines = {each.name for file, text in texts for each in read(text, file=file).lifelines}
            laid = load_for(lifelines, given.charts, binding or ())
            playing, idle = given.playing(lifelines, laid)
            if idle:
                typer.echo(
                    f"clientjoin: {charts}: left out, for no diagram has its lifeline: {', '.join(idle)}", err=True
                )
        else:
            laid = load(binding or ())
        if charts is None or any(player.place == BUILT_IN for player in laid.players.values()):
            others += [(file.name, _text(file)) for file in ours] if diagrams else []
        rows = [row for file in (DIAGRAMS / "baseline.toml", *(baseline or ())) for row in read_accepted(file)]
        with progress_of_check(len(texts)) as progress, interruptible():
            report = check_all(
                texts,
                laid if given is None else with_tables(laid, given),
                playing,
                accepted=rows,
                referred=others,
                complete=complete or not diagrams,
                strict=strict,
                bounds=Bounds(states or STATES, seconds, progress),
                processes=2,
                coverage=coverage is not None,
            )
    except ValueError as error:  # charts, a binding, a chart or a diagram that cannot be used: the message says which
        raise fail(str(error), status=2) from None
    if given is not None:
        report = replace(report, implied=(*report.implied, *_of_explorer(given)))
    if coverage is not None:
        _write_coverage(report, playing, laid, coverage)
    if as_json:
        typer.echo(json.dumps(report_as_json(report), indent=1))
    elif quiet:
        typer.echo(str(report.verdict))
    else:
        _print(report, verbose=verbose)
    raise typer.Exit(report.verdict.status)


def _print(report: "Report", *, verbose: bool) -> None:
    from runtime.cli.terminal import PipedConsole
    from spec.conformance.report import lines

    console = PipedConsole(soft_wrap=not sys.stdout.isatty())
    for line in lines(report, verbose=verbose):
        rest = line.rest or ""
        console.print(Text.assemble((line.first, line.style), rest), soft_wrap=True)
    if not verbose:
        console.print(f"\nNext: {_next(report)}", soft_wrap=True)


def _check_runs(texts: list[tuple[str, str]], unusable: list[str], *, quiet: bool, as_json: bool) -> None:
    """Judge texts that are runs, and exit; diagrams are left to the rest of the check."""
    from runtime.runs.format import RunError
    from runtime.runs.judged import WORDS, judge, lines, report
    from runtime.runs.logs import is_run, read_run
    from spec.monitor import Answer

    runs = [each for each in texts if is_run(each[1])]
    if not runs:
        return
    if unusable:
        raise fail(f"{unusable[0]} is about diagrams, and {runs[0][0]} is a recorded run: leave it out", status=2)
    if len(runs) < len(texts):
        raise fail("check runs and diagrams one after the other: a run is judged by itself", status=2)
    try:
        found = [(name, judge(read_run(text, name))) for name, text in runs]
    except RunError as error:
        raise fail(str(error), status=2) from None
    answers = {each.answer for _, each in found}
    worst = next(one for one in (Answer.FORBIDDEN, Answer.CANNOT_TELL, Answer.ALLOWED) if one in answers)
    if as_json:
        typer.echo(json.dumps({"answer": worst.value, "runs": [report(name, each) for name, each in found]}, indent=1))
    elif quiet:
        typer.echo(WORDS[worst])
    else:
        for name, each in found:
            typer.echo("\n".join(lines(name, each)))
    raise typer.Exit(worst.status)


def _of_explorer(given: Given) -> Iterator["Finding"]:
    """What the module says to the explorer that a check does not ask: its verdict may be another one with that."""
    from spec.conformance.finding import unanswered

    for table, instead in OF_EXPLORER.items():
        if given.said(table, None):
            yield unanswered(
                f"whether it is so with {table} of {given.place}, which only `clientjoin explore` reads; {instead}, "
                "and keep the table in a module of its own"
            )


def _write_coverage(report: "Report", playing: Charts, binding: "Binding", folder: Path) -> None:
    """State diagrams in which what no diagram exercises is faint, in two formats; their paths on standard error."""
    missed: dict[str, set[tuple[str, str, str]]] = {}
    for chart in report.coverage:
        missed.setdefault(chart.chart, set()).update(chart.missed)
    counted = {chart.chart for chart in report.coverage}
    ours = {chart.__name__: chart for chart in CHARTS if chart.__name__ in counted}
    pages = drawn({**ours, **playing}, binding, missed)
    for form in FORMATS[:2]:
        for path in written(pages, folder, form, option="--coverage", status=2):
            typer.echo(path, err=True)


def _refuse_foreign(texts: list[tuple[str, str]]) -> None:
    """Exit if a text says at its beginning that it is in another notation: it cannot be used, and nothing was asked."""
    from spec.notation import Diagram, read

    refused = [diagram for file, text in texts if (diagram := read(text, file=file)).notation != Diagram().notation]
    for diagram in refused:
        for found in diagram.diagnostics:
            typer.echo(f"clientjoin: {diagram.file}: line {found.line}: {found.message}", err=True)
    if refused:
        raise typer.Exit(2)


REMEDIES = {
    "unbound-label": "add a [[label]] row for it to a file for --binding",
    "implied-scenario": "draw what is missing, or take it from the chart",
    "goes-on": "draw what is missing, or take it from the chart",
    "never-goes-on": "let the chart go on, or draw that it may end there",
    "never-taken": "let the chart take it, or draw that it is lost",
}
"""What to do about a finding, by its kind; about others: to mend the line that they name."""


def _next(report: "Report") -> str:
    """What a user can do with a verdict."""
    more = "-v shows each lifeline, what is accepted, and all runs"
    verdict = str(report.verdict)
    if verdict == "undetermined":
        return f"--states and --seconds allow longer searches, --binding binds what is not bound; {more}."
    if verdict == "conforms":
        return f"clientjoin explore (what can go wrong beyond what is drawn); {more}."
    first = next((finding for finding in report.findings if finding.severity == "error" and not finding.accepted), None)
    remedy = REMEDIES.get(first.kind if first else "", "mend the line that is named")
    return f"{remedy}, or accept a finding by its identifier with --baseline; {more}."


def _text(file: Path) -> str:
    """The text of a file, or a message and an exit."""
    from spec.notation.files import FileError, load

    try:
        source = load(file)
    except FileError as error:
        raise fail(str(error), status=2) from None
    if source.remark:
        typer.echo(f"clientjoin: {source.remark}", err=True)
    return source.text
