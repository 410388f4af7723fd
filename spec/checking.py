"""Checking diagrams against charts: reads, binds, projects, compares, and puts all that was found into one report."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from statemachine import StateChart

from machines import Participant
from spec.binding import BUILT_IN, Begin, Binding, BindingError, Player, Word, load
from spec.cast import OURS, Cast, CastError
from spec.conformance import Comparison, Finding, compare
from spec.foreign import ForeignMachine, actions_of
from spec.implied import Faults, explore, implied
from spec.interaction import Interaction, Library, compile_diagram
from spec.machine import ChartMachine
from spec.notation import read
from spec.notation.model import Diagram
from spec.projection import Automaton, project, realisability
from spec.roles import misspelled, our_names, refuse_unknown, renamed, seen
from spec.system import State, System
from spec.vocabulary import is_ours, unplayed, word_of
from spec.witness import Stage

DIAGRAMS = Path(__file__).parent / "diagrams"
STATES = 1_000
"""How many states of a system are explored for implied scenarios before it is said that this is not all."""


@dataclass(frozen=True)
class Row:
    """One lifeline of one diagram: who plays it, and how many states of the projection and the chart were compared."""

    lifeline: str
    chart: str
    conforms: bool
    spec_states: int
    chart_states: int


@dataclass(frozen=True)
class DiagramReport:
    """What was found of one diagram."""

    file: str
    frame: str
    title: str
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    nodes: int = 0

    def conforms(self, *, strict: bool = False) -> bool:
        """Whether nothing was found that is not accepted; warnings count only if `strict`."""
        return not any(_counts(finding, strict=strict) for finding in self.findings)


@dataclass(frozen=True)
class Report:
    """What was found of all diagrams, and what no diagram of a use case allows."""

    diagrams: tuple[DiagramReport, ...]
    implied: tuple[Finding, ...] = ()
    explored: Mapping[str, tuple[int, bool]] = field(default_factory=dict)
    """For each use case: the states of the system that were explored, and whether these are all."""

    def conforms(self, *, strict: bool = False) -> bool:
        """Whether all diagrams conform and no implied scenario is left that is not accepted."""
        diagrams = all(diagram.conforms(strict=strict) for diagram in self.diagrams)
        return diagrams and not any(_counts(finding, strict=strict) for finding in self.implied)


def _counts(finding: Finding, *, strict: bool) -> bool:
    return not finding.accepted and (strict or not finding.warning)


@dataclass
class _Case:
    """One diagram on its way through the check."""

    diagram: Diagram
    interaction: Interaction
    words: dict[str, Word]
    findings: list[Finding]
    comparison: Comparison = field(default_factory=Comparison)


def check(
    diagram: str,
    binding: Binding | None = None,
    charts: Mapping[str, type[StateChart[Any]]] | None = None,
    *,
    file: str = "<text>",
) -> Report:
    """Check the text of one diagram against charts: ours, or those in `charts` by lifeline or by the binding's names.

    Raises `BindingError` and `spec.cast.CastError`, whose messages say what to mend.
    """
    return check_all([(file, diagram)], binding or load(), charts)


def check_all(
    texts: Iterable[tuple[str, str]],
    binding: Binding,
    charts: Mapping[str, type[StateChart[Any]]] | None = None,
    *,
    accepted: Sequence["Accepted"] = (),
    courses: Iterable[tuple[str, str]] = (),
) -> Report:
    """Check diagrams, given as file and text. `courses` are further diagrams: of the same use cases, or referred to."""
    charts = {**OURS, **(charts or {})}
    binding = _with_charts(binding, charts)
    messages = {action[1:] for chart in charts.values() for action in actions_of(chart)}
    refuse_unknown(binding, charts, messages)
    diagrams = [read(text, file=file) for file, text in texts]
    frames = {diagram.frame for diagram in diagrams if diagram.frame}
    others = [other for file, text in courses if (other := read(text, file=file)).frame not in frames]
    others = [renamed(diagram, our_names(binding)) for diagram in others]
    meant = {diagram.file: renamed(diagram, misspelled(diagram, binding)) for diagram in diagrams}
    played = {file: seen(diagram, binding, binding.players) for file, diagram in meant.items()}
    played |= {diagram.file: seen(diagram, binding, binding.players) for diagram in others}
    library = Library(list(played.values()), families="opaque")
    cast = Cast(binding, charts)
    cases = [_case(played[diagram.file], library, cast, unplayed(diagram, binding, charts)) for diagram in diagrams]
    for case in cases:
        _compare(case, cast)
    scenarios, explored = _implied(cases, [_case(played[other.file], library, cast) for other in others], cast)
    return Report(
        tuple(_report(case, binding, accepted) for case in cases),
        tuple(_accept(finding, "", accepted) for finding in scenarios),
        explored,
    )


def _with_charts(binding: Binding, charts: Mapping[str, type[StateChart[Any]]]) -> Binding:
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


# One diagram.


def _case(diagram: Diagram, library: Library, cast: Cast, found: Iterable[Finding] = ()) -> _Case:
    interaction = compile_diagram(diagram, library)
    findings = list(found)
    findings += [
        Finding("unreadable", f"column {d.column}: {d.message}", d.line, warning=d.severity == "warning")
        for d in diagram.diagnostics
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
    for label, line in _labels(interaction):
        word, finding = word_of(label, line, cast.binding, cast.charts)
        findings += [finding] if finding else []
        if word is not None:
            words[label] = word
    return _Case(diagram, interaction, words, findings)


def _labels(interaction: Interaction) -> list[tuple[str, int]]:
    """Each label of an arrow with the first line that it stands on, of this diagram and those that it refers to."""
    found: dict[str, int] = {}
    for action in interaction.actions():
        if action.kind != "ref":
            found.setdefault(action.label, action.line)
    return list(found.items())


def _routes(case: _Case, cast: Cast) -> dict[tuple[str, str], tuple[str, ...]]:
    """For charts that do not say to whom they send: the receivers that the diagram draws."""
    routes: dict[tuple[str, str], list[str]] = {}
    if all(is_ours(chart) for chart in cast.charts.values()):
        return {}
    for action in case.interaction.actions():
        if action.kind == "!" and action.peer and action.label in case.words:
            receivers = routes.setdefault((action.lifeline, case.words[action.label].message), [])
            if action.peer not in receivers:
                receivers.append(action.peer)
    return {key: tuple(receivers) for key, receivers in routes.items()}


def _compare(case: _Case, cast: Cast) -> None:
    binding = cast.binding
    lifelines = frozenset(case.interaction.lifelines)
    begin = _begin(case.diagram, binding)
    try:
        found = cast.systems(lifelines, begin, _routes(case, cast))
    except CastError as error:
        case.findings.append(Finding("no-beginning", str(error)))
        return
    case.comparison = compare(case.interaction, case.words, found, found[0][0].binding)
    stage = Stage(case.diagram.title or case.diagram.frame or "", [case.diagram], case.words, binding, begin)
    where = "; no [[begin]] has the title of this diagram: add one that says where the charts begin"
    ours = any(isinstance(machine, ChartMachine) for machine in found[0][0].machines.values())
    hint = where if ours and begin.place == BUILT_IN and begin.title == "*" else ""
    for finding in case.comparison.findings:
        said = hint if finding.kind == "chart-cannot" else ""
        case.findings.append(stage.drawn(replace(finding, message=finding.message + said)))
    case.findings += _sent_to_nobody(case, found[0][0])
    case.findings += [
        Finding("not-realisable", problem.message, problem.line, problem.lifeline or "", warning=True)
        for problem in realisability(case.interaction)
    ]


def _begin(diagram: Diagram, binding: Binding) -> Begin:
    return binding.begin(diagram.title or "")


def _sent_to_nobody(case: _Case, system: System) -> list[Finding]:
    """Arrows to a lifeline whose chart has no such message among its inputs."""
    found: dict[int, Finding] = {}
    for action in case.interaction.actions():
        word = case.words.get(action.label)
        machine = system.machines.get(action.lifeline)
        if action.kind == "?" and word and isinstance(machine, ChartMachine) and not machine.takes(word.message):
            found[action.line] = Finding(
                "sent-to-nobody",
                f"{word} is sent to {action.lifeline}, which {machine.name} never receives in any state",
                action.line,
                action.lifeline,
                warning=True,
            )
    return list(found.values())


def _report(case: _Case, binding: Binding, accepted: Sequence["Accepted"]) -> DiagramReport:
    findings = [_accept(finding, case.diagram.file, accepted) for finding in case.findings]
    blamed = {f.lifeline for f in findings if not f.warning and not f.accepted}
    everywhere = any(f.kind == "no-beginning" for f in findings)
    rows = [
        Row(
            name,
            binding.players[name].chart,
            name not in blamed and not everywhere,
            len(project(case.interaction, name).edges),
            len(case.comparison.seen.get(name, ())),
        )
        for name in case.interaction.lifelines
        if name in binding.players
    ]
    order = sorted(findings, key=lambda finding: (finding.warning, finding.line))
    diagram = case.diagram
    return DiagramReport(
        diagram.file, diagram.frame or "", diagram.title or "", tuple(rows), tuple(order), case.comparison.nodes
    )


# All courses of a use case.


def _family(diagram: Diagram) -> str:
    """The use case of a diagram: its title without what stands in parentheses at its end."""
    return (diagram.title or diagram.frame or diagram.file).partition(" (")[0]


def _implied(cases: list[_Case], others: list[_Case], cast: Cast) -> tuple[list[Finding], dict[str, tuple[int, bool]]]:
    findings: list[Finding] = []
    explored: dict[str, tuple[int, bool]] = {}
    is_partial: set[str] = set()
    """Use cases of a user of which not all courses need be drawn: our charts can do more than these are about."""
    for family in dict.fromkeys(_family(case.diagram) for case in cases):
        members = [case for case in (*cases, *others) if _family(case.diagram) == family]
        if any(finding.kind in {"no-beginning", "unbound-label"} for case in members for finding in case.findings):
            continue  # that comes first
        begin = _begin(members[0].diagram, cast.binding)
        is_theirs = begin.place != BUILT_IN and all(is_ours(chart) for chart in cast.charts.values())
        if is_theirs and (courses := _same_use_case(members, others, begin, cast.binding)):
            members += courses
            begin = _begin(courses[0].diagram, cast.binding)
        elif is_theirs:
            is_partial.add(family)
        found, states, complete = _implied_in(family, members, begin, cast)
        findings += [replace(finding, warning=family in is_partial) for finding in found]
        explored[family] = (states, complete)
    return findings, explored


def _same_use_case(members: list[_Case], others: list[_Case], begin: Begin, binding: Binding) -> list[_Case]:
    """The courses of ours that begin like a user's diagrams, whatever they are called: they are of one use case."""
    lifelines = {name for case in members for name in case.interaction.lifelines}
    if not all(binding.players[name].group in _homes(binding) for name in lifelines):
        return []  # with more servers than ours, more can happen than ours draw

    def where(begins: Begin) -> tuple[dict[str, str], ...]:
        return tuple({n: s for n, s in said.items() if n in lifelines} for said in (begins.states, begins.orders))

    return [other for other in others if where(_begin(other.diagram, binding)) == where(begin)]


