"""What a diagram means, by the definition: each resolution of its choices is a partial order of actions.

All choices of a diagram (branches, rounds of loops, where it is broken off) are made at once, for all lifelines. What
is left is a finite set of actions and an order on it: order on paper is order on each lifeline, a send comes before its
receive. The traces of the diagram are the linear extensions of all these orders. Nothing of `spec.interaction` is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple, TypeGuard

from spec.notation import Diagram, Fragment, Message, Parallel, Presentation, Reference, Statement, read

MOST = 160
"""More resolutions of one diagram, or more actions in one of them than `LONGEST`, are too many to be enumerated."""
LONGEST = 26
_TIMES = re.compile(r"(\d+)(?:\s*,\s*(\d+))?")
_FRAMES = frozenset({"group", "region", "expandable", "expandable+", "expandable-", "ref"})


class TooLarge(Exception):  # noqa: N818 - what happened, not a defect
    """The definition cannot be evaluated here: the message says what there is too much of."""


class Event(NamedTuple):
    """An action: `kind` is `!` or `?`; `peer` is the other end, empty for the outside."""

    kind: str
    lifeline: str
    message: str
    peer: str = ""
    lost: bool = False

    def __str__(self) -> str:
        end = f" {'to' if self.kind == '!' else 'from'} {self.peer or 'outside'}"
        return f"{self.lifeline} {self.kind}{self.message}{end}{' (lost)' if self.lost else ''}"


@dataclass(frozen=True)
class Order:
    """Actions in a partial order. Sets of actions are bit masks over `events`.

    `before[n]` are the actions that come before the n-th. On each lifeline the actions of one of the `regions` follow
    upon one another. `twins` are the receives of sends.
    """

    events: tuple[Event, ...] = ()
    before: tuple[int, ...] = ()
    regions: tuple[int, ...] = ()
    twins: tuple[tuple[int, int], ...] = ()

    @cached_property
    def all(self) -> int:
        """Every action."""
        return (1 << len(self.events)) - 1

    @cached_property
    def of(self) -> Mapping[str, int]:
        """The actions of each lifeline."""
        found: dict[str, int] = {}
        for place, event in enumerate(self.events):
            found[event.lifeline] = found.get(event.lifeline, 0) | 1 << place
        return found

    @cached_property
    def _finishing(self) -> dict[int, bool]:
        return {self.all: True}

    def can_finish(self, done: int) -> bool:
        """Whether the rest can follow on these actions: regions may block each other."""
        if len(self.regions) < 2:
            return True
        if done not in self._finishing:
            self._finishing[done] = any(self.can_finish(done | 1 << place) for place in self._free(done))
        return self._finishing[done]

    def possible(self, done: int) -> Iterator[int]:
        """The actions that can come next, so that the rest can follow."""
        return (place for place in self._free(done) if self.can_finish(done | 1 << place))

    def _free(self, done: int) -> Iterator[int]:
        for place, event in enumerate(self.events):
            bit = 1 << place
            if not done & bit and self.before[place] & ~done == 0:
                mine = self.of[event.lifeline]
                inside = (region & mine for region in self.regions if not region & bit)
                if not any(held & done and held & ~done for held in inside):
                    yield place

    def receive_of(self, place: int) -> int | None:
        """The receive of a send."""
        return next((receive for send, receive in self.twins if send == place), None)


NOTHING = Order()


def joined(one: Order, other: Order, *, on_lifelines: bool = False, strictly: bool = False) -> Order:
    """Two orders beside each other; or the other one after the first, on each lifeline or altogether."""
    by = len(one.events)
    before = list(one.before)
    for event, own in zip(other.events, other.before, strict=True):
        mask = own << by
        if strictly:
            mask |= one.all
        elif on_lifelines:
            mask |= one.of.get(event.lifeline, 0)
        before.append(mask)
    if len(before) > LONGEST:
        raise TooLarge(f"{len(before)} actions")
    return Order(
        (*one.events, *other.events),
        tuple(before),
        (*one.regions, *(region << by for region in other.regions)),
        (*one.twins, *((send + by, receive + by) for send, receive in other.twins)),
    )


Orders = tuple[Order, ...]


def _distinct(orders: Iterable[Order]) -> Orders:
    found = tuple(dict.fromkeys(orders))
    if len(found) > MOST:
        raise TooLarge(f"{len(found)} resolutions")
    return found


def _sequence(parts: Iterable[Orders], *, on_lifelines: bool = False, strictly: bool = False) -> Orders:
    found: Orders = (NOTHING,)
    for part in parts:
        pairs = product(found, part)
        found = _distinct(joined(a, b, on_lifelines=on_lifelines, strictly=strictly) for a, b in pairs)
    return found


class Reading:
    """Diagrams that may refer to one another by their frames."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.diagrams = [read(text) for text in texts]
        self.frames = {diagram.frame: diagram for diagram in self.diagrams if diagram.frame}

    def resolutions(self, diagram: Diagram) -> Orders:
        """All resolutions of the choices of a diagram. Raises `TooLarge`."""
        return self._body(diagram.body)

    def _body(self, statements: Iterable[Statement]) -> Orders:
        """Weakly sequenced; `break` stands for the rest."""
        rest: Orders = (NOTHING,)
        for statement in reversed(list(_without_frames(statements))):
            if _is_break(statement):
                rest = _distinct((*self._operands(statement), *rest))
            else:
                rest = _sequence([self._statement(statement), rest], on_lifelines=True)
        return rest

    def _operands(self, fragment: Fragment) -> Orders:
        return _distinct(order for operand in fragment.operands for order in self._body(operand.body))

    def _statement(self, statement: Statement) -> Orders:
        match statement:
            case Message():
                return (_arrow(statement),)
            case Parallel(body=body):
                return self._entries(body)
            case Reference(target=target):
                return self._body(self.frames[" ".join(target.split())].body)
            case Fragment():
                return self._fragment(statement)
        return (NOTHING,)

    def _entries(self, statements: Sequence[Statement], *, strictly: bool = False) -> Orders:
        entries = [each for each in statements if not isinstance(each, Presentation)]
        return _sequence([self._body([each]) for each in entries], strictly=strictly)

    def _fragment(self, fragment: Fragment) -> Orders:
        bodies = [operand.body for operand in fragment.operands]
        match fragment.kind:
            case "alt" if len(bodies) > 1:
                return self._operands(fragment)
            case "alt" | "opt":
                return _distinct((*self._operands(fragment), NOTHING))
            case "par" | "strict" if len(bodies) == 1:
                return self._entries(bodies[0], strictly=fragment.kind == "strict")
            case "par" | "strict":
                return _sequence([self._body(body) for body in bodies], strictly=fragment.kind == "strict")
            case "critical":
                whole = _sequence([self._body(body) for body in bodies], on_lifelines=True)
                return tuple(Order(o.events, o.before, (*o.regions, o.all), o.twins) for o in whole)
            case "loop":
                return self._loop(fragment)
            case "seq" | "ref" | "group":
                return _sequence([self._body(body) for body in bodies], on_lifelines=True)
        raise AssertionError(fragment.kind)

    def _loop(self, fragment: Fragment) -> Orders:
        """Whole rounds; or whole rounds and then one that is broken off, which ends the loop."""
        found = _TIMES.fullmatch(fragment.guard.strip())
        assert found is not None, f"a loop without bounds: {fragment.guard!r}"
        low, high = int(found[1]), int(found[2] or found[1])
        statements = list(_without_frames(s for operand in fragment.operands for s in operand.body))
        whole = self._body(s for s in statements if not _is_break(s))
        broken = [
            order
            for place, statement in enumerate(statements)
            if _is_break(statement)
            for order in _sequence(
                [self._body(s for s in statements[:place] if not _is_break(s)), self._operands(statement)],
                on_lifelines=True,
            )
        ]
        rounds = [_sequence([whole] * times, on_lifelines=True) for times in range(high + 1)]
        ended = (order for times in range(low, high + 1) for order in rounds[times])
        off = (o for times in range(high) for o in _sequence([rounds[times], tuple(broken)], on_lifelines=True))
        return _distinct((*ended, *off))


def _arrow(message: Message) -> Order:
    ways = [(message.sender, message.receiver)]
    if message.both_ways:
        ways.append((message.receiver, message.sender))
    whole = NOTHING
    for sender, receiver in ways:
        events: list[Event] = []
        if sender is not None:
            events.append(Event("!", sender, message.label, receiver or "", message.lost))
        if receiver is not None and not message.lost:
            events.append(Event("?", receiver, message.label, sender or ""))
        twins = ((0, 1),) if len(events) > 1 else ()
        whole = joined(whole, Order(tuple(events), tuple(range(len(events))), (), twins))
    return whole


def _is_break(statement: Statement) -> TypeGuard[Fragment]:
    return isinstance(statement, Fragment) and statement.kind == "break"


def _without_frames(statements: Iterable[Statement]) -> Iterator[Statement]:
    for statement in statements:
        if isinstance(statement, Fragment) and statement.kind in _FRAMES:
            for operand in statement.operands:
                yield from _without_frames(operand.body)
        else:
            yield statement
