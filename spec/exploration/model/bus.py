"""The bus: to whom the broker passes an event, as the broker's chart says."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from machines import Broker, ConnectionLost, Participant
from machines.participant import Snapshot
from spec.exploration.model.node import STEPS, Node
from spec.exploration.model.wills import is_will
from spec.system.process import Addressed, ChartMachine, Taking, name_of


class Unbounded(ValueError):  # noqa: N818 - what it is
    """A system that goes on without end: its connections fill, or its broker never has done."""


class Bus(Protocol):
    """Who hears what."""

    def receivers(self, sender: str, message: Hashable) -> frozenset[str]:
        """The names of the nodes that a message reaches, if they are connected."""


@dataclass
class BrokerBus:
    """The chart of a broker, with which every server holds a session and its subscriptions.

    Sessions are clean: one that has ended takes nothing, and changes nothing for the others.
    """

    nodes: tuple[Node, ...]
    broker: Participant = field(default_factory=Broker)

    def __post_init__(self) -> None:
        self.machine = ChartMachine(self.broker)
        state = self.machine.begin()
        for node in self.nodes:
            for arrow in (arrow for started in node.order(node.begin(), "start")[:1] for arrow in started.arrows):
                if arrow.receiver == "broker" and arrow.sender == "client":
                    state = self.machine.receive(state, arrow.message, node.name)[1]
                    state = [state, *(then for _, then in self._sent(state))][-1]
        self._state: Snapshot = state

    def receivers(self, sender: str, message: Hashable) -> frozenset[str]:
        """A will is what the broker says when the connection breaks of a client that has left one."""
        what = ConnectionLost() if is_will(message) else message
        taking, state, _ = self.machine.receive(self._state, what, sender)
        return frozenset(to for to, _ in self._sent(state)) if taking is Taking.TAKEN else frozenset()

    def _sent(self, state: Snapshot) -> Iterator[tuple[str, Snapshot]]:
        """To whom the broker sends all that is due, one after the other.

        A broker that goes round for ever sends nobody else anything after the first round. Raises `Unbounded` for one
        of which nobody can tell that.
        """
        met = {state}
        for _ in range(STEPS):
            due = self.machine.sends(state)
            if not due:
                return
            then = self.machine.send(state, due[0])
            yield due[0].to, then or state
            if then is None or then in met:
                return
            met.add(then)
            state = then
        raise Unbounded(f"after passing on {STEPS} messages in one step the broker still goes on; mend its chart")


@dataclass
class Wires:
    """No broker: each message goes to the nodes that are named for it, or to all that take it."""

    nodes: tuple[str, ...]
    routes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def receivers(self, sender: str, message: Hashable) -> frozenset[str]:
        if isinstance(message, Addressed) and message.to:
            return frozenset({message.to})
        named = self.routes.get(name_of(message), self.nodes)
        return frozenset(named) - {sender}
