"""One server of charts as a service runs it: the driver, with names on the bus, wills, limits, a store and back-off.

The driver itself knows nothing of the protocol; what is added here is how a service speaks on a bus: topics below a
prefix, a will that the broker keeps, pauses that grow from one failed attempt to the next, and the rule that nothing is
published before what it follows from is stored.
"""

import asyncio
import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import uuid4

from machines.calls import CONNACK, CONNECT, ConnectionLost, Message, Role, Start
from machines.events import BusEvent, ClientEvent
from machines.participant import Output, Participant
from machines.rules import View
from machines.tracker import Tracker
from runtime.driver import Move, Server
from runtime.mqtt.session import Session, Will
from runtime.services.keeping import Keeper, Keeping, StoreFailure
from runtime.services.large import entries, is_large, receive
from runtime.services.threads import in_a_thread
from runtime.services.topics import ADDRESSED, OWN, Topics
from runtime.wire.events import Malformed, decode, encode
from runtime.wire.strict_json import Fault, shown

log = logging.getLogger("clientjoin.service")

IN_A_THREAD = 64 * 1024
"""Payloads of more bytes are read and written in a thread, so that the loop goes on meanwhile."""
HEAD = re.compile(rb'\{"EventId":"[0-9a-f-]{36}","ClientIdentifier":"((?:[^"\\\x00-\x1f\x7f-\xff])*)"')
"""How our own writer begins an event that names a client."""

Dial = Callable[[str, Will | None], Session]
"""Makes a new session for a client identifier, with a will."""


class BackOff:
    """Pauses that double from `first` up to `most` seconds, each cut short by chance down to a half of it."""

    def __init__(self, first: float, most: float, chance: Callable[[], float] = random.random) -> None:
        self.first = first
        self.most = most
        self.count = 0
        """How many pauses there were since the last success."""
        self._chance = chance

    def next(self) -> float:
        """The next pause in seconds."""
        exponent = min(self.count, 60)  # beyond any `most`, and within what a float holds
        self.count += 1
        return min(self.most, self.first * float(2**exponent)) * (1 - self._chance() / 2)

    def reset(self) -> None:
        """It has succeeded: the next pause is a short one."""
        self.count = 0


