"""What is asked of a chart's class is asked once, and goes with the class."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from statemachine import Event, State, StateChart, registry

from machines import Tracker
from machines.by_class import by_class
from machines.events import TrackerHello
from machines.participant import Decision, actions, all_states, atomic_states, decision, decision_table, rows_of
from machines.steps import compiled


def of_a_user() -> type[StateChart[Any]]:
    class Lamp(StateChart[Any]):
        dark = State(initial=True)
        light = State()
        on = Event(dark.to(light, on="note", cond="may"), name="?on")
        off = Event(light.to(dark), name="!off")

        def note(self) -> None: ...

        def may(self) -> bool:
            return True

    return Lamp


def of_ours() -> type[Tracker]:
    class Another(Tracker):
        """With a method of its own, which knows its class."""

        def is_pending(self, message: Any) -> bool:
            return super().is_pending(message)

    return Another


def test_a_class_is_asked_once() -> None:
    asked: list[type] = []

    @by_class
    def name(of: type) -> None:
        asked.append(of)

    for of in (int, str, int):
        assert name(of) is None
    assert asked == [int, str]


@pytest.mark.parametrize("make", [of_a_user, of_ours])
def test_nothing_that_is_kept_of_a_class_keeps_it(make: Callable[[], type[Any]]) -> None:
    chart: Any = make()
    for ask in (actions, all_states, atomic_states, rows_of, compiled):
        assert ask(chart)
    if issubclass(chart, Tracker):
        assert decision_table(chart)
        assert decision(chart, ("awaiting_requests",), TrackerHello) in Decision
        chart("tracker").snapshot()
    reference = weakref.ref(chart)
    for name in [name for name, last in registry._REGISTRY.items() if last is chart]:
        del registry._REGISTRY[name]  # the library keeps the last class of each name
    del chart
    gc.collect()
    assert reference() is None
