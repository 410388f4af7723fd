"""Servers that live by themselves for a while: the same each time for a seed, and nothing that a monitor forbids."""

import pytest

from tests.properties.simulation import EVERY, HALF, Features, Life, judged, judged_from_outside
from tests.support.nightly import by_day

SEEDS = range(1, 13)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_everybody_is_registered_and_all_was_allowed(seed: int) -> None:
    seen = Life(seed, torrents=1 + seed % 3).run()
    monitor = judged(seen)
    assert not monitor.forbidden
    assert not monitor.unjudged


@pytest.mark.parametrize("features", by_day(EVERY, HALF), ids=lambda features: features.label)
def test_who_only_subscribes_accuses_nobody(features: Features) -> None:
    """However long nothing comes."""
    monitor = judged_from_outside(Life(3, torrents=3, hours=1 / 30, features=features).run())
    assert not monitor.forbidden


def test_a_tracker_whose_hello_was_lost_is_one_of_two() -> None:
    """The second one says hello; what the first one says before it has heard that is not the second one's."""
    features = Features(named=False, steps_down=True)
    assert not judged_from_outside(Life(5040, features=features).run()).forbidden


def test_a_seed_gives_the_same_run_each_time() -> None:
    first, second = Life(7), Life(7)
    assert first.run() == second.run()
    assert first.owner == second.owner
    assert Life(8).run() != Life(7).run()


def test_remembered_charts_live_as_those_that_are_stepped() -> None:
    assert Life(5, remembers=False).run() == Life(5).run()


def test_a_day_goes_by() -> None:
    """86,400 seconds of protocol time, with servers that come and go all day."""
    life = Life(3, hours=24.0)
    seen = life.run()
    assert seen[-1].at > 24 * 3600
    assert len(life.owner) > 50
    assert not judged(seen).forbidden
