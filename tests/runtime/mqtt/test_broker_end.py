"""How the embedded broker ends, and where it cannot begin."""

import asyncio
import logging
import socket
from typing import Any

import aiomqtt
import pytest

from runtime.mqtt import broker as broker_module
from runtime.mqtt.broker import BrokerError, EmbeddedBroker
from tests.support.mqtt_clients import (
    END,
    GOODBYE,
    HELLO,
    Told,
    client,
    connect_packet,
    dial,
    hang_up,
    live,
    logged,
    packet,
    plan,
    play,
    publish_packet,
    take,
)

# Coming and going of the broker.


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


@pytest.mark.parametrize("way", ["stop", "kill"])
@live
async def test_the_end_leaves_no_task_says_nothing_and_may_come_twice(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = EmbeddedBroker(faults=plan("delay", "TrackerHello@to-broker=3600", "*@from-broker=3600"))
    before = others()
    await broker.start()
    silent = await dial(broker)
    half = await dial(broker, connect_packet("half")[:5])
    publishes_qos_2 = packet(0x34, GOODBYE, head=b"", payload=b"\0\1x")
    waits_for_pubrel = await dial(broker, connect_packet("p"), publishes_qos_2)
    # Subscribes at QoS 1, publishes, and never acknowledges what comes back; one event is delayed.
    reader, mute = await asyncio.open_connection(broker.host, broker.port)
    subscribe = packet(0x82, END, head=b"\0\1", payload=b"\1")
    end = packet(0x32, END, payload=b"\0\2x")
    mute.write(connect_packet("mute") + subscribe)
    await reader.readexactly(4 + 5)  # CONNACK, SUBACK
    mute.write(end + publish_packet(HELLO, b"x"))
    await reader.readuntil(END.encode())
    await getattr(broker, way)()
    assert others() == before
    await getattr(broker, way)()
    assert logged(caplog) == []
    for writer in (silent, half, waits_for_pubrel, mute):
        await hang_up(writer)
    with pytest.raises(ConnectionRefusedError):
        await dial(broker)


@live
async def test_stop_does_not_wait_for_a_peer_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "LINGER", 0.01)

    async with EmbeddedBroker() as broker, client(broker, "a") as a:
        deaf = socket.create_connection((broker.host, broker.port))
        deaf.sendall(connect_packet("deaf") + packet(0x82, "#", head=b"\0\1", payload=b"\0"))
        await a.subscribe("#")
        for _ in range(40):
            await a.publish(END, b"x" * 200_000, qos=1)
        await take(a, 40)
        await broker.stop()
        assert not [task for task in others() if "amqtt" in repr(task) or "runtime" in repr(task)]
        deaf.close()


@live
async def test_a_broker_that_died_can_be_started_again_on_its_port() -> None:
    told = Told()
    broker = EmbeddedBroker(observer=told)
    await broker.start()
    port = broker.port
    async with client(broker, "a") as a:
        await a.subscribe(HELLO)
        await a.publish("state", b"forgotten", retain=True, qos=1)
        log = list(told.log)
        await broker.kill()
        with pytest.raises(aiomqtt.MqttError):
            await anext(a.messages)
    assert told.log == log
    async with broker, client(broker, "a") as a:
        assert broker.port == port
        await a.subscribe([(GOODBYE, 0), ("state", 0)])
        await a.publish(HELLO, b"nobody subscribed to this since the start")
        await a.publish(GOODBYE, b"2")
        assert await take(a, 1) == [b"2"]
    async with EmbeddedBroker(port=port) as another:
        assert another.port == port


@live
async def test_clients_are_told_that_the_broker_stops() -> None:
    told = Told()
    async with EmbeddedBroker(observer=told) as broker, client(broker, "a") as a:
        await broker.stop()
        with pytest.raises(aiomqtt.MqttError):
            await anext(a.messages)
    assert told.log == [("connected", "a"), ("disconnected", "a", False)]


@live
async def test_what_a_fault_still_delays_is_dropped_at_the_end() -> None:
    told = Told()
    async with EmbeddedBroker(observer=told, faults=plan("delay", "*@to-broker=0.01")) as broker:
        async with client(broker, "a") as a:
            await a.publish(HELLO, b"x", qos=1)
        await told.until("disconnected", "a", True)
        await broker.stop()
        log = list(told.log)
        await asyncio.sleep(0.02)  # longer than the delay: it would have struck by now
    assert told.log == log


@live
async def test_a_port_in_use_is_named_with_the_remedy() -> None:
    async with EmbeddedBroker() as broker:
        before = others()
        with pytest.raises(BrokerError, match=f"port {broker.port} of 127.0.0.1 is already in use: .*0 picks"):
            await EmbeddedBroker(port=broker.port).start()
        assert others() == before


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 65536)])
@live
async def test_an_impossible_address_is_named_with_the_remedy(host: str, port: int) -> None:
    with pytest.raises(BrokerError, match=f"port {port} of {host} .*an address of this machine"):
        await EmbeddedBroker(host, port).start()
    assert not others()


def test_normal_use_is_silent(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        await play(plan("lose", "TrackerHello@to-broker#2"), b"1", b"2", b"3", qos=2)
        async with EmbeddedBroker(refuse_connections={"x"}) as broker:
            await hang_up(await dial(broker))
            with pytest.raises(aiomqtt.MqttError):
                await client(broker, "x").__aenter__()
            async with client(broker, "a") as a:
                silent = await dial(broker)
                await broker.stop()
                with pytest.raises(aiomqtt.MqttError):
                    await anext(a.messages)
            await hang_up(silent)

    live(main)()
    assert logged(caplog) == []
    assert capfd.readouterr() == ("", "")
