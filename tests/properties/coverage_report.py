"""`python -m tests.properties.coverage_report`: whether the suite exercises every transition and every arrow.

It goes on the tours, lets servers live for a while, and tries the rules of the suite (level of the charts, packet by
packet, and the broker alone); with `--examples 0` the tours and the lives are all, which is what the tests do. It
prints what was exercised. Exit status 1 if a transition of a chart or an arrow of a diagram was not and
`unexercised.toml` gives no reason, or if it gives one for what was. `--diagrams FOLDER` writes the state diagrams,
coloured by how often each state was left; `--observations FILE` writes what was exercised in the format of Hypothesis'
observability.
"""

import argparse
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from machines.diagrams import mermaid
from spec.binding import load
from spec.notation import read
from tests.properties import broker_tour, packet_tour
from tests.properties.beginnings import beginnings
from tests.properties.broker_alone import BrokerAlone
from tests.properties.coverage import (
    CHARTS,
    OBLIGATIONS,
    Exercised,
    Went,
    decisions,
    transitions,
)
from tests.properties.packets import PacketService
from tests.properties.rules import Service
from tests.properties.simulation import Features, Life
from tests.properties.tour import Tour
from tests.support.places import DIAGRAMS

EXCEPTIONS = Path(__file__).with_name("unexercised.toml")
LIVES = range(1, 9)
"""Seeds of the lives that are lived."""
BESIDE = Features(named=True, retries=2, leaves_will=True, steps_down=True)
REMEDIES = (
    "A transition that nothing exercises is dead, or the suite does not get there. If it is dead, take it out of its",
    "chart. Otherwise look for beginnings anew (python -m tests.properties.beginnings 120), or let a probe or a leg of",
    "a tour in tests/properties reach it (probes.py, packet_tour.py, broker_tour.py). What no run of the suite can",
    "reach stands in tests/properties/unexercised.toml, with the reason and the test that has it.",
)
LIKE = {"RegisteredClient": "TorrentServer"}
BUSY = ((0, "never"), (10, "seldom"), (100, "often"))
"""Up to how often a state was left, and the class that it is coloured as; the last one has no end."""
COLOURS = {"never": "#fecaca", "seldom": "#fef9c3", "often": "#dcfce7"}


@dataclass(frozen=True)
class Arrow:
    """An arrow of a diagram."""

    file: str
    line: int
    went: Went


@cache
def arrows() -> tuple[Arrow, ...]:
    """The arrows of all diagrams of the specification between lifelines that charts play."""
    binding = load()
    found = []
    for file in sorted(DIAGRAMS.glob("*.txt")):
        for message in read(file.read_text(encoding="utf-8"), file=file.name).messages():
            ends = (message.sender or "", message.receiver or "")
            word = binding.word(message.label, ends)
            charts = [binding.players[end].chart for end in ends if end in binding.players]
            if word is not None and len(charts) == len(ends) and all(charts):
                sender, receiver = (LIKE.get(chart, chart) for chart in charts)
                found.append(Arrow(file.name, message.line, Went(sender, word.message, receiver, message.lost)))
    return tuple(found)


def toured(every: int = 1) -> Exercised:
    """What the tours exercise, and servers that live by themselves, with all that the charts know.

    Of `every` beginnings one is visited. Raises what the tours raise.
    """
    exercised = Exercised()
    tour = Tour(exercised=exercised)
    for _ in chain(tour.beginnings(beginnings()[::every]), tour.services()):
        pass
    with exercised.watching():
        for _ in chain(packet_tour.tour({}), broker_tour.tour()):
            pass
        for seed in LIVES:
            Life(seed, features=BESIDE, remembers=False).run()
    return exercised


def tried(examples: int) -> Exercised:
    """The same, and what the rules of the suite exercise in so many examples of each machine."""
    exercised = toured()

    class Told(Service):
        pass

    Told.exercised = exercised
    if examples:
        _try(Told, examples, 20)
        with exercised.watching():
            _try(PacketService, examples, 40)
            _try(BrokerAlone, examples, 40)
    return exercised


def _try(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=how)


# What is missing.


