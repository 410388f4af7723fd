r"""A run as a sequence diagram: in the notation of the reference diagram (sequencediagram.org), or in Mermaid.

A sketch is a list of lifelines in their groups, and rows from top to bottom. It knows nothing of Client Join. Who has a
run as a list of arrow *ends* (each lifeline's sends and receives, in the order in which they happened) makes the rows
with `rows_of`. What is written in the notation goes through `spec.notation`'s own printer, so it can be read back.

Each arrow says when its two ends happened, and the drawing keeps the order on every lifeline. Where each arrow fits on
a row of its own, it gets one. Where arrows cross (each was sent before the other one came), no order of rows is right:
those are drawn with a delay, `A->>(3)B`, which ends three rows lower, and `space -2`, which goes two rows up again.
Mermaid has nothing of that kind: there such arrows stand in the order in which they came.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from spec import notation
from spec.notation.text import plain


@dataclass(frozen=True)
class Lifeline:
    """A column: its alias, what is written over it, and the notation's keyword for how it is drawn."""

    alias: str
    label: str
    kind: str = "participant"


@dataclass(frozen=True)
class Group:
    """The lifelines of one server; without a label they are drawn in no group."""

    label: str
    lifelines: tuple[Lifeline, ...]


@dataclass(frozen=True)
class Message:
    """An arrow. An empty `sender` or `receiver` is the environment; a lost arrow never reaches its receiver.

    `sent` and `came` number its ends among all ends of the sketch; an arrow with one end has one number.
    """

    sender: str
    receiver: str
    label: str
    lost: bool = False
    sent: int = 0
    came: int = 0


@dataclass(frozen=True)
class Divider:
    """A line across all lifelines."""

    label: str


@dataclass(frozen=True)
class Note:
    """A note over lifelines."""

    lifelines: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class Reference:
    """What the lifelines do in another diagram."""

    lifelines: tuple[str, ...]
    label: str


@dataclass(frozen=True)
class End:
    """One end of an arrow: `lifeline` sends to `peer` or receives from it; an empty `peer` is the environment.

    `arrow` tells apart arrows of one label between the same two, where they can overtake each other. `late` is what
    comes only when nothing else can happen: a timeout, where they are patient.
    """

    kind: Literal["!", "?"]
    lifeline: str
    peer: str
    label: str
    lost: bool = False
    arrow: object = None
    late: bool = False


@dataclass(frozen=True)
class Comment:
    """What only a reader of the text sees."""

    label: str


Mark = Divider | Note | Reference | Comment
"""What is drawn between arrows."""

Row = Message | Mark


def rows_of(ends: Iterable[End | Mark]) -> list[Row]:
    """A run as rows: each receive belongs to the first send of its label on the same way that nobody received yet.

    Rows stand in the order in which they came; what is still under way is drawn as if it came in the end.
    """
    arrows: list[Message] = []
    marks: list[tuple[int, Mark]] = []
    under_way: dict[tuple[object, ...], deque[int]] = {}
    number = 0
    for end in ends:
        if not isinstance(end, End):
            marks.append((number, end))
            continue
        number += 1
        sends = end.kind == "!"
        way = (end.lifeline, end.peer) if sends else (end.peer, end.lifeline)
        waiting = under_way.setdefault((*way, end.label, end.arrow), deque())
        if not sends and waiting:
            place = waiting.popleft()
            arrows[place] = replace(arrows[place], came=number)
            continue
        if sends and end.peer and not end.lost:
            waiting.append(len(arrows))
        arrows.append(Message(*way, end.label, end.lost, number, number))
    happened = number
    for place in sorted(place for waiting in under_way.values() for place in waiting):
        number += 1
        arrows[place] = replace(arrows[place], came=number)
    last = [mark for at, mark in marks if at == happened]
    rows: list[tuple[int, Row]] = [*marks[: len(marks) - len(last)], *((number, mark) for mark in last)]
    rows += [(arrow.came - 1, arrow) for arrow in arrows]
    return [row for _, row in sorted(rows, key=lambda row: (row[0], isinstance(row[1], Message)))]


