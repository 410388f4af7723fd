"""What a service decides for its server: how long a clock counts, what is waited for, and when events are missing."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from machines.calls import CONNECT
from machines.events import TrackerHello
from machines.rules import View
from machines.torrent_server import TorrentServer
from runtime.services.back_off import BackOff
from runtime.services.bus_adapter import ServiceAdapter, numbered
from runtime.services.keeping import Keeping
from runtime.services.policy import ServicePolicy
from runtime.services.topics import Topics
from runtime.wire.events import Refusals, encode

TIMEOUT = 5.0


def a_policy() -> ServicePolicy:
    keeping = Keeping("one", None, View, lambda: None)
    return ServicePolicy(keeping, BackOff(1.0, 60.0, chance=lambda: 0.0))


def where(state: str) -> Any:
    return SimpleNamespace(where=(state,))


def test_a_clock_counts_the_next_pause_before_it_asks_again() -> None:
    policy = a_policy()
    assert policy.seconds(where("awaiting_answer"), TIMEOUT) == TIMEOUT
    assert policy.pause == 0.0
    assert [policy.seconds(where("awaiting_retry"), TIMEOUT) for _ in range(3)] == [1.0, 2.0, 4.0]
    assert policy.pause == 4.0
    assert policy.seconds(where("awaiting_hello"), TIMEOUT) == TIMEOUT
    assert policy.pause == 4.0


def test_charts_wait_while_a_thread_does_a_step() -> None:
    policy = a_policy()
    assert not policy.waits()
    policy.stepping = SimpleNamespace()  # type: ignore[assignment]
    assert policy.waits()


def test_a_gap_is_told_but_not_what_passed_between_connections() -> None:
    gaps: list[int] = []
    dialled: list[str] = []

    def dial(client: str, will: object) -> Any:
        assert will is None
        dialled.append(client)

    bus = ServiceAdapter(TorrentServer("one"), dial, Topics("plant"), 1000, lambda *_: None, gaps.append)
    refusals, session = Refusals(), str(uuid4())

    async def comes(number: int) -> None:
        event = TrackerHello(event_id=str(uuid4()))
        payload = numbered(encode(event), session, number)
        assert await bus.decoded(bus.topic_of(event), payload, refusals) == event

    bus.dial("one", CONNECT())
    for number in (1, 2, 6):
        asyncio.run(comes(number))
    assert gaps == [3]
    bus.dial("one", CONNECT())
    for number in (9, 10):
        asyncio.run(comes(number))
    assert gaps == [3]
    assert dialled == ["plant-one"] * 2
    assert not refusals.total
