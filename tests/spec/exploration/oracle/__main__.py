"""Compare the explorer with the oracle on as many random systems as wanted."""

import argparse
import sys
import time

from tests.spec.exploration.oracle.many import KINDS, MORE, MOST, Tally, compared, systems


def main() -> None:
    """Exit status 1 if any system differs; each is told as soon as it is found."""
    parser = argparse.ArgumentParser(prog="python -m tests.spec.exploration.oracle", description=__doc__)
    parser.add_argument("--systems", type=int, default=100, help="how many are compared, beside those too large")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most", type=int, default=MOST, help="configurations of a system, at most")
    parser.add_argument("--kind", choices=sorted({**dict(KINDS), **dict(MORE)}), help="systems of this kind only")
    parser.add_argument("--number", type=int, help="the system of this number only; --kind says of which kind")
    asked = parser.parse_args()
    tally, began = Tally(), time.perf_counter()
    if asked.number is not None:
        compared(asked.kind or KINDS[asked.number % len(KINDS)][0], asked.number, tally, asked.most)
    else:
        for kind, number in systems(asked.seed, asked.kind):
            if tally.systems.total() >= asked.systems:
                break
            told = len(tally.differences)
            compared(kind, number, tally, asked.most)
            _tell(tally, told, time.perf_counter() - began)
    for line in (*([] if asked.number is None else tally.differences), *tally.lines(time.perf_counter() - began)):
        print(line)
    sys.exit(bool(tally.differences))


def _tell(tally: Tally, told: int, seconds: float) -> None:
    for difference in tally.differences[told:]:
        print(difference, flush=True)
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{tally.systems.total():,} systems, {seconds:,.0f} s ")


if __name__ == "__main__":
    main()
