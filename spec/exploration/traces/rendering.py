"""A run of the closed system as text: as a sequence diagram that people read, and as steps that can be replayed.

A step has one textual form, such as `read torrent1 ClientJoinAccepted (torrent1)` or `lose 2 tracker
ClientJoinRequested (torrent1)`. A trace is a diagram in the notation of the specification; the scenario, the property
and the steps stand in it as comments, so that the file can be read back and played again (`replay`). Handshakes with
the broker are drawn as a reference to the startup procedures.
"""

import json
import re
import textwrap
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from machines.calls import ROLES
from machines.calls import Message as CallMessage
from machines.events import BusEvent
from machines.lifelines import BROKER, TORRENT_SERVER, TRACKER_SERVER
from machines.lifelines import Group as ServerGroup
from spec.exploration.model.beginnings import thawed
from spec.exploration.model.bus import Wires
from spec.exploration.model.chart_node import Broken, Chart
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.interruptions import KINDS as INTERRUPTS
from spec.exploration.model.node import Arrow
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.second_tracker import SECOND, STEPPED_DOWN
from spec.exploration.model.steps import Label, Row
from spec.exploration.model.wills import BY_BROKER
from spec.notation.text import escape
from spec.rendering.labels import label_about
from spec.rendering.sequence import Comment, Divider, End, Group, Lifeline, Mark, Note, Reference, rows_of, to_notation
from spec.rendering.sequence import Row as Row_
from spec.rendering.servers import event_bus, server
from spec.system.process import Addressed, Payload, name_of

UNHEARD = "no message that nobody takes"
"""The property whose traces end with what is sent to nobody."""
WIDTH = 48
"""Of a note, in characters."""


@dataclass(frozen=True)
class Trace:
    """What is to be told: a run in a scenario, and the claim that it breaks."""

    scenario: object
    """The `Scenario`; only a run of one can be read back from a file."""
    property_: str
    steps: tuple[str, ...]
    repeats: int = 0
    """How many of the steps, the last ones, can happen again and again."""


# Steps as text.


def step_text(system: ClosedSystem, label: Label) -> str:
    """One step in words."""
    if label.kind == "restart":
        return "restart broker"
    node = system.nodes[label.component]
    found = f"{'send' if isinstance(node, Chart) and label.kind == 'expire' else label.kind} {node.name}"
    if label.message is not None:
        client = getattr(label.message, "client", "")
        found += f" {_named(label.message)}" + (f" ({client})" if client else "")
    if label.kind == "expire" and label.outcome is not None:
        _, to, message = label.outcome.arrows[0]
        timer = getattr(message, "timer", None)
        found += f" ({timer.client})" if timer is not None else f" {_named(message)}"
        found += ", not yet heard of" if to == "clock" else ""
        found += f" to {message.to}" if isinstance(message, Addressed) and message.to else ""
    if label.arrive:
        found += f"; {label.arrive} on the way still arrive"
    if label.outcome is not None and label.outcome.fault:
        found += f"; {label.outcome.fault}"
    if label.lost is not None and label.outcome is not None:
        found += f"; lose 1 {_named(label.outcome.sent[label.lost])}"
    return found + ("; unheard" if label.unheard else "")


def _named(message: Hashable) -> str:
    return str(message) if isinstance(message, Payload | Addressed) else name_of(message)


def choices(system: ClosedSystem, row: Row) -> Iterator[tuple[str, Label, Row]]:
    """Everything that can happen next; what reads alike is numbered."""
    seen: dict[str, int] = {}
    for label, then in successors(system, row):
        text = step_text(system, label)
        seen[text] = seen.get(text, 0) + 1
        yield text + (f" #{seen[text]}" if seen[text] > 1 else ""), label, then


def steps_of(system: ClosedSystem, run: Sequence[tuple[Label, Row]]) -> tuple[str, ...]:
    """The texts of a run."""
    found = []
    row = system.initial()
    for label, then in run:
        found.append(next(text for text, other, after in choices(system, row) if after == then and other == label))
        row = then
    return tuple(found)


# As a file.


