"""Inclusion: the charts can do what a diagram says.

All traces of a diagram, with all its alternatives and interleavings, are checked against the system of all charts: for
each action the system must be able to do it next, except for what the binding lets participants do undrawn. States of
the diagram are explored together with the *set* of states that the system can be in after the same trace, so the check
is trace inclusion, not a walk along one run. A trace that fails is reported at its first action that nobody can do, and
not followed further.

Order on paper is order on each lifeline only; which of the orders that a diagram leaves open can occur is up to the
model of the channels (`spec.system.channels`) and to patience. One that they rule out is no mistake, but one has to be
left for each resolution of the diagram's choices: where all orders end before the diagram does, that is a finding
(`never-runs`).

Actions of different lifelines are independent unless they put messages into one queue, so one order of them is enough
(`enough`). An action whose need the diagram itself leaves unmet (`spec.conformance.needs`) is the diagram's own
mistake; the trace goes on without it, so that the rest is still compared.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from spec.binding.obligations import Violation
from spec.conformance import divergence
from spec.conformance.bind import BoundDiagram
from spec.conformance.bounds import Bounds, Stopped
from spec.conformance.finding import Finding, counts, only_warnings, unanswered
from spec.conformance.matching import beyond, left_to_do, next_undrawn, silently
from spec.conformance.memory import Memory
from spec.conformance.needs import Needs, Open, path_to
from spec.conformance.one_order import enough, receives_in
from spec.conformance.resolutions import resolutions
from spec.interaction import Action, InteractionError, Term, can_end, steps
from spec.interaction.exploration import actions_in
from spec.interaction.semantics import Step
from spec.system.composition import State, System
from spec.system.scheduling import set_going
from spec.system.state import Act

MORE = 1_000
"""States that are looked at where mistakes were found: there may be others, but the verdict is known."""
NOT_COMPARED = "what comes after that was not compared"


class Node(NamedTuple):
    """A state of the diagram with everything that the system can be in, as numbers of a `Memory`."""

    term: Term
    states: frozenset[int]
    still_open: Open = ()
    skipped: frozenset[Any] = frozenset()
    """Arrows that the diagram draws by mistake, and lifelines of which nobody can know what they did."""
    call: Any = None
    """The arrow of a call inside a server that was just sent: it is received at once."""


@dataclass
class Comparison:
    """What comparing one diagram came to."""

    findings: list[Finding] = field(default_factory=list)
    nodes: int = 0
    seen: dict[str, set[Any]] = field(default_factory=dict)
    """The states of each lifeline's chart that were met."""
    ended: frozenset[int] = frozenset()
    """The systems, by place, in which some trace of the diagram came to its end, or else farthest; as far as it is
    known what is drawn.
    """


def compare(
    bound: BoundDiagram,
    systems: list[tuple[System, State]],
    *,
    only_first: bool = False,
    bounds: Bounds | None = None,
) -> Comparison:
    """Hold all traces of a diagram against the systems that it can be about, each where the diagram begins.

    With `only_first` the search ends at the first error. What was not looked at is a finding, too.
    """
    bounds = bounds or Bounds()
    interaction = bound.ordered if bounds.reductions.interchangeable else bound.interaction
    memory = Memory(systems, bound.words)
    memory.missing = {problem.line for problem in interaction.problems if problem.kind == "missing-reference"}
    search = _Search(memory, bounds, bound, only_first=only_first)
    search.run(interaction.term)
    if search.blocked and only_warnings(search.findings):
        search.find_what_never_runs(interaction.term)
    return search.comparison()


