"""The courses of a specification: diagrams that were read, compiled and bound once, whatever charts are asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from statemachine import StateChart

from machines import Participant
from spec.binding import BUILT_IN, Begin, Binding, Player, Word
from spec.binding.inheritance import misspelled, our_names, refuse_unknown, renamed, seen
from spec.conformance.implied import Faults, Lifeline
from spec.conformance.inclusion import Finding
from spec.conformance.lexicon import is_ours, unplayed, word_of
from spec.conformance.reduction import in_one_order
from spec.interaction import Interaction, Library, compile_diagram
from spec.notation import read
from spec.notation.model import Diagram
from spec.projection import Automaton, project
from spec.system.composition import System
from spec.system.foreign import ForeignMachine, actions_of
from spec.system.setup import OURS, CastError

Charts = Mapping[str, type[StateChart[Any]]]
Routes = Mapping[tuple[str, str], tuple[str, ...]]


@dataclass
class Course:
    """One diagram: what it means, which words its labels are, and what is wrong with it as it stands."""

    diagram: Diagram
    interaction: Interaction
    whole: Interaction
    """The same with use cases that it refers to as a choice among their courses."""
    ordered: Interaction
    """The same as `interaction`, with what is concurrent and alike in one order."""
    words: Mapping[str, Word]
    begin: Begin
    findings: tuple[Finding, ...]
    _local: dict[tuple[str, bool], Automaton] = field(default_factory=dict, repr=False)

    @property
    def use_case(self) -> str:
        """Its title without what stands in parentheses at its end."""
        return (self.diagram.title or self.diagram.frame or self.diagram.file).partition(" (")[0]

    def local(self, lifeline: str, *, whole: bool = False) -> Automaton:
        """What it says of a lifeline."""
        if (lifeline, whole) not in self._local:
            self._local[lifeline, whole] = project(self.whole if whole else self.interaction, lifeline)
        return self._local[lifeline, whole]

    def routes(self, charts: Charts) -> Routes:
        """For charts that do not say to whom they send: the receivers that the diagram draws."""
        routes: dict[tuple[str, str], list[str]] = {}
        if all(is_ours(chart) for chart in charts.values()):
            return {}
        for action in self.interaction.actions():
            if action.kind == "!" and action.peer and action.label in self.words:
                receivers = routes.setdefault((action.lifeline, self.words[action.label].message), [])
                if action.peer not in receivers:
                    receivers.append(action.peer)
        return {key: tuple(receivers) for key, receivers in routes.items()}


@dataclass
class UseCase:
    """All courses of one use case."""

    name: str
    courses: tuple[Course, ...]
    binding: Binding
    begin: Begin
    is_partial: bool = False
    """Whether not all courses need be drawn: our charts can do more than a user's diagrams are about."""

    def __post_init__(self) -> None:
        self.words = {label: word for course in self.courses for label, word in course.words.items()}
        self.names = tuple(dict.fromkeys(name for course in self.courses for name in course.interaction.lifelines))
        self.binding = replace(self.binding, drawn=frozenset(self.names))
        self.faults: Faults = frozenset(
            (action.lifeline, action.peer or "", self.words[action.label].message)
            for course in self.courses
            for action in course.interaction.actions()
            if action.kind == "!" and action.lost and action.label in self.words
        )
        self._lifelines: dict[str, Lifeline] = {}

    @property
    def says_all(self) -> bool:
        """Whether what the courses do not draw does not happen, so that it can be looked for."""
        return not self.begin.examples and not any(self.binding.is_scripted(name) for name in self.names)

    def lifeline(self, name: str) -> Lifeline:
        """What the courses say of a lifeline."""
        if name not in self._lifelines:
            told = [course for course in self.courses if name in course.whole.lifelines]
            automata = tuple(course.local(name, whole=True) for course in told)
            self._lifelines[name] = Lifeline(name, automata, self.words, self.binding)
        return self._lifelines[name]

    def routes(self, charts: Charts) -> Routes:
        """Those of all courses."""
        return {key: to for course in self.courses for key, to in course.routes(charts).items()}

    def gates(self, system: System) -> tuple[tuple[str, str], ...]:
        """What the diagrams draw as coming from outside to charts that are not ours."""
        return tuple(
            dict.fromkeys(
                (action.lifeline, self.words[action.label].message)
                for course in self.courses
                for action in course.interaction.actions()
                if action.kind == "?" and action.peer is None and action.label in self.words
                if isinstance(system.machines.get(action.lifeline), ForeignMachine)
            )
        )


@dataclass
class Specification:
    """Diagrams that are to be checked, and their use cases with what else is known of these."""

    binding: Binding
    charts: Charts
    courses: tuple[Course, ...]
    use_cases: tuple[UseCase, ...]


