"""Machines of the library `transitions`, and projections, as charts."""

import random
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transitions import Machine, State
from transitions.extensions import GraphMachine, HierarchicalMachine, LockedMachine
from transitions.extensions.asyncio import AsyncMachine

from spec.interaction import compile_diagram
from spec.notation import read
from spec.projection import project, to_machine
from spec.system.adapter import TransitionsMachine, by_letter, from_transitions
from spec.system.chart_body import Local
from spec.system.data import freeze
from spec.system.foreign import ChartError, Payload
from spec.system.process import Sending, Taking
from tests.support.nightly import share


class Door:
    def __init__(self) -> None:
        self.pushes: list[str] = []
        self.dice = random.Random(1)

    def pushed(self) -> bool:
        return len(self.pushes) > 1

    def count(self, sender: str) -> None:
        self.pushes.append(sender)
        self.dice.random()

    def forget(self, message: str = "", to: str = "") -> None:
        self.pushes.clear()
        assert (message, to) == ("ring", "B")


def door(**said: Any) -> Any:
    return Machine(
        Door(),
        states=["shut", State("open", on_exit="forget")],
        initial="shut",
        auto_transitions=False,
        transitions=[
            {"trigger": "push", "source": "shut", "dest": "shut", "unless": "pushed", "before": "count"},
            {"trigger": "push", "source": "shut", "dest": "open", "conditions": "pushed"},
            {"trigger": "ring", "source": "open", "dest": "shut"},
        ],
        **said,
    )


def take(machine: TransitionsMachine, state: Hashable, message: Hashable, sender: str = "B") -> Local:
    ((taking, then, why),) = machine.receive(state, message, sender)
    assert taking is Taking.TAKEN, why
    return then


def test_a_machine_takes_part_with_all_that_it_has() -> None:
    chart = from_transitions(door, receives={"push"}, sends={"ring"})
    assert chart.__name__ == "door"
    assert chart.actions == {"?push", "!ring"}
    machine = chart.machine()
    begun = machine.begin()
    assert (begun.states, machine.sends(begun), machine.reads(begun)) == (("shut",), (), True)
    one = take(machine, begun, "push")
    two = take(machine, one, "push", "C")
    assert len({begun, one, two}) == 3
    opened = take(machine, two, "push")
    assert (opened.states, machine.sends(opened)) == (("open",), (Sending("ring", ""),))
    (shut,) = machine.send(opened, Sending("ring", "B"))
    assert shut.states == ("shut",)
    assert shut != begun, "the dice have gone on"
    assert machine.receive(opened, "push", "B") == ((Taking.REFUSED, opened, "door in open has no transition ?push"),)
    assert machine.could_send(begun) == {"ring"}
    assert machine.taken == machine.declared
    assert machine.begin("open").states == ("open",)
    with pytest.raises(ChartError, match="door has no atomic state 'ajar'; there are shut, open"):
        machine.begin("ajar")


def test_a_machine_that_was_made_begins_where_it_is() -> None:
    made = door()
    made.model.pushes.append("B")
    chart = from_transitions(made, name="Door", receives={"push"}, sends={"ring"})
    first = chart.machine()
    later = take(first, first.begin(), "push")
    assert chart.machine().begin() == first.begin() != later
    assert take(chart.machine(), later, "push").states == ("open",)


@pytest.mark.parametrize("settings_of", [{"ignore_invalid_triggers": True}, {}])
def test_triggers_that_the_machine_ignores(settings_of: dict[str, bool]) -> None:
    machine = from_transitions(lambda: door(**settings_of), name="Door", receives={"push"}, sends={"ring"}).machine()
    opened = machine.begin("open")
    expected = Taking.IGNORED if settings_of else Taking.REFUSED
    assert machine.receive(opened, "push", "B")[0][0] is expected
    assert machine.receive(opened, "music", "B")[0][0] is expected


class Talker:
    def __init__(self) -> None:
        self.said: list[Any] = []
        self.go_on: Any = None

    def note(self, event: Any) -> None:
        self.said.append((event.kwargs["message"], event.kwargs["sender"], event.kwargs.get("values")))


def test_callbacks_that_get_the_data_of_an_event() -> None:
    def talk() -> Machine:
        return Machine(
            Talker(), states=["a"], initial="a", auto_transitions=False, send_event=True,
            transitions=[{"trigger": "?m", "source": "a", "dest": None, "after": "note"}],
        )  # fmt: skip

    machine = from_transitions(talk).machine(payloads={"m": ((1,),)})
    once = take(machine, machine.begin(), Payload("m", (1,)))
    assert once != take(machine, machine.begin(), "m")
    assert machine.declared == machine.taken == {("a", "?m", "")}


