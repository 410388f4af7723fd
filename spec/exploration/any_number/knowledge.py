"""What is known of the hidden servers: what servers that are seen looked like so far, under other names.

A *share* is what a component knows of one server: its local state without all that names another one. A server has a
share of each other one, and is the sum of them. A tracker is the sum of the shares of all servers and of what it holds
of two at once, such as who knows whose file: a *joint*. A hidden server (a *ghost*) may have any share that a server
that is seen has had, as far as each pair of it with anybody is known, with a joint that is known of both shares: that
is the lemma that the fixpoint discovers. What a ghost has sent is known likewise: with which share, beside which
others' and with which joints a message stood first, and what it said of those others.

*Profiles.* Pairs do not tell whether anybody at all is in a collection. So it is noted besides, for all of a tracker's
data, which of the counted collections were empty in which atomic state.

*Kinds.* Where there is a fixed number of servers of a kind, a share says of which kind its server is.
"""

import copy
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple, Self

from spec.exploration.any_number.entries import bearing
from spec.exploration.any_number.restriction import OTHERS, Restriction, members

OWNER, SOMEBODY, ANOTHER = "itsowner", "somebodyelse", "yetanother"
"""Names in shares: of the server whose knowledge it is, of the one that it is about, and of a third one."""
TIMED = "running"
"""The collection of a clock: whose timeouts are set."""
MOST_OTHERS = 2
"""Ghosts beside the one that is served."""
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
class Knowledge:
    """All that is known; it only grows. `places` are the names for ghosts: before, between and after those seen."""

    restrict: Restriction
    seen: tuple[str, str]
    places: tuple[tuple[str, ...], ...]
    counted: frozenset[str]
    """The names of the collections whose emptiness or size charts ask for."""
    most: int = MOST_OTHERS
    kinds: tuple[int, int] = (ANY_KIND, ANY_KIND)
    """Of those that are seen."""
    beside: Mapping[int, int] = field(default_factory=dict)
    """How many of a kind there are among the others, where that is a fixed number."""

    def __post_init__(self) -> None:
        self._grown = [0]
        self.shares: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self._bases: list[Any] = []
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
        self._forget()

    def _forget(self) -> None:
        self._wholes: dict[tuple[str, Any, Ghosts], Any] = {}
        self._split: dict[tuple[str, Any], tuple[int, int]] = {}
        self._choices: dict[tuple[str, tuple[int, int], int], tuple[Ghosts, ...]] = {}
        self._joint_of: dict[tuple[Any, int], int] = {}

    def of_kinds(self, kinds: tuple[int, int], beside: Mapping[int, int]) -> Self:
        """The same knowledge, where servers of these kinds are seen."""
        shared = copy.copy(self)
        shared.kinds, shared.beside = kinds, beside
        shared._forget()
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
        canonical = self.restrict.renamed(part, _canonical(owner, name))
        of_owner = self._kind(owner) if owner else ANY_KIND
        key = (OWNER if owner else "", canonical, self._kind(name), of_owner)
        number = self._numbers.setdefault(key, len(self.shares))
        if number == len(self.shares):
            self.shares.append(canonical)
            base = self.restrict.renamed(self.restrict(part, frozenset({owner} - {""})), _canonical(owner, ""))
            self._bases.append((base, of_owner) if owner else base)
            found = members(part, self.counted)
            self._bits.append(tuple(found[each] for each in sorted(self.counted)))
            self._kinds.append(self._kind(name))
        return number

    def _kind(self, name: str) -> int:
        return self.kinds[self.seen.index(name)]

    def base(self, share: int) -> Any:
        """What is left of a share without the server that it is about."""
        return self._bases[share]

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
        return self.restrict.renamed(self.shares[share], _named(owner, name))

    def bears(self, joint: int) -> frozenset[tuple[str, ...]]:
        """In which attributes of the first server of a joint the other one is named."""
        if joint not in self._bearings:
            self._bearings[joint] = bearing(self._joints[joint], _PAIR, SOMEBODY, ANOTHER)
            self.between |= self._bearings[joint]
        return self._bearings[joint]

    def whole(self, owner: str, local: Any, ghosts: Ghosts) -> Any:
        """The local state that consists of what is seen and of these ghosts."""
        key = (owner, local, ghosts)
        if key not in self._wholes:
            every = sorted((*self.seen_as(owner, local), *ghosts))
            parts = [self.shared(owner, ghost.name, ghost.share) for ghost in every]
            if not owner:
                parts += [*([local] if self.joint(local, 0) != PLAIN else ()), *self._joined(ghosts)]
            whole = parts[0]
            for part in parts[1:]:
                whole = self.restrict.merged(whole, part)
            self._wholes[key] = whole
        return self._wholes[key]

    def _joined(self, ghosts: Ghosts) -> Iterator[Any]:
        """What a tracker holds of ghosts and others at once. Of two ghosts it does not matter what."""
        for at, ghost in enumerate(ghosts):
            known = [(name, joint) for name, joint in zip(self.seen, ghost.joints, strict=False)]
            known += [(other.name, min(self.joints[ghost.share, other.share])) for other in ghosts[:at]]
            for name, joint in known:
                if joint != PLAIN:
                    yield self.restrict.renamed(self._joints[joint], ((SOMEBODY, ghost.name), (ANOTHER, name)))

    # Learning.

    def _add(self, known: set[Any], one: Any) -> None:
        if one not in known:
            known.add(one)
            self._grown[0] += 1

    def learn_local(self, owner: str, local: Any) -> None:
        """Note a local state of somebody who is seen."""
        one, two = self.split(owner, local)
        if owner:
            share = two if owner == self.seen[0] else one
            self._add(self.by_base[self.base(share)], share)
        else:
            self._add(self.pairs[one], two)
            self._add(self.pairs[two], one)
            self._add(self.joints[one, two], self.joint(local, 0))
            self._add(self.joints[two, one], self.joint(local, 1))

    def learn_head(self, owner: str, local: Any, message: Hashable, *, again: bool) -> None:
        """Note a message that can be read."""
        subject = self.restrict.subject(message)
        if not subject or subject == owner:
            return
        shares = self.split(owner, local)
        place = self.seen.index(subject)
        head = Head(self._canonical(owner, subject, message), again)
        if owner:
            self._add(self.own_heads[self.base(shares[place])], (shares[place], head))
            return
        names = ((subject, SOMEBODY), (self.seen[1 - place], ANOTHER))
        part = self.restrict.renamed(message, names)
        found = Beside(self.joint(local, place), PLAIN if part == head.message else self._number(self._parts, part))
        self._add(self.heads[shares[place], head].setdefault(shares[1 - place], set()), found)

    def learn_content(self, message: Hashable) -> None:
        """Note what a message says of others than its subject."""
        subject = self.restrict.subject(message)
        if self.restrict.is_of_hidden(message):
            return
        for name in self.seen:
            if name != subject:
                base = self.restrict.renamed(
                    self.restrict(message, frozenset({subject} - {""})), _canonical(subject, "")
                )
                part = self.restrict(message, frozenset({subject, name} - {""}))
                self._add(self.contents[base], self.restrict.renamed(part, _canonical(subject, name)))

    def learn_profile(self, whole: Any) -> None:
        """Note the emptiness of a tracker's collections, for all servers."""
        found = members(whole, self.counted)
        bits = tuple(found[each] for each in sorted(self.counted))
        self._add(self.profiles, (self.restrict(whole, frozenset()), bits))

    def learn_price(self, prices: tuple[int, ...], *, late: bool) -> None:
        """Note what a step of a server costs."""
        self._add(self.prices, (prices, late))

    def _canonical(self, owner: str, subject: str, message: Hashable) -> Hashable:
        part = self.restrict(message, frozenset({owner, subject} - {""}))
        canonical: Hashable = self.restrict.renamed(part, _canonical(owner, subject))
        return canonical

    # Completions.

    def seen_as(self, owner: str, local: Any) -> Ghosts:
        """The servers that are seen, with their shares, as a whole has them."""
        return tuple(
            Ghost(name, share) for name, share in zip(self.seen, self.split(owner, local), strict=True) if name != owner
        )

    def completions(self, owner: str, local: Any) -> Iterator[tuple[Ghosts, Any]]:
        """All local states that this is seen of, as far as is known: with no ghost, one, or several."""
        shares = self.split(owner, local)
        for ghosts in self._chosen(owner, shares):
            if owner or self.is_possible(shares, ghosts):
                yield ghosts, self.whole(owner, local, ghosts)

    def _chosen(self, owner: str, shares: tuple[int, int]) -> tuple[Ghosts, ...]:
        key = (owner, shares, self.size)
        if key not in self._choices:
            self._choices[key] = tuple(self._choose(owner, shares))
        return self._choices[key]

    def _choose(self, owner: str, shares: tuple[int, int]) -> Iterator[Ghosts]:
        yield ()
        fitting = self._fitting(owner, shares)
        for ghost in self._as_seen_by(owner, shares, fitting):
            for names in self.places:
                yield (ghost._replace(name=names[0]),)
        yield from self._several(owner, shares, fitting, self.most)

    def _fitting(self, owner: str, shares: tuple[int, ...]) -> list[int]:
        """Shares that a ghost can have beside these."""
        if owner:
            found = self.by_base[self._base_of(owner, shares)]
        else:
            found = set.intersection(*(self.pairs[share] for share in shares))
        return sorted(share for share in found if self.beside.get(self._kinds[share], 1))

    def _as_seen_by(self, owner: str, shares: tuple[int, int], fitting: list[int]) -> list[Ghost]:
        """Ghosts with these shares, with all joints that each can have with those who are seen."""
        if owner:
            return [Ghost("", share) for share in fitting]
        return [
            Ghost("", share, chosen)
            for share in fitting
            for chosen in product(*(sorted(self.joints[share, other]) for other in shares))
        ]

    def _base_of(self, owner: str, shares: tuple[int, ...]) -> Any:
        return self.base(shares[1 if owner == self.seen[0] else 0])

    def _several(
        self, owner: str, shares: tuple[int, int], fitting: list[int], most: int, least: int = 2, served: int = ANY_KIND
    ) -> Iterator[Ghosts]:
        """Several ghosts, one choice for each way to bear on what is asked and seen; places take turns."""
        met: set[Hashable] = set()
        ghosts = self._as_seen_by(owner, shares, fitting)
        for count in range(least, most + 1):
            for chosen in combinations_with_replacement(ghosts, count):
                kinds = self._bearing(chosen)
                if kinds in met or not self._are_so_many(chosen, served) or not all(
                    owner or two.share in self.pairs[one.share] for at, one in enumerate(chosen) for two in chosen[:at]
                ):
                    continue
                met.add(kinds)
                yield self._placed(chosen, len(met))

    def _bearing(self, ghosts: Ghosts) -> Hashable:
        """In which counted collections ghosts are, and what any of them says of those who are seen."""
        said = (frozenset().union(*map(self.bears, joints)) for joints in zip(*(each.joints for each in ghosts), strict=True))
        return tuple(sorted(self.bits(ghost.share) for ghost in ghosts)), tuple(said)

    def _are_so_many(self, ghosts: Ghosts, served: int) -> bool:
        """Whether there can be so many ghosts of each kind, beside one that is served."""
        kinds = [served, *(self._kinds[ghost.share] for ghost in ghosts)]
        return all(kinds.count(kind) <= most for kind, most in self.beside.items())

    def _placed(self, chosen: Ghosts, turn: int, taken: str = "") -> Ghosts:
        free = [name for place in range(len(self.places)) for name in self.places[(place + turn) % len(self.places)]]
        free = [name for name in free if name != taken]
        order = free[:: len(free) // len(chosen)] if turn % 2 else free
        return tuple(ghost._replace(name=name) for name, ghost in zip(order, chosen, strict=False))

    def is_possible(self, shares: tuple[int, ...], ghosts: Ghosts) -> bool:
        """Whether this emptiness of a tracker's collections was met."""
        every = [*shares, *(ghost.share for ghost in ghosts)]
        bits = tuple(any(column) for column in zip(*(self.bits(share) for share in every), strict=True))
        return (self.base(every[0]), bits) in self.profiles

    def stands_for_all(self, largest: int) -> bool:
        """Whether of any ghosts a few stand for all, to whoever asks for emptiness and compares with `largest`.

        Of one more than those, one can always be left out: no counted collection tells, and whatever is said of
        somebody who is seen is still said by somebody.
        """
        kinds = self._all_bearings()
        enough = largest + 1

        def sizes(chosen: tuple[tuple[Bits, Bits], ...]) -> list[int]:
            counted = [min(sum(column), enough) for column in zip(*(bits for bits, _ in chosen), strict=True)]
            return [*counted, *(any(column) for column in zip(*(bears for _, bears in chosen), strict=True))]

        return all(
            any(sizes((*chosen[:at], *chosen[at + 1 :])) == sizes(chosen) for at in range(len(chosen)))
            for chosen in combinations_with_replacement(sorted(kinds), self.most + 1)
        )

    def _all_bearings(self) -> set[tuple[Bits, Bits]]:
        """In which counted collections a ghost can be, and in which ways it can bear on two who are seen."""
        bearings: dict[int, set[frozenset[tuple[str, ...]]]] = defaultdict(set)
        for (share, _), joints in self.joints.items():
            bearings[share] |= {self.bears(joint) for joint in joints}
        paths = sorted(self.between)
        return {
            (self.bits(share), tuple(path in each for each in two for path in paths))
            for share, found in bearings.items()
            for two in product(found, repeat=2)
        }

    def can_be_quiescent(self, local: Any) -> bool:
        """Whether no timeout at all is set, in some state of a tracker that this is seen of.

        Where a timeout is set for somebody, not all is quiescent.
        """
        base = self.restrict(local, frozenset())
        running = sorted(self.counted).index(TIMED)
        return any(known == base and not bits[running] for known, bits in self.profiles)

    # What is read about ghosts.

    def served(self, owner: str, local: Any) -> Iterator[tuple[Ghosts, Any, Hashable, bool]]:
        """What can be read about a ghost: the ghosts, the local state with them, the message, and whether again."""
        shares = self.split(owner, local)
        for turn, (ghost, head, parts) in enumerate(self._read_first(owner, shares)):
            fitting = self._fitting(owner, (*shares, ghost.share))
            if not owner:
                fitting = [other for other in fitting if other in self.heads[ghost.share, head]]
            for place, names in enumerate(self.places):
                name = names[0]
                message = self._said(head, parts, owner, name)
                for others in self._beside(owner, shares, fitting, turn, place, ghost):
                    ghosts = (ghost._replace(name=name), *others)
                    if owner or self.is_possible(shares, ghosts):
                        whole = self.whole(owner, local, ghosts)
                        for about in self._told_of_all(owner, message, ghosts, head):
                            yield ghosts, whole, about, head.again

    def _read_first(self, owner: str, shares: tuple[int, int]) -> Iterator[tuple[Ghost, Head, tuple[int, ...]]]:
        """Ghosts about whom something can be read, what that is, and what it says of those who are seen."""
        if owner:
            options = sorted(self.own_heads[self._base_of(owner, shares)], key=repr)
            for share, head in options:
                if self.beside.get(self._kinds[share], 1):
                    yield Ghost("", share), head, ()
            return
        for (share, head), beside in self.heads.items():
            if all(other in beside for other in shares) and self.beside.get(self._kinds[share], 1):
                for chosen in product(*(sorted(beside[other]) for other in shares)):
                    joints, parts = tuple(zip(*chosen, strict=True))
                    yield Ghost("", share, joints), head, parts

    def _said(self, head: Head, parts: tuple[int, ...], owner: str, name: str) -> Any:
        """A message about a ghost, with what it says of those who are seen."""
        message = self.restrict.renamed(head.message, _named(owner, name))
        for other, part in zip(self.seen, parts, strict=False):
            message = self._with(message, part, name, other)
        return message

    def _with(self, message: Any, part: int, name: str, other: str) -> Any:
        if part == PLAIN:
            return message
        said = self.restrict.renamed(self._parts[part], ((SOMEBODY, name), (ANOTHER, other)))
        return self.restrict.merged(message, said)

    def _told_of_all(self, owner: str, message: Any, ghosts: Ghosts, head: Head) -> Iterator[Any]:
        """The message with what it says of ghosts; to a server, with all that it may say of the other who is seen."""
        if owner:
            yield from self._told_of_the_other(owner, message, ghosts[0].name)
            return
        first, *others = ghosts
        for other in others:
            message = self._with(message, min(self.heads[first.share, head][other.share]).part, first.name, other.name)
        yield message

    def _told_of_the_other(self, owner: str, message: Any, subject: str) -> Iterator[Any]:
        """A message that is not seen, with all that it may say of the other server that is seen."""
        other = self.seen[1 if owner == self.seen[0] else 0]
        base = self.restrict.renamed(self.restrict(message, frozenset({subject})), _canonical(subject, ""))
        visible = frozenset(self.seen)
        for part in (None, *self.contents.get(base, ())):
            said = self.restrict.renamed(part, _named(subject, other)) if part is not None else message
            whole = self.restrict.merged(message, said)
            if not self.restrict.is_seen(whole, visible):
                yield whole

    def _beside(
        self, owner: str, shares: tuple[int, int], fitting: list[int], turn: int, place: int, served: Ghost
    ) -> Iterator[Ghosts]:
        """The others, beside a ghost that is served in some place: nobody, or one choice for each way to bear on what
        is asked and seen, for which places take turns.
        """
        yield ()
        several = self._several(owner, shares, fitting, self.most, 1, self._kinds[served.share])
        for at, others in enumerate(several):
            if (at + turn) % len(self.places) == place:
                yield self._placed(others, turn, self.places[place][0])

    def messages(self, message: Hashable, ghosts: Ghosts) -> Iterator[Hashable]:
        """All messages that this is seen of, where there are these ghosts."""
        subject = self.restrict.subject(message)
        base = self.restrict.renamed(self.restrict(message, frozenset({subject} - {""})), _canonical(subject, ""))
        parts = self.contents.get(base, set()) - {base}
        yield message
        for part in parts if ghosts else ():
            whole: Any = message
            for ghost in ghosts:
                named = self.restrict.renamed(part, _named(subject, ghost.name))
                whole = self.restrict.merged(whole, named)
            yield whole

    def news(self, owner: str, local: Any, message: Any) -> Iterator[tuple[Ghosts, Any, Hashable]]:
        """What a server reads where a message is seen that is about a ghost: the ghosts, the local state, the message.

        It is one of those that stood first where that one was seen, with what it says of files that are seen here.
        """
        shares, mine = self.split(owner, local), frozenset({owner})
        for turn, (ghost, head, _) in enumerate(self._read_first(owner, shares)):
            fitting = self._fitting(owner, (*shares, ghost.share))
            for place, names in enumerate(self.places):
                known = self.restrict.renamed(head.message, _named(owner, names[0]))
                if self.restrict(known, mine) != self.restrict(message, mine):
                    continue
                about = self.restrict.merged(known, self.restrict.renamed(message, ((OTHERS, names[0]),)))
                for others in self._beside(owner, shares, fitting, turn, place, ghost):
                    ghosts = (ghost._replace(name=names[0]), *others)
                    yield ghosts, self.whole(owner, local, ghosts), about


_PAIR = Restriction((SOMEBODY, ANOTHER))


def _canonical(owner: str, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in ((owner, OWNER), (name, SOMEBODY)) if pair[0])


def _named(owner: str, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((to, one) for one, to in _canonical(owner, name))
