"""Conformance: the charts can do what a diagram says.

All traces of a diagram, with all its alternatives and interleavings, are held against the system of all charts: for
each action the system must be able to do it next, except for what the binding lets participants do undrawn. States of
the diagram are explored together with the *set* of states that the system can be in after the same trace, so the check
is trace inclusion, not a walk along one run. A trace that fails is reported at its first action that nobody can do, and
not followed further.

Two things keep that finite work. Actions of different lifelines are independent, so one order of them is enough
(`spec.interaction.ample`). And a call inside a server is received as soon as it is sent: only the bus takes its time.

An action whose need the diagram itself leaves unmet (`[needs]` in the binding: a timeout is exceeded that was not set)
is the diagram's own mistake: no system of these participants can run it. It is reported, and the trace goes on without
it, so that the rest is still compared.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from spec.binding import Binding, Word
from spec.binding.obligations import Breach
from spec.conformance.matching import beyond, left_to_do, match, silently
from spec.interaction import Action, Interaction, ample, can_end, steps
from spec.system.composition import Act, State, System

Kind = Literal[
    "chart-cannot",
    "undue",
    "owed",
    "endless",
    "implied-scenario",
    "impossible-branch",
    "unbound-label",
    "wrong-topic",
    "unplayed-lifeline",
    "sent-to-nobody",
    "missing-reference",
    "not-realisable",
    "unreadable",
    "no-beginning",
    "not-at-rest",
    "too-large",
]

MOST = 20_000
"""How many states of a diagram, with what the system can be in, are compared before it is said that this is not all."""
SEVERAL = 2
"""How often the same that is needed later is counted: more would go on forever where a diagram has a loop."""


TOO_LARGE = "what comes after them was not compared; draw less in parallel, or in diagrams of their own"


@dataclass(frozen=True)
class Finding:
    """What was found: where, what the diagram says, what the chart does, and the shortest run that shows it.

    `run` is that run, action by action, and `witness` the same as a sequence diagram (see `counterexample`). `warning`
    is about the diagram itself rather than about a chart.
    """

    kind: Kind
    message: str
    line: int = 0
    lifeline: str = ""
    run: tuple[Action | Act, ...] = ()
    witness: str = ""
    warning: bool = False
    accepted: str = ""
    """The reason, where the finding is understood and accepted."""


class Node(NamedTuple):
    """A state of the diagram with everything that the system can be in, as numbers of a `_Memory`."""

    term: Any
    states: frozenset[int]
    set_off: tuple[tuple[str, str, str], ...] = ()
    """Messages that are needed later, with sender and receiver, and were sent: once or more than once."""
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


class _Memory:
    """The states of all systems, numbered, and what matching an action came to in each."""

    def __init__(self, systems: list[tuple[System, State]], words: Mapping[str, Word], binding: Binding) -> None:
        self.systems = [system for system, _ in systems]
        self.words = words
        self.binding = binding
        self.missing: set[int] = set()
        """Lines of references to nothing."""
        self.states: list[tuple[System, State]] = []
        self._numbers: dict[tuple[int, State], int] = {}
        self._matched: dict[tuple[Any, ...], frozenset[int]] = {}
        self.begin = frozenset(self.number(place, state) for place, (_, state) in enumerate(systems))

    def number(self, place: int, state: State) -> int:
        """The number of a state of a system."""
        key = (place, state)
        if key not in self._numbers:
            self._numbers[key] = len(self.states)
            self.states.append((self.systems[place], state))
        return self._numbers[key]

    def is_call(self, action: Action) -> bool:
        """Whether an arrow stays inside a server."""
        players = self.binding.players
        ends = [players[name].group for name in (action.lifeline, action.peer or "") if name in players]
        return len(ends) == 2 and ends[0] == ends[1] != "" and not action.lost  # noqa: PLR2004 - both ends

    def match(self, number: int, action: Action, word: Word, *, with_environment: int) -> frozenset[int]:
        """The numbers of the states after an action."""
        key = (number, action.kind, action.lifeline, action.peer, action.lost, word, with_environment)
        if key not in self._matched:
            system, state = self.states[number]
            place = self.systems.index(system)
            found = match(system, state, action, word, self.binding, with_environment=with_environment)
            self._matched[key] = frozenset(self.number(place, then) for then in found)
        return self._matched[key]


def compare(
    interaction: Interaction,
    words: Mapping[str, Word],
    systems: list[tuple[System, State]],
    binding: Binding,
    *,
    only_first: bool = False,
    at_rest: bool = False,
) -> Comparison:
    """Hold all traces of an interaction against the systems that it can be about; or find out if all can be run.

    `at_rest` asks, too, that nothing is left to happen wherever it ends.
    """
    result = Comparison()
    memory = _Memory(systems, words, binding)
    memory.missing = {problem.line for problem in interaction.problems if problem.kind == "missing-reference"}
    begin = Node(interaction.term, memory.begin)
    parents: dict[Node, tuple[Node, Action] | None] = {begin: None}
    queue = deque([begin])
    reported: set[tuple[int, str, str]] = set()
    while queue and not (only_first and any(not finding.warning for finding in result.findings)):
        if result.nodes == MOST:
            result.findings.append(Finding("too-large", f"more than {MOST} states: {TOO_LARGE}"))
            break
        node = queue.popleft()
        result.nodes += 1
        finding = _not_at_rest(node, parents, memory) if at_rest and can_end(node.term) else None
        if finding is not None and (key := (finding.line, finding.lifeline, finding.kind)) not in reported:
            reported.add(key)
            result.findings.append(finding)
        for action, term in _next(node):
            then, finding = _follow(node, action, term, memory)
            if then is not None:
                then, against = _as_owed(then, action, memory)
                finding = finding or against
            if finding is not None and (key := (finding.line, finding.lifeline, finding.kind)) not in reported:
                reported.add(key)
                result.findings.append(replace(finding, run=(*_path(parents, node), action)))
            if then is not None and then not in parents:
                parents[then] = (node, action)
                queue.append(then)
    met = {number for node in parents for number in node.states}
    for system, state in (memory.states[number] for number in met):
        for lifeline, local in zip(system.lifelines, state.locals, strict=True):
            result.seen.setdefault(lifeline, set()).add((id(system), local))
    return result


def _as_owed(node: Node, action: Action, memory: _Memory) -> tuple[Node | None, Finding | None]:
    """The node without the states where a participant acts against what it owes, and the first such finding.

    What follows on that says nothing more. Where a trace is over, what participants go on to do undrawn counts.
    """
    kept: set[int] = set()
    first: Breach | None = None
    is_over = not _next(node)
    for number in sorted(node.states):
        system, state = memory.states[number]
        breach = system.breach(state) or (
            beyond(system, state, memory.binding, system.disciplines) if is_over else None
        )
        first = first or breach
        if breach is None:
            kept.add(number)
    found = None if first is None else _against_duty(first, action)
    return (node._replace(states=frozenset(kept)) if kept else None), found


def _against_duty(breach: Breach, action: Action) -> Finding:
    """What a participant does that it does not owe, or owes and does not do."""
    return Finding(breach.kind, f"{breach.lifeline} {breach.text}", action.line, breach.lifeline)


def _next(node: Node) -> tuple[tuple[Action, Any], ...]:
    """The steps of the diagram to follow: a call is received as soon as it is sent, if its receiver is drawn so far."""
    if node.call is not None:
        received = tuple(step for step in steps(node.term) if step[0].kind == "?" and step[0].arrow == node.call)
        if received:
            return received
    return ample(node.term)


def _follow(node: Node, action: Action, term: Any, memory: _Memory) -> tuple[Node | None, Finding | None]:
    """The node after an action, or what is wrong with it."""
    binding = memory.binding
    is_unknown = action.line in memory.missing if action.kind == "ref" else action.label not in memory.words
    if is_unknown or action.lifeline in node.skipped or action.peer in node.skipped:
        # A procedure that is missing, or a message that nobody knows, can do anything; and so can who hears of it.
        return node._replace(term=term, skipped=node.skipped | {action.lifeline}, call=None), None
    if action.kind == "ref":
        return _refer(node, action, term, memory)
    if action.arrow in node.skipped:
        return node._replace(term=term, call=None), None
    word = memory.words.get(action.label)
    if word is None or not any(action.lifeline in system.machines for system in memory.systems):
        return node._replace(term=term), None  # reported once for the diagram, not for each trace
    needed = binding.needs.get(word.message)
    set_off = node.set_off
    if needed and action.kind == "!":
        need = (needed, action.peer or "", action.lifeline)
        if need not in set_off:
            skipped = node.skipped | {action.arrow}
            return node._replace(term=term, skipped=skipped, call=None), _mistake(action, word, needed)
        place = set_off.index(need)
        set_off = (*set_off[:place], *set_off[place + 1 :])
    if action.kind == "!" and word.message in binding.needs.values():
        sent = (word.message, action.lifeline, action.peer or "")
        if set_off.count(sent) < SEVERAL:
            set_off = tuple(sorted((*set_off, sent)))
    for with_environment in (0, 1, 2, 3):
        after: set[int] = set()
        for number in node.states:
            after |= memory.match(number, action, word, with_environment=with_environment)
        if after:
            call = action.arrow if action.kind == "!" and memory.is_call(action) else None
            return Node(term, frozenset(after), set_off, node.skipped, call), None
    return None, _cannot(node, action, word, memory)


def _refer(node: Node, action: Action, term: Any, memory: _Memory) -> tuple[Node | None, Finding | None]:
    """A reference to a use case: from here on any of its courses, so its beginning must be within reach."""
    use_case = action.label.rpartition(":")[2].strip()
    begin = memory.binding.begin(f"{use_case} (*)").states.get(action.lifeline)
    if begin is None or action.lifeline not in memory.systems[0].machines:
        return node._replace(term=term, call=None), None
    after: set[int] = set()
    for number in node.states:
        system, state = memory.states[number]
        place = memory.systems.index(system)

        def has_begun(there: State, system: System = system) -> bool:
            return system.where(there, action.lifeline) == (begin,)

        reached = silently(system, state, action.lifeline, memory.binding, has_begun)
        after |= {memory.number(place, there) for there in reached}
    if after:
        return node._replace(term=term, states=frozenset(after), call=None), None
    return node._replace(term=term, call=None), Finding(
        "chart-cannot",
        f"{use_case} is to begin again, with {action.lifeline} in {begin}; "
        f"its chart is in {_wheres(node, memory, action.lifeline)}",
        action.line,
        action.lifeline,
    )


# Saying what is wrong.


def _mistake(action: Action, word: Word, needed: str) -> Finding:
    return Finding(
        "impossible-branch",
        f"no system can run this branch: {action.lifeline} sends {word} to {action.peer}, but on the way here "
        f"{action.peer} sent no {needed} to {action.lifeline} that is still open",
        action.line,
        action.lifeline,
        warning=True,
    )


def _cannot(node: Node, action: Action, word: Word, memory: _Memory) -> Finding:
    for number in sorted(node.states):
        system, state = memory.states[number]
        breach = beyond(system, state, memory.binding, (*system.disciplines, action.lifeline))
        if breach is not None:
            return _against_duty(breach, action)
    chart = memory.systems[0].machines[action.lifeline].name
    if action.kind == "!":
        said = f"{action.lifeline} sends {word}" + (f" to {action.peer}" if action.peer else "")
        said += ", and it is lost" if action.lost else ""
    else:
        said = f"{action.lifeline} receives {word}" + (f" from {action.peer}" if action.peer else "")
    system, state = memory.states[min(node.states)]
    does = ", ".join(_possible(system, state, action.lifeline, memory.binding)) or "nothing"
    return Finding(
        "chart-cannot",
        f"the diagram says that {said}; the chart {chart}, in {_wheres(node, memory, action.lifeline)}, "
        f"can do here: {does}",
        action.line,
        action.lifeline,
    )


def _possible(system: System, state: State, lifeline: str, binding: Binding) -> list[str]:
    """What a lifeline can do that needs drawing, after what needs none, and what it refuses of what has come."""
    found: dict[str, None] = {}
    refused: dict[str, None] = {}

    def ask(there: State) -> bool:
        for sent, _ in system.sends(there, lifeline):
            if not binding.may(lifeline, str(sent.act), sent.act.peer):
                text = f"!{sent.act.message} {sent.act.detail}".rstrip()
                found.setdefault(text + (f" to {sent.act.peer}" if sent.act.peer else ""))
        for received, act, why in system.receives(there, lifeline):
            text = f"?{act.message} from {act.peer}"
            if received is None:
                refused.setdefault(f"{text} (not now: {why})")
            elif not binding.may(lifeline, str(act), act.peer):
                found.setdefault(text + (" (ignored)" if act.ignored else ""))
        return False

    list(silently(system, state, lifeline, binding, ask))
    return [*found, *(text for text in refused if text.partition(" (")[0] not in found)]


def _not_at_rest(node: Node, parents: Mapping[Node, tuple[Node, Action] | None], memory: _Memory) -> Finding | None:
    left = ""
    for number in sorted(node.states):
        system, state = memory.states[number]
        left = left_to_do(system, state, memory.binding)
        if not left:
            return None
    run = tuple(_path(parents, node))
    said = f"the diagram ends here, and the binding says that nothing is left to happen then; but {left}"
    return Finding("not-at-rest", said, run[-1].line, run[-1].lifeline, run) if run else None


def _wheres(node: Node, memory: _Memory, lifeline: str) -> str:
    places = (memory.states[number] for number in node.states)
    return " or ".join(sorted({"/".join(system.where(state, lifeline)) for system, state in places}))


def _path(parents: Mapping[Node, tuple[Node, Action] | None], node: Node) -> list[Action]:
    path: list[Action] = []
    step = parents[node]
    while step is not None:
        node, action = step
        path.append(action)
        step = parents[node]
    return path[::-1]
