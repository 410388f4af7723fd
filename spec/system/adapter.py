"""Machines of the library `transitions`, and projections (`spec.projection.machine`), as charts in a check.

    charts = {"Door": from_transitions(make_door, receives={"push"}, sends={"ring"})}

What `from_transitions` returns is given where a chart is given; its `machine()` has the interface of `ForeignMachine`.
Triggers named `?message` and `!message` need no list. Callbacks get `message`, `sender` or `to`, `value` and `values`
in the `EventData` if the machine has `send_event`, or else as far as they have parameters of these names.
"""

import inspect
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from transitions import Event, EventData, Machine, State, Transition
from transitions.extensions import HierarchicalMachine, LockedMachine
from transitions.extensions.asyncio import AsyncMachine
from transitions.extensions.diagrams import GraphMachine

from spec.system.chart_body import ASYNC, STEPS, Fired, Held, Local
from spec.system.chart_error import ChartError
from spec.system.data import Anchors, Inspection, Opaque, Picture, take
from spec.system.outside import REMEDY, witnessed
from spec.system.probe import Book
from spec.system.process import Payloads
from spec.system.stepped import MayIgnore, SteppedMachine, never_ignored
from spec.system.structure import NAMES, Declared, Edge, Labels, Structure, as_mapping
from spec.system.surroundings import Surroundings

Action = str | tuple[str, str]
"""`?message` or `!message`, or such a label with the lifeline at the other end."""
_EXTENSIONS = (HierarchicalMachine, LockedMachine, AsyncMachine, GraphMachine)
_BARE = frozenset(vars(Machine(states=["a"], initial="a", auto_transitions=False))) | {"resolve_callable"}
"""What every machine has of itself."""


def by_letter(trigger: str) -> Action:
    """The action of a trigger of a projection, such as `!Set timeout. > Clock`; empty if it is none."""
    kind, label = trigger[:1], trigger[1:]
    if kind not in {"?", "!"}:
        return ""
    message, way, peer = label.rpartition(" > " if kind == "!" else " < ")
    return (f"{kind}{message}", peer) if way else trigger


def from_transitions(
    source: Machine | Callable[[], Machine],
    *,
    name: str = "",
    sends: Declared = (),
    receives: Declared = (),
    internal: Declared = (),
    raised: Declared = (),
    actions: Mapping[str, Action] | Callable[[str], Action] | None = None,
    payloads: Payloads | None = None,
) -> "TransitionsChart":
    """A machine, or what makes one, as a chart; one that is made each time is looked at more closely.

    `sends`, `receives` and `internal` list triggers (a mapping says what the messages are called), `raised` those that
    only callbacks of the machine itself use. `actions` gives the action of each trigger; for projections that is
    `by_letter`. Raises `ChartError` if a trigger is none of these, or the machine is of a kind that is not checked.
    """
    given = name or (source.name.removesuffix(": ") if isinstance(source, Machine) else getattr(source, "__name__", ""))
    given = given or type(source).__name__
    machine = _made(source, given)
    declared = {"!": as_mapping(sends), "?": as_mapping(receives), "": as_mapping(internal)}
    found: dict[str, Action] = {}
    for trigger in machine.events:
        action = actions.get(trigger, "") if isinstance(actions, Mapping) else actions(trigger) if actions else ""
        found[trigger] = action or (trigger if trigger[:1] in {"?", "!"} else "")
    for kind, rows in declared.items():
        for trigger, message in rows.items():
            if trigger not in machine.events:
                text = f"the machine has no such trigger; there are {', '.join(_named(machine)) or 'none'}"
                raise ChartError(given, f"trigger {trigger!r}", text)
            if found[trigger] and (not kind or found[trigger] != f"{kind}{message}"):
                text = f"it is {found[trigger]!r} and stands in {NAMES[kind]}; say one or the other"
                raise ChartError(given, f"trigger {trigger!r}", text)
            if kind:
                found[trigger] = f"{kind}{message}"
    own = {*declared[""], *as_mapping(raised), *_automatic(machine)}
    undeclared = next((trigger for trigger, action in found.items() if not action and trigger not in own), None)
    if undeclared is not None:
        text = (
            f"nothing says what it is: name triggers '?message' and '!message', or list it in sends, receives, "
            f"internal, or raised, as in from_transitions(..., receives={{{undeclared!r}}})"
        )
        raise ChartError(given, f"trigger {undeclared!r}", text)
    chart = TransitionsChart(given, source, machine, found, tuple(declared[""]), payloads or {})
    local, look = TransitionsBody(machine, given, chart.labels, {}).look()
    return replace(chart, start=(local, look.picture))


