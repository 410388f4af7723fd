"""Work that takes too long for the loop of a service."""

import asyncio
import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


_in_threads = 0


async def in_a_thread(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What `work` gives, done in a thread that makes many objects, and no garbage.

    To look for garbage among them would hold up the loop as well, again and again; so that waits.
    """
    global _in_threads  # noqa: PLW0603 - as the garbage collector, it is of the whole process
    was_enabled = gc.isenabled() or _in_threads > 0
    _in_threads += 1
    gc.disable()
    try:
        return await asyncio.to_thread(work, *given, **named)
    finally:
        _in_threads -= 1
        if was_enabled and not _in_threads:
            gc.enable()
