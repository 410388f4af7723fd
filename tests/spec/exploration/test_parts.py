"""The parts of a closed system, each by itself, and the seam at which a system is opened."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from immutabledict import immutabledict

from machines.events import ClientGoodbye, TrackerHello
from spec.exploration.any_number.open_system import SameForAll
from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.model.bus import Unbounded, Wires
from spec.exploration.model.closed import ClosedSystem, NotInert
from spec.exploration.model.connections import Connections
from spec.exploration.model.node import AGAIN
from spec.exploration.model.reference import explore, successors
from spec.exploration.model.scenario import Scenario
from spec.exploration.model.steps import MOST_IN_FLIGHT, NOTHING, TRACKER, Label, Move, Slot
from spec.exploration.model.surroundings import Surroundings

TINY = Scenario("tiny", torrents=1, timeouts="patient")
TWICE = Scenario("twice", torrents=2, faults=immutabledict({"duplicates": None}))


def connections(**options: bool) -> Connections:
    return Connections(("hub", "peer"), **{"ordered": True, "loses_anywhere": False, "lingers": False, **options})


def test_a_connection_that_fills_is_unbounded() -> None:
    there = connections()
    there.measure(1, ((1,), (2, 3)))
    there.measure(1, ((), (1,) * MOST_IN_FLIGHT))
    assert there.longest == [(0, 0), (1, MOST_IN_FLIGHT)]
    with pytest.raises(Unbounded, match=f"more than {MOST_IN_FLIGHT} messages wait from peer: there is no end"):
        there.measure(1, ((1,) * (MOST_IN_FLIGHT + 1), ()))


@pytest.mark.parametrize(
    ("options", "heads"),
    [
        ({}, (7, ((0, 5),), 0)),
        ({"loses_anywhere": True}, (7, ((0, 5), (1, 4), (2, 5)), 0)),
        ({"ordered": False}, (7, ((2, 5), (1, 4)), 0)),
        ({"lingers": True}, (7, ((0, 5),), 2)),
    ],
)
def test_what_can_be_taken_next(options: dict[str, bool], heads: object) -> None:
    assert connections(**options).heads(((7, 8), (5, 4, 5))) == heads
    assert connections(**options).heads(((), ())) == (NOTHING, (), 0)


def test_only_a_connection_without_order_is_arranged() -> None:
    assert connections().arranged((2, 1)) == (2, 1)
    assert connections(ordered=False).arranged((2, 1)) == (1, 2)


def test_who_watches_is_told_each_local_state_once() -> None:
    system = TINY.build(drop_inert=False)
    met: list[tuple[int, int]] = []
    system.numbers.watch(lambda component, local: met.append((component, local)))
    explore(system)
    assert met == sorted(met, key=lambda one: one[1])
    assert len({*met}) == len(met) == sum(map(len, system.numbers.locals))


def test_what_was_not_delivered_and_matters_is_noted() -> None:
    system = TINY.build()
    hello = system.numbers.message(TrackerHello())
    offline = system.initial()
    assert not system.numbers.is_online(1, offline[1])
    assert system.delivery.is_inert(1, hello), "nobody is online who could mind"
    with pytest.raises(NotInert):
        explore(system)
    assert system.delivery.interesting == {(1, TrackerHello())} == system.kept.interesting
    again = system.again(drop_inert=True)
    explore(again)
    assert again.delivery.delivers(1, TrackerHello())
    assert TrackerHello() not in again.delivery.undelivered(1)


def test_the_next_mark_is_neither_under_way_nor_known() -> None:
    system = TWICE.build()
    local = system.initial()[1]
    hello = TrackerHello(event_id=AGAIN)
    heads = ((0, system.numbers.message(hello)),)
    assert system.marks.free(1, local, ()) == AGAIN
    assert system.marks.free(1, local, heads) == f"{AGAIN} 2"
    assert system.marks.is_marked(heads[0][1])
    assert not system.marks.is_marked(system.numbers.message(TrackerHello()))
    assert TINY.build().marks.free(1, 0, ()) == "", "nothing is delivered twice"


def test_names_that_are_exchanged_twice_are_what_they_were() -> None:
    system = TWICE.build(drop_inert=False)
    explore(system, 300)
    for number, slot in enumerate([*system.numbers.slots[1]]):
        other = system.renamed.slot(1, number, (0, 2, 1))
        assert system.renamed.slot(2, other, (0, 2, 1)) == number
        assert len(system.numbers.slots[2][other].down) == len(slot.down)
    told = system.numbers.message(ClientGoodbye(client="torrent1"))
    assert system.numbers.messages[system.renamed.message(told, (0, 2, 1))] == ClientGoodbye(client="torrent2")


def test_a_lost_connection_ends_in_one_way() -> None:
    here = Surroundings((), TINY.build().kept)
    assert here.ending(0, 3, [5]) == 5
    for endings in ([], [5, 6]):
        with pytest.raises(ValueError, match="values to unpack"):
            here.ending(0, 3, endings)


@dataclass
class Storm(Surroundings):
    """A tracker is pushed by nobody: a move of its own, which changes nothing."""

    seen: list[tuple[str, int]] = field(default_factory=list)

    def met(self, component: int, local: int) -> None:
        self.seen.append(("met", component))

    def heads(self, component: int, local: int, message: int) -> None:
        self.seen.append(("heads", component))

    def moves(self, component: int, local: int) -> Iterator[Move]:
        if component == TRACKER:
            yield Move(Label("storm", component, None, None), local)


@dataclass
class Stormy(ClosedSystem):
    """A system that names its surroundings."""

    def surroundings(self) -> Surroundings:
        return Storm(self.nodes, self.kept)


def test_a_system_that_is_open_names_its_surroundings() -> None:
    closed = TINY.build(drop_inert=False)
    opened: Any = Stormy(closed.nodes, closed.bus, closed.faults, drop_inert=False)
    states, transitions, depth = explore(closed)
    assert explore(opened) == (states, transitions + states, depth)
    assert {label.kind for label, _ in successors(opened, opened.initial())} >= {"storm", "start"}
    assert {*opened.around.seen} == {(what, component) for what in ("met", "heads") for component in (0, 1)}
    again: Any = opened.again(drop_inert=False)
    assert isinstance(again.around, Storm)
    assert again.around.seen == []
    assert again.kept is opened.kept


def test_a_bus_that_minds_who_else_is_there_is_refused() -> None:
    @dataclass
    class Crowded:
        """A bus that leaves the first out once somebody more is there."""

        receives: frozenset[str]

        def receivers(self, sender: str, message: Hashable) -> frozenset[str]:
            return self.receives

    wires = Wires(("hub", "one", "two"))
    names = frozenset({"hub", "one"})
    same = SameForAll(wires, (Crowded(frozenset({"one", "somebody"})),), names)
    assert same.receivers("hub", "news") == {"one", "two"}
    other = replace(same, others=(*same.others, Crowded(frozenset({"two"}))))
    with pytest.raises(NotInterchangeable, match="depends on how many sessions there are"):
        other.receivers("hub", "news")


def test_a_slot_says_where_a_component_is() -> None:
    system = TINY.build()
    row = system.initial()
    assert system.numbers.state(1, row[1]) == system.nodes[1].begin()
    later = system.numbers.slot(1, Slot(0, (), (system.numbers.message(TrackerHello()),)))
    assert system.numbers.state(1, later) == system.nodes[1].begin()
    assert not system.is_idle(1, later)
