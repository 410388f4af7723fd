"""One chart alone as the explorer sees it: of others, or one of ours without the rest of its server."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from machines.participant import Snapshot
from spec.exploration.model.node import Arrow, Outcome
from spec.exploration.model.normal_form import marks_in, without_marks
from spec.exploration.model.renaming import Renaming, is_plain
from spec.system.chart_error import CallbackError
from spec.system.foreign import ForeignMachine
from spec.system.process import (
    Addressed,
    ChartMachine,
    Payload,
    Sending,
    Taking,
    after_internal,
    after_receiving,
    after_sending,
    name_of,
)


@dataclass
class Chart:
    """A chart that is not ours, or one of ours alone: its sends happen by themselves, and everybody else is outside."""

    name: str
    machine: ChartMachine | ForeignMachine
    start: str = ""
    peers: Mapping[str, tuple[str, ...]] | None = None
    """To whom it sends each message, one after the other as it chooses; a message that is not in it goes to all. None:
    all messages do, and nobody sees who is at the other end."""

    def begin(self) -> Hashable:
        return self.machine.begin(self.start)

    def is_online(self, state: Hashable) -> bool:  # noqa: ARG002 - a chart has no connection to lose
        return True

    def receive(self, state: Hashable, message: Hashable) -> tuple[Outcome, ...]:
        if isinstance(state, Broken):
            return ()
        arrow = Arrow("", self.name, message)
        try:
            return self._received(state, message, arrow)
        except CallbackError as error:
            others = dict.fromkeys(then for _, then in error.others)
            return (*(Outcome(then, (), (arrow,)) for then in others), Outcome(_raised(state, error), (), (arrow,)))

    def _received(self, state: Hashable, message: Hashable, arrow: Arrow) -> tuple[Outcome, ...]:
        return tuple(
            Outcome(Broken(state, why) if taking is Taking.REFUSED else then, (), (arrow,))
            for taking, then, why in after_receiving(self.machine, state, *_opened(message))
            if taking is not Taking.DEFERRED
        )

    def _sendings(self, state: Hashable) -> Iterator[tuple[Sending, Hashable]]:
        """What it may send, and what is under way then."""
        for sending in self.machine.sends(state):
            if self.peers is None:
                yield sending, sending.message
                continue
            for to in self.peers.get(name_of(sending.message)) or ("",):
                yield sending._replace(to=to or sending.to), Addressed(sending.message, self.name, to)

    def expiries(self, state: Hashable) -> tuple[Outcome, ...]:
        if isinstance(state, Broken):
            return ()
        found: list[Outcome] = []
        for sending, message in self._sendings(state):
            arrow = Arrow(self.name, sending.to, message)
            try:
                afters = after_sending(self.machine, state, sending)
            except CallbackError as error:
                afters = tuple(dict.fromkeys(then for _, then in error.others))
                found.append(Outcome(_raised(state, error), (), (arrow._replace(receiver=self.name),)))
            found += [Outcome(then, (message,), (arrow,)) for then in afters]
        try:
            steps = after_internal(self.machine, state)
        except CallbackError as error:
            steps = tuple((name, then) for name, then in error.others if then != state)
            found.append(Outcome(_raised(state, error), (), (Arrow(self.name, self.name, "internal step"),)))
        found += [Outcome(then, (), (Arrow(self.name, self.name, name),)) for name, then in steps]
        return tuple(found)

    def order(self, state: Hashable, order: str) -> tuple[Outcome, ...]:
        """It has no owner; but it can crash, and then begins anew."""
        return (Outcome(self.begin(), (), ()),) if order == "crash" and not isinstance(state, Broken) else ()

    def is_busy(self, state: Hashable) -> bool:
        return not isinstance(state, Broken) and self.machine.busy(state)

    def ignores(self, state: Hashable, message: Hashable) -> bool:
        if isinstance(state, Broken):
            return True
        try:
            return self._ignored(state, message)
        except CallbackError:
            return False

    def _ignored(self, state: Hashable, message: Hashable) -> bool:
        return all(taking is Taking.IGNORED for taking, _, _ in after_receiving(self.machine, state, *_opened(message)))

    def unmarked(self, state: Hashable) -> Hashable:
        return state._replace(data=without_marks(state.data)) if isinstance(state, Snapshot) else state

    def marks(self, state: Hashable) -> frozenset[str]:
        return marks_in(state.data) if isinstance(state, Snapshot) else frozenset()

    def renamed(self, state: Hashable, names: Renaming) -> Hashable:
        if isinstance(state, Broken):
            return state._replace(state=self.renamed(state.state, names), raised=names(state.raised))
        if isinstance(self.machine, ChartMachine):
            assert isinstance(state, Snapshot)
            return state._replace(data=names(state.data))
        return self.machine.renamed(state, names.text)

    def renamed_message(self, message: Hashable, names: Renaming) -> Hashable:
        """What it is called stays: a message may be called as a chart is."""
        if isinstance(message, Addressed):
            to = names.text(message.to)
            return Addressed(self.renamed_message(message.message, names), names.text(message.sender), to)
        if isinstance(message, Payload):
            values = tuple(names(value) if is_plain(value) else value for value in message.values)
            return Payload(message.message, values)
        return message if isinstance(message, str) else names(message)


def _opened(message: Hashable) -> tuple[Hashable, str]:
    """A message as its receiver sees it, and who sent it."""
    return (message.message, message.sender) if isinstance(message, Addressed) else (message, "")


def _raised(state: Hashable, error: CallbackError) -> "Broken":
    return Broken(state, "", str(error))


class Broken(NamedTuple):
    """A chart in a state in which something came that it does not take, or one of its callbacks raised an error."""

    state: Hashable
    broken: str
    raised: str = ""
