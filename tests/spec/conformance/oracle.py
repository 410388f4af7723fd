"""The oracle: whether diagrams and charts conform, by the definition alone, for small pairs.

Global traces are compared, in both directions, without a reduction, and with no code of `spec.conformance`,
`spec.system`, `spec.interaction` or `spec.projection`: `tests.spec.conformance.language` says what diagrams mean,
`tests.spec.conformance.world` what charts do.

- **The charts can do what a diagram says.** For each resolution of its choices: every order of its actions that
  channels and patience admit is one that the charts can do, up to what may happen undrawn, and there is one that comes
  to its end. An order whose next action is admitted and that no chart does is an error. A call is received as soon as
  it is sent, where that is drawn.
- **The diagrams say what the charts can do.** Every run is a beginning of a trace of some diagram, or of several one
  after the other if they recur; where nothing can happen any more it is a whole one. What has come and can never be
  taken is an error.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from statemachine import StateChart

from tests.spec.conformance.language import Event, Order, Orders, Reading, TooLarge
from tests.spec.conformance.world import SILENT, Position, Setting, World

STATES = 6_000
"""States of one question: pairs that take more are too large."""

Place = tuple[tuple[int, int], ...]
"""Where the diagrams are: their resolutions that have begun and are not over, and what of each is done."""


@dataclass
class Answer:
    """Whether a pair conforms; if it does not, why not: kinds of error with a trace for each."""

    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)
    states: int = 0

    @property
    def conforms(self) -> bool:
        """Whether nothing was found."""
        return not self.errors


def answer(
    texts: Iterable[str],
    referred: Iterable[str],
    charts: Mapping[str, type[StateChart[Any]]],
    setting: Setting,
) -> Answer:
    """The answer for diagrams of one use case. Raises `TooLarge` where the definition cannot be evaluated."""
    texts = list(texts)
    reading = Reading([*texts, *referred])
    mine = reading.diagrams[: len(texts)]
    diagrams = [reading.resolutions(diagram) for diagram in mine]
    every = [event for orders in diagrams for order in orders for event in order.events]
    world = World(charts, setting, _routes(every), _losses(every), _outside(every))
    found = Answer()
    for diagram, orders in zip(mine, diagrams, strict=True):
        names = {each.name for each in diagram.lifelines} | {e.lifeline for order in orders for e in order.events}
        for order in orders:
            _Following(world, order, names, found).run()
    _Running(world, tuple(order for orders in diagrams for order in orders), found).run()
    return found


def _routes(events: Iterable[Event]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for event in events:
        if event.kind == "!":
            found.setdefault((event.lifeline, event.message), {})[event.peer] = None
    return {key: tuple(peers) for key, peers in found.items()}


def _losses(events: Iterable[Event]) -> frozenset[tuple[str, str, str]]:
    return frozenset((event.lifeline, event.peer, event.message) for event in events if event.lost)


def _outside(events: Iterable[Event]) -> frozenset[tuple[str, str]]:
    return frozenset((event.lifeline, event.message) for event in events if event.kind == "?" and not event.peer)


def _may_be_undrawn(world: World, event: Event) -> bool:
    return (event.lifeline, event.kind + event.message) in world.setting.may_be_undrawn


def _told(events: Iterable[Event]) -> tuple[str, ...]:
    return tuple(str(event) for event in events if event.kind != SILENT)


class _Following:
    """One resolution of a diagram, followed by the charts."""

    def __init__(self, world: World, order: Order, names: set[str], found: Answer) -> None:
        self.world = world
        self.order = order
        self.names = names
        """The lifelines that the diagram has: towards others, and among them, nothing needs to be drawn."""
        self.found = found
        self._around: dict[Position, tuple[Position, ...]] = {}

    def run(self) -> None:
        """Follow all orders of its actions."""
        start = (0, None, frozenset({self.world.begin()}))
        todo: deque[tuple[int, int | None, frozenset[Position]]] = deque([start])
        paths: dict[Any, tuple[Event, ...]] = {start: ()}
        ends = False
        while todo:
            node = todo.popleft()
            done, call, positions = node
            ends = ends or done == self.order.all
            possible = list(self.order.possible(done))
            if call in possible:
                possible = [place for place in possible if place == call]
            around = frozenset(there for position in positions for there in self._undrawn(position))
            for place in possible:
                event = self.order.events[place]
                ready = [position for position in around if self._admits(position, event)]
                then = frozenset(there for position in ready for there in self._done(position, event))
                if then:
                    is_call = event.kind == "!" and self.world.is_call(event.lifeline, event.peer)
                    follows = (done | 1 << place, self.order.receive_of(place) if is_call else None, then)
                    if follows not in paths:
                        paths[follows] = (*paths[node], event)
                        todo.append(follows)
                        self.found.states += 1
                elif ready:
                    self.found.errors.setdefault("cannot", _told((*paths[node], event)))
            if len(paths) > STATES:
                raise TooLarge("orders of a diagram")
        if not ends:
            longest = max(paths.values(), key=len)
            self.found.errors.setdefault("no order", _told(longest))

    def _admits(self, position: Position, event: Event) -> bool:
        """Whether channels and patience let this happen."""
        if event.kind == "!":
            return not (self.world.is_patient(event.lifeline) and self.world.is_busy(position))
        if not event.peer:
            return True
        waiting = (message for _, _, message in self.world.heads(position, event.lifeline))
        return (event.peer, event.message) in waiting

    def _done(self, position: Position, event: Event) -> Iterator[Position]:
        if event.kind == "!":
            moves = self.world.send(position, event)
        elif event.peer:
            moves = self.world.receives(position, event.lifeline)
        else:
            moves = self.world.from_outside(position)
        return (move.then for move in moves if move.event == event)

    def _undrawn(self, position: Position) -> tuple[Position, ...]:
        """The position, and all that undrawn actions lead to."""
        if position not in self._around:
            found = {position: None}
            todo = [position]
            while todo:
                for move in self.world.moves(todo.pop()):
                    event = move.event
                    is_beside = not {event.lifeline, event.peer} <= {"", *self.names}
                    if (
                        event.kind == SILENT or is_beside or _may_be_undrawn(self.world, event)
                    ) and move.then not in found:
                        found[move.then] = None
                        todo.append(move.then)
                if len(found) > STATES:
                    raise TooLarge("undrawn actions")
            self._around[position] = tuple(found)
        return self._around[position]


class _Running:
    """All runs of the charts, checked against the diagrams."""

    def __init__(self, world: World, orders: Orders, found: Answer) -> None:
        self.world = world
        self.orders = orders
        self.found = found
        self._after: dict[tuple[Place, Event], tuple[Place, ...]] = {}

    def run(self) -> None:
        """Run, until nothing is new."""
        recurring = self.world.setting.recurring
        places: frozenset[Place] = frozenset({()} if recurring else {((n, 0),) for n in range(len(self.orders))})
        start = (self.world.begin(), places)
        todo = deque([start])
        paths: dict[Any, tuple[Event, ...]] = {start: ()}
        into: dict[Any, list[tuple[Any, Event]]] = {start: []}
        while todo:
            node = todo.popleft()
            position, places = node
            moves = self.world.moves(position)
            for move in moves:
                then = places if move.event.kind == SILENT else self._followed(places, move.event)
                if not then:
                    self.found.errors.setdefault("not drawn", _told((*paths[node], move.event)))
                    continue
                follows = (move.then, then)
                if follows not in paths:
                    paths[follows] = (*paths[node], move.event)
                    todo.append(follows)
                    self.found.states += 1
                into.setdefault(follows, []).append((node, move.event))
            if not moves and not any(self._is_over(place) for place in places):
                self.found.errors.setdefault("goes no further", _told(paths[node]))
            if not moves and position.rows:
                self.found.errors.setdefault("never taken", _told(paths[node]))
            if len(paths) > STATES:
                raise TooLarge("runs")
        if not self.found.errors:
            self._never_taken(paths, into)

    def _never_taken(self, paths: Mapping[Any, tuple[Event, ...]], into: Mapping[Any, Any]) -> None:
        """Who can do nothing any more, whatever else happens, and has a message before it."""
        for name in self.world.names:
            alive = {before for edges in into.values() for before, event in edges if event.lifeline == name}
            todo = list(alive)
            while todo:
                for before, _ in into[todo.pop()]:
                    if before not in alive:
                        alive.add(before)
                        todo.append(before)
            for node, path in paths.items():
                if node not in alive and any(True for _ in self.world.heads(node[0], name)):
                    self.found.errors.setdefault("never taken", _told(path))
                    return

    def _followed(self, places: Iterable[Place], event: Event) -> frozenset[Place]:
        stays = _may_be_undrawn(self.world, event)
        found: set[Place] = set()
        for place in places:
            if stays:
                found.add(place)
            key = (place, event)
            if key not in self._after:
                self._after[key] = tuple(self._drawn(place, event))
            found.update(self._after[key])
        if any(len(place) > 8 for place in found):
            raise TooLarge("rounds at once")
        return frozenset(found)

    def _drawn(self, place: Place, event: Event) -> Iterator[Place]:
        """Where the diagrams are after an action: in what has begun, or if they recur, in one that begins with it."""
        for index, (number, done) in enumerate(place):
            if not self._is_behind(place[:index], event.lifeline):
                for then in self._stepped(number, done, event):
                    rest = () if then == self.orders[number].all and self.world.setting.recurring else ((number, then),)
                    yield (*place[:index], *rest, *place[index + 1 :])
        if self.world.setting.recurring:
            for index in range(len(place) + 1):
                if self._is_behind(place[:index], event.lifeline):
                    break
                for number, order in enumerate(self.orders):
                    if any(self._has_acted(later, order) for later in place[index:]):
                        continue
                    for then in self._stepped(number, 0, event):
                        rest = () if then == order.all else ((number, then),)
                        yield (*place[:index], *rest, *place[index:])

    def _is_behind(self, before: Place, lifeline: str) -> bool:
        """Whether a lifeline has to act in what comes before."""
        return any(self.orders[number].of.get(lifeline, 0) & ~done for number, done in before)

    def _has_acted(self, later: tuple[int, int], order: Order) -> bool:
        number, done = later
        mine = self.orders[number].of
        return any(mine.get(name, 0) & done for name in order.of)

    def _stepped(self, number: int, done: int, event: Event) -> Iterator[int]:
        order = self.orders[number]
        for place in order.possible(done):
            if order.events[place] == event:
                yield done | 1 << place

    def _is_over(self, place: Place) -> bool:
        return all(done == self.orders[number].all for number, done in place)
