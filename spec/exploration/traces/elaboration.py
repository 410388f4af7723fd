"""A run of a reduced system as one of the system in which nothing is left out; each of its steps is possible there.

What a receiver ignores anyway is delivered, so it is read when it is in the way. And where a reduced system tells what
servers had done unheard once stabilisation has begun, the whole one does these steps when they were done: it keeps both
hops apart, and the broker passes on at once what the reduced system does not hold back.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence

from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.steps import ENDS_CONNECTION, Label, Row

Run = Sequence[tuple[Label, Row]]
"""Steps, each with the state after it."""
ALL = -1
"""In place of how many events still arrive: as many as are on their way."""


def elaborated(system: ClosedSystem, run: Run, *, quiescent: bool) -> tuple[ClosedSystem, Run]:
    """A run of a system in the whole one, with that system.

    `quiescent`: all that is ignored is read in the end, since a property about a quiescent system is about one where
    nothing is under way.
    """
    labels = [label for label, _ in run]
    recalls = any(label.unheard for label in labels)
    exact = system.again(drop_inert=False, keeps_hops=True if recalls else None)
    found: list[tuple[Label, Row]] = []
    row = exact.initial()
    everybody = range(len(exact.nodes))

    def drain(component: int) -> bool:
        """Read, or pass on, one message that changes nothing, if that is possible."""
        nonlocal row
        for label, then in successors(exact, row):
            if label.component == component and (
                _is_ignored(exact, label, row, then) or (recalls and _is_inert(system, label))
            ):
                found.append((label, then))
                row = then
                return True
        return False

    for wanted in kept_apart(labels) if recalls else labels:
        while (step := _alike(exact, row, wanted)) is None:
            if not drain(wanted.component) and not any(drain(component) for component in everybody):
                raise AssertionError(f"a run of the reduced system is none of the whole one: {wanted}")
        found.append(step)
        row = step[1]
    while quiescent and any(drain(component) for component in everybody):
        pass
    return exact, tuple(found)


def delivered(
    exact: ClosedSystem,
    run: Run,
    *,
    quiescent: bool,
    begin: Row | None = None,
    reads: Callable[[int, Hashable], bool] = lambda _component, _message: True,
) -> Run:
    """The same run where everything is delivered: what a receiver ignores anyway is read when it is in the way.

    It begins with the initial state, or with another one. `quiescent`: all of it is read in the end, since a property
    about a quiescent system is about one where nothing is under way. `reads`: which messages of a component are read
    so.
    """
    found: list[tuple[Label, Row]] = []
    row = exact.initial() if begin is None else begin
    everybody = range(len(exact.nodes))

    def drain(component: int) -> bool:
        """Read one message that changes nothing, if that is possible."""
        nonlocal row
        for label, then in successors(exact, row):
            before, after = (
                exact.numbers.slots[component][row[component]],
                exact.numbers.slots[component][then[component]],
            )
            read = label.component == component and label.kind == "read" and before.local == after.local
            is_ignored = read and exact.nodes[component].ignores(
                exact.numbers.locals[component][before.local], label.message
            )
            if is_ignored and reads(component, label.message):
                found.append((label, then))
                row = then
                return True
        return False

    for wanted, _ in run:
        while (step := _alike(exact, row, wanted)) is None:
            if not drain(wanted.component) and not any(drain(component) for component in everybody):
                raise AssertionError(f"a run of the reduced system is none of the whole one: {wanted}")
        found.append(step)
        row = step[1]
    while quiescent and any(drain(component) for component in everybody):
        pass
    return tuple(found)


def kept_apart(labels: Sequence[Label]) -> Iterator[Label]:
    """The steps of a run in which some are told after stabilisation has begun, in the order in which they were done."""
    stabilisation = next(place for place, label in enumerate(labels) if label.kind == "stabilisation")
    for label in labels[:stabilisation]:
        yield from _heard(label)
    for label in labels:
        if label.unheard:
            yield label._replace(unheard=False, arrive=ALL if label.kind in ENDS_CONNECTION else 0)
    for label in labels[stabilisation:]:
        if not label.unheard and label.kind != "settle":
            yield from _heard(label)


def _heard(label: Label) -> Iterator[Label]:
    """A step, and how the broker passes on at once what it publishes."""
    yield label
    sent = () if label.outcome is None else label.outcome.sent
    for place, message in enumerate(sent):
        if place != label.lost:
            yield Label("forward", label.component, message, None)


def _is_ignored(system: ClosedSystem, label: Label, row: Row, then: Row) -> bool:
    """Whether a step reads a message that changes nothing."""
    component = label.component
    before, after = system.numbers.slots[component][row[component]], system.numbers.slots[component][then[component]]
    read = label.kind == "read" and before.local == after.local
    return read and system.nodes[component].ignores(system.numbers.locals[component][before.local], label.message)


def _is_inert(system: ClosedSystem, label: Label) -> bool:
    """Whether a step passes on what all ignore."""
    return label.kind == "forward" and not system.delivery.recipients(
        label.component, (system.numbers.message(label.message),)
    )


def _alike(system: ClosedSystem, row: Row, wanted: Label) -> tuple[Label, Row] | None:
    """The step that is the wanted one in another system of the same nodes."""
    if wanted.arrive == ALL:
        wanted = wanted._replace(arrive=len(system.numbers.slots[wanted.component][row[wanted.component]].up))
    for label, then in successors(system, row):
        if label == wanted:
            return label, then
    return None
