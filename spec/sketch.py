r"""A run as a sequence diagram: in the notation of the seed (sequencediagram.org), or in Mermaid.

A sketch is a list of lifelines in their groups, and rows from top to bottom. It knows nothing of Client Join.

Each arrow says when its two ends happened, and the drawing keeps the order on every lifeline. Where each arrow fits on
a row of its own, it gets one. Where arrows cross (each was sent before the other one came), no order of rows is right:
those are drawn with a delay, `A->>(3)B`, which ends three rows lower, and `space -2`, which goes two rows up again.
Mermaid has nothing of that kind: there such arrows stand in the order in which they came.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Lifeline:
    """A column: its alias, what is written over it, and whether it is drawn as a database."""

    alias: str
    label: str
    database: bool = False


@dataclass(frozen=True)
class Group:
    """The lifelines of one server."""

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


Row = Message | Divider


def to_notation(title: str, groups: Iterable[Group], rows: Iterable[Row]) -> str:
    """The sketch in the notation of the seed; a lost message is red, as there."""
    return "\n".join(_notation(title, groups, rows)) + "\n"


def _notation(title: str, groups: Iterable[Group], rows: Iterable[Row]) -> Iterator[str]:
    yield f"title {title}"
    yield ""
    for group in groups:
        yield f"participantgroup {group.label}"
        for lifeline in group.lifelines:
            yield f'{"database" if lifeline.database else "participant"} "{lifeline.label}" as {lifeline.alias}'
        yield "end"
        yield ""
    for block in _blocks(list(rows)):
        if isinstance(block, Divider):
            yield f"=={block.label}=="
        else:
            yield from _block(block)


def _block(arrows: Sequence[Message]) -> Iterator[str]:
    """Arrows that cross, or one alone."""
    numbers = sorted({number for arrow in arrows for number in (arrow.sent, arrow.came)})
    row_of = {number: row for row, number in enumerate(numbers if len(arrows) > 1 else [])}
    here = 0
    for arrow in arrows:
        begin, end = row_of.get(arrow.sent, 0), row_of.get(arrow.came, 0)
        if begin != here:
            yield f"space {begin - here}"
        delay = f"({end - begin})" if end > begin else ""
        head = "-#redx" if arrow.lost else "->>"
        yield f"{arrow.sender or '['}{head}{delay}{arrow.receiver or ']'}:{arrow.label}"
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
        if isinstance(block, Divider):
            yield f"    Note over {everybody[0]},{everybody[-1]}: {_plain(block.label)}"
        else:
            for row in block:
                arrow = "-x" if row.lost else "->>"
                yield f"    {row.sender or 'Owner'}{arrow}{row.receiver or 'Owner'}: {_plain(row.label)}"


def _plain(label: str) -> str:
    """A label without the notation's markup, in what Mermaid can take."""
    label = re.sub(r"//(.+?)//", r"\1", label.replace(r"\n", "<br/>"))
    return label.replace(";", ",").replace("#", "no. ")


# The order of the rows.


def _blocks(rows: Sequence[Row]) -> Iterator[Divider | list[Message]]:
    """The rows in an order that is right on every lifeline; arrows that cross are one block, in the order they came."""
    arrows = [row for row in rows if isinstance(row, Message)]
    dividers = [(place - number, row) for number, (place, row) in enumerate(_dividers(rows))]
    for knot in _knots(_directly_before(arrows)):
        while dividers and dividers[0][0] <= knot[0]:
            yield dividers.pop(0)[1]
        yield sorted((arrows[index] for index in knot), key=lambda arrow: arrow.came)
    yield from (divider for _, divider in dividers)


def _dividers(rows: Sequence[Row]) -> Iterator[tuple[int, Divider]]:
    return ((place, row) for place, row in enumerate(rows) if isinstance(row, Divider))


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
