"""What every chart owes: nothing undecided, nothing unnamed, nothing moved by a message that is not for it."""

import re

import pytest

from machines import CALLS, CHARTS, LIFELINES, PACKETS
from machines.calls import Message, Start, TimeoutExceeded, Timer
from machines.clock import Clock
from machines.events import BUS_EVENTS
from machines.participant import (
    Decision,
    Output,
    Participant,
    Snapshot,
    UnspecifiedReception,
    all_states,
    arrows_of,
    decision_table,
    label_of,
    undecided_cells,
)
from tests.support.worlds import WORLDS, every_chart, explored

# The table.


@every_chart
def test_every_message_is_decided_in_every_state(chart: type[Participant]) -> None:
    assert undecided_cells(chart) == []


@every_chart
def test_every_transition_is_one_action_named_after_its_message(chart: type[Participant]) -> None:
    names = {kind.__name__ for kind in (*BUS_EVENTS, *PACKETS, *CALLS)}
    for state in all_states(chart):
        for arrow in arrows_of(state):
            label = label_of(arrow)
            event = next(iter(arrow.events)).id
            assert label[1:] in names
            assert event == {"?": "recv_", "!": "send_"}[label[0]] + snake(label[1:])
            assert label[0] == "!" or label[1:] in {kind.__name__ for kind in chart.inputs}


def snake(name: str) -> str:
    """`ClientJoinAccepted` as `client_join_accepted`, and `CONNACK` as `connack`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@every_chart
def test_a_reason_is_given_for_all_that_is_not_taken(chart: type[Participant]) -> None:
    for row in decision_table(chart).values():
        assert all(cell.because for cell in row.values() if cell.otherwise is not None)


def test_every_chart_is_explored_and_every_lifeline_has_one() -> None:
    assert set(WORLDS) == set(CHARTS) == set(LIFELINES.values())


# What does not belong to a chart at all.


TOLD = {type(message): message for world in WORLDS.values() for message in world.inputs}


@every_chart
def test_a_message_for_somebody_else_is_refused_everywhere(chart: type[Participant]) -> None:
    everything: tuple[type[Message], ...] = (*BUS_EVENTS, *PACKETS, *CALLS)
    strange = [kind for kind in everything if kind not in chart.inputs]
    assert strange
    begun = WORLDS[chart].begin()
    for here in {snapshot.states: snapshot for snapshot in explored(chart)}.values():
        begun.restore(here)
        for kind in strange:
            assert begun.decide(kind) is Decision.IMPOSSIBLE
            with pytest.raises(UnspecifiedReception, match="no such message reaches this participant"):
                begun.receive(TOLD[kind])
            assert begun.snapshot() == here


def test_a_refusal_says_what_came_and_what_was_expected() -> None:
    clock = Clock()
    with pytest.raises(UnspecifiedReception) as refused:
        clock.receive(Start())
    assert str(refused.value) == (
        "Clock in idle cannot take Start(session=''): no such message reaches this participant; "
        "it takes here: ?SetTimeout"
    )
    with pytest.raises(UnspecifiedReception) as refused:
        clock.emit(Output(TimeoutExceeded(timer=Timer("anna", 1)), "client"))
    assert str(refused.value) == "Clock in idle has no !TimeoutExceeded to client due; due is: nothing"


@every_chart
@pytest.mark.parametrize("states", [(), ("nowhere",), ("running",)])
def test_only_atomic_states_of_the_chart_are_restored(chart: type[Participant], states: tuple[str, ...]) -> None:
    begun = WORLDS[chart].begin()
    rest = begun.snapshot()
    if chart is Clock and states == ("running",):
        return
    with pytest.raises(ValueError, match="has no state"):
        begun.restore(Snapshot(states, rest.data))
    assert begun.snapshot() == rest
