"""JSON, read strictly: from bytes to a value of a declared shape, or a `Fault` that says what is wrong and where.

Python's `json` takes a key twice, NaN and half a surrogate pair, gives up on deep nesting with a RecursionError, and on
long integers with a ValueError of its own. Here each is refused, in what a shape declares as in what it skips; size and
depth are bounded before the parser sees the text. A fault learns where it is on its way out, as a path such as
`$.KnownFileInfos["ab"].Size`: properties behind a dot, keys that are data in brackets.

Most of what comes is as it should be. So a shape first reads the value that Python's own parser makes of the text, in a
way that knows no place and gives up (`_Unusual`) at the first thing that is not plainly right; only then the text is
read anew, to say what is wrong with it. What the quick way reads, the careful one reads as well (tested on random
payloads); it is there for speed alone.

Why not pydantic, which reads the settings of the services: its parser takes a key twice, 1e999 and 100 levels in what
it skips, and does not say where or what came, so all of the careful way would have to stay beside it. It reads events
of some kilobytes in two thirds of the time, and one of 4 MiB in half; but meanwhile no other thread goes on: for 120 ms
instead of 65 (`runtime.wire.in_pieces`).
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from immutabledict import immutabledict

from runtime.wire.in_pieces import decoded, in_order

MAX_BYTES = 4 * 1024 * 1024
"""The largest payload that is read or written, unless another limit is given."""
SOME = 10_000
MAX_DEPTH = 32
"""The deepest nesting that is read; the protocol's own events need 4."""
MAX_INT64 = 2**63 - 1
SHOWN = 40
"""How many characters of a text that came are shown in a message."""

Kind = Literal[
    "unknown-topic",
    "too-large",
    "not-utf8",
    "too-deep",
    "not-json",
    "duplicate-key",
    "missing-property",
    "wrong-type",
    "not-finite",
    "out-of-range",
    "empty",
    "not-a-uuid",
    "unknown-reason-code",
    "wrong-client",
]
"""Why a payload is refused."""

T = TypeVar("T")


class Fault(Exception):  # noqa: N818 - it is the value that has one
    """What is wrong with a value; it learns where that value stands on its way out."""

    def __init__(self, kind: Kind, expected: str, came: str) -> None:
        super().__init__(kind)
        self.kind: Kind = kind
        self.problem = f"expected {expected}, came {came}"
        self.path = ""


@dataclass(frozen=True, slots=True)
class _Object:
    """A JSON object as it was written, with the keys that were given twice."""

    pairs: list[tuple[str, object]]


class _Unusual(Exception):  # noqa: N818 - it says nothing but that
    """Not plainly right: it has to be read with care."""


# Bytes to a JSON value.


def read(shape: "Shape", payload: bytes, largest: int = MAX_BYTES) -> Any:
    """The value that JSON in UTF-8 stands for by a shape.

    Raises `Fault` if there are more than `largest` bytes, if they are no JSON, or if it is not of that shape.
    """
    try:
        return shape.quick(_plain(payload, largest))
    except (_Unusual, ValueError, RecursionError):
        return shape.read(parsed(payload, largest))


def read_of_written(shape: "Shape", value: object, payload: bytes, largest: int = MAX_BYTES) -> Any:
    """What `read` gives for the payload that was written of a value which `shape.write` gave.

    A text that is written of dictionaries with texts as keys, lists, texts and integers is parsed into the very same:
    so the text is parsed only where the value itself is not plainly right. Raises `Fault`.
    """
    try:
        if len(payload) <= largest:
            return shape.quick(value)
    except (_Unusual, ValueError, TypeError):
        pass  # then it is said what is wrong, and where
    return read(shape, payload, largest)


def _plain(payload: bytes, largest: int = MAX_BYTES) -> object:
    """The JSON value of a text in which nothing needs care: no escape of a character by its number, no key twice."""
    if len(payload) > largest or b"\\u" in payload or payload.startswith(b"\xef\xbb\xbf"):
        raise _Unusual
    given = payload.decode("utf-8")
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
        try:
            _bound_depth(given)
        except Fault:
            raise _Unusual from None
    return decoded(_PLAIN_JSON, given)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for place in range(0, len(pairs), SOME):  # not all in one go: see `in_pieces`
        found.update(pairs[place : place + SOME])
    if len(found) != len(pairs):
        raise _Unusual
    return found


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise _Unusual
    return value


def _unusual(_: str) -> object:
    raise _Unusual


_PLAIN_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_unusual)


