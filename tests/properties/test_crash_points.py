"""Crashes inside a step, where nothing is left to chance: charts and driver, from beginnings of the suite."""

from dataclasses import replace

import pytest

from spec.exploration.model.interruptions import KINDS
from tests.properties.beginnings import beginnings
from tests.properties.levels import Charts, Level
from tests.properties.runs import Run, Step, World
from tests.properties.wired import Wired

EVERY = 24
"""One of so many beginnings is gone to."""


def crashes(level: type[Level]) -> list[Step]:
    """All that can be interrupted at some beginnings, each done at a level. Raises what the level raises."""
    done = []
    for beginning in beginnings()[::EVERY]:
        world = World(replace(beginning.scenario, crash_points=True))
        there = Run(world)
        for _ in there.follow(beginning.steps):
            pass
        for step in there.possible(*KINDS):
            run = Run(world)
            for _ in run.follow(beginning.steps):
                pass
            under_test = level()
            under_test.begin(run)
            run.take(step)
            under_test.do(run, step, "")
            under_test.end()
            done.append(step)
    return done


@pytest.mark.parametrize("level", [Charts, Wired])
def test_a_server_is_as_it_was_stored(level: type[Level]) -> None:
    kinds = {step.label.kind for step in crashes(level)}
    assert kinds >= {"interrupt read", "interrupt publish", "interrupt stop"}, (
        "an expiry publishes only where a server asks again"
    )
