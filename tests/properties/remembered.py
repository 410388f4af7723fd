"""A chart whose steps are remembered: what it does depends on nothing but its snapshot and the message.

One step through python-statemachine costs as much as twenty here, and a run does the same few hundred again and again.
The driver sees no difference; that there is none is tried in `test_levels.py`.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from machines.calls import Message
from machines.participant import Decision, Output, Participant, Snapshot, UnspecifiedReception

MOST = 50_000
"""States of one chart that are remembered."""


@dataclass(eq=False)
class _State:
    """A snapshot, and what is known of it."""

    snapshot: Snapshot
    due: tuple[Output, ...] | None = None
    after: dict[Hashable, tuple[Decision | str, "_State"]] = field(default_factory=dict)
    emitted: dict[int, "_State"] = field(default_factory=dict)
    """By the identity of an output in `due`, which lives as long as this."""
    decided: dict[type[Message], Decision] = field(default_factory=dict)


@dataclass
class _Known:
    """All that is known of a chart's class."""

    chart: Participant
    states: dict[Snapshot, _State] = field(default_factory=dict)

    def state(self, snapshot: Snapshot) -> _State:
        if len(self.states) > MOST:
            self.states.clear()
        return self.states.setdefault(snapshot, _State(snapshot))


_KNOWN: WeakKeyDictionary[type[Participant], _Known] = WeakKeyDictionary()


class Remembered:
    """In the place of a chart, for a driver."""

    def __init__(self, chart: Participant) -> None:
        self._known = _KNOWN.setdefault(type(chart), _Known(chart))
        self._state = self._known.state(chart.snapshot())
        self.urgent = chart.urgent

    def again(self, snapshot: Snapshot) -> "Remembered":
        """The same chart once more, in another state."""
        other = object.__new__(Remembered)
        other._known, other.urgent = self._known, self.urgent
        other._state = self._known.state(snapshot)
        return other

    @property
    def data(self) -> Any:
        return self._state.snapshot.data

    @property
    def where(self) -> tuple[str, ...]:
        return self._state.snapshot.states

    def snapshot(self) -> Snapshot:
        return self._state.snapshot

    def restore(self, snapshot: Snapshot) -> None:
        self._state = self._known.state(snapshot)

    def due(self) -> tuple[Output, ...]:
        if self._state.due is None:
            self._state.due = self._chart().due()
        return self._state.due

    def decide(self, message: type[Message]) -> Decision:
        known = self._state.decided
        if message not in known:
            known[message] = self._chart().decide(message)
        return known[message]

    def emit(self, output: Output) -> None:
        known = self._state.emitted.get(id(output))
        self._state = self._emitted(output) if known is None else known

    def _emitted(self, output: Output) -> _State:
        chart = self._chart()
        chart.emit(output)
        then = self._known.state(chart.snapshot())
        if any(output is one for one in self._state.due or ()):
            self._state.emitted[id(output)] = then
        return then

    def receive(self, message: Message, sender: str = "") -> Decision:
        key = (message, sender)
        if key not in self._state.after:
            self._state.after[key] = self._received(message, sender)
        decision, self._state = self._state.after[key]
        if isinstance(decision, str):
            raise UnspecifiedReception(decision)
        return decision

    def _received(self, message: Message, sender: str) -> tuple[Decision | str, _State]:
        chart = self._chart()
        try:
            decision = chart.receive(message, sender)
        except UnspecifiedReception as refused:
            return str(refused), self._state
        return decision, self._known.state(chart.snapshot())

    def _chart(self) -> Participant:
        """The chart, where this one is."""
        self._known.chart.restore(self._state.snapshot)
        return self._known.chart
