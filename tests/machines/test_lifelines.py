"""Who takes part, as the diagrams draw it: lifelines, groups and titles stand in one place."""

from functools import cache

import pytest

from machines import BUS_EVENTS, CHARTS, LIFELINES, RegisteredClient, TorrentServer, Tracker
from machines.calls import CALLS, ROLES
from machines.events import SIDES, TOPICS_OF, TORRENT, TRACKER
from machines.lifelines import BROKER, EVENT_BUS, GROUPS, PARTS, groups_of, lifeline
from spec.binding import load
from spec.notation import Lifeline, read
from spec.rendering.servers import event_bus, server
from tests.support.places import DIAGRAMS


@cache
def lifelines_of(pattern: str) -> frozenset[Lifeline]:
    """What diagrams of the protocol declare, but for those who do what is drawn of them."""
    binding = load()
    every = (read(file.read_text(encoding="utf-8"), file=file.name).lifelines for file in DIAGRAMS.glob(pattern))
    return frozenset(each for declared in every for each in declared if not binding.is_scripted(each.name))


def in_a_run() -> set[tuple[str, str, str, str]]:
    """Alias, label, keyword and group of each lifeline, as a run is drawn."""
    groups = [event_bus(), *(server(group.title, group.lifelines) for group in GROUPS if group is not EVENT_BUS)]
    return {(one.alias, one.label, one.kind, group.label) for group in groups for one in group.lifelines}


def test_the_diagrams_draw_these_lifelines_and_no_others() -> None:
    drawn = lifelines_of("*.txt")
    assert {each.name for each in drawn} == {*LIFELINES}
    assert {(each.name, each.label, each.kind) for each in drawn} == {each[:3] for each in in_a_run()}


def test_the_reference_diagrams_group_them_as_a_run_does() -> None:
    drawn = {(each.name, each.label, each.kind, each.group) for each in lifelines_of("ClientJoin_*.txt")}
    assert drawn == {each for each in in_a_run() if each[0] != "ClientClock"}  # nothing is drawn of that one


def test_the_binding_says_the_same_of_who_plays_whom() -> None:
    players = {name: player for name, player in load().players.items() if not player.scripted}
    assert {name: player.chart for name, player in players.items()} == {
        name: chart.__name__ for name, chart in LIFELINES.items()
    }
    for group in GROUPS:
        for role, name in group.lifelines.items():
            assert (players[name].group, players[name].role) == (group.title, role)
    assert {name: player.client for name, player in players.items() if player.client} == {
        "Tracker": "tracker",
        "Torrent": "torrent",
        "Client": "client",
    }


def test_every_lifeline_has_a_chart_and_every_chart_a_lifeline() -> None:
    assert set(LIFELINES.values()) == set(CHARTS)
    assert len(LIFELINES) == sum(len(group.charts) for group in GROUPS) == 10
    assert {*PARTS} == {*ROLES, "broker"}
    assert {call.receiver for call in CALLS} == {*ROLES}


@pytest.mark.parametrize(
    ("server_", "role", "name"),
    [("Torrent", "client", "Torrent"), ("Torrent2", "view", "Torrent2View"), (BROKER, "broker", "Broker")],
)
def test_a_lifeline_is_called_after_its_server(server_: str, role: str, name: str) -> None:
    assert lifeline(server_, role) == name


def test_each_side_has_its_servers_and_its_topics() -> None:
    assert [group.charts["client"] for group in groups_of(TRACKER)] == [Tracker]
    assert [group.charts["client"] for group in groups_of(TORRENT)] == [TorrentServer, RegisteredClient]
    assert [group for group in GROUPS if group.side is None] == [EVENT_BUS]
    assert sorted(topic for side in SIDES for topic in TOPICS_OF[side]) == sorted(event.topic for event in BUS_EVENTS)
