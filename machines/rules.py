"""The rules of the Distribution View: who can join, what must change, what the service learns.

Plain functions on immutable data; the chart `machines.distribution_view` calls them. They come from the last paragraph
of the protocol ("When the tracker decides").

*The service's metadata* of a file or fragment is what the tracker's view holds; where it holds none, it is what a
pending admission was promised. So at any time everybody who is registered or admitted has the same metadata of a hash:
a request that knows other metadata conforms to the earlier one's, and brings it in its turn. If the earlier admission
then comes to nothing, the later registration still tells everybody what its own view holds. What is merely promised is
not given to others to add: it is announced when its bringer is registered, and an admitted client hears that, too.

*Who is gone.* A goodbye goes from client to client; what the tracker published before it read the goodbye can come
after it, and still speak of the client that left. Where requests have names, a view remembers of each client the
request that its latest goodbye named, and believes nobody that this client is registered for that one. It can forget
that when the client is registered for another request, since the tracker publishes in order, and when the view's own
server asks to join: a goodbye that came before the request has also reached the tracker before it. A goodbye that names
a request tells that the tracker had accepted it, and so had removed whatever came before; that is forgotten, too. A
will tells nothing of the kind: its session may have come to nothing, so what was known before it stays known.

A request tells of the fragments that a client stores, not of those that it has only heard of. So an acceptance speaks
of the former only, and the client forgets the latter: they belong to an earlier membership.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from immutabledict import immutabledict

from machines.calls import (
    JoinConflicts,
    JoinPossible,
    RegistrationApplied,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.endpoints import compared
from machines.events import (
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    Clients,
    FileInfoPublished,
    FileMetadata,
    Files,
    Fragments,
    ReasonCode,
)
from machines.limits import EVENT_BYTES, NO_LIMITS, Limits, size_of, size_of_clients, size_of_known
from machines.persistent_map import common, joined, union, without
from machines.records import replace

NAMED = 8
"""How many endpoint conflicts a denial names: its reason travels on the bus, and a request can give thousands."""


M = TypeVar("M")
Storage = Literal["sound", "broken", "either"]


@dataclass(frozen=True, slots=True)
class Admission:
    """What a client was promised: it counts as taken until it is confirmed, failed or timed out."""

    info: ClientMetadata
    """Its endpoints, and what it will store after the changes."""
    files: Files = field(default_factory=immutabledict)
    """Those that it brings, as it will know them after the changes."""
    fragments: Fragments = field(default_factory=immutabledict)


@dataclass(frozen=True, slots=True)
class View:
    """A server's knowledge of the Distribution Service; sizes in bytes.

    `fragment_size` is the service's at a tracker, and the only one that it can work with (None = any) at a torrent
    server. `own` is what a torrent server itself serves and stores. `storage` says whether changes can be stored.
    `gone` holds, for each client that said goodbye and named a request, this request, or the session that a will named;
    `gone_before` what a will has taken the place of there.
    """

    hash_algorithm: str = "sha-256"
    fragment_size: int | None = None
    files: Files = field(default_factory=immutabledict)
    fragments: Fragments = field(default_factory=immutabledict)
    clients: Clients = field(default_factory=immutabledict)
    own: ClientMetadata = field(default_factory=ClientMetadata)
    admissions: Mapping[str, Admission] = field(default_factory=immutabledict)
    storage: Storage = "sound"
    gone: Mapping[str, str] = field(default_factory=immutabledict)
    gone_before: Mapping[str, frozenset[str]] = field(default_factory=immutabledict)
    limits: Limits = NO_LIMITS

    def __post_init__(self) -> None:
        unknown = self.own.stored_fragments - self.fragments.keys()
        if unknown:
            raise ValueError(f"own stores fragments without metadata: add {sorted(unknown)} to fragments")


# At the tracker.


def admit(view: View, request: ClientJoinRequested) -> tuple[View, JoinPossible | JoinConflicts]:
    """Decide whether a client can join: the view after that, and the answer.

    A client that asks anew is registered and admitted no longer. If it can join, its admission is pending in the view.
    Raises `ValueError` if the view has no `fragment_size`.
    """
    if (fragment_size := view.fragment_size) is None:
        raise ValueError("a tracker's view judges by its fragment_size, which is None: give it the service's, in bytes")
    view = remove_client(view, request.client)
    conflicts = list(_conflicts(view, request))
    if conflicts:
        code, reason = conflicts[0][0], "; ".join(text for _, text in conflicts)
        conflict = JoinConflicts(client=request.client, reason_code=code, reason=reason, request_id=request.request_id)
        return view, conflict
    pending = view.admissions.values()
    add_files, remove_files, files = _compare(view.files, (one.files for one in pending), request.known_file_infos)
    add_fragments, remove_fragments, fragments = _compare(
        view.fragments, (one.fragments for one in pending), request.stored_fragments
    )
    acceptance = ClientJoinAccepted(
        client=request.client,
        fragment_size=fragment_size,
        add_file_infos=add_files,
        add_fragment_infos=add_fragments,
        remove_file_infos=remove_files,
        remove_fragment_infos=remove_fragments,
        clients=view.clients,
        request_id=request.request_id,
    )
    stored = frozenset(request.stored_fragments) - remove_fragments
    info = ClientMetadata(request.endpoints, stored, request.request_id)
    if reason := _beyond(view, Admission(info, files, fragments), request.client):
        conflict = JoinConflicts(
            client=request.client, reason_code=ReasonCode.OTHER, reason=reason, request_id=request.request_id
        )
        return view, conflict
    admissions = joined(view.admissions, {request.client: Admission(info, files, fragments)})
    return replace(view, admissions=admissions), JoinPossible(acceptance=acceptance)


def register(view: View, client: str) -> tuple[View, RegistrationApplied]:
    """Make a pending admission a registration: the view after that, and the registration to announce.

    What the service did not know before is announced with it. Raises `KeyError` if no admission of `client` is pending.
    """
    if client not in view.admissions:
        raise KeyError(f"client {client!r} has no pending admission: admit it before it is registered")
    admission = view.admissions[client]
    registered = ClientRegistered(
        client=client,
        request_id=admission.info.request_id,
        info=admission.info,
        added_files=without(admission.files, view.files),
        added_fragments=without(admission.fragments, view.fragments),
    )
    return add_client(forget_admission(view, client), registered), RegistrationApplied(registered=registered)


def forget_admission(view: View, client: str) -> View:
    """Release what a pending admission was promised."""
    return replace(view, admissions=without(view.admissions, {client}))


def forget_clients(view: View) -> View:
    """Nobody is registered and nothing promised; files and fragments stay known."""
    return replace(view, clients=immutabledict(), admissions=immutabledict())


# At a torrent server.


def describe(view: View) -> ViewDescribed:
    """What a request to join tells of this view."""
    return ViewDescribed(
        hash_algorithm=view.hash_algorithm,
        fragment_size=view.fragment_size,
        known_file_infos=view.files,
        stored_fragments=_only(view.fragments, view.own.stored_fragments),
        endpoints=view.own.endpoints,
    )


def forget_goodbyes(view: View) -> View:
    """The tracker knows them before it reads the request to join that is made now."""
    return replace(view, gone=immutabledict(), gone_before=immutabledict())


def change(view: View, acceptance: ClientJoinAccepted) -> tuple[View, ViewChanged | ViewChangeFailed]:
    """Make the changes on which the tracker accepted us: all, or none."""
    outcome = outcome_of(view, acceptance, view.storage)
    if isinstance(outcome, ViewChangeFailed):
        return view, outcome
    own = _still_stored(view, acceptance.add_fragment_infos, acceptance.remove_fragment_infos)
    changed = replace(
        view,
        files=joined(without(view.files, acceptance.remove_file_infos), acceptance.add_file_infos),
        fragments=joined(_only(view.fragments, own.stored_fragments), acceptance.add_fragment_infos),
        clients=immutabledict(
            {client: info for client, info in acceptance.clients.items() if not _is_gone(view, client, info.request_id)}
        ),
        own=own,
    )
    return changed, outcome


def outcome_of(view: View, acceptance: ClientJoinAccepted, storage: Storage) -> ViewChanged | ViewChangeFailed:
    """How a change ends with such a storage."""
    if storage == "broken":
        return ViewChangeFailed(reason="the changes cannot be stored: the storage is broken")
    if view.fragment_size not in {None, acceptance.fragment_size}:
        return ViewChangeFailed(reason=f"FragmentSize is {acceptance.fragment_size}, not {view.fragment_size}")
    return ViewChanged()


def add_file(view: View, published: FileInfoPublished) -> View:
    """Add a file; the service's metadata wins."""
    metadata = FileMetadata(published.size, published.fragment_sequence)
    return replace(view, files=joined(view.files, {published.hash: metadata}))


