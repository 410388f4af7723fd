"""Local states and messages by number: searches keep many states, and small integers are cheap to keep and compare."""

from collections.abc import Hashable, Mapping

from spec.binding.obligations import EMPTY, Ledger
from spec.system.process import LocalMachine, name_of
from spec.system.state import State, with_local


class Numbering:
    """What a system has met so far: the local states of each lifeline with its ledger there, and messages.

    Lifelines are numbered in the order of the machines, the rest in the order in which it is first met.
    """

    def __init__(self, machines: Mapping[str, LocalMachine]) -> None:
        self.machines = machines
        self.lifelines = tuple(machines)
        self.places = {lifeline: place for place, lifeline in enumerate(self.lifelines)}
        """The number of each lifeline."""
        self.messages: list[Hashable] = []
        """Messages by number."""
        self._numbers: tuple[dict[tuple[Hashable, Ledger], int], ...] = tuple({} for _ in self.lifelines)
        self._locals: tuple[list[Hashable], ...] = tuple([] for _ in self.lifelines)
        self._ledgers: tuple[list[Ledger], ...] = tuple([] for _ in self.lifelines)
        self._message_numbers: dict[Hashable, int] = {}

    def message(self, message: Hashable) -> int:
        """The number of a message."""
        if message not in self._message_numbers:
            self._message_numbers[message] = len(self.messages)
            self.messages.append(message)
        return self._message_numbers[message]

    def spelled(self, number: int) -> str:
        """The name of a message, by its number."""
        return name_of(self.messages[number])

    def variants(self, message: str) -> int:
        """How many messages of that name were met so far: two of one name can be for different participants."""
        return sum(name_of(known) == message for known in self.messages)

    def met(self, lifeline: str) -> tuple[Hashable, ...]:
        """The local states of a lifeline that were met, by number."""
        return tuple(self._locals[self.places[lifeline]])

    def number(self, lifeline: str, local: Hashable, ledger: Ledger = EMPTY) -> int:
        """The number of a local state of a lifeline with its ledger there."""
        place = self.places[lifeline]
        numbers, key = self._numbers[place], (local, ledger)
        if key not in numbers:
            numbers[key] = len(numbers)
            self._locals[place].append(local)
            self._ledgers[place].append(ledger)
        return numbers[key]

    def ledger(self, state: State, lifeline: str) -> Ledger:
        """The obligations of a lifeline; empty if the binding states none."""
        place = self.places[lifeline]
        return self._ledgers[place][state.locals[place]]

    def local(self, state: State, lifeline: str) -> Hashable:
        """The local state of a lifeline."""
        place = self.places[lifeline]
        return self._locals[place][state.locals[place]]

    def where(self, state: State, lifeline: str) -> tuple[str, ...]:
        """The atomic states of a lifeline."""
        return self.machines[lifeline].where(self.local(state, lifeline))

    def put(self, state: State, lifeline: str, local: Hashable) -> State:
        """The state with a lifeline in another local state."""
        return with_local(state, self.places[lifeline], self.number(lifeline, local))
