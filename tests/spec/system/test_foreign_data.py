"""Data of any kind: taken, compared, put back; and what is refused, with the path to it."""

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import itertools
import pathlib
import random
import socket
import threading
import types
import uuid
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from immutabledict import immutabledict

from spec.system.data import Opaque, TooLarge, copied, freeze, take
from tests.support.nightly import share


class Plain:
    def __init__(self, value: Any = 0) -> None:
        self.value = value


class Slotted:
    __slots__ = ("__hidden", "value")

    def __init__(self, value: Any = 0) -> None:
        self.value = value
        self.__hidden = [value]


class Both(Slotted):
    def __init__(self, value: Any = 0) -> None:
        super().__init__(value)
        self.more = {"a": value}


@dataclasses.dataclass
class Open:
    value: Any = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Closed:
    value: Any = 0


class Named(NamedTuple):
    value: Any = 0


class Whole(int):
    note: Any


class Row(list[Any]):
    note: Any


class Table(dict[Any, Any]):
    note: Any


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Liar:
    """Its author says that all of them are equal, and that they need not be copied."""

    def __init__(self, value: Any = 0) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __reduce__(self) -> Any:
        return (Liar, ())

    def __copy__(self) -> "Liar":
        return self

    def __deepcopy__(self, memo: Any) -> "Liar":
        return self


class FailureError(ValueError):
    def __init__(self, one: Any, two: Any) -> None:
        super().__init__(one)
        self.two = two


def noted(value: Any, note: Any) -> Any:
    value.note = note
    return value


def counter(start: int) -> tuple[Callable[[], int], Callable[[], int]]:
    def more() -> int:
        nonlocal start
        start += 1
        return start

    return more, lambda: start


def seeded(draws: int) -> random.Random:
    found = random.Random(7)
    for _ in range(draws):
        found.random()
    return found


def deep(value: Any) -> Any:
    for _ in range(3000):
        value = [value]
    return value


def with_proxy(value: Any) -> Any:
    below = {"a": value}
    return below, types.MappingProxyType(below)


MAKERS: dict[str, Callable[[int], Any]] = {
    "int": lambda n: n,
    "float": lambda n: n + 0.5,
    "str": str,
    "bytes": lambda n: b"%d" % n,
    "complex": lambda n: complex(n, 1),
    "enum": lambda n: list(Colour)[n],
    "list": lambda n: [n, [n]],
    "tuple": lambda n: (n, [n]),
    "dict": lambda n: {"a": n, n: {}},
    "set": lambda n: {1, (n, 2)},
    "frozenset": lambda n: frozenset({uuid.UUID(int=n), Closed(1)}),
    "deque": lambda n: collections.deque([n], 5),
    "deque's length": lambda n: collections.deque([1], 5 + n),
    "defaultdict": lambda n: collections.defaultdict(list, {n: [n]}),
    "OrderedDict": lambda n: collections.OrderedDict([(n, 1), (1 - n, 1)]),
    "Counter": lambda n: collections.Counter("ab" + n * "c"),
    "bytearray": lambda n: bytearray(b"%d" % n),
    "ordinary class": Plain,
    "slots": Slotted,
    "slots and attributes": Both,
    "dataclass": Open,
    "frozen dataclass with slots": Closed,
    "frozen dataclass with an opaque field": lambda n: Closed(Plain(n)),
    "named tuple": Named,
    "named tuple of lists": lambda n: Named([n]),
    "UUIDs": lambda n: [uuid.UUID(int=n)],
    "datetime": lambda n: dt.datetime(2026, 1, 1 + n, tzinfo=dt.UTC),
    "timedelta": dt.timedelta,
    "Decimal": lambda n: decimal.Decimal(n) / 4,
    "Fraction": lambda n: fractions.Fraction(n, 3),
    "range": range,
    "path": lambda n: pathlib.Path(f"/a/{n}"),
    "seeded Random": seeded,
    "SimpleNamespace": lambda n: types.SimpleNamespace(a=[n]),
    "int with attributes": lambda n: noted(Whole(1), [n]),
    "list with attributes": lambda n: noted(Row([1]), n),
    "dict with attributes": lambda n: noted(Table(a=1), n),
    "exception": lambda n: ValueError("a", [n]),
    "exception with attributes": lambda n: FailureError("a", n),
    "error of the system": lambda n: OSError(n + 1, "no"),
    "closure": counter,
    "bound method": lambda n: Plain(n).__init__,  # type: ignore[misc]
    "built-in method": lambda n: [n].append,
    "partial": lambda n: functools.partial(print, n, end=""),
    "proxy": with_proxy,
    "array": lambda n: array.array("i", [n]),
    "numpy array": lambda n: np.arange(3) + n,
    "numpy number": np.float64,
    "text in memory": lambda n: io.StringIO(str(n)),
    "immutabledict": lambda n: immutabledict(a=n),
    "what lies about itself": Liar,
    "a class": lambda n: str if n else int,
    "a function": lambda n: (copied, noted)[n],
    "nested deeply": lambda n: deep([n]),
}


