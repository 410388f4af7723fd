"""The definition of what is allowed, word for word, and slow: is there a run of this node with what was seen of it?

The node is the explorer's, which runs the charts themselves. What is followed is the set of all pairs of a state and
what lies unread, with what is about to be seen of a step that published more than one event.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from machines.calls import DISCONNECT
from machines.events import BusEvent, ClientJoinDenied
from spec.exploration.model.node import Outcome, Server, ServerState
from spec.monitor import Connected, Delivered, Disconnected, Observed, Sent, Subscribed


class Here(NamedTuple):
    """A state, what lies unread, and what is still to be seen of the step before; `None` in it is a DISCONNECT."""

    state: ServerState
    unread: tuple[BusEvent, ...] = ()
    unseen: tuple[BusEvent | None, ...] = ()


@dataclass
class Definition:
    """All that a node can be doing."""

    node: Server

    def __post_init__(self) -> None:
        self.here = {Here(self.node.initial)}

    def see(self, seen: Observed) -> bool:
        """Whether what was seen is possible."""
        match seen:
            case Delivered(_, _, event):
                self.here = {one._replace(unread=(*one.unread, event)) for one in self.here}
            case Connected():
                self._break()  # a second connection ends the first (MQTT 3.1.1, 3.1.4-2)
                offline = {one.state for one in self.here if one.state.where == "offline" and not one.unseen}
                offline |= {self.node.reborn(state, keeps_view=keeps) for state in offline for keeps in (True, False)}
                ends = (end for state in offline for end in self.node.order(state, "start"))
                self.here = set(_all(ends, ()))
            case Disconnected(_, _, True):
                around = list(self._everywhere(stops=True))
                self.here = {one._replace(unread=(), unseen=()) for one in around if one.unseen == (None,)}
            case Disconnected():
                self._break()
            case Sent(_, _, event):
                plain = _bare(event)
                around = list(self._everywhere(stops=True))
                self.here = {
                    one._replace(unseen=one.unseen[1:])
                    for one in around
                    if one.unseen and _bare(one.unseen[0]) == plain
                }
            case Subscribed():
                pass
        return bool(self.here)

    def _break(self) -> None:
        """The connection breaks, and its server lives on or does not."""
        states = {one.state for one in self._everywhere(stops=False)}
        ends = [end for state in states for end in self.node.order(state, "disconnect")]
        gone = [self.node.reborn(state, keeps_view=keeps) for state in states for keeps in (True, False)]
        self.here = {*_all(iter(ends), ()), *map(Here, gone)}

    def _everywhere(self, *, stops: bool) -> Iterator[Here]:
        todo, known = list(self.here), set()
        while todo:
            one = todo.pop()
            if one in known:
                continue
            known.add(one)
            yield one
            if not one.unseen:
                todo += self._next(one, stops=stops)

    def _next(self, one: Here, *, stops: bool) -> Iterator[Here]:
        if self.node.is_busy(one.state):
            yield from _all(iter(self.node.order(one.state, "publish")), one.unread)
            return
        if not self.node.is_online(one.state):
            return
        yield from _all(iter(self.node.expiries(one.state)), one.unread)
        if one.unread:
            yield from _all(iter(self.node.receive(one.state, one.unread[0])), one.unread[1:])
        if stops:
            yield from _all(iter(self.node.order(one.state, "stop")), one.unread)


def _bare(event: BusEvent | None) -> BusEvent | None:
    """An event without its identifier and the words of a reason, which nobody is held to."""
    bare = None if event is None else replace(event, event_id="")
    return replace(bare, reason=None) if isinstance(bare, ClientJoinDenied) else bare


def _all(ends: Iterator[Outcome], unread: tuple[BusEvent, ...]) -> Iterator[Here]:
    for end in ends:
        assert isinstance(end.then, ServerState)
        if end.then.broken:
            continue
        seen = [
            arrow.message if isinstance(arrow.message, BusEvent) else None
            for arrow in end.arrows
            if arrow.receiver == "broker" and isinstance(arrow.message, BusEvent | DISCONNECT)
        ]
        yield Here(end.then, unread, tuple(seen))
