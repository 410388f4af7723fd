"""What is seen of a value by whoever looks at a few servers only: the abstraction, on plain data.

A set element or a mapping key that names a hidden server is left out, and nothing else: whatever else the value holds
stays. A hidden server that a text mentions, such as the reason of a denial, is called `OTHERS` there. `merged` goes the
other way: what is seen of a value in two ways, put together.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import Any

from immutabledict import immutabledict

from machines.clock import ClockData
from machines.participant import Snapshot
from spec.exploration.model.renaming import Renaming

OTHERS = "others"
"""In a text, in place of the name of a hidden server."""
NEWS = ("added_files", "added_fragments")
"""What an event tells everybody besides who it is about: it stays in views, whoever brought it."""
Names = frozenset[str]
NOBODY: Names = frozenset()


class NotInterchangeable(ValueError):  # noqa: N818 - what was found
    """What the charts hold or do cannot be looked at server by server: the message says why."""


@dataclass
class Restriction:
    """The abstraction, for servers of these names. What was asked once is kept."""

    names: tuple[str, ...]
    keeps_clock: bool = False
    """Whether the atomic state of a clock is kept. It need not be where it says only whether a timeout is set."""
    _seen: dict[tuple[Hashable, Names], Any] = field(default_factory=dict)
    _mentioned: dict[Hashable, Names] = field(default_factory=dict)
    _renamed: dict[tuple[Hashable, tuple[tuple[str, str], ...]], Any] = field(default_factory=dict)
    _renamings: dict[tuple[tuple[str, str], ...], Renaming] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._first: dict[Any, Any] = {}
        words = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])")

    def __call__(self, value: Any, visible: Names) -> Any:
        """What is seen of a value."""
        if value is None or isinstance(value, bool | int | float):
            return value  # not kept: True is equal to 1, and stands for it nowhere
        key = (value, visible)
        if key not in self._seen:
            self._seen[key] = self.same(self._restricted(value, visible))
        return self._seen[key]

    def _restricted(self, value: Any, visible: Names) -> Any:
        if isinstance(value, str):
            return self._pattern.sub(lambda found: found[0] if found[0] in visible else OTHERS, value)
        if isinstance(value, Enum | type | bytes):
            return value
        if isinstance(value, Snapshot):
            data = self(value.data, visible)
            if isinstance(data, ClockData) and not self.keeps_clock:
                self.check_clock(value)
                return Snapshot(_clock_state(data), data)
            return Snapshot(value.states, data)
        if is_dataclass(value) and not isinstance(value, type):
            return type(value)(**{each.name: self(getattr(value, each.name), visible) for each in fields(value)})
        if isinstance(value, tuple):
            parts = [self(part, visible) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        if isinstance(value, frozenset):
            return frozenset(self(part, visible) for part in value if self.mentioned(part) <= visible)
        if isinstance(value, Mapping):
            return immutabledict(
                {
                    self(key, visible): self(part, visible)
                    for key, part in value.items()
                    if self.mentioned(key) <= visible
                }
            )
        raise NotInterchangeable(f"{value!r:.99} is no plain data, so nobody can tell what it holds of which server")

    def same(self, value: Any) -> Any:
        """The value that is equal to this one and came first: what is the same is not compared part by part."""
        return self._first.setdefault((type(value), value), value)

    def check_clock(self, clock: Snapshot) -> None:
        """Raise `ClockMatters` where the atomic state of a clock says more than its timeouts."""
        if clock.states != _clock_state(clock.data):
            raise ClockMatters

    def mentioned(self, value: Any) -> Names:
        """The servers that a value names anywhere."""
        if value not in self._mentioned:
            self._mentioned[value] = frozenset(self._named(value))
        return self._mentioned[value]

    def _named(self, value: Any) -> Iterable[str]:
        if isinstance(value, str):
            return self._pattern.findall(value)
        if isinstance(value, Mapping):
            value = (*value.keys(), *value.values())
        elif is_dataclass(value) and not isinstance(value, type):
            value = tuple(getattr(value, each.name) for each in fields(value))
        if isinstance(value, tuple | frozenset):
            return [name for part in value for name in self.mentioned(part)]
        return ()

    def renamed(self, value: Any, names: tuple[tuple[str, str], ...]) -> Any:
        """The value under other names."""
        if not names:
            return value
        key = (value, names)
        if key not in self._renamed:
            if names not in self._renamings:
                self._renamings[names] = Renaming(dict(names))
            self._renamed[key] = self.same(self._renamings[names](value))
        return self._renamed[key]

    def subject(self, message: Hashable) -> str:
        """The server that a message is about; empty where it is about none."""
        about = getattr(message, "client", "")
        return about if about in self.names else ""

    def is_seen(self, message: Hashable, visible: Names) -> bool:
        """Whether a message is about somebody who is seen, or about nobody; or tells of files that are seen."""
        subject = self.subject(message)
        if not subject or subject in visible:
            return True
        told = self(message, visible)
        return any(getattr(told, name, ()) for name in NEWS)

    def is_of_hidden(self, message: Hashable) -> bool:
        """Whether a message, as it is seen, is about a server that is hidden."""
        return getattr(message, "client", "") == OTHERS

    def merged(self, one: Any, other: Any) -> Any:
        """A value of which both are seen. Raises `NotInterchangeable` where there is none."""
        if one is other or one == other:
            return one
        return self.same(self._merged(one, other))

    def _merged(self, one: Any, other: Any) -> Any:
        if isinstance(one, Snapshot) and isinstance(other, Snapshot):
            data = self.merged(one.data, other.data)
            if isinstance(data, ClockData) and not self.keeps_clock:
                return Snapshot(_clock_state(data), data)
            if one.states == other.states:
                return Snapshot(one.states, data)
        elif type(one) is type(other):
            if is_dataclass(one) and not isinstance(one, type):
                return type(one)(
                    **{
                        each.name: self.merged(getattr(one, each.name), getattr(other, each.name))
                        for each in fields(one)
                    }
                )
            if isinstance(one, frozenset):
                return one | other
            if isinstance(one, Mapping):
                both = {key: self.merged(one[key], other[key]) for key in one.keys() & other.keys()}
                return immutabledict({**one, **other, **both})
            if isinstance(one, tuple) and len(one) == len(other):
                parts = [self.merged(*pair) for pair in zip(one, other, strict=True)]
                return type(one)(*parts) if hasattr(one, "_fields") else tuple(parts)
        if isinstance(one, str) and isinstance(other, str) and self(one, NOBODY) == self(other, NOBODY):
            return min(one, other, key=self._hidden)
        raise NotInterchangeable(f"{one!r:.99} and {other!r:.99} cannot be seen of one value")

    def _hidden(self, text: str) -> int:
        """How often a text mentions a hidden server."""
        return text.count(OTHERS)


class ClockMatters(Exception):  # noqa: N818 - what was found
    """The atomic state of a clock is not derived from its timeouts: it has to be kept."""


def _clock_state(data: ClockData) -> tuple[str, ...]:
    return ("running",) if data.running else ("idle",)


def members(value: Any, wanted: Names) -> Mapping[str, bool]:
    """For each collection that an attribute of a wanted name holds, anywhere in a value, whether it has a member."""
    found = dict.fromkeys(wanted, False)

    def look(part: Any) -> None:
        if is_dataclass(part) and not isinstance(part, type):
            for each in fields(part):
                held = getattr(part, each.name)
                if each.name in wanted and isinstance(held, frozenset | Mapping | tuple):
                    found[each.name] |= bool(held)
                look(held)
        elif isinstance(part, tuple):
            for each in part:
                look(each)

    look(value)
    return found


def indexed(value: Any, restrict: Restriction, owner: str) -> frozenset[str]:
    """The names of the attributes that hold collections indexed by servers, anywhere in a value.

    What stands under the name of a server, or is its `owner`'s, may name that one.
    """
    found: set[str] = set()

    def look(part: Any, name: str, own: Names) -> None:
        if is_dataclass(part) and not isinstance(part, type):
            own = own | restrict.mentioned(getattr(part, "client", ""))
            for each in fields(part):
                look(getattr(part, each.name), each.name, own)
            return
        is_collection = isinstance(part, frozenset | Mapping) or (type(part) is tuple)
        if is_collection and name and any(restrict.mentioned(each) - own for each in part):
            found.add(name)
        if isinstance(part, Mapping):
            for key, each in part.items():
                look(each, "", own | restrict.mentioned(key))
        elif isinstance(part, tuple):
            for each in part:
                look(each, "", own)

    look(value, "", frozenset({owner}))
    return frozenset(found)
