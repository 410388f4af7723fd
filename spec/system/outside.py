"""What a step must not ask: a clock, chance, the operating system. What it answers cannot be repeated."""

import gc
import random
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

_CLOCK = "it reads the clock"
_CHANCE = "it draws at random"
_THREAD = "it starts a thread"
_ASKED = {
    **{
        getattr(time, name): _CLOCK
        for name in dir(time)
        if name.removesuffix("_ns") in {"time", "monotonic", "perf_counter", "process_time", "thread_time"}
    },
}
_BY_NAME = {
    ("posix", "urandom"): _CHANCE,
    ("nt", "urandom"): _CHANCE,
    ("posix", "getrandom"): _CHANCE,
    ("_thread", "start_new_thread"): _THREAD,
    ("_thread", "start_joinable_thread"): _THREAD,
}
_NOW = frozenset({"now", "utcnow", "today"})
_LIBRARIES = frozenset({"statemachine", "transitions", "logging"})
"""Who may ask: what they learn does not reach a chart."""
REMEDY = (
    "let a message bring what it needs to know, draw from a random.Random with a seed that the chart keeps, and let a "
    "lifeline of its own be the clock"
)


@contextmanager
def witnessed() -> Iterator[list[str]]:
    """Note what is asked of the outside while this lasts: one sentence for each question.

    Where a profiler runs already, only the shared generator of random numbers is looked at.
    """
    found: list[str] = []
    before = random.getstate()
    watching = sys.getprofile() is None

    def see(frame: types.FrameType, event: str, called: Any) -> None:
        if event == "c_call":
            what = _question(called, frame)
            if what and frame.f_globals.get("__name__", "").partition(".")[0] not in _LIBRARIES:
                found.append(f"{what} ({_spelled(called)}) in {frame.f_code.co_qualname}")

    collecting = gc.isenabled()
    gc.disable()  # what it calls when it runs is nobody's step
    if watching:
        sys.setprofile(see)
    try:
        yield found
    finally:
        if watching:
            sys.setprofile(None)
        if collecting:
            gc.enable()
        if random.getstate() != before and not found:
            found.append(f"{_CHANCE} (module random)")


def _question(called: Any, frame: types.FrameType) -> str:
    try:
        if called in _ASKED:
            return _ASKED[called]
    except TypeError:  # a method of something that has no hash
        return ""
    owner, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    if isinstance(owner, type):
        return _CLOCK if name in _NOW and issubclass(owner, date) else ""
    if isinstance(owner, types.ModuleType):
        return _BY_NAME.get((owner.__name__, name), "")
    if owner is random._inst:  # noqa: SLF001 - whose methods the module's functions are
        return "" if name in {"getstate", "setstate"} else _CHANCE
    if isinstance(owner, random.Random) and name == "seed" and frame.f_locals.get("a", 0) is None:
        return _CHANCE
    return ""


def _spelled(called: Any) -> str:
    owner = getattr(called, "__self__", None)
    if owner is random._inst:  # noqa: SLF001 - as above
        return f"random.{called.__name__}"
    return f"{getattr(owner, '__name__', type(owner).__name__)}.{called.__name__}"
