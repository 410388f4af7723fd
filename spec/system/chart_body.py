"""A chart of python-statemachine that can be put into any state, asked for one step, and looked at again.

One instance is made and used for all steps. Its callbacks and its engine are watched while a step is done: what they
raise, whether they answer at once, what else they send, and whether the step ever ends.
"""

import inspect
import traceback
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, NamedTuple

from statemachine import Event, State, StateChart
from statemachine.callbacks import CallbackGroup
from statemachine.engines.sync import SyncEngine
from statemachine.event_data import EventData, TriggerData
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet
from statemachine.state import InstanceState
from statemachine.transition import Transition

from machines.participant import lineage
from spec.system.chart_error import CallbackError, ChartError
from spec.system.data import Anchors, Inspection, Opaque, Picture, take
from spec.system.outside import REMEDY, witnessed
from spec.system.structure import DELAYED, Labels, Structure, unknown_event

STEPS = 1000
"""More transitions and events than one step of a chart takes that comes to an end."""
MISTAKES = (NameError, AttributeError, TypeError, ImportError, RecursionError, SyntaxError)
"""What a validator does not raise on purpose."""


class Local(NamedTuple):
    """Where a chart is: its atomic states in document order, and what it holds, in a form that can be compared."""

    states: tuple[str, ...]
    data: Hashable = ()


class Held(NamedTuple):
    """What a chart holds besides its atomic states."""

    running: bool
    history: tuple[tuple[str, tuple[str, ...]], ...]
    order: tuple[str, ...]
    """Which states were entered in which order, where that can be seen."""
    values: Hashable


class Fired(NamedTuple):
    """What an event came to: whether it was taken, why not, and the transitions that were done."""

    taken: bool
    why: str
    steps: tuple[tuple[str, str, str], ...]


