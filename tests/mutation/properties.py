"""How well the property-test suite bites: charts and rules with one fault each, and after how many examples it shows.

`python -m tests.mutation.properties [--every N] [--examples N] [--level charts|driver] [--out FILE] [NAME ...]` tries
each so-many-th mutant of the named charts, or of `rules`, with the rules of the suite, and prints a table. What is
`equivalent` by its making, or bisimilar with its chart (`survivors.toml`), is left out. A mutant counts as found when a
run breaks a property that is not known to be broken, is forbidden by a monitor that knows our charts only, or cannot go
on. At the level of the charts, what the closed system does not find is tried packet by packet, too (`packets.py`).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from machines import Clock, DistributionView, Participant, TorrentServer, Tracker
from spec.exploration.model.scenario import Scenario
from tests.mutation.mutants import mutants_of
from tests.mutation.rule_mutants import rule_mutants
from tests.properties import story
from tests.properties.levels import Charts, Level
from tests.properties.packets import PacketService
from tests.properties.rules import MONITORED, Service
from tests.properties.runs import World, world_key
from tests.properties.story import Violation
from tests.properties.wired import Wired

CHARTS = {chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock)}
RULES = "rules"
PACKETS = "packet by packet"
LEVELS: Mapping[str, type[Level]] = {"charts": Charts, "driver": Wired}


@dataclass(frozen=True)
class Planted:
    """A fault that is tried; `chart` is the name of the one that is replaced."""

    of: str
    name: str
    chart: str
    make: Any


@dataclass(frozen=True)
class Bite:
    """What showed a fault, and after how many examples; `by` is empty if nothing did."""

    of: str
    name: str
    by: str
    examples: int
    seconds: float


def planted(name: str) -> Iterator[Planted]:
    """The mutants of a chart, or of the rules, but for those that are equivalent."""
    if name == RULES:
        for mutant in rule_mutants():
            yield Planted(name, mutant.name, "DistributionView", mutant.make)
        return
    equivalent = _bisimilar(name)
    for one in mutants_of(CHARTS[name]):
        if not one.equivalent and one.name not in equivalent:
            yield Planted(name, one.name, name, one.make)


def _bisimilar(chart: str) -> frozenset[str]:
    rows = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8"))["survivors"]
    return frozenset(name for row in rows if row.get("bisimilar") for name in row["mutants"].get(chart, ()))


def bite(mutant: Planted, level: str, examples: int) -> Bite:
    """Try the suite against a mutant."""
    charts: dict[str, type[Participant]] = {mutant.chart: mutant.make()}
    worlds: dict[str, World] = {}
    tried = 0

    class Tried(Service):
        def __init__(self) -> None:
            nonlocal tried
            super().__init__()
            tried += 1

        def world(self, scenario: Scenario) -> World:
            key = world_key(scenario)
            if key not in worlds:
                worlds[key] = World(scenario, charts)
            return worlds[key]

    class TriedPackets(PacketService):
        def __init__(self) -> None:
            nonlocal tried
            super().__init__()
            tried += 1

    Tried.level, TriedPackets.charts = LEVELS[level], charts
    began = time.perf_counter()
    by = _shown(Tried, _settings(examples, 20))
    if not by and level == "charts":
        by = _shown(TriedPackets, _settings(examples // 2, 40))
        by = by and f"{PACKETS}: {by}"
    return Bite(mutant.of, mutant.name, by, tried, round(time.perf_counter() - began, 2))


def _shown(machine: type[RuleBasedStateMachine], how: settings) -> str:
    """By what a machine finds that something is wrong; empty if it does not."""
    try:
        run_state_machine_as_test(machine, settings=how)
    except Violation as violation:
        return violation.property_
    except Exception as error:  # noqa: BLE001 - a mutant may break anything, and is found then
        return f"{type(error).__name__}: {error}"[:100]
    return ""


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def table(bites: list[Bite]) -> Iterator[str]:
    """A line of Markdown for each chart."""
    yield "| of | tried | found | share | by a property | by the monitor | packet by packet | median examples |"
    yield "|---|---|---|---|---|---|---|---|"
    for of in (*dict.fromkeys(bite.of for bite in bites), "all"):
        rows = [bite for bite in bites if of in {bite.of, "all"}]
        found = [bite for bite in rows if bite.by]
        monitored = [bite for bite in found if bite.by == MONITORED]
        packets = [bite for bite in found if bite.by.startswith(PACKETS)]
        others = len(found) - len(monitored) - len(packets)
        median = statistics.median(bite.examples for bite in found) if found else 0
        yield (
            f"| {of} | {len(rows)} | {len(found)} | {len(found) / len(rows):.1%} | {others} "
            f"| {len(monitored)} | {len(packets)} | {median:g} |"
        )


def main() -> None:
    """Try them."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.properties")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*CHARTS, RULES]))
    parser.add_argument("--every", type=int, default=1, help="try each so-many-th mutant (1)")
    parser.add_argument("--examples", type=int, default=100, help="at most so many examples for each (100)")
    parser.add_argument("--level", choices=[*LEVELS], default="charts")
    parser.add_argument("--out", type=Path, help="also as JSON lines")
    given = parser.parse_args()
    story.FOLDER = Path(tempfile.mkdtemp(prefix="mutants-"))  # not among the failures of the suite
    bites = []
    for name in given.names or [*CHARTS, RULES]:
        for mutant in list(planted(name))[:: given.every]:
            found = bite(mutant, given.level, given.examples)
            bites.append(found)
            if given.out:
                with given.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps({"level": given.level, **vars(found)}) + "\n")
            if not found.by:
                print(f"not found: {name}: {mutant.name}", file=sys.stderr)
    print(*table(bites), sep="\n")


if __name__ == "__main__":
    main()
