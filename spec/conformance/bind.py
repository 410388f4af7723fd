"""The one place where diagrams, a binding and charts meet: `bind`. What comes after it asks none of them for a name.

A diagram is read in the words of a user; the charts have theirs. `bind` gives each lifeline the name that the binding
knows, takes out what is ignored, makes an arrow from or to the environment of one at a lifeline that nobody plays,
finds the message of each label, and says what of all that is wrong.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from statemachine import StateChart

from machines.participant import atomic_states
from spec.binding import BUILT_IN, Begin, Binding, Player, Word
from spec.binding.inheritance import misspelled, our_names
from spec.binding.refusals import refuse_unknown
from spec.conformance.finding import Finding
from spec.conformance.lexicon import impossible_losses, refuse_events, unplayed
from spec.conformance.meanings import Meanings
from spec.conformance.receivers import misdirected, repeats_of_nothing
from spec.conformance.reduction import in_one_order
from spec.hints import near_to
from spec.interaction import Interaction, InteractionError, Library, compile_diagram
from spec.notation.model import Create, Destroy, Diagram, Message, Reference, Statement
from spec.notation.rewriting import rewritten
from spec.projection import Automaton, project
from spec.system.adapter import TransitionsChart
from spec.system.driving import CastError
from spec.system.setup import OURS, Charts, is_participant, name_given, spoken


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
    """Where it begins."""
    resumes: Mapping[str, Begin]
    """Where use cases begin that it refers to, by the label of the reference."""
    findings: tuple[Finding, ...]
    """What is wrong with it as it stands, whatever the charts do."""
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


class Bound(NamedTuple):
    """What `bind` came to: the diagrams, and binding and charts with all that is said by default."""

    diagrams: tuple[BoundDiagram, ...]
    binding: Binding
    charts: Charts


def bind(diagrams: Sequence[Diagram], binding: Binding, charts: Charts, referred: Iterable[Diagram] = ()) -> Bound:
    """Resolve the names of diagrams that are checked together, in their order, once for all that comes after.

    `charts` are given by lifeline or by the binding's names, ours need not be; `referred` are diagrams that the others
    may refer to. Raises `BindingError` and `CastError`, whose messages say what to mend.
    """
    given, charts = charts, {**OURS, **charts}
    binding = _with_charts(binding, charts)
    refuse_events(binding, charts)
    actions = {name: spoken(name, chart, binding) for name, chart in charts.items()}
    classes = {name: chart.__name__ for name, chart in charts.items()}
    atomic = {
        name: frozenset(state.id for state in atomic_states(chart))
        for name, chart in charts.items()
        if not isinstance(chart, TransitionsChart)
    }
    refuse_unknown(binding, _by_class(actions, classes), _by_class(atomic, classes), classes, OURS)
    refuse_idle(given, diagrams, binding)
    frames = {diagram.frame for diagram in diagrams if diagram.frame}
    drawn = {lifeline.name for diagram in diagrams for lifeline in diagram.lifelines}
    meanings = Meanings(binding, charts)
    meant = [misspelled(diagram, binding) for diagram in diagrams]
    played = [_played(*each, meanings) for each in zip(diagrams, meant, strict=True)]
    ours = our_names(binding, drawn)
    others = [_played(other, ours, meanings) for other in referred if other.frame not in frames]
    in_play = [*played, *others]
    in_play_ours = any(is_participant(charts.get(name_given(name, binding, charts))) for name in drawn)
    libraries = (
        Library(in_play, families="opaque" if in_play_ours else "acyclic"),
        Library(in_play, families="expand"),
    )
    found = []
    for as_drawn, names, each in zip(diagrams, meant, played, strict=True):
        wrong = (
            *unplayed(as_drawn, binding, charts, names),
            *impossible_losses(each, binding),
            *misdirected(as_drawn, each, meanings),
            *repeats_of_nothing(each, meanings),
        )
        found.append(_bound_diagram(each, libraries, meanings, wrong))
    return Bound(tuple(found), binding, charts)


def _by_class(said: Mapping[str, frozenset[str]], classes: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """What is said of charts by the names that they are given under, by those of their classes, too."""
    return {**{classes[name]: each for name, each in said.items()}, **said}


def _played(diagram: Diagram, names: Mapping[str, str], meanings: Meanings) -> Diagram:
    """The diagram as charts can play it: lifelines called otherwise, labels of one meaning, nothing that is ignored."""
    binding = meanings.binding
    lifelines = {name: replace(each, name=name) for each in diagram.lifelines for name in [_name(each.name, names)]}
    ignored = {name for name, outside in binding.outside.items() if outside == "ignored"}
    in_play: Collection[str] = binding.players
    is_whole = not ignored and not any(rule.ignored for rule in binding.labels) and lifelines.keys() <= {*in_play}

    def change(statement: Statement) -> Statement | None:
        renamed = _renamed(statement, names)
        if isinstance(renamed, Message):
            renamed = meanings.marked(renamed, diagram.file)
        return renamed if is_whole else _in_play(renamed, binding, ignored)

    kept = lifelines.values() if is_whole else [each for each in lifelines.values() if each.name in in_play]
    return replace(rewritten(diagram, change), lifelines=tuple(kept))


def _name(name: str, names: Mapping[str, str]) -> str:
    return names.get(name, name)


def _renamed(statement: Statement, names: Mapping[str, str]) -> Statement:
    if not names:
        return statement
    match statement:
        case Message(sender=sender, receiver=receiver):
            ends = [None if end is None else _name(end, names) for end in (sender, receiver)]
            return replace(statement, sender=ends[0], receiver=ends[1])
        case Reference(over=over):
            return replace(statement, over=tuple(_name(name, names) for name in over))
        case Create(name=name) | Destroy(name=name):
            return replace(statement, name=_name(name, names))
    return statement


def _in_play(statement: Statement, binding: Binding, ignored: set[str]) -> Statement | None:
    """The statement without ends that nobody plays; None if it is ignored, or nothing is left of it."""
    players = binding.players
    match statement:
        case Message(sender=sender, receiver=receiver):
            is_ignored = not ignored.isdisjoint((sender, receiver)) or binding.ignores_label(
                statement.label, (sender or "", receiver or "")
            )
            ends = [end if end in players else None for end in (sender, receiver)]
            return replace(statement, sender=ends[0], receiver=ends[1]) if any(ends) and not is_ignored else None
        case Reference(over=over):
            left = tuple(name for name in over if name in players)
            return replace(statement, over=left) if left else None
    return statement if getattr(statement, "name", None) in {None, *players} else None


def _bound_diagram(
    diagram: Diagram, libraries: tuple[Library, Library], meanings: Meanings, wrong: tuple[Finding, ...]
) -> BoundDiagram:
    """A diagram in the words of the charts, with use cases that it refers to opaque, and expanded.

    `wrong` is what was found wrong with its names.
    """
    interaction, whole = (compile_diagram(diagram, library) for library in libraries)
    problems = {(problem.line, problem.message) for problem in interaction.problems}
    findings = [*wrong]
    findings += [
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
    references = {action.label for each in (interaction, whole) for action in each.actions() if action.kind == "ref"}
    use_cases = {label: label.rpartition(":")[2].strip() for label in references}
    resumes = {label: meanings.binding.begin(f"{use_case} (*)") for label, use_case in use_cases.items()}
    return BoundDiagram(diagram, interaction, whole, ordered, words, begin, resumes, tuple(findings))


def _labels(interaction: Interaction) -> dict[str, int]:
    """Each label of an arrow with the first line that it stands on, of this diagram and those that it refers to."""
    found: dict[str, int] = {}
    for action in interaction.actions():
        if action.kind != "ref":
            found.setdefault(action.label, action.line)
    return found


def refuse_idle(charts: Charts, diagrams: Iterable[Diagram], binding: Binding) -> None:
    """Raise `CastError` for a chart that plays no lifeline of any of the diagrams: it was not asked anything."""
    drawn = {lifeline.name for diagram in diagrams for lifeline in diagram.lifelines}
    played = {binding.players[name].chart for name in drawn if name in binding.players}
    likes = {binding.players[name].like for name in drawn if name in binding.players}
    groups = {binding.players[name].group for name in drawn if name in binding.players} - {""}
    for name in charts:
        beside = name in binding.players and (binding.players[name].group in groups or binding.players[name].role)
        if drawn and not (name in drawn or name in played or name in likes or name in OURS or beside):
            hint = near_to(name, sorted(drawn))
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
