"""Counterexamples: the run that shows a finding, drawn as a sequence diagram in the notation of the specification.

The lifelines that take part stand as the diagrams declare them, in their groups; an arrow has the label that the
diagrams give it, or the reference diagram's words where none draws it. Notes say where everybody begins, a divider
where the run leaves what the diagrams allow, and a last note why. The title is such that the binding lets it begin
where the run does: a counterexample can be given to `clientjoin check` in its turn.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from spec.binding import Begin, Binding, Word
from spec.conformance.finding import Finding
from spec.interaction import Action
from spec.notation.arrows import is_writable
from spec.notation.model import Diagram
from spec.notation.model import Lifeline as Column
from spec.notation.text import escape
from spec.rendering.labels import label_named
from spec.rendering.sequence import (
    Comment,
    Divider,
    End,
    Group,
    Lifeline,
    Mark,
    Note,
    Reference,
    past,
    rows_of,
    to_notation,
)
from spec.system.composition import Act

DIVIDERS: Mapping[str, str] = {
    "chart-cannot": "Here the charts cannot follow",
    "impossible-branch": "Nobody can do this",
    "implied-scenario": "No diagram allows this",
    "ends-early": "Here a scenario ends",
    "undue": "After this something is done without an obligation",
    "owed": "After this a pending obligation is not met",
    "endless": "After this something is sent without end",
}
WIDTH = 48
"""Of a note, in characters."""


@dataclass(frozen=True)
class CounterexampleRenderer:
    """Draws the runs that show findings, of a diagram or of all scenarios of a use case."""

    title: str
    diagrams: Sequence[Diagram]
    words: Mapping[str, Word]
    binding: Binding
    begin: Begin
    raw: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find how each label is written."""
        for diagram in self.diagrams:
            for message in diagram.messages():
                self.raw.setdefault(message.label, message.raw_text)

    def drawn(self, finding: Finding) -> Finding:
        """The finding with its run as a diagram, if it has one."""
        return replace(finding, counterexample=self.draw(finding)) if finding.run else finding

    def draw(self, finding: Finding) -> str:
        """The run of a finding, without what has nothing to do with its last action."""
        run = self._run(finding)
        involved = dict.fromkeys(name for end in run for name in _lifelines(end))
        notes = [
            Note((_name(lifeline),), f"begins in {escape(state.replace('_', ' '))}")
            for lifeline, state in self.begin.states.items()
            if _name(lifeline) in involved and "," not in lifeline
        ]
        divider = Divider(DIVIDERS.get(finding.kind, "Here it goes wrong"))
        why = [Note((_name(finding.lifeline),), _folded(finding.message))] if "," not in finding.lifeline else []
        rows = rows_of([*self._lines(finding.run), *notes, *run[:-1], divider, run[-1], *why])
        return to_notation(self.title, self._groups(involved), rows)

    def _run(self, finding: Finding) -> list[End | Mark]:
        run: list[End | Mark] = [self._end(step) for step in finding.run]
        if not isinstance(finding.run[0], Act):
            return run  # what it does not need may still tell which branch it is in
        orders = [End("?", _name(lifeline), "", escape(order)) for lifeline, order in self.begin.orders.items()]
        return [*orders, *run] if finding.in_full else past([*orders, *run])

    def _end(self, step: Action | Act) -> End | Reference:
        lifeline, peer = _name(step.lifeline), _name(step.peer or "")
        if isinstance(step, Act):
            label = self._label(step)
        elif step.kind == "ref":
            return Reference((lifeline,), escape(step.label))
        else:
            label = self.raw.get(step.label, escape(step.label))
        arrow = step.arrow if isinstance(step, Action) else None
        late = isinstance(step, Act) and step.kind == "!" and self._waits(step)
        return End("!" if step.kind == "!" else "?", lifeline, peer, label, step.lost, arrow, late)

    def _lines(self, run: Sequence[Action | Act]) -> list[Mark]:
        """Where the arrows stand, from top to bottom; those of a diagram that is referred to with its file."""
        ours = {"", *(diagram.file for diagram in self.diagrams)}
        found = (step for step in run if isinstance(step, Action) and step.line)
        lines = dict.fromkeys(f"{step.line}" if step.file in ours else f"{step.line} of {step.file}" for step in found)
        return [Comment(f"the arrows of lines {', '.join(lines)}")] if lines else []

    def _waits(self, act: Act) -> bool:
        """Whether it is sent only when nothing else can happen, so that all that comes before it belongs to its run."""
        player = self.binding.players.get(act.lifeline)
        return act.message in self.binding.needs or (self.begin.patient and player is not None and player.patient)

    def _label(self, act: Act) -> str:
        """How the diagrams write the arrow of this action, or another one that says the same."""
        ways = {(act.lifeline, act.peer), (act.peer, act.lifeline)}
        fitting = [
            message
            for diagram in self.diagrams
            for message in diagram.messages()
            if (word := self.words.get(message.label)) is not None and word.covers(act.message, act.detail)
        ]
        for message in fitting:
            if (message.sender, message.receiver) in ways:
                return message.raw_text
        if fitting and not self.binding.tells_ends:  # or it may mean something else between these two
            return fitting[0].raw_text
        return written(act.message, act.detail, self.binding)

    def _groups(self, involved: Iterable[str]) -> list[Group]:
        """The lifelines that take part, as they are declared; others beside those of their server."""
        wanted = set(involved)
        columns: dict[str, Column] = {}
        for diagram in self.diagrams:
            for column in diagram.lifelines:
                if _name(column.name) in wanted:
                    columns.setdefault(_name(column.name), column)
        found: dict[str, list[Lifeline]] = {}
        for name, column in columns.items():
            lifeline = Lifeline(name, column.raw_label or escape(column.label), column.kind)
            found.setdefault(_path(column) or f"\n{name}", []).append(lifeline)
        for name, player in self.binding.players.items():
            if _name(name) in wanted and _name(name) not in columns:
                beside = (
                    columns[n] for n, p in self.binding.players.items() if p.group == player.group and n in columns
                )
                group = next((path for column in beside if (path := _path(column))), escape(player.group))
                found.setdefault(group or f"\n{name}", []).append(Lifeline(_name(name), escape(name)))
        return [Group("" if label.startswith("\n") else label, tuple(each)) for label, each in found.items()]


def written(message: str, detail: str, binding: Binding) -> str:
    """The label of a message with its detail that no diagram draws: read with the binding it is that message again."""
    rules = (rule for rule in binding.labels if not (rule.sender or rule.receiver))
    spelled = (escape(rule.shown) for rule in rules if rule.says(message, detail))
    return next(spelled, None) or label_named(message, detail)


def _path(column: Column) -> str:
    """The group of a lifeline; of nested groups the names in one."""
    return " / ".join(column.group_path) or escape(column.group or "")


def _lifelines(end: End | Mark) -> tuple[str, ...]:
    match end:
        case End(lifeline=lifeline, peer=peer):
            return (lifeline, peer) if peer else (lifeline,)
        case Note(lifelines=lifelines) | Reference(lifelines=lifelines):
            return lifelines
    return ()


def _name(lifeline: str) -> str:
    """The name of a lifeline as the notation can write it: a binding may name one that no diagram could."""
    if not lifeline or is_writable(lifeline):
        return lifeline
    return re.sub(r"\W", "_", lifeline) or "_"


def _folded(text: str) -> str:
    return r"\n".join(escape(line) for line in textwrap.wrap(text, WIDTH))
