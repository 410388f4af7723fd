"""The command `clientjoin project`: what a diagram says to each lifeline by itself, as state machines."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runtime.cli.exits import fail

if TYPE_CHECKING:
    from spec.projection import Automaton

Form = Literal["mermaid", "dot", "python"]


def project(
    diagram: Annotated[
        Path, typer.Argument(metavar="DIAGRAM", help="A sequence diagram; `-` is standard input.", show_default=False)
    ],
    lifeline: Annotated[
        list[str] | None, typer.Option("--lifeline", metavar="NAME", help="Only this lifeline; otherwise all.")
    ] = None,
    binding: Annotated[
        list[Path] | None, typer.Option(help="A TOML file: messages are named as it says, instead of as drawn.")
    ] = None,
    form: Annotated[
        Form, typer.Option("--format", help="python: a module with machines of the library transitions.")
    ] = "mermaid",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write to this file instead of printing.")] = None,
) -> None:
    """Project a diagram to state machines.

    There is one for each lifeline: what it may send and receive, and when.

    Exit status: 0, or 2 if the diagram cannot be used.
    """
    title, automata = _automata(diagram, lifeline or (), binding or ())
    text = _text(form, title, automata)
    if out is None:
        typer.echo(text, nl=False)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise fail(f"cannot write {out}: {error.strerror or error}", status=2) from None
        typer.echo(f"{out}: {', '.join(f'{each.lifeline} ({len(each.edges)} states)' for each in automata)}")
    if out is not None or (sys.stdout.isatty() and sys.stderr.isatty()):
        where = out or "FILE"
        said = {
            "mermaid": "paste it where Mermaid is drawn, such as a Markdown page",
            "dot": f"dot -Tsvg {where}",
            "python": f"python {where}, or `from {Path(where).stem} import machine`",
        }
        typer.echo(f"Next: {said[form]}.", err=True)


def _automata(
    path: Path, names: "list[str] | tuple[()]", bindings: "list[Path] | tuple[()]"
) -> "tuple[str, list[Automaton]]":
    """The diagram's title, and the automata of its lifelines; or a message and an exit."""
    from spec.binding import DIAGRAMS, load
    from spec.binding.relabelling import relabelled
    from spec.interaction import InteractionError, Library, compile_diagram
    from spec.notation import read
    from spec.notation.files import FileError
    from spec.notation.files import load as load_text
    from spec.projection import project as projected

    try:
        source = load_text(path)
        laid = load(bindings) if bindings else None
        if source.remark:
            typer.echo(f"clientjoin: {source.remark}", err=True)
        given = read(source.text, file=source.name)
        for each in given.diagnostics:
            said = f"{source.name}: line {each.line}: {each.message}"
            if each.severity == "error":
                raise fail(said, status=2)
            typer.echo(f"clientjoin: {said}", err=True)
        others = [read(file.read_text(encoding="utf-8"), file=file.name) for file in sorted(DIAGRAMS.glob("*.txt"))]
        diagrams = [given, *(other for other in others if not given.frame or other.frame != given.frame)]
        if laid is not None:
            diagrams = [relabelled(each, laid) for each in diagrams]
        interaction = compile_diagram(diagrams[0], Library(diagrams, families="opaque"))
        for problem in interaction.unsaid(given):
            said = f"{source.name}: line {problem.line}: {problem.message}"
            if not problem.warning and problem.kind != "missing-reference":
                raise fail(said, status=2)
            typer.echo(f"clientjoin: {said}", err=True)
        drawn = [each.name for each in diagrams[0].lifelines]
        if not drawn:
            raise fail(f"{source.name}: there is no lifeline in it", status=2)
        wanted = list(dict.fromkeys(names)) or drawn
        return given.title or given.frame or source.name, [projected(interaction, name) for name in wanted]
    except (FileError, InteractionError, ValueError) as error:
        raise fail(str(error), status=2) from None


def _text(form: Form, title: str, automata: "list[Automaton]") -> str:
    """All machines in one text; several of Mermaid as a Markdown page."""
    from spec.projection import to_mermaid
    from spec.projection.export import to_dot, to_python

    if form == "python":
        return to_python(automata, title)
    if form == "dot":
        return "\n".join(to_dot(each) for each in automata)
    if len(automata) == 1:
        return to_mermaid(automata[0])
    pages = [f"```mermaid\n{to_mermaid(each)}```\n" for each in automata]
    return f"# {' '.join(title.split())}\n\n" + "\n".join(pages)
