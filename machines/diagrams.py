"""State diagrams and decision tables, made from the charts themselves.

A diagram is a small graph first (`graph`), and text in Mermaid or in Graphviz's DOT after that. Transitions between the
same two states share one line. A state with a send due is drawn in another colour than one that awaits something, so
that a path through a diagram reads like the lifeline.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from statemachine import State
from statemachine.transition import Transition

from machines.calls import Message
from machines.participant import (
    Decision,
    Participant,
    Row,
    all_states,
    arrows_of,
    decision_table,
    guards_of,
    label_of,
    lineage,
    row_of,
    words,
)


class Node(NamedTuple):
    """A state as it is drawn. `children` is empty for an atomic state and for one that is drawn folded."""

    id: str
    title: str
    sends: bool
    folded: bool
    parallel: bool
    initial: str
    children: tuple["Node", ...]


class Edge(NamedTuple):
    """All transitions between two states, each as a label with its guards."""

    source: str
    target: str
    labels: tuple[str, ...]
    faint: bool = False
    """Whether it is drawn dashed and grey: nothing went there."""


class Graph(NamedTuple):
    """A chart as it is drawn."""

    name: str
    begins: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph(chart: type[Participant], fold: frozenset[str] = frozenset(), missed: Collection[Row] = frozenset()) -> Graph:
    """The drawing of a chart; compound states in `fold`, and those that it declares as `folded`, become a node each.

    Transitions in `missed` are drawn faintly, apart from others between their states.
    """
    fold |= chart.folded
    drawn = {state.id: _outermost_folded(fold, state) for state in all_states(chart)}
    edges: dict[tuple[str, str, bool], list[str]] = {}
    for state in all_states(chart):
        for transition in arrows_of(state):
            target = transition.target or state
            ends = (drawn[state.id], drawn[target.id])
            if state.id != ends[0] and ends[0] == ends[1]:
                continue  # it happens inside a folded state
            labels = edges.setdefault((*ends, row_of(transition) in missed), [])
            label = _label(transition)
            if label not in labels:
                labels.append(label)
    begins = chart.begins or next(state.id for state in chart.states if state.initial or state.parallel)
    return Graph(
        chart.__name__,
        begins,
        tuple(_node(fold, state, {begins, *(ends[1] for ends in edges)}) for state in chart.states),
        tuple(Edge(source, target, tuple(labels), faint) for (source, target, faint), labels in edges.items()),
    )


def _outermost_folded(fold: frozenset[str], state: State) -> str:
    folded = [holder.id for holder in lineage(state) if holder.id in fold]
    return folded[-1] if folded else str(state.id)


def _node(fold: frozenset[str], state: State, entered: set[str]) -> Node:
    """A state with what it holds; its initial state is marked if something enters it as a whole."""
    folded = state.id in fold
    if state.id in entered:
        entered = entered | ({child.id for child in state.states if child.initial or state.parallel})
    return Node(
        state.id,
        words(state.id),
        sends=any(label_of(t).startswith("!") for t in arrows_of(state)),
        folded=folded,
        parallel=bool(state.parallel),
        initial=next((c.id for c in state.states if c.initial and state.id in entered and not state.parallel), ""),
        children=() if folded else tuple(_node(fold, child, entered) for child in state.states),
    )


def _label(transition: Transition) -> str:
    """`?ClientJoinAccepted [for it]`."""
    guards = [
        ("" if expected else "not ") + words(name.removeprefix("is_").removeprefix("are_"))
        for name, expected in guards_of(transition)
    ]
    guards = [guard.replace("not any ", "none ") for guard in guards]
    return label_of(transition) + (f" [{', '.join(guards)}]" if guards else "")


def mermaid(chart: type[Participant], fold: frozenset[str] = frozenset()) -> str:
    """A chart as a Mermaid `stateDiagram-v2`; compound states in `fold` are drawn as one box each."""
    return mermaid_of(graph(chart, fold))


def mermaid_of(drawing: Graph) -> str:
    """A drawing as a Mermaid `stateDiagram-v2`. It has no dashed lines there: labels of faint edges say so."""
    lines = ["stateDiagram-v2", "    direction TB", f"    [*] --> {drawing.begins}"]
    for node in drawing.nodes:
        lines += _mermaid_node(node, "    ")
    for edge in drawing.edges:
        # Mermaid reads ":" and ";" as its own and breaks lines at <br/>.
        labels = (*edge.labels, "(not exercised)") if edge.faint else edge.labels
        lines.append(f"    {edge.source} --> {edge.target} : {'<br/>'.join(labels)}")
    sending = [node.id for node in _walk(drawing.nodes) if node.sends]
    lines.append("    classDef sends fill:#dbeafe,stroke:#2563eb,color:#1e3a8a")
    if sending:
        lines.append(f"    class {','.join(sending)} sends")
    return "\n".join(lines) + "\n"


def _mermaid_node(node: Node, indent: str) -> Iterator[str]:
    if not node.children:
        yield f'{indent}state "{node.title}{" ..." if node.folded else ""}" as {node.id}'
        return
    yield f'{indent}state "{node.title}" as {node.id} {{'
    if node.initial:
        yield f"{indent}    [*] --> {node.initial}"
    for number, child in enumerate(node.children):
        if node.parallel and number:
            yield f"{indent}    --"
        yield from _mermaid_node(child, indent + "    ")
    yield f"{indent}}}"


def _walk(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _walk(node.children)


def dot(chart: type[Participant]) -> str:
    """A chart in Graphviz's DOT language."""
    return dot_of(graph(chart))


