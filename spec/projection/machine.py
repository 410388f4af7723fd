"""A projection that people can run, draw, and hold against what they observe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from transitions import Machine, State

from spec.interaction import InteractionError
from spec.projection.automaton import Automaton, Letter, Origins, letter_name


def to_machine(automaton: Automaton, name: str = "") -> Machine:
    """The automaton as a `transitions` machine, which is its own model. Its triggers are the `letter_name`s.

    `machine.trigger("!Set timeout. > Clock")` does a step, or raises `transitions.MachineError`; accepting states are
    final. States are called by their numbers.
    """
    refuse_ambiguous(automaton)
    return Machine(
        name=name or automaton.lifeline,
        states=[State(str(state), final=state in automaton.accepting) for state in automaton.edges],
        initial="0",
        transitions=[
            {"trigger": letter_name(letter), "source": str(state), "dest": str(target)}
            for state, row in automaton.edges.items()
            for letter, target in row.items()
        ],
        auto_transitions=False,
    )


def refuse_ambiguous(automaton: Automaton) -> None:
    """Raise `InteractionError` where two letters have one name."""
    names: dict[str, Letter] = {}
    for letter in automaton.letters:
        if names.setdefault(letter_name(letter), letter) != letter:
            raise InteractionError(f"{letter_name(letter)!r} is the name of two letters of {automaton.lifeline}")


def to_mermaid(automaton: Automaton, name: str = "") -> str:
    """The automaton as a Mermaid state diagram.

    Not by the library's own `GraphMachine`: it draws no final states of flat machines, and takes labels as they are,
    so that a `;` or `:` in a message's text breaks the drawing.
    """
    rows = ["---", f"title: {_quoted(name or automaton.lifeline)}", "---", "stateDiagram-v2", "    [*] --> 0"]
    for state, row in automaton.edges.items():
        rows += [f"    {state} --> {target}: {_escaped(letter_name(letter))}" for letter, target in row.items()]
        rows += [f"    {state} --> [*]"] if state in automaton.accepting else []
    return "\n".join(rows) + "\n"


def _escaped(label: str) -> str:
    return "".join(f"#{ord(sign)};" if sign in '#;:<>"{}%' else sign for sign in label)


def _quoted(title: str) -> str:
    return '"' + " ".join(title.split()).replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a monitor says of one letter: whether the diagram allows it there, and where that is drawn.

    If it does not, `expected` is what would have been allowed, with the places, and `may_rest` whether nothing more.
    """

    letter: Letter
    accepted: bool
    origins: Origins = frozenset()
    expected: tuple[tuple[Letter, Origins], ...] = ()
    may_rest: bool = False

    def __str__(self) -> str:
        if self.accepted:
            return f"{letter_name(self.letter)}: {_lines(self.origins)}"
        allowed = [f"{letter_name(letter)} ({_lines(origins)})" for letter, origins in self.expected]
        allowed += ["to rest"] if self.may_rest else []
        return f"unexpected {letter_name(self.letter)}; the diagram allows {', or '.join(allowed)}"


class Monitor:
    """Follows one lifeline. A letter that is not allowed is reported and moves nothing."""

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self.state = 0

    @property
    def may_rest(self) -> bool:
        """Whether what was seen is complete."""
        return self.state in self.automaton.accepting

    def expected(self) -> tuple[tuple[Letter, Origins], ...]:
        """What may come next, and where it is drawn."""
        origins = self.automaton.origins
        return tuple((letter, origins[self.state, letter]) for letter in self.automaton.edges[self.state])

    def feed(self, letter: Letter) -> Verdict:
        """Take notice of what the lifeline did."""
        target = self.automaton.edges[self.state].get(letter)
        if target is None:
            return Verdict(letter, accepted=False, expected=self.expected(), may_rest=self.may_rest)
        verdict = Verdict(letter, accepted=True, origins=self.automaton.origins[self.state, letter])
        self.state = target
        return verdict


def _lines(origins: Iterable[tuple[str, int]]) -> str:
    by_file: dict[str, list[str]] = {}
    for file, line in sorted(origins):
        by_file.setdefault(file, []).append(str(line))
    return "; ".join(f"{file}, line {', '.join(lines)}" for file, lines in by_file.items())
