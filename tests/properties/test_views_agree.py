"""The views of a tracker and its clients agree, whatever happens.

A service is one immutable value: the tracker's view and the torrent servers with theirs. A step is a function of it,
and an event reaches at once everybody who hears it. First every state that few clients can reach, then many steps of
more clients.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines.calls import JoinConflicts, ViewChanged
from machines.endpoints import normal_form
from machines.events import (
    ClientJoinRequested,
    ClientMetadata,
    Clients,
    FileInfoPublished,
    FileMetadata,
    FragmentMetadata,
)
from machines.rules import (
    View,
    add_client,
    add_file,
    admit,
    change,
    describe,
    forget_admission,
    forget_clients,
    register,
    remove_client,
)
from tests.support.nightly import share
from tests.support.views import files_of, fragments_of

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def request_of(client: str, view: View) -> ClientJoinRequested:
    """What a server asks with this view."""
    told = describe(view)
    return ClientJoinRequested(
        client=client,
        hash_algorithm=told.hash_algorithm,
        fragment_size=told.fragment_size,
        known_file_infos=told.known_file_infos,
        stored_fragments=told.stored_fragments,
        endpoints=told.endpoints,
    )


Phase = Literal["idle", "asked", "admitted", "registered"]


@dataclass(frozen=True)
class Server:
    """A torrent server: what it knows, how far it has come, and what it asked."""

    view: View
    phase: Phase = "idle"
    request: ClientJoinRequested | None = None


@dataclass(frozen=True)
class Service:
    """`dropped`: who was registered, asked anew, and is neither registered again nor known to have left."""

    tracker: View
    servers: Mapping[str, Server]
    idle_hear: bool = False
    dropped: frozenset[str] = frozenset()

    def having(self, client: str, phase: Phase, view: View, request: ClientJoinRequested | None = None) -> "Service":
        return replace(self, servers=immutabledict({**self.servers, client: Server(view, phase, request)}))

    def hears(self, server: Server) -> bool:
        return server.phase != "idle" or self.idle_hear


def ask(service: Service, client: str) -> Service:
    """A registered client that asks anew counts itself as registered no longer."""
    view = service.servers[client].view
    return service.having(client, "asked", view, request_of(client, view))


def judge(service: Service, client: str) -> Service:
    server = service.servers[client]
    assert server.request is not None
    if client in service.tracker.clients:
        service = replace(service, dropped=service.dropped | {client})
    tracker, answer = admit(service.tracker, server.request)
    service = replace(service, tracker=tracker)
    if isinstance(answer, JoinConflicts):
        return service.having(client, "idle", server.view)
    view, outcome = change(server.view, answer.acceptance)
    if isinstance(outcome, ViewChanged):
        return service.having(client, "admitted", view)
    assert view == server.view
    return give_up(service, client)


def confirm(service: Service, client: str) -> Service:
    tracker, applied = register(service.tracker, client)
    servers = {
        name: replace(
            server,
            view=add_client(server.view, applied.registered) if service.hears(server) else server.view,
            phase="registered" if name == client else server.phase,
        )
        for name, server in service.servers.items()
    }
    return replace(service, tracker=tracker, servers=immutabledict(servers), dropped=service.dropped - {client})


def give_up(service: Service, client: str) -> Service:
    service = replace(service, tracker=forget_admission(service.tracker, client))
    return service.having(client, "idle", service.servers[client].view)


def leave(service: Service, client: str) -> Service:
    servers = {
        name: replace(server, view=remove_client(server.view, client)) if service.hears(server) else server
        for name, server in service.servers.items()
    }
    service = replace(service, tracker=remove_client(service.tracker, client), servers=immutabledict(servers))
    return service.having(client, "idle", service.servers[client].view)


def publish(service: Service, published: FileInfoPublished) -> Service:
    servers = {
        name: replace(server, view=add_file(server.view, published)) if service.hears(server) else server
        for name, server in service.servers.items()
    }
    return replace(service, tracker=add_file(service.tracker, published), servers=immutabledict(servers))


def begin_anew(service: Service) -> Service:
    servers = {name: Server(server.view) for name, server in service.servers.items()}
    tracker = forget_clients(service.tracker)
    return replace(service, tracker=tracker, servers=immutabledict(servers), dropped=frozenset())


def join(service: Service, client: str) -> Service:
    return judge(ask(service, client), client)


def begin_anew_for_all(service: Service, _client: str) -> Service:
    return begin_anew(service)


Step = Callable[[Service, str], Service]
Steps = Mapping[Phase, tuple[Step, ...]]
"""What can happen to a client in each phase."""

EVERY_STEP: Steps = {
    "idle": (ask, begin_anew_for_all),
    "asked": (judge,),
    "admitted": (confirm, give_up, ask),
    "registered": (leave, ask),
}
FIRST_JOINS: Steps = {"idle": (join,), "asked": (), "admitted": (confirm, give_up), "registered": ()}


def reachable(start: Service, steps: Steps) -> set[Service]:
    seen, frontier = {start}, [start]
    while frontier:
        service = frontier.pop()
        assert_agreement(service)
        for client, server in service.servers.items():
            new = {step(service, client) for step in steps[server.phase]} - seen
            seen |= new
            frontier += new
    return seen


def assert_agreement(service: Service) -> None:
    """What holds after every step, quiet or not."""
    tracker = service.tracker
    for client, server in service.servers.items():
        view, promise = server.view, tracker.admissions.get(client)
        if server.phase == "registered":
            assert promise is None
            assert view.files == tracker.files
            assert view.fragments == tracker.fragments
            assert tracker.clients[client] == view.own
        if server.phase == "admitted":
            assert promise is not None
            assert view.files == {**promise.files, **tracker.files}
            assert view.fragments == {**promise.fragments, **tracker.fragments}
            assert promise.info == view.own
        if server.phase in {"registered", "admitted"}:
            assert {c: info for c, info in view.clients.items() if c not in service.dropped} == tracker.clients
    registered = {client for client, server in service.servers.items() if server.phase == "registered"}
    assert registered <= tracker.clients.keys()
    holders: Clients = {**tracker.clients, **{client: one.info for client, one in tracker.admissions.items()}}
    assert len(holders) == len(tracker.clients) + len(tracker.admissions)
    for one, other in combinations(holders.values(), 2):
        assert not {normal_form(uri) for uri in one.endpoints} & {normal_form(uri) for uri in other.endpoints}


def server_with(which: str, uri: str) -> Server:
    stored = frozenset({"ab"} if which != "-" else ())
    return Server(
        View(files=files_of(which), fragments=fragments_of(which), own=ClientMetadata(frozenset({uri}), stored))
    )


def service_of(metadata: str, uris: tuple[str, ...], *, idle_hear: bool = False) -> Service:
    servers = {f"client {n}": server_with(*given) for n, given in enumerate(zip(metadata, uris, strict=True))}
    return Service(View(fragment_size=1024), immutabledict(servers), idle_hear)


def registered_in(service: Service) -> int:
    return sum(server.phase == "registered" for server in service.servers.values())


@pytest.mark.parametrize(
    ("metadata", "other_uri", "together", "deaf", "hearing"),
    [
        ("--", "http://b/", 2, 356, 276),
        ("-1", "http://b/", 2, 642, 420),
        ("11", "http://b/", 2, 412, 332),
        ("12", "http://b/", 2, 1500, 960),
        ("--", "HTTP://a:80", 1, 244, 184),
        ("-1", "HTTP://a:80", 1, 470, 270),
        ("11", "HTTP://a:80", 1, 256, 196),
        ("12", "HTTP://a:80", 1, 616, 400),
    ],
)
def test_two_clients_agree_whatever_happens(
    metadata: str, other_uri: str, together: int, deaf: int, hearing: int
) -> None:
    """Whether a server that waits for the next hello hears the news (`hearing`) or not (`deaf`): so many states."""
    for idle_hear, count in ((False, deaf), (True, hearing)):
        states = reachable(service_of(metadata, ("http://a/", other_uri), idle_hear=idle_hear), EVERY_STEP)
        assert max(registered_in(service) for service in states) == together
        assert len(states) == count


@pytest.mark.parametrize(
    ("metadata", "last_uri", "together", "count"),
    [
        ("--1", "http://c/", 3, 51),
        ("-12", "http://c/", 3, 232),
        ("112", "http://c/", 3, 1678),
        ("123", "http://c/", 3, 2605),
        ("--1", "HTTP://a:80", 2, 24),
        ("-12", "HTTP://a:80", 2, 106),
        ("112", "HTTP://a:80", 2, 251),
        ("123", "HTTP://a:80", 2, 622),
    ],
)
def test_three_clients_agree_however_their_first_joins_mix(
    metadata: str, last_uri: str, together: int, count: int
) -> None:
    states = reachable(service_of(metadata, ("http://a/", "http://b/", last_uri)), FIRST_JOINS)
    assert max(registered_in(service) for service in states) == together
    assert len(states) == count


HASHES = ("f", "g", "h")
URIS = ("http://a/", "http://B", "HTTP://A:80", "ws://c:80", "not a uri")
metadata_of_files = st.dictionaries(
    st.sampled_from(HASHES), st.builds(FileMetadata, st.integers(1, 2), st.sampled_from([(), ("f",)])), max_size=3
).map(immutabledict)
metadata_of_fragments = st.dictionaries(
    st.sampled_from(HASHES), st.builds(FragmentMetadata, st.integers(1, 3)), max_size=3
).map(immutabledict)


@st.composite
def torrent_servers(draw: st.DrawFn) -> Server:
    fragments = draw(metadata_of_fragments)
    stored = draw(st.frozensets(st.sampled_from(sorted(fragments)))) if fragments else frozenset()
    return Server(
        View(
            hash_algorithm=draw(st.sampled_from(["sha-256", "SHA-256", "SHA-256", "md5"])),
            fragment_size=draw(st.sampled_from([None, 1024, 1024, 512])),
            files=draw(metadata_of_files),
            fragments=fragments,
            clients=draw(st.just(immutabledict()) | st.just(immutabledict({"of old": ClientMetadata()}))),
            own=ClientMetadata(draw(st.frozensets(st.sampled_from(URIS), max_size=2)), stored),
            storage=draw(st.sampled_from(["sound", "sound", "either", "broken"])),
        )
    )


services = st.builds(
    Service,
    st.builds(View, fragment_size=st.just(1024), files=metadata_of_files, fragments=metadata_of_fragments),
    st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), torrent_servers(), min_size=2).map(immutabledict),
    st.booleans(),
)
files_published = st.builds(
    FileInfoPublished, hash=st.sampled_from(HASHES), size=st.integers(1, 3), fragment_sequence=st.just(("f",))
)


@settings(untimed, max_examples=share(400))
@given(services, st.data())
def test_any_number_of_clients_agree_after_any_steps(service: Service, data: st.DataObject) -> None:
    clients = st.sampled_from(sorted(service.servers))
    for event in data.draw(st.lists(clients | files_published, max_size=40)):
        if isinstance(event, FileInfoPublished):
            service = publish(service, event)
        else:
            step = data.draw(st.sampled_from(EVERY_STEP[service.servers[event].phase]))
            service = step(service, event)
        assert_agreement(service)
    for client in service.servers:
        steps = {"asked": judge, "admitted": give_up}
        while service.servers[client].phase in steps:
            service = steps[service.servers[client].phase](service, client)
            assert_agreement(service)


# Traces.


def test_a_later_client_conforms_to_an_earlier_promise() -> None:
    start = service_of("12", ("http://a/", "http://b/"))
    both = join(join(start, "client 0"), "client 1")
    conforming = both.servers["client 1"].view
    assert (conforming.files, conforming.fragments) == (files_of("1"), fragments_of("1"))
    assert conforming.own.stored_fragments == frozenset()
    after = confirm(give_up(both, "client 0"), "client 1")
    assert (after.tracker.files, after.tracker.fragments) == (files_of("1"), fragments_of("1"))
    assert_agreement(after)


def test_a_promise_is_kept_until_its_bringer_is_registered() -> None:
    both = join(join(service_of("1-", ("http://a/", "http://b/")), "client 0"), "client 1")
    assert both.servers["client 1"].view.files == {}
    assert confirm(both, "client 0").servers["client 1"].view.files == files_of("1")
    assert confirm(give_up(both, "client 0"), "client 1").tracker.files == {}


def test_others_hear_nothing_of_a_client_that_asks_anew() -> None:
    """The protocol has no message for it: until then they count a client that the tracker has dropped."""
    service = service_of("1-", ("http://a/", "http://b/"))
    for client in ("client 0", "client 1"):
        service = confirm(join(service, client), client)
    asked = join(service, "client 0")
    failed = give_up(asked, "client 0")
    assert failed.tracker.clients.keys() == {"client 1"}
    assert failed.servers["client 1"].view.clients.keys() == {"client 0", "client 1"}
    assert failed.dropped == {"client 0"}
    again = confirm(join(failed, "client 0"), "client 0")
    assert again.servers["client 1"].view.clients == again.tracker.clients
    assert again == service
