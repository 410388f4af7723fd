"""Any number of torrent servers, beside two and three of them: `python -m tests.benchmarks.any_number [SCENARIO...]`.

For each scenario, as drawn and hardened, in processes of their own: the states with two and with three servers by the
explorer and by SPIN, and the views of any number with their steps, rounds, seconds of the fixpoint (all rounds) and of
termination, and the most memory. Ours are seconds of CPU, of SPIN those of its search alone, which knows no symmetry
and no undelivered messages. What has more states than `--most` is not searched to its end, and not given to SPIN.
"""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from shutil import which

from spec.exploration.any_number import termination
from spec.exploration.any_number.fixpoint import Options, fixpoint
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.verdicts import is_quiescent
from spec.exploration.engine.choice import engine
from spec.exploration.explore import Options as OfExplorer
from spec.exploration.explore import explore
from spec.exploration.model.scenario import Scenario, scenario, scenarios
from spec.exploration.spin import model as promela
from spec.exploration.spin import runner

SKIPPED = ("alone", "replaced-twice", "both-hops")
"""One server, and two whose states are many."""
TITLES = ("scenario", "", "N = 2", "N = 3", "SPIN, N = 2", "SPIN, N = 3")
OURS = ("views of any N", "steps", "rounds", "s", "termination, s", "MB")


def of_number(servers: int, chosen: Scenario, most: int) -> str:
    """States with so many servers, with all reductions, and seconds of CPU."""
    began = time.process_time()
    found = explore(replace(chosen, torrents=servers), OfExplorer(most=most), properties=()).found
    if not found.complete:
        return f"> {most:,}"
    return f"{found.progress.states:,} ({time.process_time() - began:.1f} s)"


def of_spin(servers: int, chosen: Scenario, most: int) -> str:
    """States that SPIN finds with so many servers, and its seconds."""
    system = replace(chosen, torrents=servers).build(drop_inert=False)
    if not engine()(system, most=most).run().complete:
        return f"> {most:,}"
    try:
        report = runner.run(promela.write(system), timeout=300)
    except runner.SpinError as why:
        return f"none: {str(why).partition(';')[0]:.60}"
    return f"{report.states:,} ({report.seconds:.1f} s)"


def of_any_number(chosen: Scenario, most: int) -> str:
    """Views, steps, rounds, seconds of CPU of the fixpoint and of termination, and memory."""
    began = time.process_time()
    try:
        done = fixpoint(chosen, Options(most=10 * most))
    except NotInterchangeable as why:
        return f"open: {why} |" + " |" * (len(OURS) - 2)
    searched = time.process_time()
    unproved = termination.unproved(done, is_quiescent) if done.complete else None
    terminates = f"{time.process_time() - searched:.1f}{' (open)' if unproved else ''}" if done.complete else ""
    views = f"{done.views:,}" if done.complete else f"open: {done.stopped}"
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return f"{views} | {done.steps:,} | {done.rounds} | {searched - began:.1f} | {terminates} | {memory:,}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", default=[name for name in scenarios() if name not in SKIPPED])
    parser.add_argument("--most", type=int, default=5_000_000, help="states; ten times as many views")
    given = parser.parse_args()
    with_spin = bool(which("spin") and which("cc"))
    if not with_spin:
        print("SPIN is not installed; on Debian: apt-get install spin gcc\n")
    cells: list[Callable[[Scenario, int], str]]
    cells = [partial(of_number, 2), partial(of_number, 3), partial(of_spin, 2), partial(of_spin, 3), of_any_number]
    chosen = [cell for cell in cells if with_spin or getattr(cell, "func", None) is not of_spin]
    titles = [title for title in (*TITLES, *OURS) if with_spin or not title.startswith("SPIN")]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for name in given.scenarios:
        for hardened in (False, True):
            print(f"| {name} | {'hardened' if hardened else ''} |", end="", flush=True)
            for cell in chosen:
                with get_context("spawn").Pool(1) as pool:
                    print("", pool.apply(cell, (replace(scenario(name), hardened=hardened), given.most)), end=" |")
            print(flush=True)


if __name__ == "__main__":
    main()
