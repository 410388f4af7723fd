"""The scenarios of a specification: diagrams that were read, compiled and bound once, whatever charts are asked."""

import difflib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from statemachine import StateChart

from spec.binding import BUILT_IN, Begin, Binding, Player, Word
from spec.binding.inheritance import misspelled, our_names, refuse_unknown, renamed, seen
from spec.conformance.finding import Finding
from spec.conformance.implied import Circumstances, Faults
from spec.conformance.lexicon import impossible_losses, is_ours, messages_of, refuse_events, unplayed
from spec.conformance.local import Lifeline
from spec.conformance.meanings import Meanings
from spec.conformance.reduction import in_one_order
from spec.conformance.whole import Whole
from spec.interaction import Interaction, InteractionError, Library, alt, compile_diagram, loop
from spec.notation import read
from spec.notation.model import Diagram
from spec.projection import Automaton, project
from spec.system.adapter import TransitionsChart
from spec.system.composition import System
from spec.system.driving import CastError
from spec.system.process import Payloads
from spec.system.setup import OURS, is_participant
from spec.system.stepped import SteppedMachine

Charts = Mapping[str, type[StateChart[Any]]]
Routes = Mapping[tuple[str, str], tuple[str, ...]]


@dataclass
class BoundDiagram:
    """One diagram: what it means, which words its labels are, and what is wrong with it as it stands."""

    diagram: Diagram
    interaction: Interaction
    whole: Interaction
    """The same with use cases that it refers to as a choice among their scenarios."""
    ordered: Interaction
    """The same as `interaction`, with what is concurrent and alike in one order."""
    words: Mapping[str, Word]
    begin: Begin
    findings: tuple[Finding, ...]
    together: tuple["BoundDiagram", ...] = field(default=(), repr=False)
    """The scenarios of its use case: what is drawn in one of them says what can happen in all."""
    beside: frozenset[str] = frozenset()
    """Lifelines of its use case that take part though it does not draw them: see `beside`."""
    _local: dict[tuple[str, bool], Automaton] = field(default_factory=dict, repr=False)

    @property
    def use_case(self) -> str:
        """Its title without what stands in parentheses at its end."""
        return (self.diagram.title or self.diagram.frame or self.diagram.file).partition(" (")[0]

    @property
    def refers_on(self) -> bool:
        """Whether it refers to a use case; a frame that it refers to is part of it."""

        def references(interaction: Interaction) -> set[tuple[str, str]]:
            return {(each.lifeline, each.label) for each in interaction.actions() if each.kind == "ref"}

        return references(self.interaction) != references(self.whole)

    @cached_property
    def messages(self) -> frozenset[str]:
        """The messages that it draws itself, not those of use cases that it refers to."""
        labels = _labels(self.interaction)
        return frozenset(word.message for label, word in self.words.items() if label in labels)

    def drawn(self) -> Mapping[str, frozenset[str]]:
        """What it draws each lifeline doing, as `!message` and `?message`."""
        found: dict[str, set[str]] = {}
        for action in self.interaction.actions():
            if action.label in self.words:
                found.setdefault(action.lifeline, set()).add(f"{action.kind}{self.words[action.label].message}")
        return {lifeline: frozenset(actions) for lifeline, actions in found.items()}

    def local(self, lifeline: str, *, whole: bool = False) -> Automaton:
        """What it says of a lifeline."""
        if (lifeline, whole) not in self._local:
            self._local[lifeline, whole] = project(self.whole if whole else self.interaction, lifeline)
        return self._local[lifeline, whole]

    def size(self, lifeline: str) -> int:
        """How many states there are in what it says of a lifeline; 0 if they are too many to be told apart."""
        try:
            return len(self.local(lifeline).edges)
        except InteractionError:
            return 0

    def routes(self, charts: Charts) -> Routes:
        """For charts that do not say to whom they send: the receivers that its use case draws; "" is outside."""
        return routes_of(self.together or (self,), charts)


