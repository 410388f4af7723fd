"""A pytest plugin: a broker, faults, partners and the oracle as fixtures, for tests of servers in any language.

    def test_my_server_joins(clientjoin_broker, clientjoin_partners, clientjoin_oracle):
        start_my_server(clientjoin_broker.url, "t1")
        tracker = clientjoin_partners.tracker()
        request = tracker.expect("ClientJoinRequested")
        tracker.accept(request)
        tracker.expect("ClientJoinSucceeded")
        clientjoin_oracle.check()

It is loaded by its entry point as soon as clientjoin is installed, and imports nothing before a fixture is asked for.
All fixtures of one test share one broker on a free port; nothing of it is left for the next test.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from machines.events import BusEvent, ClientJoinRequested
    from runtime.kit.bench import Bench
    from runtime.kit.partners import Partner
    from spec.monitor import Answer, Forbidden

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds that a partner waits for an event, and the fixtures for anything else."""


class Loop:
    """An event loop in a thread of its own, for tests that are not asynchronous."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clientjoin kit", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], within: float = PATIENCE + 5) -> T:
        """Run something to its end; raises `TimeoutError` after `within` seconds."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within)

    def close(self) -> None:
        """Stop the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()


class BrokerFixture:
    """The broker: `url`, `host` and `port`."""

    def __init__(self, bench: Bench) -> None:
        self.url = str(bench.address)
        self.host = bench.address.host
        self.port = bench.address.port


class FaultsFixture:
    """What goes wrong."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def lose(self, event: str, hop: str, client: str) -> None:
        """Lose the next such event `to-broker` from a client, or `from-broker` to it."""
        self._bench.lose(event, hop, client)

    def none(self) -> None:
        """Nothing goes wrong from now on."""
        self._bench.no_faults()


class PartnerFixture:
    """A client of the kit, whose role the test plays."""

    def __init__(self, loop: Loop, partner: Partner) -> None:
        from runtime.kit.partners import TrackerAnswers

        self._loop, self._partner, self._read = loop, partner, 0
        self._answers = TrackerAnswers()

    def publish(self, event: BusEvent) -> BusEvent:
        """Publish an event of `machines.events`; it is stamped if it is not."""
        return self._loop.run(self._partner.publish(event))

    def publish_raw(self, topic: str, payload: bytes) -> None:
        """Publish whatever bytes."""
        self._loop.run(self._partner.publish_raw(topic, payload))

    def expect(self, event: str, within: float = PATIENCE) -> Any:
        """The next event of that name that comes; raises `AssertionError` if none does within so many seconds."""
        return self._loop.run(self._expect(event, within), within + 5)

    def hello(self) -> None:
        """A tracker says hello."""
        self.publish(self._answers.restart())

    def accept(self, request: ClientJoinRequested) -> BusEvent:
        """A tracker accepts a request, by the rules."""
        return self.publish(self._answers.answer(request))

    def register(self, client: str) -> BusEvent:
        """A tracker registers a client that it accepted."""
        return self.publish(self._answers.register(client))

    async def _expect(self, name: str, within: float) -> BusEvent:
        end = asyncio.get_running_loop().time() + within
        while True:
            for place in range(self._read, len(self._partner.heard)):
                if type(self._partner.heard[place]).__name__ == name:
                    self._read = place + 1
                    return self._partner.heard[place]
            came = ", ".join(type(one).__name__ for one in self._partner.heard[self._read :]) or "nothing"
            if asyncio.get_running_loop().time() > end:
                raise AssertionError(f"{self._partner.client} expected {name} within {within:g} s; {came} came")
            await asyncio.sleep(0.01)


class PartnersFixture:
    """Makes clients of the kit."""

    def __init__(self, loop: Loop, bench: Bench) -> None:
        self._loop, self._bench = loop, bench

    def tracker(self, client: str = "tracker") -> PartnerFixture:
        """A client that hears what trackers hear."""
        return PartnerFixture(self._loop, self._loop.run(self._bench.partner(client, "tracker")))

    def torrent(self, client: str) -> PartnerFixture:
        """A client that hears what torrent servers hear."""
        return PartnerFixture(self._loop, self._loop.run(self._bench.partner(client, "torrent")))


class OracleFixture:
    """What the statecharts say of all that was on the bus."""

    def __init__(self, loop: Loop, bench: Bench) -> None:
        self._loop, self._bench = loop, bench

    @property
    def answer(self) -> Answer:
        """Of all servers that took part."""
        return self._bench.monitor.answer

    @property
    def forbidden(self) -> list[Forbidden]:
        """What was forbidden, of every server."""
        return list(self._bench.monitor.forbidden)

    def check(self, *clients: str) -> None:
        """Raise `AssertionError` with an explanation if something was forbidden, of these clients or of any."""
        from spec.monitor.explanation import diagram, nearest, sentences

        for found in self.forbidden:
            if not clients or found.client in clients:
                told = "\n".join(sentences(found))
                raise AssertionError(f"{told}\n\n{diagram(found)}\nallowed:\n\n{nearest(found)}")


@pytest.fixture
def clientjoin_loop() -> Iterator[Loop]:
    """The kit's event loop."""
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def clientjoin_bench(clientjoin_loop: Loop) -> Iterator[Bench]:
    """The kit's bench, which the other fixtures are parts of."""
    from runtime.kit.bench import Bench, Settings

    bench = Bench(Settings("torrent"))
    clientjoin_loop.run(bench.__aenter__())
    yield bench
    clientjoin_loop.run(bench.__aexit__(None, None, None), 30)


@pytest.fixture
def clientjoin_broker(clientjoin_bench: Bench) -> BrokerFixture:
    """An MQTT broker on a free port: `url`, `host`, `port`."""
    return BrokerFixture(clientjoin_bench)


@pytest.fixture
def clientjoin_faults(clientjoin_bench: Bench) -> FaultsFixture:
    """What goes wrong on that broker."""
    return FaultsFixture(clientjoin_bench)


@pytest.fixture
def clientjoin_partners(clientjoin_loop: Loop, clientjoin_bench: Bench) -> PartnersFixture:
    """Trackers and torrent servers that the test plays."""
    return PartnersFixture(clientjoin_loop, clientjoin_bench)


@pytest.fixture
def clientjoin_oracle(clientjoin_loop: Loop, clientjoin_bench: Bench) -> OracleFixture:
    """Whether what was on the bus is allowed."""
    return OracleFixture(clientjoin_loop, clientjoin_bench)
