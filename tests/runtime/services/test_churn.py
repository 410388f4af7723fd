"""Who comes and goes leaves nothing behind in the memory of those who stay."""

import gc
from pathlib import Path

import pytest

from runtime.services.store import Store
from tests.support.brokers import KINDS, a_broker
from tests.support.churn import come_and_go, holders
from tests.support.mqtt_clients import live
from tests.support.nightly import by_day
from tests.support.services import a_bus

LATELY = 2
"""So many of those who left last may still be known to somebody: to the cache of what was just asked, for one."""


@pytest.mark.broker
@pytest.mark.parametrize("kind", by_day(KINDS, ["mosquitto"]))
@live
async def test_who_is_gone_is_held_by_nobody(kind: str, tmp_path: Path) -> None:
    """Not even by a cache: a member of 100,000 files that joins each minute would fill the memory within hours."""
    with Store(f"sqlite:///{tmp_path}/store.db") as store:
        async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
            tracker = await bus.tracker(store, store.load()).member()
            member = await bus.torrent("stays").member()
            held = await come_and_go(bus, [tracker, member], range(8), dies=lambda number: number % 2 == 1)
            gc.collect()
            kept = [each for each in held[:-LATELY] if each() is not None]
            assert not kept, f"what {len(kept)} of {len(held)} stored is still there, held by {holders(kept[0]())}"
