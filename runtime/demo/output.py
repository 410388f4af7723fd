"""What the demo shows: each arrow as it happens, and a summary; for people in colour, for pipes plain, or as JSON."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from machines.broker import Broker
from machines.calls import (
    CONNACK,
    ROLES,
    SUBACK,
    SUBSCRIBE,
    Call,
    ConnectionLost,
    JoinConflicts,
    TimeoutExceeded,
    ViewChangeFailed,
)
from machines.events import ANSWERS, TRACKER, BusEvent, ClientEvent, ClientJoinDenied, ClientRegistered
from machines.lifelines import BROKER, TRACKER_SERVER
from machines.participant import atomic_states, words
from machines.tracker import TRACKER_ID
from runtime.demo.runner import Outcome
from runtime.demo.settings import CLIENT, kind_of
from runtime.mqtt.faults import FROM_BROKER, TO_BROKER
from runtime.recorder import NEVER_CAME, Arrow, RunRecorder
from runtime.runs.format import Run, commented
from spec.rendering.labels import label, subscriptions
from spec.rendering.sequence import Comment, Divider, Group, Message, Row, to_mermaid, to_notation
from spec.rendering.servers import event_bus, server
from spec.rendering.svg import to_svg

IN_OTHER_FORM = {".mmd": to_mermaid, ".mermaid": to_mermaid, ".svg": to_svg}
"""Recordings that are not in the notation, by suffix."""
AT_REST = {state.id for state in atomic_states(Broker) if state.initial}
"""Where the broker's regions are while nothing is owed."""

WIDE = 120
"""Columns from which on the configurations stand beside an arrow instead of below it."""


class People:
    """Shows the run to a person."""

    def __init__(
        self, console: Console, *, verbose: bool = True, progress: Callable[[str], None] | None = None
    ) -> None:
        """`console` decides on colour and width.

        Unless `verbose`, calls inside a server and packets that are no events are left out, but for timeouts that are
        exceeded, what is lost, and connections that break. With `progress` no arrow is shown: that is told how many
        joins are done.
        """
        self._console = console
        self._verbose = verbose
        self._progress = progress
        self._arrows = self._joins = 0
        self._subscriptions: Counter[str] = Counter()

    def act(self, title: str) -> None:
        """A heading."""
        self._console.print()
        self._console.print(Text(f"== {title} ==", style="bold"), soft_wrap=True)

    def arrow(self, arrow: Arrow) -> None:
        """A line for the arrow, and where it left its ends; subscriptions are counted and told together."""
        if self._progress is not None:
            self._arrows += 1
            self._joins += isinstance(arrow.message, ClientRegistered) and arrow.receiver == BROKER and not arrow.lost
            self._progress(f"{self._joins:,} joins done, {self._arrows:,} arrows, {arrow.at:.1f} s")
            return
        if not self._verbose and not _matters(arrow):
            return
        if isinstance(arrow.message, SUBSCRIBE) or (isinstance(arrow.message, SUBACK) and arrow.message.accepted):
            client = arrow.sender if isinstance(arrow.message, SUBSCRIBE) else arrow.receiver
            self._subscriptions[client] += isinstance(arrow.message, SUBSCRIBE)
            return
        for client in (arrow.sender, arrow.receiver):
            if topics := self._subscriptions.pop(client, 0):
                self._line(arrow.at, client, "->", BROKER, subscriptions(topics), "", "")
        beside = arrow.note in {"ignored", NEVER_CAME}
        style = "dim" if beside else "bold red" if arrow.lost else _style(arrow)
        head = "-x" if arrow.lost else "->"
        self._line(arrow.at, arrow.sender or "(outside)", head, arrow.receiver, _what(arrow), _states(arrow), style)

    def _line(self, at: float, sender: str, head: str, receiver: str, what: str, states: str, style: str) -> None:
        line = Text(f"{at:7.3f}  {sender:>12} ")
        line.append(head, style="bold red" if head == "-x" else "")
        line.append(f" {receiver:<12} ")
        line.append(what, style=style)
        wide = self._console.width >= WIDE or not self._console.is_terminal
        if states and wide:
            line.append(" " * max(1, 72 - len(line.plain)))
            line.append(f"| {states}", style="cyan")
        self._console.print(line, soft_wrap=True)
        if states and not wide:
            self._console.print(Text(f"{'':>23}{states}", style="cyan"), soft_wrap=True)

    def summary(self, outcome: Outcome) -> None:
        """How it ended."""
        self._console.print()
        self._console.print(Text("== In the end (before the goodbyes) ==", style="bold"))
        if self._progress is None:
            for lifeline, where in outcome.ends.items():
                self._console.print(Text(f"{lifeline:>21}  {_where(where)}"))
        else:
            for told, number in Counter(_where(where) for where in outcome.ends.values()).most_common():
                self._console.print(Text(f"{number:>21}  {told}"))
        for sentence in sentences(outcome):
            self._console.print(Text(sentence), soft_wrap=True)


