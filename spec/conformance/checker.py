"""Checking diagrams against charts: reads, binds, projects, compares, and puts all that was found into one report."""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from statemachine import StateChart

from spec.binding import BUILT_IN, Binding, load_for
from spec.conformance.baseline import Accepted, accept, read_accepted
from spec.conformance.bind import BoundDiagram
from spec.conformance.bounds import Bounds, Stopped
from spec.conformance.counterexample import CounterexampleRenderer
from spec.conformance.coverage import Coverage, covered, joined
from spec.conformance.finding import Finding, Verdict, counts, only_warnings, unanswered
from spec.conformance.implied import implied
from spec.conformance.inclusion import Comparison, compare
from spec.conformance.local import implied_locally, reached
from spec.conformance.meanings import unmarked
from spec.conformance.needs import impossible_branches
from spec.conformance.parallel import beside_each_other
from spec.conformance.report import DiagramReport, Explored, Report, Row
from spec.conformance.specification import Specification, UseCase, gates_of, losses_of, routes_of, specification
from spec.interaction import Action, InteractionError
from spec.notation import read
from spec.projection import realisability
from spec.system.composition import State, System
from spec.system.driving import CastError
from spec.system.garbage import collected_seldom
from spec.system.process import ChartMachine
from spec.system.scheduling import set_going
from spec.system.setup import SystemFactory

NOTHING = "there is no diagram: nothing was asked"


def check(
    diagram: str,
    binding: Binding | None = None,
    charts: Mapping[str, type[StateChart[Any]]] | None = None,
    *,
    file: str = "<text>",
    bounds: Bounds | None = None,
) -> Report:
    """Check the text of one diagram against charts: ours, or those in `charts` by lifeline or by the binding's names.

    Without a binding it is the default one, or, where only `charts` play, none.

    Raises `BindingError`, `CastError` and `ChartError` (all `ValueError`), whose messages say what to mend.
    """
    if binding is None:
        binding = load_for({lifeline.name for lifeline in read(diagram).lifelines}, charts or ())
    return check_all([(file, diagram)], binding, charts, bounds=bounds)


def check_all(
    texts: Iterable[tuple[str, str]],
    binding: Binding,
    charts: Mapping[str, type[StateChart[Any]]] | None = None,
    *,
    accepted: Sequence[Accepted] = (),
    referred: Iterable[tuple[str, str]] = (),
    complete: bool = False,
    strict: bool = False,
    bounds: Bounds | None = None,
    processes: int = 1,
    coverage: bool = False,
) -> Report:
    """Check diagrams, given as file and text; those that are `referred` to are not checked themselves.

    Diagrams of one use case (the title without what stands in parentheses at its end) belong together. If they are
    `complete` they are all that can happen; otherwise diagrams of our charts are taken as scenarios, and the network
    does as they draw. With more than one of the `processes`, use cases and diagrams are checked beside each other where
    the system allows. `bounds` say how far to look. With `coverage` transitions of our charts are counted, too. What is
    `accepted` is no mistake; if `strict`, warnings are.
    """
    bounds = bounds or Bounds()
    bounds.begin()
    with collected_seldom():
        whole = specification(texts, binding, charts or {}, referred, complete=complete)
        return _check_all(whole, accepted, bounds, processes, strict=strict, coverage=coverage)


def _check_all(
    whole: Specification,
    accepted: Sequence[Accepted],
    bounds: Bounds,
    processes: int,
    *,
    strict: bool,
    coverage: bool,
) -> Report:
    factory = SystemFactory(whole.binding, whole.charts, bounds.reductions.by_pairs, whole.payloads)
    tasks: list[Callable[[], Any]] = [
        partial(_explored, use_case, factory, accepted, bounds) for use_case in whole.use_cases
    ]
    tasks += [partial(_compared, bound, factory, accepted, bounds, ours=coverage) for bound in whole.diagrams_bound]
    done = beside_each_other(tasks, processes)
    scenarios: list[Finding] = []
    explored: dict[str, Explored] = {}
    for use_case, found in zip(whole.use_cases, done, strict=False):
        if found is not None:
            findings, looked = found
            scenarios += [accept(finding, accepted) for finding in findings]
            if looked is not None:
                explored[use_case.name] = looked
    if not whole.diagrams_bound:
        scenarios.append(unanswered(NOTHING))
    return Report(tuple(done[len(whole.use_cases) :]), tuple(scenarios), explored, strict)


# The charts can do what a diagram says.


def compared(
    bound: BoundDiagram,
    factory: SystemFactory,
    *,
    only_first: bool = False,
    bounds: Bounds | None = None,
    systems: list[tuple[System, State]] | None = None,
) -> Comparison:
    """Hold a diagram against charts, until the first error if that will do, in the systems that it can be about.

    Raises `CastError` if it cannot begin.
    """
    return compare(bound, systems or _systems(bound, factory), only_first=only_first, bounds=bounds)