@cache
def exceptions(file: Path = EXCEPTIONS) -> dict[str, str]:
    """What need not be exercised, and why: a transition as `Chart: text`, an arrow as `Sender !Message Receiver`."""
    rows: list[dict[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8")).get("unexercised", [])
    return {name: row["why"] for row in rows for name in row["names"]}


def name_of(went: Went) -> str:
    """How an exception names an arrow."""
    return f"{went.sender} !{went.message} {went.receiver}{', lost' if went.lost else ''}"


def missing(exercised: Exercised, excepted: Iterable[str]) -> Iterator[str]:
    """What was not exercised and has no reason, and what has one and was; each as a sentence."""
    excepted = set(excepted)
    names = {f"{done.chart}: {done.drawn}": exercised.done[done] for done in dict.fromkeys(transitions().values())}
    drawn: Counter[str] = Counter()
    for arrow in arrows():
        drawn[name_of(arrow.went)] += exercised.went[arrow.went]
    for name, count in (*names.items(), *drawn.items()):
        if not count and name not in excepted:
            where = next((f" ({one.file}, line {one.line})" for one in arrows() if name_of(one.went) == name), "")
            yield f"never exercised: {name}{where}"
        elif count and name in excepted:
            yield f"exercised {count} times, though unexercised.toml says why it is not: {name}"
    for name in sorted(excepted - names.keys() - drawn.keys()):
        yield f"no such transition or arrow, though unexercised.toml names it: {name}"


def complaint(found: Iterable[str]) -> str:
    """What a stranger has to know about what is missing; empty if nothing is."""
    lines = [f"  {one}" for one in found]
    return "\n".join((*lines, *REMEDIES)) if lines else ""


# What was exercised.


def table(exercised: Exercised) -> Iterator[str]:
    """Lines of Markdown."""
    yield f"{exercised.runs:,} runs of the closed system, {exercised.steps:,} steps.\n"
    yield "| what | exercised | of |"
    yield "|---|---|---|"
    every = list(dict.fromkeys(transitions().values()))
    for chart in CHARTS:
        own = [done for done in every if done.chart == chart.__name__]
        yield f"| transitions of {chart.__name__} | {sum(exercised.done[one] > 0 for one in own)} | {len(own)} |"
    for chart in CHARTS:
        cells = [cell for cell in decisions() if cell.chart == chart.__name__]
        met = sum(exercised.decided[cell] > 0 for cell in cells)
        yield f"| decisions (state, input) of {chart.__name__} | {met} | {len(cells)} |"
    for file in sorted({arrow.file for arrow in arrows()}):
        here = [arrow for arrow in arrows() if arrow.file == file]
        yield f"| arrows of {file} | {sum(exercised.went[one.went] > 0 for one in here)} | {len(here)} |"
    yield "\n| obligation of the broker | times |"
    yield "|---|---|"
    for obligation in OBLIGATIONS:
        yield f"| {obligation} | {exercised.obliged[obligation]:,} |"
    yield "\n| lost | on hop | expired after it | times |"
    yield "|---|---|---|---|"
    for lost, count in sorted(exercised.lost.items()):
        yield f"| {lost.message} | {lost.hop} | {lost.expired} | {count:,} |"


def coloured(exercised: Exercised, chart: type[Any]) -> str:
    """The state diagram of a chart in Mermaid; red states were never left, green ones often."""
    left: Counter[str] = Counter()
    for done, count in exercised.done.items():
        if done.chart == chart.__name__:
            left[done.drawn.split()[0]] += count
    lines = [line for line in mermaid(chart).splitlines() if not line.strip().startswith(("classDef", "class "))]
    lines += [f"    classDef {name} fill:{colour},color:#111827" for name, colour in COLOURS.items()]
    for state in dict.fromkeys(
        done.drawn.split()[0] for done in transitions().values() if done.chart == chart.__name__
    ):
        shade = next((name for most, name in BUSY if left[state] <= most), BUSY[-1][1])
        lines.append(f"    class {state} {shade}")
    return "\n".join(lines) + "\n"


def observations(exercised: Exercised) -> Iterator[dict[str, Any]]:
    """What was exercised as lines of Hypothesis' observability (type `info`), one for each chart and kind."""
    kinds: tuple[tuple[str, Counter[Any]], ...] = (
        ("transitions", exercised.done),
        ("decisions", exercised.decided),
        ("arrows", exercised.went),
        ("losses", exercised.lost),
    )
    for title, counted in kinds:
        content = {" ".join(map(str, key)): count for key, count in sorted(counted.items())}
        yield {
            "type": "info",
            "run_start": 0.0,
            "property": "tests.properties.rules.Service",
            "title": f"exercised {title}",
            "content": content,
        }


def main() -> None:
    """Try, print, and say what is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.properties.coverage_report")
    parser.add_argument("--examples", type=int, default=300, help="of each machine (300)")
    parser.add_argument("--diagrams", type=Path, help="a folder for the coloured state diagrams")
    parser.add_argument("--observations", type=Path, help="a file for lines of JSON")
    given = parser.parse_args()
    exercised = tried(given.examples)
    print(*table(exercised), sep="\n")
    if given.diagrams:
        given.diagrams.mkdir(parents=True, exist_ok=True)
        for chart in CHARTS:
            (given.diagrams / f"{chart.__name__}.mmd").write_text(coloured(exercised, chart), encoding="utf-8")
    if given.observations:
        lines = (json.dumps(line) + "\n" for line in observations(exercised))
        given.observations.write_text("".join(lines), encoding="utf-8")
    found = complaint(missing(exercised, exceptions()))
    if found:
        print(found, file=sys.stderr)
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
