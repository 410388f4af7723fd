"""A look at values, and the values again."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from spec.system.data.atoms import Atom, Opaque, Same, atom_of
from spec.system.data.canonical import Node, Ref, canonical_form, children_first, spelled
from spec.system.data.layout import ANCHOR, fields_of, kind_of, namespace_of, set_fields


class TooLarge(Exception):  # noqa: N818 - what was found, not a defect
    """There is more data than was to be looked at."""


class Anchors(NamedTuple):
    """Objects that belong to the place that the data is in, and are found there again rather than copied.

    `name` gives the name of such an object, None for all others; `find` gives the object of a name.
    """

    name: Callable[[Any], Hashable]
    find: Callable[[Hashable], Any]


def _no_object(name: Hashable) -> Any:
    raise LookupError(f"nothing is anchored as {name!r}")


NO_ANCHORS = Anchors(lambda _value: None, _no_object)


class Origin(NamedTuple):
    """Where a node was found first: in which other node, and how it hangs there."""

    parent: int
    edge: str


class Picture:
    """What `take` saw: `form` is its canonical form, and `restore` makes the values again."""

    def __init__(self, nodes: list[Node], tops: tuple[Ref, ...]) -> None:
        self.nodes = nodes
        self.tops = tops
        self._order = children_first(nodes, tops)
        self.form: Hashable = canonical_form(nodes, tops, self._order)

    def renamed(self, text: Callable[[str], str]) -> "Picture":
        """The same with other texts; what is no text stays, and so do the names of attributes."""

        def ref(each: Ref) -> Ref:
            if isinstance(each, int) or type(each.value) is not str:
                return each
            new = text(each.value)
            return Atom((str, new), new)

        nodes = [
            node._replace(
                extra=text(node.extra) if issubclass(node.cls, str) and isinstance(node.extra, str) else node.extra,
                items=tuple(map(ref, node.items)),
                fields=tuple((name, ref(each)) for name, each in node.fields),
            )
            for node in self.nodes
        ]
        return Picture(nodes, tuple(map(ref, self.tops)))

    def differing(self, other: "Picture") -> str:
        """Where two pictures of the same values differ: the place of one, and the name of an attribute of it."""
        for place, (one, two) in enumerate(zip(self.tops, other.tops, strict=True)):
            fields = [
                dict(each.nodes[ref].fields) if isinstance(ref, int) else {}
                for each, ref in ((self, one), (other, two))
            ]
            for name in dict.fromkeys(name for row in fields for name in row):
                if self.form_of(fields[0].get(name)) != other.form_of(fields[1].get(name)):
                    return f"{place}.{spelled(name)}"
        return ""

    def form_of(self, ref: Ref | None) -> Hashable:
        """The form of what hangs on one reference."""
        return None if ref is None else canonical_form(self.nodes, (ref,), children_first(self.nodes, (ref,)))

    def restore(
        self,
        into: Sequence[Any] = (),
        keep: Mapping[int, frozenset[str]] | None = None,
        anchors: Anchors = NO_ANCHORS,
    ) -> list[Any]:
        """The values again, new, or put into the objects of `into`, which stand for the first ones.

        `keep` names, by the place of such an object, attributes of it that are left alone.
        """
        made: dict[int, Any] = {}
        given = {top: place for place, top in enumerate(self.tops[: len(into)]) if isinstance(top, int)}
        for top, place in given.items():
            made[top] = into[place]
        for number in self._order:
            if number not in made and self.nodes[number].kind.is_mutable:
                made[number] = self.nodes[number].kind.make(self.nodes[number].cls, self.nodes[number].extra, [])
        later = self._order
        while later:
            before, later = later, [each for each in later if not self._fill(each, made, given, keep or {}, anchors)]
            assert len(later) < len(before), "a cycle of values that cannot change"
        return [top.value if isinstance(top, Atom) else made[top] for top in self.tops]

    def _fill(
        self,
        number: int,
        made: dict[int, Any],
        given: Mapping[int, int],
        keep: Mapping[int, frozenset[str]],
        anchors: Anchors,
    ) -> bool:
        """Give a node what it holds; False if that has not been made yet."""
        kind, cls, extra, items, fields = self.nodes[number]
        if kind is ANCHOR:
            made[number] = anchors.find(extra)
            return True
        if number not in made:
            first = items if kind.eager is None else items[: kind.eager]
            if any(isinstance(ref, int) and ref not in made for ref in first):
                return False
            made[number] = kind.make(cls, extra, [made[ref] if isinstance(ref, int) else ref.value for ref in first])
        if any(isinstance(ref, int) and ref not in made for ref in (*items, *(ref for _, ref in fields))):
            return False
        if number in given:
            kind.clear(made[number])
        if kind.is_mutable or number not in given:
            kind.fill(made[number], extra, [made[ref] if isinstance(ref, int) else ref.value for ref in items])
        if fields or number in given:
            held = [(name, made[ref] if isinstance(ref, int) else ref.value) for name, ref in fields]
            set_fields(made[number], held, keep.get(given[number], frozenset()) if number in given else None)
        return True


def take(
    values: Sequence[Any],
    names: Sequence[str] = (),
    skip: Mapping[int, frozenset[str]] | None = None,
    shared: Mapping[int, Any] | None = None,
    anchors: Anchors = NO_ANCHORS,
    *,
    used: bool = False,
    limit: int | None = None,
) -> "Inspection":
    """A look at `values`.

    `names` are what the values are called in paths. `skip` names, by the place of a value, attributes that are not
    data. Objects of `shared` (by `id`) are not looked into: they stand for themselves. Raises `Opaque` for what
    cannot be copied and compared, and `TooLarge` for more than `limit` objects. If they are `used`, the values are
    not made again but filled, so that their own class does not matter.
    """
    return Inspection(values, names, skip or {}, shared or {}, anchors, used=used, limit=limit)


def freeze(value: Any) -> Hashable:
    """The canonical form of a value. Raises `Opaque` if it has none."""
    return take([value]).picture.form


def copied(value: Any) -> Any:
    """A copy that has nothing in common with the value but what cannot change. Raises `Opaque`."""
    return take([value]).picture.restore()[0]


class Inspection:
    """One inspection of values: `picture` is what was seen, `objects` by `id` those that have an identity."""

    def __init__(
        self,
        values: Sequence[Any],
        names: Sequence[str],
        skip: Mapping[int, frozenset[str]],
        shared: Mapping[int, Any],
        anchors: Anchors,
        *,
        used: bool,
        limit: int | None,
    ) -> None:
        self._values = values
        self._names = names
        self._skip = skip
        self._shared = shared
        self._anchors = anchors
        self._used = used
        self._limit = limit
        self._objects: list[Any] = []  # also keeps what is made on the way alive, so that no `id` comes twice
        self._places: dict[int, int] = {}
        self._origins: list[Origin] = []
        self._namespaces: dict[int, int] = {}
        self._nodes: list[Node] = []
        self.picture = self._look()
        self.objects = {
            id(each): each
            for node, each in zip(self._nodes, self._objects, strict=True)
            if node.kind.has_identity(node.cls)
        }

    def _look(self) -> Picture:
        tops = [self._ref(value, -1 - place, "") for place, value in enumerate(self._values)]
        while len(self._nodes) < len(self._objects):
            self._nodes.append(self._node(len(self._nodes)))
            if self._limit is not None and len(self._objects) > self._limit:
                raise TooLarge
        for namespace, holder in self._namespaces.items():
            if namespace in self._places:
                place = self._places[namespace]
                raise Opaque(self._path(place), dict, f"it is the __dict__ of {self._path(holder)}; keep a copy of it")
        return Picture(self._nodes, tuple(tops))

    def path(self, key: int) -> str:
        """How to get to the object of that `id`, as in `Machine.purse[0].owner`."""
        return self._path(self._places[key])

    def _ref(self, value: Any, parent: int, edge: str) -> Ref:
        key = id(value)
        if key in self._places:
            return self._places[key]
        if key in self._shared and self._shared[key] is value:
            return Atom(Same(value), value)
        try:
            name = self._anchors.name(value)
        except Opaque as opaque:
            raise Opaque(self._named(parent, edge), opaque.cls, opaque.remedy) from None
        atom = atom_of(value) if name is None else None
        if atom is not None:
            return atom
        self._places[key] = len(self._objects)
        self._objects.append(value)
        self._origins.append(Origin(parent, edge))
        return self._places[key]

    def _node(self, place: int) -> Node:
        value = self._objects[place]
        name = self._anchors.name(value)
        if name is not None:
            return Node(ANCHOR, type(value), name, (), ())
        namespace = namespace_of(value)  # first, for to look for it can make it
        try:
            cls: Any = type(value)
            kind = kind_of(cls)
            extra, items = kind.open(value)
            skip = self._skip.get(-1 - self._origins[place].parent, frozenset())
            fields = [each for each in fields_of(value, kind) if each[0] not in skip]
        except Opaque as opaque:
            raise Opaque(self._path(place), opaque.cls, opaque.remedy) from None
        if namespace is not None and kind.eager is None:  # the others hand it out as a part of what they hold
            self._namespaces[id(namespace)] = place
        edges = kind.edges(value, items)
        return Node(
            kind,
            object if self._used and self._origins[place].parent < 0 else cls,  # it is not made again
            extra,
            tuple(self._ref(item, place, edge) for item, edge in zip(items, edges, strict=True)),
            tuple((name, self._ref(each, place, f".{spelled(name)}")) for name, each in fields),
        )

    def _path(self, place: int) -> str:
        return self._named(*self._origins[place])

    def _named(self, place: int, edge: str) -> str:
        edges = [edge]
        while place >= 0:
            origin = self._origins[place]
            edges.append(origin.edge)
            place = origin.parent
        top = -1 - place
        return (self._names[top] if top < len(self._names) else "value") + "".join(reversed(edges))
