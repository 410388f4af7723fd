"""What has come in and is not worked on yet: a session takes from the broker faster than its owner works.

A broker keeps a bounded queue for who does not read (Mosquitto: 1,000 events), and drops what is beyond without a word.
So between two pieces of work a session takes in whatever the broker has for it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator

A_TURN = 0.001
"""Seconds of work with what has come, after which is looked what else has."""
TURNS = 3
"""Turns of the loop that it has for that: at QoS 2 the next event comes only after two answers of ours."""
MOST_TURNS = 60
"""Turns that it has at most while each brings something: work must go on."""
SOON = 0.002
"""Seconds in which a broker that has more to give gives it, also where it has to wait for a processor."""
MANY = 5
"""Events within that time that tell of a burst; fewer are no reason to let work wait."""
LONGEST_LOOK = 0.01
"""Seconds after which work goes on, whatever still comes."""

Event = tuple[str, bytes]
"""Topic and payload."""


class Arriving:
    """The events that have come in, in their order."""

    def __init__(self) -> None:
        self._came: deque[Event] = deque()
        self._news: asyncio.Future[None] | None = None

    def add(self, topic: str, payload: bytes) -> None:
        """An event has come in."""
        self._came.append((topic, payload))
        self.tell()

    def tell(self, _: object = None) -> None:
        """Wake who waits: an event has come, or none will."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def __bool__(self) -> bool:
        return bool(self._came)

    def for_a_turn(self) -> Iterator[Event]:
        """One event after the other, until there is none or it is time to look what else has come."""
        loop = asyncio.get_running_loop()
        until = loop.time() + A_TURN
        while self._came and loop.time() < until:
            yield self._came.popleft()

    async def wait(self) -> None:
        """Return when there is news."""
        self._news = asyncio.get_running_loop().create_future()
        await self._news

    async def take_in(self) -> None:
        """Let come what is there.

        In a burst the broker has more as soon as it has heard that we took the last ones. It is waited for, since it
        may not have a processor just then.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + LONGEST_LOOK
        while True:
            before = len(self._came)
            await self._take_turns()
            if not self._came or len(self._came) - before < MANY or loop.time() > until:
                return
            self._news = loop.create_future()
            await asyncio.wait([self._news], timeout=SOON)

    async def _take_turns(self) -> None:
        """Some turns of the loop, and more while they bring something."""
        left = TURNS
        for _ in range(MOST_TURNS):
            before = len(self._came)
            await asyncio.sleep(0)
            left = TURNS if len(self._came) > before else left - 1
            if not left:
                return
