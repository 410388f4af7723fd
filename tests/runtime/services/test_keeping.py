"""A store that takes long holds up what follows from it, and nothing else; what it is told is in order."""

import logging
import threading

import pytest

from machines import View
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress
from runtime.services.keeping import StoreFailure
from runtime.services.supervisor import Exit
from tests.support.mqtt_clients import live
from tests.support.services import SOON, a_bus, until


class Slow:
    """Stores when it may, and fails when it is told to."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.may.set()
        self.asked: list[View] = []
        self.kept: list[View] = []
        self.failure: Exception | None = None

    def keep(self, view: View) -> None:
        self.asked.append(view)
        assert self.may.wait(SOON), "the loop stands still: nobody lets the store go on"
        if self.failure is not None:
            raise self.failure
        self.kept.append(view)


def bus_of(broker: EmbeddedBroker) -> BrokerAddress:
    return BrokerAddress(broker.host, broker.port)


async def asked_for(slow: Slow, client: str) -> None:
    await until(lambda: client in slow.asked[-1].clients)


@live
async def test_the_loop_goes_on_while_a_view_is_stored() -> None:
    slow = Slow()
    async with EmbeddedBroker() as broker, a_bus(bus_of(broker)) as bus:
        tracker = await bus.tracker(slow).member()
        other = await bus.torrent("other").member()
        slow.may.clear()
        one, two = bus.torrent("one"), bus.torrent("two")
        await until(lambda: slow.asked[-1].clients.keys() - {"other"} != set())
        await until(lambda: tracker.server.charts["client"].where == ("announcing_client",))
        await other.server.reconnect()  # a will, a connection, a request: all of it passes by
        await until(lambda: other.server.where == ("awaiting_answer",))
        assert tracker.status.joins["registered"] == 1
        assert not one.status.is_member
        assert not two.status.is_member
        assert set(slow.kept[-1].clients) == {"other"}
        slow.may.set()
        for running in (tracker, one, two, other):
            await running.members("one", "two", "other")
        assert set(slow.kept[-1].clients) == {"one", "two", "other"}
        assert len(slow.asked) == len(slow.kept)


@live
async def test_who_hears_of_a_registration_finds_it_stored() -> None:
    slow = Slow()
    async with EmbeddedBroker() as broker, a_bus(bus_of(broker)) as bus:
        await bus.tracker(slow).member()
        missing: list[str] = []
        names = [f"torrent-{number}" for number in range(12)]

        def look(name: str) -> None:
            if name not in slow.kept[-1].clients:
                missing.append(name)

        for name in names:
            running = bus.torrent(name)
            reset, running.status.on_member = running.status.on_member, lambda name=name: look(name)  # type: ignore[misc]
            assert reset is not running.status.on_member
        for running in bus.running:
            await running.members(*names)
        assert missing == []
        stored = [len(view.clients) for view in slow.kept]
        assert stored == sorted(stored)


@live
async def test_who_is_killed_while_a_view_is_stored_has_stored_it() -> None:
    """The thread cannot be ended, and the store is not closed below it."""
    slow = Slow()
    async with EmbeddedBroker() as broker, a_bus(bus_of(broker)) as bus:
        tracker = await bus.tracker(slow).member()
        slow.may.clear()
        bus.torrent("one")
        await asked_for(slow, "one")
        threading.Timer(0.1, slow.may.set).start()
        await tracker.kill()
        assert set(slow.kept[-1].clients) == {"one"}


@pytest.mark.parametrize(
    "failure", [StoreFailure("the disk is full"), OSError("the disk is full")], ids=["known", "any"]
)
@live
async def test_who_cannot_store_ends_also_while_it_stops(failure: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="clientjoin")
    slow = Slow()
    async with EmbeddedBroker() as broker, a_bus(bus_of(broker)) as bus:
        tracker = await bus.tracker(slow, stop_within=600.0).member()
        slow.may.clear()
        one = bus.torrent("one")
        await asked_for(slow, "one")
        tracker.service.supervisor.stop()
        await until(lambda: "tracker stops" in caplog.text)
        slow.failure = failure
        slow.may.set()
        assert await tracker.ends() is Exit.STORE
        assert "the disk is full" in caplog.text
        assert "did not stop within" not in caplog.text
        assert not one.status.is_member
        assert tracker.status.moves["!ClientRegistered"] == 0
        assert tracker.status.moves["!TrackerGoodbye"] == 0
