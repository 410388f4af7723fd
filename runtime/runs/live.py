"""Observations of a broker that runs, by somebody who only subscribes."""

import asyncio
import time
from collections.abc import AsyncIterator

from machines.events import EVENT_OF_TOPIC
from runtime.mqtt.session import BrokerAddress, NotConnectedError, RefusedError, Session
from runtime.runs.format import read_event
from runtime.services.topics import Topics
from spec.monitor import Gap, Observed, Passed, Published

PLAIN = Topics()
TICK = 0.5
"""Seconds after which silence is told, too."""
AGAIN = (0.5, 1.0, 2.0, 5.0)
"""Seconds before each attempt to connect again; the last one counts for all further ones."""


class UnreachableError(Exception):
    """The broker was never reached, or refuses us: the message says which broker and why."""


async def watch(address: BrokerAddress, client: str, topics: Topics = PLAIN) -> AsyncIterator[Observed]:
    """What is published on the topics of the protocol, and that time passes, until it is cancelled.

    `topics` is how they look on that bus. What the broker has retained is from long ago, and passed over.

    The first observation says that nothing will be missed from there on.

    It subscribes with QoS 1: nothing is lost then, and what comes is told in the order of the broker. With QoS 2 what
    others published with QoS 1 overtakes what was published with QoS 2.

    A connection that breaks is made anew, and what may have been missed is a `Gap`. `at` is seconds since the epoch.
    Raises `UnreachableError` if the broker cannot be reached in the first place, or refuses a topic.
    """
    attempt = 0
    was_connected = False
    while True:
        session = Session(address, client, qos=1, skips_retained=True)
        try:
            await session.connect()
            for topic in EVENT_OF_TOPIC:
                await session.subscribe(f"{topics.filter(topic, '')}/#" if topics != PLAIN else topic)
            if was_connected:
                yield Gap(time.time(), "the connection of the observer was lost")
            was_connected, attempt = True, 0
            yield Passed(time.time())
            async for seen in _messages(session, topics):
                yield seen
        except RefusedError as error:
            raise UnreachableError(str(error)) from None
        except NotConnectedError as error:
            if not was_connected:
                raise UnreachableError(str(error)) from None
            await asyncio.sleep(AGAIN[min(attempt, len(AGAIN) - 1)])
            attempt += 1
        finally:
            await session.crash()


async def _messages(session: Session, topics: Topics) -> AsyncIterator[Observed]:
    """What comes in, and a sign of time where nothing does."""
    queue: asyncio.Queue[Observed | None] = asyncio.Queue()

    async def listen() -> None:
        try:
            async for topic, payload in session.messages():
                queue.put_nowait(read_event(Published, time.time(), "", topics.read(topic)[0], payload))
        finally:
            queue.put_nowait(None)

    listening = asyncio.create_task(listen())
    try:
        while True:
            try:
                async with asyncio.timeout(TICK):
                    seen = await queue.get()
            except TimeoutError:
                seen = Passed(time.time())
            if seen is None:
                await listening  # raises what ended it
                return
            yield seen
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
