"""The same state or message under other names: for servers that differ in their names only."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from itertools import permutations, product
from math import factorial, prod
from typing import Any

from immutabledict import immutabledict


@dataclass
class Renaming:
    """Names for names, all at once, wherever they stand as a word: in an identifier, a URI, a hash."""

    names: Mapping[str, str]

    def __post_init__(self) -> None:
        words = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])")
        self._strings: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """The value with other names. Raises `TypeError` for what is no plain data."""
        if isinstance(value, Enum | type) or value is None or isinstance(value, bool | int | float | bytes):
            return value
        if isinstance(value, str):
            return self.text(value)
        if is_dataclass(value) and not isinstance(value, type):
            return type(value)(**{field.name: self(getattr(value, field.name)) for field in fields(value)})
        if isinstance(value, tuple):
            parts = [self(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(value, frozenset):
            return frozenset(self(part) for part in value)
        if isinstance(value, Mapping):
            return immutabledict({self(key): self(part) for key, part in value.items()})
        raise TypeError(f"{value!r} cannot be renamed: it is no string, number, tuple, frozenset, mapping or dataclass")

    def text(self, value: str) -> str:
        """A text with other names."""
        if value not in self._strings:
            self._strings[value] = self._pattern.sub(lambda found: self.names[found[1]], value)
        return self._strings[value]


def is_plain(value: Hashable) -> bool:
    """Whether a value can be renamed."""
    try:
        Renaming({"": ""})(value)
    except TypeError:
        return False
    return True


MOST_WAYS = 120
"""Ways to exchange names that are tried with each state: five servers have so many, and six have six times as many."""


def permutations_of(width: int, groups: Iterable[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """The permutations of `width` components that permute each group in itself; the identity comes first.

    Where those are more than `MOST_WAYS`, the last members of the largest groups stay where they are: any group of
    permutations is sound, and then states that differ in these names are told apart.
    """
    found = []
    groups = _few([tuple(group) for group in groups])
    for arranged in product(*(permutations(group) for group in groups)):
        permutation = list(range(width))
        for group, there in zip(groups, arranged, strict=True):
            for place, other in zip(group, there, strict=True):
                permutation[place] = other
        found.append(tuple(permutation))
    return tuple(sorted(found))


def _few(groups: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The groups, without their last members where there are too many ways to permute them."""
    while prod(factorial(len(group)) for group in groups) > MOST_WAYS:
        largest = max(range(len(groups)), key=lambda place: len(groups[place]))
        groups[largest] = groups[largest][:-1]
    return groups
