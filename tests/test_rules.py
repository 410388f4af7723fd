"""The rules of the Distribution View: one at a time, and all of them together in a service of several clients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines.calls import JoinConflicts, JoinPossible, ViewChanged, ViewChangeFailed, ViewDescribed
from machines.events import (
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    Clients,
    FileInfoPublished,
    FileMetadata,
    Files,
    FragmentMetadata,
    Fragments,
    ReasonCode,
)
from machines.rules import (
    NAMED,
    Admission,
    View,
    add_client,
    add_file,
    admit,
    change,
    describe,
    forget_admission,
    forget_clients,
    normal_form,
    register,
    remove_client,
)

ANNA = ClientMetadata(frozenset({"http://anna/"}), frozenset({"ab"}))
BERT = ClientMetadata(frozenset({"http://bert/"}), frozenset({"cd"}))
TRACKER = View(
    fragment_size=1024,
    files=immutabledict({"f": FileMetadata(7, ("ab",))}),
    fragments=immutabledict({"ab": FragmentMetadata(7)}),
    clients=immutabledict({"anna": ANNA}),
    admissions=immutabledict(
        {
            "bert": Admission(
                BERT,
                immutabledict({"g": FileMetadata(8, ("cd",))}),
                immutabledict({"cd": FragmentMetadata(8)}),
            )
        }
    ),
)
TORRENT = View(
    files=immutabledict({"f": FileMetadata(7, ("ab",)), "h": FileMetadata(9, ("ef",))}),
    fragments=immutabledict({"ab": FragmentMetadata(7), "ef": FragmentMetadata(9)}),
    clients=immutabledict({"bert": BERT}),
    own=ClientMetadata(frozenset({"http://carl/"}), frozenset({"ab", "ef"})),
)


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


def asks(client: str = "carl", algorithm: str = "sha-256", size: int | None = None, *uris: str) -> ClientJoinRequested:
    return ClientJoinRequested(
        client=client, hash_algorithm=algorithm, fragment_size=size, endpoints=frozenset(uris or {"http://carl/"})
    )


# Who can join.


@pytest.mark.parametrize(
    ("size", "algorithm", "uri"),
    [
        *product(
            (None, 1024, 512, 0),
            ("sha-256", "SHA-256", "md5", ""),
            ("http://carl/", "HTTP://Anna:80", "http://bert/", "http://c-old/"),
        )
    ],
)
def test_a_client_can_join_unless_something_is_in_conflict(size: int | None, algorithm: str, uri: str) -> None:
    old = ClientMetadata(frozenset({"http://c-old/"}))
    view = replace(TRACKER, clients=immutabledict({"anna": ANNA, "carl": old}))
    conflicts = [
        code
        for code, found in (
            (ReasonCode.WRONG_FRAGMENT_SIZE, size in {512, 0}),
            (ReasonCode.WRONG_HASH_ALGORITHM, algorithm in {"md5", ""}),
            (ReasonCode.ENDPOINT_CONFLICT, uri in {"HTTP://Anna:80", "http://bert/"}),
        )
        if found
    ]
    after, answer = admit(view, asks("carl", algorithm, size, "http://else/", uri))
    if conflicts:
        assert isinstance(answer, JoinConflicts)
        assert (answer.client, answer.reason_code) == ("carl", conflicts[0])
        assert len(answer.reason.split("; ")) == len(conflicts)
        assert after == TRACKER
    else:
        assert isinstance(answer, JoinPossible)
        assert answer.acceptance.client == "carl"
        assert after.clients == TRACKER.clients
        assert after.admissions.keys() == {"bert", "carl"}


def test_a_denial_names_every_conflict_with_both_sides() -> None:
    _, answer = admit(TRACKER, asks("carl", "md5", 512, "HTTP://ANNA", "http://bert:80/", "http://carl/"))
    assert answer == JoinConflicts(
        client="carl",
        reason_code=ReasonCode.WRONG_FRAGMENT_SIZE,
        reason=(
            "FragmentSize is 512, not the service's 1024; "
            "HashAlgorithm is 'md5', not the service's 'sha-256'; "
            "Endpoint 'HTTP://ANNA' is that of client 'anna', given as 'http://anna/'; "
            "Endpoint 'http://bert:80/' is that of client 'bert', given as 'http://bert/'"
        ),
    )


def test_a_denial_stays_short() -> None:
    ports = [f"http://anna:{port}/" + "x" * 10_000 for port in range(1000)]
    many = replace(TRACKER, clients=immutabledict({"anna\n" * 1000: ClientMetadata(frozenset(ports))}))
    _, answer = admit(many, asks("carl", "\ud800md5\n" * 1000, 512, *ports))
    assert isinstance(answer, JoinConflicts)
    assert answer.reason.endswith(f"; and {1000 - NAMED} more endpoints")
    assert answer.reason.isprintable()
    assert len(answer.reason) < 400 * NAMED


@pytest.mark.parametrize("known", ["registered", "admitted", "both"])
def test_a_client_that_asks_anew_is_dropped_first(known: str) -> None:
    view = TRACKER
    if known != "admitted":
        view = replace(view, clients=immutabledict({"anna": ANNA, "carl": TORRENT.own}))
    if known != "registered":
        view = replace(view, admissions=immutabledict({**view.admissions, "carl": Admission(TORRENT.own)}))
    assert admit(view, asks()) == admit(TRACKER, asks())
    assert admit(view, asks(algorithm="md5")) == admit(TRACKER, asks(algorithm="md5"))
    assert admit(view, asks(algorithm="md5"))[0] == TRACKER


def test_two_endpoints_of_one_client_are_no_conflict() -> None:
    assert isinstance(admit(TRACKER, asks("carl", "sha-256", None, "http://carl", "HTTP://CARL/"))[1], JoinPossible)


def test_a_view_without_the_service_s_fragment_size_cannot_judge() -> None:
    with pytest.raises(ValueError, match="fragment_size, which is None: give it"):
        admit(View(), asks())


def test_a_view_does_not_store_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match=r"add \['ab', 'cd'\] to fragments"):
        View(own=ClientMetadata(stored_fragments=frozenset({"cd", "ab"})))


# What has to change. A row: what the asking client knows of one hash, what is registered, what a pending admission was
# promised (1 and 2 are different metadata); then what the asking client is to add, whether to remove, what it brings.

CHANGES = """
    - - -  - no  -
    - - 1  - no  -
    - - 2  - no  -
    - 1 -  1 no  -
    - 1 1  1 no  -
    - 1 2  1 no  -
    - 2 -  2 no  -
    - 2 1  2 no  -
    - 2 2  2 no  -
    1 - -  - no  1
    1 - 1  - no  1
    1 - 2  2 yes 2
    1 1 -  - no  -
    1 1 1  - no  -
    1 1 2  - no  -
    1 2 -  2 yes -
    1 2 1  2 yes -
    1 2 2  2 yes -
    2 - -  - no  2
    2 - 1  1 yes 1
    2 - 2  - no  2
    2 1 -  1 yes -
    2 1 1  1 yes -
    2 1 2  1 yes -
    2 2 -  - no  -
    2 2 1  - no  -
    2 2 2  - no  -
