"""What a chart does in all that it can get into, explored breadth first by itself.

With few clients, few topics and a bounded number of attempts; what the view answers fits what it was asked.
"""

from random import Random

from machines.participant import (
    Decision,
    Participant,
    all_states,
    arrows_of,
    atomic_states,
    decision_table,
    guards_of,
    label_of,
    lineage,
)
from tests.support.worlds import WORLDS, act, every_chart, explored

HARDENED = {"declining", "withdrawing"}
"""States that only a torrent server with a session enters; `test_torrent_server_hardened.py` is about them."""


@every_chart
def test_every_state_and_every_arrow_is_reached(chart: type[Participant]) -> None:
    graph, unexplored = explored(chart), {kind.__name__ for kind in WORLDS[chart].unexplored}
    reached = {state for snapshot in graph for state in snapshot.states}
    assert reached == {state.id for state in atomic_states(chart)} - HARDENED
    gone = {
        (source, f"{kind}{type(message).__name__}", target)
        for here, outcomes in graph.items()
        for (kind, message, _), (decision, there) in outcomes.items()
        if decision is Decision.TAKEN
        for source, target in zip(here.states, there.states, strict=True)
    }
    holders = {state.id: {holder.id for holder in lineage(state)} for state in atomic_states(chart)}
    for state in all_states(chart):
        for arrow in arrows_of(state):
            target = (arrow.target or state).id
            guards = guards_of(arrow)
            if HARDENED & {state.id, target} or ("is_hardened_and_confirmed", True) in guards:
                continue
            if ("is_hardened", False) in guards:
                continue  # the tracker here has a session
            went = [
                one
                for one in gone
                if state.id in holders[one[0]] and one[1] == label_of(arrow) and target in holders[one[2]]
            ]
            assert went or label_of(arrow)[1:] in unexplored, arrow


@every_chart
def test_nothing_moves_unless_a_message_is_taken(chart: type[Participant]) -> None:
    refusals = 0
    for here, outcomes in explored(chart).items():
        for decision, there in outcomes.values():
            assert decision is Decision.TAKEN or there == here
            refusals += decision is Decision.IMPOSSIBLE
    assert refusals or not impossible_cells(chart)


def impossible_cells(chart: type[Participant]) -> int:
    never = {Decision.IMPOSSIBLE, Decision.DEFERRED}
    return sum(cell.otherwise in never for row in decision_table(chart).values() for cell in row.values())


@every_chart
def test_the_charts_act_as_their_table_says(chart: type[Participant]) -> None:
    begun = WORLDS[chart].begin()
    allowed = {
        Decision.TAKEN: {Decision.TAKEN, Decision.IGNORED},
        Decision.IGNORED: {Decision.IGNORED},
        Decision.DEFERRED: {Decision.IMPOSSIBLE},
        Decision.IMPOSSIBLE: {Decision.IMPOSSIBLE},
    }
    for here, outcomes in explored(chart).items():
        begun.restore(here)
        for (kind, message, _), (decision, _) in outcomes.items():
            assert decision in (allowed[begun.decide(type(message))] if kind == "?" else {Decision.TAKEN})


@every_chart
def test_equal_snapshots_act_alike(chart: type[Participant]) -> None:
    """Again, with two other instances by turns, in another order: nothing but the snapshot counts."""
    others = [WORLDS[chart].begin(), WORLDS[chart].begin()]
    steps = [(here, *step) for here, outcomes in explored(chart).items() for step in outcomes.items()]
    random = Random(1)
    for number, (here, action, outcome) in enumerate(random.sample(steps, min(len(steps), 4_000))):
        other = others[number % 2]
        other.restore(here)
        assert other.snapshot() == here
        assert act(other, action) == outcome


@every_chart
def test_only_what_is_due_can_be_sent(chart: type[Participant]) -> None:
    graph = explored(chart)
    sends = sorted({action for outcomes in graph.values() for action in outcomes if action[0] == "!"}, key=repr)
    begun, random = WORLDS[chart].begin(), Random(1)
    for here, outcomes in random.sample(sorted(graph.items(), key=repr), min(len(graph), 200)):
        begun.restore(here)
        for action in random.sample(sends, min(len(sends), 10)):
            if action not in outcomes:
                assert act(begun, action) == (Decision.IMPOSSIBLE, here)


@every_chart
def test_instances_share_nothing(chart: type[Participant]) -> None:
    one, other = WORLDS[chart].begin(), WORLDS[chart].begin()
    rest = other.snapshot()
    for message in WORLDS[chart].inputs:
        act(one, ("?", message, "anna"))
        for output in one.due():
            act(one, ("!", *output))
    assert other.snapshot() == rest
    assert WORLDS[chart].begin().snapshot() == rest
