"""What docstrings of the explorer call the same is the same: each argument has a switch, and both sides are compared.

- one hop and two hops, and what is done unheard before stabilisation: `test_one_hop.py`;
- messages that are never delivered (`ClosedSystem.drop_inert`), and names that are exchanged (`Options.symmetric`;
  verdicts: `test_random_scenarios.py`);
- a loss of the oldest event, and of any (`ClosedSystem.loses_anywhere`);
- a server that does all that one event makes it do in one step, and one that stops before each publication;
- what a server's state forgets: numbers of attempts and old names (`normal`), and marks of events that came twice
  (`unmarked`).

Engines, keys and bits of properties: `test_engines.py`. Assumed, and not tried: that a broker grants what it
is asked for at a startup, and that several calls of one kind that are due at once can be made in any order.
"""

from collections.abc import Hashable
from functools import cache
from typing import Any

import pytest
from hypothesis import given

from machines.events import BusEvent
from spec.exploration.model import node as node_module
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.node import Server, ServerState
from spec.exploration.model.normal_form import normal
from spec.exploration.model.renaming import Renaming, permutations_of
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import Row
from tests.spec.exploration.systems import Joint, all_states, is_idle, joint, joints, patiently, scenarios
from tests.support.nightly import by_day


@patiently(10)
@given(scenarios())
def test_what_is_never_delivered_changes_no_joint_state(scenario: Scenario) -> None:
    whole = joints(scenario.build(drop_inert=False))
    system = scenario.build()
    while True:
        try:
            assert joints(system) == whole
        except NotInert:
            system = system.again(drop_inert=True)
        else:
            break


@patiently(8)
@given(scenarios())
def test_a_loss_may_as_well_wait_until_its_turn(scenario: Scenario) -> None:
    whole = joints(scenario.build(drop_inert=False, loses_anywhere=True))
    assert joints(scenario.build(drop_inert=False)) == whole


def test_a_loss_in_the_middle_is_another_step() -> None:
    """The switch does something, where several servers hear an event."""
    scenario = Scenario("two", timeouts="never", faults={"losses": None})
    system, whole = (scenario.build(drop_inert=False, loses_anywhere=anywhere) for anywhere in (False, True))
    oldest, any_ = all_states(system), all_states(whole)
    assert oldest is not None
    assert any_ is not None
    assert len(oldest) < len(any_)
    assert joints(system, oldest) == joints(whole, any_)


@pytest.mark.nightly
@patiently(3)
@given(scenarios(torrents=2))
def test_exchanged_names_stand_for_each_other(scenario: Scenario) -> None:
    """A joint state is reached just where the same under other names is."""
    system = scenario.build(drop_inert=False)
    found, _ = joints(system)
    names = [node.name for node in system.nodes]
    for permutation in permutations_of(len(names), scenario.interchangeable_groups()):
        renaming = Renaming({name: names[to] for name, to in zip(names, permutation, strict=True)})

        def renamed(one: Joint, permutation: tuple[int, ...] = permutation, renaming: Renaming = renaming) -> Joint:
            moved: list[Hashable] = [None] * len(permutation)
            for component, state in enumerate(one[0]):
                moved[permutation[component]] = renaming(state)
            return tuple(moved), *one[1:]

        assert {renamed(one) for one in found} == found


# One step of a server.


def nobody_is_busy(system: ClosedSystem, row: Row) -> bool:
    return not any(
        system.is_busy(component, system.numbers.slots[component][number].local)
        for component, number in enumerate(row[:-1])
    )


def stopping_before_each_publication(monkeypatch: pytest.MonkeyPatch) -> None:
    def pauses(here: Any, busy: tuple[str, tuple[Any, ...]]) -> bool:
        role, sendings = busy
        return role == "client" and bool(here.arrows) and isinstance(sendings[0].message, BusEvent)

    monkeypatch.setattr(node_module, "pauses", pauses)


STEPS = {
    "losses": Scenario("losses", torrents=1, faults={"losses": None, "storage failure": None}),
    "breaks": Scenario("breaks", torrents=1, faults={"losses": None, "crash torrent": 1, "stop tracker": 1}),
    "cut off": Scenario("cut off", torrents=1, faults={"disconnect torrent": 1, "wipe tracker": 1, "breaks in all": 1}),
    "stabilisation": Scenario(
        "stabilisation", torrents=1, stabilisation=True, faults={"losses": None, "stop torrent": 1}
    ),
    "two": Scenario("two", timeouts="never", files=True, faults={"losses": 1}),
    "twice": Scenario("twice", torrents=1, faults={"duplicates": 2, "crash tracker": 1}),
    "rivals": Scenario("rivals", conflicting=2, timeouts="patient"),
}


