"""Random runs of a closed system, for sizes that no exhaustive search can cover."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spec.exploration.explore import Explorable, Verdict
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.steps import Label, Row
from spec.exploration.properties.client_join import CLAIMS, side_of
from spec.exploration.properties.language import OF_RUNS, Claim, Claims, Observe
from spec.exploration.traces.elaboration import Run
from spec.exploration.traces.story import Story, steps_of, tell

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
    claims: Sequence[Claim] = CLAIMS,
    observe: Observe = side_of,
    tell_progress: Callable[[int, int], None] = lambda _runs, _states: None,
) -> Simulation:
    """Take `runs` random runs of at most `length` steps; the same seed takes the same runs."""
    began = time.perf_counter()
    chance = random.Random(seed)  # noqa: S311 - it has to be repeatable, not secret
    system = scenario.build(drop_inert=False)
    watched = Claims(system, (), observe)
    judged: dict[Row, tuple[frozenset[str], frozenset[str]]] = {}
    shortest: dict[str, Run] = {}
    exercised: set[str] = set()
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
                row = run[-1][1]
                steps += 1
                if row not in judged:
                    judged[row] = watched.judge(row, claims)
                broken, premised = judged[row]
                exercised |= premised
                for name in broken:
                    if name not in shortest or len(run) < len(shortest[name]):
                        shortest[name] = tuple(run)
            tell_progress(done, len(judged))
    except KeyboardInterrupt:
        pass
    verdicts = tuple(_verdict(system, scenario, one, shortest.get(one.name), one.name in exercised) for one in claims)
    return Simulation(done, steps, len(judged), time.perf_counter() - began, verdicts)


def _verdict(system: ClosedSystem, scenario: Explorable, claim: Claim, run: Run | None, exercised: bool) -> Verdict:
    if run is None:
        reason = "random runs are cut short, and say nothing of how runs go on" if claim.when in OF_RUNS else NOT_ALL
        applies = claim.applies_to(system)
        return Verdict(claim, None, exercised, applies=applies, reason=reason if applies else "")
    story = Story(scenario, claim.name, steps_of(system, run))
    return Verdict(claim, False, exercised, run, tell(system, story, run))
