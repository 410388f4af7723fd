"""What cannot be checked is refused: with the name of the chart, the place, and what to do."""

import asyncio
import datetime as dt
import os
import pickle
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from statemachine import Event, State, StateChart

from spec.system.foreign import ForeignMachine, actions_of
from spec.system.process import Sending
from tests.spec.system.charts import chart, refused

PLACES = ("guard", "before_go", "on_go", "after_go", "leave", "arrive")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("settings", [{}, {"catch_errors_as_events": False}, {"allow_event_without_transition": False}])
def test_a_callback_that_raises_is_told_in_its_own_words(place: str, settings: dict[str, bool]) -> None:
    def fall(self: Any) -> None:
        raise LookupError("a key that is not there")

    error = refused(chart(**{place: fall}, **settings))
    assert f"breaks on ?go: LookupError('a key that is not there') in {place}" in str(error)
    assert __file__ in str(error)
    assert error.place == "Machine in a breaks on ?go"
    assert isinstance(error.__cause__, LookupError)


def test_a_mistaken_validator_is_no_refusing_one() -> None:
    assert "TypeError" in str(refused(chart(valid=lambda self: None + 1)))  # type: ignore[operator]


def test_an_error_while_an_error_is_handled() -> None:
    class Clumsy(StateChart[Any]):
        a = State(initial=True)
        b = State()
        go = Event(a.to(b, on="fall"), name="?go")
        error_execution = Event(b.to(a, on="fall_again"))

        def fall(self) -> None:
            raise LookupError("first")

        def fall_again(self) -> None:
            raise LookupError("second")

    assert "LookupError('second')" in str(refused(Clumsy))


def test_a_guard_of_a_send_that_raises_is_refused() -> None:
    class Clumsy(StateChart[Any]):
        a = State(initial=True)
        b = State(final=True)
        go = Event(a.to(b, cond="fall"), name="!go")
        error_execution = a.to(b)

        def fall(self) -> bool:
            raise LookupError

    assert "asking whether it can be sent raises an error that the chart handles" in str(refused(Clumsy))


def test_a_callback_that_leaves_the_program_is_told() -> None:
    def leave(self: Any) -> None:
        raise SystemExit(2)

    assert "SystemExit(2) in on_go" in str(refused(chart(on_go=leave)))


@pytest.mark.parametrize("place", [*PLACES, "valid"])
def test_async_callbacks_are_refused_by_name(place: str) -> None:
    async def later(self: Any) -> None:
        await asyncio.sleep(0)

    error = refused(chart(**{place: later}))
    assert f"callback {place!r}: it is async" in str(error)

    def hidden(self: Any) -> Any:
        return later(self)

    error = refused(chart(**{place: hidden}))
    assert f"callback {place!r}: it is async" in str(error)


def test_an_async_listener_is_refused() -> None:
    class Later:
        async def on_go(self) -> None: ...

    class Machine(StateChart[Any]):
        listeners = [Later]
        a = State(initial=True)
        go = Event(a.to.itself(), name="?go")

    assert "callback 'on_go': it is async" in str(refused(Machine))


class Unmade(StateChart[Any]):
    a = State(initial=True, enter="fall")
    go = Event(a.to.itself(), name="?go")

    def fall(self) -> None:
        raise LookupError("here")


class Wanting(StateChart[Any]):
    a = State(initial=True)
    go = Event(a.to.itself(), name="?go")

    def __init__(self, more: int) -> None:
        super().__init__()


class Broken(StateChart[Any]):
    a = State(initial=True)
    go = Event(a.to.itself(), name="?go")

    def __init__(self) -> None:
        raise LookupError("no")


class Careless(StateChart[Any]):
    a = State(initial=True)
    go = Event(a.to.itself(), name="?go")

    def __init__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (Unmade, "Unmade() cannot be made: LookupError('here') in fall"),
        (Wanting, "Wanting(): it cannot be made: missing a required argument: 'more'; give a chart whose constructor"),
        (Broken, "Broken() cannot be made: LookupError('no')"),
        (Careless, "its __init__ does not call super().__init__()"),
    ],
)
def test_a_chart_that_cannot_be_made(made: type[StateChart[Any]], says: str) -> None:
    assert says in str(refused(made))


# Time, chance, and what else is asked outside.


def drawn(self: Any) -> None:
    self.data = random.random() < 0.5


