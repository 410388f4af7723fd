"""Charts that are not ours: any `StateChart` of python-statemachine takes part, if it says what it does.

Its events are named `?message` where it receives and `!message` where it sends; several events may have one name. What
it holds besides its configuration (attributes with plain values, of the chart or of its model) is part of its state.
Guards and callbacks are given `message`, and `sender` or `to`: the lifeline at the other end. What a chart has no
transition for it refuses, whatever `allow_event_without_transition` says; an exception in a callback is a refusal, too.
"""

import copy
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from statemachine import State, StateChart
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet

from machines.participant import all_states, atomic_states, lineage
from spec.system.process import Sending, Taking, name_of


class Local(NamedTuple):
    """Where a chart is, and what it holds."""

    states: tuple[str, ...]
    data: Hashable = ()


class _Bare(StateChart[Any]):
    """What every chart has of itself, and is not its author's data."""

    only = State(initial=True, final=True)


_OWN = frozenset(vars(_Bare())) | {"model", "state_field"}
_RAISED = ("done.", "done_", "error.", "error_")
"""What the library raises by itself begins so."""
_DEEP = 6
"""Levels of containers that plain data has at most."""


def _never(_message: str) -> bool:
    return False


class ForeignMachine:
    """A chart that is not ours, as a local machine."""

    def __init__(
        self, chart: type[StateChart[Any]], *, patient: bool = False, may_ignore: Callable[[str], bool] = _never
    ) -> None:
        """Raises `ValueError` if the chart cannot be made or one of its events is no action.

        `may_ignore` tells of which messages the binding says that they are ignored where the chart has no transition.
        """
        self.name = chart.__name__
        self.patient = patient
        self._class = chart
        self._may_ignore = may_ignore
        self._events = _events_by_label(chart)
        self._steps: dict[tuple[Local, str, str], Local | None] = {}
        self._why: dict[tuple[Local, str, str], str] = {}
        self._held: dict[Hashable, dict[str, Any]] = {}
        self._initial = self._frozen(self._made())

    def begin(self, where: str = "") -> Local:
        """The chart's initial configuration, or the atomic states named, in parallel regions with `/` between them."""
        if not where:
            return self._initial
        states = {state.id: state for state in atomic_states(self._class)}
        named = [name.strip() for name in where.split("/")]
        for name in named:
            if name not in states:
                raise ValueError(f"{self.name} has no atomic state {name!r}; there are {', '.join(states)}")
        kept = [
            name for name in self._initial.states if all(_are_parallel(states[name], states[other]) for other in named)
        ]
        return self._initial._replace(states=tuple(name for name in states if name in {*named, *kept}))

    def where(self, state: Hashable) -> tuple[str, ...]:
        """The atomic states."""
        assert isinstance(state, Local)
        return state.states

    def sends(self, state: Hashable) -> tuple[Sending, ...]:
        """Every `!` event that has a transition from here, whatever its guards say: `send` asks them."""
        assert isinstance(state, Local)
        labels = (label for label in self._events if label.startswith("!"))
        return tuple(Sending(label[1:], "") for label in labels if self._fitting(state, label))

    def send(self, state: Hashable, sending: Sending) -> tuple[Local, ...]:
        """The state after `!message`; None where a guard forbids it."""
        assert isinstance(state, Local)
        then = self._step(state, f"!{sending.message}", sending.to)
        return () if then is None else (then,)

    def internal(self, state: Hashable) -> tuple[tuple[str, Local], ...]:
        """None so far."""
        return ()

    def reads(self, state: Hashable) -> bool:
        """Whether."""
        assert isinstance(state, Local)
        return any(self._fitting(state, label) for label in self._events if label[0] == "?")

    def could_send(self, state: Hashable) -> frozenset[str]:
        """Names."""
        assert isinstance(state, Local)
        seen, todo = set(), [each for each in atomic_states(self._class) if each.id in state.states]
        ids = {event: label for label, events in self._events.items() for event in events}
        names = set()
        while todo:
            at = todo.pop()
            if at.id in seen:
                continue
            seen.add(at.id)
            for holder in lineage(at):
                for transition in holder.transitions:
                    names |= {ids[str(e.id)][1:] for e in transition.events if ids.get(str(e.id), "?")[0] == "!"}
                    for target in transition.targets if hasattr(transition, "targets") else [transition.target]:
                        if target is not None:
                            todo += [t for t in atomic_states(self._class) if target in lineage(t)]
        return frozenset(names)

    def busy(self, state: Hashable) -> bool:  # noqa: ARG002
        """Nothing is known of its priorities."""
        return False

    def receive(self, state: Hashable, message: Hashable, sender: str) -> tuple[tuple[Taking, Local, str], ...]:
        """The event `?message`, if it is enabled."""
        assert isinstance(state, Local)
        label = f"?{name_of(message)}"
        then = self._step(state, label, sender)
        if then is not None:
            return ((Taking.TAKEN, then, ""),)
        if self._may_ignore(label[1:]):
            return ((Taking.IGNORED, state, ""),)
        here = "/".join(state.states)
        why = self._why.get((state, label, sender)) or f"{self.name} in {here} has no transition {label}"
        return ((Taking.REFUSED, state, why),)

    def takes(self, message: str) -> bool:
        """Whether the chart has the event at all."""
        return f"?{message}" in self._events

    # Stepping.

    def _fitting(self, state: Local, label: str) -> list[str]:
        """The events of that name that have a transition from where the chart is."""
        here = [holder for each in atomic_states(self._class) if each.id in state.states for holder in lineage(each)]
        found = {str(event.id) for holder in here for transition in holder.transitions for event in transition.events}
        return [event for event in self._events.get(label, ()) if event in found]

    def _step(self, state: Local, label: str, peer: str) -> Local | None:
        key = (state, label, peer)
        if key not in self._steps:
            self._steps[key] = None
            for event in self._fitting(state, label):
                then = self._fired(state, event, label, peer)
                if then is not None:
                    self._steps[key] = then
                    break
        return self._steps[key]

    def _fired(self, state: Local, event: str, label: str, peer: str) -> Local | None:
        chart = self._restored(state)
        ends: dict[str, Any] = {"sender": peer} if label.startswith("?") else {"to": peer}
        try:
            chart.send(event, message=label[1:], **ends)
        except TransitionNotAllowed:
            here = "/".join(state.states)
            self._why[state, label, peer] = f"{self.name} in {here}: no guard lets {label} pass"
            return None
        except Exception as error:  # noqa: BLE001 - whatever a stranger's callback raises
            self._why[state, label, peer] = f"{self.name} in {'/'.join(state.states)} breaks on {label}: {error!r}"
            return None
        return self._frozen(chart)

    def _made(self) -> StateChart[Any]:
        try:
            chart = self._class()
        except Exception as error:  # noqa: BLE001 - as above
            raise ValueError(
                f"{self.name}() cannot be made: {error!r}; give a chart whose constructor needs no arguments"
            ) from None
        chart.allow_event_without_transition = False
        chart.catch_errors_as_events = False
        return chart

    def _restored(self, state: Local) -> StateChart[Any]:
        chart = self._made()
        held = copy.deepcopy(self._held[state.data])
        chart.history_values = held.pop("history")
        vars(chart.model).update(held.pop("model"))
        vars(chart).update(held)
        states = [each for each in atomic_states(self._class) if each.id in state.states]
        chart.configuration = OrderedSet(holder for each in states for holder in reversed(lineage(each)))
        return chart

    def _frozen(self, chart: StateChart[Any]) -> Local:
        here = {state.id for state in chart.configuration}
        held = {name: value for name, value in vars(chart).items() if name not in self._own() and is_plain(value)}
        model = {name: value for name, value in vars(chart.model).items() if name != chart.state_field}
        model = {name: value for name, value in model.items() if is_plain(value)}
        history = {name: [state.id for state in states] for name, states in chart.history_values.items()}
        data = frozen((held, model, history))
        if data not in self._held:
            known = {state.id: state for state in all_states(self._class)}
            back = {name: [known[each] for each in states] for name, states in history.items()}
            kept = copy.deepcopy({**held, "model": model})
            self._held[data] = {**kept, "history": back}
        return Local(tuple(state.id for state in atomic_states(self._class) if state.id in here), data)

    def _own(self) -> frozenset[str]:
        return _OWN | {state.id for state in all_states(self._class)}


