"""The diagrams that references can refer to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from spec.interaction.terms import Definition, Lifelines, Term
from spec.notation.model import Diagram, Message, Reference

Families = Literal["expand", "opaque", "acyclic"]
_USE_CASE = re.compile(r"use\s*case\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference refers to: the diagram with that frame, all scenarios of that use case, or nothing known."""

    kind: Literal["frame", "family", "missing"]
    target: str
    diagrams: tuple[Diagram, ...] = ()


class Library:
    """Diagrams by frame and by use case.

    Families are *expanded* (a reference to a use case is a free choice among its scenarios, which may refer to it
    again), or left *opaque* (one `ref` action on each lifeline that is covered); *acyclic* expands those that do not
    refer to themselves. What is missing is always opaque.
    """

    def __init__(self, diagrams: Iterable[Diagram] = (), *, families: Families = "expand") -> None:
        self.diagrams = tuple(dict.fromkeys(diagrams))
        self.families = families
        self._definitions: dict[tuple[str, str], Definition] = {}

    def resolve(self, reference: Reference) -> Resolved:
        """A frame of that name, else the scenarios whose titles begin with the name of the use case."""
        target = " ".join(reference.target.split())
        framed = tuple(each for each in self.diagrams if each.frame and " ".join(each.frame.split()) == target)
        if framed:
            return Resolved("frame", target, framed)
        prefix = _USE_CASE.match(target)
        if prefix is None:
            return Resolved("missing", target)
        use_case = target[prefix.end() :]
        courses = tuple(each for each in self.diagrams if each.title and _is_course(each.title, use_case))
        return Resolved("family", target, courses) if courses else Resolved("missing", target)

    def expands(self, resolved: Resolved) -> bool:
        """Whether the meaning of what is referred to takes the place of the reference."""
        if resolved.kind != "family" or self.families == "opaque":
            return resolved.kind == "frame"
        return self.families == "expand" or not self.is_recursive(resolved)

    def is_recursive(self, resolved: Resolved) -> bool:
        """Whether what a use case refers to leads back to itself, or to another use case that does so."""
        leads: dict[str, set[str]] = {}
        todo = [resolved]
        while todo:
            here = todo.pop()
            if here.target in leads:
                continue
            statements = (statement for diagram in here.diagrams for statement in diagram.statements())
            found = [self.resolve(each) for each in statements if isinstance(each, Reference)]
            leads[here.target] = {each.target for each in found if each.kind == "family"}
            leads[here.target] |= {each.target for each in found if each.kind == "frame"}
            todo += found
        try:
            TopologicalSorter(leads).prepare()
        except CycleError:
            return True
        return False

    def reached(self, diagrams: Iterable[Diagram]) -> Iterator[Diagram]:
        """These diagrams, and all that are expanded in them."""
        stack, seen = list(diagrams)[::-1], set()
        while stack:
            diagram = stack.pop()
            if id(diagram) in seen:
                continue
            seen.add(id(diagram))
            yield diagram
            for statement in diagram.statements():
                if isinstance(statement, Reference) and self.expands(resolved := self.resolve(statement)):
                    stack += reversed(resolved.diagrams)

    def define(self, resolved: Resolved, make: Callable[[], Term]) -> Definition:
        """The one definition of what is referred to; `make` makes its term, later."""
        key = (resolved.kind, resolved.target)
        if key not in self._definitions:
            self._definitions[key] = Definition(resolved.target, self._everybody(resolved.diagrams), make)
        return self._definitions[key]

    def _everybody(self, diagrams: Iterable[Diagram]) -> Lifelines:
        names: set[str] = set()
        for diagram in self.reached(diagrams):
            for statement in diagram.statements():
                if isinstance(statement, Message):
                    names |= {end for end in statement.actors() if end is not None}
                elif isinstance(statement, Reference) and not self.expands(self.resolve(statement)):
                    names |= set(covered(diagram, statement))
        return frozenset(names)


def covered(diagram: Diagram, reference: Reference) -> tuple[str, ...]:
    """`ref over A,B`: every lifeline from A to B, in the order of the diagram."""
    names = [lifeline.name for lifeline in diagram.lifelines]
    places = [names.index(name) for name in reference.over if name in names]
    return tuple(names[min(places) : max(places) + 1]) if places else ()


def _is_course(title: str, use_case: str) -> bool:
    prefix = _USE_CASE.match(title)
    name = " ".join(title[prefix.end() if prefix else 0 :].split())
    return name.startswith(use_case) and not name[len(use_case) :][:1].isalnum()