@pytest.mark.parametrize("name", MAKERS)
def test_data_of_every_kind_is_compared_and_copied(name: str) -> None:
    make = MAKERS[name]
    one, same, other = make(1), make(1), make(0)
    assert freeze(one) == freeze(same)
    assert freeze(one) != freeze(other)
    assert hash(freeze(one)) == hash(freeze(same))
    copy = copied(one)
    assert freeze(copy) == freeze(one)
    assert type(copy) is type(one)
    assert freeze([one, one]) == freeze(copied([one, one]))


def test_a_copy_has_nothing_in_common_with_the_value() -> None:
    value = [Plain([1]), {"a": {1}}, seeded(1)]
    before, copy = freeze(value), copied(value)
    copy[0].value.append(2)
    copy[1]["a"].add(2)
    copy[2].random()
    assert freeze(value) == before != freeze(copy)


def test_closures_that_share_a_variable_still_share_it() -> None:
    more, now = counter(1)
    other_more, other_now = copied((more, now))
    assert (other_more(), other_now(), now()) == (2, 2, 1)


def test_equality_does_not_depend_on_order_or_identity() -> None:
    assert freeze({"a": 1, "b": 2}) == freeze({"b": 2, "a": 1})
    assert freeze({(1, 2): 1, (3,): 2}) == freeze({(3,): 2, (1, 2): 1})
    assert freeze(1) != freeze(True) != freeze(1.0)
    assert freeze(float("nan")) == freeze(float("nan"))
    assert freeze(0.0) != freeze(-0.0)
    assert freeze([1, 2]) != freeze([2, 1])


def test_what_is_shared_stays_shared_and_is_told_apart() -> None:
    inner = [1]
    assert freeze([inner, inner]) != freeze([[1], [1]])
    assert freeze(([1], (1,), (1,))) == freeze(([1], (1,), (1,)))
    copy = copied([inner, inner])
    assert copy[0] is copy[1]
    pair = (1, 2)
    assert freeze([pair, pair]) == freeze([(1, 2), tuple([1, 2])]), "a tuple has no identity"  # noqa: C409


def test_objects_in_no_order_are_told_apart_by_who_holds_them() -> None:
    def pair(number: int) -> tuple[set[Plain], Plain]:
        one, two = Plain(), Plain()
        return {one, two}, (one, two)[number]

    assert len({freeze(pair(number % 2)) for number in range(20)}) == 1

    def ring(size: int) -> set[Plain]:
        members = [Plain() for _ in range(size)]
        for member, following in itertools.pairwise([*members, members[0]]):
            member.value = following
        return set(members)

    assert len({freeze(ring(6)) for _ in range(5)}) == 1
    two_rings = {*ring(3), *ring(3)}
    assert freeze(ring(6)) != freeze(two_rings)


def test_that_a_tuple_is_held_twice_does_not_change_an_order() -> None:
    for first in range(10):
        pairs = [(first, each) for each in range(4)]
        things = {Plain(pair) for pair in pairs}
        assert freeze([things, [pairs[0]] * 3]) == freeze([things, [(first, 0), (first, 0), (first, 0)]])


def test_used_objects_are_filled_and_lose_what_they_held() -> None:
    for used in ([1], {"a": 1}, {1}, collections.deque([1]), bytearray(b"1"), collections.OrderedDict(a=1)):
        picture = take([copied(used)]).picture
        add(used, 2) if not isinstance(used, bytearray) else used.append(2)
        picture.restore([used])
        assert freeze(used) == picture.form
    slotted, unset = Slotted(1), Slotted(1)
    del unset.value
    take([unset]).picture.restore([slotted])
    assert not hasattr(slotted, "value")


def test_cycles() -> None:
    def made() -> Any:
        row: list[Any] = []
        row.append((row, {"a": row}))
        thing = Plain(row)
        row.append(thing)
        thing.me = thing  # type: ignore[attr-defined]
        return row

    value = copied(made())
    assert freeze(value) == freeze(made())
    assert value[0][0] is value
    assert value[1].me is value[1]


def with_attributes() -> Any:
    thing = Plain()
    return [thing, thing.__dict__]


