"""Check a certificate: whether a set of views is inductive for every number of torrent servers, and what it proves.

Nothing here is shared with the search: this reads the certificate, the charts and the properties, and asks the charts.
A certificate is the set of all views of two servers among any number of others, with everything delivered and names
told apart. Checked are: the initial view is in it; whatever the tracker, one of the two or a hidden server does in a
view leads to a view in it, where hidden servers are whatever the set itself knows of pairs; and no view breaks what
it claims. What is counted (`PROFILED`) is noted for all servers at once, since pairs do not tell whether anybody is.

The model: one connection to each server, first in, first out; what is published arrives at once or is lost; a timeout
may expire at any time, or once nothing is under way. Scenarios in which connections end are not covered.
"""

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from immutabledict import immutabledict

import machines
from machines.calls import CONNACK, CONNECT, SUBACK, SUBSCRIBE, Start
from machines.clock import ClockData
from machines.events import BusEvent, ClientMetadata
from machines.participant import Decision, Snapshot, UnspecifiedReception
from machines.tracker import TrackerData
from spec.exploration.model.budget import FaultBudget
from spec.exploration.properties.client_join import PROPERTIES, ClientSide, TrackerSide

SEEN, GHOSTS = ("torrent3", "torrent6"), ("torrent1", "torrent4", "torrent7", "torrent2", "torrent8")
PROFILED = ("pending", "running")
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


@cache
def seen(value: Any, names: frozenset[str]) -> Any:
    """What is seen of a value by whoever looks at these servers only."""
    return rebuilt(
        value,
        lambda text: NAME.sub(lambda found: found[0] if found[0] in names else "others", text),
        lambda part: set(NAME.findall(repr(part))) <= names,
    )


@cache
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
        storage = "either" if scenario["fails"] else "sound"
        self.charts: dict[str, tuple[Any, ...]] = {
            "tracker": (
                machines.Tracker("tracker"),
                machines.Clock(),
                machines.DistributionView(machines.View(fragment_size=1024)),
            )
        }
        for name in (*SEEN, *GHOSTS):
            own = ClientMetadata(frozenset({f"http://{name}/"}))
            view = machines.DistributionView(machines.View(storage=storage, own=own))
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
    """Attempts are compared with the timeouts that are set, and with nothing else: they are numbered from there."""
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


NAMES, VISIBLE, NOBODY = ("tracker", *SEEN), frozenset(SEEN), frozenset[str]()


def naming(me: str, name: str) -> tuple[tuple[str, str], ...]:
    """Names for the servers of a share."""
    return tuple(pair for pair in ((me, ME), (name, YOU)) if NAME.fullmatch(pair[0]))


@cache
def profile(local: Local) -> tuple[Local, tuple[bool, ...]]:
    """A tracker without anybody, and which of what is counted is not empty."""
    return seen(local, NOBODY), (bool(local[0].data.pending), bool(local[1].data.running))


def tracker_side(local: Local, quiet: bool) -> TrackerSide:
    """How properties see a tracker."""
    client, clock, known = local[0], local[1].data.running, local[2].data.view
    ends = [
        uri
        for info in (*known.clients.values(), *(one.info for one in known.admissions.values()))
        for uri in info.endpoints
    ]
    return TrackerSide(
        client.states != ("offline",), quiet, client.states == ("awaiting_requests",), "", client.data.pending,
        frozenset(known.admissions), frozenset(clock), frozenset(known.clients), len(set(ends)) < len(ends),
    )  # fmt: skip


def client_side(name: str, local: Local, quiet: bool) -> ClientSide:
    """How properties see a torrent server."""
    (where,), clock, known = local[0].states, local[1].data.running, local[2].data.view
    online, registered = where != "offline", where == "registered"
    joining = online and where not in {"registered", "awaiting_hello", "withdrawing"}
    knows = frozenset(known.clients) if registered else frozenset[str]()
    return ClientSide(
        name, online, quiet, joining, where == "awaiting_hello", registered, "", bool(clock), knows, NOBODY
    )


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


# The views: whether every step in one leads to another.


