"""A local machine made from a body that is asked (`spec.system.probe`): for each step once, and it is remembered."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from spec.system.chart_body import Held, Local
from spec.system.chart_error import CallbackError, ChartError
from spec.system.data import Picture
from spec.system.probe import Body, Book, Probe, StepResult
from spec.system.process import Payload, Payloads, Sending, Taking, name_of
from spec.system.structure import Labels, Structure
from spec.system.surroundings import Surroundings

MayIgnore = Callable[[str, tuple[str, ...]], bool]
"""Whether a message may be ignored in these atomic states."""


def never_ignored(_message: str, _where: tuple[str, ...]) -> bool:
    """What is said where a binding says nothing."""
    return False


class SteppedMachine:
    """A local machine whose steps are asked for once each, and remembered."""

    def __init__(
        self,
        name: str,
        make: Callable[[], Body],
        labels: Labels,
        structure: Structure,
        book: Book,
        surroundings: Surroundings,
        *,
        patient: bool,
        may_ignore: MayIgnore,
        payloads: Payloads,
    ) -> None:
        """`make` makes a new body each time. Raises `ChartError`."""
        self.name = name
        self.patient = patient
        self.taken: set[tuple[str, str, str]] = set()
        """The transitions that were done in any step that was asked for: from where, what, and to where."""
        self.done: dict[tuple[Local, str, Local], set[tuple[str, str, str]]] = {}
        """The same by step: the state before it, its action or event, and the state after it."""
        self.declared = frozenset(edge.row() for edge in structure.edges)
        """All transitions that the chart declares: from where, what, and to where."""
        self._labels = labels
        self._structure = structure
        self._may_ignore = may_ignore
        self._payloads = payloads
        self._book = book
        self._asked: dict[tuple[Local, str, Hashable, str], StepResult] = {}
        self.probe = Probe(name, make(), make(), structure, book, surroundings)
        for message in payloads:
            if not {f"!{message}", f"?{message}"} & labels.actions.keys():
                raise ChartError(
                    name, f"payloads of {message!r}", "the chart neither sends nor receives such a message"
                )

    def begin(self, where: str = "") -> Local:
        """Its initial state. Raises `ValueError` if it has none of that name."""
        if where and where not in self._structure.atomic:
            raise ChartError(self.name, f"beginning in {where!r}", self._no_state(where))
        return self.probe.initial._replace(states=(where,)) if where else self.probe.initial

    def _no_state(self, name: str) -> str:
        return f"{self.name} has no atomic state {name!r}; there are {', '.join(self._structure.atomic)}"

    def where(self, state: Hashable) -> tuple[str, ...]:
        """The atomic states."""
        return _local(state).states

    def renamed(self, state: Hashable, text: Callable[[str], str]) -> Local:
        """The same state with other texts in what it holds; what its states are called stays."""
        return self.with_picture(state, self.picture(state).renamed(text))

    def picture(self, state: Hashable) -> Picture:
        """What it holds in a state, as it was looked at."""
        held = _local(state).data
        assert isinstance(held, Held)
        return self._book.pictures[held.values]

    def with_picture(self, state: Hashable, picture: Picture) -> Local:
        """The same state where it holds something else."""
        local = _local(state)
        held = local.data
        assert isinstance(held, Held)
        self._book.pictures.setdefault(picture.form, picture)
        return local._replace(data=held._replace(values=picture.form))

    def sends(self, state: Hashable) -> tuple[Sending, ...]:
        """Every `!` event that has a transition from here, whatever its guards say: `send` asks them."""
        found = dict.fromkeys(edge.label for edge in self._structure.leaving(_local(state).states))
        return tuple(
            Sending(message, "")
            for label in self._labels.actions
            if label in found and label[0] == "!"
            for message in self._messages(label[1:])
        )

    def _messages(self, name: str) -> Iterable[Hashable]:
        return [Payload(name, values) for values in self._payloads[name]] if name in self._payloads else [name]

    def send(self, state: Hashable, sending: Sending) -> tuple[Local, ...]:
        """Every state that it can be in after sending; none if no guard lets it be sent. Raises `ChartError`."""
        label = f"!{name_of(sending.message)}"
        events = self.events_of(label, sending.to)
        asked = self._each(events, lambda event: self._ask(_local(state), event, label, sending.message, sending.to))
        return tuple(dict.fromkeys(each.then for _, each in asked if each.then is not None))

    def receive(self, state: Hashable, message: Hashable, sender: str) -> tuple[tuple[Taking, Local, str], ...]:
        """What receiving can come to, at least one outcome: every way in which it is taken, or else why it is not.

        Raises `ChartError`.
        """
        local, label = _local(state), f"?{name_of(message)}"
        events = self.events_of(label, sender)
        asked = self._each(events, lambda event: self._ask(local, event, label, message, sender))
        taken = dict.fromkeys(each.then for _, each in asked if each.then is not None)
        if taken:
            return tuple((Taking.TAKEN, then, "") for then in taken)
        if self._may_ignore(label[1:], local.states) or self.ignores_at(local, label):
            return ((Taking.IGNORED, local, ""),)
        here = "/".join(local.states)
        why = next((each.why for _, each in asked if each.why), f"{self.name} in {here} has no transition {label}")
        return ((Taking.REFUSED, local, why),)

    def internal(self, state: Hashable) -> tuple[tuple[str, Local], ...]:
        """Steps that nobody sees, and change something: the event of each, and the state after it."""
        local = _local(state)
        asked = self._each(self._labels.internal, lambda event: self._ask(local, event, event, event, ""))
        return tuple((event, each.then) for event, each in asked if each.then is not None and each.then != local)

    def _each(self, events: Iterable[str], ask: Callable[[str], StepResult]) -> list[tuple[str, StepResult]]:
        """What each of several events comes to. Raises the first `CallbackError`, with what the others come to."""
        asked: list[tuple[str, StepResult]] = []
        errors: list[CallbackError] = []
        for event in events:
            try:
                asked.append((event, ask(event)))
            except CallbackError as error:
                errors.append(error)
        if errors:
            errors[0].others = tuple((event, each.then) for event, each in asked if each.then is not None)
            raise errors[0]
        return asked

    def busy(self, state: Hashable) -> bool:  # noqa: ARG002
        """Nothing is known of its priorities."""
        return False

    def takes(self, message: str) -> bool:
        """Whether there is an event for receiving it at all."""
        return self._labels.takes(message)

    def reads(self, state: Hashable) -> bool:
        """Whether a reception or an internal step has a transition from here, whatever its guards say."""
        return any(
            edge.label[:1] == "?" or edge.event in self._labels.internal
            for edge in self._structure.leaving(_local(state).states)
        )

    def could_send(self, state: Hashable) -> frozenset[str]:
        """The names of all messages that it may send here or later, whatever guards say."""
        return self._structure.could_send(_local(state).states)

    def could_ever_send(self) -> frozenset[str]:
        """The names of all messages that it has an event to send of, in whatever state."""
        return frozenset(label[1:] for label in self._labels.actions if label[0] == "!")

    # What another kind of machine says otherwise.

    def events_of(self, label: str, peer: str) -> tuple[str, ...]:  # noqa: ARG002 - only some machines name their peers
        """The ids of the events of an action with a peer; none if there is no such action."""
        return self._labels.actions.get(label, ())

    def ignores_at(self, local: Local, label: str) -> bool:  # noqa: ARG002 - of a chart nothing is known of that
        """Whether what no guard lets pass, or has no transition, is ignored in a state, and not refused."""
        return False

    # Stepping.

    def _ask(self, state: Local, event: str, label: str, message: Hashable, peer: str) -> StepResult:
        key = (state, event, message, peer)
        if key not in self._asked:
            if self._structure.has(state.states, event):
                asked = self._asked[key] = self.probe.step(state, event, label, _arguments(label, message, peer))
                if asked.then is not None:
                    self.taken.update(asked.steps)
                    self.done.setdefault((state, label, asked.then), set()).update(asked.steps)
            else:
                self._asked[key] = StepResult(None, "")
        return self._asked[key]


def _local(state: Hashable) -> Local:
    assert isinstance(state, Local)
    return state


def _arguments(label: str, message: Hashable, peer: str) -> dict[str, Any]:
    """What callbacks are given."""
    found: dict[str, Any] = {"message": name_of(message)}
    if label[:1] in {"?", "!"}:
        found["sender" if label[0] == "?" else "to"] = peer
    if isinstance(message, Payload):
        found["values"] = message.values
        if message.values:
            found["value"] = message.values[0]
    return found
