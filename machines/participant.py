"""What all charts have in common: they are input/output automata.

Every transition of a chart is exactly one action (Lynch and Tuttle, "Hierarchical correctness proofs for distributed
algorithms", 1987): `?m`, the participant receives m, or `!m`, it sends m. Three rules follow.

1. What a participant sends is a transition. Receiving a message can only change the state and the data; what is then
   due stands in `due()`, and happens when somebody calls `emit()`. No socket, clock, file or random number is inside.
2. What is not declared is refused. `receive()` either takes a message, or ignores it for a declared reason, or raises
   `UnspecifiedReception`, and then nothing has moved.
3. A state with a send due, and a state that awaits an answer from its own server, do not read the bus: an event that
   arrives there waits in its channel. In the decision table that is *deferred*.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Any, ClassVar, NamedTuple

from statemachine import State, StateChart
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet
from statemachine.transition import Transition

from machines.by_class import by_class
from machines.calls import Answer, Message
from machines.events import BusEvent
from machines.late_callbacks import LateChart
from machines.records import KeepsHash
from machines.steps import Steps, change, compiled


class Decision(Enum):
    """What a participant does with a message in a state."""

    TAKEN = "taken"
    IGNORED = "ignored"
    DEFERRED = "deferred"
    IMPOSSIBLE = "impossible"


class Output(NamedTuple):
    """A message that is due, and to whom.

    `to` is "broker", or a lifeline of the same server ("client", "clock", "view"); what the broker sends names the
    session by its MQTT client identifier.
    """

    message: Message
    to: str


class Snapshot(KeepsHash, NamedTuple("_Frozen", [("states", tuple[str, ...]), ("data", Any)])):
    """A participant frozen: the ids of its atomic states in document order, and its data. Hashable."""


class UnspecifiedReception(Exception):  # noqa: N818 - what happened, not a defect
    """A participant was given something that its chart does not declare; nothing has moved."""


@dataclass(frozen=True)
class Rule:
    """One line of a decision table: in these states, these messages are ignored, or impossible, for this reason.

    `states` are ids of atomic or compound states; empty means every state.
    """

    decision: Decision
    messages: frozenset[type[Message]]
    states: frozenset[str]
    because: str


def ignore(*messages: type[Message], because: str, states: str = "") -> Rule:
    """Declare that `messages` change nothing in `states` (ids separated by blanks; empty: everywhere)."""
    return Rule(Decision.IGNORED, frozenset(messages), frozenset(states.split()), because)


def impossible(*messages: type[Message], because: str, states: str = "") -> Rule:
    """Declare that `messages` cannot come in `states` (ids separated by blanks; empty: everywhere)."""
    return Rule(Decision.IMPOSSIBLE, frozenset(messages), frozenset(states.split()), because)


class Cell(NamedTuple):
    """One cell of the decision table. `arrows` are the transitions; `otherwise` holds when no guard lets one pass."""

    arrows: tuple[Transition, ...]
    otherwise: Decision | None
    because: str


class Participant(LateChart):
    """Base of all charts: strict where python-statemachine is permissive, and able to be frozen and restored."""

    allow_event_without_transition = False
    catch_errors_as_events = False

    inputs: ClassVar[tuple[type[Message], ...]] = ()
    """Every message that can reach this participant: the columns of its decision table."""

    rules: ClassVar[tuple[Rule, ...]] = ()
    """What is ignored or impossible; the first that fits counts."""

    begins: ClassVar[str] = ""
    """The atomic state that an instance begins in, where that is not the chart's initial one."""

    folded: ClassVar[frozenset[str]] = frozenset()
    """Compound states that the diagram of this chart draws as one box."""

    urgent: ClassVar[bool] = True
    """Whether what is due happens at once. A clock's expiry is due when its time has come."""

    __setattr__ = object.__setattr__  # the library's looks for a state of that name, at each step and many times

    def __init__(self, data: Any, start: str = "") -> None:
        """Begin with `data` where instances of the chart begin, or in the atomic state `start`."""
        self.data = data
        self._known: tuple[object, tuple[str, ...]] = (self, ())
        """The value that the library keeps, and the atomic states that it stands for."""
        self._due: tuple[object, object, tuple[Output, ...]] = (None, None, ())
        """What is due, with the states and the data that this was asked for: data is never changed in place."""
        self.taken: tuple[Transition, ...] | None = None
        """The transitions of the latest step; None if the library did it, which does not say."""
        super().__init__()
        self._listens = len(self._listeners)
        if start or self.begins:
            self.restore(Snapshot((start or self.begins,), data))

    # Acting.

    def receive(self, message: Message, sender: str = "") -> Decision:
        """Do `?message`; `sender` is the MQTT client identifier where a broker receives.

        Returns TAKEN or IGNORED (nothing moved, on purpose). Raises `UnspecifiedReception` if the chart does not
        declare it here.
        """
        if self.step(f"?{type(message).__name__}", message=message, sender=sender):
            return Decision.TAKEN
        decision, reason = self._otherwise(type(message))
        if decision is Decision.IGNORED:
            return decision
        raise UnspecifiedReception(
            f"{type(self).__name__} in {'/'.join(self.where)} cannot take {message}: {reason}; "
            f"it takes here: {', '.join(sorted(self._takes())) or 'nothing'}"
        )

    def due(self) -> tuple[Output, ...]:
        """What the participant may send now; more than one if their order is free."""
        where = self.where
        before, data, outputs = self._due
        if before is where and data is self.data:
            return outputs
        outputs = self._composed(where)
        self._due = (where, self.data, outputs)
        return outputs

    def _composed(self, where: tuple[str, ...]) -> tuple[Output, ...]:
        steps = compiled(type(self))
        if steps is not None:
            return tuple(output for event in steps.composed(where) for output in self.compose(event))
        found: list[Output] = []
        for state in self.configuration:
            for event in state.transitions.unique_events:
                if event.name.startswith("!"):
                    found.extend(self.compose(event.id))
        return tuple(found)

    def compose(self, event: str) -> tuple[Output, ...]:
        """The messages of one send that are due: for the event `send_x` what the method `compose_x` says."""
        outputs: tuple[Output, ...] = getattr(self, event.replace("send_", "compose_", 1))()
        return outputs

    def emit(self, output: Output) -> None:
        """Do `!message` for one output that is due. Raises `UnspecifiedReception` if it is not due."""
        if output not in self.due():
            due = ", ".join(f"!{type(o.message).__name__} to {o.to}" for o in self.due())
            raise UnspecifiedReception(
                f"{type(self).__name__} in {'/'.join(self.where)} has no !{type(output.message).__name__} "
                f"to {output.to} due; due is: {due or 'nothing'}"
            )
        if not self.step(f"!{type(output.message).__name__}", message=output.message, to=output.to):
            raise UnspecifiedReception(
                f"{type(self).__name__} in {'/'.join(self.where)} composes !{type(output.message).__name__} "
                f"to {output.to}, which no transition sends there"
            )

    def step(self, label: str, **given: Any) -> bool:
        """Do an action such as `!ClientJoinAccepted` if a transition passes: whether one did.

        `given` is what its guards and changes ask for: the `message`, with `sender` or `to`. The table of the chart's
        steps is used where there is one, the library where there is none (`machines.steps`).
        """
        self.taken = None
        event = actions(type(self)).get(label)
        if event is None:
            return False
        steps = None if self._is_watched() else compiled(type(self))
        if steps is None:
            try:
                self.send(event, **given)
            except TransitionNotAllowed:
                return False
            return True
        where = self.where
        arrows = steps.enabled(self, where, event, given)
        self.taken = tuple(arrow.transition for arrow in arrows)
        if arrows:
            change(self, arrows, given)
            self._move(steps, steps.after(where, arrows))
        return bool(arrows)

    def _move(self, steps: Steps, where: tuple[str, ...]) -> None:
        self.current_state_value = steps.value(where)
        self._known = (self.model.state, where)

    def _is_watched(self) -> bool:
        """Whether listeners were added to this instance, which only the library calls."""
        return len(self._listeners) > self._listens

    def decide(self, message: type[Message]) -> Decision:
        """What the participant does with such a message here, before any guard is asked: the cell of the table."""
        chart: Any = type(self)
        given: Any = message
        return decision(chart, self.where, given)

    # Looking, freezing, restoring.

    @property
    def where(self) -> tuple[str, ...]:
        """The ids of the atomic states that it is in, in document order."""
        value = self.model.state
        if value is not self._known[0]:
            here = {state.id for state in self.configuration}
            self._known = (value, tuple(state.id for state in atomic_states(type(self)) if state.id in here))
        return self._known[1]

    def snapshot(self) -> Snapshot:
        """Freeze: equal snapshots act alike on equal inputs."""
        return Snapshot(self.where, self.data)

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot. Raises `ValueError` for a state that the chart does not have."""
        steps = compiled(type(self))
        if steps is not None and steps.knows(snapshot.states):
            self._move(steps, steps.in_order(snapshot.states))
            self.data = snapshot.data
            return
        known = {state.id: state for state in atomic_states(type(self))}
        unknown = [name for name in snapshot.states if name not in known]
        if unknown or not snapshot.states:
            raise ValueError(f"{type(self).__name__} has no state {unknown}; its atomic states are {sorted(known)}")
        configuration: OrderedSet[State] = OrderedSet()
        for name in snapshot.states:
            for state in (*reversed(list(known[name].ancestors())), known[name]):
                configuration.add(state)
        self.configuration = configuration
        self.data = snapshot.data

    def _otherwise(self, message: type[Message]) -> tuple[Decision, str]:
        if message not in self.inputs:
            return Decision.IMPOSSIBLE, "no such message reaches this participant"
        cells = [row[message] for row in self._rows() if message in row]
        for cell in cells:
            if cell.otherwise is not None:
                return cell.otherwise, cell.because
        return Decision.IMPOSSIBLE, "no guard lets it pass"

    def _rows(self) -> list[Mapping[type[Message], Cell]]:
        return [decision_table(type(self))[state] for state in self.where]

    def _takes(self) -> Iterator[str]:
        for message in self.inputs:
            if self.decide(message) is Decision.TAKEN:
                yield f"?{message.__name__}"


# The chart as data.


@by_class
def actions(chart: type[StateChart[Any]]) -> Mapping[str, str]:
    """Map each label of a chart, such as `?ClientJoinAccepted`, to the id of its event."""
    return {event.name: event.id for event in chart._events}  # noqa: SLF001 - the library has no public list on the class


@by_class
def all_states(chart: type[StateChart[Any]]) -> tuple[State, ...]:
    """Every state of a chart, in document order."""

    def walk(states: Iterable[State]) -> Iterator[State]:
        for state in states:
            yield state
            yield from walk(state.states)

    return tuple(walk(chart.states))


@by_class
def atomic_states(chart: type[StateChart[Any]]) -> tuple[State, ...]:
    """The states of a chart that hold no other states, in document order."""
    return tuple(state for state in all_states(chart) if not state.states)


def lineage(state: State) -> tuple[State, ...]:
    """A state and all that hold it, innermost first."""
    return (state, *state.ancestors())


def arrows_of(state: State) -> tuple[Transition, ...]:
    """The transitions that leave a state, without the library's own one from a compound state to its initial state."""
    return tuple(transition for transition in state.transitions if not transition.initial)


