"""Who is told what a broker does: by the embedded broker's hooks, or by taps at our end of the wire."""

from typing import Protocol


class BrokerObserver(Protocol):
    """Is told what the broker does, synchronously and in order.

    Of one event `received` comes first, then one `forwarded` or `lost_from_broker` for each subscriber; to one
    subscriber events are delivered in the order of `forwarded`. What is delayed is told when it happens. An exception
    is logged and counted in `EmbeddedBroker.observer_errors`, and the broker goes on.
    """

    def connected(self, client: str) -> None:
        """A client's CONNECT is accepted; CONNACK goes out next."""

    def disconnected(self, client: str, clean: bool) -> None:
        """A connection has ended; `clean` means that the client sent DISCONNECT."""

    def subscribed(self, client: str, topic: str, accepted: bool) -> None:
        """A client asked for a topic (or filter); SUBACK goes out next."""

    def received(self, client: str, topic: str, payload: bytes) -> None:
        """The broker has taken over an event from a client."""

    def lost_to_broker(self, client: str, topic: str, payload: bytes) -> None:
        """A fault dropped an event between its publisher and the broker."""

    def forwarded(self, topic: str, payload: bytes, to_client: str) -> None:
        """The broker sends an event to one subscriber."""

    def lost_from_broker(self, topic: str, payload: bytes, to_client: str) -> None:
        """A fault dropped an event between the broker and a subscriber, or delayed it beyond the connection."""


class SilentObserver(BrokerObserver):
    """Ignores all that it is told: a base for observers that care for some of it."""

    def connected(self, client: str) -> None: ...
    def disconnected(self, client: str, clean: bool) -> None: ...
    def subscribed(self, client: str, topic: str, accepted: bool) -> None: ...
    def received(self, client: str, topic: str, payload: bytes) -> None: ...
    def lost_to_broker(self, client: str, topic: str, payload: bytes) -> None: ...
    def forwarded(self, topic: str, payload: bytes, to_client: str) -> None: ...
    def lost_from_broker(self, topic: str, payload: bytes, to_client: str) -> None: ...
