"""What was met of those who are seen, under other names: what hidden servers can look like and send.

A *share* is what a component knows of one server: its local state without all that names another one. A server has a
share of each other one, and is the sum of them. A tracker is the sum of the shares of all servers and of what it holds
of two at once, such as who knows whose file: a *joint*.

*Profiles.* Pairs do not tell whether anybody at all is in a collection. So it is noted besides, for all of a tracker's
data, which of the counted collections were empty in which atomic state.

*Kinds.* Where there is a fixed number of servers of a kind, a share says of which kind its server is.
"""

import copy
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from spec.exploration.any_number.entries import bearing
from spec.exploration.any_number.restriction import Restriction, members

OWNER, SOMEBODY, ANOTHER = "itsowner", "somebodyelse", "yetanother"
"""Names in shares: of the server whose knowledge it is, of the one that it is about, and of a third one."""
TIMED = "running"
"""The collection of a clock: whose timeouts are set."""
LOOKS, HEADS, CONTENTS = "looks", "heads", "contents"
"""What becomes known: how servers look, and how collections are filled; what stands first; what messages say."""
PLAIN = 0
"""The joint of two servers of which nothing is held at once; the part of a message that says nothing of somebody."""
ANY_KIND = -1
"""The kind of those of whom there is any number."""


class Ghost(NamedTuple):
    """A hidden server: its name, what is known of it, and what is held of it and of each that is seen."""

    name: str
    share: int
    joints: tuple[int, ...] = ()


class Head(NamedTuple):
    """A message that stood first in the queue of a component, under the names of shares; `again`: a duplicate."""

    message: Hashable
    again: bool


class Beside(NamedTuple):
    """With which joint somebody was beside whose message stood first, and what that said of him."""

    joint: int
    part: int


Ghosts = tuple[Ghost, ...]
Bits = tuple[bool, ...]


