"""The canonical form of an object graph: equal for graphs that are built alike, whatever order they were read in."""

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from spec.system.data.atoms import Atom, Kind

Ref = int | Atom
"""A node by its place in the picture, or an atom."""


class Node(NamedTuple):
    """One object: how it is made, of what class, what it holds, and its attributes."""

    kind: Kind
    cls: type
    extra: Hashable
    items: tuple[Ref, ...]
    fields: tuple[tuple[Hashable, Ref], ...]

    def label(self) -> Hashable:
        """What it is without what it holds."""
        return (self.kind.name, self.cls, self.extra, len(self.items), tuple(name for name, _ in self.fields))


def children_first(nodes: Sequence[Node], tops: Iterable[Ref]) -> list[int]:
    """The nodes below `tops`, each after what it holds, as far as cycles allow that."""
    order: list[int] = []
    seen: set[int] = set()
    for top in tops:
        if isinstance(top, Atom) or top in seen:
            continue
        seen.add(top)
        todo = [(top, _children(nodes[top]))]
        while todo:
            here, rest = todo[-1]
            child = next((ref for ref in rest if ref not in seen), None)
            if child is None:
                order.append(here)
                todo.pop()
            else:
                seen.add(child)
                todo.append((child, _children(nodes[child])))
    return order


def _children(node: Node) -> Iterator[int]:
    yield from (ref for ref in node.items if isinstance(ref, int))
    yield from (ref for _, ref in node.fields if isinstance(ref, int))


def canonical_form(nodes: Sequence[Node], tops: tuple[Ref, ...], order: Sequence[int]) -> Hashable:
    """The form of the graph below `tops`; `order` is that of `children_first`."""
    return _Canonical(nodes, tops, order).form()


def spelled(name: Hashable) -> str:
    """The name of an attribute, or of a slot with its class."""
    return str(name[-1]) if isinstance(name, tuple) else str(name)


class _Canonical:
    """The form of a picture: a row for each node, numbered in an order that depends on the data alone.

    What has an identity is numbered where it is met first; what has none (a tuple) is the same row wherever the same
    is held. What is in no order is put into the order of its colours: digests of all that is around a node, refined
    until they tell apart what can be told apart (Weisfeiler and Leman).
    """

    def __init__(self, nodes: Sequence[Node], tops: tuple[Ref, ...], order: Sequence[int]) -> None:
        self._nodes = nodes
        self._order = order
        self._tops = tops
        self._numbers: dict[int, int] = {}
        self._rows: list[Hashable] = []
        self._interchangeable: dict[Hashable, int] = {}
        self._todo: list[int] = []
        self._colours: list[bytes] = []

    def form(self) -> Hashable:
        tops = tuple([self._numbered(top) for top in self._tops])
        for number in self._todo:  # it grows
            self._rows[self._numbers[number]] = self._row(number)
        return (tops, tuple(self._rows))

    def _numbered(self, ref: Ref) -> Hashable:
        if isinstance(ref, Atom):
            return ref.key
        if ref not in self._numbers:
            self._values_below(ref)
        return self._numbers[ref]

    def _values_below(self, ref: int) -> None:
        """Number a node; one without an identity after all such that it holds."""
        todo = [ref]
        while todo:
            here = todo[-1]
            node = self._nodes[here]
            if here in self._numbers:
                todo.pop()
            elif node.kind.has_identity(node.cls):
                self._numbers[here] = len(self._rows)
                self._rows.append(None)
                self._todo.append(here)
                todo.pop()
            else:
                below = [each for each in self._ordered(node) if isinstance(each, int) and each not in self._numbers]
                if below:
                    todo += reversed(below)
                    continue
                row = self._row(here)
                if row not in self._interchangeable:
                    self._interchangeable[row] = len(self._rows)
                    self._rows.append(row)
                self._numbers[here] = self._interchangeable[row]
                todo.pop()

    def _row(self, number: int) -> Hashable:
        node = self._nodes[number]
        return (node.label(), tuple([self._numbered(ref) for ref in self._ordered(node)]))

    def _ordered(self, node: Node) -> list[Ref]:
        fields = [ref for _, ref in node.fields]
        if node.kind.order == "sequence":
            return [*node.items, *fields]
        if node.kind.order == "set":
            return [*sorted(node.items, key=self._rank), *fields]
        pairs = list(zip(node.items[::2], node.items[1::2], strict=True))
        if all(isinstance(key, Atom) for key, _ in pairs):
            pairs.sort(key=lambda pair: pair[0].order() if isinstance(pair[0], Atom) else "")
        else:
            pairs.sort(key=lambda pair: (self._rank(pair[0]), self._rank(pair[1])))
        return [*(ref for pair in pairs for ref in pair), *fields]

    def _rank(self, ref: Ref) -> tuple[str, bytes, int]:
        if isinstance(ref, Atom):
            return (ref.order(), b"", 0)
        if not self._colours:
            self._colours = _colours(self._nodes, self._tops, self._order)
        return ("", self._colours[ref], self._numbers.get(ref, len(self._nodes)))


