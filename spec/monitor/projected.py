r"""The same question for diagrams of other protocols: is what each lifeline does a beginning of what a diagram says?

There are no charts here. Each lifeline of each diagram is projected to an automaton (`spec.projection`), and a lifeline
is followed with the set of states that it can be in, in any of the diagrams: those of a use case are alternatives.
What an observer cannot see is passed over.

    >>> from spec.monitor.projected import Acted, DiagramMonitor
    >>> text = "participant A\nparticipant B\nA->B:ask\nB->A:answer"
    >>> monitor = DiagramMonitor.of({"ask.txt": text})
    >>> monitor.see(Acted(0.0, "A", "!", "ask", "B"))
    >>> monitor.see(Acted(1.0, "B", "!", "answer", "A")).what
    'does !answer > A; the diagrams allow ?ask < A (ask.txt, line 3)'
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from spec.interaction import Library, compile_diagram
from spec.monitor.observation import Gap, Observed
from spec.monitor.verdict import Answer, Forbidden, Unjudged
from spec.notation import read
from spec.projection import Automaton, Letter, letter_name, project

Position = tuple[int, int]
"""A diagram, and a state of the automaton of a lifeline in it."""


@dataclass(frozen=True, slots=True)
class Acted(Observed):
    """A lifeline sent (`!`) a message to `peer`, or received (`?`) one from it; `peer` None is the environment."""

    lifeline: str
    kind: Literal["!", "?"]
    label: str
    peer: str | None = None


@dataclass
class DiagramMonitor:
    """Follows the lifelines of some diagrams; `sees` says which of their actions an observer can see."""

    automata: Mapping[str, tuple[Automaton, ...]]
    sees: Callable[[str, Letter], bool] = lambda _lifeline, _letter: True
    forbidden: list[Forbidden] = field(default_factory=list)
    unjudged: list[Unjudged] = field(default_factory=list)
    judged: int = 0

    def __post_init__(self) -> None:
        self.positions: dict[str, frozenset[Position]] = {
            lifeline: self._beside(lifeline, {(place, 0) for place in range(len(automata))})
            for lifeline, automata in self.automata.items()
        }

    @classmethod
    def of(
        cls, texts: Mapping[str, str], sees: Callable[[str, Letter], bool] = lambda _lifeline, _letter: True
    ) -> "DiagramMonitor":
        """For diagrams given as text, by file name. Raises `ValueError` for one that cannot be read or compiled."""
        diagrams = [read(text, file=file) for file, text in texts.items()]
        for diagram in diagrams:
            for problem in diagram.diagnostics:
                if problem.severity == "error":
                    raise ValueError(f"{diagram.file}: line {problem.line}: {problem.message}")
        library = Library(diagrams)
        found: dict[str, list[Automaton]] = {}
        for interaction in (compile_diagram(diagram, library) for diagram in diagrams):
            for lifeline in interaction.lifelines:
                found.setdefault(lifeline, []).append(project(interaction, lifeline))
        return cls({lifeline: tuple(automata) for lifeline, automata in found.items()}, sees)

    @property
    def answer(self) -> Answer:
        """Of all that was seen."""
        if self.forbidden:
            return Answer.FORBIDDEN
        return Answer.CANNOT_TELL if self.unjudged or not self.judged else Answer.ALLOWED

    def see(self, seen: Observed) -> Forbidden | None:
        """Take notice of an observation; what is forbidden about it, if anything is."""
        if isinstance(seen, Gap):
            self._gap(seen)
            return None
        if not isinstance(seen, Acted):
            raise TypeError(f"{type(seen).__name__} is nothing that a lifeline of a diagram does")
        lifeline, letter = seen.lifeline, Letter(seen.kind, seen.label, seen.peer)
        if lifeline not in self.positions:
            return self._forbid(seen, f"is no lifeline of the diagrams, which have {', '.join(sorted(self.positions))}")
        automata = self.automata[lifeline]
        then = {
            (place, automata[place].edges[state][letter])
            for place, state in self.positions[lifeline]
            if letter in automata[place].edges[state]
        }
        if not then and any(each.kind == "ref" for each in self._letters(lifeline)):
            self.unjudged.append(Unjudged(lifeline, seen, "a procedure that no diagram draws can go on here"))
            self.positions[lifeline] = self._anywhere(lifeline)
            return None
        if not then:
            allowed = "; ".join(self.expected(lifeline)) or "nothing more"
            return self._forbid(seen, f"does {letter_name(letter)}; the diagrams allow {allowed}")
        self.judged += 1
        self.positions[lifeline] = self._beside(lifeline, then)
        return None

    def see_all(self, run: Iterable[Observed]) -> Answer:
        """Take notice of a whole run; the answer at its end."""
        for seen in run:
            self.see(seen)
        return self.answer

    def expected(self, lifeline: str) -> Iterator[str]:
        """What a lifeline may do next, each with where that is drawn."""
        found: dict[Letter, set[tuple[str, int]]] = {}
        for place, state in self.positions[lifeline]:
            automaton = self.automata[lifeline][place]
            for letter in automaton.edges[state]:
                found.setdefault(letter, set()).update(automaton.origins[state, letter])
        for letter in sorted(found, key=letter_name):
            places = ", ".join(f"{file}, line {line}" for file, line in sorted(found[letter]))
            yield f"{letter_name(letter)} ({places})"

    def may_rest(self, lifeline: str) -> bool:
        """Whether what was seen of a lifeline is complete in one of the diagrams."""
        return any(state in self.automata[lifeline][place].accepting for place, state in self.positions[lifeline])

    def _beside(self, lifeline: str, positions: Iterable[Position]) -> frozenset[Position]:
        """These positions, and those that can be reached unseen."""
        found: set[Position] = set()
        todo = list(positions)
        while todo:
            here = todo.pop()
            if here in found:
                continue
            found.add(here)
            place, state = here
            edges = self.automata[lifeline][place].edges[state]
            todo += [
                (place, to) for letter, to in edges.items() if letter.kind != "ref" and not self.sees(lifeline, letter)
            ]
        return frozenset(found)

    def _gap(self, seen: Gap) -> None:
        """Everybody can have done anything."""
        for lifeline in self.automata:
            self.positions[lifeline] = self._anywhere(lifeline)
        self.unjudged.append(Unjudged("", seen, seen.why or "the observer missed something here"))

    def _letters(self, lifeline: str) -> Iterator[Letter]:
        return (
            letter
            for place, state in self.positions[lifeline]
            for letter in self.automata[lifeline][place].edges[state]
        )

    def _anywhere(self, lifeline: str) -> frozenset[Position]:
        return frozenset(
            (place, state) for place, automaton in enumerate(self.automata[lifeline]) for state in automaton.edges
        )

    def _forbid(self, seen: Acted, what: str) -> Forbidden:
        self.forbidden.append(Forbidden(seen.lifeline, "", seen, None, what))
        return self.forbidden[-1]