def past(ends: Sequence[End | Mark]) -> list[End | Mark]:
    """Of a run what its last end needs: what is before it on its lifeline, the sends of that, and so on; all marks.

    What is left is a run as well (Lamport, "Time, clocks, and the ordering of events in a distributed system", 1978).
    """
    needed = needed_of(ends)
    return [end for index, end in enumerate(ends) if index in needed or not _acting(end)]


def needed_of(ends: Sequence[End | Mark]) -> set[int]:
    """The places of what the last end of a run needs, and of that end."""
    sends: dict[tuple[object, ...], deque[int]] = {}
    latest: dict[str, int] = {}
    needs: list[list[int]] = []
    for index, end in enumerate(ends):
        found = []
        for lifeline in _acting(end):
            found += [latest[lifeline]] if lifeline in latest else []
            latest[lifeline] = index
        if isinstance(end, End):
            sent = end.kind == "!"
            way = (end.lifeline, end.peer) if sent else (end.peer, end.lifeline)
            waiting = sends.setdefault((*way, end.label, end.arrow), deque())
            if sent and end.peer and not end.lost:
                waiting.append(index)
            elif not sent and waiting:
                found.append(waiting.popleft())
            if end.late:
                found += range(index)
        needs.append(found)
    needed: set[int] = set()
    todo = [max((index for index, end in enumerate(ends) if isinstance(end, End)), default=-1)]
    while todo:
        index = todo.pop()
        if index >= 0 and index not in needed:
            needed.add(index)
            todo += needs[index]
    return needed


def _acting(end: End | Mark) -> tuple[str, ...]:
    """The lifelines whose order it is in."""
    match end:
        case End(lifeline=lifeline):
            return (lifeline,)
        case Reference(lifelines=lifelines):
            return lifelines
    return ()


def to_notation(title: str, groups: Iterable[Group], rows: Iterable[Row]) -> str:
    r"""The sketch in the notation of the reference diagram; a lost message is red, as there.

    Labels are raw: with the notation's markup and its `\n`. Raises `ValueError` if a name cannot be written.
    """
    lifelines = tuple(
        notation.Lifeline(
            each.alias,
            plain(each.label),
            each.kind,
            plain(group.label) or None,
            raw_label=each.label,
            group_path=(group.label,) if group.label else (),
        )
        for group in groups
        for each in group.lifelines
    )
    body = tuple(statement for block in _blocks(list(rows)) for statement in _statements(block))
    return notation.print_diagram(notation.Diagram(title=plain(title), raw_title=title, lifelines=lifelines, body=body))


def _statements(block: "Mark | list[Message]") -> Iterator[notation.Statement]:
    match block:
        case Divider(label):
            yield notation.Presentation(0, 0, "==", f"{label}==")
        case Note(lifelines, label):
            yield notation.Presentation(0, 0, "note", f"over {','.join(lifelines)}:{label}")
        case Comment(label):
            yield notation.Presentation(0, 0, "//", f" {label}")
        case Reference(lifelines, label):
            yield notation.Reference(0, 0, lifelines, plain(label), raw_text=label)
        case _:
            yield from _block(block)


def _block(arrows: Sequence[Message]) -> Iterator[notation.Statement]:
    """Arrows that cross, or one alone."""
    numbers = sorted({number for arrow in arrows for number in (arrow.sent, arrow.came)})
    row_of = {number: row for row, number in enumerate(numbers if len(arrows) > 1 else [])}
    here = 0
    for arrow in arrows:
        begin, end = row_of.get(arrow.sent, 0), row_of.get(arrow.came, 0)
        if begin != here:
            yield notation.Presentation(0, 0, "space", str(begin - here))
        yield notation.Message(
            0,
            0,
            arrow.sender or None,
            arrow.receiver or None,
            plain(arrow.label),
            arrow.label,
            lost=arrow.lost,
            delay=end - begin,
            look=notation.ArrowStyle(right_style="#red") if arrow.lost else notation.ArrowStyle(open_head=True),
        )
        here = end + 1


def to_mermaid(title: str, groups: Iterable[Group], rows: Iterable[Row]) -> str:
    """The sketch as a Mermaid `sequenceDiagram`; a lost message ends in a cross."""
    return "\n".join(_mermaid(title, tuple(groups), tuple(rows))) + "\n"


