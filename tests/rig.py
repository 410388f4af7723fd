"""Charts in memory: one chart followed arrow by arrow, and a system of charts with channels between them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any, Literal

import pytest
from immutabledict import immutabledict

from machines.broker import Broker
from machines.calls import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    SUBACK,
    SUBSCRIBE,
    Call,
    ConnectionFailed,
    ConnectionLost,
    Message,
    Packet,
    PublishFailed,
    Start,
    Stop,
    SubscriptionFailed,
    TimeoutExceeded,
    ViewChanged,
)
from machines.clock import Clock
from machines.distribution_view import DistributionView
from machines.events import BusEvent
from machines.participant import Decision, Output, Participant, Refused, Snapshot
from machines.rules import View
from machines.torrent_server import TorrentServer
from machines.tracker import Tracker

# One chart: every line of a course says what is done, and what that leaves of the whole participant.


@dataclass(frozen=True)
class Step:
    """One action, where it leaves the chart ("" = where it was), what it changes in the data, and what is due then.

    `due` None stands for the send that is the next step, and for nothing if the next step is none.
    """

    action: Literal["?", "!"]
    message: Message
    peer: str
    decision: Decision = Decision.TAKEN
    states: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    due: tuple[Output, ...] | None = None


def took(message: Message, states: str = "", *, sender: str = "", due: Any = None, **changes: Any) -> Step:
    """`?message` is taken."""
    return Step("?", message, sender, Decision.TAKEN, states, changes, outputs(due))


def did(message: Message, states: str = "", *, to: str = "", due: Any = None, **changes: Any) -> Step:
    """`!message` is sent."""
    return Step("!", message, to or destination(message), Decision.TAKEN, states, changes, outputs(due))


def ignored(message: Message, *, sender: str = "", due: Any = None) -> Step:
    """`?message` is ignored: it moves nothing."""
    return Step("?", message, sender, Decision.IGNORED, due=outputs(due))


def refused(message: Message, *, sender: str = "", due: Any = None) -> Step:
    """`?message` is impossible: it is refused, and moves nothing."""
    return Step("?", message, sender, Decision.IMPOSSIBLE, due=outputs(due))


def deferred(message: Message, *, due: Any = None) -> Step:
    """`?message` has to wait in its channel: who gives it all the same is refused, and moves nothing."""
    return Step("?", message, "", Decision.DEFERRED, due=outputs(due))


def destination(message: Message) -> str:
    """Whom an MQTT client, a clock or a view sends such a message."""
    return message.receiver if isinstance(message, Call) else "broker"


def outputs(messages: Iterable[Message | Output] | None) -> tuple[Output, ...] | None:
    """Messages with their destination, where it is not given."""
    if messages is None:
        return None
    return tuple(one if isinstance(one, Output) else Output(one, destination(one)) for one in messages)


def follow(chart: Participant, *steps: Step, due: Any = None) -> None:
    """Do the steps; before the first and after each compare the whole snapshot, and what is due (first: `due`)."""
    snapshot, idle = chart.snapshot(), _due_at(outputs(due), steps)
    assert _sorted(chart.due()) == idle, f"{type(chart).__name__} at the beginning"
    for number, step in enumerate(steps):
        at = f"{type(chart).__name__} after step {number + 1}, {step.action}{step.message}"
        _do(chart, step, at)
        if step.decision is Decision.TAKEN:
            states = tuple(step.states.split()) or snapshot.states
            snapshot = Snapshot(states, replace(snapshot.data, **step.changes))
            idle = _due_at(step.due, steps[number + 1 :])
        assert chart.snapshot() == snapshot, at
        assert _sorted(chart.due()) == idle, at


def _do(chart: Participant, step: Step, at: str) -> None:
    if step.action == "!":
        chart.emit(Output(step.message, step.peer))
    elif step.decision in {Decision.TAKEN, Decision.IGNORED}:
        assert chart.receive(step.message, step.peer) is step.decision, at
    else:
        assert chart.decide(type(step.message)) is step.decision, at
        with pytest.raises(Refused):
            chart.receive(step.message, step.peer)


def _due_at(given: tuple[Output, ...] | None, rest: Sequence[Step]) -> list[Output]:
    following = next((step for step in rest if step.decision is Decision.TAKEN), None)
    if given is None and following is not None and following.action == "!":
        given = (Output(following.message, following.peer),)
    return _sorted(given or ())


def _sorted(due: Iterable[Output]) -> list[Output]:
    return sorted(due, key=repr)


def subscriptions(topics: Sequence[str], then: str, *, interleaved: bool = False) -> Iterator[Step]:
    """Subscribe topic by topic in this order; SUBACKs come in this order too, when all is sent or as early as can be.

    `then` is where the last SUBACK leads, with the send due there that is the next step.
    """
    unsent, ungranted = set(topics), set(topics)
    for topic in topics:
        unsent.remove(topic)
        left = None if not unsent else [SUBSCRIBE(topic=other) for other in unsent]
        state = "subscribing" if unsent else "awaiting_subacks"
        yield did(SUBSCRIBE(topic=topic), state, unsubscribed=frozenset(unsent), due=left)
        if interleaved and unsent:
            ungranted.remove(topic)
            yield took(SUBACK(topic=topic), unacknowledged=frozenset(ungranted), due=left)
    for topic in [topic for topic in topics if topic in ungranted]:
        ungranted.remove(topic)
        state = "" if ungranted else then
        yield took(SUBACK(topic=topic), state, unacknowledged=frozenset(ungranted))
