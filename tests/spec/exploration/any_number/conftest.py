"""What several of these tests look at."""

import pytest

from spec.exploration.any_number.fixpoint import Fixpoint, fixpoint
from spec.exploration.model.scenario import scenario


@pytest.fixture(scope="session")
def standard() -> Fixpoint:
    return fixpoint(scenario("standard"))