@dataclass
class Shares:
    """What was met; it only grows."""

    restrict: Restriction
    seen: tuple[str, str]
    counted: frozenset[str]
    """The names of the collections whose emptiness or size charts ask for."""
    kinds: tuple[int, int] = (ANY_KIND, ANY_KIND)
    """Of those that are seen."""
    beside: Mapping[int, int] = field(default_factory=dict)
    """How many of a kind there are among the others, where that is a fixed number."""

    def __post_init__(self) -> None:
        self._grown = [0]
        self.shares: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self._bases: list[Any] = []
        self._places: list[int] = []
        self._known_bases: list[Any] = []
        self.versions: dict[tuple[str, int], int] = defaultdict(int)
        """How much is known of what looks the same without any server, by what there is more of, and its place."""
        self._bits: list[Bits] = []
        self._kinds: list[int] = []
        self._joints: list[Any] = [None]
        self._parts: list[Any] = [None]
        self.pairs: dict[int, set[int]] = defaultdict(set)
        """Of a tracker: which shares were beside which."""
        self.joints: dict[tuple[int, int], set[int]] = defaultdict(set)
        """With which joints."""
        self.by_base: dict[Any, set[int]] = defaultdict(set)
        """Of a server: which shares of others it had, by what is left without."""
        self.heads: dict[tuple[int, Head], dict[int, set[Beside]]] = defaultdict(dict)
        """Of a tracker: beside which shares a message of a server with that share stood first, and how."""
        self.heads_at: dict[int, dict[tuple[int, Head], None]] = defaultdict(dict)
        """The same by the place of what is left of that share."""
        self.own_heads: dict[Any, set[tuple[int, Head]]] = defaultdict(set)
        """Of a server: messages about another one, with its share of it, by what is left without."""
        self.profiles: set[tuple[Any, Bits]] = set()
        self.prices: set[tuple[tuple[int, ...], bool]] = set()
        """What ghosts pay, and whether only where nothing is under way."""
        self.contents: dict[Any, set[Any]] = defaultdict(set)
        """What messages say of servers that they are not about, by what is left without."""
        self.between: set[tuple[str, ...]] = set()
        """The attributes in which something is said of two servers at once."""
        self._bearings: dict[int, frozenset[tuple[str, ...]]] = {PLAIN: frozenset()}
        self.forget()

    def forget(self) -> None:
        """Let go of what follows from what is known."""
        self._wholes: dict[tuple[str, Any, Ghosts], Any] = {}
        self._profiled: set[Any] = set()
        self._member_bits: dict[Any, Bits] = {}
        self._joined_parts: dict[tuple[int, int], tuple[Any, Any, Any]] = {}
        self._split: dict[tuple[str, Any], tuple[int, int]] = {}
        self._choices: dict[tuple[str, tuple[int, int]], tuple[int, tuple[Ghosts, ...]]] = {}
        self._several_of: dict[Hashable, tuple[int, tuple[Ghosts, ...]]] = {}
        self._told: dict[tuple[Hashable, Any, tuple[str, ...]], Any] = {}
        self._messages: dict[Hashable, tuple[int, dict[tuple[str, ...], tuple[Hashable, ...]]]] = {}
        self._speaks: dict[Hashable, Any] = {}
        self._joint_of: dict[tuple[Any, int], int] = {}
        self._placings: dict[tuple[Ghosts, int, str], Ghosts] = {}
        self._told_unseen: dict[tuple[str, Any, str], tuple[int, tuple[Any, ...]]] = {}

    def of_kinds(self, kinds: tuple[int, int], beside: Mapping[int, int]) -> Self:
        """The same knowledge, where servers of these kinds are seen."""
        shared = copy.copy(self)
        shared.kinds, shared.beside = kinds, beside
        shared.forget()
        return shared

    @property
    def size(self) -> int:
        """Grows whenever anything becomes known."""
        return self._grown[0]

    # Shares and joints.

    def split(self, owner: str, local: Any) -> tuple[int, int]:
        """The shares of both servers that are seen; of a server's own the share is what is left without."""
        key = (owner, local)
        if key not in self._split:
            found = tuple(self.share(owner, local, name) for name in self.seen)
            self._split[key] = (found[0], found[1])
        return self._split[key]

    def share(self, owner: str, local: Any, name: str) -> int:
        """The number of the share of a server."""
        names = {owner, name} - {""}
        part = self.restrict(local, frozenset(names))
        found_as = self.restrict.renamed(part, canonical(owner, name))
        of_owner = self._kind(owner) if owner else ANY_KIND
        key = (OWNER if owner else "", found_as, self._kind(name), of_owner)
        number = self._numbers.setdefault(key, len(self.shares))
        if number == len(self.shares):
            self.shares.append(found_as)
            base = self.restrict.renamed(self.restrict(part, frozenset({owner} - {""})), canonical(owner, ""))
            self._bases.append((base, of_owner) if owner else base)
            self._places.append(self._number(self._known_bases, self._bases[-1]))
            found = members(part, self.counted)
            self._bits.append(tuple(found[each] for each in sorted(self.counted)))
            self._kinds.append(self._kind(name))
        return number

    def _kind(self, name: str) -> int:
        return self.kinds[self.seen.index(name)]

    def base(self, share: int) -> Any:
        """What is left of a share without the server that it is about."""
        return self._bases[share]

    def place(self, share: int) -> int:
        """The number of what is left of a share without the server that it is about."""
        return self._places[share]

    def bits(self, share: int) -> Bits:
        """Which of the counted collections the server of a share is in."""
        return self._bits[share]

    def joint(self, local: Any, place: int) -> int:
        """What a tracker holds of both who are seen, of the one in a place first."""
        if (local, place) not in self._joint_of:
            parts = [self.shared("", *each) for each in zip(self.seen, self.split("", local), strict=True)]
            names = ((self.seen[place], SOMEBODY), (self.seen[1 - place], ANOTHER))
            plain = self.restrict.merged(*parts) == local
            number = PLAIN if plain else self._number(self._joints, self.restrict.renamed(local, names))
            self._joint_of[local, place] = number
        return self._joint_of[local, place]

    def _number(self, numbered: list[Any], value: Any) -> int:
        key = (id(numbered), value)
        number = self._numbers.setdefault(key, len(numbered))
        if number == len(numbered):
            numbered.append(value)
        return number

    def shared(self, owner: str, name: str, share: int) -> Any:
        """A share under a name."""
        return self.restrict.renamed(self.shares[share], named(owner, name))

    def bears(self, joint: int) -> frozenset[tuple[str, ...]]:
        """In which attributes of the first server of a joint the other one is named."""
        if joint not in self._bearings:
            self._bearings[joint] = bearing(self._joints[joint], _PAIR, SOMEBODY, ANOTHER)
            self.between |= self._bearings[joint]
        return self._bearings[joint]

    # Learning.

    def _add(self, known: set[Any], one: Any, what: str = "", place: int = 0) -> None:
        if one not in known:
            known.add(one)
            self._grown[0] += 1
            self.versions[what, place] += 1

    def learn_local(self, owner: str, local: Any) -> None:
        """Note a local state of somebody who is seen."""
        one, two = self.split(owner, local)
        if owner:
            share = two if owner == self.seen[0] else one
            self._add(self.by_base[self.base(share)], share, LOOKS, self.place(share))
        else:
            of = (LOOKS, self.place(one))
            self._add(self.pairs[one], two, *of)
            self._add(self.pairs[two], one, *of)
            self._add(self.joints[one, two], self.joint(local, 0), *of)
            self._add(self.joints[two, one], self.joint(local, 1), *of)

    def learn_head(self, owner: str, local: Any, message: Hashable, *, again: bool) -> None:
        """Note a message that can be read."""
        subject = self.restrict.subject(message)
        if not subject or subject == owner:
            return
        shares = self.split(owner, local)
        place = self.seen.index(subject)
        head = Head(self._canonical(owner, subject, message), again)
        if owner:
            of = (HEADS, self.place(shares[place]))
            self._add(self.own_heads[self.base(shares[place])], (shares[place], head), *of)
            return
        names = ((subject, SOMEBODY), (self.seen[1 - place], ANOTHER))
        part = self.restrict.renamed(message, names)
        found = Beside(self.joint(local, place), PLAIN if part == head.message else self._number(self._parts, part))
        at = self.place(shares[place])
        self.heads_at[at][shares[place], head] = None
        self._add(self.heads[shares[place], head].setdefault(shares[1 - place], set()), found, HEADS, at)

    def learn_content(self, message: Hashable) -> None:
        """Note what a message says of others than its subject."""
        subject = self.restrict.subject(message)
        if self.restrict.is_of_hidden(message):
            return
        for name in self.seen:
            if name != subject:
                base = self.restrict.renamed(
                    self.restrict(message, frozenset({subject} - {""})), canonical(subject, "")
                )
                part = self.restrict(message, frozenset({subject, name} - {""}))
                self._add(self.contents[base], self.restrict.renamed(part, canonical(subject, name)), CONTENTS)

    def learn_profile(self, whole: Any) -> None:
        """Note the emptiness of a tracker's collections, for all servers."""
        if whole in self._profiled:
            return
        self._profiled.add(whole)
        parts = [self._members(part) for part in whole]
        bits = tuple(any(part[at] for part in parts) for at in range(len(self.counted)))
        base = self.restrict(whole, frozenset())
        self._add(self.profiles, (base, bits), LOOKS, self._number(self._known_bases, base))

    def _members(self, part: Any) -> Bits:
        """Which of the counted collections have a member, in a part of a local state."""
        if part not in self._member_bits:
            found = members(part, self.counted)
            self._member_bits[part] = tuple(found[each] for each in sorted(self.counted))
        return self._member_bits[part]

    def learn_price(self, prices: tuple[int, ...], *, late: bool) -> None:
        """Note what a step of a server costs."""
        self._add(self.prices, (prices, late))

    def _canonical(self, owner: str, subject: str, message: Hashable) -> Hashable:
        part = self.restrict(message, frozenset({owner, subject} - {""}))
        found: Hashable = self.restrict.renamed(part, canonical(owner, subject))
        return found


_PAIR = Restriction((SOMEBODY, ANOTHER))


def canonical(owner: str, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in ((owner, OWNER), (name, SOMEBODY)) if pair[0])


def named(owner: str, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((to, one) for one, to in canonical(owner, name))
