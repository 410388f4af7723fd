"""What several of these tests look at."""

import pytest

from spec.exploration.any_number.charts_verdicts import AnswerOfCharts, answer_of_charts
from spec.exploration.any_number.fixpoint import Fixpoint, fixpoint
from spec.exploration.model.scenario import scenario
from spec.exploration.properties.foreign import PROPERTIES
from tests.data.lock_service.charts import one_at_a_time_holds_the_lock
from tests.spec.exploration.any_number.charts_agreement import every_run_terminates, lock


@pytest.fixture(scope="session")
def standard() -> Fixpoint:
    return fixpoint(scenario("standard"))


@pytest.fixture(scope="session")
def answered() -> AnswerOfCharts:
    """The lock service."""
    return answer_of_charts(lock(), (*PROPERTIES, one_at_a_time_holds_the_lock, every_run_terminates))
