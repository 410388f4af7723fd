"""Charts that are not ours, and how tests ask them."""

from collections.abc import Hashable
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec.system.foreign import ChartError, ForeignMachine, Local
from spec.system.process import Taking


def take(machine: ForeignMachine, state: Hashable, message: Hashable, sender: str = "B") -> Local:
    """The state after a message that is taken, in one way."""
    ((taking, then, why),) = machine.receive(state, message, sender)
    assert taking is Taking.TAKEN, why
    return then


def holds(machine: ForeignMachine, state: Hashable) -> Any:
    """The chart in a state, to look at what it holds."""
    assert isinstance(state, Local)
    machine.probe.restore(state)
    return machine.probe.body.roots[0]


def asked(chart: type[StateChart[Any]], said: dict[str, Any]) -> None:
    """Make a machine, and ask it for all that it can do, and for some rounds of `?go`."""
    machine = ForeignMachine(chart, **said)
    state = machine.begin()
    for _ in range(3):
        machine.internal(state)
        for sending in machine.sends(state):
            machine.send(state, sending)
        state = machine.receive(state, "go", "B")[0][1]


def refused(chart: type[StateChart[Any]], **said: Any) -> ChartError:
    """The error of making a chart, or of the first step of it that is one."""
    with pytest.raises(ChartError) as caught:
        asked(chart, said)
    assert caught.value.chart == chart.__name__
    assert caught.value.place
    return caught.value


def chart(**callbacks: Any) -> type[StateChart[Any]]:
    """A chart with `?go` and every place for a callback; `go` is called by all of them that are not given."""

    class Machine(StateChart[Any]):
        a = State(initial=True, exit="leave")
        b = State(enter="arrive")
        go = Event(
            a.to(b, cond="guard", validators="valid", before="before_go", on="on_go", after="after_go") | b.to(a),
            name="?go",
        )

        def __init__(self) -> None:
            self.data = callbacks["data"]() if "data" in callbacks else None
            super().__init__()

        def guard(self) -> Any:
            return True

        def valid(self) -> Any: ...
        def before_go(self) -> Any: ...
        def on_go(self) -> Any: ...
        def after_go(self) -> Any: ...
        def leave(self) -> Any: ...
        def arrive(self) -> Any: ...

    for key, value in callbacks.items():
        if key != "data":
            setattr(Machine, key, value)
    return Machine
