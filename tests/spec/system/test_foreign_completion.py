"""Steps run to completion as python-statemachine has it: nested and parallel states, history, errors, beginnings."""

from typing import Any

import pytest
from statemachine import Event, HistoryState, State, StateChart

from spec.system.foreign import ChartError, ForeignMachine
from spec.system.process import Sending, Taking
from tests.spec.system.charts import holds, take
from tests.support.foreign_protocols import Voter


class Complete(StateChart[Any]):
    """What python-statemachine does within a step: eventless transitions, raised events, done, history, errors."""

    idle = State(initial=True)

    class work(State.Compound):  # noqa: N801 - states are named like this
        one = State(initial=True)
        two = State()
        over = State(final=True)
        back = HistoryState()
        on = Event(one.to(two) | two.to(over), name="?on")

    failed = State()
    checked = State()
    stopped = State(final=True)
    begin_ = Event(idle.to(work), name="?begin")
    pause = Event(work.to(idle, on="count"), name="?pause")  # type: ignore[arg-type]
    resume = Event(idle.to(work.back), name="?resume")
    break_ = Event(idle.to(idle, on="fall"), name="?break")
    error_execution = idle.to(failed, on="learn")
    done_state_work = work.to(checked)
    checked.to(stopped, cond="many")
    checked.to(idle, unless="many", on="again")
    again = Event(idle.to(work), internal=True)
    heal = Event(failed.to(idle), name="?heal")

    def __init__(self) -> None:
        self.pauses = 0
        self.error: Any = None
        super().__init__()

    def count(self) -> None:
        self.pauses += 1

    def many(self) -> bool:
        return self.pauses > 1

    def fall(self) -> None:
        raise LookupError(self.pauses)

    def learn(self, error: Exception) -> None:
        self.error = error

    def on_enter_checked(self) -> None:
        self.pauses += 0


def test_a_step_runs_to_completion() -> None:
    machine = ForeignMachine(Complete)
    state = take(machine, machine.begin(), "begin")
    assert state.states == ("one",)
    state = take(machine, take(machine, take(machine, state, "on"), "pause"), "resume")
    assert state.states == ("two",), "history is a part of the state"
    over = take(machine, state, "on")
    assert over.states == ("one",), "done.state, on by an eventless transition, and by the event that it raises"
    state = take(machine, take(machine, over, "pause"), "resume")
    last = take(machine, take(machine, state, "on"), "on")
    assert last.states == ("stopped",)
    ((taking, _, why),) = machine.receive(last, "begin", "B")
    assert (taking, why) == (Taking.REFUSED, "Complete in stopped has no transition ?begin")


def test_an_error_that_the_chart_handles_is_a_part_of_its_step() -> None:
    machine = ForeignMachine(Complete)
    failed = take(machine, machine.begin(), "break")
    assert failed.states == ("failed",)
    assert repr(holds(machine, failed).error) == "LookupError(0)"
    assert ("idle", "error.execution", "failed") in machine.taken | machine.declared
    assert take(machine, failed, "heal").states == ("idle",)


def test_which_transitions_were_exercised() -> None:
    machine = ForeignMachine(Complete)
    state = take(machine, machine.begin(), "begin")
    assert machine.taken == {("idle", "?begin", "work")}
    take(machine, take(machine, state, "on"), "on")
    assert ("work", "done.state.work", "checked") in machine.taken
    assert ("checked", "", "idle") in machine.taken
    assert machine.taken <= machine.declared
    assert ("idle", "?resume", "back") in machine.declared - machine.taken


class Regions(StateChart[Any]):
    class both(State.Parallel):  # noqa: N801 - as above
        class left(State.Compound):  # noqa: N801 - as above
            l1 = State(initial=True)
            l2 = State()
            go = Event(l1.to(l2, on="note"), name="?left")
            tell = Event(l2.to(l1, on="note"), name="?both")

        class right(State.Compound):  # noqa: N801 - as above
            r1 = State(initial=True)
            r2 = State()
            go2 = Event(r1.to(r2, on="note"), name="?right")
            tell2 = Event(r2.to(r1, on="note"), name="?other")

    def __init__(self) -> None:
        self.log: list[str] = []
        super().__init__()

    def note(self, source: State) -> None:
        self.log.append(source.id)


