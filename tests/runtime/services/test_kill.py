"""kill -9, repeatedly (faults 1, 35): nothing is lost, nothing invented. More of it: `tests.benchmarks.kill_cycles`."""

from pathlib import Path

import pytest

from tests.benchmarks.kill_cycles import cycles


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_lost_by_kills(tmp_path: Path, seed: int) -> None:
    assert cycles(tmp_path, 12, seed=seed, together=4) > 0
