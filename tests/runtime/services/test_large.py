"""What a view does with many files is done in a thread: with the same outcome, and the loop goes on meanwhile."""

import threading
from collections import Counter

import pytest

from machines import DistributionView, View
from machines.calls import CheckJoin
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress
from runtime.services import large
from runtime.services.supervisor import Exit
from tests.support.mqtt_clients import live
from tests.support.services import SOON, a_bus, shared, until, view_of


async def told() -> tuple[list[tuple[str, Counter[str]]], list[tuple[object, ...]]]:
    """What all did, one after the other, and what they know in the end."""
    async with EmbeddedBroker() as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        tracker = await bus.tracker().member()
        one = await bus.torrent("one", shared("one", 3)).member()
        two = await bus.torrent("two", shared("two", 2)).member()
        await one.members("one", "two")
        gone = await bus.torrent("gone", endpoint=("http://gone/",)).member()
        for running in (tracker, one, two):
            await running.members("one", "two", "gone")
        assert await gone.stop() is Exit.STOPPED
        for running in (tracker, one, two):
            await running.members("one", "two")
        await two.kill()
        await one.members("one")
        await tracker.members("one")
        again = await bus.torrent("two", shared("two", 4)).member()
        for running in (tracker, one):
            await running.members("one", "two")
        infos = [
            {name: info.endpoints for name, info in running.server.view.clients.items()}
            for running in (tracker, one, again)
        ]
        known = [(*view_of(running)[:2], info) for running, info in zip((tracker, one, again), infos, strict=True)]
        return [(running.server.name, running.status.moves) for running in bus.running], known


@live
async def test_in_a_thread_the_same_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = await told()
    threads: Counter[str] = Counter()
    receive = large.receive

    def noted(view: DistributionView, message: object) -> object:
        assert threading.current_thread() is not threading.main_thread()
        threads[type(message).__name__] += 1
        return receive(view, message)  # type: ignore[arg-type]

    monkeypatch.setattr("runtime.services.server.receive", noted)
    monkeypatch.setattr(large, "MANY", -1)
    assert await told() == usual
    assert threads.keys() == {"CheckJoin", "RegisterClient", "DescribeView", "ChangeView", "AddClient"}
    (name, moves), *_ = usual[0]
    assert (name, moves["!ClientRegistered"]) == ("tracker", 4)


class Held:
    """Holds a step of a view up until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may = threading.Event()
        self.began = threading.Event()
        judge = DistributionView.judge

        def held(view: DistributionView, message: CheckJoin) -> None:
            self.began.set()
            assert self.may.wait(SOON), "the loop stands still: nobody lets the step go on"
            judge(view, message)

        monkeypatch.setattr(DistributionView, "judge", held)
        monkeypatch.setattr(large, "MANY", 5)


@live
async def test_the_loop_goes_on_during_a_large_step(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    async with EmbeddedBroker() as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        tracker = await bus.tracker().member()
        one = bus.torrent("one", shared("one", 9))
        await until(held.began.is_set)
        two = bus.torrent("two")
        await two.until(lambda: two.server.where == ("awaiting_answer",))
        await until(lambda: len(tracker.server.channel) > 0)
        assert tracker.server.where == ("awaiting_verdict",)
        assert tracker.server.view == View(fragment_size=1024, limits=tracker.server.view.limits)
        held.may.set()
        for running in (tracker, one, two):
            await running.members("one", "two")
        assert len(tracker.server.view.files) == 10


@live
async def test_who_is_killed_during_a_large_step_does_it_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    async with EmbeddedBroker() as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        tracker = await bus.tracker().member()
        bus.torrent("one", shared("one", 9))
        await until(held.began.is_set)
        threading.Timer(0.1, held.may.set).start()
        await tracker.kill()
        assert set(tracker.server.view.admissions) == {"one"}
        assert tracker.status.moves["!ClientJoinAccepted"] == 0


@live
async def test_a_connection_that_breaks_during_a_large_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is seen when the step is done, as if that had taken no time."""
    held = Held(monkeypatch)
    async with EmbeddedBroker() as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        tracker = await bus.tracker().member()
        one = bus.torrent("one", shared("one", 9))
        await until(held.began.is_set)
        await tracker.server.reconnect()
        assert tracker.server.where == ("awaiting_verdict",)
        held.may.set()
        for running in (tracker, one):
            await running.members("one")
        assert tracker.server.refused == {}
        assert tracker.status.moves["?ConnectionLost"] == 1
