"""The same with mistakes: each takes as many clients as its number says."""

from collections.abc import Mapping
from typing import Any

from statemachine import Event, State, StateChart

from tests.data.lock_service.charts import Client, Server


class Generous(Server):
    """2: grants to whoever asks while somebody holds the lock, too."""

    free = State(initial=True)
    granting = State()
    held = State()

    recv_request = Event(
        free.to(granting, on="let_in") | granting.to.itself(on="enqueue") | held.to(granting, on="let_in"),
        name="?request",
    )
    send_grant = Event(granting.to(held, cond="is_next"), name="!grant")
    recv_release = Event(held.to(granting, cond="somebody_waits", on="let_next_in") | held.to(free), name="?release")


class Hurried(Server):
    """3: forgets those who wait when it lets the next one in."""

    def let_next_in(self) -> None:
        self.holder = self.waiting.pop(0)
        self.waiting.clear()


class Short(Server):
    """4: takes two who wait, and forgets the third."""

    def enqueue(self, sender: str = "") -> None:
        if len(self.waiting) < 2:
            self.waiting.append(sender)


class Small(Server):
    """5: takes three who wait, and forgets the fourth."""

    def enqueue(self, sender: str = "") -> None:
        if len(self.waiting) < 3:
            self.waiting.append(sender)


class Twice(Server):
    """3: lets the next one in as often as it waited: the second of those who wait is let in when the lock is free."""

    def let_next_in(self) -> None:
        self.holder = self.waiting[-1]
        self.waiting.pop(0)


class Ticking(Server):
    """3: once two wait behind another one, it ticks for ever."""

    free = State(initial=True)
    granting = State()
    held = State()
    ticking = State()

    recv_request = Event(
        free.to(granting, on="let_in")
        | granting.to.itself(on="enqueue")
        | held.to(ticking, cond="somebody_waits", on="enqueue")
        | held.to.itself(on="enqueue")
        | ticking.to.itself(on="enqueue"),
        name="?request",
    )
    send_grant = Event(granting.to(held, cond="is_next"), name="!grant")
    recv_release = Event(
        held.to(granting, cond="somebody_waits", on="let_next_in") | held.to(free) | ticking.to.itself(),
        name="?release",
    )
    send_tick = Event(ticking.to.itself(), name="!tick")


def with_server(server: type[StateChart[Any]]) -> Mapping[str, type[StateChart[Any]]]:
    """The charts with another server."""
    return {"Server": server, "Client1": Client, "Client2": Client}
