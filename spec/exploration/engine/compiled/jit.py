"""How inner loops are compiled by numba."""

from typing import Any

from numba import njit

_BARE: Any = {"cache": True, "nogil": True, "_nrt": False}
"""Without counting references to arrays, which would cost more than all else where functions hand arrays on. Such
functions must not make arrays."""


def compiled(function: Any) -> Any:
    """Compile a function. Other threads can run meanwhile."""
    return njit(cache=True, nogil=True)(function)


def bare(function: Any) -> Any:
    """Compile a function that makes no array. Other threads can run meanwhile."""
    return njit(**_BARE)(function)


def inlined(function: Any) -> Any:
    """Compile a function that makes no array into each that calls it."""
    return njit(**_BARE, inline="always")(function)
