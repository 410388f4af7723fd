"""The rules of the suite against the real driver over a real broker: few examples, since each takes real time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.brokers import OnEmbedded, OnMosquitto
from tests.properties.rules import Service

FEW = 25
"""Of so many examples of the other levels, one is tried here."""
FEWEST = 3


class OnTheEmbeddedBroker(Service):
    """Level (c)."""

    level = OnEmbedded


class OnOneMosquitto(Service):
    """Level (c)."""

    level = OnMosquitto


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
            max_examples=max(FEWEST, profile.max_examples // FEW),
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
