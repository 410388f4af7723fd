"""What can come to a server at any time: each kind of event, about each client, with data that fits and that does not.

A probe is read by a server in a state of a run, and what it does is judged as a step. Nobody need have published it, as
long as somebody could have; so decisions are met that no short run meets, with payloads that are in conflict.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from immutabledict import immutabledict

from machines.events import (
    BUS_EVENTS,
    AttemptEvent,
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentMetadata,
    TrackerHello,
)
from machines.rules import View
from spec.exploration.model.node import Server, ServerState
from spec.exploration.model.steps import TRACKER, Label
from spec.system.setup import sample
from tests.properties.harmless import STRANGER
from tests.properties.runs import World

NEW_FILE, NEW_FRAGMENT = "a new file", "a new fragment"
LEFT, CAME_BACK, EARLIER = "stranger-1", "stranger-2", "of an earlier session-1"
"""Names of requests."""
AFRESH = "3f2504e0-4f89-41d3-9a0c-0305e82c3302"
STAYS_GONE = "what comes late does not bring back who said goodbye"
POSSIBLE = "whatever can come to a server can be read by it"
LEAVES = "what a server hears of others does not change how it leaves"
ONCE = "what is delivered twice is followed once"


class Broken(NamedTuple):
    """A property that a server breaks, why, and what shows it: in which state it reads which events."""

    property_: str
    why: str
    state: ServerState
    messages: tuple[BusEvent, ...]


def broken_by_probes(
    world: World, component: int, state: ServerState, ignored: frozenset[str], see: Callable[[Label], None]
) -> Broken | None:
    """The property that a server breaks in a state, whatever comes to it next; None if it breaks none.

    One that is about to publish reads nothing before that. `see` is told of each step.
    """
    if not reads(world, component, state):
        return None
    found = broken_by_old(world, component, state)
    for message in () if found else probes(world, component, state):
        found = found or broken_by_reading(world, component, state, message, ignored, see)
    return found


def reads(world: World, component: int, state: ServerState) -> bool:
    """Whether a server reads whatever comes."""
    node = world.nodes[component]
    return not state.broken and node.is_online(state) and not node.is_busy(state)


def broken_by_old(world: World, component: int, state: ServerState) -> Broken | None:
    """The same, when something comes that was followed some time ago."""
    node = world.nodes[component]
    again = _followed_again(node, component, state)
    if again is None:
        return None
    return Broken(ONCE, f"{node.name} is {state.where}, and reads once more what it has followed", *again)


def broken_by_reading(
    world: World,
    component: int,
    state: ServerState,
    message: BusEvent,
    ignored: frozenset[str],
    see: Callable[[Label], None],
) -> Broken | None:
    """The same, when this event comes."""
    node = world.nodes[component]

    def found(property_: str, then: str = "", *more: BusEvent) -> Broken:
        return Broken(property_, f"{node.name} is {state.where}, and reads {message}{then}", state, (message, *more))

    for label, then in read(node, component, state, message):
        see(label)
        if then.broken:
            return found(POSSIBLE, f": {then.broken}")
        broken = world.judge_local(component, state, label) - ignored
        if broken:
            return found(min(broken))
        if then.where == state.where and _leaves(node, then) != _leaves(node, state):
            return found(LEAVES, ", and is stopped")
        if _names(message, LEFT) and _is_brought_back(node, component, then):
            return found(STAYS_GONE)
        if label.outcome is not None and label.outcome.sent and _is_followed_again(node, component, then, message):
            return found(ONCE, " twice", message)
    return None


def _leaves(node: Server, state: ServerState) -> list[tuple[object, ...]]:
    """What a server publishes when it is stopped."""
    return [outcome.sent for outcome in node.order(state, "stop")]


def _followed_again(
    node: Server, component: int, state: ServerState
) -> tuple[ServerState, tuple[BusEvent, ...]] | None:
    """In which state something is done about which event that was followed some time ago, and is delivered once more;
    None if nothing is.
    """
    data: Any = state.client.data
    if component == TRACKER:
        clients = sorted({*state.knows.clients, *state.knows.admissions, STRANGER})
        knows = replace(data, requests=immutabledict(dict.fromkeys(clients, AFRESH)))
        events: list[BusEvent] = [
            ClientJoinRequested(client=client, hash_algorithm="md5", event_id=AFRESH) for client in clients
        ]
    else:
        knows, events = replace(data, hello=AFRESH), [TrackerHello(event_id=AFRESH)]
    state = state._replace(client=state.client._replace(data=knows))
    for event in events:
        steps = read(node, component, state, event)
        if any(then != state or (label.outcome and label.outcome.sent) for label, then in steps):
            return state, (event,)
    return None


def _is_followed_again(node: Server, component: int, state: ServerState, message: BusEvent) -> bool:
    """Whether something is done once more about an event that was taken, when it is delivered once more."""
    once = isinstance(message, TrackerHello | ClientJoinRequested) and message.event_id
    declined = isinstance(message, ClientRegistered) and component != TRACKER and state.where != "registered"
    if node.is_busy(state) or not (once or declined):
        return False
    return any(label.outcome and label.outcome.sent for label, _ in read(node, component, state, message))


def read(node: Server, component: int, state: ServerState, message: BusEvent) -> Iterator[tuple[Label, ServerState]]:
    """What comes of an event that is read."""
    for outcome in node.receive(state, message):
        assert isinstance(outcome.then, ServerState)
        yield Label("read", component, message, outcome), outcome.then


def _names(message: BusEvent, request: str) -> bool:
    """Whether it is a goodbye that names a request."""
    return isinstance(message, ClientGoodbye) and message.request_id == request


def _is_brought_back(node: Server, component: int, state: ServerState) -> bool:
    """Whether a registration, or an acceptance, brings a client back that named that request in its goodbye, or only
    that does not that names another one.
    """
    if component == TRACKER or STRANGER not in state.knows.gone:
        return False
    late, anew = (
        [then.knows.clients for _, then in read(node, component, state, _speaks_of(node.name, state, request))]
        for request in (LEFT, CAME_BACK)
    )
    takes = state.knows.storage != "broken" or state.where != "awaiting_answer"
    return any(STRANGER in clients for clients in late) or (takes and not any(STRANGER in clients for clients in anew))


def _speaks_of(own: str, state: ServerState, request: str) -> BusEvent:
    """What tells a torrent server, where it listens, that the stranger is registered for a request."""
    info = ClientMetadata(frozenset({"http://stranger/"}), request_id=request)
    if state.where != "awaiting_answer":
        return ClientRegistered(client=STRANGER, request_id=request, info=info)
    return ClientJoinAccepted(
        client=own,
        fragment_size=state.knows.fragment_size or 1024,
        request_id=getattr(state.client.data, "request_id", ""),
        clients=immutabledict({STRANGER: info}),
    )


def probes(world: World, component: int, state: ServerState) -> Iterator[BusEvent]:
    """What can be on a topic to which a server has subscribed."""
    node = world.nodes[component]
    topics: frozenset[str] = node.client.topics  # type: ignore[attr-defined]
    names = [one.name for one in world.nodes if one is not node]
    made = [*_plain([node.name, *names[:1], STRANGER])]
    made += _asked(state.knows, names) if component == TRACKER else _told(state, node.name, names[-1])
    yield from (message for message in made if message.topic in topics)


def _plain(clients: Sequence[str]) -> Iterator[BusEvent]:
    """An event of each kind, about each client, that says as little as it can."""
    for kind in BUS_EVENTS:
        for one in sorted({sample(kind, client) for client in clients}, key=repr):
            yield replace(one, event_id=AFRESH) if kind is TrackerHello else one
            if isinstance(one, AttemptEvent):
                yield replace(one, request_id=EARLIER)


# At a tracker.


def _asked(view: View, names: Sequence[str]) -> Iterator[BusEvent]:
    """Requests of a stranger, and of everybody who may be registered or admitted."""
    size = view.fragment_size or 1
    for client in (STRANGER, *names):
        plain = ClientJoinRequested(
            client=client, hash_algorithm=view.hash_algorithm, endpoints=frozenset({f"http://{client}/"})
        )
        yield from (replace(plain, fragment_size=each) for each in (None, size, size + 1, size - 1))
        yield from (replace(plain, hash_algorithm=each) for each in ("md5", view.hash_algorithm.upper()))
        yield replace(plain, hash_algorithm="md5", fragment_size=size + 1, endpoints=_taken(view, client))
        yield replace(plain, endpoints=_taken(view, client))
        yield replace(plain, **_known(view, size=0), request_id=f"{client}-1")
        yield replace(plain, **_known(view, size=1))
    yield ClientGoodbye(client=STRANGER, request_id=LEFT)
    for client in names:
        yield ClientGoodbye(client=client, request_id=_request_of(view, client))


def _request_of(view: View, client: str) -> str:
    infos = {**{name: one.info for name, one in view.admissions.items()}, **view.clients}
    return infos[client].request_id if client in infos else ""


def _taken(view: View, client: str) -> frozenset[str]:
    """Endpoints of all others, as others would write them."""
    infos = {**{name: one.info for name, one in view.admissions.items()}, **view.clients}
    return frozenset(spelt_otherwise(uri) for name, one in infos.items() if name != client for uri in one.endpoints)


def spelt_otherwise(uri: str) -> str:
    """An equivalent URI: scheme and host in upper case, and the default port."""
    parts = urlsplit(uri)
    port = "" if parts.port or parts.scheme != "http" else ":80"
    return f"{parts.scheme.upper()}://{parts.netloc.upper()}{port}{parts.path if parts.path != '/' else ''}"


def _known(view: View, size: int) -> dict[str, Any]:
    """A new file and a new fragment, and of those that the service knows or was promised each second one, so many bytes
    larger.
    """
    files = dict(view.files)
    fragments = dict(view.fragments)
    for admission in view.admissions.values():
        files, fragments = {**admission.files, **files}, {**admission.fragments, **fragments}
    told = {key: FileMetadata(one.size + size, one.fragment_sequence) for key, one in sorted(files.items())[::2]}
    stored = {key: FragmentMetadata(one.size + size) for key, one in sorted(fragments.items())[::2]}
    return {
        "known_file_infos": immutabledict({**told, NEW_FILE: FileMetadata(7, (NEW_FRAGMENT,))}),
        "stored_fragments": immutabledict({**stored, NEW_FRAGMENT: FragmentMetadata(7)}),
    }


# At a torrent server.


def _told(state: ServerState, own: str, other: str) -> Iterator[BusEvent]:
    """Answers, and news of others."""
    view, latest = state.knows, getattr(state.client.data, "request_id", "")
    size = view.fragment_size or 1024
    info = ClientMetadata(frozenset({"http://stranger/"}), frozenset({NEW_FRAGMENT}), CAME_BACK)
    plain = ClientJoinAccepted(client=own, fragment_size=size, request_id=latest)
    yield from (replace(plain, fragment_size=each) for each in (size, size + 1))
    yield replace(
        plain,
        add_file_infos=immutabledict({NEW_FILE: FileMetadata(7, (NEW_FRAGMENT,)), **_larger(view.files)}),
        add_fragment_infos=immutabledict({NEW_FRAGMENT: FragmentMetadata(7), **_larger(view.fragments)}),
        remove_file_infos=frozenset(view.files),
        remove_fragment_infos=frozenset(view.own.stored_fragments),
        clients=immutabledict({STRANGER: info, own: ClientMetadata()}),
    )
    yield replace(
        plain, remove_file_infos=frozenset(view.files), remove_fragment_infos=view.own.stored_fragments, request_id=""
    )
    for client in (STRANGER, other, own):
        yield ClientRegistered(
            client=client,
            request_id=latest if client == own else CAME_BACK,
            info=info,
            added_files=immutabledict({NEW_FILE: FileMetadata(7, (NEW_FRAGMENT,)), **_larger(view.files)}),
            added_fragments=immutabledict({NEW_FRAGMENT: FragmentMetadata(7)}),
        )
        yield ClientGoodbye(client=client, request_id=latest if client == own else LEFT)
    yield FileInfoPublished(hash=NEW_FILE, size=7, fragment_sequence=(NEW_FRAGMENT,))
    for file, one in sorted(view.files.items())[:1]:
        yield FileInfoPublished(hash=file, size=one.size + 1)


def _larger(known: Mapping[str, Any]) -> dict[str, Any]:
    """The same with other metadata."""
    return {key: replace(one, size=one.size + 1) for key, one in known.items()}
