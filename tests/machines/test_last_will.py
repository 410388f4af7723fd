"""The broker and the wills that clients leave; and what a view makes of them."""

from collections.abc import Mapping
from typing import Any

import pytest
from immutabledict import immutabledict

from machines.broker import Broker, BrokerData
from machines.calls import CONNACK, CONNECT, DISCONNECT, ConnectionLost
from machines.events import ClientGoodbye, ClientMetadata, ClientRegistered
from machines.participant import Output, Snapshot
from machines.records import replace
from machines.rules import Admission, View, add_client, belongs, forget_goodbyes, remove_client
from tests.support.harness import did, follow, took

TOPIC = ClientGoodbye.topic
WILL = ClientGoodbye(client="anna", session="s")
REST = "listening settled quiet"


@pytest.fixture
def chart() -> type[Broker]:
    return Broker


def sessions(**topics: str) -> Mapping[str, frozenset[str]]:
    return immutabledict({client: frozenset(names.split()) for client, names in topics.items()})


def broker(chart: type[Broker], states: str = REST, **data: Any) -> Broker:
    server = chart()
    server.restore(Snapshot(tuple(states.split()), BrokerData(**data)))
    return server


def left(**wills: ClientGoodbye) -> Mapping[str, ClientGoodbye]:
    return immutabledict(wills)


def test_a_will_is_left_and_discarded(chart: type[Broker]) -> None:
    owed = [Output(CONNACK(accepted=accepted), "anna") for accepted in (True, False)]
    follow(
        broker(chart, sessions=sessions(bert=TOPIC)),
        took(
            CONNECT(will=WILL),
            f"accepting{REST[9:]}",
            sender="anna",
            connacks=("anna",),
            wills=left(anna=WILL),
            due=owed,
        ),
        did(CONNACK(), REST, to="anna", sessions=sessions(anna="", bert=TOPIC), connacks=()),
        took(DISCONNECT(), sender="anna", sessions=sessions(bert=TOPIC), wills=left()),
    )


def test_a_will_is_said_to_all_others_who_want_it(chart: type[Broker]) -> None:
    for end, state, connacks in ((ConnectionLost(), "listening", ()), (CONNECT(), "accepting", ("anna",))):
        server = broker(
            chart, sessions=sessions(anna=TOPIC, bert=TOPIC, carl="other", dora=TOPIC), wills=left(anna=WILL)
        )
        answers = [Output(CONNACK(accepted=accepted), client) for client in connacks for accepted in (True, False)]
        due = [*answers, Output(WILL, "bert"), Output(WILL, "dora")]
        follow(
            server,
            took(
                end,
                f"{state} settled forwarding",
                sender="anna",
                sessions=sessions(bert=TOPIC, carl="other", dora=TOPIC),
                outbox=(("bert", WILL), ("dora", WILL)),
                wills=left(),
                connacks=connacks,
                due=due,
            ),
            did(WILL, to="bert", outbox=(("dora", WILL),), due=[*answers, Output(WILL, "dora")]),
            did(WILL, f"{state} settled quiet", to="dora", outbox=(), due=answers),
        )


@pytest.mark.parametrize("end", [ConnectionLost(), CONNECT()], ids=["lost", "taken over"])
def test_a_will_that_nobody_wants_is_gone(chart: type[Broker], end: ConnectionLost | CONNECT) -> None:
    server = broker(chart, sessions=sessions(anna=TOPIC, bert="other"), wills=left(anna=WILL))
    server.receive(end, "anna")
    assert (server.data.outbox, server.data.wills) == ((), left())
    assert server.where[2] == "quiet"


