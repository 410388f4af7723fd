"""The callbacks of an instance, looked up when the library asks for the first of them.

python-statemachine looks up every guard and change of a chart, by name, for each instance: some milliseconds and 1,600
objects for the charts of one server. Whoever is stepped by the table of its class (`machines.steps`) needs none of it.
"""

from collections.abc import Callable

from statemachine.callbacks import CallbacksRegistry


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
