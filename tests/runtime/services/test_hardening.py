"""What a service does that the protocol as drawn does not: nobody stays out, and nobody dead stays in.

Each on Mosquitto and on the embedded broker.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from machines import (
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    TrackerGoodbye,
    TrackerHello,
)
from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import FaultPlan, parse_fault
from runtime.mqtt.session import BrokerAddress, Session
from runtime.services.supervisor import Exit
from runtime.wire.events import encode
from tests.support.brokers import KINDS, a_broker
from tests.support.latency import distant
from tests.support.mqtt_clients import live
from tests.support.services import Running, a_bus, until, view_of

each_broker = pytest.mark.parametrize("kind", KINDS)


@each_broker
@live
async def test_a_tracker_and_two_torrent_servers_agree(kind: str, tmp_path: Path) -> None:
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        one, two = bus.torrent("one"), bus.torrent("two")
        tracker = await bus.tracker().member()
        for running in (one, two):
            await running.member()
            await running.members("one", "two")
        assert view_of(one) == view_of(two) == view_of(tracker)
        assert await one.stop() is Exit.STOPPED
        await two.members("two")
        await tracker.members("two")
        assert tracker.status.why() == ""


@live
async def test_an_answer_that_is_lost_is_asked_for_again() -> None:
    """R4: as drawn, it would wait for the next TrackerHello for ever."""
    plan = FaultPlan([parse_fault("ClientJoinAccepted@from-broker:one#1", "lose")])
    async with EmbeddedBroker(faults=plan) as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        tracker = await bus.tracker(timeout=0.3).member()
        one = await bus.torrent("one", timeout=0.3).member()
        assert not plan.unused()
        assert one.status.joins["timed out"] == 1
        assert one.status.joins["requested"] == 2
        assert tracker.status.moves["!TrackerHello"] == 1


@each_broker
@live
async def test_nobody_stays_out_because_the_tracker_came_late(kind: str, tmp_path: Path) -> None:
    """R10: the tracker answers only after the clocks of those who asked. Its hello is heard by nobody here."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        one = bus.torrent("one", timeout=0.2)
        await one.until(lambda: one.status.joins["timed out"] >= 2)
        assert "no answer to the request in time" in one.status.why()
        tracker = bus.tracker()
        await one.member()
        await tracker.members("one")
        assert one.status.why() == ""


@each_broker
@live
async def test_a_dead_member_leaves_and_its_successor_joins(kind: str, tmp_path: Path) -> None:
    """R5: the same endpoint under another identifier."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker().member()
        other = await bus.torrent("other").member()
        dead = await bus.torrent("dead", endpoint=("http://same/",)).member()
        successor = bus.torrent("successor", endpoint=("http://same/",))
        await successor.until(lambda: successor.status.joins["denied"] >= 1)
        assert "ENDPOINT_CONFLICT: Endpoint 'http://same/' is that of client 'dead'" in successor.status.why()
        await dead.kill()
        await successor.member()
        for running in (tracker, other, successor):
            await running.members("other", "successor")


@each_broker
@live
async def test_a_late_will_removes_nobody_whose_owner_is_back(kind: str, tmp_path: Path) -> None:
    """Fault 42: a broker may notice the end of a connection long after its client came back by another one."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker().member()
        other = await bus.torrent("other").member()
        one = await bus.torrent("one").member()
        before = one.server.charts["client"].data.session
        await one.server.reconnect()
        await one.until(lambda: one.server.where == ("registered",))
        now = one.server.charts["client"].data.session
        assert before != now
        sender = Session(address, "late", 2)
        await sender.connect()

        async def will(session: str, event: str) -> None:
            said = {
                "EventId": f"{event}000000-0000-4000-8000-000000000000",
                "ClientIdentifier": "one",
                "Session": session,
            }
            await sender.publish(ClientGoodbye.topic, json.dumps(said).encode())

        seen = tracker.status.moves["?ClientGoodbye"]
        await will(before, "11")
        await tracker.until(lambda: tracker.status.moves["?ClientGoodbye"] > seen)
        for running in (tracker, other):
            await running.members("one", "other")
        await will(now, "22")
        for running in (tracker, other):
            await running.members("other")
        await sender.disconnect()


