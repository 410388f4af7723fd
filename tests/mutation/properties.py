"""How well the property-test suite bites: charts and rules with one fault each, and after how many examples it shows.

`python -m tests.mutation.properties [--sample N] [--seed N] [--level LEVEL] [--examples N] [--seconds N] [--out FILE]
[--write] [NAME ...]` tries faults of the named charts, of `rules`, and those `by hand` (`faults/`), with the rules of
the suite, and prints a table; `--write` puts it into the README of this folder. Several levels (`--level charts
--level driver --level broker`) try the same faults, and stand side by side. What is `equivalent` by its making, or
bisimilar with its chart (`survivors.toml`), is left out, and so is what `equivalents.toml` names, with its reason.

A fault counts as found when a run breaks a property that is not known to be broken, is forbidden by a monitor that
knows our charts only, cannot go on, or has more steps than any run. The level has to have done what breaks it; over a
broker nothing else is judged. What is tried, one after the other (`STAGES`): the tours, the random rules, and both
packet by packet, but for Mosquitto, which nothing can tell to refuse just this packet; rules as functions by
themselves, at the level of the charts. A tour counts as many examples as it has
stops; examples are those of the stage that shows the fault. A fault about which nothing is known after `--seconds` is
not found.
"""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from machines import Clock, DistributionView, Participant, TorrentServer, Tracker
from spec.exploration.model.scenario import Scenario
from tests.mutation import table
from tests.mutation.mutants import mutants_of
from tests.mutation.planting import faults
from tests.mutation.rule_mutants import rule_mutants
from tests.mutation.shares import Bite, known_bites, missed, rows, side_by_side
from tests.properties import brokers, packet_brokers, packet_tour, story, test_limits_of_a_view, test_view_rules
from tests.properties.brokers import OnEmbedded, OnMosquitto
from tests.properties.levels import Charts, Level
from tests.properties.rules import Service
from tests.properties.runs import World, world_key
from tests.properties.story import Violation
from tests.properties.tour import Tour
from tests.properties.wired import Wired
from tests.support.programs import needed

CHARTS = {chart.__name__: chart for chart in (Tracker, TorrentServer, DistributionView, Clock)}
RULES, BY_HAND = "rules", "by hand"
PLACES = ("rules", "view", "tracker", "torrent_server", "clock")
"""Of the faults by hand, those that are in charts and rules."""
LEVELS: Mapping[str, type[Level]] = {
    "charts": Charts,
    "driver": Wired,
    "broker": OnEmbedded,
    "mosquitto": OnMosquitto,
}
ALGEBRA: tuple[ModuleType, ...] = (test_view_rules, test_limits_of_a_view)
PLANTED = "planted"
SLOW = frozenset({"broker", "mosquitto"})
"""The levels at which little is tried, since it takes real time."""
LATE = 5.0
"""Seconds after which nothing more is expected of a broker that has a fault before it."""
OUT_OF_TIME = "out of time"
CONTROL = "no fault"
"""What is tried first at each level: if something is found there, nothing that is found means anything."""
EQUIVALENTS = Path(__file__).with_name("equivalents.toml")


@dataclass(frozen=True)
class Planted:
    """A fault that is tried. `planted` puts it there, and gives the charts that take the place of ours; `rules` is a
    namespace of rules that takes the place of ours, if it is a fault in them.
    """

    of: str
    name: str
    planted: Callable[[], AbstractContextManager[Mapping[str, type[Participant]]]]
    rules: Callable[[], Mapping[str, Any]] = dict


def planted(name: str) -> Iterator[Planted]:
    """The faults of a chart, of the rules, or those by hand, but for those that are equivalent."""
    known = equivalents()
    for one in _planted(name):
        if f"{one.of}: {one.name}" not in known:
            yield one


def _planted(name: str) -> Iterator[Planted]:
    if name == RULES:
        for rule in rule_mutants():
            yield Planted(name, rule.name, _instead("DistributionView", rule.make), rule.namespace)
    elif name == BY_HAND:
        for fault in faults():
            if fault.place in PLACES and not fault.equivalent:
                yield Planted(name, fault.name, fault.planted)
    else:
        equivalent = _bisimilar(name)
        for one in mutants_of(CHARTS[name]):
            if not one.equivalent and one.name not in equivalent:
                yield Planted(name, one.name, _instead(name, one.make))


