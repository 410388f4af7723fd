"""Last wills in the explorer: what is planted in charts is found, and a run with wills is told, drawn and replayed."""

from collections.abc import Mapping
from dataclasses import replace as changed

import pytest

from machines import Broker, DistributionView, Participant, TorrentServer
from machines.calls import CONNECT, RemoveClient
from machines.events import ClientGoodbye
from machines.participant import Output
from machines.records import replace
from runtime.runs.explored import observed
from spec.exploration.explore import Result, explore
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.scenario import Recast, ScenarioError, scenario, scenario_of, with_bounds
from spec.exploration.properties.client_join import PROPERTIES
from spec.exploration.traces.replay import KEPT, Replayed, play, read
from spec.monitor import Monitor
from spec.notation import read as read_diagram

STAYS = "whoever is gone without a word is registered no more"
LATE = "a late will removes nobody whose owner is back"
STALE = "whoever counts itself as registered is registered unless the tracker changed"
ONE = changed(scenario("late-wills"), torrents=1)


class OfNoSession(TorrentServer):
    """Its will does not say of which session it is."""

    def compose_connect(self) -> tuple[Output, ...]:
        return (Output(CONNECT(will=ClientGoodbye(client=self.data.client)), "broker"),)


class OfEverySession(TorrentServer):
    """All its sessions have one name."""

    def take_name(self, session: str) -> None:
        """Keep the name."""


class Silent(Broker):
    """It says no will."""

    def break_session(self, sender: str) -> None:
        self.close_session(sender)


class Rash(DistributionView):
    """It removes whoever a will names, of whatever session."""

    def remove_client(self, message: RemoveClient) -> None:
        super().remove_client(replace(message, session=""))


PLANTED: dict[str, tuple[Mapping[str, type[Participant]], str]] = {
    "a will that names no session": ({"TorrentServer": OfNoSession}, STALE),
    "sessions of one name": ({"TorrentServer": OfEverySession}, STALE),
    "a broker that says no will": ({"Broker": Silent}, STAYS),
    "a will removes whom it names": ({"DistributionView": Rash}, LATE),
}


def broken(result: Result) -> dict[str, str]:
    assert result.found.complete
    return {verdict.property_.name: verdict.trace for verdict in result.verdicts if verdict.holds is False}


def monitored(system: ClosedSystem, played: list[Replayed]) -> Monitor:
    monitor = Monitor()
    monitor.see_all(observed(system, [(step.label, step.row) for step in played]))
    return monitor


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(name: str) -> None:
    charts, property_ = PLANTED[name]
    assert property_ in broken(explore(Recast(ONE, charts)))


def test_nothing_is_broken_with_one_torrent_server() -> None:
    assert not broken(explore(ONE))


def test_a_will_can_be_lost_like_any_event() -> None:
    lossy = with_bounds(ONE, {"losses": 1})
    (said,) = (one for one in explore(lossy).verdicts if one.property_.name == STAYS)
    assert said.holds is False
    assert "ClientGoodbye (torrent1) is lost" in said.happens
    trace = read(said.trace, "the trace")
    assert trace.scenario == lossy
    system = lossy.build(drop_inert=False)
    assert not monitored(system, [*play(system, trace.steps)]).forbidden


def test_a_run_with_a_late_will_is_told_drawn_seen_and_replayed() -> None:
    planted = Recast(ONE, {"DistributionView": Rash})
    (said,) = (one for one in explore(planted).verdicts if one.property_.name == LATE)
    assert said.happens.endswith(
        "the broker has not said torrent1's will yet; the broker says torrent1's will, which is late"
    )
    assert not read_diagram(said.trace).diagnostics
    assert "note over Broker:The will of Torrent1:" in said.trace
    system = planted.build(drop_inert=False)
    steps = [text for key, text in KEPT.findall(said.trace) if key.startswith("step")]
    played = list(play(system, steps))
    assert {"start torrent1; late will", "late will torrent1"} <= {step.text for step in played}
    assert not monitored(system, played).forbidden, "to the monitor, a will may come late"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"wills": True}, "set hardened = true"),
        ({"hardened": True, "faults": {"late will": 1}}, "set wills = true"),
    ],
)
def test_wills_need_who_leaves_them(table: dict[str, object], told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        scenario_of("mine", "mine", table)


def test_properties_about_wills_say_nothing_where_there_are_none() -> None:
    about = {one.name for one in PROPERTIES if "late will" in one.name or one.name == STAYS}
    assert len(about) == 3
    assert not {one.name for one in PROPERTIES if one.applies_to(scenario("leaving").build())} & about
