"""What comes to a server and must move nothing, wherever it is: told once more here, from the protocol alone."""

from collections.abc import Iterator

from machines.calls import Call, ConnectionLost, Message, PublishFailed, Start, Stop, TimeoutExceeded, Timer
from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinSucceeded,
    ClientRegistered,
    FileInfoPublished,
    FragmentDistributionDelivered,
    FragmentDistributionEnded,
    FragmentDistributionFailed,
    FragmentDistributionObtained,
    FragmentDistributionRequested,
    FragmentDistributionStarted,
    TrackerHello,
)
from machines.participant import Snapshot
from spec.system.setup import sample

STRANGER = "stranger"
NEVER_READ = (
    *(ClientJoinAccepted, ClientJoinDenied, ClientJoinSucceeded, ClientJoinFailed),
    *(FragmentDistributionRequested, FragmentDistributionObtained, FragmentDistributionFailed),
    *(FragmentDistributionStarted, FragmentDistributionDelivered, FragmentDistributionEnded),
)
"""Kinds of events that mean nothing to a server if they are about a stranger, or belong to another use case."""
BEFORE_HELLO = ("starting", "awaiting_subacks", "announcing_itself", "awaiting_its_hello")
GAVE_UP = ("awaiting_hello", "awaiting_retry", "awaiting_timeout")
"""Where the next acceptance brings a torrent server the whole view, so that it need not listen until then."""


def harmless(client: Snapshot, topics: frozenset[str]) -> Iterator[Message]:
    """What can come to the MQTT client of a server that waits in this state, subscribed to these topics, and must
    leave it as it is.
    """
    where = client.states[0]
    yield from _from_outside(where)
    yield from _too_late(client)
    if where in {"offline", "awaiting_connack"}:
        return
    for kind in BUS_EVENTS:
        if kind.topic in topics and _is_unread(where, kind):
            yield sample(kind, STRANGER)


def _is_unread(where: str, kind: type[BusEvent]) -> bool:
    if where in BEFORE_HELLO or kind in NEVER_READ:
        return True
    return where in GAVE_UP and kind in {ClientRegistered, ClientGoodbye, FileInfoPublished}


def _from_outside(where: str) -> Iterator[Call]:
    """Orders that were carried out already, and news of what is as if it was lost on its way."""
    if where == "offline":
        yield from (Stop(), ConnectionLost())
    else:
        yield Start()
    for kind in BUS_EVENTS:
        if kind is not TrackerHello:
            yield PublishFailed(event=kind)


def _too_late(client: Snapshot) -> Iterator[Call]:
    """Expiries of timeouts that were stopped, or set anew."""
    data = client.data
    attempts = getattr(data, "attempts", {getattr(data, "client", ""): getattr(data, "attempt", 0)})
    for name, attempt in attempts.items():
        yield TimeoutExceeded(timer=Timer(name, attempt - 1))
    yield TimeoutExceeded(timer=Timer(STRANGER, 1))
