"""A journey is booked: flight and hotel beside each other, the payment tried up to twice, or all is undone."""

from typing import Any

from statemachine import Event, State, StateChart


class Agency(StateChart[Any]):
    """Reserves both, then lets the bank charge."""

    asked = State(initial=True)
    reserving = State()
    trying = State()
    awaiting = State()
    confirming = State()
    undoing = State()
    telling = State()
    done = State(final=True)

    order = Event(asked.to(reserving), name="?order")
    reserve = Event(reserving.to.itself(cond="is_new", on="note"), name="!reserve")
    reserved = Event(
        reserving.to(trying, cond="is_complete", on="count") | reserving.to.itself(on="count"), name="?reserved"
    )
    charge = Event(trying.to(awaiting, on="try_it"), name="!charge")
    paid = Event(awaiting.to(confirming), name="?paid")
    declined = Event(awaiting.to(trying, cond="may_try") | awaiting.to(undoing, on="clear"), name="?declined")
    cancel = Event(
        undoing.to(telling, cond="is_last", on="note") | undoing.to.itself(cond="is_new", on="note"), name="!cancel"
    )
    failed = Event(telling.to(done), name="!failed")
    ticket = Event(confirming.to(done), name="!ticket")

    def __init__(self) -> None:
        self.told: frozenset[str] = frozenset()
        self.answers = 0
        self.tries = 0
        super().__init__()

    def is_new(self, to: str = "") -> bool:
        return to not in self.told

    def is_last(self, to: str = "") -> bool:
        return self.is_new(to) and len(self.told) == 1

    def note(self, to: str = "") -> None:
        self.told |= {to}

    def clear(self) -> None:
        self.told = frozenset()

    def is_complete(self) -> bool:
        return self.answers == 1

    def count(self) -> None:
        self.answers += 1

    def try_it(self) -> None:
        self.tries += 1

    def may_try(self) -> bool:
        return self.tries < 2


class Stubborn(Agency):
    """Planted: tries three times."""

    def may_try(self) -> bool:
        return self.tries < 3


class Careless(Agency):
    """Planted: charges after one of two reservations."""

    def is_complete(self) -> bool:
        return True


class Negligent(Agency):
    """Planted: cancels one of both."""

    def is_last(self, to: str = "") -> bool:
        return bool(to)


class Customer(StateChart[Any]):
    """Orders, and hears how it went."""

    idle = State(initial=True)
    waiting = State()
    done = State(final=True)

    order = Event(idle.to(waiting), name="!order")
    ticket = Event(waiting.to(done), name="?ticket")
    failed = Event(waiting.to(done), name="?failed")


class Seller(StateChart[Any]):
    """Holds a reservation until it is cancelled."""

    empty = State(initial=True)
    asked = State()
    held = State()
    cancelled = State(final=True)

    reserve = Event(empty.to(asked), name="?reserve")
    reserved = Event(asked.to(held), name="!reserved")
    cancel = Event(held.to(cancelled), name="?cancel")


class Bank(StateChart[Any]):
    """Charges or declines, as it likes."""

    idle = State(initial=True)
    deciding = State()

    charge = Event(idle.to(deciding), name="?charge")
    paid = Event(deciding.to(idle), name="!paid")
    declined = Event(deciding.to(idle), name="!declined")


class Generous(StateChart[Any]):
    """Planted: never declines."""

    idle = State(initial=True)
    deciding = State()

    charge = Event(idle.to(deciding), name="?charge")
    paid = Event(deciding.to(idle), name="!paid")


CHARTS = {"Customer": Customer, "Agency": Agency, "Flight": Seller, "Hotel": Seller, "Bank": Bank}
BUGS = {
    "stubborn": {**CHARTS, "Agency": Stubborn},
    "careless": {**CHARTS, "Agency": Careless},
    "negligent": {**CHARTS, "Agency": Negligent},
    "generous": {**CHARTS, "Bank": Generous},
}
