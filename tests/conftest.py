"""What tests need beside Python, and where it is missing: skipped by hand, failed in CI."""

import pytest

from tests.support.programs import needed


@pytest.fixture(scope="session")
def mosquitto_program() -> str:
    return needed("mosquitto")


@pytest.fixture(scope="session")
def graphviz_program() -> str:
    return needed("dot")


@pytest.fixture(scope="session")
def spin_programs() -> tuple[str, str]:
    """SPIN, and the C compiler that it needs."""
    return needed("spin"), needed("cc")
