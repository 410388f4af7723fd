"""Publish and subscribe with acknowledgements: a hub delivers to two subscribers, then tells the publisher.

Nothing in here is written for a check: the events have ordinary names, and the binding says which are sent.
"""

from typing import Any

from statemachine import Event, State, StateChart

SUBSCRIBERS = frozenset({"S1", "S2"})


class Hub(StateChart[Any]):
    """Delivers to each subscriber once, and acknowledges when all have."""

    idle = State(initial=True)
    delivering = State()
    collecting = State()
    confirming = State()

    publish = Event(idle.to(delivering, on="clear"))
    deliver = Event(
        delivering.to(collecting, cond="is_last", on="note") | delivering.to.itself(cond="is_next", on="note")
    )
    received = Event(
        collecting.to(confirming, cond="is_all", on="count")
        | collecting.to.itself(on="count")
        | delivering.to.itself(on="count")
    )
    delivered = Event(confirming.to(idle, on="clear"))

    def __init__(self) -> None:
        self.told: frozenset[str] = frozenset()
        self.heard: frozenset[str] = frozenset()
        super().__init__()

    def clear(self) -> None:
        self.told = self.heard = frozenset()

    def is_next(self, to: str = "") -> bool:
        return to not in self.told

    def is_last(self, to: str = "") -> bool:
        return to not in self.told and self.told | {to} == SUBSCRIBERS

    def note(self, to: str = "") -> None:
        self.told |= {to}

    def is_all(self, sender: str = "") -> bool:
        return self.heard | {sender} == SUBSCRIBERS

    def count(self, sender: str = "") -> None:
        self.heard |= {sender}


class Impatient(Hub):
    """Planted: one acknowledgement is enough."""

    def is_all(self, sender: str = "") -> bool:
        return bool(sender)


class Repeating(Hub):
    """Planted: delivers to the same subscriber twice."""

    def is_next(self, to: str = "") -> bool:
        return bool(to)

    def is_last(self, to: str = "") -> bool:
        return len(self.told) == 1 and bool(to)


class Publisher(StateChart[Any]):
    """Publishes once."""

    ready = State(initial=True)
    waiting = State()
    done = State(final=True)

    publish = Event(ready.to(waiting))
    delivered = Event(waiting.to(done))


class Subscriber(StateChart[Any]):
    """Acknowledges what it is delivered."""

    idle = State(initial=True)
    answering = State()

    deliver = Event(idle.to(answering))
    received = Event(answering.to(idle))


class Sparing(StateChart[Any]):
    """Planted: acknowledges every other delivery."""

    idle = State(initial=True)
    once = State()
    answering = State()

    deliver = Event(idle.to(once) | once.to(answering))
    received = Event(answering.to(idle))


CHARTS = {"P": Publisher, "Hub": Hub, "S1": Subscriber, "S2": Subscriber}
BUGS = {
    "impatient": {**CHARTS, "Hub": Impatient},
    "repeating": {**CHARTS, "Hub": Repeating},
    "sparing": {**CHARTS, "S2": Sparing},
}