"""
ROWS = [tuple(line.split()) for line in CHANGES.split("\n") if line.strip()]


def files_of(which: str) -> Files:
    return immutabledict() if which == "-" else immutabledict({"f": FileMetadata(int(which))})


def fragments_of(which: str) -> Fragments:
    return immutabledict() if which == "-" else immutabledict({"ab": FragmentMetadata(int(which))})


def test_the_table_of_changes_is_complete() -> None:
    assert [row[:3] for row in ROWS] == list(product("-12", repeat=3))


@pytest.mark.parametrize("row", ROWS, ids=" ".join)
def test_the_changes_make_the_client_conform(row: tuple[str, ...]) -> None:
    known, registered, promised, add, remove, brings = row
    tracker = replace(
        TRACKER,
        files=files_of(registered),
        fragments=fragments_of(registered),
        admissions=immutabledict({"bert": Admission(BERT, files_of(promised), fragments_of(promised))}),
    )
    request = replace(asks(), known_file_infos=files_of(known), stored_fragments=fragments_of(known))
    after, answer = admit(tracker, request)
    assert answer == JoinPossible(
        acceptance=ClientJoinAccepted(
            client="carl",
            fragment_size=1024,
            add_file_infos=files_of(add),
            add_fragment_infos=fragments_of(add),
            remove_file_infos=frozenset({"f"} if remove == "yes" else ()),
            remove_fragment_infos=frozenset({"ab"} if remove == "yes" else ()),
            clients=tracker.clients,
        )
    )
    stored = frozenset({"ab"} if known != "-" and remove == "no" else ())
    promise = Admission(ClientMetadata(request.endpoints, stored), files_of(brings), fragments_of(brings))
    assert after == replace(tracker, admissions=immutabledict({**tracker.admissions, "carl": promise}))


# Registering, forgetting, removing.


def test_a_registration_announces_what_the_service_did_not_know() -> None:
    after, applied = register(TRACKER, "bert")
    promise = TRACKER.admissions["bert"]
    assert applied.registered == ClientRegistered(
        client="bert", info=BERT, added_files=promise.files, added_fragments=promise.fragments
    )
    assert after == replace(
        TRACKER,
        files=immutabledict({**TRACKER.files, **promise.files}),
        fragments=immutabledict({**TRACKER.fragments, **promise.fragments}),
        clients=immutabledict({"anna": ANNA, "bert": BERT}),
        admissions=immutabledict(),
    )


def test_a_registration_does_not_announce_what_was_announced_meanwhile() -> None:
    promise = TRACKER.admissions["bert"]
    view = replace(TRACKER, files=promise.files, fragments=promise.fragments)
    after, applied = register(view, "bert")
    assert applied.registered == ClientRegistered(client="bert", info=BERT)
    assert (after.files, after.fragments) == (view.files, view.fragments)


@pytest.mark.parametrize("client", ["anna", "carl", ""])
def test_who_was_not_admitted_is_not_registered(client: str) -> None:
    with pytest.raises(KeyError, match=f"client '{client}' has no pending admission"):
        register(TRACKER, client)


@pytest.mark.parametrize("client", ["anna", "bert", "carl", ""])
def test_forgetting_and_removing_touch_only_that_client(client: str) -> None:
    without = immutabledict({k: v for k, v in TRACKER.admissions.items() if k != client})
    others = immutabledict({k: v for k, v in TRACKER.clients.items() if k != client})
    assert forget_admission(TRACKER, client) == replace(TRACKER, admissions=without)
    assert remove_client(TRACKER, client) == replace(TRACKER, admissions=without, clients=others)


def test_a_new_round_keeps_files_and_fragments() -> None:
    assert forget_clients(TRACKER) == replace(TRACKER, clients=immutabledict(), admissions=immutabledict())


# The torrent server's side.


def test_a_server_tells_of_the_fragments_that_it_stores() -> None:
    view = replace(TORRENT, own=ClientMetadata(frozenset({"http://carl/"}), frozenset({"ef"})), fragment_size=512)
    assert describe(view) == ViewDescribed(
        hash_algorithm="sha-256",
        fragment_size=512,
        known_file_infos=TORRENT.files,
        stored_fragments=immutabledict({"ef": FragmentMetadata(9)}),
        endpoints=frozenset({"http://carl/"}),
    )
    assert hash(describe(view)) == hash(describe(view))


def test_a_change_replaces_what_conflicts_and_forgets_earlier_memberships() -> None:
    heard = immutabledict({**TORRENT.fragments, "old": FragmentMetadata(1)})
    acceptance = ClientJoinAccepted(
        client="carl",
        fragment_size=1024,
        add_file_infos=immutabledict({"f": FileMetadata(6), "n": FileMetadata(5)}),
        add_fragment_infos=immutabledict({"ab": FragmentMetadata(6), "no": FragmentMetadata(5)}),
        remove_file_infos=frozenset({"f", "unheard"}),
        remove_fragment_infos=frozenset({"ab", "unheard"}),
        clients=immutabledict({"anna": ANNA}),
    )
    changed = change(replace(TORRENT, fragments=heard), acceptance)
    assert changed == (
        replace(
            TORRENT,
            files=immutabledict({"f": FileMetadata(6), "h": FileMetadata(9, ("ef",)), "n": FileMetadata(5)}),
            fragments=immutabledict({"ab": FragmentMetadata(6), "ef": FragmentMetadata(9), "no": FragmentMetadata(5)}),
            clients=immutabledict({"anna": ANNA}),
            own=ClientMetadata(frozenset({"http://carl/"}), frozenset({"ef"})),
        ),
        ViewChanged(),
    )


@pytest.mark.parametrize(
    ("storage", "size", "fits"),
    [
        (storage, size, storage != "broken" and size != 512)
        for storage in ("sound", "broken", "either")
        for size in (None, 512, 1024)
    ],
)
def test_a_change_is_made_as_a_whole_or_not_at_all(
    storage: Literal["sound", "broken", "either"], size: int | None, fits: bool
) -> None:
    view = replace(TORRENT, storage=storage, fragment_size=size)
    after, answer = change(view, ClientJoinAccepted(client="carl", fragment_size=1024, clients=TRACKER.clients))
    if fits:
        assert (after, answer) == (replace(view, clients=TRACKER.clients), ViewChanged())
    else:
        assert after == view
        assert isinstance(answer, ViewChangeFailed)
        assert answer.reason


def test_a_new_client_is_added_with_what_it_brought() -> None:
    promise = TRACKER.admissions["bert"]
    news = ClientRegistered(client="anna", info=ANNA, added_files=promise.files, added_fragments=promise.fragments)
    after = add_client(TORRENT, news)
    assert after == replace(
        TORRENT,
        files=immutabledict({**TORRENT.files, **promise.files}),
        fragments=immutabledict({**TORRENT.fragments, **promise.fragments}),
        clients=immutabledict({"anna": ANNA, "bert": BERT}),
    )
    assert add_client(after, news) == after


def test_what_is_stored_under_other_metadata_than_the_service_s_is_not_the_fragment() -> None:
    news = ClientRegistered(
        client="anna",
        info=ANNA,
        added_fragments=immutabledict({"ab": FragmentMetadata(6), "ef": FragmentMetadata(9)}),
    )
    assert add_client(TORRENT, news) == replace(
        TORRENT,
        fragments=immutabledict({"ab": FragmentMetadata(6), "ef": FragmentMetadata(9)}),
        clients=immutabledict({"anna": ANNA, "bert": BERT}),
        own=ClientMetadata(frozenset({"http://carl/"}), frozenset({"ef"})),
    )


def test_a_published_file_is_added_and_wins() -> None:
    for known in ("f", "new"):
        after = add_file(TORRENT, FileInfoPublished(hash=known, size=1, fragment_sequence=("x",)))
        assert after == replace(TORRENT, files=immutabledict({**TORRENT.files, known: FileMetadata(1, ("x",))}))


# Endpoints.

SAME = [
    ("http://a", "http://a/"),
    ("HTTP://A/", "http://a:80/"),
    ("http://a:/", "http://a/"),
    ("https://a:443", "HTTPS://a"),
    ("ftp://a:21/x", "ftp://a/x"),
    ("ws://a:80", "ws://a/"),
    ("wss://a:443/", "wss://a"),
    ("mqtt://a:1883", "MQTT://A:1883/"),
    ("http://[FE80::1]:80/", "http://[fe80::1]"),
    ("http://user@A/", "http://user@a:80"),
    ("http://a/%7euser", "http://a/~user"),
    ("http://a/%c3%a9", "http://a/%C3%A9"),
    ("http://%41%c3%a9/", "http://a%C3%A9"),
    ("http://a/b/./c/../d", "http://a/b/d"),
    ("http://a/b/.", "http://a/b/"),
    ("http://a/b/c/..", "http://a/b/"),
    ("http://a/../..", "http://a"),
    ("http://a/%2e%2E/b", "http://a/b"),
    ("http://a?q", "http://a/?q"),
]
DIFFERENT = [
    ("http://a", "https://a"),
    ("http://a", "http://a:8080"),
    ("http://a:443", "http://a"),
    ("http://a/b", "http://a/B"),
    ("http://a/b", "http://a/b/"),
    ("http://a/b", "http://a//b"),
    ("http://a/?q", "http://a/"),
    ("http://a/?q", "http://a/?Q"),
    ("http://U@a", "http://u@a"),
    ("http://a/%2f", "http://a//"),
    ("http://a/%2541", "http://a/%41"),
    ("urn:a", "urn:A"),
    ("mailto:a", "http:a"),
    ("A", "a"),
    ("http://b\u00fccher/", "http://B\u00fccher/"),
]
GARBAGE = [
    "",
    " ",
    "http",
    "://",
    "http://a:b:c/",
    "HTTP://[::1/",
    "HTTP://A:80x",
    "HTTP://A:\u0663/",
    "HTTP://A B/",
    "HTTP://A/%",
    "HTTP://A/%4",
    "HTTP://A/%%34%31",
    "HTTP://A\n",
    "\x00",
    "\ud800",
    "HTTP://\u212a/",
    "HTTP://u@v@A/",
    "1HTTP://A",
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_these_are_the_same_endpoint(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_these_are_different_endpoints(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


@pytest.mark.parametrize("uri", GARBAGE)
def test_what_is_no_uri_stays_as_it_stands(uri: str) -> None:
    assert normal_form(uri) == uri


@given(
    st.text("aZ:/?#[]@%2eE4.~ 0\x00\ud800ä", max_size=20).map("http:".__add__)
    | st.lists(
        st.sampled_from(
            ["http:", "WS:", "//", "/", "..", ".", "%2e", "%2F", "%c3", "A", ":80", "@", "[", "]", "?", "#"]
        )
    ).map("".join)
)
def test_a_normal_form_is_its_own(uri: str) -> None:
    assert normal_form(normal_form(uri)) == normal_form(uri)


# All together: a tracker, torrent servers, and what they tell each other, one step at a time.

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


@pytest.mark.parametrize("metadata", ["--", "-1", "11", "12"])
@pytest.mark.parametrize(("other_uri", "together"), [("http://b/", 2), ("HTTP://a:80", 1)])
@pytest.mark.parametrize("idle_hear", [False, True])
def test_two_clients_agree_whatever_happens(metadata: str, other_uri: str, together: int, idle_hear: bool) -> None:
    states = reachable(service_of(metadata, ("http://a/", other_uri), idle_hear=idle_hear), EVERY_STEP)
    print(len(states))
    assert max(registered_in(service) for service in states) == together


@pytest.mark.parametrize("metadata", ["--1", "-12", "112", "123"])
@pytest.mark.parametrize(("last_uri", "together"), [("http://c/", 3), ("HTTP://a:80", 2)])
def test_three_clients_agree_however_their_first_joins_mix(metadata: str, last_uri: str, together: int) -> None:
    states = reachable(service_of(metadata, ("http://a/", "http://b/", last_uri)), FIRST_JOINS)
    print(len(states))
    assert max(registered_in(service) for service in states) == together


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
            clients=draw(st.just(immutabledict()) | st.just(immutabledict({"of old": ANNA}))),
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


@given(services, st.data())
@settings(max_examples=200, deadline=None)
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


# Stories.


def test_a_later_client_conforms_to_what_an_earlier_one_was_promised_even_if_that_one_fails() -> None:
    start = service_of("12", ("http://a/", "http://b/"))
    both = join(join(start, "client 0"), "client 1")
    conforming = both.servers["client 1"].view
    assert (conforming.files, conforming.fragments) == (files_of("1"), fragments_of("1"))
    assert conforming.own.stored_fragments == frozenset()
    after = confirm(give_up(both, "client 0"), "client 1")
    assert (after.tracker.files, after.tracker.fragments) == (files_of("1"), fragments_of("1"))
    assert_agreement(after)


def test_a_promise_is_not_given_to_others_before_its_bringer_is_registered() -> None:
    both = join(join(service_of("1-", ("http://a/", "http://b/")), "client 0"), "client 1")
    assert both.servers["client 1"].view.files == {}
    assert confirm(both, "client 0").servers["client 1"].view.files == files_of("1")
    assert confirm(give_up(both, "client 0"), "client 1").tracker.files == {}


def test_others_hear_nothing_of_a_client_that_asks_anew_until_it_is_registered_again_or_leaves() -> None:
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
