"""Charts that are not ours: any `StateChart` of python-statemachine takes part, if it says what its events are.

Events are named `?message` where the chart receives and `!message` where it sends; several may have one name. Events
with other names are listed by their ids in `sends`, `receives` or `internal`, class attributes of the chart or
arguments here. Guards and callbacks are given `message`, and `sender` or `to`: the lifeline at the other end; of a
message with values also `value`, the first, and `values`.

What the chart holds besides its configuration is part of its state, whatever it is made of (`spec.system.data`). One
event is one step: eventless transitions, events that callbacks raise and what the library raises (`done.state`,
`error.execution`) run to completion within it. What the chart has no transition for it refuses, whatever
`allow_event_without_transition` says. What cannot be checked is a `ChartError`; nothing is left out in silence.
"""

from typing import Any
from weakref import WeakKeyDictionary

from statemachine import State, StateChart

from machines.participant import atomic_states
from spec.system.chart_body import OWN, ChartBody, Held, Local
from spec.system.chart_error import ChartError
from spec.system.data import Opaque
from spec.system.probe import Book
from spec.system.process import Payload, Payloads
from spec.system.stepped import MayIgnore, SteppedMachine, never_ignored
from spec.system.structure import (
    Declared,
    actions_of,
    are_parallel,
    entered_by_default,
    labels_of,
    order_matters,
    structure_of,
)
from spec.system.surroundings import Surroundings

__all__ = ["ChartError", "ForeignMachine", "Local", "Payload", "actions_of"]

_BOOKS: WeakKeyDictionary[type[StateChart[Any]], Book] = WeakKeyDictionary()


class ForeignMachine(SteppedMachine):
    """A chart that is not ours, as a local machine."""

    def __init__(
        self,
        chart: type[StateChart[Any]],
        *,
        patient: bool = False,
        may_ignore: MayIgnore = never_ignored,
        sends: Declared = (),
        receives: Declared = (),
        internal: Declared = (),
        payloads: Payloads | None = None,
    ) -> None:
        """Raises `ChartError`, a `ValueError`, if the chart cannot be made or checked, or an event is no action.

        `may_ignore` tells of a message and the atomic states whether the binding says that it is ignored there, if
        the chart has no transition.
        `sends`, `receives` and `internal` name events by their ids; a mapping says what the messages are called.
        `payloads` gives the tuples of values that a message can be sent with.
        """
        labels = labels_of(chart, sends, receives, internal)
        structure = structure_of(chart, labels)
        ordered = order_matters(chart, structure)
        book = _BOOKS.setdefault(chart, Book())
        self._class = chart
        super().__init__(
            chart.__name__,
            lambda: ChartBody(chart, labels, structure, book.shared, ordered=ordered),
            labels,
            structure,
            book,
            _surroundings(chart),
            patient=patient,
            may_ignore=may_ignore,
            payloads=payloads or {},
        )

    def begin(self, where: str = "") -> Local:
        """The chart's initial state, or the atomic states named, in parallel regions with `/` between them.

        A region that is not named is where it is at the beginning, or where it begins. Raises `ChartError`.
        """
        if not where:
            return self.probe.initial
        place = f"{self.name}, beginning in {where!r}"
        known = {state.id: state for state in atomic_states(self._class)}
        named = [name.strip() for name in where.split("/")]
        for name in named:
            if name not in known:
                raise ChartError(self.name, place, self._no_state(name))
        for name in named:
            wrong = next((each for each in named if each != name and not are_parallel(known[name], known[each])), None)
            if wrong:
                raise ChartError(self.name, place, f"it cannot be in {name} and in {wrong} at once")
        found = [known[name] for name in named]
        for each in (*(known[name] for name in self.probe.initial.states), *entered_by_default(found)):
            if each not in found and all(are_parallel(each, other) for other in found):
                found.append(each)
        return self._put(tuple(name for name in known if known[name] in found), known, place)

    def _put(self, states: tuple[str, ...], known: dict[str, State], place: str) -> Local:
        held, body = self.probe.initial.data, self.probe.body
        assert isinstance(held, Held)
        assert isinstance(body, ChartBody)
        running = not any(known[name].final and known[name].parent is None for name in states)
        local = Local(states, held._replace(running=running, order=body.order_of(states)))
        self.probe.restore(local)
        body.settle(place)
        then, look = body.look()
        if then != local:
            self.probe.record(then, look)
            here = "/".join(then.states)
            raise ChartError(self.name, place, f"it does not stay there: by itself it goes on to {here}; name that")
        return local


def _surroundings(chart: type[StateChart[Any]]) -> Surroundings:
    """What is around a chart. Raises `ChartError` for something in its class that cannot be compared."""
    around = Surroundings(OWN | frozenset(dir(StateChart)))
    try:
        around.add_class(chart, strict=True)
    except Opaque as opaque:
        text = f"{opaque.cls.__module__}.{opaque.cls.__qualname__}: {opaque.remedy}"
        raise ChartError(chart.__name__, opaque.path, text) from None
    for listener in chart._class_listeners:  # noqa: SLF001 - the library has no public list of them
        around.add_class(listener if isinstance(listener, type) else type(listener))
        if not callable(listener):
            around.add_object(f"{chart.__name__}.listeners", listener)
    return around
