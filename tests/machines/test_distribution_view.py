"""The distribution view: what it is asked, one thing at a time, and what it answers.

What it judges and how it changes is the business of the rules and their tests; here the chart hands it on faithfully.
"""

from dataclasses import replace

import pytest
from immutabledict import immutabledict

from machines.calls import (
    AddClient,
    AddFile,
    Call,
    ChangeView,
    CheckJoin,
    DescribeView,
    ForgetAdmission,
    ForgetClients,
    JoinConflicts,
    JoinPossible,
    RegisterClient,
    RegistrationApplied,
    RemoveClient,
    ViewChanged,
    ViewChangeFailed,
    ViewDescribed,
)
from machines.distribution_view import DistributionView, DistributionViewData
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
from machines.participant import Decision, Output, Snapshot
from machines.rules import Admission, View
from tests.support.harness import deferred, did, follow, ignored, took

BERT = ClientMetadata(frozenset({"http://bert/"}), frozenset({"cd"}))
CARL = ClientMetadata(frozenset({"http://carl/"}))
TRACKER = View(
    fragment_size=512,
    files=immutabledict({"f": FileMetadata(7, ("ab",))}),
    fragments=immutabledict({"ab": FragmentMetadata(7)}),
    clients=immutabledict({"carl": CARL}),
    admissions=immutabledict(
        {"bert": Admission(BERT, immutabledict({"g": FileMetadata(8)}), immutabledict({"cd": FragmentMetadata(8)}))}
    ),
)
REQUESTED = ClientJoinRequested(client="anna", hash_algorithm="SHA-256", endpoints=frozenset({"http://anna/"}))
ACCEPTED = ClientJoinAccepted(
    client="anna",
    fragment_size=512,
    add_file_infos=TRACKER.files,
    add_fragment_infos=TRACKER.fragments,
    clients=TRACKER.clients,
)
ANNA = Admission(ClientMetadata(frozenset({"http://anna/"})))
TORRENT = View(
    fragments=immutabledict({"ef": FragmentMetadata(9)}),
    own=ClientMetadata(frozenset({"http://anna/"}), frozenset({"ef"})),
)


@pytest.fixture
def chart() -> type[DistributionView]:
    return DistributionView


def test_it_begins_idle(chart: type[DistributionView]) -> None:
    assert chart().snapshot() == Snapshot(("idle",), DistributionViewData(View()))
    assert chart(TRACKER).snapshot() == Snapshot(("idle",), DistributionViewData(TRACKER))


# Asked by the tracker.


def test_a_client_that_can_join_is_promised_a_place(chart: type[DistributionView]) -> None:
    promised = replace(TRACKER, admissions=immutabledict({**TRACKER.admissions, "anna": ANNA}))
    possible = JoinPossible(acceptance=ACCEPTED)
    follow(
        chart(TRACKER),
        took(CheckJoin(request=REQUESTED), "judging", view=promised, answer=possible),
        did(possible, "idle", answer=None),
    )


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (
            replace(REQUESTED, fragment_size=1),
            ReasonCode.WRONG_FRAGMENT_SIZE,
            "FragmentSize is 1, not the service's 512",
        ),
        (
            replace(REQUESTED, hash_algorithm="md5"),
            ReasonCode.WRONG_HASH_ALGORITHM,
            "HashAlgorithm is 'md5', not the service's 'sha-256'",
        ),
        (
            replace(REQUESTED, endpoints=BERT.endpoints),
            ReasonCode.ENDPOINT_CONFLICT,
            "Endpoint 'http://bert/' is that of client 'bert', given as 'http://bert/'",
        ),
    ],
    ids=["fragment size", "hash algorithm", "endpoint"],
)
def test_a_client_with_conflicts_is_promised_nothing(
    chart: type[DistributionView], request_: ClientJoinRequested, code: ReasonCode, reason: str
) -> None:
    conflicts = JoinConflicts(client="anna", reason_code=code, reason=reason)
    follow(
        chart(TRACKER),
        took(CheckJoin(request=request_), "judging", answer=conflicts),
        did(conflicts, "idle", answer=None),
    )


def test_a_pending_admission_becomes_a_registration(chart: type[DistributionView]) -> None:
    admission = TRACKER.admissions["bert"]
    applied = RegistrationApplied(
        registered=ClientRegistered(
            client="bert", info=BERT, added_files=admission.files, added_fragments=admission.fragments
        )
    )
    registered = View(
        fragment_size=512,
        files=immutabledict({**TRACKER.files, **admission.files}),
        fragments=immutabledict({**TRACKER.fragments, **admission.fragments}),
        clients=immutabledict({"bert": BERT, "carl": CARL}),
    )
    follow(
        chart(TRACKER),
        took(RegisterClient(client="bert"), "registering", view=registered, answer=applied),
        did(applied, "idle", answer=None),
        *ignored(RegisterClient(client="bert")),
        *ignored(RegisterClient(client="carl")),
    )


def test_nothing_is_owed_for_what_the_tracker_only_tells(chart: type[DistributionView]) -> None:
    admitted = replace(TRACKER, admissions=immutabledict())
    left = replace(admitted, clients=immutabledict())
    follow(
        chart(TRACKER),
        took(ForgetAdmission(client="bert"), view=admitted),
        took(ForgetAdmission(client="bert")),
        took(RemoveClient(client="carl"), view=left),
        took(RemoveClient(client="carl")),
    )


