"""What the MQTT clients of all servers share: a session with the broker, from CONNECT to DISCONNECT.

The states and transitions stand in each chart, where they are read; here are the guards over a session's packets and
the topics still to be subscribed to, topic by topic in any order.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from machines.calls import CONNACK, CONNECT, DISCONNECT, SUBACK, SUBSCRIBE, Start
from machines.participant import Output, Participant
from machines.records import replace


@dataclass(frozen=True, slots=True)
class SessionData:
    """Whose session it is (the MQTT client identifier), and which topics are not yet sent and not yet granted."""

    client: str
    unsubscribed: frozenset[str] = frozenset()
    unacknowledged: frozenset[str] = frozenset()


class MqttClient(Participant):
    """Base of the charts that hold a session."""

    data: Any
    topics: ClassVar[frozenset[str]] = frozenset()
    """What it subscribes to."""

    # Guards.

    def is_granted(self, message: CONNACK | SUBACK) -> bool:
        """Whether the broker agreed."""
        return message.accepted

    def is_last_subscribe(self) -> bool:
        """Whether one topic is left to subscribe to."""
        return len(self.data.unsubscribed) == 1

    def is_last_suback(self, message: SUBACK) -> bool:
        """Whether no other SUBACK is awaited."""
        return bool(self.data.unacknowledged <= {message.topic})

    # What a transition changes.

    def begin(self, message: Start) -> None:
        """Every topic is still to be subscribed to."""
        self.take_name(message.session)
        wanted = self.wanted()
        self.data = replace(self.data, unsubscribed=wanted, unacknowledged=wanted)

    def take_name(self, session: str) -> None:
        """The owner names this connection, unless the name is empty."""

    def wanted(self) -> frozenset[str]:
        """The topics of this connection."""
        return self.topics

    def note_subscribed(self, message: SUBSCRIBE) -> None:
        """A topic was subscribed to."""
        self.data = replace(self.data, unsubscribed=self.data.unsubscribed - {message.topic})

    def note_acknowledged(self, message: SUBACK) -> None:
        """A subscription was granted."""
        self.data = replace(self.data, unacknowledged=self.data.unacknowledged - {message.topic})

    # What is due.

    def compose_connect(self) -> tuple[Output, ...]:
        """The session's first packet."""
        return (Output(CONNECT(), "broker"),)

    def compose_subscribe(self) -> tuple[Output, ...]:
        """Each topic that is left, in any order."""
        return tuple(Output(SUBSCRIBE(topic=topic), "broker") for topic in sorted(self.data.unsubscribed))

    def compose_disconnect(self) -> tuple[Output, ...]:
        """The session's last packet."""
        return (Output(DISCONNECT(), "broker"),)
