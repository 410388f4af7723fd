"""The names that servers give to their requests and sessions, replaced by numbers: they choose the texts."""

from dataclasses import dataclass, field, replace

from machines.events import (
    TRACKER,
    AttemptEvent,
    BusEvent,
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientRegistered,
    TrackerGoodbye,
    TrackerHello,
)
from spec.monitor.server import SESSION, Server

NAMES_ITS_TRACKER = (TrackerHello, TrackerGoodbye, ClientJoinAccepted, ClientRegistered)
"""What a hardened tracker says with its session."""


@dataclass
class Names:
    """Of one server, the names that were seen."""

    server: Server
    requests: dict[str, int] = field(default_factory=dict)
    """Of a torrent server's requests that had a name, numbered."""
    session: str | None = None
    """What a tracker's latest hello said that its session is called; None before anything says so."""

    def __len__(self) -> int:
        return len(self.requests)

    def __contains__(self, name: str) -> bool:
        return name in self.requests

    def said(self, event: BusEvent) -> BusEvent:
        """What the server publishes, with its own names replaced by numbers."""
        if isinstance(event, TrackerHello) or (self.session is None and isinstance(event, NAMES_ITS_TRACKER)):
            self.session = event.session
        if self.server.role != TRACKER and isinstance(event, ClientJoinRequested) and event.request_id:
            self.requests.setdefault(event.request_id, len(self.requests) + 1)
        return self.heard(event)

    def heard(self, event: BusEvent) -> BusEvent:
        """An event of this client, with the name of its request replaced by a number; a tracker's by whose it is."""
        if self.server.role == TRACKER:
            if not isinstance(event, NAMES_ITS_TRACKER) or not event.session:
                return event
            return replace(event, session=SESSION if event.session == self.session else f"?{event.session}")
        if not isinstance(event, AttemptEvent) or event.client != self.server.client or not event.request_id:
            return event
        number = self.requests.get(event.request_id)
        return replace(event, request_id=f"?{event.request_id}" if number is None else f"{SESSION}-{number}")
