"""Work that is done in several processes, where the operating system and the machine have something to gain from it."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""

_tasks: Sequence[Callable[[], Any]] = ()
"""What the processes do: they inherit it, since charts that a user defines could not be sent to them."""


def beside_each_other(tasks: Sequence[Callable[[], Any]], processes: int) -> list[Any]:
    """What the tasks return, in their order; the same in one process, if others cannot be had."""
    global _tasks  # noqa: PLW0603 - see above
    processes = min(processes, len(tasks), _processors())
    if processes > 1 and "fork" in multiprocessing.get_all_start_methods() and threading.active_count() == 1:
        _tasks = tasks
        try:
            context = multiprocessing.get_context("fork")
            with ProcessPoolExecutor(processes, context, initializer=_end_with, initargs=(os.getpid(),)) as pool:
                return list(pool.map(_do, range(len(tasks))))
        except (OSError, BrokenProcessPool):
            pass  # no room for another process
        finally:
            _tasks = ()
    return [task() for task in tasks]


def _end_with(parent: int) -> None:
    """Have this process end when its parent does, whatever ends that: nobody would hear what it finds (prctl(2))."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def _do(number: int) -> Any:
    return _tasks[number]()


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
