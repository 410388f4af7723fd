"""A run of the explorer as an observer on the bus sees it who misses nothing."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import replace
from uuid import UUID

from machines.calls import CONNECT, DISCONNECT, SUBSCRIBE
from machines.events import BusEvent
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
from spec.exploration.model.steps import Label, Row
from spec.exploration.model.wills import BY_BROKER
from spec.monitor import Connected, Delivered, Disconnected, Observed, Published, Sent, Subscribed


def observed(system: ClosedSystem, run: Iterable[tuple[Label, Row]]) -> list[Observed]:
    """The observations of a run, one second apart; the tracker is called as its node, events are stamped anew.

    Where events overtake each other, they are delivered when they are read. Raises `ValueError` for a run that tells
    after stabilisation what was done before it.
    """
    observer = _Observer(system)
    for label, row in run:
        observer.step(label, row)
    return [one for seen in observer.seen for one in seen]


class _Observer:
    def __init__(self, system: ClosedSystem) -> None:
        self.system = system
        self.seen: list[list[Observed]] = []
        """Each with what was seen right after it, since it is delivered once more; empty where it is lost."""
        self._row = system.initial()
        width = range(len(system.nodes))
        self._up: list[deque[BusEvent]] = [deque() for _ in width]
        self._down: list[deque[tuple[int, BusEvent]]] = [deque() for _ in width]
        self._number = 0

    def step(self, label: Label, row: Row) -> None:
        """One step, and the row after it."""
        component, kind = label.component, label.kind
        if label.unheard or kind == "settle":
            raise ValueError("what is told after stabilisation cannot be observed: set keeps_hops = true")
        if kind == "restart":
            for place in range(len(self.system.nodes)):
                self._cut(place)
        elif kind == "lose 2":
            place, _ = self._taken(component, label.message)
            if self.system.ordered:
                self.seen[place].pop()
        elif kind == "forward":
            self._arrive(component, self._up[component].popleft())
        elif kind == "lose 1":
            self._up[component].popleft()
        else:
            self._act(label)
        self._row = row

    def _act(self, label: Label) -> None:
        component, kind = label.component, label.kind
        if kind in {"crash", "wipe", "disconnect", "stabilisation"}:
            self._cut(component, label.arrive)
        elif kind in {"read", "duplicate", "interrupt read"}:
            self._read(component, label.message, again=kind == "duplicate")
        sent = 0
        for arrow in () if label.outcome is None else label.outcome.arrows:
            if arrow.sender == BY_BROKER and isinstance(arrow.message, BusEvent):
                self._arrive(component, self._stamped(arrow.message))
                continue
            if arrow.receiver != "broker":
                continue
            if isinstance(arrow.message, BusEvent):
                self._publish(component, arrow.message, lost=label.lost == sent)
                sent += 1
            else:
                self._packet(component, arrow.message)
        if kind in INTERRUPTS and label.outcome is not None:
            self._cut(component, label.arrive + len(label.outcome.sent))

    def _read(self, component: int, message: Hashable, *, again: bool) -> None:
        """An event is read, and stays to be read once more."""
        place, event = self._taken(component, message)
        if again:
            self._down[component].appendleft((place, event))
        if not self.system.ordered:
            self._see(Delivered(self._at(), self._name(component), event))
        elif again:
            self.seen[place].append(self.seen[place][-1])

    def _taken(self, component: int, message: Hashable) -> tuple[int, BusEvent]:
        """What is under way, which is no longer: the oldest, or the oldest of its kind where there is no order."""
        waiting = self._down[component]
        for found in waiting:
            if self.system.ordered or replace(found[1], event_id="") == unmarked(message):
                waiting.remove(found)
                return found
        raise ValueError(f"{message} is read at {self._name(component)}, and was not under way")

    def _packet(self, component: int, packet: Hashable) -> None:
        client = self._name(component)
        if isinstance(packet, CONNECT):
            self._see(Connected(self._at(), client))
        elif isinstance(packet, SUBSCRIBE):
            self._see(Subscribed(self._at(), client, packet.topic))
        elif isinstance(packet, DISCONNECT):
            self._see(Disconnected(self._at(), client, clean=True))
            self._down[component].clear()

    def _publish(self, component: int, event: BusEvent, *, lost: bool) -> None:
        event = self._stamped(event)
        self._see(Sent(self._at(), self._name(component), event))
        if lost:
            return
        if self.system.keeps_hops:
            self._up[component].append(event)
        else:
            self._arrive(component, event)

    def _stamped(self, event: BusEvent) -> BusEvent:
        self._number += 1
        return replace(event, event_id=str(UUID(int=self._number)))

    def _arrive(self, component: int, event: BusEvent) -> None:
        self._see(Published(self._at(), self._name(component), event))
        for receiver in self.system.delivery.reached(
            component, self.system.numbers.message(replace(event, event_id=""))
        ):
            slot = self.system.numbers.slots[receiver][self._row[receiver]]
            if self.system.numbers.online[receiver][slot.local]:
                place = -1
                if self.system.ordered:
                    place = self._see(Delivered(self._at(), self._name(receiver), event))
                self._down[receiver].append((place, event))

    def _cut(self, component: int, arrive: int = 0) -> None:
        """A connection breaks, but for the events on it that still arrive."""
        slot = self.system.numbers.slots[component][self._row[component]]
        if self.system.numbers.online[component][slot.local]:
            self._see(Disconnected(self._at(), self._name(component)))
        self._down[component].clear()
        while len(self._up[component]) > arrive:
            self._up[component].pop()

    def _name(self, component: int) -> str:
        return self.system.nodes[component].name

    def _at(self) -> float:
        return float(len(self.seen))

    def _see(self, seen: Observed) -> int:
        self.seen.append([seen])
        return len(self.seen) - 1


def unmarked(message: Hashable) -> Hashable:
    """An event without the mark of what is delivered once more."""
    return replace(message, event_id="") if isinstance(message, BusEvent) else message
