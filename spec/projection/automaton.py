"""What a diagram says to one lifeline, as the smallest deterministic automaton.

The actions of all others are erased from the term (not from a state space of all lifelines, so this is fast), what is
left is determinised by sets of terms, and equivalent states are merged. Scenarios that a lifeline cannot tell
apart are one path here (Li, Stutz, Wies and Zufferey, "Complete Multiparty Session Type Projection with Automata", CAV
2023); in particular a send looks the same to its sender whether the message is lost or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from spec.hints import near_to
from spec.interaction import Action, Interaction, InteractionError, Term, can_end, erase, steps
from spec.interaction.terms import Par, referred

GROWTH = 8
"""How many times what is drawn can be left to do; a loop or a reference that is begun leaves twice as much."""
WORK = 1_000_000
"""Pairs of concurrent parts that are looked at, all in all, before it is said that there are ever more of them."""
Origins = frozenset[tuple[str, int]]
"""Where something is drawn: file and line."""


class Letter(NamedTuple):
    """What a lifeline can tell apart: `!` to whom, `?` from whom (None: the environment), or `ref`, and what."""

    kind: Literal["!", "?", "ref"]
    label: str
    peer: str | None = None


def letter_of(action: Action) -> Letter:
    """What the acting lifeline sees of its action: not whether the message is lost."""
    return Letter(action.kind, action.label, action.peer)


def letter_name(letter: Letter) -> str:
    """A letter on one line, such as `!Set timeout. > Clock` or `?Timeout exceeded. < Clock`."""
    way = "" if letter.peer is None else f" {'>' if letter.kind == '!' else '<'} {letter.peer}"
    return f"{letter.kind}{' ' if letter.kind == 'ref' else ''}{' '.join(letter.label.split())}{way}"


@dataclass(frozen=True)
class Automaton:
    """The local language of a lifeline. States are numbered from 0, the initial one, in the order of a breadth-first
    search, so that two lifelines with the same language have equal `edges` and `accepting`.

    In an accepting state the lifeline may rest for good. From every state an accepting one can be reached, unless the
    diagram itself has no end. `origins` tells for each edge where its arrows are drawn.
    """

    lifeline: str
    edges: Mapping[int, Mapping[Letter, int]]
    accepting: frozenset[int]
    origins: Mapping[tuple[int, Letter], Origins]

    @property
    def letters(self) -> frozenset[Letter]:
        """All letters of its edges."""
        return frozenset(letter for _, letter in self.origins)

    def accepts(self, word: tuple[Letter, ...]) -> bool:
        """Whether the word is complete: what the lifeline does in some scenario."""
        state: int | None = 0
        for letter in word:
            state = self.edges[state].get(letter) if state is not None else None
        return state in self.accepting


class _Move(NamedTuple):
    target: frozenset[Term]
    origins: Origins


def project(interaction: Interaction, lifeline: str, *, limit: int = 100_000) -> Automaton:
    """The automaton of a lifeline. An error if there are more than `limit` edges before states are merged."""
    if lifeline not in interaction.lifelines:
        raise InteractionError(
            f"{interaction.name} has no lifeline {lifeline!r}{near_to(lifeline, interaction.lifelines)}; "
            f"there are {', '.join(interaction.lifelines)}"
        )
    sets = _determinised(erase(interaction.term, lifeline), lifeline, limit)
    numbers = {state: number for number, state in enumerate(sets)}
    edges = [{letter: numbers[move.target] for letter, move in moves.items()} for moves in sets.values()]
    origins = [{letter: move.origins for letter, move in moves.items()} for moves in sets.values()]
    accepting = {number for state, number in numbers.items() if any(map(can_end, state))}
    return _merged(lifeline, edges, accepting, origins)


def moves_of(state: frozenset[Term]) -> dict[Letter, _Move]:
    """What one of the terms can do first, by what is seen of it."""
    targets: dict[Letter, set[Term]] = {}
    origins: dict[Letter, set[tuple[str, int]]] = {}
    for term in state:
        for action, rest in steps(term):
            letter = letter_of(action)
            targets.setdefault(letter, set()).add(rest)
            origins.setdefault(letter, set()).add((action.file, action.line))
    return {letter: _Move(frozenset(terms), frozenset(origins[letter])) for letter, terms in targets.items()}


def _determinised(term: Term, lifeline: str, limit: int) -> dict[frozenset[Term], dict[Letter, _Move]]:
    found: dict[frozenset[Term], dict[Letter, _Move]] = {}
    todo = [frozenset({term})]
    size = work = 0
    largest = GROWTH * (term.size + sum(definition.body.size for definition in referred(term)))
    while todo:
        state = todo.pop()
        if state in found:
            continue
        found[state] = moves_of(state)
        size += len(found[state])
        if size > limit:
            raise InteractionError(f"{lifeline} has more than {limit} different next actions: much is concurrent")
        work += sum(len(each.parts) ** 2 for each in state if isinstance(each, Par))
        is_growing = term.refers and work > WORK
        if is_growing or any(rest.size > largest for move in found[state].values() for rest in move.target):
            raise InteractionError(
                f"{lifeline} has ever more to do: a reference to itself is not the last thing in what refers to it"
            )
        todo += [move.target for move in found[state].values()]
    return found


def _merged(
    lifeline: str, edges: list[dict[Letter, int]], accepting: set[int], origins: list[dict[Letter, Origins]]
) -> Automaton:
    """The same language with as few states as possible, numbered as promised."""
    blocks = _equivalent(edges, accepting)
    some_of = {block: state for state, block in enumerate(blocks)}
    numbers = {blocks[0]: 0}
    order = [blocks[0]]
    result: dict[int, dict[Letter, int]] = {}
    for block in order:
        row = edges[some_of[block]]
        letters = sorted(row, key=lambda letter: (letter.kind, letter.label, letter.peer or ""))
        for letter in letters:
            target = blocks[row[letter]]
            if target not in numbers:
                numbers[target] = len(order)
                order.append(target)
        result[numbers[block]] = {letter: numbers[blocks[row[letter]]] for letter in letters}
    drawn: dict[tuple[int, Letter], Origins] = {}
    for state, row_of_origins in enumerate(origins):
        for letter, places in row_of_origins.items():
            key = (numbers[blocks[state]], letter)
            drawn[key] = drawn.get(key, frozenset()) | places
    return Automaton(lifeline, result, frozenset(numbers[blocks[state]] for state in accepting), drawn)


def _equivalent(edges: list[dict[Letter, int]], accepting: set[int]) -> list[int]:
    """For each state the number of its class (Hopcroft). That an edge is missing tells states apart, too."""
    into: list[list[tuple[Letter, int]]] = [[] for _ in edges]
    for source, row in enumerate(edges):
        for letter, target in row.items():
            into[target].append((letter, source))
    classes = [set(range(len(edges))) - accepting, set(accepting)]
    class_of = [int(state in accepting) for state in range(len(edges))]
    splitters = {0, 1}
    while splitters:
        sources: dict[Letter, set[int]] = {}
        for target in classes[splitters.pop()]:
            for letter, source in into[target]:
                sources.setdefault(letter, set()).add(source)
        for leading in sources.values():
            touched: dict[int, set[int]] = {}
            for state in leading:
                touched.setdefault(class_of[state], set()).add(state)
            for number, part in touched.items():
                if len(part) < len(classes[number]):
                    classes[number] -= part
                    for state in part:
                        class_of[state] = len(classes)
                    whole_waits = number in splitters or len(part) <= len(classes[number])
                    splitters.add(len(classes) if whole_waits else number)
                    classes.append(part)
    return class_of
