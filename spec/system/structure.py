"""What can be read off a chart without running it: which event is which action, and what can lead where.

All of it is an over-approximation: guards are not asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from statemachine import Event, State, StateChart
from statemachine.transition import Transition

from machines.participant import all_states, atomic_states, lineage
from spec.hints import near_to
from spec.system.chart_error import ChartError

RAISED = ("done.", "done_", "error.", "error_")
"""What the library raises by itself begins so."""
Declared = Iterable[str]
"""Ids of events; of a mapping the keys, and the values say what the messages are called."""


class Labels(NamedTuple):
    """Which events are which action: ids by label (`?m`, `!m`), and the ids of steps that nobody sees."""

    actions: Mapping[str, tuple[str, ...]]
    internal: tuple[str, ...] = ()
    aliases: frozenset[str] = frozenset()
    """Further ids of the events of actions."""

    def of(self, event: str) -> str:
        """The label of an event; its id if it is no action."""
        return next((label for label, events in self.actions.items() if event in events), event)

    def takes(self, message: str) -> bool:
        """Whether there is an event for receiving a message of that name."""
        return f"?{message}" in self.actions

    def is_action(self, event: str) -> bool:
        """Whether an event is a send or a reception."""
        return event in self.aliases or any(event in events for events in self.actions.values())


class Edge(NamedTuple):
    """A transition for one of its events: `enters` are all states that it can make active."""

    source: str
    label: str
    event: str
    target: str
    enters: frozenset[str]

    def row(self) -> tuple[str, str, str]:
        """How it stands in a table: where from, what, and where to (empty: it stays)."""
        return (self.source, self.label, self.target)


class Structure:
    """The graph of a chart's states. States are active together with all that hold them."""

    def __init__(self, edges: Iterable[Edge], holders: Mapping[str, frozenset[str]]) -> None:
        """`holders` gives for each atomic state, in document order, itself and what holds it."""
        self.edges = tuple(edges)
        self.atomic = tuple(holders)
        self._holders = holders
        self._reached: dict[tuple[str, ...], frozenset[str]] = {}

    def active(self, states: Iterable[str]) -> frozenset[str]:
        """The atomic states and all that hold them."""
        return frozenset(each for state in states for each in self._holders[state])

    def leaving(self, states: Iterable[str]) -> list[Edge]:
        """The transitions from here."""
        active = self.active(states)
        return [edge for edge in self.edges if edge.source in active]

    def has(self, states: Iterable[str], event: str) -> bool:
        """Whether the event has a transition from here."""
        return any(edge.event == event for edge in self.leaving(states))

    def reached(self, states: tuple[str, ...]) -> frozenset[str]:
        """All states that may be active here or later."""
        if states not in self._reached:
            found = set(self.active(states))
            while more := {each for edge in self.edges if edge.source in found for each in edge.enters} - found:
                found |= more
            self._reached[states] = frozenset(found)
        return self._reached[states]

    def could_send(self, states: tuple[str, ...]) -> frozenset[str]:
        """The names of all messages that may be sent here or later."""
        reached = self.reached(states)
        return frozenset(edge.label[1:] for edge in self.edges if edge.source in reached and edge.label[:1] == "!")


def structure_of(chart: type[StateChart[Any]], labels: Labels) -> Structure:
    """The graph of a chart's states."""
    holders = {state.id: frozenset(holder.id for holder in lineage(state)) for state in atomic_states(chart)}
    return Structure(_edges(chart, labels), holders)


def _edges(chart: type[StateChart[Any]], labels: Labels) -> Iterator[Edge]:
    events = [str(event.id) for event in chart._events]  # noqa: SLF001 - the library has no public list on the class
    for state in all_states(chart):
        for transition in state.transitions:
            if transition.initial:
                continue
            within = _domain(transition)
            enters = frozenset(each.id for target in transition.targets for each in _entered(target, within))
            target = "/".join(each.id for each in transition.targets)
            named = [each for each in events if transition.match(each) and each not in labels.aliases]
            for event in [""] if transition.is_eventless else named:
                yield Edge(state.id, labels.of(event) if event else "", event, target, enters)


def _entered(target: State, within: State | None = None) -> Iterator[State]:
    """What entering a state can make active: it, what it begins in, what holds it, and the regions beside it.

    `within` is a state that is not left on the way: what is beside it stays where it is.
    """
    if target.is_history:
        yield from (each for state in _below(target.parent) for each in (state, *state.ancestors()))
        return
    yield from _by_default(target)
    for holder in target.ancestors():
        if holder is within:
            return
        yield holder
        if holder.parallel:
            yield from (each for region in holder.states for each in _by_default(region))