class Json:
    """One JSON object a line."""

    def __init__(self, console: Console) -> None:
        """`console` is where the lines go."""
        self._console = console

    def act(self, title: str) -> None:
        """`{"act": ...}`."""
        self._write({"act": title})

    def arrow(self, arrow: Arrow) -> None:
        """`{"at": ..., "sender": ..., ...}`."""
        self._write(as_json(arrow))

    def summary(self, outcome: Outcome) -> None:
        """`{"ends": ..., ...}`."""
        run = outcome.recorder.arrows
        self._write(
            {
                "ends": {name: list(where) for name, where in outcome.ends.items()},
                "views_agree": outcome.views_agree,
                "as_expected": outcome.expected,
                "arrows": len(run),
                "lost": sum(arrow.lost for arrow in run),
                "unused_faults": [f"{fault.kind} {fault}" for fault in outcome.unused],
                "refused": outcome.refused,
                "divergences": outcome.recorder.divergences,
            }
        )

    def _write(self, row: dict[str, Any]) -> None:
        self._console.print(Text(json.dumps(row)), soft_wrap=True)


def as_json(arrow: Arrow) -> dict[str, Any]:
    """An arrow as a JSON object; times in seconds."""
    return {
        "at": round(arrow.at, 4),
        "sender": arrow.sender or None,
        "receiver": arrow.receiver or None,
        "message": arrow.name,
        "topic": getattr(arrow.message, "topic", None),
        "client": getattr(arrow.message, "client", None),
        "hop": hop(arrow),
        "lost": arrow.lost,
        "note": arrow.note or None,
        "sender_state": list(arrow.sender_state),
        "receiver_state": list(arrow.receiver_state),
    }


def hop(arrow: Arrow) -> str | None:
    """The hop that an arrow is on, or None inside a server."""
    return TO_BROKER if arrow.receiver == BROKER else FROM_BROKER if arrow.sender == BROKER else None


def sentences(outcome: Outcome) -> Iterator[str]:
    """The summary in words."""
    run = outcome.recorder.arrows
    events = [arrow for arrow in run if isinstance(arrow.message, BusEvent)]
    expiries = sum(arrow.name == "TimeoutExceeded" for arrow in run)
    never_came = sum(arrow.note == NEVER_CAME for arrow in run)
    lost = sum(arrow.lost for arrow in run) - never_came
    yield (
        f"{len(run)} arrows, {len(events)} of them bus events on a hop; {lost} lost"
        f"{f', {never_came} never came' if never_came else ''}; "
        f"{expiries} {'timeout' if expiries == 1 else 'timeouts'} exceeded."
    )
    if outcome.expected:
        yield "Everybody is registered, and all distribution views agree."
    else:
        waiting = [name for name, where in outcome.ends.items() if where == ("awaiting_hello",)]
        verb = "awaits" if len(waiting) == 1 else "await"
        yield "Not everybody is registered" + (
            f": {', '.join(waiting)} {verb} the next TrackerHello." if waiting else "."
        )
        if not outcome.views_agree:
            yield "The distribution views of those who count themselves as registered do not agree."
    for fault in outcome.unused:
        yield f"This was to happen and never did: {fault.kind} {fault}"
    if outcome.refused:
        were = "message was" if outcome.refused == 1 else "messages were"
        yield f"{outcome.refused} {were} refused; the log says why."
    for divergence in outcome.recorder.divergences:
        yield f"The broker did what its chart does not allow: {divergence}"


