"""The paths of the protocol's diagrams, as scripts: what the server under test has to publish, and what others do.

A path takes one operand of each `alt`, goes into each `opt` and past each reference. It is a list of publications, each
with its arrows: to the broker, and on to each receiver, lost or not. The server under test sits on one lifeline, its
*seat*; what that lifeline publishes is awaited, all else is played.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

from machines.events import EVENT_OF_NAME, SIDES
from machines.lifelines import BROKER, groups_of
from spec.binding import DIAGRAMS, Binding, load
from spec.monitor.drawn import PROTOCOL
from spec.notation import read
from spec.notation.model import Diagram, Fragment, Message, Parallel, Reference, Statement

SEATS: Mapping[str, tuple[str, ...]] = {side: tuple(group.name for group in groups_of(side)) for side in SIDES}
"""The lifelines that a server of a role plays."""
MOST = 200
"""Paths of one diagram; there are at most a dozen."""


@dataclass(frozen=True)
class Arrow:
    """An arrow of a diagram. `name` is its identifier in reports: diagram and line."""

    file: str
    line: int
    sender: str
    receiver: str
    message: str
    lost: bool = False

    @property
    def name(self) -> str:
        """`ClientJoin_StandardProcedure:28`."""
        return f"{self.file.removesuffix('.txt')}:{self.line}"

    def __str__(self) -> str:
        way = "-x" if self.lost else "->"
        return f"{self.sender} {way} {self.receiver}: {self.message}"


@dataclass(frozen=True)
class Publication:
    """An event on its way: by whom, whether it is lost before the broker, and to whom after it."""

    event: str
    by: str
    arrows: tuple[Arrow, ...]

    @property
    def is_lost(self) -> bool:
        """Whether it is lost on its way to the broker."""
        return any(arrow.lost and arrow.receiver == BROKER for arrow in self.arrows)

    @property
    def lost_to(self) -> frozenset[str]:
        """The lifelines on the way to which it is lost."""
        return frozenset(arrow.receiver for arrow in self.arrows if arrow.lost and arrow.sender == BROKER)


@dataclass(frozen=True)
class Path:
    """A path of a diagram, for a server in a seat."""

    title: str
    file: str
    number: int
    seat: str
    publications: tuple[Publication, ...]

    @property
    def name(self) -> str:
        """Its identifier: the diagram, the seat and the number of the path."""
        return f"{self.file.removesuffix('.txt')}/{self.seat}/{self.number}"

    @property
    def arrows(self) -> Iterator[Arrow]:
        """The arrows at the seat."""
        for publication in self.publications:
            yield from (arrow for arrow in publication.arrows if self.seat in {arrow.sender, arrow.receiver})


@cache
def paths(role: str) -> tuple[Path, ...]:
    """The paths of the protocol's diagrams for servers of a role, those that only repeat another one left out."""
    found: dict[object, Path] = {}
    for diagram in diagrams():
        flat = [tuple(_publications(way)) for way in _ways(diagram, diagram.body, expands=True)]
        for seat in SEATS[role]:
            number = 0
            for publications in dict.fromkeys(flat):
                path = Path(diagram.title or diagram.file, diagram.file, number + 1, seat, publications)
                key = (seat, tuple((one.event, one.by, one.is_lost, one.lost_to) for one in publications))
                if any(path.arrows) and key not in found:
                    found[key] = path
                    number += 1
    return tuple(found.values())


@cache
def diagrams() -> tuple[Diagram, ...]:
    """The diagrams of the protocol."""
    files = sorted(path for path in DIAGRAMS.glob("*.txt") if path.name.startswith(PROTOCOL))
    first = sorted(files, key=lambda path: ("Standard" not in path.name, "Join" not in path.name))
    return tuple(read(path.read_text(encoding="utf-8"), file=path.name) for path in first)


def _ways(diagram: Diagram, body: Iterable[Statement], *, expands: bool) -> Iterator[tuple[Arrow, ...]]:
    """The arrows of each path through statements."""
    choices = [list(_choices(diagram, statement, expands=expands)) for statement in body]
    for number, way in enumerate(product(*(choice for choice in choices if choice))):
        if number == MOST:
            raise ValueError(f"{diagram.file} has more than {MOST} paths")
        yield tuple(arrow for part in way for arrow in part)


def _choices(diagram: Diagram, statement: Statement, *, expands: bool) -> Iterator[tuple[Arrow, ...]]:
    """The ways through one statement; none for what only draws."""
    match statement:
        case Message():
            arrow = _arrow(diagram, statement)
            if arrow is not None:
                yield (arrow,)
        case Fragment(kind="alt"):
            for operand in statement.operands:
                yield from _ways(diagram, operand.body, expands=expands)
        case Fragment():
            parts = [list(_ways(diagram, operand.body, expands=expands)) for operand in statement.operands]
            yield from (tuple(arrow for part in way for arrow in part) for way in product(*parts))
        case Parallel():
            yield from _ways(diagram, statement.body, expands=expands)
        case Reference() if expands:
            yield from _referred(statement)


def _referred(reference: Reference) -> Iterator[tuple[Arrow, ...]]:
    """A diagram that is referred to: of a use case, its standard course."""
    wanted = reference.target.removeprefix("Use Case:").strip()
    for diagram in diagrams():
        is_standard = (diagram.title or "").startswith(wanted) and "Standard" in diagram.file
        if diagram.frame == wanted or (is_standard and reference.target != wanted):
            yield from list(_ways(diagram, diagram.body, expands=False))[:1]
            return


def _arrow(diagram: Diagram, message: Message) -> Arrow | None:
    """An arrow that carries an event."""
    sender, receiver = message.sender or "", message.receiver or ""
    word = load_binding().word(message.label, (sender, receiver))
    if word is None or BROKER not in {sender, receiver} or word.message not in EVENT_OF_NAME:
        return None
    return Arrow(diagram.file, message.line, sender, receiver, word.message, message.lost)


@cache
def load_binding() -> Binding:
    """The binding of the protocol's diagrams, `spec/binding/default.toml`; it is read once."""
    return load()


def _publications(arrows: Iterable[Arrow]) -> Iterator[Publication]:
    """Arrows put together: each event with all that becomes of it."""
    here: Publication | None = None
    for arrow in arrows:
        if arrow.receiver == BROKER:
            if here is not None:
                yield here
            here = Publication(arrow.message, arrow.sender, (arrow,))
        elif here is not None and here.event == arrow.message:
            here = replace(here, arrows=(*here.arrows, arrow))
    if here is not None:
        yield here
