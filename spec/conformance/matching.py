"""Matching: what a system can be in after an action that a diagram draws, undrawn actions before it included."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from spec.binding import Word
from spec.binding.allowances import Allowances
from spec.binding.obligations import Violation
from spec.conformance.bounds import Stopped
from spec.interaction import Action
from spec.system.composition import Act, Move, State, System
from spec.system.scheduling import enabled, is_quiet

SILENT_STATES = 1_500
"""More states than undrawn housekeeping between two drawn actions reaches: fewer than 300 in all diagrams here."""


def match(
    system: System,
    state: State,
    action: Action,
    word: Word,
    *,
    with_environment: int = 0,
    waits: bool = False,
    hasty: bool = True,
    reserved: Collection[tuple[str, str]] = (),
) -> set[State]:
    """The states after an action of the diagram, undrawn actions before it included.

    Of a system with charts of ours they are the nearest, for the housekeeping of these leads nowhere else; but a broker
    may have several messages of one name to pass on, and not the nearest one be meant: there all are found. Of charts
    of others nothing is known: all are found. Raises `Stopped` where these are too many.
    If it `waits`, it comes where nothing else can happen; what comes from outside comes so, too, if not `hasty`. What
    is `reserved`, a lifeline with a message, is received where it is drawn and not before.
    """
    if system.is_foreign:
        before = everywhere(system, state, with_environment=bool(with_environment), hasty=hasty)
        ready = (there for there in before if not waits or is_quiet(system, there))
        return {then for there in ready for then in _done(system, there, action, word)}
    found: set[State] = set()
    several = (
        action.kind == "!" and system.addresses.is_broker(action.lifeline) and system.numbers.variants(word.message) > 1
    )

    def tries(there: State) -> bool:
        if not waits or is_quiet(system, there):
            found.update(_done(system, there, action, word))
        return bool(found) and not several

    near = system.lifelines if waits else system.addresses.around(action.lifeline)
    list(_spread(system, state, near, tries, with_environment=with_environment, hasty=hasty, reserved=reserved))
    return found


def everywhere(
    system: System, state: State, *, with_environment: bool = False, hasty: bool = True
) -> tuple[State, ...]:
    """A state of charts of others, and all that undrawn actions lead to. Raises `Stopped` where these are too many."""
    key = (state, with_environment, hasty)
    if key not in system.spread:
        found = {state: None}
        todo = [state]
        while todo:
            there = todo.pop()
            if system.violations.at(there) is not None:
                continue  # what comes after that says nothing more
            moves = list(_may_be_undrawn(system, there))
            if with_environment and (hasty or not enabled(system, there, lambda _: True)):
                moves += (
                    m
                    for name in system.lifelines
                    for m in system.orders(there, name, system.allowances.from_outside(name))
                )
            new = [move.then for move in moves if move.then not in found]
            found.update(dict.fromkeys(new))
            todo += new
            if len(found) > SILENT_STATES:
                raise Stopped(f"more than {SILENT_STATES} states are within reach undrawn; draw more of it")
        system.spread[key] = tuple(found)
    return system.spread[key]


def _may_be_undrawn(system: System, state: State) -> Iterator[Move]:
    """All that can happen undrawn; what patient lifelines send only where nothing else can happen."""
    for lifeline in system.lifelines:
        yield from system.internal(state, lifeline)
        for received, act, _ in system.receives(state, lifeline):
            ignored = act.ignored and system.allowances.may_ignore_undrawn(lifeline)
            if received is not None and (ignored or system.allowances.may(lifeline, str(act), act.peer)):
                yield received
        if not system.is_patient(lifeline) or is_quiet(system, state):
            for sent, lost in system.sends(state, lifeline):
                if system.allowances.may(lifeline, str(sent.act), sent.act.peer):
                    yield sent
                    if lost is not None and (lifeline, sent.act.peer, sent.act.message) in system.losses:
                        yield lost
    for lifeline, message in system.gates:
        if system.allowances.may(lifeline, f"?{message}"):
            yield from system.orders(state, lifeline, (message,))


def _done(system: System, state: State, action: Action, word: Word) -> Iterator[State]:
    if action.kind == "!":

        def wanted(act: Act) -> bool:
            return word.covers(act.message, act.detail) and meets(act.peer, action, system.allowances)

        if word.again:
            yield from (move.then for move in system.again(state, action.lifeline, wanted))
            return
        if system.allowances.may_publish(action.lifeline, word.message):
            yield from (move.then for move in system.publishes(state, action.lifeline, word.message))
            return
        for sent, lost in system.sends(state, action.lifeline, wanted):
            move = lost if action.lost else sent
            if move is not None:
                yield move.then
    else:
        if action.peer is None:
            for move in system.orders(state, action.lifeline, (word.message,)):
                if word.covers(move.act.message, move.act.detail):
                    yield move.then
        for received, act, _ in system.receives(state, action.lifeline):
            if (
                received is not None
                and (act.allowed or not act.ignored)
                and word.covers(act.message, act.detail)
                and meets(act.peer, action, system.allowances)
            ):
                yield received.then


def meets(peer: str, action: Action, allowances: Allowances) -> bool:
    """Whether the other end is the one that is drawn: if it is not drawn at all, who speaks through it is."""
    return peer == (action.peer or "") or not allowances.is_drawn(peer)


def silently(
    system: System,
    state: State,
    lifeline: str,
    wanted: Any,
    *,
    with_environment: int = 0,
) -> Iterator[State]:
    """The nearest states that are `wanted`, after actions that nobody needs to draw of those around a lifeline."""
    yield from _spread(system, state, system.addresses.around(lifeline), wanted, with_environment=with_environment)


def beyond(system: System, state: State, lifelines: Iterable[str]) -> Violation | None:
    """The first violation of an obligation, here or after actions that need no drawing; None if there is none."""
    for lifeline in lifelines:
        if system.allowances.is_drawn(lifeline):
            reached = silently(system, state, lifeline, lambda there: system.violations.at(there) is not None)
            for there in reached:
                return system.violations.at(there)
    return None


def left_to_do(system: System, state: State) -> str:
    """Something that can still happen, in words; empty if undrawn actions can let the system terminate."""

    def is_quiet(there: State) -> bool:
        return not there.channels and not any(_due(system, there))

    if any(True for _ in _spread(system, state, system.lifelines, is_quiet)):
        return ""
    due = next(_due(system, state), None)
    if due is not None:
        return f"{due.lifeline} can still send {due.message} to {due.peer or 'the environment'}"
    flight = next(system.channels.all(state.channels))
    return f"{system.numbers.spelled(flight.message)} is still under way to {system.lifelines[flight.key[1]]}"


def next_undrawn(system: System, state: State, *, of_patient: bool = False) -> Act | None:
    """A send that needs drawing and can still come, after whatever needs none; None if the system can terminate.

    What clocks can do does not count: whether they run is not drawn everywhere. What patient charts send, which may be
    that, counts only if asked for.
    """
    found: list[Act] = []

    def is_quiet_there(there: State) -> bool:
        acts = [
            act
            for act in _due(system, there)
            if (of_patient or not system.is_patient(act.lifeline)) and system.allowances.is_drawn(act.lifeline)
        ]
        found.extend(act for act in acts if not system.allowances.may(act.lifeline, str(act), act.peer))
        return not acts

    if any(True for _ in _spread(system, state, system.lifelines, is_quiet_there)):
        return None
    return found[0] if found else None


def _due(system: System, state: State) -> Iterator[Act]:
    for lifeline in system.lifelines:
        yield from (sent.act for sent, _ in system.sends(state, lifeline))


def _spread(
    system: System,
    state: State,
    near: tuple[str, ...],
    wanted: Any,
    *,
    with_environment: int = 0,
    hasty: bool = True,
    reserved: Collection[tuple[str, str]] = (),
) -> Iterator[State]:
    layer, seen = [state], {state}
    while layer:
        hits = [there for there in layer if wanted(there)]
        if hits:
            yield from hits
            return
        following = []
        for there in layer:
            if system.violations.at(there) is not None:
                continue  # what comes after that says nothing more
            for move in _undrawn(system, there, near, with_environment=with_environment, hasty=hasty):
                is_early = move.act.kind == "?" and (move.act.lifeline, move.act.message) in reserved
                if move.then in seen or is_early:
                    continue
                if len(seen) >= SILENT_STATES:
                    system.cut += 1  # whoever finds nothing has to say so
                    continue
                seen.add(move.then)
                following.append(move.then)
        layer = following


def _undrawn(
    system: System, state: State, around: Iterable[str], *, with_environment: int, hasty: bool = True
) -> Iterator[Move]:
    """What can happen undrawn. The environment waits until that is done: a start takes many steps, in any order.

    But a broker does not take what others have sent it meanwhile, nothing at all if it can be done without (2, not 3),
    and does not even pass on what it has taken if that need not be (1): all that may be drawn later.
    """
    if with_environment and not hasty:
        near = set(around)
        for move in _undrawn(system, state, system.lifelines, with_environment=0):
            act = move.act  # of others only what they do within their servers, or ignore
            if act.lifeline in near or act.ignored or act.kind == "." or system.is_call(act):
                yield move
        if not enabled(system, state, lambda _: True):
            for lifeline in around:
                yield from system.orders(state, lifeline, system.allowances.from_outside(lifeline))
        return
    if with_environment:
        brokers = {lifeline for lifeline in around if system.addresses.is_broker(lifeline)}
        around = [lifeline for lifeline in around if with_environment > 1 or lifeline not in brokers]
        near = {*around, ""} if with_environment > 2 else {"", *brokers}  # noqa: PLR2004 - as said above
        found = [
            move
            for move in _undrawn(system, state, around, with_environment=0)
            if move.act.kind == "!" or move.act.peer in near
        ]
        busy = next((move.act.lifeline for move in found if system.steps.is_busy(state, move.act.lifeline)), None)
        yield from (move for move in found if busy in {None, move.act.lifeline})
        if not found:
            for lifeline in around:
                yield from system.orders(state, lifeline, system.allowances.from_outside(lifeline))
        return

    def may(act: Act) -> bool:
        return system.allowances.may(act.lifeline, str(act), act.peer)

    for lifeline in around:
        yield from system.internal(state, lifeline)
        interchangeable = set()
        for sent, _ in system.sends(state, lifeline, may):
            # Of several messages of one kind to one receiver, which comes first makes no difference to what is drawn.
            if (sent.act.message, sent.act.peer) not in interchangeable:
                interchangeable.add((sent.act.message, sent.act.peer))
                yield sent
        for received, act, _ in system.receives(state, lifeline):
            ignored = act.ignored and system.allowances.may_ignore_undrawn(lifeline)
            if received is not None and (ignored or system.allowances.may(lifeline, str(act), act.peer)):
                yield received