class _Search:
    """The search over states of a diagram with states of the systems."""

    def __init__(self, memory: Memory, bounds: Bounds, bound: BoundDiagram, *, only_first: bool) -> None:
        self.memory = memory
        self.bounds = bounds
        self.bound = bound
        self.only_first = only_first
        self.needs = Needs(memory.systems[0].allowances.binding.needs, memory.words)
        self.findings: list[Finding] = []
        self.parents: dict[Node, tuple[Node, Action] | None] = {}
        self.blocked: list[tuple[Node, Action, str]] = []
        """Where the channels or patience do not let happen what is drawn, and why."""
        self.ends: list[Node] = []
        self.depth: dict[Node, int] = {}
        """How many actions led to each node."""
        self.nodes = 0
        self._reported: set[tuple[int, str, str]] = set()

    def run(self, term: Term) -> None:
        """Search all that the diagram allows."""
        begin = Node(term, self.memory.begin)
        self.parents, self.depth = {begin: None}, {begin: 0}
        queue = deque([begin])
        try:
            while queue and not (self.only_first and any(counts(finding) for finding in self.findings)):
                self.bounds.watch("what the diagram says", self.nodes)
                if self.nodes > MORE and any(counts(finding) for finding in self.findings):
                    text = f"stopped after {self.nodes} states, since there are mistakes already; {NOT_COMPARED}"
                    self.findings.append(unanswered(f"whether there are more mistakes: {text}"))
                    break
                node = queue.popleft()
                for number in node.states:
                    self.bounds.watch_queues(self.memory.states[number][1].channels)
                self.nodes += 1
                queue.extend(self._expand(node))
        except Stopped as stop:
            self.findings.append(
                unanswered(f"whether the charts can do all that the diagram says: {stop}; {NOT_COMPARED}")
            )

    def _expand(self, node: Node) -> list[Node]:
        if can_end(node.term):
            self.ends.append(node)
            if self.bound.begin.quiescent:
                self._report(self._not_quiescent(node))
            elif not node.skipped and self.memory.is_of_patient_charts:
                self._report(self._goes_on(node))
            elif not node.skipped:
                self._report(self._is_no_option(node))
        new: list[Node] = []
        blocked: list[tuple[Action, str]] = []
        for action, term in self._steps_of(node, blocked):
            then, finding, why_not = self._follow(node, action, term)
            if then is not None:
                then, against = self._without_violations(then, action)
                finding = finding or against
            if finding is not None:
                self._report(replace(finding, run=(*path_to(self.parents, node), action)))
            if why_not:
                blocked.append((action, why_not))
                continue
            if then is not None and then not in self.parents:
                self.parents[then] = (node, action)
                self.depth[then] = self.depth[node] + 1
                new.append(then)
        self.blocked += [(node, action, why) for action, why in blocked]
        return new

    def _next(self, node: Node) -> tuple[Step, ...]:
        """The steps of the diagram to follow; what patient lifelines send is always among them."""
        every = steps(node.term)
        if node.call is not None:
            received = tuple(step for step in every if step[0].kind == "?" and step[0].arrow == node.call)
            if received:
                return received
        if not self.bounds.reductions.partial_order or self.memory.sends_undrawn:
            return every
        chosen = enough(node.term, every, self.memory)
        patient = [step for step in every if step[0].kind == "!" and self.memory.is_patient(step[0].lifeline)]
        return (*chosen, *(step for step in patient if step not in chosen))

    def _steps_of(self, node: Node, blocked: list[tuple[Action, str]]) -> Iterator[Step]:
        """The steps to follow, and where all of these have to wait, the rest."""
        chosen = self._next(node)
        yield from chosen
        if len(blocked) == len(chosen):
            yield from (step for step in steps(node.term) if step not in chosen)

    def _follow(self, node: Node, action: Action, term: Term) -> tuple[Node | None, Finding | None, str]:
        """The node after an action, or what is wrong with it, or why it cannot come in this order."""
        memory = self.memory
        after = node._replace(term=term, call=None)
        is_unknown = action.line in memory.missing if action.kind == "ref" else action.label not in memory.words
        if is_unknown or action.lifeline in node.skipped or action.peer in node.skipped:
            # A procedure that is missing, or a message that nobody knows, can do anything; and so can who hears of it.
            return after._replace(skipped=node.skipped | {action.lifeline}), None, ""
        if action.kind == "ref":
            return (*self._refer(node, after, action), "")
        if action.arrow in node.skipped or not memory.is_played(action.lifeline):
            return after, None, ""
        still_open = self.needs.after(action, node.still_open)
        if still_open is None:  # found by looking at the diagram alone
            return after._replace(skipped=node.skipped | {action.arrow}), None, ""
        word = memory.words[action.label]
        waits = action.kind == "!" and memory.is_patient(action.lifeline)  # not for what comes from outside
        levels = (1,) if memory.systems[0].patience else (1, 2, 3)
        for with_environment in (0, *(() if waits or not memory.may_be_set_off(node.states, action) else levels)):
            reached: set[int] = set()
            reserved = self._reserved(node.term, action) if waits or with_environment else frozenset()
            for number in node.states:
                reached |= memory.match(number, action, word, with_environment=with_environment, reserved=reserved)
            if reached:
                call = action.arrow if action.kind == "!" and memory.is_call(action) else None
                return after._replace(states=frozenset(reached), still_open=still_open, call=call), None, ""
        if any(memory.was_cut(number, action, word) for number in node.states):
            said = f"whether {divergence.said(action, word)}: too much can happen undrawn before it; draw more of it"
            return None, unanswered(said, action.line, action.lifeline), ""
        why_not = divergence.blocked(node.states, action, word, memory)
        return None, None if why_not else divergence.cannot(node.states, action, word, memory), why_not

    def _reserved(self, term: Term, action: Action) -> frozenset[tuple[str, str]]:
        """What is drawn to be received, of lifelines that have nothing to do with an action that waits for the rest."""
        system, words = self.memory.systems[0], self.memory.words
        near = system.addresses.around(action.lifeline)
        drawn = ((a.lifeline, a.label) for a in receives_in(term) if a.lifeline not in near)
        return frozenset((lifeline, words[label].message) for lifeline, label in drawn if label in words)

    def _refer(self, node: Node, after: Node, action: Action) -> tuple[Node, Finding | None]:
        """A reference to a use case: from here on any of its scenarios, so its beginning must be within reach."""
        memory = self.memory
        use_case = action.label.rpartition(":")[2].strip()
        begin = self.bound.resumes[action.label].states.get(action.lifeline)
        if begin is None or action.lifeline not in memory.systems[0].machines:
            return after, None
        reached: set[int] = set()
        for number in node.states:
            system, state = memory.states[number]
            place = memory.systems.index(system)

            def has_begun(there: State, system: System = system) -> bool:
                return system.numbers.where(there, action.lifeline) == (begin,)

            found = silently(system, state, action.lifeline, has_begun)
            reached |= {memory.number(place, there) for there in found}
        if reached:
            return after._replace(states=frozenset(reached)), None
        return after, Finding(
            "chart-cannot",
            f"{use_case} is to begin again, with {action.lifeline} in {begin}; "
            f"its chart is in {divergence.wheres(node.states, memory, action.lifeline)}",
            action.line,
            action.lifeline,
        )

    def _without_violations(self, node: Node, action: Action) -> tuple[Node | None, Finding | None]:
        """The node without the states where a participant violates an obligation, and the first such finding.

        What follows on that says nothing more. Where a trace is over, what participants go on to do undrawn counts.
        """
        kept: set[int] = set()
        first: Violation | None = None
        is_over = not steps(node.term)
        for number in sorted(node.states):
            system, state = self.memory.states[number]
            violation = system.violations.at(state) or (
                beyond(system, state, system.steps.disciplines) if is_over else None
            )
            first = first or violation
            if violation is None:
                kept.add(number)
        found = None if first is None else divergence.against_obligation(first, action)
        return (node._replace(states=frozenset(kept)) if kept else None), found

    def _goes_on(self, node: Node) -> Finding | None:
        """What charts of ours go on to do where the diagram can end."""
        move = self._done_in_every_run(node, of_patient=False)
        if move is None:
            return None
        run = tuple(path_to(self.parents, node))
        to = f" to {move.peer}" if move.peer else ""
        said = f"the diagram ends here, {move.lifeline} goes on with {move}{to}"
        return Finding("goes-on", said, run[-1].line if run else 0, move.lifeline, run)

    def _is_no_option(self, node: Node) -> Finding | None:
        """What the diagram says may follow or not, and a chart does in every run."""
        may_follow = [(action, term) for action, term in steps(node.term) if action.kind == "!"]
        move = self._done_in_every_run(node, of_patient=True) if may_follow else None
        if move is None:
            return None
        for action, term in may_follow:
            word = self.memory.words.get(action.label)
            if word is None or (action.lifeline, word.message) != (move.lifeline, move.message):
                continue
            if any(later.kind == "!" and later.arrow == action.arrow for later in actions_in(term)):
                return None  # a loop without a bound may as well have no end
            said = (
                f"the diagram can end here, and {move.lifeline} goes on with {move} in every run: what is drawn as "
                "optional always happens"
            )
            run = tuple(path_to(self.parents, node))
            return Finding("ends-early", said, action.line, move.lifeline, run, warning=True)
        return None

    def _done_in_every_run(self, node: Node, *, of_patient: bool) -> Act | None:
        """A send with which the charts go on in each state that they can be in, if there is no run without one.

        Who is set going has been: where a run draws nothing of it, it goes on with all that it does then.
        """
        acted = {action.lifeline for action in path_to(self.parents, node)}
        orders = {lifeline: order for lifeline, order in self.bound.begin.orders.items() if lifeline not in acted}
        move = None
        for number in sorted(node.states):
            system, state = self.memory.states[number]
            for there in set_going(system, state, orders):
                move = next_undrawn(system, there, of_patient=of_patient)
                if move is None:
                    return None
        return move

    def _not_quiescent(self, node: Node) -> Finding | None:
        left = ""
        for number in sorted(node.states):
            system, state = self.memory.states[number]
            left = left_to_do(system, state)
            if not left:
                return None
        run = tuple(path_to(self.parents, node))
        said = f"the diagram ends here, and the binding says that nothing is left to happen then; but {left}"
        return Finding("not-at-rest", said, run[-1].line, run[-1].lifeline, run) if run else None

    def _report(self, finding: Finding | None) -> None:
        if finding is not None and (key := (finding.line, finding.lifeline, finding.kind)) not in self._reported:
            self._reported.add(key)
            self.findings.append(finding)

    def find_what_never_runs(self, term: Term) -> None:
        """Report each resolution of the diagram's choices that is run to its end in no order."""
        try:
            for way in resolutions(term):
                self._run_to_its_end(way)
        except Stopped as stop:
            self.findings.append(unanswered(f"whether each resolution of the choices can be run to its end: {stop}"))

    def _run_to_its_end(self, way: Term) -> None:
        """Look for an order of a term without choices that comes to its end."""
        search = _Search(self.memory, self.bounds, self.bound, only_first=True)
        begin = Node(way, self.memory.begin)
        search.parents, search.depth = {begin: None}, {begin: 0}
        stack = [begin]
        while stack:
            self.bounds.watch("each resolution of the choices", search.nodes)
            node = stack.pop()
            for number in node.states:
                self.bounds.watch_queues(self.memory.states[number][1].channels)
            if can_end(node.term):
                return
            search.nodes += 1
            stack += reversed(search._expand(node))
        for finding in search.findings:
            self._report(finding)
        if only_warnings(search.findings):
            ends = ((path_to(search.parents, node), action, why) for node, action, why in search.blocked)
            path, action, why = max(ends, key=lambda end: len(end[0]))
            said = divergence.said(action, self.memory.words[action.label])
            if any(node.skipped for node, _, _ in search.blocked):
                text = f"whether {said}: something before it is drawn by mistake, or refers to nothing"
                self._report(unanswered(text, action.line, action.lifeline))
                return
            text = f"{said}, but in no order that is left can this be: {why}"
            self._report(Finding("never-runs", text, action.line, action.lifeline, (*path, action)))

    def comparison(self) -> Comparison:
        """The result of the comparison: its findings, the nodes that were met, and what follows from both."""
        memory = self.memory
        result = Comparison(self.findings, self.nodes)
        known = [node for node in self.parents if not any(isinstance(each, str) for each in node.skipped)]
        ended = {number for node in known if can_end(node.term) for number in node.states}
        last = max(known, key=self.depth.__getitem__)
        result.ended = frozenset(memory.place(number) for number in ended or last.states)
        met = {number for node in self.parents for number in node.states}
        for system, state in (memory.states[number] for number in met):
            for lifeline, local in zip(system.lifelines, state.locals, strict=True):
                result.seen.setdefault(lifeline, set()).add((id(system), local))
        return result


__all__ = ["Comparison", "Finding", "InteractionError", "compare", "enough"]
