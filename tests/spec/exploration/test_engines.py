"""The engines find the same as the reference search, and as each other."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from immutabledict import immutabledict

from spec.exploration.engine import packing
from spec.exploration.engine import search as breadth
from spec.exploration.engine.choice import engine
from spec.exploration.engine.search import BreadthFirst, Engine
from spec.exploration.explore import run_of
from spec.exploration.model import reference as plain
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.surroundings import Kept
from spec.exploration.properties.client_join import PROPERTIES, side_of
from spec.exploration.properties.language import Properties
from tests.support.engines import ENGINES, engines
from tests.support.nightly import by_day


def made(torrents: int, faults: Mapping[str, int | None], **keys: Any) -> Scenario:
    return Scenario("made", torrents=torrents, faults=immutabledict(faults), **keys)


SCENARIOS = {
    "losses": made(1, {"losses": None, "crash tracker": 1}),
    "stabilisation": made(1, {"losses": None, "stop torrent": 1, "wipe torrent": 1}, stabilisation=True),
    "patient": made(2, {"losses": 1}, timeouts="patient", loses=frozenset({"ClientJoinAccepted"})),
    "hops": made(1, {"losses": 1, "crash torrent": 1}, keeps_hops=True, stabilisation=True),
    "unordered": made(1, {"losses": 1, "stop torrent": 1}, unordered=True),
    "duplicates": made(1, {"duplicates": 1, "losses": 1}),
    "bounded": made(1, {"losses": 1, "duplicates": 1, "broker restart": 1}),
    "files": made(1, {"storage failure": 1, "losses": 1, "crash torrent": 1}, files=True),
    "second tracker": made(1, {"stop tracker": 1}, timeouts="never", second_trackers=1),
    "conflict": made(2, {"losses": 1}, conflicting=2, timeouts="never"),
}
THREE = made(3, {}, timeouts="never")


def size(search: BreadthFirst) -> tuple[int, int, int]:
    progress = search.progress
    return progress.states, progress.transitions, progress.depth


def built(scenario: Scenario) -> ClosedSystem:
    """The reduced system, with all that has to be delivered."""
    kept = Kept()
    while True:
        system = scenario.build(kept=kept)
        try:
            engine("vectorised")(system).run()
        except NotInert:
            continue
        return system


def searched(name: Engine, system: ClosedSystem, permutations: tuple[tuple[int, ...], ...] = ()) -> BreadthFirst:
    search = engine(name)(system, permutations)
    assert search.run().complete
    return search


@pytest.mark.parametrize("name", by_day(SCENARIOS, ["second tracker"]))
def test_all_engines_find_what_the_plain_search_finds(name: str) -> None:
    system = SCENARIOS[name].build(drop_inert=False)
    found = {name: searched(name, system) for name in engines()}
    assert {name: size(search) for name, search in found.items()} == dict.fromkeys(found, plain.explore(system))
    for search in found.values():
        assert len({search.row(at) for at in range(search.count)}) == search.count


@pytest.mark.parametrize("name", ["stabilisation", "conflict"])
def test_the_same_with_fewer_deliveries(name: str) -> None:
    system = built(SCENARIOS[name])
    for one in engines():
        assert size(searched(one, system)) == plain.explore(system)


@pytest.mark.parametrize("scenario", by_day([SCENARIOS["conflict"], SCENARIOS["patient"], THREE], [THREE]))
def test_symmetry_counts_one_state_of_each_kind(scenario: Scenario) -> None:
    system = built(scenario)
    everything = searched("vectorised", system)
    permutations = permutations_of(len(system.nodes), scenario.interchangeable_groups())
    kinds = {plain.canonical(system, everything.row(at), permutations) for at in range(everything.count)}
    sizes = set()
    for one in engines():
        search = searched(one, system, permutations)
        assert {plain.canonical(system, search.row(at), permutations) for at in range(search.count)} == kinds
        sizes.add(size(search))
    assert len(sizes) == 1


def test_keys_of_several_words(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SCENARIOS["patient"]
    expected = size(searched("vectorised", built(scenario)))
    monkeypatch.setattr(packing, "WORD", 18)
    for name in engines():
        system = built(scenario)
        permutations = permutations_of(len(system.nodes), scenario.interchangeable_groups())
        search = searched(name, system)
        assert search.words > 1
        assert size(search) == expected
        assert searched(name, system, permutations).count < search.count


def test_keys_are_packed_anew_where_a_field_is_too_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = size(searched("vectorised", built(SCENARIOS["hops"])))
    monkeypatch.setattr(packing, "WORD", 22)
    for name in engines():
        system = built(SCENARIOS["hops"])
        assert size(searched(name, system)) == expected


def test_numbers_given_after_a_search_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace that is told numbers more: renamed states, say, for which the fields of the keys may be too narrow."""
    for name in engines():
        search = searched(name, built(SCENARIOS["losses"]))
        with monkeypatch.context() as patch:
            patch.setattr(packing, "fits", lambda *_: False)
            sources, targets = search.edges(search.tables.without(()))
        assert len(sources) == len(targets) == search.transitions


@pytest.mark.parametrize("name", ["losses", "duplicates"])
def test_properties_are_broken_where_they_are(name: str) -> None:
    system = SCENARIOS[name].build(drop_inert=False)
    for one in engines():
        search = searched(one, system)
        properties = Properties(system, PROPERTIES, side_of)
        first = dict.fromkeys((property_.name for property_ in PROPERTIES), search.count)
        for watch, at in zip(properties.watches, search.scan(properties), strict=True):
            if at is not None and watch.broken:
                first[watch.instance.property_.name] = min(first[watch.instance.property_.name], at)
        asked = dict.fromkeys(first, search.count)
        for number in range(search.count):
            still = [one for one in properties.properties if asked[one.name] == search.count]
            asked |= dict.fromkeys(properties.judge(search.row(number), still)[0], number)
        assert asked == first


def test_a_path_is_a_shortest_run() -> None:
    scenario = SCENARIOS["patient"]
    system = scenario.build(drop_inert=False)
    permutations = permutations_of(len(system.nodes), scenario.interchangeable_groups())
    for one in engines():
        search = searched(one, system, permutations)
        path = search.path(search.count - 1)
        assert len(path) == search.progress.depth + 1
        assert len(run_of(system, path, permutations)) == search.progress.depth


@pytest.mark.parametrize("name", ENGINES)
def test_a_search_stops_after_so_many_states(name: Engine) -> None:
    search = engine(name)(SCENARIOS["stabilisation"].build(drop_inert=False), most=100)
    assert not search.run().complete
    assert search.count > 100


@pytest.mark.parametrize("name", ENGINES)
def test_a_search_that_is_interrupted_says_how_far_it_came(name: Engine) -> None:
    def interrupt(progress: breadth.Progress) -> None:
        if progress.depth >= 3:
            raise KeyboardInterrupt

    search = engine(name)(SCENARIOS["stabilisation"].build(drop_inert=False), render=interrupt)
    found = search.run()
    assert not found.complete
    assert found.progress.states == search.count


def test_without_a_compiler_nothing_is_compiled() -> None:
    program = """
import importlib.util, sys
known = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else known(name, *rest)
sys.modules["numba"] = None
from spec.exploration.engine.choice import engine
print(engine("auto").__name__)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "VectorisedSearch\n"
