"""Which steps of charts can come to a line at all: by the names that functions mention.

The table of a chart's steps (`machines.steps`) says which of its methods a step calls: guards and changes of the
transitions of its event, or the method that composes what is due. From there a line is reached by functions that name
each other. So the names are gathered, backwards from the line, by which it can be reached; a step that calls none of
that name cannot come to it. That errs on one side only: all functions of one name count as one, whatever they are a
method of; whatever mentions a name, be it as a text, counts as calling it; and where a name stands outside of
functions, or is one that Python calls by itself (`__eq__`), every step may come to the line. So do all steps of charts
that are not compiled, of those whose source cannot be read, and of those that make up names as they go (`MADE_UP`).

That functions are called by their names is what `lint` takes for granted as well: a question that is reached otherwise
would not be known. Of `machines` that is known. `Reach` is looked at beside the long way in
`tests/spec/exploration/any_number/test_reach.py`.
"""

import ast
import sys
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any

import machines
from machines import participant, steps
from machines.participant import Participant, actions, all_states, arrows_of, guards_of, label_of, lineage
from machines.steps import compiled

Line = tuple[str, int]
Names = frozenset[str]
OF_TRANSITIONS = frozenset({"cond", "unless", "on"})
"""The arguments that name methods of a chart which the table of its steps knows."""

MADE_UP = frozenset({"getattr", "eval", "exec", "globals", "locals", "vars", "methodcaller", "attrgetter"})
"""By which functions are called whose names need not stand anywhere, unless these are given texts."""


@dataclass(frozen=True)
class Function:
    """A function, by its source."""

    name: str
    lines: range
    mentions: Names
    """All names, attributes and texts in it, in its decorators and its defaults."""


@dataclass(frozen=True)
class Source:
    """A file."""

    functions: tuple[Function, ...]
    mentions: Names
    """What is mentioned outside of functions."""
    makes_up: bool = False
    """Whether a name may be called that nobody mentions."""


class Unreadable(Exception):  # noqa: N818 - what was found
    """A source cannot be read, so nobody can say what comes to its lines."""


class Reach:
    """The functions by which charts of some classes, and the modules that these import, can come to lines."""

    def __init__(self, charts: Iterable[type[Participant]]) -> None:
        charts = tuple(charts)
        self._always = False
        """Whether something cannot be read, so that each step may come anywhere."""
        self._sources: dict[str, Source] = {}
        self._aliases: dict[str, set[str]] = {}
        """Under which other names functions are called, by their own."""
        for module in _modules(charts):
            self._take(module)
        for chart in charts:
            for kind in chart.__mro__:
                self._take_names(vars(kind))
        self._begins = {each.name for module in (participant, steps) for each in self._of(module.__file__).functions}
        self._called: dict[Hashable, Names | None] = {}

    def _take(self, module: ModuleType) -> None:
        file = getattr(module, "__file__", None) or ""
        try:
            source = self._sources[file] = _source(file)
        except Unreadable:
            self._always = True
        else:
            is_ours = module.__name__.partition(".")[0] == machines.__name__
            self._always |= source.makes_up and not is_ours
        self._take_names(vars(module))

    def _take_names(self, named: Any) -> None:
        for name, value in [*named.items()]:
            function = value.fget if isinstance(value, property) else value
            if isinstance(function, FunctionType) and function.__name__ != name:
                self._aliases.setdefault(function.__name__, set()).add(name)

    def _of(self, file: str | None) -> Source:
        return self._sources.get(file or "", Source((), frozenset()))

    def names(self, lines: Iterable[Line]) -> Names | None:
        """The names of the functions that may come to one of these lines; None: whatever is called may."""
        found: set[str] = set()
        for file, line in lines:
            holders = [each.name for each in self._of(file).functions if line in each.lines]
            if self._always or not holders:
                return None
            found.update(holders)
        every = [each for source in self._sources.values() for each in source.functions]
        while True:
            more = {each.name for each in every if not each.mentions.isdisjoint(found)}
            more = more.union(*(self._aliases.get(name, ()) for name in found | more))
            if more <= found:
                break
            found |= more
        by_itself = any(name.startswith("__") for name in found) or not found.isdisjoint(self._begins)
        outside = any(not source.mentions.isdisjoint(found) for source in self._sources.values())
        return None if by_itself or outside else frozenset(found)

    def can_come(self, names: Names | None, chart: type[Participant], where: tuple[str, ...], label: str) -> bool:
        """Whether a chart in these atomic states may call a function of one of these names by an action.

        The action is `?message`, `!message`, or empty: it is asked what is due.
        """
        key = (chart, where, label)
        if key not in self._called:
            self._called[key] = called(chart, where, label)
        known = self._called[key]
        return names is None or known is None or not names.isdisjoint(known)


