"""How the properties of Client Join see a server, from its snapshots."""

from dataclasses import dataclass
from typing import Any

from machines import ClientMetadata, View
from machines.rules import normal_form
from tests.spec.exploration.oracle.servers import Charts
from tests.spec.exploration.oracle.world import World

NOT_JOINING = {"registered", "awaiting_hello", "withdrawing", "offline"}


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
    registered: frozenset[str]
    shared: bool


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
    knows: frozenset[str]
    rivals: frozenset[str]
    fits: bool
    may_ask_again: bool


def seen(world: World, place: int, state: Charts, idle: bool) -> TrackerSeen | ClientSeen:
    """A server as properties see it."""
    party: Any = world.parties[place]
    online = party.is_online(state)
    (at,) = state.client.states
    view = state.view.data.view
    timed = frozenset(output.message.timer.client for output in party.clock.due(state.clock))
    quiescent = idle and not timed
    if place == 0:
        taken = [_own(info) for info in view.clients.values()]
        taken += [_own(admission.info) for admission in view.admissions.values()]
        return TrackerSeen(
            is_online=online,
            is_quiescent=quiescent,
            is_waiting=at == "awaiting_requests",
            broken=state.broken,
            pending=state.client.data.pending,
            admitted=frozenset(view.admissions),
            timed=timed,
            registered=frozenset(view.clients),
            shared=len(frozenset().union(*taken)) < sum(map(len, taken)),
        )
    own: dict[str, Any] = {each.name: _own(_begun(each).own) for each in _servers(world)}
    service, begun = _begun(world.parties[0]), _begun(party)
    registered = online and at == "registered"
    return ClientSeen(
        name=party.name,
        is_online=online,
        is_quiescent=quiescent,
        is_joining=online and at not in NOT_JOINING,
        is_waiting=online and at == "awaiting_hello",
        is_registered=registered,
        broken=state.broken,
        is_timed=bool(timed),
        knows=frozenset(view.clients) if registered else frozenset(),
        rivals=frozenset(name for name in own if name != party.name and own[name] & own[party.name]),
        may_ask_again=state.client.data.retried < state.client.data.retries,
        fits=begun.storage != "broken"
        and begun.hash_algorithm.casefold() == service.hash_algorithm.casefold()
        and (begun.fragment_size is None or begun.fragment_size == service.fragment_size),
    )


def _begun(party: Any) -> View:
    view: View = party.view.begin.data.view
    return view


def _own(info: ClientMetadata) -> frozenset[str]:
    """Endpoints that count as the same are the same here."""
    return frozenset(map(normal_form, info.endpoints))


def _servers(world: World) -> list[Any]:
    return [*world.parties[1:]]