@pytest.mark.parametrize("end", [ConnectionLost(), CONNECT()], ids=["lost", "taken over"])
def test_a_will_comes_behind_what_is_owed(chart: type[Broker], end: ConnectionLost | CONNECT) -> None:
    """What was owed to its client alone is not any more; what is owed to others is."""
    said = ClientGoodbye(client="bert")
    for owed, then in (("anna", (("bert", WILL),)), ("bert", (("bert", said), ("bert", WILL)))):
        known = {"sessions": sessions(anna=TOPIC, bert=TOPIC), "wills": left(anna=WILL), "outbox": ((owed, said),)}
        server = broker(chart, "listening settled forwarding", **known)
        server.receive(end, "anna")
        assert server.data.outbox == then
        assert server.where[2] == "forwarding"


def test_who_was_never_accepted_has_no_will(chart: type[Broker]) -> None:
    known = {"sessions": sessions(bert=TOPIC), "connacks": ("anna",), "wills": left(anna=WILL)}
    for end in (ConnectionLost(), CONNECT()):
        server = broker(chart, "accepting settled quiet", **known)
        server.receive(end, "anna")
        assert (server.data.outbox, server.where[2]) == ((), "quiet")


# At a view.

INFO = ClientMetadata(request_id="s-1")


@pytest.mark.parametrize(
    ("request_id", "session", "expected"),
    [
        ("s-1", "s", True),
        ("s-12", "s", True),
        ("t-1", "s", False),
        ("s", "s", False),
        ("", "", False),
        ("s-x", "s", False),
    ],
)
def test_what_belongs_to_a_session(request_id: str, session: str, expected: bool) -> None:
    assert belongs(request_id, session) is expected


def test_a_will_removes_who_is_of_its_session() -> None:
    registered = View(clients=immutabledict({"anna": INFO, "bert": INFO}))
    admitted = View(admissions=immutabledict({"anna": Admission(INFO)}), clients=immutabledict({"bert": INFO}))
    for view in (registered, admitted):
        late = remove_client(view, "anna", session="t")
        assert late == replace(view, gone=immutabledict({"anna": "t"}))
        after = remove_client(view, "anna", session="s")
        assert (set(after.clients), after.admissions, after.gone) == ({"bert"}, {}, {"anna": "s"})


def registered(name: str) -> ClientRegistered:
    return ClientRegistered(client="anna", request_id=name, info=ClientMetadata(request_id=name))


def test_what_comes_after_a_will_brings_nobody_back() -> None:
    gone = remove_client(View(), "anna", session="s")
    late, again = (registered(name) for name in ("s-1", "t-1"))
    assert add_client(gone, late).clients == {}
    assert set(add_client(gone, again).clients) == {"anna"}
    assert add_client(gone, again).gone == {}


def test_a_will_does_not_make_forgotten_who_was_gone_before() -> None:
    """Its session may have come to nothing, and an acceptance may still list the registration of the one before."""
    for name in ("s", "s-1"):
        gone = remove_client(View(), "anna", session="s") if name == "s" else remove_client(View(), "anna", "s-1")
        twice = remove_client(gone, "anna", session="t")
        assert (twice.gone, twice.gone_before) == ({"anna": "t"}, {"anna": frozenset({name})})
        assert all(add_client(twice, registered(late)).clients == {} for late in ("s-1", "t-1"))
        again = add_client(twice, registered("u-1"))
        assert (again.gone, again.gone_before) == ({}, {})
        assert forget_goodbyes(twice) == View()
        assert remove_client(twice, "anna", "u-1").gone_before == {}


def test_a_will_takes_the_place_of_a_goodbye_of_its_session() -> None:
    gone = remove_client(View(), "anna", "s-1")
    for _ in range(2):
        gone = remove_client(gone, "anna", session="s")
        assert (gone.gone, gone.gone_before) == ({"anna": "s"}, {})


def test_a_will_that_removes_nobody_is_remembered() -> None:
    """A view may still know of the session before: the registration that the will ends comes later."""
    behind = View(clients=immutabledict({"anna": ClientMetadata(request_id="s-1")}))
    ended = remove_client(behind, "anna", session="t")
    assert ended.clients == behind.clients
    assert add_client(ended, registered("t-1")).clients == behind.clients