def _systems(bound: BoundDiagram, factory: SystemFactory) -> list[tuple[System, State]]:
    repeats = any(word.again for word in bound.words.values())
    return factory.systems(
        frozenset(bound.interaction.lifelines),
        bound.begin,
        routes_of(bound.together or (bound,), factory.charts, factory.binding),
        repeats=repeats,
        messages=bound.messages,
        beside=bound.beside,
        losses=losses_of(bound.together),
        gates=gates_of(bound.together),
    )


def _compared(
    bound: BoundDiagram, factory: SystemFactory, accepted: Sequence[Accepted], bounds: Bounds, *, ours: bool
) -> DiagramReport:
    findings = list(bound.findings)
    comparison = Comparison()
    coverage: list[Coverage] = []
    title = bound.diagram.title or bound.diagram.frame or ""
    renderer = CounterexampleRenderer(title, [bound.diagram], bound.words, factory.binding, bound.begin)
    try:
        messages = bound.messages
        words = {label: word for label, word in bound.words.items() if word.message in messages}
        findings += map(renderer.drawn, impossible_branches(bound.ordered, words, factory.binding.needs, bounds))
        systems = _systems(bound, factory)
        comparison = compared(bound, factory, bounds=bounds, systems=systems)
    except CastError as error:
        findings.append(Finding("no-beginning", str(error)))
    except InteractionError as error:
        findings.append(unanswered(error.message, error.line or 0))
    else:
        system, _ = systems[0]
        drawn = bound.drawn()
        coverage = [each for one, _ in systems for each in covered(one, comparison.seen, drawn, ours=ours)]
        hint = _where_to_begin(bound, system)
        for finding in comparison.findings:
            said = hint if finding.kind == "chart-cannot" else ""
            findings.append(renderer.drawn(replace(finding, message=finding.message + said)))
        findings += _sent_to_nobody(bound, system)
        findings += _realisable(bound, bounds)
    shown = [accept(unmarked(_placed(finding, bound)), accepted) for finding in findings]
    bounds.end_diagram()
    return replace(_report(bound, comparison, shown, factory.binding), coverage=joined(coverage))


def _placed(finding: Finding, bound: BoundDiagram) -> Finding:
    """The finding with the file of its line, where it is about an arrow of a diagram that this one refers to."""
    last = finding.run[-1] if finding.run else None
    if not isinstance(last, Action) or last.line != finding.line or last.file in {"", bound.diagram.file}:
        return finding
    return replace(finding, file=last.file)


def _realisable(bound: BoundDiagram, bounds: Bounds) -> list[Finding]:
    if bound.begin.examples:
        return []

    def stop(states: int) -> str:
        try:
            bounds.watch("whether lifelines can know what is drawn", states)
        except Stopped as stopped:
            return str(stopped)
        return ""

    return [
        unanswered(problem.message, problem.line)
        if problem.kind == "undecided"
        else Finding("not-realisable", problem.message, problem.line, problem.lifeline or "", warning=True)
        for problem in realisability(bound.ordered, stop=stop)
    ]


def _where_to_begin(bound: BoundDiagram, system: System) -> str:
    """What to do if charts cannot follow because nobody has said where they begin."""
    title = bound.diagram.title or ""
    named = [begin.title for begin in system.allowances.binding.begins if begin.place != BUILT_IN]
    near = difflib.get_close_matches(title, named, n=1)
    if bound.begin.title in {"*", title} and title not in named and near:
        return f"; no [[begin]] has the title of this diagram, {title!r}, but one has {near[0]!r}"
    ours = any(isinstance(machine, ChartMachine) for machine in system.machines.values())
    if ours and bound.begin.place == BUILT_IN and bound.begin.title == "*":
        return "; no [[begin]] has the title of this diagram: add one that says where the charts begin"
    return ""


def _sent_to_nobody(bound: BoundDiagram, system: System) -> list[Finding]:
    """Arrows to a lifeline whose chart has no such message among its inputs."""
    found: dict[int, Finding] = {}
    for action in bound.interaction.actions():
        word = bound.words.get(action.label)
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


def _report(bound: BoundDiagram, comparison: Comparison, findings: list[Finding], binding: Binding) -> DiagramReport:
    blamed = {f.lifeline for f in findings if not f.warning and not f.accepted}
    everywhere = any(f.kind == "no-beginning" or (f.unanswered and not f.lifeline) for f in findings)
    rows = [
        Row(
            name,
            binding.players[name].chart or "as drawn",
            name not in blamed and not everywhere,
            0 if everywhere else bound.size(name),
            len(comparison.seen.get(name, ())),
        )
        for name in bound.interaction.lifelines
        if name in binding.players
    ]
    ranks = ("error", "unanswered", "warning")
    order = sorted(findings, key=lambda finding: (ranks.index(finding.severity), finding.line))
    diagram = bound.diagram
    return DiagramReport(
        diagram.file, diagram.frame or "", diagram.title or "", tuple(rows), tuple(order), comparison.nodes
    )


