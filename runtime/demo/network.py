"""What the servers of a demo are connected by: the embedded broker, or one that is not ours."""

from runtime.demo.settings import Settings
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import FaultPlan
from runtime.mqtt.session import BrokerAddress, Session
from runtime.mqtt.tapped import TappedSession
from runtime.recorder import RunRecorder


class Network:
    """A broker, with the faults of a plan on each hop; a recorder is told what crosses it."""

    def __init__(self, settings: Settings, plan: FaultPlan, recorder: RunRecorder) -> None:
        self._address, self._qos, self._plan, self._recorder = settings.broker, settings.qos, plan, recorder
        self.broker = None if settings.broker else EmbeddedBroker(port=settings.port, faults=plan, observer=recorder)
        """Ours; None if one was named."""

    async def start(self) -> None:
        """Start our broker. Raises `runtime.mqtt.broker.BrokerError`."""
        if self.broker is not None:
            await self.broker.start()

    async def stop(self) -> None:
        """Stop our broker."""
        if self.broker is not None:
            await self.broker.stop()

    def connect(self, client: str) -> Session:
        """A session for a server, tapped where the broker is not ours."""
        if self._address is not None:
            return TappedSession(self._address, client, self._qos, self._plan, self._recorder)
        assert self.broker is not None
        return Session(BrokerAddress(self.broker.host, self.broker.port), client, self._qos)
