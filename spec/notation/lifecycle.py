"""Who takes part before it is created, or after it was destroyed.

Statements are followed from top to bottom with what each lifeline can be by then: after alternatives it can be several
things. An event is reported if there is a course of the diagram in which its lifeline is not there. A lifeline is there
from the start unless it is created before it is destroyed. What is referred to is followed by itself; what a `neg`
holds is not followed, it does not happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from spec.notation.model import Create, Destroy, Fragment, Message, Parallel, Statement, walk

ALIVE = 0
"""A lifeline is alive, or since a line (positive) dead, or until a line (negative) not yet created."""

Being = Mapping[str, frozenset[int]]
"""For each lifeline that is created or destroyed somewhere, what it can be."""


class Absence(NamedTuple):
    """An event on `line` of a lifeline that is not there."""

    line: int
    lifeline: str
    message: str


class _Outcome(NamedTuple):
    """What lifelines can be after statements that went to their end, and after those that were broken off."""

    whole: Being
    broken: list[Being]


def absences(body: tuple[Statement, ...]) -> list[Absence]:
    """The events of lifelines that are not there, in the order in which they are met."""
    begins: dict[str, int] = {}
    for statement in walk(body):
        if isinstance(statement, Message) and statement.created and statement.receiver:
            begins.setdefault(statement.receiver, -statement.line)
        elif isinstance(statement, Create):
            begins.setdefault(statement.name, -statement.line)
        elif isinstance(statement, Destroy):
            begins.setdefault(statement.name, ALIVE)
    following = _Following()
    if begins:
        following.body(body, {name: frozenset({being}) for name, being in begins.items()})
    return list(following.found)


class _Following:
    def __init__(self) -> None:
        self.found: dict[Absence, None] = {}

    def body(self, statements: Iterable[Statement], being: Being) -> _Outcome:
        """What lifelines can be after the statements; `break` ends them early."""
        broken: list[Being] = []
        for statement in statements:
            match statement:
                case Message():
                    being = self._message(statement, being)
                case Create(line=line, name=name):
                    being = self._create(line, name, being)
                case Destroy(line=line, name=name):
                    self._event(line, name, being)
                    being = {**being, name: frozenset({line})}
                case Fragment(kind="neg"):
                    pass
                case Fragment(kind="break", operands=operands):
                    broken += [_end(self.body(operand.body, being)) for operand in operands]
                case Fragment():
                    being = self._fragment(statement, being)
                case Parallel(body=body):
                    being = _joined(being, [_end(self.body([entry], being)) for entry in body])
        return _Outcome(being, broken)

    def _fragment(self, fragment: Fragment, being: Being) -> Being:
        bodies = [operand.body for operand in fragment.operands]
        if fragment.kind == "alt" and len(bodies) > 1:
            return _either([_end(self.body(body, being)) for body in bodies])
        if fragment.kind in {"alt", "opt"}:
            return _either([being, *(_end(self.body(body, being)) for body in bodies)])
        if fragment.kind == "par":
            entries = bodies if len(bodies) > 1 else [(entry,) for entry in bodies[0]]
            return _joined(being, [_end(self.body(entry, being)) for entry in entries])
        statements = [statement for body in bodies for statement in body]
        once = self.body(statements, being)
        if fragment.kind == "loop":
            if once.whole != being:  # else the second time is like the first: loops in loops would take for ever
                self.body(statements, once.whole)
            return _either([being, _end(once)])
        return _end(once)

    def _message(self, message: Message, being: Being) -> Being:
        for name in message.actors():
            if name == message.receiver and message.created:
                continue
            if name is not None:
                self._event(message.line, name, being)
        if message.created and message.receiver:
            return self._create(message.line, message.receiver, being)
        return being

    def _create(self, line: int, name: str, being: Being) -> Being:
        if ALIVE in being[name]:
            message = f"{name} is created here, but is there already"
            self.found[Absence(line, name, message)] = None
        return {**being, name: frozenset({ALIVE})}

    def _event(self, line: int, name: str, being: Being) -> None:
        for since in sorted(being.get(name, frozenset({ALIVE})) - {ALIVE}):
            when = f"was destroyed on line {since}" if since > 0 else f"is created on line {-since} only"
            certain = "" if len(being[name]) == 1 else " in some course"
            message = f"{name} takes part here, but{certain} it {when}"
            self.found[Absence(line, name, message)] = None


def _end(outcome: _Outcome) -> Being:
    return _either([outcome.whole, *outcome.broken])


def _either(beings: list[Being]) -> Being:
    return {name: frozenset().union(*[being[name] for being in beings]) for name in beings[0]}


def _joined(before: Being, after: list[Being]) -> Being:
    """After concurrent operands a lifeline is what those that changed it made of it."""
    changed = {name: [being[name] for being in after if being[name] != before[name]] for name in before}
    return {name: frozenset().union(*changes) if changes else before[name] for name, changes in changed.items()}
