"""Many publications at once: each arrives exactly once, and none that did not arrive counts as a success."""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import FaultPlan
from runtime.mqtt.in_flight import IN_FLIGHT
from runtime.mqtt.session import BrokerAddress, NotConnectedError, Session
from runtime.mqtt.tapped import TappedSession
from tests.support.brokers import KINDS, Slow, a_broker, embedded_gives_up_soon
from tests.support.latency import distant
from tests.support.mqtt_clients import END, HELLO, Told, connect_packet, hang_up, live, packet
from tests.support.servers import SOON, Leftovers


async def burst(sender: BrokerAddress, receiver: BrokerAddress, count: int, qos: int) -> list[int]:
    """Publish so many at once, all with success; gives the numbers that arrived before the next one did."""
    taker, giver = Session(receiver, "taker", qos), Session(sender, "giver", qos)
    arrived = []
    for session in (taker, giver):
        await session.connect()
    for topic in (HELLO, END):
        await taker.subscribe(topic)
    await asyncio.gather(*(giver.publish(HELLO, b"%d" % number) for number in range(count)))
    await giver.publish(END, b"")
    async for topic, payload in taker.messages():
        if topic == END:
            break
        arrived.append(int(payload))
    for session in (giver, taker):
        await session.disconnect()
    return arrived


@pytest.mark.parametrize("count", [100, 300])
@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@live
async def test_each_of_many_publications_arrives_once_and_in_order(
    kind: str, qos: int, count: int, tmp_path: Path
) -> None:
    async with a_broker(kind, tmp_path) as address:
        before = Leftovers()
        assert await burst(address, address, count, qos) == list(range(count))
        if kind == "mosquitto":  # the other one's connections end a little later
            assert not await before.left()


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@live
async def test_each_of_many_publications_arrives_once_from_afar(kind: str, qos: int, tmp_path: Path) -> None:
    async with a_broker(kind, tmp_path) as address, distant(address, 0.1) as afar:
        assert await burst(afar, address, 100, qos) == list(range(100))


@live
async def test_a_broker_sees_at_most_twenty_unacknowledged() -> None:
    count, patience = 60, 0.5
    slow = Slow()
    async with slow as address:
        session = Session(address, "giver", 1, patience=patience)
        await session.connect()
        publishing = [asyncio.create_task(session.publish(f"topic/{n}", b"")) for n in range(count)]
        await slow.holds(IN_FLIGHT)
        assert session.unacknowledged == count
        for acknowledged in range(count):
            await asyncio.sleep(0.03)  # altogether longer than the patience
            await slow.holds(min(IN_FLIGHT, count - acknowledged))
            slow.acknowledge()
        await asyncio.gather(*publishing)
        assert slow.most_held == IN_FLIGHT
        assert slow.topics == [b"topic/%d" % n for n in range(count)]
        await session.crash()


@pytest.mark.parametrize("ending", ["standstill", "crash"])
@live
async def test_what_was_not_acknowledged_is_no_success(ending: str) -> None:
    slow = Slow()
    async with slow as address:
        session = Session(address, "giver", 1, patience=0.3 if ending == "standstill" else SOON)
        await session.connect()
        publishing = [asyncio.create_task(session.publish(HELLO, b"")) for _ in range(30)]
        await slow.holds(IN_FLIGHT)
        for _ in range(5):
            slow.acknowledge()
        await slow.holds(IN_FLIGHT)
        if ending == "crash":
            await session.crash()
        outcomes = await asyncio.gather(*publishing, return_exceptions=True)
        assert outcomes[:5] == [None] * 5
        assert all(isinstance(outcome, NotConnectedError) for outcome in outcomes[5:])
        assert len(slow.topics) == IN_FLIGHT + 5
        await session.crash()
        with pytest.raises(NotConnectedError):
            await session.publish(HELLO, b"")


