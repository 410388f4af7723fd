"""What is asked of a chart's class once, and goes when the class goes."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

C = TypeVar("C", bound=type[Any])
T = TypeVar("T")


def by_class(ask: Callable[[C], T]) -> Callable[[C], T]:
    """A function of a class, asked once for each. Its answer must not hold the class.

    `functools.cache` would keep every class that was ever made: those of a user's module that is read anew, too.
    """
    known: WeakKeyDictionary[C, T] = WeakKeyDictionary()

    @wraps(ask)
    def asked(of: C) -> T:
        found = known.get(of, known)
        if found is known:
            found = known[of] = ask(of)
        return found  # type: ignore[return-value]

    return asked
