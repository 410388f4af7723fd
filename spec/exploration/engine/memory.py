"""How much memory there is for a search, so that it stops before the operating system stops it."""

import os
import resource
import sys
from pathlib import Path

SHARE = 0.9
"""What may be taken of what is free: others need some, too."""
KILO = 1024
SIZE, RESIDENT, DATA = 0, 1, 5
"""Columns of `/proc/self/statm`."""


def used() -> int:
    """Bytes of memory that this process takes; where that is not known, the most that it has taken."""
    pages = _pages(RESIDENT)
    if pages is None:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * KILO
    return pages


def free() -> int | None:
    """Bytes that this process may still take: of the machine, of its control group, and of its own limits.

    None where nothing says so.
    """
    known = [found for found in (_of_machine(), _of_group(), *_of_limits()) if found is not None]
    return int(min(known) * SHARE) if known else None


def _pages(column: int) -> int | None:
    """What this process takes, in bytes, as one column says."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * KILO for line in lines if line.startswith("MemAvailable:")), None)


def _of_group(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What the control group of a container leaves (cgroup v2: memory.max); what files take of it can be taken back."""
    try:
        most = int((root / "memory.max").read_text(encoding="ascii"))
        taken = int((root / "memory.current").read_text(encoding="ascii"))
        lines = (root / "memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):  # there is none, or it says "max"
        return None
    files = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
    return max(0, most - taken + files)


def _of_limits() -> list[int | None]:
    """What the limits leave that `ulimit -v` and `ulimit -d` set."""
    found: list[int | None] = []
    for limit, column in ((resource.RLIMIT_AS, SIZE), (resource.RLIMIT_DATA, DATA)):
        most, taken = resource.getrlimit(limit)[0], _pages(column)
        if most != resource.RLIM_INFINITY and taken is not None:
            found.append(max(0, most - taken))
    return found