def losses_of(diagrams_bound: Iterable[BoundDiagram]) -> Faults:
    """Sender, receiver and message of what scenarios draw lost."""
    return frozenset(
        (action.lifeline, action.peer or "", bound.words[action.label].message)
        for bound in diagrams_bound
        for action in bound.interaction.actions()
        if action.kind == "!" and action.lost and action.label in bound.words
    )


def gates_of(diagrams_bound: Iterable[BoundDiagram]) -> tuple[tuple[str, str], ...]:
    """Receiver and message of what scenarios draw as coming from outside."""
    return tuple(
        dict.fromkeys(
            (action.lifeline, bound.words[action.label].message)
            for bound in diagrams_bound
            for action in bound.interaction.actions()
            if action.kind == "?" and action.peer is None and action.label in bound.words
        )
    )


def routes_of(diagrams_bound: Iterable[BoundDiagram], charts: Charts) -> Routes:
    """The receivers that scenarios draw of each message of each lifeline; none where charts say to whom they send."""
    if all(is_ours(chart) for chart in charts.values()):
        return {}
    found: dict[tuple[str, str], dict[str, None]] = {}
    for bound in diagrams_bound:
        for action in bound.interaction.actions():
            if action.kind == "!" and action.label in bound.words:
                key = (action.lifeline, bound.words[action.label].message)
                found.setdefault(key, {})[action.peer or ""] = None
    return {key: tuple(receivers) for key, receivers in found.items()}


@dataclass
class UseCase:
    """All scenarios of one use case."""

    name: str
    diagrams_bound: tuple[BoundDiagram, ...]
    binding: Binding
    begin: Begin
    complete: bool = True
    """Whether these are all scenarios that there are; otherwise they are scenarios, and the network does as drawn."""

    def __post_init__(self) -> None:
        self.words = {label: word for bound in self.diagrams_bound for label, word in bound.words.items()}
        self.names = tuple(dict.fromkeys(name for bound in self.diagrams_bound for name in bound.interaction.lifelines))
        messages = frozenset[str]().union(*[bound.messages for bound in self.diagrams_bound])
        self.binding = replace(self.binding, drawn=frozenset(self.names), drawn_messages=messages)
        self.faults = losses_of(self.diagrams_bound)

    @property
    def says_all(self) -> bool:
        """Whether what the scenarios do not draw does not happen, so that it can be looked for."""
        return not self.begin.examples and not any(self.binding.is_scripted(name) for name in self.names)

    def whole(self) -> Whole:
        """What the scenarios say of all lifelines together. What a use case that they refer to says is not in it."""
        terms = tuple(bound.interaction.term for bound in self.diagrams_bound)
        if self.begin.recurring:
            terms = (loop(alt(*terms)),)
        return Whole(terms, self.words, self.binding, self.complete)

    @property
    def refers_on(self) -> bool:
        """Whether what comes after a reference to a use case is compared, too: lifeline by lifeline."""
        return self.complete and any(bound.refers_on for bound in self.diagrams_bound)

    def lifeline(self, name: str) -> Lifeline:
        """What the scenarios, with all that they refer to, say of a lifeline."""
        told = [bound for bound in self.diagrams_bound if name in bound.whole.lifelines]
        if self.begin.recurring:
            again = loop(alt(*[bound.whole.term for bound in told]))
            return Lifeline(name, (project(replace(told[0].whole, term=again), name),), self.words, self.binding)
        automata = tuple(bound.local(name, whole=True) for bound in told)
        return Lifeline(name, automata, self.words, self.binding)

    def circumstances(self, system: System) -> Circumstances:
        """What can happen to a system besides what its charts do."""
        words = tuple(self.words.values())
        return Circumstances(self.faults, words, self.begin.later, self.gates(system), self.complete, self.begin)

    def routes(self, charts: Charts) -> Routes:
        """Those of all scenarios."""
        return routes_of(self.diagrams_bound, charts)

    def gates(self, system: System) -> tuple[tuple[str, str], ...]:
        """What the diagrams draw as coming from outside to charts that are not ours."""
        return tuple(
            gate for gate in gates_of(self.diagrams_bound) if isinstance(system.machines.get(gate[0]), SteppedMachine)
        )


