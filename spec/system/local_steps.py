"""The steps of each lifeline by itself. A chart is asked for each of them once; searches ask millions of times."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from spec.binding.allowances import Allowances
from spec.binding.obligations import Discipline, Ledger, Said
from spec.system.addressing import Addressing
from spec.system.numbering import Numbering
from spec.system.process import (
    ChartMachine,
    ScriptedMachine,
    Sending,
    Taking,
    after_internal,
    after_receiving,
    after_sending,
    detail_of,
    name_of,
    said_of,
)
from spec.system.state import Act, Sent, State


class Received(NamedTuple):
    """A message as its reader takes it: the numbers of its local states after it, or none and why not."""

    act: Act
    then: tuple[int, ...]
    why: str
    taking: Taking


class LocalSteps:
    """What the lifelines of a system can do, each in its local state, and the obligations that it leaves pending."""

    def __init__(
        self,
        numbers: Numbering,
        addresses: Addressing,
        allowances: Allowances,
        environment: Callable[[str, str], Iterable[Hashable]],
    ) -> None:
        """`environment` gives the messages that an order of the environment to a lifeline can be."""
        self.numbers = numbers
        self.addresses = addresses
        self.allowances = allowances
        self.environment = environment
        self.machines = numbers.machines
        found = ((name, allowances.discipline(name)) for name in numbers.lifelines)
        self.disciplines: dict[str, Discipline] = {name: each for name, each in found if each is not None}
        """The lifelines for which the binding states obligations, with these."""
        self._due: dict[tuple[int, int], tuple[Sent, ...]] = {}
        self._afters: dict[tuple[int, int, Sending], tuple[int, ...]] = {}
        self._received: dict[tuple[int, int, int, int], tuple[Received, ...]] = {}
        self._internal: dict[tuple[int, int], tuple[tuple[Act, int], ...]] = {}
        self._futures: dict[tuple[int, int], frozenset[str]] = {}
        self._told: dict[tuple[int, int, str], tuple[tuple[Act, int, Hashable], ...]] = {}
        self._busy: dict[tuple[int, int], bool] = {}

    def asked(self, lifeline: str) -> Iterator[tuple[Hashable, str]]:
        """What a lifeline was asked so far, and in which local state: what it could send, and was to receive."""
        here = self.numbers.places[lifeline]
        met = self.numbers.met(lifeline)
        for (place, local), due in self._due.items():
            if place == here:
                yield from ((met[local], str(sent.act)) for sent in due)
        for place, local, number, _ in self._received:
            if place == here:
                yield met[local], f"?{self.numbers.spelled(number)}"
        for place, local, order in self._told:
            if place == here:
                yield met[local], f"?{order}"

    # It sends.

    def due(self, state: State, lifeline: str) -> tuple[Sent, ...]:
        """What a lifeline is about to send, whether it can be sent or not."""
        here = self._here(state, lifeline)
        if here not in self._due:
            self._due[here] = tuple(self._ask_due(state, lifeline))
        return self._due[here]

    def _ask_due(self, state: State, lifeline: str) -> Iterator[Sent]:
        for sending in self.machines[lifeline].sends(self.numbers.local(state, lifeline)):
            message = self.numbers.message(sending.message)
            name, detail = name_of(sending.message), detail_of(sending.message)
            for peer in self.addresses.receivers(lifeline, sending) or ("",):
                act = Act("!", lifeline, name, detail, peer)
                to = sending if sending.to else sending._replace(to=peer)
                yield Sent(act, act._replace(lost=True), message, self.numbers.places.get(peer), to)

    def after(self, state: State, lifeline: str, sent: Sent) -> tuple[int, ...]:
        """Where sending can leave its lifeline; a chart is stepped only for what is wanted of it."""
        key = (*self._here(state, lifeline), sent.sending)
        if key not in self._afters:
            afters = after_sending(self.machines[lifeline], self.numbers.local(state, lifeline), sent.sending)
            ledger = self.numbers.ledger(state, lifeline)
            if lifeline in self.disciplines:
                ledger = self.disciplines[lifeline].sent(ledger, self.said(sent))
            self._afters[key] = tuple(dict.fromkeys(self.numbers.number(lifeline, then, ledger) for then in afters))
        return self._afters[key]

    def said(self, sent: Sent) -> Said:
        """What is sent, as obligations speak of it."""
        return said_of(self.numbers.messages[sent.message], sent.message, sent.act.peer)

    def internal(self, state: State, lifeline: str) -> tuple[tuple[Act, int], ...]:
        """The steps that nobody sees: of a chart that has some."""
        key = self._here(state, lifeline)
        if key not in self._internal:
            local, ledger = self.numbers.local(state, lifeline), self.numbers.ledger(state, lifeline)
            steps = after_internal(self.machines[lifeline], local)
            self._internal[key] = tuple(
                (Act(".", lifeline, name, "", ""), self.numbers.number(lifeline, then, ledger)) for name, then in steps
            )
        return self._internal[key]

    # It receives.

    def receiving(self, state: State, lifeline: str, message: int, sender: int) -> tuple[Received, ...]:
        """What becomes of a message that has come, by its number and that of its sender."""
        key = (*self._here(state, lifeline), message, sender)
        if key not in self._received:
            self._received[key] = tuple(self._ask_receive(state, lifeline, message, sender))
        return self._received[key]

    def _ask_receive(self, state: State, lifeline: str, number: int, sender: int) -> Iterator[Received]:
        message, peer = self.numbers.messages[number], self.numbers.lifelines[sender]
        local = self.numbers.local(state, lifeline)
        machine = self.machines[lifeline]
        who = self.addresses.client_of(peer) if isinstance(machine, ChartMachine) else peer
        for taking, then, why in after_receiving(machine, local, message, who):
            act = self._reception(lifeline, local, message, peer, taking)
            if taking not in {Taking.TAKEN, Taking.IGNORED}:
                yield Received(act, (), why, taking)
                continue
            ledger = self._heard(state, lifeline, message, number, act)
            yield Received(act, (self.numbers.number(lifeline, then, ledger),), why, taking)

    def told(self, state: State, lifeline: str, order: str) -> tuple[tuple[Act, int, Hashable], ...]:
        """What an order of the environment does to a lifeline: the action, the local state after it, and the message
        that it was.
        """
        key = (*self._here(state, lifeline), order)
        if key not in self._told:
            self._told[key] = tuple(self._ask_order(state, lifeline, order))
        return self._told[key]

    def _ask_order(self, state: State, lifeline: str, order: str) -> Iterator[tuple[Act, int, Hashable]]:
        local = self.numbers.local(state, lifeline)
        for message in self.environment(lifeline, order):
            for taking, then, _ in after_receiving(self.machines[lifeline], local, message, ""):
                act = self._reception(lifeline, local, message, "", taking)
                if taking is Taking.TAKEN or act.allowed:
                    ledger = self._heard(state, lifeline, message, self.numbers.message(message), act)
                    yield act, self.numbers.number(lifeline, then, ledger), message

    def _heard(self, state: State, lifeline: str, message: Hashable, number: int, act: Act) -> Ledger:
        ledger = self.numbers.ledger(state, lifeline)
        if lifeline not in self.disciplines:
            return ledger
        return self.disciplines[lifeline].received(ledger, said_of(message, number, act.peer), ignored=act.ignored)

    def _reception(self, lifeline: str, local: Hashable, message: Hashable, peer: str, taking: Taking) -> Act:
        act = Act("?", lifeline, name_of(message), detail_of(message), peer)
        if taking is not Taking.IGNORED:
            return act
        where = self.machines[lifeline].where(local)
        told = lifeline in self.disciplines and self.disciplines[lifeline].covers(str(act))  # it says itself of whom
        return act._replace(ignored=True, allowed=told or self.allowances.may_ignore(lifeline, str(act), where))

    # What could still happen: for searches that leave out orders which make no difference.

    def is_busy(self, state: State, lifeline: str) -> bool:
        """Whether a lifeline is about to send, and reads nothing before that."""
        key = self._here(state, lifeline)
        if key not in self._busy:
            self._busy[key] = self.machines[lifeline].busy(self.numbers.local(state, lifeline))
        return self._busy[key]

    def could_send_to(self, state: State, lifeline: str, receiver: str) -> bool:
        """Whether a lifeline may send anything to another, here or after whatever else it does; never too seldom."""
        key = self._here(state, lifeline)
        if key not in self._futures:
            machine: Any = self.machines[lifeline]
            if isinstance(machine, ChartMachine | ScriptedMachine):
                self._futures[key] = frozenset(self.numbers.lifelines)  # they may speak to whom they like
            else:
                sent = machine.could_send(self.numbers.local(state, lifeline))
                routes = self.addresses.routes
                self._futures[key] = frozenset(to for name in sent for to in routes.get((lifeline, name), ()))
        return receiver in self._futures[key]

    def reads(self, state: State, lifeline: str) -> bool:
        """Whether a lifeline takes anything where it is; never too seldom."""
        machine: Any = self.machines[lifeline]
        if isinstance(machine, ChartMachine | ScriptedMachine):
            return not self.is_busy(state, lifeline)
        return bool(machine.reads(self.numbers.local(state, lifeline)))

    def _here(self, state: State, lifeline: str) -> tuple[int, int]:
        place = self.numbers.places[lifeline]
        return place, state.locals[place]
