"""What is known of hidden members by the charts that there are one of each: views of pairs, put together.

A chart that there is one of (a *centre*) is seen by two members. Whatever it holds with some hidden members besides, by
each two of them it must be seen in a way that is known: that is the lemma that the fixpoint discovers. What stood first
in its queue was first for each two, too. So the completions of a view are all that can be joined of known pairs.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from spec.exploration.any_number.restriction import NotInterchangeable
from spec.exploration.any_number.trees import Tree, Trees

MOST_WHOLES = 20_000
"""Ways in which one view of a chart is completed."""


class Seen(NamedTuple):
    """What is seen of a chart: what says nothing of members, and trees of what it holds."""

    rest: Hashable
    trees: tuple[Tree, ...]


class Whole(NamedTuple):
    """What a chart holds, with hidden members, and who is there."""

    seen: Seen
    members: tuple[str, ...]


@dataclass
class Completions:
    """All that is known of one centre; it only grows. `seen` are the two members of every view."""

    trees: Trees
    seen: tuple[str, str]
    ghosts: tuple[str, ...]
    """Names for hidden members, as many as are tried at once."""
    name: str = ""
    caps: Mapping[str, int] = field(default_factory=dict)
    """Up to which size charts ask how large a collection is, by the attribute that holds it."""
    profiles: set[Hashable] = field(default_factory=set)
    """How large all these collections were at once, of all members, and what was said of none."""
    pairs: set[Seen] = field(default_factory=set)
    heads: dict[Hashable, set[Seen]] = field(default_factory=lambda: defaultdict(set))
    """By message, of the first of the two where it is of a member: beside which pairs it stood first."""
    beside: set[tuple[Hashable, Seen]] = field(default_factory=set)
    """How a member was, and how it and another one were seen by the centre then; the member comes first."""
    heads_beside: set[tuple[Hashable, Hashable, Seen]] = field(default_factory=set)
    """By message of the other member that stood first: how a member was then, and how both were seen."""
    _by_first: dict[Seen, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    _joined: dict[tuple[Seen, Seen, str], tuple[Seen, ...]] = field(default_factory=dict)
    _pair: dict[tuple[Seen, str, str], Seen] = field(default_factory=dict)
    _wholes: dict[Seen, tuple[tuple[int, int], tuple[Whole, ...]]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Grows whenever anything becomes known."""
        sets: tuple[Sized, ...] = (self.pairs, self.beside, self.heads_beside, self.profiles, *self.heads.values())
        return sum(len(each) for each in sets)

    def profile(self, whole: Seen) -> Hashable:
        """How large the collections are that charts ask for. Pairs do not tell whether anybody is in one."""
        found = dict.fromkeys(self.caps, 0)
        for tree in whole.trees:
            for name, size in self.trees.sizes(tree):
                if name in found:
                    found[name] = min(found[name] + size, self.caps[name])
        return whole.rest, tuple(sorted(found.items()))

    def restricted(self, one: Seen, *names: str) -> Seen:
        """What these members see of it."""
        visible = frozenset(names)
        return Seen(one.rest, tuple(self.trees(tree, visible) for tree in one.trees))

    def renamed(self, one: Seen, *names: tuple[str, str]) -> Seen:
        """The same under other names."""
        return Seen(one.rest, tuple(self.trees.renamed(tree, names) for tree in one.trees))

    def learn(self, one: Seen) -> None:
        """Note what is seen of it, by both."""
        a, b = self.seen
        for each in (one, self.renamed(one, (a, b), (b, a))):
            if each not in self.pairs:
                self.pairs.add(each)
                self._by_first[self.restricted(each, a)].append(each)

    def learn_head(self, one: Seen, message: Hashable, sender: str) -> None:
        """Note what stands first in its queue; `message` is under the name of the first who is seen."""
        a, b = self.seen
        turned = self.renamed(one, (a, b), (b, a))
        for each in (turned,) if sender == b else (one,) if sender == a else (one, turned):
            self.heads[message].add(each)

    def pair(self, whole: Seen, one: str, two: str) -> Seen:
        """What two members see of it, under the names of those who are seen."""
        key = (whole, one, two)
        if key not in self._pair:
            a, b = self.seen
            self._pair[key] = self.renamed(self.restricted(whole, one, two), *_turned(one, two, a, b))
        return self._pair[key]

    def is_first(self, whole: Whole, message: Hashable, sender: str) -> bool:
        """Whether a message can stand first, for each two who are there."""
        known = self.heads.get(message, set())
        others = [name for name in whole.members if name != sender]
        if sender:
            return all(self.pair(whole.seen, sender, other) in known for other in others)
        return all(self.pair(whole.seen, one, two) in known for at, one in enumerate(others) for two in others[:at])

    def fits(self, whole: Whole, slots: Sequence[Hashable], message: Hashable, sender: str) -> bool:
        """Whether this can be so while the two who are seen are as `slots` say, and a hidden `sender` is read."""
        for member, slot in zip(self.seen, slots, strict=True):
            for ghost in whole.members[2:]:
                pair = self.pair(whole.seen, member, ghost)
                if (slot, pair) not in self.beside:
                    return False
                if ghost == sender and (message, slot, pair) not in self.heads_beside:
                    return False
        return True

    def wholes(self, one: Seen) -> tuple[Whole, ...]:
        """All that this can be seen of, with no hidden member up to as many as are tried."""
        version = len(self.pairs), len(self.profiles)
        known = self._wholes.get(one)
        if known is None or known[0] != version:
            known = (version, tuple(self._completed(one)))
            self._wholes[one] = known
        return known[1]

    def _completed(self, one: Seen) -> Iterator[Whole]:
        level = {one: None}
        members: tuple[str, ...] = self.seen
        count = 0
        for ghost in ("", *self.ghosts):
            if ghost:
                level = {each: None for whole in level for each in self._extended(whole, members, ghost)}
                members = (*members, ghost)
            count += len(level)
            if count > MOST_WHOLES:
                raise NotInterchangeable(
                    f"{self.name} can look in more than {MOST_WHOLES:,} ways when {len(members)} members are there"
                )
            yield from (Whole(each, members) for each in level if self._is_whole(each))

    def _is_whole(self, one: Seen) -> bool:
        """Whether nothing is said of somebody who is not there, and collections are as large as they have been."""
        return all(map(self.trees.is_resolved, one.trees)) and self.profile(one) in self.profiles

    def _extended(self, whole: Seen, members: tuple[str, ...], ghost: str) -> Iterator[Seen]:
        """All that this is seen of, with one hidden member more."""
        a, b = self.seen
        for other in self._by_first.get(self.restricted(whole, a), ()):
            for made in self._join(whole, self.renamed(other, (b, ghost)), members, ghost):
                if all(self.pair(made, member, ghost) in self.pairs for member in members):
                    yield self._canonical(made, (*members[2:], ghost))

    def _join(self, one: Seen, other: Seen, members: tuple[str, ...], ghost: str) -> tuple[Seen, ...]:
        key = (one, other, ghost)
        if key not in self._joined:
            parts: list[tuple[Tree, ...]] = [()]
            for mine, theirs in zip(one.trees, other.trees, strict=True):
                parts = [(*part, tree) for part in parts for tree in self.trees.joined(mine, theirs, ghost)]
            self._joined[key] = tuple(
                made
                for made in dict.fromkeys(Seen(one.rest, part) for part in parts)
                if self.restricted(made, *members) == one and self.restricted(made, members[0], ghost) == other
            )
        return self._joined[key]

    def _canonical(self, one: Seen, ghosts: Sequence[str]) -> Seen:
        """One for all that differ in who of the hidden members is called what."""
        if len(ghosts) < 2 or not self.trees.mentioned_in(one.trees) & {*ghosts}:  # noqa: PLR2004 - nothing to order
            return one
        found = {name: self._place(one, name, ghosts) for name in ghosts}
        order = sorted(ghosts, key=lambda name: found[name])
        moved = tuple((old, new) for old, new in zip(order, ghosts, strict=True) if old != new)
        return self.renamed(one, *moved) if moved else one

    def _place(self, one: Seen, name: str, ghosts: Sequence[str]) -> str:
        """What tells one hidden member from the others, whatever they are called."""
        names = tuple((each, "=" if each == name else "#") for each in ghosts)
        return repr(self.renamed(one, *names).trees)


def _turned(one: str, two: str, a: str, b: str) -> tuple[tuple[str, str], ...]:
    return tuple((old, new) for old, new in ((one, a), (two, b)) if old != new)


def exchanges(names: Sequence[str]) -> Iterator[tuple[tuple[str, str], ...]]:
    """What exchanges two neighbours of these names: all other permutations are made of these."""
    for one, two in pairwise(names):
        yield ((one, two), (two, one))