OUTSIDE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "random": (drawn, "it draws at random (random.random) in drawn"),
    "choice": (lambda self: random.choice([1, 1]), "it draws at random (random.getrandbits)"),
    "seedless": (lambda self: random.Random().random() and None, "it draws at random (Random.seed)"),
    "system": (lambda self: random.SystemRandom().random() and None, "it draws at random"),
    "uuid4": (lambda self: setattr(self, "data", uuid.uuid4()), "it draws at random (posix.urandom)"),
    "urandom": (lambda self: os.urandom(1) and None, "it draws at random (posix.urandom)"),
    "time": (lambda self: time.time() and None, "it reads the clock (time.time)"),
    "monotonic": (lambda self: time.monotonic_ns() and None, "it reads the clock (time.monotonic_ns)"),
    "now": (lambda self: dt.datetime.now(dt.UTC) and None, "it reads the clock (datetime.now)"),
    "today": (lambda self: dt.date.today() and None, "it reads the clock (date.today)"),  # noqa: DTZ011 - the fault
    "thread": (lambda self: threading.Thread(target=print, args=()).start(), "it starts a thread"),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_cannot_be_repeated_is_refused_with_the_reason(name: str) -> None:
    callback, says = OUTSIDE[name]
    error = refused(chart(on_go=callback))
    assert says in str(error)
    assert "draw from a random.Random with a seed that the chart keeps" in str(error)
    if name != "thread":
        assert says in str(refused(chart(data=lambda: callback(type("Thing", (), {})()))))


def test_a_guard_is_asked_twice() -> None:
    answers = iter([True, False])

    def once(self: Any) -> bool:
        return next(answers)

    assert "asked twice, it answers differently" in str(refused(chart(guard=once)))


def test_data_that_comes_out_differently_is_named() -> None:
    def numbered(self: Any) -> None:
        self.data = ["new", object()]

    error = refused(chart(on_go=numbered))
    assert "asked twice, it answers differently (Machine.data)" in str(error)
    error = refused(chart(data=object))
    assert "made twice, it begins differently (Machine.data)" in str(error)


def test_a_guard_that_changes_the_chart_and_forbids_is_refused() -> None:
    def guard(self: Any) -> bool:
        self.data = "asked"
        return False

    error = refused(chart(guard=guard))
    assert "a guard changes the chart (Machine.data) and then forbids the transition" in str(error)


# Steps.


class Endless(StateChart[Any]):
    a = State(initial=True)
    b = State()
    c = State()
    go = Event(a.to(b), name="?go")
    b.to(c)
    c.to(b)


class EndlessFromTheBeginning(StateChart[Any]):
    a = State(initial=True)
    b = State()
    a.to(b)
    b.to(a)
    go = Event(a.to(b), name="?go")


class EndlessByRaising(StateChart[Any]):
    a = State(initial=True)
    go = Event(a.to.itself(on="more"), name="?go")
    again = Event(a.to.itself(on="more"), internal=True)

    def more(self) -> None:
        self.raise_("again")


class EndlessInAGuard(StateChart[Any]):
    a = State(initial=True)
    go = Event(a.to.itself(cond="more"), name="?go")
    again = Event(a.to.itself(cond="more"), internal=True)

    def more(self) -> bool:
        self.raise_("again")
        return False


@pytest.mark.parametrize("endless", [Endless, EndlessFromTheBeginning, EndlessByRaising, EndlessInAGuard])
def test_a_step_that_never_ends_is_an_error_and_no_hang(endless: type[StateChart[Any]]) -> None:
    error = refused(endless)
    assert "a step without end: after 1000 transitions and events it still goes on" in str(error)


def test_delayed_events_are_refused_with_the_remedy() -> None:
    class Declared(StateChart[Any]):
        a = State(initial=True)
        go = Event(a.to.itself(), name="?go")
        later = Event(a.to.itself(), name="?later", delay=50)

    assert "event 'later': delayed events are not checked" in str(refused(Declared))
    error = refused(chart(on_go=lambda self: self.send("go", delay=10) and None))
    assert "event 'go': delayed events are not checked" in str(error)
    assert "let a lifeline of its own be the clock, patient in the binding" in str(error)


def test_an_action_within_an_action_is_refused() -> None:
    class Hasty(StateChart[Any]):
        a = State(initial=True)
        b = State()
        c = State(final=True)
        go = Event(a.to(b, on="answer"), name="?go")
        reply = b.to(c, event="!reply")

        def answer(self) -> None:
            self.send(self.how)

        how = "!reply"

    class ByAlias(Hasty):
        how = "reply"

    for hasty in (Hasty, ByAlias):
        error = refused(hasty)
        assert "a callback sends" in str(error)
        assert "an action within an action, which nobody else would see" in str(error)


