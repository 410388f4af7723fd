"""What events and calls tell of a server whose view nobody sees, and events without what nobody can hold it to."""

from dataclasses import replace

from immutabledict import immutabledict

from machines.calls import (
    ChangeView,
    CheckJoin,
    DescribeView,
    Message,
    RegisterClient,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.distribution_view import DistributionViewData
from machines.events import (
    AttemptEvent,
    BusEvent,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    Clients,
)
from machines.participant import Snapshot
from machines.rules import View


def told(request: ClientJoinRequested) -> Snapshot:
    """The view of a torrent server, as far as its request tells of it; whether it can store changes it does not."""
    view = View(
        request.hash_algorithm,
        request.fragment_size,
        files=request.known_file_infos,
        fragments=request.stored_fragments,
        own=ClientMetadata(request.endpoints, frozenset(request.stored_fragments)),
        storage="either",
    )
    return Snapshot(("idle",), DistributionViewData(view))


def plain(event: BusEvent) -> BusEvent:
    """An event without the identifier that it was stamped with."""
    return replace(event, event_id="") if event.event_id else event


def nameless(event: BusEvent) -> BusEvent:
    """An event as one publishes it who does not know that requests have names."""
    if isinstance(event, AttemptEvent) and event.request_id:
        event = replace(event, request_id="")
    if isinstance(event, ClientJoinAccepted):
        return replace(event, clients=_nameless(event.clients))
    return replace(event, info=replace(event.info, request_id="")) if isinstance(event, ClientRegistered) else event


def _nameless(clients: Clients) -> Clients:
    return immutabledict({client: replace(info, request_id="") for client, info in clients.items()})


def asks(message: Message) -> bool:
    return isinstance(message, CheckJoin | RegisterClient)


def codes_of(message: Message) -> tuple[object, ...]:
    """With which reasons a denial is right that its chart has composed."""
    return (message.reason_code,) if isinstance(message, ClientJoinDenied) else ()


def guessed(call: Message) -> tuple[Message | None, ...]:
    """What a torrent server's view can answer of which nothing is known."""
    if isinstance(call, DescribeView):
        return (ViewDescribed(hash_algorithm="?"),)
    return (ViewChanged(), ViewChangeFailed(reason="")) if isinstance(call, ChangeView) else (None,)


def denying(view: View, request: ClientJoinRequested) -> View:
    """A view that denies a request for certain: where it is not known what it has, it has something else."""
    size = view.fragment_size or (request.fragment_size or 0) + 1
    return replace(view, fragment_size=size, hash_algorithm=view.hash_algorithm or f"not {request.hash_algorithm}")