def specification(
    texts: Iterable[tuple[str, str]], binding: Binding, charts: Charts, others: Iterable[tuple[str, str]] = ()
) -> Specification:
    """Read diagrams, given as file and text; `others` are of the same use cases, or referred to."""
    charts = {**OURS, **charts}
    binding = _with_charts(binding, charts)
    refuse_unknown(binding, charts, {action[1:] for chart in charts.values() for action in actions_of(chart)})
    diagrams = [read(text, file=file) for file, text in texts]
    frames = {diagram.frame for diagram in diagrams if diagram.frame}
    further = [other for file, text in others if (other := read(text, file=file)).frame not in frames]
    meant = [renamed(diagram, misspelled(diagram, binding)) for diagram in diagrams]
    meant += [renamed(diagram, our_names(binding)) for diagram in further]
    played = [seen(diagram, binding, binding.players) for diagram in meant]
    libraries = (Library(played, families="opaque"), Library(played, families="expand"))
    courses = [_course(diagram, libraries, binding, charts) for diagram in played]
    checked = [
        replace(course, findings=(*unplayed(diagram, binding, charts), *course.findings))
        for diagram, course in zip(diagrams, courses, strict=False)
    ]
    rest = courses[len(diagrams) :]
    names = dict.fromkeys(course.use_case for course in checked)
    return Specification(
        binding, charts, tuple(checked), tuple(_use_case(name, checked, rest, binding, charts) for name in names)
    )


def _with_charts(binding: Binding, charts: Charts) -> Binding:
    """The binding with a player for each chart given by lifeline; our own says nothing of charts that are not ours."""
    for name, chart in charts.items():
        if not isinstance(chart, type) or not issubclass(chart, StateChart):
            raise CastError(f"charts: {name!r}: expected a class made from StateChart, not {chart!r}")
    theirs = {name: chart for name, chart in charts.items() if chart not in OURS.values()}
    foreign = {name for name, chart in theirs.items() if not issubclass(chart, Participant)}
    ours = {name for name, player in binding.players.items() if player.place == BUILT_IN}
    binding = binding.without(frozenset(foreign & ours))
    added = {
        name: Player(chart.__name__)
        for name, chart in theirs.items()
        if name not in binding.players and (name in foreign or name not in OURS)
    }
    return replace(binding, players={**binding.players, **added})


def _use_case(name: str, checked: list[Course], rest: list[Course], binding: Binding, charts: Charts) -> UseCase:
    """The courses of that name. A user's diagrams may be of a use case of ours that is called otherwise."""
    members = tuple(course for course in (*checked, *rest) if course.use_case == name)
    begin = members[0].begin
    if begin.place == BUILT_IN or not all(is_ours(chart) for chart in charts.values()):
        return UseCase(name, members, binding, begin)
    same = _same_use_case(members, rest, binding)
    return UseCase(name, (*members, *same), binding, same[0].begin if same else begin, is_partial=not same)


def _same_use_case(members: Iterable[Course], others: Iterable[Course], binding: Binding) -> tuple[Course, ...]:
    """The courses of ours that begin like a user's diagrams, whatever they are called: they are of one use case."""
    lifelines = {name for course in members for name in course.interaction.lifelines}
    homes = {player.group for player in binding.players.values() if player.place == BUILT_IN}
    if not all(binding.players[name].group in homes for name in lifelines):
        return ()  # with more servers than ours, more can happen than ours draw

    def where(begin: Begin) -> tuple[dict[str, str], ...]:
        return tuple({n: s for n, s in said.items() if n in lifelines} for said in (begin.states, begin.orders))

    here = next(where(course.begin) for course in members)
    return tuple(other for other in others if where(other.begin) == here and not other.begin.examples)


def _course(diagram: Diagram, libraries: tuple[Library, Library], binding: Binding, charts: Charts) -> Course:
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
        )
        for problem in interaction.problems
        if problem.file in {"", diagram.file}
    ]
    words: dict[str, Word] = {}
    lines = _labels(interaction)
    for label in {**lines, **_labels(whole)}:
        word, finding = word_of(label, lines.get(label, 0), binding, charts)
        if word is not None:
            words[label] = word
        if finding is not None and label in lines:
            findings.append(finding)
    ordered = in_one_order(interaction, words, binding)
    begin = binding.begin(diagram.title or "")
    return Course(diagram, interaction, whole, ordered, words, begin, tuple(findings))


def _labels(interaction: Interaction) -> dict[str, int]:
    """Each label of an arrow with the first line that it stands on, of this diagram and those that it refers to."""
    found: dict[str, int] = {}
    for action in interaction.actions():
        if action.kind != "ref":
            found.setdefault(action.label, action.line)
    return found
