"""A second tracker in the explorer: what breaks as drawn, what holds hardened, and mistakes that are found."""

from collections.abc import Mapping
from dataclasses import replace as changed
from pathlib import Path

import pytest
from typer.testing import CliRunner

from machines import Output, Participant, TorrentServer, Tracker
from machines.events import ClientRegistered, TrackerGoodbye, TrackerHello
from machines.records import replace
from runtime.cli.main import app
from runtime.runs.explored import observed
from spec.exploration.any_number.fixpoint import open_systems
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.engine.search import Engine
from spec.exploration.explore import UNCLEAR, Options, Result, explore
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.reference import successors
from spec.exploration.model.scenario import Recast, Scenario, ScenarioError, scenario, scenario_of
from spec.exploration.model.second_tracker import SECOND, STEPPED_DOWN
from spec.exploration.properties.client_join import PROPERTIES, ClientSide, TrackerSide, side_of
from spec.exploration.properties.client_join_second_tracker import PROPERTIES as ABOUT_TWO
from spec.exploration.properties.language import Implication, Properties, instances, when_quiescent
from spec.exploration.result import Verdict
from spec.exploration.spin.model import write
from spec.exploration.spin.refusals import Unwritable
from spec.exploration.traces.replay import play, read
from spec.monitor import Monitor
from spec.notation import read as read_diagram
from tests.mutation.planting import recast
from tests.spec.exploration.systems import all_states
from tests.support.engines import ENGINES
from tests.support.nightly import by_day
from tests.support.two_trackers import HASTY, RUDE, Deaf, Forgetful

ONE = "where nothing is lost no two trackers serve"
LEFT = "whoever steps down leaves a tracker that does not"
STEP = "a tracker steps down when it hears a later one and only then"
STABLE = "no two trackers serve"
SERVES = "a tracker serves from its own hello on"
FOLLOWS = "whoever says hello or accepts a client is followed"
SKIPS = "whoever follows one tracker skips what another says of its members"
STAYS_OUT = "where nothing is lost every client without a conflict is registered"
GIVEN_UP = "whoever is registered counts itself as registered"
VIEWS = "where nothing is lost all views agree with the tracker that serves"
HARDENED = Scenario("hardened", torrents=1, hardened=True, second_trackers=1, timeouts="patient")
AS_DRAWN = changed(HARDENED, name="as drawn", hardened=False)


class Credulous(Tracker):
    """It takes whatever hello comes for its own, and serves."""

    def is_its_own(self, message: TrackerHello) -> bool:
        return True


class Nameless(Tracker):
    """What it tells torrent servers does not say who it is."""

    def compose_client_registered(self) -> tuple[Output, ...]:
        return tuple(Output(replace(each.message, session=""), each.to) for each in super().compose_client_registered())

    def compose_tracker_goodbye(self) -> tuple[Output, ...]:
        return (Output(TrackerGoodbye(), "broker"),)


class Unfaithful(TorrentServer):
    """It heeds what any tracker says."""

    def is_of_another_tracker(self, message: ClientRegistered | TrackerGoodbye) -> bool:
        return False


MEEK = recast(
    "Tracker",
    'starting.awaiting_its_hello.to(serving.awaiting_requests, cond="is_its_own")',
    'starting.awaiting_its_hello.to(serving.awaiting_requests, cond="is_its_own")'
    ' | starting.awaiting_its_hello.to(leaving.disconnecting, cond="is_successors")',
)
"""It steps down for whoever says hello, also for an earlier one: so both can."""
RIVALS = changed(HARDENED, name="rivals", torrents=2, conflicting=2)
STAYS = recast(
    "Tracker",
    'serving.awaiting_requests.to(leaving.disconnecting, cond="is_successors")',
    'serving.awaiting_requests.to.itself(cond="is_successors")',
)
"""It takes note of a later one, and goes on answering while no admission is pending."""
PLANTED: dict[str, tuple[type[Participant], set[str]]] = {
    "it ignores the newer hello": (Deaf, {ONE, STEP}),
    "it steps down, and goes on answering": (STAYS, {ONE, STEP}),
    "both step down": (MEEK, {LEFT}),
    "it serves before it has heard its own hello": (HASTY, {LEFT}),
    "it serves from anybody's hello on": (Credulous, {SERVES}),
    "it steps down with a goodbye": (RUDE, {STEP}),
}


def broken(result: Result) -> dict[str, Verdict]:
    assert result.found.complete
    return {verdict.property_.name: verdict for verdict in result.verdicts if verdict.holds is False}


def monitored(system: ClosedSystem, steps: tuple[str, ...]) -> Monitor:
    monitor = Monitor()
    monitor.see_all(observed(system, [(step.label, step.row) for step in play(system, steps)]))
    return monitor