def called(chart: type[Participant], where: tuple[str, ...], label: str) -> Names | None:
    """The methods of a chart that an action calls in these atomic states; None: they are not known beforehand."""
    table = compiled(chart)
    if table is None or not table.knows(where):
        return None
    found = set(_overridden(chart))
    if not label:
        return frozenset(found | {event.replace("send_", "compose_", 1) for event in table.composed(where)})
    for state in (each for each in all_states(chart) if each.id in where):
        for transition in (one for holder in lineage(state) for one in arrows_of(holder) if label_of(one) == label):
            found |= {name for name, _ in guards_of(transition)}
            found |= {str(spec.attr_name) for spec in transition.on if not spec.is_convention}
    return frozenset(found) if label in actions(chart) else frozenset(_overridden(chart))


def _overridden(chart: type[Participant]) -> Iterator[str]:
    """The methods of all charts that this one has in another way: whatever it does may call them."""
    for kind in chart.__mro__[: chart.__mro__.index(Participant)]:
        for name, member in vars(kind).items():
            if isinstance(member, FunctionType | property | classmethod | staticmethod) and hasattr(Participant, name):
                yield name


def _modules(charts: Iterable[type[Participant]]) -> list[ModuleType]:
    """The modules of charts, and those that they import, as far as these are of the same packages."""
    of_charts = [sys.modules.get(kind.__module__) for chart in charts for kind in chart.__mro__]
    todo = [module for module in of_charts if module is not None and _is_followed(module)]
    packages = {module.__name__.partition(".")[0] for module in todo}
    found: dict[str, ModuleType] = {}
    while todo:
        module = todo.pop()
        if module.__name__ in found or module.__name__.partition(".")[0] not in packages:
            continue
        found[module.__name__] = module
        for value in [*vars(module).values()]:
            name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            imported = sys.modules.get(name) if isinstance(name, str) else None
            if imported is not None:
                todo.append(imported)
    return [*found.values()]


def _is_followed(module: ModuleType) -> bool:
    """Whether it is more than what all charts are made of."""
    return module.__name__.partition(".")[0] not in {"builtins", "statemachine", "typing", "abc"}


@lru_cache(maxsize=1024)  # of each file that charts are made of
def _source(file: str) -> Source:
    try:
        with open(file, encoding="utf-8") as opened:  # noqa: PTH123 - the file of a module
            tree = ast.parse(opened.read())
    except (OSError, SyntaxError, ValueError) as why:
        raise Unreadable(file) from why
    reader = _Reader()
    reader.visit(tree)
    made_up = any(isinstance(node, ast.Call) and _makes_up(node) for node in ast.walk(tree))
    return Source(tuple(reader.functions), frozenset(reader.outside), made_up)


class _Reader(ast.NodeVisitor):
    """Gathers the functions of a file."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.outside: set[str] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        mentions = frozenset(_mentioned_in(node))
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        self.functions.append(Function(node.name, range(first, (node.end_lineno or node.lineno) + 1), mentions))
        for each in node.body:
            _Inner(self).visit(each)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name that `ast` wants

    def visit_Assign(self, node: ast.Assign) -> None:
        names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        if len(names) < len(node.targets):
            self.generic_visit(node)
        for name in names:
            if name != "__all__":
                self._assigned(name, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None and isinstance(node.target, ast.Name):
            self._assigned(node.target.id, node.value)
        elif node.value is not None:
            self.visit(node.value)

    def _assigned(self, name: str, value: ast.expr) -> None:
        """Whoever mentions the name may call what stands there."""
        self.functions.append(Function(name, range(0), frozenset(_mentioned_in(value))))

    def visit_Expr(self, node: ast.Expr) -> None:
        self.outside.update(_mentioned_in(node))

    def generic_visit(self, node: ast.AST) -> None:
        self.outside.update(_mentioned(node))
        super().generic_visit(node)


class _Inner(ast.NodeVisitor):
    """Gathers the functions inside a function."""

    def __init__(self, outer: _Reader) -> None:
        self.outer = outer

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.outer.visit_FunctionDef(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815


def _mentioned_in(node: ast.AST) -> Iterator[str]:
    """What is mentioned anywhere in a node, without what is a type only, and what the table of steps knows."""
    yield from _mentioned(node)
    for name, value in ast.iter_fields(node):
        of_transition = isinstance(node, ast.keyword) and node.arg in OF_TRANSITIONS and _are_texts(node.value)
        if name not in {"annotation", "returns"} and not of_transition:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.AST):
                    yield from _mentioned_in(each)


def _mentioned(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _makes_up(call: ast.Call) -> bool:
    """Whether a call may come to what is mentioned nowhere: with names that are no texts."""
    name = next(_mentioned(call.func), "")
    names = call.args[1:2] if name == "getattr" else call.args
    return name in MADE_UP and not (names and all(map(_are_texts, names)))


def _are_texts(node: ast.expr) -> bool:
    """Whether that is a text, or a list of texts: names of methods."""
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    return all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in parts)
