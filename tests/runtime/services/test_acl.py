"""The rules of access on a real Mosquitto: each allowed action works, each forbidden one is denied, for every topic."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from machines.events import BUS_EVENTS, TORRENT, TRACKER, ClientGoodbye
from machines.torrent_server import TOPICS as OF_TORRENTS
from machines.tracker import TOPICS as OF_TRACKERS
from runtime.mqtt.session import BrokerAddress, RefusedError, Session, Will
from runtime.services.acl import FORMS, acl, rights
from runtime.services.supervisor import Exit
from runtime.services.topics import ADDRESSED, OWN, Topics
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_clients import live
from tests.support.programs import needed
from tests.support.services import a_bus

USERS = ("tracker", "one", "two")
EVERY = [Topics(), Topics("plant/a"), Topics("", per_client=True), Topics("plant/a", per_client=True)]
END = "end/of/test"
kinds = pytest.mark.parametrize("topics", EVERY, ids=["plain", "prefix", "per-client", "both"])


@asynccontextmanager
async def guarded(topics: Topics, folder: Path) -> AsyncIterator[Mosquitto]:
    """Mosquitto with these rules, and users whose password is their name."""
    passwords, rules = folder / "passwords", folder / "acl"
    users = [topics.client_id(name) for name in USERS]
    passwords.write_text("".join(f"{user}:{user}\n" for user in [*users, "all-knowing"]))
    hashed = await asyncio.create_subprocess_exec(needed("mosquitto_passwd"), "-U", passwords)
    assert await hashed.wait() == 0
    rules.write_text(acl("mosquitto", topics) + f"\nuser all-knowing\ntopic readwrite #\n\npattern readwrite {END}\n")
    lines = f"allow_anonymous false\nuse_username_as_clientid true\npassword_file {passwords}\nacl_file {rules}\n"
    mosquitto = Mosquitto(needed("mosquitto"), folder, lines)
    try:
        yield mosquitto
    finally:
        mosquitto.kill()


async def entered(mosquitto: Mosquitto, user: str, **more: object) -> Session:
    at = BrokerAddress("127.0.0.1", mosquitto.port, user, user)
    session = Session(at, user, 1, **more)  # type: ignore[arg-type]
    await session.connect()
    return session


async def passed_on(mosquitto: Mosquitto, by: Session, candidates: list[str]) -> set[str]:
    """Of these topics, those that a client's publications came through to."""
    hearer = await entered(mosquitto, "all-knowing")
    await hearer.subscribe("#")
    for topic in [*candidates, END]:
        await by.publish(topic, b"x")
    heard = set()
    async for topic, _ in hearer.messages():
        if topic == END:
            break
        heard.add(topic)
    await hearer.disconnect()
    return heard


def all_topics(topics: Topics) -> list[str]:
    """Every topic of the service, with each client at its end, with nobody, and beside it."""
    below = f"{topics.prefix}/" if topics.prefix else ""
    plain = [f"{below}{event.topic}" for event in BUS_EVENTS]
    ended = [f"{topic}/{topics.client_id(name)}" for topic in plain for name in USERS]
    return [*plain, *ended, f"{below}else", "else/where", "$share/x"]


@kinds
@live
async def test_who_may_publish_what(topics: Topics, tmp_path: Path) -> None:
    below = f"{topics.prefix}/" if topics.prefix else ""
    per_client = ADDRESSED | OWN if topics.per_client else frozenset[str]()
    sends = {
        TRACKER: [event.topic for event in BUS_EVENTS if event.publisher == TRACKER],
        TORRENT: [event.topic for event in BUS_EVENTS if event.publisher == TORRENT],
    }
    own = {
        name: {f"{below}{t}/{topics.client_id(name)}" if t in per_client else f"{below}{t}" for t in sends[TORRENT]}
        for name in USERS
    }
    answers = {f"{below}{t}/{topics.client_id(name)}" for t in sends[TRACKER] for name in USERS if t in per_client}
    told = {f"{below}{topic}" for topic in sends[TRACKER] if topic not in per_client}
    async with guarded(topics, tmp_path) as mosquitto:
        for name in USERS:
            session = await entered(mosquitto, topics.client_id(name))
            candidates = [topic for topic in all_topics(topics) if not topic.startswith("$")]
            expected = own[name] | ((answers | told) if name == "tracker" else set())
            assert await passed_on(mosquitto, session, candidates) == expected, name
            await session.disconnect()