@pytest.mark.parametrize("name", STEPS)
def test_what_happens_in_one_step_may_as_well(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody is about to publish, everybody is where they are if others act before each publication."""

    def found(system: ClosedSystem) -> tuple[set[Joint], set[Joint], int]:
        rows = all_states(system)
        assert rows is not None
        still = [row for row in rows if nobody_is_busy(system, row)]
        idle = {joint(system, row) for row in still if is_idle(system, row)}
        return {joint(system, row) for row in still}, idle, len(rows)

    *at_once, few = found(STEPS[name].build(drop_inert=False))
    stopping_before_each_publication(monkeypatch)
    *stepwise, many = found(STEPS[name].build(drop_inert=False))
    assert many > few, "there is something in between"
    assert at_once == stepwise


# What a state forgets.

FORGETS = {
    "leaving": Scenario("leaving", torrents=1, timeouts="patient", faults={"stop torrent": 2}),
    "hardened": Scenario(
        "hardened", torrents=1, hardened=True, timeouts="patient", faults={"stop torrent": 1, "losses": 1}
    ),
    "crashing": Scenario("crashing", torrents=1, timeouts="patient", faults={"crash torrent": 1, "losses": 1}),
    "two": Scenario("two", hardened=True, timeouts="patient"),
    "asking again": Scenario(
        "again", torrents=1, hardened=True, retries=1, timeouts="patient", faults={"storage failure": 1, "losses": 1}
    ),
    "disconnected": Scenario("disconnected", torrents=1, timeouts="patient", faults={"disconnect torrent": 1}),
    "tracker disconnected": Scenario("tracker", torrents=1, timeouts="patient", faults={"disconnect tracker": 1}),
    "twice, any timeout": Scenario("twice", torrents=1, faults={"duplicates": 1}),
    "twice, and stopped": Scenario("twice", torrents=1, timeouts="never", faults={"duplicates": 1, "stop torrent": 1}),
    # One duplicate each: all have the same identifier, and who never forgot it would take the next one for the same.
    "twice": Scenario("twice", torrents=1, timeouts="patient", faults={"duplicates": 1}),
    "hardened, two leave": Scenario("leave", hardened=True, timeouts="never", faults={"stop torrent": 1}),
    "twice, two": Scenario("twice", torrents=2, timeouts="never", faults={"duplicates": 1}),
}


def remembering(system: ClosedSystem, what: str) -> set[Hashable]:
    """All states with what is under way, of each server only what it would not forget."""
    rows = all_states(system, 10**5)
    assert rows is not None

    @cache
    def least(component: int, number: int) -> Hashable:
        slot, server = system.numbers.slots[component][number], system.nodes[component]
        state = system.numbers.locals[component][slot.local]
        assert isinstance(state, ServerState)
        marked = any(map(system.marks.is_marked, slot.down))
        kept = normal(state if what == "normal" or marked else UNMARKED(server, state))
        return kept, *(tuple(system.numbers.messages[message] for message in queue) for queue in slot[1:])

    return {(*(least(*pair) for pair in enumerate(row[:-1])), system.budgets.known[row[-1]]) for row in rows}


UNMARKED: Any = Server.unmarked


TWICE = [name for name in FORGETS if name.startswith("twice")]
"""Where events come twice: elsewhere there is no mark to forget."""


@pytest.mark.parametrize(
    ("what", "name"),
    by_day(
        [*(("normal", name) for name in FORGETS), *(("unmarked", name) for name in TWICE)],
        [("normal", "hardened, two leave"), ("normal", "twice, two"), ("unmarked", "twice, two")],
    ),
)
def test_what_is_forgotten_does_not_matter(what: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server can come to is the same whether it forgets at once or remembers to the end."""
    known = remembering(FORGETS[name].build(drop_inert=False), what)
    if what == "normal":
        monkeypatch.setattr(node_module, "normal", lambda state: state)
    else:
        monkeypatch.setattr(Server, "unmarked", lambda _self, state: state)
    assert remembering(FORGETS[name].build(drop_inert=False), what) == known
