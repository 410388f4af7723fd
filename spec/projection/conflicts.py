"""Whether lifelines that each do only what is drawn for them do together only what is drawn.

**Criterion.** The projections of all lifelines, joined by queues, are followed side by side with the diagram (*safe
realisability*: Alur, Etessami and Yannakakis 2003). The diagram is realisable if

1. whatever a lifeline can do next by its projection, the diagram allows at that moment,
2. where everybody may rest and nothing is under way, the diagram may end, and
3. where nobody can do anything more, everybody may rest and nothing is under way.

Whether a message is lost, what comes from the environment, and what goes on in an opaque reference is up to nobody in
the diagram, and is taken to fit. Messages wait until they are wanted; hence it is no problem by itself that two arrows
to one lifeline can arrive in either order.

**Reports.** If the diagram forbids an action or a rest, some earlier step made it so. If that step is that a message is
lost, or that it is not, nothing is reported: what follows from a loss, such as a timeout, is taken to be known by the
time that passes. Nor are the environment and opaque references blamed. Else the two lifelines are in conflict:

- `non-local-choice`: each can begin a scenario that rules out the other's, or demands it, and the other cannot tell;
- `blind-choice`: one decides between scenarios by what it sends, the other has to behave differently in them and has
  seen the same (so also for a receive: a message can be taken for one of another scenario);
- `unkept-order`: the action is only too early, since an order across lifelines is drawn (`strict`) that none can keep;
- `stuck`: what a lifeline waits for never comes;
- `undecided`: the bounds were reached, or the diagram's meaning is not defined, so that no more is known.

**Bounds.** A queue holds at most `ahead` messages, so a problem that needs a sender further ahead is not found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from spec.interaction import Interaction, InteractionError, Problem, avoids, can_end, steps
from spec.interaction.problems import Kind
from spec.projection.automaton import Letter, letter_name, moves_of
from spec.projection.product import (
    Deed,
    Product,
    State,
    Terms,
    deed_of,
    following,
    is_of_somebody,
    left_for,
    options,
)

Places = list[tuple[str, int]]
"""Files and lines."""
LIMIT = 5_000
"""States that are followed; the largest of the project's diagrams has 505."""
_EXAMPLES = 20
"""How often the same mistake is looked into: there can be several reasons for it."""


def realisability(
    interaction: Interaction, *, ahead: int = 3, limit: int = LIMIT, stop: Callable[[int], str] = lambda _: ""
) -> tuple[Problem, ...]:
    """What keeps the lifelines from realising the diagram; nothing if they can, up to the bounds.

    `stop` is given the number of states so far, and may say why to go on no further.
    """
    problems: list[Problem] = []
    try:
        why = _Check(interaction, ahead, problems).explore(limit, stop)
        if why:
            text = f"whether each lifeline can know what is drawn for it: {why}"
            problems.append(Problem(0, None, "undecided", text, interaction.file))
    except InteractionError as error:
        problems.append(Problem(error.line, None, "undecided", error.message, error.file))
    return tuple(sorted(problems, key=lambda problem: problem.line))


