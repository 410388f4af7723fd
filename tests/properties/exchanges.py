"""What a server exchanges within one step, in order: its calls to its clock and its view, and what it publishes.

The properties of the explorer see what a step comes to. In which order that happens, and that nothing is done in vain,
is told here, from the diagrams and from nothing else. A pattern is a regular expression over names of messages.
"""

import re
from collections.abc import Iterator
from typing import Any

from machines.calls import SetTimeout, TimeoutExceeded
from machines.events import (
    BusEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    FileInfoPublished,
    TrackerGoodbye,
    TrackerHello,
)
from machines.tracker import TrackerData
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import ServerState
from spec.exploration.model.steps import Label

DRAWN = "each step is an exchange that is drawn"
"""What is broken where one is not."""
SERVING = frozenset({"awaiting_requests", "awaiting_confirmations"})
WAITING = frozenset({"awaiting_answer", "awaiting_registration", "awaiting_timeout"})
GAVE_UP = frozenset({"awaiting_hello", "awaiting_retry"})
LISTENING = frozenset({"awaiting_answer", "awaiting_registration", "registered"})
TOLD = frozenset({"read", "duplicate", "expire", "start", "stop", "publish"})
"""The kinds of steps of which it is told what is exchanged."""

CONNECTING = "CONNECT CONNACK (SUBSCRIBE|SUBACK)( SUBSCRIBE| SUBACK)*"
ASKING = "DescribeView ViewDescribed SetTimeout ClientJoinRequested"
ACCEPTING = "CheckJoin JoinPossible SetTimeout ClientJoinAccepted"
DENYING = "CheckJoin JoinConflicts ClientJoinDenied"

Drawn = tuple[str, str]
"""A pattern, and the state of the MQTT client after it."""


def differs(system: ClosedSystem, component: int, before: ServerState, label: Label) -> str:
    """How the exchange of a step differs from what is drawn, as a sentence; empty if it does not."""
    if label.outcome is None or before.broken or label.kind not in TOLD:
        return ""
    arrows = label.outcome.arrows
    trigger: Any = arrows[0].message if arrows else None
    after = label.outcome.then
    assert isinstance(after, ServerState)
    if after.broken:
        return ""
    done = " ".join(type(arrow.message).__name__ for arrow in arrows[label.kind != "publish" :])
    expected = [*drawn(system, component, before, label.kind, trigger)]
    if any(re.fullmatch(pattern, done) and then == after.where for pattern, then in expected):
        return _set_again(before, label)
    told = " or ".join(f"{pattern or 'nothing'}, then {then}" for pattern, then in expected)
    name, what = system.nodes[component].name, type(trigger).__name__
    return f"{name}, {before.where}, {label.kind} {what}: {done or 'nothing'}, then {after.where}; not {told}"


def _set_again(before: ServerState, label: Label) -> str:
    """Which timeout is set under the number of an earlier one; empty if none is."""
    for arrow in label.outcome.arrows if label.outcome else ():
        if isinstance(arrow.message, SetTimeout) and arrow.message.timer.attempt <= _attempt(before, arrow.message):
            return f"{before.where}, {label.kind}: {arrow.message.timer} was set before"
    return ""


def drawn(system: ClosedSystem, component: int, before: ServerState, kind: str, trigger: Any) -> Iterator[Drawn]:
    """What can be exchanged in a step, and where it leads."""
    name = system.nodes[component].name
    if kind in {"read", "duplicate", "expire"}:
        yield from (_tracker_reads if component in system.trackers else _torrent_reads)(before, name, trigger)
        if isinstance(trigger, BusEvent) and (trigger.event_id or _is_of_another_attempt(before, trigger)):
            yield "", before.where  # it was taken before, or is about another attempt
    else:
        yield from (_tracker_acts if component in system.trackers else _torrent_acts)(before, kind)


# A tracker.


def _tracker_reads(before: ServerState, name: str, message: Any) -> Iterator[Drawn]:
    pending = before.knows.admissions.keys()
    client = message.timer.client if isinstance(message, TimeoutExceeded) else getattr(message, "client", "")
    is_pending = client in pending
    stop = "StopTimeout " if is_pending else ""
    then = "awaiting_confirmations" if pending - {client} else "awaiting_requests"
    is_own = isinstance(message, TrackerHello) and message.session == _session(before)
    match message:
        case TrackerHello() if before.where == "awaiting_its_hello" and is_own:
            yield "", "awaiting_requests"
        case _ if before.where not in SERVING:
            yield "", before.where
        case TrackerHello() if _session(before) and not is_own:
            yield "DISCONNECT", "offline"
        case ClientJoinRequested():
            yield stop + ACCEPTING, "awaiting_confirmations"
            yield stop + DENYING, then
        case ClientJoinSucceeded() if is_pending:
            yield f"{stop}RegisterClient RegistrationApplied ClientRegistered", then
        case ClientJoinFailed() if is_pending:
            yield f"{stop}ForgetAdmission", then
        case ClientGoodbye():
            yield f"{stop}RemoveClient", then
        case TimeoutExceeded() if is_pending and _is_latest(before, message):
            yield "ForgetAdmission", then
        case _:
            yield "", before.where


