"""The system of a pair, by the definition: charts, stepped by replaying what they were told, and channels between them.

A chart's local state is known by the events that lead to it; two are the same if configuration and data are equal.
Nothing of `spec.system` is used, and nothing of python-statemachine but what every author of a chart uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from statemachine import StateChart
from statemachine.exceptions import TransitionNotAllowed

from tests.spec.conformance.language import Event, TooLarge

LONGEST = 24
"""Messages under way at once: more are without end."""
SILENT = "."
"""What an event is called that nobody sees."""
MOST = 200
"""Local states of one chart: none that is generated has as many."""


@dataclass(frozen=True)
class Setting:
    """What else is said of a pair: the same things that a binding says."""

    channels: str = "receiver"
    """`receiver`, `pair` or `any`."""
    groups: Mapping[str, str] = field(default_factory=dict)
    patient: frozenset[str] = frozenset()
    may_be_undrawn: tuple[tuple[str, str], ...] = ()
    """Lifelines, each with an action such as `!m` that it may do undrawn."""
    patience: bool = True
    recurring: bool = False


Path = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Events, each with what its callbacks are given."""


class Local:
    """One chart: its local states as numbers, the first being 0."""

    def __init__(self, chart: type[StateChart[Any]]) -> None:
        self._chart = chart
        self._paths: list[Path] = []
        self._labels: list[Mapping[str, tuple[str, ...]]] = []
        self._there: list[StateChart[Any] | None] = []
        """A chart in each local state, until it is used."""
        self._known: dict[tuple[Any, ...], int] = {}
        self._steps: dict[tuple[int, str, str], tuple[int, ...]] = {}
        self._number(self._made(()), ())

    def step(self, local: int, label: str, peer: str) -> tuple[int, ...]:
        """Where a label such as `?m` can lead, the other end being `peer`."""
        key = (local, label, peer)
        if key not in self._steps:
            self._steps[key] = tuple(self._fired(local, label, peer))
        return self._steps[key]

    def labels(self, local: int) -> Iterable[str]:
        """The labels that have a transition, whatever its guards say."""
        return self._labels[local]

    def _fired(self, local: int, label: str, peer: str) -> Iterator[int]:
        ends = (("message", label[1:]), ("sender" if label[0] == "?" else "to", peer)) if label != SILENT else ()
        for event in self._labels[local].get(label, ()):
            chart = self._there[local] or self._made(self._paths[local])
            try:
                chart.send(event, **_arguments(ends))
            except TransitionNotAllowed:
                self._there[local] = chart  # a refusal changes nothing
                continue
            self._there[local] = None
            yield self._number(chart, (*self._paths[local], (event, ends)))

    def _number(self, chart: StateChart[Any], path: Path) -> int:
        key = _key(chart)
        if key not in self._known:
            self._known[key] = len(self._paths)
            self._paths.append(path)
            self._there.append(chart)
            labels: dict[str, tuple[str, ...]] = {}
            for event in chart.allowed_events:
                labels[str(event.name)] = (*labels.get(str(event.name), ()), str(event.id))
            self._labels.append(labels)
            if len(self._paths) > MOST:
                raise TooLarge("local states of a chart")
        return self._known[key]

    def _made(self, path: Path) -> StateChart[Any]:
        chart = self._chart()
        chart.allow_event_without_transition = False
        chart.catch_errors_as_events = False
        for event, ends in path:
            chart.send(event, **_arguments(ends))
        return chart