@dataclass(frozen=True, eq=False)
class TransitionsChart:
    """A machine of `transitions` where a chart is expected."""

    name: str
    source: Machine | Callable[[], Machine]
    sample: Machine
    triggers: Mapping[str, Action]
    internal: tuple[str, ...]
    payloads: Payloads
    start: tuple[Local, Picture] | None = None
    """Where the sample was when it was given."""
    book: Book = field(default_factory=Book)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def labels(self) -> Labels:
        """Which triggers are which action."""
        found: dict[str, list[str]] = {}
        for trigger, action in self.triggers.items():
            if action:
                found.setdefault(_with_peer(action)[0], []).append(trigger)
        return Labels({label: tuple(triggers) for label, triggers in found.items()}, self.internal)

    @property
    def actions(self) -> frozenset[str]:
        """Its actions, as `actions_of` tells those of a chart."""
        return frozenset(label for label, _ in map(_with_peer, self.triggers.values()) if label)

    def machine(
        self,
        *,
        patient: bool = False,
        may_ignore: MayIgnore = never_ignored,
        payloads: Payloads | None = None,
    ) -> "TransitionsMachine":
        """The local machine. Raises `ChartError`."""
        return TransitionsMachine(self, patient, may_ignore, payloads or self.payloads)


class TransitionsMachine(SteppedMachine):
    """A machine of `transitions` as a local machine: the interface is that of `ForeignMachine`."""

    def __init__(self, chart: TransitionsChart, patient: bool, may_ignore: MayIgnore, payloads: Payloads) -> None:
        """Raises `ChartError` if the machine cannot be made or checked."""
        self._peers = {trigger: _with_peer(action)[1] for trigger, action in chart.triggers.items()}
        labels = chart.labels
        self._sample = chart.sample
        around = Surroundings(_BARE)
        around.add_class(type(chart.sample))
        around.add_class(type(_model(chart.sample, chart.name)))
        instance = isinstance(chart.source, Machine)
        only = TransitionsBody(chart.sample, chart.name, labels, chart.book.shared) if instance else None
        if only is not None and chart.start is not None:
            only.restore(*chart.start)
        super().__init__(
            chart.name,
            lambda: only or TransitionsBody(_made(chart.source, chart.name), chart.name, labels, chart.book.shared),
            labels,
            _structure(chart.sample, labels),
            chart.book,
            around,
            patient=patient,
            may_ignore=may_ignore,
            payloads=payloads,
        )
        self.declared = frozenset(row for row in self.declared if row[1] not in _automatic(chart.sample))

    def events_of(self, label: str, peer: str) -> tuple[str, ...]:
        return tuple(each for each in super().events_of(label, peer) if not peer or self._peers[each] in {"", peer})

    def ignores_at(self, local: Local, label: str) -> bool:
        """What a state has no transition for, if the machine's author says so (`ignore_invalid_triggers`)."""
        if any(edge.label == label for edge in self._structure.leaving(local.states)):
            return False
        said = self._sample.get_state(local.states[0]).ignore_invalid_triggers
        return bool(self._sample.ignore_invalid_triggers if said is None else said)


class _Stop(BaseException):
    """A step has to end at once."""


