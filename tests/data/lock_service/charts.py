"""A lock service: a server, and clients that differ in their names only. One at a time holds the lock.

`clientjoin explore --charts tests/data/lock_service/charts.py --members any` proves it for every number of clients.
"""

from statemachine import Event, State, StateChart

from spec.exploration.model.foreign import Standing
from spec.exploration.properties.language import Implication, always


class Server(StateChart[None]):
    """Grants the lock in the order in which it was asked for."""

    free = State(initial=True)
    granting = State()
    held = State()

    recv_request = Event(
        free.to(granting, on="let_in") | granting.to.itself(on="enqueue") | held.to.itself(on="enqueue"),
        name="?request",
    )
    send_grant = Event(granting.to(held, cond="is_next"), name="!grant")
    recv_release = Event(held.to(granting, cond="somebody_waits", on="let_next_in") | held.to(free), name="?release")

    def __init__(self) -> None:
        self.holder = ""
        self.waiting: list[str] = []
        super().__init__()

    def let_in(self, sender: str = "") -> None:
        self.holder = sender

    def enqueue(self, sender: str = "") -> None:
        self.waiting.append(sender)

    def is_next(self, to: str = "") -> bool:
        return to == self.holder

    def somebody_waits(self) -> bool:
        return bool(self.waiting)

    def let_next_in(self) -> None:
        self.holder = self.waiting.pop(0)


class Client(StateChart[None]):
    """Asks, holds the lock, and lets go of it."""

    outside = State(initial=True)
    waiting = State()
    inside = State()
    done = State(final=True)

    send_request = Event(outside.to(waiting), name="!request")
    recv_grant = Event(waiting.to(inside), name="?grant")
    send_release = Event(inside.to(done), name="!release")


@always
def one_at_a_time_holds_the_lock(Client1: Standing, Client2: Standing) -> Implication:  # noqa: N803 - names of charts
    """Mutual exclusion, of any two clients."""
    return Client1.where == ("inside",), Client2.where != ("inside",)


CHARTS = {"Server": Server, "Client1": Client, "Client2": Client}
INTERCHANGEABLE = [("Client1", "Client2")]
MAY_STAY = {"Server": ["free"]}
PROPERTIES = [one_at_a_time_holds_the_lock]
