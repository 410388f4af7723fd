"""How topics and client identifiers look on the bus of a service.

With a *prefix* all topics of the protocol stand below it, and MQTT client identifiers begin with it, so that two
services on one broker do not meet. With *a topic per client* the last level of a topic is an MQTT client identifier: of
the publisher, for what torrent servers publish, and of the one meant, for an acceptance or a denial. A broker's access
rules can then hold everybody to their own topics, and nobody hears what others are answered.
"""

from dataclasses import dataclass

from machines.events import (
    ANSWERS,
    EVENT_OF_TOPIC,
    TOPICS_OF,
    TORRENT,
    BusEvent,
    ClientEvent,
)

ADDRESSED = frozenset(event.topic for event in ANSWERS)
"""Topics of what the tracker says to one client."""
OWN = TOPICS_OF[TORRENT]
"""Topics of what a torrent server says."""
WILD = frozenset("+#\0")


@dataclass(frozen=True, slots=True)
class Topics:
    """The names on the bus of one service. Raises `ValueError` for a prefix that cannot be one."""

    prefix: str = ""
    per_client: bool = False

    def __post_init__(self) -> None:
        levels = self.prefix.split("/")
        if self.prefix and (WILD & set(self.prefix) or "" in levels or self.prefix.startswith("$")):
            raise ValueError(
                f"the prefix {self.prefix!r} cannot begin a topic: expected levels such as plant/line-1, "
                "without + and #, not beginning with $ and with no empty level"
            )

    def client_id(self, client: str) -> str:
        """The MQTT client identifier of a server."""
        return f"{self.prefix.replace('/', '-')}-{client}" if self.prefix else client

    def of(self, event: BusEvent) -> str:
        """Where an event is published."""
        topic = self._below(event.topic)
        if self.per_client and event.topic in ADDRESSED | OWN:
            assert isinstance(event, ClientEvent)
            return f"{topic}/{self.client_id(event.client)}"
        return topic

    def filter(self, topic: str, client: str) -> str:
        """What the server `client` asks the broker for, to get the events of a topic of the protocol."""
        if self.per_client and topic in ADDRESSED:
            return f"{self._below(topic)}/{self.client_id(client)}"
        return f"{self._below(topic)}/+" if self.per_client and topic in OWN else self._below(topic)

    def read(self, given: str) -> tuple[str, str | None]:
        """The topic of the protocol that a topic on the bus stands for, and the client that it names.

        Both come as given where it is none of this service.
        """
        below = given.removeprefix(f"{self.prefix}/") if self.prefix else given
        if below in EVENT_OF_TOPIC:
            return below, None
        topic, _, client = below.rpartition("/")
        if self.per_client and topic in ADDRESSED | OWN:
            return topic, client.removeprefix(self.client_id(""))
        return given, None

    def check_id(self, client: str) -> None:
        """Raise `ValueError` if a client identifier cannot be a level of a topic, where it has to be."""
        if not client or not client.isprintable():
            raise ValueError(f"{client!r} is no client identifier: expected one or more characters that can be printed")
        if self.per_client and ("/" in client or WILD & set(client)):
            raise ValueError(f"{client!r} cannot be a level of a topic: expected no / + or # with --topic-per-client")

    def _below(self, topic: str) -> str:
        return f"{self.prefix}/{topic}" if self.prefix else topic
