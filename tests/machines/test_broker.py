"""The broker: sessions, subscriptions and forwarding, each by itself and all at once."""

from collections.abc import Mapping
from typing import Any

import pytest
from immutabledict import immutabledict

from machines.broker import Broker, BrokerData
from machines.calls import CONNACK, CONNECT, DISCONNECT, SUBACK, SUBSCRIBE, ConnectionLost
from machines.events import (
    BUS_EVENTS,
    BusEvent,
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinRequested,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Output, Snapshot
from tests.support.harness import did, follow, ignored, took

REST = "listening settled quiet"
HELLO, GOODBYE = TrackerHello(event_id="h1"), TrackerGoodbye(event_id="g1")


@pytest.fixture
def chart() -> type[Broker]:
    return Broker


def sessions(**topics: str) -> Mapping[str, frozenset[str]]:
    return immutabledict({client: frozenset(names.split()) for client, names in topics.items()})


def broker(chart: type[Broker], states: str = REST, **data: Any) -> Broker:
    server = chart()
    server.restore(Snapshot(tuple(states.split()), BrokerData(**data)))
    return server


def connacks(*clients: str) -> list[Output]:
    return [Output(CONNACK(accepted=accepted), client) for client in clients for accepted in (True, False)]


def subacks(*owed: tuple[str, str]) -> list[Output]:
    return [Output(SUBACK(topic=topic, accepted=accepted), to) for to, topic in owed for accepted in (True, False)]


def test_it_begins_at_rest(chart: type[Broker]) -> None:
    assert chart().snapshot() == Snapshot(tuple(REST.split()), BrokerData())
    assert chart().due() == ()


# Sessions.


def test_clients_connect(chart: type[Broker]) -> None:
    follow(
        chart(),
        took(CONNECT(), "accepting settled quiet", sender="anna", connacks=("anna",), due=connacks("anna")),
        took(CONNECT(), sender="bert", connacks=("anna", "bert"), due=connacks("anna", "bert")),
        did(CONNACK(), to="bert", sessions=sessions(bert=""), connacks=("anna",), due=connacks("anna")),
        did(CONNACK(), REST, to="anna", sessions=sessions(anna="", bert=""), connacks=()),
    )


def test_a_connection_can_be_refused(chart: type[Broker]) -> None:
    refused = CONNACK(accepted=False)
    follow(
        chart(),
        took(CONNECT(), "accepting settled quiet", sender="anna", connacks=("anna",), due=connacks("anna")),
        took(CONNECT(), sender="bert", connacks=("anna", "bert"), due=connacks("anna", "bert")),
        did(refused, to="anna", connacks=("bert",), due=connacks("bert")),
        did(refused, REST, to="bert", connacks=()),
        *ignored(SUBSCRIBE(topic="t"), sender="anna"),
    )


@pytest.mark.parametrize("end", [DISCONNECT(), ConnectionLost()], ids=["disconnect", "lost"])
def test_a_session_ends(chart: type[Broker], end: DISCONNECT | ConnectionLost) -> None:
    follow(
        broker(chart, sessions=sessions(anna="t u", bert="t")),
        took(end, sender="anna", sessions=sessions(bert="t")),
        *ignored(end, sender="anna"),
        took(end, sender="bert", sessions=sessions()),
        *ignored(end, sender="bert"),
    )


@pytest.mark.parametrize("end", [DISCONNECT(), ConnectionLost()], ids=["disconnect", "lost"])
def test_a_session_ends_before_it_began(chart: type[Broker], end: DISCONNECT | ConnectionLost) -> None:
    due = connacks("anna", "bert", "bert")[:4]
    follow(
        chart(),
        took(CONNECT(), "accepting settled quiet", sender="anna", connacks=("anna",), due=connacks("anna")),
        took(CONNECT(), sender="bert", connacks=("anna", "bert"), due=due),
        *ignored(end, sender="carl"),
        took(end, sender="anna", connacks=("bert",), due=connacks("bert")),
        took(end, REST, sender="bert", connacks=()),
    )


def test_the_end_of_one_session_leaves_others_waiting(chart: type[Broker]) -> None:
    follow(
        broker(chart, "accepting settled quiet", sessions=sessions(anna="t"), connacks=("bert",)),
        took(DISCONNECT(), sender="anna", sessions=sessions(), due=connacks("bert")),
        *ignored(ConnectionLost(), sender="anna"),
        due=connacks("bert"),
    )


ALL_OWED: dict[str, Any] = {
    "sessions": sessions(anna="tracker/hello", bert="tracker/hello"),
    "subacks": (("anna", "t"), ("bert", "t")),
    "outbox": (("anna", HELLO), ("bert", HELLO)),
}
TO_BERT: dict[str, Any] = {
    "sessions": sessions(bert="tracker/hello"),
    "subacks": (("bert", "t"),),
    "outbox": (("bert", HELLO),),
}
TO_NOBODY: dict[str, Any] = {"sessions": sessions(), "subacks": (), "outbox": ()}
DUE_TO_BERT = [*subacks(("bert", "t")), Output(HELLO, "bert")]


@pytest.mark.parametrize("end", [DISCONNECT(), ConnectionLost()], ids=["disconnect", "lost"])
def test_all_that_is_owed_ends_with_the_session(chart: type[Broker], end: DISCONNECT | ConnectionLost) -> None:
    server = broker(chart, "listening acknowledging forwarding", **ALL_OWED)
    follow(
        server,
        took(end, sender="anna", due=DUE_TO_BERT, **TO_BERT),
        took(end, REST, sender="bert", **TO_NOBODY),
        due=server.due(),
    )


def test_a_client_that_connects_anew_takes_its_session_over(chart: type[Broker]) -> None:
    server = broker(chart, "listening acknowledging forwarding", **ALL_OWED)
    follow(
        server,
        took(
            CONNECT(),
            "accepting acknowledging forwarding",
            sender="anna",
            connacks=("anna",),
            due=[*connacks("anna"), *DUE_TO_BERT],
            **TO_BERT,
        ),
        took(
            CONNECT(),
            "accepting settled quiet",
            sender="bert",
            connacks=("anna", "bert"),
            due=connacks("anna", "bert"),
            **TO_NOBODY,
        ),
        took(CONNECT(), sender="anna", connacks=("bert", "anna"), due=connacks("anna", "bert")),
        due=server.due(),
    )


# Subscriptions.


def test_clients_subscribe(chart: type[Broker]) -> None:
    follow(
        broker(chart, sessions=sessions(anna="", bert="")),
        took(
            SUBSCRIBE(topic="t"),
            "listening acknowledging quiet",
            sender="anna",
            subacks=(("anna", "t"),),
            due=subacks(("anna", "t")),
        ),
        took(
            SUBSCRIBE(topic="u"),
            sender="anna",
            subacks=(("anna", "t"), ("anna", "u")),
            due=subacks(("anna", "t"), ("anna", "u")),
        ),
        took(
            SUBSCRIBE(topic="t"),
            sender="bert",
            subacks=(("anna", "t"), ("anna", "u"), ("bert", "t")),
            due=subacks(("anna", "t"), ("anna", "u"), ("bert", "t")),
        ),
        did(
            SUBACK(topic="u"),
            to="anna",
            sessions=sessions(anna="u", bert=""),
            subacks=(("anna", "t"), ("bert", "t")),
            due=subacks(("anna", "t"), ("bert", "t")),
        ),
        did(
            SUBACK(topic="t"),
            to="anna",
            sessions=sessions(anna="t u", bert=""),
            subacks=(("bert", "t"),),
            due=subacks(("bert", "t")),
        ),
        did(
            SUBACK(topic="t", accepted=False),
            "listening settled quiet",
            to="bert",
            subacks=(),
        ),
    )


def test_who_has_no_session_cannot_subscribe(chart: type[Broker]) -> None:
    owed = subacks(("anna", "t"))
    follow(broker(chart), *ignored(SUBSCRIBE(topic="t"), sender="anna"))
    follow(
        broker(chart, "listening acknowledging quiet", sessions=sessions(anna=""), subacks=(("anna", "t"),)),
        *ignored(SUBSCRIBE(topic="t"), sender="bert"),
        due=owed,
    )


# Forwarding.


def one_of_each() -> dict[str, BusEvent]:
    special: dict[type[BusEvent], BusEvent] = {
        ClientJoinRequested: ClientJoinRequested(client="anna", hash_algorithm="md5"),
        ClientJoinAccepted: ClientJoinAccepted(client="anna", fragment_size=1),
        ClientJoinDenied: ClientJoinDenied(client="anna", reason_code=ReasonCode.OTHER),
        ClientRegistered: ClientRegistered(client="anna", info=ClientMetadata()),
        FileInfoPublished: FileInfoPublished(hash="f", size=1),
    }
    return {
        kind.__name__: special.get(kind) or (kind(client="anna") if issubclass(kind, ClientEvent) else kind())
        for kind in BUS_EVENTS
    }


EVENTS = one_of_each()


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_passed_on_to_everybody_who_subscribed(chart: type[Broker], name: str) -> None:
    event, topic = EVENTS[name], EVENTS[name].topic
    both = [Output(event, "anna"), Output(event, "bert")]
    follow(
        broker(chart, sessions=sessions(tracker="", anna=topic, bert=topic, carl="other")),
        *ignored(event, sender="dora"),
        took(
            event, "listening settled forwarding", sender="tracker", outbox=(("anna", event), ("bert", event)), due=both
        ),
        took(
            event, sender="bert", outbox=(("anna", event), ("bert", event), ("anna", event), ("bert", event)), due=both
        ),
        *ignored(event, sender="dora"),
        did(event, to="bert", outbox=(("anna", event), ("anna", event), ("bert", event)), due=both),
        did(event, to="anna", outbox=(("anna", event), ("bert", event)), due=both),
        did(event, to="anna", outbox=(("bert", event),), due=both[1:]),
        did(event, REST, to="bert", outbox=()),
    )


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_that_nobody_wants_goes_nowhere(chart: type[Broker], name: str) -> None:
    event = EVENTS[name]
    follow(
        broker(chart, sessions=sessions(tracker="", anna="other")),
        took(event, sender="tracker"),
        *ignored(event, sender="dora"),
    )
    other = ClientGoodbye(client="x") if event.topic == HELLO.topic else HELLO
    owed = [Output(other, "anna")]
    follow(
        broker(chart, "listening settled forwarding", sessions=sessions(anna=other.topic), outbox=(("anna", other),)),
        took(event, sender="anna", due=owed),
        *ignored(event, sender="dora"),
        due=owed,
    )


def test_each_receiver_gets_events_in_their_order(chart: type[Broker]) -> None:
    server = broker(
        chart,
        "listening settled forwarding",
        sessions=sessions(tracker="", anna="tracker/hello tracker/goodbye", bert="tracker/goodbye"),
        outbox=(("anna", HELLO),),
    )
    to_anna, to_bert = ("anna", GOODBYE), ("bert", GOODBYE)
    follow(
        server,
        took(
            GOODBYE,
            sender="tracker",
            outbox=(("anna", HELLO), to_anna, to_bert),
            due=[Output(HELLO, "anna"), Output(GOODBYE, "bert")],
        ),
        did(HELLO, to="anna", outbox=(to_anna, to_bert), due=[Output(GOODBYE, "anna"), Output(GOODBYE, "bert")]),
        did(GOODBYE, to="anna", outbox=(to_bert,), due=[Output(GOODBYE, "bert")]),
        did(GOODBYE, REST, to="bert", outbox=()),
        due=[Output(HELLO, "anna")],
    )


def test_a_publisher_gets_its_own_event_if_it_subscribed(chart: type[Broker]) -> None:
    goodbye = ClientGoodbye(client="anna")
    follow(
        broker(chart, sessions=sessions(anna="clients/goodbye")),
        took(goodbye, "listening settled forwarding", sender="anna", outbox=(("anna", goodbye),)),
        did(goodbye, REST, to="anna", outbox=()),
    )