def test_an_event_of_a_callback_that_there_is_not_is_refused() -> None:
    class Slipping(StateChart[Any]):
        a = State(initial=True)
        b = State()
        c = State(final=True)
        go = Event(a.to(b, on="further"), name="?go")
        hurry = Event(b.to(c), internal=True)

        def further(self) -> None:
            self.send(self.how)

        how = "hury"

    class Right(Slipping):
        how = "hurry"

    error = refused(Slipping)
    assert "no transition has an event of that name; did you mean 'hurry'?" in str(error)
    machine = ForeignMachine(Right)
    assert machine.receive(machine.begin(), "go", "B")[0][1].states == ("c",)


def test_invoke_is_refused() -> None:
    class Invoking(StateChart[Any]):
        a = State(initial=True)
        b = State(invoke="work")
        go = Event(a.to(b), name="?go")
        done_invoke_b = b.to(a)

        def work(self) -> None: ...

    assert "state 'b': invoke is not checked" in str(refused(Invoking))


def test_a_state_that_no_transition_leads_to_is_refused() -> None:
    class Jumping(StateChart[Any]):
        a = State(initial=True)
        b = State()
        c = State(final=True)
        go = Event(a.to(b) | b.to(c, after="jump"), name="?go")

        def jump(self) -> None:
            self.current_state_value = "a"

    assert "a callback puts the chart into a, where no transition leads; add one" in str(refused(Jumping))


# Events.


class Undeclared(StateChart[Any]):
    a = State(initial=True)
    go = a.to.itself()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({}, "the event 'go' is no action: name events '?message' where the chart receives and '!message'"),
        ({}, "or list it in Undeclared.sends, .receives or, for a step that nobody else sees, .internal"),
        ({"sends": ["gone"]}, "event 'gone': the chart has no such event; did you mean 'go'?; there are go"),
        ({"sends": ["go"], "receives": ["go"]}, "event 'go': it stands in `sends` and `receives`; leave it in one"),
        ({"sends": {"go": "go"}, "internal": "go"}, "event 'go': it stands in `sends` and `internal`"),
    ],
)
def test_events_of_which_nothing_says_what_they_are(said: dict[str, Any], says: str) -> None:
    assert says in str(refused(Undeclared, **said))


class Named(StateChart[Any]):
    a = State(initial=True)
    go = Event(a.to.itself(), name="?go")
    nameless = Event(a.to.itself(), name="?")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"sends": ["go"]}, "event 'go': it is called '?go' and stands in `sends`; say one or the other"),
        ({"internal": ["go"]}, "event 'go': '?go' is an action, and not internal"),
        ({"receives": ["go"]}, "event 'nameless': '?' names no message; write ?message"),
    ],
)
def test_names_that_contradict_what_is_listed(said: dict[str, Any], says: str) -> None:
    assert says in str(refused(Named, **said))


def test_two_events_of_one_id_are_one_event() -> None:
    class Nested(StateChart[Any]):
        class c(State.Compound):  # noqa: N801 - states are named like this
            c1 = State(initial=True)
            go = Event(c1.to.itself(), name="?inside")

        go = Event(c.to(c), name="?go")  # type: ignore[arg-type]

    assert "event 'go': it is called ?go and ?inside: events of one id are one event" in str(refused(Nested))


def test_what_belongs_to_one_step_is_not_kept() -> None:
    def on_go(self: Any, event_data: Any) -> None:
        self.data = [event_data]

    assert "Machine.data[0]: statemachine.event_data.EventData: it belongs to one step" in str(
        refused(chart(on_go=on_go))
    )


def test_an_error_of_a_chart_can_be_sent_to_another_process() -> None:
    error = refused(Named)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.chart, again.place) == (str(error), error.chart, error.place)


def test_the_actions_of_a_chart() -> None:
    class Listed(StateChart[Any]):
        sends = {"one": "first"}
        receives = State(initial=True)
        one = receives.to.itself()
        two = receives.to.itself(event="?two")

    assert actions_of(Listed, receives={"three"}) == {"!first", "?two", "?three"}
    machine = ForeignMachine(Listed)
    assert machine.sends(machine.begin()) == (Sending("first", ""),), "a state of that name is no list of events"
