"""What charts that are not ours do in a check: the same as python-statemachine does with them."""

import enum
import functools
import random
import uuid
from typing import Any

import pytest
from statemachine import Event, State, StateChart, StateMachine
from statemachine.states import States

from spec.system.foreign import ChartError, ForeignMachine, Payload
from spec.system.process import Sending, Taking
from tests.spec.system.charts import holds, take


class Purse:
    def __init__(self) -> None:
        self.coins = [uuid.UUID(int=0)]


class Keeper(StateChart[Any]):
    """It keeps data of several kinds, in itself, its model and a listener."""

    idle = State(initial=True)
    deciding = State()
    done = State(final=True)
    coin = Event(idle.to.itself(on="add"), name="?coin")
    select = Event(idle.to(deciding, cond="paid"), name="?select")
    can = Event(deciding.to(done), name="!can")

    def __init__(self) -> None:
        self.purse = Purse()
        self.dice = random.Random(1)
        super().__init__(model=Purse(), listeners=[Counting()])

    def add(self) -> None:
        self.purse.coins.append(uuid.UUID(int=len(self.purse.coins)))
        self.model.coins.append(self.dice.random())

    def paid(self) -> bool:
        return len(self.purse.coins) > 2


class Counting:
    def __init__(self) -> None:
        self.__count = 0

    def on_coin(self) -> None:
        self.__count += 1

    @property
    def count(self) -> int:
        return self.__count


def test_data_of_chart_model_and_listener_are_kept() -> None:
    machine = ForeignMachine(Keeper)
    begun = machine.begin()
    ((taking, state, why),) = machine.receive(begun, "select", "B")
    assert (taking, state) == (Taking.REFUSED, begun)
    assert why == "Keeper in idle: no guard lets ?select pass"
    one = take(machine, begun, "coin")
    two = take(machine, one, "coin")
    assert len({begun, one, two}) == 3
    assert take(machine, two, "select").states == ("deciding",)
    dice = random.Random(1)
    chart = holds(machine, two)
    assert chart.model.coins[1:] == [dice.random(), dice.random()]
    assert [listener.count for listener in chart.active_listeners] == [2]
    assert holds(machine, one).model.coins[1:] == chart.model.coins[1:2] or len(holds(machine, one).model.coins) == 2


def test_a_state_is_the_same_whichever_way_led_to_it() -> None:
    class Bag(StateChart[Any]):
        ready = State(initial=True)
        a = Event(ready.to.itself(on="put"), name="?a")
        b = Event(ready.to.itself(on="put"), name="?b")

        def __init__(self) -> None:
            self.held: dict[str, list[str]] = {}
            super().__init__()

        def put(self, message: str) -> None:
            self.held[message] = [message]

    machine = ForeignMachine(Bag)
    ways = [take(machine, take(machine, machine.begin(), one), other) for one, other in ("ab", "ba")]
    assert ways[0] == ways[1] != machine.begin()
    assert machine.begin() == ForeignMachine(Bag).begin(), "another machine of the same chart has the same states"
    assert take(ForeignMachine(Bag), ways[0], "a") == ways[0], "and can go on from them"


class Twofold(StateChart[Any]):
    start = State(initial=True)
    left = State(final=True)
    right = State(final=True)
    one = Event(start.to(left, cond="may"), name="?go")
    other = Event(start.to(right), name="?go")
    first = Event(start.to(left, cond="to_b"), name="!go")
    second = Event(start.to(right, cond="to_c"), name="!go")

    def may(self, sender: str) -> bool:
        return sender == "B"

    def to_b(self, to: str) -> bool:
        return to == "B"

    def to_c(self, to: str) -> bool:
        return to in {"B", "C"}


def test_several_events_of_one_name_are_all_taken() -> None:
    machine = ForeignMachine(Twofold)
    state = machine.begin()
    outcomes = machine.receive(state, "go", "B")
    assert {(taking, then.states) for taking, then, _ in outcomes} == {
        (Taking.TAKEN, ("left",)),
        (Taking.TAKEN, ("right",)),
    }
    assert [then.states for _, then, _ in machine.receive(state, "go", "C")] == [("right",)]
    (sending,) = machine.sends(state)
    assert sending == Sending("go", "")
    assert [then.states for then in machine.send(state, Sending("go", "B"))] == [("left",), ("right",)]
    assert [then.states for then in machine.send(state, Sending("go", "C"))] == [("right",)]
    assert machine.send(state, Sending("go", "D")) == ()