def _mermaid(title: str, groups: tuple[Group, ...], rows: tuple[Row, ...]) -> Iterator[str]:
    yield "---"
    yield f"title: {title.replace(':', ' -')}"
    yield "---"
    yield "sequenceDiagram"
    everybody = [lifeline.alias for group in groups for lifeline in group.lifelines]
    if any(isinstance(row, Message) and not (row.sender and row.receiver) for row in rows):
        yield "    actor Owner as Owner"
        everybody.insert(0, "Owner")
    for group in groups:
        yield f"    box {group.label}"
        for lifeline in group.lifelines:
            yield f"        participant {lifeline.alias} as {lifeline.label}"
        yield "    end"
    for block in _blocks(rows):
        match block:
            case Divider(label):
                yield f"    Note over {everybody[0]},{everybody[-1]}: {_plain(label)}"
            case Comment(label):
                yield f"    %% {label}"
            case Note(over, label) | Reference(over, label):
                yield f"    Note over {','.join(dict.fromkeys((over[0], over[-1])))}: {_plain(label)}"
            case _:
                for row in block:
                    arrow = "-x" if row.lost else "->>"
                    yield f"    {row.sender or 'Owner'}{arrow}{row.receiver or 'Owner'}: {_plain(row.label)}"


def _plain(label: str) -> str:
    """A label without the notation's markup, in what Mermaid can take."""
    label = re.sub(r"//(.+?)//", r"\1", label.replace(r"\n", "<br/>"))
    return label.replace(";", ",").replace("#", "no. ")


# The order of the rows.


def _blocks(rows: Sequence[Row]) -> Iterator[Mark | list[Message]]:
    """The rows in an order that is right on every lifeline; arrows that cross are one block, in the order they came."""
    arrows = [row for row in rows if isinstance(row, Message)]
    marks = [(place - number, row) for number, (place, row) in enumerate(_marks(rows))]
    undrawn = set(range(len(arrows)))
    drawn = 0  # all before that one
    for knot in _knots(_directly_before(arrows)):
        while marks and marks[0][0] <= drawn:
            yield marks.pop(0)[1]
        undrawn.difference_update(knot)
        while drawn < len(arrows) and drawn not in undrawn:
            drawn += 1
        yield sorted((arrows[index] for index in knot), key=lambda arrow: arrow.came)
    yield from (mark for _, mark in marks)


def _marks(rows: Sequence[Row]) -> Iterator[tuple[int, Mark]]:
    return ((place, row) for place, row in enumerate(rows) if not isinstance(row, Message))


def _directly_before(arrows: Sequence[Message]) -> list[list[int]]:
    """For each arrow those that have the end before it on one of its lifelines; all by their index."""
    ends: dict[str, list[tuple[int, int]]] = {}
    for index, arrow in enumerate(arrows):
        ends.setdefault(arrow.sender, []).append((arrow.sent, index))
        if not arrow.lost:
            ends.setdefault(arrow.receiver, []).append((arrow.came, index))
    ends.pop("", None)  # the environment has no order
    before: list[list[int]] = [[] for _ in arrows]
    for lifeline in ends.values():
        lifeline.sort()
        for (_, earlier), (_, later) in pairwise(lifeline):
            before[later].append(earlier)
    return before


def _knots(before: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Sorted indices of what lies before itself, or one index alone; each after all that lies before it.

    These are the strongly connected components of a graph (Tarjan, 1972).
    """
    found: dict[int, int] = {}
    lowest: dict[int, int] = {}
    pending: list[int] = []
    for root in range(len(before)):
        path = [] if root in found else [root]
        while path:
            index = path[-1]
            if index not in found:
                found[index] = lowest[index] = len(found)
                pending.append(index)
            undone = next((other for other in before[index] if other not in found), None)
            if undone is not None:
                path.append(undone)
                continue
            path.pop()
            lowest[index] = min([lowest[index], *(lowest[other] for other in before[index])])
            if lowest[index] == found[index]:
                knot = sorted(pending[pending.index(index) :])
                del pending[-len(knot) :]
                lowest.update(dict.fromkeys(knot, len(before)))
                yield knot
