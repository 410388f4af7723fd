"""Connecting, reconnecting, giving up and stopping, at real brokers."""

import asyncio
import logging
import signal
from pathlib import Path

import pytest
import trustme

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.session import BrokerAddress, Session, UntrustedError, Will
from runtime.services.back_off import BackOff
from runtime.services.supervisor import Exit
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_clients import live
from tests.support.services import Running, a_bus, until

LONG = 120.0
"""Seconds that sixty servers in one process may take on a busy machine."""


def test_pauses_grow_to_a_bound_and_differ() -> None:
    steady = BackOff(1.0, 60.0, lambda: 0.0)
    assert [steady.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    steady.reset()
    assert steady.next() == 1
    half = BackOff(1.0, 60.0, lambda: 1.0)
    assert [half.next() for _ in range(7)] == [0.5, 1, 2, 4, 8, 16, 30]
    assert len({BackOff(1.0, 60.0).next() for _ in range(20)}) > 10
    long = BackOff(1.0, 60.0, lambda: 0.0)
    assert {long.next() for _ in range(2000)} == {1, 2, 4, 8, 16, 32, 60}


@live
async def test_a_broker_that_comes_late_is_found(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 2: absent at start; then 3 and 1: restarted, and killed."""
    mosquitto = Mosquitto(mosquitto_program, tmp_path)
    mosquitto.kill()
    async with a_bus(mosquitto.address) as bus:
        tracker, one = bus.tracker(), bus.torrent("one")
        await until(lambda: one.status.reconnects >= 2)
        assert "Connection refused; attempt" in one.status.why()
        mosquitto.start()
        try:
            await tracker.members("one")
            for end in (signal.SIGTERM, signal.SIGKILL):
                await until(lambda: one.status.is_member)
                mosquitto.process.send_signal(end)
                mosquitto.process.wait()
                await until(lambda: one.server.where == ("offline",))
                mosquitto.start()
                await tracker.until(lambda: tracker.status.is_member)
                await one.member()
                await tracker.members("one")
        finally:
            mosquitto.kill()


@live
async def test_what_is_refused_for_good_ends_it(
    tmp_path: Path, mosquitto_program: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Fault 33, R20: no hot loop, one clear line, and the wrong password is in no log."""
    caplog.set_level(logging.DEBUG)
    mosquitto = Mosquitto(mosquitto_program, tmp_path, "allow_anonymous false\n")
    try:
        at = BrokerAddress("127.0.0.1", mosquitto.port, "me", "wrong-secret")
        async with a_bus(at) as bus:
            one = bus.torrent("one")
            assert await one.ends() is Exit.REFUSED
            assert one.status.reconnects == 0
            assert "refused for good" in one.status.why()
            said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
            assert len([line for line in said if line.startswith("one gives up: ")]) == 1
            assert "wrong-secret" not in caplog.text
    finally:
        mosquitto.kill()


@live
async def test_a_topic_that_is_refused_ends_it() -> None:
    refused = {"clients/join/accepted"}
    async with (
        EmbeddedBroker(refuse_subscriptions=refused) as broker,
        a_bus(BrokerAddress(broker.host, broker.port)) as bus,
    ):
        one = bus.torrent("one")
        assert await one.ends() is Exit.REFUSED
        assert "refused one the topic clients/join/accepted" in one.status.why()


@live
async def test_certificates_that_are_not_trusted_end_it(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 32: another authority, another host; the right one is joined over TLS."""
    authority, other = trustme.CA(), trustme.CA()
    for name, host in (("good", "127.0.0.1"), ("elsewhere", "example.org")):
        made = authority.issue_cert(host)
        made.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        made.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    other.cert_pem.write_to_path(tmp_path / "other.pem")

    async def joined(certificate: str, trusted: str) -> Running:
        keys = f"certfile {tmp_path}/{certificate}.pem\nkeyfile {tmp_path}/{certificate}.key\n"
        mosquitto = Mosquitto(mosquitto_program, tmp_path, keys)
        address = BrokerAddress("127.0.0.1", mosquitto.port, tls=True)
        url, ca = f"mqtts://127.0.0.1:{mosquitto.port}", tmp_path / trusted
        try:
            async with a_bus(address) as bus:
                bus.tracker(broker=url, cafile=ca)
                one = bus.torrent("one", broker=url, cafile=ca)
                await until(lambda: one.task.done() or one.status.is_member)
                return one
        finally:
            mosquitto.kill()

    assert (await joined("good", "ca.pem")).status.moves["?ClientRegistered"] == 1
    for certificate, trusted, why in (
        ("good", "other.pem", "unable to get local issuer"),
        ("elsewhere", "ca.pem", "IP address mismatch"),
    ):
        one = await joined(certificate, trusted)
        assert one.task.result() is Exit.REFUSED
        assert isinstance(one.server.failure, UntrustedError)
        assert "certificate verify failed" in one.status.why()
        assert why in one.status.why()


@live
async def test_a_silent_socket_is_left_and_tried_again() -> None:
    """Fault 39: something listens, takes CONNECT, and says nothing."""
    served = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.read(10))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address = BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    async with a_bus(address) as bus:
        one = bus.torrent("one", patience=0.3, retry_most=0.2)
        await until(lambda: len(served) >= 3 and one.status.reconnects >= 3)
        assert one.service.supervisor.pauses.count == one.status.reconnects  # to wait for an answer is not to last
        assert "does not answer CONNECT" in one.server.last_error
        assert await one.stop() is Exit.STOPPED
    server.close()


@live
async def test_a_stop_during_a_pause_ends_at_once() -> None:
    async with a_bus(BrokerAddress("127.0.0.1", 9)) as bus:
        one = bus.torrent("one", retry_first=100.0, retry_most=100.0)
        await until(lambda: one.status.reconnects == 1)
        assert await one.stop() is Exit.STOPPED


def test_after_a_storm_of_sixty_all_are_registered(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 43: on a busy machine it takes a while; nobody is lost."""
    asyncio.run(_storm(tmp_path, mosquitto_program))


async def _storm(tmp_path: Path, mosquitto_program: str) -> None:
    mosquitto = Mosquitto(mosquitto_program, tmp_path)
    names = [f"torrent-{number}" for number in range(60)]
    try:
        async with a_bus(mosquitto.address) as bus:
            tracker = bus.tracker(timeout=60.0, patience=60.0)
            servers = [bus.torrent(name, timeout=60.0, patience=60.0) for name in names]
            await tracker.until(lambda: set(tracker.server.view.clients) == set(names), LONG)
            mosquitto.kill()
            await until(lambda: all(one.server.where == ("offline",) for one in servers))
            mosquitto.start()
            for one in servers:
                await one.until(lambda one=one: set(one.server.view.clients) == set(names), LONG)  # type: ignore[misc]
    finally:
        mosquitto.kill()


@live
async def test_the_will_is_that_of_the_connection(tmp_path: Path) -> None:
    async with EmbeddedBroker() as broker:
        address = BrokerAddress(broker.host, broker.port)
        hearer = Session(address, "hearer", 2)
        await hearer.connect()
        await hearer.subscribe("last/words")
        dying = Session(address, "dying", 2, will=Will("last/words", b"gone"))
        await dying.connect()
        await dying.crash()
        async for topic, payload in hearer.messages():
            assert (topic, payload) == ("last/words", b"gone")
            break
        await hearer.disconnect()
