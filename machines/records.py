"""Records, which are never changed: one with other values in some fields is made anew."""

from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar

R = TypeVar("R")


class KeepsHash:
    """A record with much data, which is looked up often: its hash is found out once."""

    __dict__: dict[str, Any]

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("hash")
        if known is None:
            known = self.__dict__["hash"] = super().__hash__()
        return known

    def __getstate__(self) -> None:
        """Nothing of that: in another process texts have other hashes."""


def replace(record: R, /, **changes: object) -> R:
    """As `dataclasses.replace`, in a fraction of its time; nothing that `__post_init__` would check is checked.

    Raises AttributeError for a field that the record does not have.
    """
    kind: Any = type(record)
    made: R = object.__new__(kind)
    put = object.__setattr__
    for name in _names(kind):
        put(made, name, changes.pop(name) if name in changes else getattr(record, name))
    for name in changes:
        raise AttributeError(f"{type(record).__name__} has no field {name!r}")
    return made


@lru_cache(maxsize=256)  # of each class of records
def _names(record: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(record))