def _homes(binding: Binding) -> set[str]:
    return {player.group for player in binding.players.values() if player.place == BUILT_IN}


def _implied_in(family: str, members: list[_Case], begin: Begin, cast: Cast) -> tuple[list[Finding], int, bool]:
    words = {label: word for case in members for label, word in case.words.items()}
    lifelines = list(dict.fromkeys(name for case in members for name in case.interaction.lifelines))
    routes = {key: to for case in members for key, to in _routes(case, cast).items()}
    drawn: Faults = frozenset(
        (action.lifeline, action.peer or "", words[action.label].message)
        for case in members
        for action in case.interaction.actions()
        if action.kind == "!" and action.lost and action.label in words
    )
    found: dict[tuple[str, str], Finding] = {}
    states, complete = 0, True
    for system, state in cast.systems(frozenset(lifelines), begin, routes):
        for started in _set_going(system, state, begin):
            graph = explore(system, [started], drawn, words.values(), STATES, _gates(members, words, system))
            states, complete = states + len(graph.moves), complete and graph.complete
            for lifeline in lifelines:
                if lifeline in system.machines:
                    courses: tuple[Automaton, ...] = tuple(
                        project(case.interaction, lifeline)
                        for case in members
                        if lifeline in case.interaction.lifelines
                    )
                    finding = implied(lifeline, system, graph, started, courses, words, system.binding)
                    if finding is not None:
                        found.setdefault((lifeline, finding.message), finding)
    stage = Stage(f"{family} (implied scenario)", [case.diagram for case in members], words, cast.binding, begin)
    drawn_findings = [stage.drawn(finding) for finding in found.values()]
    return [replace(f, message=f"{family}: {f.message}") for f in drawn_findings], states, complete


