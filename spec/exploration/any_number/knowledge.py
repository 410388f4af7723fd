"""What is known of the hidden servers: what servers that are seen looked like so far, under other names.

A hidden server (a *ghost*) may have any share (`shares`) that a server that is seen has had, as far as each pair of it
with anybody is known, with a joint that is known of both shares: that is the lemma that the fixpoint discovers. What a
ghost has sent is known likewise: with which share, beside which others' and with which joints a message stood first,
and what it said of those others.

A message about a ghost is not seen, unless it tells of files that are seen. Then it is one of those that stood first
where its ghost was seen (`news`).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from math import comb
from typing import Any

from spec.exploration.any_number.choosing import first_of_each
from spec.exploration.any_number.restriction import OTHERS
from spec.exploration.any_number.sayings import Sayings
from spec.exploration.any_number.shares import (
    ANOTHER,
    ANY_KIND,
    LOOKS,
    PLAIN,
    SOMEBODY,
    TIMED,
    Bits,
    Ghost,
    Ghosts,
    Head,
    canonical,
    named,
)

MOST_OTHERS = 2
"""Ghosts beside the one that is served."""
MOST_CHOICES = 1 << 20
"""Choices of ghosts of which it is looked whether fewer of them stand for all."""


@dataclass(kw_only=True)
class Knowledge(Sayings):
    """All that is known. `places` are the names for ghosts: before, between and after those seen."""

    places: tuple[tuple[str, ...], ...]
    most: int = MOST_OTHERS

    # Completions.

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
                whole = self.merged(whole, part)
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
        version = self.versions[LOOKS, self.place_of(owner, shares)]
        before, chosen = self._choices.get((owner, shares), (-1, ()))
        if before != version:
            chosen = tuple(self._choose(owner, shares))
            self._choices[owner, shares] = (version, chosen)
        return chosen

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
        return self.base(self._of_other(owner, shares))

    def _of_other(self, owner: str, shares: tuple[int, ...]) -> int:
        """Of a server's shares the one that is about the other server that is seen."""
        return shares[1 if owner == self.seen[0] else 0]

    def place_of(self, owner: str, shares: tuple[int, int]) -> int:
        """The number of what is left of a local state with these shares: on no other does it depend what completes it.

        All that is known of a ghost is known by shares of which the same is left.
        """
        return self.place(self._of_other(owner, shares))

    def _several(
        self, owner: str, shares: tuple[int, int], fitting: list[int], most: int, least: int = 2, served: int = ANY_KIND
    ) -> Iterator[Ghosts]:
        """Several ghosts, one choice for each way to bear on what is asked and seen; places take turns."""
        key = (owner, shares, tuple(fitting), most, least, served)
        version = self.versions[LOOKS, self.place_of(owner, shares[:2])]
        before, found = self._several_of.get(key, (-1, ()))
        if before != version:
            ghosts = self._as_seen_by(owner, shares, fitting)
            kinds = [self._bearing((ghost,)) for ghost in ghosts]
            found = tuple(
                tuple(ghosts[place] for place in places)
                for places in first_of_each(
                    kinds,
                    range(least, most + 1),
                    lambda places: self._bearing(tuple(ghosts[place] for place in places)),
                    lambda one, two: bool(owner) or ghosts[one].share in self.pairs[ghosts[two].share],
                    lambda places: self._are_so_many(tuple(ghosts[place] for place in places), served),
                )
            )
            self._several_of[key] = (version, found)
        for turn, chosen in enumerate(found, start=1):
            yield self._placed(chosen, turn)

    def _bearing(self, ghosts: Ghosts) -> Hashable:
        """In which counted collections ghosts are, and what any of them says of those who are seen."""
        said = (
            frozenset().union(*map(self.bears, joints))
            for joints in zip(*(each.joints for each in ghosts), strict=True)
        )
        return tuple(sorted(self.bits(ghost.share) for ghost in ghosts)), tuple(said)

    def _are_so_many(self, ghosts: Ghosts, served: int) -> bool:
        """Whether there can be so many ghosts of each kind, beside one that is served."""
        kinds = [served, *(self._kinds[ghost.share] for ghost in ghosts)]
        return all(kinds.count(kind) <= most for kind, most in self.beside.items())

    def _placed(self, chosen: Ghosts, turn: int, taken: str = "") -> Ghosts:
        """The ghosts with names; the same choice is placed for each message that is read beside it."""
        key = (chosen, turn, taken)
        if key not in self._placings:
            self._placings[key] = self._placed_anew(chosen, turn, taken)
        return self._placings[key]

    def _placed_anew(self, chosen: Ghosts, turn: int, taken: str) -> Ghosts:
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
        somebody who is seen is still said by somebody. Where there are too many choices to look at, they do not.
        """
        kinds = self._all_bearings()
        if comb(len(kinds) + self.most, self.most + 1) > MOST_CHOICES:
            return False
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
        for share, head in self.heads_at[self.place(shares[0])]:
            beside = self.heads[share, head]
            if all(other in beside for other in shares) and self.beside.get(self._kinds[share], 1):
                for chosen in product(*(sorted(beside[other]) for other in shares)):
                    joints, parts = tuple(zip(*chosen, strict=True))
                    yield Ghost("", share, joints), head, parts

    def _said(self, head: Head, parts: tuple[int, ...], owner: str, name: str) -> Any:
        """A message about a ghost, with what it says of those who are seen."""
        message = self.restrict.renamed(head.message, named(owner, name))
        for other, part in zip(self.seen, parts, strict=False):
            message = self.with_said(message, part, name, other)
        return message

    def _told_of_all(self, owner: str, message: Any, ghosts: Ghosts, head: Head) -> Iterator[Any]:
        """The message with what it says of ghosts; to a server, with all that it may say of the other who is seen."""
        if owner:
            yield from self._told_of_the_other(owner, message, ghosts[0].name)
            return
        first, *others = ghosts
        for other in others:
            message = self.with_said(
                message, min(self.heads[first.share, head][other.share]).part, first.name, other.name
            )
        yield message

    def _told_of_the_other(self, owner: str, message: Any, subject: str) -> tuple[Any, ...]:
        """A message that is not seen, with all that it may say of the other server that is seen.

        That is listed anew when more is known of what such messages say; it only grows.
        """
        base = self.restrict.renamed(self.restrict(message, frozenset({subject})), canonical(subject, ""))
        count = len(self.contents.get(base, ()))
        before, found = self._told_unseen.get((owner, message, subject), (-1, ()))
        if before != count:
            found = tuple(self._all_told_of_the_other(owner, message, subject, base))
            self._told_unseen[owner, message, subject] = (count, found)
        return found

    def _all_told_of_the_other(self, owner: str, message: Any, subject: str, base: Any) -> Iterator[Any]:
        other = self.seen[1 if owner == self.seen[0] else 0]
        visible = frozenset(self.seen)
        for part in (None, *self.contents.get(base, ())):
            said = self.restrict.renamed(part, named(subject, other)) if part is not None else message
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

    def news(self, owner: str, local: Any, message: Any) -> Iterator[tuple[Ghosts, Any, Hashable]]:
        """What a server reads where a message is seen that is about a ghost: the ghosts, the local state, the message.

        It is one of those that stood first where that one was seen, with what it says of files that are seen here.
        """
        shares, mine = self.split(owner, local), frozenset({owner})
        for turn, (ghost, head, _) in enumerate(self._read_first(owner, shares)):
            fitting = self._fitting(owner, (*shares, ghost.share))
            for place, names in enumerate(self.places):
                known = self.restrict.renamed(head.message, named(owner, names[0]))
                if self.restrict(known, mine) != self.restrict(message, mine):
                    continue
                about = self.restrict.merged(known, self.restrict.renamed(message, ((OTHERS, names[0]),)))
                for others in self._beside(owner, shares, fitting, turn, place, ghost):
                    ghosts = (ghost._replace(name=names[0]), *others)
                    yield ghosts, self.whole(owner, local, ghosts), about