def test_hardened_the_older_one_steps_down_and_nothing_is_broken() -> None:
    result = explore(HARDENED)
    assert not broken(result)
    about = {one.property_.name: one.word for one in result.verdicts if one.property_ in ABOUT_TWO}
    assert {name for name, word in about.items() if word == "holds"} == {
        ONE, LEFT, STEP, VIEWS, SERVES, FOLLOWS, SKIPS,
        "where nothing is lost every tracker hears its own hello",
        "where nothing is lost whoever counts itself as registered is registered at the tracker that serves",
    }  # fmt: skip
    assert result.holds, [one for one in result.verdicts if one.word == "undetermined"]


@pytest.mark.parametrize("name", by_day(PLANTED, ["it ignores the newer hello"]))
def test_what_is_planted_is_found(name: str) -> None:
    chart, wanted = PLANTED[name]
    assert broken(explore(Recast(HARDENED, {"Tracker": chart}))).keys() >= wanted


def test_as_drawn_both_serve_and_whoever_follows_one_stays_out() -> None:
    found = broken(explore(scenario("second-tracker")))
    assert found.keys() == {ONE, GIVEN_UP, STAYS_OUT}
    assert found[ONE].happens == "a second tracker comes up, tracker2"
    assert found[GIVEN_UP].happens == "a second tracker comes up, tracker2; tracker2 stops"


STOPS = changed(HARDENED, faults={"stop tracker": 1})
"""One of two trackers is stopped, at any moment."""
LOSSES = scenario("second-tracker-losses")


def test_the_goodbye_of_an_older_tracker_ends_nothing() -> None:
    assert not broken(explore(STOPS))  # with two clients: the scenario `second-tracker-stops`


@pytest.mark.parametrize("chart", by_day([Nameless, Unfaithful], [Nameless]))
def test_a_goodbye_that_is_heeded_by_all_is_found(chart: type[Participant]) -> None:
    """It sends the clients of the newer tracker away, as before trackers said who they are."""
    found = broken(explore(Recast(STOPS, {chart.__bases__[0].__name__: chart})))
    assert found.keys() == {GIVEN_UP, STAYS_OUT} | ({SKIPS} if chart is Unfaithful else set())


@pytest.mark.nightly
@pytest.mark.parametrize("chart", [Nameless, Unfaithful])
def test_a_member_of_an_older_tracker_alone_is_found(chart: type[Participant]) -> None:
    """A ghost: it is registered where nobody serves, and the newer tracker denies it."""
    found = broken(explore(Recast(RIVALS, {chart.__bases__[0].__name__: chart})))
    assert VIEWS in found


@pytest.mark.nightly
def test_where_an_own_hello_is_lost_no_two_trackers_serve() -> None:
    """What is still broken there is so with one tracker, too: a client that has given up is told too late."""
    found = broken(explore(LOSSES))
    assert found.keys() == {GIVEN_UP}
    assert "second tracker" not in found[GIVEN_UP].happens
    assert STABLE in broken(explore(Recast(LOSSES, {"Tracker": Deaf})))


def test_who_accepted_a_client_is_followed_by_it() -> None:
    """Who follows nobody else would skip the registration of the tracker that accepted it."""
    found = broken(explore(Recast(LOSSES, {"TorrentServer": Forgetful})))
    assert FOLLOWS in found


def test_hardened_trackers_understand_torrent_servers_as_drawn() -> None:
    assert not broken(explore(changed(HARDENED, as_drawn=1, faults={"stop torrent": 1})))


# Which tracker a property means.


@when_quiescent
def whoever_is_in_is_in(tracker: TrackerSide, client: ClientSide) -> Implication:
    """Said without a word of faults."""
    return client.is_registered, client.name in tracker.registered


@pytest.mark.parametrize("engine", ENGINES)
def test_what_holds_of_one_of_two_that_serve_is_undetermined(engine: Engine) -> None:
    """Two that do not hear each other accept a client; its confirmation is lost on its way to one of them."""
    loses = Recast(changed(HARDENED, loses=frozenset({"ClientJoinSucceeded"}), faults={"losses": 1}), {"Tracker": Deaf})
    (said,) = explore(loses, Options(engine=engine), [whoever_is_in_is_in]).verdicts
    assert (said.word, said.reason, said.non_vacuous) == ("undetermined", UNCLEAR, True)
    judge = Properties(loses.build(drop_inert=False), [whoever_is_in_is_in], side_of)
    rows = [row for row in all_states(judge.system) or [] if judge.all_quiescent(row)]
    answers = {judge.answer(one, row) for row in rows for one in judge.instances}
    assert {conclusion for premise, conclusion in answers if premise} == {True, None}
    (said,) = explore(HARDENED, Options(engine=engine), [whoever_is_in_is_in]).verdicts
    assert said.word == "holds"


