"""What the explorer says of runs, checked against the oracle, on random systems.

python -m tests.spec.exploration.agreement 5000 --seed 7
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from random import Random
from typing import Any, NamedTuple

from spec.exploration.explore import Options, explore
from spec.exploration.model.closed import Unbounded
from spec.exploration.model.steps import Row
from spec.exploration.properties.language import Properties, Property, instances
from tests.spec.exploration.fair_runs import Oracle, TooLarge
from tests.spec.exploration.random_systems import every_run_terminates, of_charts, of_runs, of_tables, seen

MOST = 90
"""States of a system that the oracle lists."""
PROPERTIES = 6
"""Properties about each, beside that it terminates."""


class Case(NamedTuple):
    """A random system, properties about its runs, and what the oracle says of these."""

    seed: int
    system: Any
    properties: tuple[Property, ...]
    oracle: Oracle
    expected: tuple[bool | None, ...]


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """So many systems that are small enough; the same for the same seed."""
    found = 0
    for number in itertools.count(seed * 1_000_003):
        if found == count:
            return
        case = made(number)
        if case is not None:
            found += 1
            yield case


def made(number: int) -> Case | None:
    """The system of a number; None if it is too large."""
    chance = Random(number)
    system: Any = of_charts(chance) if chance.random() < 1 / 2 else of_tables(chance)
    whole = system.build(drop_inert=False)
    try:
        oracle = Oracle(whole, MOST)
    except (TooLarge, Unbounded):
        return None
    names = tuple(node.name for node in whole.nodes)
    properties = (every_run_terminates, *(of_runs(chance, names, place) for place in range(PROPERTIES)))
    return Case(number, system, properties, oracle, tuple(expected(oracle, one) for one in properties))


def expected(oracle: Oracle, property_: Property) -> bool | None:
    """What the oracle says of a property; None if its premise holds nowhere."""
    if property_.when == "termination":
        return oracle.may_stay()
    judge = Properties(oracle.system, (), seen)
    names = [node.name for node in oracle.system.nodes]
    verdicts = []
    for instance in instances((property_,), names):
        answers = {row: judge.answer(instance, row) for row in oracle.steps}
        asked = [row for row, (premise, _) in answers.items() if premise]
        if property_.when == "eventually":
            asked = [row for row in asked if row == oracle.system.initial()]

        def is_met(row: Row, answers: Any = answers) -> bool:
            return bool(answers[row][1])

        verdicts.append(oracle.leads_to(asked, is_met) if asked else None)
    if False in verdicts:
        return False
    return True if True in verdicts else None


def options(number: int) -> Iterator[Options]:
    """Ways to search: the plainest, the one with all reductions, and one in between, with the engines in turn."""
    engines: list[Any] = ["vectorised", "compiled"] if find_spec("numba") else ["vectorised"]
    for place, (symmetric, reduced) in enumerate(((True, True), (False, False), (number % 2 == 0, number % 2 == 1))):
        yield Options(symmetric=symmetric, reduced=reduced, engine=engines[(number // 2 + place) % len(engines)])


def difference(case: Case) -> str:
    """Where the explorer is wrong about a case; empty if nowhere."""
    for chosen in options(case.seed):
        result = explore(case.system, chosen, case.properties, seen)
        told = tuple(verdict.holds for verdict in result.verdicts)
        searched = f"{case.seed} ({chosen.engine}, symmetric={chosen.symmetric}, reduced={chosen.reduced})"
        if told != case.expected:
            return f"{searched}: {told} instead of {case.expected}"
        for verdict in result.verdicts:
            if verdict.holds is False and not _is_shown(case, verdict):
                return f"{searched}: the run does not show what it is to show"
    return ""


def _is_shown(case: Case, verdict: Any) -> bool:
    """Whether the run of a verdict ends fairly, and breaks the property by how it ends."""
    system = case.oracle.system
    rows, labels = [system.initial()], []
    for label, _ in verdict.run:
        (row,) = {then for other, then in case.oracle.steps[rows[-1]] if other == label}
        rows.append(row)
        labels.append(label)
    repeats = verdict.repeats
    if not case.oracle.is_fair_end(rows, labels, repeats):
        return False
    if verdict.property_.when == "termination":
        return repeats > 0 or not case.oracle.is_quiescent(rows[-1])
    judge = Properties(system, (), seen)
    for instance in instances((verdict.property_,), [node.name for node in system.nodes]):
        answers = [judge.answer(instance, row) for row in rows]
        begins = range(len(rows) - repeats) if verdict.property_.when == "leads-to" else range(1)
        if any(answers[begin][0] and not any(met for _, met in answers[begin:]) for begin in begins):
            return True
    return False


def main() -> None:
    """Look at many systems, and say how many of each kind there were."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    kinds: Counter[Any] = Counter()
    for case in cases(asked.count, asked.seed):
        kinds.update(
            (type(case.system).__name__, one.when, found)
            for one, found in zip(case.properties, case.expected, strict=True)
        )
        wrong = difference(case)
        if wrong:
            raise SystemExit(wrong)
    for kind, number in sorted(kinds.items(), key=repr):
        print(number, *kind)


if __name__ == "__main__":
    main()
