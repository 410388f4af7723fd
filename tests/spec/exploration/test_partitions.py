"""The compiled engine shares its work between threads, and finds the same in the same order whatever their number."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from immutabledict import immutabledict

from spec.exploration.engine.vectorised.search import VectorisedSearch
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Scenario

pytest.importorskip("numba", reason="the compiled engine needs numba")

from spec.exploration.engine import search as breadth
from spec.exploration.engine.compiled import hashing, partitions, search
from spec.exploration.engine.compiled.leaf_trimming import trim_leaves

LOSSY = Scenario("lossy", torrents=2, timeouts="patient", faults=immutabledict({"losses": 2}))


def found(threads: int, *, symmetric: bool = False) -> search.Search:
    system = LOSSY.build(drop_inert=False)
    permutations = permutations_of(len(system.nodes), LOSSY.interchangeable_groups()) if symmetric else ()
    made = search.Search(system, permutations, threads=threads)
    assert made.run().complete
    return made


def edges_of(made: search.Search) -> list[Any]:
    sources, targets = made.edges(made.tables)
    return sorted(zip(sources.tolist(), targets.tolist(), strict=True))


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_order_of_states_is_that_of_one_thread(monkeypatch: pytest.MonkeyPatch, *, symmetric: bool) -> None:
    monkeypatch.setattr(search, "SMALL", 0)  # threads from the first state on
    one = found(threads=1, symmetric=symmetric)
    for threads in (2, 3, hashing.PARTITIONS):
        other = found(threads, symmetric=symmetric)
        assert other.layout.tolist() == one.layout.tolist()
        assert other.keys[: other.count].tolist() == one.keys[: one.count].tolist()
        assert other.parents[: other.count].tolist() == one.parents[: one.count].tolist()
        assert (other.transitions, other.quiescent) == (one.transitions, one.quiescent)
        assert edges_of(other) == edges_of(one)


def test_a_lane_whose_room_is_full_goes_on_in_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(threads=2)
    turns = 0
    insert = search.Search._insert

    def counted(self: search.Search, room: partitions.Partitions) -> None:
        nonlocal turns
        turns += 1
        insert(self, room)

    monkeypatch.setattr(search.Search, "_insert", counted)
    found(threads=2)
    with_room, turns = turns, 0
    monkeypatch.setattr(partitions, "BUFFER", 1)  # as much as the steps of a few states need
    assert found(threads=2).progress.states == expected.progress.states
    assert turns > 2 * with_room


def test_a_part_of_the_table_is_never_full(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(threads=1)
    owners, fullest = hashing.owners, 0.0
    insert = search.Search._insert

    def watched(self: search.Search, room: partitions.Partitions) -> None:
        nonlocal fullest
        insert(self, room)
        owned = np.bincount(owners(self.keys[: self.count]), minlength=4)
        assert self._owned.tolist() == owned.tolist()
        fullest = max(fullest, owned.max() / (len(self.places) / 4))

    monkeypatch.setattr(search.Search, "_insert", watched)
    monkeypatch.setattr(search.Search, "load", 4.0)  # as if all belonged to one partition
    monkeypatch.setattr(breadth, "ROOM", 64)
    assert found(threads=2).progress.states == expected.progress.states
    assert 0.7 < fullest <= search.FULL


def keys_of(count: int, seed: int, words: int) -> Any:
    """Different keys; many of them belong near the ends of the parts of a table."""
    random = np.random.default_rng(seed)
    keys = np.unique(random.integers(1, 1 << 62, size=(4 * count, words), dtype=np.uint64), axis=0)
    spread = np.array([hash_of(key) for key in keys.tolist()], np.uint64)
    near = (spread + np.uint64(1 << 56)) % np.uint64(1 << 62) < np.uint64(1 << 58)
    order = np.argsort(~near, kind="stable")
    return random.permutation(keys[order[:count]])


def fill(keys: Any, places: Any, partition: int) -> None:
    mine = np.flatnonzero(hashing.owners(keys) == partition).astype(np.uint32)
    owned, filled, is_new = (
        np.zeros((1, 4, len(keys)), np.uint32),
        partitions.matrix(4),
        np.zeros((1, len(keys)), np.bool_),
    )
    owned[0, partition, : len(mine)], filled[0, partition] = mine, len(mine)
    hashing.insert(places, keys[None], owned, filled, partition, is_new, hashing.homes())
    assert is_new[0, mine].all()


def hash_of(key: list[int]) -> int:
    """The hash as `spec.exploration.engine.compiled.hashing` has it."""
    value = 0
    for word in key:
        value ^= word
        value = ((value ^ (value >> 32)) * 0x9E3779B97F4A7C15) % (1 << 64)
    return value


@pytest.mark.parametrize(("seed", "words"), [*product(range(5), (1, 2))])
def test_a_table_that_grows_keeps_every_key(seed: int, words: int) -> None:
    keys = keys_of(700, seed, words)
    places = np.zeros((1024, words), np.uint64)
    for partition in range(hashing.PARTITIONS):
        fill(keys, places, partition)
    for _ in range(3):
        old = len(places)
        places = np.concatenate([places, np.zeros_like(places)])
        assert hashing.spread(places, old, np.zeros((512, words), np.uint64))
        assert np.count_nonzero(places[:, 0]) == len(keys)
        where = np.zeros(len(keys), np.uint32)
        hashing.find(places, keys, 0, len(keys), where)
        assert places[where].tolist() == keys.tolist()


def test_a_table_says_when_it_cannot_grow_where_it_is() -> None:
    keys = keys_of(700, 0, 1)
    places = np.zeros((2048, 1), np.uint64)
    for partition in range(hashing.PARTITIONS):
        fill(keys, places[:1024], partition)
    assert not hashing.spread(places, 1024, np.zeros((1, 1), np.uint64))


@pytest.mark.parametrize("seed", range(20))
def test_the_same_is_left_when_leaves_are_trimmed(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = 40
    sources, targets = random.integers(size, size=(2, 45 if seed % 2 else 20)).astype(np.uint32)
    expected = VectorisedSearch.peeled(SimpleNamespace(count=size), sources, targets)  # type: ignore[arg-type]
    assert trim_leaves(size, sources, targets).tolist() == expected.tolist()
