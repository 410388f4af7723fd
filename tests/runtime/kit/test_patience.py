"""Patience counts the seconds in which a server could run; what it and the kit wait for a processor does not count."""

from pathlib import Path

import pytest

from runtime.kit import patience
from runtime.kit.patience import STRETCH, Patience, family


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(patience, "PROCESSES", tmp_path)
    for name, children in (("self", ""), ("7", "8"), ("8", "")):
        task = tmp_path / name / "task" / "1"
        task.mkdir(parents=True)
        (task / "children").write_text(children)
        hold(tmp_path, name, 0.0)
    return tmp_path


def hold(processes: Path, name: str, seconds: float) -> None:
    (processes / name / "task" / "1" / "schedstat").write_text(f"1 {seconds * 1e9:.0f} 1\n")


def test_seconds_count_where_nobody_waits(clock: list[float], processes: Path) -> None:
    given = Patience(3.0, 7)
    assert given.left == 3.0
    clock[0] += 3.0
    assert given.left == 0.0


@pytest.mark.parametrize("who", ["self", "7", "8"])
def test_what_kit_or_server_wait_for_a_processor_is_added(clock: list[float], processes: Path, who: str) -> None:
    """Also what a process waits that the server has started."""
    given = Patience(3.0, 7)
    hold(processes, who, 2.0)
    clock[0] += 3.0
    assert given.left == pytest.approx(2.0)
    clock[0] += 2.0
    assert given.left == 0.0


def test_patience_ends_on_a_machine_that_does_nothing_else(clock: list[float], processes: Path) -> None:
    given = Patience(3.0, 7)
    for second in range(1, STRETCH * 3 + 1):
        assert given.left > 0
        clock[0] += 1.0
        hold(processes, "7", float(second))
    assert given.left == 0.0


def test_where_nothing_is_counted_all_seconds_count(
    clock: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PROCESSES", tmp_path)
    given = Patience(3.0, 7)
    clock[0] += 3.0
    assert given.left == 0.0


def test_a_family_is_a_process_and_what_it_has_started(processes: Path) -> None:
    assert list(family(7)) == [7, 8]
