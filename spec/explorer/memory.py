"""How much memory there is for a search, so that it stops before the operating system stops it."""

import os
import resource
import sys
from pathlib import Path

SHARE = 0.9
"""What may be taken of what is free: others need some, too."""
KILO = 1024


def used() -> int:
    """Bytes of memory that this process takes; where that is not known, the most that it has taken."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * KILO
    return pages * os.sysconf("SC_PAGE_SIZE")


def free() -> int | None:
    """Bytes that this process may still take: of the machine, and of its control group. None where nothing says so."""
    known = [found for found in (_of_machine(), _of_group()) if found is not None]
    return int(min(known) * SHARE) if known else None


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
