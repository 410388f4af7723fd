"""A body that is asked for steps: it can be put into a state, do one step, and be looked at.

Each step is asked for twice, from copies of the same state. What comes out differently depends on something that is no
part of the state, and is refused; so is what changes something that the body does not hold alone.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from spec.system.chart_body import Fired, Held, Local
from spec.system.chart_error import ChartError
from spec.system.data import Inspection, Picture
from spec.system.outside import REMEDY
from spec.system.structure import Structure
from spec.system.surroundings import Surroundings


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
    steps: tuple[tuple[str, str, str], ...] = ()
    """The transitions that were done on the way: from where, what, and to where."""


class Probe:
    """Asks a body; `initial` is the state in which it was made."""

    def __init__(
        self, name: str, one: Body, other: Body, structure: Structure, book: Book, surroundings: Surroundings
    ) -> None:
        """`one` is asked; `other` was made in the same way, if it is another one. Raises `ChartError`."""
        self.body = one
        self._name = name
        self._structure = structure
        self._book = book
        self._around = surroundings
        self.initial = self._begun(one, other)

    def _begun(self, one: Body, other: Body) -> Local:
        """The initial state. Both bodies are made alike, or something besides the chart has a say."""
        for root in one.roots:
            self._around.add_class(type(root))
        for root, name in () if one is other else zip(one.roots, one.names, strict=True):
            if any(root is each for each in other.roots):
                text = "all charts of this class are given the same one; make a new one in __init__"
                raise ChartError(self._name, name, text)
        while True:
            looks = [one.look(), other.look()]
            if one is other or not self._share(looks[0][1], looks[1][1]):
                break
        for key, value in self._book.shared.items():
            self._around.add_object(
                looks[0][1].path(key) if key in looks[0][1].objects else type(value).__name__, value
            )
        self._check_around(f"{self._name}()")
        if looks[0][0] != looks[1][0]:
            what = self._difference(looks[0][1].picture, looks[1][1].picture) or "its states"
            raise ChartError(self._name, f"{self._name}()", f"made twice, it begins differently ({what}); {REMEDY}")
        self.record(*looks[0])
        return looks[0][0]

    def step(self, state: Local, event: str, label: str, arguments: Mapping[str, Any]) -> StepResult:
        """What an event of an action comes to in a state; callbacks are given `arguments`. Raises `ChartError`."""
        place = f"{self._name} in {'/'.join(state.states)} on {label}"
        while True:
            fired, then, look = self._fired(state, event, label, arguments, counterexample=True)
            again = self._fired(state, event, label, arguments, counterexample=False)
            self._check_around(place)
            if not self._share(look, again[2]):
                break
        if (fired.taken, fired.steps, then) != (again[0].taken, again[0].steps, again[1]):
            what = self._difference(look.picture, again[2].picture) or "another way"
            raise ChartError(self._name, place, f"asked twice, it answers differently ({what}); {REMEDY}")
        if not fired.taken:
            if then != state:
                held = state.data
                assert isinstance(held, Held)
                what = self._difference(self._book.pictures[held.values], look.picture) or "its states"
                text = f"a guard changes the chart ({what}) and then forbids the transition; let guards only look"
                raise ChartError(self._name, place, text)
            return StepResult(
                None, fired.why or f"{self._name} in {'/'.join(state.states)}: no guard lets {label} pass"
            )
        if not self._structure.active(then.states) <= self._structure.reached(state.states):
            text = f"a callback puts the chart into {'/'.join(then.states)}, where no transition leads; add one"
            raise ChartError(self._name, place, text)
        self.record(then, look)
        return StepResult(then, "", fired.steps)

    def _fired(
        self, state: Local, event: str, label: str, arguments: Mapping[str, Any], *, counterexample: bool
    ) -> tuple[Fired, Local, Inspection]:
        self.restore(state)
        fired = self.body.fire(event, label, arguments, counterexample=counterexample)
        return fired, *self.body.look()

    def restore(self, state: Local) -> None:
        """Put the body into a state that was recorded."""
        held = state.data
        assert isinstance(held, Held)
        self.body.restore(state, self._book.pictures[held.values])

    def record(self, local: Local, look: Inspection) -> None:
        """Keep what the body holds in a state. Raises `ChartError` if it cannot be put there."""
        held = local.data
        assert isinstance(held, Held)
        if held.values in self._book.pictures:
            return
        self._book.pictures[held.values] = look.picture
        for node in look.picture.nodes:
            self._around.add_class(node.cls)
        self.restore(local)
        copy = self.body.look()
        if copy[0] != local:
            what = self._difference(look.picture, copy[1].picture)
            raise ChartError(self._name, f"{self._name}, {what or 'its data'}", "a copy of it does not equal it")

    def _share(self, one: Inspection, other: Inspection) -> bool:
        """Note what two copies both hold, for it was not copied; whether there was such."""
        new = [key for key, value in one.objects.items() if key in other.objects and not self._is_root(value)]
        for key in new:
            self._book.shared[key] = one.objects[key]
            self._around.add_object(one.path(key), one.objects[key])
            self._around.add_class(type(one.objects[key]))
        return bool(new)

    def _is_root(self, value: Any) -> bool:
        return any(value is root for root in self.body.roots)

    def _check_around(self, place: str) -> None:
        found = self._around.changed()
        if found is not None:
            path, remedy = found
            raise ChartError(self._name, place, f"it changes {path}: {remedy}")

    def _difference(self, one: Picture, other: Picture) -> str:
        place, _, name = one.differing(other).partition(".")
        return f"{self.body.names[int(place)]}.{name}" if name else ""