@dataclass
class Specification:
    """Diagrams that are to be checked, and their use cases with what else is known of these."""

    binding: Binding
    charts: Charts
    diagrams_bound: tuple[BoundDiagram, ...]
    use_cases: tuple[UseCase, ...]

    @property
    def payloads(self) -> Payloads:
        """The values that the diagrams draw messages with: no others are sent."""
        found: dict[str, dict[tuple[Hashable, ...], None]] = {}
        for word in (word for bound in self.diagrams_bound for word in bound.words.values()):
            if word.values is not None:
                found.setdefault(word.message, {})[word.values] = None
        return {message: tuple(values) for message, values in found.items()}


def specification(
    texts: Iterable[tuple[str, str]],
    binding: Binding,
    charts: Charts,
    others: Iterable[tuple[str, str]] = (),
    *,
    complete: bool = True,
) -> Specification:
    """Read diagrams, given as file and text; `others` are referred to. Unless `complete` they are scenarios among
    others, if any of our charts takes part in them: with charts of others a user's diagrams are all that there is.
    """
    given = charts
    charts = {**OURS, **charts}
    binding = _with_charts(binding, charts)
    refuse_events(binding, charts)
    refuse_unknown(binding, charts, messages_of(charts, binding))
    diagrams = [read(text, file=file) for file, text in texts]
    refuse_idle(given, diagrams, binding)
    frames = {diagram.frame for diagram in diagrams if diagram.frame}
    further = [other for file, text in others if (other := read(text, file=file)).frame not in frames]
    drawn = {lifeline.name for diagram in diagrams for lifeline in diagram.lifelines}
    meant = [renamed(diagram, misspelled(diagram, binding)) for diagram in diagrams]
    meant += [renamed(diagram, our_names(binding, drawn)) for diagram in further]
    meanings = Meanings(binding, charts)
    meant = [meanings.marked(diagram) for diagram in meant]
    played = [seen(diagram, binding, binding.players) for diagram in meant]
    libraries = (Library(played, families="opaque"), Library(played, families="expand"))
    diagrams_bound = []
    for as_drawn, diagram in zip(diagrams, played, strict=False):
        bound = _bound_diagram(diagram, libraries, meanings)
        wrong = (*unplayed(as_drawn, binding, charts), *impossible_losses(diagram, binding))
        diagrams_bound.append(replace(bound, findings=(*wrong, *bound.findings)))
    names = dict.fromkeys(bound.use_case for bound in diagrams_bound)
    use_cases = tuple(_use_case(name, diagrams_bound, binding, charts, complete=complete) for name in names)
    return Specification(binding, charts, tuple(diagrams_bound), use_cases)