def parsed(payload: bytes, largest: int = MAX_BYTES) -> object:
    """The JSON value that these bytes hold, its objects with keys given twice, to be read by a shape."""
    if len(payload) > largest:
        raise Fault("too-large", f"at most {largest} bytes", f"{len(payload)} bytes")
    try:
        given = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        came = payload[error.start : error.start + 4].hex(" ")
        raise Fault("not-utf8", "UTF-8", f"{came} at byte {error.start}") from None
    if given.startswith("\ufeff"):
        raise Fault("not-utf8", "UTF-8 without a byte order mark", "one at byte 0")
    _bound_depth(given)
    try:
        return decoded(_JSON, given)
    except json.JSONDecodeError as error:
        came = f"{shown(given[error.pos : error.pos + SHOWN])} at character {error.pos} ({error.msg})"
        raise Fault("not-json", "one JSON object", came) from None


def _bound_depth(given: str) -> None:
    """Refuse what nests too deep for the parser's recursion.

    Up to the first mistake in the text this counts what the parser would; after it, the parser reads no further.
    """
    depth = 0
    for token in _NESTING.finditer(given):
        if token[0] in {"[", "{"}:
            depth += 1
        elif token[0] in {"]", "}"}:
            depth -= 1
        if depth > MAX_DEPTH:
            raise Fault("too-deep", f"at most {MAX_DEPTH} levels of nesting", f"more at character {token.start()}")


def _int(literal: str) -> int:
    """Cut to these many digits a literal is out of int64's range all the same, and cheap to convert."""
    return int(literal[: SHOWN + 1])


_NESTING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_JSON = json.JSONDecoder(object_pairs_hook=_Object, parse_int=_int)


# A JSON value to the value of a field.


def typed(value: object, kind: type[T], expected: str) -> T:
    """The value, if it is of this type, of which true and false never are. Raises `Fault`, which says `expected`."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Fault("not-finite", expected, shown(value))
    if isinstance(value, bool) or not isinstance(value, kind):
        raise Fault("wrong-type", expected, shown(value))
    return value


def _whole(value: str) -> str:
    """UTF-8 has no half surrogate pairs, but JSON's escapes can write them."""
    if _SURROGATE.search(value):
        raise Fault("not-utf8", "text that UTF-8 can hold", f"{shown(value)} with half a surrogate pair")
    return value


def _pairs(value: object, expected: str) -> Iterator[tuple[str, object]]:
    seen = set()
    for name, given in typed(value, _Object, expected).pairs:
        _at(_key, name, _whole, name)
        if name in seen:
            _at(_key, name, _repeat, name)
        seen.add(name)
        yield name, given


def _skip(value: object) -> None:
    """Refuse even in a property that nobody reads what no JSON text should have."""
    match value:
        case _Object():
            for name, given in _pairs(value, "an object"):
                _at(_key, name, _skip, given)
        case list():
            for place, given in enumerate(value):
                _at(_index, place, _skip, given)
        case str():
            _whole(value)
        case float() if not math.isfinite(value):
            raise Fault("not-finite", "a finite number", shown(value))


def _repeat(name: str) -> None:
    raise Fault("duplicate-key", "each property once", f"{shown(name)} twice")


def _miss(name: str) -> None:
    raise Fault("missing-property", f"the property {name}", "an object without it")


_SURROGATE = re.compile("[\ud800-\udfff]")


# Shapes.


@dataclass(frozen=True, slots=True)
class Shape:
    """A type of the table: how a JSON value becomes the value of a field, and back.

    `read` takes what `parsed` gives, and raises `Fault`; `quick` takes Python's dictionaries and lists, and gives up.
    """

    read: Callable[[object], Any]
    write: Callable[[Any], object]
    quick: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Property:
    """A line of the table: a property on the wire and the field that it fills.

    One that is not `required` is left out where the field holds `absent`.
    """

    name: str
    field: str
    shape: Shape
    required: bool = True
    absent: object = None


def text(expected: str, *, empty: bool = False) -> Shape:
    """A string, not empty unless `empty`. Reading raises `Fault`: `wrong-type`, `not-utf8`, `empty`."""

    def read(value: object) -> str:
        given = _whole(typed(value, str, expected))
        if not given and not empty:
            raise Fault("empty", expected, '""')
        return given

    def quick(value: Any) -> str:
        if type(value) is not str or not (value or empty):
            raise _Unusual
        return value

    return Shape(read, as_it_is, quick)


