"""How the properties of Client Join see a server, from its snapshots."""

from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from machines import ClientMetadata, TimeoutExceeded, Timer, View
from tests.spec.exploration.oracle.search import TRACKERS
from tests.spec.exploration.oracle.servers import Charts
from tests.spec.exploration.oracle.world import Rules, World

NOT_JOINING = {"registered", "awaiting_hello", "withdrawing", "offline"}


DEFAULT_PORTS = {"http": 80, "https": 443}
LOSSY = ("losses", "storage failure", "broker restart", "disconnect tracker", "crash tracker", "wipe tracker")


class Held(NamedTuple):
    """What a view holds; clients with their endpoints and what they store."""

    clients: frozenset[tuple[str, frozenset[str], frozenset[str]]] = frozenset()
    files: frozenset[tuple[str, Any]] = frozenset()
    fragments: frozenset[tuple[str, Any]] = frozenset()

    @property
    def hashes(self) -> frozenset[str]:
        return frozenset(key for key, _ in self.files) | frozenset(key for key, _ in self.fragments)

    def stored_by(self, client: str) -> frozenset[str]:
        return frozenset().union(*(stored for name, _, stored in self.clients if name == client))


@dataclass(frozen=True)
class TrackerSeen:
    """The tracker; its attributes are those that properties ask for."""

    is_online: bool
    is_quiescent: bool
    is_waiting: bool
    broken: bool
    pending: frozenset[str]
    admitted: frozenset[str]
    timed: frozenset[str]
    unheard: frozenset[str]
    registered: frozenset[str]
    shared: bool
    hears_all: bool
    keeps_store: bool
    holds: Held
    named: frozenset[tuple[str, str]]
    is_alone: bool
    has_come_up: bool
    has_stepped_down: bool
    awaits_its_hello: bool


@dataclass(frozen=True)
class ClientSeen:
    """A torrent server; likewise."""

    name: str
    is_online: bool
    is_quiescent: bool
    is_joining: bool
    is_waiting: bool
    is_registered: bool
    broken: bool
    is_timed: bool
    unheard: bool
    knows: frozenset[str]
    rivals: frozenset[str]
    fits: bool
    may_ask_again: bool
    offers: frozenset[str]
    brought: frozenset[str]
    stores: frozenset[tuple[str, Any]]
    unknown: frozenset[str]
    holds: Held
    request: str
    has_been_online: bool


def seen(world: World, place: int, state: Charts, idle: bool) -> TrackerSeen | ClientSeen:
    """A server as properties see it."""
    party: Any = world.parties[place]
    online = party.is_online(state)
    timed = frozenset(output.message.timer.client for output in party.clock.due(state.clock))
    pends = bool(state.overdue) or (state.will is not None and not online)
    quiescent = idle and not timed and not state.late and not pends
    late = [one.timer for one in state.late if isinstance(one, TimeoutExceeded)]
    if party.name in TRACKERS:
        return _tracker(world, state, timed, late, online=online, quiescent=quiescent)
    (at,), data, view, begun = state.client.states, state.client.data, state.view.data.view, _begun(party)
    own = {each.name: _canonical(_begun(each).own) for each in _servers(world)}
    service = _begun(world.parties[0])
    registered = online and at == "registered"
    stored = view.own.stored_fragments
    return ClientSeen(
        name=party.name,
        is_online=online,
        is_quiescent=quiescent,
        is_joining=online and at not in NOT_JOINING,
        is_waiting=online and at == "awaiting_hello",
        is_registered=registered,
        broken=state.broken,
        is_timed=bool(timed),
        unheard=any(timer.attempt == data.attempt for timer in late),
        knows=frozenset(view.clients) if registered else frozenset(),
        rivals=frozenset(name for name in own if name != party.name and own[name] & own[party.name]),
        fits=begun.storage != "broken"
        and begun.hash_algorithm.casefold() == service.hash_algorithm.casefold()
        and (begun.fragment_size is None or begun.fragment_size == service.fragment_size),
        may_ask_again=data.retried < data.retries,
        offers=begun.own.endpoints,
        brought=frozenset(begun.files) | frozenset(begun.own.stored_fragments),
        stores=frozenset((key, view.fragments[key]) for key in stored if registered and key in view.fragments),
        unknown=frozenset(key for key in stored if key not in view.fragments),
        holds=_held(view) if registered else Held(),
        request=data.request_id if registered else "",
        has_been_online=data.session != party.client.begin.data.session,
    )


def _tracker(
    world: World, state: Charts, timed: frozenset[str], late: list[Timer], *, online: bool, quiescent: bool
) -> TrackerSeen:
    data, view, rules = state.client.data, state.view.data.view, world.rules
    taken = [_canonical(info) for info in view.clients.values()]
    taken += [_canonical(admission.info) for admission in view.admissions.values()]
    waits = online and state.client.states == ("awaiting_its_hello",)
    return TrackerSeen(
        is_online=online and not waits,
        is_quiescent=quiescent,
        is_waiting=state.client.states == ("awaiting_requests",),
        broken=state.broken,
        pending=data.pending,
        admitted=frozenset(view.admissions),
        timed=timed,
        unheard=frozenset(timer.client for timer in late if timer.attempt == data.attempts.get(timer.client, 0)),
        registered=frozenset(view.clients),
        shared=len(frozenset().union(*taken)) < sum(map(len, taken)),
        hears_all=rules.timeouts == "patient"
        and rules.ordered
        and not any(map(rules.bound, LOSSY))
        and not _any(rules),
        keeps_store=rules.bound("wipe tracker") == 0,
        holds=_held(view),
        named=frozenset((client, info.request_id) for client, info in view.clients.items()),
        is_alone=world.parties[-1].name not in TRACKERS or len(world.parties) == 1,
        has_come_up=state.has_begun,
        has_stepped_down=state.is_over,
        awaits_its_hello=waits,
    )


def _any(rules: Rules) -> bool:
    """Whether any of the faults that lose something can happen without end."""
    return any(rules.bound(fault) is None for fault in LOSSY)


def _held(view: View) -> Held:
    clients = ((name, info.endpoints, info.stored_fragments) for name, info in view.clients.items())
    return Held(frozenset(clients), frozenset(view.files.items()), frozenset(view.fragments.items()))


def _begun(party: Any) -> View:
    view: View = party.view.begin.data.view
    return view


def _canonical(info: ClientMetadata) -> frozenset[tuple[Any, ...]]:
    """Endpoints, equal where they are the same."""
    parts = map(urlsplit, info.endpoints)
    return frozenset((p.scheme, p.hostname, p.port or DEFAULT_PORTS.get(p.scheme), p.path or "/") for p in parts)


def _servers(world: World) -> list[Any]:
    return [party for party in world.parties if party.name not in TRACKERS]
