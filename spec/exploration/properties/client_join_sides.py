"""What properties about Client Join see of its servers, and what they apply to.

Nothing here asks the charts or their rules what is right: what is compared is what the views hold and what each server
brought, and whether two endpoints are the same is decided by `canonical` alone. So a fault in a rule is no fault in
what it is checked against.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from machines.clock import ClockData
from machines.events import ClientGoodbye, ClientMetadata, FileMetadata, FragmentMetadata, ReasonCode
from machines.rules import View
from spec.exploration.model.closed import ClosedSystem
from spec.exploration.model.node import Server, ServerState
from spec.exploration.model.second_tracker import SPARE, STEPPED_DOWN

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Holding:
    """What a view holds."""

    clients: frozenset[tuple[str, frozenset[str], frozenset[str]]] = frozenset()
    """Names, endpoints, and the hashes of the fragments that are stored there."""
    files: frozenset[tuple[str, FileMetadata]] = frozenset()
    fragments: frozenset[tuple[str, FragmentMetadata]] = frozenset()

    @property
    def hashes(self) -> frozenset[str]:
        """Of files and of fragments."""
        return frozenset(key for key, _ in (*self.files, *self.fragments))

    def stored_by(self, client: str) -> frozenset[str]:
        """The hashes of the fragments that a client stores."""
        return frozenset(key for name, _, stored in self.clients if name == client for key in stored)


NOTHING = Holding()
"""No clients, files or fragments."""


@dataclass(frozen=True)
class TrackerSide:
    """What properties say of a tracker server."""

    is_online: bool
    """Whether it is connected, and does not await its own hello: a hardened one serves from then on."""
    is_quiescent: bool
    is_waiting: bool
    """Whether it awaits requests, with no admission pending."""
    broken: str
    pending: frozenset[str]
    """Clients with a pending admission, to the tracker's chart."""
    admitted: frozenset[str]
    """Clients with a pending admission, to its view."""
    timed: frozenset[str]
    """Clients for which a timeout is set."""
    registered: frozenset[str]
    shared: bool
    """Whether its view gives one endpoint to two clients."""
    unheard: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Clients whose timeout is exceeded though the tracker has not heard of it yet."""
    hears_all: bool = field(default=False, kw_only=True)
    """Whether nothing that is sent to it can be lost (`loses_nothing`)."""
    holds: Holding = field(default=NOTHING, kw_only=True)
    keeps_store: bool = field(default=False, kw_only=True)
    """Whether it never loses the view that it has stored."""
    named: frozenset[tuple[str, str]] = field(default=frozenset(), kw_only=True)
    """Who is registered for which of its requests, where requests have names."""
    is_alone: bool = field(default=True, kw_only=True)
    """Whether no other tracker can come up."""
    has_come_up: bool = field(default=True, kw_only=True)
    """Whether it is there: a second tracker need not come up."""
    has_stepped_down: bool = field(default=False, kw_only=True)
    """Whether it has ended for a later tracker."""
    awaits_its_hello: bool = field(default=False, kw_only=True)
    """Whether it has said hello, and has not heard that."""


def holding(view: View) -> Holding:
    """What a view holds, as a value."""
    clients = ((name, info.endpoints, info.stored_fragments) for name, info in view.clients.items())
    return Holding(frozenset(clients), frozenset(view.files.items()), frozenset(view.fragments.items()))


def canonical(uri: str) -> tuple[str, str, int | None, str]:
    """A URI such that equivalent ones are equal: scheme and host in lower case, default port, a path without dots."""
    parts = urlsplit(uri)
    path = urlsplit(urljoin("http://host/", parts.path or "/")).path
    return parts.scheme, parts.hostname or "", parts.port or PORTS.get(parts.scheme), path


def canonical_all(uris: Iterable[str]) -> frozenset[tuple[str, str, int | None, str]]:
    """All of them."""
    return frozenset(map(canonical, uris))


@dataclass(frozen=True)
class ClientSide:
    """What properties say of a torrent server."""

    name: str
    is_online: bool
    is_quiescent: bool
    is_joining: bool
    is_waiting: bool
    """Whether it waits for the next TrackerHello."""
    is_registered: bool
    """Whether it counts itself as registered."""
    broken: str
    is_timed: bool
    """Whether a timeout is set."""
    knows: frozenset[str]
    """The clients in its view, where it counts itself as registered."""
    rivals: frozenset[str]
    """Who offers an endpoint of its own."""
    may_ask_again: bool
    """Whether it has asked again less often than it may."""
    fits: bool
    """Whether it works with the service's fragment size and hash algorithm, and can store what it has to."""
    unheard: bool = field(default=False, kw_only=True)
    """Whether its timeout is exceeded, though it has not heard of it yet."""
    offers: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Its endpoints."""
    brought: frozenset[str] = field(default=frozenset(), kw_only=True)
    """The hashes of the files that it knew, and of the fragments that it stored, when it was first started."""
    stores: frozenset[tuple[str, FragmentMetadata]] = field(default=frozenset(), kw_only=True)
    """The fragments that it stores, as it knows them; where it counts itself as registered."""
    unknown: frozenset[str] = field(default=frozenset(), kw_only=True)
    """The hashes of fragments that it stores and does not know."""
    holds: Holding = field(default=NOTHING, kw_only=True)
    """What its view holds, where it counts itself as registered."""
    request: str = field(default="", kw_only=True)
    """The name of its latest request, where requests have names."""
    has_been_online: bool = field(default=False, kw_only=True)
    """Whether it was online before, as far as its charts tell: where sessions have names."""


Side = TrackerSide | ClientSide


def side_of(system: ClosedSystem, component: int, state: Hashable, idle: bool) -> Side:
    """How properties see a component."""
    assert isinstance(state, ServerState)
    clock = state.clock.data
    running = clock.running if isinstance(clock, ClockData) else {}
    timed = frozenset(running)
    online = system.nodes[component].is_online(state)
    pends = bool(state.late_wills) or (state.will is not None and not online)
    quiescent = idle and not timed and not state.late and not pends and not system.nodes[component].is_busy(state)
    if component in system.trackers:
        return _tracker(system, state, online=online, quiescent=quiescent)
    joining = online and state.where not in {"registered", "awaiting_hello", "withdrawing"}
    registered = online and state.where == "registered"
    node = system.nodes[component]
    assert isinstance(node, Server)
    brought, knows = node.initial.knows, state.knows
    own = knows.own.stored_fragments
    return ClientSide(
        name=system.nodes[component].name,
        is_online=online,
        is_quiescent=quiescent,
        is_joining=joining,
        is_waiting=online and state.where == "awaiting_hello",
        is_registered=registered,
        broken=state.broken,
        is_timed=bool(timed),
        unheard=bool(_unheard(state)),
        knows=frozenset(state.knows.clients) if registered else frozenset(),
        rivals=rivals_of(system, component),
        may_ask_again=getattr(state.client.data, "retried", 0) < getattr(state.client.data, "retries", 0),
        fits=_fits(system, component),
        offers=brought.own.endpoints,
        brought=frozenset(brought.files) | brought.own.stored_fragments,
        stores=frozenset((key, knows.fragments[key]) for key in own if key in knows.fragments)
        if registered
        else frozenset(),
        unknown=frozenset(own - knows.fragments.keys()),
        holds=holding(knows) if registered else Holding(),
        request=getattr(state.client.data, "request_id", "") if registered else "",
        has_been_online=getattr(state.client.data, "session", "") != getattr(node.initial.client.data, "session", ""),
    )


def _tracker(system: ClosedSystem, state: ServerState, *, online: bool, quiescent: bool) -> TrackerSide:
    view, timed = state.knows, frozenset(getattr(state.clock.data, "running", ()))
    infos = [*view.clients.values(), *(one.info for one in view.admissions.values())]
    endpoints = [canonical(uri) for info in infos for uri in info.endpoints]
    awaits_its_hello = online and state.where == "awaiting_its_hello"
    return TrackerSide(
        is_online=online and not awaits_its_hello,
        is_quiescent=quiescent,
        hears_all=loses_nothing(system),
        keeps_store=not happens("wipe tracker")(system),
        is_waiting=state.where == "awaiting_requests",
        broken=state.broken,
        pending=frozenset(getattr(state.client.data, "pending", ())),
        admitted=frozenset(view.admissions),
        timed=timed,
        unheard=_unheard(state),
        registered=frozenset(view.clients),
        shared=len(set(endpoints)) < len(endpoints),
        holds=holding(view),
        named=frozenset((client, info.request_id) for client, info in view.clients.items()),
        is_alone=not have_a_second_tracker(system),
        has_come_up=state.life != SPARE,
        has_stepped_down=state.life == STEPPED_DOWN,
        awaits_its_hello=awaits_its_hello,
    )


def clients_of(system: ClosedSystem) -> dict[int, Server]:
    """The torrent servers, by component."""
    nodes = enumerate(system.nodes)
    return {place: node for place, node in nodes if isinstance(node, Server) and place not in system.trackers}


def _unheard(state: ServerState) -> frozenset[str]:
    """For whom the latest timeout is exceeded, though the MQTT client has not heard of it yet."""
    data = state.client.data
    attempts = getattr(data, "attempts", {getattr(data, "client", ""): getattr(data, "attempt", 0)})
    timers = (message.timer for message in state.late)
    return frozenset(timer.client for timer in timers if timer.attempt == attempts.get(timer.client, 0))


def rivals_of(system: ClosedSystem, component: int) -> frozenset[str]:
    """Who offers an endpoint that a torrent server offers, too."""
    nodes = clients_of(system)
    own = {place: canonical_all(node.initial.knows.own.endpoints) for place, node in nodes.items()}
    return frozenset(nodes[place].name for place in nodes if place != component and own[place] & own[component])


def has_rivals(system: ClosedSystem) -> bool:
    """Whether two torrent servers offer the same endpoint."""
    return any(rivals_of(system, component) for component in clients_of(system))


def _fits(system: ClosedSystem, component: int) -> bool:
    node = system.nodes[component]
    assert isinstance(node, Server)
    own = node.initial.knows
    return not misfits(service_of(system), own.fragment_size, own.hash_algorithm) and own.storage != "broken"


def has_one_without_rivals(system: ClosedSystem) -> bool:
    """Whether a torrent server that fits offers endpoints of its own only."""
    return any(_fits(system, place) and not rivals_of(system, place) for place in clients_of(system))


def have_a_second_tracker(system: ClosedSystem) -> bool:
    """Whether another tracker can come up beside the first one."""
    return len(system.trackers) > 1


def hear_each_other(system: ClosedSystem) -> bool:
    """Whether there are several trackers that know each other's hellos from their own."""
    trackers = [node for node in map(system.nodes.__getitem__, system.trackers) if isinstance(node, Server)]
    return len(trackers) > 1 and all(getattr(node.initial.client.data, "session", "") for node in trackers)


