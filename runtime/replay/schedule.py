"""What becomes of each event of a trace: where it is lost or delivered twice, in the fault vocabulary of the demo.

The explorer loses an event from the broker when its turn has come to be read. The embedded broker loses it as it passes
it on, a few steps earlier, and nobody can tell. So a trace is followed to its end first: for each step this gives the
faults that have to be injected while it is done, and what is in flight after it.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from machines.events import BusEvent
from runtime.mqtt.faults import FROM_BROKER, TO_BROKER, Fault, Kind
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.steps import Label, Row
from spec.exploration.model.wills import is_will
from spec.exploration.traces.replay import Replayed
from spec.system.process import name_of


@dataclass(eq=False)
class _Passed:
    """An event that the broker passed on to one receiver, and what became of it."""

    message: Hashable
    step: int
    receiver: str
    occurrence: int
    """Which one it is of those of its name, to this receiver, in this step."""
    readings: int = 0
    lost: bool = False
    ended: bool = False

    @property
    def deliveries(self) -> int:
        """How often it reaches its receiver."""
        return self.readings + (not (self.lost or self.ended))

    def faults(self) -> Iterator[Fault]:
        """The faults to inject into it on its way from the broker."""
        kinds: list[Kind] = ["duplicate"] * (self.deliveries - 1) if self.deliveries else ["lose"]
        for kind in kinds:
            yield Fault(kind, name_of(self.message), FROM_BROKER, self.receiver, self.occurrence)


@dataclass
class Scheduled:
    """What goes with one step: faults, and what is held by each server after it, oldest first."""

    faults: list[Fault] = field(default_factory=list)
    in_flight: list[tuple[Hashable, ...]] = field(default_factory=list)
    lost_at: int | None = None
    """For the loss of an event from the broker: the place of the step in which the broker passes it on."""


def schedule(system: ClosedSystem, played: Sequence[Replayed]) -> list[Scheduled]:
    """One for each step. `system` has to deliver everything."""
    found = [Scheduled() for _ in played]
    queues: list[list[_Passed]] = [[] for _ in system.nodes]
    everything: list[_Passed] = []
    snapshots: list[list[list[tuple[_Passed, int]]]] = []
    for number, step in enumerate(played):
        taken = _take(queues, step)
        if taken is not None and taken.lost:
            found[number].lost_at = taken.step
        _cut(system, queues, step)
        found[number].faults += _lost_to_broker(system, step.label)
        passed = list(_passed(system, step.label, step.row, number))
        everything += passed
        for one in passed:
            queues[_place(system, one.receiver)].append(one)
        snapshots.append([[(one, one.readings) for one in queue] for queue in queues])
    for one in everything:
        found[one.step].faults += one.faults()
    for scheduled, queued in zip(found, snapshots, strict=True):
        scheduled.in_flight = [
            tuple(one.message for one, readings in queue for _ in range(one.deliveries - readings)) for queue in queued
        ]
    return found


def _take(queues: list[list[_Passed]], step: Replayed) -> _Passed | None:
    """The event that a step reads or loses."""
    kind, component, message, *_ = step.label
    if kind not in {"read", "duplicate", "lose 2"}:
        return None
    queue = queues[component]
    taken = next(one for one in queue if unmarked(one.message) == unmarked(message))
    if kind == "lose 2":
        taken.lost = True
    else:
        taken.readings += 1
    if kind != "duplicate":
        taken.ended = True
        queue.remove(taken)
    return taken


def _cut(system: ClosedSystem, queues: list[list[_Passed]], step: Replayed) -> None:
    """What was under way to a server whose connection ends."""
    broken = {"crash", "wipe", "disconnect", "stabilisation"}
    for place, queue in enumerate(queues):
        ends = step.label.kind in broken and place == step.label.component
        if ends or not is_online(system, step.row, place):
            queue.clear()


def _passed(system: ClosedSystem, label: Label, row: Row, number: int) -> Iterator[_Passed]:
    """What the broker passes on in a step."""
    if label.kind == "forward":
        sent: tuple[Hashable, ...] = (label.message,)
    elif label.outcome is None:
        sent = ()
    else:  # where hops are kept apart only wills, which the broker has already
        at_once = (one for one in enumerate(label.outcome.sent) if not system.keeps_hops or is_will(one[1]))
        sent = tuple(message for place, message in at_once if place != label.lost)
    seen: Counter[tuple[int, str]] = Counter()
    for receiver, message in system.delivery.recipients(
        label.component, tuple(system.numbers.message(message) for message in sent)
    ):
        if is_online(system, row, receiver):
            event = system.numbers.messages[message]
            seen[receiver, name_of(event)] += 1
            yield _Passed(event, number, system.nodes[receiver].name, seen[receiver, name_of(event)])


def _lost_to_broker(system: ClosedSystem, label: Label) -> Iterator[Fault]:
    name = system.nodes[label.component].name
    if label.kind == "lose 1":
        yield Fault("lose", name_of(label.message), TO_BROKER, name, 1)
    elif label.lost is not None and label.outcome is not None:
        names = [name_of(message) for message in label.outcome.sent[: label.lost + 1]]
        yield Fault("lose", names[-1], TO_BROKER, name, names.count(names[-1]))


def is_online(system: ClosedSystem, row: Row, component: int) -> bool:
    """Whether the bus delivers to a component."""
    return system.numbers.is_online(component, row[component])


def unmarked(message: Hashable) -> Hashable:
    """An event without the identifier that tells it from others of the same content."""
    return replace(message, event_id="") if isinstance(message, BusEvent) and message.event_id else message


def _place(system: ClosedSystem, name: str) -> int:
    return next(place for place, node in enumerate(system.nodes) if node.name == name)
