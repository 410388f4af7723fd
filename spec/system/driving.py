"""How a system is brought to where a diagram begins: by its owner's orders, from everybody offline, without a loss."""

from collections.abc import Callable, Collection, Mapping

from spec.binding import Begin
from spec.hints import near_to
from spec.system.composition import Act, State, System
from spec.system.foreign import ForeignMachine
from spec.system.process import ChartMachine
from spec.system.scheduling import advance

STEPS = 10_000
"""More than any start takes."""


class CastError(ValueError):
    """A system cannot be made or brought to its beginning: the message says what is missing."""


def drive(system: System, begin: Begin) -> State:
    """The system where a diagram begins. Raises `CastError` if it cannot be brought there."""
    state, begun = _driven(system, begin.states)
    held = {lifeline for lifeline in begun if system.steps.is_busy(state, lifeline)}
    if held and state.channels:  # who waits there has missed others who began later
        order = sorted(begin.states, key=lambda name: (name in held, begun.index(name) if name in begun else 0))
        state, _ = _driven(system, {name: begin.states[name] for name in order})
    return state


def _driven(system: System, states: Mapping[str, str]) -> tuple[State, list[str]]:
    """Everybody at their beginning, started in this order as far as it goes, and the order that it was."""
    state = system.initial()
    waiting: list[tuple[str, str]] = []
    for lifeline, target in states.items():
        if lifeline not in system.machines:
            continue  # the diagram does without that server
        if isinstance(system.machines[lifeline], ForeignMachine):
            state = _put(system, state, lifeline, target)
        elif system.numbers.where(state, lifeline) != (target,):
            waiting.append((lifeline, target))
    begun: list[str] = []
    while waiting:
        errors, before = [], len(begun)
        for lifeline, target in list(waiting):
            try:
                state = _start(system, state, lifeline, target, begun)
            except CastError as error:  # it may need another one that is started first
                errors.append(error)
            else:
                waiting.remove((lifeline, target))
                begun.append(lifeline)
        if len(begun) == before:
            raise errors[0]
    return state, begun


def _put(system: System, state: State, lifeline: str, target: str) -> State:
    try:
        local = system.machines[lifeline].begin(target)
    except ValueError as error:
        raise CastError(f"[[begin]] {lifeline}: {error}") from None
    return system.numbers.put(state, lifeline, local)


def _start(system: System, state: State, lifeline: str, target: str, begun: Collection[str]) -> State:
    """Start a lifeline, and let the system run until that one is where it should be, and then until all is quiet."""
    machine = system.machines[lifeline]
    if isinstance(machine, ChartMachine) and target not in machine.states:
        hint = near_to(target, machine.states)
        raise CastError(
            f"[[begin]] {lifeline}: {machine.name} has no state {target!r}{hint}; there are {', '.join(machine.states)}"
        )
    started = next(system.orders(state, lifeline, ("Start",)), None)
    if started is None:
        raise CastError(f"{lifeline} cannot be started in {'/'.join(system.numbers.where(state, lifeline))}")
    state = _run(system, started.then, lambda there: system.numbers.where(there, lifeline) == (target,), begun)
    if system.numbers.where(state, lifeline) != (target,):
        raise CastError(
            f"{lifeline} was started to bring it to {target!r}, and terminated in "
            f"{'/'.join(system.numbers.where(state, lifeline))!r}; "
            "[[begin]] must name a state that it reaches without a loss"
        )
    if system.steps.is_busy(state, lifeline):
        return state  # it begins with a send
    return _run(system, state, lambda _: False, begun)


def _run(system: System, state: State, stop: Callable[[State], bool], begun: Collection[str]) -> State:
    """Let everybody act until `stop`, or all is quiet; who has `begun` waits there with what it is about to send."""

    def may_send(act: Act) -> bool:
        return not (act.lost or act.lifeline in held or system.machines[act.lifeline].patient)

    held = {lifeline for lifeline in begun if system.steps.is_busy(state, lifeline)}
    for _ in range(STEPS):
        if stop(state):
            return state
        move = next(advance(system, state, may_send), None)
        if move is None:
            return state
        state = move.then
        violation = system.violations.at(state)
        if violation is not None:
            raise CastError(f"{violation.lifeline}, before the diagram begins, {violation.text}")
    raise CastError(f"the system did not terminate within {STEPS} steps")
