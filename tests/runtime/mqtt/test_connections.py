"""Connections that end early or late: before CONNACK, with a crash, and behind a burst."""

import asyncio
import logging

import pytest

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.in_flight import IN_FLIGHT
from runtime.mqtt.session import BrokerAddress, NotConnectedError, Session
from tests.support.brokers import Slow
from tests.support.mqtt_clients import GOODBYE, HELLO, live
from tests.support.servers import Leftovers, a_torrent, a_tracker, reach, serving


@pytest.mark.parametrize("when", ["at once", "after CONNECT"])
@live
async def test_a_broker_that_closes_before_connack_is_noticed_at_once(when: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if when == "after CONNECT":
            await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    before = Leftovers()
    session = Session(address, "tracker", patience=3600)
    with pytest.raises(NotConnectedError, match=f"{address} does not answer CONNECT: it closed the connection"):
        await session.connect()
    assert not await before.left()
    server.close()


@pytest.mark.parametrize("answer", ["SUBACK", "CONNACK", "the end"])
@live
async def test_who_is_cancelled_just_as_the_broker_answers_ends(answer: str) -> None:
    """Before Python 3.12 `asyncio.wait_for` returns the answer and forgets that it was cancelled."""
    before = Leftovers()
    async with EmbeddedBroker() as broker:
        session = Session(BrokerAddress("127.0.0.1", broker.port), "torrent-1")
        paho = session._paho
        when = {"SUBACK": "on_subscribe", "CONNACK": "on_connect", "the end": "on_disconnect"}[answer]
        tell = getattr(paho, when)

        def told(*given: object) -> None:
            tell(*given)
            task.cancel()

        setattr(paho, when, told)

        async def use() -> None:
            try:
                await session.connect()
                await session.subscribe("client/+/joinAccepted")
                await session.disconnect()
                await asyncio.sleep(3600)
            finally:
                await session.crash()

        task = asyncio.create_task(use())
        await asyncio.wait({task}, timeout=10)
        assert task.cancelled(), f"cancelled as {answer} came, it goes on: {task}"
    assert not await before.left()


@live
async def test_a_server_that_has_crashed_can_be_started_again() -> None:
    async with EmbeddedBroker() as broker:
        tracker, joined = await serving(broker)
        for server, state in ((joined, "registered"), (tracker, "awaiting_requests")):
            await server.crash()
            await server.crash()
            assert server.where == (state,)
            server.start()
            assert server.where == ("awaiting_connack",)
            await reach(server, state)
        await reach(joined, "registered")  # it has heard the tracker's hello
        fresh = a_torrent(broker, "torrent-2")
        await fresh.crash()
        fresh.start()
        await reach(fresh, "registered")
        assert not fresh.refused + joined.refused + tracker.refused
        for server in (fresh, joined, tracker):
            await server.stop()


@live
async def test_a_goodbye_waits_for_its_turn_behind_a_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.policy.SchedulingPolicy.patience", 0.01)
    slow = Slow()
    async with EmbeddedBroker() as broker, slow as address:
        tracker = a_tracker(broker)
        tracker.start()
        await reach(tracker, "awaiting_requests")
        before = tracker.connection.session
        assert before is not None
        session = tracker.connection.session = Session(address, "tracker", 1)
        await session.connect()
        burst = [asyncio.create_task(session.publish(HELLO, b"")) for _ in range(30)]
        await slow.holds(IN_FLIGHT)
        stopping = asyncio.create_task(tracker.stop())
        for left in range(31, 0, -1):
            await slow.holds(min(left, IN_FLIGHT))
            await asyncio.sleep(0.03)
            slow.acknowledge()
        await asyncio.gather(*burst, stopping)
        assert slow.topics == [HELLO.encode()] * 30 + [GOODBYE.encode()]
        await before.crash()


@live
async def test_what_is_not_taken_over_when_a_server_stops_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "clientjoin.server")
    async with EmbeddedBroker() as broker, Slow() as mute:
        tracker = a_tracker(broker)
        tracker.start()
        await reach(tracker, "awaiting_requests")
        before = tracker.connection.session
        assert before is not None
        tracker.connection.session = Session(mute, "tracker", 1, patience=0.2)
        await tracker.connection.session.connect()
        await tracker.stop()
        await before.crash()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"tracker: not published: TrackerGoodbye: {mute} did not take over the event on {GOODBYE}")
