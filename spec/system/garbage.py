"""How often Python looks for garbage while very many small values are kept."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = (50_000, 100, 1_000)
"""After how many new objects these are looked through for garbage, and after how many times also older ones."""


@contextmanager
def collected_seldom() -> Iterator[None]:
    """Looking for garbage seldom, and among what is new: what a search or a check makes stays until its end."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