def refuse_idle(charts: Charts, diagrams: Iterable[Diagram], binding: Binding) -> None:
    """Raise `CastError` for a chart that plays no lifeline of any of the diagrams: it was not asked anything."""
    drawn = {lifeline.name for diagram in diagrams for lifeline in diagram.lifelines}
    played = {binding.players[name].chart for name in drawn if name in binding.players}
    likes = {binding.players[name].like for name in drawn if name in binding.players}
    groups = {binding.players[name].group for name in drawn if name in binding.players} - {""}
    for name in charts:
        beside = name in binding.players and (binding.players[name].group in groups or binding.players[name].role)
        if drawn and not (name in drawn or name in played or name in likes or name in OURS or beside):
            near = difflib.get_close_matches(name, sorted(drawn), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CastError(
                f"charts: {name!r} plays nobody: no diagram has a lifeline of that name{hint}; "
                f"there are {', '.join(sorted(drawn))}"
            )


def _with_charts(binding: Binding, charts: Charts) -> Binding:
    """The binding with a player for each chart given by lifeline; our own says nothing of charts that are not ours."""
    for name, chart in charts.items():
        if not isinstance(chart, TransitionsChart) and not (isinstance(chart, type) and issubclass(chart, StateChart)):
            raise CastError(
                f"charts: {name!r}: expected a class made from StateChart, not {chart!r}; "
                "a machine of `transitions` is given by spec.system.adapter.from_transitions"
            )
    theirs = {name: chart for name, chart in charts.items() if chart not in OURS.values()}
    foreign = {name for name, chart in theirs.items() if not is_participant(chart)}
    ours = {name for name, player in binding.players.items() if player.place == BUILT_IN}
    binding = binding.without(frozenset(foreign & ours))
    added = {
        name: Player(chart.__name__)
        for name, chart in theirs.items()
        if name not in binding.players and (name in foreign or name not in OURS)
    }
    return replace(binding, players={**binding.players, **added})


def _use_case(
    name: str, diagrams_bound: list[BoundDiagram], binding: Binding, charts: Charts, *, complete: bool
) -> UseCase:
    """The scenarios of that name."""
    members = tuple(bound for bound in diagrams_bound if bound.use_case == name)
    for bound in members:
        bound.together = members
    lifelines = {lifeline for bound in members for lifeline in bound.interaction.lifelines}
    players = [binding.players[lifeline] for lifeline in lifelines if lifeline in binding.players]
    ours = any(player.chart in charts and is_ours(charts[player.chart]) for player in players)
    if not ours:
        for bound in members:
            bound.beside = beside(bound, members, binding)
    return UseCase(name, members, binding, members[0].begin, complete=complete or not ours)


def beside(bound: BoundDiagram, together: Iterable[BoundDiagram], binding: Binding) -> frozenset[str]:
    """The lifelines that a diagram leaves out, and that others of its use case join to it by arrows; all, if any is
    patient, since it waits for all.

    What they do needs no drawing there, but it is not as if they were not there.
    """
    ends = {
        (action.lifeline, action.peer)
        for each in together
        for action in each.interaction.actions()
        if action.peer is not None
    }
    names = {name for each in together for name in each.interaction.lifelines}
    found = set(bound.interaction.lifelines)
    if bound.begin.patient and any(binding.players[name].patient for name in names if name in binding.players):
        found |= names
    while more := {end for pair in ends if not found.isdisjoint(pair) for end in pair} - found:
        found |= more
    return frozenset(found).difference(bound.interaction.lifelines)


def _bound_diagram(diagram: Diagram, libraries: tuple[Library, Library], meanings: Meanings) -> BoundDiagram:
    """A diagram, with use cases that it refers to opaque, and expanded."""
    interaction, whole = (compile_diagram(diagram, library) for library in libraries)
    problems = {(problem.line, problem.message) for problem in interaction.problems}
    findings = [
        Finding("unreadable", f"column {d.column}: {d.message}", d.line, warning=d.severity == "warning")
        for d in diagram.diagnostics
        if (d.line, d.message) not in problems  # of its life cycle, which is said below
    ]
    findings += [
        Finding(
            "missing-reference" if problem.kind == "missing-reference" else "unreadable",
            problem.message,
            problem.line,
            problem.lifeline or "",
            warning=problem.warning or problem.kind == "missing-reference",
            unanswered=problem.kind == "missing-reference",
        )
        for problem in interaction.problems
        if problem.file in {"", diagram.file}
    ]
    words: dict[str, Word] = {}
    lines = _labels(interaction)
    for label in {**lines, **_labels(whole)}:
        word, finding = meanings.word(label, lines.get(label, 0))
        if word is not None:
            words[label] = word
        if finding is not None and label in lines:
            findings.append(finding)
    ordered = in_one_order(interaction, words, meanings.binding)
    begin = meanings.binding.begin(diagram.title or "")
    return BoundDiagram(diagram, interaction, whole, ordered, words, begin, tuple(findings))


def _labels(interaction: Interaction) -> dict[str, int]:
    """Each label of an arrow with the first line that it stands on, of this diagram and those that it refers to."""
    found: dict[str, int] = {}
    for action in interaction.actions():
        if action.kind != "ref":
            found.setdefault(action.label, action.line)
    return found
