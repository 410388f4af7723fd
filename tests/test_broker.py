"""The embedded broker with real clients: what passes, what faults do to it, and how it comes and goes."""

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

import aiomqtt
import pytest

from runtime import broker as broker_module
from runtime.broker import BrokerError, EmbeddedBroker, SilentObserver, matches
from runtime.faults import FaultPlan, Kind, parse_fault

P = ParamSpec("P")
HELLO = "tracker/hello"
GOODBYE = "tracker/goodbye"
END = "end/of/test"  # no bus event: no fault ever touches it


def live(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in a loop of its own; one that hangs fails."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test(*args, **kwargs)

        asyncio.run(bounded())

    return run


def plan(kind: Kind, *texts: str) -> FaultPlan:
    return FaultPlan(parse_fault(text, kind) for text in texts)


class Told(SilentObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []
        self._news = asyncio.Event()
        for name in vars(SilentObserver):
            if not name.startswith("_"):
                setattr(self, name, functools.partial(self.note, name.replace("_", " ")))

    def note(self, *what: object) -> None:
        self.log.append(what)
        self._news.set()

    async def until(self, *what: object) -> None:
        while what not in self.log:
            self._news.clear()
            await self._news.wait()

    def events(self) -> list[tuple[object, ...]]:
        """Without the coming and going of clients."""
        return [what for what in self.log if what[0] not in ("connected", "disconnected", "subscribed")]


def client(broker: EmbeddedBroker, name: str, **options: Any) -> aiomqtt.Client:
    return aiomqtt.Client(broker.host, broker.port, identifier=name, **options)


async def take(receiver: aiomqtt.Client, count: int) -> list[bytes]:
    return [(await anext(receiver.messages)).payload for _ in range(count)]


async def take_until_end(receiver: aiomqtt.Client) -> list[bytes]:
    taken = []
    async for message in receiver.messages:
        if message.topic.value == END:
            break
        taken.append(message.payload)
    return taken


def packet(kind: int, *strings: str, head: bytes = b"", payload: bytes = b"") -> bytes:
    body = head + b"".join(len(text).to_bytes(2) + text.encode() for text in strings) + payload
    assert len(body) < 128
    return bytes((kind, len(body))) + body


def connect_packet(name: str, flags: int = 2) -> bytes:
    return packet(0x10, name, head=b"\0\4MQTT\4" + bytes((flags, 0, 0)))


def publish_packet(topic: str, payload: bytes) -> bytes:
    return packet(0x30, topic, payload=payload)


DISCONNECT = b"\xe0\0"


async def dial(broker: EmbeddedBroker, *packets: bytes) -> asyncio.StreamWriter:
    """Open a connection and send all packets in one segment."""
    _, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(b"".join(packets))
    return writer


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def play(faults: FaultPlan, *payloads: bytes, qos: int = 0) -> tuple[Told, list[bytes], list[bytes]]:
    """The tracker says hello with each payload; gives what the observer was told, and what two subscribers got."""
    told = Told()
    async with (
        EmbeddedBroker(faults=faults, observer=told) as broker,
        client(broker, "one") as one,
        client(broker, "two") as two,
        client(broker, "tracker") as tracker,
    ):
        for subscriber in (one, two):
            await subscriber.subscribe([(HELLO, qos), (END, qos)])
        for payload in payloads:
            await tracker.publish(HELLO, payload, qos=qos)
        await tracker.publish(END, qos=qos)
        return told, await take_until_end(one), await take_until_end(two)


def hellos(told: Told) -> list[tuple[object, ...]]:
    return [what for what in told.events() if HELLO in what]


# Without faults.


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_an_event_reaches_each_subscriber_and_the_observer_sees_it_pass(qos: int) -> None:
    told, one, two = await play(FaultPlan(), b"1", b"2", qos=qos)
    assert one == two == [b"1", b"2"]
    assert hellos(told) == [
        ("received", "tracker", HELLO, b"1"),
        ("forwarded", HELLO, b"1", "one"),
        ("forwarded", HELLO, b"1", "two"),
        ("received", "tracker", HELLO, b"2"),
        ("forwarded", HELLO, b"2", "one"),
        ("forwarded", HELLO, b"2", "two"),
    ]


@live
async def test_the_observer_sees_clients_come_and_go() -> None:
    told = Told()
    async with EmbeddedBroker(observer=told) as broker:
        async with client(broker, "a") as a:
            await a.subscribe(HELLO)
        await told.until("disconnected", "a", True)
        await hang_up(await dial(broker, connect_packet("b")))
        await told.until("disconnected", "b", False)
    assert told.log == [
        ("connected", "a"),
        ("subscribed", "a", HELLO, True),
        ("disconnected", "a", True),
        ("connected", "b"),
        ("disconnected", "b", False),
    ]


@live
async def test_nobody_misses_an_event_while_subscribers_come_and_go() -> None:
    payloads = [str(number).encode() for number in range(150)]

    async with EmbeddedBroker() as broker:
        over = asyncio.Event()

        async def come_and_go(name: str) -> None:
            while not over.is_set():
                async with client(broker, name) as passer_by:
                    await passer_by.subscribe([(HELLO, 0), ("#", 1)])

        async with client(broker, "monitor") as monitor, client(broker, "steady") as steady:
            await monitor.subscribe("#", qos=1)
            passers_by = [asyncio.create_task(come_and_go(f"passer-by-{number}")) for number in range(8)]
            await steady.subscribe([(HELLO, 1), (END, 1)])
            async with client(broker, "tracker") as tracker:
                for payload in payloads:
                    await tracker.publish(HELLO, payload, qos=1)
                over.set()
                await asyncio.gather(*passers_by)
                await tracker.publish(END, qos=1)
            assert await take_until_end(monitor) == payloads
            assert await take_until_end(steady) == payloads


@live
async def test_the_last_words_of_a_client_are_heard() -> None:
    words = [str(number).encode() for number in range(30)]

    told = Told()
    async with EmbeddedBroker(observer=told) as broker, client(broker, "listener") as listener:
        await listener.subscribe(GOODBYE)
        said = [publish_packet(GOODBYE, word) for word in words]
        await hang_up(await dial(broker, connect_packet("tracker"), *said, DISCONNECT))
        await told.until("disconnected", "tracker", True)
        assert await take(listener, len(words)) == words


@live
async def test_a_client_that_vanishes_at_once_is_noticed() -> None:
    told = Told()
    async with EmbeddedBroker(observer=told) as broker:
        await hang_up(await dial(broker, connect_packet("a")))
        await hang_up(await dial(broker, connect_packet("b"), DISCONNECT))
        await told.until("disconnected", "a", False)
        await told.until("disconnected", "b", True)


@live
async def test_a_second_connection_of_a_client_ends_the_first() -> None:
    told = Told()
    async with EmbeddedBroker(observer=told) as broker, client(broker, "a", clean_session=False) as before:
        await before.subscribe(HELLO)
        async with client(broker, "a", clean_session=False) as after:
            with pytest.raises(aiomqtt.MqttError):
                await anext(before.messages)
            await after.subscribe(GOODBYE)
            await after.publish(HELLO, b"not asked for this time")
            await after.publish(GOODBYE, b"asked for")
            assert await take(after, 1) == [b"asked for"]
    assert [what[0] for what in told.log[:4]] == ["connected", "subscribed", "disconnected", "connected"]


@live
async def test_no_session_outlives_its_connection() -> None:
    writers = []
    async with EmbeddedBroker() as broker:
        for _ in range(3):
            reader, writer = await asyncio.open_connection(broker.host, broker.port)
            writer.write(connect_packet("a", flags=0))
            writers.append(writer)
            assert await reader.readexactly(4) == b"\x20\2\0\0", "accepted, no session present"
        for writer in writers:
            await hang_up(writer)


@live
async def test_overlapping_subscriptions_deliver_once_at_the_lower_qos() -> None:
    async with EmbeddedBroker() as broker, client(broker, "a") as a:
        await a.subscribe([(HELLO, 0), ("tracker/+", 1), ("#", 2)])
        await a.publish(HELLO, b"1", qos=1)
        await a.publish(HELLO, b"2", qos=2)
        got = [await anext(a.messages) for _ in range(2)]
        assert [(message.payload, message.qos) for message in got] == [(b"1", 1), (b"2", 2)]


@pytest.mark.parametrize("payload", [b"", b"\xff\0 no JSON", b"x" * 300_000])
@live
async def test_payloads_pass_unread(payload: bytes) -> None:
    _, one, _ = await play(FaultPlan(), payload, qos=1)
    assert one == [payload]


@live
async def test_a_will_is_spoken_when_the_connection_breaks_and_not_after_disconnect() -> None:
    will_flags = 2 | 4

    told = Told()
    async with EmbeddedBroker(observer=told) as broker, client(broker, "listener") as listener:
        await listener.subscribe("#")
        for name, *last in (("a", DISCONNECT), ("b",)):
            connect = packet(0x10, name, "will", f"of {name}", head=b"\0\4MQTT\4" + bytes((will_flags, 0, 0)))
            await hang_up(await dial(broker, connect, *last))
            await told.until("disconnected", name, bool(last))
        assert await take(listener, 1) == [b"of b"]
    assert told.events() == [("received", "b", "will", b"of b"), ("forwarded", "will", b"of b", "listener")]


@live
async def test_a_retained_message_goes_to_those_who_subscribe_later() -> None:
    async with EmbeddedBroker() as broker, client(broker, "a") as a, client(broker, "b") as b:
        await a.publish("state", b"up", retain=True, qos=1)
        await a.publish("other", b"x", retain=True, qos=1)
        await a.publish("other", b"", retain=True, qos=1)
        await b.subscribe("+")
        await a.publish("state", b"still up", qos=1)
        got = [await anext(b.messages) for _ in range(2)]
        assert [(message.payload, message.retain) for message in got] == [(b"up", True), (b"still up", False)]


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("+/b", "a/b", True),
        ("+", "a/b", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("", "a", False),
    ],
)
def test_topic_filters(topic_filter: str, topic: str, expected: bool) -> None:
    assert matches(topic_filter, topic) is expected


# What the broker refuses, and what clients do to it.


@live
async def test_a_refused_connection_gets_return_code_5_until_it_is_allowed() -> None:
    told = Told()
    refused = {"a"}
    async with EmbeddedBroker(observer=told, refuse_connections=refused) as broker:
        reader, writer = await asyncio.open_connection(broker.host, broker.port)
        writer.write(connect_packet("a"))
        assert await reader.read() == b"\x20\x02\0\x05"
        await hang_up(writer)
        with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
            await client(broker, "a").__aenter__()
        async with client(broker, "b"):
            refused.clear()
        async with client(broker, "a"):
            pass
    assert [what for what in told.log if what[0] == "connected"] == [("connected", "b"), ("connected", "a")]


@live
async def test_a_refused_subscription_gets_0x80_and_no_events() -> None:
    told = Told()
    async with EmbeddedBroker(observer=told, refuse_subscriptions={HELLO}) as broker, client(broker, "a") as a:
        codes: Any = await a.subscribe([(HELLO, 1), (GOODBYE, 1)])
        assert [code.value for code in codes] == [0x80, 1]
        await a.publish(HELLO, b"1")
        await a.publish(GOODBYE, b"2")
        assert await take(a, 1) == [b"2"]
    assert ("subscribed", "a", HELLO, False) in told.log
    assert ("subscribed", "a", GOODBYE, True) in told.log


@pytest.mark.parametrize(
    "packets",
    [
        (b"GET / HTTP/1.1\r\n\r\n",),
        (b"\x10\x02\0\0",),
        (connect_packet("bad"), b"\x00\xff\xff\xff\xff\xff"),
        (connect_packet("bad"), publish_packet("a/#", b"bad")),
        (connect_packet("bad"), publish_packet("$SYS/a", b"bad")),
    ],
)
@live
async def test_nonsense_from_one_client_does_not_reach_the_others(packets: tuple[bytes, ...]) -> None:
    async with EmbeddedBroker() as broker, client(broker, "a") as a:
        await a.subscribe("#")
        reader, bad = await asyncio.open_connection(broker.host, broker.port)
        bad.write(b"".join(packets))
        bad.write_eof()
        with contextlib.suppress(ConnectionError):
            await reader.read()  # until the broker hangs up
        await a.publish(HELLO, b"1", qos=1)
        assert await take(a, 1) == [b"1"]
        bad.close()


@live
async def test_an_observer_that_fails_is_counted_and_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    observer = Told()
    observer.received = observer.forwarded = lambda *_: 1 / 0  # type: ignore[assignment,method-assign]
    async with EmbeddedBroker(observer=observer) as broker, client(broker, "a") as a:
        await a.subscribe("#")
        await a.publish(HELLO, b"1", qos=2)
        assert await take(a, 1) == [b"1"]
        assert broker.observer_errors == 2
    assert [record.message for record in caplog.records] == 2 * ["the observer of the broker failed"]


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
    assert caplog.records == []
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
async def test_a_broker_that_dies_breaks_its_connections_and_can_be_started_again_on_its_port() -> None:
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
    assert [record for record in caplog.records if record.levelno >= logging.INFO] == []
    assert capfd.readouterr() == ("", "")
