"""What stands in the project's pages and is made from its code: `python -m tests.support.documents` writes it anew.

A piece stands between `<!-- made: NAME -->` and `<!-- end -->`. Tests compare each with what is made today.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from machines import CHARTS
from machines.diagrams import decision_page, mermaid
from spec.exploration.pages import FOLDER, Finding, findings
from spec.exploration.picture import happens, picture
from tests.support.fault_table import table as table_of_faults
from tests.support.places import TOP

FOLDED = frozenset({"starting", "leaving"})
PIECE = re.compile(r"(<!-- made: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
SHOWN = "registered-but-given-up"
"""The finding whose picture stands in the README."""
PAGES = (TOP / "README.md", TOP / "machines" / "README.md", TOP / "runtime" / "services" / "README.md")

# The pipeline.

NODES = {
    "notation": "text, line by line",
    "interaction": "what it means: terms and small steps",
    "projection": "what it says to each lifeline",
    "binding": "labels are messages, lifelines are charts",
    "system": "the charts as processes on channels",
    "conformance": "do they agree, both ways?",
    "exploration": "all losses, timeouts, restarts",
    "monitor": "is what was observed allowed?",
    "rendering": "a run as a diagram",
    "machines": "a statechart for each lifeline",
    "runtime": "the same charts on asyncio and MQTT",
}
"""The packages in the picture, and what each does; those of `spec`, `machines` and `runtime`."""
EDGES = (
    ("notation", "interaction"),
    ("interaction", "projection"),
    ("notation", "binding"),
    ("projection", "conformance"),
    ("binding", "conformance"),
    ("binding", "system"),
    ("machines", "system"),
    ("system", "conformance"),
    ("system", "exploration"),
    ("conformance", "rendering"),
    ("exploration", "rendering"),
    ("binding", "monitor"),
    ("machines", "monitor"),
    ("machines", "runtime"),
    ("runtime", "rendering"),
    ("rendering", "notation"),
)
"""What goes from where to where; of the two packages one imports the other."""


def folder_of(node: str) -> Path:
    """Where a package of the picture stands."""
    return TOP / node if node in {"machines", "runtime"} else TOP / "spec" / node


def nodes() -> tuple[str, ...]:
    """The packages that there are."""
    return tuple(node for node in NODES if folder_of(node).is_dir())


def edges() -> tuple[tuple[str, str], ...]:
    """The edges between the packages that there are."""
    return tuple(edge for edge in EDGES if {*edge} <= {*nodes()})


def are_joined(one: str, other: str) -> bool:
    """Whether one of two packages imports the other."""
    return _imports(one, other) or _imports(other, one)


def _imports(one: str, other: str) -> bool:
    name = ".".join(folder_of(other).relative_to(TOP).parts)
    for path in folder_of(one).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [f"{node.module}.{each.name}" for each in node.names] if isinstance(node, ast.ImportFrom) else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if any(each == name or each.startswith(f"{name}.") for each in names):
                return True
    return False


def pipeline() -> Iterator[str]:
    """The way of the data, in Mermaid."""
    yield "```mermaid"
    yield "flowchart TB"
    yield "    diagram[/a sequence diagram/] --> notation"
    yield "    charts[/statecharts, ours or yours/] --> machines"
    for node in nodes():
        yield f'    {node}["<b>{node}</b><br/>{NODES[node]}"]'
    for one in dict.fromkeys(one for one, _ in EDGES):
        arrow = "-. a run is a diagram again .->" if one == "rendering" else "-->"
        yield f"    {one} {arrow} {' & '.join(to for begin, to in edges() if begin == one)}"
    yield "```"


# Findings.


def table_of_findings() -> Iterator[str]:
    """A row for each page in `spec/findings`."""
    yield "| what does not hold as drawn | scenario, and what happens in the shortest run | hardened |"
    yield "|---|---|---|"
    for finding in findings():
        steps, said = happens(finding)
        what = f"`{finding.scenario}`, {steps} steps: {said}"
        mended = "holds" if finding.mended else "broken"
        yield f"| [{finding.property_}](spec/findings/{finding.name}.md) | {what} | {mended} |"


def shown() -> Finding:
    """The finding whose picture stands in the README."""
    return next(finding for finding in findings() if finding.name == SHOWN)


# Charts.


def state_diagram(name: str) -> Iterator[str]:
    """A chart's state diagram in Mermaid, startup and goodbye folded."""
    chart = next(chart for chart in CHARTS if chart.__name__ == name)
    yield f"```mermaid\n{mermaid(chart, FOLDED)}```"


def decisions() -> Iterator[str]:
    """The decision table of each chart."""
    for chart in CHARTS:
        title, _, table = decision_page(chart).partition("\n")
        yield f"<details><summary>{title.lstrip('# ')}</summary>\n{table.rstrip()}\n\n</details>\n"


MAKERS: Mapping[str, Callable[[], Iterator[str]]] = {
    "pipeline": pipeline,
    "findings": table_of_findings,
    "torrent-server": lambda: state_diagram("TorrentServer"),
    "tracker": lambda: state_diagram("Tracker"),
    "decisions": decisions,
    "faults": table_of_faults,
}


@cache
def made(name: str) -> str:
    """A piece as it is today."""
    return "\n".join(MAKERS[name]()) + "\n"


def renewed(text: str) -> str:
    """A page with all its pieces as they are today."""
    return PIECE.sub(lambda found: f"{found[1]}{made(found[2])}{found[4]}", text)


def main() -> None:
    """Write all pieces, and the picture."""
    for page in PAGES:
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
    (FOLDER / f"{SHOWN}.svg").write_text(picture(shown()), encoding="utf-8")


if __name__ == "__main__":
    main()
