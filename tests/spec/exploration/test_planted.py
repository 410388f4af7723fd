"""Charts with mistakes that a search could stumble over: they are told as mistakes, and no search goes wrong."""

import pytest
from immutabledict import immutabledict

from machines import Broker, Participant, TorrentServer, Tracker
from machines.calls import SUBSCRIBE
from machines.events import ClientEvent
from spec.exploration.explore import Options, Result, explore
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.renaming import permutations_of
from spec.exploration.model.scenario import Recast, Scenario
from spec.exploration.model.symmetry import Asymmetric, check, exchanges
from spec.notation import read
from tests.mutation.mutants import mutants_of

LOSSY = Scenario("lossy", torrents=2, timeouts="patient", faults=immutabledict({"losses": 1}))
CHARTS_MEET = "no client meets anything that its charts call impossible"


class Prefers(Tracker):
    """A tracker that knows nothing of what it promised to the second torrent server."""

    def is_pending(self, message: ClientEvent) -> bool:
        return super().is_pending(message) and message.client != "torrent2"


class Restless(TorrentServer):
    """A torrent server that subscribes to the same topic again and again."""

    def note_subscribed(self, message: SUBSCRIBE) -> None:
        """Forget that it has asked."""


def broken(result: Result) -> dict[str, str]:
    assert result.found.complete
    return {verdict.property_.name: verdict.trace for verdict in result.verdicts if verdict.holds is False}


def broker_with(name: str) -> type[Participant]:
    """The broker with a fault in one transition."""
    (found,) = (mutant for mutant in mutants_of(Broker) if mutant.name == name)
    return found.make()


FAVOURS = "drop is_last_delivery: forwarding !ClientRegistered quiet [is_last_delivery]"


@pytest.mark.parametrize(
    ("charts", "told"),
    [
        ({"Tracker": Prefers}, "tracker in awaiting_confirmations does something else at 'read ClientJoinSucceeded'"),
        ({"Broker": broker_with(FAVOURS)}, "the bus passes ClientRegistered of tracker to others than"),
    ],
)
def test_servers_that_do_not_act_alike_are_told_apart(charts: dict[str, type[Participant]], told: str) -> None:
    """Else the first one, for which all goes well, would stand for both."""
    planted = Recast(LOSSY, charts)
    result = explore(planted)
    assert result.asymmetry.startswith(told)
    assert result.asymmetry.endswith(" than under exchanged names")
    exact = explore(planted, Options(symmetric=False, reduced=False))
    assert not exact.asymmetry
    assert broken(result).keys() == broken(exact).keys()


@pytest.mark.parametrize("options", [Options(), Options(engine="vectorised"), Options(reduced=False)])
def test_ours_act_alike(options: Options) -> None:
    for scenario in (LOSSY, Scenario("three", torrents=3, conflicting=2, timeouts="patient")):
        assert not explore(scenario, options).asymmetry


def test_who_does_not_begin_alike_is_told_apart() -> None:
    system: ClosedSystem = LOSSY.build()
    permutations = permutations_of(3, [(1, 2)])
    check(system, permutations)
    system.nodes[2].begin = system.nodes[1].begin  # type: ignore[method-assign]
    with pytest.raises(Asymmetric, match="torrent1 does not begin as torrent2"):
        check(system, permutations)


def test_neighbours_are_exchanged_in_each_group() -> None:
    permutations = permutations_of(6, [(1, 2, 4), (3, 5)])
    assert set(exchanges(permutations)) == {(0, 2, 1, 3, 4, 5), (0, 1, 4, 3, 2, 5), (0, 1, 2, 5, 4, 3)}


def test_a_server_that_goes_on_for_ever_meets_what_is_impossible() -> None:
    result = explore(Recast(LOSSY, {"TorrentServer": Restless}))
    trace = broken(result)[CHARTS_MEET]
    assert not read(trace).diagnostics
    (state,) = {getattr(state, "broken", "") for states in result.system.numbers.locals for state in states} - {""}
    assert state == "after 1000 calls in one step it still goes on, in subscribing"


def test_a_broker_that_passes_on_for_ever_is_cut_off() -> None:
    """It goes on owing what it has passed on: for the explorer everybody has got it, once."""
    endless = broker_with("drop passed_on: forwarding !ClientRegistered forwarding [not is_last_delivery]")
    assert explore(Recast(LOSSY, {"Broker": endless})).found.complete