def _what(arrow: Arrow) -> str:
    message = arrow.message
    what = arrow.name
    if isinstance(message, ANSWERS):
        what += f" for {message.client}"
    elif isinstance(message, ClientEvent) and (arrow.sender == BROKER or message.publisher == TRACKER):
        what += f" of {message.client}"
    if isinstance(message, ClientJoinDenied | JoinConflicts):
        what += f" ({message.reason_code.name.replace('_', ' ').lower()})"
    if isinstance(message, ViewChangeFailed):
        what += f" ({message.reason})"
    if isinstance(message, CONNACK | SUBACK) and not message.accepted:
        what += " (refused)"
    if arrow.lost and not arrow.note:
        what += "  LOST"
    elif arrow.note:
        what += f"  ({arrow.note})"
    # Whoever reaches the broker can name a client so that a terminal would obey.
    return what if what.isprintable() else ascii(what)[1:-1]


def _matters(arrow: Arrow) -> bool:
    """Whether an arrow is shown to who wants no details."""
    message = arrow.message
    is_refused = isinstance(message, CONNACK | SUBACK) and not message.accepted
    shown = isinstance(message, BusEvent | TimeoutExceeded | ViewChangeFailed | ConnectionLost)
    return shown or is_refused or arrow.lost or bool(arrow.note)


def _style(arrow: Arrow) -> str:
    if arrow.name == "TimeoutExceeded" or isinstance(arrow.message, ConnectionLost):
        return "yellow"
    return "" if isinstance(arrow.message, Call) else "green"


def _states(arrow: Arrow) -> str:
    ends = []
    if arrow.sender and arrow.sender_state:
        ends.append(f"{arrow.sender}: {_where(arrow.sender_state)}")
    if arrow.receiver and arrow.receiver_state and not arrow.lost:
        ends.append(f"{arrow.receiver}: {_where(arrow.receiver_state)}")
    return ", ".join(ends)


def _where(states: tuple[str, ...]) -> str:
    """Where regions are parallel, those that are not at rest; or the last one, if all are."""
    return " / ".join(words(state) for state in [s for s in states if s not in AT_REST] or states[-1:])


def recording(title: str, recorder: RunRecorder, suffix: str = ".txt") -> str:
    """The run as a sequence diagram: in Mermaid or SVG, if the file's suffix says so, otherwise in the notation.

    In the notation what was seen stands there as comments, from which the run can be judged and replayed.
    """
    clients = {client: kind_of(client)[0].side or "" for client, _ in recorder.lifelines}
    run = Run(tuple(recorder.observed), tracker=TRACKER_ID, in_order=recorder.in_order, roles=clients)
    rows: list[Row] = []
    if suffix not in IN_OTHER_FORM:
        rows += (Comment(line.removeprefix("// ")) for line in commented(run))
    for number, arrow in enumerate(recorder.arrows):
        if number in recorder.acts:
            rows.append(Divider(recorder.acts[number]))
        rows.append(Message(arrow.sender, arrow.receiver, label(arrow.message), arrow.lost, arrow.sent, arrow.came))
    draw = IN_OTHER_FORM.get(suffix, to_notation)
    return draw(title, _groups(recorder), rows)


def _groups(recorder: RunRecorder) -> Iterator[Group]:
    servers = list(dict.fromkeys(client for client, _ in recorder.lifelines))
    for name in sorted(servers, key=lambda name: (name != TRACKER_ID, name == CLIENT)):
        kind, number = kind_of(name)
        yield server(f"{kind.title} {number}".rstrip(), {role: recorder.lifelines[name, role] for role in ROLES})
        if kind is TRACKER_SERVER:
            yield event_bus()
