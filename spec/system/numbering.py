"""Local states and messages by number: searches keep many states, and small integers are cheap to keep and compare."""

from collections.abc import Hashable, Mapping

from spec.binding.obligations import EMPTY, Ledger
from spec.system.process import LocalMachine, name_of
from spec.system.state import State, with_local


class Numbering:
    """What a system has met so far: the local states of each lifeline with what it owes there, and messages."""

    machines: Mapping[str, LocalMachine]
    lifelines: tuple[str, ...]

    def _begin_numbering(self) -> None:
        self._places = {lifeline: place for place, lifeline in enumerate(self.lifelines)}
        self._machines = tuple(self.machines.values())
        # Local states and messages are numbered when they are first met, and each local step is asked for once.
        self._numbers: tuple[dict[tuple[Hashable, Ledger], int], ...] = tuple({} for _ in self.lifelines)
        self._locals: tuple[list[Hashable], ...] = tuple([] for _ in self.lifelines)
        self._ledgers: tuple[list[Ledger], ...] = tuple([] for _ in self.lifelines)
        self._message_numbers: dict[Hashable, int] = {}
        self._messages: list[Hashable] = []
        self._busy: dict[tuple[int, int], bool] = {}

    def variants(self, message: str) -> int:
        """How many messages of that name were met so far: two of one name can be for different participants."""
        return sum(name_of(known) == message for known in self._messages)

    def met(self, lifeline: str) -> tuple[Hashable, ...]:
        """The local states of a lifeline that were met."""
        return tuple(self._locals[self._places[lifeline]])

    def spelled(self, number: int) -> str:
        """The name of a message."""
        return name_of(self._messages[number])

    def _message(self, message: Hashable) -> int:
        if message not in self._message_numbers:
            self._message_numbers[message] = len(self._messages)
            self._messages.append(message)
        return self._message_numbers[message]

    def number(self, lifeline: str, local: Hashable, ledger: Ledger = EMPTY) -> int:
        """The number of a local state of a lifeline, and of what it owes there."""
        place = self._places[lifeline]
        numbers, key = self._numbers[place], (local, ledger)
        if key not in numbers:
            numbers[key] = len(numbers)
            self._locals[place].append(local)
            self._ledgers[place].append(ledger)
        return numbers[key]

    def ledger(self, state: State, lifeline: str) -> Ledger:
        """What a lifeline owes, if the binding says of it what that is."""
        place = self._places[lifeline]
        return self._ledgers[place][state.locals[place]]

    def local(self, state: State, lifeline: str) -> Hashable:
        """The local state of a lifeline."""
        place = self._places[lifeline]
        return self._locals[place][state.locals[place]]

    def where(self, state: State, lifeline: str) -> tuple[str, ...]:
        """The atomic states of a lifeline."""
        return self.machines[lifeline].where(self.local(state, lifeline))

    def put(self, state: State, lifeline: str, local: Hashable) -> State:
        """The state with a lifeline in another local state."""
        return with_local(state, self._places[lifeline], self.number(lifeline, local))

    def is_busy(self, state: State, lifeline: str) -> bool:
        """Whether a lifeline is about to send, and reads nothing before that."""
        place = self._places[lifeline]
        key = (place, state.locals[place])
        if key not in self._busy:
            self._busy[key] = self._machines[place].busy(self.local(state, lifeline))
        return self._busy[key]
