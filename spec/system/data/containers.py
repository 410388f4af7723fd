"""How containers are read, made and filled, by their own means also where a subclass has others."""

import enum
from collections import OrderedDict, defaultdict, deque
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from spec.system.data.atoms import Kind, has_attributes, short


class ListKind(Kind):
    name = "list"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, list(list.__iter__(value))

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return list.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        list.extend(made, items)

    def clear(self, made: Any) -> None:
        list.clear(made)


class DequeKind(Kind):
    name = "deque"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return vars(deque)["maxlen"].__get__(value), list(deque.__iter__(value))

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        made: Any = deque.__new__(cls)
        deque.__init__(made, (), extra)
        return made

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        deque.extend(made, items)

    def clear(self, made: Any) -> None:
        deque.clear(made)


class TupleKind(Kind):
    name = "tuple"
    is_mutable = False

    def has_identity(self, cls: type) -> bool:
        return has_attributes(cls)

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, list(tuple.__iter__(value))

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return tuple.__new__(cls, items)


class FrozensetKind(TupleKind):
    name = "frozenset"
    order = "set"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, list(frozenset.__iter__(value))

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return (f"{{{short(item)}}}" for item in items)

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return frozenset.__new__(cls, items)


class SetKind(Kind):
    name = "set"
    order = "set"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, list(set.__iter__(value))

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return (f"{{{short(item)}}}" for item in items)

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return set.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        set.update(made, items)

    def clear(self, made: Any) -> None:
        set.clear(made)


class DictKind(Kind):
    name = "dict"
    order = "mapping"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, [each for pair in dict.items(value) for each in pair]

    def edges(self, value: Any, items: Sequence[Any]) -> Iterable[str]:  # noqa: ARG002
        return (edge for key in items[::2] for edge in (f"{{{short(key)}}}", f"[{short(key)}]"))

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return dict.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        for key, each in zip(items[::2], items[1::2], strict=True):
            dict.__setitem__(made, key, each)

    def clear(self, made: Any) -> None:
        dict.clear(made)


class OrderedDictKind(DictKind):
    """Two of these are equal only if they are in one order."""

    name = "OrderedDict"
    order = "sequence"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, [each for pair in OrderedDict.items(value) for each in pair]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return OrderedDict.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:  # noqa: ARG002
        for key, each in zip(items[::2], items[1::2], strict=True):
            OrderedDict.__setitem__(made, key, each)

    def clear(self, made: Any) -> None:
        OrderedDict.clear(made)


class DefaultdictKind(DictKind):
    """The factory is read as the value of a key that no author has."""

    name = "defaultdict"

    def open(self, value: Any) -> tuple[Hashable, list[Any]]:
        return None, [
            _FACTORY,
            vars(defaultdict)["default_factory"].__get__(value),
            *(each for pair in dict.items(value) for each in pair),
        ]

    def make(self, cls: type, extra: Any, items: Sequence[Any]) -> Any:  # noqa: ARG002
        return defaultdict.__new__(cls)

    def fill(self, made: Any, extra: Any, items: Sequence[Any]) -> None:
        place = items[::2].index(_FACTORY)
        vars(defaultdict)["default_factory"].__set__(made, items[2 * place + 1])
        super().fill(made, extra, [*items[: 2 * place], *items[2 * place + 2 :]])


class _Factory(enum.Enum):
    DEFAULT = "default_factory"


_FACTORY = _Factory.DEFAULT
