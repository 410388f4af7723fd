"""What commands that take a while owe a person at a terminal: progress, and an end when Ctrl-C is pressed."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from spec.conformance.bounds import interruption

CLEAR = "\r\033[K"


@contextlib.contextmanager
def progress_line() -> Iterator[Callable[[str, int], None] | None]:
    """A function that shows on standard error how far a search is, on one line that is gone at the end."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(what: str, states: int) -> None:
        sys.stderr.write(f"{CLEAR}{what}: {states} states")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(CLEAR)
        sys.stderr.flush()


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
