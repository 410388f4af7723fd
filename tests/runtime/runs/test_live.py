"""What an observer of a broker is told, and in which order."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from machines.events import ClientGoodbye, TrackerGoodbye
from runtime.mqtt.session import Session
from runtime.runs.live import watch
from runtime.wire.events import encode
from spec.monitor import Observed, Published
from tests.support.brokers import KINDS, a_broker
from tests.support.programs import HANGS

pytestmark = pytest.mark.broker
PAIRS = 12


@pytest.mark.parametrize("kind", KINDS)
def test_events_of_any_qos_are_told_in_the_order_of_the_broker(kind: str, tmp_path: Path) -> None:
    """One client publishes with QoS 2, another with QoS 1 as soon as that was taken over."""
    sent = [f"3f2504e0-4f89-41d3-9a0c-0305e82c3{number:03}" for number in range(2 * PAIRS)]

    async def play() -> list[str]:
        async with a_broker(kind, tmp_path) as address:
            ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            observing = asyncio.create_task(_observed(watch(address, "observer"), len(sent), ready))
            first, second = Session(address, "first", qos=2), Session(address, "second", qos=1)
            async with asyncio.timeout(HANGS):
                await ready
                await first.connect()
                await second.connect()
                for one, other in zip(sent[::2], sent[1::2], strict=True):
                    await first.publish(TrackerGoodbye.topic, encode(TrackerGoodbye(event_id=one)))
                    await second.publish(ClientGoodbye.topic, encode(ClientGoodbye(event_id=other, client="second")))
                told = await observing
            await first.disconnect()
            await second.disconnect()
            return told

    assert asyncio.run(play()) == sent


async def _observed(seen: AsyncIterator[Observed], count: int, ready: asyncio.Future[None]) -> list[str]:
    """The identifiers of so many events, in the order in which they were told."""
    told: list[str] = []
    async for one in seen:
        if not ready.done():
            ready.set_result(None)
        if isinstance(one, Published):
            told.append(one.event.event_id)
        if len(told) == count:
            break
    return told
