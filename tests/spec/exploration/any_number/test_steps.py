"""What single steps do, for every number of torrent servers: what is left out, what is missed without it, and bugs."""

from dataclasses import replace
from typing import Any

import pytest
from immutabledict import immutabledict

from machines import DistributionView
from machines.calls import AddClient, CheckJoin, JoinPossible
from machines.distribution_view import DistributionViewData
from spec.exploration.any_number.fixpoint import Fixpoint, Options
from spec.exploration.any_number.looks import Judged, looks, steps_met
from spec.exploration.any_number.verdicts import ASKED, answer
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.properties.language import Implication, Property, at_each_step
from spec.exploration.properties.steps import Step
from tests.support.nightly import by_day

STEPS = tuple(one for one in ASKED if one.when == "step")


def named(*words: str) -> tuple[Property, ...]:
    return tuple(one for one in STEPS if any(word in one.name for word in words))


def test_all_steps_are_as_they_should_be(standard: Fixpoint) -> None:
    met = steps_met(standard.parts, STEPS)
    assert {name for name, broken in met if broken} == set()
    assert len(met) == 18


def test_steps_that_are_asked_for_later_are_judged_as_well(standard: Fixpoint) -> None:
    """Each once: what was asked before a round is not judged again after it."""
    (part,) = standard.parts
    asking = part.system.asking
    every = dict(asking.of_servers), dict(asking.of_tracker)
    judged = Judged(STEPS)
    for said in (asking.of_servers, asking.of_tracker):
        said.clear()
    assert judged.met(standard.parts) == set()
    for count in (10, 100, None):
        for said, known in zip((asking.of_servers, asking.of_tracker), every, strict=True):
            said.update([*known.items()][:count])
        assert judged.met(standard.parts) == steps_met(standard.parts, STEPS)


@at_each_step
def who_is_served_is_alone(tracker: Step) -> Implication:
    """Wrong from two on."""
    view = tracker.before.knows
    return bool(tracker.sent), len(view.clients.keys() | view.admissions.keys()) <= 1


@at_each_step
def at_most_three_are_admitted(tracker: Step) -> Implication:
    """Wrong from four on; views of two with two ghosts show it."""
    return bool(tracker.sent), len(tracker.after.knows.admissions) <= 3


@pytest.mark.parametrize(("wrong", "servers"), [(who_is_served_is_alone, 2), (at_most_three_are_admitted, 4)])
def test_what_takes_two_and_four_servers_is_broken(wrong: Property, servers: int) -> None:
    (found,) = answer(scenario("standard"), properties=(wrong,)).verdicts
    assert (found.word, found.servers) == ("broken", servers)
    assert found.found is not None
    assert found.found.trace


class OmitsTheSecond(DistributionView):
    """An acceptance leaves out one of two registered clients."""

    def judge(self, message: CheckJoin) -> None:
        super().judge(message)
        told = self.data.answer
        if isinstance(told, JoinPossible) and len(told.acceptance.clients) >= 2:
            kept = immutabledict({name: told.acceptance.clients[name] for name in sorted(told.acceptance.clients)[1:]})
            self.data = replace(self.data, answer=JoinPossible(acceptance=replace(told.acceptance, clients=kept)))


class AddsOneAtATime(DistributionView):
    """Who knows two others does not add another one."""

    def add_client(self, message: AddClient) -> None:
        before = self.data.view
        super().add_client(message)
        if len(before.clients) >= 2:
            self.data = DistributionViewData(before)


@pytest.mark.parametrize(
    ("charts", "about"),
    by_day(
        [
            ({"DistributionView": OmitsTheSecond}, "an acceptance tells just"),
            ({"DistributionView": AddsOneAtATime}, "whoever hears of a registration adds"),
        ],
        [({"DistributionView": AddsOneAtATime}, "whoever hears of a registration adds")],
    ),
)
def test_a_step_that_is_wrong_with_three_servers_is_caught(charts: Any, about: str) -> None:
    (found,) = answer(scenario("standard"), properties=named(about), charts=charts).verdicts
    assert (found.word, found.servers) == ("broken", 3)


@at_each_step
def whoever_hears_an_acceptance_of_others_changes(client: Step) -> Implication:
    """Wrong: it is ignored, so that it is not delivered unless somebody asks for it."""
    message: Any = client.message
    about = type(message).__name__ == "ClientJoinAccepted" and message.client != client.name
    return about, client.after != client.before


def test_what_is_ignored_is_delivered_where_a_property_needs_it() -> None:
    chosen = Scenario("standard", timeouts="patient")
    (look,) = looks(chosen, Options(), (whoever_hears_an_acceptance_of_others_changes,), None)
    assert look.met == {("whoever hears an acceptance of others changes", broken) for broken in (True, False)}