def _domain(transition: Transition) -> State | None:
    """The innermost state around a transition that it does not leave, as the library finds it."""
    around = (state for state in transition.source.ancestors() if state.is_compound)
    return next((state for state in around if all(target.is_descendant(state) for target in transition.targets)), None)


def _by_default(state: State) -> Iterator[State]:
    yield state
    begins = state.states if state.parallel else [each for each in state.states if each.initial] or state.states[:1]
    begins = [*begins, *(each for transition in state.transitions if transition.initial for each in transition.targets)]
    for each in begins:
        if each.is_history:
            yield from _below(each.parent)
        else:
            yield from _by_default(each)


def _below(state: State | None) -> Iterator[State]:
    for each in state.states if state is not None else ():
        yield each
        yield from _below(each)


def entered_by_default(states: Iterable[State]) -> list[State]:
    """The atomic states that the regions beside these begin in."""
    return [each for state in states for each in _entered(state) if not each.states]


def are_parallel(one: State, other: State) -> bool:
    """Whether a chart can be in both at once: what holds both is a parallel state."""
    around = lineage(other)
    return next((state.parallel for state in lineage(one) if state in around), False)


def order_matters(chart: type[StateChart[Any]], structure: Structure) -> bool:
    """Whether one event can move two parallel regions: then which of them was entered first can be seen."""
    states = {state.id: state for state in all_states(chart)}
    by_event: dict[str, set[str]] = {}
    for edge in structure.edges:
        by_event.setdefault(edge.event, set()).add(edge.source)
    return any(
        are_parallel(states[one], states[other])
        for sources in by_event.values()
        for one in sources
        for other in sources
        if one != other
    )


# Which event is which action.


def labels_of(
    chart: type[StateChart[Any]], sends: Declared = (), receives: Declared = (), internal: Declared = ()
) -> Labels:
    """What the events of a chart are; raises `ChartError` for one of which nothing says what it is."""
    declared = {
        kind: {**_declared(chart, name), **as_mapping(more)}
        for kind, name, more in (("!", "sends", sends), ("?", "receives", receives), ("", "internal", internal))
    }
    kinds: dict[str, str] = {}
    known = {str(event.id): event for event in chart._events}  # noqa: SLF001 - as above
    for kind, rows in declared.items():
        for event in rows:
            _check_declared(chart, event, known)
            if kinds.setdefault(event, kind) != kind:
                names = " and ".join(NAMES[each] for each in (kinds[event], kind))
                raise ChartError(chart.__name__, f"event {event!r}", f"it stands in {names}; leave it in one of them")
    found: dict[str, list[str]] = {}
    for name, said in _labels_said(chart).items():
        if len(said) > 1:
            text = f"it is called {' and '.join(sorted(said))}: events of one id are one event; give them different ids"
            raise ChartError(chart.__name__, f"event {name!r}", text)
        label = next(iter(said), None)
        if kinds.get(name):
            given = f"{kinds[name]}{declared[kinds[name]][name]}"
            if label is not None and label[0] != given[0]:
                text = f"it is called {label!r} and stands in {NAMES[kinds[name]]}; say one or the other"
                raise ChartError(chart.__name__, f"event {name!r}", text)
            label = label or given
        if label is not None:
            if len(label) == 1:
                raise ChartError(chart.__name__, f"event {name!r}", f"{label!r} names no message; write {label}message")
            if kinds.get(name) == "":
                raise ChartError(chart.__name__, f"event {name!r}", f"{label!r} is an action, and not internal")
            found.setdefault(label, []).append(name)
    labels = Labels({label: tuple(events) for label, events in found.items()}, tuple(declared[""]))
    return labels._replace(aliases=_aliases(chart, labels, known))


def _events(chart: type[StateChart[Any]]) -> list[Event]:
    return [*chart._events, *(e for s in all_states(chart) for t in s.transitions for e in t.events)]  # noqa: SLF001 - as above


