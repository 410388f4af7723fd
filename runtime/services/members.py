"""Who is registered, as a bus tells it: by joining as nobody, with nothing, and leaving at once.

MQTT keeps no list of members, and a tracker tells one to whoever it accepts. So this asks to join, reads the list in
the acceptance, and reports a failure, by which the tracker forgets it: it is never registered, and nobody else sees it.
"""

import asyncio
import contextlib
from uuid import uuid4

from machines.events import (
    ANSWERS,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    Clients,
)
from runtime.mqtt.session import NotConnectedError, RefusedError
from runtime.services.run import dial
from runtime.services.settings import ServiceSettings
from runtime.wire.events import Malformed, decode, encode


class NoAnswerError(Exception):
    """Nobody told: the message says why."""


class MembersSettings(ServiceSettings):
    """The settings of `clientjoin members`; `patience` is also what the tracker has to answer."""

    id: str = "members"
    hash_algorithm: str = "sha-256"


async def members(settings: MembersSettings) -> Clients:
    """The registered clients. Raises `NoAnswerError`, `SettingsError`."""
    topics = settings.topics
    name = f"{settings.id}-{uuid4().hex[:8]}"
    session = dial(settings)(topics.client_id(name), None)
    try:
        await session.connect()
        for event in ANSWERS:
            await session.subscribe(topics.filter(event.topic, name))
        request = ClientJoinRequested(
            event_id=str(uuid4()), client=name, request_id=f"{name}-1", hash_algorithm=settings.hash_algorithm
        )
        await session.publish(topics.of(request), encode(request))
        async with asyncio.timeout(settings.patience):
            async for given, payload in session.messages():
                with contextlib.suppress(Malformed):  # of others: whoever is meant by it counts it
                    answer = decode(topics.read(given)[0], payload, settings.max_payload)
                    if isinstance(answer, ClientJoinDenied) and answer.client == name:
                        raise NoAnswerError(f"the tracker denied it: {answer.reason or answer.reason_code.name}")
                    if isinstance(answer, ClientJoinAccepted) and answer.client == name:
                        failed = ClientJoinFailed(event_id=str(uuid4()), client=name, request_id=request.request_id)
                        await session.publish(topics.of(failed), encode(failed))
                        return answer.clients
        raise NoAnswerError("the connection ended before an answer")
    except TimeoutError:
        raise NoAnswerError(f"no tracker answered within {settings.patience:g} s at {session.address}") from None
    except (NotConnectedError, RefusedError) as error:
        raise NoAnswerError(str(error)) from None
    finally:
        await session.disconnect()
