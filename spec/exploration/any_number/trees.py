"""What a chart of others holds, as a tree: what is seen of it by whoever looks at a few members, and the way back.

As in `restriction`: an element of a list, a set or a tuple of names, and a key of a dictionary, that names a hidden
member is left out with all that it holds; in any other text a hidden member is called `OTHERS`. A list that begins with
hidden members begins with `OTHERS`: who is first is not a question of pairs. `joined` is the inverse: all trees of
which two others are seen.

What cannot be looked at member by member is refused (`Trees.check`): an object that hangs in two places, an element
that names two members, a bounded deque.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from spec.exploration.any_number.restriction import NOBODY, Names, NotInterchangeable
from spec.system.data import Picture
from spec.system.data.atoms import Atom
from spec.system.data.canonical import Node, Ref


class Leaf(NamedTuple):
    """A value that cannot change, by what it is compared by."""

    key: Hashable


class Branch(NamedTuple):
    """An object, as in a picture, with what it holds."""

    kind: Any
    cls: type
    extra: Hashable
    items: "tuple[Tree, ...]"
    fields: "tuple[tuple[Hashable, Tree], ...]"


Tree = Leaf | Branch
OTHERS = "<another member>"
"""In a text, in place of the name of a hidden member."""
SEQUENCES = frozenset({"list", "deque", "tuple"})
SETS = frozenset({"set", "frozenset"})
MAPPINGS = frozenset({"dict", "OrderedDict", "defaultdict"})


@dataclass
class Trees:
    """Trees of charts whose members have these names. What was asked once is kept."""

    names: tuple[str, ...]
    _atoms: dict[Hashable, Atom] = field(default_factory=dict)
    _mentioned: dict[Tree, Names] = field(default_factory=dict)
    _seen: dict[tuple[Tree, Names], Tree] = field(default_factory=dict)
    _renamed: dict[tuple[Tree, tuple[tuple[str, str], ...]], Tree] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![A-Za-z0-9])({words})(?![A-Za-z0-9])")

    # There and back.

    def of(self, picture: Picture, where: str) -> tuple[Tree, ...]:
        """The trees of what a chart, its model and its listeners hold. Raises `NotInterchangeable`."""
        met: set[int] = set()

        def tree(ref: Ref) -> Tree:
            if isinstance(ref, Atom):
                self._atoms.setdefault(ref.key, ref)
                return Leaf(ref.key)
            node = picture.nodes[ref]
            if node.kind.has_identity(node.cls):
                if ref in met:
                    raise NotInterchangeable(
                        f"{where} holds one {node.cls.__name__} in two places, so nobody can tell what of it is about "
                        "which member: keep a copy"
                    )
                met.add(ref)
            fields = tuple((name, tree(each)) for name, each in node.fields)
            return _ordered(Branch(node.kind, node.cls, node.extra, tuple(map(tree, node.items)), fields))

        found = tuple(map(tree, picture.tops))
        for each in found:
            self.check(each, where)
        return found

    def picture(self, trees: Iterable[Tree]) -> Picture:
        """The picture of trees."""
        nodes: list[Node] = []

        def ref(tree: Tree) -> Ref:
            if isinstance(tree, Leaf):
                return self._atoms[tree.key]
            place = len(nodes)
            nodes.append(Node(tree.kind, tree.cls, tree.extra, (), ()))
            items = tuple(map(ref, tree.items))
            nodes[place] = Node(
                tree.kind, tree.cls, tree.extra, items, tuple((n, ref(each)) for n, each in tree.fields)
            )
            return place

        return Picture(nodes, tuple(map(ref, trees)))

    def check(self, tree: Tree, where: str) -> None:
        """Raise `NotInterchangeable` for what cannot be looked at member by member."""
        if isinstance(tree, Leaf):
            if len(self.mentioned(tree)) > 1:
                raise NotInterchangeable(f"{where} holds a text that names two members: {self._text(tree)!r}")
            return
        if self.mentioned(tree):
            if tree.kind.name == "deque" and tree.extra is not None:
                raise NotInterchangeable(f"{where} holds a bounded deque: how many members it takes depends on N")
            if isinstance(tree.extra, str) and self._pattern.search(tree.extra):
                raise NotInterchangeable(f"{where} holds a {tree.cls.__name__} that names a member: keep a plain text")
        groups = self._groups(tree) or ()
        for group in groups:
            if len(self.mentioned_in(group)) > 1:
                raise NotInterchangeable(f"{where} holds an element that names two members: keep them apart")
            if len(group) > 1 and self.mentioned(group[1]) - self.mentioned(group[0]):
                raise NotInterchangeable(
                    f"{where} holds a {tree.cls.__name__} that names members in keys, and others in values: keep them "
                    "apart"
                )
        for each in (*tree.items, *(each for _, each in tree.fields)):
            self.check(each, where)

    # Names.

    def mentioned(self, tree: Tree) -> Names:
        """The members that a tree names."""
        if tree not in self._mentioned:
            if isinstance(tree, Leaf):
                found = frozenset(self._pattern.findall(self._text(tree)))
            else:
                found = self.mentioned_in((*tree.items, *(each for _, each in tree.fields)))
            self._mentioned[tree] = found
        return self._mentioned[tree]

    def mentioned_in(self, trees: Iterable[Tree]) -> Names:
        """The members that any of these names."""
        return frozenset().union(*map(self.mentioned, trees))

    def _text(self, leaf: Leaf) -> str:
        value = self._atoms[leaf.key].value
        return value if isinstance(value, str) else ""

    def masked(self, text: str, visible: Names = NOBODY) -> str:
        """A text in which hidden members have no names."""
        return self._pattern.sub(lambda found: found[0] if found[0] in visible else OTHERS, text)

    def is_resolved(self, tree: Tree) -> bool:
        """Whether no text speaks of a hidden member."""
        if isinstance(tree, Leaf):
            return OTHERS not in self._text(tree)
        return all(map(self.is_resolved, (*tree.items, *(each for _, each in tree.fields))))

    def renamed(self, tree: Tree, names: tuple[tuple[str, str], ...]) -> Tree:
        """The tree under other names."""
        key = (tree, names)
        if key not in self._renamed:
            table = dict(names)
            found = self._mapped(tree, lambda text: self._pattern.sub(lambda f: table.get(f[0], f[0]), text))
            self._renamed[key] = found
        return self._renamed[key]

    def _mapped(self, tree: Tree, text: Callable[[str], str]) -> Tree:
        if isinstance(tree, Leaf):
            old = self._text(tree)
            return self._leaf(text(old)) if old and text(old) != old else tree
        items = tuple(self._mapped(each, text) for each in tree.items)
        fields = tuple((name, self._mapped(each, text)) for name, each in tree.fields)
        return _ordered(tree._replace(items=items, fields=fields))

    def _leaf(self, text: str) -> Leaf:
        key = (str, text)
        self._atoms.setdefault(key, Atom(key, text))
        return Leaf(key)

    # What is seen.

    def __call__(self, tree: Tree, visible: Names) -> Tree:
        """What is seen of a tree by whoever looks at these members."""
        key = (tree, visible)
        if key not in self._seen:
            self._seen[key] = self._restricted(tree, visible)
        return self._seen[key]

    def _restricted(self, tree: Tree, visible: Names) -> Tree:
        if isinstance(tree, Leaf):
            return self._mapped(tree, lambda text: self.masked(text, visible))
        groups = self._groups(tree)
        items = tree.items
        if groups is not None:
            items = tuple(each for group in groups if self.mentioned_in(group) <= visible for each in group)
            if tree.kind.name in SEQUENCES and groups and self._is_hidden(groups[0][0], visible):
                rest = items[1:] if items[:1] == groups[0] and not self.mentioned(groups[0][0]) else items
                items = (self._leaf(OTHERS), *rest)
        fields = tuple((name, self(each, visible)) for name, each in tree.fields)
        return _ordered(tree._replace(items=tuple(self(each, visible) for each in items), fields=fields))

    def _is_hidden(self, first: Tree, visible: Names) -> bool:
        """Whether a list begins with a hidden member."""
        return not self.mentioned(first) <= visible or first == self._leaf(OTHERS)

    def _groups(self, tree: Branch) -> Sequence[tuple[Tree, ...]] | None:
        """What a collection consists of: elements, or pairs of a dictionary. None for what is no collection."""
        kind = tree.kind.name
        if kind in SETS or (kind in SEQUENCES and (kind != "tuple" or self._is_list(tree))):
            return [(each,) for each in tree.items]
        if kind in MAPPINGS and (not tree.items or any(map(self.mentioned, tree.items[::2]))):
            return _pairs(tree)
        return None

    def _is_list(self, tree: Branch) -> bool:
        """Whether a tuple is a list, and no record."""
        items = tree.items[1:] if tree.items[:1] == (self._leaf(OTHERS),) else tree.items
        return all(isinstance(each, Leaf) and bool(self._text(each)) for each in items) or all(
            isinstance(each, Branch) for each in items
        )

    def collections(self, tree: Tree, name: str = "") -> Iterator[tuple[str, str]]:
        """The attributes that lead to collections that name members, and of what kind these are."""
        if isinstance(tree, Leaf) or not self.mentioned(tree):
            return
        if name and self._groups(tree) is not None:
            yield name, tree.kind.name
        for each in tree.items:
            for _, kind in self.collections(each, name):
                yield name, kind
        for attribute, each in tree.fields:
            inner = str(attribute[-1]) if isinstance(attribute, tuple) else str(attribute)
            for found, kind in self.collections(each, inner):
                yield found, kind
                if name:
                    yield name, "object"

    def sizes(self, tree: Tree, name: str = "") -> Iterator[tuple[str, int]]:
        """How many elements about members collections have, by the attributes that hold them."""
        if isinstance(tree, Leaf) or not self.mentioned(tree):
            return
        if name and (groups := self._groups(tree)) is not None:
            yield name, sum(bool(self.mentioned_in(group)) for group in groups)
            return
        for each in tree.items:
            yield from self.sizes(each, name)
        for attribute, each in tree.fields:
            yield from self.sizes(each, str(attribute[-1]) if isinstance(attribute, tuple) else str(attribute))

    def scalars(self, tree: Tree) -> int:
        """In how many places outside collections a text can name a member."""
        if isinstance(tree, Leaf):
            return int(bool(self.mentioned(tree)) or OTHERS in self._text(tree))
        inner = sum(self.scalars(each) for _, each in tree.fields)
        return inner + (0 if self._groups(tree) is not None else sum(map(self.scalars, tree.items)))

    # The way back.

    def joined(self, one: Tree, other: Tree, new: str) -> tuple[Tree, ...]:
        """All trees that can be seen as `one` without `new`, and as `other` by `new` and one whom both see, and more:
        whoever asks has to look.
        """
        if isinstance(one, Leaf) or isinstance(other, Leaf):
            if one == other:
                return (one,)
            if isinstance(one, Leaf) and isinstance(other, Leaf) and self(one, NOBODY) == self(other, NOBODY):
                return (other,) if new in self.mentioned(other) else (one,)
            return ()
        if (one.kind, one.cls, one.extra) != (other.kind, other.cls, other.extra):
            return ()
        if [name for name, _ in one.fields] != [name for name, _ in other.fields]:
            return ()
        fields = [self.joined(a, b, new) for (_, a), (_, b) in zip(one.fields, other.fields, strict=True)]
        names = [name for name, _ in one.fields]
        return tuple(
            _ordered(one._replace(items=items, fields=tuple(zip(names, held, strict=True))))
            for items in self._joined_items(one, other, new)
            for held in product(*fields)
        )

    def _joined_items(self, one: Branch, other: Branch, new: str) -> tuple[tuple[Tree, ...], ...]:
        if one.kind.name in MAPPINGS and one.kind.name != "OrderedDict":
            return self._joined_pairs(one, other, new)
        groups, mine = self._groups(one), self._groups(other)
        if one.kind.name == "OrderedDict":
            groups, mine = _pairs(one), _pairs(other)
        if groups is None or mine is None:
            if len(one.items) != len(other.items):
                return ()
            return tuple(product(*(self.joined(a, b, new) for a, b in zip(one.items, other.items, strict=True))))
        if one.kind.name in SETS:
            return ((*one.items, *(each for each in other.items if new in self.mentioned(each))),)
        hidden = (self._leaf(OTHERS),)
        if one.kind.name not in SEQUENCES or hidden not in {*groups[:1], *mine[:1]}:
            return tuple(map(_flat, self._interleaved(groups, mine, new)))
        groups, mine = ([each for each in side if each != hidden] for side in (groups, mine))
        orders = [*map(_flat, self._interleaved(groups, mine, new))]
        return (*orders, *((*hidden, *order) for order in orders))

    def _joined_pairs(self, one: Branch, other: Branch, new: str) -> tuple[tuple[Tree, ...], ...]:
        first, second = dict(_pairs(one)), dict(_pairs(other))
        common = [key for key in first if key in second]
        alone = [(key, each) for key, each in first.items() if key not in second]
        alone += [(key, each) for key, each in second.items() if key not in first]
        if not all(self.mentioned(key) for key, _ in alone):
            return ()
        kept = tuple(part for pair in alone for part in pair)
        values = product(*(self.joined(first[key], second[key], new) for key in common))
        return tuple((*kept, *(part for pair in zip(common, held, strict=True) for part in pair)) for held in values)

    def _interleaved(
        self, one: Sequence[tuple[Tree, ...]], other: Sequence[tuple[Tree, ...]], new: str
    ) -> Iterator[Sequence[tuple[Tree, ...]]]:
        """All orders in which what both hold is in the order of both; what only `one` holds is about members that
        `other` does not see.
        """
        if not other:
            yield one
            return
        first = other[0]
        if new in self.mentioned_in(first):
            for rest in self._interleaved(one, other[1:], new):
                yield [first, *rest]
            if one and one[0] not in other:
                for rest in self._interleaved(one[1:], other, new):
                    yield [one[0], *rest]
        elif one and one[0] == first:
            for rest in self._interleaved(one[1:], other[1:], new):
                yield [first, *rest]
        elif one and one[0] not in other:
            for rest in self._interleaved(one[1:], other, new):
                yield [one[0], *rest]


def _pairs(tree: Branch) -> list[tuple[Tree, Tree]]:
    """The keys and values of a dictionary."""
    return list(zip(tree.items[::2], tree.items[1::2], strict=True))


def _flat(groups: Iterable[tuple[Tree, ...]]) -> tuple[Tree, ...]:
    return tuple(each for group in groups for each in group)


def _ordered(tree: Branch) -> Branch:
    """The same, where what is in no order is in one that depends on nothing else."""
    if tree.kind.order == "set":
        return tree._replace(items=tuple(sorted(tree.items, key=repr)))
    if tree.kind.order == "mapping":
        return tree._replace(items=tuple(part for pair in sorted(_pairs(tree), key=repr) for part in pair))
    return tree
