"""When the clocks of a demo may run out: once all has gone wrong that its scenario draws, and not before."""

from typing import Any

import pytest

from runtime.demo.arming import CALM, Arming, Clocks
from runtime.demo.scenarios import scenario
from runtime.demo.settings import Settings
from runtime.mqtt.faults import Fault, FaultPlan, Verdict, parse_fault

SOON = 0.3
ASKED = parse_fault("TrackerHello@to-broker", "lose")


class Counting:
    """In place of a server: what its clock counts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds: list[float] = []

    def count(self, seconds: float) -> None:
        self.seconds.append(seconds)


def armed(name: str, torrents: int = 1, faults: tuple[Fault, ...] = ()) -> tuple[Arming, Clocks]:
    clocks = Clocks(SOON)
    arming = Arming(Settings(scenario(name), torrents, faults, SOON), clocks)
    arming.arm()
    return arming, clocks


def strike(arming: Arming, fault: Fault) -> Verdict:
    return arming.plan.decide(fault.event, fault.hop, fault.client or "anybody")


def test_nothing_goes_wrong_or_counts_before_a_plan_is_armed() -> None:
    first = parse_fault("TrackerHello@to-broker#1", "lose")
    plan = FaultPlan([first], armed=False)
    assert plan.decide("TrackerHello", "to-broker", "tracker") == Verdict()
    assert plan.unused() == (first,)
    plan.arm()
    assert plan.decide("TrackerHello", "to-broker", "tracker").lost
    assert not plan.unused()


def test_clocks_run_short_with_the_last_that_is_drawn() -> None:
    arming, clocks = armed("acceptance-lost-to-broker", torrents=2)
    first, second = arming.plan.faults
    assert strike(arming, first).lost
    assert clocks.seconds == CALM
    assert strike(arming, second).lost
    assert clocks.seconds == SOON
    clocks.run_long()
    assert clocks.seconds == CALM


def test_clocks_run_short_at_once_with_what_was_asked_for() -> None:
    arming, clocks = armed("acceptance-lost-to-broker", torrents=2, faults=(ASKED,))
    assert strike(arming, ASKED).lost
    assert clocks.seconds == SOON
    assert arming.unused() == arming.plan.faults[:2]
    assert not arming.missed(), "others were asked for"


@pytest.mark.parametrize(("name", "seconds"), [("change-fails", SOON), ("failure-lost-to-broker", CALM)])
def test_a_report_counts_where_nothing_is_lost(name: str, seconds: float) -> None:
    arming, clocks = armed(name, torrents=2)
    arming.reported("torrent-1")
    assert clocks.seconds == CALM
    arming.reported("torrent-2")
    assert clocks.seconds == seconds
    assert arming.missed() == arming.unused()


def test_a_report_that_is_lost_is_not_waited_for() -> None:
    arming, clocks = armed("failure-lost-to-broker")
    assert strike(arming, arming.plan.faults[0]).lost
    assert clocks.seconds == SOON


def test_clocks_set_the_server_that_is_there() -> None:
    clocks = Clocks(SOON)
    former, latter = Counting("tracker"), Counting("tracker")
    anybody: Any
    for anybody in (former, latter):
        clocks.follow(anybody)
    clocks.run_short()
    clocks.run_short()
    clocks.run_long()
    assert (former.seconds, latter.seconds) == ([], [SOON, CALM])
