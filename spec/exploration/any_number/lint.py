"""What charts ask of collections that are indexed by servers, by their source: the assumption about numbers, watched.

That a few hidden servers stand for any number of them is data independence (Wolper, "Expressing interesting properties
of programs in propositional temporal logic", 1986), and holds where a chart asks of such a collection only

- whether a name is in it, and what is kept under a name,
- for its elements one by one (a comprehension, a union, a difference, `any`, `all`, an order of names),
- whether it is empty, or how its size compares with a small constant.

`lint` reads the charts and the functions that they call, follows these collections through assignments and calls, and
lists each question with its file and line. What else is asked is refused: the size itself, the first, the least, a sum.
"""

import ast
import inspect
import textwrap
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from machines.participant import Participant
from machines.persistent_map import common, joined, union, without

POINTWISE = frozenset(
    {
        "any",
        "all",
        "sorted",
        "set",
        "frozenset",
        "tuple",
        "list",
        "dict",
        "immutabledict",
        "isinstance",
        "print",
        "repr",
    }
    | {"str", "type", "replace", "asdict", "cast"}
)
"""Functions that treat all elements alike, whatever their number."""
METHODS = frozenset(
    {"get", "keys", "values", "items", "union", "difference", "intersection", "isdisjoint", "issubset", "issuperset"}
    | {"copy", "add", "discard", "remove", "update", "setdefault", "append", "set", "delete"}
)
MAPPINGS: frozenset[Any] = frozenset({joined, without, union, common})
"""Ours that do; how they keep the elements depends on their number, what they keep does not."""
SIZES = frozenset({"len"})
EMPTY = "is it empty"


