"""Implied scenarios: the diagrams say what the charts can do.

The system is explored from where the diagrams of a use case begin, under the faults that they draw. Each global trace
that this can come to must be a beginning of one that some scenario of the use case allows, and where the system comes
to rest it must be a whole one. One that is not is an *implied scenario* (Alur, Etessami, Yannakakis, "Inference of
message sequence charts", 2003): the participants, each acting as drawn, do together what nobody drew. Global traces are
compared, not only those of single lifelines: what each does may be drawn somewhere, and yet nobody drew it all at once.

Faults and refusals are those that the scenarios draw. If the scenarios are *all* that can happen (`complete`), a
message may be lost on a hop wherever some scenario draws it lost there. Otherwise they are scenarios of a use case that
has others, too: then the network does as they draw, and loses a message just where they do. What charts do by
themselves counts in both.

What a scenario refers to is part of it; a use case is the end of what it says, and what comes after that is compared
lifeline by lifeline (`local`). An order from outside that sets it going, such as that a tracker starts again, comes
when nothing else can happen: in the order that the binding says (`later`), or for scenarios if it lets them go on as
drawn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from spec.binding import Begin, Word
from spec.binding.allowances import Allowances
from spec.binding.obligations import Violation
from spec.conformance.bounds import Bounds, Stopped
from spec.conformance.finding import Finding, counts, unanswered
from spec.conformance.matching import match
from spec.conformance.rules import rules
from spec.conformance.whole import Places, Whole
from spec.interaction import Action, InteractionError
from spec.rendering.sequence import End, needed_of
from spec.system.composition import Act, Move, State, System
from spec.system.scheduling import choice

Faults = frozenset[tuple[str, str, str]]
"""Sender, receiver and message of what can be lost."""

MORE = 10_000
"""Places of the scenarios that are looked at where mistakes were found."""
Orders = tuple[tuple[str, str], ...]
"""Lifelines, each with an order to it."""

NOWHERE = Begin("", {}, {})


class Stand(NamedTuple):
    """A state of the system, and how many orders have come."""

    state: State
    ordered: int = 0


Here = tuple[Stand, Places]
"""A stand of the system, and where the scenarios can be after the same global trace."""


@dataclass(frozen=True)
class Circumstances:
    """What can happen to a system besides what its charts do."""

    faults: Faults = frozenset()
    drawn: tuple[Word, ...] = ()
    """The words of all diagrams: what happens only where it is drawn happens if it is among them."""
    later: Orders = ()
    """Orders that come one by one, each when nothing else can happen."""
    gates: Orders = ()
    """What comes from outside at any time."""
    complete: bool = True
    """Whether the scenarios are all that can happen."""
    begin: Begin = NOWHERE
    """Where the use case begins, and what sets it going."""


@dataclass
class Outcome:
    """The result of checking a system against its scenarios."""

    findings: list[Finding] = field(default_factory=list)
    states: int = 0
    """Stands of the system that were met."""
    pairs: int = 0
    """Of these with places of the scenarios."""


def implied(whole: Whole, system: System, begin: State, around: Circumstances, bounds: Bounds) -> Outcome:
    """Every kind of thing that a system does and no scenario allows, each with a shortest run; what was not looked at,
    too.
    """
    must_be_drawn = frozenset(around.gates) - frozenset(around.later)
    search = _Search(replace(whole, gates=must_be_drawn), system, around, bounds)
    search.run(begin)
    return Outcome(search.findings, len({stand for stand, _ in search.parents}), len(search.parents))


class _Search:
    """A breadth-first search over stands of the system with places of the scenarios."""

    def __init__(self, whole: Whole, system: System, around: Circumstances, bounds: Bounds) -> None:
        self.whole = whole
        self.system = system
        self.allowances = system.allowances
        self.around = around
        self.bounds = bounds
        self.findings: list[Finding] = []
        self.parents: dict[Here, tuple[Here, Act] | None] = {}
        self.order = {(word.message, word.detail): n for n, word in reversed(list(enumerate(around.drawn)))}
        self._blamed: set[tuple[str, str]] = set()
        self._expanded: set[Here] = set()
        self._into: dict[Here, list[tuple[Here, str]]] = {}
        """From where each was come to, and whose action that was."""
        self._cut_off: set[Here] = set()
        """What comes after these was not looked at."""
        self._sends_undrawn = system.sends_undrawn()
        self._more = 0
        """Places of the scenarios that were looked at since a mistake was found."""

    def run(self, begin: State) -> None:
        """Search until nothing is new, or a bound is hit."""
        start: Here = (Stand(begin), self.whole.beginning())
        self.parents[start] = None
        queue = deque([start])
        asked = "whether the diagrams say all that the charts can do"
        try:
            while queue:
                self.bounds.watch("what the charts can do", len(self._expanded))
                here = queue.popleft()
                self.bounds.watch_queues(here[0].state.channels)
                self._watch_mistakes(here[1])
                queue.extend(self._expand(here))
            if not self.system.is_reduced:
                self._tell_what_is_never_taken()
        except (Stopped, InteractionError) as stop:
            self.findings.append(unanswered(f"{asked}: {stop}"))

    def _watch_mistakes(self, places: Places) -> None:
        """Raises `Stopped` some time after the first mistake: there may be others, but the verdict is known."""
        if not self.bounds.after_mistakes and any(counts(finding) for finding in self.findings):
            self._more += len(places)
            if self._more > MORE:
                text = "there are mistakes already; what comes after them was not compared to its end"
                raise Stopped(f"stopped after {len(self._expanded)} states, since {text}")

    def _expand(self, here: Here) -> list[Here]:
        stand, places = here
        self._expanded.add(here)
        violation = self.system.violations.at(stand.state)
        if violation is not None:
            self._against_obligation(here, violation)
            self._cut_off.add(here)
            return []  # what comes after that says nothing more
        moves = self._moves(here)
        if self.system.is_reduced or not moves:
            self._never_takes(here, self.system.waiting(stand.state, deferred=False))
        if moves and not self.around.complete and all(self._is_undrawn_expiry(act) for act, _ in moves):
            new = self._set_off(here)
            if new:
                self._cut_off.add(here)
                return new  # a scenario goes on as drawn before a clock that nobody drew runs out
        if not moves:
            self._never_takes(here, self.system.waiting(stand.state, deferred=True))
            new = [] if self.around.complete else self._set_off(here)
            if not new and not self.whole.may_rest(places):
                self._rests(here)
            if not self.around.complete:
                self._cut_off.add(here)
                return new
            moves = [(m.act, Stand(m.then, n)) for m, n in self._ordered(stand)]
        return self._followed(here, moves)

    def _followed(self, here: Here, moves: list[tuple[Act, Stand]]) -> list[Here]:
        new: list[Here] = []
        for act, then in moves:
            places = self.whole.after(act, here[1])
            if not places:
                self._not_allowed(here, act)
                self._cut_off.add(here)
                continue
            if act.kind == "!" and not self.system.is_reduced:
                self._ends_early(here, act)
            following = (then, places)
            self._into.setdefault(following, []).append((here, act.lifeline))
            if following not in self.parents:
                self.parents[following] = (here, act)
                new.append(following)
        return new

    # What can happen.

    def _moves(self, here: Here) -> list[tuple[Act, Stand]]:
        stand, places = here
        options = choice(
            self.system,
            stand.state,
            self._may(places),
            self.order,
            reduced=self.bounds.reductions.partial_order and self._is_closed(places),
        )
        moves = self._with_gates(stand, options.enough)
        if len(options.enough) < len(options.all) and self._leads_back(here, moves):
            moves = self._with_gates(stand, options.all)
        return moves

    def _is_closed(self, places: Places) -> bool:
        """Whether the scenarios allow a run in whatever order independent actions come, so that one order is enough.

        Not where a strict order is drawn. Nor, if a receive in the system can belong to another send than it is drawn
        to: where a critical region holds back one of two messages that are alike, one of them was sent undrawn, or
        they are drawn beside each other.
        """
        if self.system.is_reduced:
            return not self.whole.has_strict_order(places)
        return not (
            self._sends_undrawn
            or self.whole.has_strict_order(places, critical=True)
            or self.whole.has_alike_beside(places)
        )

    def _with_gates(self, stand: Stand, moves: list[Move]) -> list[tuple[Act, Stand]]:
        told = [
            move
            for lifeline, message in self.around.gates
            for move in self.system.orders(stand.state, lifeline, (message,))
        ]
        return [(move.act, Stand(move.then, stand.ordered)) for move in (*moves, *told)]

    def _leads_back(self, here: Here, moves: list[tuple[Act, Stand]]) -> bool:
        """Whether all of these lead to where the search has been: then others could be put off for ever."""
        following = [(then, self.whole.after(act, here[1])) for act, then in moves]
        return all(there in self._expanded for there in following if there[1])

    def _may(self, places: Places) -> Callable[[Act], bool]:
        """What can be sent and lost here, as far as that is not up to the charts."""

        def may(act: Act) -> bool:
            if self.around.complete:
                if act.lost:
                    return is_lost_somewhere(act, self.around, self.allowances)
            elif act.lost or act.peer:
                is_drawn = self.whole.draws(act, places)
                if act.lost:
                    return is_drawn
                if not is_drawn and (
                    self.whole.draws(act._replace(lost=True), places) or self._is_drawn_otherwise(act, places)
                ):
                    return False  # the network does as drawn
            return may_happen(act, self.around, self.allowances)

        return may

    def _is_drawn_otherwise(self, act: Act, places: Places) -> bool:
        """Whether what comes in the place of another message, or is left to come, is drawn so here."""
        outcomes = self.allowances.outcomes(act.message)
        if len(outcomes) == 1 and not any(fault.message == act.message for fault in self.allowances.binding.faults):
            return False
        words = (w for w in self.around.drawn if w.message in outcomes)
        others = (act._replace(message=w.message, detail=w.detail) for w in words)
        return any(other[2:4] != act[2:4] and self.whole.draws(other, places) for other in others)

    def _is_undrawn_expiry(self, act: Act) -> bool:
        """Whether it is what a patient lifeline sends that no diagram draws."""
        return act.kind == "!" and self.system.is_patient(act.lifeline) and not self.allowances.is_drawn(act.lifeline)

    def _set_off(self, here: Here) -> list[Here]:
        """Where a scenario goes on when something comes from outside, drawn or not, that lets it go on as drawn."""
        stand, places = here
        new: list[Here] = []
        for action, word in self.whole.next_drawn(places).items():
            if not self._can_be_set_off(action):
                continue
            reached = match(self.system, stand.state, action, word, with_environment=1, hasty=False)
            act = Act(action.kind, action.lifeline, word.message, word.detail, action.peer or "", action.lost)
            for state in reached:
                there = (Stand(state, stand.ordered), self.whole.after_drawn(action, places))
                if there not in self.parents:
                    self.parents[there] = (here, act)
                    new.append(there)
        return new

    def _can_be_set_off(self, action: Action) -> bool:
        """Whether something from outside can be what an action waits for, where nothing is under way."""
        if action.kind == "?":
            return action.peer is None
        return bool(self.allowances.from_outside(action.lifeline))

    def _ordered(self, stand: Stand) -> Iterator[tuple[Move, int]]:
        """What the next order leads to; one that nobody could follow here is passed over."""
        for place, (lifeline, order) in enumerate(self.around.later[stand.ordered :], stand.ordered + 1):
            in_play = lifeline in self.system.machines
            found = list(self.system.orders(stand.state, lifeline, (order,))) if in_play else []
            if found:
                yield from ((move, place) for move in found)
                return

    # What is wrong.

    def _never_takes(self, here: Here, waiting: Iterable[tuple[Act, str]]) -> None:
        for act, why in waiting:
            self._tell(here, act, "never-taken", f"{act.lifeline} cannot take {act}, which has come: {why}")

    def _tell_what_is_never_taken(self) -> None:
        """What has come to a lifeline that does nothing any more, whatever the others do."""
        for name in self.system.lifelines:
            todo = [*self._cut_off, *(here for edges in self._into.values() for here, who in edges if who == name)]
            acts_later = set(todo)
            while todo:
                for before, _ in self._into.get(todo.pop(), ()):
                    if before not in acts_later:
                        acts_later.add(before)
                        todo.append(before)
            for here in self.parents:
                if here not in acts_later:
                    waiting = self.system.waiting(here[0].state, deferred=False)
                    self._never_takes(here, ((act, why) for act, why in waiting if act.lifeline == name))

    def _not_allowed(self, here: Here, act: Act) -> None:
        name, places = act.lifeline, here[1]
        if act.kind == "!" and self.whole.is_over(places) and not act.ignored:
            to = f" to {act.peer}" if act.peer else ""
            self._tell(here, act, "goes-on", f"the diagram ends here, {name} goes on with {act}{to}")
            return
        expected = self.whole.expected(places, name)
        said = str(act)
        names = {each.partition(" ")[0] for each in expected}
        if said in names:  # so the values differ, or the other end
            said = f"{said} {act.detail}".rstrip()
            if said in expected or str(act) in expected:
                expected = self.whole.expected(places, name, with_ends=True)
                said += f" {'to' if act.kind == '!' else 'from'} {act.peer or 'the environment'}"
        said += ", which is lost," if act.lost else ", and it arrives," if f"{said} (lost)" in expected else ","
        verb = "ignores" if act.ignored else "can do"
        allowed = ", ".join(expected) or "nothing"
        text = f"{name} {verb} {said} which no scenario allows here; the scenarios allow {allowed}"
        self._tell(here, act, "implied-scenario", text)

    def _ends_early(self, here: Here, act: Act) -> None:
        """A scenario that ends where this one goes on, though what is sent then comes in every run."""
        ended = [place for place in here[1] if self.whole.is_over((place,))]
        if ended and len(ended) < len(here[1]) and not self.whole.after(act, frozenset(ended)):
            to = f" to {act.peer}" if act.peer else ""
            text = (
                f"a scenario ends here, and in another one {act.lifeline} goes on with {act}{to}: draw it in both, or "
                "in an `opt`"
            )
            self._tell(here, act, "ends-early", text, warning=True)

    def _rests(self, here: Here) -> None:
        name, action = self.whole.awaited(here[1])
        if not name:
            return  # what is left is drawn elsewhere
        numbers = self.system.numbers
        where = f", in {'/'.join(numbers.where(here[0].state, name))}," if name in numbers.places else ""
        text = f"{name}{where} does nothing more here, and every scenario goes on: with {action} of {name}"
        self._tell(here, None, "never-goes-on", text, name)

    def _against_obligation(self, here: Here, violation: Violation) -> None:
        key = (violation.lifeline, violation.kind)
        if key not in self._blamed:
            self._blamed.add(key)
            text = f"{violation.lifeline} {violation.text}"
            self.findings.append(Finding(violation.kind, text, 0, violation.lifeline, run_to(self.parents, here)))

    def _tell(
        self, here: Here, act: Act | None, kind: str, text: str, lifeline: str = "", *, warning: bool = False
    ) -> None:
        """A finding, the first of its kind for each lifeline."""
        name = act.lifeline if act is not None else lifeline
        key = (name, kind)
        if key in self._blamed:
            return
        self._blamed.add(key)
        run = (*run_to(self.parents, here), *((act,) if act is not None else ()))
        said = rules(act, self.around.begin, self.allowances, ordered=here[0].ordered)
        in_full = kind in {"implied-scenario", "goes-on"} and not self._is_shown_by_its_past(run)
        found = Finding(kind, text, 0, name, run, warning=warning, in_full=in_full, rules=said)  # type: ignore[arg-type]
        self.findings.append(found)

    def _is_shown_by_its_past(self, run: tuple[Act, ...]) -> bool:
        """Whether the scenarios do not allow the last action either where only that has happened which it needs.

        What they allow may depend on what happened elsewhere: on the branch of an `alt` that another one began.
        """
        ends = [End("!" if a.kind == "!" else "?", a.lifeline, a.peer, f"{a.message} {a.detail}", a.lost) for a in run]
        needed = sorted(needed_of(ends))
        places = self.whole.beginning()
        for index in needed[:-1]:
            places = self.whole.after(run[index], places)
        return bool(places) and not self.whole.after(run[-1], places)


def may_happen(act: Act, around: Circumstances, allowances: Allowances) -> bool:
    """Whether something can be sent: what happens only where it is drawn is drawn somewhere."""
    if not allowances.is_rare(act.message, act.detail):
        return True
    by_name = allowances.is_rare(act.message, "")  # so that no diagram need say which one it is
    return any(word.covers(act.message, act.detail) and (word.detail or by_name) for word in around.drawn)


def is_lost_somewhere(act: Act, around: Circumstances, allowances: Allowances) -> bool:
    """Whether some scenario draws that such a message is lost on this hop."""
    return (act.lifeline, act.peer, act.message) in around.faults or (
        not allowances.is_drawn(act.peer) and any((act.lifeline, act.message) == (f[0], f[2]) for f in around.faults)
    )


def run_to(parents: Mapping[Here, tuple[Here, Act] | None], here: Here) -> tuple[Act, ...]:
    """What happened until here, without what nobody sees."""
    path: list[Act] = []
    step = parents[here]
    while step is not None:
        before, done = step
        if done.kind != ".":
            path.append(done)
        step = parents[before]
    return tuple(reversed(path))