# At both.


def add_client(view: View, registered: ClientRegistered) -> View:
    """Add a registered client and what it brought; the service's metadata wins.

    Of a client that said goodbye in the meantime, only what it brought is added.
    """
    is_gone = _is_gone(view, registered.client, registered.request_id)
    return replace(
        view,
        files=joined(view.files, registered.added_files),
        fragments=joined(view.fragments, registered.added_fragments),
        clients=view.clients if is_gone else joined(view.clients, {registered.client: registered.info}),
        gone=view.gone if is_gone else without(view.gone, {registered.client}),
        gone_before=view.gone_before if is_gone else without(view.gone_before, {registered.client}),
        own=_still_stored(view, registered.added_fragments),
    )


def remove_client(view: View, client: str, request_id: str = "", session: str = "") -> View:
    """Remove a client that is registered or admitted; the files and fragments that it brought stay known.

    A goodbye that named a request is remembered: what comes late does not bring the client back. One that names a
    session is a will: it removes who is registered or admitted for a request of this session, and nobody else. It is
    remembered all the same, since of a session that it ends a registration may still come.
    """
    known = [view.clients.get(client), *(one.info for name, one in view.admissions.items() if name == client)]
    remembering = _remembering(view, client, request_id, session)
    if session and any(info is not None and not belongs(info.request_id, session) for info in known):
        return remembering
    return replace(forget_admission(remembering, client), clients=without(view.clients, {client}))