def _instead(
    name: str, make: Callable[[], type[Participant]]
) -> Callable[[], AbstractContextManager[Mapping[str, type[Participant]]]]:
    return lambda: nullcontext({name: make()})


def _bisimilar(chart: str) -> frozenset[str]:
    rows = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8"))["survivors"]
    return frozenset(name for row in rows if row.get("bisimilar") for name in row["mutants"].get(chart, ()))


def equivalents() -> dict[str, str]:
    """The faults that nothing can tell from ours besides, as `of: name`, and why."""
    rows = tomllib.loads(EQUIVALENTS.read_text(encoding="utf-8"))["equivalent"]
    return {f"{row['of']}: {name}": row["why"] for row in rows for name in row["names"]}


# Trying them.


@dataclass
class Attempt:
    """The suite against one fault, in a process of its own."""

    fault: Planted
    level: str
    examples: int
    tried: int = 0

    def bite(self) -> Bite:
        """Each stage, until one shows it."""
        for name, stage in STAGES.items():
            self.tried = 0
            try:
                stage(self)
            except Violation as violation:
                return self._found(name, violation.property_)
            except Exception as error:  # noqa: BLE001 - a fault may break anything, and is found then
                return self._found(name, f"{type(error).__name__}: {error}"[:100])
        return self._found("", "")

    def _found(self, stage: str, by: str) -> Bite:
        return Bite(self.fault.of, self.fault.name, stage, by, self.tried)

    def begin(self) -> None:
        """Plant it."""
        brokers.PATIENCE = packet_brokers.PATIENCE = LATE
        if LEVELS[self.level] is OnMosquitto:
            OnMosquitto.folder = Path(tempfile.mkdtemp(dir=story.FOLDER))
        self.there = self.fault.planted()
        self.charts = self.there.__enter__()  # its process ends with it
        self.worlds: dict[str, World] = {}

    def world(self, scenario: Scenario) -> World:
        """The closed system of a scenario, with the fault."""
        key = world_key(scenario)
        if key not in self.worlds:
            self.worlds[key] = World(scenario, self.charts)
        return self.worlds[key]

    def count(self, examples: Iterator[object]) -> None:
        """Try each."""
        self.tried += 1  # the one that shows it, if one does
        for _ in examples:
            self.tried += 1

    def machine(self, of: type[RuleBasedStateMachine], examples: int, steps: int, **given: Any) -> None:
        """Try a rule machine, with these attributes."""
        attempt = self

        class Tried(of):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                super().__init__()
                attempt.tried += 1

        for name, value in given.items():
            setattr(Tried, name, value)
        run_state_machine_as_test(Tried, settings=_settings(examples, steps))


def _tours(attempt: Attempt) -> None:
    tour = Tour(attempt.world, level=LEVELS[attempt.level], only_what_runs=attempt.level in SLOW)
    attempt.count(tour.beginnings())
    attempt.count(tour.services())


def _startups(attempt: Attempt) -> None:
    if attempt.level not in packet_tour.LEVELS:
        return
    attempt.count(packet_tour.tour(attempt.charts, packet_tour.LEVELS[attempt.level]))


def _algebra(attempt: Attempt) -> None:
    if attempt.level != "charts" or not attempt.fault.rules():
        return
    for module in ALGEBRA:
        vars(module).update({name: one for name, one in attempt.fault.rules().items() if name in vars(module)})
        for name, test in list(vars(module).items()):
            if name.startswith("test_"):
                attempt.tried += 1
                settings(settings(), phases=[Phase.generate], derandomize=True, database=None, deadline=None)(test)()


def _random(attempt: Attempt) -> None:
    attempt.machine(
        Service,
        attempt.examples,
        20,
        level=LEVELS[attempt.level],
        only_what_runs=attempt.level in SLOW,
        world=lambda _, scenario: attempt.world(scenario),
    )


def _random_packets(attempt: Attempt) -> None:
    if attempt.level not in packet_tour.LEVELS:
        return
    attempt.machine(packet_tour.LEVELS[attempt.level], attempt.examples, 40, charts=attempt.charts)


STAGES: Mapping[str, Callable[[Attempt], None]] = {
    "startups": _startups,
    "tour": _tours,
    "algebra": _algebra,
    "random": _random,
    "packets": _random_packets,
}


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


