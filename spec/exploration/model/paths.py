"""What a server does with a view, for all views at once: its step is followed instead of made.

Where a server is looked at beside many others (`spec.exploration.any_number`), most of its states differ in their views
alone. A step hears of the view only by what its chart answers: what is due, how a message is taken, whether something
can be sent. So a step that was made once is kept as a *path*: all that the view was asked, one after the other, with
its answers and what each led to. For another view the path is followed, as long as that answers alike; where it answers
otherwise, the step is made, and the path forks there from then on. What a step comes to holds the views that it asked
to the end, so none of their content is kept.

That a view is nowhere looked at but by its chart holds in `Server.walk`, which is told to ask a `Tape` instead: each
view that it hands out is an object of its own, so that it is known in what a step comes to. What holds another view is
not kept. `tests/spec/exploration/any_number/test_paths.py` makes all steps once more without paths.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from machines.participant import Snapshot
from spec.system.process import ChartMachine, Sending, Taking

if TYPE_CHECKING:
    from spec.exploration.model.node import Outcome, Progress

DUE, SENDS, TAKES = "due", "sends", "takes"
"""What a view is asked: what is due, to send something, and to take a message."""


class Asked(NamedTuple):
    """A question to a view, by the number of the view in the step, with the answer."""

    kind: str
    place: int
    about: Hashable
    answer: Hashable


class Leaf(NamedTuple):
    """Where a step ends, and the number of its view."""

    end: "Progress"
    place: int

    def with_view(self, view: Snapshot) -> "Progress":
        """The end with another view; without `_replace`, which takes several times as long."""
        end = self.end
        kind: Any = type(end.state)
        client, clock, _, *others = end.state
        return type(end)(kind(client, clock, view, *others), end.broker, end.sent, end.arrows, end.fault, end.stored)


@dataclass(slots=True)
class Fork:
    """A question, and by the answer what comes next: another question, or the ends of the step."""

    kind: str
    place: int
    about: Any
    after: dict[Hashable, "Fork | tuple[Leaf, ...]"] = field(default_factory=dict)


class Tape:
    """Is asked in the place of a view's machine, and notes it."""

    def __init__(self, view: ChartMachine, begins: Snapshot, number: Callable[[tuple[Sending, ...]], int]) -> None:
        self.patient = view.patient
        self.asked: list[Asked] = []
        self.views = [begins]
        """All views, in the order in which they were handed out."""
        self._view, self._number = view, number
        self._handed: list[Snapshot] = []
        self._places: dict[int, int] = {}
        self._due: set[int] = set()
        self.begins = self._hand(begins)

    def _hand(self, view: Snapshot) -> Snapshot:
        handed = Snapshot(*view)
        self._places[id(handed)] = len(self._handed)
        self._handed.append(handed)  # so that no other one gets its id
        return handed

    def place(self, view: Snapshot) -> int:
        """The number of a view that was handed out. Raises `KeyError` for another one."""
        return self._places[id(view)]

    def sends(self, view: Snapshot) -> tuple[Sending, ...]:
        place = self.place(view)
        due = self._view.sends(self.views[place])
        if place not in self._due:
            self._due.add(place)
            self.asked.append(Asked(DUE, place, None, self._number(due)))
        return due

    def send(self, view: Snapshot, sending: Sending) -> Snapshot | None:
        place = self.place(view)
        then = self._view.send(self.views[place], sending)
        self.asked.append(Asked(SENDS, place, sending, then is None))
        return None if then is None else self._noted(then)

    def receive(self, view: Snapshot, message: Hashable, sender: str) -> tuple[Taking, Snapshot, str]:
        place = self.place(view)
        taking, then, why = self._view.receive(self.views[place], message, sender)
        self.asked.append(Asked(TAKES, place, (message, sender), (taking, why)))
        return taking, self._noted(then), why

    def _noted(self, then: Snapshot) -> Snapshot:
        self.views.append(then)
        return self._hand(then)


Walk = Callable[["Progress", Any], "tuple[tuple[Outcome, ...], list[Progress]]"]
"""Makes a step with another machine in place of the view's: what it comes to, and where each way ended."""
Ends = Callable[["Progress"], "Outcome"]
"""What a step comes to that ends so."""


@dataclass
class Paths:
    """The paths of one server. What they hold grows with what its other charts are in."""

    view: ChartMachine
    walk: Walk
    outcome: Ends

    def __post_init__(self) -> None:
        self._known: dict[Hashable, Fork | tuple[Leaf, ...]] = {}
        self._numbers: dict[tuple[Sending, ...], int] = {}
        self._numbered: dict[int, tuple[int, tuple[Sending, ...]]] = {}

    def follow(self, begun: "Progress") -> "tuple[Outcome, ...]":
        """All ways in which a step can end."""
        client, clock, begins, *others = begun.state
        key = (client, clock, *others, begun.broker, begun.sent, begun.arrows, begun.fault)
        at, views, view = self._known.get(key), [begins], self.view
        while isinstance(at, Fork):
            here = views[at.place]
            answer: Hashable
            if at.kind == DUE:
                answer = self._number(view.sends(here))
            elif at.kind == TAKES:
                taking, then, why = view.receive(here, *at.about)
                views.append(then)
                answer = (taking, why)
            else:
                sent = view.send(here, at.about)
                answer = sent is None
                if sent is not None:
                    views.append(sent)
            at = at.after.get(answer)
        return self._made(begun, key) if at is None else self._ends(at, views)

    def _ends(self, leaves: tuple[Leaf, ...], views: list[Snapshot]) -> "tuple[Outcome, ...]":
        found = [self.outcome(leaf.with_view(views[leaf.place])) for leaf in leaves]
        # Most steps end in one way, which is compared with no other.
        return tuple(found) if len(found) == 1 else tuple(dict.fromkeys(found))

    def _number(self, due: tuple[Sending, ...]) -> int:
        """The number of what is due. What is due to a view is kept as it is, so it is soon known again."""
        known = self._numbered.get(id(due))
        if known is None:  # kept with it, so that no other one comes to have its id
            known = self._numbered[id(due)] = (self._numbers.setdefault(due, len(self._numbers)), due)
        return known[0]

    def _made(self, begun: "Progress", key: Hashable) -> "tuple[Outcome, ...]":
        """Make the step, and note its path."""
        tape = Tape(self.view, begun.state.view, self._number)
        found, ends = self.walk(begun._replace(state=begun.state._replace(view=tape.begins)), tape)
        try:
            leaves = tuple(Leaf(end._replace(stored=None), tape.place(end.state.view)) for end in ends)
        except KeyError:
            return found  # a view that its chart did not give
        outcomes = self._ends(leaves, tape.views)
        if outcomes != found:
            return found  # it has no end
        self._note(key, tape.asked, leaves)
        return outcomes

    def _note(self, key: Hashable, asked: list[Asked], leaves: tuple[Leaf, ...]) -> None:
        after, answer = self._known, key
        for each in asked:
            at = after.setdefault(answer, Fork(each.kind, each.place, each.about))
            assert isinstance(at, Fork)
            assert (at.kind, at.place, at.about) == each[:3], "a step asks its view otherwise after the same answers"
            after, answer = at.after, each.answer
        after[answer] = leaves
