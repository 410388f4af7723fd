"""The broker's chart among clients that come and go as they like, against what the binding says that a broker owes.

The other machines let the broker do at once whatever is due. Here its sends and what comes in mix in any order, and
the ledger of `spec.binding.obligations` keeps the account: one answer to each packet, each event once to each
subscriber and in order, nothing to who has no session, and nothing owed that is not about to be sent.
"""

from dataclasses import replace
from itertools import count
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from machines.broker import Broker
from machines.calls import CONNECT, DISCONNECT, SUBSCRIBE, ConnectionLost, Message
from machines.events import BUS_EVENTS, BusEvent, ClientEvent, ClientMetadata, ClientRegistered, ReasonCode
from machines.participant import Decision, Output
from spec.binding import load
from spec.binding.allowances import Allowances
from spec.binding.obligations import EMPTY, Discipline, Said
from spec.system.process import said_of

CLIENTS = ("anna", "bert", "carl")


class BrokerAlone(RuleBasedStateMachine):
    """See the module."""

    chart: ClassVar[type[Broker]] = Broker

    def __init__(self) -> None:
        super().__init__()
        self.broker = self.chart()
        discipline = Allowances(load()).discipline("Broker")
        assert discipline is not None
        self.discipline: Discipline = discipline
        self.ledger = EMPTY
        self.numbers = count(1)

    def come(self, client: str, message: Message) -> None:
        """Something comes in from a client."""
        before = self.broker.snapshot()
        decision = self.broker.receive(message, client)
        assert decision in {Decision.TAKEN, Decision.IGNORED}
        ignored = decision is Decision.IGNORED
        assert not ignored or self.broker.snapshot() == before
        self.ledger = self.discipline.received(self.ledger, said(message, client), ignored=ignored)

    @rule(client=st.sampled_from(CLIENTS))
    def connect(self, client: str) -> None:
        self.come(client, CONNECT())

    @rule(client=st.sampled_from(CLIENTS), event=st.sampled_from(BUS_EVENTS))
    def subscribe(self, client: str, event: type[BusEvent]) -> None:
        self.come(client, SUBSCRIBE(topic=event.topic))

    @rule(clients=st.sets(st.sampled_from(CLIENTS), min_size=1), event=st.sampled_from(BUS_EVENTS))
    def settle_in(self, clients: set[str], event: type[BusEvent]) -> None:
        """Some connect, and subscribe to one topic, and all that is due is sent."""
        for client in sorted(clients):
            self.come(client, CONNECT())
            self.send_all()
            self.come(client, SUBSCRIBE(topic=event.topic))
            self.send_all()
        self.publish(min(clients), [event])

    @rule(client=st.sampled_from(CLIENTS), events=st.lists(st.sampled_from(BUS_EVENTS), min_size=1, max_size=4))
    def publish(self, client: str, events: list[type[BusEvent]]) -> None:
        """One after the other, before the broker passes any on."""
        for event in events:
            given: dict[str, Any] = {"client": client} if issubclass(event, ClientEvent) else {}
            self.come(client, replace(SAMPLES[event], event_id=str(next(self.numbers)), **given))

    @rule(client=st.sampled_from(CLIENTS), broken=st.booleans())
    def leave(self, client: str, broken: bool) -> None:
        self.come(client, ConnectionLost() if broken else DISCONNECT())

    @precondition(lambda self: self.broker.due())
    @rule(pick=st.integers(0, 63))
    def send(self, pick: int) -> None:
        due = self.broker.due()
        self.emit(due[pick % len(due)])

    def emit(self, output: Output) -> None:
        """The broker sends something that is due."""
        self.broker.emit(output)
        self.ledger = self.discipline.sent(self.ledger, said(output.message, output.to))

    @rule()
    def send_all(self) -> None:
        for _ in range(200):
            due = self.broker.due()
            if not due:
                return
            self.emit(due[0])
        raise AssertionError("after 200 messages the broker still has something to send")

    @invariant()
    def it_keeps_its_obligations(self) -> None:
        due = [said(one.message, one.to) for one in self.broker.due()]
        violation = self.discipline.violation(self.ledger, due, lambda _: True)
        assert violation is None, violation
        assert len(self.ledger.pending_obligations) == 0 or due, "it owes something, and is about to send nothing"

    def teardown(self) -> None:
        """When all is sent, nothing is owed."""
        self.send_all()
        assert self.ledger.pending_obligations == ()


def said(message: Message, peer: str) -> Said:
    """A message for the ledger; events are told apart by their number."""
    number = int(message.event_id) if isinstance(message, BusEvent) else 0
    return said_of(message, number, peer)


def _sample(event: type[BusEvent]) -> BusEvent:
    """An event of a class, with as little in it as it needs."""
    required: dict[str, Any] = {
        "client": "anna",
        "hash_algorithm": "sha-256",
        "fragment_size": 1024,
        "reason_code": ReasonCode.OTHER,
        "hash": "f",
        "size": 1,
    }
    if event is ClientRegistered:
        required["info"] = ClientMetadata()
    names = event.__dataclass_fields__.keys()
    return event(**{name: value for name, value in required.items() if name in names})


SAMPLES = {event: _sample(event) for event in BUS_EVENTS}
