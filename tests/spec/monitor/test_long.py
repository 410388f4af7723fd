"""A monitor that watches for long: what it keeps does not grow with all who were ever there."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from machines import rules
from machines.calls import JoinPossible
from machines.events import (
    BusEvent,
    ClientGoodbye,
    ClientJoinRequested,
    ClientJoinSucceeded,
    TrackerHello,
)
from machines.rules import View
from spec.monitor import SUBSCRIBER, Answer, Gap, Monitor, Observed, Passed, Published
from spec.monitor.participant import CROWDED
from tests.support.nightly import by_day

APART = 1.0
"""Seconds from one event to the next."""


class Service:
    """A tracker whose members come and go, as a subscriber sees it."""

    def __init__(self) -> None:
        self.view = View("sha-256", 10)
        self.at = 0.0

    def publish(self, *events: BusEvent) -> Iterator[Observed]:
        for event in events:
            self.at += APART
            yield Published(self.at, "", event)

    def join(self, name: str) -> Iterator[Observed]:
        request = ClientJoinRequested(client=name, hash_algorithm="sha-256", endpoints=frozenset({f"http://{name}/"}))
        self.view, answer = rules.admit(self.view, request)
        assert isinstance(answer, JoinPossible)
        self.view, applied = rules.register(self.view, name)
        yield from self.publish(request, answer.acceptance, ClientJoinSucceeded(client=name), applied.registered)

    def leave(self, name: str) -> Iterator[Observed]:
        self.view = rules.remove_client(self.view, name)
        yield from self.publish(ClientGoodbye(client=name))

    def churn(self, names: Iterator[str]) -> Iterator[Observed]:
        yield from self.publish(TrackerHello())
        yield from self.join("stays")
        for name in names:
            yield from self.join(name)
            yield from self.leave(name)


OTHERS = [(5, "never"), (5, "at times"), (300, "never"), (300, "at times")]
"""How many come and go, and when it is quiet."""


@pytest.mark.parametrize(("others", "quiet"), by_day(OTHERS, [(5, "at times"), (300, "never")]))
def test_who_came_and_went_costs_nothing_more(others: int, quiet: str) -> None:
    """Whether they come back under their names, or each has a new one."""
    service, monitor = Service(), Monitor(SUBSCRIBER)
    for number, seen in enumerate(service.churn(f"torrent-{number % others}" for number in range(300))):
        assert monitor.see(seen) is None
        if quiet == "at times" and number % 10 == 0:
            monitor.see(Passed(seen.at))
    assert monitor.answer is Answer.ALLOWED
    waiting = {name: len(one.track.inbox) for name, one in monitor.participants.items() if one.track}
    assert max(waiting.values()) <= CROWDED, f"so many events wait: {waiting}"
    assert sum(waiting.values()) <= 100 * CROWDED, "events wait for those who are gone"


def watched() -> tuple[Service, Monitor]:
    service, monitor = Service(), Monitor(SUBSCRIBER)
    monitor.see_all(service.churn(f"torrent-{number}" for number in range(200)))
    first = monitor.participants["torrent-0"]
    assert first.track is not None
    assert not first.track.inbox
    return service, monitor


def test_who_comes_back_is_judged() -> None:
    service, monitor = watched()
    assert monitor.see_all(service.join("torrent-0")) is Answer.ALLOWED
    assert "registered" in monitor.where("torrent-0")


def test_who_comes_back_may_not_do_what_it_likes() -> None:
    service, monitor = watched()
    (wrong,) = service.publish(ClientJoinSucceeded(client="torrent-0"))
    found = monitor.see(replace(wrong))
    assert found is not None
    assert found.client == "torrent-0"


def test_who_was_gone_may_be_back_after_a_gap() -> None:
    service, monitor = watched()
    monitor.see(Gap(service.at))
    for seen in service.join("torrent-0"):
        assert monitor.see(seen) is None
