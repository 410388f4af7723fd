"""Collects what a broker and servers of ours tell, as observations."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from machines.events import BusEvent
from runtime.mqtt.observer import BrokerObserver
from runtime.runs.format import read_event
from spec.monitor import Connected, Delivered, Disconnected, Observed, Published, Sent, Subscribed


@dataclass
class Watcher(BrokerObserver):
    """Observes a broker; `tell` is called with each observation, in order.

    `clients` are those that take part, all if it is None; others are not told of.
    """

    tell: Callable[[Observed], None]
    clients: Collection[str] | None = None
    began: float = field(default_factory=time.monotonic)

    def connected(self, client: str) -> None:
        if self._knows(client):
            self.tell(Connected(self.at, client))

    def disconnected(self, client: str, clean: bool) -> None:
        if self._knows(client):
            self.tell(Disconnected(self.at, client, clean))

    def subscribed(self, client: str, topic: str, accepted: bool) -> None:
        if self._knows(client):
            self.tell(Subscribed(self.at, client, topic, accepted))

    def sent(self, client: str, event: BusEvent) -> None:
        """A server of ours has sent an event; the broker may tell of it later, or never."""
        self.tell(Sent(self.at, client, event))

    def received(self, client: str, topic: str, payload: bytes) -> None:
        if self._knows(client):
            self.tell(read_event(Published, self.at, client, topic, payload))

    def lost_to_broker(self, client: str, topic: str, payload: bytes) -> None:
        if self._knows(client):
            self.tell(read_event(Sent, self.at, client, topic, payload))

    def forwarded(self, topic: str, payload: bytes, to_client: str) -> None:
        if self._knows(to_client):
            seen = read_event(Delivered, self.at, to_client, topic, payload)
            if isinstance(seen, Delivered):  # what cannot be read was judged when it was published
                self.tell(seen)

    def lost_from_broker(self, topic: str, payload: bytes, to_client: str) -> None: ...

    @property
    def at(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def _knows(self, client: str) -> bool:
        return self.clients is None or client in self.clients