class TransitionsBody:
    """One machine with its model."""

    def __init__(self, machine: Any, name: str, labels: Labels, shared: Mapping[int, Any]) -> None:
        """Watch a machine. Raises `ChartError` if it is of a kind that is not checked."""
        self.name = name
        self.machine = machine
        self.model = _model(machine, name)
        self.roots: list[Any] = [self.model] if self.model is machine else [self.model, machine]
        self.names = [name, f"{name}.machine"][: len(self.roots)]
        self._labels = labels
        self._shared = shared
        vars(machine).pop("resolve_callable", None)  # it may have been watched before
        self._resolve = machine.resolve_callable
        self._automatic = _automatic(machine)
        self._depth = self._count = 0
        self._result = False
        self._halted: tuple[str, str] | None = None
        self._raised: list[tuple[BaseException, str]] = []
        self._steps: list[tuple[str, str, str]] = []
        self.machine.resolve_callable = self._resolved
        for trigger, event in self.machine.events.items():
            event._trigger = partial(self._triggered, trigger, type(event)._trigger.__get__(event))  # noqa: SLF001 - no hook
            for transitions in event.transitions.values():
                for each in transitions:
                    each.execute = partial(self._executed, trigger, each, type(each).execute.__get__(each))

    @property
    def _skipped(self) -> dict[int, frozenset[str]]:
        attribute = self.machine.model_attribute
        states = [f"is_{name}" if attribute == "state" else f"is_{attribute}_{name}" for name in self.machine.states]
        triggers = [each for name in self.machine.events for each in (name, f"may_{name}")]
        added = frozenset({attribute, "trigger", "may_trigger", *states, *triggers})
        return {0: added | (_BARE if self.model is self.machine else frozenset()), 1: _BARE}

    @property
    def _anchors(self) -> Anchors:
        return Anchors(self._anchored, self._found)

    def _anchored(self, value: Any) -> Hashable:
        if isinstance(value, State):
            return ("state", value.name)
        if isinstance(value, Event):
            return ("event", value.name)
        if isinstance(value, (Transition, EventData)):
            raise Opaque("", type(value), "it belongs to one step; keep of it what is needed")
        return None

    def _found(self, name: Any) -> Any:
        return self.machine.states[name[1]] if name[0] == "state" else self.machine.events[name[1]]

    def look(self) -> tuple[Local, Inspection]:
        """Where it is, and what it holds. Raises `ChartError` for what cannot be copied and compared."""
        try:
            look = take(self.roots, self.names, self._skipped, self._shared, self._anchors, used=True)
        except Opaque as opaque:
            text = f"{opaque.cls.__module__}.{opaque.cls.__qualname__}: {opaque.remedy}"
            raise ChartError(self.name, opaque.path, text) from None
        here = self.machine.get_model_state(self.model).name
        return Local((here,), Held(True, (), (), look.picture.form)), look

    def restore(self, local: Local, picture: Picture) -> None:
        """Put it where it was."""
        self.machine._transition_queue = deque()  # noqa: SLF001 - the library cannot do this
        picture.restore(self.roots, self._skipped, self._anchors)
        self.machine.set_state(local.states[0], self.model)

    def fire(self, event: str, label: str, arguments: Mapping[str, Any], *, counterexample: bool) -> Fired:
        """Trigger one event, and what is queued behind it. Raises `ChartError` if anything goes wrong."""
        place = f"{self.name} in {self.machine.get_model_state(self.model).name} on {label}"
        self._depth = self._count = 0
        self._result, self._halted, self._raised, self._steps = False, None, [], []
        if counterexample:
            with witnessed() as asked:
                failed = self._run(event, arguments)
            if asked:
                raise ChartError(self.name, place, f"{asked[0]}; {REMEDY}")
        else:
            failed = self._run(event, arguments)
        if self._halted is not None:
            raise ChartError(self.name, f"{place}, {self._halted[0]}", self._halted[1])
        if self._raised or failed is not None:
            error, name = self._raised[0] if self._raised else (failed, "")
            raise ChartError(self.name, place, f"{error!r}{name and f' in {name}'}") from error
        return Fired(self._result, "", tuple(self._steps))

    def _run(self, event: str, arguments: Mapping[str, Any]) -> BaseException | None:
        try:
            self.machine.events[event].trigger(self.model, **arguments)
        except _Stop:
            return None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a callback raises
            return error
        return None

    def _stop(self, place: str, text: str) -> None:
        self._halted = self._halted or (place, text)
        raise _Stop

    def _triggered(self, trigger: str, original: Callable[[Any], bool], event_data: Any) -> bool:
        self._count += 1
        if self._count > STEPS:
            text = f"after {STEPS} triggers it still goes on: a callback triggers what leads back to itself; end it"
            self._stop("a step without end", text)
        first = self._count == 1
        if not first and self._labels.is_action(trigger):
            label = self._labels.of(trigger)
            text = f"a callback does {label}, an action within an action; let it be possible in the state that follows"
            self._stop(f"trigger {trigger!r}", text)
        result = original(event_data)
        if first:
            self._result = result
        return result

    def _executed(self, trigger: str, transition: Any, original: Callable[[Any], bool], event_data: Any) -> bool:
        done = original(event_data)
        if done and trigger not in self._automatic:
            self._steps.append((transition.source, self._labels.of(trigger), transition.dest or ""))
        return done

    def _resolved(self, func: Any, event_data: Any) -> Callable[..., Any]:
        """A callback, watched."""
        try:
            callback = self._resolve(func, event_data)
        except AttributeError as error:
            self._raised.append((error, str(func)))
            raise
        name = str(getattr(callback, "__name__", func))

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self.machine.send_event:
                kwargs = _wanted(callback, kwargs)
            try:
                answer = callback(*args, **kwargs)
            except (Exception, SystemExit) as error:
                self._raised.append((error, name))
                raise
            if inspect.isawaitable(answer):
                if inspect.iscoroutine(answer):
                    answer.close()
                self._stop(f"callback {name!r}", ASYNC)
            return answer

        return call


