"""What the diagrams leave open, so that servers differ in it and none of them is wrong.

Whoever writes a server from the diagrams decides these questions alone:

- whether an endpoint is taken once it was promised to another client, or only once that one is registered;
- which of several conflicts a denial names;
- whether a client still stores a fragment whose metadata was replaced by the tracker's;
- whether a torrent server takes over files that it was told of outside Client Join, or before it was registered;

A monitor that leaves these open (`Monitor.leaves_open`) follows a server that decides otherwise than our charts, and
says once that nobody can tell. Two registered clients that share an endpoint are forbidden all the same. Who leaves out
the name of a request in a goodbye, or in the metadata of a client, is right without a word; so is a tracker that names
its session in its hello alone.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from immutabledict import immutabledict

from machines import rules
from machines.calls import CheckJoin, JoinConflicts, JoinPossible, Message
from machines.distribution_view import DistributionViewData
from machines.endpoints import compared
from machines.events import (
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FragmentMetadata,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Snapshot
from machines.rules import View
from spec.monitor import knowledge
from spec.monitor.state import State

PROMISES = "whether an endpoint is taken that is promised to a client which is not registered yet"
CONFLICTS = "which of several conflicts a denial names"
FILES = "which files a torrent server takes over from files/info, or before it is registered"
STORES = "whether a client still stores a fragment whose metadata the tracker has replaced"
OPEN = "it is right or wrong as one decides what the diagrams leave open: "


# A tracker's decisions.


def answers(view: View, request: ClientJoinRequested) -> Iterator[tuple[View, Message, str]]:
    """The other answers that a tracker's view can give to a request, with the view after it, and what is decided."""
    after, answer = rules.admit(view, request)
    if not isinstance(answer, JoinConflicts):
        return
    for code in knowledge.reasons(view, request):
        if code is not answer.reason_code:
            yield after, replace(answer, reason_code=code), CONFLICTS
    then, answer = rules.admit(knowledge.unpromised(view, request.client), request)
    if isinstance(answer, JoinPossible):
        others = {name: one for name, one in view.admissions.items() if name != request.client}
        kept = replace(then, admissions=immutabledict({**then.admissions, **others}))
        yield kept, answer, PROMISES


def told(snapshot: Snapshot, call: Message) -> Iterator[tuple[Snapshot, Message, str]]:
    """What a view can answer besides what its chart answers, with its snapshot after that."""
    if isinstance(call, CheckJoin) and snapshot.data.view.fragment_size is not None:
        for view, answer, question in answers(snapshot.data.view, call.request):
            yield Snapshot(("idle",), DistributionViewData(view)), answer, question


def is_contested(view: View | None, client: str) -> bool:
    """Whether a client that was promised something, or is registered, shares an endpoint with a registered one."""
    if view is None:
        return False
    admission = view.admissions.get(client)
    info = view.clients.get(client) if admission is None else admission.info
    if info is None:
        return False
    mine = set(map(compared, info.endpoints))
    others = (one.endpoints for name, one in view.clients.items() if name != client)
    return any(not mine.isdisjoint(map(compared, each)) for each in others)


def may_drop(state: State, client: str) -> bool:
    """Whether a tracker may forget what it has promised to a client though no timeout is exceeded."""
    return bool(state.decided) and is_contested(None if state.view is None else state.view.data.view, client)


# What is seen.


@dataclass
class Hearsay:
    """The files of which a torrent server has heard without having to take them over: a member has to."""

    client: str
    files: set[str] = field(default_factory=set)
    replaced: dict[str, FragmentMetadata] = field(default_factory=dict)
    """Fragments whose metadata it was told to replace, and by which."""
    is_member: bool = False

    def note(self, event: BusEvent) -> None:
        """It is told of an event, or publishes one."""
        if isinstance(event, FileInfoPublished):
            self.files.add(event.hash)
        elif isinstance(event, ClientRegistered):
            self.is_member = self.is_member or event.client == self.client
            self.files.update(() if self.is_member else event.added_files)
        elif isinstance(event, ClientJoinAccepted) and event.client == self.client:
            parts = event.add_fragment_infos
            self.replaced.update({key: parts[key] for key in event.remove_fragment_infos if key in parts})
        elif isinstance(event, TrackerHello | TrackerGoodbye | ClientJoinRequested):
            self.is_member = False


def as_seen(due: BusEvent, seen: BusEvent, view: View | None, hearsay: Hearsay) -> Iterator[tuple[BusEvent, str]]:
    """What is due as a server may publish it that decides otherwise what is open, and which question it has decided."""
    match due, seen:
        case ClientGoodbye(), ClientGoodbye(request_id="", session=""):
            yield replace(due, request_id="", session=""), ""
        case ClientJoinRequested(), ClientJoinRequested():
            own = [item for item in due.known_file_infos.items() if item[0] not in hearsay.files]
            heard = [item for item in seen.known_file_infos.items() if item[0] in hearsay.files]
            due = replace(due, known_file_infos=immutabledict([*own, *heard]))
            yield due, FILES
            parts = [item for item in seen.stored_fragments.items() if hearsay.replaced.get(item[0]) == item[1]]
            yield replace(due, stored_fragments=immutabledict([*due.stored_fragments.items(), *parts])), STORES
        case TrackerGoodbye(), TrackerGoodbye(session=""):
            yield replace(due, session=""), ""
        case ClientJoinAccepted(), ClientJoinAccepted():
            due = replace(due, session=due.session if seen.session else "")
            clients = {name: _nameless(info, seen.clients.get(name)) for name, info in due.clients.items()}
            yield replace(due, clients=immutabledict(clients)), ""
        case ClientRegistered(), ClientRegistered() if view is not None:
            due = replace(due, info=_nameless(due.info, seen.info), session=due.session if seen.session else "")
            yield due, ""
            if seen.info.stored_fragments - due.info.stored_fragments <= view.fragments.keys():
                stored = due.info.stored_fragments | seen.info.stored_fragments
                yield replace(due, info=replace(due.info, stored_fragments=stored)), STORES


def _nameless(due: ClientMetadata, seen: ClientMetadata | None) -> ClientMetadata:
    """The metadata of a client without the name of its request, if what was seen has none."""
    return due if seen is None or seen.request_id else replace(due, request_id="")


def noted(snapshot: Snapshot, seen: BusEvent) -> Snapshot:
    """A tracker's view, with what it has announced of a client."""
    view = snapshot.data.view
    if not isinstance(seen, ClientRegistered) or seen.client not in view.clients:
        return snapshot
    known = view.clients[seen.client]
    info = replace(known, stored_fragments=seen.info.stored_fragments)
    view = replace(view, clients=immutabledict({**view.clients, seen.client: info}))
    return Snapshot(snapshot.states, replace(snapshot.data, view=view))


def question(configurations: Collection[Any] | None) -> str:
    """What a server must have decided otherwise than the charts that can be in these; empty if nothing, or unknown."""
    found = [each.state.decided for each in configurations or ()]
    return found[0] if found and all(found) else ""
