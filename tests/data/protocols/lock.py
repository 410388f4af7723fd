"""A lock service: one client at a time holds the lock, and who comes meanwhile waits in a queue."""

from typing import Any

from statemachine import Event, State, StateChart


class Server(StateChart[Any]):
    """Grants the lock in the order in which it was asked for."""

    free = State(initial=True)
    granting = State()
    held = State()

    asked_first = Event(free.to(granting, on="enqueue"), name="?acquire")
    asked_later = Event(held.to.itself(on="enqueue") | granting.to.itself(on="enqueue"), name="?acquire")
    grants = Event(granting.to(held, cond="is_first"), name="!granted")
    released = Event(held.to(granting, cond="more_wait", on="dequeue") | held.to(free, on="dequeue"), name="?release")

    def __init__(self) -> None:
        self.queue: tuple[str, ...] = ()
        super().__init__()

    def enqueue(self, sender: str = "") -> None:
        self.queue = (*self.queue, sender)

    def dequeue(self) -> None:
        self.queue = self.queue[1:]

    def is_first(self, to: str = "") -> bool:
        return self.queue[:1] == (to,)

    def more_wait(self) -> bool:
        return len(self.queue) > 1


class Holder(StateChart[Any]):
    """Asks, holds, lets go."""

    outside = State(initial=True)
    waiting = State()
    inside = State()
    done = State(final=True)

    asks = Event(outside.to(waiting), name="!acquire")
    enters = Event(waiting.to(inside), name="?granted")
    leaves = Event(inside.to(done), name="!release")


class Hasty(StateChart[Any]):
    """Planted: lets go of what it never held."""

    outside = State(initial=True)
    waiting = State()
    left = State()
    done = State(final=True)

    asks = Event(outside.to(waiting), name="!acquire")
    leaves = Event(waiting.to(left), name="!release")
    enters = Event(left.to(done), name="?granted")


class Unfair(Server):
    """Planted: grants to whom it likes of those who wait."""

    def is_first(self, to: str = "") -> bool:
        return to in self.queue

    def dequeue(self) -> None:
        self.queue = self.queue[:-1]


class Forgetful(Server):
    """Planted: forgets who waits when the lock is let go of."""

    def dequeue(self) -> None:
        self.queue = ()

    def more_wait(self) -> bool:
        return False


CHARTS = {"Server": Server, "A": Holder, "B": Holder}
BUGS = {
    "hasty": {**CHARTS, "A": Hasty},
    "unfair": {**CHARTS, "Server": Unfair},
    "forgetful": {**CHARTS, "Server": Forgetful},
}
