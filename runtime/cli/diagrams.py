"""The command `clientjoin diagrams`."""

import re
import shutil
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import typer

from machines import CHARTS
from machines.diagrams import Graph, decision_page, dot_of, graph, mermaid_of
from machines.participant import Participant
from runtime.cli.charts import HELP, charts_of, refuse_machines
from runtime.cli.exits import fail

Format = Literal["mermaid", "dot", "svg", "png"]
FORMATS: tuple[Format, ...] = ("mermaid", "dot", "svg", "png")
SUFFIXES: dict[str, str] = {"mermaid": "mmd", "dot": "dot", "svg": "svg", "png": "png"}


class Page(NamedTuple):
    """What is written of a chart."""

    stem: str
    drawing: Graph
    decisions: str = ""


def diagrams(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("diagrams"),
    format: Annotated[Format, typer.Option(help="svg and png need Graphviz.")] = "mermaid",  # noqa: A002 - the option's name
    charts: Annotated[str | None, typer.Option(metavar="MODULE[:MAPPING]", help=HELP)] = None,
    binding: Annotated[
        list[Path] | None, typer.Option(help="With --charts: a TOML file that says what their events are.")
    ] = None,
) -> None:
    """Write state diagrams of the charts.

    For ours there is a decision table each as well: what is taken, ignored, deferred or impossible in each state.
    """
    try:
        pages = ours() if charts is None else pages_of(charts, binding or ())
        for path in written(pages, out, format):
            typer.echo(path)
    except ValueError as error:  # charts or a binding that cannot be used
        raise fail(str(error), status=2) from None


def ours() -> Iterator[Page]:
    """Those of the charts of this project."""
    for chart in CHARTS:
        yield Page(chart.__module__.rpartition(".")[2], graph(chart), decision_page(chart))


def pages_of(place: str, bindings: Iterable[Path]) -> list[Page]:
    """Those of a user's charts. Raises `ValueError`."""
    from spec.binding import load
    from spec.conformance.lexicon import refuse_events

    binding = load(bindings, default=False)
    given = charts_of(place)
    refuse_machines(given, "diagrams")
    charts = given.charts
    refuse_events(binding, charts)
    return drawn(charts, binding)


def drawn(
    charts: Mapping[str, Any], binding: Any, missed: Mapping[str, Collection[tuple[str, str, str]]] | None = None
) -> list[Page]:
    """A page for each chart once, however many lifelines it plays; what was `missed` is drawn faintly."""
    from spec.system.drawing import graph_of
    from spec.system.structure import labels_of

    found: dict[Any, Page] = {}
    for name, chart in charts.items():
        if issubclass(chart, Participant):
            found.setdefault(
                chart,
                Page(chart.__name__, graph(chart, missed=(missed or {}).get(chart.__name__, ())), decision_page(chart)),
            )
        else:
            labels = labels_of(chart, **binding.events_of(name, chart).declared())
            drawing = graph_of(chart, labels, (missed or {}).get(chart.__name__, ()))
            found.setdefault(chart, Page(chart.__name__, drawing))
    return list(found.values())


def written(
    pages: Iterable[Page],
    out: Path,
    format: Format,  # noqa: A002 - as above
    *,
    option: str = "--out",
    status: int = 1,
) -> Iterator[str]:
    """Write the pages. Yields the path of each file. The command ends with that `status` where it cannot: an `option`
    named the folder.
    """
    graphviz = shutil.which("dot")
    if format in {"svg", "png"} and graphviz is None:
        raise fail(
            f"--format {format} needs Graphviz, and no program 'dot' was found; install Graphviz, "
            "or use --format mermaid or --format dot"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        for page in pages:
            stem = re.sub(r"\W", "_", page.stem)
            picture = out / f"{stem}.{SUFFIXES[format]}"
            if format == "mermaid":
                picture.write_text(mermaid_of(page.drawing), encoding="utf-8")
            elif format == "dot":
                picture.write_text(dot_of(page.drawing), encoding="utf-8")
            else:
                assert graphviz is not None
                command = [graphviz, f"-T{format}", "-o", str(picture)]
                subprocess.run(command, input=dot_of(page.drawing), text=True, check=True, capture_output=True)  # noqa: S603
            yield str(picture)
            if page.decisions:
                table = out / f"{stem}.decisions.md"
                table.write_text(page.decisions, encoding="utf-8")
                yield str(table)
    except OSError as error:
        raise fail(
            f"cannot write to {out}: {error.strerror or error}; name another folder with {option}", status
        ) from None
    except subprocess.CalledProcessError as error:
        raise fail(f"Graphviz failed: {error.stderr.strip()}; --format dot writes what it was given") from None
