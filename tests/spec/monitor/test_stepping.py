"""A chart that is stepped by its table does what the chart itself does."""

import pytest

from machines import CheckJoin, Message, Participant
from machines.participant import Decision, Snapshot, UnspecifiedReception
from spec.exploration.model.node import Server
from spec.exploration.model.steps import TRACKER
from spec.monitor.stepping import stepper
from tests.spec.monitor.runs import random_runs, system_of


def by_itself(chart: Participant, snapshot: Snapshot, message: Message) -> tuple[Decision, Snapshot]:
    chart.restore(snapshot)
    if chart.decide(type(message)) is Decision.DEFERRED:
        return Decision.DEFERRED, snapshot
    try:
        decision = chart.receive(message)
    except UnspecifiedReception:
        return Decision.IMPOSSIBLE, snapshot
    return decision, chart.snapshot()


@pytest.mark.parametrize(("name", "hardened"), [("files", False), ("leaving", True), ("duplicates", False)])
def test_each_step_is_that_of_the_chart(name: str, hardened: bool) -> None:
    """What is due and what each message of a run does, in each state of a run."""
    _, system = system_of(name, hardened=hardened)
    steps = 0
    for run in random_runs(system, 1, 3, 60):
        states, messages = set(), set()
        for label, row in run:
            outcome = label.outcome
            messages |= {arrow.message for arrow in outcome.arrows} if outcome else set()
            for component, slot in enumerate(row[:-1]):
                states.add((component, system.numbers.state(component, slot)))
        for component, state in states:
            node = system.nodes[component]
            assert isinstance(node, Server)
            for role in ("client", "clock", "view"):
                chart, snapshot = getattr(node, role), getattr(state, role)
                kind: type[Participant] = type(chart)
                table = stepper(kind)
                chart.restore(snapshot)
                due = chart.due()
                assert table.due(snapshot) == due
                for output in due:
                    chart.restore(snapshot)
                    chart.emit(output)
                    assert table.send(snapshot, output) == chart.snapshot()
                for message in messages:
                    if isinstance(message, CheckJoin) and component != TRACKER:
                        continue  # a torrent server's view has no fragment size to judge by
                    taken = table.receive(snapshot, message)  # type: ignore[arg-type]
                    expected = by_itself(chart, snapshot, message)  # type: ignore[arg-type]
                    if isinstance(message, chart.inputs):
                        assert tuple(taken) == expected, (snapshot, message)
                        steps += 1
    assert steps > 500


def test_a_chart_with_parallel_regions_is_refused() -> None:
    from machines import Broker

    with pytest.raises(ValueError, match="Broker has parallel regions"):
        stepper(Broker)
