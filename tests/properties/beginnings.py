"""Where runs of the suite begin: configurations that the explorer's steps reach, and random rules would hardly.

`python -m tests.properties.beginnings [SECONDS]` looks for them anew and writes `beginnings.jsonl`, a line for each:
the scenario, the steps, and what makes it worth to begin there. It goes on from what is new, again and again, and keeps
a short way to each *aspect*: a transition of a chart that is about to be taken, an event in front of its reader, two
torrent servers in two states, a number of admissions pending. Then as few beginnings are kept as together show every
aspect that was met.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from machines.participant import words
from spec.exploration.model.steps import TRACKER, Row
from tests.properties.coverage import Done, done_in
from tests.properties.runs import Run, World, everything

FILE = Path(__file__).with_name("beginnings.jsonl")
LONGEST = 40
"""Steps of a beginning."""
WEIGHTS = {
    "read": 8.0, "forward": 8.0, "publish": 8.0, "start": 4.0, "expire": 2.0, "lose 1": 1.0, "lose 2": 1.0,
    "duplicate": 0.5, "crash": 0.4, "wipe": 0.2, "stop": 0.6, "disconnect": 0.4, "restart": 0.1, "stabilisation": 0.1,
}  # fmt: skip
"""How often each kind of step is tried."""
SEARCHED: tuple[tuple[int, bool], ...] = ((0, True), (0, False), (2, True), (2, False))
"""How many rivals there are among two torrent servers, and whether they are hardened."""


Aspect = tuple[object, ...]


@dataclass(frozen=True)
class Beginning:
    """A way to a configuration."""

    rivals: int
    hardened: bool
    steps: tuple[str, ...]


@cache
def beginnings() -> tuple[Beginning, ...]:
    """All of them, shortest first."""
    lines = map(json.loads, FILE.read_text(encoding="utf-8").splitlines())
    return tuple(Beginning(line["rivals"], line["hardened"], tuple(line["steps"])) for line in lines)


def aspects(world: World, row: Row) -> Iterator[Aspect]:
    """What is worth to be met in a state."""
    states = [world.state(row, component) for component in range(len(world.nodes))]
    for component, state in enumerate(states):
        _, down = world.under_way(row, component)
        if down and world.is_online(row, component):
            yield ("reads", component > TRACKER, state.where, _kind(down[0], world.nodes[component].name))
    yield from (("about to", done.chart, done.drawn) for done in about_to(world, row))
    yield ("beside each other", *sorted(state.where for state in states[1:]))
    pending = len(getattr(states[TRACKER].client.data, "pending", ()))
    yield ("pending", states[TRACKER].where, pending)
    for place, state in enumerate(states[1:], start=1):
        data: Any = states[TRACKER].client.data
        yield ("tracker and torrent", state.where, world.nodes[place].name in data.pending, states[TRACKER].where)


def about_to(world: World, row: Row) -> set[Done]:
    """The transitions of the charts that one of the next steps takes."""
    found: set[Done] = set()
    for step in world.next(row):
        label = step.label
        if label.outcome is not None and label.kind not in {"crash", "wipe", "stabilisation"}:
            found |= done_in(world, row, label)
    return found


def _kind(event: Any, reader: str) -> str:
    client = getattr(event, "client", reader)
    return f"{type(event).__name__}{'' if client == reader else ' of another'}{', again' if event.event_id else ''}"


def search(world: World, seconds: float, chance: Random) -> dict[Aspect, Run]:
    """The shortest run that was found to each aspect."""
    found: dict[Aspect, Run] = {}
    pool: list[Run] = [Run(world)]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run = Run(world, list(chance.choice(pool[-400:] if chance.random() < 0.7 else pool).steps))
        for _ in range(chance.randrange(2, 14)):
            possible = run.possible()
            if not possible or len(run.steps) >= LONGEST:
                break
            run.take(chance.choices(possible, [WEIGHTS[step.label.kind] for step in possible])[0])
            for aspect in aspects(world, run.row):
                if aspect not in found or len(run.steps) < len(found[aspect].steps):
                    if aspect not in found:
                        pool.append(Run(world, list(run.steps)))
                    found[aspect] = Run(world, list(run.steps))
    return found


def covering(found: dict[Aspect, Run]) -> Iterator[tuple[Run, Sequence[Aspect]]]:
    """As few runs as show every aspect, and what each adds; greedily."""
    shows = {id(run): (run, frozenset(aspects(run.world, run.row))) for run in found.values()}
    left = set(found)
    while left:
        run, here = max(shows.values(), key=lambda each: (len(each[1] & left), -len(each[0].steps)))
        yield run, sorted(here & left, key=str)
        left -= here
        del shows[id(run)]


def main() -> None:
    """Look for them, and write them down."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 60.0
    lines: list[dict[str, Any]] = []
    for rivals, hardened in SEARCHED:
        world = World(everything(2, hardened=hardened, conflicting=rivals))
        found = search(world, seconds / len(SEARCHED), Random(1))
        for run, new in covering(found):
            shown = "; ".join(map(_shown, new))
            lines.append({"rivals": rivals, "hardened": hardened, "steps": list(run.texts()), "shows": shown})
        print(f"{rivals} rivals, {'hardened' if hardened else 'as drawn'}: {len(found)} aspects", file=sys.stderr)
    lines.sort(key=lambda line: (len(line["steps"]), line["shows"]))
    FILE.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    print(f"{len(lines)} beginnings in {FILE}", file=sys.stderr)


def _shown(aspect: Aspect) -> str:
    return " ".join(words(part) if isinstance(part, str) else str(part) for part in aspect)


if __name__ == "__main__":
    main()
