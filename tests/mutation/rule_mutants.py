"""The Distribution View's rules with one fault each, and the chart that goes by them.

A mutant is a copy of `machines.rules` in which one expression is another one; the chart of the view is copied to use
it, so that ours, and whoever judges by them, know nothing of the fault.
"""

import ast
import copy
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

from machines import DistributionView, Participant, rules
from tests.mutation.mutants import source_of

FLIPPED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SHORTENED = {"_joined", "_without", "_only"}
"""Functions of two mappings, or of a mapping and keys: a fault takes the first, or takes them in the other order."""


@dataclass(frozen=True)
class RuleMutant:
    """A fault in one rule; `place` counts the expressions that can be changed."""

    name: str
    function: str
    place: int

    def namespace(self) -> Mapping[str, Any]:
        """The names of `machines.rules`, with the fault."""
        return vars(_faulty(self.function, self.place))

    def make(self) -> type[Participant]:
        """The chart of a view that goes by the faulty rules."""
        names: dict[str, Any] = dict(vars(sys.modules[DistributionView.__module__]))
        names["of_view"] = _faulty(self.function, self.place)
        exec(source_of(DistributionView), names)
        chart: type[Participant] = names["DistributionView"]
        return chart


def rule_mutants() -> Iterator[RuleMutant]:
    """All of them, in the order of the source."""
    for function in _functions(ast.parse(inspect.getsource(rules))):
        for place, (_, told) in enumerate(_changes(function)):
            yield RuleMutant(f"{function.name}: {told}", function.name, place)


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node


def _changes(function: ast.FunctionDef) -> list[tuple[ast.FunctionDef, str]]:
    """Each faulty copy of a function, and what is wrong with it."""
    found: list[tuple[ast.FunctionDef, str]] = []
    for number, node in enumerate(ast.walk(function)):
        for change in ("flip", "drop", "first", "swap", "true", "false"):
            changed = copy.deepcopy(function)
            there = list(ast.walk(changed))[number]
            told = _change(there, change)
            if told:
                found.append((ast.fix_missing_locations(changed), f"{told} in {ast.unparse(node)[:60]!r}"))
    return found


def _change(node: ast.AST, change: str) -> str:
    """Make one change in a node; says what it is, or nothing if it does not apply."""
    if isinstance(node, ast.Compare) and change == "flip" and type(node.ops[0]) in FLIPPED:
        node.ops[0] = FLIPPED[type(node.ops[0])]()
        return "the comparison is negated"
    if isinstance(node, ast.If | ast.IfExp) and change in {"true", "false"}:
        node.test = ast.Constant(change == "true")
        return f"the condition is always {change}"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        if name in SHORTENED and change == "first":
            first = node.args[0]
            node.func, node.args, node.keywords = ast.Name("immutabledict", ast.Load()), [first], []
            return f"{name} gives its first"
        if name == "_joined" and change == "swap":
            node.args.reverse()
            return "the first wins"
        if change == "drop" and node.keywords and name not in {"sorted", "JoinPossible", "RegistrationApplied"}:
            gone = node.keywords.pop(0)
            node.keywords.reverse()
            return f"{gone.arg} is left out"
    return ""


def _faulty(function: str, place: int) -> SimpleNamespace:
    """The rules, with one of them changed. What they are made of is ours, so that views are views."""
    module = ModuleType(rules.__name__)
    own = {node.name for node in _functions(ast.parse(inspect.getsource(rules)))}
    vars(module).update({name: value for name, value in vars(rules).items() if name not in own})
    tree = ast.parse(inspect.getsource(rules))
    (found,) = [node for node in _functions(tree) if node.name == function]
    faulty, _ = _changes(found)[place]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    body: list[ast.stmt] = [faulty if node.name == function else node for node in functions]
    exec(compile(ast.Module(body, []), rules.__name__, "exec"), vars(module))
    return SimpleNamespace(**vars(module))
