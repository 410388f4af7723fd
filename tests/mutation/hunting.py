"""Which property notices a fault, and in which scenario: small scenarios are searched until one is broken.

A fault is *found* by a named property that it breaks and ours do not. Where none is broken, by one that can no longer
be exercised: that is undetermined, and no pass. Or, of what the protocol as drawn does not hold (`spec/findings`), by a
property that is no longer broken: what was found is not found any more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from immutabledict import immutabledict

from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.closed import Unbounded
from spec.exploration.model.faults import ORDERS
from spec.exploration.model.scenario import Recast, Scenario
from tests.mutation.explorer_claims import broken_claims, definitions
from tests.mutation.planting import Charts, Fault

BREAKS = {f"{order} {server}": None for order in ORDERS for server in ("tracker", "torrent")}
MOST = 500_000
"""States that are searched of a scenario; ours have fewer, and a fault may have many more."""
FIRST = 2000
"""States that are searched of a system that has no end of them."""


SIZE, ALGORITHM = {"fragment_size": 2048}, {"hash_algorithm": "md5"}
SPELLING = {"endpoints": ("HTTP://Shared:80",)}
METADATA = {
    name: {
        "files": {
            f"{own}-file": {"size": 10, "sequence": (own,)},
            "common-file": {"size": size, "sequence": ("common",)},
        },
        "fragments": {own: {"size": 10}, "common": {"size": size}},
    }
    for name, own, size in (("torrent1", "one", 10), ("torrent2", "two", 20))
}


def _scenario(name: str, faults: Mapping[str, int | None] = immutabledict(), **given: Any) -> Scenario:
    return Scenario(name, faults=immutabledict(faults), **{"timeouts": "patient", **given})


SMALL: tuple[Scenario, ...] = (
    _scenario("standard"),
    _scenario("misfit", views={"torrent2": {**SIZE, **ALGORITHM}}),
    _scenario("wrong size", views={"torrent2": SIZE}),
    _scenario("wrong hash", hardened=True, views={"torrent2": ALGORITHM}),
    _scenario("metadata", views=METADATA, faults={"storage failure": 1}),
    _scenario("spelling", conflicting=2, views={"torrent2": SPELLING}),
    _scenario("late", torrents=1, timeouts="any", late_expiries=True, faults={"stop tracker": 1}),
    _scenario("late and leaving", torrents=1, timeouts="any", late_expiries=True, faults={"stop torrent": 1}),
    _scenario("wiped", files=True, faults={"wipe tracker": 1}),
    _scenario("names", hardened=True, timeouts="any"),
    _scenario("leaving", faults={"stop torrent": 1}),
    _scenario("hasty", timeouts="any", files=True, faults={"storage failure": 1}),
    _scenario("duplicates", torrents=1, timeouts="any", faults={"duplicates": None, "losses": 1}),
    _scenario("breaks", torrents=1, timeouts="any", stabilisation=True,
              faults={**BREAKS, "breaks in all": 1, "losses": None}),
    _scenario("restart", torrents=1, timeouts="any",
              faults={"broker restart": 1, "stop tracker": 1, "breaks in all": 2}),
    _scenario("named breaks", torrents=1, hardened=True, stabilisation=True, timeouts="any",
              faults={"losses": 1, "crash torrent": 1}),
    _scenario("named connections", torrents=1, hardened=True, timeouts="any", faults={"disconnect torrent": 1}),
    _scenario("cut off", torrents=1, hardened=True,
              faults={"disconnect torrent": 1, "crash torrent": 1, "breaks in all": 1}),
    _scenario("named overtaking", torrents=1, hardened=True, unordered=True, timeouts="any"),
    _scenario("named leaving", hardened=True, faults={"stop torrent": 1, "losses": 1}),
    _scenario("asking again", torrents=1, hardened=True, retries=1, faults={"losses": None}),
    _scenario("three", torrents=3),
    _scenario("rivals", conflicting=2, timeouts="any", faults={"stop torrent": 1}),
    _scenario("rivals after stabilisation", conflicting=2, stabilisation=True),
    _scenario("two after stabilisation", files=True, stabilisation=True),
    _scenario("three, two of them rivals", torrents=3, conflicting=2),
    _scenario("named metadata", hardened=True, views=METADATA, timeouts="any",
              faults={"storage failure": 1}),
    _scenario("wills", hardened=True, wills=True, faults={"crash torrent": 1, "late will": 1}),
    _scenario("crash points", torrents=1, hardened=True, wills=True, files=True, crash_points=True,
              stabilisation=True, faults={"crash tracker": 1, "crash torrent": 1}),
    _scenario("second tracker", torrents=1, hardened=True, files=True, second_trackers=1),
    _scenario("one of two trackers stops", torrents=1, hardened=True, second_trackers=1, faults={"stop tracker": 1}),
    _scenario("second tracker after stabilisation", torrents=1, second_trackers=1, timeouts="never",
              stabilisation=True, views={"torrent1": SIZE}),
    _scenario("named crashes", torrents=1, hardened=True, timeouts="any", faults={"crash torrent": 2}),
)  # fmt: skip
"""Together they exercise every property."""


OF_THE_EXPLORER = frozenset({"bus", "fate", "server", "explorer"})
"""Places in the explorer itself: faults there may break what it promises of itself (`explorer_claims`), too."""
WHOLE = frozenset({"standard", "misfit", "wrong size", "wrong hash", "metadata", "spelling"})
"""Those in which what is always ignored is delivered, too: that something is ignored that must not be shows there."""


@dataclass(frozen=True)
class Bite:
    """What showed a fault, where, and in how many states."""

    property_: str
    scenario: str
    how: str = "broken"
    """`broken`; `never exercised`, or `no longer found`."""
    states: int = 0


@dataclass
class Hunt:
    """What became of one fault."""

    fault: Fault
    bite: Bite | None
    states: int = 0
    """In all scenarios that were searched."""
    weaker: list[Bite] = field(default_factory=list)


@cache
def ours(scenario: Scenario) -> Result:
    """Our own charts in a scenario."""
    return explore(scenario, options_for(scenario))


def options_for(scenario: Scenario) -> Options:
    """How a scenario is searched."""
    return Options(reduced=scenario.name not in WHOLE, most=MOST)


def hunt(fault: Fault, scenarios: tuple[Scenario, ...] = SMALL) -> Hunt:
    """Search the scenarios with a fault until a property is broken that ours hold."""
    for scenario in scenarios:
        ours(scenario)
    if fault.place in OF_THE_EXPLORER:
        definitions()
    done = Hunt(fault, None)
    with fault.planted() as charts:
        for scenario in scenarios if fault.place != "explorer" else ():
            done.bite = next(_bites(scenario, charts, done), None)
            if done.bite is not None:
                return done
        for claim, where, states in broken_claims() if fault.place in OF_THE_EXPLORER else ():
            done.states += states
            done.bite = Bite(claim, where, states=states)
            return done
    done.bite = min(done.weaker, key=lambda one: one.how, default=None)
    return done


def _bites(scenario: Scenario, charts: Charts, done: Hunt) -> Iterator[Bite]:
    try:
        result = explore(Recast(scenario, charts), options_for(scenario))
    except Unbounded:  # there is no end of states: what the first ones break is enough
        try:
            result = explore(Recast(scenario, charts), replace(options_for(scenario), most=FIRST))
        except Unbounded as error:
            done.weaker.append(Bite(str(error), scenario.name, "no end of states"))
            return
    except Exception as error:  # noqa: BLE001 - the explorer notices by itself that something cannot be
        done.weaker.append(Bite(f"{type(error).__name__}: {error}"[:99], scenario.name, "raises"))
        return
    states = result.found.progress.states
    done.states += states
    for known, verdict in zip(ours(scenario).verdicts, result.verdicts, strict=True):
        name = verdict.property_.name
        if verdict.holds is False and known.holds is not False:
            yield Bite(name, scenario.name, "broken", states)
        elif known.non_vacuous and not verdict.non_vacuous:
            done.weaker.append(Bite(name, scenario.name, "never exercised", states))
        elif known.holds is False and verdict.holds is True:
            done.weaker.append(Bite(name, scenario.name, "no longer found", states))
