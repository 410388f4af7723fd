"""Checking diagrams against charts: reads, binds, projects, compares, and puts all that was found into one report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from statemachine import StateChart

from spec.binding import BUILT_IN, Begin, Binding, load
from spec.conformance.baseline import Accepted, accept, read_accepted
from spec.conformance.counterexample import Stage
from spec.conformance.finding import Finding
from spec.conformance.implied import explore, implied
from spec.conformance.inclusion import Comparison, compare
from spec.conformance.parallel import beside_each_other, uninterrupted
from spec.conformance.specification import Course, Specification, UseCase, specification
from spec.interaction import InteractionError
from spec.projection import realisability
from spec.system.composition import State, System
from spec.system.process import ChartMachine
from spec.system.setup import Cast, CastError

DIAGRAMS = Path(__file__).parent.parent / "diagrams"
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


def check(
    diagram: str,
    binding: Binding | None = None,
    charts: Mapping[str, type[StateChart[Any]]] | None = None,
    *,
    file: str = "<text>",
) -> Report:
    """Check the text of one diagram against charts: ours, or those in `charts` by lifeline or by the binding's names.

    Raises `BindingError` and `spec.system.setup.CastError`, whose messages say what to mend.
    """
    return check_all([(file, diagram)], binding or load(), charts)


def check_all(
    texts: Iterable[tuple[str, str]],
    binding: Binding,
    charts: Mapping[str, type[StateChart[Any]]] | None = None,
    *,
    accepted: Sequence[Accepted] = (),
    courses: Iterable[tuple[str, str]] = (),
    processes: int = 1,
) -> Report:
    """Check diagrams, given as file and text. `courses` are further diagrams: of the same use cases, or referred to.

    With more than one of the `processes`, use cases and diagrams are checked beside each other where the system allows.
    """
    with uninterrupted():
        return _check_all(specification(texts, binding, charts or {}, courses), accepted, processes)


def _check_all(whole: Specification, accepted: Sequence[Accepted], processes: int) -> Report:
    cast = Cast(whole.binding, whole.charts)
    tasks: list[Callable[[], Any]] = [partial(_explored, use_case, cast) for use_case in whole.use_cases]
    tasks += [partial(_compared, course, cast, accepted) for course in whole.courses]
    done = beside_each_other(tasks, processes)
    scenarios: list[Finding] = []
    explored: dict[str, tuple[int, bool]] = {}
    for use_case, found in zip(whole.use_cases, done, strict=False):
        if found is not None:
            scenarios += [accept(finding, "", accepted) for finding in found.findings]
            if found.states:
                explored[use_case.name] = (found.states, found.complete)
    return Report(tuple(done[len(whole.use_cases) :]), tuple(scenarios), explored)


# The charts can do what a diagram says.


def compared(course: Course, cast: Cast, *, only_first: bool = False) -> Comparison:
    """Hold a diagram against charts, until the first error if that will do. Raises `CastError` if it cannot begin."""
    systems = _systems(course, cast)
    return compare(
        course.ordered,
        course.words,
        systems,
        systems[0][0].binding,
        only_first=only_first,
        at_rest=course.begin.at_rest,
    )


def _systems(course: Course, cast: Cast) -> list[tuple[System, State]]:
    repeats = any(word.again for word in course.words.values())
    return cast.systems(
        frozenset(course.interaction.lifelines), course.begin, course.routes(cast.charts), repeats=repeats
    )


def _compared(course: Course, cast: Cast, accepted: Sequence[Accepted]) -> DiagramReport:
    findings = list(course.findings)
    comparison = Comparison()
    try:
        for name in course.interaction.lifelines:
            course.local(name)
        comparison = compared(course, cast)
    except CastError as error:
        findings.append(Finding("no-beginning", str(error)))
    except InteractionError as error:
        findings.append(Finding("too-large", str(error), error.line or 0))
    else:
        title = course.diagram.title or course.diagram.frame or ""
        stage = Stage(title, [course.diagram], course.words, cast.binding, course.begin)
        system, _ = _systems(course, cast)[0]
        hint = _where_to_begin(course, system)
        for finding in comparison.findings:
            said = hint if finding.kind == "chart-cannot" else ""
            findings.append(stage.drawn(replace(finding, message=finding.message + said)))
        findings += _sent_to_nobody(course, system)
        findings += [
            Finding("not-realisable", problem.message, problem.line, problem.lifeline or "", warning=True)
            for problem in (() if course.begin.examples else realisability(course.ordered))
        ]
    return _report(course, comparison, [accept(f, course.diagram.file, accepted) for f in findings], cast.binding)


def _where_to_begin(course: Course, system: System) -> str:
    """What to do if charts cannot follow because nobody has said where they begin."""
    ours = any(isinstance(machine, ChartMachine) for machine in system.machines.values())
    if ours and course.begin.place == BUILT_IN and course.begin.title == "*":
        return "; no [[begin]] has the title of this diagram: add one that says where the charts begin"
    return ""


def _sent_to_nobody(course: Course, system: System) -> list[Finding]:
    """Arrows to a lifeline whose chart has no such message among its inputs."""
    found: dict[int, Finding] = {}
    for action in course.interaction.actions():
        word = course.words.get(action.label)
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


def _report(course: Course, comparison: Comparison, findings: list[Finding], binding: Binding) -> DiagramReport:
    blamed = {f.lifeline for f in findings if not f.warning and not f.accepted}
    everywhere = any(f.kind in {"no-beginning", "too-large"} for f in findings)
    rows = [
        Row(
            name,
            binding.players[name].chart or "as drawn",
            name not in blamed and not everywhere,
            0 if everywhere else len(course.local(name).edges),
            len(comparison.seen.get(name, ())),
        )
        for name in course.interaction.lifelines
        if name in binding.players
    ]
    order = sorted(findings, key=lambda finding: (finding.warning, finding.line))
    diagram = course.diagram
    return DiagramReport(
        diagram.file, diagram.frame or "", diagram.title or "", tuple(rows), tuple(order), comparison.nodes
    )


# The diagrams say what the charts can do.


class Explored(NamedTuple):
    """What exploring the courses of a use case came to; `complete` if these are all states."""

    findings: tuple[Finding, ...]
    states: int
    complete: bool


def explored(use_case: UseCase, cast: Cast) -> Explored:
    """Hold what charts can do against all courses of a use case. Raises `CastError` if there is nowhere to begin."""
    found: dict[tuple[str, str], Finding] = {}
    states, complete = 0, True
    begin = use_case.begin
    for system, state in cast.systems(frozenset(use_case.names), begin, use_case.routes(cast.charts)):
        for started in _set_going(system, state, begin):
            graph = explore(
                system,
                [started],
                use_case.faults,
                use_case.words.values(),
                STATES,
                later=begin.later,
                gates=use_case.gates(system),
            )
            states, complete = states + len(graph.moves), complete and graph.complete
            for name in use_case.names:
                finding = implied(use_case.lifeline(name), system, graph, started) if name in system.machines else None
                if finding is not None:
                    found.setdefault((name, finding.message), finding)
    return Explored(tuple(found.values()), states, complete)


def _explored(use_case: UseCase, cast: Cast) -> Explored | None:
    if not use_case.says_all or any(
        finding.kind in {"no-beginning", "unbound-label"} for course in use_case.courses for finding in course.findings
    ):
        return None  # that comes first
    try:
        found = explored(use_case, cast)
    except CastError:
        return None  # likewise
    except InteractionError as error:
        return Explored((Finding("too-large", f"{use_case.name}: {error}"),), 0, complete=False)
    diagrams = [course.diagram for course in use_case.courses]
    stage = Stage(f"{use_case.name} (implied scenario)", diagrams, use_case.words, cast.binding, use_case.begin)
    drawn = [stage.drawn(replace(finding, warning=use_case.is_partial)) for finding in found.findings]
    return found._replace(findings=tuple(replace(f, message=f"{use_case.name}: {f.message}") for f in drawn))


def _set_going(system: System, state: State, begin: Begin) -> list[State]:
    """The states after the orders that set a use case going."""
    states = [state]
    for lifeline, order in begin.orders.items():
        states = [move.then for before in states for move in system.orders(before, lifeline, (order,))]
    return states


__all__ = ["Accepted", "DiagramReport", "Report", "Row", "check", "check_all", "read_accepted"]