def bite(fault: Planted, level: str, examples: int, seconds: float) -> Bite:
    """Try the suite against a fault, in another process: what is remembered of its charts goes with it."""
    theirs, ours = multiprocessing.Pipe()
    tried = brokers.few(examples) if level in SLOW else examples
    process = multiprocessing.get_context("fork").Process(target=_tell, args=(Attempt(fault, level, tried), ours))
    process.start()
    ours.close()
    try:
        assert theirs.recv() == PLANTED, f"{fault.of}: {fault.name}: cannot be planted"
        found: Bite = theirs.recv() if theirs.poll(seconds) else Bite(fault.of, fault.name, OUT_OF_TIME, "", 0)
    except EOFError:
        raise RuntimeError(f"{fault.of}: {fault.name}: its process ended before it said what it found") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(int(process.pid or 0), signal.SIGKILL)  # with the Mosquitto that it has started
        process.kill()  # if it was not yet in a group of its own
        process.join()
    return found


def _tell(attempt: Attempt, to: Any) -> None:
    os.setpgid(0, 0)
    attempt.begin()
    to.send(PLANTED)
    to.send(attempt.bite())


def tried(chosen: Sequence[Planted], level: str, given: argparse.Namespace) -> list[Bite]:
    """What each fault comes to at a level; what is known already is not tried again."""
    known = known_bites(given.out, level)
    bites: list[Bite] = []
    for fault in (Planted(CONTROL, CONTROL, lambda: nullcontext({})), *chosen):
        found = known.get((fault.of, fault.name)) or bite(fault, level, given.examples, given.seconds)
        if fault.of == CONTROL:
            if found.by or found.stage:
                raise SystemExit(f"{level}: where there is no fault: {found.by or found.stage}, {found.examples} tried")
        else:
            bites.append(found)
        if given.out and (fault.of, fault.name) not in known:
            with given.out.open("a", encoding="utf-8") as out:
                out.write(json.dumps({"level": level, **vars(found)}) + "\n")
        if fault.of != CONTROL and not found.by:
            print(
                f"not found ({' '.join(filter(None, [level, found.stage]))}): {fault.of}: {fault.name}", file=sys.stderr
            )
    return bites


def main() -> None:
    """Try them."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.properties")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join([*CHARTS, RULES, repr(BY_HAND)]))
    parser.add_argument("--sample", type=int, help="so many of them, by chance (all)")
    parser.add_argument("--seed", type=int, default=1, help="of that chance (1)")
    parser.add_argument(
        "--examples",
        type=int,
        default=100,
        help="of each rule machine, as in the profile ci (100; over a broker fewer)",
    )
    parser.add_argument("--level", choices=[*LEVELS], action="append", help="any number of them (charts)")
    parser.add_argument("--seconds", type=float, default=120.0, help="after which a fault is not found (120)")
    parser.add_argument("--out", type=Path, help="also as JSON lines; what stands there already is not tried again")
    parser.add_argument("--write", action="store_true", help="put the tables into the README of this folder")
    given = parser.parse_args()
    settings.register_profile("ci", max_examples=given.examples, deadline=None)
    settings.load_profile("ci")
    story.FOLDER = Path(tempfile.mkdtemp(prefix="mutants-"))  # not among the failures of the suite
    every = [fault for name in given.names or [*CHARTS, RULES, BY_HAND] for fault in planted(name)]
    chosen = Random(given.seed).sample(every, given.sample) if given.sample else every
    chosen = sorted(chosen, key=every.index)
    levels = [level for level in LEVELS if level in (given.level or ["charts"])]
    if "mosquitto" in levels:
        try:
            OnMosquitto.program = needed("mosquitto")
        except pytest.skip.Exception as missing:
            raise SystemExit(str(missing)) from None
    found = {level: tried(chosen, level, given) for level in levels}
    told = f"{len(chosen)} of {len(every)} faults" + (f", drawn with seed {given.seed}" if given.sample else "")
    told += f", {given.examples} examples of each rule machine"
    told += f" ({brokers.few(given.examples)} over a broker)" if SLOW & {*levels} else ""
    told += f", at most {given.seconds:g} s for each."
    for level, bites in found.items():
        lines = list(rows(bites))
        print(f"{table.LEVELS[level]}:", *lines, "", sep="\n")
        if given.write:
            table.write_section(level, told, lines, missed(bites))
    if len(found) > 1:
        lines = list(side_by_side(found))
        print("All levels:", *lines, sep="\n")
        if given.write:
            table.write_section(table.SIDE_BY_SIDE, told, lines, ())


if __name__ == "__main__":
    main()
