"""The engines that are installed."""

from importlib.util import find_spec
from typing import Any

import pytest

from spec.exploration.engine.search import Engine

ENGINES: list[Any] = [
    "vectorised",
    pytest.param("compiled", marks=pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")),
]


def engines() -> list[Engine]:
    return ["vectorised", "compiled"] if find_spec("numba") else ["vectorised"]
