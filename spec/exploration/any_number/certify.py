"""Check a certificate: whether a set of views is inductive for every number of torrent servers, and what it proves.

Nothing here is shared with the search: this reads the certificate, the charts and the properties, and asks the charts.
A certificate is the set of all views of two servers among any number of others, with everything delivered and names
told apart. Checked are: the initial view is in it; whatever the tracker, one of the two or a hidden server does in a
view leads to a view in it, where hidden servers are whatever the set itself knows of pairs; and no view breaks what
it claims. What is counted (`profile`) is noted for all servers at once, since pairs do not tell whether anybody is.

The model: one connection to each server, first in, first out; what is published arrives at once or is lost; a timeout
may expire at any time, or once nothing is under way.
Servers that break, leave or come back, stabilisation, and whether runs terminate, are not covered.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from immutabledict import immutabledict

from machines import calls, clock, distribution_view, events, participant, rules, torrent_server, tracker
from machines.participant import Snapshot, UnspecifiedReception
from spec.exploration.model.budget import FaultBudget
from spec.exploration.properties.client_join import OF_MEMBERSHIP, ClientSide, TrackerSide

FORMAT = 2
SEEN, GHOSTS = ("torrent3", "torrent6"), ("torrent1", "torrent4", "torrent7", "torrent2", "torrent8")
NAMES, OWNERS, VISIBLE, NOBODY = ("tracker", *SEEN), ("", *SEEN), frozenset(SEEN), frozenset[str]()
NAME = re.compile(r"(?<![A-Za-z0-9])torrent[1-8](?![A-Za-z0-9])")
ME, YOU = "torrentX", "torrentY"
ROLES = ("client", "clock", "view")
Local = tuple[Snapshot, ...]
"""A server's charts: its MQTT client, its clock, its view."""
End = tuple[Local, tuple[events.BusEvent, ...]]
"""The charts after a step, and what was published."""
CLASSES: dict[str, Any] = {
    kind.__name__: kind
    for part in (calls, clock, distribution_view, events, participant, rules, torrent_server, tracker)
    for kind in vars(part).values()
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum | Snapshot))
}


class Rejected(Exception):  # noqa: N818 - the verdict
    """The certificate proves nothing: the message says what is missing or wrong."""


# Plain data: read from JSON, as it is seen, under other names, and put together.


def decoded(value: Any) -> Any:
    """Plain data from JSON: a list says in its first element what it is. Raises `Rejected`."""
    if not isinstance(value, list):
        return value
    kind, held = value
    if kind in {"tuple", "set"}:
        return (tuple if kind == "tuple" else frozenset)(map(decoded, held))
    if kind == "mapping":
        return immutabledict({decoded(key): decoded(part) for key, part in held})
    if kind not in CLASSES:
        raise Rejected(f"there is no {kind!r} among the charts' data")
    fields_ = {key: decoded(part) for key, part in held.items()} if isinstance(held, dict) else None
    return CLASSES[kind](held) if fields_ is None else CLASSES[kind](**fields_)


def snapshot(states: tuple[str, ...], data: Any) -> Snapshot:
    """A chart; the state of a clock says only whether a timeout is set."""
    timed = "running" if getattr(data, "running", None) else "idle"
    return Snapshot((timed,) if isinstance(data, clock.ClockData) else states, data)


