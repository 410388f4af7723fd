"""Faults and observation at our end of the wire, for a broker that is not ours.

A `TappedSession` does to its own events what the embedded broker's hooks do there: it loses, duplicates and delays
them as a `FaultPlan` says, and tells a `BrokerObserver` what goes to the broker and what comes from it. An event that
is lost on its way to the broker is never sent; one that is lost from the broker is dropped when it comes in. In which
order that broker takes over what several clients send at the same time is not known here; it is told as it was sent.
"""

import asyncio
from collections.abc import AsyncIterator

from machines.events import EVENT_OF_TOPIC
from runtime.mqtt.faults import FROM_BROKER, TO_BROKER, FaultPlan, Hop, Verdict
from runtime.mqtt.observer import BrokerObserver
from runtime.mqtt.session import BrokerAddress, Session


class TappedSession(Session):
    """A session whose events pass through a fault plan."""

    def __init__(
        self,
        address: BrokerAddress,
        client: str,
        qos: int,
        plan: FaultPlan,
        observer: BrokerObserver,
    ) -> None:
        """See `Session`; `plan` decides on each event, `observer` is told."""
        super().__init__(address, client, qos)
        self._plan = plan
        self._observer = observer
        self._ended = False

    async def publish(self, topic: str, payload: bytes) -> None:
        """PUBLISH as often as the plan says; a lost event counts as sent, as it does to the sender of one."""
        verdict = self._verdict(topic, TO_BROKER)
        if verdict.lost:
            self._observer.lost_to_broker(self.client, topic, payload)
            return
        if verdict.delay:
            await asyncio.sleep(verdict.delay)
        if self._ended:
            self._observer.lost_to_broker(self.client, topic, payload)  # delayed beyond the connection
            return
        for _ in range(1 + verdict.duplicates):
            await super().publish(topic, payload)

    def has_left(self, topic: str, payload: bytes) -> None:
        """Tell the observer."""
        self._observer.received(self.client, topic, payload)

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """What comes in, as often as the plan says; a delayed event holds up those behind it."""
        async for topic, payload in super().messages():
            verdict = self._verdict(topic, FROM_BROKER)
            if verdict.lost:
                self._observer.lost_from_broker(topic, payload, self.client)
                continue
            if verdict.delay:
                await asyncio.sleep(verdict.delay)
            for _ in range(1 + verdict.duplicates):
                self._observer.forwarded(topic, payload, self.client)
                yield topic, payload

    async def disconnect(self) -> None:
        """DISCONNECT, and tell."""
        self._end(clean=True)
        await super().disconnect()

    async def crash(self) -> None:
        """Break the connection, and tell."""
        self._end(clean=False)
        await super().crash()

    def _end(self, *, clean: bool) -> None:
        if not self._ended:
            self._ended = True
            if self._is_accepted():
                self._observer.disconnected(self.client, clean)

    def _verdict(self, topic: str, hop: Hop) -> Verdict:
        event = EVENT_OF_TOPIC.get(topic)
        return self._plan.decide(event.__name__, hop, self.client) if event else Verdict()
