"""State diagrams of charts that are not ours: transitions labelled by their actions and guards, as they are declared.

What a chart is drawn as stands in `machines.diagrams`, which writes Mermaid and Graphviz's DOT from it.
"""

from collections.abc import Collection

from statemachine import State, StateChart
from statemachine.transition import Transition

from machines.diagrams import Edge, Graph, Node
from machines.participant import all_states, words
from spec.system.structure import Labels

Row = tuple[str, str, str]
"""A transition: where from, what, and where to (empty: it stays)."""


RESERVED = frozenset(
    {"node", "edge", "graph", "digraph", "subgraph", "strict"}  # of DOT
    | {"state", "note", "end", "class", "classdef", "direction", "default"}  # of Mermaid
)


def graph_of(chart: type[StateChart], labels: Labels, missed: Collection[Row] = ()) -> Graph:  # type: ignore[type-arg]
    """The drawing of a chart; the transitions in `missed` are drawn faintly, apart from others between their states."""
    edges: dict[tuple[str, str, bool], list[str]] = {}
    senders: set[str] = set()
    for state in all_states(chart):
        for transition in state.transitions:
            if transition.initial:
                continue
            names = [str(event.id) for event in transition.events if str(event.id) not in labels.aliases] or [""]
            goal = "/".join(target.id for target in transition.targets)
            guards = _guards(transition)
            for name in dict.fromkeys(labels.of(name) if name else "" for name in names):
                if name.startswith("!"):
                    senders.add(_id(state))
                for target in transition.targets or [state]:
                    missing = (state.id, name, goal) in missed
                    found = edges.setdefault((_id(state), _id(target), missing), [])
                    text = _written(f"{name}{guards}".strip())
                    if text not in found:
                        found.append(text)
    entered = {target for _, target, _ in edges}
    begins = next((_id(state) for state in chart.states if state.initial or state.parallel), _id(chart.states[0]))
    return Graph(
        chart.__name__,
        begins,
        tuple(_node(state, senders, {begins, *entered}) for state in chart.states),
        tuple(Edge(source, target, tuple(said), faint) for (source, target, faint), said in edges.items()),
    )


def _id(state: State) -> str:
    """The name of a state in a drawing: some are words of Mermaid or DOT."""
    name = str(state.id)
    return f"{name}_" if name.lower() in RESERVED else name


def _node(state: State, senders: Collection[str], entered: set[str]) -> Node:
    begins = next((_id(child) for child in state.states if child.initial), "")
    if _id(state) in entered:
        entered = entered | {_id(child) for child in state.states if child.initial or state.parallel}
    return Node(
        _id(state),
        _written(words(state.id)) + (" (final)" if state.final else ""),
        sends=_id(state) in senders,
        folded=False,
        parallel=bool(state.parallel),
        initial=begins if _id(state) in entered and not state.parallel else "",
        children=tuple(_node(child, senders, entered) for child in state.states),
    )


def _guards(transition: Transition) -> str:
    guards = []
    for guard in transition.cond:
        name = guard.attr_name or getattr(guard.func, "__name__", "a guard")
        name = "a guard" if name == "<lambda>" else name
        guards.append(("" if guard.expected_value else "not ") + words(str(name)))
    return f" [{', '.join(guards)}]" if guards else ""


def _written(text: str) -> str:
    """A label as Mermaid and DOT can hold it: both read some characters as their own."""
    for sign, word in {'"': "'", ";": ",", "\n": " ", "\\": "/", "<": "lt", ">": "gt"}.items():
        text = text.replace(sign, word)
    return text
