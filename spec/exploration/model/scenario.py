"""Scenarios: who takes part and what can go wrong, as data.

The scenarios that come with the explorer stand in `scenarios.toml`; a file of the same form adds more. A scenario is a
table `[scenario.<name>]` with these keys, all optional but `description`:

    description = "one sentence"
    torrents = 2              # how many torrent servers
    conflicting = 0           # so many of them, the last ones, offer the same endpoint
    hardened = false           # whether they name their requests, and close the gaps of the protocol as drawn
    as_drawn = 0              # so many of them, the first ones, are not hardened all the same
    wills = false             # whether the hardened ones leave their goodbye with the broker (`wills.py`)
    retries = 0               # how often they ask again by themselves, from one TrackerHello to the next
    files = false             # whether each brings a file and a fragment
    second_trackers = 0       # how many trackers can come up beside the first one, at any moment: 0 or 1; where
                              # `hardened` is set, the older one steps down (`second_tracker.py`)
    crash_points = false      # whether who can crash does so also inside a step (`interruptions.py`)
    timeouts = "any"          # "any": whenever they are set; "patient": when nothing is under way; "never"
    late_expiries = false     # whether a timeout can be exceeded some time before its MQTT client hears of it, and be
                              # stopped or set anew meanwhile; with any timeouts only
    stabilisation = false     # whether faults can end for good, at any moment, with a new tracker
    unordered = false         # whether a bus may let events overtake each other
    keeps_hops = false        # whether what is on its way to the broker is kept apart: more states, same verdicts (the
                              # argument stands in `closed.py`); always so where a crash, or stabilisation, can take
                              # what is on its way and not every event can be lost, after stabilisation after patient
                              # timeouts, and where patient timeouts make a server ask again
    loses = []                # names of the events that can be lost; empty: all
    fixed = []                # for any number of torrent servers: of whom there are as many as here, and no more;
                              # "conflicting", "as_drawn", names from views; of all others there is any number
    views = {}                # what servers begin with, by name; see `beginnings.py`
    [scenario.<name>.faults]  # how often; "any" for any number of times
    losses = "any"            # on either hop
    duplicates = 0            # an event is delivered twice (QoS 1)
    "storage failure" = 0     # a torrent server cannot change its view
    "late will" = 0           # the broker says a will after its owner is back
    "broker restart" = 0      # all connections are lost
    "stop tracker" = 0        # also: "disconnect ...", "crash ..." (only the view is kept), "wipe ..." (nothing is)
    "stop torrent" = 0        # the same for the torrent servers, all together
    "breaks in all" = "any"   # how many of these five kinds together
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from immutabledict import immutabledict

from machines import (
    BUS_EVENTS,
    Broker,
    ClientMetadata,
    Clock,
    DistributionView,
    FileMetadata,
    FragmentMetadata,
    Participant,
    TorrentServer,
    Tracker,
    View,
)
from machines.events import SIDES, TORRENT, TRACKER
from machines.tracker import TRACKER_ID
from spec.exploration.model.beginnings import frozen, view_of
from spec.exploration.model.bus import BrokerBus
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.faults import BREAKING, IN_ALL, ORDERS, Faults
from spec.exploration.model.node import Server
from spec.exploration.model.second_tracker import SECOND, name_of_second, session_of
from spec.exploration.model.wills import LATE
from spec.hints import near_to

FRAGMENT_SIZE = 1024
"""Bytes, of the service."""
SESSION = "request"
"""What a hardened torrent server's names of requests begin with; after a crash it numbers on."""
CONFLICTING, AS_DRAWN = "conflicting", "as_drawn"
"""What can be fixed, besides servers by their names."""
MOST_TORRENTS = 9
MOST_RETRIES = 9
Timeouts = Literal["any", "patient", "never"]
FAULTS = (
    *("losses", "duplicates", "storage failure", LATE, "broker restart", IN_ALL),
    *(f"{order} {server}" for server in SIDES for order in ORDERS),
)
"""What a scenario can bound."""
EVENTS = tuple(event.__name__ for event in BUS_EVENTS)

Charts = Mapping[str, type[Participant]]
"""Charts by the names of those that they take the place of."""
OURS: Charts = immutabledict(
    {chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock, Broker)}
)


class ScenarioError(ValueError):
    """A scenario that cannot be explored: the message names the place and the remedy."""