def render(system: ClosedSystem, trace: Trace, run: Sequence[tuple[Label, Row]]) -> str:
    """The trace as a diagram, with what is needed to play it again. `system` has to keep all that is drawn."""
    scenarios = [trace.scenario] if isinstance(trace.scenario, Scenario) else []
    kept: list[Row_] = [
        *(Comment(f"scenario: {json.dumps(_plain(scenario), sort_keys=True)}") for scenario in scenarios),
        Comment(f"property: {trace.property_}"),
        *(Comment(f"step {number}: {step}") for number, step in enumerate(trace.steps, start=1)),
    ]
    title, groups, rows = sketch(system, trace.property_, run, trace.repeats)
    return to_notation(title, groups, [*kept, *rows])


def sketch(
    system: ClosedSystem, property_: str, run: Sequence[tuple[Label, Row]], repeats: int = 0
) -> tuple[str, list[Group], list[Row_]]:
    """A run that breaks a property, as title, groups and rows. Its last steps may be a round of a cycle."""
    drawing = _Drawing(system)
    for left, (label, row) in zip(range(len(run), 0, -1), run, strict=True):
        if left == repeats:
            drawing.ends.append(Divider("From here on this goes round for ever"))
        drawing.add(label, row)
    if isinstance(system.bus, Wires):
        drawing.tell_where(unheard=property_ == UNHEARD)
    rows = rows_of([*drawing.ends, Divider(f"Broken: {property_}")])
    return f"{property_[:1].upper()}{property_[1:]} (broken)", drawing.groups(), rows


def _plain(scenario: Scenario) -> dict[str, Any]:
    values = {field.name: getattr(scenario, field.name) for field in fields(scenario)}
    views = thawed(scenario.views)
    for key in ("as_drawn", "wills", "crash_points", "second_trackers"):
        if not values[key]:
            del values[key]  # most traces do without
    del values["fixed"]  # it is said of any number
    return {**values, "loses": sorted(scenario.loses), "faults": dict(scenario.faults), "views": views}


# As a drawing.


