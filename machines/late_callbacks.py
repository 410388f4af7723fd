"""The callbacks of an instance, looked up when the library asks for the first of them.

python-statemachine looks up every guard and change of a chart, by name, for each instance: some milliseconds and 1,600
objects for the charts of one server. Whoever is stepped by the table of its class (`machines.steps`) needs none of it.
"""

import weakref
from collections.abc import Callable
from typing import Any

from statemachine import StateChart
from statemachine.callbacks import CallbacksRegistry

from machines.steps import compiled


class LateCallbacks(CallbacksRegistry):
    """What the library asks; none of the callbacks is a coroutine, or the chart would have no table."""

    def __init__(self, look_up: Callable[[], None]) -> None:
        """`look_up` puts the callbacks here; it is called once, or never."""
        self.has_async_callbacks = False
        self._look_up = look_up

    def __getattr__(self, name: str) -> object:
        """Called for what is not there: at first, the library's dictionary of callbacks."""
        if name != "_registry":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        super().__init__()
        self._look_up()
        return self._registry


class LateChart(StateChart[Any]):
    """A chart that begins without the library's help, and leaves callbacks to later, where there is a table."""

    def __init__(self) -> None:
        steps = compiled(type(self))
        super().__init__(None if steps is None else steps.begun())

    def _register_callbacks(self, listeners: list[object]) -> None:
        """What the library does for each instance, to be done when it asks for the first callback."""
        if listeners or compiled(type(self)) is None:
            super()._register_callbacks(listeners)
            return
        itself = weakref.ref(self)

        def look_up() -> None:
            chart = itself()
            if chart is not None:
                super(LateChart, chart)._register_callbacks([])

        self._callbacks = LateCallbacks(look_up)
