"""What is in flight: order, number, patience, and what becomes of senders that go."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.mqtt.in_flight import IN_FLIGHT, InFlight, StalledError
from tests.support.mqtt_clients import live

PATIENCE = 60.0


class Wire:
    """Keeps what is sent; packet identifiers count from 1."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.unacknowledged: list[int] = []

    def send(self, number: int) -> Callable[[], int]:
        def leave() -> int:
            self.sent.append(number)
            self.unacknowledged.append(len(self.sent))
            return len(self.sent)

        return leave


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@given(picks=st.lists(st.integers(0), min_size=1), count=st.integers(1, 70), size=st.integers(1, 25))
def test_all_are_sent_once_in_order_and_never_more_than_fit(picks: list[int], count: int, size: int) -> None:
    async def play() -> None:
        wire = Wire()
        window = InFlight(size, PATIENCE)
        senders = [asyncio.create_task(window.publish(wire.send(number))) for number in range(count)]
        turn = 0
        await some_turns()
        while wire.unacknowledged:
            assert len(wire.unacknowledged) == min(size, count - turn)
            assert window.awaited == count - turn
            window.acknowledged(wire.unacknowledged.pop(picks[turn % len(picks)] % len(wire.unacknowledged)))
            turn += 1
            await some_turns()
            assert sum(sender.done() for sender in senders) == turn
        assert wire.sent == list(range(count))
        assert not window.awaited
        await asyncio.gather(*senders)

    asyncio.run(play())


@live
async def test_who_comes_while_a_place_becomes_free_does_not_overtake() -> None:
    wire = Wire()
    window = InFlight(1, PATIENCE)
    senders = [asyncio.create_task(window.publish(wire.send(number))) for number in (0, 1)]
    await some_turns()
    window.acknowledged(1)
    senders.append(asyncio.create_task(window.publish(wire.send(2))))
    for packet in (2, 3):
        await some_turns()
        window.acknowledged(packet)
    await asyncio.gather(*senders)
    assert wire.sent == [0, 1, 2]


@live
async def test_a_sender_that_goes_before_its_turn_sends_nothing() -> None:
    wire = Wire()
    window = InFlight(2, PATIENCE)
    senders = [asyncio.create_task(window.publish(wire.send(number))) for number in range(5)]
    await some_turns()
    senders[0].cancel()
    senders[2].cancel()
    await some_turns()
    assert wire.sent == [0, 1]
    window.acknowledged(1)
    await some_turns()
    assert wire.sent == [0, 1, 3]
    for packet in (2, 3, 4):
        window.acknowledged(packet)
        await some_turns()
    assert wire.sent == [0, 1, 3, 4]
    await asyncio.gather(senders[1], senders[3], senders[4])


@live
async def test_what_cannot_be_sent_is_raised_and_takes_no_place() -> None:
    def broken() -> int:
        raise ValueError("too large")

    wire = Wire()
    window = InFlight(1, PATIENCE)
    with pytest.raises(ValueError, match="too large"):
        await window.publish(broken)
    await window.publish(lambda: None)  # has left, and needs no answer
    first, second, third = (asyncio.create_task(window.publish(send)) for send in (wire.send(0), broken, wire.send(1)))
    await some_turns()
    window.acknowledged(1)
    await first
    with pytest.raises(ValueError, match="too large"):
        await second
    await some_turns()
    window.acknowledged(2)
    await third


@live
async def test_an_unexpected_acknowledgement_frees_no_place() -> None:
    wire = Wire()
    window = InFlight(1, PATIENCE)
    senders = [asyncio.create_task(window.publish(wire.send(number))) for number in range(2)]
    await some_turns()
    window.acknowledged(77)
    await some_turns()
    assert wire.sent == [0]
    window.end("over")
    await asyncio.gather(*senders, return_exceptions=True)


@live
async def test_a_standstill_fails_everybody() -> None:
    wire = Wire()
    window = InFlight(IN_FLIGHT, 0.05)
    outcomes = await asyncio.gather(*(window.publish(wire.send(n)) for n in range(30)), return_exceptions=True)
    said = "nothing was acknowledged for 0.05 s, with 20 publications in flight"
    assert [str(outcome) for outcome in outcomes] == [said] * 30
    assert not window.awaited
    for packet in range(1, 21):
        window.acknowledged(packet)
    await some_turns()
    assert wire.sent == list(range(20))


@live
async def test_while_one_stands_still_the_next_does_not_take_its_place() -> None:
    wire = Wire()
    window = InFlight(1, 0.05)
    for _ in range(2):
        with pytest.raises(StalledError):
            await window.publish(wire.send(0))
    assert wire.sent == [0]


@pytest.mark.parametrize("sign", ["acknowledgement", "progress"])
@live
async def test_a_long_wait_is_no_standstill_while_the_broker_goes_on(sign: str) -> None:
    wire = Wire()
    patience, rounds = 0.5, 30
    taken = 0
    window = InFlight(1, patience, lambda: taken)
    senders = [asyncio.create_task(window.publish(wire.send(number))) for number in range(rounds)]
    for packet in range(1, rounds + 1):
        await asyncio.sleep(0.05)
        if sign == "acknowledgement":
            window.acknowledged(packet)
        else:
            taken += 1
    for packet in range(1, rounds + 1):
        window.acknowledged(packet)
        await some_turns()
    await asyncio.gather(*senders)
    assert wire.sent == list(range(rounds))


@live
async def test_the_end_of_the_connection_fails_what_is_in_flight() -> None:
    wire = Wire()
    window = InFlight(2, PATIENCE)
    senders = [asyncio.create_task(window.publish(wire.send(number))) for number in range(4)]
    await some_turns()
    window.acknowledged(1)
    window.end("the connection ended first")
    window.end("and later something else")
    outcomes = await asyncio.gather(*senders, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["None", *["the connection ended first"] * 3]
    with pytest.raises(StalledError, match="the connection ended first"):
        await window.publish(wire.send(9))
    assert 9 not in wire.sent
