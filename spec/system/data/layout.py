"""How the values of each class are laid out: of which kind they are, and what attributes and slots they have."""

import datetime as dt
import decimal
import fractions
import functools
import io
import ipaddress
import pathlib
import threading
import types
import uuid
from _random import Random as NativeRandom
from collections import OrderedDict, defaultdict, deque
from collections.abc import Hashable, Iterable
from typing import Any

from immutabledict import immutabledict

from spec.system.data.atoms import ITERATOR, KEEP_DATA, Kind, Opaque, slots_of
from spec.system.data.containers import (
    DefaultdictKind,
    DequeKind,
    DictKind,
    FrozensetKind,
    ListKind,
    OrderedDictKind,
    SetKind,
    TupleKind,
)
from spec.system.data.natives import (
    BuiltinMethodKind,
    BytearrayKind,
    CellKind,
    ClosureKind,
    ErrorKind,
    FloatKind,
    MethodKind,
    PartialKind,
    PathKind,
    ProxyKind,
    RandomKind,
    ReducedKind,
    ScalarKind,
)


class ValueKind(Kind):
    """An object of a class that the standard library calls immutable."""

    name = "value"

    def has_identity(self, cls: type) -> bool:  # noqa: ARG002
        return False


class AnchorKind(Kind):
    """What is found again where the data is put."""

    name = "anchor"
    is_mutable = False

    def has_identity(self, cls: type) -> bool:  # noqa: ARG002
        return False


ANCHOR = AnchorKind()
VALUES = frozenset(
    {
        dt.date,
        dt.time,
        dt.datetime,
        dt.timedelta,
        dt.timezone,
        decimal.Decimal,
        fractions.Fraction,
        uuid.UUID,
        range,
        slice,
        ipaddress.IPv4Address,
        ipaddress.IPv6Address,
        ipaddress.IPv4Network,
        ipaddress.IPv6Network,
        immutabledict,
    }
)
"""Types that cannot change, so that it does not matter which of two equal ones is held."""

_REMEMBERED = {immutabledict: "_hash"}
"""What values keep once it has been asked for, and would find out again."""
_NATIVE: dict[type, Kind] = {
    list: ListKind(),
    deque: DequeKind(),
    tuple: TupleKind(),
    set: SetKind(),
    frozenset: FrozensetKind(),
    dict: DictKind(),
    OrderedDict: OrderedDictKind(),
    defaultdict: DefaultdictKind(),
    int: ScalarKind(int),
    complex: ScalarKind(complex),
    str: ScalarKind(str),
    bytes: ScalarKind(bytes),
    float: FloatKind(),
    bytearray: BytearrayKind(),
    NativeRandom: RandomKind(),
    BaseException: ErrorKind(),
    types.MappingProxyType: ProxyKind(),
    types.CellType: CellKind(),
    types.FunctionType: ClosureKind(),
    types.MethodType: MethodKind(),
    types.BuiltinFunctionType: BuiltinMethodKind(),
    types.MethodWrapperType: BuiltinMethodKind(),
    functools.partial: PartialKind(),
    pathlib.PurePath: PathKind(),
}
_PLAIN_OBJECT = Kind()
_VALUE_OBJECT = ValueKind()


@functools.lru_cache(1 << 12)
def kind_of(cls: Any) -> Kind:
    """How values of a class are read. Raises `Opaque`, without a path, if they cannot be."""
    if issubclass(cls, threading.Thread):
        raise Opaque("", cls, "a thread does not live on between two steps; let a lifeline of its own do what it does")
    for base in cls.__mro__:
        if base in _NATIVE:
            return _NATIVE[base]
        if base is object:
            break
        if _is_native(base) and _says_how(base):
            if hasattr(base, "__next__") and not issubclass(base, io.IOBase):
                raise Opaque("", cls, ITERATOR)
            return ReducedKind(base, VALUES)
    if _holds_more(cls):
        moves = hasattr(cls, "__next__") and not issubclass(cls, io.IOBase)
        raise Opaque("", cls, ITERATOR if moves else f"it cannot be copied and compared; {KEEP_DATA}")
    return _VALUE_OBJECT if cls in VALUES else _PLAIN_OBJECT


