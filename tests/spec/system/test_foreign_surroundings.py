"""What belongs to no single chart, and a step changes, is named; so is what cannot be compared."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from statemachine import Event, State, StateChart

from spec.system.foreign import ChartError, ForeignMachine
from tests.spec.system.charts import chart, refused

SHARED: list[int] = []
COUNT = 0


class Sharing(StateChart[Any]):
    log: ClassVar[list[str]] = []
    a = State(initial=True)
    go = Event(a.to.itself(on="note"), name="?go")

    def note(self) -> None:
        self.log.append("go")


def test_data_of_the_class_that_a_step_changes_are_named() -> None:
    assert "it changes Sharing.log: it belongs to no single chart; make it in __init__, as self.log" in str(
        refused(Sharing)
    )


class Counted(StateChart[Any]):
    count = 0
    a = State(initial=True)
    go = Event(a.to.itself(on="note"), name="?go")

    def note(self) -> None:
        type(self).count += 1


def test_a_number_of_the_class_that_a_step_changes_is_named() -> None:
    assert "it changes Counted.count" in str(refused(Counted))


def with_default(self: Any, seen: list[int] = []) -> None:  # noqa: B006 - that is the fault
    seen.append(1)


def into_module(self: Any) -> None:
    SHARED.append(1)


def by_rebinding(self: Any) -> None:
    global COUNT  # noqa: PLW0603 - that is the fault
    COUNT += 1


def by_way_of_another(self: Any) -> None:
    into_module(self)


AROUND: dict[str, tuple[Callable[[Any], Any], str]] = {
    "default argument": (with_default, "it changes a default argument of Machine.on_go"),
    "module": (into_module, "it changes SHARED, which Machine.on_go uses,"),
    "rebound in the module": (by_rebinding, "it changes COUNT, which Machine.on_go uses,"),
    "by way of another function": (by_way_of_another, "it changes SHARED, which into_module uses,"),
}


@pytest.mark.parametrize("name", AROUND)
def test_data_around_the_callbacks_that_a_step_changes_are_named(name: str) -> None:
    callback, says = AROUND[name]
    assert says in str(refused(chart(on_go=callback)))


def test_a_variable_around_a_callback_is_named() -> None:
    seen: list[int] = []

    class Noting(StateChart[Any]):
        a = State(initial=True)
        go = Event(a.to.itself(on="note"), name="?go")

        def note(self) -> None:
            seen.append(1)

    assert "it changes seen, which Noting.note uses," in str(refused(Noting))


class Account:
    opened: ClassVar[list[str]] = []

    def __init__(self) -> None:
        self.balance = 0


BANK = Account()


def test_an_object_that_two_charts_hold_is_not_to_be_changed() -> None:
    def on_go(self: Any) -> None:
        self.data.balance += 1

    assert "it changes Machine.data" in str(refused(chart(data=lambda: BANK, on_go=on_go)))


def test_an_object_outside_is_not_to_be_changed() -> None:
    hidden = {"bank": Account()}

    class Finder:
        def __getattr__(self, name: str) -> Any:
            if name == "bank":
                return FOUND["bank"]
            raise AttributeError(name)

    FOUND.update(hidden)
    finder = Finder()

    def on_go(self: Any) -> None:
        self.data = finder.bank
        self.data.balance += 1

    assert "it changes Machine.data" in str(refused(chart(on_go=on_go)))


FOUND: dict[str, Account] = {}


def test_data_in_the_classes_of_the_data_are_watched() -> None:
    def on_go(self: Any) -> None:
        type(self.data).opened.append("go")

    assert "it changes Account.opened" in str(refused(chart(data=Account, on_go=on_go)))


class Listening:
    def __init__(self) -> None:
        self.heard = 0

    def on_go(self) -> None:
        self.heard += 1


def test_a_listener_of_the_class_that_keeps_data_is_refused() -> None:
    class Machine(StateChart[Any]):
        listeners = [Listening()]
        a = State(initial=True)
        go = Event(a.to.itself(), name="?go")

    assert "it changes Machine.listeners" in str(refused(Machine))


def test_a_model_that_all_charts_are_given_is_refused() -> None:
    model = Account()

    class Machine(StateChart[Any]):
        a = State(initial=True)
        go = Event(a.to.itself(), name="?go")

        def __init__(self) -> None:
            super().__init__(model=model)

    model.state = None  # type: ignore[attr-defined]
    error = refused(Machine)
    assert "Machine.model: all charts of this class are given the same one" in str(error)


def test_parts_of_a_chart_are_not_exchanged_in_a_step() -> None:
    assert "it takes another model" in str(refused(chart(on_go=lambda self: setattr(self, "model", Account()))))
    assert "another listener" in str(refused(chart(on_go=lambda self: self.add_listener(Account()))))


class Locked(StateChart[Any]):
    lock = threading.Lock()
    a = State(initial=True)
    go = Event(a.to.itself(), name="?go")


def test_what_a_class_holds_is_refused_if_it_cannot_be_compared() -> None:
    assert "Locked.lock: _thread.lock: it cannot be copied and compared" in str(refused(Locked))


def squares() -> Iterator[int]:
    yield from (1, 4, 9)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (threading.Lock, "Machine.data: _thread.lock: it cannot be copied and compared; keep only data in a chart"),
        (lambda: {"a": [threading.Event()]}, "Machine.data['a'][0]._cond._lock: _thread.lock"),
        (squares, "Machine.data: builtins.generator: an iterator cannot be read without moving it"),
        (Sharing, "Machine.data: tests.spec.system.test_foreign_surroundings.Sharing: a chart within a chart"),
    ],
)
def test_data_that_cannot_be_compared_is_refused_at_once(make: Any, says: str) -> None:
    with pytest.raises(ChartError) as caught:
        ForeignMachine(chart(data=make))
    assert says in str(caught.value)
    assert caught.value.place == says.partition(":")[0]


def test_data_that_appears_later_is_refused_when_it_appears() -> None:
    assert "Machine.data: _thread.lock" in str(
        refused(chart(on_go=lambda self: setattr(self, "data", threading.Lock())))
    )


class Unruly:
    def __hash__(self) -> int:
        return self.number  # type: ignore[attr-defined, no-any-return]

    def __eq__(self, other: object) -> bool:
        if getattr(self, "is_broken", False):
            raise LookupError("not comparable")
        return self is other


def test_data_that_breaks_when_it_is_copied_is_refused() -> None:
    def made() -> Any:
        one, two = Unruly(), Unruly()
        one.number = two.number = 1  # type: ignore[attr-defined]
        found = {one: 1, two: 2}
        one.is_broken = two.is_broken = True  # type: ignore[attr-defined]
        return found

    assert "its data: it cannot be copied: LookupError('not comparable')" in str(refused(chart(data=made)))
