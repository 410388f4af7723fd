"""How the charts of a server meet an MQTT bus: which session they get, what topics are called, how events are written.

Charts know the topics of the protocol and events as values. An adapter says what stands for them on a certain bus;
`PlainAdapter` is the bus as the protocol draws it.
"""

from abc import ABC, abstractmethod

from machines.calls import CONNECT
from machines.events import BusEvent
from runtime.mqtt.session import Connect, Session
from runtime.wire.events import Refusals, decode_or_refuse, encode


class BusAdapter(ABC):
    """What stands for events on a bus, unless an adapter of another kind overrides it: what the protocol says."""

    @abstractmethod
    def dial(self, client: str, call: CONNECT) -> Session:
        """A new session, not yet connected, for what the MQTT client of the server `client` asks for."""

    def topic_of(self, event: BusEvent) -> str:
        """Where an event is published."""
        return event.topic

    def filter_of(self, topic: str) -> str:
        """What the broker is asked for, to get the events of a topic of the protocol."""
        return topic

    async def encoded(self, event: BusEvent) -> bytes:
        """The payload of an event; asked for one at a time. Raises `ValueError` if it cannot be sent."""
        return encode(event)

    async def decoded(self, topic: str, payload: bytes, refusals: Refusals) -> BusEvent | None:
        """The event that has come; None if it is of no concern, or malformed, which `refusals` is told."""
        return decode_or_refuse(topic, payload, refusals)


class PlainAdapter(BusAdapter):
    """Sessions by the name of the server, without a will; names and payloads as in the protocol."""

    def __init__(self, connect: Connect) -> None:
        """`connect` makes a session."""
        self._connect = connect

    def dial(self, client: str, call: CONNECT) -> Session:  # noqa: ARG002 - a session of this kind leaves no will
        return self._connect(client)
