"""Many clients ask one tracker at once: a sample of `python -m tests.benchmarks.crowd`."""

from pathlib import Path

import pytest

from tests.benchmarks.crowd import joined
from tests.support.mqtt_clients import live


@pytest.mark.broker
@live
async def test_all_of_a_crowd_are_registered_and_stored(tmp_path: Path) -> None:
    """Fault 14."""
    await joined(tmp_path, 150)
