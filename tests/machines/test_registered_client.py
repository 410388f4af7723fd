"""The MQTT client of a registered client: what it ignores, what it learns, and how it ceases to be one."""

from dataclasses import replace

import pytest

from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBSCRIBE,
    AddClient,
    AddFile,
    ConnectionLost,
    DescribeView,
    RemoveClient,
    Start,
    Stop,
)
from machines.events import (
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientMetadata,
    ClientRegistered,
    FileInfoPublished,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Decision, Snapshot, decision_table
from machines.registered_client import RegisteredClient
from machines.torrent_server import TOPICS, TorrentServer, TorrentServerData
from tests.support.harness import did, follow, ignored, took

ACCEPTED = ClientJoinAccepted(client="anna", fragment_size=512)
DENIED = ClientJoinDenied(client="anna", reason_code=ReasonCode.ENDPOINT_CONFLICT)
REGISTERED = ClientRegistered(client="anna", info=ClientMetadata())
LEFT = ClientGoodbye(client="anna")
FILE = FileInfoPublished(hash="g", size=9)


@pytest.fixture
def chart() -> type[RegisteredClient]:
    return RegisteredClient


def test_it_begins_registered(chart: type[RegisteredClient]) -> None:
    assert chart("carl").snapshot() == Snapshot(("registered",), TorrentServerData("carl"))
    assert chart("carl", "offline").snapshot() == Snapshot(("offline",), TorrentServerData("carl"))


def test_it_sees_another_client_come_and_go(chart: type[RegisteredClient]) -> None:
    follow(
        chart("carl"),
        *ignored(ACCEPTED),
        *ignored(DENIED),
        took(REGISTERED, "updating_view", news=REGISTERED),
        did(AddClient(registered=REGISTERED), "registered", news=None),
        took(FILE, "updating_view", news=FILE),
        did(AddFile(published=FILE), "registered", news=None),
        took(LEFT, "updating_view", news=LEFT),
        did(RemoveClient(client="anna"), "registered", news=None),
    )


def test_what_concerns_itself_is_known_already(chart: type[RegisteredClient]) -> None:
    follow(
        chart("carl"),
        *ignored(*(replace(event, client="carl") for event in (ACCEPTED, DENIED, REGISTERED, LEFT))),
    )


def test_it_joins_again_when_the_tracker_changes(chart: type[RegisteredClient]) -> None:
    hello = took(TrackerHello(event_id="h1"), "describing_view", hello="h1")
    follow(chart("carl"), hello, did(DescribeView(), "awaiting_description"))
    follow(chart("carl"), took(TrackerGoodbye(), "awaiting_hello"), hello, did(DescribeView(), "awaiting_description"))


def test_it_says_goodbye(chart: type[RegisteredClient]) -> None:
    follow(
        chart("carl"),
        took(Stop(), "saying_goodbye"),
        did(ClientGoodbye(client="carl"), "disconnecting"),
        did(DISCONNECT(), "offline"),
    )


def test_it_starts_again_after_its_connection_was_lost(chart: type[RegisteredClient]) -> None:
    follow(
        chart("carl"),
        took(ConnectionLost(), "offline"),
        took(Start(), "connecting", unsubscribed=TOPICS, unacknowledged=TOPICS),
        did(CONNECT(), "awaiting_connack"),
        took(CONNACK(), "subscribing", due=[SUBSCRIBE(topic=topic) for topic in TOPICS]),
    )


def test_it_decides_as_a_torrent_server_does() -> None:
    def decisions(chart: type[TorrentServer]) -> dict[str, dict[str, Decision | None]]:
        table = decision_table(chart)
        return {at: {message.__name__: cell.otherwise for message, cell in row.items()} for at, row in table.items()}

    assert decisions(RegisteredClient) == decisions(TorrentServer)
