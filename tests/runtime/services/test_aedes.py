"""The services on a third broker, aedes: joins, a broker that is killed, wills. Opt-in: see tests/support/aedes.py."""

from collections.abc import Iterator
from typing import Any

import pytest

from runtime.services.supervisor import Exit
from tests.support.aedes import AedesBroker, installed
from tests.support.mqtt_clients import live
from tests.support.services import Bus, a_bus, until, view_of

pytestmark = pytest.mark.broker


@pytest.fixture
def aedes() -> Iterator[AedesBroker]:
    broker = AedesBroker(installed())
    try:
        yield broker
    finally:
        broker.kill()


async def agree(bus: Bus, *names: str) -> None:
    for running in bus.running:
        await running.member()
        await running.members(*names)
    assert len({view_of(running) for running in bus.running}) == 1


@pytest.mark.parametrize("per_client", [False, True], ids=["one topic", "a topic for each client"])
@pytest.mark.parametrize("qos", [1, 2])
@live
async def test_thirty_at_once_are_registered(aedes: AedesBroker, qos: int, per_client: bool) -> None:
    names = [f"torrent-{number}" for number in range(30)]
    settings: dict[str, Any] = {"qos": qos, "topic_per_client": per_client, "timeout": 20.0}
    async with a_bus(aedes.address) as bus:
        await bus.tracker(**settings).member()
        for name in names:
            bus.torrent(name, **settings)
        await agree(bus, *names)
        assert [running.status.reconnects for running in bus.running] == [0] * 31


@live
async def test_a_broker_that_is_killed_is_found_again(aedes: AedesBroker) -> None:
    async with a_bus(aedes.address) as bus:
        await bus.tracker().member()
        for name in ("one", "two"):
            bus.torrent(name)
        await agree(bus, "one", "two")
        aedes.kill()
        await until(lambda: not any(running.status.is_member for running in bus.running))
        aedes.start()
        await agree(bus, "one", "two")


@live
async def test_a_dead_member_leaves_by_its_will(aedes: AedesBroker) -> None:
    async with a_bus(aedes.address) as bus:
        tracker = await bus.tracker().member()
        other = await bus.torrent("other").member()
        dead = await bus.torrent("dead").member()
        await other.members("other", "dead")
        await dead.server.connection.cut_off()  # the connection breaks without a word
        await dead.kill()
        for running in (tracker, other):
            await running.members("other")


@live
async def test_who_stops_says_goodbye_and_leaves_no_will(aedes: AedesBroker) -> None:
    async with a_bus(aedes.address) as bus:
        tracker = await bus.tracker().member()
        other = await bus.torrent("other").member()
        one = await bus.torrent("one").member()
        assert await one.stop() is Exit.STOPPED
        await tracker.members("other")
        again = await bus.torrent("one").member()
        for running in (tracker, other, again):
            await running.members("one", "other")
        assert tracker.status.moves["?ClientGoodbye"] == 1