@each_broker
@live
async def test_who_is_stopped_while_it_joins_leaves_no_ghost(kind: str, tmp_path: Path) -> None:
    """R6: SIGTERM while it awaits its registration."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker().member()
        other = await bus.torrent("other").member()
        for attempt in range(4):
            await _stopped_while_it_joins(bus.torrent(f"one-{attempt}"))
        for running in (tracker, other):
            await running.members("other")


@each_broker
@live
async def test_the_older_of_two_trackers_steps_down(kind: str, tmp_path: Path) -> None:
    """R7, fault 38: as drawn all would leave the first one when the second leaves, and stay out."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        first = await bus.tracker(id="first").member()
        one = await bus.torrent("one").member()
        second = await bus.tracker(id="second").member()
        assert await first.ends() is Exit.SUPERSEDED
        assert "another tracker has said hello" in first.status.why()
        await second.members("one")
        await one.member()
        assert await second.stop() is Exit.STOPPED
        await one.until(lambda: not one.status.is_member)
        third = bus.tracker(id="third")
        await one.until(lambda: one.status.is_member)
        await third.members("one")


@each_broker
@live
async def test_what_an_older_tracker_says_is_skipped(kind: str, tmp_path: Path) -> None:
    """Fault 38: it has registered a client, or was stopped, before it read the newer one's hello."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        first = await bus.tracker(id="first").member()
        older = first.server.charts["client"].data.session
        one = await bus.torrent("one").member()
        second = await bus.tracker(id="second").member()
        newer = second.server.charts["client"].data.session
        await one.member()
        await second.members("one")
        assert older not in {"", newer}
        assert one.server.charts["client"].data.tracker == newer
        sender = Session(address, "late", 2)
        await sender.connect()
        for session, seen in ((older, 1), ("", 2)):
            info = {"Endpoints": ["http://ghost/"], "StoredFragments": []}
            of = {"ClientIdentifier": f"ghost-{seen}", "Info": info, "AddedFiles": {}, "AddedFragments": {}}
            await sender.publish(ClientRegistered.topic, _said(f"1{seen}", session, of))
        await one.members("ghost-2", "one")
        await sender.publish(TrackerGoodbye.topic, _said("21", older, {}))
        await sender.publish(ClientRegistered.topic, _said("13", newer, {**of, "ClientIdentifier": "ghost-3"}))
        await one.members("ghost-2", "ghost-3", "one")
        assert one.server.where == ("registered",)
        await sender.publish(TrackerGoodbye.topic, _said("22", newer, {}))
        await one.until(lambda: not one.status.is_member)
        await sender.disconnect()


def _said(event: str, session: str, more: Mapping[str, object]) -> bytes:
    named = {"Session": session} if session else {}
    return json.dumps({"EventId": f"{event}000000-0000-4000-8000-000000000000", **more, **named}).encode()


@live
async def test_a_tracker_whose_own_hello_is_lost_does_not_serve() -> None:
    """Fault 38: it cannot know who is later. It connects again, and the older one steps down for it."""
    plan = FaultPlan([parse_fault("TrackerHello@from-broker:second#1", "lose")])
    async with EmbeddedBroker(faults=plan) as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        first = await bus.tracker(id="first").member()
        second = bus.tracker(id="second")
        second.service.supervisor.hears_within = 0.3
        await second.until(lambda: second.server.where == ("awaiting_its_hello",))
        assert not second.status.is_member
        assert "awaits its own hello" in second.status.why()
        one = bus.torrent("one", timeout=0.3)
        assert await first.ends() is Exit.SUPERSEDED
        await second.member()
        await one.member()
        await second.members("one")
        assert not plan.unused()
        assert (second.status.moves["!TrackerHello"], second.status.reconnects) == (2, 1)


@each_broker
@live
async def test_of_trackers_that_start_at_once_one_is_left(kind: str, tmp_path: Path) -> None:
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        trackers = [bus.tracker(id=f"tracker-{number}") for number in range(4)]
        await until(lambda: sum(running.task.done() for running in trackers) == 3)
        assert [running.task.result() for running in trackers if running.task.done()] == [Exit.SUPERSEDED] * 3
        (left,) = (running for running in trackers if not running.task.done())
        await bus.torrent("one").member()
        await left.members("one")


@each_broker
@live
async def test_two_services_on_one_broker_do_not_meet(kind: str, tmp_path: Path) -> None:
    """R8: the same identifiers, under two prefixes."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        places = {prefix: (bus.tracker(prefix=prefix), bus.torrent("one", prefix=prefix)) for prefix in ("a", "b/c")}
        for tracker, one in places.values():
            await one.member()
            await tracker.members("one")
        assert await places["a"][0].stop() is Exit.STOPPED
        await places["a"][1].until(lambda: not places["a"][1].status.is_member)
        assert places["b/c"][1].status.is_member
        assert all(running.status.reconnects == 0 for pair in places.values() for running in pair)


