"""What a process remembers as long as it lives: nothing that grows with what it is given."""

import ast
from collections.abc import Iterator

from tests.support.places import TOP

FEW = {
    "runtime/kit/paths.py:paths": "a role of two",
    "runtime/kit/startup.py:packets": "a role of two, and a startup of three",
}
"""Functions with arguments that may be remembered without a bound, and why these are few."""
TABLES = {
    "spec/interaction/terms.py:_made": "weak: it goes with the term",
    "spec/system/process.py:_STEPS": "weak: it goes with the chart's class",
    "spec/system/foreign.py:_BOOKS": "weak: it goes with the chart's class",
    "spec/notation/words.py:_BY_SLIP": "filled when the module is read, and not after that",
    "spec/exploration/any_number/fixpoint.py:_LINES": "at most `MOST_REMEMBERED`, the oldest goes",
}
"""Mappings, lists and sets of modules that are filled while the program runs, and what bounds them."""
EMPTY = {"dict", "set", "list", "defaultdict", "OrderedDict", "WeakKeyDictionary", "WeakValueDictionary"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in ("machines", "spec", "runtime"):
        for path in sorted((TOP / package).rglob("*.py")):
            yield path.relative_to(TOP).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def unbounded(module: ast.Module) -> Iterator[str]:
    """Functions whose answers are all kept, unless there is but one answer."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            has_keys = ast.unparse(node.args) != ""
            yield from (node.name for each in node.decorator_list if has_keys and keeps_all(each))
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and keeps_all(node.value.func):
            yield ast.unparse(node.targets[0])


def keeps_all(node: ast.expr) -> bool:
    """`cache`, or `lru_cache` with no bound."""
    if isinstance(node, ast.Call):
        given = [*node.args[:1], *(each.value for each in node.keywords if each.arg == "maxsize")]
        is_endless = any(isinstance(each, ast.Constant) and each.value is None for each in given)
        return ast.unparse(node.func).rpartition(".")[2] == "lru_cache" and is_endless
    return ast.unparse(node).rpartition(".")[2] == "cache"


def filled_later(module: ast.Module) -> Iterator[str]:
    """Names of a module that stand for something empty."""
    for node in module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and is_empty(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (ast.unparse(target) for target in targets)


def is_empty(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict | ast.List):
        return not (value.keys if isinstance(value, ast.Dict) else value.elts)
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in EMPTY and not value.args


def test_no_function_remembers_without_a_bound() -> None:
    found = {f"{path}:{name}" for path, module in sources() for name in unbounded(module)}
    assert found == {*FEW}, "bound it, pass the memo along, or let the object hold it that the answers are about"


def test_no_module_is_a_table_without_a_bound() -> None:
    found = {f"{path}:{name}" for path, module in sources() for name in filled_later(module)}
    assert found == {*TABLES}


def test_what_remembers_without_a_bound_is_seen() -> None:
    text = """
@cache
def one(): ...
@functools.cache
def two(key): ...
@lru_cache(maxsize=None)
def three(*, key): ...
@functools.lru_cache(None)
def four(key): ...
@lru_cache(8)
def five(key): ...
@lru_cache
def six(key): ...
A: dict[str, int] = {}
B = defaultdict()
C = {1: 2}
D = dict(C)
seven = functools.cache(six)
"""
    module = ast.parse(text)
    assert [*unbounded(module)] == ["two", "three", "four", "seven"]
    assert [*filled_later(module)] == ["A", "B"]
