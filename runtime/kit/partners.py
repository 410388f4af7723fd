"""Those whom the server under test talks to: MQTT clients that publish what they are told to, and note what comes."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace
from uuid import uuid4

from immutabledict import immutabledict

from machines import rules
from machines.calls import JoinConflicts
from machines.events import (
    BusEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    FileMetadata,
    FragmentMetadata,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.rules import View
from runtime.mqtt.session import BrokerAddress, NotConnectedError, Session
from runtime.wire.events import Malformed, decode, encode

FRAGMENT_SIZE = 1024
"""Bytes, of the service that a tracker of the kit runs, where the server under test asks for none."""


class Partner:
    """An MQTT client of the kit: `heard` are the events that came, oldest first."""

    def __init__(self, address: BrokerAddress, client: str, topics: Iterable[str]) -> None:
        self.client = client
        self.heard: list[BusEvent] = []
        self._session = Session(address, client)
        self._topics = tuple(topics)
        self._listening: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect and subscribe. Raises `NotConnectedError` or `RefusedError`."""
        await self._session.connect()
        self._listening = asyncio.create_task(self._listen())
        for topic in self._topics:
            await self._session.subscribe(topic)

    async def publish(self, event: BusEvent) -> BusEvent:
        """Publish an event, stamped if it is not; what was published."""
        stamped = event if event.event_id else replace(event, event_id=str(uuid4()))
        await self._session.publish(stamped.topic, encode(stamped))
        return stamped

    async def publish_raw(self, topic: str, payload: bytes) -> None:
        """Publish whatever bytes."""
        await self._session.publish(topic, payload)

    async def disconnect(self) -> None:
        """Leave, with a DISCONNECT."""
        if self._listening is not None:
            self._listening.cancel()
        await self._session.disconnect()

    async def _listen(self) -> None:
        with contextlib.suppress(NotConnectedError):
            async for topic, payload in self._session.messages():
                with contextlib.suppress(Malformed):  # it is judged where it is published
                    self.heard.append(decode(topic, payload))


class TrackerAnswers:
    """What a tracker of the kit answers: by the rules, on a view of its own."""

    def __init__(self) -> None:
        self.view = View()
        self._is_new = True

    def answer(self, request: ClientJoinRequested, *, fails: bool = False) -> ClientJoinAccepted:
        """Accept a request; with `fails` so that its client cannot follow, if it said with which size it works."""
        if self._is_new:
            size = request.fragment_size or FRAGMENT_SIZE
            self.view = replace(self.view, hash_algorithm=request.hash_algorithm, fragment_size=size)
            self._is_new = False
        asked = replace(
            request, fragment_size=None, hash_algorithm=self.view.hash_algorithm, endpoints=request.endpoints
        )
        self.view, found = rules.admit(self.view, asked)
        if isinstance(found, JoinConflicts):  # two clients of the kit do not conflict
            raise RuntimeError(  # noqa: TRY004 - no matter of types
                f"{request.client} offers endpoints of another client of the kit: {found.reason}"
            )
        acceptance = found.acceptance
        return replace(acceptance, fragment_size=acceptance.fragment_size + 1) if fails else acceptance

    def deny(self, request: ClientJoinRequested) -> ClientJoinDenied:
        """Deny a request."""
        reason = "so the kit wants it"
        return ClientJoinDenied(
            client=request.client, request_id=request.request_id, reason_code=ReasonCode.OTHER, reason=reason
        )

    def register(self, client: str) -> ClientRegistered:
        """Register a client that was accepted."""
        self.view, applied = rules.register(self.view, client)
        return applied.registered

    def restart(self) -> TrackerHello:
        """A new round."""
        self.view = rules.forget_clients(self.view)
        return TrackerHello()

    def leave(self) -> TrackerGoodbye:
        """Goodbye."""
        return TrackerGoodbye()


class TorrentAnswers:
    """What a torrent server of the kit says; it brings a file of its own."""

    def __init__(self, client: str, hash_algorithm: str) -> None:
        self.client = client
        fragment = f"fragment-of-{client}"
        self.request = ClientJoinRequested(
            client=client,
            hash_algorithm=hash_algorithm,
            known_file_infos=immutabledict({f"file-of-{client}": FileMetadata(10, (fragment,))}),
            stored_fragments=immutabledict({fragment: FragmentMetadata(10)}),
            endpoints=frozenset({f"http://{client}.invalid/"}),
        )

    def ask(self, *, conflicts: bool = False) -> ClientJoinRequested:
        """Ask to join, or ask for what no service grants."""
        return replace(self.request, hash_algorithm="no-such-hash") if conflicts else self.request

    def say(self, event: str) -> BusEvent:
        """Another event of a torrent server, by its name."""
        kinds: dict[str, type[ClientJoinSucceeded | ClientJoinFailed | ClientGoodbye]] = {
            kind.__name__: kind for kind in (ClientJoinSucceeded, ClientJoinFailed, ClientGoodbye)
        }
        return kinds[event](client=self.client)