def _is_native(cls: type) -> bool:
    """Whether a class says in C, not in Python, how its values are copied."""
    said = [vars(cls).get(name) for name in ("__reduce_ex__", "__reduce__", "__getstate__")]
    return any(said) and not any(isinstance(each, (types.FunctionType, staticmethod, classmethod)) for each in said)


def _says_how(cls: Any) -> bool:
    """Whether what it says is a way to copy it."""
    says = cls.__reduce_ex__ is not object.__reduce_ex__ or cls.__reduce__ is not object.__reduce__
    return says or hasattr(cls, "__setstate__")


def _holds_more(cls: type) -> bool:
    """Whether an object holds more than attributes and slots: memory that only code in C knows."""
    size = (
        object.__basicsize__ + 8 * (cls.__dictoffset__ > 0) + 8 * (cls.__weakrefoffset__ > 0) + 8 * len(slots_of(cls))
    )
    return cls.__basicsize__ > size or cls.__itemsize__ > 0


@functools.lru_cache(1 << 12)
def _members(cls: Any) -> tuple[tuple[tuple[type, str], Any], ...]:
    """What exceptions written in C hold besides their arguments."""
    return tuple(
        ((base, name), each)
        for base in cls.__mro__
        if base.__module__ == "builtins" and issubclass(base, Exception)
        for name, each in sorted(vars(base).items())
        if isinstance(each, types.MemberDescriptorType)
    )


def namespace_of(value: Any) -> dict[Any, Any] | None:
    """The attributes of an object, as they are kept."""
    cls = type(value)
    if cls.__dictoffset__ == 0 or cls is types.FunctionType:
        return None
    found = object.__getattribute__(value, "__dict__")
    return found if type(found) is dict else None


def fields_of(value: Any, kind: Kind) -> list[tuple[Hashable, Any]]:
    """The attributes and slots of an object, by name."""
    if kind.name in {"path", "reduced"} and type(value) in _exact(kind):
        return []
    names = dict(namespace_of(value) or {})
    found: list[tuple[Hashable, Any]] = [(name, names[name]) for name in sorted(names, key=str)]
    cls: Any = type(value)
    rows = (*slots_of(cls), *(_members(cls) if isinstance(kind, ErrorKind) else ()))
    if cls in _REMEMBERED:
        found = [(name, None if name == _REMEMBERED[cls] else each) for name, each in found]
    for name, descriptor in rows:
        try:
            found.append((name, descriptor.__get__(value)))
        except AttributeError:
            continue  # a slot that was never set
    return found


def _exact(kind: Kind) -> tuple[type, ...]:
    if isinstance(kind, ReducedKind):
        return (kind.native,)
    return (pathlib.PurePath, pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))


def set_fields(made: Any, fields: Iterable[tuple[Hashable, Any]], keep: frozenset[str] | None) -> None:
    """Give an object its attributes; `keep` names those of a used object that stay, None says that it is new."""
    cls: Any = type(made)
    slots = dict((*slots_of(cls), *(_members(cls) if issubclass(cls, BaseException) else ())))
    fields = list(fields)
    if keep is not None:
        given = {name for name, _ in fields}
        space = namespace_of(made)
        for name in [name for name in space or () if name not in given and name not in keep]:
            del space[name]  # type: ignore[union-attr]
        for slot, descriptor in slots.items():
            if slot not in given and slot[1] not in keep:
                try:
                    descriptor.__delete__(made)
                except AttributeError:
                    continue  # it was not set
    for name, each in fields:
        if isinstance(name, tuple):
            slots[name].__set__(made, each)
        else:
            object.__getattribute__(made, "__dict__")[name] = each
