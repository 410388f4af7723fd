"""The rules of the Distribution View, one at a time; `test_agreement` has all of them together."""

from dataclasses import replace
from itertools import product
from typing import Literal

import pytest
from hypothesis import HealthCheck, settings
from immutabledict import immutabledict

from machines.calls import JoinConflicts, JoinPossible, ViewChanged, ViewChangeFailed, ViewDescribed
from machines.events import (
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    FileMetadata,
    FragmentMetadata,
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
    register,
    remove_client,
)
from tests.support.views import files_of, fragments_of

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

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


def test_a_registration_does_not_announce_anything_twice() -> None:
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


def test_a_change_replaces_what_conflicts() -> None:
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


def test_a_fragment_with_other_metadata_is_another_one() -> None:
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


# Names of requests.


def bert_of(request_id: str) -> ClientRegistered:
    info = ClientMetadata(frozenset({"http://bert/"}), frozenset(), request_id)
    added = immutabledict({"cd": FragmentMetadata(8)})
    return ClientRegistered(client="bert", info=info, added_fragments=added, request_id=request_id)


@pytest.mark.parametrize("name", ["", "s-1"])
def test_the_name_of_a_request_goes_with_all_that_comes_of_it(name: str) -> None:
    view = View(fragment_size=512)
    request = ClientJoinRequested(client="anna", hash_algorithm="sha-256", request_id=name)
    promised, answer = admit(view, request)
    assert isinstance(answer, JoinPossible)
    assert answer.acceptance.request_id == name
    joined, applied = register(promised, "anna")
    assert (applied.registered.request_id, applied.registered.info.request_id) == (name, name)
    assert joined.clients["anna"].request_id == name
    _, refusal = admit(view, replace(request, hash_algorithm="md5"))
    assert isinstance(refusal, JoinConflicts)
    assert refusal.request_id == name


def test_what_comes_late_does_not_bring_a_client_back() -> None:
    view = remove_client(add_client(View(), bert_of("s-1")), "bert", "s-1")
    assert (view.clients, view.gone) == ({}, {"bert": "s-1"})
    late = add_client(view, bert_of("s-1"))
    assert (late.clients, late.fragments) == ({}, {"cd": FragmentMetadata(8)})
    carl = ClientMetadata(request_id="s-1")
    clients = immutabledict({"bert": bert_of("s-1").info, "carl": carl})
    changed, _ = change(view, ClientJoinAccepted(client="anna", fragment_size=512, clients=clients))
    assert changed.clients == {"carl": carl}


@pytest.mark.parametrize("name", ["s-2", ""])
def test_a_client_that_left_comes_back_with_another_request(name: str) -> None:
    view = remove_client(View(), "bert", "s-1")
    assert add_client(view, bert_of(name)).clients == {"bert": bert_of(name).info}
    clients = immutabledict({"bert": bert_of(name).info})
    acceptance = ClientJoinAccepted(client="anna", fragment_size=512, clients=clients)
    assert change(view, acceptance)[0].clients == clients


def test_one_named_goodbye_of_each_client_is_remembered() -> None:
    view = remove_client(remove_client(View(), "bert", "s-1"), "bert", "s-2")
    assert remove_client(view, "carl", "t-1").gone == {"bert": "s-2", "carl": "t-1"}
    assert remove_client(view, "bert").gone == {"bert": "s-2"}
