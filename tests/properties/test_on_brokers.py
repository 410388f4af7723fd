"""The rules of the suite against the real driver over a real broker: few examples, since each takes real time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties import packet_tour
from tests.properties.brokers import OnEmbedded, OnMosquitto, few
from tests.properties.levels import gone_along
from tests.properties.packet_brokers import BrokeredService, BrokeredSystem
from tests.properties.rules import Service
from tests.properties.runs import Run, Step, everything, world_of

PART = 36
"""Of so many legs of the tour of the startups one is gone."""


class OnTheEmbeddedBroker(Service):
    """Level (c)."""

    level = OnEmbedded
    interrupts = False


class OnOneMosquitto(Service):
    """Level (c)."""

    level = OnMosquitto
    interrupts = False


@pytest.fixture
def mosquitto(mosquitto_program: str, tmp_path: Path) -> Iterator[None]:
    OnMosquitto.program, OnMosquitto.folder = mosquitto_program, tmp_path
    yield
    if OnMosquitto.running is not None:
        OnMosquitto.running.kill()
        OnMosquitto.running = None


def tried(machine: type[Service]) -> None:
    profile = settings()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=few(profile.max_examples),
            stateful_step_count=8,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.target],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_over_the_embedded_broker_the_driver_is_as_its_charts() -> None:
    tried(OnTheEmbeddedBroker)


@pytest.mark.usefixtures("mosquitto")
def test_over_mosquitto_the_driver_is_as_its_charts() -> None:
    tried(OnOneMosquitto)


def test_drivers_start_over_a_real_broker_packet_by_packet() -> None:
    legs = list(packet_tour.legs())[::PART]
    try:
        assert len(list(packet_tour.tour({}, BrokeredService, legs))) == len(legs)
    finally:
        BrokeredSystem.stop()


def test_what_an_ended_session_sent_still_comes() -> None:
    """A run begins there: no session of it is open any more."""
    run = Run(world_of(everything()))
    for kind in ("start", "publish", "disconnect", "forward"):
        run.take(next(step for step in run.possible(kind) if not _is_cut(step)))
    assert gone_along(OnEmbedded, run, len(run.steps) - 1)[1] == ""


def _is_cut(step: Step) -> bool:
    """Whether a connection breaks before what was sent has come."""
    return step.label.kind == "disconnect" and not step.label.arrive
