"""Which lines of the charts are executed by all that they were asked.

A line that no completion reaches is reached with no number of servers: up to the first refused question a step does the
same whoever else there is, so that the question would have been met here, too.

Nodes are asked by way of machines that note which steps of the charts that took (`noting`). Many questions take the
same steps, so there are far fewer of these; afterwards each step is done once more, and watched.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import CodeType, FrameType
from typing import Any

from machines.participant import Participant
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.node import Node, Server, apart
from spec.system.process import ChartMachine, Steps

Line = tuple[str, int]
Passed = tuple[str, Hashable]
"""Who sends an event, and the event."""
Noted = dict[type[Participant], Steps]
"""What charts were asked, by class."""


def noting(nodes: Iterable[Node], noted: Noted) -> tuple[Node, ...]:
    """Nodes that say the same, and note of each step of their charts that it was asked for."""
    found = tuple(apart(node) if isinstance(node, Server) else node for node in nodes)
    for node, plain in zip(found, nodes, strict=True):
        if isinstance(node, Server) and isinstance(plain, Server):
            for machine, before in zip(node.machines, plain.machines, strict=True):
                machine.watch(noted.setdefault(machine.kind, Steps()), _by_way_of(before))
    return found


def _by_way_of(machine: ChartMachine) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Has another machine do what is asked, which does each step once in a process."""
    does: dict[str, Callable[..., Any]]
    does = {"_sendings": machine.sends, "_sent": machine.send, "_received": machine.receive}

    def found(ask: Callable[..., Any]) -> Callable[..., Any]:
        return does[ask.__name__]

    return found


def executed(
    machines: Iterable[ChartMachine],
    noted: Mapping[type[Participant], Steps],
    bus: BrokerBus,
    passed: Iterable[Passed],
    wanted: frozenset[Line],
) -> set[Line]:
    """Which of the lines that are wanted are executed when charts, and the bus, are asked anew what was noted.

    The machines, one or more of each class, and the bus are used up by that.
    """
    found: set[Line] = set()
    left: dict[CodeType, set[Line]] = {}  # lines that have not been met; what has none is not watched any more

    def line(frame: FrameType, _event: str, _argument: Any) -> Any:
        here = (frame.f_code.co_filename, frame.f_lineno)
        if here in left[frame.f_code]:
            left[frame.f_code].discard(here)
            found.add(here)
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code not in left:
            left[code] = {(code.co_filename, line) for *_, line in code.co_lines() if line is not None} & wanted
        return line if left[code] else None

    def watched(ask: Callable[..., Any]) -> Callable[..., Any]:
        def answer(*asked: Any) -> Any:
            before = sys.gettrace()
            sys.settrace(call)
            try:
                return ask(*asked)
            finally:
                sys.settrace(before)

        return answer

    of_kind = {machine.kind: machine for machine in machines}
    for kind, steps in noted.items():
        machine = of_kind[kind]
        machine.watch(Steps(), watched)
        for state in [*steps.sends]:
            machine.sends(state)
        for sent in [*steps.sent]:
            machine.send(*sent)
        for received in [*steps.received]:
            machine.receive(*received)
    bus.machine.watch(Steps(), watched)
    for sender, about in passed:
        bus.receivers(sender, about)
    return found
