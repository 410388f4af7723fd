"""Random runs of a closed system, for sizes that no exhaustive search can cover."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spec.exploration.explore import Explorable, Verdict
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.steps import Label, Row
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import OF_RUNS, Observe, Properties, Property
from spec.exploration.properties.steps import judged as judged_step
from spec.exploration.traces.elaboration import Run
from spec.exploration.traces.rendering import Trace, render, steps_of
from spec.exploration.traces.summary import what_happens

NOT_ALL = "random runs do not meet all states"


@dataclass(frozen=True)
class Simulation:
    """What random runs met. A claim that they did not break may still be broken."""

    runs: int
    steps: int
    states: int
    """How many different ones were met."""
    seconds: float
    verdicts: tuple[Verdict, ...]


def simulate(
    scenario: Explorable,
    runs: int,
    length: int,
    seed: int,
    properties: Sequence[Property] = PROPERTIES,
    observe: Observe = side_of,
    tell_progress: Callable[[int, int], None] = lambda _runs, _states: None,
) -> Simulation:
    """Take `runs` random runs of at most `length` steps; the same seed takes the same runs."""
    began = time.perf_counter()
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable, not secret
    system = scenario.build(drop_inert=False)
    watched = Properties(system, (), observe)
    judged: dict[Row, tuple[frozenset[str], frozenset[str]]] = {}
    shortest: dict[str, Run] = {}
    non_vacuous: set[str] = set()
    steps = 0
    done = 0
    try:
        for done in range(1, runs + 1):
            run: list[tuple[Label, Row]] = []
            row = system.initial()
            for _ in range(length):
                found = list(successors(system, row))
                if not found:
                    break
                run.append(chance.choice(found))
                broken, premised = judged_step(system, row, run[-1][0], properties)
                non_vacuous |= premised
                for name in broken:
                    if name not in shortest or len(run) < len(shortest[name]):
                        shortest[name] = tuple(run)
                row = run[-1][1]
                steps += 1
                if row not in judged:
                    judged[row] = watched.judge(row, properties)
                broken, premised = judged[row]
                non_vacuous |= premised
                for name in broken:
                    if name not in shortest or len(run) < len(shortest[name]):
                        shortest[name] = tuple(run)
            tell_progress(done, len(judged))
    except KeyboardInterrupt:
        pass
    verdicts = tuple(
        _verdict(system, scenario, one, shortest.get(one.name), one.name in non_vacuous) for one in properties
    )
    return Simulation(done, steps, len(judged), time.perf_counter() - began, verdicts)


def _verdict(
    system: ClosedSystem, scenario: Explorable, property_: Property, run: Run | None, non_vacuous: bool
) -> Verdict:
    if run is None:
        reason = (
            "random runs are cut short, and say nothing of how runs go on" if property_.when in OF_RUNS else NOT_ALL
        )
        applies = property_.applies_to(system)
        return Verdict(property_, None, non_vacuous, applies=applies, reason=reason if applies else "")
    trace = Trace(scenario, property_.name, steps_of(system, run))
    happens = what_happens([node.name for node in system.nodes], run)
    return Verdict(property_, False, non_vacuous, run, render(system, trace, run), happens=happens)