def dot_of(drawing: Graph) -> str:
    """A drawing in Graphviz's DOT language."""
    nodes = {node.id: node for node in _walk(drawing.nodes)}
    lines = [
        f'digraph "{drawing.name}" {{',
        "  compound=true; rankdir=TB; nodesep=0.35; ranksep=0.45; newrank=false;",
        '  fontname="Helvetica"; fontsize=13;',
        '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="Helvetica", fontsize=12];',
        '  edge [fontname="Helvetica", fontsize=10, arrowsize=0.7];',
        "  _begin [shape=point, width=0.15];",
    ]
    for node in drawing.nodes:
        lines += _dot_node(node, "  ")
    lines.append(_dot_edge(Edge("_begin", drawing.begins, ()), nodes))
    lines += [_dot_edge(edge, nodes) for edge in drawing.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_node(node: Node, indent: str) -> Iterator[str]:
    if not node.children:
        look = ', fillcolor="#dbeafe", color="#2563eb"' if node.sends else ""
        look += ", peripheries=2" if node.folded else ""
        yield f'{indent}{node.id} [label="{node.title}"{look}];'
        return
    style = "rounded,dashed" if node.parallel else "rounded"
    yield f'{indent}subgraph cluster_{node.id} {{ label="{node.title}"; labeljust=l; style="{style}"; color="#64748b";'
    if node.initial:
        yield f"{indent}  _begin_{node.id} [shape=point, width=0.1];"
        yield f"{indent}  _begin_{node.id} -> {_anchor(node)} [arrowsize=0.5];"
    for child in node.children:
        yield from _dot_node(child, indent + "  ")
    yield f"{indent}}}"


def _anchor(node: Node) -> str:
    """The atomic state that stands for a node where Graphviz needs one."""
    if not node.children:
        return node.id
    return _anchor(next((child for child in node.children if child.id == node.initial), node.children[0]))


def _last(node: Node) -> str:
    return _last(node.children[-1]) if node.children else node.id


def _dot_edge(edge: Edge, nodes: dict[str, Node]) -> str:
    ends = []
    marks = ['label="' + "\\l".join(edge.labels) + '\\l"'] if edge.labels else []
    if edge.faint:
        marks.append('style=dashed, color="#94a3b8", fontcolor="#94a3b8"')
    for end, mark in ((edge.source, "ltail"), (edge.target, "lhead")):
        node = nodes.get(end)
        ends.append((_last(node) if mark == "ltail" else _anchor(node)) if node else end)
        if node and node.children:
            marks.append(f"{mark}=cluster_{end}")
    return f"  {ends[0]} -> {ends[1]} [{', '.join(marks)}];"


def decision_page(chart: type[Participant]) -> str:
    """The decision table of a chart in Markdown: what it does with each input in each state, and why."""
    lines = [
        f"# {chart.__name__}: decisions",
        "",
        "What is neither taken nor ignored nor deferred in a state is impossible there, and refused.",
        "",
        "| state | takes | ignores | defers | impossible |",
        "|---|---|---|---|---|",
    ]
    for state, row in decision_table(chart).items():
        cells: dict[Decision, list[str]] = {decision: [] for decision in Decision}
        reasons: dict[tuple[Decision, str], list[type[Message]]] = {}
        for message, cell in row.items():
            cells[Decision.TAKEN] += [
                f"`{_label(arrow)}` → {words((arrow.target or arrow.source).id)}" for arrow in cell.arrows
            ]
            if cell.otherwise is not None:
                reasons.setdefault((cell.otherwise, cell.because), []).append(message)
        for (decision, because), messages in reasons.items():
            cells[decision].append(f"{', '.join(f'`{m.__name__}`' for m in messages)}: {because}")
        row_text = " | ".join("<br>".join(cells[decision]) or "-" for decision in Decision)
        lines.append(f"| {words(state)} | {row_text} |")
    return "\n".join(lines) + "\n"
