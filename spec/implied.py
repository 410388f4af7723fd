"""Implied scenarios: the diagrams say what the charts can do.

The system is explored from where the diagrams of a use case begin, under the faults that they draw: a message may be
lost on a hop if some diagram draws it lost there, and timeouts are patient. For each lifeline, every local trace that
this can come to must be a beginning of what some course of the use case says of that lifeline. One that is not is an
*implied scenario* (Alur, Etessami, Yannakakis, "Inference of message sequence charts", 2003): the participants, each
acting as drawn, do together what nobody drew.

What a course refers to is not explored: it begins with an order from outside, such as that a tracker starts again.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spec.binding import Binding, Word
from spec.conformance import Finding
from spec.foreign import ForeignMachine
from spec.projection import Automaton
from spec.system import Act, Move, State, System

Faults = frozenset[tuple[str, str, str]]
"""Sender, receiver and message of what can be lost."""

Courses = Mapping[str, tuple[Automaton, ...]]
"""What each course says of a lifeline."""


Here = tuple[State, frozenset[tuple[int, int]]]
"""A state of the system, and where each course can be after the same local trace."""


@dataclass
class Graph:
    """The states that a system can reach, and the moves between them."""

    moves: dict[State, tuple[Move, ...]]
    complete: bool


def explore(
    system: System,
    begin: Iterable[State],
    faults: Faults,
    drawn: Iterable[Word],
    limit: int,
    gates: Iterable[tuple[str, str]] = (),
) -> Graph:
    """All that can happen from `begin`; what happens only where it is drawn happens if it is in `drawn`.

    `gates` are lifelines and what the environment can tell them at any time.
    """
    rare = system.binding.faults
    known = list(drawn)

    def may(act: Act) -> bool:
        if act.lost:
            return (act.lifeline, act.peer, act.message) in faults or (
                not system.binding.is_drawn(act.peer)
                and any((act.lifeline, act.message) == (f[0], f[2]) for f in faults)
            )
        if any(
            word.covers(act.message, act.detail) or (word.message, word.detail) == (act.message, "") for word in rare
        ):
            return any(word.covers(act.message, act.detail) and word.detail for word in known)
        return True

    moves: dict[State, tuple[Move, ...]] = {}
    queue = deque(begin)
    while queue and len(moves) < limit:
        state = queue.popleft()
        if state in moves:
            continue
        told = (move for lifeline, message in gates for move in system.orders(state, lifeline, (message,)))
        moves[state] = (*system.advance(state, may), *told)
        queue.extend(move.then for move in moves[state] if move.then not in moves)
    return Graph(moves, not queue)


def implied(
    lifeline: str,
    system: System,
    graph: Graph,
    begin: State,
    courses: tuple[Automaton, ...],
    words: Mapping[str, Word],
    binding: Binding,
) -> Finding | None:
    """The shortest local trace of a lifeline that no course allows, or None.

    A chart that is not ours, and that is back where it began when a course is over, may begin again.
    """
    is_foreign, where = isinstance(system.machines[lifeline], ForeignMachine), system.where(begin, lifeline)
    start: Here = (begin, frozenset((number, 0) for number in range(len(courses))))
    parents: dict[Here, tuple[Here, Act] | None] = {start: None}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        state, positions = here
        for move in graph.moves.get(state, ()):
            act = move.act
            there = positions
            if act.lifeline == lifeline:
                there = _allowed(act, positions, courses, words, binding)
                if is_foreign and system.where(move.then, lifeline) == where:
                    there |= _begun_again(there, courses)
                if act.ignored or binding.may(lifeline, str(act), act.peer):
                    there |= positions
                if not there:
                    return _finding(here, act, parents, courses, words)
            following = (move.then, there)
            if following not in parents:
                parents[following] = (here, act)
                queue.append(following)
    return None


def _begun_again(positions: frozenset[tuple[int, int]], courses: tuple[Automaton, ...]) -> frozenset[tuple[int, int]]:
    over = any(position in courses[number].accepting for number, position in positions)
    return frozenset((number, 0) for number in range(len(courses))) if over else frozenset()


def _allowed(
    act: Act,
    positions: frozenset[tuple[int, int]],
    courses: tuple[Automaton, ...],
    words: Mapping[str, Word],
    binding: Binding,
) -> frozenset[tuple[int, int]]:
    found = set()
    for number, position in positions:
        for letter, then in courses[number].edges.get(position, {}).items():
            word = words.get(letter.label)
            meets = letter.peer in {None, act.peer} or not binding.is_drawn(act.peer)
            if letter.kind == act.kind and meets and word is not None and word.covers(act.message, act.detail):
                found.add((number, then))
    return frozenset(found)


def _finding(
    here: Here,
    act: Act,
    parents: Mapping[Here, tuple[Here, Act] | None],
    courses: tuple[Automaton, ...],
    words: Mapping[str, Word],
) -> Finding:
    letters = {letter for number, position in here[1] for letter in courses[number].edges.get(position, {})}
    said = {letter: f"{letter.kind}{words.get(letter.label, letter.label)}" for letter in letters}
    does = str(act)
    if does in said.values():  # so it is the other end that differs
        said = {letter: f"{text} {_way(letter.kind, letter.peer)}" for letter, text in said.items()}
        does = f"{does} {_way(act.kind, act.peer)}"
    expected = sorted(set(said.values()))
    path = [act]
    step = parents[here]
    while step is not None:
        before, done = step
        path.append(done)
        step = parents[before]
    return Finding(
        "implied-scenario",
        f"{act.lifeline} can do {does}, which no course allows here; "
        f"the courses allow {', '.join(expected) or 'nothing'}",
        0,
        act.lifeline,
        tuple(reversed(path)),
    )


def _way(kind: str, peer: str | None) -> str:
    return f"{'to' if kind == '!' else 'from'} {peer or 'the environment'}"
