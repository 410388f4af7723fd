"""The command `clientjoin read`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spec.notation import Diagram

FILES = typer.Argument(
    metavar="FILE", help="Diagrams in the sequencediagram.org notation; `-` is standard input.", show_default=False
)


def read(
    files: Annotated[list[Path], FILES],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
) -> None:
    """Show what was understood of diagrams.

    Exit status 0 if every line was read, 1 if not, 2 if a file could not be opened or is no text.
    """
    from spec.notation import read as read_diagram
    from spec.notation.files import FileError, load
    from spec.notation.summary import render_text, summary

    worst = 0
    for file in files:
        try:
            source = load(file)
        except FileError as error:
            typer.echo(f"clientjoin: {error}", err=True)
            worst = 2
            continue
        if source.remark:
            typer.echo(f"clientjoin: {source.remark}", err=True)
        diagram = with_meaning(read_diagram(source.text, file=source.name))
        typer.echo(json.dumps(summary(diagram)) if as_json else render_text(diagram))
        if any(diagnostic.severity == "error" for diagnostic in diagram.diagnostics):
            worst = max(worst, 1)
    raise typer.Exit(worst)


def with_meaning(diagram: "Diagram") -> "Diagram":
    """The diagram with what a check would say against its meaning, as warnings: every line of it was read."""
    from spec.interaction import compile_diagram
    from spec.notation.model import Diagnostic

    found = [
        Diagnostic(problem.line, 1, "warning", problem.message)
        for problem in compile_diagram(diagram).unsaid(diagram)
        if problem.kind != "missing-reference"
    ]
    return replace(diagram, diagnostics=tuple(sorted((*diagram.diagnostics, *found), key=lambda each: each.line)))
