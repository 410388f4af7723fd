"""Whether lifelines that each do only what is drawn for them do together only what is drawn.

**Criterion.** Take the projections of all lifelines, joined by a queue for each pair of them, and follow them side by
side with the diagram (*safe realisability*: Alur, Etessami, Yannakakis 2003). The diagram is realisable if

1. whatever a lifeline can do next by its projection, the diagram allows at that moment, and
2. when nobody can do anything more, everybody is done, no message is under way, and the diagram can end there.

A *send* is up to its sender and a *receive* of the first message in a queue up to its receiver, so these are held
against the diagram. What else happens is up to nobody in the diagram, and is taken to fit: whether a message is lost,
what comes from the environment, what goes on inside an opaque reference, and that messages from one sender to one
receiver are taken in another order where the diagram says so. Messages wait until they are wanted; hence it is no
problem by itself that two arrows to one lifeline can arrive in either order.

**Reports.** If the diagram forbids an action, some earlier step made it so. If that step is that a message is lost, or
that it is not, nothing is reported: what follows from a loss, such as a timeout, is taken to be known by the time that
passes. Nor are the environment and opaque references blamed. Else the two lifelines are in conflict:

- `non-local-choice`: each can begin a course that excludes the other's, and neither can tell that the other has begun;
- `blind-choice`: one decides between courses by what it sends, the other has to behave differently in them and has
  seen the same (so also for a receive: a message can be taken for one of another course);
- `unkept-order`: the action is only too early, since an order across lifelines is drawn (`strict`) that none can keep;
- `stuck`: what a lifeline waits for never comes;
- `undecided`: the bounds were reached, or the diagram's meaning is not defined, so that nothing is known.

**Bounds.** A queue holds at most `ahead` messages, so a problem that needs a sender further ahead is not found. States
from which all goes well for certain (nothing is left to be chosen, and everybody knows what is left) are not followed,
and where one lifeline must act and can do all that it could ever do next, only its actions are (see
`spec.interaction.ample`); neither changes the result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from spec.interaction import Action, Interaction, InteractionError, Problem, Term, avoids, can_end, erase, steps
from spec.interaction.exploration import has_strict_order
from spec.interaction.problems import Kind
from spec.interaction.terms import Act, Empty, Par, Seq, Strict, chain, children, referred
from spec.projection.automaton import Letter, letter_name, letter_of, moves_of

Terms = frozenset[Term]
Places = list[tuple[str, int]]
"""Files and lines."""
_EXAMPLES = 20
"""How often the same forbidden action is looked into: it can be forbidden for several reasons."""

_PAIRS = 1_000
"""How many pairs of states are compared to find out whether two lifelines can do the same."""


class _Deed(NamedTuple):
    """An action as others see it: whose, which, and whether it is a send whose message is lost."""

    lifeline: str
    letter: Letter
    lost: bool = False


class _State(NamedTuple):
    """What is left of the diagram, what is left for each lifeline to its own knowledge, and what is under way.

    `settled` are actions that the diagram forbids and that have been looked into, up to the lifeline's next action.
    """

    diagram: Terms
    locals: tuple[Terms, ...]
    queues: frozenset[tuple[tuple[str, str], tuple[str, ...]]] = frozenset()
    settled: frozenset[tuple[str, Letter]] = frozenset()

    def open_to(self, lifeline: str, index: int) -> dict[Letter, Terms]:
        """What the lifeline can do next to its own knowledge, but for what is settled."""
        options = _options(self.locals[index])
        return {letter: rest for letter, rest in options.items() if (lifeline, letter) not in self.settled}


class _Turn(NamedTuple):
    """What a lifeline can do: what the diagram allows, what it forbids; and whether there is more that has to wait."""

    lifeline: str
    moves: list[tuple[_Deed, _State]]
    forbidden: list[Letter]
    waits: bool
    throttled: bool


def realisability(interaction: Interaction, *, ahead: int = 3, limit: int = 50_000) -> tuple[Problem, ...]:
    """What keeps the lifelines from realising the diagram; nothing if they can, up to the bounds."""
    problems: list[Problem] = []
    try:
        check = _Check(interaction, ahead, problems)
        if not check.explore(limit):
            why = f"there are more than {limit} states; what was found so far is reported"
            problems.append(Problem(0, None, "undecided", why))
    except InteractionError as error:
        problems.append(Problem(error.line, None, "undecided", error.message, error.file))
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line))


class _Check:
    def __init__(self, interaction: Interaction, ahead: int, problems: list[Problem]) -> None:
        self.lifelines = interaction.lifelines
        self.file = interaction.file
        self.ahead = ahead
        self.reorders = not has_strict_order(interaction.term) and not _has_twins(interaction.term)
        self.begin = _State(
            frozenset({interaction.term}), tuple(frozenset({erase(interaction.term, name)}) for name in self.lifelines)
        )
        self.parents: dict[_State, tuple[_State, _Deed] | None] = {self.begin: None}
        self.done: set[_State] = set()
        self.looked_into: dict[tuple[str, Letter], int] = {}
        self.problems = problems
        self.conflicts: set[frozenset[tuple[str, int]]] = set()

    def report(self, kind: Kind, line: int, lifeline: str | None, message: str, file: str = "") -> None:
        self.problems.append(Problem(line, lifeline, kind, message, file))

    def explore(self, limit: int) -> bool:
        """Follow everything; whether that was possible."""
        queue = deque([self.begin])
        while queue:
            if len(self.parents) > limit:
                return False
            state = queue.popleft()
            self.done.add(state)
            if self._all_is_clear(state):
                continue
            turns = [self._turn(state, index) for index in range(len(self.lifelines))]
            forbidden = [(turn.lifeline, letter) for turn in turns for letter in turn.forbidden]
            for lifeline, letter in forbidden:
                self._look_into(state, lifeline, letter)
            if forbidden:
                settled = state._replace(settled=state.settled.union(forbidden))
                following = [(settled, self.parents[state])]
            else:
                following = [(after, (state, deed)) for deed, after in self._enough(state, turns)]
            if not following and not any(turn.throttled for turn in turns):
                self._look_whether_stuck(state)
            for after, step in following:
                if after not in self.parents:
                    self.parents[after] = step
                    queue.append(after)
        return True

    # What can happen.

    def _turn(self, state: _State, index: int) -> _Turn:
        lifeline = self.lifelines[index]
        turn = _Turn(lifeline, [], [], waits=False, throttled=False)
        allowed = _following(state.diagram)
        settled = frozenset(each for each in state.settled if each[0] != lifeline)
        for letter, rest in state.open_to(lifeline, index).items():
            after = state._replace(locals=(*state.locals[:index], rest, *state.locals[index + 1 :]), settled=settled)
            deeds = [deed for lost in (False, True) if (deed := _Deed(lifeline, letter, lost)) in allowed]
            pair = (lifeline, letter.peer or "") if letter.kind == "!" else (letter.peer or "", lifeline)
            under_way = dict(state.queues).get(pair, ())
            if _is_of_somebody(letter) and letter.kind == "?" and letter.label not in under_way:
                turn = turn._replace(waits=turn.waits or self._may_come(state, lifeline, letter))
            elif deeds:
                for deed in deeds:
                    queued = _queued(under_way, deed)
                    if len(queued) > max(self.ahead, len(under_way)):
                        turn = turn._replace(waits=True, throttled=True)
                    else:
                        queues = dict(state.queues) | {pair: queued}
                        kept = frozenset((key, labels) for key, labels in queues.items() if labels)
                        turn.moves.append((deed, after._replace(diagram=allowed[deed], queues=kept)))
            elif letter.kind == "!" or (_is_of_somebody(letter) and under_way[0] == letter.label):
                turn.forbidden.append(letter)
            else:
                turn = turn._replace(waits=True)
        return turn

    def _may_come(self, state: _State, lifeline: str, letter: Letter) -> bool:
        """Whether, to its own knowledge, the peer can ever send what is waited for."""
        sender = letter.peer or ""
        sent = Letter("!", letter.label, lifeline)
        options = state.open_to(sender, self.lifelines.index(sender))
        return sent in options or any((sender, sent) in _letters_of_all(rest) for rest in options.values())

    def _enough(self, state: _State, turns: list[_Turn]) -> list[tuple[_Deed, _State]]:
        """All moves, or those of one lifeline that must act and has nothing to wait for."""
        if self.reorders:
            for turn in sorted(turns, key=lambda each: len(each.moves)):
                if turn.moves and not turn.waits and any(after not in self.done for _, after in turn.moves):
                    only = frozenset({turn.lifeline})
                    if not any(avoids(term, only) for term in state.diagram):
                        return turn.moves
        return [move for turn in turns for move in turn.moves]

    def _all_is_clear(self, state: _State) -> bool:
        """Whether in some reading of what happened nothing is left to be chosen, and everybody knows what is left.

        That somebody might also rest does no harm: nobody is stuck as long as there is something that he can do.
        """
        return any(
            _leaves_no_choice(term)
            and all(
                _can_do_the_same(state.open_to(name, index), _options(frozenset({erase(term, name)})))
                for index, name in enumerate(self.lifelines)
            )
            for term in state.diagram
        )

    # What is wrong.

    def _look_into(self, state: _State, lifeline: str, letter: Letter) -> None:
        """An action that the diagram forbids: which step made it so?"""
        seen = self.looked_into[lifeline, letter] = self.looked_into.get((lifeline, letter), 0) + 1
        if seen > _EXAMPLES:
            return
        here = sorted(moves_of(state.locals[self.lifelines.index(lifeline)])[letter].origins)
        if _leads_on(state.diagram, lifeline, [letter]):
            message = (
                f"{lifeline} cannot know when {self._name(letter, here)} is due: an order that nobody can keep is drawn"
            )
            self._conflict("unkept-order", here, here, lifeline, message)
            return
        word = [letter]
        for before, deed in self._steps_to(state):
            own = deed.lifeline == lifeline
            longer = [deed.letter, *word] if own else word
            if _leads_on(before.diagram, lifeline, longer):
                other = _following(before.diagram).get(deed._replace(lost=not deed.lost), frozenset())
                if _is_of_somebody(deed.letter) and not _leads_on(other, lifeline, word):
                    self._blame(before, deed, lifeline, longer, here)
                return
            word = longer

    def _blame(self, before: _State, deed: _Deed, lifeline: str, word: list[Letter], here: Places) -> None:
        """`deed` excludes that `lifeline` does the last letter of `word`, which it does all the same."""
        letter = word[-1]
        there = sorted({(a.file, a.line) for t in before.diagram for a, _ in steps(t) if _deed(a) == deed})
        mine, yours = self._name(letter, here), self._name(deed.letter, there)
        now = _Deed(lifeline, letter)
        allowed = _following(before.diagram)
        instead = allowed.get(now, frozenset()) | allowed.get(now._replace(lost=True), frozenset())
        i_decide = _sends_other(allowed[deed], lifeline, word)
        you_decide = _sends_other(instead, deed.lifeline, [deed.letter])
        both_begin = len(word) == 1 and letter.kind == deed.letter.kind == "!" and bool(instead)
        if both_begin and i_decide == you_decide:
            message = f"{lifeline} can begin with {mine}, {deed.lifeline} with {yours}: each excludes the other, unseen"
            self._conflict("non-local-choice", here, there, None, message)
        elif both_begin and i_decide:
            message = f"{deed.lifeline} cannot know whether {yours} is due: {lifeline} can still decide on {mine}"
            self._conflict("blind-choice", there, here, deed.lifeline, message)
        else:
            message = (
                f"{lifeline} cannot know whether {mine} is due: {deed.lifeline} {yours} decides against it, unseen"
            )
            self._conflict("blind-choice", here, there, lifeline, message)

    def _conflict(self, kind: Kind, first: Places, second: Places, lifeline: str | None, message: str) -> None:
        places = frozenset({*first, *second})
        if places not in self.conflicts:
            self.conflicts.add(places)
            file, line = first[0]
            self.report(kind, line, lifeline, message, file)

    def _name(self, letter: Letter, places: Places) -> str:
        lines = ", ".join(str(line) if file == self.file else f"{line} of {file}" for file, line in places)
        return f"{letter_name(letter)} (line{'s' if len(places) > 1 else ''} {lines})"

    def _look_whether_stuck(self, state: _State) -> None:
        waiting = [
            (name, known)
            for name, known in zip(self.lifelines, state.locals, strict=True)
            if not any(map(can_end, known))
        ]
        for name, known in waiting:
            for letter, move in moves_of(known).items():
                places = sorted(move.origins)
                message = f"{name} can wait for {self._name(letter, places)} in vain"
                self._conflict("stuck", places, places, name, message)
        if not waiting and state.queues:
            for (sender, receiver), labels in sorted(state.queues):
                self.report("stuck", 0, receiver, f"{receiver} never takes {labels[0]!r} from {sender}")
        elif not waiting and not any(map(can_end, state.diagram)):
            self.report("stuck", 0, None, "everybody can rest where the diagram goes on")

    def _steps_to(self, state: _State) -> Iterable[tuple[_State, _Deed]]:
        """The steps that led to a state, the last first."""
        step = self.parents[state]
        while step is not None:
            yield step
            step = self.parents[step[0]]


# What is left, and what can come first of it.


@lru_cache(1 << 14)
def _following(diagram: Terms) -> dict[_Deed, Terms]:
    found: dict[_Deed, set[Term]] = {}
    for term in diagram:
        for action, rest in steps(term):
            found.setdefault(_deed(action), set()).add(rest)
    return {deed: frozenset(terms) for deed, terms in found.items()}


@lru_cache(1 << 14)
def _options(local: Terms) -> dict[Letter, Terms]:
    return {letter: move.target for letter, move in moves_of(local).items()}


def _is_of_somebody(letter: Letter) -> bool:
    """Whether it is not up to the environment, or to a procedure that we know only by name."""
    return letter.kind == "!" or (letter.kind == "?" and letter.peer is not None)


def _deed(action: Action) -> _Deed:
    return _Deed(action.lifeline, letter_of(action), action.lost)


def _queued(under_way: tuple[str, ...], deed: _Deed) -> tuple[str, ...]:
    label = deed.letter.label
    if deed.letter.peer is None or deed.lost or deed.letter.kind == "ref":
        return under_way
    if deed.letter.kind == "!":
        return (*under_way, label)
    place = under_way.index(label)
    return (*under_way[:place], *under_way[place + 1 :])


def _after(diagram: Terms, lifeline: str, word: Iterable[Letter]) -> Terms:
    """What is left for a lifeline, to its own knowledge, of any of these terms when it has done the word."""
    local = frozenset(erase(term, lifeline) for term in diagram)
    for letter in word:
        local = _options(local).get(letter, frozenset())
    return local


def _leads_on(diagram: Terms, lifeline: str, word: list[Letter]) -> bool:
    return bool(_after(diagram, lifeline, word))


def _sends_other(diagram: Terms, lifeline: str, word: list[Letter]) -> bool:
    """Whether a lifeline can send something else instead of the last letter of the word."""
    return any(other.kind == "!" and other != word[-1] for other in _options(_after(diagram, lifeline, word[:-1])))


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


def _can_do_the_same(one: dict[Letter, Terms], other: dict[Letter, Terms]) -> bool:
    """Whether two states of a lifeline have the same actions before them, but for when it may rest."""
    return one.keys() == other.keys() and all(_are_alike(one[letter], other[letter]) for letter in one)


@lru_cache(1 << 14)
def _are_alike(one: Terms, other: Terms) -> bool:
    """As `_can_do_the_same`. If that is hard to say: no."""
    pairs = {(one, other): None}
    todo = [(one, other)]
    while todo and len(pairs) < _PAIRS:
        left, right = todo.pop()
        if left != right:
            if _options(left).keys() != _options(right).keys():
                return False
            following = [(_options(left)[letter], _options(right)[letter]) for letter in _options(left)]
            todo += [pair for pair in following if pair not in pairs]
            pairs.update(dict.fromkeys(following))
    return not todo


def _has_twins(term: Term) -> bool:
    """Whether equal actions are concurrent somewhere: of two equal messages under way either can be received first."""
    todo = [term, *(definition.body for definition in referred(term))]
    for part in todo:
        if isinstance(part, Par) and _are_twins(part.parts):
            return True
        if not isinstance(part, Act):
            todo += children(part)
    return False


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
