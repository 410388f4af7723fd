"""What is not asked anew, or not looked at, would come to the same: each shortcut beside the long way."""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pytest
from immutabledict import immutabledict

from machines.participant import Snapshot
from spec.exploration.any_number import recurring as recurring_module
from spec.exploration.any_number.executed import Noted, noting
from spec.exploration.any_number.fixpoint import Fixpoint, Options, Part, fixpoint, open_systems
from spec.exploration.any_number.knowledge import Knowledge
from spec.exploration.any_number.open_system import ALL, Asking, OpenSystem, Seen, is_of_others
from spec.exploration.any_number.recurring import recurring
from spec.exploration.any_number.shares import ANY_KIND, Ghosts, Shares
from spec.exploration.any_number.termination import OUTSIDE
from spec.exploration.engine.search import BreadthFirst
from spec.exploration.liveness import Graph, unfair
from spec.exploration.model.scenario import Scenario, scenario
from tests.spec.exploration.any_number.planted import ENDLESS, Planted
from tests.spec.exploration.any_number.planted_files import FILES, TWO_RIVALS
from tests.support.nightly import by_day

RIVALS = Scenario("rivals", timeouts="patient", conflicting=2)
CHOSEN = (RIVALS, scenario("hasty"), FILES)


@pytest.fixture(scope="module", params=by_day(CHOSEN, [scenario("hasty")]), ids=lambda chosen: chosen.name)
def chosen(request: pytest.FixtureRequest) -> Scenario:
    found: Scenario = request.param
    return found


@pytest.fixture(scope="module")
def done(chosen: Scenario) -> Fixpoint:
    return fixpoint(chosen)


# What became known is asked about only where it can matter.


def stale(system: OpenSystem) -> Iterator[str]:
    """What was kept as current, and would be something else if it was listed or asked anew."""
    ghosts: Any = system.around
    for (component, state), of in [*system.of_states.items()]:
        for kept_ in (system.knowledge._choices, system.knowledge._placings, system.knowledge._told_unseen):
            kept_.clear()
        for (what, *message), (version, kept) in [*of.lists.items()]:
            if version == system._version(of, *(ALL if what != "completions" else ALL[:1])):
                anew = tuple(getattr(system.knowledge, str(what))(system.owner(component), state, *message))
                if kept != anew:
                    yield f"{what} of component {component}: {len(kept)} are kept, there are {len(anew)}"
        for (kind, about), seen in [*of.said.items()]:
            if seen.version == system.version(of, kind, about):
                fresh = Seen()
                ghosts._ask(fresh, component, state, kind, about)
                if not fresh.found.keys() <= seen.found.keys():
                    yield f"component {component} says more to {kind} {about} than is kept"
        for about, seen in [*of.ignored.items()]:
            if seen.version == system.version(of, "read", about):
                ignores = ghosts.ignores(component, state, about)
                of.ignored.clear()
                if ghosts.ignores(component, state, about) != ignores:
                    yield f"component {component} is said to ignore {about}: {ignores}"


def test_what_is_kept_is_what_would_be_asked_anew(done: Fixpoint) -> None:
    for part in done.parts:
        assert [*stale(part.system)] == []


@pytest.mark.parametrize("what", ALL[:2])
def test_what_is_not_noted_as_grown_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    adds = Shares._add

    def without(self: Shares, known: set[Any], one: Any, of: str = "", place: int = 0) -> None:
        adds(self, known, one, "" if of == what else of, place)

    monkeypatch.setattr(Shares, "_add", without)
    assert [*stale(fixpoint(scenario("standard"), Options(symmetric=False)).system)]


