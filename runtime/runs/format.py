"""The one format of runs: a JSON object for each observation, one a line.

    {"kind": "run", "version": 1, "sight": ["connections", "deliveries"], "from_the_start": true}
    {"kind": "connected", "at": 0.01, "client": "tracker"}
    {"kind": "published", "at": 0.05, "client": "tracker", "topic": "tracker/hello", "payload": {"EventId": "3f2..."}}

The first line says what the observer could see; without it a file is what somebody saw who only subscribed. The same
objects stand in a sequence diagram as comments, `// seen {...}`: a recording is a diagram that can be judged.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from machines.events import SIDES, BusEvent
from machines.tracker import TRACKER_ID
from runtime.wire.events import Malformed, decode, encode
from spec.monitor import (
    COMPLETE,
    SUBSCRIBER,
    Assumptions,
    Connected,
    Delivered,
    Disconnected,
    Gap,
    Monitor,
    Observed,
    Passed,
    Published,
    Sent,
    Sight,
    Subscribed,
    Unreadable,
)

VERSION = 1
MARK = "// seen "
"""What such a line begins with in a sequence diagram."""
Kind = type[Published] | type[Sent] | type[Delivered]
EVENTS: Mapping[str, Kind] = {"published": Published, "sent": Sent, "delivered": Delivered}

UNTIMED = Assumptions(lag=1e9, under_way=0.0)
"""Where no times are known: nobody is late, and nothing was under way before the first line."""


class RunError(ValueError):
    """A file that holds no run: the message names the place and the remedy."""


@dataclass(frozen=True)
class Run:
    """What was seen, and by whom: `sight` and the others are what `Monitor` takes."""

    seen: tuple[Observed, ...] = ()
    sight: Sight = COMPLETE
    from_the_start: bool = True
    tracker: str = TRACKER_ID
    in_order: bool = True
    roles: Mapping[str, str] = field(default_factory=dict)
    reconsiders: bool = False
    is_timed: bool = True
    """Whether the times are known; otherwise they only number what was seen."""
    misses: bool = False
    """Whether something may not have been seen, or not in its place."""
    doubt: str = ""
    """Why, as a sentence; empty: QoS 2 was recorded beside others."""

    def monitor(self, **options: Any) -> Monitor:
        """A monitor for it, with other options of `Monitor` laid over its own."""
        assumed = Assumptions() if self.is_timed else UNTIMED
        own: dict[str, Any] = {
            "sight": self.sight,
            "from_the_start": self.from_the_start,
            "tracker": self.tracker,
            "in_order": self.in_order,
            "roles": self.roles,
            "reconsiders": self.reconsiders,
            "assumed": assumed,
            "misses": self.misses,
            "judges_broker": self.in_order and self.sight.subscriptions,
        }
        return Monitor(**{**own, **options})

    def lines(self) -> Iterator[str]:
        """Its lines."""
        sight = sorted(name for name, sees in self.sight._asdict().items() if sees)
        header = {"kind": "run", "version": VERSION, "sight": sight, "from_the_start": self.from_the_start}
        yield json.dumps({**header, "tracker": self.tracker, "in_order": self.in_order, "roles": dict(self.roles)})
        for one in self.seen:
            yield json.dumps(as_json(one))


SUBSCRIBED = Run(sight=SUBSCRIBER, from_the_start=False, reconsiders=True)
"""What a file is that does not say what its observer could see."""


def as_json(seen: Observed) -> dict[str, Any]:
    """An observation as a JSON object; `at` in seconds."""
    row: dict[str, Any] = {"kind": type(seen).__name__.lower(), "at": round(seen.at, 6)}
    match seen:
        case Published() | Sent() | Delivered():
            return {**row, "client": seen.client, "topic": seen.event.topic, "payload": _payload(seen.event)}
        case Connected():
            return {**row, "client": seen.client}
        case Disconnected():
            return {**row, "client": seen.client, "clean": seen.clean}
        case Subscribed():
            return {**row, "client": seen.client, "topic": seen.topic, "accepted": seen.accepted}
        case Unreadable():
            return {**row, "client": seen.client, "topic": seen.topic, "why": seen.why}
        case Gap():
            return {**row, "why": seen.why}
        case Passed():
            return row
    raise TypeError(f"{type(seen).__name__} cannot be written as a line of a run")


def _payload(event: BusEvent) -> Any:
    return json.loads(encode(event))


def header(row: Mapping[str, Any], where: str) -> Run:
    """The run, still empty, that a first line announces. Raises `RunError`."""
    if row.get("version") != VERSION:
        raise RunError(f"{where}: version {row.get('version')!r} of the format of runs; this reads version {VERSION}")
    sight = row.get("sight")
    if not isinstance(sight, list) or not set(sight) <= set(Sight._fields):
        raise RunError(f"{where}: sight is {sight!r}; it is a list of some of {', '.join(Sight._fields)}")
    roles = row.get("roles", {})
    if not isinstance(roles, dict) or not set(roles.values()) <= {*SIDES}:
        raise RunError(f'{where}: roles is {roles!r}; it gives "tracker" or "torrent" for clients')
    return Run(
        sight=Sight(**{name: name in sight for name in Sight._fields}),
        from_the_start=bool(row.get("from_the_start", False)),
        tracker=str(row.get("tracker", TRACKER_ID)),
        in_order=bool(row.get("in_order", True)),
        roles=roles,
    )


def from_json(row: Mapping[str, Any], at: float, where: str) -> Observed:
    """The observation of a line; `at` is the time where it gives none. Raises `RunError`."""
    kind = row.get("kind", "published")
    given = row.get("at", at)
    if not isinstance(given, int | float) or isinstance(given, bool) or not math.isfinite(given):
        raise RunError(f"{where}: at is {given!r}; it is a number of seconds")
    at, client = float(given), _text(row, "client", where)
    if kind in EVENTS:
        topic = _text(row, "topic", where)
        if not topic:
            raise RunError(f"{where}: no topic; an event is given by topic and payload")
        return read_event(EVENTS[str(kind)], at, client, topic, _bytes(row.get("payload")))
    match kind:
        case "connected":
            return Connected(at, client)
        case "disconnected":
            return Disconnected(at, client, clean=row.get("clean") is True)
        case "subscribed":
            return Subscribed(at, client, _text(row, "topic", where), accepted=row.get("accepted") is not False)
        case "unreadable":
            return Unreadable(at, client, _text(row, "topic", where), _text(row, "why", where))
        case "gap":
            return Gap(at, _text(row, "why", where))
        case "passed":
            return Passed(at)
    known = ", ".join((*EVENTS, "connected", "disconnected", "subscribed", "unreadable", "gap", "passed"))
    raise RunError(f"{where}: kind is {kind!r}; it is one of {known}")


def read_event(kind: Kind, at: float, client: str, topic: str, payload: bytes) -> Observed:
    """An event that was seen, or what cannot be read as one."""
    try:
        return kind(at, client, decode(topic, payload))
    except Malformed as refused:
        return Unreadable(at, client, topic, str(refused))


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key) or ""
    if not isinstance(value, str):
        raise RunError(f"{where}: {key} is {value!r}; it is a text")
    return value


def _bytes(payload: Any) -> bytes:
    """A payload that stands there as text, or as the JSON that it is."""
    return payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()


def commented(run: Run) -> Iterable[str]:
    """The lines of a run as comments of a sequence diagram."""
    return (f"{MARK}{line}" for line in run.lines())
