"""What charts share with all others of their class, and a step must not change: it is no part of anybody's state.

Watched are the data in the bodies of classes, of modules as far as callbacks name them, default values of arguments,
and variables around functions.
"""

import functools
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from statemachine import Event, State
from statemachine.transition_list import TransitionList

from spec.system.data import Opaque, TooLarge, take
from spec.system.data.atoms import atom_of

LARGE = 5_000
"""Objects in a value of a module that is still watched."""
_LIBRARIES = frozenset({"statemachine", "transitions", "immutabledict", "pydantic", *sys.stdlib_module_names})
_CODE = (types.FunctionType, types.ModuleType, type, property, staticmethod, classmethod, State, Event, TransitionList)
REMEDY = "it belongs to no single chart; make it in __init__, as self.{name} = ..."


class _Watched(NamedTuple):
    path: str
    name: str
    get: Callable[[], Any]
    value: Any
    form: Any


class Surroundings:
    """What is around charts: classes, and objects that were found in two charts at once."""

    def __init__(self, own: frozenset[str]) -> None:
        """`own` are names in the bodies of charts that are the library's."""
        self._own = own
        self._watched: list[_Watched] = []
        self._classes: set[type] = set()
        self._functions: set[Any] = set()

    def add_class(self, cls: type, *, strict: bool = False) -> None:
        """Watch what stands in the body of a class, and of those it is made from.

        If it is `strict`, raises `Opaque` for what cannot be compared.
        """
        for base in cls.__mro__:
            if base in self._classes or base.__module__.partition(".")[0] in _LIBRARIES:
                continue
            self._classes.add(base)
            for name, value in list(vars(base).items()):
                function = _function_in(value)
                if function is not None:
                    self._add_function(function, f"{base.__name__}.{name}")
                elif not (
                    name.startswith("__") or name in self._own or name == "_abc_impl" or isinstance(value, _CODE)
                ):
                    self._add(f"{base.__name__}.{name}", name, _Lookup(vars(base), name), strict=strict)

    def add_object(self, path: str, value: Any) -> None:
        """Watch an object that two charts hold."""
        self._add(path, path.rpartition(".")[2], partial(_itself, value), strict=False)

    def changed(self) -> tuple[str, str] | None:
        """The first of all that has changed: its path, and what to do."""
        for path, name, get, value, form in self._watched:
            now = get()
            if now is value and atom_of(value) is not None:
                continue
            if _form(now) != form:
                return path, REMEDY.format(name=name)
        return None

    def _add(self, path: str, name: str, get: Callable[[], Any], *, strict: bool, limit: int | None = None) -> None:
        value = get()
        if atom_of(value) is not None:
            self._watched.append(_Watched(path, name, get, value, _form(value)))
            return
        try:
            form = take([value], [path], limit=limit).picture.form
        except (Opaque, TooLarge):
            if strict and not hasattr(type(value), "__get__"):  # what has that is code
                raise
            return  # it can be no data of a chart either, and what it does is looked at by doing each step twice
        self._watched.append(_Watched(path, name, get, value, form))

    def _add_function(self, function: Any, path: str) -> None:
        """What a function keeps from one call to the next."""
        if function in self._functions:
            return
        self._functions.add(function)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name != "__class__":
                self._add_variable(path, name, partial(_content, cell))
        defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        for value in defaults:
            if atom_of(value) is None:
                self._add(f"a default argument of {path}", "name", partial(_itself, value), strict=False)
        space = function.__globals__
        for name in sorted(set(_names(function.__code__)) & space.keys()):
            self._add_variable(path, name, _Lookup(space, name))

    def _add_variable(self, path: str, name: str, get: Callable[[], Any]) -> None:
        value = get()
        if isinstance(value, types.FunctionType):
            if value.__module__.partition(".")[0] not in _LIBRARIES:
                self._add_function(value, value.__qualname__)
        elif not isinstance(value, _CODE):
            self._add(f"{name}, which {path} uses,", name, get, strict=False, limit=LARGE)


class _Lookup:
    """What a namespace has under a name now."""

    def __init__(self, space: Mapping[str, Any], name: str) -> None:
        self._space = space
        self._name = name

    def __call__(self) -> Any:
        return self._space.get(self._name)


def _form(value: Any) -> Any:
    atom = atom_of(value)
    if atom is not None:
        return atom.key
    try:
        return take([value]).picture.form
    except Opaque as opaque:
        return opaque  # it equals nothing that was there before


def _itself(value: Any) -> Any:
    return value


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _function_in(value: Any) -> types.FunctionType | None:
    """The function that a class holds under a name."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    elif isinstance(value, functools.cached_property):
        value = value.func
    return value if isinstance(value, types.FunctionType) else None


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that code looks up, with that of functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
