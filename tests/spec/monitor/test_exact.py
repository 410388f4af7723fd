"""Where everything is seen, what is forbidden is just what the definition forbids: held on mutated runs."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from machines.events import (
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinSucceeded,
    ClientRegistered,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from spec.exploration.model.node import Server
from spec.monitor import Connected, Delivered, Disconnected, Monitor, Observed, Sent
from spec.monitor.server import MANY
from tests.spec.monitor.definition import Definition
from tests.spec.monitor.runs import observed, random_runs, system_of
from tests.support.nightly import by_day

OF_TORRENT = (ClientJoinSucceeded, ClientJoinFailed, ClientGoodbye)


def local(seen: list[Observed], client: str) -> list[Observed]:
    """What was seen at one server."""
    kinds = (Sent, Delivered, Connected, Disconnected)
    return [one for one in seen if isinstance(one, kinds) and one.client == client]


def mutated(word: list[Observed], chance: random.Random, client: str) -> Iterator[list[Observed]]:
    """The same with one thing changed."""
    for place in range(len(word)):
        yield [*word[:place], *word[place + 1 :]]
    for place in range(len(word) - 1):
        yield [*word[:place], word[place + 1], word[place], *word[place + 2 :]]
    for place, one in enumerate(word):
        if isinstance(one, Sent | Delivered):
            again = replace(one, event=replace(one.event, event_id=f"new {place}"))
            yield [*word[: place + 1], again, *word[place + 1 :]]
        if isinstance(one, Sent):
            other = chance.choice(list(_others(one.event, client)))
            yield [*word[:place], replace(one, event=other), *word[place + 1 :]]


def _others(event: BusEvent, client: str) -> Iterator[BusEvent]:
    if event.publisher == "torrent":
        yield from (kind(client=client) for kind in OF_TORRENT if not isinstance(event, kind))
        return
    named = getattr(event, "client", "torrent1")
    yield TrackerHello()
    yield TrackerGoodbye()
    yield ClientJoinDenied(client=named, reason_code=ReasonCode.ENDPOINT_CONFLICT)
    yield ClientJoinAccepted(client="torrent2", fragment_size=1024)
    if isinstance(event, ClientRegistered):
        yield replace(event, client="torrent2")


def first_by_definition(node: Server, word: list[Observed]) -> int | None:
    definition = Definition(node)
    return next((place for place, one in enumerate(word) if not definition.see(one)), None)


def first_by_monitor(role: str, client: str, word: list[Observed], *, as_drawn: bool) -> int | None:
    from spec.monitor import Sight

    sight = Sight(subscriptions=False)
    monitor = Monitor(sight, roles={client: role}, judges_broker=False, as_drawn=as_drawn)
    return next((place for place, one in enumerate(word) if monitor.see(one) is not None), None)


@pytest.mark.parametrize(
    ("name", "retries"),
    by_day(
        [
            *((name, 0) for name in ("leaving", "duplicates", "rivals", "alone", "crashing", "disconnected")),
            *((name, MANY) for name in ("rivals", "alone")),
        ],
        [("leaving", 0), ("disconnected", 0), ("rivals", 0), ("alone", MANY)],
    ),
)
def test_a_mutated_run_is_forbidden_where_the_definition_says_so(name: str, retries: int) -> None:
    """Storages may fail: a monitor cannot know that one does not."""
    base, _ = system_of(name, storage_failure=None)
    system = replace(base, retries=retries).build(drop_inert=False)
    chance = random.Random(6)
    found: Counter[bool] = Counter()
    for run in random_runs(system, 6, 2 if retries else 4, 50 if retries else 70):
        seen = observed(system, run)
        for component, node in enumerate(system.nodes):
            assert isinstance(node, Server)
            role = "torrent" if component else "tracker"
            word = local(seen, node.name)
            for other in mutated(word, chance, node.name):
                expected = first_by_definition(node, other)
                assert first_by_monitor(role, node.name, other, as_drawn=not retries) == expected, _shown(
                    other, expected
                )
                found[expected is not None] += 1
    assert found[True] > 20
    assert found[False] > 20


def _shown(word: list[Observed], expected: int | None) -> str:
    return "\n".join(f"{'*' if place == expected else ' '} {one}" for place, one in enumerate(word))
