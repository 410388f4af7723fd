"""What the scenarios of a use case say of all lifelines together: where they can be after a global trace.

A place is what is left of one scenario. An action of the system leads to the places at which a scenario draws it; it
stays where it was, too, if the binding lets participants do it undrawn. Whether a message is lost is part of a global
trace.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

from spec.binding import Word
from spec.binding.allowances import Allowances
from spec.conformance.needs import Needs, Open
from spec.interaction import Action, Term, can_end, erase, steps
from spec.interaction.exploration import actions_in, has_strict_order, inside
from spec.interaction.terms import Critical, Par
from spec.system.state import Act


class Place(NamedTuple):
    """What is left of a scenario."""

    term: Term
    bound: int = 0
    early_sends: frozenset[tuple[str, Word]] = frozenset()
    """What lifelines sent before its turn."""
    done: frozenset[tuple[str, Word]] = frozenset()
    """What may be sent before its turn and was sent in it."""
    free: frozenset[str] = frozenset()
    """Lifelines of which the scenario says no more: they are in a procedure that is drawn elsewhere, or heard of one.
    """
    still_open: Open = ()
    skipped: frozenset[Any] = frozenset()
    """Arrows that are drawn by mistake: what they need never came."""


Places = frozenset[Place]


@dataclass
class Whole:
    """All scenarios of a use case."""

    terms: tuple[Term, ...]
    words: Mapping[str, Word]
    allowances: Allowances
    complete: bool = True
    """Whether no other scenarios of the use case are to be thought of."""
    gates: frozenset[tuple[str, str]] = frozenset()
    """Receiver and message of what comes from outside where it is drawn; other orders need no drawing."""
    _after: dict[tuple[Act, Place], Places] = field(default_factory=dict, init=False, repr=False)
    _drawn: dict[tuple[Act, Place], Places] = field(default_factory=dict, init=False, repr=False)
    _sends: dict[tuple[str, Term], frozenset[Word]] = field(default_factory=dict, init=False, repr=False)
    _settled: dict[Place, Places] = field(default_factory=dict, init=False, repr=False)
    _ambiguous: dict[Term, bool] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._needs = Needs(self.allowances.binding.needs, self.words)

    def beginning(self) -> Places:
        """Where the scenarios begin."""
        places = (self._without_mistakes(Place(term, n)) for n, term in enumerate(self.terms))
        return frozenset[Place]().union(*places)

    def after(self, act: Act, places: Places) -> Places:
        """Where the scenarios can be after an action; nowhere if none of them allows it here."""
        if act.kind == ".":
            return places
        found: set[Place] = set()
        for place in places:
            if (act, place) not in self._after:
                self._after[act, place] = frozenset(self._allowed(act, place))
            found |= self._after[act, place]
        return frozenset(found)

    def has_strict_order(self, places: Places, *, critical: bool = False) -> bool:
        """Whether what is left of some scenario draws an order that is neither a lifeline's nor an arrow's; if that is
        asked for, or a critical region.
        """
        return any(has_strict_order(place.term) or (critical and _is_critical(place.term)) for place in places)

    def has_alike_beside(self, places: Places) -> bool:
        """Whether what is left of some scenario draws messages that are alike, of one sender to one receiver, beside
        each other: each can be received where the other is drawn, as soon as both were sent.
        """
        return any(self._is_ambiguous(place.term) for place in places)

    def _is_ambiguous(self, term: Term) -> bool:
        if term not in self._ambiguous:
            pars = (each for each in inside(term) if isinstance(each, Par))
            self._ambiguous[term] = any(self._mixes_up(par) for par in pars)
        return self._ambiguous[term]

    def _mixes_up(self, par: Par) -> bool:
        """Whether two threads have a message in common, and one of them says more than that."""
        parts = [list(actions_in(part)) for part in par.parts]
        received = [[a for a in part if a.kind == "?" and a.label in self.words] for part in parts]
        is_single = [len({a.arrow for a in part}) == 1 for part in parts]
        for n, m in combinations(range(len(parts)), 2):
            if is_single[n] and is_single[m]:
                continue  # whichever comes first, nothing depends on it
            if any(self._are_alike(one, other) for one in received[n] for other in received[m]):
                return True
        return False

    def _are_alike(self, one: Action, other: Action) -> bool:
        if (one.lifeline, one.peer) != (other.lifeline, other.peer):
            return False
        a, b = self.words[one.label], self.words[other.label]
        return a.covers(b.message, b.detail) or b.covers(a.message, a.detail)

    def draws(self, act: Act, places: Places) -> bool:
        """Whether a scenario draws an action here."""
        return any(self.drawn(act, place) for place in places)

    def may_rest(self, places: Iterable[Place]) -> bool:
        """Whether a scenario has come to an end, or can be left, at one of these places."""
        return any(self._can_end(place) for place in places)

    def is_over(self, places: Iterable[Place]) -> bool:
        """Whether nothing is left of any scenario."""
        return not any(True for place in places for _ in steps(place.term))

    def expected(self, places: Iterable[Place], lifeline: str, *, with_ends: bool = False) -> list[str]:
        """What the scenarios allow a lifeline, in words, with the other end or without."""
        found = set()
        for place in places:
            for action, _ in self._steps(place.term, lifeline):
                word = self.words.get(action.label)
                if word is not None:
                    to = f" {'to' if action.kind == '!' else 'from'} {action.peer or 'the environment'}"
                    lost = " (lost)" if action.lost else ""
                    found.add(f"{action.kind}{word}" + (to + lost if with_ends else ""))
        return sorted(found)

    def next_drawn(self, places: Iterable[Place]) -> dict[Action, Word]:
        """What the scenarios draw next."""
        found: dict[Action, Word] = {}
        for place in sorted(places, key=repr):
            for action, _ in steps(place.term):
                if action.kind != "ref" and action.label in self.words and action.lifeline not in place.free:
                    found.setdefault(action, self.words[action.label])
        return found

    def after_drawn(self, action: Action, places: Iterable[Place]) -> Places:
        """Where the scenarios are after an action of a diagram."""
        found: set[Place] = set()
        for place in places:
            for drawn, rest in steps(place.term):
                if drawn == action and (open_ := self._needs.after(action, place.still_open)) is not None:
                    found |= self._without_mistakes(place._replace(term=rest, still_open=open_))
        return frozenset(found)

    def awaited(self, places: Iterable[Place]) -> tuple[str, str]:
        """A lifeline that is drawn to go on, and what it is drawn to do; empty if there is none."""
        for place in places:
            for action, _ in steps(place.term):
                word = self.words.get(action.label)
                if word is not None and action.lifeline not in place.free:
                    return action.lifeline, f"{action.kind}{word}"
        return "", ""

    def drawn(self, act: Act, place: Place) -> Places:
        """Where a scenario is after an action that it draws."""
        if (act, place) not in self._drawn:
            self._drawn[act, place] = frozenset(self._drawn_next(act, place))
        return self._drawn[act, place]

    def _drawn_next(self, act: Act, place: Place) -> Iterator[Place]:
        for action, rest in self._steps(place.term, act.lifeline):
            word = self.words.get(action.label)
            if action.kind != act.kind or word is None or not word.covers(act.message, act.detail):
                continue
            if action.kind == "!" and action.lost != act.lost:
                continue
            if act.peer != (action.peer or "") and self.allowances.is_drawn(act.peer):
                continue
            still_open = self._needs.after(action, place.still_open)
            if still_open is not None:
                done = place.done
                if action.kind == "!" and self.allowances.may_be_sent_early(act.lifeline, str(act)):
                    done |= {(act.lifeline, word)}
                yield from self._without_mistakes(place._replace(term=rest, still_open=still_open, done=done))

    def _allowed(self, act: Act, place: Place) -> Iterator[Place]:
        """Where a scenario can be after an action, drawn or not."""
        name = act.lifeline
        if name in place.free or act.peer in place.free:
            yield place._replace(free=place.free | {name})
            return
        for action, rest in self._steps(place.term, name):
            # Its own diagrams say how that goes on; but what needs no drawing is no beginning of it.
            if action.kind == "ref" and not self.allowances.may(name, str(act), act.peer):
                yield from self._allowed(act, place._replace(term=rest, free=place.free | {name}))
        if act.ignored and not act.allowed:
            return
        drawn = self.drawn(act, place)
        yield from (there for each in drawn for there in self._caught_up(each))
        said = Word(act.message, act.detail)
        if act.kind == "!" and not act.lost and not drawn and self._may_be_sent_early(name, said, place):
            yield place._replace(early_sends=place.early_sends | {(name, said)})
        if act.ignored and self._is_covered(name, str(act)):
            return  # it is right to ignore that, but who draws that it is sent?
        ordered = act.kind == "?" and not act.peer and (name, act.message) not in self.gates
        if act.ignored or ordered or self.allowances.may(name, str(act), act.peer):
            yield place

    def _may_be_sent_early(self, lifeline: str, said: Word, place: Place) -> bool:
        """Whether a lifeline may send something before its turn: some scenario draws it, and it was not sent so far."""
        if (
            not self.allowances.may_be_sent_early(lifeline, f"!{said.message}")
            or (lifeline, said) in place.early_sends | place.done
        ):
            return False
        return not self.complete or any(said in self._sent(lifeline, term) for term in self.terms)

    def _sent(self, lifeline: str, term: Term) -> frozenset[Word]:
        """What a lifeline sends in a term."""
        if (lifeline, term) not in self._sends:
            sent = (a for a in actions_in(erase(term, lifeline)) if a.kind == "!")
            self._sends[lifeline, term] = frozenset(self.words[a.label] for a in sent if a.label in self.words)
        return self._sends[lifeline, term]

    def _caught_up(self, place: Place) -> Iterator[Place]:
        """This place, and those where what was sent ahead has had its turn."""
        todo, seen = [place], set()
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            for name, word in at.early_sends:
                for action, rest in self._steps(at.term, name):
                    if action.kind == "!" and self.words.get(action.label) == word:
                        early_sends, done = at.early_sends - {(name, word)}, at.done | {(name, word)}
                        todo.append(at._replace(term=rest, early_sends=early_sends, done=done))
        yield from seen

    def _is_covered(self, lifeline: str, action: str) -> bool:
        discipline = self.allowances.discipline(lifeline)
        return discipline is not None and discipline.covers(action)

    def _without_mistakes(self, place: Place) -> Places:
        """The place, and those where what is drawn by mistake is passed over: no participants could do it."""
        if not self.allowances.binding.needs:
            return frozenset({place})
        if place not in self._settled:
            todo, seen = [place], {place}
            while todo:
                new = [there for there in self._past_a_mistake(todo.pop()) if there not in seen]
                seen.update(new)
                todo += new
            self._settled[place] = frozenset(seen)
        return self._settled[place]

    def _past_a_mistake(self, place: Place) -> Iterator[Place]:
        for action, rest in steps(place.term):
            if action.kind == "!" and self._needs.after(action, place.still_open) is None:
                yield place._replace(term=rest, skipped=place.skipped | {action.arrow})
            elif action.kind == "?" and action.arrow in place.skipped:
                yield place._replace(term=rest)

    def _can_end(self, place: Place) -> bool:
        if can_end(place.term):
            return True
        only = [name for name in place.term.lifelines if name not in place.free]
        refs = {a.lifeline for a, _ in steps(place.term) if a.kind == "ref"}
        return all(name in refs or can_end(erase(place.term, name)) for name in only)

    def _steps(self, term: Term, lifeline: str) -> Iterator[tuple[Action, Term]]:
        return ((action, rest) for action, rest in steps(term) if action.lifeline == lifeline)


@lru_cache(1 << 12)
def _is_critical(term: Term) -> bool:
    return any(isinstance(each, Critical) for each in inside(term))
