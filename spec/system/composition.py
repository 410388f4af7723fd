"""All participants together: a closed system of local machines and the channels between their lifelines.

How messages wait is said by the model of the channels (`spec.system.channels`). A message is lost when it is sent, so
the sender has sent it and nobody receives it. What a patient lifeline sends (a clock, say) comes when nothing else can
happen: timeouts are longer than messages take.

Systems of our charts keep a queue for each pair of lifelines where the model is one queue for each receiver. Nobody
could notice a difference: MQTT clients speak to one another only by way of the broker, so an order in which the broker
reads what two of them sent is an order in which they could have sent it. `by_pairs=False` switches that off.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from machines.events import BusEvent, ClientEvent
from spec.binding.allowances import Allowances
from spec.system.addressing import Addressing
from spec.system.channels import Channels, Key
from spec.system.local_steps import LocalSteps
from spec.system.numbering import Numbering
from spec.system.process import ChartMachine, LocalMachine, ScriptedMachine, Taking, detail_of, name_of
from spec.system.state import Act, Flying, Move, Sent, State, with_local
from spec.system.stepped import SteppedMachine
from spec.system.violations import Violations

__all__ = ["Act", "Move", "State", "System"]

_LAST = "DISCONNECT"
"""The last message of a connection (MQTT 3.1.1, 3.14)."""


@dataclass(eq=False)
class System:
    """Machines by lifeline, and the moves of all of them together.

    `numbers` knows what states and messages are numbered, `addresses` who is meant by what is sent, `steps` what each
    lifeline can do by itself, `violations` what is done against the binding's obligations.
    """

    machines: Mapping[str, LocalMachine]
    allowances: Allowances
    routes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """Receivers of what charts send that do not say to whom, see `Addressing`."""
    environment: Callable[[str, str], Iterable[Hashable]] = lambda _lifeline, _order: ()
    """The messages that an order of the environment to a lifeline can be."""
    repeats: bool = False
    """Whether an event can be delivered again. Then each that is published has an `event_id`."""
    patience: bool = True
    """Whether there are patient lifelines at all."""
    by_pairs: bool = True
    """Whether systems of our charts keep a queue for each pair of lifelines, as said above."""
    losses: frozenset[tuple[str, str, str]] = frozenset()
    """Sender, receiver and message of what the diagrams draw lost."""
    gates: tuple[tuple[str, str], ...] = ()
    """Receiver and message of what they draw as coming from outside to charts that are not ours."""

    def __post_init__(self) -> None:
        self.lifelines = tuple(self.machines)
        self.is_reduced = all(isinstance(machine, ChartMachine | ScriptedMachine) for machine in self.machines.values())
        """Whether `scheduling` may leave out orders that make no difference: it knows what its machines put first."""
        self.is_foreign = not any(isinstance(m, ChartMachine | ScriptedMachine) for m in self.machines.values())
        """Whether no chart of ours takes part."""
        self.numbers = Numbering(self.machines)
        self.addresses = Addressing(self.lifelines, self.allowances.binding.players, self.routes)
        self.steps = LocalSteps(self.numbers, self.addresses, self.allowances, self.environment)
        model = self.allowances.binding.channels or "receiver"
        groups = tuple(map(self.addresses.group, self.lifelines))
        self.channels = Channels("pair" if model == "receiver" and self.is_reduced and self.by_pairs else model, groups)
        self.violations = Violations(self.steps, self.channels)
        self.spread: dict[tuple[State, bool, bool], tuple[State, ...]] = {}
        """What undrawn actions lead to, as far as it was asked: see `spec.conformance.matching`."""
        self.cut = 0
        """How often looking for undrawn actions ended at a bound."""

    def initial(self) -> State:
        """Everybody where their charts begin, and nothing under way."""
        return State(tuple(self.numbers.number(name, machine.begin()) for name, machine in self.machines.items()))

    # Moves.

    def sends(
        self, state: State, lifeline: str, wanted: Callable[[Act], bool] = lambda _: True
    ) -> Iterator[tuple[Move, Move | None]]:
        """What a lifeline can send, of what is `wanted`: the move, and the same with the message lost, if it can be."""
        place = self.numbers.places[lifeline]
        for sent in self.steps.due(state, lifeline):
            if not (wanted(sent.act) or wanted(sent.lost)):
                continue
            for then in self.steps.after(state, lifeline, sent):
                after = with_local(state, place, then)
                if sent.receiver is None:
                    yield Move(sent.act, after), None
                    continue
                ends, message = (place, sent.receiver), sent.message
                if self.repeats and isinstance(sent.sending.message, BusEvent):
                    message = self._stamped(state, sent)
                    after = after._replace(posted=(*after.posted, (ends, message)))
                yield Move(sent.act, self._with_arrival(after, ends, message)), Move(sent.lost, after)

    def _stamped(self, state: State, sent: Sent) -> int:
        """The event that is sent, with an `event_id` if it has none so far."""
        event = sent.sending.message
        assert isinstance(event, BusEvent)
        if event.event_id:
            return sent.message
        return self.numbers.message(replace(event, event_id=str(len(state.posted) + 1)))

    def internal(self, state: State, lifeline: str) -> Iterator[Move]:
        """The steps of a lifeline that nobody sees: of a chart that has some."""
        for act, then in self.steps.internal(state, lifeline):
            yield Move(act, with_local(state, self.numbers.places[lifeline], then))

    def again(self, state: State, lifeline: str, wanted: Callable[[Act], bool]) -> Iterator[Move]:
        """The latest event that was `wanted`, delivered once more; its sender is not changed by it."""
        place = self.numbers.places[lifeline]
        for ends, number in reversed(state.posted):
            message = self.numbers.messages[number]
            act = Act("!", lifeline, name_of(message), detail_of(message), self.lifelines[ends[1]])
            if ends[0] == place and wanted(act):
                yield Move(act, self._with_arrival(state, ends, number))
                return

    def publishes(self, state: State, lifeline: str, name: str) -> Iterator[Move]:
        """What the server of a lifeline publishes without its chart."""
        places = self.numbers.places
        for message in self.environment(lifeline, name):
            if isinstance(message, ClientEvent):
                message = replace(message, client=self.addresses.client_of(lifeline))  # noqa: PLW2901
            for broker in self.addresses.called(lifeline, "broker"):
                act = Act("!", lifeline, name, detail_of(message), broker)
                ends = (places[lifeline], places[broker])
                yield Move(act, self._with_arrival(state, ends, self.numbers.message(message)))

    def _with_arrival(self, state: State, ends: tuple[int, int], message: int) -> State:
        """The state with a message under way. A client that has disconnected reads nothing more from the broker."""
        sender, receiver = ends
        rows = state.channels
        if self.numbers.spelled(message) == _LAST:
            rows = self.channels.cut(rows, receiver, sender)
        closing = self.channels.between(rows, receiver, sender)
        if any(self.numbers.spelled(number) == _LAST for number in closing):
            return state._replace(channels=rows)
        return state._replace(channels=self.channels.put(rows, sender, receiver, message))

    def receives(self, state: State, lifeline: str) -> Iterator[tuple[Move | None, Act, str]]:
        """What a lifeline can receive of what has come; None with the reason where it refuses."""
        place = self.numbers.places[lifeline]
        for flight in self.channels.arriving(state.channels, place):
            for received in self.steps.receiving(state, lifeline, flight.message, flight.sender):
                for then in received.then:
                    rows = self.channels.take(state.channels, flight)
                    after = with_local(state._replace(channels=rows), place, then)
                    yield Move(received.act, after), received.act, ""
                if not received.then:
                    yield None, received.act, received.why

    def orders(self, state: State, lifeline: str, orders: Iterable[str]) -> Iterator[Move]:
        """What the environment can tell a lifeline: the owner's orders, and what the network does to it."""
        for order in orders:
            for act, then, message in self.steps.told(state, lifeline, order):
                after = with_local(state, self.numbers.places[lifeline], then)
                if not act.ignored and order in {"ConnectionLost", "ConnectionFailed"}:
                    after = self._break(after, lifeline, message)
                yield Move(act, after)

    def _break(self, state: State, lifeline: str, message: Hashable) -> State:
        """A connection breaks: what was under way on it is gone, and the broker's end of it hears so, too."""
        place = self.numbers.places[lifeline]
        for broker in self.addresses.called(lifeline, "broker"):
            end = self.numbers.places[broker]
            rows = self.channels.cut(self.channels.cut(state.channels, place, end), end, place)
            state = state._replace(channels=rows)
            for received in self.steps.receiving(state, broker, self.numbers.message(message), place):
                if received.then and not received.act.ignored:
                    state = with_local(state, end, received.then[0])
        return state

    # What is under way, and what waits.

    def waiting(self, state: State, *, deferred: bool) -> Iterator[tuple[Act, str]]:
        """What has come and is not taken, with the reason; what is `deferred` for now, or what is refused for good."""
        for place, lifeline in enumerate(self.lifelines):
            for flight in self.channels.arriving(state.channels, place):
                for received in self.steps.receiving(state, lifeline, flight.message, flight.sender):
                    if not received.then and deferred is (received.taking is Taking.DEFERRED):
                        yield received.act, received.why

    def flights(self, state: State, lifeline: str) -> Iterator[Flying]:
        """All that is under way to a lifeline."""
        place = self.numbers.places[lifeline]
        arriving = set(self.channels.arriving(state.channels, place))
        for flight in self.channels.all(state.channels):
            if flight.key[1] == place:
                message, sender = self.numbers.messages[flight.message], self.lifelines[flight.sender]
                yield Flying(sender, name_of(message), detail_of(message), flight in arriving)

    def channel(self, sender: str, receiver: str) -> Key:
        """The key of the row in which messages from one lifeline to another wait."""
        return self.channels.key(self.numbers.places[sender], self.numbers.places[receiver])

    def is_call(self, act: Act) -> bool:
        """Whether an action is one end of an arrow inside a server."""
        places = self.numbers.places
        return bool(act.peer) and self.channels.is_call(places[act.lifeline], places[act.peer])

    def is_patient(self, lifeline: str) -> bool:
        """Whether what a lifeline sends waits until nothing else can happen."""
        return self.patience and self.machines[lifeline].patient

    def sends_undrawn(self) -> bool:
        """Whether a chart that is not ours may send undrawn what matters for what is drawn.

        That is what somebody is drawn to receive; and whatever a patient lifeline sends, which waits for the others and
        so orders what would be independent.
        """
        of_patient = (
            self.allowances.may(lifeline, f"!{message}")
            for lifeline, machine in self.machines.items()
            if isinstance(machine, SteppedMachine) and self.is_patient(lifeline)
            for message in machine.could_ever_send()
        )
        return any(of_patient) or any(
            bool(receiver) and self.allowances.may(lifeline, f"!{message}", receiver)
            for (lifeline, message), receivers in self.routes.items()
            for receiver in receivers
        )
