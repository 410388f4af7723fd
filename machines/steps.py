"""A chart's steps as a table, compiled once from its class: what python-statemachine would do, looked up.

The library selects transitions, calls guards and callbacks by their signatures, and computes what is exited and entered
anew at each step; that is about nine tenths of a step. Of a chart as ours are, all of it but the guards and the changes
of data is known beforehand. `compiled(chart)` says what follows from the class, by the rules of SCXML (W3C, "State
Chart XML", appendix D), which are the library's: in each atomic state the first transition whose guards pass, inner
states before those that hold them, and of two that leave the same states the one further inside, or the earlier.

What is not known beforehand is not compiled: a chart with callbacks by convention (`on_enter_...`), validators,
history, listeners of its class, eventless or internal transitions, or a guard that asks for more than the message and
its other end is stepped by the library, as `why_not` says. That the table does what the library does is tested for
every snapshot that a chart comes into and every input, and on random charts (`tests/machines/test_steps.py`).
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from statemachine import State, StateChart
from statemachine.callbacks import CallbackGroup, CallbackSpec
from statemachine.model import Model
from statemachine.orderedset import OrderedSet
from statemachine.transition import Transition

from machines.by_class import by_class

RECEIVING = frozenset({"message", "sender"})
SENDING = frozenset({"message", "to"})
"""What a guard or a change can ask for: the message, and who is at its other end."""


class Call(NamedTuple):
    """A method of the chart, and which of the given values it takes."""

    name: str
    takes: tuple[str, ...]


class Arrow(NamedTuple):
    """A transition: guards with the value that lets it pass, and changes of data in their order."""

    transition: Transition
    guards: tuple[tuple[Call, bool], ...]
    changes: tuple[Call, ...]


class NotCompilable(ValueError):  # noqa: N818 - what was found out, not a defect
    """The chart does something that is known only while it runs; the message says what."""


class Steps:
    """The steps of one chart."""

    def __init__(self, chart: type[StateChart[Any]]) -> None:
        """Raises `NotCompilable`."""
        _refuse_callbacks_of_the_class(chart)
        self._states = {state.id: state for state in _states(chart.states)}
        self._order = {state: place for place, state in enumerate(self._states.values())}
        self._first = frozenset(_defaults(next(state for state in chart.states if state.initial)))
        self._arrows: dict[tuple[str, str], tuple[Arrow, ...]] = {}
        for state in self._states.values():
            _refuse_callbacks(chart, state)
            if not state.states:
                self._compile(chart, state)
        self._after: dict[tuple[tuple[str, ...], tuple[Transition, ...]], tuple[str, ...]] = {}
        self._values: dict[tuple[str, ...], OrderedSet[Any]] = {}
        self._composed: dict[tuple[str, ...], tuple[str, ...]] = {}

    def _compile(self, chart: type[StateChart[Any]], atomic: State) -> None:
        """Note the arrows that leave an atomic state or one that holds it, by event, in the order of their priority."""
        found: dict[str, list[Arrow]] = {}
        for holder in (atomic, *atomic.ancestors()):
            for transition in holder.transitions:
                if not transition.initial:
                    arrow = _arrow(chart, transition)
                    for event in transition.events:
                        found.setdefault(str(event.id), []).append(arrow)
        for event, arrows in found.items():
            self._arrows[atomic.id, event] = tuple(arrows)

    def enabled(
        self, machine: object, where: tuple[str, ...], event: str, given: Mapping[str, object]
    ) -> tuple[Arrow, ...]:
        """The arrows that a step takes: at most one for each of the atomic states that the machine is in."""
        found: list[Arrow] = []
        for name in where:
            for arrow in self._arrows.get((name, event), ()):
                if all(bool(_call(machine, guard, given)) == expected for guard, expected in arrow.guards):
                    if arrow not in found:
                        found.append(arrow)
                    break
        return self._without_conflicts(where, found) if len(found) > 1 else tuple(found)

    def after(self, where: tuple[str, ...], arrows: tuple[Arrow, ...]) -> tuple[str, ...]:
        """The atomic states after these arrows, in document order."""
        key = (where, tuple(arrow.transition for arrow in arrows))
        if key not in self._after:
            here = self._with_holders(where)
            left = {state for transition in key[1] for state in self._left(here, transition)}
            here = (here - left).union(*(self._entered(transition) for transition in key[1]))
            self._after[key] = tuple(state.id for state in self._order if state in here and not state.states)
        return self._after[key]

    def begun(self) -> Model:
        """What holds the state of an instance that has just begun, as the library would leave it."""
        where = tuple(state.id for state in self._order if state in self._first and not state.states)
        begun = Model()
        begun.state = value if len(value := self.value(where)) > 1 else next(iter(value))
        return begun

    def knows(self, where: tuple[str, ...]) -> bool:
        """Whether all of these are atomic states of the chart, and at least one."""
        return where in self._values or (
            bool(where) and all(name in self._states and not self._states[name].states for name in where)
        )

    def in_order(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """These atomic states in document order."""
        return names if len(names) == 1 else tuple(sorted(names, key=lambda name: self._order[self._states[name]]))

    def value(self, where: tuple[str, ...]) -> OrderedSet[Any]:
        """What the library keeps for these atomic states: they and the states that hold them."""
        if where not in self._values:
            ordered: OrderedSet[Any] = OrderedSet()
            for name in where:
                for each in (*reversed(list(self._states[name].ancestors())), self._states[name]):
                    ordered.add(each.value)
            self._values[where] = ordered
        return self._values[where]

    def composed(self, where: tuple[str, ...]) -> tuple[str, ...]:
        """The events of the sends that are due in these atomic states, in the order in which the library has them."""
        if where not in self._composed:
            states = dict.fromkeys(
                state
                for name in where
                for state in (*reversed(list(self._states[name].ancestors())), self._states[name])
            )
            self._composed[where] = tuple(
                str(event.id)
                for state in states
                for event in state.transitions.unique_events
                if event.name.startswith("!")
            )
        return self._composed[where]

    def _without_conflicts(self, where: tuple[str, ...], found: Iterable[Arrow]) -> tuple[Arrow, ...]:
        here = self._with_holders(where)
        kept: list[Arrow] = []
        for arrow in found:
            left = self._left(here, arrow.transition)
            rivals = [other for other in kept if left & self._left(here, other.transition)]
            if all(arrow.transition.source.is_descendant(other.transition.source) for other in rivals):
                kept = [other for other in kept if other not in rivals] + [arrow]
        return tuple(kept)

    def _with_holders(self, where: Iterable[str]) -> frozenset[State]:
        return frozenset(state for name in where for state in (self._states[name], *self._states[name].ancestors()))

    def _left(self, here: frozenset[State], transition: Transition) -> frozenset[State]:
        domain = _domain(transition)
        return frozenset(state for state in here if domain is None or state.is_descendant(domain))

    def _entered(self, transition: Transition) -> frozenset[State]:
        (target,) = transition.targets
        domain = _domain(transition)
        found = set(_defaults(target))
        below = target
        for holder in target.ancestors():
            if holder is domain:
                break
            found.add(holder)
            if holder.parallel:
                found.update(state for child in holder.states if child is not below for state in _defaults(child))
            below = holder
        return frozenset(found)


@by_class
def compiled(chart: type[StateChart[Any]]) -> Steps | None:
    """The steps of a chart; None if it is not compilable."""
    try:
        return Steps(chart)
    except NotCompilable:
        return None


def why_not(chart: type[StateChart[Any]]) -> str:
    """What of a chart is known only while it runs; empty if it is compilable."""
    try:
        Steps(chart)
    except NotCompilable as reason:
        return str(reason)
    return ""


def change(machine: object, arrows: Iterable[Arrow], given: Mapping[str, object]) -> None:
    """Call the methods that the arrows name, in order, which change the data of a machine.

    `given` has their arguments by name; of these each method gets those that it takes.
    """
    for arrow in arrows:
        for call in arrow.changes:
            _call(machine, call, given)


def _call(machine: object, call: Call, given: Mapping[str, object]) -> object:
    return getattr(machine, call.name)(**{name: given[name] for name in call.takes})


def _states(states: Iterable[State]) -> Iterable[State]:
    for state in states:
        yield state
        yield from _states(state.states)


def _domain(transition: Transition) -> State | None:
    """The innermost compound state that holds source and target; None is the chart."""
    (target,) = transition.targets
    for holder in transition.source.ancestors():
        if not holder.parallel and target.is_descendant(holder):
            return holder
    return None


def _defaults(state: State) -> Iterable[State]:
    """A state with what is entered in it."""
    yield state
    if state.parallel:
        for child in state.states:
            yield from _defaults(child)
    elif state.states:
        yield from _defaults(next(child for child in state.states if child.initial))


# What can be compiled.


def _arrow(chart: type[StateChart[Any]], transition: Transition) -> Arrow:
    _refuse_callbacks(chart, transition)
    if transition.is_eventless or transition.internal or len(transition.targets) != 1:
        raise NotCompilable(f"{transition}: a transition without an event, internal, or without just one target")
    label = next(iter(transition.events)).name
    known = SENDING if label.startswith("!") else RECEIVING
    called = [spec for spec in transition._specs if not spec.is_convention]  # noqa: SLF001 - not public in the library
    called.sort(key=lambda spec: spec.priority)
    guards = [(_called(chart, spec, known), bool(spec.expected_value)) for spec in called if _is(spec, "COND")]
    changes = [_called(chart, spec, known) for spec in called if _is(spec, "ON")]
    return Arrow(transition, tuple(guards), tuple(changes))


def _is(spec: CallbackSpec, group: str) -> bool:
    return spec.group is CallbackGroup[group]


def _called(chart: type[StateChart[Any]], spec: CallbackSpec, known: frozenset[str]) -> Call:
    method = getattr(chart, str(spec.attr_name), None)
    if not isinstance(spec.func, str) or not inspect.isfunction(method):
        raise NotCompilable(f"{spec.attr_name!r} is no method of {chart.__name__}")
    if inspect.iscoroutinefunction(method):
        raise NotCompilable(f"{spec.attr_name!r} is a coroutine")
    parameters = list(inspect.signature(method).parameters.values())[1:]
    for parameter in parameters:
        if parameter.name not in known or parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise NotCompilable(f"{spec.attr_name!r} asks for {parameter.name!r}, not just {', '.join(sorted(known))}")
    return Call(str(spec.attr_name), tuple(parameter.name for parameter in parameters))


def _refuse_callbacks(chart: type[StateChart[Any]], holder: State | Transition) -> None:
    """Raise `NotCompilable` for what a state or a transition does besides guards and changes."""
    if isinstance(holder, State) and (holder.history or holder.final):
        raise NotCompilable(f"{holder.id}: a final state, or one with history")
    for spec in holder._specs:  # noqa: SLF001 - the library has no public list of them
        if spec.is_convention and hasattr(chart, str(spec.attr_name)):
            raise NotCompilable(f"{chart.__name__} has the callback {spec.attr_name!r}")
        if not (spec.is_convention or (isinstance(holder, Transition) and (_is(spec, "COND") or _is(spec, "ON")))):
            raise NotCompilable(f"{spec.attr_name!r} is called as {spec.group.name.lower()}")


def _refuse_callbacks_of_the_class(chart: type[StateChart[Any]]) -> None:
    if getattr(chart, "_class_listeners", ()):
        raise NotCompilable(f"{chart.__name__} has listeners")
    names: Mapping[str, Callable[..., object]] = {
        name: getattr(chart, name)
        for name in ("on_transition", "before_transition", "after_transition", "prepare_event")
        if hasattr(chart, name)
    }
    if names:
        raise NotCompilable(f"{chart.__name__} has the callback {next(iter(names))!r}")