def test_properties_of_states_are_asked_of_each_tracker() -> None:
    system = changed(HARDENED, torrents=2).build()
    names = [node.name for node in system.nodes]
    assert names == ["tracker", "torrent1", "torrent2", "tracker2"]
    for one in PROPERTIES:
        if one.when == "step" or not {"tracker", "client", "other"} & {*one.concerns}:
            continue
        asked = {each.components for each in instances([one], names, system.trackers)}
        assert {place for places in asked for place in places} <= {0, 1, 2, 3, 4}
        if "tracker" in one.concerns:
            assert {places[one.concerns.index("tracker")] for places in asked} == {0, 3}, one.name
        if "client" in one.concerns and "other" not in one.concerns:
            assert {places[one.concerns.index("client")] for places in asked} == {1, 2}, one.name


def test_every_state_of_a_hardened_system_has_one_tracker_left() -> None:
    """Against the definition: whoever has stepped down is never online, nor started again."""
    system = HARDENED.build(drop_inert=False)
    met = set()
    for row in all_states(system) or []:
        sides = [side_of(system, place, system.numbers.state(place, row[place]), False) for place in system.trackers]
        trackers = [side for side in sides if isinstance(side, TrackerSide)]
        met.add(tuple((side.has_come_up, side.is_online, side.has_stepped_down) for side in trackers))
        for label, then in successors(system, row):
            before = system.numbers.state(label.component, row[label.component])
            after = system.numbers.state(label.component, then[label.component])
            if before.life == STEPPED_DOWN:  # type: ignore[attr-defined]
                assert (after.life, label.kind) == (STEPPED_DOWN, "expire"), label  # type: ignore[attr-defined]
    spare, waits, serves, over = (False, False, False), (True, False, False), (True, True, False), (True, False, True)
    lives = (waits, serves)
    assert met == {
        *((first, spare) for first in lives),
        *((first, second) for first in lives for second in lives),
        *((over, second) for second in lives),
        *((first, over) for first in lives),
    }


def test_properties_about_two_trackers_say_nothing_of_one() -> None:
    system = scenario("crash-points").build()
    assert not [one.name for one in ABOUT_TWO if one.applies_to(system)]


# A run is told, drawn, seen, and replayed.


@pytest.mark.parametrize("name", [ONE, GIVEN_UP])
def test_a_run_with_two_trackers_is_told_drawn_seen_and_replayed(name: str, tmp_path: Path) -> None:
    said = broken(explore(scenario("second-tracker")))[name]
    assert not read_diagram(said.trace).diagnostics
    assert "participantgroup Tracker Server 2\n" in said.trace
    assert "note over Tracker2:A second tracker comes up." in said.trace
    trace = read(said.trace, "the trace")
    assert f"start tracker2; {SECOND}" in trace.steps
    assert trace.scenario == changed(scenario("second-tracker"), name="second-tracker")
    assert not monitored(trace.scenario.build(drop_inert=False), trace.steps).forbidden
    file = tmp_path / "trace.txt"
    file.write_text(said.trace, encoding="utf-8")
    for options in ([], ["--live"]):
        done = CliRunner().invoke(app, ["replay", str(file), *options])
        assert done.exit_code == 0, done.output


def test_stepping_down_is_told_drawn_and_replayed(tmp_path: Path) -> None:
    said = broken(explore(Recast(HARDENED, {"Tracker": MEEK})))[LEFT]
    assert said.happens.endswith("tracker steps down; tracker2 steps down") or said.happens.endswith(
        "tracker2 steps down; tracker steps down"
    )
    assert "note over Tracker:It steps down." in said.trace
    stops = broken(explore(changed(STOPS, as_drawn=1)))[GIVEN_UP]
    assert "note over Tracker2:A second tracker comes up." in stops.trace
    file = tmp_path / "trace.txt"
    file.write_text(stops.trace, encoding="utf-8")
    for options in ([], ["--live"]):
        done = CliRunner().invoke(app, ["replay", str(file), *options])
        assert done.exit_code == 0, done.output


# Who cannot say it says so.


def test_spin_and_any_number_refuse_it_by_name() -> None:
    with pytest.raises(Unwritable, match="take out second_trackers"):
        write(HARDENED.build())
    with pytest.raises(NotInterchangeable, match="take out second_trackers"):
        open_systems(changed(HARDENED, torrents=2))
    for options, told in ((["--torrents", "any"], "take out second_trackers"), ([], "nothing is told where a second")):
        said = CliRunner().invoke(app, ["explore", "--scenario", "second-tracker", *options])
        assert told in said.output, said.output
        assert said.exit_code == (2 if options else 1)


@pytest.mark.parametrize("number", [-1, 2])
def test_there_is_one_second_tracker_at_most(number: int) -> None:
    with pytest.raises(ScenarioError, match="it has to be 0 or 1"):
        scenario_of("mine", "mine", {"second_trackers": number})


def test_a_second_tracker_has_no_view_of_its_own() -> None:
    """It begins with what the first one begins with."""
    views: Mapping[str, Mapping[str, object]] = {"tracker2": {"fragment_size": 2048}}
    with pytest.raises(ScenarioError, match="no server 'tracker2'"):
        Scenario("mine", second_trackers=1, views=views)
