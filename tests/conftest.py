"""What tests need beside Python, and where it is missing: skipped by hand, failed in CI."""

import os
import shutil

import pytest


def needed(program: str) -> str:
    """Where a program is; the test that asks is skipped without it, and fails where CI is set."""
    path = shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if path is None:
        reason = f"the program {program!r} is not installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


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
