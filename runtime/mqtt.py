"""The MQTT client of a server, behind one small interface of our own.

`Session` is all that the driver knows of MQTT: connect, subscribe, publish, disconnect, and what comes in. It is made
with aiomqtt (MQTT 3.1.1, clean sessions). Faults at this end of the wire serve where the broker is not ours.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

logging.getLogger("clientjoin.paho").setLevel(logging.CRITICAL)  # what it would say reaches us as an exception


class NotConnectedError(Exception):
    """The broker could not be reached, or the connection broke: the message says which broker and why."""


class RefusedError(Exception):
    """The broker answered, and said no."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker is; `mqtt://[user:password@]host[:port]`, with `mqtts` for TLS and `ws`/`wss` for WebSockets."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    websocket_path: str | None = None

    def __str__(self) -> str:
        scheme = ("wss" if self.tls else "ws") if self.websocket_path is not None else ("mqtts" if self.tls else "mqtt")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"  # never the password

    @classmethod
    def parse(cls, url: str) -> "BrokerAddress":
        """Read a URL. Raises `ValueError` that says what is wrong with it."""
        form = "the form is mqtt://[user:password@]host[:port], or mqtts://, ws://, wss://"
        ports = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError(f"{url!r} is no broker: {error}; {form}") from None
        if parts.scheme not in ports:
            raise ValueError(f"{url!r} is no broker: unknown scheme {parts.scheme!r}; {form}")
        if not parts.hostname:
            raise ValueError(f"{url!r} is no broker: no host; {form}")
        web = parts.scheme in {"ws", "wss"}
        if not web and (parts.path.strip("/") or parts.query):
            raise ValueError(f"{url!r} is no broker: nothing can follow the port; {form}")
        return cls(
            host=parts.hostname,
            port=ports[parts.scheme] if port is None else port,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme in {"mqtts", "wss"},
            websocket_path=(parts.path or "/mqtt") if web else None,
        )


class Session:
    """One session with a broker, from `connect()` to `disconnect()`. It cannot be used again."""

    def __init__(self, address: BrokerAddress, client: str, qos: int = 2, patience: float = 5.0) -> None:
        """`qos` of publications and subscriptions; `patience` in seconds for each answer of the broker."""
        self.address = address
        self.client = client
        self.qos = qos
        self._mqtt = aiomqtt.Client(
            address.host,
            address.port,
            identifier=client,
            username=address.user,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            timeout=patience,
            max_inflight_messages=0,  # otherwise publications stall behind unacknowledged ones
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # a small packet is not to wait for the next
            logger=logging.getLogger("clientjoin.paho"),
            transport="tcp" if address.websocket_path is None else "websockets",
            websocket_path=address.websocket_path,
            tls_context=ssl.create_default_context() if address.tls else None,
        )
        self._connected = False

    async def connect(self) -> None:
        """CONNECT, and wait for CONNACK. Raises `RefusedError`, or `NotConnectedError` if no CONNACK came."""
        try:
            await self._mqtt.__aenter__()
        except MqttConnectError as error:
            raise RefusedError(f"{self.address} refused the connection of {self.client}: {error}") from None
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            raise NotConnectedError(f"{self.address} cannot be reached: {error}") from None
        self._connected = True

    async def subscribe(self, topic: str) -> None:
        """SUBSCRIBE, and wait for SUBACK. Raises `RefusedError`, or `NotConnectedError` if no SUBACK came."""
        refused = 0x80
        try:
            granted = await self._mqtt.subscribe(topic, qos=self.qos)
        except aiomqtt.MqttError as error:
            raise NotConnectedError(f"{self.address} did not answer SUBSCRIBE {topic}: {error}") from None
        if any(code == refused for code in granted):
            raise RefusedError(f"{self.address} refused {self.client} the topic {topic}")

    async def publish(self, topic: str, payload: bytes) -> None:
        """PUBLISH, and wait until the broker has taken it over. Raises `NotConnectedError` otherwise."""
        try:
            await self._mqtt.publish(topic, payload, qos=self.qos)
        except (aiomqtt.MqttError, ValueError) as error:
            raise NotConnectedError(f"{self.address} did not take over the event on {topic}: {error}") from None

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Topic and payload of each event that comes in. Raises `NotConnectedError` when the connection breaks."""
        try:
            async for message in self._mqtt.messages:
                payload = message.payload
                yield str(message.topic), payload if isinstance(payload, bytes) else str(payload or "").encode()
        except aiomqtt.MqttError as error:
            raise NotConnectedError(f"the connection to {self.address} broke: {error}") from None

    async def disconnect(self) -> None:
        """DISCONNECT; harmless if there is no connection."""
        if self._connected:
            self._connected = False
            with contextlib.suppress(aiomqtt.MqttError):
                await self._mqtt.__aexit__(None, None, None)

    async def crash(self) -> None:
        """Break the connection without DISCONNECT, as a process does that dies."""
        if self._connected:
            wire: Any = self._mqtt._client.socket()  # noqa: SLF001 - aiomqtt has no way to break a connection
            with contextlib.suppress(OSError, AttributeError):
                wire.shutdown(socket.SHUT_RDWR)
            # paho notices on its next read; then its tasks end.
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._mqtt._disconnected), timeout=2)  # noqa: SLF001
            await self.disconnect()


Connect = Callable[[str], Session]
"""Makes a new session for an MQTT client identifier."""
