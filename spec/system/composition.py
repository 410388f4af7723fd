"""All participants together: a closed system of local machines and the channels between their lifelines.

How messages wait is said by the model of the channels (`spec.system.channels`). A message is lost when it is sent, so
the sender has sent it and nobody receives it. What a patient lifeline sends (a clock, say) comes when nothing else can
happen: timeouts are longer than messages take.

Systems of our charts keep a queue for each pair of lifelines where the model is one queue for each receiver. Nobody
could notice a difference: MQTT clients speak to one another only by way of the broker, so an order in which the broker
reads what two of them sent is an order in which they could have sent it. `by_pairs=False` switches that off.
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from machines.events import BusEvent, ClientEvent
from spec.binding import Binding
from spec.binding.obligations import Ledger, Said, Violation
from spec.system.channels import SHARED, Channels, Flight, Key
from spec.system.numbering import Numbering
from spec.system.process import (
    ChartMachine,
    LocalMachine,
    ScriptedMachine,
    Sending,
    Taking,
    after_internal,
    after_receiving,
    after_sending,
    detail_of,
    name_of,
    said_of,
)
from spec.system.state import Act, Flying, Move, Sent, State, with_local

__all__ = ["Act", "Move", "State", "System"]

ENDLESS = 10
"""How many copies of a message that nobody draws can wait for one reader: nobody is meant to send more."""
_LAST = "DISCONNECT"
"""The last message of a connection (MQTT 3.1.1, 3.14)."""


class _Received(NamedTuple):
    act: Act
    then: tuple[int, ...]
    why: str
    taking: Taking


@dataclass
class System(Numbering):
    """Machines by lifeline, and who is called what.

    `routes` gives for a foreign chart, which does not say to whom it sends, the receivers of each message; "" is the
    environment.
    """

    machines: Mapping[str, LocalMachine]
    binding: Binding
    routes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
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
        players = self.binding.players
        groups = tuple(players[name].group if name in players else "" for name in self.lifelines)
        model = self.binding.channels or "receiver"
        self.channels = Channels("pair" if model == "receiver" and self.is_reduced and self.by_pairs else model, groups)
        self._begin_numbering()
        self._sent: dict[tuple[int, int], tuple[Sent, ...]] = {}
        self._afters: dict[tuple[int, int, Sending], tuple[int, ...]] = {}
        self._received: dict[tuple[int, int, int, int], tuple[_Received, ...]] = {}
        self._internal: dict[tuple[int, int], tuple[tuple[Act, int], ...]] = {}
        self._futures: dict[tuple[int, int], frozenset[str]] = {}
        self._told: dict[tuple[int, int, str], tuple[tuple[Act, int, Hashable], ...]] = {}
        found = ((name, self.binding.discipline(name)) for name in self.lifelines)
        self.disciplines = {name: discipline for name, discipline in found if discipline is not None}
        """Of whom the binding says what they owe."""
        self._violations: dict[tuple[str, int], Violation | None] = {}
        self.is_foreign = not any(isinstance(m, ChartMachine | ScriptedMachine) for m in self.machines.values())
        """Whether no chart of ours takes part."""
        self.spread: dict[tuple[State, bool, bool], tuple[State, ...]] = {}
        """What undrawn actions lead to, as far as it was asked: see `spec.conformance.matching`."""
        self.cut = 0
        """How often looking for undrawn actions ended at a bound."""

    def asked(self, lifeline: str) -> Iterator[tuple[Hashable, str]]:
        """What a lifeline was asked so far, and in which local state: what it could send, and was to receive."""
        here = self._places[lifeline]
        locals_ = self._locals[here]
        for (place, local), due in self._sent.items():
            if place == here:
                yield from ((locals_[local], str(sent.act)) for sent in due)
        for place, local, number, _ in self._received:
            if place == here:
                yield locals_[local], f"?{name_of(self._messages[number])}"
        for place, local, order in self._told:
            if place == here:
                yield locals_[local], f"?{order}"

    def violation(self, state: State) -> Violation | None:
        """What a lifeline that is drawn does here against what the binding says that it owes, or without end."""
        for lifeline in self.disciplines:
            key = (lifeline, state.locals[self._places[lifeline]])
            if key not in self._violations:
                self._violations[key] = self._violation(state, lifeline) if self.binding.is_drawn(lifeline) else None
            if self._violations[key] is not None:
                return self._violations[key]
        if any(len(messages) > ENDLESS for _, messages in state.channels):
            waiting = Counter((f.sender, f.key[1]) for f in self.channels.all(state.channels))
            for (sender, receiver), count in sorted(waiting.items()):
                if count > ENDLESS:
                    messages = self.channels.between(state.channels, sender, receiver)
                    return self._endless(self.lifelines[sender], self.lifelines[receiver], messages)
        return None

    def _endless(self, sender: str, receiver: str, messages: Collection[int]) -> Violation | None:
        number, count = Counter(messages).most_common(1)[0]
        name = self.spelled(number)
        if count <= ENDLESS or not self.binding.may(sender, f"!{name}", receiver):
            return None
        text = f"sends {name} to {receiver} again and again: {count} wait there, and nothing keeps it from sending more"
        return Violation("endless", sender, text)

    def _violation(self, state: State, lifeline: str) -> Violation | None:
        due = {self._said(sent): sent for sent in self.due(state, lifeline)}

        def can_send(said: Said) -> bool:
            return bool(self._after(state, lifeline, due[said]))

        return self.disciplines[lifeline].violation(self.ledger(state, lifeline), due, can_send)

    def _said(self, sent: "Sent") -> Said:
        return said_of(self._messages[sent.message], sent.message, sent.act.peer)

    # Who is meant.

    def receivers(self, lifeline: str, sending: Sending) -> tuple[int | None, ...]:
        """The lifelines that a message goes to, None being the environment; none if nobody here plays them."""
        if not sending.to:
            found = self.routes.get((lifeline, name_of(sending.message)), ())
        else:
            found = tuple(self._called(lifeline, sending.to))
        return tuple(self._places.get(name) for name in found if name in self._places or not name)

    def _called(self, lifeline: str, to: str) -> Iterator[str]:
        """Who is meant by `to`: a broker names sessions, everybody else the broker or a role of the own server."""
        players = self.binding.players
        sender = players.get(lifeline)
        for name in self.lifelines:
            player = players.get(name)
            if player is None or sender is None:
                continue
            if sender.role == "broker":
                meant = player.role == "client" and player.client == to
            elif to == "broker":
                meant = player.role == "broker"
            else:
                meant = player.group == sender.group and player.role == to
            if meant:
                yield name

    def client_of(self, lifeline: str) -> str:
        """The MQTT client identifier of a lifeline."""
        player = self.binding.players.get(lifeline)
        return player.client if player else ""

    # Steps.

    def sends(
        self, state: State, lifeline: str, wanted: Callable[[Act], bool] = lambda _: True
    ) -> Iterator[tuple[Move, Move | None]]:
        """What a lifeline can send, of what is `wanted`: the move, and the same with the message lost, if it can be."""
        place = self._places[lifeline]
        for sent in self.due(state, lifeline):
            if not (wanted(sent.act) or wanted(sent.lost)):
                continue
            for then in self._after(state, lifeline, sent):
                after = with_local(state, place, then)
                if sent.receiver is None:
                    yield Move(sent.act, after), None
                    continue
                ends, message = (place, sent.receiver), sent.message
                if self.repeats and isinstance(sent.sending.message, BusEvent):
                    message = self._stamped(state, sent)
                    after = after._replace(posted=(*after.posted, (ends, message)))
                yield Move(sent.act, self._with_arrival(after, ends, message)), Move(sent.lost, after)

    def internal(self, state: State, lifeline: str) -> Iterator[Move]:
        """The steps of a lifeline that nobody sees: of a chart that has some."""
        place = self._places[lifeline]
        key = (place, state.locals[place])
        if key not in self._internal:
            local, ledger = self.local(state, lifeline), self.ledger(state, lifeline)
            steps = after_internal(self._machines[place], local)
            acts = [(Act(".", lifeline, name, "", ""), self.number(lifeline, then, ledger)) for name, then in steps]
            self._internal[key] = tuple(acts)
        for act, then in self._internal[key]:
            yield Move(act, with_local(state, place, then))

    def _stamped(self, state: State, sent: "Sent") -> int:
        """The event that is sent, with an `event_id` if it has none so far."""
        event = sent.sending.message
        assert isinstance(event, BusEvent)
        return sent.message if event.event_id else self._message(replace(event, event_id=str(len(state.posted) + 1)))

    def again(self, state: State, lifeline: str, wanted: Callable[[Act], bool]) -> Iterator[Move]:
        """The latest event that was `wanted`, delivered once more; its sender is not changed by it."""
        place = self._places[lifeline]
        for ends, number in reversed(state.posted):
            message = self._messages[number]
            act = Act("!", lifeline, name_of(message), detail_of(message), self.lifelines[ends[1]])
            if ends[0] == place and wanted(act):
                yield Move(act, self._with_arrival(state, ends, number))
                return

    def publishes(self, state: State, lifeline: str, name: str) -> Iterator[Move]:
        """What the server of a lifeline publishes without its chart."""
        place = self._places[lifeline]
        for message in self.environment(lifeline, name):
            if isinstance(message, ClientEvent):
                message = replace(message, client=self.client_of(lifeline))  # noqa: PLW2901
            for broker in self._called(lifeline, "broker"):
                act = Act("!", lifeline, name, detail_of(message), broker)
                yield Move(act, self._with_arrival(state, (place, self._places[broker]), self._message(message)))

    def _with_arrival(self, state: State, ends: tuple[int, int], message: int) -> State:
        """The state with a message under way. A client that has disconnected reads nothing more from the broker."""
        sender, receiver = ends
        rows = state.channels
        if name_of(self._messages[message]) == _LAST:
            rows = self.channels.cut(rows, receiver, sender)
        closing = self.channels.between(rows, receiver, sender)
        if any(name_of(self._messages[number]) == _LAST for number in closing):
            return state._replace(channels=rows)
        return state._replace(channels=self.channels.put(rows, sender, receiver, message))

    def due(self, state: State, lifeline: str) -> tuple["Sent", ...]:
        """What a lifeline is about to send, whether it can be sent or not."""
        here = (self._places[lifeline], state.locals[self._places[lifeline]])
        if here not in self._sent:
            self._sent[here] = tuple(self._ask_sends(lifeline, state))
        return self._sent[here]

    def _ask_sends(self, lifeline: str, state: State) -> Iterator["Sent"]:
        for sending in self.machines[lifeline].sends(self.local(state, lifeline)):
            message = self._message(sending.message)
            name, detail = name_of(sending.message), detail_of(sending.message)
            for receiver in self.receivers(lifeline, sending) or (None,):
                peer = "" if receiver is None else self.lifelines[receiver]
                act = Act("!", lifeline, name, detail, peer)
                to = sending if sending.to else sending._replace(to=peer)
                yield Sent(act, act._replace(lost=True), message, receiver, to)

    def _after(self, state: State, lifeline: str, sent: "Sent") -> tuple[int, ...]:
        """Where sending can leave its lifeline; a chart is stepped only for what is wanted of it."""
        key = (self._places[lifeline], state.locals[self._places[lifeline]], sent.sending)
        if key not in self._afters:
            afters = after_sending(self.machines[lifeline], self.local(state, lifeline), sent.sending)
            ledger = self.ledger(state, lifeline)
            if lifeline in self.disciplines:
                ledger = self.disciplines[lifeline].sent(ledger, self._said(sent))
            self._afters[key] = tuple(dict.fromkeys(self.number(lifeline, then, ledger) for then in afters))
        return self._afters[key]

    def receives(self, state: State, lifeline: str) -> Iterator[tuple[Move | None, Act, str]]:
        """What a lifeline can receive of what has come; None with the reason where it refuses."""
        place = self._places[lifeline]
        for flight in self.channels.arriving(state.channels, place):
            for received in self._receiving(lifeline, state, flight):
                for then in received.then:
                    rows = self.channels.take(state.channels, flight)
                    after = with_local(state._replace(channels=rows), place, then)
                    yield Move(received.act, after), received.act, ""
                if not received.then:
                    yield None, received.act, received.why

    def waiting(self, state: State, *, deferred: bool) -> Iterator[tuple[Act, str]]:
        """What has come and is not taken, with the reason; what is `deferred` for now, or what is refused for good."""
        for place, lifeline in enumerate(self.lifelines):
            for flight in self.channels.arriving(state.channels, place):
                for received in self._receiving(lifeline, state, flight):
                    if not received.then and deferred is (received.taking is Taking.DEFERRED):
                        yield received.act, received.why

    def flights(self, state: State, lifeline: str) -> Iterator["Flying"]:
        """All that is under way to a lifeline."""
        arriving = set(self.channels.arriving(state.channels, self._places[lifeline]))
        for flight in self.channels.all(state.channels):
            if flight.key[1] == self._places[lifeline]:
                message, sender = self._messages[flight.message], self.lifelines[flight.sender]
                yield Flying(sender, name_of(message), detail_of(message), flight in arriving)

    def _receiving(self, lifeline: str, state: State, flight: Flight) -> "tuple[_Received, ...]":
        place = self._places[lifeline]
        key = (place, state.locals[place], flight.message, flight.sender)
        if key not in self._received:
            self._received[key] = tuple(self._ask_receive(lifeline, state, flight.message, flight.sender))
        return self._received[key]

    def _ask_receive(self, lifeline: str, state: State, number: int, sender: int) -> Iterator["_Received"]:
        message, peer = self._messages[number], self.lifelines[sender]
        local = self.local(state, lifeline)
        machine = self.machines[lifeline]
        who = self.client_of(peer) if isinstance(machine, ChartMachine) else peer
        for taking, then, why in after_receiving(machine, local, message, who):
            act = self._reception(lifeline, local, message, peer, taking)
            if taking not in {Taking.TAKEN, Taking.IGNORED}:
                yield _Received(act, (), why, taking)
                continue
            ledger = self._heard(state, lifeline, message, number, act)
            yield _Received(act, (self.number(lifeline, then, ledger),), why, taking)

    def _heard(self, state: State, lifeline: str, message: Hashable, number: int, act: Act) -> Ledger:
        ledger = self.ledger(state, lifeline)
        if lifeline not in self.disciplines:
            return ledger
        return self.disciplines[lifeline].received(ledger, said_of(message, number, act.peer), ignored=act.ignored)

    def orders(self, state: State, lifeline: str, orders: Iterable[str]) -> Iterator[Move]:
        """What the environment can tell a lifeline: the owner's orders, and what the network does to it."""
        place = self._places[lifeline]
        for order in orders:
            key = (place, state.locals[place], order)
            if key not in self._told:
                self._told[key] = tuple(self._ask_order(lifeline, state, order))
            for act, then, message in self._told[key]:
                after = with_local(state, place, then)
                if not act.ignored and order in {"ConnectionLost", "ConnectionFailed"}:
                    after = self._break(after, lifeline, message)
                yield Move(act, after)

    def _ask_order(self, lifeline: str, state: State, order: str) -> Iterator[tuple[Act, int, Hashable]]:
        local = self.local(state, lifeline)
        for message in self.environment(lifeline, order):
            for taking, then, _ in after_receiving(self.machines[lifeline], local, message, ""):
                act = self._reception(lifeline, local, message, "", taking)
                if taking is Taking.TAKEN or act.allowed:
                    ledger = self._heard(state, lifeline, message, self._message(message), act)
                    yield act, self.number(lifeline, then, ledger), message

    def _reception(self, lifeline: str, local: Hashable, message: Hashable, peer: str, taking: Taking) -> Act:
        act = Act("?", lifeline, name_of(message), detail_of(message), peer)
        if taking is not Taking.IGNORED:
            return act
        where = self.machines[lifeline].where(local)
        told = lifeline in self.disciplines and self.disciplines[lifeline].covers(str(act))  # it says itself of whom
        return act._replace(ignored=True, allowed=told or self.binding.may_ignore(lifeline, str(act), where))

    def _break(self, state: State, lifeline: str, message: Hashable) -> State:
        """A connection breaks: what was under way on it is gone, and the broker's end of it hears so, too."""
        place = self._places[lifeline]
        for broker in self._called(lifeline, "broker"):
            end = self._places[broker]
            rows = self.channels.cut(self.channels.cut(state.channels, place, end), end, place)
            state = state._replace(channels=rows)
            for received in self._receiving(broker, state, Flight((place, end), 0, place, self._message(message))):
                if received.then and not received.act.ignored:
                    state = with_local(state, end, received.then[0])
        return state

    # What could still happen: for searches that leave out orders which make no difference.

    def could_send_to(self, state: State, lifeline: str, receiver: str) -> bool:
        """Whether a lifeline may send anything to another, here or after whatever else it does; never too seldom."""
        place = self._places[lifeline]
        key = (place, state.locals[place])
        if key not in self._futures:
            machine: Any = self._machines[place]
            if isinstance(machine, ChartMachine | ScriptedMachine):
                self._futures[key] = frozenset(self.lifelines)  # they may speak to whom they like
            else:
                sent = machine.could_send(self.local(state, lifeline))
                self._futures[key] = frozenset(to for name in sent for to in self.routes.get((lifeline, name), ()))
        return receiver in self._futures[key]

    def sends_undrawn(self) -> bool:
        """Whether a chart that is not ours may send undrawn what somebody is drawn to receive."""
        return any(
            bool(receiver) and self.binding.may(lifeline, f"!{message}", receiver)
            for (lifeline, message), receivers in self.routes.items()
            for receiver in receivers
        )

    def reads(self, state: State, lifeline: str) -> bool:
        """Whether a lifeline takes anything where it is; never too seldom."""
        machine: Any = self.machines[lifeline]
        if isinstance(machine, ChartMachine | ScriptedMachine):
            return not self.is_busy(state, lifeline)
        return bool(machine.reads(self.local(state, lifeline)))

    def initial(self) -> State:
        """Everybody where their charts begin, and nothing under way."""
        return State(tuple(self.number(name, machine.begin()) for name, machine in self.machines.items()))

    def is_broker(self, lifeline: str) -> bool:
        """Whether a lifeline passes on what others send."""
        player = self.binding.players.get(lifeline)
        return player is not None and player.role == "broker"

    def is_patient(self, lifeline: str) -> bool:
        """Whether what a lifeline sends waits until nothing else can happen."""
        return self.patience and self.machines[lifeline].patient

    def is_call(self, act: Act) -> bool:
        """Whether an action is one end of an arrow inside a server."""
        return bool(act.peer) and self.channels.is_call(self._places[act.lifeline], self._places[act.peer])

    def channel(self, sender: str, receiver: str) -> Key:
        """The key of the row in which messages from one lifeline to another wait."""
        return self.channels.key(self._places[sender], self._places[receiver])

    def is_bag(self, key: Key) -> bool:
        """Whether messages in that row are in no order."""
        return key[0] == SHARED and self.channels.model == "any"
