"""What messages say of servers that they are not about, and parts put together: what was met, under other names."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from spec.exploration.any_number.shares import ANOTHER, PLAIN, SOMEBODY, Ghosts, Shares, canonical, named


@dataclass
class Sayings(Shares):
    """Shares, and what is said of them."""

    def said_of_others(self, message: Hashable) -> set[Any]:
        """What such messages were met to say of servers that they are not about."""
        base = self._speaker(message)
        return self.contents.get(base, set()) - {base}

    def how_much_is_said(self, message: Hashable) -> int:
        """Grows whenever more becomes known of what such messages say of servers that they are not about."""
        return len(self.contents.get(self._speaker(message), ()))

    def _speaker(self, message: Hashable) -> Any:
        """What is left of a message without all servers that it is not about."""
        if message not in self._speaks:
            subject = self.restrict.subject(message)
            left = self.restrict(message, frozenset({subject} - {""}))
            self._speaks[message] = self.restrict.renamed(left, canonical(subject, ""))
        return self._speaks[message]

    def messages(self, message: Hashable) -> Callable[[Ghosts], tuple[Hashable, ...]]:
        """All messages that this is seen of, by the ghosts that there are: for each always the same object."""
        count, known = self._messages.get(message, (-1, {}))
        if count != self.how_much_is_said(message):
            count, known = self.how_much_is_said(message), {}
            self._messages[message] = (count, known)

        def found(ghosts: Ghosts) -> tuple[Hashable, ...]:
            names = tuple([ghost.name for ghost in ghosts])
            those = known.get(names)
            if those is None:
                parts = self.said_of_others(message) if ghosts else ()
                those = (self.restrict.same(message), *(self._telling(message, part, names) for part in parts))
                known[names] = those
            return those

        return found

    def _telling(self, message: Hashable, part: Any, names: tuple[str, ...]) -> Any:
        """A message that says this of servers of these names, too."""
        key = (message, part, names)
        if key not in self._told:
            subject, whole = self.restrict.subject(message), message
            for name in names:
                whole = self.restrict.merged(whole, self.restrict.renamed(part, named(subject, name)))
            self._told[key] = whole
        return self._told[key]

    def with_said(self, message: Any, part: int, name: str, other: str) -> Any:
        """A message about a server of that name, with a part that says something of another one."""
        if part == PLAIN:
            return message
        said = self.restrict.renamed(self._parts[part], ((SOMEBODY, name), (ANOTHER, other)))
        return self.restrict.merged(message, said)

    def merged(self, whole: Any, part: Any) -> Any:
        """Both merged; what the same objects come to is looked up, since many wholes begin with the same parts."""
        known = self._joined_parts.get((id(whole), id(part)))
        if known is None:  # the objects are kept with it, so that no others come to have their ids
            known = (self.restrict.merged(whole, part), whole, part)
            self._joined_parts[id(whole), id(part)] = known
        return known[0]
