"""Where messages come from that no chart sends: a chart that gives each of them so often, at any time.

A diagram draws such a message as an arrow from its border (`[->P:publish`). In a system of charts it has to come from
somebody, and somebody who can give it without end leaves no search finite; so it is said how often.
"""

from collections.abc import Mapping
from typing import Any

from statemachine import Event, State, StateChart

OUTSIDE = "Outside"
"""The name of the component that gives them."""
MANY = "at least once, and at most 1,000 times"
MOST = 1000


def outside(messages: Mapping[str, int]) -> type[StateChart[Any]]:
    """A chart that can send each message as often as is said. Raises `ValueError` for what is no such number."""
    for message, times in messages.items():
        if type(times) is not int or not 1 <= times <= MOST:
            raise ValueError(f"{message!r} comes from outside {times!r} times: expected a whole number, {MANY}")
        if not message.isidentifier():
            raise ValueError(f"{message!r} comes from outside: expected the name of a message")
    here = State(initial=True)
    body: dict[str, Any] = {"__init__": _begin(messages), "outside": here, "__module__": __name__}
    for message in messages:
        body[f"has_{message}"] = _has(message)
        body[f"count_{message}"] = _count(message)
        arrow = here.to.itself(cond=f"has_{message}", on=f"count_{message}")
        body[f"send_{message}"] = Event(arrow, name=f"!{message}")
    return type(OUTSIDE, (StateChart,), body)


def _begin(messages: Mapping[str, int]) -> Any:
    def begin(self: Any) -> None:
        self.left = dict(messages)
        StateChart.__init__(self)

    return begin


def _has(message: str) -> Any:
    def has(self: Any) -> bool:
        return bool(self.left[message])

    return has


def _count(message: str) -> Any:
    def count(self: Any) -> None:
        self.left[message] -= 1

    return count
