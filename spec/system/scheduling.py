"""What happens next in a system: of all that can, what has to be looked at."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from spec.system.channels import SHARED
from spec.system.composition import Act, Move, State, System

MaySend = Callable[[Act], bool]


class Choice(NamedTuple):
    """The moves that have to be looked at, and all that there are."""

    enough: list[Move]
    all: list[Move]


def choice(
    system: System,
    state: State,
    may_send: MaySend,
    drawn: Mapping[tuple[str, str], int] | None = None,
    *,
    reduced: bool = True,
) -> Choice:
    """What can happen. `may_send` decides about each send (and about its loss: `act.lost`).

    Systems of our charts are looked at as `advance` says, others by persistent sets (Godefroid, "Partial-order methods
    for the verification of concurrent systems", 1996): the moves of one lifeline are enough if nothing that others do
    before it moves can enable another move of it, or is in an order with one of its moves that anybody could notice.
    A search along cycles has to take all moves somewhere: where each of those that are enough leads back.
    """
    if system.is_reduced and reduced:
        found = list(advance(system, state, may_send, drawn))
        return Choice(found, found)
    by_lifeline = enabled(system, state, may_send)
    every = [move for moves in by_lifeline.values() for move in moves]
    if reduced and len(by_lifeline) > 1 and not any(_is_patient(system, move) for move in every):
        for lifeline, moves in sorted(by_lifeline.items(), key=lambda item: len(item[1])):
            if _is_persistent(system, state, lifeline, moves):
                return Choice(moves, every)
    return Choice(every, every)


def enabled(system: System, state: State, may_send: MaySend) -> dict[str, list[Move]]:
    """All that can happen, by lifeline; what patient lifelines send only if there is nothing else.

    What is due at a chart of ours happens before it reads anything (`Participant.urgent`): that is what these charts
    promise of themselves, and no reduction.
    """
    for patient in (False, True):
        found: dict[str, list[Move]] = {}
        for lifeline in system.lifelines:
            # What is due at charts of ours happens at once.
            reads_later = patient or system.steps.is_busy(state, lifeline)
            moves = [] if reads_later else _received_or_internal(system, state, lifeline)
            if system.is_patient(lifeline) is patient:
                for pair in system.sends(state, lifeline, may_send):
                    moves += [move for move in pair if move is not None and may_send(move.act)]
            if moves:
                found[lifeline] = moves
        if found:
            return found
    return {}


def first_move(system: System, state: State) -> Move | None:
    """Something that can happen before what patient lifelines send; None if the system is quiet."""
    for lifeline in system.lifelines:
        moves = _received_or_internal(system, state, lifeline)
        if moves:
            return moves[0]
        if not system.is_patient(lifeline):
            for move, _ in system.sends(state, lifeline):
                return move
    return None


def is_quiet(system: System, state: State) -> bool:
    """Whether nothing can happen but what patient lifelines send, and what comes from outside."""
    return first_move(system, state) is None


def _received_or_internal(system: System, state: State, lifeline: str) -> list[Move]:
    moves = [move for move, _, _ in system.receives(state, lifeline) if move is not None]
    return moves + list(system.internal(state, lifeline))


def _is_patient(system: System, move: Move) -> bool:
    return move.act.kind == "!" and system.is_patient(move.act.lifeline)


def _is_persistent(system: System, state: State, lifeline: str, moves: list[Move]) -> bool:
    """Whether the moves of one lifeline are enough."""
    others = [other for other in system.lifelines if other != lifeline]
    if system.steps.reads(state, lifeline):
        waiting = {key for key, _ in state.channels}
        for other in others:
            key = system.channel(other, lifeline)
            is_settled = key in waiting and not system.channels.is_bag(key)  # the head of a queue stays what it is
            if not is_settled and system.steps.could_send_to(state, other, lifeline):
                return False
    for move in moves:
        act = move.act
        if act.kind == "!" and act.peer and not act.lost and system.channel(lifeline, act.peer)[0] == SHARED:
            if system.channels.is_bag(system.channel(lifeline, act.peer)):
                continue
            if any(system.steps.could_send_to(state, other, act.peer) for other in others if other != act.peer):
                return False
    return True


def advance(
    system: System,
    state: State,
    may_send: MaySend,
    drawn: Mapping[tuple[str, str], int] | None = None,
) -> Iterator[Move]:
    """The moves of a system of our charts that have to be looked at, in an order that leaves out no local behaviour.

    A participant that is about to send does so first, since nothing can prevent it and nobody else is touched; then
    what is under way is received, where only a broker can tell whose message came first; and what clocks tell comes
    last. Of sends that are alike and in no order, the one that is `drawn` first stands for all (see
    `spec.conformance.reduction`).
    """
    for lifeline in system.lifelines:
        if system.steps.is_busy(state, lifeline):
            spare = _spare(system, state, lifeline, drawn or {})
            pairs = system.sends(state, lifeline, lambda act, spare=spare: act not in spare and may_send(act))  # type: ignore[misc]
            found = [move for pair in pairs for move in pair if move is not None and may_send(move.act)]
            if found:
                yield from _first_only(system, lifeline, found)
                return
    reading = {lifeline: [m for m, _, _ in system.receives(state, lifeline) if m] for lifeline in system.lifelines}
    for lifeline, moves in reading.items():
        if len(moves) == 1 and not system.addresses.is_broker(lifeline) and system.is_reduced:
            yield moves[0]
            return
    found = [move for moves in reading.values() for move in moves]
    for patient in (False, True):
        if found and (patient or system.is_reduced):
            break
        for lifeline in system.lifelines:
            if system.is_patient(lifeline) == patient:
                for pair in system.sends(state, lifeline, may_send):
                    found += [move for move in pair if move is not None and may_send(move.act)]
    yield from found


def _spare(system: System, state: State, lifeline: str, drawn: Mapping[tuple[str, str], int]) -> frozenset[Act]:
    """What is due, but alike to something that is drawn before it."""
    acts = [sent.act for sent in system.steps.due(state, lifeline)]
    interchangeable = [act for act in acts if system.allowances.binding.is_interchangeable(act.message)]
    free = [act for act in interchangeable if system.allowances.may_be_sent_early(lifeline, str(act))]
    if len(free) <= 1:
        return frozenset()
    first = min(free, key=lambda act: drawn.get((act.message, act.detail), len(drawn)))
    spare = [act for act in free if act != first]
    return frozenset(spare + [act._replace(lost=True) for act in spare])


def _first_only(system: System, lifeline: str, moves: list[Move]) -> list[Move]:
    """A broker passes on to each receiver in order; to which of them first is all the same."""
    if system.addresses.is_broker(lifeline):
        first = moves[0].act
        return [move for move in moves if (move.act.peer, move.act.message) == (first.peer, first.message)]
    return moves


def set_going(system: System, state: State, orders: Mapping[str, str]) -> list[State]:
    """The states after orders, by lifeline, to those who take part; none where somebody cannot follow its order."""
    states = [state]
    for lifeline, order in orders.items():
        if lifeline not in system.machines:
            continue
        states = [move.then for before in states for move in system.orders(before, lifeline, (order,))]
    return states
