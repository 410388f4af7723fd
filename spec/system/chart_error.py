"""What is said of a chart that cannot take part in a check."""

from typing import Any


class ChartError(ValueError):
    """A chart cannot be checked: one of its callbacks fails, or something in it cannot be repeated or compared.

    `chart` is its name, and `place` where in it the cause is: a state and an action, or an attribute.
    """

    def __init__(self, chart: str, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}" if place.startswith(chart) else f"{chart}: {place}: {text}")
        self.chart = chart
        self.place = place
        self.text = text

    def __reduce__(self) -> tuple[type["ChartError"], tuple[str, str, str]]:
        return type(self), (self.chart, self.place, self.text)


class CallbackError(ChartError):
    """A callback of a chart raised an error, on a message that it takes or sends, or in an internal step.

    `others` is what other events of the same name, or other internal steps, come to all the same: the event of each,
    and the state after it.
    """

    others: tuple[Any, ...] = ()