OPAQUE: dict[str, tuple[Callable[[], Any], str]] = {
    "lock": (threading.Lock, r"_thread\.lock: .*keep only data"),
    "event": (threading.Event, r"\._cond\._lock: _thread\.lock"),
    "socket": (socket.socket, r"socket\.socket: .*keep only data"),
    "iterator": (lambda: iter([1]), "list_iterator: an iterator cannot be read without moving it"),
    "generator": (lambda: (x for x in (1,)), "generator: an iterator cannot be read without moving it"),
    "count": (itertools.count, r"itertools\.count: an iterator cannot"),
    "open file": (lambda: open(pathlib.Path(__file__), encoding="utf-8"), "TextIOWrapper"),  # noqa: SIM115, PTH123
    "thread": (threading.Thread, "threading.Thread: a thread does not live on"),
    "system random": (random.SystemRandom, "SystemRandom: what it draws cannot be repeated"),
    "weak reference": (lambda: weakref.ref(Plain), "ReferenceType"),
    "memory": (lambda: memoryview(b"a"), "memoryview"),
    "attributes": (with_attributes, "it is the __dict__ of"),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_cannot_be_compared_is_named_with_its_path(name: str) -> None:
    make, says = OPAQUE[name]
    made = make()
    try:
        with pytest.raises(Opaque, match=says) as caught:
            take([Plain({"a": [made]})], ["Machine"])
        assert caught.value.path.startswith("Machine.value['a'][0]")
    finally:
        getattr(made, "close", lambda: None)()


def test_a_look_can_have_a_limit() -> None:
    take([[[], []]], limit=3)
    with pytest.raises(TooLarge):
        take([[[], [], []]], limit=3)


# Random graphs: a plan is made twice, in different orders, and what is made must be equal.

LEAVES = st.sampled_from([0, 1, True, "a", None, 1.5, b"a", Colour.RED, (1, 2), decimal.Decimal(1), uuid.UUID(int=1)])
KINDS = ("list", "dict", "set", "deque", "plain", "slotted", "open", "closed", "tuple", "row", "liars", "cell")
Plan = tuple[list[tuple[str, list[int], Any]], list[tuple[int, int]]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    nodes: list[tuple[str, list[int], Any]] = []
    for place in range(draw(st.integers(1, 8))):
        below = st.lists(st.integers(0, place - 1), max_size=3) if place else st.just([])
        nodes.append((draw(st.sampled_from(KINDS)), draw(below), draw(LEAVES)))
    places = st.integers(0, len(nodes) - 1)
    return nodes, draw(st.lists(st.tuples(places, places), max_size=3))


def made(plan: Plan, *, backwards: bool) -> list[Any]:
    """The values of a plan; `backwards`, what has no order is filled the other way round."""

    def in_order(pairs: list[Any]) -> list[Any]:
        return pairs[::-1] if backwards else pairs

    found: list[Any] = []
    for kind, below, leaf in plan[0]:
        held = [found[place] for place in below]
        value: Any
        if kind == "list":
            value = [*held, leaf]
        elif kind == "dict":
            value = dict(in_order([*((f"k{n}", each) for n, each in enumerate(held)), ((leaf, "leaf"), leaf)]))
        elif kind == "set":
            value = set(in_order([*dict.fromkeys(Same(each) for each in held), leaf]))
        elif kind == "deque":
            value = collections.deque([*held, leaf], 9)
        elif kind == "tuple":
            value = (*held, leaf)
        elif kind == "row":
            value = noted(Row(held), leaf)
        elif kind == "liars":
            value = [Liar(leaf), *map(Liar, held)]
        elif kind == "cell":
            value = around(held, leaf)
        else:
            value = {"plain": Plain, "slotted": Slotted, "open": Open, "closed": Closed}[kind]([*held, leaf])
        found.append(value)
    for holder, other in plan[1]:
        add(found[holder], found[other])
    return found


def around(held: Any, leaf: Any) -> Callable[[], Any]:
    return lambda: (held, leaf)


class Same:
    """A key that is equal to nothing else."""

    def __init__(self, value: Any) -> None:
        self.value = value


def add(holder: Any, value: Any) -> bool:
    """Put one more thing into a value; False if that cannot be."""
    if isinstance(holder, (list, collections.deque)):
        holder.append(value)
    elif isinstance(holder, dict):
        holder["more"] = (holder.get("more"), value)
    elif isinstance(holder, set):
        holder.add(Same(value))
    elif isinstance(holder, (Plain, Slotted, Open)):
        holder.value = (holder.value, value)
    elif isinstance(holder, types.FunctionType):
        assert holder.__closure__
        holder.__closure__[0].cell_contents = (holder.__closure__[0].cell_contents, value)
    else:
        return False
    return True


@given(plans())
@settings(max_examples=share(800), deadline=None)
def test_random_graphs_are_equal_to_their_copies(plan: Plan) -> None:
    value, interchangeable = made(plan, backwards=False), made(plan, backwards=True)
    form = freeze(value)
    assert freeze(interchangeable) == form
    copy = copied(value)
    assert freeze(copy) == form == freeze(value)
    again = take([value]).picture.restore([[]])
    assert freeze(again[0]) == form


@given(plans(), st.data())
@settings(max_examples=share(600), deadline=None)
def test_a_change_anywhere_changes_the_form(plan: Plan, data: st.DataObject) -> None:
    value = made(plan, backwards=False)
    form, copy = freeze(value), copied(value)
    place = data.draw(st.integers(0, len(value) - 1))
    if add(value[place], "something new"):
        assert freeze(value) != form
        assert freeze(copy) == form


@given(plans())
@settings(max_examples=share(200), deadline=None)
def test_restoring_leaves_nothing_of_what_was_there(plan: Plan) -> None:
    value = Plain(made(plan, backwards=False))
    picture = take([value]).picture
    value.value = "gone"
    value.more = 1  # type: ignore[attr-defined]
    picture.restore([value])
    assert freeze(value) == picture.form
    assert not hasattr(value, "more")