class Views:
    """The views of a certificate, and what they know of those who are hidden."""

    def __init__(self, certificate: Mapping[str, Any]) -> None:
        self.scenario, self.values = certificate["scenario"], [decoded(each) for each in certificate["values"]]
        self.numbers = {value: number for number, value in enumerate(self.values)}
        self.views = {(*view[:3], *map(tuple, view[3:])) for view in certificate["views"]}
        self.profiles = {(self.values[base], tuple(bits)) for base, bits in certificate["profiles"]}
        self.servers = Servers(self.scenario)
        self.pairs: dict[Any, set[Any]] = defaultdict(set)
        self.heads: dict[Any, set[Any]] = defaultdict(set)
        self.contents: dict[Any, set[Any]] = defaultdict(set)
        self.done: dict[Any, frozenset[tuple[int, tuple[int, ...]]]] = {}
        for local, owner in {(view[place], place) for view in self.views for place in range(3)}:
            one, two = (self.share(owner, self.values[local], name) for name in SEEN)
            self.pairs[one].add(two)
            self.pairs[two].add(one)
        for local, owner, head in {(v[c], c, v[3 + c][0]) for v in self.views for c in range(3) if v[3 + c]}:
            message = self.values[head]
            if (name := getattr(message, "client", "")) in SEEN and name != NAMES[owner]:
                share = self.share(owner, self.values[local], name)
                key = (share, called(seen(message, frozenset({NAMES[owner], name})), naming(NAMES[owner], name)))
                self.heads[key].add(self.share(owner, self.values[local], SEEN[name == SEEN[0]]))
        for message in {self.values[m] for view in self.views for queue in view[3:] for m in queue}:
            about = getattr(message, "client", "")
            base = called(seen(message, frozenset({about})), naming(about, ""))
            for name in {*SEEN} - {about}:
                self.contents[base].add(called(seen(message, frozenset({about, name})), naming(about, name)))

    def share(self, owner: int, local: Any, name: str) -> Any:
        """What a component knows of a server, under names of their own; with what is left without."""
        me = NAMES[owner] if owner else ""
        return called(seen(local, frozenset({me, name})), naming(me, name))

    def bases(self, owner: int, local: Any) -> list[Any]:
        """What those that are hidden have to fit to: both that are seen, or what a server holds without others."""
        return [self.share(owner, local, name) for name in SEEN if not owner or name == NAMES[owner]]

    def completed(self, owner: int, local: Any, first: list[tuple[str, Any]], names: tuple[str, ...]) -> Iterator[Any]:
        """The local states that this is seen of: with these hidden ones, and up to two more."""
        me = NAMES[owner] if owner else ""
        shares = self.bases(owner, local) + [share for _, share in first if not owner]
        fitting = list(set.intersection(*(self.pairs[share] for share in shares)))
        more = [()] + [((name, share),) for share in fitting for name in (names[:3] if not first else names[:1])]
        more += [((names[0], one), (names[2], two)) for at, one in enumerate(fitting) for two in fitting[at:]
                 if owner or two in self.pairs[one]]  # fmt: skip
        for others in more:
            whole = local
            for name, share in (*first, *others):
                whole = together(whole, called(share, tuple((new, old) for old, new in naming(me, name))))
            if owner or profile(whole) in self.profiles:
                yield [name for name, _ in (*first, *others)], whole

    def results(self, owner: int, number: int, kind: str, message: int = -1) -> frozenset[tuple[int, tuple[int, ...]]]:
        """What is seen of what a step can come to, whoever is hidden."""
        key = (owner, number, kind, message)
        if key not in self.done:
            self.done[key] = frozenset(self._results(owner, self.values[number], kind, message))
        return self.done[key]

    def _results(self, owner: int, local: Any, kind: str, number: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        questions: list[tuple[Any, Any]] = []
        if kind == "others":
            shares = {*self.bases(owner, local)}
            for (share, head), beside in self.heads.items():
                if shares <= beside:
                    for at in range(3):
                        names = (*GHOSTS[at + 1 :], *GHOSTS[:at])
                        back = tuple((new, old) for old, new in naming(NAMES[owner] if owner else "", GHOSTS[at]))
                        for _, whole in self.completed(owner, local, [(GHOSTS[at], share)], names):
                            questions.append((whole, called(head, back)))
        else:
            for ghosts, whole in self.completed(owner, local, [], GHOSTS):
                questions += [(whole, each) for each in self.said(number, ghosts)]
        for whole, message in questions:
            for then, sent in self.servers.step(NAMES[owner], whole, "read" if kind == "others" else kind, message):
                if not owner and profile(then) not in self.profiles:
                    raise Rejected(f"{kind}: a tracker in {then[0].states} with {profile(then)[1]} is missing")
                heard = (m for m in sent if getattr(m, "client", SEEN[0]) in SEEN)
                yield self.number(seen(then, VISIBLE)), tuple(self.number(seen(m, VISIBLE)) for m in heard)

    def said(self, number: int, ghosts: list[str]) -> Iterator[Any]:
        """The messages that one is seen of, where there are these hidden ones."""
        message = self.values[number] if number >= 0 else Start()
        yield message
        about = getattr(message, "client", "")
        for part in self.contents[called(seen(message, frozenset({about})), naming(about, ""))] if ghosts else ():
            whole = message
            for name in ghosts:
                whole = together(whole, called(part, tuple((new, old) for old, new in naming(about, name))))
            yield whole

    def number(self, value: Any) -> int:
        """The number of a value; one that no view has is missing."""
        if value not in self.numbers:
            raise Rejected(f"no view holds {value!r:.300}")
        return self.numbers[value]

    def successors(self, view: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """The views that a step leads to."""
        busy = [self.servers.is_busy(NAMES[c], self.values[view[c]]) for c in range(3)]
        calm = not any(view[3:]) and not any(busy)
        for c in range(3):
            local, queue = self.values[view[c]], view[3 + c]
            if queue and self.scenario["loses"]:
                yield self.after(view, c, view[c], queue[1:], ())
            kinds = ["publish"] if busy[c] else ["others"]
            kinds += ["start"] if local[0].states == ("offline",) else []
            kinds += (
                ["expire"]
                if self.scenario["timeouts"] == "any" or (self.scenario["timeouts"] == "patient" and calm)
                else []
            )
            asked = [(kind, -1, queue) for kind in kinds] + (
                [("read", queue[0], queue[1:])] if queue and not busy[c] else []
            )
            for kind, message, left in asked:
                for then, sent in self.results(c, view[c], kind, message):
                    yield self.after(view, c, then, left, sent)
                    for lost in range(len(sent)) if self.scenario["loses"] else ():
                        yield self.after(view, c, then, left, (*sent[:lost], *sent[lost + 1 :]))

    def after(
        self, view: tuple[Any, ...], c: int, then: int, queue: tuple[int, ...], sent: tuple[int, ...]
    ) -> tuple[Any, ...]:
        """The view after a step: what was published arrives at all that are connected and have subscribed."""
        locals_, queues = list(view[:3]), list(view[3:])
        locals_[c], queues[c] = then, queue
        for message in sent:
            for to in range(3):
                chart = self.servers.charts[NAMES[to]][0]
                if self.values[message].topic in chart.topics and self.values[locals_[to]][0].states != ("offline",):
                    queues[to] = (*queues[to], message)
        return (*locals_, *queues)

    def check(self, claims: list[str]) -> int:
        """How many steps were checked. Raises `Rejected`."""
        begin = [self.servers.begin[name] for name in NAMES]
        initial = (*(self.number(local) for local in begin), (), (), ())
        if initial not in self.views or profile(begin[0]) not in self.profiles:
            raise Rejected("the initial view is missing")
        steps = 0
        for view in self.views:
            for then in self.successors(view):
                steps += 1
                if then not in self.views:
                    raise Rejected(
                        f"a step from a view leads to one that is missing: {self.told(view)} to {self.told(then)}"
                    )
            self.judge(view, claims)
        return steps

    def judge(self, view: tuple[Any, ...], claims: list[str]) -> None:
        """Raise `Rejected` if a view breaks what is claimed."""
        locals_ = [self.values[number] for number in view[:3]]
        calm = [
            not view[3 + c] and not x[1].data.running and not self.servers.is_busy(NAMES[c], x)
            for c, x in enumerate(locals_)
        ]
        calm[0] = calm[0] and any(base == seen(locals_[0], NOBODY) and not bits[1] for base, bits in self.profiles)
        quiet = all(calm)
        tracker, sides = tracker_side(locals_[0], quiet), [client_side(NAMES[c], locals_[c], quiet) for c in (1, 2)]
        for one in PROPERTIES:
            if one.name in claims and (one.when == "always" or (one.when == "quiescent" and quiet)):
                for client, other in (sides, sides[::-1]):
                    about = {"tracker": tracker, "client": client, "other": other, "budget": FaultBudget()}
                    premise, conclusion = one.says(*(about[name] for name in one.concerns))
                    if premise and not conclusion:
                        raise Rejected(f"a view breaks {one.name!r}: {self.told(view)}")

    def told(self, view: tuple[Any, ...]) -> str:
        """A view in a few words."""
        return " | ".join(
            f"{self.values[view[c]][0].states[0]} <- {', '.join(type(self.values[m]).__name__ for m in view[3 + c])}"
            for c in range(3)
        )


def certify(path: Path) -> tuple[int, int, list[str]]:
    """How many views and steps were checked, and what is proved. Raises `Rejected`, `OSError`."""
    try:
        certificate = json.loads(path.read_text(encoding="utf-8"))
        views = Views(certificate)
        claims = [str(each) for each in certificate["claims"]]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Rejected(f"{path} is no certificate: {error!r:.200}") from None
    unknown = {*claims} - {one.name for one in PROPERTIES if one.when in {"always", "quiescent"}}
    if unknown or not claims:
        raise Rejected(f"{path} claims what cannot be checked of views: {sorted(unknown) or 'nothing at all'}")
    return len(views.views), views.check(claims), claims
