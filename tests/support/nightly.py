"""What is tried at night only: cases that take long, and are like others that are tried each time."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def by_day(cases: Iterable[Any], but: Collection[Any]) -> list[Any]:
    """The cases of a test, of which those in `but` are marked `nightly`: `pytest -m nightly` tries them.

    Raises `ValueError` if there is no such case.
    """
    known = list(cases)
    if missing := [one for one in but if one not in known]:
        raise ValueError(f"no case is {', '.join(map(str, missing))}")
    each = [one if isinstance(one, tuple) else (one,) for one in known]
    return [
        pytest.param(*values, marks=pytest.mark.nightly) if one in but else one
        for one, values in zip(known, each, strict=True)
    ]
