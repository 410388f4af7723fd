"""The command `clientjoin check`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


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
    from spec.notation.files import FileError, load

    try:
        source = load(file)
    except FileError as error:
        typer.echo(f"clientjoin: {error}", err=True)
        raise typer.Exit(2) from None
    if source.remark:
        typer.echo(f"clientjoin: {source.remark}", err=True)
    return source.text