def _tracker_acts(before: ServerState, kind: str) -> Iterator[Drawn]:
    if kind == "start":
        yield f"ForgetClients {CONNECTING}", "announcing_itself"
    elif kind == "publish":
        yield "TrackerHello", "awaiting_its_hello" if _session(before) else "awaiting_requests"
    else:
        yield "StopTimeout " * len(before.knows.admissions) + "TrackerGoodbye DISCONNECT", "offline"


def _session(tracker: ServerState) -> str:
    """The session of a hardened tracker; empty as drawn."""
    session: str = getattr(tracker.client.data, "session", "")
    return session


# A torrent server.


def _torrent_reads(before: ServerState, name: str, message: Any) -> Iterator[Drawn]:
    where, data = before.where, before.client.data
    own = isinstance(message, ClientEvent) and message.client == name
    match message:
        case TrackerHello():
            yield ASKING, "awaiting_answer"
        case ClientJoinAccepted() if own and where == "awaiting_answer":
            yield "ChangeView ViewChanged SetTimeout ClientJoinSucceeded", "awaiting_registration"
            yield "ChangeView ViewChangeFailed ClientJoinFailed", "awaiting_timeout"
        case ClientJoinDenied() if own and where == "awaiting_answer":
            yield _given_up(data, "StopTimeout")
        case ClientRegistered() if own and where == "awaiting_registration":
            yield "StopTimeout AddClient", "registered"
        case ClientRegistered() if own and where in GAVE_UP and _declines(data, message):
            yield _given_up(data, "ClientGoodbye")
        case ClientRegistered() if where in LISTENING and not own:
            yield "AddClient", where
        case ClientGoodbye() if where in LISTENING and not own:
            yield "RemoveClient", where
        case FileInfoPublished() if where in LISTENING:
            yield "AddFile", where
        case TrackerGoodbye() if where in WAITING:
            yield _given_up(data, "StopTimeout")
        case TrackerGoodbye() if where == "registered":
            yield _given_up(data)
        case TimeoutExceeded() if where in WAITING and _is_latest(before, message):
            yield _given_up(data)
        case TimeoutExceeded() if where == "awaiting_retry" and _is_latest(before, message):
            yield ASKING, "awaiting_answer"
        case _:
            yield "", where


def _given_up(data: Any, *exchanged: str) -> Drawn:
    """The procedure failed: it pauses, if it asks again by itself, or waits for the next hello."""
    if data.retried < data.retries:
        return " ".join((*exchanged, "SetTimeout")), "awaiting_retry"
    return " ".join(exchanged), "awaiting_hello"


def _declines(data: Any, message: ClientRegistered) -> bool:
    """Whether it is hardened, and hears of a registration that it has given up and not declined yet."""
    named = message.request_id or data.confirmed
    return bool(data.session) and named not in {"", data.declined}


def _torrent_acts(before: ServerState, kind: str) -> Iterator[Drawn]:
    where, data = before.where, before.client.data
    if kind == "start" and data.confirmed:
        yield CONNECTING, "withdrawing"
    elif kind == "start":
        yield f"{CONNECTING} DescribeView ViewDescribed SetTimeout", "requesting"
    elif kind == "publish":
        yield ("ClientGoodbye " + ASKING if where == "withdrawing" else "ClientJoinRequested"), "awaiting_answer"
    else:
        stop = "StopTimeout " if where in WAITING or where == "awaiting_retry" else ""
        may_be_registered = where in {"registered", "awaiting_registration"} or (where in GAVE_UP and data.confirmed)
        yield stop + ("ClientGoodbye " if may_be_registered else "") + "DISCONNECT", "offline"


# Both.


def _is_latest(before: ServerState, message: TimeoutExceeded) -> bool:
    return _attempt(before, message) == message.timer.attempt


def _attempt(before: ServerState, message: TimeoutExceeded | SetTimeout) -> int:
    """The number of the latest timeout of a client."""
    data: Any = before.client.data
    attempts = getattr(data, "attempts", None)
    return int(data.attempt if attempts is None else attempts.get(message.timer.client, 0))


def _is_of_another_attempt(before: ServerState, message: BusEvent) -> bool:
    """Whether an event names another attempt than the one that its reader is at, or a session that may be over."""
    named = getattr(message, "request_id", "")
    if getattr(message, "session", ""):
        return True
    if isinstance(before.client.data, TrackerData):
        admission = before.knows.admissions.get(getattr(message, "client", ""))
        known = admission.info.request_id if admission else ""
    else:
        known = getattr(before.client.data, "request_id", "")
    return "" not in {named, known} and named != known
