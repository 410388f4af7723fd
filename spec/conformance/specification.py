"""The scenarios of a specification: diagrams that were read, compiled and bound once, whatever charts are asked."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace

from spec.binding import Begin, Binding, Player
from spec.binding.allowances import Allowances
from spec.conformance.bind import Bound, BoundDiagram, bind
from spec.conformance.implied import Circumstances, Faults
from spec.conformance.lexicon import is_ours
from spec.conformance.local import Lifeline
from spec.conformance.receivers import receivers_said, sent_by
from spec.conformance.whole import Whole
from spec.interaction import alt, loop
from spec.notation import read
from spec.projection import project
from spec.system.composition import System
from spec.system.process import Payloads, told_apart
from spec.system.setup import Charts
from spec.system.stepped import SteppedMachine

Routes = Mapping[tuple[str, str], tuple[str, ...]]


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


def routes_of(diagrams_bound: Iterable[BoundDiagram], charts: Charts, binding: Binding) -> Routes:
    """The receivers of each message of each lifeline that scenarios draw, and those that the binding names besides;
    none where charts say to whom they send.
    """
    if all(is_ours(chart) for chart in charts.values()):
        return {}
    found: dict[tuple[str, str], dict[str, None]] = {}
    diagrams_bound = tuple(diagrams_bound)
    for lifeline in {name for bound in diagrams_bound for name in bound.whole.lifelines}:
        for message in sent_by(lifeline, binding, charts):
            said = receivers_said(lifeline, message, binding)
            if said is not None:
                found[lifeline, message] = dict.fromkeys(said)
    for bound in diagrams_bound:
        for action in bound.whole.actions():
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
        self.allowances = Allowances(self.binding, drawn=frozenset(self.names), drawn_messages=messages)
        self.messages = messages
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
        return Whole(terms, self.words, self.allowances, self.complete)

    @property
    def refers_on(self) -> bool:
        """Whether what comes after a reference to a use case is compared, too: lifeline by lifeline."""
        return self.complete and any(bound.refers_on for bound in self.diagrams_bound)

    def lifeline(self, name: str) -> Lifeline:
        """What the scenarios, with all that they refer to, say of a lifeline."""
        told = [bound for bound in self.diagrams_bound if name in bound.whole.lifelines]
        if self.begin.recurring:
            again = loop(alt(*[bound.whole.term for bound in told]))
            return Lifeline(name, (project(replace(told[0].whole, term=again), name),), self.words, self.allowances)
        automata = tuple(bound.local(name, whole=True) for bound in told)
        return Lifeline(name, automata, self.words, self.allowances)

    def circumstances(self, system: System) -> Circumstances:
        """What can happen to a system besides what its charts do."""
        words = tuple(self.words.values())
        return Circumstances(self.faults, words, self.begin.later, self.gates(system), self.complete, self.begin)

    def routes(self, charts: Charts) -> Routes:
        """Those of all scenarios."""
        return routes_of(self.diagrams_bound, charts, self.binding)

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
        """The values that the diagrams draw messages with, and those that the binding names: no others are sent."""
        found: dict[str, list[tuple[Hashable, ...]]] = {
            message: [*values] for message, values in self.binding.payloads.items()
        }
        for word in (word for bound in self.diagrams_bound for word in bound.words.values()):
            if word.values is not None:
                found.setdefault(word.message, []).append(word.values)
        return {message: told_apart(values) for message, values in found.items()}


def specification(
    texts: Iterable[tuple[str, str]],
    binding: Binding,
    charts: Charts,
    others: Iterable[tuple[str, str]] = (),
    *,
    complete: bool = True,
) -> Specification:
    """Read and bind diagrams, given as file and text; `others` are referred to. Unless `complete` they are scenarios
    among others, if any of our charts takes part in them: with charts of others a user's diagrams are all that there
    is. Raises what `bind` raises.
    """
    diagrams, referred = ([read(text, file=file) for file, text in each] for each in (texts, others))
    bound = bind(diagrams, binding, charts, referred)
    names = dict.fromkeys(each.use_case for each in bound.diagrams)
    use_cases = tuple(_use_case(name, bound, complete=complete) for name in names)
    return Specification(bound.binding, bound.charts, bound.diagrams, use_cases)


def _use_case(name: str, bound: Bound, *, complete: bool) -> UseCase:
    """The scenarios of that name."""
    members = tuple(each for each in bound.diagrams if each.use_case == name)
    for each in members:
        each.together = members
    lifelines = {lifeline for each in members for lifeline in each.interaction.lifelines}
    players = [bound.binding.players[lifeline] for lifeline in lifelines if lifeline in bound.binding.players]
    ours = any(player.chart in bound.charts and is_ours(bound.charts[player.chart]) for player in players)
    if not ours:
        for each in members:
            each.beside = beside(each, members, bound.binding.players)
    return UseCase(name, members, bound.binding, members[0].begin, complete=complete or not ours)


def beside(bound: BoundDiagram, together: Iterable[BoundDiagram], players: Mapping[str, Player]) -> frozenset[str]:
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
    if bound.begin.patient and any(players[name].patient for name in names if name in players):
        found |= names
    while more := {end for pair in ends if not found.isdisjoint(pair) for end in pair} - found:
        found |= more
    return frozenset(found).difference(bound.interaction.lifelines)
