"""What is said of the first divergence: what the diagram says, where the chart is, and what it can do there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from spec.binding import Word
from spec.binding.obligations import Violation
from spec.conformance.finding import Finding
from spec.conformance.matching import beyond, everywhere, meets, silently
from spec.interaction import Action
from spec.system.composition import Act, State, System
from spec.system.scheduling import enabled, first_move
from spec.system.stepped import SteppedMachine

if TYPE_CHECKING:
    from spec.conformance.memory import Memory


def said(action: Action, word: Word) -> str:
    """What a diagram says of an action, in words."""
    if action.kind == "!":
        to = f" to {action.peer}" if action.peer else ""
        return f"{action.lifeline} sends {word}{to}" + (", and it is lost" if action.lost else "")
    return f"{action.lifeline} receives {word}" + (f" from {action.peer}" if action.peer else "")


def against_obligation(violation: Violation, action: Action) -> Finding:
    """The finding for a violation of an obligation at an action."""
    return Finding(violation.kind, f"{violation.lifeline} {violation.text}", action.line, violation.lifeline)


def blocked(states: Iterable[int], action: Action, word: Word, memory: Memory) -> str:
    """Why an action cannot come in this order, though it may in another; empty if that is not the reason."""
    why = ""
    for number in sorted(states):
        system, state = memory.states[number]
        before = everywhere(system, state) if system.is_foreign else (state,)
        for there in before:
            why = _waits(system, there, action, memory) or _is_behind(system, there, action, word)
            if not why:
                break
        if not why and system.patience and memory.may_be_set_off([number], action):
            hasty = memory.match(number, action, word, with_environment=3, hasty=True)
            why = _outside_waits(system, state, action) if hasty else ""
        if not why:
            return ""
    return why


def _waits(system: System, state: State, action: Action, memory: Memory) -> str:
    if action.kind != "!" or not memory.is_patient(action.lifeline):
        return ""
    move = first_move(system, state)
    if move is None:
        return ""
    lifeline = move.act.lifeline
    return f"{action.lifeline} is patient and sends when nothing else can happen, and {lifeline} {_can(move.act)}"


def _outside_waits(system: System, state: State, action: Action) -> str:
    acts = (moves[0].act for moves in enabled(system, state, lambda _: True).values())
    act = next(acts, None)
    waits = f"for {act.lifeline}, which {_can(act)}" if act else "for what is drawn to come before it"
    return f"{action.lifeline} does this after something from outside, which waits {waits}"


def _can(act: Act) -> str:
    verb = {"!": "send", "?": "take"}.get(act.kind, "do")
    return f"can still {verb} {act.message}"


def _is_behind(system: System, state: State, action: Action, word: Word) -> str:
    if action.kind != "?" or action.peer is None or action.lifeline not in system.machines:
        return ""
    meant = [
        flight
        for flight in system.flights(state, action.lifeline)
        if word.covers(flight.message, flight.detail) and meets(flight.sender, action, system.allowances)
    ]
    if any(flight.is_next for flight in meant) or not (meant or system.is_foreign):
        return ""
    early_sends = next((f for f in system.flights(state, action.lifeline) if f.is_next), None)
    model = system.allowances.binding.channels or "receiver"
    first = f"{early_sends.message} of {early_sends.sender} has come before it" if early_sends else "it has not come"
    return f"{first} (the channels are one queue per {model})" if model != "any" else first


def cannot(states: frozenset[int], action: Action, word: Word, memory: Memory) -> Finding:
    """The finding that a chart cannot do what is drawn."""
    for number in sorted(states):
        system, state = memory.states[number]
        violation = beyond(system, state, (*system.steps.disciplines, action.lifeline))
        if violation is not None:
            return against_obligation(violation, action)
    chart = memory.systems[0].machines[action.lifeline].name
    system, state = memory.states[min(states)]
    possible = _possible(system, state, action.lifeline)
    does = ", ".join(possible) or "nothing"
    names = {text.split()[0] for text in possible}
    guarded = "" if f"!{word.message}" in names else _of_guards(system, state, action, word)
    return Finding(
        "chart-cannot",
        f"the diagram says that {said(action, word)}; the chart {chart}, in {wheres(states, memory, action.lifeline)}, "
        f"can do here: {does}{guarded}",
        action.line,
        action.lifeline,
    )


def _of_guards(system: System, state: State, action: Action, word: Word) -> str:
    """That a guard forbids what is drawn to be sent, where the chart that is not ours has a transition for it."""
    machine, label = system.machines[action.lifeline], f"!{word.message}"
    here = system.numbers.where(state, action.lifeline)
    rows = machine.declared if isinstance(machine, SteppedMachine) and action.kind == "!" else ()
    if not any(source in here and said == label for source, said, _ in rows):
        return ""
    values = "" if word.values is not None else f"; if it looks at values, draw them, as in {word.message}(7)"
    return f"; a guard forbids {label} here{values}"


def _possible(system: System, state: State, lifeline: str) -> list[str]:
    """What a lifeline can do that needs drawing, after what needs none, and what it refuses of what has come."""
    found: dict[str, None] = {}
    refused: dict[str, None] = {}

    def ask(there: State) -> bool:
        for sent, _ in system.sends(there, lifeline):
            if not system.allowances.may(lifeline, str(sent.act), sent.act.peer):
                text = f"!{sent.act.message} {sent.act.detail}".rstrip()
                found.setdefault(text + (f" to {sent.act.peer}" if sent.act.peer else ""))
        for received, act, why in system.receives(there, lifeline):
            text = f"?{act.message} from {act.peer}"
            if received is None:
                refused.setdefault(f"{text} (not now: {why})")
            elif not system.allowances.may(lifeline, str(act), act.peer):
                found.setdefault(text + (" (ignored)" if act.ignored else ""))
        return False

    list(silently(system, state, lifeline, ask))
    return [*found, *(text for text in refused if text.partition(" (")[0] not in found)]


def wheres(states: Iterable[int], memory: Memory, lifeline: str) -> str:
    """The states that a lifeline can be in, in words."""
    places = (memory.states[number] for number in states)
    return " or ".join(sorted({"/".join(system.numbers.where(state, lifeline)) for system, state in places}))
