"""Faults on the bus that a service survives with nothing lost. The table of all is in runtime/services/README.md."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import aiomqtt
import pytest

from runtime.mqtt.broker import EmbeddedBroker
from runtime.mqtt.faults import FaultPlan, Kind, parse_fault
from runtime.mqtt.session import BrokerAddress, NotConnectedError, Session
from tests.support.brokers import KINDS, a_broker
from tests.support.latency import distant
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_clients import live
from tests.support.services import Bus, Running, a_bus, until, view_of

each_broker = pytest.mark.parametrize("kind", KINDS)
EVENTS = (
    "ClientJoinRequested",
    "ClientJoinAccepted",
    "ClientJoinSucceeded",
    "ClientRegistered",
)


async def agree(bus: Bus, *names: str) -> None:
    """Everybody is registered, and all views are equal."""

    def is_so() -> bool:
        first = view_of(bus.running[0])
        return set(bus.running[0].server.view.clients) == set(names) and all(
            running.status.is_member and view_of(running) == first for running in bus.running
        )

    try:
        await until(is_so)
    except TimeoutError:
        said = [f"{one.server.name}: {one.status.why()} {sorted(one.server.view.clients)}" for one in bus.running]
        raise AssertionError(said) from None


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("hop", ["to-broker", "from-broker"])
@live
async def test_any_event_lost_on_any_hop(event: str, hop: str) -> None:
    """Faults 8 and 9: the second one of its kind. What one of them missed shows with the next event."""
    plan = FaultPlan([parse_fault(f"{event}@{hop}#2", "lose")])
    async with _joined(plan) as bus:
        for running in bus.running:
            await running.member()
        await until(lambda: not plan.unused())
        bus.torrent("three", timeout=0.4)
        await agree(bus, "one", "two", "three")


@pytest.mark.parametrize("event", EVENTS)
@live
async def test_any_event_delivered_twice(event: str) -> None:
    """Fault 10."""
    async with _joined(_plan("duplicate", event, "")) as bus:
        await agree(bus, "one", "two")


@pytest.mark.parametrize("event", EVENTS)
@live
async def test_any_event_delivered_after_its_timeout(event: str) -> None:
    """Faults 7 and 11: what comes late comes after what was sent later, too."""
    async with _joined(_plan("delay", event, "#1=0.8")) as bus:
        await agree(bus, "one", "two")


def _plan(kind: Kind, event: str, more: str) -> FaultPlan:
    return FaultPlan(parse_fault(f"{event}@{hop}{more}", kind) for hop in ("to-broker", "from-broker"))


@asynccontextmanager
async def _joined(plan: FaultPlan) -> AsyncIterator[Bus]:
    async with EmbeddedBroker() as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        await bus.tracker(timeout=0.4).member()
        broker.faults = plan
        bus.torrent("one", timeout=0.4)
        bus.torrent("two", timeout=0.4)
        yield bus


@live
async def test_a_registration_that_one_missed_is_noticed() -> None:
    """R9: the broker drops what it has for a slow one; the next event shows the gap."""
    async with EmbeddedBroker() as broker, a_bus(BrokerAddress(broker.host, broker.port)) as bus:
        await bus.tracker().member()
        one = await bus.torrent("one").member()
        broker.faults = FaultPlan([parse_fault("ClientRegistered@from-broker:one#1", "lose")])
        await bus.torrent("two").member()
        assert not broker.faults.unused()
        assert set(one.server.view.clients) == {"one"}
        await bus.torrent("three").member()
        await agree(bus, "one", "two", "three")
        assert one.server.missed == 1
        assert one.status.reconnects == 1


@each_broker
@live
async def test_latency_above_the_clock(kind: str, tmp_path: Path) -> None:
    """Fault 7: as long as the distance lasts nobody can join; when it is gone, everybody does."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        await bus.tracker().member()
        async with distant(address, 0.3) as far:
            bus.address = far
            one = bus.torrent("one", timeout=0.2)
            await one.until(lambda: one.status.joins["timed out"] >= 2)
            assert not one.status.joins["registered"]
        bus.address = address
        await bus.torrent("two").member()