@dataclass(frozen=True, order=True)
class Question:
    """Something that a chart asks of a collection indexed by servers."""

    file: str
    line: int
    collection: str
    asks: str
    """`is it empty`, `size against N`, `order of names`, or what is refused."""
    constant: int = 0
    refused: bool = False
    statement: int = 0
    """The line that the statement begins with that asks."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.asks} of {self.collection!r}"


@dataclass
class Lint:
    """All questions that some charts ask."""

    questions: tuple[Question, ...]

    def met(self, lines: Container[tuple[str, int]]) -> "Lint":
        """Those that are asked in one of these lines, or whose source could not be read."""
        return Lint(
            tuple(
                each
                for each in self.questions
                if not each.line or (each.file, each.line) in lines or (each.file, each.statement) in lines
            )
        )

    @property
    def refused(self) -> tuple[Question, ...]:
        """The questions that depend on more than a few others."""
        return tuple(each for each in self.questions if each.refused)

    @property
    def counted(self) -> frozenset[str]:
        """The collections whose emptiness or size is asked for."""
        return frozenset(each.collection for each in self.questions if each.constant or each.asks == EMPTY)

    @property
    def largest(self) -> int:
        """The largest constant that a size is compared with."""
        return max((each.constant for each in self.questions), default=0)


def lint(charts: Iterable[type[Participant]], indexed: frozenset[str], servers: Iterable[str] = ()) -> Lint:
    """What these charts ask of the collections of these attribute names, and where they name one of the servers."""
    reader = Reader(indexed, frozenset(servers))
    for chart in charts:
        for kind in chart.__mro__:
            if kind is Participant:
                break
            for member in vars(kind).values():
                function = member.fget if isinstance(member, property) else member
                if isinstance(function, FunctionType):
                    reader.ask(function, frozenset())
    return Lint(tuple(sorted(set(reader.read()))))


@dataclass
class Reader:
    """The functions that are to be read, with the parameters that hold collections indexed by servers."""

    indexed: frozenset[str]
    servers: frozenset[str] = frozenset()
    _todo: list[tuple[Any, frozenset[str]]] = field(default_factory=list)
    _done: set[tuple[Any, frozenset[str]]] = field(default_factory=set)

    def ask(self, function: Any, tainted: frozenset[str]) -> None:
        if (function, tainted) not in self._done:
            self._done.add((function, tainted))
            self._todo.append((function, tainted))

    def read(self) -> Iterator[Question]:
        while self._todo:
            function, tainted = self._todo.pop()
            try:
                lines, first = inspect.getsourcelines(function)
            except (OSError, TypeError):
                name = getattr(function, "__qualname__", repr(function))
                yield Question(name, 0, "*", "its source cannot be read: what is asked", refused=True)
                continue
            if function.__name__ == "<lambda>":
                continue
            tree = ast.parse(textwrap.dedent("".join(lines)))
            file = inspect.getsourcefile(function) or ""
            visitor = FunctionReader(self, function, file, first, dict.fromkeys(tainted, "parameter"))
            visitor.follow(tree)
            yield from visitor.found


class FunctionReader(ast.NodeVisitor):
    """One function: which of its names hold such collections, and what it asks of them."""

    def __init__(self, reader: Reader, function: Any, file: str, first: int, names: dict[str, str]) -> None:
        self.reader, self.function, self.file, self.first, self.names = reader, function, file, first, names
        self.found: list[Question] = []
        self.statement = 1
        self.local: set[str] = set()
        """Names that the function gives to something; a function may be called so elsewhere."""

    def follow(self, tree: ast.AST) -> None:
        """Visit until no more names are known to hold such collections."""
        self.local = {
            each.arg if isinstance(each, ast.arg) else each.id
            for each in ast.walk(tree)
            if isinstance(each, ast.arg) or (isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
        }
        while True:
            known = dict(self.names)
            self.found = []
            self.visit(tree)
            if self.names == known:
                return

    def collection(self, node: ast.AST | None) -> str:
        """The collection that an expression is (made of); empty if it is none."""
        if isinstance(node, ast.Attribute):
            return node.attr if node.attr in self.reader.indexed else ""
        if isinstance(node, ast.Name):
            return self.names.get(node.id, "")
        if isinstance(node, ast.BinOp):
            return self.collection(node.left) or self.collection(node.right)
        if isinstance(node, ast.BoolOp):
            return next(filter(None, map(self.collection, node.values)), "")
        if isinstance(node, ast.IfExp):
            return self.collection(node.body) or self.collection(node.orelse)
        if isinstance(node, ast.Starred):
            return self.collection(node.value)
        if isinstance(node, ast.Dict):
            parts = [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
            return next(filter(None, map(self.collection, parts)), "")
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            parts = [each for each in node.elts if isinstance(each, ast.Starred)]
            return next(filter(None, map(self.collection, parts)), "")
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            return next(filter(None, (self.collection(each.iter) for each in node.generators)), "")
        if isinstance(node, ast.Call):
            return self._of_call(node)
        return ""

    def _of_call(self, node: ast.Call) -> str:
        if isinstance(node.func, ast.Attribute) and self.collection(node.func.value):
            of_all = {"keys", "values", "items", "union", "difference", "intersection", "copy", "set", "delete"}
            return self.collection(node.func.value) if node.func.attr in of_all else ""
        if isinstance(node.func, ast.Name) and node.func.id in POINTWISE - {"any", "all", "isinstance", "replace"}:
            return next(filter(None, map(self.collection, node.args)), "")
        if self._resolved(node.func) in MAPPINGS:
            return next(filter(None, map(self.collection, node.args)), "")
        return ""

    def note(
        self, node: ast.expr | ast.stmt, collection: str, asks: str, constant: int = 0, *, refused: bool = False
    ) -> None:
        """Note a question."""
        line = self.first + node.lineno - 1
        statement = self.first + self.statement - 1
        self.found.append(Question(self.file, line, collection, asks, constant, refused, statement))

    def visit(self, node: ast.AST) -> None:
        """Visit, and remember in which statement that is."""
        before = self.statement
        if isinstance(node, ast.stmt):
            self.statement = node.lineno
        super().visit(node)
        self.statement = before

    # What names hold.

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assigned(node.target, node.value)
        self.generic_visit(node)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                self._assigned(one, other)
        elif isinstance(target, ast.Name) and (held := self.collection(value)):
            self.names[target.id] = held

    # What is asked.

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if isinstance(node.func, ast.Attribute) and method not in METHODS and (of := self.collection(node.func.value)):
            self.note(node, of, f"{method}()", refused=True)
        arguments = [*node.args, *(each.value for each in node.keywords)]
        held = [self.collection(each) for each in arguments]
        if not any(held):
            return
        of = next(filter(None, held))
        if name == "bool":
            self.note(node, of, EMPTY)
        elif name == "sorted":
            self.note(node, of, "order of names")
        elif name in {"any", "all"}:
            self.note(node, of, f"whether {name}")
        elif name in SIZES:
            if not getattr(node, "is_compared", False):
                self.note(node, of, "the size", refused=True)
        elif name not in POINTWISE:
            self._passed_on(node, held, of)

    def _passed_on(self, node: ast.Call, held: list[str], of: str) -> None:
        called = self._resolved(node.func)
        if isinstance(called, type) or called in MAPPINGS:
            return  # data that keeps it
        if not isinstance(called, FunctionType):
            if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                return
            self.note(node, of, f"{ast.unparse(node.func)}()", refused=True)
            return
        parameters = list(inspect.signature(called).parameters)
        taken = {parameters[at] for at, each in enumerate(held[: len(node.args)]) if each and at < len(parameters)}
        taken |= {each.arg for each in node.keywords if each.arg and self.collection(each.value)}
        self.reader.ask(called, frozenset(taken))

    def _resolved(self, node: ast.expr) -> Any:
        scope = self.function.__globals__
        if isinstance(node, ast.Name):
            return scope.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = scope.get(node.value.id)
            return getattr(holder, node.attr, None) if isinstance(holder, ModuleType | type) else None
        return None

    def visit_Name(self, node: ast.Name) -> None:
        called = None if node.id in self.local else self.function.__globals__.get(node.id)
        if isinstance(called, FunctionType) and called.__module__.partition(".")[0] not in {"dataclasses", "functools"}:
            self.reader.ask(called, frozenset())

    def visit_Attribute(self, node: ast.Attribute) -> None:
        called = self._resolved(node)
        if isinstance(called, FunctionType):
            self.reader.ask(called, frozenset())
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        sizes = [each for each in sides if isinstance(each, ast.Call) and isinstance(each.func, ast.Name)
                 and each.func.id in SIZES and self.collection(each.args[0])]  # fmt: skip
        for each in sizes:
            others = [other for other in sides if other is not each]
            values = [self._constant(other) for other in others]
            each.is_compared = True  # type: ignore[attr-defined]
            of = self.collection(each.args[0])
            if None in values:
                self.note(each, of, f"the size against {ast.unparse(others[0])}", refused=True)
            else:
                most = max(value for value in values if value is not None)
                self.note(each, of, f"size against {most}", max(most, 1))
        if not sizes:
            compared = [self.collection(each) for each in sides]
            if compared[0] and not all(isinstance(op, ast.In | ast.NotIn) for op in node.ops):
                self.note(node, compared[0], "is it equal, or a part,")
        self.generic_visit(node)

    def _constant(self, node: ast.expr) -> int | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        value = self.function.__globals__.get(node.id) if isinstance(node, ast.Name) else None
        return value if isinstance(value, int) else None

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and node.value in self.reader.servers:
            self.note(node, node.value, "the name of a server: who is treated otherwise, instead", refused=True)

    def visit_If(self, node: ast.If) -> None:
        self._truth(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._truth(node.test)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._truth(node.operand)
        self.generic_visit(node)

    def _truth(self, node: ast.expr) -> None:
        if of := self.collection(node):
            self.note(node, of, EMPTY)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        of = self.collection(node.value)
        ordered = isinstance(node.value, ast.Call | ast.ListComp | ast.List | ast.Tuple) or isinstance(
            node.slice, ast.Slice
        )
        is_place = isinstance(node.slice, ast.Constant | ast.UnaryOp)
        if of and (ordered or is_place) and not isinstance(node.ctx, ast.Del):
            self.note(node, of, f"the element at [{ast.unparse(node.slice)}]", refused=True)
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        if of := self.collection(node.iter):
            for part in ast.walk(node):
                counts = isinstance(part, ast.AugAssign) and isinstance(part.value, ast.Constant)
                if isinstance(part, ast.stmt) and (counts or isinstance(part, ast.Break | ast.Return)):
                    self.note(part, of, "a loop that counts, or ends early,", refused=True)
        self.generic_visit(node)
