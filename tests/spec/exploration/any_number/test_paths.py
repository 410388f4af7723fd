"""Steps that are followed with other views come to what they come to when they are made."""

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from machines.participant import Snapshot
from spec.exploration.any_number.executed import noting
from spec.exploration.any_number.fixpoint import Fixpoint, Options, fixpoint, open_systems
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.node import Outcome, Server, ServerState
from spec.exploration.model.paths import Paths
from spec.exploration.model.scenario import Scenario, scenario
from spec.exploration.model.surroundings import said
from tests.support.nightly import by_day

Question = tuple[str, Any, str, Hashable]
CHOSEN = [
    scenario("hasty"),
    replace(scenario("losses"), hardened=True),
    Scenario("two-rivals", torrents=2, conflicting=2, timeouts="patient"),
]


def differ(chosen: Scenario, done: Fixpoint) -> Iterator[tuple[Question, tuple[Outcome, ...], tuple[Outcome, ...]]]:
    """What was said otherwise than by servers that make each step, in whole."""
    nodes = {node.name: node for system in open_systems(chosen) for node in system.nodes}
    assert not any(node.paths for node in nodes.values() if isinstance(node, Server))
    for part in done.parts:
        for question, outcomes in part.system.asking.known.items():
            name, state, kind, message = question
            made = said(nodes[name], state, kind, message)
            if made != outcomes:
                yield question, made, outcomes


@pytest.mark.parametrize("chosen", by_day(CHOSEN, CHOSEN[1:2]), ids=lambda one: one.name)
def test_what_is_followed_is_what_is_made(chosen: Scenario) -> None:
    done = fixpoint(chosen)
    assert [*differ(chosen, done)] == []


@pytest.mark.parametrize("chosen", by_day(CHOSEN[1:], CHOSEN[1:2]), ids=lambda one: one.name)
def test_most_steps_are_followed(chosen: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], Paths._made
    followed, follow = [], Paths.follow
    monkeypatch.setattr(Paths, "_made", lambda self, *about: made.append(1) or make(self, *about))  # type: ignore[func-returns-value]
    monkeypatch.setattr(Paths, "follow", lambda self, begun: followed.append(1) or follow(self, begun))  # type: ignore[func-returns-value]
    fixpoint(chosen)
    assert 0 < 2 * len(made) < len(followed)


@pytest.mark.nightly
def test_steps_are_noted_whether_followed_or_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def noted_of(done: Fixpoint) -> dict[str, tuple[set[Any], ...]]:
        noted = done.system.asking.noted
        return {kind.__name__: ({*of.sends}, {*of.sent}, {*of.received}) for kind, of in noted.items()}

    chosen = CHOSEN[1]
    followed = noted_of(fixpoint(chosen))
    monkeypatch.setattr(Paths, "follow", lambda self, begun: self.walk(begun, self.view)[0])
    assert followed == noted_of(fixpoint(chosen))


# Mistakes: the comparison shows each.


def test_a_path_that_does_not_ask_what_is_due_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paths, "_number", lambda *_: 0)
    assert [*differ(CHOSEN[0], fixpoint(CHOSEN[0], Options(symmetric=False)))]


@pytest.mark.nightly
def test_nor_is_it_symmetric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paths, "_number", lambda *_: 0)
    with pytest.raises(NotInterchangeable, match="does something else"):
        fixpoint(CHOSEN[1])


def test_a_view_that_nobody_handed_out_is_not_kept() -> None:
    (system,) = open_systems(CHOSEN[0])
    server, _ = (node for node in noting(system.nodes, {}) if isinstance(node, Server) and node.name != "tracker")
    assert server.paths is not None
    state: ServerState = server.begin()
    kept = server.paths
    walk = kept.walk
    stranger = Snapshot(*state.view)

    def elsewhere(begun: Any, tape: Any) -> Any:
        found, ends = walk(begun, tape)
        return found, [end._replace(state=end.state._replace(view=stranger)) for end in ends]

    server.paths = replace(kept, walk=elsewhere)
    before = server.order(state, "start")
    assert before
    assert not server.paths._known
    server.paths = kept
    assert server.order(state, "start") == before
    assert server.paths._known
