"""Which lines of the charts are executed by all that they were asked.

A line that no completion reaches is reached with no number of servers: up to the first refused question a step does the
same whoever else there is, so that the question would have been met here, too.
"""

import sys
from collections.abc import Callable, Hashable, Iterable, Mapping
from types import CodeType, FrameType
from typing import Any

from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.node import Server
from spec.system.process import Steps

Line = tuple[str, int]
Asked = tuple[str, Hashable, str, Hashable]
"""The name of a node, its state, the kind of question, and the message."""
Passed = tuple[str, Hashable]
"""Who sends an event, and the event."""


def executed(
    nodes: Mapping[str, Server],
    asked: Iterable[Asked],
    bus: BrokerBus,
    passed: Iterable[Passed],
    wanted: frozenset[Line],
) -> set[Line]:
    """Which of the lines that are wanted are executed when nodes and the bus are asked all this anew.

    Both are used up by that.
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

    steps: dict[str, Steps] = {}
    for machine in (*(each for node in nodes.values() for each in node.machines), bus.machine):
        machine.watch(steps.setdefault(machine.name, Steps()), watched)
    for name, state, kind, message in asked:
        node = nodes[name]
        if kind == "read":
            node.receive(state, message)
        elif kind == "expire":
            node.expiries(state)
        else:
            node.order(state, kind)
    for sender, about in passed:
        bus.receivers(sender, about)
    return found