def _remembering(view: View, client: str, request_id: str, session: str) -> View:
    """The view once it remembers a goodbye, if that names a request or a session."""
    named, known = request_id or session, view.gone.get(client, "")
    if not named:
        return view
    before = view.gone_before
    if request_id:
        before = without(before, {client})
    elif known not in {"", session} and not belongs(known, session):
        before = joined(before, {client: before.get(client, frozenset()) | {known}})
    return replace(view, gone=joined(view.gone, {client: named}), gone_before=before)


def _is_gone(view: View, client: str, request_id: str) -> bool:
    """Whether this client has left since it was registered for that request."""
    named = {view.gone.get(client, ""), *view.gone_before.get(client, ())} - {""}
    return bool(request_id) and any(name == request_id or belongs(request_id, name) for name in named)


def belongs(request_id: str, session: str) -> bool:
    """Whether a request was made in a session: its name is that of the session with a number."""
    name, _, number = request_id.rpartition("-")
    return number.isdecimal() and name == session


# What is in conflict.


def _conflicts(view: View, request: ClientJoinRequested) -> Iterator[tuple[ReasonCode, str]]:
    if request.fragment_size not in {None, view.fragment_size}:
        yield (
            ReasonCode.WRONG_FRAGMENT_SIZE,
            f"FragmentSize is {request.fragment_size}, not the service's {view.fragment_size}",
        )
    if request.hash_algorithm.casefold() != view.hash_algorithm.casefold():
        text = f"HashAlgorithm is {request.hash_algorithm!r:.99}, not the service's {view.hash_algorithm!r:.99}"
        yield ReasonCode.WRONG_HASH_ALGORITHM, text
    asked = _normal_forms(request.endpoints)
    held = (*view.clients.values(), *(one.info for one in view.admissions.values()))
    if all(asked.isdisjoint(_normal_forms(info.endpoints)) for info in held):
        return
    taken = _taken(view)
    overlaps = [uri for uri in sorted(request.endpoints) if compared(uri) in taken]
    for uri in overlaps[:NAMED]:
        client, theirs = taken[compared(uri)]
        text = f"Endpoint {uri!r:.99} is that of client {client!r:.99}, given as {theirs!r:.99}"
        yield ReasonCode.ENDPOINT_CONFLICT, text
    if len(overlaps) > NAMED:
        yield ReasonCode.ENDPOINT_CONFLICT, f"and {len(overlaps) - NAMED} more endpoints"


