"""From a diagram to its term, statement by statement. What each statement means stands in the package's docstring."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TypeGuard

from spec.interaction.library import Library, covered
from spec.interaction.lifecycle import lifecycle
from spec.interaction.problems import Kind, Problem
from spec.interaction.terms import (
    EMPTY,
    Act,
    Action,
    Definition,
    Ref,
    Term,
    act,
    alt,
    children,
    critical,
    loop,
    opt,
    par,
    refer,
    refused,
    seq,
    strict,
)
from spec.notation.model import Diagram, Fragment, Message, Parallel, Presentation, Reference, Statement, walk

TRANSPARENT = frozenset({"group", "region", "expandable", "expandable+", "expandable-", "ref"})
"""Frames that only draw. `ref` is one if it frames statements instead of referring to some."""

REFUSED = {
    "neg": "says what must not happen, and a trace that is not drawn is forbidden already; draw only what can happen",
    "assert": "says that nothing else may happen, which holds for all that is drawn; leave the frame out",
    "ignore": "leaves messages out of the diagram, so nothing can be said about a trace that has them; draw them",
    "consider": "leaves all other messages out of the diagram, so nothing can be said about them; draw them",
}
_TIMES = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+|\*)\s*)?\)|(\d+)(?:\s*,\s*(\d+|\*))?$")
_NEARLY_TIMES = re.compile(
    r"[\[(]?(?:(?:max|min|at most|at least|up to|exactly|[a-z])\s*[=<>]*\s*)?\d+"
    r"(?:\s*(?:,|\.\.\.?|-|to)\s*(?:\d+|\*|[a-z]))?\s*(?:times|rounds|x)?[\])]?"
)
"""What somebody writes who means a number of times, and is no such number in this notation."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """What a diagram means. `lifelines` are its columns, and those that take part only in what it refers to.

    `problems` are also those of all diagrams that it refers to, each with its file. `missing` are line and target of
    references to nothing.
    """

    name: str
    term: Term
    lifelines: tuple[str, ...]
    problems: tuple[Problem, ...] = ()
    missing: tuple[tuple[int, str], ...] = ()
    file: str = ""

    def actions(self) -> Iterator[Action]:
        """Each action once, in the order of the text, those of what is referred to at their reference."""
        seen: set[Action | Definition] = set()
        stack = [self.term]
        while stack:
            term = stack.pop()
            if isinstance(term, Act) and term.action not in seen:
                seen.add(term.action)
                yield term.action
            if isinstance(term, Ref) and term.definition not in seen:
                seen.add(term.definition)
                stack.append(term.definition.body)
            stack += reversed(list(children(term)))

    def unsaid(self, diagram: Diagram) -> Iterator[Problem]:
        """What is wrong with the meaning of this diagram itself, of which its reader has said nothing."""
        said = {(each.line, each.message) for each in diagram.diagnostics}
        for problem in self.problems:
            if problem.file in {"", diagram.file} and (problem.line, problem.message) not in said:
                yield problem


def compile_diagram(diagram: Diagram, library: Library | None = None) -> Interaction:
    """The meaning of a diagram, with what is wrong with it."""
    library = library or Library()
    compiling = _Compiling(diagram, library)
    term = compiling.body(diagram.body)
    problems = compiling.complaints()
    for other in library.reached([diagram]):
        if other is not diagram:
            referred = _Compiling(other, library)
            referred.body(other.body)
            problems += referred.complaints()
    columns = [lifeline.name for lifeline in diagram.lifelines]
    return Interaction(
        diagram.frame or diagram.title or diagram.file,
        term,
        (*columns, *sorted(term.lifelines - set(columns))),
        tuple(problems),
        tuple(sorted(compiling.missing)),
        diagram.file,
    )


@dataclass(frozen=True, slots=True)
class _Overtaken:
    """An arrow that is still under way when those of the next rows have arrived."""

    message: Message
    by: tuple[Statement, ...]


class _Compiling:
    """One diagram on its way to a term."""

    def __init__(self, diagram: Diagram, library: Library) -> None:
        self.diagram = diagram
        self.library = library
        self.problems: list[Problem] = []
        self.missing: dict[tuple[int, str], None] = {}

    def complaints(self) -> list[Problem]:
        """What is wrong with the diagram, known when its body is compiled."""
        found = [*self.problems, *lifecycle(self.diagram)]
        return sorted(dict.fromkeys(found), key=lambda problem: problem.line)

    def body(self, statements: Iterable[Statement]) -> Term:
        """Weakly sequenced statements; after a `break` the rest is what happens instead of it."""
        rest = EMPTY
        for statement in reversed(list(self._overtaken(list(_opened(statements))))):
            rest = alt(*self._operands(statement), rest) if _is_break(statement) else seq(self._term(statement), rest)
        return rest

    def _term(self, statement: Statement | _Overtaken) -> Term:
        match statement:
            case _Overtaken(message=message, by=by):
                send, receive = self._ends(message, message.sender, message.receiver, 0)
                return strict(seq(send, self.body(by)), receive)
            case Message():
                return self._message(statement)
            case Fragment():
                return self._fragment(statement)
            case Parallel(body=body):
                return self._entries(body)
            case Reference():
                return self._reference(statement)
        return EMPTY

    def _message(self, message: Message) -> Term:
        arrows = [self._arrow(message, message.sender, message.receiver, 0)]
        if message.both_ways:
            arrows.append(self._arrow(message, message.receiver, message.sender, 1))
        return par(*arrows)

    def _arrow(self, message: Message, sender: str | None, receiver: str | None, way: int) -> Term:
        return strict(*self._ends(message, sender, receiver, way))

    def _ends(self, message: Message, sender: str | None, receiver: str | None, way: int) -> tuple[Term, Term]:
        send = receive = EMPTY
        line, file, label = message.line, self.diagram.file, message.label
        if sender is not None:
            send = act(Action("!", sender, label, receiver, line, file, lost=message.lost, way=way))
        if receiver is not None and not message.lost:
            receive = act(Action("?", receiver, label, sender, line, file, way=way))
        return send, receive

    def _operands(self, fragment: Fragment) -> list[Term]:
        return [self.body(operand.body) for operand in fragment.operands]

    def _fragment(self, fragment: Fragment) -> Term:
        match fragment.kind:
            case "alt" if len(fragment.operands) > 1:
                return alt(*self._operands(fragment))
            case "alt" | "opt":
                return opt(alt(*self._operands(fragment)))
            case "par" if len(fragment.operands) > 1:
                return par(*self._operands(fragment))
            case "par":
                return self._entries(fragment.operands[0].body)
            case "strict" if len(fragment.operands) > 1:
                return strict(*self._operands(fragment))
            case "strict":
                return strict(*[self.body([entry]) for entry in fragment.operands[0].body])
            case "critical":
                return critical(seq(*self._operands(fragment)))
            case "loop":
                return self._loop(fragment)
            case kind if kind == "seq" or kind in TRANSPARENT:
                return seq(*self._operands(fragment))
        return self._refused(fragment)

    def _entries(self, statements: Sequence[Statement]) -> Term:
        """Statements without any order between them."""
        entries = [statement for statement in statements if not isinstance(statement, Presentation)]
        for above, below in pairwise(entries):
            if isinstance(above, Message) and isinstance(below, Message) and above.receiver == below.sender is not None:
                self._complain(
                    below.line,
                    below.sender,
                    "chain",
                    f"{below.sender} receives on line {above.line} and sends here, but these are concurrent as drawn; "
                    "separate what is concurrent by `thread`, or leave the frame out, if one comes after the other",
                    warning=True,
                )
        return par(*[self.body([entry]) for entry in entries])

    def _loop(self, fragment: Fragment) -> Term:
        """With a `break` in it: whole rounds only, or whole rounds and at last one that is broken off."""
        low, high = self._bounds(fragment)
        statements = list(_opened(s for operand in fragment.operands for s in operand.body))
        breaks = [(index, statement) for index, statement in enumerate(statements) if _is_break(statement)]
        whole = self.body(s for s in statements if not _is_break(s))
        if not breaks:
            return loop(whole, low, high)
        broken = [
            seq(self.body(s for s in statements[:index] if not _is_break(s)), operand)
            for index, statement in breaks
            for operand in self._operands(statement)
        ]
        before = loop(whole, 0, None if high is None else max(high - 1, 0))
        return alt(loop(whole, low, high), *([] if high == 0 else [seq(before, alt(*broken))]))

    def _bounds(self, fragment: Fragment) -> tuple[int, int | None]:
        found = _TIMES.match(fragment.guard.strip())
        if found is None:
            if _NEARLY_TIMES.fullmatch(fragment.guard.strip().lower()):
                text = f"`loop {fragment.guard.strip()}` is read as any number of times: write `loop 3`, or `loop 2,3`"
                self._complain(fragment.line, None, "loop", text, warning=True)
            return 0, None
        low = int(found[1] or found[3])
        above = found[2] or found[4] or str(low)
        high = None if above == "*" else int(above)
        if high is None or low <= high:
            return low, high
        self._complain(fragment.line, None, "loop", f"at least {low} and at most {high} times; read as any number")
        return 0, None

    def _reference(self, reference: Reference) -> Term:
        resolved = self.library.resolve(reference)
        over = covered(self.diagram, reference)
        if resolved.kind == "missing":
            self.missing[reference.line, resolved.target] = None
            self._complain(
                reference.line,
                None,
                "missing-reference",
                f"no diagram has the frame {resolved.target!r}, and no title begins with a use case of that name",
                warning=True,
            )
        if resolved.kind == "frame" and len(resolved.diagrams) > 1:
            files = ", ".join(diagram.file for diagram in resolved.diagrams)
            message = f"the frame {resolved.target!r} is drawn more than once: {files}; read as any of them"
            self._complain(reference.line, None, "ambiguous-reference", message, warning=True)
        if not self.library.expands(resolved):
            line, file = reference.line, self.diagram.file
            return par(*[act(Action("ref", name, resolved.target, None, line, file)) for name in over])
        definition = _definition(self.library, reference)
        for name in sorted(definition.lifelines.difference(over)):
            message = f"{name} takes part in {resolved.target!r}, but the `ref` is not drawn over it"
            self._complain(reference.line, name, "uncovered", message, warning=True)
        return refer(definition)

    def _overtaken(self, statements: Sequence[Statement]) -> Iterator[Statement | _Overtaken]:
        """A delay draws the receive lower. Only a `space` upwards then lets the next arrows overtake it."""
        place = 0
        while place < len(statements):
            message = statements[place]
            place += 1
            space = statements[place] if place < len(statements) else None
            if not (isinstance(message, Message) and message.delay and space and _goes_up(space)):
                yield message
                continue
            rows = int(min(message.delay, -float(space.text)))
            next_ones = statements[place + 1 : place + 1 + rows]
            by = tuple(takewhile(lambda each: isinstance(each, Message), next_ones))
            if by and not message.both_ways:
                place += 1 + len(by)
                if any(each.delay for each in by if isinstance(each, Message)):
                    text = "an arrow with a delay overtakes this one: that is not understood; read without its delay"
                    self._complain(message.line, None, "overtaking", text)
                yield _Overtaken(message, by)
                continue
            yield message
            text = "`space` upwards after a delay lets what comes next overtake this arrow; read as if it did not"
            self._complain(message.line, None, "overtaking", text, warning=True)

    def _refused(self, fragment: Fragment) -> Term:
        why = REFUSED.get(fragment.kind, "is not a fragment with a meaning that is known here")
        self._complain(fragment.line, None, "refused", f"`{fragment.kind}` {why}")
        inside = [s for operand in fragment.operands for s in walk(operand.body)]
        concerned = {end for s in inside if isinstance(s, Message) for end in s.actors() if end is not None}
        return refused(f"`{fragment.kind}` {why}", fragment.line, self.diagram.file, frozenset(concerned))

    def _complain(self, line: int, lifeline: str | None, kind: Kind, message: str, *, warning: bool = False) -> None:
        self.problems.append(Problem(line, lifeline, kind, message, self.diagram.file, warning))


def _definition(library: Library, reference: Reference) -> Definition:
    resolved = library.resolve(reference)
    return library.define(
        resolved, lambda: alt(*[_Compiling(diagram, library).body(diagram.body) for diagram in resolved.diagrams])
    )


def _opened(statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements, with those of frames that only draw in their place."""
    for statement in statements:
        if isinstance(statement, Fragment) and statement.kind in TRANSPARENT:
            for operand in statement.operands:
                yield from _opened(operand.body)
        else:
            yield statement


def _is_break(statement: Statement | _Overtaken) -> TypeGuard[Fragment]:
    return isinstance(statement, Fragment) and statement.kind == "break"


def _goes_up(statement: Statement) -> TypeGuard[Presentation]:
    return isinstance(statement, Presentation) and statement.keyword == "space" and statement.text.startswith("-")
