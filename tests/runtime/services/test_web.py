"""What is seen of a service from outside."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from machines import ClientMetadata
from runtime.services.members import MembersSettings, NoAnswerError, members
from runtime.services.settings import SettingsError
from runtime.services.web import served
from tests.support.brokers import KINDS, a_broker
from tests.support.mqtt_clients import live
from tests.support.services import Running, a_bus


async def got(port: int, request: str, accept: str = "*/*") -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    head, _, body = text.partition("\r\n\r\n")
    return int(head.split(" ")[1]), body


@pytest.mark.parametrize("kind", KINDS)
@live
async def test_what_a_service_tells(kind: str, tmp_path: Path) -> None:
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        one = bus.torrent("<one>", timeout=0.3)
        async with served(one.service, "127.0.0.1", 0) as port:
            assert port
            await one.until(lambda: one.status.joins["timed out"] >= 1)
            status, why = await got(port, "GET /healthz")
            assert status == 503
            assert "no answer to the request in time" in why
            tracker = await bus.tracker().member()
            await one.member()
            assert await got(port, "GET /healthz") == (200, "ok\n")
            state = json.loads((await got(port, "GET /state"))[1])
            assert (state["member"], state["why_not"], state["state"]) == (True, "", "registered")
            assert state["members"] == {"<one>": {"endpoints": ["http://<one>/"], "fragments": 1}}
            assert any("!ClientJoinRequested" in line for line in state["recent"])
            _, page = await got(port, "GET /state", "text/html")
            assert "<h1>torrent server &lt;one&gt;</h1>" in page
            assert "<one>" not in page
            await metrics(port)
            assert (await got(port, "GET /"))[0] == 404
            assert (await got(port, "POST /state"))[0] == 405
            assert await got(port, "HEAD /state") == (200, "")
            assert (await got(port, "nonsense /"))[0] == 405
            await told(tracker)


async def metrics(port: int) -> None:
    _, text = await got(port, "GET /metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['clientjoin_state{state="registered"}'] == "1.0"
    assert lines['clientjoin_state{state="offline"}'] == "0.0"
    assert lines['clientjoin_joins_total{outcome="registered"}'] == "1.0"
    assert float(lines['clientjoin_joins_total{outcome="timed out"}']) >= 1
    assert lines['clientjoin_transitions_total{action="?ClientRegistered"}'] == "1.0"
    assert float(lines['clientjoin_state_seconds_total{state="awaiting_answer"}']) > 0
    assert lines["clientjoin_member"] == lines["clientjoin_clients"] == "1.0"


async def told(tracker: Running) -> None:
    async with served(tracker.service, "127.0.0.1", 0) as port:
        assert port
        state = json.loads((await got(port, "GET /state"))[1])
        assert (state["role"], state["member"], list(state["members"])) == ("tracker", True, ["<one>"])


@live
async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    async with a_broker("embedded", tmp_path) as address, a_bus(address) as bus:
        one = bus.torrent("one")
        with pytest.raises(SettingsError, match=r"--metrics \d+: cannot listen on 127.0.0.1: .*in use"):
            async with served(one.service, "127.0.0.1", address.port):
                pass


def asking(url: str, **more: Any) -> MembersSettings:
    return MembersSettings(**{"broker": url, **more})


@pytest.mark.parametrize("kind", KINDS)
@live
async def test_members_are_told_and_nobody_notices(kind: str, tmp_path: Path) -> None:
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        url = f"mqtt://127.0.0.1:{address.port}"
        with pytest.raises(NoAnswerError, match=r"no tracker answered within 0.3 s at mqtt://"):
            await members(asking(url, patience=0.3))
        tracker = await bus.tracker().member()
        one = await bus.torrent("one").member()
        for _ in range(2):
            found = await members(asking(url))
            assert {name: info.endpoints for name, info in found.items()} == {"one": frozenset({"http://one/"})}
            assert isinstance(found["one"], ClientMetadata)
        await tracker.until(lambda: not tracker.server.view.admissions)
        assert set(one.server.view.clients) == set(tracker.server.view.clients) == {"one"}
        with pytest.raises(NoAnswerError, match="the tracker denied it: HashAlgorithm is 'md5'"):
            await members(asking(url, hash_algorithm="md5"))
    with pytest.raises(NoAnswerError, match="cannot be reached"):
        await members(asking(url))
