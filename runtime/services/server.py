"""One server of charts as a service runs it: the driver, with names on the bus, wills, limits, a store and back-off.

The driver itself knows nothing of the protocol. How a service speaks on a bus is in `runtime.services.bus_adapter`, and
when it acts in `runtime.services.policy`; what is here puts these together, and does large steps in a thread.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from uuid import uuid4

from machines.calls import Role
from machines.events import BusEvent
from machines.participant import Output, Participant
from machines.rules import View
from runtime.connection import Tasks, spawn
from runtime.driver import Move, Server
from runtime.services.back_off import BackOff
from runtime.services.bus_adapter import Dial, ServiceAdapter
from runtime.services.keeping import Keeper, Keeping, StoreFailure
from runtime.services.large import is_large, receive
from runtime.services.policy import ServicePolicy
from runtime.services.threads import in_a_thread
from runtime.services.topics import Topics

log = logging.getLogger("clientjoin.service")


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
        client = charts["client"]
        keeping = Keeping(client.data.client, keeper, lambda: self.view, self._stored)
        self.policy = ServicePolicy(keeping, pauses)
        bus = ServiceAdapter(client, dial, topics, max_payload, on_size, self._begin_anew)
        super().__init__(charts, bus, timeout=timeout, observer=observer, policy=self.policy)
        self.topics = topics
        self.missed = 0
        """How many events of the tracker did not come."""
        self._anew: Tasks = set()

    def start(self, session: str = "") -> None:
        """Order the server to start, under a name that was never used."""
        self.connection.failure = None
        self.policy.accepted_at = None
        super().start(session or str(uuid4()))

    @property
    def view(self) -> View:
        """What its Distribution View holds."""
        view = self.charts["view"].data.view
        assert isinstance(view, View)
        return view

    @property
    def in_flight(self) -> int:
        """How many publications are not acknowledged."""
        session = self.connection.session
        return session.unacknowledged if session is not None else 0

    @property
    def pause(self) -> float:
        """Seconds of the pause before it asks again that was set last."""
        return self.policy.pause

    @property
    def accepted_at(self) -> float | None:
        """When the broker accepted the last connection, on the loop's clock; None if it did not."""
        return self.policy.accepted_at

    def _begin_anew(self, count: int) -> None:
        """So many events of the tracker did not come; what they said is learnt by joining anew."""
        self.missed += count
        why = f"{count} events of the tracker did not come: the broker dropped them"
        log.warning("%s: %s; it connects and joins anew", self.name, why)
        self.connection.last_error = why
        spawn(self.lose_connection(), self._anew)

    # Nothing that is not stored is told.

    @property
    def store_failure(self) -> StoreFailure | None:
        """Why what is known could not be stored: for the supervisor to end the service."""
        return self.policy.keeping.failure

    def _stored(self) -> None:
        if self.crashed:
            return
        self.settle()
        if self.store_failure is not None:
            # It cannot even say goodbye, since that would follow from what is not stored.
            spawn(self.lose_connection(), self._anew)

    # Large steps.

    async def crash(self) -> None:
        """Die, as a server does; what a thread does, it does to the end."""
        await super().crash()
        if self.policy.stepping is not None:
            await asyncio.wait({self.policy.stepping})
        await self.policy.keeping.ended()

    def send(self, role: Role, output: Output) -> None:
        """One step; a large one is done in a thread, and the charts wait for it."""
        view = self.charts["view"]
        if "view" in {role, output.to} and is_large(output.message, view.data):
            self.policy.stepping = asyncio.get_running_loop().create_task(self._send_large(role, output))
        else:
            super().send(role, output)

    async def _send_large(self, role: Role, output: Output) -> None:
        """A step between the view and the MQTT client, of which the view's part is done in a thread."""
        view, message = self.charts["view"], output.message
        try:
            if role == "view":
                await in_a_thread(view.emit, output)
                self.note_sent(role, message, output.to)
                self.receive("client", message, role)
            else:
                self.charts[role].emit(output)
                self.note_sent(role, message, output.to)
                self.note_received("view", message, role, *await in_a_thread(receive, view, message))
        finally:
            self.policy.stepping = None
        if not self.crashed:
            self.settle()
