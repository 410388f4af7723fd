"""The MQTT client of a server, behind one small interface of our own.

`Session` is all that the driver knows of MQTT: connect, subscribe, publish, disconnect, and what comes in. It is made
with aiomqtt (MQTT 3.1.1, clean sessions), and reaches into it to break a connection, for which it has no way.
"""
# ruff: noqa: SLF001

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from runtime.mqtt.arriving import Arriving
from runtime.mqtt.in_flight import IN_FLIGHT, InFlight, StalledError
from runtime.mqtt.tls_errors import LastError

T = TypeVar("T")
NOT_LARGE = 8 * 1024
"""Bytes of a payload that no broker finds too large."""
KEEPALIVE_TIMEOUT = 141
"""paho's reason code where the broker left a PINGREQ unanswered."""
_DATES = frozenset({9, 10})
"""OpenSSL's codes for a certificate that is not valid yet, or no more: a new one, or the right time, mends that."""
logging.getLogger("clientjoin.paho").setLevel(logging.CRITICAL)  # what it would say reaches us as an exception

READ_AT_ONCE = 100
"""Packets that a session reads in one turn of the loop, if as many have come."""
AT_ONCE = 64 * 1024
"""Bytes that are taken from the network in one go; of a large packet paho would ask for all, again and again."""


class NotConnectedError(Exception):
    """The broker could not be reached, or the connection broke: the message says which broker and why."""


class UntrustedError(NotConnectedError):
    """The broker's certificate, or ours, is not accepted: the message says why."""


