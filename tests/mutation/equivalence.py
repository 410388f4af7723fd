"""Whether a mutant of the broker acts like the broker: both are led through every configuration, side by side.

Two charts act alike if from equal beginnings equal inputs are taken, ignored or refused by both, and then both are
about to send the same: a bisimulation, found by searching all pairs of configurations that the same history leads to.
Every client can send anything at any time. What bounds the search is the number of clients, of topics and of what the
broker owes at once; its guards ask only whether something is the last of its kind, and whether all of it is the
sender's, so that three of each meet all cases.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

from machines import BUS_EVENTS, CONNECT, DISCONNECT, SUBSCRIBE, Broker, BusEvent, ConnectionLost, TrackerHello
from machines.calls import Message
from machines.participant import Participant, Snapshot, UnspecifiedReception, actions
from spec.system.setup import sample
from tests.mutation.mutants import Mutant, copy_of

CLIENTS = ("one", "two", "three")
PENDING = 3
"""How much is owed at most when a client sends something more."""


class Step(NamedTuple):
    """Something that happens to the broker, as text and how to do it; `to` is empty where it receives."""

    message: Message
    client: str
    sends: bool


def difference(mutant: Mutant, clients: Sequence[str] = CLIENTS) -> str:
    """The shortest history after which a mutant of the broker acts otherwise than it; empty if there is none.

    One event is subscribed to and published: the one that the fault is about, if it is about one.
    """
    event = sample(next((one for one in BUS_EVENTS if one.__name__ == mutant.label[1:]), TrackerHello), CLIENTS[0])
    copy: Any = copy_of(Broker)
    mutant.fault(copy)
    charts: tuple[Participant, Participant] = (Broker(), copy())
    return _difference(charts, event, clients)


def _difference(charts: tuple[Participant, Participant], event: BusEvent, clients: Sequence[str]) -> str:
    begin = (charts[0].snapshot(), charts[1].snapshot())
    histories: dict[tuple[Snapshot, Snapshot], tuple[Step, ...]] = {begin: ()}
    queue = deque([begin])
    while queue:
        pair = queue.popleft()
        for step in _steps(charts[0], pair[0], event, clients):
            (said, then), (other, after) = (_after(chart, here, step) for chart, here in zip(charts, pair, strict=True))
            history = (*histories[pair], step)
            if said != other:
                return f"{_told(history)}: {said}, and the mutant {other}"
            if (then, after) not in histories:
                histories[then, after] = history
                queue.append((then, after))
    return ""


def _steps(chart: Participant, here: Snapshot, event: BusEvent, clients: Sequence[str]) -> Iterator[Step]:
    """What can happen to the broker in a configuration."""
    chart.restore(here)
    yield from (Step(message, client, sends=True) for message, client in chart.due())
    data = here.data
    if len(data.connacks) + len(data.subacks) + len(data.outbox) < PENDING:
        inputs: tuple[Message, ...] = (CONNECT(), SUBSCRIBE(topic=event.topic), DISCONNECT(), ConnectionLost(), event)
        yield from (Step(message, client, sends=False) for message, client in product(inputs, clients))


def _after(chart: Participant, here: Snapshot, step: Step) -> tuple[str, Snapshot]:
    """What a chart does in a step and is then about to send, as a text; and where it is then."""
    chart.restore(here)
    try:
        if step.sends:
            event = actions(type(chart))[f"!{type(step.message).__name__}"]
            chart.send(event, message=step.message, to=step.client)
            did = "sent"
        else:
            did = chart.receive(step.message, step.client).value
    except UnspecifiedReception:
        did = "refused"
    except Exception as error:  # noqa: BLE001 - a mutant may break anywhere
        did = f"broken: {error!r}"
    due = sorted(f"{output.message} to {output.to}" for output in chart.due())
    return f"{did}, then due: {due}", chart.snapshot()


def _told(history: tuple[Step, ...]) -> str:
    return " ".join(f"{'!' if step.sends else '?'}{type(step.message).__name__}({step.client})" for step in history)
