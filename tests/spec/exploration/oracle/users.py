"""A chart of somebody else, driven by `send` as its author would: made anew for each step, and put where it was."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from statemachine import StateChart
from statemachine.exceptions import TransitionNotAllowed
from statemachine.orderedset import OrderedSet

from tests.spec.exploration.oracle.servers import End


class Stood(NamedTuple):
    """Where a chart is, what it holds, and what went wrong with it: `refused` or `raised`."""

    at: str
    holds: tuple[Any, ...]
    wrong: str = ""


class Note(NamedTuple):
    """A message with its values; who is at the ends, where charts see that."""

    kind: str
    values: tuple[Any, ...] = ()
    sender: str = ""
    to: str = ""


@dataclass(frozen=True)
class User:
    """One flat chart; `fields` are the names of its data."""

    name: str
    chart: type[StateChart[Any]]
    fields: tuple[str, ...]
    hearers: Mapping[str, tuple[str, ...]]
    """Who hears each message, where it names nobody."""
    values: Mapping[str, tuple[tuple[Any, ...], ...]]
    addressed: bool
    broadcast: frozenset[str]

    def begin(self) -> Stood:
        return self._seen(self.chart())

    def is_online(self, state: Stood) -> bool:
        return True

    def is_busy(self, state: Stood) -> bool:
        return False

    def hears(self, message: Note) -> bool:
        return self.name == message.to if message.to else self.name in self.hearers.get(message.kind, ())

    def read(self, state: Stood, message: Note) -> tuple[End, ...]:
        if state.wrong:
            return ()
        said = {"message": message.kind, "sender": message.sender, **_valued(message.values)}
        found = self._fired(state, f"?{message.kind}", said)
        return found or (End(state._replace(wrong="refused")),)

    def alone(self, state: Stood) -> tuple[End, ...]:
        if state.wrong:
            return ()
        found: dict[End, None] = {}
        for label in dict.fromkeys(event.name for event in self.chart._events):
            kind = label[1:]
            for values in self.values.get(kind, ((),)) if label[0] == "!" else ():
                for to in self._receivers(kind):
                    note = Note(kind, values, self.name if self.addressed else "", to)
                    found |= dict.fromkeys(
                        end._replace(sent=() if end.state.wrong else (note,))
                        for end in self._fired(state, label, {"message": kind, "to": to, **_valued(values)})
                    )
            if label[0] not in "!?":
                ends = self._fired(state, label, {"message": label})
                found |= dict.fromkeys(end for end in ends if end.state != state)
        return tuple(found)

    def ordered(self, state: Stood, order: str) -> tuple[End, ...]:
        """It has no owner; after a crash it begins anew."""
        return (End(self.begin()),) if order == "crash" and not state.wrong else ()

    def heard(self, note: Note) -> tuple[str, ...]:
        """Who hears a message."""
        return (note.to,) if note.to else tuple(name for name in self.hearers.get(note.kind, ()) if name != self.name)

    def _names(self, kind: str) -> bool:
        return self.addressed and kind not in self.broadcast

    def _receivers(self, kind: str) -> tuple[str, ...]:
        others = tuple(name for name in self.hearers.get(kind, ()) if name != self.name)
        return (others or ("",)) if self._names(kind) else ("",)

    def _fired(self, state: Stood, label: str, said: dict[str, Any]) -> tuple[End, ...]:
        """What each event of a label comes to; several are a choice."""
        return tuple(
            end for event in self.chart._events if event.name == label for end in self._one(state, event, said)
        )

    def _one(self, state: Stood, event: Any, said: dict[str, Any]) -> Iterator[End]:
        if not any(str(each.id) == str(event.id) for each in self._leaving(state)):
            return
        chart = self._put(state)
        try:
            chart.send(event.id, **said)
        except TransitionNotAllowed:
            return
        except Exception:  # noqa: BLE001 - an error of the chart's author
            yield End(state._replace(wrong="raised"))
        else:
            yield End(self._seen(chart))

    def _leaving(self, state: Stood) -> list[Any]:
        (found,) = (each for each in self.chart.states if each.id == state.at)
        return list(found.transitions.unique_events)

    def _put(self, state: Stood) -> Any:
        chart = self.chart()
        (found,) = (each for each in type(chart).states if each.id == state.at)
        chart.configuration = OrderedSet([found])
        for name, value in zip(self.fields, state.holds, strict=True):
            setattr(chart, name, value)
        return chart

    def _seen(self, chart: Any) -> Stood:
        (at,) = (state.id for state in chart.configuration)
        return Stood(at, tuple(getattr(chart, name) for name in self.fields))


def _valued(values: tuple[Any, ...]) -> dict[str, Any]:
    return {"values": values, "value": values[0]} if values else {}