def _arguments(ends: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return dict(ends)


def _key(chart: StateChart[Any]) -> tuple[Any, ...]:
    """Where it is, and what it holds: the plain values among its attributes."""
    plain = {name: value for name, value in vars(chart).items() if isinstance(value, (int, frozenset))}
    return tuple(sorted(state.id for state in chart.configuration)), tuple(sorted(plain.items(), key=str))


Message = tuple[str, str]
"""Sender and name."""
Rows = tuple[tuple[tuple[str, str], tuple[Message, ...]], ...]


class Position(NamedTuple):
    """Where each lifeline is, and what is under way."""

    locals: tuple[int, ...]
    rows: Rows = ()


class Move(NamedTuple):
    """What happens, and where it leads."""

    event: Event
    then: Position


class World:
    """The charts and their channels. `routes` are the drawn receivers, "" being outside; `losses` what is lost."""

    def __init__(
        self,
        charts: Mapping[str, type[StateChart[Any]]],
        setting: Setting,
        routes: Mapping[tuple[str, str], tuple[str, ...]],
        losses: frozenset[tuple[str, str, str]],
        outside: frozenset[tuple[str, str]],
    ) -> None:
        self.names = tuple(charts)
        self.setting = setting
        self.routes = routes
        self.losses = losses
        self.outside = outside
        """What is drawn to come from outside: receiver and name."""
        self._locals = {name: Local(chart) for name, chart in charts.items()}
        self._place = {name: place for place, name in enumerate(self.names)}
        self._moves: dict[Position, tuple[Move, ...]] = {}
        self._busy: dict[Position, bool] = {}

    def begin(self) -> Position:
        """Everybody where their charts begin."""
        return Position((0,) * len(self.names))

    # Channels.

    def is_call(self, one: str, other: str) -> bool:
        """Whether both ends are in one group."""
        groups = self.setting.groups
        return one in groups and groups[one] == groups.get(other)

    def _row(self, sender: str, receiver: str) -> tuple[str, str]:
        own = self.setting.channels == "pair" or self.is_call(sender, receiver)
        return (sender if own else "", receiver)

    def _is_bag(self, row: tuple[str, str]) -> bool:
        return self.setting.channels == "any" and not row[0]

    def heads(self, position: Position, receiver: str) -> Iterator[tuple[tuple[str, str], int, Message]]:
        """What a lifeline can receive next, by row and place in it."""
        for row, waiting in position.rows:
            if row[1] == receiver:
                for place in range(len(waiting)) if self._is_bag(row) else (0,):
                    yield row, place, waiting[place]

    def _sent(self, rows: Rows, event: Event) -> Rows:
        if event.lost or event.peer not in self._place:
            return rows
        found = dict(rows)
        row = self._row(event.lifeline, event.peer)
        waiting = (*found.get(row, ()), (event.lifeline, event.message))
        if len(waiting) > LONGEST:
            raise TooLarge("messages under way")
        found[row] = tuple(sorted(waiting)) if self._is_bag(row) else waiting
        return tuple(sorted(found.items()))

    # Moves.

    def sends(self, position: Position, lifeline: str) -> Iterator[Move]:
        """All that a lifeline can send, patient or not, also lost where that is drawn."""
        for label in self._locals[lifeline].labels(self._at(position, lifeline)):
            if label[0] == "!":
                for to in self.routes.get((lifeline, label[1:]), ("",)):
                    yield from self.send(position, Event("!", lifeline, label[1:], to))
                    if (lifeline, to, label[1:]) in self.losses:
                        yield from self.send(position, Event("!", lifeline, label[1:], to, lost=True))

    def send(self, position: Position, event: Event) -> Iterator[Move]:
        """Send just this."""
        for local in self._step(position, event):
            yield Move(event, self._put(position, event.lifeline, local, self._sent(position.rows, event)))

    def receives(self, position: Position, lifeline: str) -> Iterator[Move]:
        """All that a lifeline can take of what has come."""
        for row, place, (sender, message) in self.heads(position, lifeline):
            event = Event("?", lifeline, message, sender)
            for local in self._step(position, event):
                kept = ((r, w[:place] + w[place + 1 :] if r == row else w) for r, w in position.rows)
                yield Move(event, self._put(position, lifeline, local, tuple(each for each in kept if each[1])))

    def from_outside(self, position: Position) -> Iterator[Move]:
        """What can come from outside."""
        for lifeline, message in sorted(self.outside):
            event = Event("?", lifeline, message)
            for local in self._step(position, event):
                yield Move(event, self._put(position, lifeline, local, position.rows))

    def is_busy(self, position: Position) -> bool:
        """Whether anything can happen but what patient lifelines send and what comes from outside."""
        if position not in self._busy:
            self._busy[position] = any(True for _ in self._urgent(position))
        return self._busy[position]

    def is_patient(self, lifeline: str) -> bool:
        """Whether what a lifeline sends waits until nothing else can happen."""
        return self.setting.patience and lifeline in self.setting.patient

    def moves(self, position: Position) -> tuple[Move, ...]:
        """All that can happen."""
        if position not in self._moves:
            found = list(self._urgent(position))
            if not found:
                found = [move for name in self.names for move in self.sends(position, name)]
            self._moves[position] = tuple(dict.fromkeys([*found, *self.from_outside(position)]))
        return self._moves[position]

    def _urgent(self, position: Position) -> Iterator[Move]:
        for name in self.names:
            yield from self.receives(position, name)
            step = Event(SILENT, name, "")
            for local in self._step(position, step):
                if local != self._at(position, name):  # nobody can tell it from nothing at all
                    yield Move(step, self._put(position, name, local, position.rows))
            if not self.is_patient(name):
                yield from self.sends(position, name)

    def _step(self, position: Position, event: Event) -> tuple[int, ...]:
        label = event.kind + event.message
        return self._locals[event.lifeline].step(self._at(position, event.lifeline), label, event.peer)

    def _at(self, position: Position, lifeline: str) -> int:
        return position.locals[self._place[lifeline]]

    def _put(self, position: Position, lifeline: str, local: int, rows: Rows) -> Position:
        place = self._place[lifeline]
        return Position((*position.locals[:place], local, *position.locals[place + 1 :]), rows)
