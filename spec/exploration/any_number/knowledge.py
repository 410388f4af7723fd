"""What is known of the hidden servers: what servers that are seen looked like so far, under other names.

A *share* is what a component knows of one server: its local state without all that names another one. So a local state
of a tracker is the shares of all servers put together, and a server has a share of each other one. A hidden server (a
*ghost*) may have any share that a server that is seen has had, as far as each pair of it with anybody is known: that is
the lemma that the fixpoint discovers. What a ghost has sent is known likewise: with which share, and beside which
others', a message stood first.

*Profiles.* Pairs do not tell whether anybody at all is in a collection. So it is noted besides, for all of a tracker's
data, which of the counted collections were empty in which atomic state.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

from spec.exploration.any_number.restriction import Restriction, members

OWNER, SOMEBODY = "itsowner", "somebodyelse"
"""Names in shares: of the server whose knowledge it is, and of the one that it is about."""
TIMED = "running"
"""The collection of a clock: whose timeouts are set."""
MOST_OTHERS = 2
"""Ghosts beside the one that is served."""


class Ghost(NamedTuple):
    """A hidden server: its name, and what is known of it."""

    name: str
    share: int


class Head(NamedTuple):
    """A message that stood first in the queue of a component, under the names of shares; `again`: a duplicate."""

    message: Hashable
    again: bool


Ghosts = tuple[Ghost, ...]


@dataclass
class Knowledge:
    """All that is known; it only grows. `places` are the names for ghosts: before, between and after those seen."""

    restrict: Restriction
    seen: tuple[str, str]
    places: tuple[tuple[str, ...], ...]
    counted: frozenset[str]
    """The names of the collections whose emptiness or size charts ask for."""
    most: int = MOST_OTHERS
    size: int = 0
    """Grows whenever anything becomes known."""

    def __post_init__(self) -> None:
        self.shares: list[Any] = []
        self._numbers: dict[tuple[str, Any], int] = {}
        self._bases: list[Any] = []
        self._bits: list[tuple[bool, ...]] = []
        self.pairs: dict[int, set[int]] = defaultdict(set)
        """Of a tracker: which shares were beside which."""
        self.by_base: dict[Any, set[int]] = defaultdict(set)
        """Of a server: which shares of others it had, by what is left without."""
        self.heads: dict[tuple[int, Head], set[int]] = defaultdict(set)
        """Of a tracker: beside which shares a message of a server with that share stood first."""
        self.own_heads: dict[Any, set[tuple[int, Head]]] = defaultdict(set)
        """Of a server: messages about another one, with its share of it, by what is left without."""
        self.profiles: set[tuple[Any, tuple[bool, ...]]] = set()
        self.prices: set[tuple[tuple[int, ...], bool]] = set()
        """What ghosts pay, and whether only where nothing is under way."""
        self.contents: dict[Any, set[Any]] = defaultdict(set)
        """What messages say of servers that they are not about, by what is left without."""
        self._wholes: dict[tuple[str, Ghosts], Any] = {}
        self._profiled: set[Any] = set()
        self._split: dict[tuple[str, Any], tuple[int, int]] = {}
        self._choices: dict[tuple[str, tuple[int, int], int], tuple[Ghosts, ...]] = {}

    # Shares.

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
        kind = OWNER if owner else ""
        number = self._numbers.setdefault((kind, canonical), len(self.shares))
        if number == len(self.shares):
            self.shares.append(canonical)
            base = self.restrict(part, frozenset({owner} - {""}))
            self._bases.append(self.restrict.renamed(base, _canonical(owner, "")))
            found = members(part, self.counted)
            self._bits.append(tuple(found[each] for each in sorted(self.counted)))
        return number

    def base(self, share: int) -> Any:
        """What is left of a share without the server that it is about."""
        return self._bases[share]

    def bits(self, share: int) -> tuple[bool, ...]:
        """Which of the counted collections the server of a share is in."""
        return self._bits[share]

    def whole(self, owner: str, ghosts: Ghosts) -> Any:
        """The local state that consists of these shares; the same object whenever it is equal."""
        key = (owner, ghosts)
        if key not in self._wholes:
            name, share = ghosts[-1]
            last = self.restrict.renamed(self.shares[share], _named(owner, name))
            others = ghosts[:-1]
            self._wholes[key] = self.restrict.merged(self.whole(owner, others), last) if others else last
        return self._wholes[key]

    # Learning.

    def _add(self, known: set[Any], one: Any) -> None:
        if one not in known:
            known.add(one)
            self.size += 1

    def learn_local(self, owner: str, local: Any) -> None:
        """Note a local state of somebody who is seen."""
        one, two = self.split(owner, local)
        if owner:
            share = two if owner == self.seen[0] else one
            self._add(self.by_base[self.base(share)], share)
        else:
            self._add(self.pairs[one], two)
            self._add(self.pairs[two], one)

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
        else:
            self._add(self.heads[shares[place], head], shares[1 - place])

    def learn_content(self, message: Hashable) -> None:
        """Note what a message says of others than its subject."""
        subject = self.restrict.subject(message)
        for name in self.seen:
            if name != subject:
                base = self.restrict.renamed(
                    self.restrict(message, frozenset({subject} - {""})), _canonical(subject, "")
                )
                part = self.restrict(message, frozenset({subject, name} - {""}))
                self._add(self.contents[base], self.restrict.renamed(part, _canonical(subject, name)))

    def learn_profile(self, whole: Any) -> None:
        """Note the emptiness of a tracker's collections, for all servers."""
        if whole in self._profiled:
            return
        self._profiled.add(whole)
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
        mine = self.seen_as(owner, local)
        for ghosts in self._chosen(owner, shares):
            if owner or self.is_possible(shares, ghosts):
                yield ghosts, self.whole(owner, tuple(sorted((*mine, *ghosts))))

    def _chosen(self, owner: str, shares: tuple[int, int]) -> tuple[Ghosts, ...]:
        key = (owner, shares, self.size)
        if key not in self._choices:
            self._choices[key] = tuple(self._choose(owner, shares))
        return self._choices[key]

    def _choose(self, owner: str, shares: tuple[int, int]) -> Iterator[Ghosts]:
        yield ()
        fitting = self._fitting(owner, shares)
        for share in fitting:
            for names in self.places:
                yield (Ghost(names[0], share),)
        yield from self._several(owner, fitting, self.most)

    def _fitting(self, owner: str, shares: tuple[int, ...]) -> list[int]:
        """Shares that a ghost can have beside these."""
        if owner:
            return sorted(self.by_base[self._base_of(owner, shares)])
        return sorted(set.intersection(*(self.pairs[share] for share in shares)))

    def _base_of(self, owner: str, shares: tuple[int, ...]) -> Any:
        return self.base(shares[1 if owner == self.seen[0] else 0])

    def _several(self, owner: str, fitting: list[int], most: int, least: int = 2) -> Iterator[Ghosts]:
        """Several ghosts, one choice for each way to be in the counted collections; places take turns."""
        kinds: dict[tuple[bool, ...], list[int]] = defaultdict(list)
        for share in fitting:
            kinds[self.bits(share)].append(share)
        turn = 0
        for count in range(least, most + 1):
            for ways in combinations_with_replacement(sorted(kinds), count):
                met = (
                    every
                    for every in product(*(kinds[way] for way in ways))
                    if owner or all(two in self.pairs[one] for at, one in enumerate(every) for two in every[:at])
                )
                chosen = next(met, None)
                if chosen is not None:
                    turn += 1
                    yield self._placed(chosen, turn)

    def _placed(self, chosen: tuple[int, ...], turn: int, taken: str = "") -> Ghosts:
        free = [name for place in range(len(self.places)) for name in self.places[(place + turn) % len(self.places)]]
        free = [name for name in free if name != taken]
        order = free[:: len(free) // len(chosen)] if turn % 2 else free
        return tuple(Ghost(name, share) for name, share in zip(order, chosen, strict=False))

    def is_possible(self, shares: tuple[int, ...], ghosts: Ghosts) -> bool:
        """Whether this emptiness of a tracker's collections was met."""
        every = [*shares, *(ghost.share for ghost in ghosts)]
        bits = tuple(any(column) for column in zip(*(self.bits(share) for share in every), strict=True))
        return (self.base(every[0]), bits) in self.profiles

    def stands_for_all(self, largest: int) -> bool:
        """Whether of any ghosts a few stand for all, to whoever asks for emptiness and compares with `largest`.

        Of one more than those, one can always be left out: no counted collection tells.
        """
        kinds = {self.bits(share) for share in self.pairs}
        enough = largest + 1

        def sizes(chosen: tuple[tuple[bool, ...], ...]) -> list[int]:
            return [min(sum(column), enough) for column in zip(*chosen, strict=True)]

        return all(
            any(sizes((*chosen[:at], *chosen[at + 1 :])) == sizes(chosen) for at in range(len(chosen)))
            for chosen in combinations_with_replacement(sorted(kinds), self.most + 1)
        )

    def can_be_quiescent(self, local: Any) -> bool:
        """Whether no timeout at all is set, in some state of a tracker that this is seen of.

        Where a timeout is set for somebody, not all is quiescent.
        """
        base = self.restrict(local, frozenset())
        running = sorted(self.counted).index(TIMED)
        return any(known == base and not bits[running] for known, bits in self.profiles)

    def served(self, owner: str, local: Any) -> Iterator[tuple[Ghosts, Any, Hashable, bool]]:
        """What can be read about a ghost: the ghosts, the local state with them, the message, and whether again."""
        shares = self.split(owner, local)
        mine = self.seen_as(owner, local)
        if owner:
            options = sorted(self.own_heads[self._base_of(owner, shares)], key=repr)
        else:
            options = [key for key, beside in self.heads.items() if beside.issuperset(shares)]
        for turn, (share, head) in enumerate(options):
            fitting = self._fitting(owner, (*shares, share))
            if not owner:
                fitting = [other for other in fitting if other in self.heads[share, head]]
            for names in self.places:
                name = names[0]
                message = self.restrict.renamed(head.message, _named(owner, name))
                for others in self._beside(owner, fitting, turn, name):
                    ghosts = (Ghost(name, share), *others)
                    if owner or self.is_possible(shares, ghosts):
                        whole = self.whole(owner, tuple(sorted((*mine, *ghosts))))
                        yield ghosts, whole, message, head.again

    def _beside(self, owner: str, fitting: list[int], turn: int, taken: str) -> Iterator[Ghosts]:
        """The others, beside a ghost that is served: one choice for each way to be in the counted collections."""
        yield ()
        for others in self._several(owner, fitting, self.most, least=1):
            yield self._placed(tuple(other.share for other in others), turn, taken)

    def said_of_others(self, message: Hashable) -> set[Any]:
        """What such messages were met to say of servers that they are not about."""
        subject = self.restrict.subject(message)
        base = self.restrict.renamed(self.restrict(message, frozenset({subject} - {""})), _canonical(subject, ""))
        return self.contents.get(base, set()) - {base}

    def messages(self, message: Hashable, ghosts: Ghosts) -> Iterator[Hashable]:
        """All messages that this is seen of, where there are these ghosts."""
        subject = self.restrict.subject(message)
        parts = self.said_of_others(message)
        yield message
        for part in parts if ghosts else ():
            whole: Any = message
            for ghost in ghosts:
                named = self.restrict.renamed(part, _named(subject, ghost.name))
                whole = self.restrict.merged(whole, named)
            yield whole


def _canonical(owner: str, name: str) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in ((owner, OWNER), (name, SOMEBODY)) if pair[0])


def _named(owner: str, name: str) -> tuple[tuple[str, str], ...]:
    return tuple((to, one) for one, to in _canonical(owner, name))
