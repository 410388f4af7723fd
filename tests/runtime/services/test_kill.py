"""kill -9, repeatedly (faults 1, 35): nothing is lost, nothing invented. More of it: `tests.benchmarks.kill_cycles`."""

from pathlib import Path

from tests.benchmarks.kill_cycles import cycles
from tests.support.nightly import share


def test_nothing_is_lost_by_kills(tmp_path: Path) -> None:
    assert cycles(tmp_path, share(16), seed=1, together=4) > 0
