"""All lifelines at once, each with its projection, joined by queues, and the diagram beside them.

A queue holds what is under way from one lifeline to another. What is up to somebody is a send, to its sender, and a
receive of the first message in a queue, to its receiver. Everything else happens if the diagram allows it: that a
message is lost, what comes from the environment, what goes on in an opaque reference, and that messages from one sender
to one receiver are taken in another order.

Two reductions keep this small. States from which all goes well for certain need not be followed (`all_is_clear`). And
where one lifeline must act and can do now all that it could ever do next, only its actions are followed (`enough`): all
that can happen otherwise can be reordered to begin with one of them (see `spec.interaction.ample`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from spec.interaction import Action, Interaction, Term, avoids, can_end, erase, steps
from spec.interaction.exploration import has_strict_order, inside
from spec.interaction.terms import Act, Empty, Par, Seq, Strict, chain, children, referred
from spec.projection.automaton import Letter, letter_of, moves_of

Terms = frozenset[Term]
_PAIRS = 1_000
"""How many pairs of states are compared to find out whether two lifelines can do the same."""


class Deed(NamedTuple):
    """An action as others see it: whose, which, and whether it is a send whose message is lost."""

    lifeline: str
    letter: Letter
    lost: bool = False


class State(NamedTuple):
    """What is left of the diagram, what is left for each lifeline to its own knowledge, and what is under way.

    `settled` are actions that the diagram forbids and that have been looked into, up to the lifeline's next action.
    """

    diagram: Terms
    locals: tuple[Terms, ...]
    queues: frozenset[tuple[tuple[str, str], tuple[str, ...]]] = frozenset()
    settled: frozenset[tuple[str, Letter]] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether everybody may rest and nothing is under way."""
        return not self.queues and all(any(map(can_end, known)) for known in self.locals)


class Turn(NamedTuple):
    """What a lifeline can do: what the diagram allows, what it forbids; and whether there is more that has to wait."""

    lifeline: str
    moves: list[tuple[Deed, State]]
    forbidden: list[Letter]
    waits: bool = False
    throttled: bool = False


class Product:
    """The lifelines of an interaction; at most `ahead` messages in each queue."""

    def __init__(self, interaction: Interaction, ahead: int) -> None:
        term = interaction.term
        self.lifelines = interaction.lifelines
        self.ahead = ahead
        self.begin = State(frozenset({term}), tuple(frozenset({erase(term, name)}) for name in self.lifelines))
        self._reorders = not has_strict_order(term) and not _has_twins(term)

    def turns(self, state: State) -> list[Turn]:
        """What each lifeline can do."""
        return [self._turn(state, name) for name in self.lifelines]

    def known(self, state: State, lifeline: str) -> Terms:
        """What is left for a lifeline, to its own knowledge."""
        return state.locals[self.lifelines.index(lifeline)]

    def enough(self, state: State, turns: list[Turn], done: set[State]) -> list[tuple[Deed, State]]:
        """All moves, or those of one lifeline that must act and has nothing to wait for; not in a circle of `done`."""
        if self._reorders:
            for turn in sorted(turns, key=lambda each: len(each.moves)):
                if turn.moves and not turn.waits and any(after not in done for _, after in turn.moves):
                    only = frozenset({turn.lifeline})
                    rests = _rests_instead(self.known(state, turn.lifeline))
                    if not rests and not any(avoids(term, only) for term in state.diagram):
                        return turn.moves
        return [move for turn in turns for move in turn.moves]

    def all_is_clear(self, state: State) -> bool:
        """Whether in some reading of what happened nothing is left to be chosen, and everybody knows what is left."""
        return any(
            _leaves_no_choice(term) and all(self._is_known(state, name, term) for name in self.lifelines)
            for term in state.diagram
        )

    def _is_known(self, state: State, lifeline: str, term: Term) -> bool:
        known, left = self.known(state, lifeline), frozenset({erase(term, lifeline)})
        if known == left:
            return True
        mine, drawn = self._open_to(state, lifeline), options(left)
        alike = mine.keys() == drawn.keys() and (_ends(left) or not _rests_instead(known))
        return alike and all(_are_alike(mine[letter], drawn[letter]) for letter in mine)

    def _open_to(self, state: State, lifeline: str) -> dict[Letter, Terms]:
        """What a lifeline can do next to its own knowledge, but for what is settled."""
        known = options(self.known(state, lifeline))
        return {letter: rest for letter, rest in known.items() if (lifeline, letter) not in state.settled}

    def _turn(self, state: State, lifeline: str) -> Turn:
        turn = Turn(lifeline, [], [])
        allowed = following(state.diagram)
        index = self.lifelines.index(lifeline)
        settled = frozenset(each for each in state.settled if each[0] != lifeline)
        for letter, rest in self._open_to(state, lifeline).items():
            after = state._replace(locals=(*state.locals[:index], rest, *state.locals[index + 1 :]), settled=settled)
            deeds = [deed for lost in (False, True) if (deed := Deed(lifeline, letter, lost)) in allowed]
            pair = (lifeline, letter.peer or "") if letter.kind == "!" else (letter.peer or "", lifeline)
            under_way = dict(state.queues).get(pair, ())
            if letter.kind == "?" and is_of_somebody(letter) and letter.label not in under_way:
                turn = turn._replace(waits=turn.waits or self._may_come(state, lifeline, letter))
                continue
            for deed in deeds:
                queued = _queued(under_way, deed)
                if len(queued) > max(self.ahead, len(under_way)):
                    turn = turn._replace(waits=True, throttled=True)
                    continue
                queues = dict(state.queues) | {pair: queued}
                kept = frozenset((key, labels) for key, labels in queues.items() if labels)
                turn.moves.append((deed, after._replace(diagram=allowed[deed], queues=kept)))
            if not deeds and is_of_somebody(letter) and (letter.kind == "!" or under_way[0] == letter.label):
                turn.forbidden.append(letter)
            elif not deeds:
                turn = turn._replace(waits=True)
        return turn

    def _may_come(self, state: State, lifeline: str, letter: Letter) -> bool:
        """Whether, to its own knowledge, the peer can ever send what is waited for."""
        sender = letter.peer or ""
        sent = Letter("!", letter.label, lifeline)
        possible = self._open_to(state, sender)
        return sent in possible or any((sender, sent) in _letters_of_all(rest) for rest in possible.values())