def test_what_is_said_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if what a message may say of others was listed once, and for ever."""
    told = Knowledge._told_of_the_other

    def once(self: Knowledge, owner: str, message: Any, subject: str) -> tuple[Any, ...]:
        known = self._told_unseen.get((owner, message, subject))
        return known[1] if known else told(self, owner, message, subject)

    monkeypatch.setattr(Knowledge, "_told_of_the_other", once)
    assert [*stale(fixpoint(scenario("standard"), Options(symmetric=False)).system)]


def test_states_that_are_looked_at_again_are_all_that_have_more(monkeypatch: pytest.MonkeyPatch) -> None:
    every = fixpoint(scenario("hasty"))
    monkeypatch.setattr("spec.exploration.any_number.fixpoint.FIRST_PART", 1 << 6)
    some = fixpoint(scenario("hasty"))
    monkeypatch.setattr(
        "spec.exploration.engine.compiled.search.Search.expand_of_shapes", BreadthFirst.expand_of_shapes
    )
    whole = fixpoint(scenario("hasty"))
    assert some.rounds > every.rounds
    assert len({(found.views, found.steps) for found in (every, some, whole)}) == 1


def test_what_there_is_of_components_is_what_numpy_finds(done: Fixpoint) -> None:
    for part in done.parts:
        for one, other in zip(part.search.parts(), BreadthFirst.parts(part.search), strict=True):
            assert sorted(one.tolist()) == sorted(other.tolist())


# Steps of charts are noted as they are asked for.


def keys(noted: Noted) -> dict[str, tuple[set[Any], ...]]:
    return {kind.__name__: ({*of.sends}, {*of.sent}, {*of.received}) for kind, of in noted.items()}


def test_the_steps_that_are_noted_are_those_of_all_questions(chosen: Scenario, done: Fixpoint) -> None:
    again: Noted = {}
    nodes = {node.name: node for system in open_systems(chosen) for node in noting(system.nodes, again)}
    asking = Asking()
    for part in done.parts:
        for name, state, kind, message in part.system.asking.known:
            asking(nodes[name], state, kind, message, is_server=True)
    assert keys(again) == keys(done.system.asking.noted)


def test_a_snapshot_keeps_its_hash_in_its_own_process_only() -> None:
    """Texts have other hashes in another one."""
    one = Snapshot(("idle",), "data")
    assert hash(one) == hash(Snapshot(("idle",), "data")) == hash(one)
    script = "import pickle, sys; one = pickle.load(sys.stdin.buffer); print(one in {type(one)(*one)})"
    found = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(one), capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": "1"},
    )  # fmt: skip
    assert found.stdout.strip() == b"True"


# Steps that cannot recur are not looked at in the graph.


def recurs_unexpectedly(part: Part) -> int:
    """How many steps lie on a cycle of views, of those that are said not to recur."""
    search = part.search
    costs = unfair(part.system)
    left = recurring(search.tables, costs)
    graph = Graph(search)
    component = np.full(search.count, OUTSIDE, np.int64)
    states, group = graph.cyclic(np.ones(search.count, np.bool_))
    component[states] = group
    sources, targets = search.edges(search.tables.without(costs, lambda plan: id(plan) not in left))
    return int(np.count_nonzero((component[sources] == component[targets]) & (component[sources] != OUTSIDE)))


DENIED, EXCEEDED = (
    ENDLESS[name] for name in ("a server asks again for ever", "two timeouts are exceeded again and again")
)
UNCONFIRMED = Scenario(
    "unconfirmed", timeouts="patient", loses=frozenset({"ClientJoinSucceeded"}), faults=immutabledict({"losses": None})
)


def test_what_cannot_recur_lies_on_no_cycle(done: Fixpoint) -> None:
    assert [recurs_unexpectedly(part) for part in done.parts] == [0] * len(done.parts)


@pytest.mark.parametrize(
    ("symmetric", "chosen", "planted"),
    [
        (False, DENIED.scenario, DENIED),
        (True, DENIED.scenario, DENIED),
        (False, UNCONFIRMED, EXCEEDED),
        pytest.param(True, UNCONFIRMED, EXCEEDED, marks=pytest.mark.nightly),
    ],
)
def test_nor_where_runs_go_on_for_ever(symmetric: bool, chosen: Scenario, planted: Planted) -> None:
    done = fixpoint(chosen, Options(symmetric=symmetric), charts=planted.charts)
    plans = [plan for _, _, shape, _ in done.search.tables.known_shapes() for plan in done.search.tables.planned(shape)]
    left = recurring(done.search.tables, unfair(done.system))
    assert any(id(plan) in left and not is_of_others(plan.label) for plan in plans)
    assert recurs_unexpectedly(done.parts[0]) == 0


def nothing(*_: Any) -> Iterator[Any]:
    yield from ()


@pytest.mark.parametrize("method", ["_gives", "_under_all_names"])
def test_what_recurs_all_the_same_is_found(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no message is ever sent, nothing that reads could recur; nor anything where there are no steps."""
    done = fixpoint(DENIED.scenario, charts=DENIED.charts)
    monkeypatch.setattr(recurring_module._Steps, method, nothing)
    assert sum(map(recurs_unexpectedly, done.parts))


def test_few_steps_can_recur(done: Fixpoint) -> None:
    """None that are seen, which is why every run terminates without a look at the graph."""
    for part in done.parts:
        tables = part.search.tables
        left = recurring(tables, unfair(part.system))
        plans = [plan for _, _, shape, _ in tables.known_shapes() for plan in tables.planned(shape)]
        assert 0 < len(left) < len(plans)
        assert all(is_of_others(plan.label) for plan in plans if id(plan) in left)


# Of ghosts that bear alike one choice is looked for.


def several_by_definition(
    self: Knowledge, owner: str, shares: Any, fitting: list[int], most: int, least: int = 2, served: int = ANY_KIND
) -> Iterator[Ghosts]:
    """Each combination, and of those that bear alike the first."""
    met: set[Any] = set()
    for count in range(least, most + 1):
        for chosen in combinations_with_replacement(self._as_seen_by(owner, shares, fitting), count):
            together = all(
                owner or two.share in self.pairs[one.share] for at, one in enumerate(chosen) for two in chosen[:at]
            )
            bearing = self._bearing(chosen)
            if bearing not in met and together and self._are_so_many(chosen, served):
                met.add(bearing)
                yield self._placed(chosen, len(met))


@pytest.mark.parametrize(
    "scenario_", by_day([*CHOSEN, TWO_RIVALS], [scenario("hasty"), TWO_RIVALS]), ids=lambda chosen: chosen.name
)
def test_the_first_choices_are_those_of_all_combinations(scenario_: Scenario) -> None:
    compared = 0
    for part in fixpoint(scenario_).parts:
        knowledge = part.system.knowledge
        for component, states in enumerate(part.system.numbers.locals):
            owner = part.system.owner(component)
            for shares in {knowledge.split(owner, state) for state in states}:
                fitting = knowledge._fitting(owner, shares)
                for least, served in ((1, ANY_KIND), (2, ANY_KIND), (1, 0)):
                    asked = (owner, shares, fitting, 3, least, served)
                    one, other = (
                        [*several(*asked)]
                        for several in (knowledge._several, partial(several_by_definition, knowledge))
                    )
                    assert one == other
                    compared += len(one)
    assert compared > 50