def rebuilt(value: Any, text: Any, keeps: Any) -> Any:
    """Plain data with other texts, and only the elements and keys that are to be kept."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Snapshot):
        return snapshot(value.states, rebuilt(value.data, text, keeps))
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

    def text(value: str) -> str:
        return NAME.sub(lambda found: found[0] if found[0] in names else "others", value)

    return rebuilt(value, text, lambda part: set(NAME.findall(repr(part))) <= names)


@lru_cache(1 << 16)
def called(value: Any, *names: tuple[str, str]) -> Any:
    """The same under other names."""
    new = {old: name for old, name in names if old}
    pattern = re.compile("|".join(rf"(?<![A-Za-z0-9]){name}(?![A-Za-z0-9])" for name in new) or "(?!)")
    return rebuilt(value, lambda text: pattern.sub(lambda found: new[found[0]], text), lambda _: True)


def share(value: Any, me: str, you: str) -> Any:
    """What one server knows of another, or the tracker (nobody) of one, under names of their own."""
    return called(seen(value, frozenset({me, you})), (me, ME), (you, YOU))


def together(one: Any, other: Any) -> Any:
    """A value of which both are seen."""
    if one == other:
        return one
    if isinstance(one, Snapshot):
        return snapshot(one.states, together(one.data, other.data))
    if is_dataclass(one) and not isinstance(one, type):
        return type(one)(**{f.name: together(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)})
    if isinstance(one, tuple) and len(one) == len(other):
        return tuple(together(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, frozenset):
        return one | other
    if isinstance(one, Mapping):
        return immutabledict({**one, **other, **{k: together(one[k], other[k]) for k in one.keys() & other.keys()}})
    raise Rejected(f"{one!r:.60} and {other!r:.60} do not belong to one state")


@lru_cache(1 << 16)
def profile(local: Local) -> tuple[Local, tuple[bool, ...]]:
    """A tracker without anybody, and which of what is counted is not empty."""
    return seen(local, NOBODY), (bool(local[0].data.pending), bool(local[1].data.running))


def normal(local: Local) -> Local:
    """The charts with attempts numbered anew, and without a tracker's `requests`.

    Attempts are compared with the timeouts that are set, and with nothing else: states that differ in numbers only are
    equal then.
    """
    client, timer, view = local
    data, running = client.data, timer.data.running
    if isinstance(data, tracker.TrackerData):
        later = {name: 1 for name, number in data.attempts.items() if number > running.get(name, number)}
        running = {name: int(number > data.attempts.get(name, 0)) for name, number in running.items()}
        data = replace(data, attempts=immutabledict(later), requests=immutabledict())
    else:
        ranks = {number: rank for rank, number in enumerate(sorted({data.attempt, *running.values()}))}
        data, running = replace(data, attempt=ranks[data.attempt]), {k: ranks[n] for k, n in running.items()}
    return Snapshot(client.states, data), snapshot((), clock.ClockData(immutabledict(running))), view


class Charts:
    """The charts of all servers; `step` is asked once."""

    def __init__(self, storage: Any) -> None:
        view = distribution_view.DistributionView(rules.View(fragment_size=1024))
        self.of: dict[str, tuple[Any, ...]] = {"tracker": (tracker.Tracker("tracker"), clock.Clock(), view)}
        for name in (*SEEN, *GHOSTS):
            own = events.ClientMetadata(frozenset({f"http://{name}/"}))
            view = distribution_view.DistributionView(rules.View(hash_algorithm="SHA-256", storage=storage, own=own))
            self.of[name] = (torrent_server.TorrentServer(name), clock.Clock(), view)
        self.begin = [tuple(chart.snapshot() for chart in self.of[name]) for name in NAMES]
        self.step = cache(self._step)

    def at(self, name: str, role: int, local: Local) -> Any:
        """A chart in its state."""
        self.of[name][role].restore(local[role])
        return self.of[name][role]

    def is_busy(self, name: str, local: Local) -> bool:
        """Whether a server is about to publish."""
        return bool(self.at(name, 0, local).due())

    def _step(self, name: str, local: Local, kind: str, message: Any) -> frozenset[End]:
        """What a step can come to: all charts of the server go on until they wait."""
        if kind == "expire":
            todo = [self._emitted(name, local, 1, output, ()) for output in self.at(name, 1, local).due()]
        else:
            todo = [(local if kind == "publish" else self._given(name, local, 0, message), ())]
        return frozenset(self._ends(name, todo, start=kind == "start"))

    def _given(self, name: str, local: Local, role: int, message: Any) -> Local:
        chart = self.at(name, role, local)
        if chart.decide(type(message)) is participant.Decision.DEFERRED:
            raise Rejected(f"{name}: {type(message).__name__} comes while it waits for itself")
        try:
            chart.receive(message)
        except UnspecifiedReception as error:
            raise Rejected(f"{name}: {error}") from None
        return (*local[:role], chart.snapshot(), *local[role + 1 :])

    def _ends(self, name: str, todo: list[End], *, start: bool) -> Iterator[End]:
        """Where all of its charts wait; a start ends before it publishes anything."""
        while todo:
            local, sent = todo.pop()
            going = [(role, due) for role in (2, 0) if (due := self.at(name, role, local).due())]
            if not going or (start and not sent and isinstance(going[0][1][0].message, events.BusEvent)):
                yield normal(local), sent
                continue
            role, due = going[0]
            is_choice = len({type(output.message) for output in due}) > 1
            todo += [self._emitted(name, local, role, output, sent) for output in (due if is_choice else due[:1])]

    def _emitted(self, name: str, local: Local, role: int, output: Any, sent: tuple[events.BusEvent, ...]) -> End:
        chart, message = self.at(name, role, local), output.message
        chart.emit(output)
        local = (*local[:role], chart.snapshot(), *local[role + 1 :])
        if isinstance(message, events.BusEvent):
            return local, (*sent, message)
        if isinstance(message, calls.CONNECT):
            return self._given(name, local, 0, calls.CONNACK()), sent
        if isinstance(message, calls.SUBSCRIBE):
            return self._given(name, local, 0, calls.SUBACK(topic=message.topic)), sent
        return (self._given(name, local, ROLES.index(output.to), message) if output.to in ROLES else local), sent


def tracker_side(local: Local, quiet: bool) -> TrackerSide:
    """How properties see a tracker."""
    client, timed, known = local[0], frozenset(local[1].data.running), local[2].data.view
    infos = (*known.clients.values(), *(one.info for one in known.admissions.values()))
    ends = [uri for info in infos for uri in info.endpoints]
    return TrackerSide(
        client.states != ("offline",), quiet, client.states == ("awaiting_requests",), "", client.data.pending,
        frozenset(known.admissions), timed, frozenset(known.clients), len(set(ends)) < len(ends),
    )  # fmt: skip


def client_side(name: str, local: Local, quiet: bool) -> ClientSide:
    """How properties see a torrent server."""
    (where,), timed, known = local[0].states, bool(local[1].data.running), local[2].data.view
    joining = where not in {"offline", "registered", "awaiting_hello", "withdrawing"}
    knows = frozenset(known.clients) if where == "registered" else NOBODY
    asks = local[0].data.retried < local[0].data.retries
    return ClientSide(
        name, where != "offline", quiet, joining, where == "awaiting_hello", where == "registered", "", timed, knows,
        NOBODY, asks, fits=True,
    )  # fmt: skip


class Views:
    """The views of a certificate (three local states and three queues, by number), and what they know of the hidden."""

    def __init__(self, certificate: Mapping[str, Any]) -> None:
        self.scenario, self.values = certificate["scenario"], [decoded(each) for each in certificate["values"]]
        self.numbers = {value: number for number, value in enumerate(self.values)}
        self.views = {(*view[:3], *map(tuple, view[3:])) for view in certificate["views"]}
        self.profiles = {(self.values[base], tuple(bits)) for base, bits in certificate["profiles"]}
        self.charts = Charts("either" if self.scenario["fails"] else "sound")
        self.pairs: dict[Any, set[Any]] = defaultdict(set)
        self.heads: dict[Any, set[Any]] = defaultdict(set)
        self.contents: dict[Any, set[Any]] = defaultdict(set)
        self.results = cache(self._results)
        for owner, local in {(place, view[place]) for view in self.views for place in range(3)}:
            one, two = (share(self.values[local], OWNERS[owner], name) for name in SEEN)
            self.pairs[one].add(two)
            self.pairs[two].add(one)
        for owner, local, head in {(c, v[c], v[3 + c][0]) for v in self.views for c in range(3) if v[3 + c]}:
            me, message = OWNERS[owner], self.values[head]
            if (name := getattr(message, "client", "")) in SEEN and name != me:
                of, other = (share(self.values[local], me, one) for one in (name, SEEN[name == SEEN[0]]))
                self.heads[of, share(message, me, name)].add(other)
        for message in {self.values[m] for view in self.views for queue in view[3:] for m in queue}:
            about = getattr(message, "client", "")
            self.contents[share(message, about, "")] |= {share(message, about, one) for one in {*SEEN} - {about}}

    def bases(self, owner: int, local: Any) -> list[Any]:
        """What those that are hidden have to fit to: both that are seen, or what a server holds without others."""
        return [share(local, OWNERS[owner], name) for name in SEEN if not owner or name == OWNERS[owner]]

    def completed(self, owner: int, local: Any, first: list[tuple[str, Any]], names: tuple[str, ...]) -> Iterator[Any]:
        """The local states that this is seen of: with these hidden ones, and up to two more."""
        shares = self.bases(owner, local) + [of for _, of in first if not owner]
        fitting = list(set.intersection(*(self.pairs[of] for of in shares)))
        more: list[tuple[tuple[str, Any], ...]] = [()]
        more += [((name, of),) for of in fitting for name in names[: 1 if first else 3]]
        for one, two in ((one, two) for at, one in enumerate(fitting) for two in fitting[at:]):
            more += [((names[0], one), (names[2], two))] if owner or two in self.pairs[one] else []
        for others in more:
            whole = local
            for name, of in (*first, *others):
                whole = together(whole, called(of, (ME, OWNERS[owner]), (YOU, name)))
            if owner or profile(whole) in self.profiles:
                yield [name for name, _ in (*first, *others)], whole

    def questions(self, owner: int, local: Any, kind: str, number: int) -> Iterator[Any]:
        """What a step is in all completions: the whole local state, and the message that is read."""
        if kind != "others":
            for ghosts, whole in self.completed(owner, local, [], GHOSTS):
                yield from ((whole, each) for each in self.said(number, ghosts))
            return
        for (of, head), beside in self.heads.items():
            for at in range(3) if beside.issuperset(self.bases(owner, local)) else ():
                for _, whole in self.completed(owner, local, [(GHOSTS[at], of)], GHOSTS[at + 1 :] + GHOSTS[:at]):
                    yield whole, called(head, (ME, OWNERS[owner]), (YOU, GHOSTS[at]))

    def said(self, number: int, ghosts: list[str]) -> Iterator[Any]:
        """The messages that one is seen of, where there are these hidden ones."""
        message = self.values[number] if number >= 0 else calls.Start()
        yield message
        about = getattr(message, "client", "")
        for part in self.contents[share(message, about, "")] if ghosts else ():
            whole = message
            for name in ghosts:
                whole = together(whole, called(part, (ME, about), (YOU, name)))
            yield whole

    def _results(self, owner: int, number: int, kind: str, message: int) -> set[tuple[int, tuple[int, ...]]]:
        """What is seen of what a step can come to, whoever is hidden."""
        found = set()
        for whole, about in self.questions(owner, self.values[number], kind, message):
            for then, sent in self.charts.step(NAMES[owner], whole, "read" if kind == "others" else kind, about):
                if not owner and profile(then) not in self.profiles:
                    raise Rejected(f"{kind}: a tracker in {then[0].states} with {profile(then)[1]} is missing")
                heard = [each for each in sent if getattr(each, "client", SEEN[0]) in SEEN]
                found.add((self.number(then), tuple(map(self.number, heard))))
        return found

    def number(self, value: Any) -> int:
        """The number of what is seen of a value; one that no view has is missing."""
        if (part := seen(value, VISIBLE)) not in self.numbers:
            raise Rejected(f"no view holds {part!r:.300}")
        return self.numbers[part]

    def successors(self, view: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        """The views that a step leads to."""
        busy = [self.charts.is_busy(NAMES[c], self.values[view[c]]) for c in range(3)]
        expires = self.scenario["timeouts"] in ({"any"} if any(busy) or any(view[3:]) else {"any", "patient"})
        for c, queue in enumerate(view[3:]):
            if queue and self.scenario["loses"]:
                yield self.after(view, c, view[c], queue[1:], ())
            kinds = ["publish"] if busy[c] else ["others", *["expire"] * expires]
            kinds += ["start"] * (self.values[view[c]][0].states == ("offline",))
            asked = [(kind, -1, queue) for kind in kinds]
            asked += [("read", queue[0], queue[1:])] if queue and not busy[c] else []
            for kind, message, left in asked:
                for then, sent in self.results(c, view[c], kind, message):
                    yield self.after(view, c, then, left, sent)
                    for lost in range(len(sent)) if self.scenario["loses"] else ():
                        yield self.after(view, c, then, left, (*sent[:lost], *sent[lost + 1 :]))

    def after(self, view: Any, c: int, then: int, queue: tuple[int, ...], sent: tuple[int, ...]) -> tuple[Any, ...]:
        """The view after a step: what was published arrives at all that are connected and have subscribed."""
        locals_, queues = list(view[:3]), list(view[3:])
        locals_[c], queues[c] = then, queue
        for message in sent:
            for to in range(3):
                topics, client = self.charts.of[NAMES[to]][0].topics, self.values[locals_[to]][0]
                if self.values[message].topic in topics and client.states != ("offline",):
                    queues[to] = (*queues[to], message)
        return (*locals_, *queues)

    def check(self, claims: list[str]) -> int:
        """How many steps were checked. Raises `Rejected`."""
        initial = (*map(self.number, self.charts.begin), (), (), ())
        if initial not in self.views or profile(self.charts.begin[0]) not in self.profiles:
            raise Rejected("the initial view is missing")
        steps = 0
        for view in self.views:
            for then in self.successors(view):
                steps += 1
                if then not in self.views:
                    raise Rejected(f"a step leads to a view that is missing: {self.told(view)} to {self.told(then)}")
            self.judge(view, claims)
        return steps

    def judge(self, view: tuple[Any, ...], claims: list[str]) -> None:
        """Raise `Rejected` if a view breaks what is claimed."""
        locals_ = [self.values[number] for number in view[:3]]
        waits = any(base == seen(locals_[0], NOBODY) and not bits[1] for base, bits in self.profiles)
        goes_on = (each[1].data.running or self.charts.is_busy(NAMES[c], each) for c, each in enumerate(locals_))
        quiet = waits and not any(view[3:]) and not any(goes_on)
        first, sides = tracker_side(locals_[0], quiet), [client_side(NAMES[c], locals_[c], quiet) for c in (1, 2)]
        for one in OF_MEMBERSHIP:
            for client, other in (sides, sides[::-1]) if one.name in claims and (quiet or one.when == "always") else ():
                about = {"tracker": first, "client": client, "other": other, "budget": FaultBudget()}
                premise, conclusion = one.says(*(about[name] for name in one.concerns))
                if premise and not conclusion:
                    raise Rejected(f"a view breaks {one.name!r}: {self.told(view)}")

    def told(self, view: tuple[Any, ...]) -> str:
        """A view in a few words."""
        queues = [", ".join(type(self.values[m]).__name__ for m in queue) for queue in view[3:]]
        return " | ".join(f"{self.values[view[c]][0].states[0]} <- {queues[c]}" for c in range(3))


def certify(path: Path) -> tuple[int, int, list[str], Mapping[str, Any]]:
    """How many views and steps were checked, what is proved, and of which scenario. Raises `Rejected`, `OSError`."""
    try:
        certificate = json.loads(path.read_text(encoding="utf-8"))
        if certificate["format"] != FORMAT:
            raise Rejected(f"{path} is written in another format than {FORMAT}")
        views = Views(certificate)
        claims = [str(each) for each in certificate["claims"]]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Rejected(f"{path} is no certificate: {error!r:.200}") from None
    unknown = {*claims} - {one.name for one in OF_MEMBERSHIP if one.when in {"always", "quiescent"}}
    if unknown or not claims:
        raise Rejected(f"{path} claims what cannot be checked of views: {sorted(unknown) or 'nothing at all'}")
    return len(views.views), views.check(claims), claims, views.scenario
