"""A tour of the broker's chart: whatever two clients and the broker can do, as far as little is owed at once.

`python -m tests.properties.broker_tour` goes on it. Every configuration that few steps lead to is met, and held against
what the binding says that a broker owes, as in `broker_alone.py`; there chance goes further, and here nothing is left
to it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from machines.broker import Broker
from machines.events import BUS_EVENTS, BusEvent, TrackerHello
from machines.participant import Snapshot
from spec.binding.obligations import Ledger
from tests.properties.broker_alone import BrokerAlone

CLIENTS = ("anna", "bert")
OWED = 2
"""How much is owed at most when something more comes in."""
DEEPEST = 9
"""Steps."""

Act = Callable[[BrokerAlone], None]
Where = tuple[Snapshot, Ledger, int]
"""A configuration of the broker, what it owes by the account, and the number of the next event."""


def tour(chart: type[Broker] = Broker) -> Iterator[Where]:
    """Each configuration that is met, once all that can happen there was tried. Raises `AssertionError`, or what the
    chart raises.
    """

    class Toured(BrokerAlone):
        pass

    Toured.chart = chart
    alone = Toured()
    for kind in BUS_EVENTS:
        yield from _walk(alone, kind, DEEPEST if kind is TrackerHello else 0)


def _walk(alone: BrokerAlone, kind: type[BusEvent], deepest: int) -> Iterator[Where]:
    """Around one kind of event: breadth first from where nobody is connected, and the way that each event goes."""
    begin = _where(alone)
    _restore(alone, begin)
    for act in _way(kind):
        act(alone)
        alone.it_keeps_its_obligations()
    yield _where(alone)
    met = {begin[0]: 0}
    queue = deque([begin] if deepest else [])
    while queue:
        here = queue.popleft()
        for act in _acts(alone, here, kind):
            _restore(alone, here)
            act(alone)
            alone.it_keeps_its_obligations()
            there = _where(alone)
            if there[0] not in met and met[here[0]] < deepest:
                met[there[0]] = met[here[0]] + 1
                queue.append(there)
        yield here
    _restore(alone, begin)


def _where(alone: BrokerAlone) -> Where:
    data = alone.broker.snapshot()
    return data, alone.ledger, next(alone.numbers)


def _restore(alone: BrokerAlone, here: Where) -> None:
    snapshot, alone.ledger, number = here
    alone.broker.restore(snapshot)
    alone.numbers = count(number)


def _way(kind: type[BusEvent]) -> Iterator[Act]:
    """An event that nobody wants, and two that both clients want, of which the second comes before the first is passed
    on; all is passed on.
    """
    yield from (partial(BrokerAlone.connect, client=client) for client in CLIENTS)
    yield BrokerAlone.send_all
    yield partial(BrokerAlone.publish, client=CLIENTS[0], events=[kind])
    yield from (partial(BrokerAlone.subscribe, client=client, event=kind) for client in CLIENTS)
    yield BrokerAlone.send_all
    yield partial(BrokerAlone.publish, client=CLIENTS[0], events=[kind, kind])
    yield BrokerAlone.send_all


def _acts(alone: BrokerAlone, here: Where, kind: type[BusEvent]) -> Iterator[Act]:
    """What can happen in a configuration. Who is left alone does not come: the clients are alike."""
    _restore(alone, here)
    due = alone.broker.due()
    yield from (partial(BrokerAlone.send, pick=pick) for pick in range(len(due)))
    data = here[0].data
    if len(data.connacks) + len(data.subacks) + len(data.outbox) >= OWED:
        return
    for client in CLIENTS:
        yield partial(BrokerAlone.connect, client=client)
        yield partial(BrokerAlone.subscribe, client=client, event=kind)
        yield partial(BrokerAlone.publish, client=client, events=[kind])
        yield partial(BrokerAlone.leave, client=client, broken=True)
        yield partial(BrokerAlone.leave, client=client, broken=False)


def main() -> None:
    """Go on it, and say how many configurations it meets."""
    print(f"{sum(1 for _ in tour())} configurations of the broker")


if __name__ == "__main__":
    main()