@kinds
@live
async def test_who_may_read_what(topics: Topics, tmp_path: Path) -> None:
    """Faults 28 and 44: what is asked for in vain is refused, or never comes; wildcards bring nothing more."""
    below = f"{topics.prefix}/" if topics.prefix else ""
    per_client = ADDRESSED | OWN if topics.per_client else frozenset[str]()
    async with guarded(topics, tmp_path) as mosquitto:
        sender = await entered(mosquitto, "all-knowing")
        for name in USERS:
            session = await entered(mosquitto, topics.client_id(name))
            for wanted in ["#", *(f"{below}{event.topic}{end}" for event in BUS_EVENTS for end in ("", "/+"))]:
                try:
                    await session.subscribe(wanted)
                except RefusedError:
                    continue
            await session.subscribe(END)
            for topic in all_topics(topics)[:-1]:
                await sender.publish(topic, b"x")
            await sender.publish(END, b"x")
            heard = set()
            async for topic, _ in session.messages():
                if topic == END:
                    break
                heard.add(topic)
            mine = topics.client_id(name)
            reads = {f"{below}{t}" for t in OF_TORRENTS - per_client}
            reads |= {f"{below}{t}/{mine}" for t in OF_TORRENTS & ADDRESSED & per_client}
            reads |= {f"{below}{t}/{topics.client_id(n)}" for t in OF_TORRENTS & OWN & per_client for n in USERS}
            if name == "tracker":
                reads |= {f"{below}{t}" for t in OF_TRACKERS - per_client}
                reads |= {f"{below}{t}/{topics.client_id(n)}" for t in OF_TRACKERS & per_client for n in USERS}
            assert heard == reads, name
            await session.disconnect()
        await sender.disconnect()


@kinds
@live
async def test_services_work_behind_the_rules(topics: Topics, tmp_path: Path) -> None:
    """And a will on a topic that is not one's own is not said (fault 27)."""
    async with guarded(topics, tmp_path) as mosquitto, a_bus(BrokerAddress("127.0.0.1", mosquitto.port)) as bus:
        settings: dict[str, Any] = {"prefix": topics.prefix, "topic_per_client": topics.per_client}

        def address(name: str) -> BrokerAddress:
            user = topics.client_id(name)
            return BrokerAddress("127.0.0.1", mosquitto.port, user, user)

        bus.address = address("tracker")
        tracker = await bus.tracker(**settings).member()
        bus.address = address("one")
        one = await bus.torrent("one", **settings).member()
        bus.address = address("two")
        two = await bus.torrent("two", **settings).member()
        for running in (tracker, one, two):
            await running.members("one", "two")
        await one.kill()
        await tracker.members("two")
        said = json.dumps({"EventId": str(uuid4()), "ClientIdentifier": "two"}).encode()
        goodbye = f"{topics.prefix}/" if topics.prefix else ""
        forged = f"{goodbye}tracker/goodbye"
        dying = await entered(mosquitto, topics.client_id("one"), will=Will(forged, said))
        await dying.crash()
        again = await entered(mosquitto, topics.client_id("one"))
        if topics.per_client:
            await again.publish(f"{goodbye}{ClientGoodbye.topic}/{topics.client_id('two')}", said)
        await again.disconnect()
        await asyncio.sleep(0.2)
        assert two.status.is_member
        assert set(tracker.server.view.clients) == {"two"}
        assert await two.stop() is Exit.STOPPED
        await tracker.members()


@live
async def test_a_client_takes_nobodys_place(tmp_path: Path) -> None:
    """Faults 29 and 30: the identifier is the user's, and a wrong password disturbs nobody."""
    async with guarded(Topics(), tmp_path) as mosquitto:
        one = await entered(mosquitto, "one")
        at = BrokerAddress("127.0.0.1", mosquitto.port, "two", "two")
        taker = Session(at, "one", 1)
        await taker.connect()
        wrong = Session(BrokerAddress("127.0.0.1", mosquitto.port, "one", "guess"), "one", 1)
        with pytest.raises(RefusedError):
            await wrong.connect()
        await one.publish("clients/goodbye", b"x")
        await taker.disconnect()
        await one.disconnect()


def test_the_rules_are_the_charts_alphabet() -> None:
    made = list(rights(Topics(per_client=True)))
    assert {(one.role, one.topic) for one in made if one.action == "publish"} == {
        ("tracker" if event.publisher == TRACKER else "torrent", event.topic) for event in BUS_EVENTS
    }
    assert all(one.last == "own" for one in made if (one.role, one.action) == ("torrent", "publish"))
    for form in FORMS:
        text = acl(form, Topics("a/b", per_client=True), "chief")
        assert "a-b-chief" in text
        assert text.count("clients/join/accepted") == 2
        with pytest.raises(ValueError, match="cannot be named in an access control file"):
            acl(form, Topics(), "with blank")
    assert acl("emqx", Topics()).endswith("{deny, all}.\n")