class RefusedError(Exception):
    """The broker answered, and said no; `code` is the return code of CONNACK (MQTT 3.1.1, 3.2.2.3), if it was that."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class Will(NamedTuple):
    """What the broker publishes when the connection ends without DISCONNECT (MQTT 3.1.1, 3.1.2.5)."""

    topic: str
    payload: bytes


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker is; `mqtt://[user:password@]host[:port]`, with `mqtts` for TLS and `ws`/`wss` for WebSockets."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    websocket_path: str | None = None

    def __str__(self) -> str:
        scheme = ("wss" if self.tls else "ws") if self.websocket_path is not None else ("mqtts" if self.tls else "mqtt")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"  # never the password

    @classmethod
    def parse(cls, url: str) -> "BrokerAddress":
        """Read a URL. Raises `ValueError` that says what is wrong with it, without the password."""
        form = "the form is mqtt://[user:password@]host[:port], or mqtts://, ws://, wss://; %XX is a special character"
        ports = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
        shown = repr(re.sub(r"^(\w*:/*)?.*@", r"\1...@", url, flags=re.DOTALL))
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(f"{shown} is no broker: its host or port cannot be read; {form}") from None
        web = parts.scheme in {"ws", "wss"}
        if parts.scheme not in ports:
            problem = f"unknown scheme {parts.scheme!r}"
        elif not parts.hostname:
            problem = "no host"
        elif port == 0:
            problem = "the port must be from 1 to 65535"
        elif parts.fragment or parts.query or (parts.path.strip("/") and not web):
            problem = "something follows the port"
        elif parts.password and not parts.username:
            problem = "a password without a user"
        else:
            problem = ""
        if problem or parts.hostname is None:
            raise ValueError(f"{shown} is no broker: {problem}; {form}")
        return cls(
            host=parts.hostname,
            port=ports[parts.scheme] if port is None else port,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme in {"mqtts", "wss"},
            websocket_path=(parts.path or "/mqtt") if web else None,
        )


class Session:
    """One session with a broker, from `connect()` to its end. It cannot be used again.

    However it ends, by `disconnect()`, `crash()`, a failure or a cancelled `connect()`, no socket and no task is left.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client: str,
        qos: int = 2,
        *,
        patience: float = 5.0,
        keepalive: int = 60,
        will: Will | None = None,
        tls: ssl.SSLContext | None = None,
        skips_retained: bool = False,
        hears: Literal[0, 1, 2] = 2,
    ) -> None:
        """`qos` of publications and subscriptions; `patience` in seconds for each next answer of the broker.

        Subscriptions are made with QoS `hears` at most. With 1 events come in the order of the broker, whoever
        published them how: those with QoS 2 are handed over with the third of their four packets (MQTT 3.1.1, 4.3.3),
        and what others publish with less overtakes them. Without a session that is kept none of them comes twice.
        After `keepalive` seconds of silence the broker is asked for a sign of life, and has as long to give it.
        `tls` replaces the system's certificates where the address asks for TLS.
        """
        self.address = address
        self.client = client
        self.qos = qos
        self._hears = hears
        self._heard = LastError()
        self._why_it_broke = ""
        self._sizes: dict[int, int] = {}
        """Bytes of each payload that is not acknowledged, by packet identifier."""
        self.skips_retained = skips_retained
        """Whether what the broker has kept from before the subscription is nobody's business."""
        self._mqtt = aiomqtt.Client(
            address.host,
            address.port,
            identifier=client,
            username=address.user,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            timeout=patience,
            keepalive=keepalive,
            max_inflight_messages=IN_FLIGHT,  # never reached: what waits does so in `InFlight`, where it has a timeout
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],  # a small packet is not to wait for the next
            logger=logging.getLogger("clientjoin.paho"),
            transport="tcp" if address.websocket_path is None else "websockets",
            websocket_path=address.websocket_path,
            tls_context=_closing(tls or ssl.create_default_context()) if address.tls else None,
            will=aiomqtt.Will(will.topic, will.payload, qos) if will else None,
        )
        vars(self._mqtt)["_wait_for"] = self._answered
        self._paho: Any = self._mqtt._client
        self._paho.connect_timeout = patience
        vars(self._paho)["loop_read"] = self._read
        receive = self._paho._sock_recv
        vars(self._paho)["_sock_recv"] = lambda size: receive(min(size, AT_ONCE))
        vars(self._paho)["_easy_log"] = self._heard.note
        self._paho.on_message = self._on_message
        self._arriving = Arriving()
        self._paho.on_publish = self._on_publish
        self._paho.on_socket_register_write = self._on_register_write
        self._paho.on_disconnect = self._on_disconnect
        self._in_flight = InFlight(IN_FLIGHT, patience, self._bytes_left)
        self._opening: asyncio.Task[Any] | None = None
        self._thread = 0

    async def connect(self) -> None:
        """CONNECT, and wait for CONNACK. Raises `RefusedError`, or `NotConnectedError` if no CONNACK came."""
        if not _can_watch_sockets():
            raise NotConnectedError(
                f"{self.address} cannot be reached: this event loop does not watch sockets; "
                "use asyncio.SelectorEventLoop (on Windows: asyncio.WindowsSelectorEventLoopPolicy)"
            )
        self._thread = threading.get_ident()
        self._opening = asyncio.create_task(self._mqtt.__aenter__())
        try:
            await asyncio.shield(self._opening)
        except MqttConnectError as error:
            said = f"{self.address} refused the connection of {self.client}: {error}"
            raise RefusedError(said, _return_code(error)) from None
        except (aiomqtt.MqttError, OSError, ValueError) as error:
            problem = "cannot be reached" if self._mqtt._misc_task is None else "does not answer CONNECT"
            said = f"{self.address} {problem}: {error}"
            tls = error.__context__
            if isinstance(tls, ssl.SSLCertVerificationError) and tls.verify_code in _DATES:
                raise NotConnectedError(f"{said}; or is the clock of this machine wrong?") from None
            raise (UntrustedError if isinstance(tls, ssl.SSLError) else NotConnectedError)(said) from None
        finally:
            if not self._is_accepted():
                await self.crash()

    async def _answered(self, answer: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109 - the name is aiomqtt's
        """The broker's answer. Raises `aiomqtt.MqttError` if there is none within so many seconds.

        aiomqtt asks `asyncio.wait_for`, which before Python 3.12 forgets that it was cancelled if the answer is there.
        """
        try:
            async with asyncio.timeout(self._mqtt.timeout if timeout is None else timeout):
                return await answer
        except TimeoutError:
            raise aiomqtt.MqttError("Operation timed out") from None

    def _is_accepted(self) -> bool:
        """Whether the CONNACK has come, and said yes."""
        opening = self._opening
        return opening is not None and opening.done() and not opening.cancelled() and opening.exception() is None

    async def subscribe(self, topic: str) -> None:
        """SUBSCRIBE, and wait for SUBACK. Raises `RefusedError`, or `NotConnectedError` if no SUBACK came."""
        refused = 0x80
        try:
            granted = await self._mqtt.subscribe(topic, qos=min(self.qos, self._hears))
        except aiomqtt.MqttError as error:
            raise NotConnectedError(f"{self.address} did not answer SUBSCRIBE {topic}: {error}") from None
        if any(code == refused for code in granted):
            raise RefusedError(f"{self.address} refused {self.client} the topic {topic}")

    async def publish(self, topic: str, payload: bytes) -> None:
        """PUBLISH when its turn has come, and wait until the broker has taken it over.

        Any number may be published at once: they leave in order, with at most `IN_FLIGHT` unacknowledged at a time.
        Raises `NotConnectedError` if the connection ends, or nothing is acknowledged for as long as `patience`.
        """
        try:
            await self._in_flight.publish(lambda: self._send(topic, payload))
        except (aiomqtt.MqttError, StalledError, ValueError) as error:
            raise NotConnectedError(f"{self.address} did not take over the event on {topic}: {error}") from None

    @property
    def unacknowledged(self) -> int:
        """How many publications are awaited: in flight, or before their turn."""
        return self._in_flight.awaited

    def _send(self, topic: str, payload: bytes) -> int | None:
        """Hand a publication to paho; gives its packet identifier, or None if it has left and needs no answer."""
        sent = self._paho.publish(topic, payload, self.qos)
        if sent.rc:
            raise aiomqtt.MqttCodeError(sent.rc, "it could not be sent")
        self.has_left(topic, payload)
        if sent.is_published():
            return None
        self._sizes[sent.mid] = len(payload)
        return sent.mid  # type: ignore[no-any-return]

    def has_left(self, topic: str, payload: bytes) -> None:
        """A publication has been handed to the network: an heir that wants to know of it overrides this."""

    def _on_publish(self, _paho: object, _data: object, packet: int, *_: object) -> None:
        self._sizes.pop(packet, None)
        self._in_flight.acknowledged(packet)

    def _bytes_left(self) -> tuple[int, int]:
        """Something that changes when the network takes more of what is to be sent."""
        packets = self._paho._out_packet
        return len(packets), packets[0]["pos"] if packets else 0

    def _on_register_write(self, _paho: object, _data: object, sock: Any) -> None:
        """Watch for when the socket can be written, unless it has been closed by then.

        paho may call this in the thread in which it connects.
        """
        loop, number = self._mqtt._loop, sock.fileno()

        def write() -> None:
            try:
                self._paho.loop_write()
            except Exception as error:  # noqa: BLE001 - it has broken: whoever reads or waits is told
                if not self._mqtt._disconnected.done():
                    self._mqtt._disconnected.set_exception(error)

        def watch() -> None:
            if sock.fileno() == number:
                loop.add_writer(number, write)

        if threading.get_ident() == self._thread:
            loop.call_soon(watch)
        else:
            loop.call_soon_threadsafe(watch)

    def _on_disconnect(self, *told: Any) -> None:
        self._mqtt._on_disconnect(*told)
        silent = getattr(told[3], "value", None) == KEEPALIVE_TIMEOUT
        self._why_it_broke = f"no sign of life for {self._mqtt._keepalive} s" if silent else self._heard.said
        if not self._mqtt._connected.done():
            said = self._why_it_broke or "it closed the connection"
            self._mqtt._connected.set_exception(aiomqtt.MqttError(said))

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Topic and payload of each event that comes in. Raises `NotConnectedError` when the connection breaks."""
        ended = self._mqtt._disconnected
        ended.add_done_callback(self._arriving.tell)
        while True:
            while self._arriving:
                for event in self._arriving.for_a_turn():
                    yield event
                await self._arriving.take_in()
            if ended.done():
                if not ended.cancelled():
                    ended.exception()  # seen: `_why` says more
                raise NotConnectedError(f"the connection to {self.address} broke{self._why()}")
            await self._arriving.wait()

    def _on_message(self, _paho: object, _data: object, message: Any) -> None:
        if message.retain and self.skips_retained:
            return
        self._arriving.add(message.topic, bytes(message.payload))

    def _why(self) -> str:
        """What is known of why the connection broke, to go on with after "broke"."""
        why = f": {self._why_it_broke}" if self._why_it_broke else ""
        largest = max(self._sizes.values(), default=0)
        if largest > NOT_LARGE:
            why += f", before the broker took over an event of {largest} bytes: does it allow packets of that size?"
        return why

    def _read(self) -> int:
        """Take what has come from the network; gives paho's return code.

        paho would take one packet in each turn of the loop. While a busy program has few turns, the broker's queue for
        it overflows (at Mosquitto: 1,000 events), and what is beyond is dropped without a word.
        """
        paho = self._paho
        for _ in range(READ_AT_ONCE):
            if paho._sock is None:
                break
            code: int = paho._packet_read()
            if code > 0:
                failed: int = paho._loop_rc_handle(code)
                return failed
            if code < 0:
                break  # no more for now
        return 0

    async def disconnect(self) -> None:
        """DISCONNECT, once the CONNACK has come; harmless if there is no connection."""
        try:
            if self._opening is not None:
                await asyncio.wait({self._opening})
            if self._is_accepted():
                with contextlib.suppress(aiomqtt.MqttError):
                    await self._mqtt.__aexit__(None, None, None)
        finally:
            await self.crash()

    async def crash(self) -> None:
        """Break the connection without DISCONNECT, as a process does that dies; harmless if there is none."""
        mqtt = self._mqtt
        self._in_flight.end("the connection ended first")
        if self._opening is not None and not self._opening.done():
            # The thread in which paho opens the socket cannot be interrupted; then the loop takes over, and can.
            while not self._opening.done() and mqtt._misc_task is None:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self._paho.on_socket_register_write = None  # nothing more is written,
        await asyncio.sleep(0)  # and what was about to be reported to the loop is, before the socket is no more
        self._paho._sock_close()
        if not mqtt._disconnected.done():
            mqtt._disconnected.set_result(None)
        for ended in (mqtt._connected, mqtt._disconnected, mqtt._misc_task):
            if ended is not None:
                ended.cancel()
                await asyncio.gather(ended, return_exceptions=True)


class _TlsSocket(ssl.SSLSocket):
    """Closes when the handshake fails: paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            self.close()
            raise


def _closing(context: ssl.SSLContext) -> ssl.SSLContext:
    context.sslsocket_class = _TlsSocket
    return context


def _can_watch_sockets() -> bool:
    """Whether the running loop has `add_reader`, which the MQTT library needs: the default loop of Windows has none."""
    watch = type(asyncio.get_running_loop()).add_reader
    return watch is not asyncio.AbstractEventLoop.add_reader


def _return_code(error: MqttConnectError) -> int | None:
    """The return code of CONNACK."""
    return error.rc if isinstance(error.rc, int) else getattr(error.rc, "value", None)


Connect = Callable[[str], Session]
"""Makes a new session for an MQTT client identifier."""
