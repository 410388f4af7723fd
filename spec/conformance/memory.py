"""The states of the systems that a diagram can be about, by number, and what was asked of them: each question once."""

from collections.abc import Iterable, Mapping
from typing import Any

from spec.binding import Word
from spec.conformance.matching import match, meets
from spec.interaction import Action
from spec.system.channels import SHARED
from spec.system.composition import State, System
from spec.system.process import ScriptedMachine


class Memory:
    """The states of all systems, numbered, and what matching an action came to in each."""

    def __init__(self, systems: list[tuple[System, State]], words: Mapping[str, Word]) -> None:
        self.systems = [system for system, _ in systems]
        self.words = words
        self.missing: set[int] = set()
        """Lines of references to nothing."""
        self.states: list[tuple[System, State]] = []
        self._numbers: dict[tuple[int, State], int] = {}
        self._matched: dict[tuple[Any, ...], frozenset[int]] = {}
        self._cut: set[tuple[Any, ...]] = set()
        self.sends_undrawn = any(system.sends_undrawn() for system in self.systems)
        """Whether what is undrawn can stand in a queue before what is drawn."""
        self.begin = frozenset(self.number(place, state) for place, (_, state) in enumerate(systems))

    def number(self, place: int, state: State) -> int:
        """The number of a state of a system."""
        key = (place, state)
        if key not in self._numbers:
            self._numbers[key] = len(self.states)
            self.states.append((self.systems[place], state))
        return self._numbers[key]

    def place(self, number: int) -> int:
        """Which of the systems a state is one of."""
        return next(place for place, system in enumerate(self.systems) if system is self.states[number][0])

    @property
    def is_of_patient_charts(self) -> bool:
        """Whether charts of ours take part alone, and clocks wait for the rest: so not in examples."""
        return self.systems[0].is_reduced and self.systems[0].patience

    def is_played(self, lifeline: str) -> bool:
        """Whether a lifeline takes part in the systems."""
        return any(lifeline in system.machines for system in self.systems)

    def is_patient(self, lifeline: str) -> bool:
        """Whether what a lifeline sends has to wait until nothing else can happen."""
        system = self.systems[0]
        machine = system.machines.get(lifeline)
        return machine is not None and system.is_patient(lifeline) and not isinstance(machine, ScriptedMachine)

    def is_call(self, action: Action) -> bool:
        """Whether an arrow stays inside a server."""
        addresses = self.systems[0].addresses
        server = addresses.group(action.lifeline)
        return server == addresses.group(action.peer or "") != "" and not action.lost

    def is_shared(self, sender: str, receiver: str) -> bool:
        """Whether others can stand in the same queue, so that it matters who sends first."""
        system = self.systems[0]
        if sender not in system.machines or receiver not in system.machines:
            return False
        key = system.channel(sender, receiver)
        return key[0] == SHARED and not system.channels.is_bag(key)

    def match(
        self,
        number: int,
        action: Action,
        word: Word,
        *,
        with_environment: int,
        hasty: bool = False,
        reserved: frozenset[tuple[str, str]] = frozenset(),
    ) -> frozenset[int]:
        """The numbers of the states after an action; if `hasty`, what comes from outside does not wait for the rest."""
        key = (number, action.kind, action.lifeline, action.peer, action.lost, word, with_environment, hasty, reserved)
        if key not in self._matched:
            system, state = self.states[number]
            place, before = self.systems.index(system), system.cut
            waits = action.kind == "!" and self.is_patient(action.lifeline)
            found = match(
                system,
                state,
                action,
                word,
                with_environment=with_environment,
                waits=waits,
                hasty=hasty or not system.patience,
                reserved=reserved,
            )
            self._matched[key] = frozenset(self.number(place, then) for then in found)
            if system.cut > before and not found:
                self._cut.add(key[:-3])
        return self._matched[key]

    def may_be_set_off(self, states: Iterable[int], action: Action) -> bool:
        """Whether something from outside can be what an action waits for: not if what it receives is under way."""
        for number in states:
            system, state = self.states[number]
            if action.kind == "?" and action.lifeline in system.machines:
                word = self.words[action.label]
                flights = system.flights(state, action.lifeline)
                if any(
                    word.covers(f.message, f.detail) and meets(f.sender, action, system.allowances) for f in flights
                ):
                    continue
            if any(system.allowances.from_outside(name) for name in system.addresses.around(action.lifeline)):
                return True
        return action.peer is None

    def was_cut(self, number: int, action: Action, word: Word) -> bool:
        """Whether looking for an action ended at a bound, without finding it."""
        return (number, action.kind, action.lifeline, action.peer, action.lost, word) in self._cut