class ServiceServer(Server):
    """A server that is started again for each connection, under a new session name."""

    def __init__(
        self,
        charts: Mapping[Role, Participant],
        dial: Dial,
        *,
        topics: Topics,
        timeout: float,
        pauses: BackOff,
        max_payload: int,
        keeper: Keeper | None = None,
        observer: Callable[[Move], None] = lambda _: None,
        on_size: Callable[[BusEvent, int], None] = lambda _event, _size: None,
    ) -> None:
        """`timeout` in seconds is what the clock counts in Client Join; `pauses` what it counts before it asks again.

        `keeper` stores the view before anything that follows from it is published. `on_size` is told how many bytes an
        event has that is about to be published.
        """
        super().__init__(charts, self._never, timeout=timeout, observer=observer)
        self.topics = topics
        self.max_payload = max_payload
        self.pauses = pauses
        self.pause = 0.0
        """Seconds of the pause that was set last."""
        self._keeping = Keeping(self.name, keeper, lambda: self.view, self._stored)
        self._stepping: asyncio.Task[None] | None = None
        """A step that a thread does now: the charts wait for it."""
        self._dial = dial
        self._on_size = on_size
        self._is_tracker = isinstance(charts["client"], Tracker)
        self._told = 0
        """At a tracker: how many events it has told everybody."""
        self._heard: dict[str, int] = {}
        """At a torrent server: the number of the last event that it heard, by the tracker's session."""
        self._anew: set[asyncio.Task[None]] = set()
        self.missed = 0
        """How many events of the tracker did not come."""
        self.accepted_at: float | None = None
        """When the broker accepted the last connection, on the loop's clock; None if it did not."""

    def start(self) -> None:
        """Order the server to start, under a name that was never used."""
        if self._crashed:
            self._crashed = False
            self._arrive(ConnectionLost(), "")
        self.failure = None
        self._heard = {}
        self.accepted_at = None
        self._arrive(Start(session=str(uuid4())), "")

    @property
    def view(self) -> View:
        """What its Distribution View holds."""
        view = self.charts["view"].data.view
        assert isinstance(view, View)
        return view

    @property
    def in_flight(self) -> int:
        """How many publications are not acknowledged."""
        return self._session.unacknowledged if self._session is not None else 0

    def _never(self, client: str) -> Session:
        raise AssertionError(f"{client} is connected by `_dial`")

    def _seconds(self) -> float:
        if self.where != ("awaiting_retry",):
            return self.timeout
        self.pause = self.pauses.next()
        return self.pause

    def _tell(self, session: Session, message: Message) -> None:
        if session is self._session and message == CONNACK():
            self.accepted_at = asyncio.get_running_loop().time()
        super()._tell(session, message)

    # Nothing that is not stored is told.

    @property
    def store_failure(self) -> StoreFailure | None:
        """Why what is known could not be stored: for the supervisor to end the service."""
        return self._keeping.failure

    async def crash(self) -> None:
        """Die, as a server does; what a thread does, it does to the end."""
        await super().crash()
        if self._stepping is not None:
            await asyncio.wait({self._stepping})
        await self._keeping.ended()

    def _send_next(self) -> bool:
        return self._stepping is None and super()._send_next()

    def _read_next(self) -> bool:
        return self._stepping is None and super()._read_next()

    def _send(self, role: Role, output: Output) -> None:
        view = self.charts["view"]
        if "view" in {role, output.to} and is_large(output.message, view.data):
            self._stepping = asyncio.get_running_loop().create_task(self._send_large(role, output))
        else:
            super()._send(role, output)

    async def _send_large(self, role: Role, output: Output) -> None:
        """A step between the view and the MQTT client, of which the view's part is done in a thread."""
        view, message = self.charts["view"], output.message
        try:
            if role == "view":
                await in_a_thread(view.emit, output)
                self._note_sent(role, message, output.to)
                self._receive("client", message, role)
            else:
                self.charts[role].emit(output)
                self._note_sent(role, message, output.to)
                self._note_received("view", message, role, *await in_a_thread(receive, view, message))
        finally:
            self._stepping = None
        if not self._crashed:
            self._settle()

    def _may_send(self, output: Output) -> bool:
        return not isinstance(output.message, BusEvent) or self._keeping.is_kept()

    def _stored(self) -> None:
        if self._crashed:
            return
        self._settle()
        if self.store_failure is not None:
            # It cannot even say goodbye, since that would follow from what is not stored.
            self._spawn(self._lose_connection(), self._anew)

    def _transmit(self, message: Message) -> None:
        if isinstance(message, CONNECT):
            self._session = self._dial(self.topics.client_id(self.name), self._will(message))
            self._spawn(self._do_connect(self._session), self._tasks)
            return
        super()._transmit(message)

    def _settle(self) -> None:
        outermost = not self._settling
        super()._settle()
        if outermost:
            self._keeping.is_kept()  # else it is begun to be

    def _will(self, message: CONNECT) -> Will | None:
        if message.will is None:
            return None
        will = replace(message.will, event_id=str(uuid4()))
        return Will(self.topics.of(will), encode(will))

    # Names, sizes, and what is not read.

    def _topic_of(self, event: BusEvent) -> str:
        return self.topics.of(event)

    def _filter_of(self, topic: str) -> str:
        return self.topics.filter(topic, self.name)

    async def _encoded(self, event: BusEvent) -> bytes:
        payload = await self._written(event)
        self._on_size(event, len(payload))
        if not self._is_tracker:
            return payload
        if event.topic not in ADDRESSED:
            self._told += 1
        return numbered(payload, self.charts["client"].data.session, self._told)

    async def _written(self, event: BusEvent) -> bytes:
        if entries(event) > FEW:
            return await in_a_thread(encode, event, self.max_payload)
        return encode(event, self.max_payload)

    async def _decoded(self, topic: str, payload: bytes) -> BusEvent | None:
        given, named = self.topics.read(topic)
        if given in ADDRESSED and self._is_anothers(payload):
            return None
        try:
            if len(payload) > IN_A_THREAD:
                event = await in_a_thread(decode, given, payload, self.max_payload)
            else:
                event = decode(given, payload, self.max_payload)
        except Malformed as refusal:
            self.refusals.add(refusal)
            return None
        self._look_for_gaps(event, payload)
        if named is not None and given in OWN and isinstance(event, ClientEvent) and event.client != named:
            fault = Fault("wrong-client", f"the client that its topic names, {shown(named)}", shown(event.client))
            self.refusals.add(Malformed(topic, fault.kind, "$.ClientIdentifier", fault.problem))
            return None
        return event

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
            self.missed += missed
            why = f"{missed} events of the tracker did not come: the broker dropped them"
            log.warning("%s: %s; it connects and joins anew", self.name, why)
            self.last_error = why
            self._spawn(self._lose_connection(), self._anew)

    async def _lose_connection(self) -> None:
        await self._cut_off()
        self._arrive(ConnectionLost(), "")

    def _is_anothers(self, payload: bytes) -> bool:
        """Whether an answer names another client at its beginning, so that it is of no concern whatever follows.

        If the rest names this client after all, the property is given twice, and the event malformed.
        """
        head = HEAD.match(payload)
        return head is not None and head[1] != self.name.encode()


NUMBER = re.compile(rb',"Sequence":"([0-9a-f-]{36})/([0-9]{1,18})"\}$')
TAIL = 100
"""Bytes at the end of a payload in which its number stands."""


def numbered(payload: bytes, session: str, number: int) -> bytes:
    """An event of a tracker with a property more, which readers that do not know it skip: how many it told before.

    What it tells everybody is counted in a row, so that a gap shows; an answer to one client has the number of the last
    of these.
    """
    return payload[:-1] + f',"Sequence":"{session}/{number}"}}'.encode()


FEW = 200
"""Entries that are written at once, on the loop."""