# The diagrams say what the charts can do.


class Looked(NamedTuple):
    """What exploring the scenarios of a use case came to: the findings, and the states of the systems that were met."""

    findings: tuple[Finding, ...]
    states: int


def explored(use_case: UseCase, factory: SystemFactory, bounds: Bounds | None = None) -> Looked:
    """Hold what charts can do against all scenarios of a use case. Raises `CastError` if there is nowhere to begin."""
    found: dict[tuple[str, str], Finding] = {}
    states = 0
    bounds = bounds or Bounds()
    names, routes = frozenset(use_case.names), use_case.routes(factory.charts)
    systems = factory.systems(names, use_case.begin, routes, messages=use_case.messages)
    if len(systems) > 1 and not use_case.complete:
        systems = _those_meant(use_case, factory, systems, bounds)
    for system, state in systems:
        for started in set_going(system, state, use_case.begin.orders):
            outcome = implied(use_case.whole(), system, started, use_case.circumstances(system), bounds)
            states += outcome.states
            later = _after_references(use_case, system, started, bounds) if only_warnings(outcome.findings) else []
            for finding in (*outcome.findings, *later):
                found.setdefault((finding.kind, finding.message), finding)
    return Looked(tuple(found.values()), states)


def _after_references(use_case: UseCase, system: System, begin: State, bounds: Bounds) -> list[Finding]:
    """What charts do after a reference to a use case, compared lifeline by lifeline."""
    if not use_case.refers_on:
        return []
    try:
        graph = reached(system, begin, use_case.circumstances(system), bounds)
    except Stopped as stop:
        return [unanswered(f"what comes after a reference to a use case: {stop}")]
    names = (name for name in use_case.names if name in system.machines)
    found = (implied_locally(use_case.lifeline(name), system, graph, begin) for name in names)
    return [finding for finding in found if finding is not None]


def _those_meant(
    use_case: UseCase, factory: SystemFactory, systems: list[tuple[System, State]], bounds: Bounds
) -> list[tuple[System, State]]:
    """The systems in which some diagram can be run to its end; all, if there is none."""
    ended = {place for bound in use_case.diagrams_bound for place in compared(bound, factory, bounds=bounds).ended}
    return [each for place, each in enumerate(systems) if place in ended] or systems


def _explored(
    use_case: UseCase, factory: SystemFactory, accepted: Sequence[Accepted], bounds: Bounds
) -> tuple[tuple[Finding, ...], Explored | None] | None:
    if not use_case.says_all:
        return None  # they are examples, and do not say what else can happen
    asked = f"{use_case.name}: whether the diagrams say all that the charts can do"
    wrong = [finding for bound in use_case.diagrams_bound for finding in bound.findings if not finding.warning]
    if any(finding.kind == "unbound-label" for finding in wrong):
        return (unanswered(f"{asked}: labels without a message come first"),), None
    try:
        found = explored(use_case, factory, bounds)
    except CastError as error:
        return (unanswered(f"{asked}: {error}"),), None
    except InteractionError as error:
        return (unanswered(f"{asked}: {error}"),), None
    findings = _told(use_case, factory, found)
    mistakes = [finding for finding in findings if counts(finding)]
    is_cut = any(finding.unanswered for finding in findings)
    if mistakes and is_cut and all(accept(finding, accepted).accepted for finding in mistakes):
        whole = copy(bounds)
        whole.after_mistakes = True
        found = explored(use_case, factory, whole)
        findings = _told(use_case, factory, found)
    complete = not any(finding.unanswered for finding in findings)
    return findings, Explored(
        found.states,
        complete,
        as_drawn=not use_case.complete,
        with_values=tuple(sorted(use_case.messages & factory.payloads.keys())),
    )


def _told(use_case: UseCase, factory: SystemFactory, found: Looked) -> tuple[Finding, ...]:
    """What was found of a use case, drawn, in the words of its diagrams."""
    diagrams = [bound.diagram for bound in use_case.diagrams_bound]
    renderer = CounterexampleRenderer(
        f"{use_case.name} (implied scenario)", diagrams, use_case.words, factory.binding, use_case.begin
    )
    return tuple(
        unmarked(replace(finding, message=f"{use_case.name}: {finding.message}"))
        for finding in map(renderer.drawn, found.findings)
    )


__all__ = [
    "Accepted",
    "Bounds",
    "DiagramReport",
    "Explored",
    "Report",
    "Row",
    "Verdict",
    "check",
    "check_all",
    "read_accepted",
]
