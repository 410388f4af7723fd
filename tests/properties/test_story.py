"""A failure of the suite reads as a story, and what it prints is played again to the same violation."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from typer.testing import CliRunner

from machines import DistributionView, Participant
from machines.calls import ForgetAdmission, Role
from machines.participant import Output
from runtime.cli.main import app
from spec.exploration.model import scenario as scenarios
from spec.exploration.model.scenario import Scenario
from tests.properties.judging import AS_CHARTS
from tests.properties.rules import Service
from tests.properties.runs import World, world_key
from tests.properties.story import Violation
from tests.properties.wired import SteppedServer, Wired


class NeverReleased(DistributionView):
    """A view that does not release what a pending admission was promised."""

    def forget_admission(self, message: ForgetAdmission) -> None:
        return None


PLANTED: Mapping[str, type[Participant]] = {"DistributionView": NeverReleased}


class WithAPlantedFault(Service):
    """The charts, one of which has a fault."""

    views = False
    worlds: ClassVar[dict[str, World]] = {}

    def world(self, scenario: Scenario) -> World:
        key = world_key(scenario)
        if key not in self.worlds:
            self.worlds[key] = World(scenario, PLANTED)
        return self.worlds[key]


class Forgetful(SteppedServer):
    """A driver that sends nothing to a clock."""

    def send(self, role: Role, output: Output) -> None:
        if output.to == "clock" and type(output.message).__name__ == "StopTimeout":
            self.charts["client"].emit(output)
            return
        super().send(role, output)


class Faulty(Wired):
    """Driver and wire, with a fault in the driver."""

    server = Forgetful
    remembers = False


class WithAFaultyDriver(Service):
    """The driver, with a fault."""

    level = Faulty
    views = False


def failing(machine: type[Service], steps: int = 12) -> Violation:
    with pytest.raises(Violation) as found:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=300,
                stateful_step_count=steps,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
                phases=[Phase.generate, Phase.shrink],
            ),
        )
    return found.value


def replayed(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["replay", *arguments])
    return result.exit_code, result.stdout


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Failures are kept in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("elsewhere")
def test_a_planted_fault_is_told_as_a_story_and_played_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    violation = failing(WithAPlantedFault)
    *_, last = str(violation).strip().splitlines()
    assert last == f"To play it again: clientjoin replay {violation.file}"
    assert f"==Broken: {violation.property_}==" in str(violation)
    assert "Tracker->>" in violation.text
    assert len(violation.texts) <= 15, violation.texts
    assert violation.file.read_text(encoding="utf-8") == violation.text
    monkeypatch.setattr(scenarios, "OURS", {**scenarios.OURS, **PLANTED})
    status, told = replayed(str(violation.file))
    assert status == 0, told
    assert f"at their end the property is broken, as the trace says: {violation.property_}" in told
    monkeypatch.undo()
    status, told = replayed(str(violation.file))
    assert status in {1, 2}, "without the fault the property holds"


@pytest.mark.usefixtures("elsewhere")
def test_a_fault_of_the_driver_is_told_with_the_difference() -> None:
    violation = failing(WithAFaultyDriver)
    assert violation.property_ == AS_CHARTS
    assert "clock" in str(violation)
    assert "by its charts" in str(violation)
    assert violation.command == f"clientjoin replay --live {violation.file}"
    status, told = replayed(str(violation.file))
    assert status == 0, told
    assert "all of them were possible" in told
