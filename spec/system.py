"""All participants together: a closed system of local machines and the channels between their lifelines.

A channel is first-in first-out for each pair of lifelines, as MQTT over TCP is for a connection, and calls are inside a
server. A message is lost when it is sent, so the sender has sent it and nobody receives it. What a clock tells comes
when nothing else can happen, if the system is patient: timeouts are longer than messages take.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from spec.binding import Binding
from spec.machine import ChartMachine, LocalMachine, Sending, Taking, detail_of, name_of


class State(NamedTuple):
    """The state of each lifeline, in the system's order, and what is under way."""

    locals: tuple[Hashable, ...]
    channels: tuple[tuple[tuple[int, int], tuple[Hashable, ...]], ...] = ()


class Act(NamedTuple):
    """One end of an arrow: `kind` is `!` or `?`. `peer` is the other lifeline, or empty for the environment."""

    kind: str
    lifeline: str
    message: str
    detail: str
    peer: str
    lost: bool = False
    ignored: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{self.message}"


class Move(NamedTuple):
    """An action and the state after it."""

    act: Act
    then: State


@dataclass
class System:
    """Machines by lifeline, and who is called what.

    `routes` gives for a foreign chart, which does not say to whom it sends, the receivers of each message.
    """

    machines: Mapping[str, LocalMachine]
    binding: Binding
    routes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    environment: Callable[[str, str], Iterable[Hashable]] = lambda _lifeline, _order: ()
    """The messages that an order of the environment to a lifeline can be."""

    def __post_init__(self) -> None:
        self.lifelines = tuple(self.machines)
        self._index = {lifeline: place for place, lifeline in enumerate(self.lifelines)}
        self.is_reduced = all(isinstance(machine, ChartMachine) for machine in self.machines.values())
        """Whether `advance` may leave out orders that make no difference: it knows what its machines put first."""
        self._moves: dict[tuple[int, Hashable], tuple[tuple[Sending, tuple[int, ...]], ...]] = {}

    def where(self, state: State, lifeline: str) -> tuple[str, ...]:
        """The atomic states of a lifeline."""
        return self.machines[lifeline].where(state.locals[self._index[lifeline]])

    # Who is meant.

    def receivers(self, lifeline: str, sending: Sending) -> tuple[int, ...]:
        """The lifelines that a message goes to; none if nobody in this system plays them."""
        if not sending.to:
            found = self.routes.get((lifeline, name_of(sending.message)), ())
        else:
            found = tuple(self._called(lifeline, sending.to))
        return tuple(self._index[name] for name in found if name in self._index)

    def _called(self, lifeline: str, to: str) -> Iterator[str]:
        players = self.binding.players
        group = players[lifeline].group if lifeline in players else ""
        for name in self.lifelines:
            player = players.get(name)
            if player is None:
                continue
            same_server = player.group == group and player.role == to
            broker = to == "broker" and player.role == "broker"
            session = bool(player.client) and player.client == to and player.group != group
            if same_server or broker or session:
                yield name

    def client_of(self, lifeline: str) -> str:
        """The MQTT client identifier of a lifeline."""
        player = self.binding.players.get(lifeline)
        return player.client if player else ""

    # Steps.

    def sends(self, state: State, lifeline: str) -> Iterator[tuple[Move, Move | None]]:
        """Everything that a lifeline can send: the move, and the same with the message lost, if it can be."""
        place = self._index[lifeline]
        key = (place, state.locals[place])
        if key not in self._moves:
            sendings = self.machines[lifeline].sends(state.locals[place])
            self._moves[key] = tuple((sending, self.receivers(lifeline, sending)) for sending in sendings)
        for sending, receivers in self._moves[key]:
            after = _with_local(state, place, sending.then)
            name, detail = name_of(sending.message), detail_of(sending.message)
            if not receivers:
                yield Move(Act("!", lifeline, name, detail, ""), after), None
            for receiver in receivers:
                peer = self.lifelines[receiver]
                sent = _with_message(after, (place, receiver), sending.message)
                act = Act("!", lifeline, name, detail, peer)
                yield Move(act, sent), Move(act._replace(lost=True), after)

    def receives(self, state: State, lifeline: str) -> Iterator[tuple[Move | None, Act, str]]:
        """What a lifeline can receive: the head of each channel to it; None with the reason where it refuses."""
        place = self._index[lifeline]
        machine = self.machines[lifeline]
        for (sender, receiver), messages in state.channels:
            if receiver != place:
                continue
            peer = self.lifelines[sender]
            message = messages[0]
            taking, then, why = machine.receive(state.locals[place], message, self.client_of(peer))
            act = Act("?", lifeline, name_of(message), detail_of(message), peer, ignored=taking is Taking.IGNORED)
            if taking in {Taking.DEFERRED, Taking.REFUSED}:
                yield None, act, why
            else:
                yield Move(act, _with_local(_without_head(state, (sender, place)), place, then)), act, ""

    def orders(self, state: State, lifeline: str, orders: Iterable[str]) -> Iterator[Move]:
        """What the environment can tell a lifeline: the owner's orders, and what the network does to it."""
        place = self._index[lifeline]
        for order in orders:
            for message in self.environment(lifeline, order):
                taking, then, _ = self.machines[lifeline].receive(state.locals[place], message, "")
                if taking is Taking.TAKEN:
                    after = _with_local(state, place, then)
                    if order in {"ConnectionLost", "ConnectionFailed"}:
                        after = self._break(after, place, message)
                    yield Move(Act("?", lifeline, name_of(message), "", ""), after)

    def _break(self, state: State, place: int, message: Hashable) -> State:
        """A connection breaks: what was under way on it is gone, and the broker's end of it hears so, too."""
        for broker in self._called(self.lifelines[place], "broker"):
            end = self._index[broker]
            gone = {(place, end), (end, place)}
            state = state._replace(channels=tuple(row for row in state.channels if row[0] not in gone))
            client = self.client_of(self.lifelines[place])
            taking, then, _ = self.machines[broker].receive(state.locals[end], message, client)
            if taking is Taking.TAKEN:
                state = _with_local(state, end, then)
        return state

    def initial(self) -> State:
        """Everybody where their charts begin, and nothing under way."""
        return State(tuple(machine.begin() for machine in self.machines.values()))

    def advance(self, state: State, may_send: Callable[[Act], bool]) -> Iterator[Move]:
        """The moves that have to be looked at from here, in an order that leaves out no local behaviour.

        A participant that is about to send does so first, since nothing can prevent it and nobody else is touched; then
        what is under way is received, where only a broker can tell whose message came first; and what clocks tell comes
        last. `may_send` decides about each send (and about its loss: `act.lost`).
        """
        for lifeline in self.lifelines:
            if self.machines[lifeline].busy(state.locals[self._index[lifeline]]):
                found = [m for pair in self.sends(state, lifeline) for m in pair if m is not None and may_send(m.act)]
                if found:
                    yield from self._first_only(lifeline, found)
                    return
        reading = {lifeline: [m for m, _, _ in self.receives(state, lifeline) if m] for lifeline in self.lifelines}
        for lifeline, moves in reading.items():
            if len(moves) == 1 and not self._is_broker(lifeline) and self.is_reduced:
                yield moves[0]
                return
        found = [move for moves in reading.values() for move in moves]
        if not found or not self.is_reduced:
            for lifeline in self.lifelines:
                for pair in self.sends(state, lifeline):
                    found += [move for move in pair if move is not None and may_send(move.act)]
        yield from found

    def _first_only(self, lifeline: str, moves: list[Move]) -> list[Move]:
        """A broker passes on to each receiver in order; to which of them first is all the same."""
        if self._is_broker(lifeline):
            first = moves[0].act
            return [move for move in moves if (move.act.peer, move.act.message) == (first.peer, first.message)]
        return moves

    def _is_broker(self, lifeline: str) -> bool:
        player = self.binding.players.get(lifeline)
        return player is not None and player.role == "broker"


def _with_local(state: State, place: int, local: Hashable) -> State:
    return state._replace(locals=(*state.locals[:place], local, *state.locals[place + 1 :]))


def _with_message(state: State, ends: tuple[int, int], message: Hashable) -> State:
    channels = dict(state.channels)
    channels[ends] = (*channels.get(ends, ()), message)
    return state._replace(channels=tuple(sorted(channels.items(), key=lambda row: row[0])))


def _without_head(state: State, ends: tuple[int, int]) -> State:
    channels = tuple(
        (key, messages[1:] if key == ends else messages) for key, messages in state.channels
    )
    return state._replace(channels=tuple(row for row in channels if row[1]))