def unknown_event(chart: type[StateChart[Any]], event: str) -> str:
    """Why an event that a callback sends is probably misspelled; empty if it is not.

    One that no transition has at all does nothing, as in the library: a base class may raise what others listen to.
    """
    known = _events(chart)
    if event.partition(".")[0] in {"done", "error"} or any(each.match(event) for each in known):
        return ""
    names = sorted({str(each.id) for each in known})
    hint = near_to(event, names, cutoff=0.75)
    return f"a callback sends it, and no transition has an event of that name{hint}" if hint else ""


def _labels_said(chart: type[StateChart[Any]]) -> dict[str, set[str]]:
    """What the events of each id are called, as far as that is the label of an action."""
    found: dict[str, set[str]] = {}
    for event in _events(chart):
        label = next((str(text) for text in (event.name, event.id) if str(text)[:1] in {"?", "!"}), None)
        found.setdefault(str(event.id), set()).update({label} if label else ())
    return found


NAMES = {"!": "`sends`", "?": "`receives`", "": "`internal`"}


def _declared(chart: type[StateChart[Any]], name: str) -> dict[str, str]:
    """What a chart says of itself in a class attribute; one that is something else of the author's is left alone."""
    said = getattr(chart, name, ())
    if isinstance(said, (Event, State)) or not isinstance(said, (str, set, frozenset, list, tuple, Mapping)):
        return {}
    if not all(isinstance(each, str) for each in said):
        return {}
    return as_mapping(said)


def as_mapping(said: Declared) -> dict[str, str]:
    """The names of messages by the ids of events."""
    if isinstance(said, str):
        return {said: said}
    if isinstance(said, Mapping):
        return {str(event): str(message) for event, message in said.items()}
    return {str(event): str(event) for event in said}


def _check_declared(chart: type[StateChart[Any]], event: str, known: Mapping[str, Event]) -> None:
    if event in known:
        return
    there = ", ".join(sorted(name for name in known if not name.startswith(RAISED))) or "none"
    raise ChartError(
        chart.__name__, f"event {event!r}", f"the chart has no such event{near_to(event, known)}; there are {there}"
    )


def _aliases(chart: type[StateChart[Any]], labels: Labels, known: Mapping[str, Event]) -> frozenset[str]:
    """Ids that nothing is said of, of events of actions.

    Raises `ChartError` for a transition that is no action, not internal, and not raised by the chart itself.
    """
    found: set[str] = set()
    said = {*labels.internal, *(event for events in labels.actions.values() for event in events)}
    for event in known.values():
        if event.delay:
            raise ChartError(chart.__name__, f"event {event.id!r}", DELAYED)
    for state in all_states(chart):
        for transition in state.transitions:
            events = _events_of(transition)
            wrong = [event for event in events if event not in said and not _is_own(event, known)]
            if wrong and not said.intersection(events):
                raise ChartError(chart.__name__, f"event {wrong[0]!r}", _undeclared(chart, wrong[0]))
            found.update(wrong)
    return frozenset(found)


def _events_of(transition: Transition) -> list[str]:
    return sorted(str(event.id) for event in transition.events)


def _is_own(event: str, known: Mapping[str, Event]) -> bool:
    """Whether the library or the chart itself raises an event within a step."""
    return event.startswith(RAISED) or event in {"done", "error"} or (event in known and known[event].internal)


DELAYED = (
    "delayed events are not checked: what they mean depends on what else takes how long; let a lifeline of its own be "
    "the clock, patient in the binding, which receives a message to set it and sends one when the time is over"
)


def _undeclared(chart: type[StateChart[Any]], event: str) -> str:
    return (
        f"the event {event!r} is no action: name events '?message' where the chart receives and '!message' where it "
        f'sends, as in Event(a.to(b), name="?{event}"), or list it in {chart.__name__}.sends, .receives '
        f"or, for a step that nobody else sees, .internal, as in receives = {{{event!r}}}, or in the table "
        f"[chart.{chart.__name__}] of a binding; an event "
        "that only the chart's own callbacks raise is declared with Event(..., internal=True)"
    )


def actions_of(chart: type[StateChart[Any]], sends: Declared = (), receives: Declared = ()) -> frozenset[str]:
    """The actions of a chart that can be read off its events, and off what it or its binding says of them."""
    found = {str(text) for event in chart._events for text in (event.name, event.id)}  # noqa: SLF001 - as above
    for kind, name, more in (("!", "sends", sends), ("?", "receives", receives)):
        found |= {f"{kind}{message}" for message in {**_declared(chart, name), **as_mapping(more)}.values()}
    return frozenset(name for name in found if name[:1] in {"?", "!"})
