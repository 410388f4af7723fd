"""Which lines of the charts are executed by all that they were asked.

A line that no completion reaches is reached with no number of servers: up to the first refused question a step does the
same whoever else there is, so that the question would have been met here, too.

Nodes are asked by way of machines that note which steps of the charts that took (`noting`). Many questions take the
same steps, so there are far fewer of these; afterwards steps are done once more, and watched. Of each kind of steps
(by class, atomic states and action) one is done, which executes most lines that are ever executed. For those that are
left it is looked which kinds of steps can come to them at all (`reach`), and only of these all steps are done.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from types import CodeType, FrameType
from typing import Any

from machines.participant import Participant, Snapshot
from spec.exploration.any_number.reach import Line, Reach
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.node import Node, Server, apart
from spec.system.process import ChartMachine, Sending, Steps, Taking

Passed = tuple[str, Hashable]
"""Who sends an event, and the event."""
Noted = dict[type[Participant], Steps]
"""What charts were asked, by class."""


def _itself(value: Any) -> Any:
    return value


def noting(nodes: Iterable[Node], noted: Noted, same: Callable[[Any], Any] = _itself) -> tuple[Node, ...]:
    """Nodes that say the same, and note of each step of their charts that it was asked for.

    Charts come to snapshots that are the `same` objects where they are equal: these are soon looked up.
    """
    found = tuple(apart(node) if isinstance(node, Server) else node for node in nodes)
    for node, plain in zip(found, nodes, strict=True):
        if isinstance(node, Server) and isinstance(plain, Server):
            for machine, before in zip(node.machines, plain.machines, strict=True):
                machine.watch(noted.setdefault(machine.kind, Steps()), _by_way_of(before, same))
    return found


def _by_way_of(machine: ChartMachine, same: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Has another machine do what is asked, which does each step once in a process."""

    def sent(state: Snapshot, sending: Sending) -> Snapshot | None:
        then = machine.send(state, sending)
        return None if then is None else same(then)

    def received(state: Snapshot, message: Hashable, sender: str) -> tuple[Taking, Snapshot, str]:
        taking, then, why = machine.receive(state, message, sender)
        return taking, same(then), why

    does: dict[str, Callable[..., Any]]
    does = {"_sendings": machine.sends, "_sent": sent, "_received": received}

    def found(ask: Callable[..., Any]) -> Callable[..., Any]:
        return does[ask.__name__]

    return found


def executed(
    machines: Iterable[ChartMachine],
    noted: Mapping[type[Participant], Steps],
    bus: BrokerBus,
    passed: Iterable[Passed],
    wanted: Iterable[frozenset[Line]],
    *,
    reach: Reach | None = None,
) -> set[Line]:
    """Which of the lines that are wanted are executed when charts, and the bus, are asked anew what was noted.

    Each of `wanted` has the lines in which one thing is asked: it is enough to know of one of them. The machines, one
    or more of each class, and the bus are used up by that. `reach` says which steps can come to a line.
    """
    questions = set(wanted)
    watch = _Watch(frozenset().union(*questions))
    bus.machine.watch(Steps(), watch.watched)
    for sender, about in passed:
        bus.receivers(sender, about)
    of_kind = {machine.kind: machine for machine in machines}
    for kind in noted:
        of_kind[kind].watch(Steps(), watch.watched)
    groups = {
        (kind, *which): [*asks]
        for kind, steps in noted.items()
        for which, asks in _kinds_of(of_kind[kind], steps).items()
    }
    for asks in groups.values():
        asks.pop(0)()
    reach = reach or Reach(noted)
    for (kind, where, label), asks in groups.items():
        left = [line for lines in questions if watch.found.isdisjoint(lines) for line in lines]
        if not left:
            break
        if reach.can_come(reach.names(left), kind, where, label):
            for ask in asks:
                ask()
    return watch.found


Ask = Callable[[], Any]


def _kinds_of(machine: ChartMachine, steps: Steps) -> dict[tuple[tuple[str, ...], str], list[Ask]]:
    """What to do for each step, by where the chart is and what it does: `?message`, `!message`, or say what is due."""
    found: dict[tuple[tuple[str, ...], str], list[Ask]] = defaultdict(list)
    for state in steps.sends:
        found[state.states, ""].append(partial(machine.sends, state))
    for state, sending in steps.sent:
        found[state.states, f"!{type(sending.message).__name__}"].append(partial(machine.send, state, sending))
    for state, message, sender in steps.received:
        found[state.states, f"?{type(message).__name__}"].append(partial(machine.receive, state, message, sender))
    return found


class _Watch:
    """Watches which lines are executed; a line that was met is not looked for any more."""

    def __init__(self, wanted: frozenset[Line]) -> None:
        self.found: set[Line] = set()
        self._wanted = wanted
        self._left: dict[CodeType, set[Line]] = {}  # lines that have not been met; what has none is not watched

    def _line(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        here = (frame.f_code.co_filename, frame.f_lineno)
        if here in self._left[frame.f_code]:
            self._left[frame.f_code].discard(here)
            self.found.add(here)
        return self._line

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code not in self._left:
            lines = {(code.co_filename, line) for *_, line in code.co_lines() if line is not None}
            self._left[code] = lines & self._wanted
        return self._line if self._left[code] else None

    def watched(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        """The same question, watched."""

        def answer(*asked: Any) -> Any:
            before = sys.gettrace()
            sys.settrace(self._call)
            try:
                return ask(*asked)
            finally:
                sys.settrace(before)

        return answer
