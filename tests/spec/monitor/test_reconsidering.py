"""What is forbidden only if nothing is lost before the broker cannot be told, where that is not known."""

import pytest

from machines.events import (
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientMetadata,
    ClientRegistered,
    TrackerHello,
)
from spec.exploration.model.scenario import scenarios
from spec.monitor import SUBSCRIBER, Answer, Assumptions, Monitor, Published
from tests.spec.monitor.runs import observed, random_runs, subscribed, system_of

ORDERED = [name for name, one in scenarios().items() if not (one.unordered or one.second_trackers)]
SHARED = frozenset({"http://both/"})


def asks(client: str) -> ClientJoinRequested:
    return ClientJoinRequested(client=client, hash_algorithm="sha-256", endpoints=SHARED)


@pytest.mark.parametrize("name", ORDERED)
def test_a_run_with_losses_before_the_broker_is_not_forbidden(name: str) -> None:
    _, system = system_of(name)
    for run in random_runs(system, 8, 6, 60):
        monitor = Monitor(SUBSCRIBER, assumed=Assumptions(lag=1e9), reconsiders=True)
        for one in subscribed(observed(system, run)):
            assert monitor.see(one) is None


def judge(*events: object, reconsiders: bool = True) -> Monitor:
    monitor = Monitor(SUBSCRIBER, reconsiders=reconsiders)
    monitor.see_all(Published(float(n), "", event) for n, event in enumerate(events))  # type: ignore[arg-type]
    return monitor


def test_what_only_a_loss_explains_cannot_be_told() -> None:
    """The torrent server has asked once more, unseen, and is accepted for that: its second confirmation is right."""
    accepted, succeeded = ClientJoinAccepted(client="t1", fragment_size=1), ClientJoinSucceeded(client="t1")
    run = (TrackerHello(), asks("t1"), accepted, succeeded, TrackerHello(), asks("t1"), accepted, succeeded)
    assert judge(*run).answer is Answer.ALLOWED
    without = (*run[:5], accepted, succeeded)
    assert judge(*without, reconsiders=False).answer is Answer.FORBIDDEN
    assert judge(*without).answer is not Answer.ALLOWED


def test_what_no_loss_explains_is_forbidden_all_the_same() -> None:
    registered = ClientRegistered(client="t1", info=ClientMetadata(SHARED))
    assert judge(TrackerHello(), asks("t1"), registered).answer is Answer.FORBIDDEN
    assert judge(TrackerHello(), asks("t1"), ClientJoinSucceeded(client="t1")).answer is Answer.FORBIDDEN
