"""What a class owes to who reads it: a size that fits into a head, and privacy that its heirs respect."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.support.places import TOP

MOST = 28
"""Methods of a class."""
LARGER = {
    "machines.tracker:Tracker": 37,  # a chart: its guards and changes of data are methods
    "machines.torrent_server:TorrentServer": 38,  # likewise
    "spec.monitor.track:Track": 30,
}


@dataclass(frozen=True)
class Class:
    """A class as it is written."""

    methods: tuple[str, ...]
    bases: tuple[str, ...]
    """As `module:name`, as far as that is known."""


@cache
def classes() -> dict[str, Class]:
    """The classes of all modules, by `module:name`."""
    found: dict[str, Class] = {}
    for package in ("machines", "spec", "runtime"):
        for path in sorted((TOP / package).rglob("*.py")):
            module = ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")
            found.update(classes_of(module, ast.parse(path.read_text(encoding="utf-8"))))
    return found


def classes_of(module: str, tree: ast.Module) -> Iterator[tuple[str, Class]]:
    homes: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            homes |= {each.asname or each.name: f"{node.module}:{each.name}" for each in node.names}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
            names = (homes.get(ast.unparse(base), f"{module}:{ast.unparse(base)}") for base in bases)
            functions = (each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            yield f"{module}:{node.name}", Class(tuple(functions), tuple(names))


def lineage(name: str, known: dict[str, Class]) -> Iterator[str]:
    """A class, and all of ours that it comes from."""
    if name in known:
        yield name
        for base in known[name].bases:
            yield from lineage(base, known)


def overriding(known: dict[str, Class]) -> Iterator[tuple[str, str]]:
    """Classes that override what is private to a class of another module, and that class."""
    for name, each in known.items():
        private = {method for method in each.methods if method.startswith("_") and not method.endswith("__")}
        for base in lineage(name, known):
            if base.partition(":")[0] != name.partition(":")[0] and private & {*known[base].methods}:
                yield name, base


def test_no_class_is_larger_than_a_head() -> None:
    larger = {name: len(each.methods) for name, each in classes().items() if len(each.methods) > MOST}
    assert larger.keys() <= LARGER.keys(), "make several of it, with a name each"
    assert [name for name, count in larger.items() if count > LARGER[name]] == []
    assert larger.keys() == LARGER.keys(), "it fits: take it from the list"


def test_nobody_overrides_what_another_module_keeps() -> None:
    found = [f"{name} overrides what {base} keeps to itself" for name, base in overriding(classes())]
    assert found == [], "make a hook of it, with a docstring and no underscore, or pass in an object that decides"


def test_an_override_is_seen_through_a_class_between() -> None:
    texts = {
        "a": "class Base:\n    def _kept(self): ...\n    def hook(self): ...",
        "b": "from a import Base\nclass Between(Base[int]): ...",
        "c": "from b import Between as Other\nclass Heir(Other):\n    def _kept(self): ...\n    def hook(self): ...",
    }
    known = {name: each for module, text in texts.items() for name, each in classes_of(module, ast.parse(text))}
    assert [*overriding(known)] == [("c:Heir", "a:Base")]