class Proxy:
    """A TCP proxy that hands over what comes as `cut` says, and can stand still or break."""

    def __init__(self, address: BrokerAddress, size: int = 65536) -> None:
        self.address = address
        self.size = size
        self.frozen = False
        self.writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.at = BrokerAddress("127.0.0.1", self.server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        self.reset()

    def reset(self) -> None:
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self.address.host, self.address.port)
        self.writers += [writer, back]
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer), return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            while self.frozen:  # noqa: ASYNC110 - the test thaws it, or never
                await asyncio.sleep(0.05)
            for place in range(0, len(data), self.size):
                writer.write(data[place : place + self.size])
                await writer.drain()
                if self.size < len(data):
                    await asyncio.sleep(0)
        writer.close()


@each_broker
@live
async def test_one_byte_at_a_time(kind: str, tmp_path: Path) -> None:
    """Fault 6."""
    async with a_broker(kind, tmp_path) as address, Proxy(address, 1) as proxy, a_bus(proxy.at) as bus:
        bus.tracker()
        bus.torrent("one")
        await agree(bus, "one")


@each_broker
@live
async def test_connections_reset_in_the_middle(kind: str, tmp_path: Path) -> None:
    """Fault 5: all connections, five times, whatever is under way."""
    async with a_broker(kind, tmp_path) as address, Proxy(address, 7) as proxy, a_bus(proxy.at) as bus:
        bus.tracker()
        names = [f"torrent-{number}" for number in range(3)]
        for name in names:
            bus.torrent(name)
        for pause in (0.02, 0.05, 0.1, 0.2, 0.3):
            await asyncio.sleep(pause)
            proxy.reset()
        await agree(bus, *names)