def asks_again(system: ClosedSystem) -> bool:
    """Whether torrent servers ask again by themselves."""
    return any(getattr(node.initial.client.data, "retries", 0) for node in clients_of(system).values())


def happens(*faults: str) -> Callable[[ClosedSystem], bool]:
    """Whether any of these faults can happen."""
    return lambda system: any(system.faults.bounds.get(fault, 0) != 0 for fault in faults)


def have_several(system: ClosedSystem) -> bool:
    """Whether there are two torrent servers or more."""
    return len(clients_of(system)) > 1


def bring_files(system: ClosedSystem) -> bool:
    """Whether torrent servers bring files."""
    return any(isinstance(node, Server) and node.initial.knows.files for node in system.nodes)


def name_requests(system: ClosedSystem) -> bool:
    """Whether torrent servers name their requests."""
    return any(getattr(node.initial.client.data, "session", "") for node in clients_of(system).values())


def leave_wills(system: ClosedSystem) -> bool:
    """Whether torrent servers leave their goodbye with the broker."""
    return any(node.leaves_will for node in system.nodes if isinstance(node, Server))


def say_goodbye(system: ClosedSystem) -> bool:
    """Whether goodbyes of torrent servers are published while the tracker serves."""
    return happens("stop torrent")(system) or leave_wills(system)


