"""What is tried at night only: cases that take long, and are like others that are tried each time; and most of what
chance makes.
"""

import os
from collections.abc import Collection, Iterable
from typing import Any

import pytest

SHARE = float(os.environ.get("EXAMPLES", "0.25"))
"""Which part of what chance makes is tried: `EXAMPLES=1` tries all, `EXAMPLES=10` ten times as much."""


def share(examples: int) -> int:
    """How many of so many random examples are tried; at least one."""
    return max(1, round(SHARE * examples))


def by_day(cases: Iterable[Any], but: Collection[Any]) -> list[Any]:
    """The cases of a test, of which those in `but` are marked `nightly`: `pytest -m nightly` tries them.

    A tuple is a case of several values, unless its fields have names.
    Raises `ValueError` if there is no such case.
    """
    known = list(cases)
    if missing := [one for one in but if one not in known]:
        raise ValueError(f"no case is {', '.join(map(str, missing))}")
    each = [one if isinstance(one, tuple) and not hasattr(one, "_fields") else (one,) for one in known]
    return [
        pytest.param(*values, marks=pytest.mark.nightly) if one in but else one
        for one, values in zip(known, each, strict=True)
    ]
