"""A local machine made from a body that can be put into a state, asked for one step, and looked at.

Each step is asked for twice, from copies of the same state. What comes out differently depends on something that is no
part of the state, and is refused; so is what changes something that the body does not hold alone.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from spec.system.chart_body import Fired, Held, Local
from spec.system.chart_error import CallbackError, ChartError
from spec.system.data import Inspection, Picture
from spec.system.outside import REMEDY
from spec.system.process import Payload, Payloads, Sending, Taking, name_of
from spec.system.structure import Labels, Structure
from spec.system.surroundings import Surroundings

MayIgnore = Callable[[str, tuple[str, ...]], bool]
"""Whether a message may be ignored in these atomic states."""


def never_ignored(_message: str, _where: tuple[str, ...]) -> bool:
    """What is said where a binding says nothing."""
    return False


class Body(Protocol):
    """What is asked."""

    roots: list[Any]
    names: list[str]
    """What the objects that hold its data are called."""

    def look(self) -> tuple[Local, Inspection]:
        """Where it is, and what it holds."""

    def restore(self, local: Local, picture: Picture) -> None:
        """Put it where it was when it was looked at."""

    def fire(self, event: str, label: str, arguments: Mapping[str, Any], *, counterexample: bool) -> Fired:
        """Do one step."""


@dataclass
class Book:
    """What is known of all bodies of one kind: their data by its form, and objects that they share, by `id`."""

    pictures: dict[Hashable, Picture] = field(default_factory=dict)
    shared: dict[int, Any] = field(default_factory=dict)


class StepResult(NamedTuple):
    """What an event comes to: the state after it, or why it is not taken."""

    then: Local | None
    why: str


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
        self._around = surroundings
        self._asked: dict[tuple[Local, str, Hashable, str], StepResult] = {}
        self._body, self._initial = self._begun(make(), make())
        for message in payloads:
            if not {f"!{message}", f"?{message}"} & labels.actions.keys():
                raise ChartError(
                    name, f"payloads of {message!r}", "the chart neither sends nor receives such a message"
                )

    def begin(self, where: str = "") -> Local:
        """Its initial state. Raises `ValueError` if it has none of that name."""
        if where and where not in self._structure.atomic:
            raise ChartError(self.name, f"beginning in {where!r}", self._no_state(where))
        return self._initial._replace(states=(where,)) if where else self._initial

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
        events = self._events(label, sending.to)
        asked = self._each(events, lambda event: self._ask(_local(state), event, label, sending.message, sending.to))
        return tuple(dict.fromkeys(each.then for _, each in asked if each.then is not None))

    def receive(self, state: Hashable, message: Hashable, sender: str) -> tuple[tuple[Taking, Local, str], ...]:
        """What receiving can come to, at least one outcome: every way in which it is taken, or else why it is not.

        Raises `ChartError`.
        """
        local, label = _local(state), f"?{name_of(message)}"
        events = self._events(label, sender)
        asked = self._each(events, lambda event: self._ask(local, event, label, message, sender))
        taken = dict.fromkeys(each.then for _, each in asked if each.then is not None)
        if taken:
            return tuple((Taking.TAKEN, then, "") for then in taken)
        if self._may_ignore(label[1:], local.states) or self._ignores(local, label):
            return ((Taking.IGNORED, local, ""),)
        here = "/".join(local.states)
        why = next((each.why for _, each in asked if each.why), f"{self.name} in {here} has no transition {label}")
        return ((Taking.REFUSED, local, why),)

    def _ignores(self, local: Local, label: str) -> bool:  # noqa: ARG002 - of a chart nothing is known of that
        return False

    def internal(self, state: Hashable) -> tuple[tuple[str, Local], ...]:
        """Steps that nobody sees, and change something: the event of each, and the state after it."""
        local = _local(state)
        asked = self._each(self._labels.internal, lambda event: self._ask(local, event, event, event, ""))
        return tuple((event, each.then) for event, each in asked if each.then is not None and each.then != local)

    def _each(self, events: Iterable[str], ask: Callable[[str], "StepResult"]) -> "list[tuple[str, StepResult]]":
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

    # Stepping.

    def _events(self, label: str, peer: str) -> tuple[str, ...]:  # noqa: ARG002 - only some machines name their peers
        """The ids of the events of an action."""
        return self._labels.actions.get(label, ())

    def _ask(self, state: Local, event: str, label: str, message: Hashable, peer: str) -> StepResult:
        key = (state, event, message, peer)
        if key not in self._asked:
            if self._structure.has(state.states, event):
                self._asked[key] = self._step(state, event, label, _arguments(label, message, peer))
            else:
                self._asked[key] = StepResult(None, "")
        return self._asked[key]

    def _step(self, state: Local, event: str, label: str, arguments: Mapping[str, Any]) -> StepResult:
        place = f"{self.name} in {'/'.join(state.states)} on {label}"
        while True:
            fired, then, look = self._fired(state, event, label, arguments, counterexample=True)
            again = self._fired(state, event, label, arguments, counterexample=False)
            self._check_around(place)
            if not self._share(look, again[2]):
                break
        if (fired.taken, fired.steps, then) != (again[0].taken, again[0].steps, again[1]):
            what = self._difference(look.picture, again[2].picture) or "another way"
            raise ChartError(self.name, place, f"asked twice, it answers differently ({what}); {REMEDY}")
        if not fired.taken:
            if then != state:
                held = state.data
                assert isinstance(held, Held)
                what = self._difference(self._book.pictures[held.values], look.picture) or "its states"
                text = f"a guard changes the chart ({what}) and then forbids the transition; let guards only look"
                raise ChartError(self.name, place, text)
            return StepResult(None, fired.why or f"{self.name} in {'/'.join(state.states)}: no guard lets {label} pass")
        if not self._structure.active(then.states) <= self._structure.reached(state.states):
            text = f"a callback puts the chart into {'/'.join(then.states)}, where no transition leads; add one"
            raise ChartError(self.name, place, text)
        self.taken.update(fired.steps)
        self.done.setdefault((state, label, then), set()).update(fired.steps)
        self._record(then, look)
        return StepResult(then, "")

    def _fired(
        self, state: Local, event: str, label: str, arguments: Mapping[str, Any], *, counterexample: bool
    ) -> tuple[Fired, Local, Inspection]:
        self._restore(state)
        fired = self._body.fire(event, label, arguments, counterexample=counterexample)
        return fired, *self._body.look()

    def _restore(self, state: Local) -> None:
        held = state.data
        assert isinstance(held, Held)
        self._body.restore(state, self._book.pictures[held.values])

    def _record(self, local: Local, look: Inspection) -> None:
        held = local.data
        assert isinstance(held, Held)
        if held.values in self._book.pictures:
            return
        self._book.pictures[held.values] = look.picture
        for node in look.picture.nodes:
            self._around.add_class(node.cls)
        self._restore(local)
        copy = self._body.look()
        if copy[0] != local:
            what = self._difference(look.picture, copy[1].picture)
            raise ChartError(self.name, f"{self.name}, {what or 'its data'}", "a copy of it does not equal it")

    def _begun(self, one: Body, other: Body) -> tuple[Body, Local]:
        """The body to ask, and its initial state. Both are made alike, or something besides the chart has a say."""
        self._body = one
        for root in one.roots:
            self._around.add_class(type(root))
        for root, name in () if one is other else zip(one.roots, one.names, strict=True):
            if any(root is each for each in other.roots):
                text = "all charts of this class are given the same one; make a new one in __init__"
                raise ChartError(self.name, name, text)
        while True:
            looks = [one.look(), other.look()]
            if one is other or not self._share(looks[0][1], looks[1][1]):
                break
        for key, value in self._book.shared.items():
            self._around.add_object(
                looks[0][1].path(key) if key in looks[0][1].objects else type(value).__name__, value
            )
        self._check_around(f"{self.name}()")
        if looks[0][0] != looks[1][0]:
            what = self._difference(looks[0][1].picture, looks[1][1].picture) or "its states"
            raise ChartError(self.name, f"{self.name}()", f"made twice, it begins differently ({what}); {REMEDY}")
        self._record(*looks[0])
        return one, looks[0][0]

    def _share(self, one: Inspection, other: Inspection) -> bool:
        """Note what two copies both hold, for it was not copied; whether there was such."""
        new = [key for key, value in one.objects.items() if key in other.objects and not self._is_root(value)]
        for key in new:
            self._book.shared[key] = one.objects[key]
            self._around.add_object(one.path(key), one.objects[key])
            self._around.add_class(type(one.objects[key]))
        return bool(new)

    def _is_root(self, value: Any) -> bool:
        return any(value is root for root in self._body.roots)

    def _check_around(self, place: str) -> None:
        found = self._around.changed()
        if found is not None:
            path, remedy = found
            raise ChartError(self.name, place, f"it changes {path}: {remedy}")

    def _difference(self, one: Picture, other: Picture) -> str:
        place, _, name = one.differing(other).partition(".")
        return f"{self._body.names[int(place)]}.{name}" if name else ""


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