def is_of_somebody(letter: Letter) -> bool:
    """Whether it is not up to the environment, or to a procedure that is known only by its name."""
    return letter.kind == "!" or (letter.kind == "?" and letter.peer is not None)


def deed_of(action: Action) -> Deed:
    """What others see of an action."""
    return Deed(action.lifeline, letter_of(action), action.lost)


@lru_cache(1 << 14)
def following(diagram: Terms) -> dict[Deed, Terms]:
    """What can come first of any of the terms, and what is left then."""
    found: dict[Deed, set[Term]] = {}
    for term in diagram:
        for action, rest in steps(term):
            found.setdefault(deed_of(action), set()).add(rest)
    return {deed: frozenset(terms) for deed, terms in found.items()}


@lru_cache(1 << 14)
def options(known: Terms) -> dict[Letter, Terms]:
    """What a lifeline can do next, and what is left for it then."""
    return {letter: move.target for letter, move in moves_of(known).items()}


def left_for(diagram: Terms, lifeline: str, word: Iterable[Letter]) -> Terms:
    """What is left for a lifeline of any of these terms when it has done the word; nothing if it cannot."""
    known = frozenset(erase(term, lifeline) for term in diagram)
    for letter in word:
        known = options(known).get(letter, frozenset())
    return known


def _queued(under_way: tuple[str, ...], deed: Deed) -> tuple[str, ...]:
    label = deed.letter.label
    if deed.letter.peer is None or deed.lost or deed.letter.kind == "ref":
        return under_way
    if deed.letter.kind == "!":
        return (*under_way, label)
    place = under_way.index(label)
    return (*under_way[:place], *under_way[place + 1 :])


# What is clear.


@lru_cache(1 << 14)
def _leaves_no_choice(term: Term) -> bool:
    """Whether a term is arrows in some order, no two concurrent ones alike: their ends can then do nothing wrong."""
    match term:
        case Empty() | Act():
            return True
        case Strict():
            return not term.strictly
        case Seq():
            return all(_leaves_no_choice(part) for part in chain(term))
        case Par(parts=parts):
            return not _are_twins(parts) and all(map(_leaves_no_choice, parts))
        case _:
            return False


def _ends(known: Terms) -> bool:
    return any(map(can_end, known))


def _rests_instead(known: Terms) -> bool:
    """Whether a lifeline may rest where it can send: if it should, nothing would make it."""
    return _ends(known) and any(letter.kind == "!" for letter in options(known))


@lru_cache(1 << 14)
def _are_alike(one: Terms, other: Terms) -> bool:
    """Whether a lifeline can do and leave the same. If that is hard to say: no."""
    pairs = {(one, other): None}
    todo = [(one, other)]
    while todo and len(pairs) < _PAIRS:
        left, right = todo.pop()
        if left != right:
            if options(left).keys() != options(right).keys() or _rests_instead(left) != _rests_instead(right):
                return False
            next_pairs = [(options(left)[letter], options(right)[letter]) for letter in options(left)]
            todo += [pair for pair in next_pairs if pair not in pairs]
            pairs.update(dict.fromkeys(next_pairs))
    return not todo


def _has_twins(term: Term) -> bool:
    """Whether equal actions are concurrent somewhere: of two equal messages under way either can be received first."""
    return any(_are_twins(part.parts) for part in inside(term) if isinstance(part, Par))


def _are_twins(parts: tuple[Term, ...]) -> bool:
    letters = [letter for part in parts for letter in _letters_of_all((part,))]
    return len(letters) > len(set(letters))


def _letters_of_all(terms: Iterable[Term]) -> frozenset[tuple[str, Letter]]:
    """Who does what somewhere in these terms."""
    parts = (part for term in terms for part in (term, *(definition.body for definition in referred(term))))
    return frozenset(each for part in parts for each in _letters(part))


@lru_cache(1 << 14)
def _letters(term: Term) -> frozenset[tuple[str, Letter]]:
    if isinstance(term, Act):
        return frozenset({(term.action.lifeline, letter_of(term.action))})
    return frozenset(letter for part in children(term) for letter in _letters(part))
