"""Which lines of the charts are executed by all that they were asked.

A line that no completion reaches is reached with no number of servers: up to the first refused question a step does the
same whoever else there is, so that the question would have been met here, too.
"""

import sys
from collections.abc import Hashable, Iterable, Mapping
from types import CodeType, FrameType
from typing import Any

from spec.exploration.model.node import Server
from spec.system.process import Steps

Line = tuple[str, int]
Asked = tuple[str, Hashable, str, Hashable]
"""The name of a node, its state, the kind of question, and the message."""


def executed(nodes: Mapping[str, Server], asked: Iterable[Asked], files: frozenset[str]) -> set[Line]:
    """The lines of these files that are executed when nodes are asked all this anew; the nodes are used up by that."""
    found: set[Line] = set()
    left: dict[CodeType, set[int]] = {}  # lines that have not been met; what has none is not watched any more

    def line(frame: FrameType, _event: str, _argument: Any) -> Any:
        left[frame.f_code].discard(frame.f_lineno)
        found.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code not in left:
            lines = {line for *_, line in code.co_lines() if line is not None}
            left[code] = lines if code.co_filename in files else set()
        return line if left[code] else None

    for node in nodes.values():
        for machine in node._machines.values():  # noqa: SLF001 - nothing may be remembered
            machine._steps = Steps()  # noqa: SLF001
    before = sys.gettrace()
    sys.settrace(call)
    try:
        for name, state, kind, message in asked:
            node = nodes[name]
            if kind == "read":
                node.receive(state, message)
            elif kind == "expire":
                node.expiries(state)
            else:
                node.order(state, kind)
    finally:
        sys.settrace(before)
    return found