def label_of(transition: Transition) -> str:
    """The action of a transition, such as `?ClientJoinAccepted`."""
    labels = [event.name for event in transition.events]
    assert len(labels) == 1, f"{transition} is not exactly one action: {labels}"
    return str(labels[0])


Row = tuple[str, str, str]
"""A transition without its guards: where from, its action, and where to."""


def row_of(transition: Transition) -> Row:
    """A transition without its guards."""
    return (str(transition.source.id), label_of(transition), str((transition.target or transition.source).id))


@by_class
def rows_of(chart: type[StateChart[Any]]) -> frozenset[Row]:
    """All transitions of a chart; those that differ only in their guards are one."""
    return frozenset(row_of(arrow) for state in all_states(chart) for arrow in arrows_of(state))


def guards_of(transition: Transition) -> tuple[tuple[str, bool], ...]:
    """The guards of a transition: name, and the value that lets it pass."""
    return tuple((str(spec.attr_name), bool(spec.expected_value)) for spec in transition.cond)


@by_class
def decision_table(chart: type[Participant]) -> Mapping[str, Mapping[type[Message], Cell]]:
    """The decision table: for each atomic state and each input, what is done with it and why.

    Where a chart has parallel regions, a row holds the messages that its region is concerned with, and those that
    no region takes.
    """
    return {
        state.id: {
            message: _cell(chart, state, message) for message in chart.inputs if _concerns(chart, state, message)
        }
        for state in atomic_states(chart)
    }


