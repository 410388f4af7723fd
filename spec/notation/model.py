"""A diagram as data: who takes part, and a tree of what is said.

Two kinds of things stand side by side and are never mixed. *Meaning*: who sends what to whom, lost or not, choices,
parallelism, life cycle, references. *Presentation*: colours, notes, dividers, how a head is drawn. The former are typed
nodes; the latter are `Presentation` statements, or fields (`look`, `style`, `raw_…`) that `meaning()` blanks, so that a
diagram can be printed as it was and still be compared by what it says.

Every statement knows its source line and column, both from 1; 0 means that it was not read from a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Severity = Literal["error", "warning"]
By = Literal["start", "else", "thread"]
Destruction = Literal["destroy", "destroyafter", "destroysilent"]

TRANSPARENT = frozenset({"group", "expandable", "expandable+", "expandable-"})
"""Fragments that only draw a frame: their statements mean what they would mean without it."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """`error`: the site would refuse the line. `warning`: it reads, but probably not as its author meant it."""

    line: int
    column: int
    severity: Severity
    message: str


@dataclass(frozen=True, slots=True)
class Lifeline:
    """A column of the diagram. `kind` is the keyword that declared it; `group` joins nested groups with " / "."""

    name: str
    label: str = ""
    kind: str = "participant"
    group: str | None = None
    line: int = 0
    column: int = 0
    raw_label: str = ""
    style: str = ""
    icon: str = ""
    group_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArrowStyle:
    """How an arrow is drawn; nothing in here changes who sends what to whom."""

    dashed: bool = False
    open_head: bool = False
    reversed: bool = False
    left_style: str = ""
    right_style: str = ""
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """An arrow. A `sender` or `receiver` of None is the environment; a lost message keeps its intended receiver.

    `<->` is one message with `both_ways`; its sender is the lifeline on the left of the arrow.
    """

    line: int
    column: int
    sender: str | None
    receiver: str | None
    label: str = ""
    raw_text: str = ""
    lost: bool = False
    created: bool = False
    both_ways: bool = False
    delay: float = 0
    look: ArrowStyle = ArrowStyle()

    def actors(self) -> Iterator[str | None]:
        """The ends at which something happens; None for the environment."""
        yield self.sender
        if self.both_ways or not self.lost:
            yield self.receiver


@dataclass(frozen=True, slots=True)
class Operand:
    """One branch of a fragment; `by` is the word that opened it (`start`: the fragment itself)."""

    line: int
    column: int
    guard: str
    body: tuple[Statement, ...]
    by: By = "start"
    raw_guard: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Fragment:
    """`alt`, `opt`, `loop`, ... with at least one operand."""

    line: int
    column: int
    kind: str
    operands: tuple[Operand, ...]

    @property
    def guard(self) -> str:
        return self.operands[0].guard


@dataclass(frozen=True, slots=True)
class Reference:
    """`ref over A,B:text`. `over` holds the lifelines as written; `target` is the text without a leading `sd`."""

    line: int
    column: int
    over: tuple[str, ...]
    text: str
    target: str = ""
    raw_text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Parallel:
    """`parallel` ... `parallel off`; not `closed` if it ran to the end of its operand or of the file."""

    line: int
    column: int
    body: tuple[Statement, ...]
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Create:
    """`create X`: the lifeline begins here."""

    line: int
    column: int
    name: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """`destroy X` and its relatives; `how` is the keyword."""

    line: int
    column: int
    name: str
    how: Destruction = "destroy"


@dataclass(frozen=True, slots=True)
class Presentation:
    """A statement that only draws: kept, so that printing does not lose it, and ignored by the meaning."""

    line: int
    column: int
    keyword: str
    text: str = ""


Statement: TypeAlias = Message | Fragment | Reference | Parallel | Create | Destroy | Presentation


@dataclass(frozen=True, slots=True)
class Mark:
    """A line of the text that shapes the diagram and is no statement of its tree.

    A heading, a declaration, a group, `else`, `end`, `parallel off`, or a line of a note's text (`word` is then empty).
    """

    line: int
    column: int
    word: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a diagram says: its nodes without lines and without presentation. Hashable, equal when they say the same."""

    frame: str | None
    title: str | None
    lifelines: tuple[Lifeline, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    """What was read from one text. `raw_frame` and `raw_title` are those lines after their keyword.

    Every line of the text that is not blank is the line of a statement, an operand, a mark or a diagnostic. `notation`
    is the one that the text is written in; of one that is not read yet there is nothing but a diagnostic.
    """

    file: str = "<text>"
    frame: str | None = None
    title: str | None = None
    lifelines: tuple[Lifeline, ...] = ()
    body: tuple[Statement, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    raw_frame: str = ""
    raw_title: str = ""
    marks: tuple[Mark, ...] = ()
    notation: str = "sequencediagram.org"

    def statements(self) -> Iterator[Statement]:
        """All statements in source order, a fragment or block before what it holds."""
        return walk(self.body)

    def messages(self) -> Iterator[Message]:
        """All messages in source order."""
        return (statement for statement in self.statements() if isinstance(statement, Message))

    def presentation(self) -> tuple[tuple[str, str], ...]:
        """Keyword and text of all statements that only draw."""
        return tuple((s.keyword, s.text) for s in self.statements() if isinstance(s, Presentation))

    def meaning(self) -> Meaning:
        """The diagram without presentation and lines. `space` stays if a delay makes it matter (overtaking)."""
        return Meaning(
            self.frame,
            self.title,
            tuple(Lifeline(each.name, each.label, each.kind, each.group) for each in self.lifelines),
            essence(self.body, keep_space=any(message.delay for message in self.messages())),
        )


def walk(body: Iterable[Statement]) -> Iterator[Statement]:
    """The statements of a tree, from top to bottom."""
    for statement in body:
        yield statement
        if isinstance(statement, Fragment):
            for operand in statement.operands:
                yield from walk(operand.body)
        elif isinstance(statement, Parallel):
            yield from walk(statement.body)


def essence(body: Iterable[Statement], *, keep_space: bool = False) -> tuple[Statement, ...]:
    """The statements that mean something, without where they stand and how they look."""
    said: list[Statement] = []
    for statement in body:
        match statement:
            case Message():
                said.append(replace(statement, line=0, column=0, raw_text="", look=ArrowStyle()))
            case Fragment(kind=kind, operands=operands) if kind in TRANSPARENT:
                for operand in operands:
                    said += essence(operand.body, keep_space=keep_space)
            case Fragment(kind=kind, operands=operands):
                said.append(Fragment(0, 0, kind, tuple(_bare(each, keep_space=keep_space) for each in operands)))
            case Reference(over=over, text=text, target=target):
                said.append(Reference(0, 0, over, text, target))
            case Parallel():
                said.append(Parallel(0, 0, essence(statement.body, keep_space=keep_space)))
            case Create(name=name):
                said.append(Create(0, 0, name))
            case Destroy(name=name, how=how):
                said.append(Destroy(0, 0, name, how))
            case Presentation(keyword="space", text=text) if keep_space:
                said.append(Presentation(0, 0, "space", text))
    return tuple(said)


def _bare(operand: Operand, *, keep_space: bool) -> Operand:
    return Operand(0, 0, operand.guard, essence(operand.body, keep_space=keep_space), operand.by)
