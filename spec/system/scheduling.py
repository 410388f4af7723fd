"""What happens next in a system: of all that can, what has to be looked at."""

from collections.abc import Callable, Iterator, Mapping

from spec.system.composition import Act, Move, State, System


def advance(
    system: System,
    state: State,
    may_send: Callable[[Act], bool],
    drawn: Mapping[tuple[str, str], int] | None = None,
) -> Iterator[Move]:
    """The moves that have to be looked at from here, in an order that leaves out no local behaviour.

    A participant that is about to send does so first, since nothing can prevent it and nobody else is touched; then
    what is under way is received, where only a broker can tell whose message came first; and what clocks tell comes
    last. `may_send` decides about each send (and about its loss: `act.lost`). Of sends that are alike and in no
    order, the one that is `drawn` first stands for all (see `spec.conformance.reduction`).
    """
    for lifeline in system.lifelines:
        if system.is_busy(state, lifeline):
            spare = _spare(system, state, lifeline, drawn or {})
            pairs = system.sends(state, lifeline, lambda act, spare=spare: act not in spare and may_send(act))  # type: ignore[misc]
            found = [move for pair in pairs for move in pair if move is not None and may_send(move.act)]
            if found:
                yield from _first_only(system, lifeline, found)
                return
    reading = {lifeline: [m for m, _, _ in system.receives(state, lifeline) if m] for lifeline in system.lifelines}
    for lifeline, moves in reading.items():
        if len(moves) == 1 and not system.is_broker(lifeline) and system.is_reduced:
            yield moves[0]
            return
    found = [move for moves in reading.values() for move in moves]
    for patient in (False, True):
        if found and (patient or system.is_reduced):
            break
        for lifeline in system.lifelines:
            if system.machines[lifeline].patient == patient:
                for pair in system.sends(state, lifeline, may_send):
                    found += [move for move in pair if move is not None and may_send(move.act)]
    yield from found


def _spare(system: System, state: State, lifeline: str, drawn: Mapping[tuple[str, str], int]) -> frozenset[Act]:
    """What is due, but alike to something that is drawn before it."""
    acts = [sent.act for sent in system.due(state, lifeline)]
    alike = [act for act in acts if system.binding.is_alike(act.message)]
    free = [act for act in alike if system.binding.may_be_ahead(lifeline, str(act))]
    if len(free) <= 1:
        return frozenset()
    first = min(free, key=lambda act: drawn.get((act.message, act.detail), len(drawn)))
    spare = [act for act in free if act != first]
    return frozenset(spare + [act._replace(lost=True) for act in spare])


def _first_only(system: System, lifeline: str, moves: list[Move]) -> list[Move]:
    """A broker passes on to each receiver in order; to which of them first is all the same."""
    if system.is_broker(lifeline):
        first = moves[0].act
        return [move for move in moves if (move.act.peer, move.act.message) == (first.peer, first.message)]
    return moves
