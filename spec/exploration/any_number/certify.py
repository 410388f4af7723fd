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
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from machines.calls import Start
from spec.exploration.any_number.certified_charts import (
    GHOSTS,
    ME,
    NAME,
    SEEN,
    YOU,
    Local,
    Rejected,
    Servers,
    called,
    decoded,
    seen,
    together,
)
from spec.exploration.model.budget import FaultBudget
from spec.exploration.properties.client_join import OF_MEMBERSHIP, ClientSide, TrackerSide

NAMES, VISIBLE, NOBODY = ("tracker", *SEEN), frozenset(SEEN), frozenset[str]()


def naming(me: str, name: str) -> tuple[tuple[str, str], ...]:
    """Names for the servers of a share."""
    return tuple(pair for pair in ((me, ME), (name, YOU)) if NAME.fullmatch(pair[0]))


@lru_cache(1 << 16)
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
        name, online, quiet, joining, where == "awaiting_hello", registered, "", bool(clock), knows, NOBODY, fits=True,
        may_ask_again=local[0].data.retried < local[0].data.retries,
    )  # fmt: skip


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
        more: list[tuple[tuple[str, Any], ...]] = [()]
        more += [((name, share),) for share in fitting for name in (names[:3] if not first else names[:1])]
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
        for one in OF_MEMBERSHIP:
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
    unknown = {*claims} - {one.name for one in OF_MEMBERSHIP if one.when in {"always", "quiescent"}}
    if unknown or not claims:
        raise Rejected(f"{path} claims what cannot be checked of views: {sorted(unknown) or 'nothing at all'}")
    return len(views.views), views.check(claims), claims