def decision(chart: type[Participant], where: tuple[str, ...], message: Any) -> Decision:
    """What a chart does with such a message in these atomic states, before any guard is asked."""
    table = decision_table(chart)
    cells = [table[state][message] for state in where if message in table[state]]
    if any(cell.arrows for cell in cells):
        return Decision.TAKEN
    return next((cell.otherwise for cell in cells if cell.otherwise is not None), Decision.IMPOSSIBLE)


def _concerns(chart: type[Participant], state: State, message: type[Message]) -> bool:
    """Whether a message is the business of a state's parallel region: no other region takes it."""
    region = next((holder for holder in lineage(state) if holder.parent and holder.parent.parallel), None)
    if region is None:
        return True
    label = f"?{message.__name__}"
    takers = {t.source for holder in all_states(chart) for t in arrows_of(holder) if label_of(t) == label}
    return not takers or any(region in lineage(taker) for taker in takers)


def _cell(chart: type[Participant], state: State, message: type[Message]) -> Cell:
    label = f"?{message.__name__}"
    family = lineage(state)
    arrows = tuple(t for holder in family for t in arrows_of(holder) if label_of(t) == label)
    if arrows and _always_passes(arrows):
        return Cell(arrows, None, "")
    busy = "" if arrows else _busy(state)
    names = {holder.id for holder in family}
    fitting = [rule for rule in chart.rules if message in rule.messages and (not rule.states or rule.states & names)]
    if busy and issubclass(message, BusEvent):
        # A busy state does not read the bus, unless there is no bus to read.
        fitting = [rule for rule in fitting if state.id in rule.states]
    if fitting:
        return Cell(arrows, fitting[0].decision, fitting[0].because)
    return Cell((), Decision.DEFERRED, busy) if busy else Cell(arrows, None, "")


