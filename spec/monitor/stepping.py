"""A chart stepped as a function of snapshots, by the table that is compiled from its class (`machines.steps`).

A monitor holds thousands of snapshots of the same chart, and asks of each what is due and what a message does to it.
No instance is needed for that: the chart's guards, changes and sends are called on an object that has its methods and
the data, and nothing else.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from machines.calls import Message
from machines.participant import (
    Decision,
    Output,
    Participant,
    Snapshot,
    actions,
    atomic_states,
    decision_table,
    guards_of,
    lineage,
)
from machines.steps import Steps, change, compiled, why_not

ITSELF = ("is_for_itself", True)
"""The guard that asks whether a message names the participant."""


class Taken(NamedTuple):
    """What receiving came to, and the snapshot after it."""

    decision: Decision
    then: Snapshot


@dataclass(frozen=True)
class Stepper:
    """The steps of one chart, each of whose snapshots is in one atomic state."""

    chart: type[Participant]
    steps: Steps
    _ignored: dict[tuple[str, type[Message], bool], bool] = field(default_factory=dict)

    def receive(self, snapshot: Snapshot, message: Message) -> Taken:
        """`?message`: taken, ignored, deferred, or impossible; only what is taken moves."""
        shell = self._shell(snapshot)
        event = actions(self.chart).get(f"?{type(message).__name__}", "")
        given = {"message": message, "sender": ""}
        arrows = self.steps.enabled(shell, snapshot.states, event, given)
        if arrows:
            change(shell, arrows, given)
            return Taken(Decision.TAKEN, Snapshot(self.steps.after(snapshot.states, arrows), shell.data))
        cell = decision_table(self.chart)[snapshot.states[0]].get(type(message))
        otherwise = None if cell is None else cell.otherwise
        return Taken(Decision.IMPOSSIBLE if otherwise is None else otherwise, snapshot)

    def due(self, snapshot: Snapshot) -> tuple[Output, ...]:
        """What may be sent now."""
        events = self.steps.composed(snapshot.states)
        if not events:
            return ()
        shell = self._shell(snapshot)
        return tuple(output for event in events for output in shell.compose(event))

    def send(self, snapshot: Snapshot, output: Output) -> Snapshot | None:
        """`!message` for an output that is due; None if no transition sends it here."""
        shell = self._shell(snapshot)
        event = actions(self.chart)[f"!{type(output.message).__name__}"]
        given = {"message": output.message, "to": output.to}
        arrows = self.steps.enabled(shell, snapshot.states, event, given)
        if not arrows:
            return None
        change(shell, arrows, given)
        return Snapshot(self.steps.after(snapshot.states, arrows), shell.data)

    def ignores(self, state: str, message: Message, *, names_it: bool) -> bool:
        """Whether a message is ignored in an atomic state whatever the data; `names_it`: it names this participant."""
        key = (state, type(message), names_it)
        if key not in self._ignored:
            cell = decision_table(self.chart)[state].get(type(message))
            is_barred = cell is not None and (
                not cell.arrows or (not names_it and all(ITSELF in guards_of(arrow) for arrow in cell.arrows))
            )
            self._ignored[key] = is_barred and cell is not None and cell.otherwise is Decision.IGNORED
        return self._ignored[key]

    def _shell(self, snapshot: Snapshot) -> Any:
        """The chart's methods with data, and nothing of the library."""
        shell = object.__new__(self.chart)
        shell.data = snapshot.data
        return shell


def stepper(chart: type[Participant]) -> Stepper:
    """The steps of a chart. Raises `ValueError` for one with parallel regions, or that cannot be compiled."""
    if any(holder.parallel for state in atomic_states(chart) for holder in lineage(state)):
        raise ValueError(f"{chart.__name__} has parallel regions: it cannot be stepped as one state")
    steps = compiled(chart)
    if steps is None:
        raise ValueError(f"{chart.__name__} cannot be stepped by a table: {why_not(chart)}")
    return Stepper(chart, steps)
