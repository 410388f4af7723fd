"""Connections that break again and again: why is said, and when it passes everybody joins."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

from runtime.mqtt.session import BrokerAddress
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_clients import live
from tests.support.services import a_bus, shared, until

PUBREC, PUBCOMP = 5, 7


@contextmanager
def a_mosquitto(program: str, folder: Path, more: str) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(program, folder, more)
    try:
        yield mosquitto
    finally:
        mosquitto.kill()


@live
async def test_certificates_that_are_renewed_are_read_again(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 32: expired ones, of the broker and of a member, end nothing: who renews them need restart nobody."""
    authority, now = trustme.CA(), dt.datetime.now(dt.UTC)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    def issue(name: str, host: str, days: int) -> None:
        made = authority.issue_cert(host, not_after=now + dt.timedelta(days=days))
        made.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        made.private_key_pem.write_to_path(tmp_path / f"{name}.key")

    issue("broker", "127.0.0.1", -1)
    issue("member", "member.example", -1)
    files = f"certfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key\ncafile {tmp_path}/ca.pem\n"
    with a_mosquitto(mosquitto_program, tmp_path, f"{files}require_certificate true\n") as mosquitto:
        own: dict[str, Any] = {
            "cafile": tmp_path / "ca.pem",
            "cert": tmp_path / "member.pem",
            "key": tmp_path / "member.key",
        }
        async with a_bus(BrokerAddress("127.0.0.1", mosquitto.port, tls=True)) as bus:
            url = f"mqtts://127.0.0.1:{mosquitto.port}"
            tracker, one = bus.tracker(broker=url, **own), bus.torrent("one", broker=url, **own)
            await until(lambda: "certificate has expired" in one.status.why())
            assert "or is the clock of this machine wrong?" in one.status.why()
            issue("broker", "127.0.0.1", 1)
            mosquitto.kill()
            mosquitto.start()
            await until(lambda: "alert certificate expired" in one.status.why())
            (tmp_path / "member.key").write_text("half a file")
            before = one.status.reconnects
            await until(lambda: one.status.reconnects > before)
            issue("member", "member.example", 1)
            await one.member()
            await tracker.members("one")


@live
async def test_a_packet_that_is_too_large_for_the_broker_is_named(tmp_path: Path, mosquitto_program: str) -> None:
    with a_mosquitto(mosquitto_program, tmp_path, "max_packet_size 20000\n") as mosquitto:
        async with a_bus(mosquitto.address) as bus:
            await bus.tracker().member()
            one = bus.torrent("one", shared("one", files=300))
            await until(lambda: "does it allow packets of that size?" in one.status.why())
            assert "broke" in one.status.why()


@live
async def test_an_event_that_is_too_large_to_be_passed_on(tmp_path: Path, mosquitto_program: str) -> None:
    """Mosquitto acknowledges it and drops it: how large it was is said on both sides."""
    with a_mosquitto(mosquitto_program, tmp_path, "message_size_limit 2000\n") as mosquitto:
        async with a_bus(mosquitto.address) as bus:
            tracker = await bus.tracker(timeout=0.5).member()
            large = bus.torrent("large", shared("large", files=30), timeout=0.5)
            await until(lambda: "does the broker pass on so many bytes?" in large.status.failed)
            assert "no answer to the request in time (3" in large.status.failed
            for name in ("one", "two"):
                await bus.torrent(name, shared(name, files=9)).member()
            bus.torrent("three", timeout=0.3)
            await until(lambda: tracker.status.joins["timed out"] >= 1)


@live
async def test_an_identifier_that_is_used_twice_is_guessed(tmp_path: Path, mosquitto_program: str) -> None:
    with a_mosquitto(mosquitto_program, tmp_path, "") as mosquitto:
        async with a_bus(mosquitto.address) as bus:
            twins = [bus.torrent("one", retry_most=100.0, prefix="plant") for _ in range(2)]
            said = "does another client connect as plant-one"
            await until(lambda: any(said in twin.status.connection for twin in twins))
            assert all(twin.service.supervisor.pauses.count >= 2 for twin in twins)


class Losing:
    """A TCP proxy that loses the first packet of one kind from the broker to a client."""

    def __init__(self, address: BrokerAddress, kind: int) -> None:
        self.address = address
        self.kind = kind
        self.lost = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.address.host, self.address.port)
        carrying = asyncio.create_task(self._carry(reader, back))
        try:
            while packet := await _packet(there):
                if packet[0] >> 4 == self.kind and not self.lost:
                    self.lost += 1
                else:
                    writer.write(packet)
        except (OSError, asyncio.IncompleteReadError):
            pass  # it has ended, as the other side is told
        finally:
            carrying.cancel()
            writer.close()
            back.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """The next MQTT packet (MQTT 3.1.1, 2.2)."""
    head = await reader.readexactly(2)
    while head[-1] & 128:
        head += await reader.readexactly(1)
    length = sum((byte & 127) << 7 * place for place, byte in enumerate(head[1:]))
    return head + await reader.readexactly(length)


@live
async def test_an_acknowledgement_that_is_lost(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 12: the publication fails after `patience`, and is asked for again."""
    with a_mosquitto(mosquitto_program, tmp_path, "") as mosquitto:
        for kind in (PUBREC, PUBCOMP):
            proxy = Losing(mosquitto.address, kind)
            server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
            async with a_bus(mosquitto.address) as bus:
                await bus.tracker(prefix=f"p{kind}").member()
                bus.address = BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])
                one = bus.torrent("one", prefix=f"p{kind}", patience=0.4, timeout=1.0)
                await one.until(lambda one=one: "did not take over the event" in one.server.last_error)  # type: ignore[misc]
                await one.member()
                assert proxy.lost == 1
            server.close()