@dataclass(frozen=True)
class Scenario:
    """Who takes part and what can go wrong; see above."""

    name: str
    description: str = ""
    torrents: int = 2
    conflicting: int = 0
    hardened: bool = False
    as_drawn: int = 0
    wills: bool = False
    retries: int = 0
    files: bool = False
    second_trackers: int = 0
    late_expiries: bool = False
    crash_points: bool = False
    timeouts: Timeouts = "any"
    stabilisation: bool = False
    unordered: bool = False
    keeps_hops: bool = False
    loses: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    faults: Mapping[str, int | None] = field(default_factory=immutabledict)
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=immutabledict)

    def __post_init__(self) -> None:
        """Raises `ScenarioError` for a fault, an event, a server or a kind of timeouts that there is not, and for a bad
        bound or view.
        """
        object.__setattr__(self, "views", frozen(self.views))
        for name, known, given in (
            ("fault", FAULTS, self.faults),
            ("event", EVENTS, self.loses),
            ("kind of timeouts", get_args(Timeouts), [self.timeouts]),
            ("server", (*self.trackers[:1], *self.names), self.views),
        ):
            for one in given:
                if one not in known:
                    raise ScenarioError(f"no {name} {one!r}{near_to(one, known)}; there are {', '.join(known)}")
        for fault, most in self.faults.items():
            bound("any" if most is None else most, f"faults {fault}")
        for name in (TRACKER_ID, *self.names):
            self.view(name)
        if self.late_expiries and self.timeouts != "any":
            raise ScenarioError(
                'an expiry that is late may arrive at any time: take out late_expiries, or set timeouts = "any"'
            )
        if self.wills and not self.hardened:
            raise ScenarioError(
                "a will names a session, which has to be hardened: take out wills, or set hardened = true"
            )
        if self.faults.get(LATE, 0) != 0 and not self.wills:
            raise ScenarioError(f"nobody leaves a will that could be late: take out {LATE!r}, or set wills = true")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the torrent servers."""
        return tuple(f"torrent{number}" for number in range(1, self.torrents + 1))

    @property
    def trackers(self) -> tuple[str, ...]:
        """The names of the trackers; those that can come up beside the first one stand behind it."""
        more = range(2, 2 + self.second_trackers)
        return (TRACKER_ID, *(name_of_second(TRACKER_ID, number) for number in more))

    @property
    def happening(self) -> Mapping[str, int | None]:
        """The bounds of what can happen at all; nothing of it does where it is bounded by zero together."""
        none_breaks = self.faults.get(IN_ALL) == 0
        found = {
            fault: bound
            for fault, bound in self.faults.items()
            if bound != 0 and not (none_breaks and fault.startswith(BREAKING))
        }
        return immutabledict({**found, SECOND: self.second_trackers} if self.second_trackers else found)

    def build(self, charts: Charts | None = None, **options: Any) -> ClosedSystem:
        """The closed system; the tracker is its first component, and those that can come up beside it are its last.

        `options` are those of `ClosedSystem`.

        `charts` take the place of ours of the same name: of `Tracker`, say.
        """
        playing: Mapping[str, Any] = {**OURS, **(charts or {})}
        first, *more = (self._tracker(name, playing) for name in self.trackers)
        nodes = (first, *(self._torrent(name, playing) for name in self.names), *more)
        trackers = (0, *range(len(nodes) - len(more), len(nodes)))
        bounds = self.happening
        kinds = {**dict.fromkeys(self.names, TORRENT), **dict.fromkeys(self.trackers, TRACKER)}
        faults = Faults(bounds, self.timeouts, self.stabilisation, self.loses, kinds, self.crash_points)
        options = {"keeps_hops": self.keeps_both_hops, "ordered": not self.unordered, "trackers": trackers, **options}
        return ClosedSystem(nodes, BrokerBus(nodes, playing["Broker"]()), faults, **options)

    @property
    def keeps_both_hops(self) -> bool:
        """Whether both hops have to be kept apart: that is asked for, or what one hop leaves out would be missed.

        That is so where an event can be gone before the broker has it, though not every event can be lost anyway, and
        where what publishes waits until nothing is under way: timeouts that are patient, in a server that then asks
        again, or after stabilisation (see `ClosedSystem`).
        """
        lossless = self.happening.get("losses", 0) is not None or bool(self.loses)
        cuts = tuple(fault for fault in BREAKING if fault != "stop")
        is_cut = self.stabilisation or any(fault.startswith(cuts) for fault in self.happening)
        patient = self.timeouts == "patient"
        waits = (self.stabilisation and patient) or (bool(self.retries) and (self.stabilisation or patient))
        return self.keeps_hops or (lossless and is_cut) or waits

    def _tracker(self, name: str, charts: Mapping[str, Any]) -> Server:
        hardened = {"session": session_of(name)} if self.hardened and self.second_trackers else {}
        server = self._server(name, charts["Tracker"](name, **hardened), self.view(TRACKER_ID), charts)
        wipes = self.happening.get("wipe tracker") or 0  # where they are bounded, and stabilisation forgets none
        return replace(server, spare=name != TRACKER_ID, counts_wipes=wipes > 0 and not self.stabilisation)

    def _torrent(self, name: str, charts: Mapping[str, Any]) -> Server:
        hardened = {"session": SESSION} if self.is_hardened(name) else {}
        retries = {"retries": self.retries} if self.retries else {}
        wills = {"leaves_will": True} if self.wills and hardened else {}
        client = charts["TorrentServer"](name, **hardened, **retries, **wills)
        return self._server(name, client, self.view(name), charts)

    def is_hardened(self, name: str) -> bool:
        """Whether the torrent server of this name is hardened. Raises `ValueError` if there is none."""
        return self.hardened and self.names.index(name) >= self.as_drawn

    def _server(self, name: str, client: Participant, view: View, charts: Mapping[str, Any]) -> Server:
        parts = (charts["DistributionView"](view), charts["Clock"](), charts["Broker"]())
        return Server(name, client, *parts, late_expiries=self.late_expiries)

    def view(self, name: str) -> View:
        """What a server begins with."""
        ordinary = View(fragment_size=FRAGMENT_SIZE) if name == TRACKER_ID else self._ordinary(name)
        try:
            view = view_of(self.views.get(name, {}), ordinary)
        except ValueError as error:
            raise ScenarioError(f"views {name}: {error}") from None
        if name == TRACKER_ID and view.fragment_size is None:
            raise ScenarioError(f"views {name}: needs a fragment_size")
        return view

    def _ordinary(self, name: str) -> View:
        place = self.names.index(name)
        host = "shared" if place >= self.torrents - self.conflicting else name
        fragment = f"{name}-fragment"
        brought = {fragment: FragmentMetadata(10)} if self.files else {}
        return View(
            hash_algorithm="SHA-256",  # it is compared without case
            storage="either" if self.faults.get("storage failure", 0) != 0 else "sound",
            own=ClientMetadata(frozenset({f"http://{host}/"}), frozenset(brought)),
            files=immutabledict({f"{name}-file": FileMetadata(10, (fragment,))} if self.files else {}),
            fragments=immutabledict(brought),
        )

    def interchangeable_groups(self) -> tuple[tuple[int, ...], ...]:
        """The components that differ in their names only, in groups."""
        ends = sorted({0, self.as_drawn, self.torrents - self.conflicting, self.torrents})
        groups = (range(begin + 1, end + 1) for begin, end in pairwise(ends))
        plain = (tuple(place for place in group if self.names[place - 1] not in self.views) for group in groups)
        return tuple(group for group in plain if len(group) > 1)


@dataclass(frozen=True)
class Recast:
    """A scenario with other charts in the place of ours of the same name."""

    scenario: Scenario
    charts: Charts

    @property
    def name(self) -> str:
        """The name of the scenario."""
        return self.scenario.name

    def build(self, **options: Any) -> ClosedSystem:
        """The closed system of the scenario with these charts; options as in `Scenario.build`."""
        return self.scenario.build(self.charts, **options)

    def interchangeable_groups(self) -> tuple[tuple[int, ...], ...]:
        """The components of the scenario that differ in their names only, in groups."""
        return self.scenario.interchangeable_groups()


def scenarios(path: Path | None = None) -> Mapping[str, Scenario]:
    """The scenarios that come with the explorer, and those of a file, by name. Raises `ScenarioError`."""
    return _ours() if path is None else {**_ours(), **_read(path)}


@cache
def _ours() -> Mapping[str, Scenario]:
    return _read(Path(__file__).with_name("scenarios.toml"))


def scenario(name: str, path: Path | None = None) -> Scenario:
    """The scenario of that name. Raises `ScenarioError` that lists the names."""
    known = scenarios(path)
    if name not in known:
        raise ScenarioError(f"no scenario {name!r}{near_to(name, known)}; there are {', '.join(known)}")
    return known[name]


def with_bounds(scenario: Scenario, bounds: Mapping[str, int | None]) -> Scenario:
    """The scenario with other bounds for some faults. Raises `ScenarioError` for a fault that there is not."""
    return replace(scenario, faults=immutabledict({**scenario.faults, **bounds}))


def bound(text: object, where: str) -> int | None:
    """A bound as a scenario or the command line gives it. Raises `ScenarioError`."""
    if text == "any":
        return None
    if isinstance(text, str) and text.isdecimal():
        return int(text)
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    raise ScenarioError(f'{where}: {text!r} is no bound; give a number from 0, or "any"')


def _read(path: Path) -> Mapping[str, Scenario]:
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: is not TOML in UTF-8: {error}") from None
    tables = read.get("scenario")
    if not isinstance(tables, dict) or len(read) > 1:
        raise ScenarioError(f"{path}: has to hold tables [scenario.<name>] and nothing else")
    return {name: scenario_of(f"{path}: [scenario.{name}]", name, table) for name, table in tables.items()}


def scenario_of(where: str, name: str, table: object) -> Scenario:
    """The scenario that a table of keys and values describes, as in a file of them; `where` it stands is for errors.

    Raises `ScenarioError`.
    """
    if not isinstance(table, dict):
        raise ScenarioError(f"{where}: has to be a table")
    kinds: dict[str, object] = {
        "description": str, "torrents": int, "conflicting": int, "hardened": bool, "as_drawn": int, "wills": bool,
        "retries": int, "files": bool, "second_trackers": int, "late_expiries": bool, "crash_points": bool,
        "timeouts": get_args(Timeouts), "stabilisation": bool, "unordered": bool, "keeps_hops": bool, "loses": list,
        "fixed": list, "faults": dict, "views": dict,
    }  # fmt: skip
    assert kinds.keys() == {known.name for known in fields(Scenario)} - {"name"}
    for key, value in table.items():
        _check(f"{where} {key}", kinds.get(key), value, tuple(kinds))
    values = dict(table)
    for event in values.get("loses", ()):
        if event not in EVENTS:
            raise ScenarioError(
                f"{where} loses: no event {event!r}{near_to(event, EVENTS)}; there are {', '.join(EVENTS)}"
            )
    values["loses"] = frozenset(values.get("loses", ()))
    values["fixed"] = frozenset(map(str, values.get("fixed", ())))
    given = values.pop("faults", {})
    values["faults"] = immutabledict({fault: bound(value, f"{where} faults {fault}") for fault, value in given.items()})
    try:
        made = Scenario(name, **values)
    except ScenarioError as error:
        raise ScenarioError(f"{where}: {error}") from None
    check(made, where)
    return made


def check(scenario: Scenario, where: str) -> None:
    """Raises `ScenarioError` if there are too few or too many servers."""
    if not 1 <= scenario.torrents <= MOST_TORRENTS:
        raise ScenarioError(f"{where}: torrents is {scenario.torrents}; it has to be from 1 to {MOST_TORRENTS}")
    if not 0 <= scenario.retries <= MOST_RETRIES:
        raise ScenarioError(f"{where}: retries is {scenario.retries}; it has to be from 0 to {MOST_RETRIES}")
    if scenario.second_trackers not in {0, 1}:
        raise ScenarioError(f"{where}: second_trackers is {scenario.second_trackers}; it has to be 0 or 1")
    if scenario.conflicting == 1 or not 0 <= scenario.conflicting <= scenario.torrents:
        raise ScenarioError(f"{where}: conflicting is {scenario.conflicting}; it has to be 0, or from 2 to torrents")
    if not 0 <= scenario.as_drawn <= (scenario.torrents if scenario.hardened else 0):
        most = "at most torrents" if scenario.hardened else "0 where hardened is not set"
        raise ScenarioError(f"{where}: as_drawn is {scenario.as_drawn}; it has to be {most}")
    counts = {CONFLICTING: scenario.conflicting, AS_DRAWN: scenario.as_drawn}
    known = [*(key for key, count in counts.items() if count), *({*scenario.views} - {TRACKER_ID})]
    for one in sorted(scenario.fixed - {*known}):
        there = f"there are {', '.join(known)}" if known else "there is nobody who differs from others"
        raise ScenarioError(f"{where} fixed: {one!r} is nobody of whom there is a number here; {there}")


RENAMED = {"tells": "description", "careful": "hardened", "calm": "stabilisation"}
"""Names that keys had before, and what they are called now."""


def _check(where: str, kind: object, value: object, known: tuple[str, ...]) -> None:
    if (key := where.rpartition(" ")[2]) in RENAMED:
        raise ScenarioError(f"{where}: this key is called {RENAMED[key]!r} now: rename it")
    if kind is None:
        raise ScenarioError(f"{where}: no such key; there are {', '.join(known)}")
    if isinstance(kind, tuple) and value not in kind:
        raise ScenarioError(f"{where}: {value!r} is not one of {', '.join(kind)}")
    if isinstance(kind, type) and type(value) is not kind:
        raise ScenarioError(f"{where}: {value!r} is no {kind.__name__}")
