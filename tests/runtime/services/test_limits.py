"""Limits before trust: what would not fit is denied with a reason before anything is admitted."""

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutabledict import immutabledict

from machines import (
    ClientJoinAccepted,
    ClientJoinRequested,
    ClientRegistered,
    FileMetadata,
    FragmentMetadata,
    JoinConflicts,
    JoinPossible,
    ReasonCode,
    View,
)
from machines import rules as of_view
from machines.limits import Limits
from runtime.mqtt.session import Session
from runtime.services.share import Shared
from runtime.wire.events import encode
from tests.support.brokers import KINDS, a_broker
from tests.support.mqtt_clients import live
from tests.support.services import a_bus, until

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
SIZES = st.integers(0, 2**63 - 1)
FILES = st.dictionaries(TEXT, st.builds(FileMetadata, SIZES, st.lists(TEXT, max_size=3).map(tuple)), max_size=4)
FRAGMENTS = st.dictionaries(TEXT, st.builds(FragmentMetadata, SIZES), max_size=4)


def asked(client: str, **offer: object) -> ClientJoinRequested:
    return ClientJoinRequested(client=client, hash_algorithm="sha-256", **offer)  # type: ignore[arg-type]


@given(TEXT, FILES, FRAGMENTS, st.frozensets(TEXT, max_size=3), st.integers(0, 3000))
def test_what_is_admitted_can_be_told(
    client: str,
    files: dict[str, FileMetadata],
    fragments: dict[str, FragmentMetadata],
    endpoints: frozenset[str],
    most: int,
) -> None:
    """The largest event that follows, an acceptance of a client that knows nothing, is within the limit."""
    view = View(fragment_size=1, limits=Limits(event_bytes=most))
    offer = {"known_file_infos": immutabledict(files), "stored_fragments": immutabledict(fragments)}
    view, answer = of_view.admit(view, asked(client, **offer, endpoints=endpoints, request_id="s-1"))
    if isinstance(answer, JoinConflicts):
        assert answer.reason_code is ReasonCode.OTHER
        assert f"have at most {most} bytes" in answer.reason
        assert view.admissions == {}
        return
    view, registered = of_view.register(view, client)
    _, next_one = of_view.admit(view, asked("x"))
    told: list[ClientRegistered | ClientJoinAccepted] = [registered.registered]
    if isinstance(next_one, JoinPossible):
        told.append(next_one.acceptance)
    for event in told:
        stamped = replace(event, event_id=str(uuid4()))
        assert len(encode(stamped)) <= most


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(clients=1), "at most 1 clients, and would have 2"),
        (Limits(files=2), "at most 2 files, and would have 3"),
        (Limits(fragments=1), "at most 1 fragments, and would have 2"),
        (Limits(endpoints=1), "at most 1 endpoints of a client, and would have 2"),
        (Limits(event_bytes=700), "events have at most 700 bytes"),
    ],
)
def test_each_limit_is_a_reason(limits: Limits, said: str) -> None:
    """What others were promised counts, and who asks anew is counted once."""
    offer = {
        "known_file_infos": immutabledict({"b": FileMetadata(1), "c": FileMetadata(1)}),
        "stored_fragments": immutabledict({"g": FragmentMetadata(1)}),
        "endpoints": frozenset({"http://b/1", "http://b/2"}),
    }
    first = View(fragment_size=1, limits=Limits())
    first, _ = of_view.admit(
        first,
        asked(
            "a",
            known_file_infos=immutabledict({"a": FileMetadata(1)}),
            stored_fragments=immutabledict({"f": FragmentMetadata(1)}),
        ),
    )
    view = View(fragment_size=1, admissions=first.admissions, limits=limits)
    after, denied = of_view.admit(view, asked("b", **offer))
    assert isinstance(denied, JoinConflicts)
    assert said in denied.reason
    assert after == view
    open_view = View(fragment_size=1, admissions=first.admissions)
    assert isinstance(of_view.admit(open_view, asked("b", **offer))[1], JoinPossible)
    assert isinstance(of_view.admit(view, asked("a"))[1], JoinPossible)


def big(name: str, files: int) -> Shared:
    return Shared({f"{name}-{n:060}": FileMetadata(n, (f"{n:064}",)) for n in range(files)})


@pytest.mark.parametrize("kind", KINDS)
@live
async def test_one_large_member_does_not_end_the_service(kind: str, tmp_path: Path) -> None:
    """R3: a request that fits, though what would follow from it does not."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker(max_payload=64 * 1024).member()
        large = bus.torrent("large", big("large", 350))
        await large.until(lambda: large.status.joins["denied"] >= 1)
        assert "the service's events have at most 65536 bytes" in large.status.why()
        await bus.torrent("one").member()
        await bus.torrent("two").member()
        await tracker.members("one", "two")


@pytest.mark.parametrize("kind", KINDS)
@live
async def test_a_payload_beyond_the_limit_is_refused(kind: str, tmp_path: Path) -> None:
    """Faults 18 to 23, R16: none of it is an event, and the service goes on."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker(max_payload=64 * 1024).member()
        sender = Session(address, "sender", 2)
        await sender.connect()
        payloads = {
            b"{" + b" " * 70_000: "too-large",
            b"hello": "not-json",
            b"[" * 40: "too-deep",
            b'{"a":1,"a":2}': "duplicate-key",
            b'{"a":NaN}': "not-finite",
            b"\xff": "not-utf8",
            b"": "not-json",
            b"{}": "missing-property",
            json.dumps({"EventId": str(uuid4()), "ClientIdentifier": ""}).encode(): "empty",
        }
        for payload in payloads:
            await sender.publish("clients/goodbye", payload)
        await until(lambda: tracker.server.refusals.total == len(payloads))
        assert sorted(kind for _, kind in tracker.server.refusals.counts.elements()) == sorted(payloads.values())
        await bus.torrent("one").member()
        await sender.disconnect()


@live
async def test_a_large_event_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """R16, R17: 10,000 files; who is not meant does not read what others are answered."""
    async with a_broker("mosquitto", tmp_path) as address, a_bus(address) as bus:
        tracker = await bus.tracker(max_payload=32 * 1024 * 1024, timeout=20.0).member()
        first = await bus.torrent("first", big("first", 10_000), max_payload=32 * 1024 * 1024, timeout=20.0).member()
        pauses: list[float] = []

        async def look() -> None:
            while True:
                before = time.monotonic()
                await asyncio.sleep(0.001)
                pauses.append(time.monotonic() - before)

        looking = asyncio.create_task(look())
        second = await bus.torrent("second", max_payload=32 * 1024 * 1024, timeout=20.0).member()
        looking.cancel()
        assert len(second.server.view.files) == 10_001
        assert first.status.moves["?ClientJoinAccepted"] == 1
        assert first.server.refusals.total == second.server.refusals.total == tracker.server.refusals.total == 0
        assert len(pauses) > 10