class _Check:
    def __init__(self, interaction: Interaction, ahead: int, problems: list[Problem]) -> None:
        self.product = Product(interaction, ahead)
        self.file = interaction.file
        self.problems = problems
        self.parents: dict[State, tuple[State, Deed] | None] = {self.product.begin: None}
        self.looked_into: dict[tuple[str, Letter | None], int] = {}
        self.conflicts: set[frozenset[tuple[str, int]]] = set()

    def explore(self, limit: int, stop: Callable[[int], str]) -> str:
        """Follow everything; or else why not."""
        queue = deque([self.product.begin])
        done: set[State] = set()
        while queue:
            if len(self.parents) > limit:
                return f"there are more than {limit:,} states, as where a lifeline may get ahead of others for ever"
            if why := stop(len(self.parents)):
                return why
            state = queue.popleft()
            done.add(state)
            if not self.product.all_is_clear(state):
                for after, step in self._look_at(state, done):
                    if after not in self.parents:
                        self.parents[after] = step
                        queue.append(after)
        return ""

    def _look_at(self, state: State, done: set[State]) -> list[tuple[State, tuple[State, Deed] | None]]:
        """What comes after a state; if something is forbidden there, first the same state with that settled."""
        turns = self.product.turns(state)
        forbidden = [(turn.lifeline, letter) for turn in turns for letter in turn.forbidden]
        for lifeline, letter in forbidden:
            self._look_into_action(state, lifeline, letter)
        if forbidden:
            return [(state._replace(settled=state.settled.union(forbidden)), self.parents[state])]
        if state.is_complete and not any(map(can_end, state.diagram)):
            self._look_into_rest(state)
        moves = self.product.enough(state, turns, done)
        if not moves and not state.is_complete and not any(turn.throttled for turn in turns):
            self._report_stuck(state)
        return [(after, (state, deed)) for deed, after in moves]

    # What is wrong, and since when.

    def _look_into_action(self, state: State, lifeline: str, letter: Letter) -> None:
        """An action that the diagram forbids."""
        if not self._is_worth_it(lifeline, letter):
            return
        here = sorted(moves_of(self.product.known(state, lifeline))[letter].origins)
        if _leads_on(state.diagram, lifeline, [letter]):
            message = f"{lifeline} cannot know when {self._name(letter, here)} is due: nobody can keep the order drawn"
            self._conflict("unkept-order", here, here, lifeline, message)
        elif found := self._excluding(state, lifeline, [letter], _leads_on):
            self._report_action(*found, lifeline, here)

    def _look_into_rest(self, state: State) -> None:
        """Everybody may rest, but the diagram goes on: somebody should send."""
        for lifeline in self.product.lifelines:
            only = frozenset({lifeline})
            if not any(avoids(term, only) for term in state.diagram) and self._is_worth_it(lifeline, None):
                due = moves_of(frozenset(left_for(state.diagram, lifeline, [])))
                places = {letter: sorted(move.origins) for letter, move in due.items() if letter.kind == "!"}
                if places and (found := self._excluding(state, lifeline, [], _lets_rest)):
                    self._report_rest(*found, lifeline, places)

    def _is_worth_it(self, lifeline: str, letter: Letter | None) -> bool:
        self.looked_into[lifeline, letter] = self.looked_into.get((lifeline, letter), 0) + 1
        return self.looked_into[lifeline, letter] <= _EXAMPLES

    def _excluding(
        self, state: State, lifeline: str, word: list[Letter], possible: Callable[[Terms, str, list[Letter]], bool]
    ) -> tuple[State, Deed, list[Letter]] | None:
        """The step since which it was not `possible` any more that a lifeline did what it has done since, and the word.

        None if that step is up to nobody.
        """
        for before, deed in self._steps_to(state):
            longer = [deed.letter, *word] if deed.lifeline == lifeline else word
            if possible(before.diagram, lifeline, longer):
                otherwise = following(before.diagram).get(deed._replace(lost=not deed.lost), frozenset())
                is_blamed = is_of_somebody(deed.letter) and not possible(otherwise, lifeline, word)
                return (before, deed, longer) if is_blamed else None
            word = longer
        return None

    def _steps_to(self, state: State) -> Iterator[tuple[State, Deed]]:
        """The steps that led to a state, the last first."""
        step = self.parents[state]
        while step is not None:
            yield step
            step = self.parents[step[0]]

    # What is said about it.

    def _report_action(self, before: State, deed: Deed, word: list[Letter], lifeline: str, here: Places) -> None:
        """`deed` excludes the last letter of a word that another lifeline can do all the same."""
        letter = word[-1]
        there = _places_of(before, deed)
        mine, yours = self._name(letter, here), self._name(deed.letter, there)
        instead = _after_either(before, lifeline, letter)
        i_decide = _sends_other(following(before.diagram)[deed], lifeline, word)
        you_decide = _sends_other(instead, deed.lifeline, [deed.letter])
        both_begin = len(word) == 1 and letter.kind == deed.letter.kind == "!" and bool(instead)
        if both_begin and i_decide == you_decide:
            message = (
                f"{lifeline} can begin with {mine}, {deed.lifeline} with {yours}: each rules out the other, unseen"
            )
            self._conflict("non-local-choice", here, there, None, message)
        elif both_begin and i_decide:
            message = f"{deed.lifeline} cannot know whether {yours} is due: {lifeline} can still decide on {mine}"
            self._conflict("blind-choice", there, here, deed.lifeline, message)
        else:
            message = f"{lifeline} cannot know whether {mine} is due: {deed.lifeline} {yours} rules it out, unseen"
            self._conflict("blind-choice", here, there, lifeline, message)

    def _report_rest(
        self, before: State, deed: Deed, word: list[Letter], lifeline: str, due: dict[Letter, Places]
    ) -> None:
        """`deed` obliges another lifeline to go on, which may rest all the same."""
        letter, here = min(due.items(), key=lambda item: item[1])
        there = _places_of(before, deed)
        mine, yours = self._name(letter, here), self._name(deed.letter, there)
        instead = _after_either(before, lifeline, letter) if not word else frozenset()
        if instead and deed.letter.kind == "!" and not _lets_rest(instead, deed.lifeline, []):
            message = f"{lifeline} can begin with {mine}, {deed.lifeline} with {yours}: each demands the other, unseen"
            self._conflict("non-local-choice", here, there, None, message)
        else:
            message = f"{lifeline} cannot know whether {mine} is due: {deed.lifeline} {yours} demands it, unseen"
            self._conflict("blind-choice", here, there, lifeline, message)

    def _report_stuck(self, state: State) -> None:
        for name in self.product.lifelines:
            known = self.product.known(state, name)
            if not any(map(can_end, known)):
                for letter, move in moves_of(known).items():
                    places = sorted(move.origins)
                    message = f"{name} can wait for {self._name(letter, places)} in vain"
                    self._conflict("stuck", places, places, name, message)
        if all(any(map(can_end, known)) for known in state.locals):
            for (sender, receiver), labels in sorted(state.queues):
                message = f"{receiver} may rest and never take {labels[0]!r} from {sender}"
                self.problems.append(Problem(0, receiver, "stuck", message, self.file))

    def _conflict(self, kind: Kind, first: Places, second: Places, lifeline: str | None, message: str) -> None:
        """Report it, unless it was: an arrow is not blamed once more for each scenario that it is at odds with."""
        blamed, pair = frozenset(first), frozenset([*first, *second])
        if lifeline is None:
            was_reported = any(known <= pair for known in self.conflicts)
        else:
            was_reported = any(blamed <= known for known in self.conflicts)
        if was_reported:
            return
        self.conflicts.add(blamed if lifeline else pair)
        file, line = first[0] if lifeline else min(pair)
        self.problems.append(Problem(line, lifeline, kind, message, file))

    def _name(self, letter: Letter, places: Places) -> str:
        lines = ", ".join(str(line) if file == self.file else f"{line} of {file}" for file, line in places)
        return f"{letter_name(letter)} (line{'s' if len(places) > 1 else ''} {lines})"


def _leads_on(diagram: Terms, lifeline: str, word: list[Letter]) -> bool:
    """Whether the lifeline can do the word."""
    return bool(left_for(diagram, lifeline, word))


def _lets_rest(diagram: Terms, lifeline: str, word: list[Letter]) -> bool:
    """Whether the lifeline can do the word, and then nothing any more."""
    return any(map(can_end, left_for(diagram, lifeline, word)))


def _sends_other(diagram: Terms, lifeline: str, word: list[Letter]) -> bool:
    """Whether the lifeline can send something else instead of the last letter of the word."""
    return any(other.kind == "!" and other != word[-1] for other in options(left_for(diagram, lifeline, word[:-1])))


def _after_either(before: State, lifeline: str, letter: Letter) -> Terms:
    """What is left of the diagram after an action, be it lost or not; nothing if it is not possible now."""
    after = following(before.diagram)
    return frozenset().union(*[after.get(Deed(lifeline, letter, lost), frozenset()) for lost in (False, True)])


def _places_of(before: State, deed: Deed) -> Places:
    return sorted({(a.file, a.line) for term in before.diagram for a, _ in steps(term) if deed_of(a) == deed})
