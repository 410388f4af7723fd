"""What is delivered twice: events that overtake each other are not taken for one another; charts of others, too."""

from typing import Any

import pytest
from immutabledict import immutabledict
from statemachine import Event, State, StateChart

from machines.torrent_server import TorrentServerData
from spec.exploration.explore import Options, Result, explore
from spec.exploration.model import reference
from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem, Standing
from spec.exploration.model.node import ServerState
from spec.exploration.model.scenario import Scenario
from spec.exploration.properties.foreign import PROPERTIES
from spec.exploration.properties.language import Implication, always
from spec.exploration.spin.model import write
from spec.exploration.spin.refusals import Unwritable
from tests.support.engines import engines

TWICE = Scenario(
    "twice",
    torrents=1,
    timeouts="never",
    unordered=True,
    faults=immutabledict({"duplicates": 2, "stop tracker": 1}),
)


def test_two_events_that_are_delivered_twice_are_two() -> None:
    """Two hellos are under way, each was delivered once: the one that was followed last is not the other one."""
    system = TWICE.build(drop_inert=False)
    reference.explore(system, 4000)
    slots = [
        slot for slot in system.numbers.slots[1] if len({system.marks.of(message) for message in slot.down} - {""}) == 2
    ]
    hellos = [
        slot for slot in slots if {type(system.numbers.messages[m]).__name__ for m in slot.down} == {"TrackerHello"}
    ]
    assert hellos
    known = set()
    for slot in hellos:
        state = system.numbers.locals[1][slot.local]
        assert isinstance(state, ServerState)
        data = state.client.data
        assert isinstance(data, TorrentServerData)
        known.add(data.hello)
        assert data.hello in {"", *(system.marks.of(message) for message in slot.down)}
    assert len(known - {""}) == 2


def test_a_model_with_one_name_for_all_is_refused() -> None:
    with pytest.raises(Unwritable, match="bound duplicates by 1"):
        write(TWICE.build(drop_inert=False))


class Asker(StateChart[Any]):
    """Asks once."""

    begun = State(initial=True)
    done = State(final=True)
    ask = Event(begun.to(done), name="!ask")


class Counter(StateChart[Any]):
    """Counts up to two."""

    none = State(initial=True)
    one = State()
    two = State()
    hear = Event(none.to(one) | one.to(two) | two.to.itself(), name="?ask")


@always
def it_is_asked_once(counter: Standing) -> Implication:
    """As often as the other one asks."""
    return True, counter.where != ("two",)


@always
def it_is_not_back(counter: Standing, asker: Standing) -> Implication:
    """Where nothing is under way, and the question was asked, it has heard of it."""
    return asker.where == ("done",) and asker.is_quiescent and counter.is_quiescent, counter.where != ("none",)


def explored(engine: Any, **bounds: int | None) -> Result:
    faults = Faults({fault.replace("_", " "): bound for fault, bound in bounds.items()})
    system = ForeignSystem("asked", {"asker": Asker, "counter": Counter}, faults=faults)
    return explore(system, Options(engine=engine), (*PROPERTIES, it_is_asked_once, it_is_not_back), system.observe)


def broken(result: Result) -> dict[str, str]:
    return {one.property_.name: one.trace for one in result.verdicts if one.holds is False}


@pytest.mark.parametrize("engine", engines())
def test_charts_of_others_hear_twice_and_crash(engine: Any) -> None:
    assert it_is_asked_once.name not in broken(explored(engine))
    twice = broken(explored(engine, duplicates=1))
    assert it_is_asked_once.name in twice
    assert "It crashes." not in twice[it_is_asked_once.name]
    crashed = broken(explored(engine, crash_counter=1))
    assert it_is_asked_once.name not in crashed
    assert "It crashes." in crashed[it_is_not_back.name]
    again = broken(explored(engine, crash_asker=1))
    assert it_is_asked_once.name in again, "it asks once more"


def test_faults_of_one_of_those_that_are_alike_tell_them_apart() -> None:
    names = ("one", "two")

    def asymmetry(bounds: dict[str, int | None]) -> str:
        system = ForeignSystem(
            "alike", {"left": Counter, **dict.fromkeys(names, Asker)}, faults=Faults(bounds), interchangeable=(names,)
        )
        return explore(system, Options(), PROPERTIES, system.observe).asymmetry

    assert asymmetry({"crash one": 1}) == "'crash one' is counted for one alone"
    assert asymmetry({"crash one": 1, "crash two": 1}) == "'crash one' is counted for one alone"
    assert not asymmetry({"crash one": None, "crash two": None, "breaks in all": 2})


def test_what_cannot_happen_to_a_chart_is_refused() -> None:
    system = ForeignSystem("asked", {"asker": Asker, "counter": Counter}, faults=Faults({"stop asker": 1}))
    with pytest.raises(
        ValueError, match="'stop asker' does not happen to such charts; there are losses, duplicates, cr"
    ):
        system.build()
