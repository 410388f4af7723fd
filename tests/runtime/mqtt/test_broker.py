"""The embedded broker with real clients: what passes, what faults do to it, and how it comes and goes."""

import asyncio
import contextlib
from typing import Any

import aiomqtt
import pytest

from runtime.mqtt.broker import EmbeddedBroker, matches
from runtime.mqtt.faults import FaultPlan
from tests.support.mqtt_clients import (
    DISCONNECT,
    END,
    GOODBYE,
    HELLO,
    Told,
    client,
    connect_packet,
    dial,
    hang_up,
    hellos,
    live,
    logged,
    packet,
    play,
    publish_packet,
    take,
    take_until_end,
)

# Without faults.


@pytest.mark.parametrize("qos", [0, 1, 2])
@live
async def test_an_event_reaches_each_subscriber_and_the_observer(qos: int) -> None:
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
async def test_a_will_is_spoken_only_when_the_connection_breaks() -> None:
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
    kinds = [what[:2] for what in told.log]
    assert kinds.index(("disconnected", "b")) < kinds.index(("received", "b")), "an observer hears first why it is said"


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
async def test_a_refused_connection_gets_return_code_5() -> None:
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
    assert logged(caplog) == 2 * ["the observer of the broker failed"]
