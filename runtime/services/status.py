"""What a service knows of itself: where it is, what it counted, and why it is not a member.

`Status` follows the moves of a server's charts. `why()` always answers: a torrent server that is not registered, and a
tracker that does not serve, can say in one sentence what is missing and what happens next.
"""

import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from machines.calls import JoinConflicts, TimeoutExceeded
from machines.events import (
    ClientEvent,
    ClientGoodbye,
    ClientJoinAccepted,
    ClientJoinDenied,
    ClientJoinFailed,
    ClientJoinRequested,
    ClientJoinSucceeded,
    ClientRegistered,
    ReasonCode,
    TrackerGoodbye,
    TrackerHello,
)
from machines.participant import Decision
from runtime.driver import Move
from runtime.wire.texts import printable

log = logging.getLogger("clientjoin.service")

LAST = 200
"""How many moves are remembered."""

SERVING = frozenset({"awaiting_requests", "awaiting_confirmations"})


@dataclass
class Status:
    """The state of one service, kept up to date by `moved`."""

    name: str
    is_tracker: bool
    clock: Callable[[], float] = time.time
    state: str = "offline"
    since: float = 0.0
    """When the present state was entered, in seconds since 1970."""
    moves: Counter[str] = field(default_factory=Counter)
    """How often each action was done, such as `?ClientJoinRequested`."""
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """How long each state was held, in seconds, without the present one."""
    denials: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    joins: Counter[str] = field(default_factory=Counter)
    reconnects: int = 0
    connection: str = "not connected yet"
    """Why there is no connection, and when the next attempt is made; empty where there is one."""
    failed: str = ""
    """How the last attempt to join failed; empty once it has succeeded."""
    superseded: bool = False
    """Whether another tracker has said hello, for which this one stepped down."""
    ended: str = ""
    """Why it has ended, if it was not told to."""
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    on_member: Callable[[], None] = lambda: None
    _requested: int = 0
    """Bytes of the last request."""
    _accepted: dict[str, int] = field(default_factory=dict)
    """At a tracker: bytes of the acceptance of each client that has not confirmed."""

    def __post_init__(self) -> None:
        self.since = self.clock()

    @property
    def is_member(self) -> bool:
        """Whether a torrent server is registered, or a tracker serves."""
        if self.ended:
            return False
        busy = {"updating_view"} if not self.is_tracker else set()
        return self.state in ({"registered"} | busy) or (self.is_tracker and self.state in SERVING)

    def why(self, pause: float = 0.0) -> str:
        """Why it is not a member, and what happens next; empty if it is one. `pause` in seconds is the present one."""
        if self.is_member:
            return ""
        if self.ended:
            return self.ended
        if self.state == "offline":
            return self.connection or "it is stopped"
        last = f"; the last attempt failed: {self.failed}" if self.failed else ""
        if self.state == "awaiting_retry":
            left = max(0.0, self.since + pause - self.clock())
            return (
                f"{self.failed or 'the tracker has gone'}; it asks again in {left:.1f} s, or when a tracker says hello"
            )
        if self.state == "awaiting_hello":
            return f"{self.failed or 'the tracker has gone'}; it awaits the next TrackerHello"
        if self.state == "awaiting_connack":
            return f"it awaits the broker's answer to CONNECT{last}"
        if self.state in {"subscribing", "awaiting_subacks"}:
            return f"it awaits the broker's answer to SUBSCRIBE{last}"
        if self.state == "awaiting_its_hello":
            return f"it awaits its own hello, from which on it serves{last}"
        if self.state == "awaiting_answer":
            return f"it has asked to join, and awaits the tracker's answer{last}"
        if self.state == "awaiting_registration":
            return f"it was accepted and has confirmed, and awaits ClientRegistered{last}"
        return f"it is {self.state.replace('_', ' ')}{last}"

    def moved(self, move: Move) -> None:
        """A chart of the server has done something."""
        name = type(move.message).__name__
        if move.decision is Decision.IMPOSSIBLE:
            self.refused[name] += 1
        if log.isEnabledFor(logging.DEBUG):
            fields = {
                "server": move.server,
                "role": move.role,
                "action": f"{move.action}{name}",
                "client": move.message.client if isinstance(move.message, ClientEvent) else "",
                "state": "/".join(move.where),
            }
            log.debug("%s", _told(move), extra=fields)
        if move.role == "client":
            self.moves[f"{move.action}{name}"] += 1
            if move.decision is Decision.TAKEN:
                self.recent.append(f"{self.clock():.3f} {_told(move)}")
                before = self.state
                self._enter(move.where[0])
                self._note(move, before)
        elif self.is_tracker and isinstance(move.message, JoinConflicts) and move.action == "!":
            self.denials[ReasonCode(move.message.reason_code).name] += 1
            log.warning("denied %s: %s", printable(move.message.client), printable(move.message.reason))

    def _enter(self, state: str) -> None:
        now = self.clock()
        if state != self.state:
            self.seconds[self.state] += now - self.since
            self.state, self.since = state, now

    def _note(self, move: Move, before: str) -> None:
        message, sent = move.message, move.action == "!"
        if isinstance(message, TrackerHello) and self.is_tracker and not sent and self.state == "disconnecting":
            self.superseded = True
            log.error("another tracker has said hello: this one steps down, without a goodbye")
        elif self.is_tracker:
            self._note_at_tracker(message, sent)
        elif not isinstance(message, ClientEvent) or message.client == self.name:
            self._note_at_torrent(message, sent, before)

    def sized(self, event: object, size: int) -> None:
        """An event of so many bytes is about to be published."""
        if isinstance(event, ClientJoinRequested):
            self._requested = size
        elif isinstance(event, ClientJoinAccepted):
            self._accepted[event.client] = size

    def _note_at_tracker(self, message: object, sent: bool) -> None:
        who = printable(message.client) if isinstance(message, ClientEvent) else ""
        if isinstance(message, ClientRegistered | ClientJoinFailed | ClientGoodbye):
            self._accepted.pop(message.client, None)
        if isinstance(message, TrackerHello) and sent:
            self._accepted.clear()
            log.info("%s serves", self.name)
            self.on_member()
        elif isinstance(message, ClientRegistered):
            self.joins["registered"] += 1
            log.info("registered %s", who)
        elif isinstance(message, ClientJoinAccepted):
            self.joins["accepted"] += 1
        elif isinstance(message, ClientJoinDenied):
            self.joins["denied"] += 1
        elif isinstance(message, ClientJoinFailed):
            self.joins["failed"] += 1
            log.info("%s did not change its view, and is forgotten: it failed to, or had asked only to know", who)
        elif isinstance(message, TimeoutExceeded):
            self.joins["timed out"] += 1
            client = message.timer.client
            size = self._accepted.pop(client, 0)
            log.warning(
                "%s was accepted (%d bytes) and has not confirmed in time: forgotten; does it live, "
                "and does the broker pass on so many bytes?",
                printable(client),
                size,
            )
        elif isinstance(message, ClientGoodbye):
            what = "its connection broke (its last will)" if message.session else "goodbye"
            log.info("%s leaves: %s", who, what)

    def _note_at_torrent(self, message: object, sent: bool, before: str) -> None:
        failed = ""
        if isinstance(message, ClientRegistered):
            self.joins["registered"] += 1
            self.failed = ""
            log.info("%s is registered", self.name)
            self.on_member()
        elif isinstance(message, ClientJoinRequested):
            self.joins["requested"] += 1
        elif isinstance(message, ClientJoinDenied):
            self.joins["denied"] += 1
            self.denials[ReasonCode(message.reason_code).name] += 1
            failed = f"denied: {ReasonCode(message.reason_code).name}: {printable(message.reason or 'no reason given')}"
        elif isinstance(message, ClientJoinFailed):
            self.joins["failed"] += 1
            failed = "the view could not be changed as the tracker asked"
        elif isinstance(message, TimeoutExceeded) and before in _UNANSWERED:
            self.joins["timed out"] += 1
            failed = _UNANSWERED[before].format(size=self._requested)
        elif isinstance(message, TrackerGoodbye) and not sent:
            failed = "the tracker said goodbye"
        elif isinstance(message, ClientJoinSucceeded):
            self.joins["accepted"] += 1
        if failed:
            self.failed = failed
            log.warning("%s is not a member: %s", self.name, failed)


def _told(move: Move) -> str:
    """A move in one line."""
    about = f" of {printable(move.message.client)}" if isinstance(move.message, ClientEvent) else ""
    done = f"{move.action}{type(move.message).__name__}{about}"
    return f"{move.server} {move.role} {done} -> {'/'.join(move.where)}"


_UNANSWERED = {
    "awaiting_answer": (
        "no answer to the request in time ({size} bytes): is a tracker running, may this client hear what the tracker "
        "publishes, and does the broker pass on so many bytes?"
    ),
    "awaiting_registration": "no ClientRegistered in time after the confirmation",
    "awaiting_timeout": "the view could not be changed as the tracker asked",
}