class _Stop(BaseException):
    """A step has to end at once. Not an `Exception`, for charts handle these as events."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(text)
        self.place = place
        self.text = text


class ChartBody:
    """One instance of a chart."""

    def __init__(
        self,
        chart: type[StateChart[Any]],
        labels: Labels,
        structure: Structure,
        shared: Mapping[int, Any],
        *,
        ordered: bool,
    ) -> None:
        """Make it. Raises `ChartError` if it cannot be made, or cannot be checked."""
        self.name = chart.__name__
        self._class = chart
        self._labels = labels
        self._structure = structure
        self._shared = shared
        self._ordered = ordered
        self._stop: _Stop | None = None
        self._raised: list[tuple[BaseException, str, CallbackGroup]] = []
        self._errors: list[tuple[Any, BaseException]] = []
        self._handled: list[Any] = []
        self._count = 0
        self._expects = self._in_step = False
        self._ours: Any = None
        self._steps: list[tuple[str, str, str]] = []
        self._taken = False
        self.chart = self._made()
        self.roots, self.names = self._find_roots()
        self._known = {state.id: state for state in self.chart.states_map.values()}

    # Making.

    def _made(self) -> StateChart[Any]:
        try:
            inspect.signature(self._class).bind()
        except TypeError as error:
            raise ChartError(self.name, f"{self.name}()", f"it cannot be made: {error}; {_NO_ARGUMENTS}") from None
        chart: StateChart[Any] = self._class.__new__(self._class)
        vars(chart)["_get_engine"] = partial(self._engine_of, chart)  # before its first state is entered
        with witnessed() as asked:
            self._watched(f"{self.name}() cannot be made", chart.__init__)  # type: ignore[misc]
        vars(chart).pop("_get_engine", None)
        if asked:
            raise ChartError(self.name, f"{self.name}()", f"{asked[0]}; {REMEDY}")
        if not hasattr(chart, "_engine"):
            raise ChartError(self.name, f"{self.name}()", "its __init__ does not call super().__init__()")
        self._watch_callbacks(chart)  # of listeners that were added later
        return chart

    def _engine_of(self, chart: StateChart[Any]) -> SyncEngine:
        """The engine, watched; the library asks for it when all callbacks are known and none has been called."""
        self._watch_callbacks(chart)
        for state in chart.states_map.values():
            if state.invoke.key in chart._callbacks:  # noqa: SLF001 - as below
                raise _Stop(f"state {state.id!r}", "invoke is not checked: what it starts goes on outside the chart")
        engine: Any = SyncEngine(chart)
        engine.put = partial(self._put, engine.put)
        engine.microstep = partial(self._microstep, engine.microstep)
        engine._send_error_execution = partial(self._error_in_error, engine._send_error_execution)  # noqa: SLF001
        return engine  # type: ignore[no-any-return]

    def _watch_callbacks(self, chart: StateChart[Any]) -> None:
        for executor in chart._callbacks._registry.values():  # noqa: SLF001 - the library has no hook for it
            for callback in executor:
                if callback._iscoro:  # noqa: SLF001 - as above
                    raise _Stop(f"callback {callback.meta.attr_name!r}", ASYNC)
                if not isinstance(callback._callback, _Watched):  # noqa: SLF001 - as above
                    callback._callback = _Watched(self, callback._callback, callback.meta)  # noqa: SLF001

    def _find_roots(self) -> tuple[list[Any], list[str]]:
        """What holds data: the chart, its model, and its own listeners. Those of the class are shared."""
        of_class = [each for each in self._class._class_listeners if not callable(each)]  # noqa: SLF001 - as above
        roots, names = [self.chart], [self.name]
        listeners = self.chart.active_listeners
        for each, name in ((self.chart.model, "model"), *((each, type(each).__name__) for each in listeners)):
            if not any(each is known for known in (*roots, *of_class)):
                roots.append(each)
                names.append(f"{self.name}.{name}")
        return roots, names

    @property
    def skipped(self) -> dict[int, frozenset[str]]:
        """Attributes of the chart and its model that are the library's."""
        places = [place for place, each in enumerate(self.roots) if each is self.chart.model]
        found = {place: frozenset({self.chart.state_field}) for place in places}
        return {**found, 0: OWN | {self.chart.state_field, *(state.id for state in self.chart.states_map.values())}}

    def settle(self, place: str) -> None:
        """Let it do what it does by itself where it was put."""
        self._taken, self._steps, self._ours = False, [], None
        self._watched(place, self.chart._processing_loop)  # noqa: SLF001 - the library has no public name for it

    # Looking, and going back.

    def look(self) -> tuple[Local, Inspection]:
        """Where it is, and all that it holds. Raises `ChartError` for what cannot be copied and compared."""
        try:
            look = take(self.roots, self.names, self.skipped, self._shared, self._anchors, used=True)
        except Opaque as opaque:
            text = f"{opaque.cls.__module__}.{opaque.cls.__qualname__}: {opaque.remedy}"
            raise ChartError(self.name, opaque.path, text) from None
        here = [state.id for state in self.chart.configuration]
        history = tuple(
            (name, tuple(sorted(state.id for state in states)))
            for name, states in sorted(self.chart.history_values.items())
        )
        states = tuple(name for name in self._structure.atomic if name in here)
        held = Held(
            self.chart._engine.running,  # noqa: SLF001 - `is_terminated` cannot be set
            history,
            tuple(here) if self._ordered and len(states) > 1 else (),
            look.picture.form,
        )
        return Local(states, held), look

    def restore(self, local: Local, picture: Picture) -> None:
        """Put it into a state that was looked at."""
        chart, engine, held = self.chart, self.chart._engine, local.data  # noqa: SLF001 - the library cannot do this
        assert isinstance(held, Held)
        engine.clear()
        engine.clear_cache()
        engine.running = held.running
        engine._root_parallel_final_pending = None  # noqa: SLF001 - as above
        self._fill(picture)
        chart.history_values = {name: [self._state(each) for each in states] for name, states in held.history}
        names = held.order or tuple(
            dict.fromkeys(holder.id for name in local.states for holder in reversed(lineage(self._known[name])))
        )
        chart.configuration = OrderedSet(self._state(name) for name in names)
        if hasattr(type(chart.model), chart.state_field):  # a property, which may keep more than it is given
            self._fill(picture)

    def _fill(self, picture: Picture) -> None:
        try:
            picture.restore(self.roots, self.skipped, self._anchors)
        except Exception as error:  # noqa: BLE001 - a key's own `__hash__` or `__eq__`
            raise ChartError(self.name, "its data", f"it cannot be copied: {error!r}") from None

    def order_of(self, states: tuple[str, ...]) -> tuple[str, ...]:
        """The order in which atomic states and what holds them are entered, where that can be seen."""
        if not self._ordered or len(states) <= 1:
            return ()
        return tuple(dict.fromkeys(h.id for name in states for h in reversed(lineage(self._known[name]))))

    def _state(self, name: str) -> State:
        return self.chart._config._instance_states[self._known[name].value]  # noqa: SLF001 - as above

    @property
    def _anchors(self) -> Anchors:
        return Anchors(self._anchored, self._found)

    def _anchored(self, value: Any) -> Hashable:
        """States, transitions and events are of the chart's structure, and no data."""
        if isinstance(value, InstanceState):
            if value.id in self.chart.states_map and self._state(value.id) is value:
                return ("state", value.id)
        elif isinstance(value, (State, Transition)) or type(value) is Event:
            return ("itself", _Itself(value))
        elif isinstance(value, (EventData, TriggerData)):
            raise Opaque("", type(value), "it belongs to one step; keep of it what is needed")
        elif isinstance(value, StateChart) and value is not self.chart:
            raise Opaque("", type(value), "a chart within a chart; give it a lifeline of its own")
        return None

    def _found(self, name: Any) -> Any:
        kind, value = name
        return self._state(value) if kind == "state" else value.value

    # A step.

    def fire(self, event: str, label: str, arguments: Mapping[str, Any], *, counterexample: bool) -> Fired:
        """Send one event and let the chart run to completion. Raises `ChartError` if anything goes wrong."""
        self._taken, self._steps, self._ours, self._expects = False, [], None, True
        here = "/".join(name for name in self._structure.atomic if name in {s.id for s in self.chart.configuration})
        place = f"{self.name} in {here}"

        def step() -> None:
            try:
                if isinstance(self.chart.send, Event):  # a chart may have an event of that name
                    StateChart.send(self.chart, event, **arguments)
                else:
                    self.chart.send(event, **arguments)
            except TransitionNotAllowed as error:
                if self._taken or any(error is raised for raised, _, _ in self._raised):
                    raise

        if counterexample:
            with witnessed() as asked:
                refused = self._watched(f"{place} breaks on {label}", step)
            if asked:
                raise ChartError(self.name, f"{place} on {label}", f"{asked[0]}; {REMEDY}")
        else:
            refused = self._watched(f"{place} breaks on {label}", step)
        self._check_structure(f"{place} on {label}")
        if not self._taken and not self._steps:
            return Fired(False, refused and f"{place}: {refused}", ())
        if not self._taken and label[0] == "!":
            text = "asking whether it can be sent raises an error that the chart handles; let its guard raise nothing"
            raise ChartError(self.name, f"{place} on {label}", text)
        return Fired(True, "", tuple(self._steps))

    def _check_structure(self, place: str) -> None:
        """What is a part of the chart and no data must be the same after a step."""
        roots, _ = self._find_roots()
        if len(roots) != len(self.roots) or any(now is not then for now, then in zip(roots, self.roots, strict=True)):
            text = "it takes another model, or another listener, within a step; do so in its constructor"
            raise ChartError(self.name, place, text)

    def _watched(self, place: str, act: Callable[[], Any]) -> str:
        """Do it. Returns why a validator refused it, or an empty string."""
        self._stop, self._count, self._in_step = None, 0, True
        self._raised, self._errors, self._handled = [], [], []
        failed: BaseException | None = None
        try:
            act()
        except _Stop as stop:
            self._stop = self._stop or stop
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a callback raises
            failed = error
        self._in_step = self._expects = False
        if self._stop is not None:
            raise ChartError(self.name, f"{place.replace(' breaks on ', ' on ')}, {self._stop.place}", self._stop.text)
        for trigger, handed in self._errors:
            if not any(trigger is each for each in self._handled):
                text = f"{handed!r}{self._where(handed)}, and no transition for error.execution handles it"
                raise CallbackError(self.name, place, text) from handed
        if failed is None:
            return ""
        callback = next((row for row in self._raised if row[0] is failed), None)
        refuses = callback is not None and callback[2] is CallbackGroup.VALIDATOR
        if callback is not None and refuses and not isinstance(failed, MISTAKES) and not self._steps:
            return f"the validator {callback[1]} refuses it: {failed!r}"
        raise CallbackError(self.name, place, f"{failed!r}{self._where(failed)}") from failed

    def _where(self, error: BaseException) -> str:
        """Which callback raised it, and where it stands."""
        name = next((f" in {name}" for raised, name, _ in self._raised if raised is error), "")
        frames = traceback.extract_tb(error.__traceback__)
        last = next(
            (f for f in reversed(frames) if "/statemachine/" not in f.filename and f.filename != __file__), None
        )
        return f"{name} ({last.filename}:{last.lineno})" if last and name else name

    # What the engine and the callbacks report.

    def stop(self, place: str, text: str) -> None:
        """End the step from within."""
        self._stop = self._stop or _Stop(place, text)
        raise self._stop

    def note(self, error: BaseException, name: str, group: CallbackGroup) -> None:
        """A callback has raised an error."""
        self._raised.append((error, name, group))

    def _counted(self) -> None:
        self._count += 1
        if self._count > STEPS:
            self.stop(
                "a step without end",
                f"after {STEPS} transitions and events it still goes on: an eventless transition, or an event that "
                "a callback raises, leads back to itself; give it a guard that ends it",
            )

    def _put(self, original: Callable[..., None], trigger: Any, internal: bool = False) -> None:
        self._counted()
        event = str(trigger.event)
        if trigger.event.delay:
            self.stop(f"event {event!r}", DELAYED)
        if event == "error.execution":
            self._errors.append((trigger, trigger.kwargs.get("error")))
        elif self._expects:
            self._expects, self._ours = False, trigger
        elif self._labels.is_action(event) and self._in_step:
            label = self._labels.of(event)
            self.stop(
                f"event {event!r}",
                f"a callback sends {label}: an action within an action, which nobody else would see; let {label} be "
                "enabled in the state that follows, and it happens by itself",
            )
        elif self._in_step and (why := unknown_event(self._class, event)):
            self.stop(f"event {event!r}", why)
        original(trigger, internal=internal)

    def _microstep(self, original: Callable[..., Any], transitions: list[Transition], trigger: Any) -> Any:
        self._counted()
        event = "" if trigger.event is None else str(trigger.event)
        if trigger is self._ours:
            self._taken = True
        if any(trigger is raised for raised, _ in self._errors):
            self._handled.append(trigger)
        for transition in transitions:
            names = [str(each.id) for each in transition.events]
            name = event if event in names or not names else next((n for n in names if transition.match(n)), event)
            label = self._labels.of(name) if name else ""
            self._steps.append((transition.source.id, label, "/".join(each.id for each in transition.targets)))
        return original(transitions, trigger)

    def _error_in_error(self, original: Callable[..., None], error: Exception, trigger: Any) -> None:
        if trigger.event and str(trigger.event) == "error.execution":
            self._errors.append((object(), error))  # the library would let it pass
        original(error, trigger)


class _Watched:
    """A callback, and who is told what comes of it."""

    is_coroutine = False

    def __init__(self, body: ChartBody, callback: Callable[..., Any], meta: Any) -> None:
        self._body = body
        self._callback = callback
        self._meta = meta
        self.__name__ = str(meta.attr_name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = self._callback(*args, **kwargs)
        except (Exception, SystemExit) as error:
            self._body.note(error, self.__name__, self._meta.group)
            raise
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            self._body.stop(f"callback {self.__name__!r}", ASYNC)
        return answer


class _Itself:
    """A part of a chart's class, by identity."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class _Bare(StateChart[Any]):
    """What every chart has of itself, and is not its author's data."""

    only = State(initial=True, final=True)


OWN = (frozenset(vars(_Bare())) | {"model", "state_field", "_get_engine"}) - {"only"}
_NO_ARGUMENTS = "give a chart whose constructor needs no arguments"
ASYNC = "it is async: a step of a chart is one action, done at once; write it without async, and let messages wait"
