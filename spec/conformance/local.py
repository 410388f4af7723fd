"""What scenarios say of each lifeline by itself, as far as a use case refers to itself.

A use case whose scenarios end with a reference to it has no end of global traces to compare with. What comes after such
a reference is compared lifeline by lifeline: every local trace that the system can come to must be a beginning of what
some scenario, with all that it refers to, says of that lifeline (see `implied` for what is compared globally).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from spec.binding import Word
from spec.binding.allowances import Allowances
from spec.binding.obligations import Violation
from spec.conformance.bounds import Bounds
from spec.conformance.finding import Finding
from spec.conformance.implied import Circumstances, Stand, is_lost_somewhere, may_happen
from spec.projection import Automaton
from spec.system.composition import Act, State, System
from spec.system.scheduling import choice


class Position(NamedTuple):
    """Where a scenario can be after a local trace; `early_sends` is what was sent before its turn."""

    bound: int
    state: int = 0
    early_sends: frozenset[Word] = frozenset()


Here = tuple[Stand, frozenset[Position]]
"""A stand of the system, and where each scenario can be after the same local trace."""


@dataclass
class Graph:
    """What a system can come to, and the actions between."""

    moves: dict[Stand, tuple[tuple[Act, Stand], ...]]
    quiet: frozenset[Stand] = frozenset()
    """Where nothing can happen, but for an order from outside."""
    stuck: Mapping[Stand, tuple[tuple[Act, str], ...]] = field(default_factory=dict)
    """What has come and is never taken, and why."""


def reached(system: System, begin: State, around: Circumstances, bounds: Bounds) -> Graph:
    """All that a system can come to. Raises `Stopped` where a bound is hit."""
    order = {(word.message, word.detail): place for place, word in reversed(list(enumerate(around.drawn)))}

    def may(act: Act) -> bool:
        can_be = is_lost_somewhere if act.lost else may_happen
        return can_be(act, around, system.allowances)

    moves: dict[Stand, tuple[tuple[Act, Stand], ...]] = {}
    quiet: set[Stand] = set()
    stuck: dict[Stand, tuple[tuple[Act, str], ...]] = {}
    queue = deque([Stand(begin)])
    while queue:
        stand = queue.popleft()
        if stand in moves:
            continue
        bounds.watch("what the charts can do", len(moves))
        bounds.watch_queues(stand.state.channels)
        if system.violations.at(stand.state) is not None:
            moves[stand] = ()  # what comes after that says nothing more
            continue
        options = choice(system, stand.state, may, order, reduced=bounds.reductions.partial_order)
        found = [(move.act, Stand(move.then, stand.ordered)) for move in options.all]
        told = (move for lifeline, said in around.gates for move in system.orders(stand.state, lifeline, (said,)))
        found += [(move.act, Stand(move.then, stand.ordered)) for move in told]
        waiting = list(system.waiting(stand.state, deferred=False)) if system.is_reduced else []
        if not found:
            quiet.add(stand)
            waiting += system.waiting(stand.state, deferred=True)
            found = list(_ordered(system, stand, around))
        moves[stand] = tuple(found)
        if waiting:
            stuck[stand] = tuple(waiting)
        queue.extend(then for _, then in found if then not in moves)
    return Graph(moves, frozenset(quiet), stuck)


def _ordered(system: System, stand: Stand, around: Circumstances) -> Iterator[tuple[Act, Stand]]:
    """What the next order leads to; one that nobody could follow here is passed over."""
    for place, (lifeline, order) in enumerate(around.later[stand.ordered :], stand.ordered + 1):
        found = list(system.orders(stand.state, lifeline, (order,))) if lifeline in system.machines else []
        if found:
            yield from ((move.act, Stand(move.then, place)) for move in found)
            return


@dataclass
class Lifeline:
    """What the scenarios of a use case say of one lifeline."""

    name: str
    diagrams_bound: tuple[Automaton, ...]
    words: Mapping[str, Word]
    allowances: Allowances
    _known: dict[tuple[Act, frozenset[Position]], frozenset[Position]] = field(default_factory=dict, repr=False)

    @cached_property
    def _edges(self) -> dict[tuple[int, int], list[tuple[str, Word | None, str | None, int]]]:
        """The edges of each state of each scenario: `!` or `?`, what is said, the other end, and where it leads."""
        return {
            (number, state): [
                (letter.kind, self.words.get(letter.label), letter.peer, to) for letter, to in row.items()
            ]
            for number, bound in enumerate(self.diagrams_bound)
            for state, row in bound.edges.items()
        }

    @cached_property
    def _later(self) -> dict[tuple[int, int], frozenset[Word]]:
        """What a lifeline may send ahead in each state of each scenario: what it is drawn to send from there on, or in
        another scenario only (of which this one may be the beginning).
        """
        found = {
            place: frozenset(
                word for kind, word, _, _ in row if kind == "!" and word and self.may_be_sent_early(word.message)
            )
            for place, row in self._edges.items()
        }
        grows = any(found.values())
        while grows:
            grows = False
            for place, row in self._edges.items():
                later = found[place].union(*[found[place[0], to] for _, _, _, to in row])
                grows = grows or later != found[place]
                found[place] = later
        everything = frozenset[Word]().union(*found.values())
        return {place: later | (everything - found[place[0], 0]) for place, later in found.items()}

    def may_be_sent_early(self, message: str) -> bool:
        """Whether it may send such a message before its turn."""
        return self.allowances.may_be_sent_early(self.name, f"!{message}")

    def expected(self, positions: Iterable[Position], *, with_ends: bool = False) -> list[str]:
        """What the scenarios allow in any of these positions, in words, with the other end or without."""
        edges = [edge for at in positions for edge in self._edges.get((at.bound, at.state), ())]
        said = [(kind, f"{kind}{word}", peer) for kind, word, peer, _ in edges if word is not None]
        return sorted({f"{text} {_way(kind, peer)}" if with_ends else text for kind, text, peer in said})

    def after(self, act: Act, positions: frozenset[Position]) -> frozenset[Position]:
        """Where the scenarios can be after an action of the lifeline; nowhere if none of them allows it here."""
        if (act, positions) not in self._known:
            self._known[act, positions] = self._after(act, positions)
        return self._known[act, positions]

    def _after(self, act: Act, positions: frozenset[Position]) -> frozenset[Position]:
        found = set()
        for at in positions:
            for kind, word, peer, to in self._edges.get((at.bound, at.state), ()):
                meets = peer in {None, act.peer} or not self.allowances.is_drawn(act.peer)
                if kind == act.kind and meets and word and word.covers(act.message, act.detail):
                    found.add(at._replace(state=to))
            said = Word(act.message, act.detail)
            if act.kind == "!" and said in self._later.get((at.bound, at.state), ()) and said not in at.early_sends:
                found.add(at._replace(early_sends=at.early_sends | {said}))
        if act.ignored and not act.allowed:
            return frozenset()
        if act.ignored and self._is_covered(str(act)):
            return frozenset(self._caught_up(found))  # it is right to ignore that, but who draws that it is sent?
        ordered = act.kind == "?" and not act.peer
        if act.ignored or ordered or self.allowances.may(self.name, str(act), act.peer):
            found |= positions
        return frozenset(self._caught_up(found))

    def _is_covered(self, action: str) -> bool:
        """Whether an obligation of the binding decides about an action."""
        discipline = self.allowances.discipline(self.name)
        return discipline is not None and discipline.covers(action)

    def beginning(self) -> frozenset[Position]:
        """Where the scenarios begin."""
        return frozenset(Position(number) for number in range(len(self.diagrams_bound)))

    def may_rest(self, positions: Iterable[Position]) -> bool:
        """Whether a scenario has come to an end, or can be left, in one of these positions."""
        return not self.diagrams_bound or any(at.state in self.diagrams_bound[at.bound].accepting for at in positions)

    def _caught_up(self, positions: Iterable[Position]) -> set[Position]:
        """These positions, and those where what was sent ahead has had its turn."""
        found, todo = set(), list(positions)
        while todo:
            at = todo.pop()
            if at not in found:
                found.add(at)
                for kind, word, _, to in self._edges.get((at.bound, at.state), ()) if at.early_sends else ():
                    if kind == "!" and word in at.early_sends:
                        todo.append(at._replace(state=to, early_sends=at.early_sends - {word}))
        return found


def implied_locally(lifeline: Lifeline, system: System, graph: Graph, begin: State) -> Finding | None:
    """The shortest local trace of a lifeline that no scenario allows, or None."""
    name = lifeline.name
    start: Here = (Stand(begin), lifeline.beginning())
    parents: dict[Here, tuple[Here, Act] | None] = {start: None}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        stand, positions = here
        violation = system.violations.at(stand.state)
        if violation is not None and violation.lifeline == name:
            return _against_obligation(here, parents, violation)
        for act, why in graph.stuck.get(stand, ()):
            if act.lifeline == name:
                return _finding(lifeline, here, act, parents, f"cannot take {act}, which has come: {why}")
        if stand in graph.quiet and not lifeline.may_rest(positions):
            return _finding(lifeline, here, None, parents, "does nothing more here, and every scenario goes on")
        for act, then in graph.moves.get(stand, ()):
            there = positions
            if act.lifeline == name:
                there = lifeline.after(act, positions)
                if not there:
                    verb = "ignores" if act.ignored else "can do"
                    return _finding(lifeline, here, act, parents, f"{verb} {act}, which no scenario allows here")
            following = (then, there)
            if following not in parents:
                parents[following] = (here, act)
                queue.append(following)
    return None


def _against_obligation(here: Here, parents: Mapping[Here, tuple[Here, Act] | None], violation: Violation) -> Finding:
    return Finding(
        violation.kind, f"{violation.lifeline} {violation.text}", 0, violation.lifeline, _run_to(here, parents)
    )


def _run_to(here: Here, parents: Mapping[Here, tuple[Here, Act] | None]) -> tuple[Act, ...]:
    path: list[Act] = []
    step = parents[here]
    while step is not None:
        before, done = step
        path.append(done)
        step = parents[before]
    return tuple(reversed(path))


def _finding(
    lifeline: Lifeline, here: Here, act: Act | None, parents: Mapping[Here, tuple[Here, Act] | None], what: str
) -> Finding:
    expected = lifeline.expected(here[1])
    if act is not None and str(act) in expected:  # so it is the other end that differs
        expected = lifeline.expected(here[1], with_ends=True)
        what = what.replace(str(act), f"{act} {_way(act.kind, act.peer)}", 1)
    return Finding(
        "implied-scenario",
        f"{lifeline.name} {what}; the scenarios allow {', '.join(expected) or 'nothing'}",
        0,
        lifeline.name,
        (*_run_to(here, parents), *((act,) if act is not None else ())),
    )


def _way(kind: str, peer: str | None) -> str:
    return f"{'to' if kind == '!' else 'from'} {peer or 'the environment'}"