def _colours(nodes: Sequence[Node], tops: tuple[Ref, ...], order: Sequence[int]) -> list[bytes]:
    """A digest of each node, equal only for nodes that can be exchanged for each other.

    Where refining tells no more apart, one of several that are alike is singled out, until those that are still alike
    hang in the same places and hold the same.
    """
    merged = _merged(nodes, order)
    nodes = [_mapped(node, merged) for node in nodes]
    live = [place for place in order if merged[place] == place]
    tops = tuple(ref if isinstance(ref, Atom) else merged[ref] for ref in tops)
    colours = [_digest(node.kind.name, node.cls, node.kind.spelled(node.extra), len(node.items)) for node in nodes]
    while True:
        colours = _refined(nodes, tops, live, colours)
        interchangeable: dict[bytes, list[int]] = {}
        for place in live:
            interchangeable.setdefault(colours[place], []).append(place)
        groups = [group for _, group in sorted(interchangeable.items()) if len(group) > 1]
        mixed = next((group for group in groups if not _exchangeable(nodes, live, group)), None)
        if mixed is None:
            return [colours[merged[place]] for place in range(len(nodes))]
        colours[mixed[0]] = _digest("singled out", colours[mixed[0]])


def _merged(nodes: Sequence[Node], order: Sequence[int]) -> list[int]:
    """For each node the one that stands for it: of those without an identity that hold the same, the first."""
    merged = list(range(len(nodes)))
    known: dict[Hashable, int] = {}
    for place in order:
        node = nodes[place]
        if not node.kind.has_identity(node.cls):
            held = _mapped(node, merged)
            items = [_plain(ref) for ref in held.items]
            row = (
                node.label(),
                frozenset(items) if node.kind.order == "set" else tuple(items),
                tuple(_plain(ref) for _, ref in held.fields),
            )
            merged[place] = known.setdefault(row, place)
    return merged


def _plain(ref: Ref) -> Hashable:
    return ref.key if isinstance(ref, Atom) else ref


def _mapped(node: Node, merged: Sequence[int]) -> Node:
    return node._replace(
        items=tuple(ref if isinstance(ref, Atom) else merged[ref] for ref in node.items),
        fields=tuple((name, ref if isinstance(ref, Atom) else merged[ref]) for name, ref in node.fields),
    )


def _refined(nodes: Sequence[Node], tops: tuple[Ref, ...], live: Sequence[int], colours: list[bytes]) -> list[bytes]:
    count = 0
    while len({colours[place] for place in live}) > count:
        count = len({colours[place] for place in live})
        above: list[list[bytes]] = [[] for _ in nodes]
        for place, top in enumerate(tops):
            if isinstance(top, int):
                above[top].append(_digest("top", place))
        below = {place: _digest(*_below(nodes[place], colours[place], colours, above)) for place in live}
        colours = list(colours)
        for place in live:
            colours[place] = _digest(below[place], *sorted(above[place]))
    return colours


def _exchangeable(nodes: Sequence[Node], live: Sequence[int], group: Sequence[int]) -> bool:
    """Whether nodes hold the very same, and hang in the very same places."""
    members = set(group)
    if (
        len(
            {(tuple(map(_plain, nodes[each].items)), tuple(_plain(r) for _, r in nodes[each].fields)) for each in group}
        )
        > 1
    ):
        return False
    for place in live:
        node = nodes[place]
        held = [ref for ref in (*node.items, *(ref for _, ref in node.fields)) if ref in members]
        if held and (place in members or node.kind.order != "set" or len(set(held)) < len(members)):
            return False
    return True


def _below(node: Node, own: bytes, colours: Sequence[bytes], above: list[list[bytes]]) -> Iterator[Any]:
    """What a node holds, as colours; it tells those that it holds how they hang on it."""

    def colour(ref: Ref, *edge: Any) -> bytes:
        if isinstance(ref, Atom):
            return ref.order().encode()
        if edge:
            above[ref].append(_digest(own, *edge))
        return colours[ref]

    yield own
    if node.kind.order == "sequence":
        yield from (colour(ref, "item", place) for place, ref in enumerate(node.items))
    elif node.kind.order == "set":
        yield from sorted(colour(ref, "element") for ref in node.items)
    else:
        pairs = zip(node.items[::2], node.items[1::2], strict=True)
        yield from sorted(
            _digest(colour(key, "key", colour(each)), colour(each, "value", colour(key))) for key, each in pairs
        )
    yield from (colour(ref, "field", spelled(name)) for name, ref in node.fields)


def _digest(*parts: Any) -> bytes:
    return hashlib.blake2b(repr(parts).encode(errors="backslashreplace"), digest_size=16).digest()
