"""A chart stepped without running it: its declared transitions, guards and actions, one action at a time.

python-statemachine takes about a millisecond for a step; a monitor does thousands in a second. Here the transitions of
a chart's class are read once into a table, and a step looks up the arrows of a label in the atomic state, asks their
guards in order and calls the actions of the first that passes. Guards, actions and what is due are the chart's own
methods. That a step is what the chart itself does is tested on all that the explorer meets.

Only charts without parallel regions and with nothing but `on` actions can be stepped so; others are refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from inspect import signature
from typing import Any, NamedTuple

from statemachine import State

from machines.calls import Message
from machines.participant import (
    Decision,
    Output,
    Participant,
    Snapshot,
    actions,
    arrows_of,
    atomic_states,
    decision_table,
    guards_of,
    label_of,
    lineage,
)

ITSELF = "is_for_itself"
"""The guard that asks whether a message names the participant."""
Method = Callable[..., Any]


class Arrow(NamedTuple):
    """A transition: its guards with the value that lets it pass, its actions, and the atomic state that it enters."""

    guards: tuple[tuple[Method, bool], ...]
    actions: tuple[Method, ...]
    target: str
    is_for_itself: bool = False
    """Whether it is taken only for what names this participant."""


class Taken(NamedTuple):
    """What receiving came to, and the snapshot after it."""

    decision: Decision
    then: Snapshot


@dataclass(frozen=True)
class Stepper:
    """The table of one chart. `urgent`: what is due happens before anything is read."""

    chart: type[Participant]
    arrows: Mapping[tuple[str, str], tuple[Arrow, ...]]
    sends: Mapping[str, tuple[Method, ...]]
    """For each atomic state what composes the messages that are due there."""
    _ignored: dict[tuple[str, type[Message], bool], bool] = field(default_factory=dict)

    @property
    def urgent(self) -> bool:
        """Whether what is due happens at once."""
        return self.chart.urgent

    def receive(self, snapshot: Snapshot, message: Message) -> Taken:
        """`?message`: taken, ignored, deferred, or impossible; only what is taken moves."""
        (state,) = snapshot.states
        shell = self._shell(snapshot)
        arrow = _first(self.arrows.get((state, f"?{type(message).__name__}"), ()), shell, message)
        if arrow is not None:
            for action in arrow.actions:
                action(shell, message, "")
            return Taken(Decision.TAKEN, Snapshot((arrow.target,), shell.data))
        cell = decision_table(self.chart)[state].get(type(message))
        otherwise = None if cell is None else cell.otherwise
        return Taken(Decision.IMPOSSIBLE if otherwise is None else otherwise, snapshot)

    def due(self, snapshot: Snapshot) -> tuple[Output, ...]:
        """What may be sent now."""
        (state,) = snapshot.states
        composers = self.sends.get(state, ())
        if not composers:
            return ()
        shell = self._shell(snapshot)
        return tuple(output for compose in composers for output in compose(shell))

    def send(self, snapshot: Snapshot, output: Output) -> Snapshot | None:
        """`!message` for an output that is due; None if no transition sends it here."""
        (state,) = snapshot.states
        shell = self._shell(snapshot)
        arrow = _first(self.arrows.get((state, f"!{type(output.message).__name__}"), ()), shell, output.message)
        if arrow is None:
            return None
        for action in arrow.actions:
            action(shell, output.message, output.to)
        return Snapshot((arrow.target,), shell.data)

    def ignores(self, state: str, message: Message, *, names_it: bool) -> bool:
        """Whether a message is ignored in an atomic state whatever the data; `names_it`: it names this participant."""
        key = (state, type(message), names_it)
        if key not in self._ignored:
            arrows = self.arrows.get((state, f"?{type(message).__name__}"), ())
            barred = not names_it and all(arrow.is_for_itself for arrow in arrows)
            cell = decision_table(self.chart)[state].get(type(message))
            self._ignored[key] = (not arrows or barred) and cell is not None and cell.otherwise is Decision.IGNORED
        return self._ignored[key]

    def _shell(self, snapshot: Snapshot) -> Any:
        """The chart's methods with data, and nothing of the library."""
        shell = object.__new__(self.chart)
        shell.data = snapshot.data
        return shell


@cache
def stepper(chart: type[Participant]) -> Stepper:
    """The table of a chart. Raises `ValueError` for a chart with parallel regions."""
    if any(holder.parallel for state in atomic_states(chart) for holder in lineage(state)):
        raise ValueError(f"{chart.__name__} has parallel regions: it cannot be stepped as one state")
    arrows: dict[tuple[str, str], list[Arrow]] = {}
    sends: dict[str, tuple[Method, ...]] = {}
    for state in atomic_states(chart):
        for transition in (each for holder in lineage(state) for each in arrows_of(holder)):
            label = label_of(transition)
            target = _entered(transition.target or state)
            guards = tuple((_called(chart, name), passes) for name, passes in guards_of(transition))
            names = [str(spec.attr_name) for spec in transition.on]
            done = tuple(_called(chart, name) for name in names if hasattr(chart, name))
            arrows.setdefault((state.id, label), []).append(
                Arrow(guards, done, target.id, (ITSELF, True) in guards_of(transition))
            )
        labels = dict.fromkeys(label for at, label in arrows if at == state.id and label.startswith("!"))
        composers = [actions(chart)[label].replace("send_", "compose_", 1) for label in labels]
        sends[state.id] = tuple(getattr(chart, name) for name in composers)
    return Stepper(chart, {key: tuple(found) for key, found in arrows.items()}, sends)


def _first(arrows: tuple[Arrow, ...], shell: Any, message: Message) -> Arrow | None:
    for arrow in arrows:
        if all(bool(guard(shell, message, "")) == passes for guard, passes in arrow.guards):
            return arrow
    return None


def _entered(state: State) -> State:
    """The atomic state that is entered with a state."""
    while state.states:
        state = next(child for child in state.states if child.initial)
    return state


def _called(chart: type[Participant], name: str) -> Method:
    """A guard or an action of a chart, as a function of the chart, the message, and to whom it goes."""
    method: Method = getattr(chart, name)
    wanted = set(signature(method).parameters) - {"self"}
    if unknown := wanted - {"message", "sender", "to"}:
        raise ValueError(f"{chart.__name__}.{name} asks for {sorted(unknown)}, which a monitor does not have")
    if not wanted:
        return lambda shell, _message, _to: method(shell)
    if wanted == {"message"}:
        return lambda shell, message, _to: method(shell, message=message)

    def call(shell: Any, message: Message, to: str) -> Any:
        given = {"message": message, "sender": "", "to": to}
        return method(shell, **{key: given[key] for key in wanted})

    return call