@live
async def test_a_tap_tells_of_a_publication_when_it_leaves() -> None:
    slow, told = Slow(), Told()
    async with slow as address:
        session = TappedSession(address, "tracker", 1, FaultPlan(), told)
        await session.connect()
        publishing = [asyncio.create_task(session.publish(HELLO, b"%d" % n)) for n in range(30)]
        await slow.holds(IN_FLIGHT)
        assert len(told.events()) == IN_FLIGHT
        for left in range(30, 0, -1):
            await slow.holds(min(left, IN_FLIGHT))
            slow.acknowledge()
        await asyncio.gather(*publishing)
        assert told.events() == [("received", "tracker", HELLO, b"%d" % n) for n in range(30)]
        await session.crash()


# Subscribers that are slow.


@pytest.mark.parametrize("answers", ["at once", "late"])
@pytest.mark.parametrize("qos", [1, 2])
@live
async def test_the_embedded_broker_waits_for_a_subscriber(
    qos: int, answers: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    embedded_gives_up_soon(monkeypatch)
    async with EmbeddedBroker() as broker:
        reader, writer = await asyncio.open_connection(broker.host, broker.port)
        writer.write(connect_packet("busy") + packet(0x82, HELLO, head=b"\0\1", payload=bytes((qos,))))
        await reader.readexactly(4 + 5)  # CONNACK, SUBACK
        giver = Session(BrokerAddress(broker.host, broker.port), "giver", qos, patience=SOON)
        await giver.connect()
        await giver.publish(HELLO, b"x")
        published = await reader.readuntil(b"x")
        identifier = published[-3:-1]

        async def answer(kind: int) -> None:
            await asyncio.sleep(0.3 if answers == "late" else 0)
            writer.write(bytes((kind, 2)) + identifier)

        if qos == 1:
            await answer(0x40)  # PUBACK
        else:
            await answer(0x50)  # PUBREC
            assert await reader.readexactly(4) == b"\x62\2" + identifier  # PUBREL
            await answer(0x70)  # PUBCOMP
        (busy,) = [each for each in broker._connections if each.client == "busy"]
        while busy.sending:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)
        assert not busy.session.inflight_out  # type: ignore[union-attr]
        await giver.disconnect()
        await hang_up(writer)
    assert not caplog.records


PUBLISHER = """
import asyncio, sys
from runtime.mqtt.session import BrokerAddress, Session

async def main(port, qos, count):
    session = Session(BrokerAddress("127.0.0.1", port), "giver", qos, patience=60)
    await session.connect()
    for first in range(0, count, 50):  # 1,000 a second: twice what is worked on, and no more than a stall may pile up
        pause = asyncio.create_task(asyncio.sleep(0.05))
        await asyncio.gather(*(session.publish("numbers", b"%d" % number) for number in range(first, first + 50)))
        await pause
    await session.publish("numbers", b"-1")
    await session.disconnect()

asyncio.run(main(*map(int, sys.argv[1:])))
"""


@pytest.fixture
def _no_garbage() -> Iterator[None]:
    """No pass over all that other tests keep: it holds the loop for longer than the queue of a broker lasts."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_garbage")
@pytest.mark.parametrize("qos", [1, 2])
@live
async def test_who_is_slow_to_work_is_not_slow_to_read(qos: int, tmp_path: Path) -> None:
    """Mosquitto keeps 1,000 events for who does not read, and drops what is beyond."""
    count = 3000
    async with a_broker("mosquitto", tmp_path) as address:
        taker = Session(address, "taker", qos)
        await taker.connect()
        await taker.subscribe("numbers")
        line = [sys.executable, "-c", PUBLISHER, str(address.port), str(qos), str(count)]
        giver = await asyncio.create_subprocess_exec(*line, env={**os.environ}, stderr=subprocess.PIPE)
        arrived: list[int] = []

        async def work() -> None:
            async for _, payload in taker.messages():
                if payload == b"-1":
                    break
                arrived.append(int(payload))
                time.sleep(0.002)  # noqa: ASYNC251 - work that holds the loop

        working = asyncio.create_task(work())
        _, said = await giver.communicate()
        assert giver.returncode == 0, f"the publisher failed, and {len(arrived)} have come:\n{said.decode()}"
        await asyncio.wait([working], timeout=30)
        lost = sorted(set(range(count)) - set(arrived))
        assert working.done(), f"{len(lost)} were dropped, or the last one: {lost[:5]} ... of {count}"
        await working
        assert arrived == list(range(count))
        await taker.disconnect()