class _Drawing:
    """Follows a run, and notes the ends of its arrows."""

    def __init__(self, system: ClosedSystem) -> None:
        self.system = system
        self.ends: list[End | Mark] = []
        self._used: dict[tuple[int, str], None] = {}
        self._has_broker = False
        self._row = system.initial()
        width = range(len(system.nodes))
        self._up: list[deque[int]] = [deque() for _ in width]
        self._down: list[list[tuple[int, Hashable]]] = [[] for _ in width]

    def add(self, label: Label, row: Row) -> None:
        """One step, and the row after it."""
        self._step(label)
        if not self._is_online(label.component, row):
            self._cut(label.component, up=False)
        self._row = row

    def _step(self, label: Label) -> None:
        component, kind = label.component, label.kind
        if kind == "restart":
            for place in range(len(self.system.nodes)):
                self._cut(place)
            self.ends.append(Note((BROKER,), "The broker restarts:\\nall connections are lost."))
            self._has_broker = True
            return
        if kind == "lose 2":
            self._lose(self._take(component, label.message))
            return
        if kind in {"forward", "lose 1"}:
            place = self._up[component].popleft()
            self._arrive(component, place, label, lost=kind == "lose 1")
            return
        if kind in {"crash", "wipe", "disconnect", "stabilisation"}:
            self._cut(component, arrive=label.arrive)
            told = {"disconnect": "Its connection is lost.", "wipe": "It crashes, and loses its view."}
            if kind == "stabilisation":
                self.ends.append(Divider("From here on nothing goes wrong"))
            self._note(component, told.get(kind, "It crashes." if kind == "crash" else "It is replaced."))
        if label.outcome is not None:
            if label.outcome.fault == SECOND:
                self._note(component, "A second tracker comes up.")
            self._act(label, label.outcome.arrows)
            if getattr(label.outcome.then, "life", "") == STEPPED_DOWN and kind == "read":
                self._note(component, "It steps down.")
        if kind in INTERRUPTS and label.outcome is not None:
            self._cut(component, arrive=label.arrive + len(label.outcome.sent))
            self._note(component, "It crashes, in the middle of that.")

    def _act(self, label: Label, arrows: Sequence[Arrow]) -> None:
        component = label.component
        sent = 0
        folded = False
        is_broken = label.outcome is not None and isinstance(label.outcome.then, Broken)
        for arrow in arrows:
            is_chart = isinstance(self.system.nodes[component], Chart)
            is_event = isinstance(arrow.message, BusEvent) or is_chart
            if is_chart and arrow.sender == arrow.receiver:
                if not is_broken:
                    self._note(component, f"does {escape(_words(arrow.message))}, which nobody sees")
                continue
            if arrow.sender == BY_BROKER:
                self._say(component, arrow.message)
                sent += 1
                continue
            if "broker" in arrow[:2] and not is_event:
                if not folded:
                    folded = True
                    self._hands(component, name_of(arrow.message))
                continue
            if arrow.sender == "broker" or (is_event and not arrow.sender):
                self._come(component, arrow.message, again=label.kind == "duplicate")
            elif is_event:
                self._publish(component, arrow.message, lost=label.lost == sent)
                sent += 1
            elif arrow.sender or name_of(arrow.message) != "ConnectionLost":
                self._inside(component, arrow)
        if label.outcome is not None and isinstance(label.outcome.then, Broken):
            self._broken(component, label.outcome.then)

    def _broken(self, component: int, broken: Broken) -> None:
        """Why a chart cannot go on."""
        lines = textwrap.wrap(broken.raised or broken.broken, WIDTH)
        self._note(component, r"\n".join(escape(line) for line in lines))

    def _hands(self, component: int, packet: str) -> None:
        if packet == "CONNECT":
            self._has_broker = True
            self.ends.append(
                Reference((self._name(component), BROKER), f"{_group(self.system, component).title} Startup")
            )
        else:
            self._both(self._name(component), self._broker(), packet)

    def _inside(self, component: int, arrow: Arrow) -> None:
        sender = self._name(component, arrow.sender) if arrow.sender else ""
        self._both(sender, self._name(component, arrow.receiver), _words(arrow.message))

    def _both(self, sender: str, receiver: str, label: str) -> None:
        if sender:
            self.ends.append(End("!", sender, receiver, label, arrow=len(self.ends)))
        self.ends.append(End("?", receiver, sender, label, arrow=len(self.ends) - 1 if sender else None))

    # Over the bus.

    def _direct(self, component: int, message: Hashable, *, lost: bool) -> None:
        """Without a broker: an arrow to each chart that it goes to, or out of the diagram."""
        sender, number = self._name(component), self.system.numbers.message(message)
        receivers = self.system.delivery.reached(component, number)
        for receiver in receivers:
            at = len(self.ends)
            self.ends.append(End("!", sender, self._name(receiver), _words(message), lost=lost, arrow=at))
            if not lost and self._is_online(receiver):
                self._down[receiver].append((at, message))
        if not receivers:
            self.ends.append(End("!", sender, "", _words(message)))

    def _publish(self, component: int, message: Hashable, *, lost: bool) -> None:
        if isinstance(self.system.bus, Wires) and not self.system.keeps_hops:
            self._direct(component, message, lost=lost)
            return
        place = len(self.ends)
        self.ends.append(End("!", self._name(component), self._broker(), _words(message), arrow=place))
        if self.system.keeps_hops and not lost:
            self._up[component].append(place)
        else:
            self._arrive(component, place, Label("forward", component, message, None), lost=lost)

    def _say(self, component: int, will: Hashable) -> None:
        """The broker says a will, which was on no way to it."""
        self.ends.append(Note((self._broker(),), f"The will of {self._name(component)}:"))
        self._pass_on(component, will, _words(will))

    def _arrive(self, component: int, place: int, label: Label, *, lost: bool) -> None:
        if lost:
            self._lose(place)
            return
        end = self.ends[place]
        assert isinstance(end, End)
        self.ends.append(End("?", end.peer, end.lifeline, end.label, arrow=place))
        self._pass_on(component, label.message, end.label)

    def _pass_on(self, component: int, event: Hashable, words: str) -> None:
        message = self.system.numbers.message(event)
        for receiver, pushed in self.system.delivery.recipients(component, (message,)):
            if self._is_online(receiver):
                at = len(self.ends)
                self.ends.append(End("!", self._broker(), self._name(receiver), words, arrow=at))
                self._down[receiver].append((at, self.system.numbers.messages[pushed]))

    def _come(self, component: int, message: Hashable, *, again: bool) -> None:
        place = self._take(component, message, keep=again)
        end = self.ends[place] if place >= 0 else None
        label = _words(message)
        arrow, sender = (end.arrow, end.lifeline) if isinstance(end, End) else (None, self._broker())
        self.ends.append(End("?", self._name(component), sender, label, arrow=arrow))

    def _take(self, component: int, message: Hashable, *, keep: bool = False) -> int:
        """The place of what was under way, which is no longer."""
        for number, (place, other) in enumerate(self._down[component]):
            if _unmarked(other) == _unmarked(message):
                if keep:
                    self._down[component][number] = (-1, other)
                else:
                    del self._down[component][number]
                return place
        return -1

    def _lose(self, place: int) -> None:
        if place >= 0:
            end = self.ends[place]
            assert isinstance(end, End)
            self.ends[place] = replace(end, lost=True)

    def _cut(self, component: int, *, up: bool = True, arrive: int = 0) -> None:
        """The connection is gone, and what was under way on it, but for what still reaches the broker."""
        for place, _ in self._down[component]:
            self._lose(place)
        self._down[component].clear()
        while up and len(self._up[component]) > arrive:
            self._lose(self._up[component].pop())

    def _is_online(self, component: int, row: Row | None = None) -> bool:
        slot = (row or self._row)[component]
        return self.system.numbers.is_online(component, slot)

    # Names.

    def _name(self, component: int, role: str = "client") -> str:
        self._used[component, role] = None
        return _alias(self.system, component, role)

    def _broker(self) -> str:
        self._has_broker = True
        return BROKER

    def _note(self, component: int, text: str) -> None:
        self.ends.append(Note((self._name(component),), text))

    def tell_where(self, *, unheard: bool) -> None:
        """Notes that say in which states charts that are not ours are in the end, and what they send to nobody."""
        for component, node in enumerate(self.system.nodes):
            state = self.system.numbers.state(component, self._row[component])
            if isinstance(node, Chart) and not isinstance(state, Broken):
                where = " and ".join(name.replace("_", " ") for name in node.machine.where(state))
                sent = dict.fromkeys(message for outcome in node.expiries(state) for message in outcome.sent)
                lost = [
                    _words(m)
                    for m in sent
                    if not self.system.delivery.reached(component, self.system.numbers.message(m))
                ]
                self._note(component, escape(f"is in {where}"))
                if unheard and lost:
                    self._note(component, escape(f"can send {', '.join(lost)}, which nobody takes"))

    def groups(self) -> list[Group]:
        """The lifelines that were used, server by server, with the broker after the trackers'."""
        system = self.system
        trackers = {place: system.nodes[place] for place in system.trackers}
        found, more = [], 0
        for component, node in {**trackers, **dict(enumerate(system.nodes))}.items():
            drawn: dict[str, str] = {
                role: lifeline_at(system, component, role) for role in ROLES if (component, role) in self._used
            }
            if isinstance(node, Chart):
                found.append(Group("", (Lifeline(_alias(system, component, "client"), node.name),)))
            elif drawn:
                title = f"{_group(system, component).title} {_number(system, component)}".rstrip()
                found.append(server(title, drawn))
                more += component in system.trackers[1:]
        if self._has_broker:
            found.insert(1 + more, event_bus())
        return found


def _alias(system: ClosedSystem, component: int, role: str) -> str:
    node = system.nodes[component]
    return re.sub(r"\W", "_", node.name) if isinstance(node, Chart) else lifeline_at(system, component, role)


def _group(system: ClosedSystem, component: int) -> ServerGroup:
    return TRACKER_SERVER if component in system.trackers else TORRENT_SERVER


def _number(system: ClosedSystem, component: int) -> str:
    """What tells a server from others of its kind; nothing for the first tracker."""
    if component in system.trackers:
        place = system.trackers.index(component)
        return str(place + 1) if place else ""
    return str(component)


def lifeline_at(system: ClosedSystem, component: int, role: str) -> str:
    """The lifeline of a role of the server that is this component: `TrackerView`, `TorrentClock2`, `Tracker2`."""
    return _group(system, component).lifelines[role] + _number(system, component)


def _words(message: Hashable) -> str:
    if not isinstance(message, CallMessage):
        return escape(str(message))
    return label_about(message)


def _unmarked(message: Hashable) -> Hashable:
    return replace(message, event_id="") if isinstance(message, BusEvent) and message.event_id else message
