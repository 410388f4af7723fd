"""The commands `clientjoin read` and `clientjoin check`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

FILE = typer.Argument(metavar="FILE", help="Diagrams in the sequencediagram.org notation.", show_default=False)


def read(
    files: Annotated[list[Path], FILE],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
) -> None:
    """Show what was understood of sequence diagrams; exit status 0 if every line was read."""
    from spec.notation import read as read_diagram
    from spec.notation.summary import render_text, summary

    worst = 0
    for file in files:
        diagram = read_diagram(_text(file), file=str(file))
        typer.echo(json.dumps(summary(diagram)) if as_json else render_text(diagram))
        if any(diagnostic.severity == "error" for diagnostic in diagram.diagnostics):
            worst = 1
    raise typer.Exit(worst)


def check(
    diagrams: Annotated[
        list[Path] | None, typer.Argument(metavar="DIAGRAM", help="Without one: all of spec/diagrams.")
    ] = None,
    binding: Annotated[
        list[Path] | None, typer.Option(help="A TOML file that binds the diagram's words; laid over ours.")
    ] = None,
    strict: Annotated[bool, typer.Option(help="Findings about a diagram itself are errors, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """Hold the statecharts against sequence diagrams, in both directions; exit status 0 only if all conform."""
    from spec.binding import BindingError, load
    from spec.conformance.checker import DIAGRAMS, check_all, read_accepted
    from spec.conformance.report import as_json as report_as_json
    from spec.conformance.report import show
    from spec.system.setup import CastError

    ours = sorted(DIAGRAMS.glob("*.txt"))
    files = list(diagrams or ours)
    try:
        report = check_all(
            [(str(file) if diagrams else file.name, _text(file)) for file in files],
            load(binding or ()),
            accepted=read_accepted(DIAGRAMS / "accepted.toml"),
            courses=[(file.name, _text(file)) for file in ours] if diagrams else (),
            processes=2,
        )
    except (BindingError, CastError) as error:
        typer.echo(f"clientjoin: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(report_as_json(report, strict=strict), indent=1))
    else:
        show(
            report,
            Console(highlight=False, emoji=False, markup=False, soft_wrap=not sys.stdout.isatty()),
            strict=strict,
        )
    raise typer.Exit(0 if report.conforms(strict=strict) else 1)


def _text(file: Path) -> str:
    """The text of a file, or a message and an exit."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        typer.echo(f"clientjoin: cannot read {file}: {error.strerror or error}", err=True)
    except UnicodeDecodeError as error:
        typer.echo(f"clientjoin: {file} is not UTF-8 (byte {error.start}): save it as UTF-8", err=True)
    raise typer.Exit(2) from None
