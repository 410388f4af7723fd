"""What commands that take a while owe a person at a terminal: progress, and an end when Ctrl-C is pressed."""

import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console

from spec.conformance.bounds import DIAGRAM_DONE, interruption

if TYPE_CHECKING:
    from spec.exploration.engine.search import Progress

CLEAR = "\r\033[K"


class PipedConsole(Console):
    """A console for results, in colour on a terminal only (and not where `NO_COLOR` is set), that takes text as it is.

    Where its reader has gone it raises `BrokenPipeError`.
    """

    def __init__(self, *, soft_wrap: bool = False) -> None:
        """Writes to standard output; with `soft_wrap` no line is broken."""
        super().__init__(highlight=False, emoji=False, markup=False, soft_wrap=soft_wrap)

    def on_broken_pipe(self) -> None:
        """Let the command decide how to end."""
        raise BrokenPipeError


@contextlib.contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """A function that shows on standard error how far a long work is, on one line that is gone at the end.

    Where standard error is no terminal, it shows nothing. There is no thread behind it, so processes can be forked.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return

    def show(text: str) -> None:
        width = shutil.get_terminal_size().columns
        sys.stderr.write(f"{CLEAR}{text[: width - 1]}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(CLEAR)
        sys.stderr.flush()


@contextlib.contextmanager
def progress_of_check(diagrams: int) -> Iterator[Callable[[str, int], None] | None]:
    """Shows what a check looks at and how many diagrams are done; None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    done = multiprocessing.Value("i", 0)  # the processes of a check share it
    began = time.monotonic()
    with status_line() as show:

        def progress(what: str, states: int) -> None:
            if what == DIAGRAM_DONE:
                with done.get_lock():
                    done.value += 1
            now = f"{what}: {states:,} states, " if states else ""
            show(f"{done.value} of {diagrams} diagrams checked, {now}{time.monotonic() - began:.0f} s")

        yield progress


@contextlib.contextmanager
def progress_of_search() -> "Iterator[Callable[[Progress], None]]":
    """Shows how far a search of the explorer has come."""
    with status_line() as show:
        show("making the tables of the charts")

        def progress(now: "Progress") -> None:
            rate = now.states / max(now.seconds, 1e-9)
            show(
                f"{now.states:,} states, {now.frontier:,} to look at, depth {now.depth}, {rate:,.0f} states/s, "
                f"{memory_in_use():,.0f} MB"
            )

        yield progress


def memory_in_use() -> float:
    """The most memory that this process had in use, in MB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends searches, which then tell what they covered; a second one ends the program."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    parent = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if interruption.is_set:
            signal.default_int_handler(number, frame)
        interruption.is_set = True
        if os.getpid() == parent:  # who is told by `kill` alone tells the others
            for child in multiprocessing.active_children():
                if child.pid is not None:
                    os.kill(child.pid, signal.SIGINT)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        interruption.is_set = False
