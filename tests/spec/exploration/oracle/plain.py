"""Configurations as plain values: of servers what makes a difference to what can still happen, whoever lists them.

Both explorers' states are written in these, so what one of them forgets is left out of both: the numbers of attempts,
of which it matters only whether the timeout that is set is that of the latest attempt; the identifiers of events,
of which it matters only whether the receiver has followed an event that is delivered once more; whom a view still holds
where it will be told anew before anybody looks.
"""

from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from machines import BusEvent

TOLD_ANEW = {"offline", "withdrawing", "requesting", "awaiting_timeout", "awaiting_retry", "awaiting_hello"}
"""Where a view is told anew whom it holds, and who is gone, before anybody looks."""
TOLD_CLIENTS = {*TOLD_ANEW, "awaiting_answer"}
Plain = Hashable


@lru_cache(1 << 17)
def plain(value: Any) -> Plain:
    """Any data as nested tuples, frozensets and strings."""
    if isinstance(value, Enum | bool | int | float | str | type) or value is None:
        return value
    if is_dataclass(value):
        left_out = {"event_id"} if isinstance(value, BusEvent) else set()
        named = ((each.name, plain(getattr(value, each.name))) for each in fields(value) if each.name not in left_out)
        return (type(value).__name__, *named)
    if isinstance(value, Mapping):
        return ("mapping", frozenset((plain(key), plain(part)) for key, part in value.items()))
    if isinstance(value, frozenset):
        return ("set", frozenset(map(plain, value)))
    assert isinstance(value, tuple), value
    return tuple(map(plain, value))


@lru_cache(1 << 17)
def of_server(
    client: Any,
    clock: Any,
    view: Any,
    late: tuple[Any, ...],
    *,
    broken: bool,
    will: Any,
    overdue: tuple[Any, ...],
    life: tuple[bool, bool],
) -> Plain:
    """A server from the snapshots of its charts, and from what the broker has to say in its name. `life`: whether it
    has begun, and whether it is over.
    """
    data, running = client.data, getattr(clock.data, "running", {})
    one = getattr(data, "attempt", None)
    attempts = {name: one if one is not None else data.attempts.get(name, 0) for name in running}
    timers = frozenset((name, number == attempts[name], number > attempts[name]) for name, number in running.items())
    heard = [(one.timer.client, one.timer.attempt) for one in late]
    latest = tuple((name, number == (one if one is not None else data.attempts.get(name, 0))) for name, number in heard)
    own = {each.name: plain(getattr(data, each.name)) for each in fields(data)}
    for name in ("attempt", "attempts", "hello", "requests"):
        own.pop(name, None)
    (at,) = client.states[:1]
    known = {each.name: plain(getattr(view.data.view, each.name)) for each in fields(view.data.view)}
    if at in TOLD_CLIENTS:
        known.pop("clients")
        known.pop("admissions")
    if at in TOLD_ANEW:
        known.pop("gone")
        known.pop("gone_before")
    wills = plain(will), plain(overdue)
    return (
        client.states,
        frozenset(own.items()),
        timers,
        view.states,
        frozenset(known.items()),
        broken,
        latest,
        wills,
        life,
    )


def is_followed(data: Any, message: Any) -> bool:
    """Whether a server takes an event for one that it has followed before."""
    requests = getattr(data, "requests", {})
    last = getattr(data, "hello", "") or requests.get(getattr(message, "client", ""), "")
    return bool(message.event_id) and last == message.event_id


def renamed(value: Any, names: Mapping[str, str]) -> Plain:
    """A plain value under other names, wherever one stands between characters that are no letters or digits."""
    if isinstance(value, str):
        return "".join(names.get(word, word) for word in _words(value))
    if isinstance(value, frozenset):
        return frozenset(renamed(part, names) for part in value)
    if isinstance(value, tuple):
        parts: list[Any] = [renamed(part, names) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value  # type: ignore[no-any-return]


@lru_cache(1 << 12)
def _words(text: str) -> list[str]:
    found, word = [], ""
    for character in text:
        if character.isascii() and character.isalnum():
            word += character
            continue
        found += [word, character]
        word = ""
    return [*found, word]