class Ordinary(StateChart[Any]):
    """Written for nobody's checker."""

    sends = {"can"}
    receives = {"coin": "money", "select": "select"}
    internal = ["settle"]

    idle = State(initial=True)
    paid = State()
    deciding = State()
    done = State(final=True)
    coin = idle.to(paid)
    settle = paid.to(deciding) | idle.to.itself()
    select = deciding.to(done)
    can = deciding.to(idle)


def test_ordinary_events_are_listed_by_the_chart() -> None:
    machine = ForeignMachine(Ordinary)
    state = machine.begin()
    assert machine.takes("money")
    assert not machine.takes("coin")
    assert machine.internal(state) == (), "what changes nothing is no step"
    state = take(machine, state, "money")
    assert not machine.sends(state)
    ((event, settled),) = machine.internal(state)
    assert (event, settled.states) == ("settle", ("deciding",))
    assert machine.sends(settled) == (Sending("can", ""),)
    assert machine.reads(machine.begin())
    assert machine.could_send(state) == {"can"}
    assert machine.could_send(take(machine, settled, "select")) == frozenset()
    assert not machine.reads(take(machine, settled, "select"))


def test_ordinary_events_are_listed_by_whoever_gives_the_chart() -> None:
    class Plain(StateChart[Any]):
        a = State(initial=True)
        b = State(final=True)
        go = a.to(b)
        stay = a.to.itself()

    machine = ForeignMachine(Plain, sends={"go": "Gone!"}, receives=["stay"])
    assert machine.sends(machine.begin()) == (Sending("Gone!", ""),)
    assert machine.takes("stay")


class Valued(StateChart[Any]):
    a = State(initial=True)
    put = Event(a.to.itself(on="keep", cond="small"), name="?put")
    give = Event(a.to.itself(on="keep", cond="held"), name="!give")
    plain = Event(a.to.itself(), name="!plain")

    def __init__(self) -> None:
        self.kept: tuple[Any, ...] = ()
        super().__init__()

    def small(self, value: int = 0) -> bool:
        return value < 3

    def held(self, value: int, values: tuple[Any, ...]) -> bool:
        return self.kept == values and value == values[0]

    def keep(self, message: str, values: tuple[Any, ...] = ()) -> None:
        self.kept = values if message == "put" else (*self.kept, message)


def test_messages_with_values() -> None:
    machine = ForeignMachine(Valued, payloads={"give": ((1, "x"), (2, "x")), "put": ((1, "x"),)})
    state = machine.begin()
    sendings = [Sending(Payload("give", (1, "x")), ""), Sending(Payload("give", (2, "x")), ""), Sending("plain", "")]
    assert list(machine.sends(state)) == sendings
    assert [machine.send(state, sending) for sending in sendings[:2]] == [(), ()]
    kept = take(machine, state, Payload("put", (2, "x")))
    assert holds(machine, kept).kept == (2, "x")
    assert machine.send(kept, sendings[0]) == ()
    (given_,) = machine.send(kept, sendings[1])
    assert holds(machine, given_).kept == (2, "x", "give")
    assert machine.receive(state, Payload("put", (3,)), "B")[0][0] is Taking.REFUSED
    assert holds(machine, take(machine, state, "put")).kept == ()
    with pytest.raises(ChartError, match="payloads of 'pay': the chart neither sends nor receives such a message"):
        ForeignMachine(Valued, payloads={"pay": ((1,),)})


def test_what_may_be_ignored() -> None:
    machine = ForeignMachine(Twofold, may_ignore=lambda message, _where: message == "noise")
    state = machine.begin()
    assert machine.receive(state, "noise", "B") == ((Taking.IGNORED, state, ""),)
    ((taking, then, why),) = machine.receive(state, "music", "B")
    assert (taking, then, why) == (Taking.REFUSED, state, "Twofold in start has no transition ?music")


def test_what_may_be_ignored_in_some_states_only() -> None:
    machine = ForeignMachine(Twofold, may_ignore=lambda _message, where: where == ("elsewhere",))
    assert machine.receive(machine.begin(), "noise", "B")[0][0] is Taking.REFUSED


def test_a_validator_that_raises_refuses_in_its_own_words() -> None:
    class Valid(StateChart[Any]):
        a = State(initial=True)
        b = State(final=True)
        go = Event(a.to(b, validators="check"), name="?go")

        def check(self, sender: str) -> None:
            if sender != "B":
                raise ValueError(f"not from {sender}")

    machine = ForeignMachine(Valid)
    ((taking, then, why),) = machine.receive(machine.begin(), "go", "C")
    assert (taking, then) == (Taking.REFUSED, machine.begin())
    assert why == "Valid in a: the validator check refuses it: ValueError('not from C')"
    assert take(machine, machine.begin(), "go", "B").states == ("b",)