def is_gone(view: View, client: str, request_id: str) -> bool:
    """Whether a view remembers a goodbye that ended what a client was registered for: the request, or its session."""
    ended = {view.gone.get(client, ""), *view.gone_before.get(client, ())}
    return request_id != "" and bool(ended & {request_id, request_id.rpartition("-")[0]} - {""})


def ends(goodbye: ClientGoodbye, info: ClientMetadata) -> bool:
    """Whether a goodbye ends what a client has, or was promised: a will does for requests of its session alone."""
    return not goodbye.session or info.request_id.rpartition("-")[0] == goodbye.session


def service_of(system: ClosedSystem) -> View:
    """What the tracker's view begins with."""
    node = system.nodes[0]
    assert isinstance(node, Server)
    return node.initial.knows


def loses_nothing(system: ClosedSystem) -> bool:
    """Whether every event arrives, in order, and no timeout is exceeded while any is on its way."""
    lossy = ("losses", "storage failure", "broker restart", "disconnect tracker", "crash tracker", "wipe tracker")
    return system.faults.timeouts == "patient" and system.ordered and not happens(*lossy)(system)


def are_misfits(system: ClosedSystem) -> bool:
    """Whether a torrent server has another hash algorithm, or can only work with another fragment size."""
    service, others = service_of(system), (node.initial.knows for node in clients_of(system).values())
    return any(misfits(service, view.fragment_size, view.hash_algorithm) for view in others)


def misfits(service: View, fragment_size: int | None, hash_algorithm: str) -> frozenset[ReasonCode]:
    """The causes for a denial that lie in what a client is."""
    found = set()
    if fragment_size is not None and fragment_size != service.fragment_size:
        found.add(ReasonCode.WRONG_FRAGMENT_SIZE)
    if hash_algorithm.lower() != service.hash_algorithm.lower():
        found.add(ReasonCode.WRONG_HASH_ALGORITHM)
    return frozenset(found)


def can_be_denied(system: ClosedSystem) -> bool:
    """Whether there is a cause to deny anybody."""
    return has_rivals(system) or are_misfits(system)


def an_admission_can_time_out(system: ClosedSystem) -> bool:
    """Whether an accepted client need not confirm, or fail, before the tracker's timeout is exceeded."""
    vanishes = (f"{order} torrent" for order in ("stop", "disconnect", "crash", "wipe"))
    return system.faults.timeouts == "any" or happens("losses", "broker restart", *vanishes)(system)


def can_several_join(system: ClosedSystem) -> bool:
    """Whether there are two torrent servers of which none keeps the other out, and both can be accepted."""
    service, others = service_of(system), {place: node.initial.knows for place, node in clients_of(system).items()}
    fit = {place for place, view in others.items() if not misfits(service, view.fragment_size, view.hash_algorithm)}
    names = {system.nodes[place].name: place for place in fit}
    rivals = {place: {names[name] for name in rivals_of(system, place) if name in names} for place in fit}
    return any(fit - {place} - rivals[place] for place in fit)
