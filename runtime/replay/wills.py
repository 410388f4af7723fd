"""Last wills in a live replay: the broker says them when the trace does, and not by itself.

Nobody knows how long a broker takes to notice that a connection is gone (MQTT 3.1.1, 3.1.2.5), so the explorer lets a
will be said at any time after that (`spec.exploration.model.wills`). Here it waits for its step of the trace.
"""

from collections import defaultdict
from collections.abc import Callable
from uuid import uuid4

from machines.calls import CONNECT
from machines.events import BusEvent, ClientGoodbye
from machines.records import replace
from runtime.bus_adapter import BusAdapter
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress, Session, Will
from runtime.wire.events import decode, encode


class WillsHeld(EmbeddedBroker):
    """A broker that says a will when it is told to; one that is stopped forgets them all."""

    def __init__(self, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]
        self._due: dict[str, list[tuple[BusEvent, Callable[[], None]]]] = defaultdict(list)

    async def start(self) -> None:
        """As the broker does, and it knows of no will."""
        self._due.clear()
        await super().start()

    def will_is_due(self, client: str, topic: str, payload: bytes, say: Callable[[], None]) -> None:
        """Keep it."""
        self._due[client].append((decode(topic, payload), say))

    def sessions_of(self, client: str) -> list[str]:
        """The sessions of a client whose wills are kept."""
        return [getattr(will, "session", "") for will, _ in self._due[client]]

    def say_will(self, will: ClientGoodbye) -> None:
        """Say a will, which is kept no longer. Raises `LookupError` if it is not there."""
        for place, (kept, say) in enumerate(self._due[will.client]):
            if getattr(kept, "session", "") == will.session:
                del self._due[will.client][place]
                say()
                return
        there = ", ".join(self.sessions_of(will.client)) or "none"
        raise LookupError(f"the broker was to say the will of session {will.session}; it keeps: {there}")


class WithWill(BusAdapter):
    """Sessions that leave the will which their chart asks for; names and payloads as in the protocol."""

    def __init__(self, address: Callable[[], BrokerAddress], qos: int) -> None:
        """`address` tells where the broker is when it is asked, since it can begin anew."""
        self._address = address
        self._qos = qos

    def dial(self, client: str, call: CONNECT) -> Session:
        """A session with a will, or without one."""
        will = None
        if call.will is not None:
            said = replace(call.will, event_id=str(uuid4()))
            will = Will(self.topic_of(said), encode(said))
        return Session(self._address(), client, self._qos, will=will)