def test_a_new_round_begins_with_nobody(chart: type[DistributionView]) -> None:
    nobody = replace(TRACKER, admissions=immutabledict(), clients=immutabledict())
    follow(chart(TRACKER), took(ForgetClients(), view=nobody), took(ForgetClients()))


# Asked by a torrent server.


def test_it_describes_what_it_knows_and_stores(chart: type[DistributionView]) -> None:
    view = replace(TORRENT, hash_algorithm="md5", fragment_size=512, files=TRACKER.files)
    described = ViewDescribed(
        hash_algorithm="md5",
        fragment_size=512,
        known_file_infos=TRACKER.files,
        stored_fragments=TORRENT.fragments,
        endpoints=TORRENT.own.endpoints,
    )
    follow(chart(view), took(DescribeView(), "describing"), did(described, "idle"))


def changed(view: View) -> View:
    return replace(
        view,
        files=TRACKER.files,
        fragments=immutabledict({**TORRENT.fragments, **TRACKER.fragments}),
        clients=TRACKER.clients,
    )


def test_it_changes_as_an_acceptance_asks(chart: type[DistributionView]) -> None:
    follow(
        chart(TORRENT),
        took(ChangeView(acceptance=ACCEPTED), "changing", acceptance=ACCEPTED),
        did(ViewChanged(), "idle", view=changed(TORRENT), acceptance=None),
    )


FULL = ViewChangeFailed(reason="the changes cannot be stored: the storage is broken")
OTHER_SIZE = ViewChangeFailed(reason="FragmentSize is 512, not 1")


@pytest.mark.parametrize(
    ("view", "failure"),
    [(replace(TORRENT, storage="broken"), FULL), (replace(TORRENT, fragment_size=1), OTHER_SIZE)],
    ids=["storage", "fragment size"],
)
def test_a_change_that_fails_changes_nothing(
    chart: type[DistributionView], view: View, failure: ViewChangeFailed
) -> None:
    follow(
        chart(view),
        took(ChangeView(acceptance=ACCEPTED), "changing", acceptance=ACCEPTED),
        did(failure, "idle", acceptance=None),
    )


@pytest.mark.parametrize("end", ["changed", "failed"])
def test_a_storage_that_may_fail_leaves_both_ends_open(chart: type[DistributionView], end: str) -> None:
    view = replace(TORRENT, storage="either")
    ends = {
        "changed": did(ViewChanged(), "idle", view=changed(view), acceptance=None),
        "failed": did(FULL, "idle", acceptance=None),
    }
    follow(
        chart(view),
        took(ChangeView(acceptance=ACCEPTED), "changing", acceptance=ACCEPTED, due=[ViewChanged(), FULL]),
        ends[end],
    )


def test_it_learns_of_clients_and_files(chart: type[DistributionView]) -> None:
    registered = ClientRegistered(client="bert", info=BERT, added_fragments=immutabledict({"cd": FragmentMetadata(8)}))
    fragments = immutabledict({**TORRENT.fragments, "cd": FragmentMetadata(8)})
    known = replace(TORRENT, clients=immutabledict({"bert": BERT}), fragments=fragments)
    published = FileInfoPublished(hash="f", size=7, fragment_sequence=("ab",))
    with_file = replace(known, files=immutabledict({"f": FileMetadata(7, ("ab",))}))
    follow(
        chart(TORRENT),
        took(AddClient(registered=registered), view=known),
        took(AddFile(published=published), view=with_file),
        took(RemoveClient(client="bert"), view=replace(with_file, clients=immutabledict())),
    )


def test_a_goodbye_with_a_name_outlasts_what_comes_late(chart: type[DistributionView]) -> None:
    registered = ClientRegistered(client="bert", info=replace(BERT, request_id="s-1"), request_id="s-1")
    gone = replace(TORRENT, gone=immutabledict({"bert": "s-1"}))
    follow(
        chart(TORRENT),
        took(RemoveClient(client="bert", request_id="s-1"), view=gone),
        took(AddClient(registered=registered), view=gone),
    )


def test_goodbyes_are_forgotten_when_its_own_server_asks_anew(chart: type[DistributionView]) -> None:
    view = chart(replace(TORRENT, gone=immutabledict({"bert": "s-1"})))
    assert view.receive(DescribeView()) is Decision.TAKEN
    assert view.snapshot() == Snapshot(("describing",), DistributionViewData(TORRENT))


# One thing at a time.


EVERYTHING: tuple[Call, ...] = (
    CheckJoin(request=REQUESTED),
    ForgetAdmission(client="bert"),
    ForgetClients(),
    DescribeView(),
    ChangeView(acceptance=ACCEPTED),
    AddClient(registered=ClientRegistered(client="bert", info=BERT)),
    AddFile(published=FileInfoPublished(hash="f", size=7)),
    RemoveClient(client="carl"),
)
OWED = {
    "judging": DistributionViewData(TRACKER, answer=JoinPossible(acceptance=ACCEPTED)),
    "registering": DistributionViewData(
        TRACKER, answer=RegistrationApplied(registered=ClientRegistered(client="bert", info=BERT))
    ),
    "describing": DistributionViewData(TRACKER),
    "changing": DistributionViewData(TRACKER, acceptance=ACCEPTED),
}


@pytest.mark.parametrize("state", OWED)
def test_an_answer_goes_before_the_next_question(chart: type[DistributionView], state: str) -> None:
    view = chart()
    view.restore(Snapshot((state,), OWED[state]))
    due = view.due()
    assert len(due) == 1
    follow(view, *deferred(*EVERYTHING), due=due)
    assert due == (Output(due[0].message, "client"),)
