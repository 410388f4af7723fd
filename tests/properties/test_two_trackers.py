"""A second tracker comes up in runs of the rules: mistakes in how trackers step down are found, soon."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from machines import Participant
from spec.exploration.model.scenario import Scenario
from tests.properties.rules import Service
from tests.properties.runs import World
from tests.properties.story import Violation
from tests.support.nightly import by_day
from tests.support.two_trackers import HASTY, RUDE, Deaf, Forgetful

EXAMPLES = 60
"""Six times as many as any of these mistakes took."""
STEPS_DOWN = "a tracker steps down when it hears a later one and only then"
MISTAKES: dict[str, tuple[type[Participant], str]] = {
    "it ignores a later hello": (Deaf, STEPS_DOWN),
    "it steps down with a goodbye": (RUDE, STEPS_DOWN),
    "it serves before its own hello": (HASTY, "each step is an exchange that is drawn"),
    "who accepts it is not followed": (Forgetful, "whoever says hello or accepts a client is followed"),
}


@pytest.mark.parametrize("mistake", by_day(MISTAKES, ["it ignores a later hello", "it steps down with a goodbye"]))
def test_a_mistake_is_found(mistake: str) -> None:
    chart, property_ = MISTAKES[mistake]
    known: dict[Scenario, World] = {}

    class Mistaken(Service):
        def world(self, scenario: Scenario) -> World:
            if scenario not in known:
                known[scenario] = World(scenario, {"TorrentServer" if chart is Forgetful else "Tracker": chart})
            return known[scenario]

    with pytest.raises(Violation) as found:
        run_state_machine_as_test(
            Mistaken,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=20,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert found.value.property_ == property_