@live
async def test_a_half_open_connection_is_found(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 4, within twice the keepalive: neither side hears the other any more."""
    mosquitto = Mosquitto(mosquitto_program, tmp_path)
    try:
        async with Proxy(mosquitto.address) as proxy, a_bus(mosquitto.address) as bus:
            await bus.tracker().member()
            bus.address = proxy.at
            one = await bus.torrent("one", keepalive=5).member()
            proxy.frozen = True
            began = time.monotonic()
            await until(lambda: one.server.where == ("offline",), 20)
            assert time.monotonic() - began < 2 * 5 + 4
            proxy.frozen = False
            proxy.reset()
            await agree(bus, "one")
    finally:
        mosquitto.kill()


@each_broker
@live
async def test_the_wall_clock_jumps(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 16: nothing is timed by it."""
    now = time.time
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        await bus.tracker().member()
        await bus.torrent("one").member()
        for hours in (1, -1):
            monkeypatch.setattr(time, "time", lambda hours=hours: now() + 3600 * hours)
            await bus.torrent(f"after{hours}").member()
        await agree(bus, "one", "after1", "after-1")


@each_broker
@live
async def test_a_loop_that_stands_still(kind: str, tmp_path: Path) -> None:
    """Fault 17: for five seconds, in the middle of a join, beyond every clock."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        await bus.tracker(timeout=1.0).member()
        one = bus.torrent("one", timeout=1.0)
        await one.until(lambda: one.server.where[0].startswith("awaiting_a"))
        time.sleep(5)  # noqa: ASYNC251 - that is the fault
        await agree(bus, "one")


@each_broker
@live
async def test_a_retained_command_of_earlier(kind: str, tmp_path: Path) -> None:
    """Faults 24 and 23: a goodbye that was retained by mistake sends nobody away for good; cleared, it is no event."""
    async with (
        a_broker(kind, tmp_path) as address,
        a_bus(address) as bus,
        aiomqtt.Client(address.host, address.port) as other,
    ):
        said = json.dumps({"EventId": str(uuid4())})
        await other.publish("tracker/goodbye", said, qos=1, retain=True)
        await bus.tracker().member()
        one = bus.torrent("one")
        await agree(bus, "one")
        await other.publish("tracker/goodbye", b"", qos=1, retain=True)
        await until(lambda: one.server.refusals.total >= 1)
        await agree(bus, "one")


@live
async def test_a_publication_to_a_wildcard_is_never_sent(tmp_path: Path) -> None:
    """Fault 25."""
    async with a_broker("mosquitto", tmp_path) as address:
        session = Session(address, "one", 1)
        await session.connect()
        with pytest.raises(NotConnectedError, match="clients/#"):
            await session.publish("clients/#", b"x")
        await session.disconnect()


@each_broker
@live
async def test_who_leaves_while_others_join(kind: str, tmp_path: Path) -> None:
    """Fault 15: one stops and one dies while three others join."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        await bus.tracker().member()
        leaving, dying = await bus.torrent("leaving").member(), await bus.torrent("dying").member()
        names = [f"torrent-{number}" for number in range(3)]
        joining = [bus.torrent(name) for name in names]
        await asyncio.gather(leaving.stop(), dying.kill(), *(one.member() for one in joining))
        bus.running = [running for running in bus.running if running not in (leaving, dying)]
        await agree(bus, *names)


@pytest.mark.parametrize("qos", [0, 1, 2])
@each_broker
@live
async def test_each_quality_of_service(kind: str, qos: int, tmp_path: Path) -> None:
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        bus.tracker(qos=qos)
        for name in ("one", "two"):
            bus.torrent(name, qos=qos)
        await agree(bus, "one", "two")


@live
async def test_a_broker_that_passes_nothing_on(tmp_path: Path, mosquitto_program: str) -> None:
    """Fault 44: it grants all subscriptions, acknowledges all, and lets nobody hear an answer: that is said."""
    rules = tmp_path / "acl"
    rules.write_text("topic write #\ntopic read clients/#\npattern read tracker/#\n")
    mosquitto = Mosquitto(mosquitto_program, tmp_path, f"allow_anonymous true\nacl_file {rules}\n")
    try:
        async with a_bus(mosquitto.address) as bus:
            one = bus.torrent("one", timeout=0.3)
            said = "may this client hear what the tracker publishes"
            await until(lambda: one.task.done() or said in one.status.why())
            assert one.status.why()
    finally:
        mosquitto.kill()


@live
async def test_no_file_descriptor_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Fault 40: no socket can be had for a while; then it goes on."""
    import socket

    made = socket.socket
    exhausted = True

    def refuse(*told: Any, **more: Any) -> socket.socket:
        if exhausted:
            raise OSError(24, "Too many open files")
        return made(*told, **more)

    async with a_broker("mosquitto", tmp_path) as address, a_bus(address) as bus:
        await bus.tracker().member()
        monkeypatch.setattr(socket, "create_connection", _first(refuse, socket.create_connection))
        one = bus.torrent("one")
        await until(lambda: one.status.reconnects >= 2)
        assert "Too many open files" in one.status.why()
        exhausted = False
        await agree(bus, "one")


def _first(check: Callable[..., Any], then: Callable[..., Any]) -> Callable[..., Any]:
    def create(*told: Any, **more: Any) -> Any:
        check().close()
        return then(*told, **more)

    return create


def test_a_loop_that_watches_no_sockets_is_one_clear_line() -> None:
    """R12: Windows' default loop."""

    class Proactor(asyncio.SelectorEventLoop):
        add_reader = asyncio.AbstractEventLoop.add_reader

    async def connect() -> str:
        with pytest.raises(NotConnectedError) as error:
            await Session(BrokerAddress("127.0.0.1", 9), "one").connect()
        return str(error.value)

    # Its own wake-up socket is watched by a name that stays.
    with asyncio.Runner(loop_factory=Proactor) as runner:
        assert "this event loop does not watch sockets; use asyncio.SelectorEventLoop" in runner.run(connect())


@live
async def test_a_connection_closed_before_connack_is_said_at_once() -> None:
    """R13."""

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(2)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    address = BrokerAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    began = time.monotonic()
    with pytest.raises(NotConnectedError, match="does not answer CONNECT: it closed the connection"):
        await Session(address, "one", patience=30.0).connect()
    assert time.monotonic() - began < 10
    server.close()


@pytest.mark.parametrize("count", [100, 300])
@each_broker
@live
async def test_more_at_once_than_a_broker_takes_in_flight(kind: str, count: int, tmp_path: Path) -> None:
    """Fault 41, R1: through a service's own session."""
    async with a_broker(kind, tmp_path) as address, a_bus(address) as bus:
        tracker: Running = await bus.tracker().member()
        sender = Session(address, "sender", 2, patience=20.0)
        await sender.connect()
        before = tracker.status.moves["?ClientGoodbye"]

        def said() -> bytes:
            return json.dumps({"EventId": str(uuid4()), "ClientIdentifier": "nobody"}).encode()

        await asyncio.gather(*(sender.publish("clients/goodbye", said()) for _ in range(count)))
        await until(lambda: tracker.status.moves["?ClientGoodbye"] - before == count)
        await sender.disconnect()
