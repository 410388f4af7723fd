"""Immutable mappings that share what they have in common with the one that they were made from.

A view knows thousands of files and clients, and changes by one of them at a time. To copy all that it knows for each
change would make N clients that hear of each other copy N x N x N entries. A `PersistentMap` (persistent in the sense
of Driscoll, Sarnak, Sleator, Tarjan, "Making data structures persistent", 1989) is a dictionary that is never written
to again, and the few changes since. When the changes are too many they are merged into a dictionary of its own, so a
change costs about the square root of the size.

It is an `immutabledict`: equal to one with the same content, and hashed alike. The order of its items means nothing.
"""
# ruff: noqa: SLF001

from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
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

    _layers: tuple[dict[str, V], dict[str, V | _Gone]]
    """The dictionary that others share, and the changes since: one attribute, so that no thread sees half of it."""
    _count: int

    def __new__(cls, *args: Any, **kwargs: Any) -> "PersistentMap[V]":
        """A mapping with the content of another one, or of pairs, as of a `dict`."""
        return _made(dict(*args, **kwargs), {}, None)

    @property
    def _dict(self) -> dict[str, V]:  # type: ignore[override]
        """All entries: what the methods of `immutabledict` use that need more than single ones."""
        base, changes = self._layers
        if not changes:
            return base
        merged: dict[str, Any] = base | changes
        for key, value in changes.items():
            if value is GONE:
                del merged[key]
        self._layers = (merged, {})
        return merged

    def __getitem__(self, key: str) -> V:
        base, changes = self._layers
        value = changes.get(key, _NOT_THERE)
        if value is _NOT_THERE:
            return base[key]
        if value is GONE:
            raise KeyError(key)
        return cast("V", value)

    def __contains__(self, key: object) -> bool:
        base, changes = self._layers
        value = changes.get(cast("str", key), _NOT_THERE)
        return key in base if value is _NOT_THERE else value is not GONE

    def __len__(self) -> int:
        return self._count

    def changed(self, news: Mapping[str, V | _Gone], count: int) -> "PersistentMap[V]":
        """The mapping with these changes, after which it has `count` entries."""
        base, changes = self._layers
        together = {**changes, **news}
        made = _made(base, together, count)
        if len(together) ** 2 > SMALL * SMALL + 2 * len(base):
            made._dict  # noqa: B018 - merged, and so remembered
        return made


def _made(base: dict[str, V], changes: dict[str, V | _Gone], count: int | None) -> PersistentMap[V]:
    made: PersistentMap[V] = object.__new__(PersistentMap)
    made._hash = None
    made._layers = (base, changes)
    made._count = len(base) if count is None else count
    return made


def joined(first: Mapping[str, V], second: Mapping[str, V]) -> immutabledict[str, V]:
    """What both hold; where both hold a key, it has the second's value."""
    if not second and isinstance(first, immutabledict):
        return first
    if len(first) <= SMALL or len(second) * SMALL > len(first):
        return immutabledict(_all(first) | _all(second))
    count = len(first) + sum(key not in first for key in second)
    return _of(first).changed(_all(second), count)


def union(mappings: Iterable[Mapping[str, V]]) -> Mapping[str, V]:
    """What any of them holds; where several hold a key, it has the last one's value."""
    found: dict[str, V] = {}
    for mapping in mappings:
        found.update(_all(mapping))
    return found


def common(one: Collection[str], other: Collection[str]) -> Collection[str]:
    """The keys that both hold."""
    small, large = (one, other) if len(one) < len(other) else (other, one)
    if len(small) * SMALL < len(large):
        return [key for key in small if key in large]
    return _keys(small) & _keys(large)


def without(mapping: Mapping[str, V], keys: Collection[str]) -> immutabledict[str, V]:
    """What a mapping holds under other keys than these."""
    if len(keys) * SMALL < len(mapping):
        if found := [key for key in keys if key in mapping]:
            return _of(mapping).changed(dict.fromkeys(found, GONE), len(mapping) - len(found))
    else:
        if len(keys) <= len(mapping) * SMALL:
            keys = _keys(keys)  # faster to ask, but it may take a while to make it
        left = {key: value for key, value in mapping.items() if key not in keys}
        if len(left) < len(mapping):
            return immutabledict(left)
    return mapping if isinstance(mapping, immutabledict) else immutabledict(mapping)


def difference(before: Mapping[str, V], after: Mapping[str, V]) -> tuple[list[str], dict[str, V]]:
    """What has to be taken out of `before`, and then put in, to have `after`; an entry that has changed is in both.

    Of two maps of which one was made from the other only the changes are looked at, if they were few.
    """
    old, new = _of(before), _of(after)
    (base, changes), (other, news) = old._layers, new._layers
    keys: Iterable[str] = changes.keys() | news.keys() if base is other else old._dict.keys() | new._dict.keys()
    gone, come = [], {}
    for key in keys:
        then, now = old.get(key, _NOT_THERE), new.get(key, _NOT_THERE)
        if then is not now and then != now:
            if then is not _NOT_THERE:
                gone.append(key)
            if now is not _NOT_THERE:
                come[key] = cast("V", now)
    return gone, come


def _of(mapping: Mapping[str, V]) -> PersistentMap[V]:
    if isinstance(mapping, PersistentMap):
        return mapping
    return _made(_all(mapping), {}, None)


def _all(mapping: Mapping[str, V]) -> dict[str, V]:
    """A dictionary with all entries, not to be written to."""
    return mapping._dict if isinstance(mapping, immutabledict) else dict(mapping)


def _keys(keys: Collection[str]) -> AbstractSet[str]:
    """The same keys, as a set that is fast to ask."""
    if isinstance(keys, Mapping):
        return _all(keys).keys()
    return keys if isinstance(keys, AbstractSet) else frozenset(keys)