class Chain:
    """A callback triggers another event, at once or after its own."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.more: Callable[[], Any]

    def next_one(self) -> None:
        self.more()
        self.log.append("before" if self.is_b() else "after")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("queued", "where"), [(True, "c"), (False, "b")])
def test_events_of_callbacks_are_done_when_the_machine_does_them(queued: bool, where: str) -> None:
    def chain() -> Machine:
        return Machine(
            Chain(), states=["a", "b", "c"], initial="a", auto_transitions=False, queued=queued,
            transitions=[
                {"trigger": "?m", "source": "a", "dest": "b", "before": "next_one"},
                {"trigger": "more", "source": ["a", "b"], "dest": "c"},
            ],
        )  # fmt: skip

    machine = from_transitions(chain, raised={"more"}).machine()
    assert take(machine, machine.begin(), "m").states == (where,)
    with pytest.raises(ChartError, match=r"trigger 'more': nothing says what it is: .*raised, as in from_transitions"):
        from_transitions(chain)
    hidden = from_transitions(chain, internal={"more"}).machine()
    assert [(name, then.states) for name, then in hidden.internal(hidden.begin())] == [("more", ("c",))]
    seen = from_transitions(chain, sends={"more": "hello"}).machine()
    with pytest.raises(ChartError, match="a callback does !hello, an action within an action"):
        seen.receive(seen.begin(), "m", "B")


def test_the_triggers_that_the_library_adds_are_no_actions() -> None:
    def away() -> Machine:
        class Away:
            def leave(self) -> None:
                self.to_c()  # type: ignore[attr-defined]

        return Machine(
            Away(), states=["a", "b", "c"], initial="a",
            transitions=[{"trigger": "?m", "source": "a", "dest": "b", "after": "leave"}],
        )  # fmt: skip

    machine = from_transitions(away).machine()
    assert take(machine, machine.begin(), "m").states == ("c",)
    assert machine.declared == machine.taken == {("a", "?m", "b")}


# Projections.

DIAGRAM = "A->B:ask \nalt\nB->A:yes\nelse\nB->A:no\nB->C:note\nend\n"


def projection(lifeline: str) -> Machine:
    interaction, _ = compile_diagram(read(DIAGRAM)), None
    return to_machine(project(interaction, lifeline))


def test_projections_take_part() -> None:
    chart = from_transitions(projection("B"), actions=by_letter)
    machine = chart.machine()
    assert chart.actions == {"?ask", "!yes", "!no", "!note"}
    state = machine.begin()
    assert machine.receive(state, "ask", "C")[0][0] is Taking.REFUSED, "A asks"
    asked = take(machine, state, "ask", "A")
    assert {sending.message for sending in machine.sends(asked)} == {"yes", "no"}
    assert machine.send(asked, Sending("no", "C")) == ()
    (refused,) = machine.send(asked, Sending("no", "A"))
    assert machine.could_send(refused) == {"note"}
    assert [then.states for then in machine.send(refused, Sending("note", "C"))]
    by_table = from_transitions(projection("C"), actions={"?note < B": ("?remark", "B")}).machine()
    assert by_table.takes("remark")


@pytest.mark.parametrize(
    ("trigger", "action"),
    [
        ("!Set timeout. > Clock", ("!Set timeout.", "Clock")),
        ("?a > b < C", ("?a > b", "C")),
        ("?lone", "?lone"),
        ("ref Other", ""),
    ],
)
def test_the_action_of_a_letter(trigger: str, action: Any) -> None:
    assert by_letter(trigger) == action


# Refusals.


def two_models() -> Machine:
    return Machine([Door(), Door()], states=["a"], initial="a")


def with_errors() -> Machine:
    return Machine(Door(), states=["a"], initial="a", on_exception="count")


def falls() -> Machine:
    raise LookupError("no door")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: HierarchicalMachine(states=["a"], initial="a"), "HierarchicalMachine is not checked"),
        (lambda: LockedMachine(states=["a"], initial="a"), "LockedMachine is not checked"),
        (lambda: AsyncMachine(states=["a"], initial="a"), "AsyncMachine is not checked"),
        (lambda: GraphMachine(states=["a"], initial="a", graph_engine="mermaid"), "GraphMachine is not checked"),
        (two_models, "models: it has 2 models; give each a machine and a lifeline of its own"),
        (with_errors, "on_exception: what a machine does after an error is not checked"),
        (falls, "it cannot be made: LookupError('no door')"),
        (lambda: "door", "expected a machine of `transitions`, not 'door'"),
    ],
)
def test_machines_that_are_not_checked(make: Any, says: str) -> None:
    with pytest.raises(ChartError) as caught:
        from_transitions(make, name="Door")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({}, "trigger 'push': nothing says what it is: name triggers '?message' and '!message', or list it in sends"),
        ({"sends": {"pull"}}, "trigger 'pull': the machine has no such trigger; there are push, ring"),
        ({"sends": {"ring"}, "receives": {"ring", "push"}}, "trigger 'ring': it is '!ring' and stands in `receives`"),
        ({"sends": {"ring", "push"}, "internal": {"push"}}, "trigger 'push': it is '!push' and stands in `internal`"),
    ],
)
def test_triggers_of_which_nothing_says_what_they_are(said: dict[str, Any], says: str) -> None:
    with pytest.raises(ChartError) as caught:
        from_transitions(door, **said)
    assert says in str(caught.value)


def doing(callback: Callable[..., Any], **said: Any) -> Any:
    """What taking a message comes to, if that is what happens then."""

    def made() -> Machine:
        class Model:
            def __init__(self) -> None:
                self.data: Any = None

        transition = {"trigger": "?m", "source": "a", "dest": "a", "after": callback, **said}
        return Machine(Model(), states=["a"], initial="a", transitions=[transition], auto_transitions=False)

    machine = from_transitions(made).machine()
    return machine.receive(machine.begin(), "m", "B")


SEEN: list[int] = []


async def later() -> None: ...


def fall() -> None:
    raise LookupError("a key that is not there")


def endless() -> Machine:
    class Round:
        def again(self) -> None:
            self.more()  # type: ignore[attr-defined]

    return Machine(
        Round(), states=["a"], initial="a", queued=True, auto_transitions=False,
        transitions=[["?m", "a", "a", None, None, None, "again"], ["more", "a", "a", None, None, None, "again"]],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        (fall, "made in a on ?m: LookupError('a key that is not there') in fall"),
        (later, "callback 'later': it is async"),
        (random.random, "it draws at random (random.random)"),
        (time.time, "it reads the clock (time.time)"),
        ("nowhere", "Callable with name 'nowhere' could neither be retrieved"),
    ],
)
def test_callbacks_that_cannot_be_checked(callback: Any, says: str) -> None:
    with pytest.raises(ChartError) as caught:
        doing(callback)
    assert says in str(caught.value)
    with pytest.raises(ChartError) as caught:
        doing(print, conditions=callback)
    assert says in str(caught.value)


def test_an_error_at_the_very_end_is_not_lost() -> None:
    def finished() -> Machine:
        return Machine(
            states=["a"], initial="a", auto_transitions=False, finalize_event=fall, transitions=[["?m", "a", "a"]]
        )

    machine = from_transitions(finished).machine()
    with pytest.raises(ChartError, match="LookupError"):
        machine.receive(machine.begin(), "m", "B")


def test_a_machine_that_never_comes_to_an_end() -> None:
    machine = from_transitions(endless, raised={"more"}).machine()
    with pytest.raises(ChartError, match="a step without end: after 1000 triggers it still goes on"):
        machine.receive(machine.begin(), "m", "B")


def test_data_of_a_model_that_cannot_be_compared() -> None:
    def locked() -> Any:
        found: Any = Machine(Door(), states=["a"], initial="a")
        found.model.lock = threading.Lock()
        return found

    with pytest.raises(ChartError, match=r"locked\.lock: _thread\.lock: it cannot be copied and compared"):
        from_transitions(locked)


def test_data_that_all_machines_share() -> None:
    class Sharing:
        seen: list[int] = []

        def note(self) -> None:
            self.seen.append(1)

    def sharing() -> Machine:
        return Machine(
            Sharing(), states=["a"], initial="a", auto_transitions=False,
            transitions=[{"trigger": "?m", "source": "a", "dest": "a", "after": "note"}],
        )  # fmt: skip

    machine = from_transitions(sharing).machine()
    with pytest.raises(ChartError, match=r"it changes Sharing\.seen"):
        machine.receive(machine.begin(), "m", "B")


# Random machines, driven from scratch by `transitions`, and asked step by step.

ROWS = st.tuples(
    st.sampled_from("abc"), st.sampled_from("abc-"), st.sampled_from(["?m", "?n", "more"]), st.booleans(), st.booleans()
)


class Random:
    def __init__(self) -> None:
        self.log: list[Any] = []
        self.fuel = 3

    def even(self, message: str = "") -> bool:
        return len(self.log) % 2 == 0

    def note(self, message: str = "") -> None:
        self.log = [*self.log[-2:], [message]]

    def go_on(self, message: str = "") -> None:
        if self.fuel:
            self.fuel -= 1
            self.trigger("more")  # type: ignore[attr-defined]


@given(st.lists(ROWS, min_size=3, max_size=8), st.lists(st.sampled_from("mn"), min_size=1, max_size=6), st.booleans())
@settings(max_examples=share(300), deadline=None)
def test_random_machines_do_what_they_do_when_driven(
    rows: list[tuple[str, str, str, bool, bool]], messages: list[str], queued: bool
) -> None:
    def made() -> Any:
        found = Machine(
            Random(), states=["a", "b", "c"], initial="a", auto_transitions=False, queued=queued,
            ignore_invalid_triggers=True,
        )  # fmt: skip
        for source, dest, trigger, guarded, more in rows:
            after: Any = ["note", "go_on"] if more else ["note"]
            target = None if dest == "-" else dest
            found.add_transition(trigger, source, target, conditions="even" if guarded else None, after=after)
        for trigger in ("?m", "?n", "more"):
            found.add_transition(trigger, "c", "a")
        return found

    machine = from_transitions(made, raised={"more"}).machine()
    driven: Any = made()
    state = machine.begin()
    for message in messages:
        driven.events[f"?{message}"].trigger(driven.model, message=message)
        ((taking, state, _),) = machine.receive(state, message, "B")
        machine.probe.restore(state)
        model = machine.probe.body.roots[0]
        assert (model.state, model.fuel, freeze(model.log)) == (
            driven.model.state, driven.model.fuel, freeze(driven.model.log)
        ), taking  # fmt: skip
