"""Random scenarios of Client Join, small ones."""

from random import Random
from typing import Any

from tests.spec.exploration.oracle.servers import cast
from tests.spec.exploration.oracle.world import LATE, ORDERS, RESTART, SECOND, TOGETHER, Rules, World

EVENTS = (
    "TrackerHello", "TrackerGoodbye", "ClientJoinRequested", "ClientJoinAccepted", "ClientJoinDenied",
    "ClientJoinSucceeded", "ClientJoinFailed", "ClientRegistered", "ClientGoodbye",
)  # fmt: skip


VIEWS: tuple[dict[str, Any], ...] = (
    {"fragment_size": 1024},
    {"fragment_size": 2048},
    {"hash_algorithm": "md5"},
    {"hash_algorithm": "SHA-256"},
    {"storage": "broken"},
    {"storage": "either"},
    {"endpoints": ["HTTP://Shared:80"]},
    {"endpoints": ["http://shared/"]},
    {"endpoints": []},
    {"files": {"ab": {"size": 10, "sequence": ["cd"]}}, "fragments": {"cd": {"size": 10}}},
    {"files": {"ab": {"size": 20, "sequence": ["cd", "ef"]}}, "fragments": {"cd": {"size": 10}}, "stored": []},
)
"""What a server may begin with: what the service does not work with, what others have otherwise."""


def table(chance: Random) -> dict[str, Any]:
    """A scenario as somebody writes it. What breaks is bounded, so that there is an end of it."""
    torrents = chance.choice((1, 1, 1, 1, 1, 1, 2))
    breaks = [RESTART, *(f"{order} {server}" for server in ("tracker", "torrent") for order in ORDERS)]
    some = chance.choice((0, 0, 1, 1, 1, 1, 2)) if torrents == 1 else chance.choice((0, 0, 0, 1))
    faults: dict[str, Any] = {name: chance.choice((1, 1, 1, 2)) for name in chance.sample(breaks, some)}
    likely = 1 / 2 if torrents == 1 else 1 / 4
    if chance.random() < likely:
        faults["losses"] = chance.choice((1, 1, 2, "any"))
    if chance.random() < likely / 2:
        faults["duplicates"] = chance.choice((1, 1, 2))
    if chance.random() < likely / 2:
        faults["storage failure"] = chance.choice((1, "any"))
    if chance.random() < 1 / 6:
        faults[TOGETHER] = chance.choice((0, 1, 1))
    timeouts = chance.choice(("any", "patient", "patient", "never") if torrents == 1 else ("patient", "never"))
    found: dict[str, Any] = {
        "torrents": torrents,
        "conflicting": 2 if torrents > 1 and chance.random() < 1 / 2 else 0,
        "hardened": chance.random() < 1 / 3,
        "retries": chance.choice((0, 0, 0, 1)),
        "files": chance.random() < 1 / 4,
        "timeouts": timeouts,
        "late_expiries": timeouts == "any" and chance.random() < 1 / 4,
        "stabilisation": chance.random() < 1 / 3,
        "unordered": chance.random() < 1 / 4,
        "keeps_hops": chance.random() < 1 / 4,
        "loses": sorted(chance.sample(EVENTS, chance.choice((0, 0, 0, 1, 2)))),
        "faults": faults,
        "views": {f"torrent{at}": chance.choice(VIEWS) for at in range(1, torrents + 1) if chance.random() < 1 / 4},
    }
    return found


def with_wills(chance: Random) -> dict[str, Any]:
    """A scenario in which hardened torrent servers leave a will, and a connection of one breaks."""
    found = table(chance)
    faults = {name: most for name, most in found["faults"].items() if not name.startswith((*ORDERS, "duplicates"))}
    faults[chance.choice(("crash torrent", "crash torrent", "disconnect torrent", "wipe torrent"))] = 1
    for fault in (LATE, RESTART, "stop torrent", "crash tracker"):
        if chance.random() < 1 / 4:
            faults[fault] = 1
    fewer = {"torrents": 1, "conflicting": 0, "files": False, "views": {}, "late_expiries": False}
    timeouts = chance.choice(("never", "never", "patient"))
    return {**found, **fewer, "hardened": True, "wills": True, "retries": 0, "faults": faults, "timeouts": timeouts}


def with_crash_points(chance: Random) -> dict[str, Any]:
    """A scenario in which somebody crashes, also inside a step."""
    found = with_wills(chance)
    faults = {name: most for name, most in found["faults"].items() if not name.startswith(ORDERS) and name != LATE}
    faults |= dict.fromkeys(chance.sample(["crash torrent", "crash tracker"], chance.choice((1, 1, 1, 2))), 1)
    named, files = chance.random() < 2 / 3, chance.random() < 2 / 3
    wills = named and chance.random() < 1 / 2
    return {**found, "hardened": named, "wills": wills, "files": files, "crash_points": True, "faults": faults}


def with_interrupted_stops(chance: Random) -> dict[str, Any]:
    """A scenario in which somebody crashes while it stops, and it matters what of that is out: faults may end."""
    who, named = chance.choice(("tracker", "torrent")), chance.random() < 2 / 3
    table = {"torrents": 1, "hardened": named, "wills": named and chance.random() < 1 / 2, "timeouts": "never"}
    return {**table, "crash_points": True, "stabilisation": True, "faults": {f"stop {who}": 1, f"crash {who}": 1}}


def with_second_tracker(chance: Random) -> dict[str, Any]:
    """A scenario in which another tracker comes up. There are many configurations, so most have a client that is
    denied, and a fault more as drawn only.
    """
    hardened, likely = chance.random() < 1 / 2, chance.random()
    breaks = (RESTART, *(f"{order} tracker" for order in ORDERS), "crash torrent", "losses")
    some = 0 if hardened else chance.choice((0, 1))
    return {
        "torrents": 1,
        "hardened": hardened,
        "timeouts": chance.choice(("never", "never", "patient")),
        "stabilisation": not hardened and not some and likely < 1 / 2,
        "unordered": likely < 1 / 8,
        "loses": ["TrackerHello"],
        "faults": dict.fromkeys(chance.sample(breaks, some), 1),
        "views": {"torrent1": chance.choice(VIEWS[1:5])} if likely < 7 / 8 else {},
        "second_trackers": 1,
    }


def world(scenario: Any, **bus: bool) -> World:
    """The world of a scenario: an object with the keys of a table as its attributes."""
    bounds = {name: most for name, most in scenario.faults.items() if most != 0 or name == TOGETHER}
    rules = Rules(
        {**bounds, SECOND: scenario.second_trackers} if scenario.second_trackers else bounds,
        scenario.timeouts,
        scenario.stabilisation,
        frozenset(scenario.loses),
        ordered=not scenario.unordered,
        echoes=True,
        points=scenario.crash_points,
        **bus,
    )
    parties = cast(scenario)
    kinds = {party.name: party.name.rstrip("123456789") for party in parties}
    return World(parties, rules, kinds)
