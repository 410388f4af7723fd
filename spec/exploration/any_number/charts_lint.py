"""What a user's own charts ask of collections of members, and how many hidden members stand for all.

As `lint`, for a `StateChart`, whose callbacks may be methods, functions, lambdas and conditions in texts. Besides what
is asked there, a chart may ask for the ends of a list: the first, the last, all but the first. Of a collection whose
size is compared with K and of which P ends are asked, K + 1 + P hidden members are enough: so many can be chosen of any
others that every question is answered alike.
"""

import ast
import inspect
import textwrap
from collections import deque
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from statemachine import StateChart
from statemachine.spec_parser import replace_operators

from spec.exploration.any_number.lint import EMPTY, FunctionReader, Lint, Question, Reader

ENDS = "ends of a list"
CALLBACKS = frozenset({"cond", "unless", "validators", "on", "before", "after", "enter", "exit", "prepare"})
LOOKED_UP = frozenset({"getattr", "vars", "eval", "exec", "globals", "locals"})
"""Functions behind which nobody sees what is asked."""
CONTAINERS = (list, tuple, set, frozenset, dict, deque)
LISTS = frozenset({"list", "deque", "tuple"})


def lint_of_charts(charts: Iterable[type[Any]], indexed: Mapping[str, frozenset[str]], members: Iterable[str]) -> Lint:
    """What these charts ask of attributes that hold collections of members (by name, with their kinds)."""
    members = tuple(members)
    reader = Reader(frozenset(indexed), frozenset(members))
    found: set[Question] = set()
    for chart in dict.fromkeys(charts):
        for kind in chart.__mro__:
            if kind is StateChart:
                break
            if kind.__module__ not in {"builtins", "typing", "statemachine.statemachine"}:
                found |= _of_class(kind, reader, indexed)
    return Lint(tuple(sorted(found | {*reader.read()})))


def sizes(found: Lint) -> tuple[dict[str, int], int]:
    """Up to which size charts ask how large each collection is, and how many members at ends they ask for besides."""
    caps: dict[str, int] = {}
    ends = 0
    for each in found.questions:
        if each.asks == ENDS:
            ends += each.constant
            caps.setdefault(each.collection, 1)
        elif each.constant or each.asks == EMPTY or each.asks.startswith("whether"):
            of_size = each.constant + 1 if each.constant else 1
            caps[each.collection] = max(caps.get(each.collection, 0), of_size)
    return caps, ends


def _of_class(kind: type[Any], reader: Reader, indexed: Mapping[str, frozenset[str]]) -> set[Question]:
    module = inspect.getmodule(kind)
    try:
        lines, first = inspect.getsourcelines(kind)
    except (OSError, TypeError):
        if kind.__module__ == "spec.exploration.model.outside":
            return set()
        return {Question(kind.__qualname__, 0, "*", "its source cannot be read: what is asked", refused=True)}
    tree = ast.parse(textwrap.dedent("".join(lines)))
    whole = _ClassReader(reader, _Scope(module), inspect.getsourcefile(kind) or "", first, {}, indexed)
    found: set[Question] = set()
    parts = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.Lambda)]
    returned: dict[str, str] = {}
    while True:
        known, found = dict(returned), set()
        for part in parts:
            function = _ClassReader(reader, _Scope(module), whole.file, first, {}, indexed, returned)
            function.called = getattr(part, "name", "")
            function.follow(part)
            found |= {*function.found}
        if returned == known:
            break
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
        for keyword in call.keywords:
            if keyword.arg in CALLBACKS:
                whole.condition(keyword.value)
    return found | {*whole.found}


class _Scope:
    """Where the names of a class are looked up, in place of a function of it."""

    def __init__(self, module: ModuleType | None) -> None:
        self.__globals__ = vars(module) if module else {}


