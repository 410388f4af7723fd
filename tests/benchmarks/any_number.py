"""Times and sizes for any number of torrent servers: `python -m tests.benchmarks.any_number [SCENARIO...]`.

For each scenario, as drawn and hardened: the states with two servers, the views of any number, steps, rounds, seconds
of the fixpoint (all rounds) and of termination, and the most memory of a process of its own.
"""

import resource
import sys
import time
from dataclasses import replace
from multiprocessing import get_context

from spec.exploration.any_number import termination
from spec.exploration.any_number.fixpoint import Options, fixpoint
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.verdicts import is_quiescent
from spec.exploration.explore import explore
from spec.exploration.model.scenario import scenario, scenarios

SKIPPED = ("alone", "replaced-twice", "both-hops")
"""One server, and two whose states are many."""


def measured(name: str, hardened: bool) -> str:
    """A line of the table."""
    chosen = replace(scenario(name), hardened=hardened)
    try:
        done = fixpoint(chosen, Options())
    except NotInterchangeable as why:
        return f"| {name} | {'hardened' if hardened else ''} | | open: {why} | | | | | |"
    began = time.perf_counter()
    unproved = termination.unproved(done, is_quiescent) if done.complete else None
    terminates = f"{time.perf_counter() - began:.1f}{' (open)' if unproved else ''}" if done.complete else ""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    two = explore(replace(chosen, torrents=2), properties=()).found.progress
    views = f"{done.views:,}" if done.complete else f"open: {done.stopped}"
    return (
        f"| {name} | {'hardened' if hardened else ''} | {two.states:,} ({two.seconds:.1f} s) | {views} "
        f"| {done.steps:,} | {done.rounds} | {done.seconds:.1f} | {terminates} | {memory:,} |"
    )


def main(names: list[str]) -> None:
    """Print the table."""
    print("| scenario | | N = 2 | views of any N | steps | rounds | s | termination, s | MB |")
    print(f"|{'---|' * 9}")
    chosen = names or [name for name in scenarios() if name not in SKIPPED]
    for name in chosen:
        for hardened in (False, True):
            with get_context("spawn").Pool(1) as pool:
                print(pool.apply(measured, (name, hardened)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
