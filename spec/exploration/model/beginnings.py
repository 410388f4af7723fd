"""What servers begin with, as plain data in a scenario, and as the Distribution View that it stands for.

[scenario.mine.views.torrent1]   # or of "tracker"; all keys are optional
hash_algorithm = "sha-256"
fragment_size = 1024             # bytes; a torrent server without it works with any
files = { ab = { size = 10, sequence = ["cd"] } }
fragments = { cd = { size = 10 } }
stored = ["cd"]                  # of the fragments; without it all of them
endpoints = ["http://torrent1/"]
storage = "sound"                # "broken": no change can be stored; "either": a change can fail, or not
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, get_args

from immutabledict import immutabledict

from machines import ClientMetadata, FileMetadata, FragmentMetadata, View
from machines.rules import Storage

KEYS = ("hash_algorithm", "fragment_size", "files", "fragments", "stored", "endpoints", "storage")


def view_of(table: object, ordinary: View) -> View:
    """The view that a table describes; what it does not say is as in the `ordinary` one. Raises `ValueError`."""
    if not isinstance(table, Mapping):
        raise ValueError("has to be a table")  # noqa: TRY004 - input that a user gave
    for key in table:
        if key not in KEYS:
            raise ValueError(f"no such key {key!r}; there are {', '.join(KEYS)}")
    given = {key: _READERS[key](value, key) for key, value in table.items()}
    fragments = given.get("fragments", ordinary.fragments)
    stored = given.pop("stored", frozenset(fragments) if "fragments" in given else ordinary.own.stored_fragments)
    own = ClientMetadata(given.pop("endpoints", ordinary.own.endpoints), stored)
    unknown = sorted(stored - fragments.keys())
    if unknown:
        raise ValueError(f"stored names {unknown[0]!r}, which is not among the fragments; add it there")
    return replace(ordinary, own=own, **given)


def table_of(view: View) -> dict[str, Any]:
    """The table that describes a view, as plain data that JSON and TOML can hold."""
    table: dict[str, Any] = {
        "hash_algorithm": view.hash_algorithm,
        "files": {
            key: {"size": one.size, "sequence": list(one.fragment_sequence)} for key, one in sorted(view.files.items())
        },
        "fragments": {key: {"size": one.size} for key, one in sorted(view.fragments.items())},
        "stored": sorted(view.own.stored_fragments),
        "endpoints": sorted(view.own.endpoints),
        "storage": view.storage,
    }
    return table if view.fragment_size is None else {**table, "fragment_size": view.fragment_size}


def frozen(value: Any) -> Any:
    """Plain data as a value that can be hashed."""
    if isinstance(value, Mapping):
        return immutabledict((key, frozen(each)) for key, each in value.items())
    return tuple(map(frozen, value)) if isinstance(value, list | tuple | frozenset | set) else value


def thawed(value: Any) -> Any:
    """The same as plain data that JSON can hold."""
    if isinstance(value, Mapping):
        return {key: thawed(each) for key, each in value.items()}
    return list(map(thawed, value)) if isinstance(value, tuple) else value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where}: {value!r} is no text, or an empty one")
    return value


def _number(value: object, where: str, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
        raise ValueError(f"{where}: {value!r} is no whole number from {least} to 2^63 - 1")
    return value


def _fragment_size(value: object, where: str) -> int:
    return _number(value, where, 1)


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where}: {value!r} is no list")  # noqa: TRY004
    return tuple(_text(each, where) for each in value)


def _set(value: object, where: str) -> frozenset[str]:
    return frozenset(_texts(value, where))


def _tables(value: object, where: str, known: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(value, Mapping) or not all(isinstance(each, Mapping) for each in value.values()):
        raise ValueError(f"{where}: {value!r} is no table of tables by hash")
    for key, table in value.items():
        if set(table) - set(known) or "size" not in table:
            raise ValueError(f"{where} {_text(key, where)}: needs size, and can have no other key than {known}")
    return value


def _files(value: object, where: str) -> Mapping[str, FileMetadata]:
    return immutabledict(
        (key, FileMetadata(_number(one["size"], f"{where} {key} size"), _texts(one.get("sequence", ()), where)))
        for key, one in _tables(value, where, ("size", "sequence")).items()
    )


def _fragments(value: object, where: str) -> Mapping[str, FragmentMetadata]:
    return immutabledict(
        (key, FragmentMetadata(_number(one["size"], f"{where} {key} size")))
        for key, one in _tables(value, where, ("size",)).items()
    )


def _storage(value: object, where: str) -> Storage:
    for known in get_args(Storage):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"{where}: {value!r} is none of {', '.join(get_args(Storage))}")


_READERS: Mapping[str, Callable[[object, str], Any]] = {
    "hash_algorithm": _text,
    "fragment_size": _fragment_size,
    "files": _files,
    "fragments": _fragments,
    "stored": _set,
    "endpoints": _set,
    "storage": _storage,
}