class _ClassReader(FunctionReader, ast.NodeVisitor):
    """A method or a lambda of a chart."""

    def __init__(
        self, reader: Reader, function: Any, file: str, first: int, names: dict[str, str],
        indexed: Mapping[str, frozenset[str]], returned: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(reader, function, file, first, names)
        self.kinds = indexed
        self.called = ""
        self.returned = {} if returned is None else returned
        """Methods and properties that hand out a collection, and which."""

    def condition(self, node: ast.expr) -> None:
        """Note what a condition asks that stands in a text."""
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                try:
                    said = ast.parse(replace_operators(each.value), mode="eval").body
                except SyntaxError:
                    self.note(each, "*", "a condition that cannot be read: what is asked", refused=True)
                    continue
                for name in (part.id for part in ast.walk(said) if isinstance(part, ast.Name)):
                    if name in self.kinds:
                        self.note(each, name, EMPTY, refused=not each.value.isidentifier())

    def is_list(self, of: str) -> bool:
        """Whether a collection is in an order that its author gave it."""
        return self.kinds.get(of, frozenset({"list"})) <= LISTS

    def collection(self, node: ast.AST | None) -> str:
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            return self.collection(node.value)
        if isinstance(node, ast.NamedExpr):
            return self.collection(node.value)
        if isinstance(node, ast.Attribute) and node.attr in self.returned:
            return self.returned[node.attr]
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in self.returned:
                return self.returned[node.func.attr]
            if self._resolved(node.func) in CONTAINERS:
                return next(filter(None, map(self.collection, node.args)), "")
        return super().collection(node)

    def visit_Return(self, node: ast.Return) -> None:
        if self.called and (of := self.collection(node.value)):
            self.returned.setdefault(self.called, of)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._assigned(node.target, node.value)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        of = self.collection(node.value)
        ends = _ends(node.slice)
        if of and ends is not None and self.is_list(of) and isinstance(node.value, ast.Attribute | ast.Name):
            self.note(node, of, ENDS, ends)
            self.generic_visit(node)
        elif of and self.kinds.get(of, frozenset()) & (LISTS | {"object"}):
            self.note(node, of, f"the element at [{ast.unparse(node.slice)}]", refused=True)
            self.generic_visit(node)
        else:
            super().visit_Subscript(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in LOOKED_UP:
            self.note(node, "*", f"{node.func.id}(): what is asked", refused=True)
        held = self._resolved(node.func)
        if isinstance(held, type) and held not in CONTAINERS and (of := self._of_arguments(node)):
            self.note(node, of, f"{held.__name__}()", refused=True)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        of = self.collection(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if of and isinstance(node.func, ast.Attribute):
            kinds = self.kinds.get(of, frozenset())
            if method in {"pop", "popleft"} and self.is_list(of):
                ends = 1 if not node.args else _ends(node.args[0])
                self.note(node, of, ENDS if ends else f"{ast.unparse(node)}", ends or 0, refused=not ends)
                return
            if method == "pop" and kinds and kinds <= {"dict", "defaultdict", "OrderedDict"} and node.args:
                self.generic_visit(node)
                return
            begins = method == "insert" and bool(node.args) and _ends(node.args[0]) == 1
            if method == "clear" or (self.is_list(of) and (begins or method in {"extend", "appendleft"})):
                self.generic_visit(node)
                return
        super().visit_Call(node)

    def _of_arguments(self, node: ast.Call) -> str:
        arguments = (*node.args, *(each.value for each in node.keywords))
        return next(filter(None, map(self.collection, arguments)), "")

    def visit_Name(self, node: ast.Name) -> None:
        super().visit_Name(node)
        held = self.function.__globals__.get(node.id)
        named = _named(held, self.reader.servers)
        if named:
            self.note(node, named, f"{node.id}, which names a member: who is treated otherwise, instead", refused=True)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and node.value in self.reader.servers:
            self.note(node, node.value, "the name of a member: who is treated otherwise, instead", refused=True)

    def visit_For(self, node: ast.For) -> None:
        if of := self.collection(node.iter):
            self.note(node, of, "a loop, which can count: write a comprehension instead", refused=True)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        for each in ast.walk(node.test):
            if of := self.collection(each):
                self.note(node, of, "a loop until it is empty", refused=True)
                break
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        super().visit_Compare(node)
        sides = [node.left, *node.comparators]
        of = next(filter(None, map(self.collection, sides)), "")
        if of and not all(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
            written = [len(each.elts) for each in sides if isinstance(each, ast.Tuple | ast.List | ast.Set)]
            self.note(node, of, "is it equal, or a part,", max([1, *written]))


def _ends(node: ast.expr) -> int | None:
    """How many elements from the ends of a list a place or a slice speaks of; None for another."""
    if isinstance(node, ast.Slice):
        if node.step is not None:
            return None
        found = [_number(each) for each in (node.lower, node.upper) if each is not None]
        return None if None in found else sum(abs(each) for each in found if each is not None)
    place = _number(node)
    return None if place is None else place + 1 if place >= 0 else -place


def _number(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    is_number = isinstance(node, ast.Constant) and type(node.value) is int
    return node.value if is_number else None  # type: ignore[attr-defined]


def _named(held: Any, members: Iterable[str]) -> str:
    """A member that plain data names."""
    if isinstance(held, str):
        return held if held in {*members} else ""
    if isinstance(held, Mapping):
        return next(filter(None, (_named(each, members) for pair in held.items() for each in pair)), "")
    if isinstance(held, list | tuple | set | frozenset):
        return next(filter(None, (_named(each, members) for each in held)), "")
    return ""
