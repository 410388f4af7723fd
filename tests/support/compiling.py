"""What numba compiles is compiled once, before the workers of a test run come to it.

They come to it at the same time, so each would compile all of it for itself. Instead pytest starts
`python -m tests.support.compiling` beside them while they collect tests, and they wait until that has ended. What it
has compiled is in numba's cache then; whoever does not find it there compiles it, as ever. They see by a locked file
whether it still runs: the system unlocks it, however the process ends.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.support.places import TOP

ENGINE = TOP / "spec" / "exploration" / "engine"
COMPILED = ENGINE / "compiled"
LONGEST = 120.0
"""Seconds that are waited at most; it takes about ten."""


class Compiling(NamedTuple):
    """A process that compiles, and the file that it has locked meanwhile."""

    process: subprocess.Popen[bytes]
    lock: Path

    def end(self) -> None:
        """It is not needed any more."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        self.lock.unlink()


def is_cached(folder: Path = COMPILED, version: tuple[int, int] = sys.version_info[:2]) -> bool:
    """Whether the largest function was compiled by this Python after all modules there were written."""
    written = max(path.stat().st_mtime for path in (*folder.glob("*.py"), *folder.parent.glob("components.py")))
    kept = (folder / "__pycache__").glob(f"kernel.expand-*.py{version[0]}{version[1]}.nbi")
    return any(path.stat().st_mtime > written for path in kept)


def is_wanted() -> bool:
    """Whether there is anything to compile that would be kept where `is_cached` looks."""
    return find_spec("numba") is not None and not os.environ.get("NUMBA_DISABLE_JIT") and not is_cached()


def begin(command: Sequence[str] = (sys.executable, "-m", "tests.support.compiling")) -> Compiling:
    """Start to compile; whoever waits for the lock waits until that has ended."""
    number, name = tempfile.mkstemp(suffix=".lock")
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=TOP, stdin=quiet, stdout=quiet, stderr=quiet, pass_fds=[number])
    finally:
        os.close(number)  # the process has it, and with it the lock
    return Compiling(process, Path(name))


def wait(lock: Path, longest: float = LONGEST) -> bool:
    """Wait until whoever has locked a file has ended; false if that takes too long."""
    deadline = time.monotonic() + longest
    try:
        with lock.open("rb") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.05)
                else:
                    return True
    except FileNotFoundError:
        return True


def main() -> None:
    """Call each function that small searches need, by searches that do; the rest compile in no time."""
    import numpy as np

    from spec.exploration.any_number.fixpoint import Options as Choices
    from spec.exploration.any_number.fixpoint import fixpoint
    from spec.exploration.explore import Options, explore
    from spec.exploration.model.scenario import scenario

    explore(scenario("hasty"), Options(engine="compiled"))
    explore(scenario("losses"), Options(symmetric=False, reduced=False, engine="compiled"))
    search = fixpoint(scenario("standard"), Choices(engine="compiled")).search
    search.parts()
    search.components(2, np.array([0, 1]), np.array([1, 0]))


if __name__ == "__main__":
    main()
