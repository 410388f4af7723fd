"""The charts and their data for `certify`: what is seen of a value, one step of a server, and values read from JSON.

Like `certify` it shares nothing with the search: it reads the charts of `machines`.
"""

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache, lru_cache
from typing import Any, Literal

from immutabledict import immutabledict

import machines
from machines.calls import CONNACK, CONNECT, SUBACK, SUBSCRIBE
from machines.clock import ClockData
from machines.events import BusEvent, ClientMetadata
from machines.participant import Decision, Snapshot, UnspecifiedReception
from machines.tracker import TrackerData

SEEN, GHOSTS = ("torrent3", "torrent6"), ("torrent1", "torrent4", "torrent7", "torrent2", "torrent8")
NAME = re.compile(r"(?<![A-Za-z0-9])torrent[1-8](?![A-Za-z0-9])")
ME, YOU = "torrentX", "torrentY"
ROLES = ("client", "clock", "view")
Local = tuple[Snapshot, ...]
"""A server's charts: its MQTT client, its clock, its view."""


class Rejected(Exception):  # noqa: N818 - the verdict
    """The certificate proves nothing: the message says what is missing or wrong."""


def rebuilt(value: Any, text: Any, keeps: Any) -> Any:
    """Plain data with other texts, and only the elements and keys that are to be kept."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Snapshot):
        data = rebuilt(value.data, text, keeps)
        clock = isinstance(data, ClockData)
        return Snapshot((("running",) if data.running else ("idle",)) if clock else value.states, data)
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{f.name: rebuilt(getattr(value, f.name), text, keeps) for f in fields(value)})
    if isinstance(value, tuple):
        return tuple(rebuilt(part, text, keeps) for part in value)
    if isinstance(value, frozenset):
        return frozenset(rebuilt(part, text, keeps) for part in value if keeps(part))
    if isinstance(value, Mapping):
        return immutabledict({text(k): rebuilt(part, text, keeps) for k, part in value.items() if keeps(k)})
    return value


@lru_cache(1 << 16)
def seen(value: Any, names: frozenset[str]) -> Any:
    """What is seen of a value by whoever looks at these servers only."""
    return rebuilt(
        value,
        lambda text: NAME.sub(lambda found: found[0] if found[0] in names else "others", text),
        lambda part: set(NAME.findall(repr(part))) <= names,
    )


@lru_cache(1 << 16)
def called(value: Any, names: tuple[tuple[str, str], ...]) -> Any:
    """The same under other names."""
    new = dict(names)
    pattern = re.compile("|".join(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])" for name in new) or "(?!)")
    return rebuilt(value, lambda text: pattern.sub(lambda found: new[found[0]], text), lambda _: True)


def together(one: Any, other: Any) -> Any:
    """A value of which both are seen."""
    if one == other:
        return one
    if isinstance(one, Snapshot):
        data = together(one.data, other.data)
        return (
            Snapshot(("running",), data) if isinstance(data, ClockData) and data.running else Snapshot(one.states, data)
        )
    if is_dataclass(one) and not isinstance(one, type):
        return type(one)(**{f.name: together(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)})
    if isinstance(one, tuple) and len(one) == len(other):
        return tuple(together(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, frozenset):
        return one | other
    if isinstance(one, Mapping):
        return immutabledict({**one, **other, **{k: together(one[k], other[k]) for k in one.keys() & other.keys()}})
    raise Rejected(f"{one!r:.60} and {other!r:.60} do not belong to one state")


# The charts: one step of a server, until all of its charts wait.


class Servers:
    """The charts, asked once for each step."""

    def __init__(self, scenario: Mapping[str, Any]) -> None:
        storage: Literal["either", "sound"] = "either" if scenario["fails"] else "sound"
        self.charts: dict[str, tuple[Any, ...]] = {
            "tracker": (
                machines.Tracker("tracker"),
                machines.Clock(),
                machines.DistributionView(machines.View(fragment_size=1024)),
            )
        }
        for name in (*SEEN, *GHOSTS):
            own = ClientMetadata(frozenset({f"http://{name}/"}))
            view = machines.DistributionView(machines.View(hash_algorithm="SHA-256", storage=storage, own=own))
            self.charts[name] = (machines.TorrentServer(name), machines.Clock(), view)
        self.begin = {name: tuple(chart.snapshot() for chart in charts) for name, charts in self.charts.items()}
        self.known: dict[Hashable, frozenset[tuple[Local, tuple[BusEvent, ...]]]] = {}

    def chart(self, name: str, role: int, state: Snapshot) -> Any:
        """A chart in a state."""
        chart = self.charts[name][role]
        chart.restore(state)
        return chart

    def due(self, name: str, role: int, state: Snapshot) -> tuple[Any, ...]:
        """What is due in a state."""
        due: tuple[Any, ...] = self.chart(name, role, state).due()
        return due

    def is_busy(self, name: str, local: Local) -> bool:
        """Whether a server is about to publish."""
        return bool(self.due(name, 0, local[0]))

    def step(
        self, name: str, local: Local, kind: str, message: Any = None
    ) -> frozenset[tuple[Local, tuple[BusEvent, ...]]]:
        """What a step can come to: the charts after it, and what was published."""
        key = (name, local, kind, message)
        if key not in self.known:
            if kind == "expire":
                begun = [(1, output) for output in self.due(name, 1, local[1])] if not self.is_busy(name, local) else []
                ends = [end for role, output in begun for end in self._sent(name, local, role, output, (), start=False)]
            elif kind == "publish":
                ends = list(self._go(name, local, (), start=False))
            else:
                ends = list(self._go(name, self._given(name, local, 0, message), (), start=kind == "start"))
            self.known[key] = frozenset((normal(then), sent) for then, sent in ends)
        return self.known[key]

    def _given(self, name: str, local: Local, role: int, message: Any) -> Local:
        chart = self.chart(name, role, local[role])
        decided = chart.decide(type(message))
        if decided is Decision.DEFERRED:
            raise Rejected(f"{name}: {type(message).__name__} comes while it waits for itself")
        try:
            chart.receive(message)
        except UnspecifiedReception as error:
            raise Rejected(f"{name}: {error}") from None
        return (*local[:role], chart.snapshot(), *local[role + 1 :])

    def _go(
        self, name: str, local: Local, sent: tuple[BusEvent, ...], *, start: bool
    ) -> Iterator[tuple[Local, tuple[BusEvent, ...]]]:
        role, due = next(((r, d) for r in (2, 0) if (d := self.due(name, r, local[r]))), (-1, ()))
        if role < 0 or (start and not sent and role == 0 and isinstance(due[0].message, BusEvent)):
            yield local, sent
            return
        choice = due if len({type(output.message) for output in due}) > 1 else due[:1]
        for output in choice:
            yield from self._sent(name, local, role, output, sent, start=start)

    def _sent(
        self, name: str, local: Local, role: int, output: Any, sent: tuple[BusEvent, ...], *, start: bool
    ) -> Iterator[Any]:
        chart, message = self.chart(name, role, local[role]), output.message
        chart.emit(output)
        local = (*local[:role], chart.snapshot(), *local[role + 1 :])
        if isinstance(message, BusEvent):
            sent = (*sent, message)
        elif isinstance(message, CONNECT):
            local = self._given(name, local, 0, CONNACK())
        elif isinstance(message, SUBSCRIBE):
            local = self._given(name, local, 0, SUBACK(topic=message.topic))
        elif output.to in ROLES:
            local = self._given(name, local, ROLES.index(output.to), message)
        yield from self._go(name, local, sent, start=start)


def normal(local: Local) -> Local:
    """The local state (MQTT client, clock, view) with its attempts numbered anew, and without a tracker's `requests`.

    Attempts are compared with the timeouts that are set, and with nothing else: states that differ in numbers only are
    equal then.
    """
    client, clock, view = local
    data, running = client.data, dict(clock.data.running)
    if isinstance(data, TrackerData):
        attempts = dict(data.attempts)
        for name in {*attempts, *running}:
            number, timed = attempts.get(name, 0), running.get(name)
            attempts[name] = 0 if timed is None else int(number > timed)
            if timed is not None:
                running[name] = int(timed > number)
        data = replace(data, attempts=immutabledict({k: n for k, n in attempts.items() if n}), requests=immutabledict())
    else:
        ranks = {number: rank for rank, number in enumerate(sorted({data.attempt, *running.values()}))}
        data, running = replace(data, attempt=ranks[data.attempt]), {k: ranks[n] for k, n in running.items()}
    return Snapshot(client.states, data), Snapshot(clock.states, ClockData(immutabledict(running))), view


@cache
def classes() -> Mapping[str, Any]:
    """The data classes of the charts, by name."""
    parts = (machines.events, machines.calls, machines.rules, machines.clock, machines.tracker, machines.torrent_server)
    return {
        name: kind
        for part in (*parts, machines.distribution_view)
        for name, kind in vars(part).items()
        if isinstance(kind, type)
    }


def decoded(value: Any) -> Any:
    """Plain data from JSON. Raises `Rejected`."""
    if not isinstance(value, list):
        return value
    kind, held = value[0], value[1]
    if kind == "snapshot":
        return Snapshot(tuple(held), decoded(value[2]))
    if kind in {"tuple", "set"}:
        return (tuple if kind == "tuple" else frozenset)(decoded(part) for part in held)
    if kind == "mapping":
        return immutabledict({decoded(key): decoded(part) for key, part in held})
    if kind == "enum":
        return classes()[held](value[2])
    if kind not in classes():
        raise Rejected(f"there is no {kind!r} among the charts' data")
    return classes()[kind](**{key: decoded(part) for key, part in held.items()})