class Ordered(StateChart[Any]):
    """One event moves both regions; in which order, the region that was entered last tells."""

    class both(State.Parallel):  # noqa: N801 - as above
        class left(State.Compound):  # noqa: N801 - as above
            l1 = State(initial=True)
            go = Event(l1.to.itself(on="note"), name="?left")
            tell = Event(l1.to.itself(on="note"), name="?all")

        class right(State.Compound):  # noqa: N801 - as above
            r1 = State(initial=True)
            tell_too = r1.to.itself(event="tell", on="note")

    def __init__(self) -> None:
        self.log: list[str] = []
        super().__init__()

    def note(self, source: State, message: str) -> None:
        self.log.append(f"{source.id} {message}")


def test_the_order_of_regions_is_as_python_statemachine_has_it() -> None:
    machine = ForeignMachine(Ordered)
    events = {"left": "go", "all": "tell"}
    logs = []
    for messages in (["all"], ["left", "all"], ["left", "left", "all", "all"]):
        driven, state = Ordered(), machine.begin()
        for message in messages:
            driven.send(events[message], message=message)
            state = take(machine, state, message)
        assert holds(machine, state).log == driven.log
        logs.append(driven.log)
    assert logs[0] == ["l1 all", "r1 all"]
    assert logs[1][1:] == ["r1 all", "l1 all"], "the order depends on what was entered last"


def test_other_names_of_an_event_are_no_transitions_of_their_own() -> None:
    assert ForeignMachine(Voter).declared == {
        ("idle", "?prepare", "voting"),
        ("voting", "!yes", "ready"),
        ("voting", "!no", "refused"),
        ("ready", "?commit", "finished"),
        ("ready", "?abort", "finished"),
        ("refused", "?abort", "finished"),
    }


def test_where_a_chart_begins() -> None:
    machine = ForeignMachine(Regions)
    assert machine.begin("l2").states == ("l2", "r1")
    assert machine.begin("r2/l2").states == ("l2", "r2")
    for where, says in {
        "l9": "has no atomic state 'l9'; there are l1, l2, r1, r2",
        "l1/l2": "in l1 and in l2 at once",
    }.items():
        with pytest.raises(ChartError, match=says):
            machine.begin(where)
    complete = ForeignMachine(Complete)
    assert take(complete, complete.begin("two"), "on").states == ("one",)
    assert complete.receive(complete.begin("stopped"), "begin", "B")[0][0] is Taking.REFUSED
    voter = ForeignMachine(Voter)
    (voted,) = voter.send(take(voter, voter.begin(), "prepare"), Sending("no", "B"))
    assert voter.begin("finished") == take(voter, voted, "abort"), "it has come to its end, as if by itself"
    with pytest.raises(ChartError, match="it does not stay there: by itself it goes on to one; name that"):
        complete.begin("checked")


class Deep(StateChart[Any]):
    outside = State(initial=True)

    class inside(State.Parallel):  # noqa: N801 - as above
        class one(State.Compound):  # noqa: N801 - as above
            a1 = State(initial=True)
            a2 = State()
            step = Event(a1.to(a2), name="?step")

        class two(State.Compound):  # noqa: N801 - as above
            b1 = State(initial=True)

            b2 = State()
            step2 = Event(b1.to(b2), name="!step")

    enter = Event(outside.to(inside), name="?enter")


def test_regions_that_are_not_named_begin_where_they_begin() -> None:
    machine = ForeignMachine(Deep)
    assert machine.begin("a2").states == ("a2", "b1")
    assert machine.could_send(machine.begin()) == {"step"}
    assert machine.could_send(machine.begin("b2")) == frozenset()
