"""Many torrent servers ask at once: all get registered, and all views agree; near, and far from the broker."""

import asyncio
from itertools import product
from pathlib import Path

import pytest

from runtime.demo.scenarios import scenario
from runtime.demo.settings import Settings
from runtime.driver import Server
from runtime.mqtt.session import BrokerAddress
from tests.support.brokers import KINDS, a_broker
from tests.support.latency import distant
from tests.support.nightly import by_day
from tests.support.servers import Played, a_torrent, a_tracker, play, reach

CLOCK = 100.0
"""Seconds that clocks count: each of n servers hears what all others are told, all of them in this one process."""


async def joined(tracker_at: BrokerAddress, torrents_at: BrokerAddress, count: int) -> None:
    """Let so many ask at once; fails unless all of them are registered and share one view of the service."""
    tracker = a_tracker(tracker_at, timeout=CLOCK)
    tracker.start()
    await reach(tracker, "awaiting_requests")
    names = [f"torrent-{number}" for number in range(count)]
    torrents = [a_torrent(torrents_at, name, timeout=CLOCK) for name in names]
    servers = [tracker, *torrents]

    def views() -> set[object]:
        held = [server.charts["view"].data.view for server in servers]
        return {(view.files, view.fragments, view.clients) for view in held}

    for torrent in torrents:
        torrent.start()
    await asyncio.gather(*(registered(torrent) for torrent in torrents))
    async with asyncio.timeout(CLOCK):
        while len(views()) > 1:  # noqa: ASYNC110 - the last news is still on its way to some
            await asyncio.sleep(0.05)
    assert tracker.where == ("awaiting_requests",)
    assert set(tracker.charts["view"].data.view.clients) == set(names)
    assert not any(server.refused or server.last_error for server in servers)
    await asyncio.gather(*(server.crash() for server in servers))


async def registered(torrent: Server) -> None:
    await torrent.wait_for(lambda: torrent.where in {("registered",), ("awaiting_hello",), ("offline",)}, CLOCK)
    assert torrent.where == ("registered",), f"{torrent.name}: {torrent.where} {torrent.last_error}"


many = pytest.mark.parametrize("count", by_day([20, 60], [60]))
"""Each hears of all others: sixty of them take nine times as long as twenty."""


@many
@pytest.mark.parametrize("kind", KINDS)
def test_many_servers_join_at_once(kind: str, count: int, tmp_path: Path) -> None:
    async def run() -> None:
        async with a_broker(kind, tmp_path) as address:
            await joined(address, address, count)

    asyncio.run(run())


@many
@pytest.mark.parametrize("who", ["the tracker", "everybody"])
def test_many_servers_join_at_once_from_afar(who: str, count: int, tmp_path: Path) -> None:
    async def run() -> None:
        async with a_broker("mosquitto", tmp_path) as address, distant(address, 0.1) as afar:
            await joined(afar, afar if who == "everybody" else address, count)

    asyncio.run(run())


@pytest.mark.parametrize(("kind", "count"), by_day([("mosquitto", 20), *product(KINDS, [60])], [*product(KINDS, [60])]))
def test_the_demo_with_many_torrent_servers(kind: str, count: int, tmp_path: Path) -> None:
    """The scenario in which nothing goes wrong; those that lose events wait for the clocks, too, here for 100 s."""

    async def run() -> Played:
        if kind == "embedded":
            return await play(Settings(scenario("standard"), torrents=count, timeout=CLOCK))
        async with a_broker(kind, tmp_path) as address:
            return await play(Settings(scenario("standard"), torrents=count, timeout=CLOCK, broker=address))

    outcome = asyncio.run(run()).outcome
    assert outcome.expected
    assert not outcome.recorder.divergences
    assert not outcome.refused
