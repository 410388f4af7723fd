"""What values say of two servers at once: entries that name both, such as whose file a server knows.

An *entry* is a way into a value: by attributes, keys and elements, to a set element, a mapping key or a text. It names
those that its keys and elements name. What pairs see of a value is all of it where no entry names more than two, with
the owner of the value, or the server that a message is about. `Pairs` watches that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

from machines.participant import Snapshot
from spec.exploration.any_number.restriction import Names, NotInterchangeable, Restriction


class Entry(NamedTuple):
    """The attributes on the way into a value, and the servers that are named on it, from the outside to the inside."""

    path: tuple[str, ...]
    names: tuple[str, ...]


def entries(value: Any, restrict: Restriction) -> Iterator[Entry]:
    """All entries of a value that name anybody. Texts that stand in a message or a record directly are none."""
    yield from _inside(value, restrict, Entry((), ()), is_text=False)


def _inside(value: Any, restrict: Restriction, here: Entry, *, is_text: bool) -> Iterator[Entry]:
    if isinstance(value, str):
        if is_text:
            yield from _named(here, restrict.mentioned(value))
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            inner = Entry((*here.path, each.name), here.names)
            yield from _inside(getattr(value, each.name), restrict, inner, is_text=bool(here.names))
    elif isinstance(value, Mapping):
        for key, part in value.items():
            inner = _with(here, restrict.mentioned(key))
            yield from _named(inner, frozenset())
            yield from _inside(part, restrict, inner, is_text=True)
    elif isinstance(value, frozenset):
        for part in value:
            yield from _named(here, restrict.mentioned(part))
    elif isinstance(value, tuple):
        of_record = hasattr(value, "_fields") and not here.names
        for part in value:
            yield from _inside(part, restrict, here, is_text=not of_record)


def _with(here: Entry, names: Names) -> Entry:
    more = names.difference(here.names)
    return Entry(here.path, (*here.names, *sorted(more))) if more else here


def _named(here: Entry, names: Names) -> Iterator[Entry]:
    found = _with(here, names)
    if found.names:
        yield found


@dataclass
class Pairs:
    """Watches that whatever is said is said of two servers at most. What was looked at once is kept."""

    restrict: Restriction
    _known: set[tuple[str, Any]] = field(default_factory=set)

    def check(self, value: Any, owner: str) -> None:
        """Raise `NotInterchangeable` where an entry names three servers; the `owner` is one of them, if there is one.

        The owner is whose local state it is, or whom a message is about.
        """
        if isinstance(value, tuple) and hasattr(value, "_fields") and not isinstance(value, Snapshot):
            for part in filter(None, value):  # one by one: most charts of a server are as they were
                self.check(part, owner)
            return
        if (owner, value) in self._known:
            return
        for entry in entries(value, self.restrict):
            those = {*entry.names, owner} - {""}
            if len(those) > 2:  # noqa: PLR2004 - a pair
                raise NotInterchangeable(
                    f"{'.'.join(entry.path)} says something of three servers at once "
                    f"({', '.join(sorted(those))}), which no view of two of them holds"
                )
        self._known.add((owner, value))


def bearing(value: Any, restrict: Restriction, one: str, other: str) -> frozenset[tuple[str, ...]]:
    """In which attributes something is said of one server that names the other one, too."""
    return frozenset(entry.path for entry in entries(value, restrict) if entry.names == (one, other))
