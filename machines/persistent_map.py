"""Immutable mappings that share what they have in common with the one that they were made from.

A view knows thousands of files and clients, and changes by one of them at a time. To copy all that it knows for each
change would make N clients that hear of each other copy N x N x N entries. A `PersistentMap` (persistent in the sense
of Driscoll, Sarnak, Sleator, Tarjan, "Making data structures persistent", 1989) is a dictionary that is never written
to again, and the few changes since. When the changes are too many they are merged into a dictionary of its own, so a
change costs about the square root of the size.

It is an `immutabledict`: equal to one with the same content, and hashed alike. The order of its items means nothing.
"""
# ruff: noqa: SLF001

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar, cast

from immutabledict import immutabledict

SMALL: Final = 64
"""Up to so many entries a mapping is copied: that is as fast, and keeps it simple."""

V = TypeVar("V")


class _Gone:
    """What stands for an entry that was taken out."""


GONE: Final = _Gone()
_NOT_THERE: Final = _Gone()


class PersistentMap(immutabledict[str, V]):
    """A mapping from texts; made by `joined` and `without`."""

    _base: dict[str, V]
    _changes: dict[str, V | _Gone]
    _count: int

    def __new__(cls, *args: Any, **kwargs: Any) -> "PersistentMap[V]":
        """A mapping with the content of another one, or of pairs, as of a `dict`."""
        return _made(dict(*args, **kwargs), {}, None)

    @cached_property
    def _dict(self) -> dict[str, V]:  # type: ignore[override]
        """All entries: what the methods of `immutabledict` use that need more than single ones."""
        if self._changes:
            merged: dict[str, Any] = self._base | self._changes
            for key, value in self._changes.items():
                if value is GONE:
                    del merged[key]
            self._base, self._changes = merged, {}
        return self._base

    def __getitem__(self, key: str) -> V:
        value = self._changes.get(key, _NOT_THERE)
        if value is _NOT_THERE:
            return self._base[key]
        if value is GONE:
            raise KeyError(key)
        return cast("V", value)

    def __contains__(self, key: object) -> bool:
        value = self._changes.get(cast("str", key), _NOT_THERE)
        return key in self._base if value is _NOT_THERE else value is not GONE

    def __len__(self) -> int:
        return self._count

    def changed(self, changes: Mapping[str, V | _Gone], count: int) -> "PersistentMap[V]":
        """The mapping with these changes, after which it has `count` entries."""
        together = {**self._changes, **changes}
        made = _made(self._base, together, count)
        if len(together) ** 2 > SMALL * SMALL + 2 * len(self._base):
            made._dict  # noqa: B018 - merged, and so remembered
        return made


def _made(base: dict[str, V], changes: dict[str, V | _Gone], count: int | None) -> PersistentMap[V]:
    made: PersistentMap[V] = object.__new__(PersistentMap)
    made._hash = None
    made._base = base
    made._changes = changes
    made._count = len(base) if count is None else count
    return made


def joined(first: Mapping[str, V], second: Mapping[str, V]) -> immutabledict[str, V]:
    """What both hold; where both hold a key, it has the second's value."""
    if not second and isinstance(first, immutabledict):
        return first
    if len(first) <= SMALL or len(second) > len(first):
        return immutabledict({**dict(first.items()), **dict(second.items())})
    count = len(first) + sum(key not in first for key in second)
    return _of(first).changed(dict(second.items()), count)


def without(mapping: Mapping[str, V], keys: Collection[str]) -> immutabledict[str, V]:
    """What a mapping holds under other keys than these."""
    if len(keys) * SMALL < len(mapping):
        if found := [key for key in keys if key in mapping]:
            return _of(mapping).changed(dict.fromkeys(found, GONE), len(mapping) - len(found))
    else:
        if isinstance(keys, Mapping) and len(keys) <= len(mapping) * SMALL:
            keys = keys.keys()  # faster to ask; but it takes a while to have all of them
        left = {key: value for key, value in mapping.items() if key not in keys}
        if len(left) < len(mapping):
            return immutabledict(left)
    return mapping if isinstance(mapping, immutabledict) else immutabledict(mapping)


def _of(mapping: Mapping[str, V]) -> PersistentMap[V]:
    if isinstance(mapping, PersistentMap):
        return mapping
    shared = mapping._dict if isinstance(mapping, immutabledict) else dict(mapping.items())
    return _made(shared, {}, None)
