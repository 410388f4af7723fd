"""How a service speaks on its bus: topics below a prefix, a will that the broker keeps, payloads of a size.

A tracker numbers what it publishes, and a torrent server looks for gaps in these numbers, since a broker whose queue
for a client is full drops events without a word.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from machines.calls import CONNECT
from machines.events import BusEvent, ClientEvent
from machines.participant import Participant
from machines.tracker import Tracker
from runtime.bus_adapter import BusAdapter
from runtime.mqtt.session import Session, Will
from runtime.services.large import entries
from runtime.services.threads import in_a_thread
from runtime.services.topics import ADDRESSED, OWN, Topics
from runtime.wire.events import Malformed, Refusals, decode, encode
from runtime.wire.strict_json import Fault, shown

IN_A_THREAD = 64 * 1024
"""Payloads of more bytes are read and written in a thread, so that the loop goes on meanwhile."""
HEAD = re.compile(rb'\{"EventId":"[0-9a-f-]{36}","ClientIdentifier":"((?:[^"\\\x00-\x1f\x7f-\xff])*)"')
"""How our own writer begins an event that names a client."""

NUMBER = re.compile(rb',"Sequence":"([0-9a-f-]{36})/([0-9]{1,18})"\}$')
"""What a tracker adds to the end of an event: the session, and how many events it has told everybody in it."""
TAIL = 100
"""Bytes at the end of a payload in which its number stands."""
FEW = 200
"""Entries that are written at once, on the loop."""

Dial = Callable[[str, Will | None], Session]
"""Makes a new session for a client identifier, with a will."""


class ServiceAdapter(BusAdapter):
    """How one server of a service, whose MQTT client is `chart`, meets the bus."""

    def __init__(
        self,
        chart: Participant,
        dial: Dial,
        topics: Topics,
        max_payload: int,
        on_size: Callable[[BusEvent, int], None],
        on_gap: Callable[[int], None],
    ) -> None:
        """`on_size` is told how many bytes an event has that is about to be published.

        `on_gap` is told at a torrent server how many events of the tracker did not come before one that did.
        """
        self.topics = topics
        self.max_payload = max_payload
        self._chart = chart
        self._name: str = chart.data.client
        self._is_tracker = isinstance(chart, Tracker)
        self._dial = dial
        self._on_size = on_size
        self._on_gap = on_gap
        self._told = 0
        """At a tracker: how many events it has told everybody."""
        self._heard: dict[str, int] = {}
        """At a torrent server: the number of the last event that it heard, by the tracker's session."""

    def dial(self, client: str, call: CONNECT) -> Session:
        """A session under the identifier of a client of this service, with the will that its chart leaves."""
        self._heard = {}
        return self._dial(self.topics.client_id(client), self._will(call))

    def _will(self, call: CONNECT) -> Will | None:
        if call.will is None:
            return None
        will = replace(call.will, event_id=str(uuid4()))
        return Will(self.topics.of(will), encode(will))

    def topic_of(self, event: BusEvent) -> str:
        """Below the prefix, and with the client's name where each has a topic of its own."""
        return self.topics.of(event)

    def filter_of(self, topic: str) -> str:
        """Where this server hears the events of a topic of the protocol."""
        return self.topics.filter(topic, self._name)

    async def encoded(self, event: BusEvent) -> bytes:
        """The payload, with a number at its end if it is a tracker's."""
        payload = await self._written(event)
        self._on_size(event, len(payload))
        if not self._is_tracker:
            return payload
        if event.topic not in ADDRESSED:
            self._told += 1
        return numbered(payload, self._chart.data.session, self._told)

    async def _written(self, event: BusEvent) -> bytes:
        if entries(event) > FEW:
            return await in_a_thread(encode, event, self.max_payload)
        return encode(event, self.max_payload)

    async def decoded(self, topic: str, payload: bytes, refusals: Refusals) -> BusEvent | None:
        """The event; None also for an answer to another client, and for one in another's name, which is malformed."""
        given, named = self.topics.read(topic)
        if given in ADDRESSED and self._is_anothers(payload):
            return None
        try:
            if len(payload) > IN_A_THREAD:
                event = await in_a_thread(decode, given, payload, self.max_payload)
            else:
                event = decode(given, payload, self.max_payload)
        except Malformed as refusal:
            refusals.add(refusal)
            return None
        self._look_for_gaps(event, payload)
        if named is not None and given in OWN and isinstance(event, ClientEvent) and event.client != named:
            fault = Fault("wrong-client", f"the client that its topic names, {shown(named)}", shown(event.client))
            refusals.add(Malformed(topic, fault.kind, "$.ClientIdentifier", fault.problem))
            return None
        return event

    def _is_anothers(self, payload: bytes) -> bool:
        """Whether an answer names another client at its beginning, so that it is of no concern whatever follows.

        If the rest names this client after all, the property is given twice, and the event malformed.
        """
        head = HEAD.match(payload)
        return head is not None and head[1] != self._name.encode()

    def _look_for_gaps(self, event: BusEvent, payload: bytes) -> None:
        """Whether an event of the tracker follows the last one that was heard: where not, the broker dropped some."""
        found = NUMBER.search(payload[-TAIL:])
        if self._is_tracker or found is None:
            return
        session, number = found[1].decode(), int(found[2])
        heard = self._heard.get(session)
        self._heard = {session: number if heard is None else max(heard, number)}
        if heard is None:
            return
        missed = number - heard - (0 if event.topic in ADDRESSED else 1)
        if missed > 0:
            self._on_gap(missed)


def numbered(payload: bytes, session: str, number: int) -> bytes:
    """An event of a tracker with a property more, which readers that do not know it skip: how many it told before.

    What it tells everybody is counted in a row, so that a gap shows; an answer to one client has the number of the last
    of these.
    """
    return payload[:-1] + f',"Sequence":"{session}/{number}"}}'.encode()
