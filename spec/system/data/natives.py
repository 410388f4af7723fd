"""How values of built-in types that are no containers are read, made and filled."""

import copyreg
import functools
import gc
import random
import types
from _random import Random as NativeRandom
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from spec.system.data.atoms import KEEP_DATA, Kind, Opaque, Same, has_attributes


class ScalarKind(Kind):
    """A subclass of a number or a text."""

    is_mutable = False

    def __init__(self, native: Any) -> None:
        self.name = native.__name__
        self._native = native

    def has_identity(self, cls: type) -> bool:
        return has_attributes(cls)

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        native = self._native
        if native is str:
            return str.__str__(value), []
        if native is bytes:
            return bytes.__getitem__(value, slice(None)), []
        return native.__pos__(value), []

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return self._native.__new__(cls, extra)

    def spelled(self, extra: Any) -> str:
        return str(extra.hex()) if isinstance(extra, float) else repr(extra)


class FloatKind(ScalarKind):
    """Kept as its text, in which one that is not a number equals itself, and zeros differ."""

    def __init__(self) -> None:
        super().__init__(float)

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return float.hex(value), []

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return float.__new__(cls, float.fromhex(extra))


class BytearrayKind(Kind):
    name = "bytearray"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return bytes(bytearray.__getitem__(value, slice(None))), []

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return bytearray.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        bytearray.extend(made, extra)

    def clear(self, made: Any) -> None:
        bytearray.clear(made)


class RandomKind(Kind):
    """A generator of random numbers: its state is data."""

    name = "Random"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        if isinstance(value, random.SystemRandom):
            raise Opaque("", type(value), "what it draws cannot be repeated; use random.Random with a seed")
        return NativeRandom.getstate(value), []

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return NativeRandom.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        NativeRandom.setstate(made, extra)

    def spelled(self, extra: Any) -> str:
        return str(hash(extra))


class ErrorKind(Kind):
    """An exception: its arguments and attributes. Where it was raised is no data."""

    name = "exception"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, list(BaseException.args.__get__(value))  # type: ignore[attr-defined]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        native: Any = next(base for base in cls.__mro__ if base.__module__ == "builtins")
        return native.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        BaseException.args.__set__(made, tuple(items))  # type: ignore[attr-defined]


class ProxyKind(Kind):
    name = "mappingproxy"
    is_mutable = False

    def has_identity(self, cls: type) -> bool:  # noqa: ARG002
        return False

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, gc.get_referents(value)  # the dictionary below, which others may hold, too

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return types.MappingProxyType(items[0])


class CellKind(Kind):
    """A variable of a function that closures share."""

    name = "cell"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        try:
            return None, [value.cell_contents]
        except ValueError:
            return None, []

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return types.CellType()

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        if items:
            made.cell_contents = items[0]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return [""] * len(items)


class ClosureKind(Kind):
    """A function with variables around it, which are data."""

    name = "closure"
    is_mutable = False

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        extra = (value.__code__, Same(value.__globals__), value.__name__, value.__qualname__, value.__module__)
        return extra, [value.__defaults__, value.__kwdefaults__, *value.__closure__]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return [".__defaults__", ".__kwdefaults__", *(f".<{name}>" for name in value.__code__.co_freevars)]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        code, space, name, qualname, module = extra
        made = types.FunctionType(code, space.value, name, items[0], tuple(items[2:]))
        made.__kwdefaults__, made.__qualname__, made.__module__ = items[1], qualname, module
        return made

    def spelled(self, extra: Any) -> str:
        return repr(extra[2:])


class MethodKind(Kind):
    """A method of an object, held as a value."""

    name = "method"
    is_mutable = False

    def has_identity(self, cls: type) -> bool:  # noqa: ARG002
        return False

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, [value.__func__, value.__self__]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return [".__func__", ".__self__"]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return types.MethodType(*items)


class BuiltinMethodKind(MethodKind):
    name = "built-in method"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return value.__name__, [value.__self__]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return [".__self__"]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return getattr(items[0], extra)


class PartialKind(MethodKind):
    """A function with some of its arguments."""

    name = "partial"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, [value.func, value.args, value.keywords]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return [".func", ".args", ".keywords"]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return functools.partial.__new__(cls, items[0], *items[1], **items[2])


class PathKind(Kind):
    """A path keeps parts of its text once somebody has asked for them; the text is what counts."""

    name = "path"
    is_mutable = False

    def has_identity(self, cls: type) -> bool:  # noqa: ARG002
        return False

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return str(value), []

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return cls(extra)


class ReducedKind(Kind):
    """A type written in C that says itself how it is made again."""

    name = "reduced"
    is_mutable = False
    eager = 2

    def __init__(self, native: Any, values: frozenset[type]) -> None:
        """`values` are the types that cannot change."""
        self.native = native
        self._values = values

    def has_identity(self, cls: type) -> bool:
        return cls not in self._values

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        native, cls = self.native, type(value)
        try:
            if native.__reduce_ex__ is not object.__reduce_ex__:
                parts = native.__reduce_ex__(value, 4)
            elif native.__reduce__ is not object.__reduce__:
                parts = native.__reduce__(value)
            else:
                parts = (copyreg.__newobj__, (cls,), native.__getstate__(value))  # type: ignore[attr-defined]
        except Exception as error:  # noqa: BLE001 - whatever a type says when it cannot be copied
            raise Opaque("", cls, f"it cannot be copied ({error}); {KEEP_DATA}") from None
        if not isinstance(parts, tuple):
            raise Opaque("", cls, f"it cannot be copied (it calls itself {parts!r}); {KEEP_DATA}")
        func, args, state, elements, pairs = (*parts, None, None, None)[:5]
        items, entries = list(elements or ()), [each for pair in pairs or () for each in pair]
        return (len(items), len(entries)), [func, args, state, *items, *entries]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return ["", "", "", *(f"[{place}]" for place in range(len(items) - 3))]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        func, args = items[:2]
        # The author's `__new__` and `__init__` are not asked: they may want other arguments.
        native: Any = next(
            each for each in cls.__mro__ if isinstance(vars(each).get("__new__"), types.BuiltinMethodType)
        )
        if func is not cls or cls is native:
            return func(*args)
        made = native.__new__(cls, *args)
        if native.__init__ is not object.__init__:
            native.__init__(made, *args)
        return made

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:
        state, elements, entries = items[2], items[3 : 3 + extra[0]], items[3 + extra[0] :]
        if state is not None and hasattr(self.native, "__setstate__"):
            self.native.__setstate__(made, state)
        elif isinstance(state, dict):
            made.__dict__.update(state)
        for each in elements:
            made.append(each)
        for key, each in zip(entries[::2], entries[1::2], strict=True):
            made[key] = each
