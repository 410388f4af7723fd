"""Charts that go round for ever, or stop."""

from typing import Any

from statemachine import Event, State, StateChart

from spec.exploration.model.faults import Faults
from spec.exploration.model.foreign import ForeignSystem


class Pinging(StateChart[None]):
    """Sends and answers for ever."""

    serving = State(initial=True)
    waiting = State()

    ping = Event(serving.to(waiting), name="!ping")
    pong = Event(waiting.to(serving), name="?pong")


class Ponging(StateChart[None]):
    """The other side."""

    waiting = State(initial=True)
    serving = State()

    ping = Event(waiting.to(serving), name="?ping")
    pong = Event(serving.to(waiting), name="!pong")


class Spinner(StateChart[None]):
    """Ticks once it is told to go, until it reads that it is to stop."""

    still = State(initial=True)
    spinning = State()
    stopped = State(final=True)

    go = Event(still.to(spinning), name="?go")
    tick = Event(spinning.to.itself(), name="!tick")
    stop = Event(spinning.to(stopped), name="?stop")


class Driver(StateChart[None]):
    """Sends the one and then the other."""

    ready = State(initial=True)
    driving = State()
    done = State(final=True)

    go = Event(ready.to(driving), name="!go")
    stop = Event(driving.to(done), name="!stop")


class Starter(StateChart[None]):
    """Never sends that it is to stop."""

    ready = State(initial=True)
    done = State(final=True)

    go = Event(ready.to(done), name="!go")


def system(losses: int | None = 0, interchangeable: tuple[tuple[str, ...], ...] = (), **charts: Any) -> ForeignSystem:
    bounds = {"losses": losses} if losses != 0 else {}
    return ForeignSystem(
        "made", charts, routes={"tick": (), "last": ()}, faults=Faults(bounds), interchangeable=interchangeable
    )
