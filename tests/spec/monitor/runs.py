"""Random runs of the explorer, and what observers see of them."""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from machines import TorrentServer, Tracker
from machines.events import TORRENT, TRACKER
from runtime.runs.explored import observed
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Scenario, scenario, with_bounds
from spec.exploration.model.steps import Label, Row
from spec.monitor import Connected, Observed, Passed, Published, Subscribed
from spec.monitor.monitor import TOPICS
from tests.properties.simulation import Features

Run = list[tuple[Label, Row]]
PAUSE = 1000.0
"""Seconds that go by where nothing has to happen."""


def system_of(name: str, *, hardened: bool = False, **faults: int | None) -> tuple[Scenario, ClosedSystem]:
    """A scenario with further faults, and its system, where everything is delivered.

    Faults do not end for good: a random run would soon meet that moment, and few faults before it. Servers that leave
    wills are hardened.
    """
    base = with_bounds(scenario(name), {key.replace("_", " "): value for key, value in faults.items()})
    hardened = hardened or base.wills  # a will names a session
    changed = replace(base, hardened=hardened, stabilisation=False, retries=base.retries if hardened else 0)
    return changed, changed.build(drop_inert=False)


def connects(client: str, at: float = 0.0) -> Iterator[Observed]:
    """A server connects, and subscribes; the tracker is called so."""
    yield Connected(at, client)
    for topic in sorted(TOPICS[TRACKER if client == "tracker" else TORRENT]):
        yield Subscribed(at, client, topic)


def featured(name: str, features: Features) -> ClosedSystem:
    """The system of a scenario with servers that have these features."""
    base = replace(scenario(name), hardened=features.named, retries=features.retries, stabilisation=False)
    charts: dict[str, Any] = {
        "Tracker": partial(Tracker, session="tracker's" if features.steps_down else ""),
        "TorrentServer": partial(TorrentServer, leaves_will=features.leaves_will),
    }
    return base.build(charts, drop_inert=False)


def random_runs(system: ClosedSystem, seed: int, count: int, length: int) -> Iterator[Run]:
    """Random runs, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        row, run = system.initial(), []
        for _ in range(length):
            found = list(successors(system, row))
            if not found:
                break
            run.append(chance.choice(found))
            row = run[-1][1]
        yield run


def is_calm(system: ClosedSystem, row: Row) -> bool:
    """Whether nothing is under way, and nobody is about to publish."""
    return all(system.is_idle(component, slot) for component, slot in enumerate(row[:-1]))


def with_pauses(system: ClosedSystem, run: Run, most: int = 4) -> list[Observed]:
    """What can be seen of a run in which some time, more than any answer may take, goes by at some calm moments."""
    calm = [place for place, (_, row) in enumerate(run, start=1) if is_calm(system, row)]
    found, length, later = list[Observed](), 0, 0.0
    for place in (*calm[:: max(1, len(calm) // most)], len(run)):
        seen = observed(system, run[:place])
        found += [replace(one, at=one.at + later) for one in seen[length:]]
        length = len(seen)
        if place in calm and found:
            later += PAUSE
            found.append(Passed(found[-1].at + PAUSE))
    return found


def subscribed(seen: list[Observed]) -> list[Observed]:
    """What somebody sees who only subscribes."""
    return [
        one if isinstance(one, Passed) else replace(one, client="")
        for one in seen
        if isinstance(one, Published | Passed)
    ]


__all__ = [
    "Run",
    "connects",
    "featured",
    "is_calm",
    "observed",
    "random_runs",
    "subscribed",
    "system_of",
    "with_pauses",
]
