"""What makes a difference to what was seen: which timeouts, and how much of the inbox.

All this is to save work. What is said here of a tracker and a torrent server is read off our charts, so it is used with
them alone; that it changes no verdict is tested against the definition (`tests/spec/monitor/test_exact.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from machines.calls import Message
from machines.endpoints import compared
from machines.events import (
    TRACKER,
    AttemptEvent,
    BusEvent,
    ClientEvent,
    ClientJoinAccepted,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    TrackerHello,
)
from spec.monitor.server import OURS, Server
from spec.monitor.state import State


@lru_cache(maxsize=256)
def _normal(uris: frozenset[str]) -> frozenset[str]:
    return frozenset(map(compared, uris))


def needed(server: Server, inbox: Sequence[tuple[float, BusEvent]], goal: Message, *, connections: bool) -> int:
    """The last place in the inbox of what makes a server publish this; -1 if anything can.

    A tracker publishes about a client only when it has read something of that client; a torrent server confirms what
    it was accepted for, and asks to join when it has heard a hello, or has just started; it may ask again by itself,
    unless it does not name its requests and does only what is drawn.
    """
    if server.charts is not OURS:
        return -1
    if server.role == TRACKER:
        if not isinstance(goal, AttemptEvent):
            return -1
        places = [n for n, (_, event) in enumerate(inbox) if getattr(event, "client", "") == goal.client]
    elif isinstance(goal, ClientJoinSucceeded | ClientJoinFailed):
        places = [n for n, (_, event) in enumerate(inbox) if isinstance(event, ClientJoinAccepted)]
    elif isinstance(goal, ClientJoinRequested) and connections and server.as_drawn and not goal.request_id:
        places = [n for n, (_, event) in enumerate(inbox) if isinstance(event, TrackerHello)]
    else:
        return -1
    return max(places, default=0)


def subject(server: Server, goal: Message) -> str:
    """The client that a tracker publishes about; empty where it makes no difference what else it reads."""
    is_ours = server.charts is OURS and server.role == TRACKER
    return goal.client if is_ours and isinstance(goal, AttemptEvent) else ""


def is_of_another(client: str, event: BusEvent) -> bool:
    """Whether a tracker would have to publish about another client first if it read an event."""
    return isinstance(event, ClientJoinRequested | ClientJoinSucceeded) and event.client != client


def affected(state: State, event: BusEvent, *, deliveries: bool) -> Iterable[str]:
    """The clients whose pending admissions can make a difference to an event at a tracker.

    Where it need not read an event, since nobody saw it delivered, it need not read what it would ignore after that.
    """
    pending = state.client.data.pending
    if isinstance(event, ClientJoinRequested):
        return [client for client in pending if deliveries or client != event.client]
    client = getattr(event, "client", "")
    return [client] if deliveries and client in pending else []


def matters(state: State, client: str, event: BusEvent) -> bool:
    """Whether a tracker in `state` would treat an event otherwise if the admission of `client` were no longer pending.

    So it is if the event is of that client, or asks for one of its endpoints or for other metadata of what it was
    promised; and if the view is not known.
    """
    if not isinstance(event, ClientEvent):
        return False
    if event.client == client or state.view is None:
        return True
    admission = state.view.data.view.admissions.get(client)
    if admission is None or not isinstance(event, ClientJoinRequested):
        return False
    if not _normal(admission.info.endpoints).isdisjoint(_normal(event.endpoints)):
        return True
    return _tells_otherwise(event.known_file_infos, admission.files) or _tells_otherwise(
        event.stored_fragments, admission.fragments
    )


def _tells_otherwise(told: Mapping[str, object], promised: Mapping[str, object]) -> bool:
    """Whether something that was promised is told with other metadata; asked so often that it is a plain loop."""
    for key, value in promised.items():  # noqa: SIM110 - see above
        if told.get(key, value) != value:
            return True
    return False
