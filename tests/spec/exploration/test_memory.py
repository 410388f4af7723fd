"""A search stops gracefully before there is no memory left, and says so."""

import mmap
import resource
from importlib.util import find_spec
from pathlib import Path

import pytest
from immutabledict import immutabledict

from spec.exploration.engine import memory
from spec.exploration.engine import search as breadth
from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.engine.tables import Tables
from spec.exploration.explore import Options, explore
from spec.exploration.model.scenario import Scenario, scenario
from tests.support.engines import ENGINES

SMALL = Scenario("small", torrents=2, timeouts="patient", faults=immutabledict({"losses": 1}))
GIGA = 1 << 30


def searched(name: breadth.Engine) -> BreadthFirst:
    return engine(name)(SMALL.build(drop_inert=False))


@pytest.mark.parametrize("name", ENGINES)
def test_where_there_is_enough_a_search_is_complete(name: breadth.Engine) -> None:
    found = searched(name).run()
    assert found.complete
    assert not found.stopped


@pytest.mark.parametrize("name", ENGINES)
def test_it_stops_before_there_is_none(name: breadth.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    states = searched(name).run().progress.states
    monkeypatch.setattr(breadth, "ROOM", 256)
    full = 1 << 16

    def left() -> int:
        """The more states, the less."""
        return full - 100 * search.count

    monkeypatch.setattr(breadth, "free", left)
    monkeypatch.setattr(Tables, "largest", 0)
    search = searched(name)
    found = search.run()
    assert not found.complete
    assert "memory" in found.stopped
    assert 64 < found.progress.states < states
    assert search.row(search.count - 1)


def test_or_before_a_table_that_may_have_to_grow_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables, "largest", GIGA << 20)
    assert "memory" in searched("auto").run().stopped


def test_without_memory_for_its_graph_liveness_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    complete = explore(scenario("standard"))
    assert all(verdict.holds for verdict in complete.verdicts if verdict.property_.when == "termination")
    monkeypatch.setattr(BreadthFirst, "step_size", GIGA << 20)
    if find_spec("numba"):
        from spec.exploration.engine.compiled.search import Search

        monkeypatch.setattr(Search, "step_size", GIGA << 20)
    result = explore(scenario("standard"))
    assert result.found.complete
    assert {verdict.holds for verdict in result.verdicts if verdict.property_.when == "termination"} == {None}


def test_a_limit_is_about_the_whole_process() -> None:
    result = explore(SMALL, Options(memory=1))
    assert not result.found.complete
    assert "memory" in result.found.stopped
    assert explore(SMALL, Options(memory=memory.used() + GIGA)).found.complete


def test_how_much_a_process_takes() -> None:
    before = memory.used()
    with mmap.mmap(-1, 1 << 26) as taken:  # not from the heap, which may still hold what was given back
        taken.write(b"x" * (1 << 26))
        assert before + (1 << 25) < memory.used() < before + (1 << 28)
    assert memory.free() is None or memory.free() > 0  # type: ignore[operator]


def test_a_process_can_have_limits_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {resource.RLIMIT_AS: resource.RLIM_INFINITY, resource.RLIMIT_DATA: 1}
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (limits[limit], resource.RLIM_INFINITY))
    assert memory._of_limits() == [0]
    assert memory.free() == 0
    limits[resource.RLIMIT_DATA] = resource.RLIM_INFINITY
    assert memory._of_limits() == []


def test_a_container_can_have_less_than_its_machine(tmp_path: Path) -> None:
    assert memory._of_group(tmp_path) is None
    (tmp_path / "memory.current").write_text("700\n", encoding="ascii")
    (tmp_path / "memory.stat").write_text("anon 400\ninactive_file 200\nactive_file 100\n", encoding="ascii")
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert memory._of_group(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n", encoding="ascii")
    assert memory._of_group(tmp_path) == 500