def _wanted(callback: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Of the arguments those that a callback has parameters for."""
    try:
        parameters = inspect.signature(callback).parameters
    except (TypeError, ValueError):  # a built-in function that does not tell
        return {}
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return dict(arguments)
    return {name: value for name, value in arguments.items() if name in parameters}


def _with_peer(action: Action) -> tuple[str, str]:
    return (action, "") if isinstance(action, str) else action


def _made(source: Machine | Callable[[], Machine], name: str) -> Machine:
    """The machine. Raises `ChartError` if it cannot be made, or is of a kind that is not checked."""
    if isinstance(source, Machine):
        machine = source
    else:
        try:
            machine = source()
        except Exception as error:
            raise ChartError(name, f"{name}()", f"it cannot be made: {error!r}") from error
    if not isinstance(machine, Machine):
        raise ChartError(name, f"{name}()", f"expected a machine of `transitions`, not {machine!r}")
    kind = next((each.__name__ for each in _EXTENSIONS if isinstance(machine, each)), None)
    if kind is not None:
        raise ChartError(name, type(machine).__name__, f"{kind} is not checked; make it a plain Machine")
    if machine.on_exception:
        text = "what a machine does after an error is not checked; let callbacks raise nothing, and leave it out"
        raise ChartError(name, "on_exception", text)
    _model(machine, name)
    return machine


def _model(machine: Machine, name: str) -> Any:
    if len(machine.models) != 1:
        text = f"it has {len(machine.models)} models; give each a machine and a lifeline of its own"
        raise ChartError(name, "models", text)
    return machine.models[0]


def _automatic(machine: Machine) -> frozenset[str]:
    """The triggers that the library adds for each state."""
    if not machine.auto_transitions:
        return frozenset()
    start = "to_" if machine.model_attribute == "state" else f"to_{machine.model_attribute}_"
    return frozenset(f"{start}{name}" for name in machine.states) & machine.events.keys()


def _named(machine: Machine) -> list[str]:
    return sorted(machine.events.keys() - _automatic(machine))


def _structure(machine: Machine, labels: Labels) -> Structure:
    return Structure(_edges(machine, labels), {name: frozenset({name}) for name in machine.states})


def _edges(machine: Any, labels: Labels) -> Iterator[Edge]:
    for trigger, event in machine.events.items():
        for source, transitions in event.transitions.items():
            for each in transitions:
                enters = frozenset({each.dest}) if each.dest else frozenset[str]()
                yield Edge(source, labels.of(trigger), trigger, each.dest or "", enters)


__all__ = ["Action", "TransitionsChart", "TransitionsMachine", "by_letter", "from_transitions"]