def integer(low: int) -> Shape:
    """An int64 from `low` on; neither 1.0 nor true is one. Reading raises `Fault`: `wrong-type`, `out-of-range`."""
    expected = f"an integer from {low} to {MAX_INT64}"

    def read(value: object) -> int:
        given = typed(value, int, expected)
        if not low <= given <= MAX_INT64:
            raise Fault("out-of-range", expected, shown(given))
        return given

    def quick(value: Any) -> int:
        if type(value) is not int or not low <= value <= MAX_INT64:
            raise _Unusual
        return value

    return Shape(read, as_it_is, quick)


def array(item: Shape, make: Callable[[Iterator[Any]], Any], order: Callable[[Any], Any]) -> Shape:
    """An array; `make` collects the items, `order` arranges them to be written. Reading raises `Fault`."""

    def read(value: object) -> object:
        items = typed(value, list, "an array")
        return make(_at(_index, place, item.read, given) for place, given in enumerate(items))

    def quick(value: Any) -> object:
        if type(value) is not list:
            raise _Unusual
        return make(map(item.quick, value))

    return Shape(read, lambda values: [item.write(value) for value in order(values)], quick)


def set_of(item: Shape) -> Shape:
    """An array whose order means nothing; an item that stands in it twice is in the set once."""
    return array(item, frozenset, in_order)


def sequence_of(item: Shape) -> Shape:
    """An array whose order counts."""
    return array(item, tuple, tuple)


def map_of(key: Shape, item: Shape) -> Shape:
    """An object whose keys are data. Reading raises `Fault`: `wrong-type`, `duplicate-key`, or that of an entry."""

    def read(value: object) -> object:
        pairs = _pairs(value, "an object")
        return immutabledict({_at(_key, k, key.read, k): _at(_key, k, item.read, given) for k, given in pairs})

    def quick(value: Any) -> object:
        if type(value) is not dict:
            raise _Unusual
        return immutabledict({key.quick(k): item.quick(given) for k, given in value.items()})

    return Shape(read, lambda values: {k: item.write(values[k]) for k in in_order(values)}, quick)


def record(make: type, *properties: Property) -> Shape:
    """An object with these properties, as `make` makes it; others are skipped. Reading raises `Fault`."""
    by_name = {known.name: known for known in properties}

    def read(value: object) -> object:
        fields = {}
        for name, given in _pairs(value, f"an object ({make.__name__})"):
            known = by_name.get(name)
            if known is None:
                _at(_key, name, _skip, given)
            else:
                fields[known.field] = _at(_property, name, known.shape.read, given)
        for known in properties:
            if known.required and known.field not in fields:
                _at(_property, known.name, _miss, known.name)
        return make(**fields)

    def write(value: object) -> object:
        given = ((known, getattr(value, known.field)) for known in properties)
        return {known.name: known.shape.write(x) for known, x in given if known.required or x != known.absent}

    def quick(value: Any) -> object:
        if type(value) is not dict:
            raise _Unusual
        fields = {}
        for known in properties:
            if known.name in value:
                fields[known.field] = known.shape.quick(value[known.name])
            elif known.required:
                raise _Unusual
        return make(**fields)

    return Shape(read, write, quick)


def unhurried(read: Callable[[object], Any], write: Callable[[Any], object]) -> Shape:
    """A shape of a single value that is read with care at once."""

    def quick(value: Any) -> Any:
        try:
            return read(value)
        except Fault:
            raise _Unusual from None

    return Shape(read, write, quick)


def as_it_is(value: object) -> object:
    """A value that JSON has."""
    return value


# Where it stands, and what came.


def _at(step: Callable[[Any], str], place: object, read: Callable[[Any], T], value: object) -> T:
    """Read a value that stands at this place; a fault in it learns the place."""
    try:
        return read(value)
    except Fault as fault:
        fault.path = step(place) + fault.path
        raise


def _property(name: str) -> str:
    return f".{name}"


def _key(name: str) -> str:
    return f"[{shown(name)}]"


def _index(place: int) -> str:
    return f"[{place}]"


def shown(value: object) -> str:
    """A JSON value in one short line."""
    match value:
        case _Object():
            return f"an object of {len(value.pairs)} properties"
        case list():
            return f"an array of {len(value)} items"
        case str():
            return printable(json.dumps(shortened(value), ensure_ascii=False))
        case _:
            return shortened(json.dumps(value))


def shortened(given: str) -> str:
    """The beginning of a long text."""
    return given if len(given) <= SHOWN else given[:SHOWN] + "…"


def printable(given: str) -> str:
    """A text in one line, with nothing in it that a terminal obeys."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in given)