def _busy(state: State) -> str:
    """Why a state does not read its inputs, or an empty string if it does."""
    labels = [label_of(t) for t in arrows_of(state)]
    sends = [label for label in labels if label.startswith("!")]
    answers = {f"?{answer.__name__}" for answer in Answer.__subclasses__()}
    if sends and not any(holder.parallel for holder in state.ancestors()):
        return f"{' or '.join(dict.fromkeys(sends))} goes first; it waits in its channel"
    if answers & set(labels):
        return f"{' or '.join(sorted(answers & set(labels)))} is awaited first; it waits in its channel"
    return ""


def _always_passes(arrows: tuple[Transition, ...]) -> bool:
    """Whether one of the guarded transitions is enabled whatever the guards answer."""
    names = sorted({name for arrow in arrows for name, _ in guards_of(arrow)})
    for values in product((False, True), repeat=len(names)):
        answers = dict(zip(names, values, strict=True))
        if not any(all(answers[name] == expected for name, expected in guards_of(arrow)) for arrow in arrows):
            return False
    return True


def undecided_cells(chart: type[Participant]) -> list[str]:
    """The cells of the decision table in which nothing is decided, each as a sentence."""
    found = []
    for state, row in decision_table(chart).items():
        for message, cell in row.items():
            if cell.otherwise is None and not (cell.arrows and _always_passes(cell.arrows)):
                gap = " when its guards are false" if cell.arrows else ""
                found.append(f"{chart.__name__} in {state} does not decide ?{message.__name__}{gap}")
    return found


def words(name: str) -> str:
    """`ClientJoinAccepted` as `client join accepted`, `awaiting_answer` as `awaiting answer`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()