def test_a_chart_of_the_older_style_keeps_its_own_settings() -> None:
    class Older(StateMachine):
        """It refuses what it has no transition for, also of what its own callbacks raise."""

        a = State(initial=True)
        b = State()
        go = a.to(b, event="?go") | b.to(a, event="?go", on="ask")
        quiet = Event(a.to.itself(), internal=True)

        def ask(self) -> None:
            self.send("quiet")

    machine = ForeignMachine(Older)
    there = take(machine, machine.begin(), "go")
    assert there.states == ("b",)
    assert take(machine, there, "go") == machine.begin()
    assert machine.receive(there, "come", "B")[0][0] is Taking.REFUSED


class Recording:
    """A model whose state is a property, and which keeps how often it was set."""

    def __init__(self) -> None:
        self.now: Any = None
        self.times = 0

    @property
    def status(self) -> Any:
        return self.now

    @status.setter
    def status(self, value: Any) -> None:
        self.now = value
        self.times += 1


def test_a_model_whose_state_is_a_property_keeps_what_it_counts() -> None:
    class Modelled(StateChart[Any]):
        a = State(initial=True, value=1)
        b = State(value=2)
        go = Event(a.to(b) | b.to(a), name="?go")

        def __init__(self) -> None:
            super().__init__(model=Recording(), state_field="status")

    machine = ForeignMachine(Modelled)
    driven, state = Modelled(), machine.begin()
    for _ in range(3):
        driven.send("go")
        state = take(machine, state, "go")
        assert vars(holds(machine, state).model) == vars(driven.model)


def test_properties_and_what_callbacks_are_prepared_with() -> None:
    class Prepared(StateChart[Any]):
        a = State(initial=True)
        go = Event(a.to.itself(cond="open", on="note"), name="?go")

        @functools.cached_property
        def size(self) -> int:
            return 3

        @property
        def open(self) -> bool:
            return self.size == 3

        def prepare_event(self) -> dict[str, int]:
            return {"extra": self.size}

        def note(self, extra: int) -> None:
            self.extra = extra

    machine = ForeignMachine(Prepared)
    assert holds(machine, take(machine, machine.begin(), "go")).extra == 3


def test_states_that_come_from_an_enumeration() -> None:
    class Light(enum.Enum):
        red = 1
        green = 2

    class Lamp(StateChart[Any]):
        sends = {"turn"}
        lights = States.from_enum(Light, initial=Light.red)
        turn = lights.red.to(lights.green) | lights.green.to(lights.red)

    machine = ForeignMachine(Lamp)
    (then,) = machine.send(machine.begin(), Sending("turn", "B"))
    assert then.states == ("green",)


def test_sentinels_keep_their_identity() -> None:
    nobody = Purse()
    missing = object()

    class Holding(StateChart[Any]):
        a = State(initial=True)
        take_ = Event(a.to.itself(cond="free", on="set"), name="?take")
        give = Event(a.to.itself(unless="free", on="unset"), name="?give")

        def __init__(self) -> None:
            self.holder: Any = nobody
            self.found: Any = missing
            super().__init__()

        def free(self) -> bool:
            return self.holder is nobody and self.found is missing

        def set(self) -> None:
            self.holder = Purse()

        def unset(self) -> None:
            self.holder = nobody

    machine = ForeignMachine(Holding)
    state = take(machine, machine.begin(), "take")
    assert machine.receive(state, "take", "B")[0][0] is Taking.REFUSED
    assert take(machine, state, "give") == machine.begin()


def test_parts_of_the_chart_are_no_data_that_is_copied() -> None:
    class Remembers(StateChart[Any]):
        a = State(initial=True)
        b = State()
        go = Event(a.to(b, on="note") | b.to(a, on="note"), name="?go")

        def __init__(self) -> None:
            self.me = [self, self.note]
            super().__init__()

        def note(self, state: State, event: Any, machine: Any) -> None:
            self.last = (state, machine.configuration, str(event))
            self.bound = machine.go

    machine = ForeignMachine(Remembers)
    state = take(machine, take(machine, machine.begin(), "go"), "go")
    chart = holds(machine, state)
    assert chart.me[0] is chart
    assert chart.me[1] == chart.note
    assert chart.last[0].id == "b"
    assert take(machine, take(machine, state, "go"), "go") == state