def _are_parallel(one: State, other: State) -> bool:
    """Whether a chart can be in both at once: what holds both is a parallel state."""
    around = lineage(other)
    return next((state.parallel for state in lineage(one) if state in around), False)


def _events_by_label(chart: type[StateChart[Any]]) -> Mapping[str, list[str]]:
    """The ids of the events of each action; raises `ValueError` where a transition is no action."""
    found: dict[str, list[str]] = {}
    others: set[str] = set()
    for event in chart._events:  # noqa: SLF001 - the library has no public list on the class
        label = next((text for text in (event.name, event.id) if str(text)[:1] in {"?", "!"}), None)
        if label is None:
            others.add(str(event.id))
        else:
            found.setdefault(str(label), []).append(str(event.id))
    actions = {event for events in found.values() for event in events}
    for state in all_states(chart):
        for transition in state.transitions:
            events = {str(event.id) for event in transition.events}
            wrong = sorted(event for event in events & others if not event.startswith(_RAISED))
            if wrong and not events & actions:
                raise ValueError(
                    f"{chart.__name__}: the event {wrong[0]!r} is no action: name events '?message' where the chart "
                    f"receives and '!message' where it sends, as in Event(a.to(b), name=\"?{wrong[0]}\")"
                )
    return found


def actions_of(chart: type[StateChart[Any]]) -> frozenset[str]:
    """The actions of a chart that can be read off its events."""
    names = {str(text) for event in chart._events for text in (event.name, event.id)}  # noqa: SLF001 - as above
    return frozenset(name for name in names if name[:1] in {"?", "!"})


# Data as part of a state.


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is data: of numbers, texts, and containers of these. A logger or a socket is not."""
    if value is None or isinstance(value, (bool, int, float, str, bytes, Enum)):
        return True
    if depth == _DEEP:
        return False
    if isinstance(value, dict):
        return all(is_plain(each, depth + 1) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return all(is_plain(each, depth + 1) for each in value)
    return hasattr(value, "__dataclass_fields__") and is_plain(vars(value), depth + 1)


def frozen(value: Any) -> Hashable:
    """Plain data as a hashable value: equal where the data are."""
    if isinstance(value, dict):
        return ("dict", frozenset((frozen(name), frozen(each)) for name, each in value.items()))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(frozen(each) for each in value))
    if isinstance(value, (list, tuple, deque)):
        return (type(value).__name__, tuple(frozen(each) for each in value))
    if hasattr(value, "__dataclass_fields__"):
        return (type(value).__name__, frozen(vars(value)))
    return (type(value).__name__, value)
