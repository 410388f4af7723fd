"""Projections as text for other programs: Graphviz, and Python that needs nothing but `transitions`.

`to_python` writes a module. In it `machine("Alice")` makes the machine of a lifeline, whose triggers are what the
lifeline sends and receives: `!hello > Bob` and `?welcome < Bob`. Run as a program it
prints a shortest way of each lifeline from its beginning to an end.
"""

from collections.abc import Iterable

from spec.projection.automaton import Automaton, letter_name
from spec.projection.machine import refuse_ambiguous


def to_dot(automaton: Automaton, name: str = "") -> str:
    """The automaton as a Graphviz digraph; where the lifeline may rest the circle is double."""
    title = _quoted(name or automaton.lifeline)
    rows = [f"digraph {title} {{", f"    label={title}; labelloc=t; rankdir=TB;", "    node [shape=circle];"]
    rows += ["    begin [shape=point];", "    begin -> 0;"]
    rows += [f"    {state} [shape=doublecircle];" for state in sorted(automaton.accepting)]
    rows += [
        f"    {state} -> {target} [label={_quoted(letter_name(letter))}];"
        for state, row in automaton.edges.items()
        for letter, target in row.items()
    ]
    return "\n".join([*rows, "}"]) + "\n"


def _quoted(text: str) -> str:
    return '"' + " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"') + '"'


PROGRAM = '''

def machine(lifeline, model=None):
    """The state machine of a lifeline; `model` gets its triggers, by default the machine itself."""
    states, transitions = LIFELINES[lifeline]
    return Machine(
        model or Machine.self_literal,
        states=[State(name, final=final) for name, final in states],
        transitions=transitions,
        initial="0",
        auto_transitions=False,
        name=lifeline,
    )


def shortest(lifeline):
    """The triggers of a shortest way to where the lifeline may rest; None if there is none."""
    states, transitions = LIFELINES[lifeline]
    final = {name for name, is_final in states if is_final}
    ways = {"0": []}
    for state in (queue := ["0"]):
        if state in final:
            return ways[state]
        for trigger, source, target in transitions:
            if source == state and target not in ways:
                ways[target] = [*ways[state], trigger]
                queue.append(target)
    return None


if __name__ == "__main__":
    for name in LIFELINES:
        one = machine(name)
        for trigger in shortest(name) or ():
            one.trigger(trigger)
            print(f"{name}: {trigger}")
        print(f"{name}: in state {one.state}")
'''


def to_python(automata: Iterable[Automaton], title: str = "") -> str:
    """A module with the machines of lifelines, see above; the same text for the same automata.

    Raises `InteractionError` where two letters of a lifeline would be one trigger.
    """
    said = " ".join(title.split()).replace("\\", "/").replace('"', "'")
    rows = [f'"""State machines of the lifelines{f" of {said}" if said else ""}, made by clientjoin project."""', ""]
    rows += ["from transitions import Machine, State", "", "LIFELINES = {"]
    for automaton in automata:
        refuse_ambiguous(automaton)
        states = [(str(state), state in automaton.accepting) for state in automaton.edges]
        rows += [f"    {automaton.lifeline!r}: (", f"        {states!r},", "        ["]
        rows += [
            f"            [{letter_name(letter)!r}, {str(state)!r}, {str(target)!r}],"
            for state, row in automaton.edges.items()
            for letter, target in row.items()
        ]
        rows += ["        ],", "    ),"]
    rows += ["}", '"""For each lifeline its states, with whether it may rest there, and its transitions."""']
    return "\n".join(rows) + "\n" + PROGRAM
