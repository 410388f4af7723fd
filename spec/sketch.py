r"""A run as a sequence diagram: in the notation of the seed (sequencediagram.org), or in Mermaid.

A sketch is a list of lifelines in their groups, and rows from top to bottom. It knows nothing of Client Join.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


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
    """An arrow. An empty `sender` or `receiver` is the environment; a lost arrow never reaches its receiver."""

    sender: str
    receiver: str
    label: str
    lost: bool = False


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
    for row in rows:
        if isinstance(row, Divider):
            yield f"=={row.label}=="
        elif row.lost:
            yield f"{row.sender}-#redx{row.receiver}:{row.label}"
        else:
            yield f"{row.sender or '['}->>{row.receiver or ']'}:{row.label}"


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
    for row in rows:
        if isinstance(row, Divider):
            yield f"    Note over {everybody[0]},{everybody[-1]}: {_plain(row.label)}"
        else:
            arrow = "-x" if row.lost else "->>"
            yield f"    {row.sender or 'Owner'}{arrow}{row.receiver or 'Owner'}: {_plain(row.label)}"


def _plain(label: str) -> str:
    """A label without the notation's markup, in what Mermaid can take."""
    label = re.sub(r"//(.+?)//", r"\1", label.replace(r"\n", "<br/>"))
    return label.replace(";", ",").replace("#", "no. ")