@each_broker
@live
async def test_with_a_topic_for_each_client_nobody_speaks_for_another(kind: str, tmp_path: Path) -> None:
    """Fault 31: what names another client than its topic is refused, and who is not meant hears no answer."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker(topic_per_client=True).member()
        one = await bus.torrent("one", topic_per_client=True).member()
        two = await bus.torrent("two", topic_per_client=True).member()
        await tracker.members("one", "two")
        assert one.status.moves[f"?{ClientJoinAccepted.__name__}"] == 1
        spoofer = Session(address, "two-too", 2)
        await spoofer.connect()
        said = {"EventId": "11000000-0000-4000-8000-000000000000", "ClientIdentifier": "one"}
        await spoofer.publish(f"{ClientGoodbye.topic}/two", json.dumps(said).encode())
        await until(lambda: bool(tracker.server.refusals.total and one.server.refusals.total))
        assert [kind for _, kind in tracker.server.refusals.counts] == ["wrong-client"]
        assert set(tracker.server.view.clients) == {"one", "two"}
        assert two.status.is_member
        await spoofer.disconnect()


async def _stopped_while_it_joins(one: Running) -> None:
    await one.until(lambda: one.server.where[0] in {"awaiting_registration", "registered"})
    assert await one.stop() is Exit.STOPPED


@pytest.mark.parametrize("qos", [0, 1, 2])
@each_broker
@live
async def test_who_asks_just_after_the_hello_is_answered(kind: str, qos: int, tmp_path: Path) -> None:
    """The tracker is far from the broker, the client near, and asks but once: nothing overtakes the hello."""
    request = ClientJoinRequested(event_id=str(uuid4()), client="near", hash_algorithm="sha-256")
    async with a_broker(kind, tmp_path) as address, distant(address, 0.05) as far, a_bus(far) as bus:
        near = Session(address, "near", qos)
        await near.connect()
        for event in (TrackerHello, ClientJoinAccepted):
            await near.subscribe(event.topic)
        bus.tracker()
        async for topic, _ in near.messages():
            if topic == ClientJoinAccepted.topic:
                break
            await near.publish(request.topic, encode(request))
        await near.crash()


@each_broker
@live
async def test_a_goodbye_with_less_qos_overtakes_no_registration(kind: str, tmp_path: Path) -> None:
    """A member far from the broker hears that a client is registered, and then that it leaves."""
    event_id = str(uuid4())
    request = ClientJoinRequested(event_id=event_id, client="near", hash_algorithm="sha-256")
    replies = {
        ClientJoinAccepted.topic: ClientJoinSucceeded(event_id=event_id, client="near"),
        ClientRegistered.topic: ClientGoodbye(event_id=event_id, client="near"),
    }
    async with a_broker(kind, tmp_path) as address, distant(address, 0.05) as far, a_bus(address) as bus:
        await bus.tracker().member()
        async with a_bus(far) as there:
            member = await there.torrent("member").member()
            near = Session(address, "near", 0)
            await near.connect()
            for topic in replies:
                await near.subscribe(topic)
            await near.publish(request.topic, encode(request))
            async for topic, _ in near.messages():
                await near.publish(replies[topic].topic, encode(replies[topic]))
                if topic == ClientRegistered.topic:
                    break
            moves = member.status.moves
            await member.until(lambda: moves["?ClientGoodbye"] > 0 and moves["?ClientRegistered"] > 1)
            await member.members("member")
            await near.crash()
