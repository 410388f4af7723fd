"""Atoms, and what all kinds of values that are no atoms have in common.

An atom cannot change, and is shared by everybody: a number, a text, a class, a function.
"""

import enum
import functools
import logging
import re
import types
import typing
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import count
from typing import Any, ClassVar, Self, TypeVar

KEEP_DATA = "keep only data in a chart: numbers, texts, containers, and objects of classes that hold these"


ITERATOR = "an iterator cannot be read without moving it; keep a list, and how far it is"


class Opaque(Exception):  # noqa: N818 - what was found, not a defect
    """A value that cannot be copied and compared: where it is, of what class, and what to do."""

    def __init__(self, path: str, cls: type, remedy: str) -> None:
        super().__init__(f"{path}: {cls.__module__}.{cls.__qualname__}: {remedy}")
        self.path = path
        self.cls = cls
        self.remedy = remedy


_serials: Iterator[int] = count()


class Same:
    """An object that stands for itself: it is equal to nothing else, whatever its class says of equality."""

    __slots__ = ("serial", "value")
    _known: ClassVar[dict[int, Any]] = {}

    def __new__(cls, value: Any) -> Self:
        known = cls._known.get(id(value))
        if known is None:
            known = super().__new__(cls)
            known.value = value  # it stays alive, so that its `id` stays its own
            known.serial = next(_serials)
            cls._known[id(value)] = known
        return known

    value: Any
    serial: int

    def __repr__(self) -> str:
        name = getattr(self.value, "__qualname__", None) or getattr(self.value, "__name__", None)
        return f"<{type(self.value).__name__} {name or self.serial}>"


class Atom:
    """A value that cannot change, and what it is compared by."""

    __slots__ = ("key", "value")

    def __init__(self, key: Hashable, value: Any) -> None:
        self.key = key
        self.value = value

    def order(self) -> str:
        """A text that puts atoms into an order."""
        return repr(self.key)


_PLAIN = frozenset({type(None), bool, int, str, bytes, type(...), type(NotImplemented)})
_CODE = (
    type,
    types.ModuleType,
    types.CodeType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.GenericAlias,
    types.UnionType,
    property,
    staticmethod,
    classmethod,
    logging.Logger,
    logging.LoggerAdapter,
    re.Pattern,
    enum.Enum,
    functools._lru_cache_wrapper,  # noqa: SLF001 - it has no public name
    typing._Final,  # noqa: SLF001 - nor has this: annotations such as Optional[int]
    TypeVar,
)
"""What is code, or stands for itself wherever it is."""


def atom_of(value: Any) -> Atom | None:
    """The value as an atom; None if it has to be looked into."""
    cls = type(value)
    if cls in _PLAIN:
        return Atom((cls, value), value)
    if cls is float:
        return Atom((cls, value.hex()), value)
    if cls is complex:
        return Atom((cls, value.real.hex(), value.imag.hex()), value)
    if cls is object or issubclass(cls, _CODE):
        return Atom(Same(value), value)
    if cls is types.FunctionType and not value.__closure__:
        return Atom(Same(value), value)
    if cls is types.BuiltinFunctionType and isinstance(value.__self__, (type, types.ModuleType, type(None))):
        return Atom((cls, value.__qualname__, Same(value.__self__)), value)
    return None


class Kind:
    """How the values of one built-in type, and of its subclasses, are read and made."""

    name = "object"
    order = "sequence"
    """Whether what it holds is a `sequence`, a `set`, or a `mapping` whose keys and values alternate."""
    is_mutable = True
    """Whether it can be made first and filled later."""
    eager: int | None = None
    """Of what cannot: how many of the items it is made of, if not of all."""

    def has_identity(self, cls: type) -> bool:  # noqa: ARG002
        """Whether two that hold the same are told apart by which is held where."""
        return True

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:  # noqa: ARG002
        """What it holds besides attributes: something that cannot change, and other values."""
        return None, []

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        """How its items are called in a path."""
        return (f"[{place}]" for place in range(len(items)))

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        """A new one; empty if it can be filled."""
        return object.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:
        """Put into it what it holds."""

    def clear(self, made: Any) -> None:
        """Take out of it what it holds."""

    def spelled(self, extra: Any) -> str:
        """What it holds that cannot change, as a text to put nodes into an order."""
        return repr(extra)


def short(value: Any) -> str:
    """A value in a path."""
    plain = isinstance(value, (str, bytes, int, float, type(None), enum.Enum))
    return repr(value) if plain else f"<{type(value).__name__}>"


@functools.lru_cache(1 << 12)
def slots_of(cls: Any) -> tuple[tuple[tuple[type, str], Any], ...]:
    """The slots that classes written in Python declare, with the descriptor of each."""
    found = []
    for base in cls.__mro__:
        declared = vars(base).get("__slots__", ())
        for name in (declared,) if isinstance(declared, str) else declared:
            mangled = f"_{base.__name__.lstrip('_')}{name}" if name[:2] == "__" and name[-2:] != "__" else name
            each = vars(base).get(mangled)
            if isinstance(each, types.MemberDescriptorType):
                found.append(((base, mangled), each))
    return tuple(sorted(found, key=lambda row: (row[0][1], row[0][0].__qualname__)))


def has_attributes(cls: type) -> bool:
    return cls.__dictoffset__ != 0 or bool(slots_of(cls))