def _normal_forms(endpoints: frozenset[str]) -> frozenset[str]:
    return frozenset(map(compared, endpoints))


def _taken(view: View) -> dict[str, tuple[str, str]]:
    """Who has each endpoint, and how it was given; what was promised counts."""
    holders = {**{client: one.info for client, one in view.admissions.items()}, **view.clients}
    return {compared(uri): (client, uri) for client in sorted(holders) for uri in sorted(holders[client].endpoints)}


# What would not fit.


def _beyond(view: View, asked: Admission, client: str) -> str:
    """Which limit would be exceeded if a client was admitted so; empty if none is."""
    limits = view.limits
    if limits == NO_LIMITS:
        return ""
    promised = [*view.admissions.values(), asked]
    infos = {**view.clients, **{name: one.info for name, one in view.admissions.items()}, client: asked.info}
    files = without(union(each.files for each in promised), view.files)
    fragments = without(union(each.fragments for each in promised), view.fragments)
    for what, most, count in (
        ("clients", limits.clients, len(infos)),
        ("files", limits.files, len(view.files) + len(files)),
        ("fragments", limits.fragments, len(view.fragments) + len(fragments)),
        ("endpoints of a client", limits.endpoints, len(asked.info.endpoints)),
    ):
        if most is not None and count > most:
            return f"the service takes at most {most} {what}, and would have {count}"
    if limits.event_bytes is None:
        return ""
    size = EVENT_BYTES + size_of_known(view.files, view.fragments) + size_of(files, fragments)
    size += size_of_clients(infos)
    if size > limits.event_bytes:
        return (
            f"the service's events have at most {limits.event_bytes} bytes, and with this client one that tells a new "
            f"client of everything would have up to {size}"
        )
    return ""


# What has to change.


def _compare(
    registered: Mapping[str, M], promised: Iterable[Mapping[str, M]], told: Mapping[str, M]
) -> tuple[Mapping[str, M], frozenset[str], Mapping[str, M]]:
    """What a client that told of these has to add and to remove, and what it brings."""
    service: dict[str, M] = {}
    keys = told.keys()
    promised = [each for each in promised if not keys.isdisjoint(each.keys())]
    for known in (*promised, registered):
        service.update({key: known[key] for key in common(told, known)})
    remove = frozenset(key for key in service if service[key] != told[key])
    replaced = {key: service[key] for key in remove}
    return joined(without(registered, told), replaced), remove, without(joined(told, replaced), registered)


def _still_stored(view: View, news: Fragments, removed: Iterable[str] = ()) -> ClientMetadata:
    """What a server has, without the fragments that it stores under other metadata than the service's."""
    own = view.own
    other = {key for key in common(news, own.stored_fragments) if view.fragments[key] != news[key]}
    lost = own.stored_fragments.intersection(removed) | other
    return replace(own, stored_fragments=own.stored_fragments - lost) if lost else own


def _only(mapping: Mapping[str, M], keys: Collection[str]) -> immutabledict[str, M]:
    return immutabledict({key: value for key, value in mapping.items() if key in keys})