def _gates(members: list[_Case], words: Mapping[str, Word], system: System) -> list[tuple[str, str]]:
    """What the diagrams draw as coming from outside to charts that are not ours."""
    return list(
        dict.fromkeys(
            (action.lifeline, words[action.label].message)
            for case in members
            for action in case.interaction.actions()
            if action.kind == "?" and action.peer is None and action.label in words
            if isinstance(system.machines.get(action.lifeline), ForeignMachine)
        )
    )


def _set_going(system: System, state: State, begin: Begin) -> list[State]:
    """The states after the orders that set a use case going."""
    states = [state]
    for lifeline, order in begin.orders.items():
        states = [move.then for before in states for move in system.orders(before, lifeline, (order,))]
    return states


# What is accepted.


@dataclass(frozen=True)
class Accepted:
    """A finding that is understood: which (the text is part of its message), and why it is accepted."""

    kind: str
    text: str
    why: str
    file: str = ""
    line: int = 0

    def covers(self, finding: Finding, file: str) -> bool:
        """Whether it is this finding."""
        return (
            finding.kind == self.kind
            and self.text in finding.message
            and (not self.file or Path(file).name == self.file)
            and (not self.line or finding.line == self.line)
        )


def _accept(finding: Finding, file: str, accepted: Sequence[Accepted]) -> Finding:
    why = next((row.why for row in accepted if row.covers(finding, file)), "")
    return replace(finding, accepted=why) if why else finding


def read_accepted(path: Path) -> list[Accepted]:
    """The accepted findings in a file beside the diagrams; none if there is no file. Raises `BindingError`."""
    if not path.exists():
        return []
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
        return [Accepted(**row) for row in rows]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BindingError(f"{path}: {error}") from None
    except TypeError as error:
        raise BindingError(
            f"{path}: an [[accepted]] has kind, text, why, and may have file and line: {error}"
        ) from None


__all__ = ["Accepted", "DiagramReport", "ForeignMachine", "Report", "Row", "check", "check_all", "read_accepted"]
