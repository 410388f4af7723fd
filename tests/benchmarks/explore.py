"""Compare searches of the same closed system: our engines, SPIN, and two model checkers in Python.

    python -m tests.benchmarks.explore [--systems small middle 1 2 3] [--scenario NAME] [--repeats 3] [--memory 8000]
        [--tools ...]

A number is the default scenario, or the one of that name, with so many torrent servers.

Each measurement is a process of its own; the repeats of all tools are interleaved, and medians are told. Everything is
delivered and no state stands for others, but in the row `verdict`: the complete answer with symmetry and reductions,
tables and properties included. Our seconds include filling the tables, after a search of a single torrent server so
that all is loaded; in the row `ready` an earlier search of the same system has filled them. Those of SPIN are of the
search alone; what it takes to make it is named apart. minicheck and musil are given the small system only. As both are
meant to be used, successors are functions in Python, here those of the reference search, which has asked every chart
before; in the row `minicheck, table` they stand in a table of integers, computed beforehand. Neither is installed with
the project: `pip install minicheck musil` (musil needs Python 3.12).
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from statistics import median
from typing import Any

from immutabledict import immutabledict

from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import Engine, Found, Progress
from spec.exploration.explore import explore
from spec.exploration.model import reference as plain
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.scenario import Scenario, scenario

Row = dict[str, Any]
SYSTEMS = {
    "small": Scenario("small", torrents=2, faults=immutabledict({"losses": None})),
    "middle": Scenario(
        "middle", torrents=2, timeouts="patient", faults=immutabledict({"losses": None, "stop torrent": 1})
    ),
    "large": Scenario("large", torrents=3, timeouts="patient", faults=immutabledict({"losses": None})),
    "larger": Scenario(
        "larger", torrents=3, timeouts="patient", faults=immutabledict({"losses": 1, "crash tracker": 1})
    ),
}
MOST = 100_000_000
"""States; both foreign checkers ask for a bound."""


def system_of(given: Scenario) -> ClosedSystem:
    return given.build(drop_inert=False)


def told(progress: Progress, seconds: float) -> Row:
    return {"states": progress.states, "transitions": progress.transitions, "seconds": seconds}


def with_engine(name: Engine) -> Callable[[Scenario, int], Row]:
    def measured(given: Scenario, _: int) -> Row:
        engine(name)(system_of(replace(given, torrents=1))).run()
        system = system_of(given)
        begun = time.perf_counter()
        search = engine(name)(system)
        found = search.run()
        ended(found)
        return told(found.progress, time.perf_counter() - begun)

    return measured


def ended(found: Found) -> None:
    if not found.complete:
        raise SystemExit(f"not all states: {found.stopped}")


def ready(given: Scenario, _: int) -> Row:
    system = system_of(given)
    known = engine("compiled")(system)
    ended(known.run())
    begun = time.perf_counter()
    found = engine("compiled")(system, known=known.tables).run()
    return told(found.progress, time.perf_counter() - begun)


def verdict(given: Scenario, _: int) -> Row:
    explore(replace(given, torrents=1))
    begun = time.perf_counter()
    result = explore(given)
    ended(result.found)
    return told(result.found.progress, time.perf_counter() - begun)


def spin(given: Scenario, memory: int) -> Row:
    from spec.exploration.spin import model as promela
    from spec.exploration.spin import runner as program

    system = system_of(given)
    ended(engine()(system).run())
    report = program.run(promela.write(system), memory=memory)
    row = {"states": report.states, "transitions": report.transitions, "seconds": report.seconds}
    return {**row, "compiling": report.compiling, "megabytes": report.megabytes}


def successors(given: Scenario) -> list[list[int]]:
    """For each state, those after it, by number."""
    system = system_of(given)
    numbers = {system.initial(): 0}
    found = []
    rows = [*numbers]
    for row in rows:
        after = []
        for _, then in plain.successors(system, row):
            if then not in numbers:
                numbers[then] = len(numbers)
                rows.append(then)
            after.append(numbers[then])
        found.append(after)
    return found


def in_python(given: Scenario) -> tuple[ClosedSystem, int, int]:
    """A system whose charts have all been asked, how many steps it has, and how many at most from one state."""
    system = system_of(given)
    rows = {system.initial()}
    todo, steps, most = [*rows], 0, 0
    for row in todo:
        after = [then for _, then in plain.successors(system, row)]
        steps, most = steps + len(after), max(most, len(after))
        new = set(after) - rows
        rows |= new
        todo += new
    return system, steps, most


def minicheck(given: Scenario, _: int) -> Row:
    system, steps, _most = in_python(given)
    fields = (*(f"slot {place}" for place in range(len(system.nodes))), "budget")
    return checked(
        fields, system.initial(), lambda row: [("step", then) for _, then in plain.successors(system, row)], steps
    )


def minicheck_table(given: Scenario, _: int) -> Row:
    after = {(at,): [("step", (then,)) for then in found] for at, found in enumerate(successors(given))}
    return checked(("at",), (0,), after.__getitem__, sum(map(len, after.values())))


def checked(fields: tuple[str, ...], initial: tuple[int, ...], steps: Callable[..., Any], transitions: int) -> Row:
    foreign = import_module("minicheck")
    protocol = foreign.Protocol(
        name="system", candidate=False, fields=fields, initial=initial, transitions=steps,
        invariants={"is a state": lambda state: state[fields[0]] >= 0},
    )  # fmt: skip
    begun = time.perf_counter()
    found = foreign.check_safety(protocol, max_states=MOST)
    seconds = time.perf_counter() - begun
    return {"states": found["reachable_states"], "transitions": transitions, "seconds": seconds}


def musil(given: Scenario, _: int) -> Row:
    foreign = import_module("musil")
    system, steps, most = in_python(given)

    @lru_cache(maxsize=1)
    def after(row: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [then for _, then in plain.successors(system, row)]

    def step(place: int) -> Any:
        return foreign.Action(str(place), lambda row: len(after(row)) > place, lambda row: after(row)[place])

    model = foreign.Model(
        init=[system.initial()],
        actions=[step(place) for place in range(most)],
        invariants={"is a state": lambda row: row[-1] >= 0},
        terminal=lambda row: not after(row),
    )
    begun = time.perf_counter()
    found = foreign.check(model, max_states=MOST)
    seconds = time.perf_counter() - begun
    return {"states": found.states_explored, "transitions": steps, "seconds": seconds}


TOOLS: dict[str, Callable[[Scenario, int], Row]] = {
    "compiled": with_engine("compiled"),
    "ready": ready,
    "vectorised": with_engine("vectorised"),
    "verdict": verdict,
    "SPIN": spin,
    "minicheck": minicheck,
    "minicheck, table": minicheck_table,
    "musil": musil,
}
ONLY_SMALL = {"minicheck", "minicheck, table", "musil"}


def missing(tool: str) -> str | None:
    """What to install for a tool, if it is not there."""
    if tool == "SPIN" and not (which("spin") and which("cc")):
        return "not installed; on Debian: apt-get install spin gcc"
    modules = {"compiled": "numba", "ready": "numba", **{one: one.partition(",")[0] for one in ONLY_SMALL}}
    if tool in modules and find_spec(modules[tool]) is None:
        remedy = "pip install 'clientjoin[fast]'" if modules[tool] == "numba" else f"pip install {modules[tool]}"
        return f"not installed; {remedy}" + (" (Python 3.12 or later)" if tool == "musil" else "")
    return None


def measured(tool: str, system: str, memory: int, name: str) -> Row:
    """One run of a tool in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, "--one", tool, "--systems", system, "--scenario", name]
    done = subprocess.run([*command, "--memory", str(memory)], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"}
    row: Row = json.loads(done.stdout)
    return row


def one(tool: str, system: str, memory: int, name: str) -> Row:
    resource.setrlimit(resource.RLIMIT_DATA, (memory << 20, memory << 20))
    given = SYSTEMS.get(system) or replace(scenario(name), torrents=int(system))
    row = TOOLS[tool](given, memory)
    return {"megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, **row}


def table(name: str, runs: dict[str, list[Row]]) -> None:
    """One line for each tool: medians, and against those of SPIN."""
    titles = ("states", "transitions", "seconds", "1000/s", "compiling", "MB", "rate/SPIN", "SPIN s/s")
    print(f"\n{name:18}" + "".join(f"{title:>13}" for title in titles))
    middles = {
        tool: {key: max(0.001, median(row[key] for row in rows)) for key in rows[0]}
        for tool, rows in runs.items()
        if rows and not any("failed" in row for row in rows)
    }
    spin = middles.get("SPIN")
    for tool, rows in runs.items():
        if tool not in middles:
            print(f"{tool:18} {next((row['failed'] for row in rows if 'failed' in row), missing(tool))}")
            continue
        row = middles[tool]
        rate = row["states"] / row["seconds"] / 1000
        cells = [f"{row['states']:,.0f}", f"{row['transitions']:,.0f}", f"{row['seconds']:.2f}", f"{rate:,.0f}"]
        cells += [f"{row['compiling']:.1f}" if "compiling" in row else "", f"{row['megabytes']:,.0f}"]
        if spin:
            cells += [
                f"{rate * 1000 * spin['seconds'] / spin['states']:.2f}",
                f"{spin['seconds'] / row['seconds']:.2f}",
            ]
        print(f"{tool:18}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [*SYSTEMS, *"123456789"]
    parser.add_argument("--systems", nargs="+", choices=known, default=[*SYSTEMS], help="what is searched")
    parser.add_argument("--scenario", default="default", help="of the systems that are a number")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", type=int, default=8000, help="megabytes for each tool")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=[*TOOLS])
    parser.add_argument("--one", choices=TOOLS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given.one, given.systems[0], given.memory, given.scenario)))
        return
    for system in given.systems:
        chosen = [tool for tool in given.tools if system == "small" or tool not in ONLY_SMALL]
        runs: dict[str, list[Row]] = {tool: [] for tool in chosen}
        for _ in range(given.repeats):
            for tool in chosen:
                if missing(tool) is None and not any("failed" in row for row in runs[tool]):
                    runs[tool].append(measured(tool, system, given.memory, given.scenario))
        table(system, runs)


if __name__ == "__main__":
    main()
