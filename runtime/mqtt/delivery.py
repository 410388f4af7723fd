"""The handshake between the embedded broker and one subscriber, over amqtt's packets.

amqtt's own gives up on a subscriber that has not answered after five seconds: at QoS 2 the event is lost then, since
PUBREL never follows, and nobody is told. On a machine with a hundred busy clients that is a short time. Here the broker
waits as long as the connection lasts, which is what MQTT 3.1.1 asks for.
"""

import asyncio
from typing import Any

from amqtt.mqtt.publish import PublishPacket  # type: ignore[import-untyped]
from amqtt.mqtt.pubrel import PubrelPacket  # type: ignore[import-untyped]

AT_MOST_ONCE, AT_LEAST_ONCE = 0, 1


async def deliver(handler: Any, topic: str, payload: bytes, qos: int, retain: bool) -> None:
    """Send a PUBLISH through an amqtt protocol handler, and see its handshake through.

    Returns when the subscriber has acknowledged; ends by cancellation when the handler is stopped. Raises
    `amqtt.errors.AMQTTError` if 65,535 deliveries to the subscriber are under way already.
    """
    if qos == AT_MOST_ONCE:
        await handler._send_packet(PublishPacket.build(topic, payload, None, False, qos, retain))  # noqa: SLF001
        return
    in_flight = handler.session.inflight_out
    packet = handler.session.next_packet_id
    in_flight[packet] = None  # what counts is the identifier: clean sessions send nothing again
    try:
        publish = PublishPacket.build(topic, payload, packet, False, qos, retain)
        if qos == AT_LEAST_ONCE:
            await _ask(handler, publish, handler._puback_waiters, packet)  # noqa: SLF001
        else:
            await _ask(handler, publish, handler._pubrec_waiters, packet)  # noqa: SLF001
            await _ask(handler, PubrelPacket.build(packet), handler._pubcomp_waiters, packet)  # noqa: SLF001
    finally:
        in_flight.pop(packet, None)


async def _ask(handler: Any, question: Any, answers: dict[int, asyncio.Future[Any]], packet: int) -> None:
    """Send a packet and wait for its answer, which the handler puts into `answers`."""
    answer = answers[packet] = asyncio.get_running_loop().create_future()
    try:
        await handler._send_packet(question)  # noqa: SLF001
        await answer
    finally:
        del answers[packet]
