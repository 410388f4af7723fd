"""How long a server has to answer: what it, and the kit, wait for a processor meanwhile does not count.

On a machine that is busy with other things a server that is right answers late. Linux tells how long a process was
ready to run and did not (`/proc/PID/schedstat`, the second number, in nanoseconds); elsewhere all seconds count.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

STRETCH = 10
"""Patience ends after so many times its seconds at the latest, whatever is waited for."""
PROCESSES = Path("/proc")


@dataclass
class Patience:
    """So many seconds from now on; `process` is the number of the server's, if it is known."""

    seconds: float
    process: int | None = None
    _held: float = field(init=False)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds
        self._last = time.monotonic() + self.seconds * STRETCH
        self._held = self._waited()

    @property
    def left(self) -> float:
        """Seconds that are left; 0 if it is over."""
        now = time.monotonic()
        if now >= self._end:
            held = self._waited()
            self._end = min(self._end + max(0.0, held - self._held), self._last)
            self._held = held
        return max(0.0, self._end - now)

    def _waited(self) -> float:
        """Seconds that the kit and the server have been ready to run and did not."""
        servers = () if self.process is None else family(self.process)
        return _delay("self") + max((_delay(str(one)) for one in servers), default=0.0)


def family(process: int) -> Iterator[int]:
    """A process, and all that it has started, as far as they still belong to it."""
    yield process
    try:
        places = [*(PROCESSES / str(process) / "task").glob("*/children")]
    except OSError:  # it has ended meanwhile
        return
    for place in places:
        try:
            children = place.read_text(encoding="ascii").split()
        except OSError:  # it has ended meanwhile
            continue
        for child in children:
            yield from family(int(child))


def _delay(process: str) -> float:
    """Seconds that the threads of a process waited for a processor, of the one that waited longest."""
    found = [0.0]
    try:
        places = [*(PROCESSES / process / "task").glob("*/schedstat")]
    except OSError:  # it has ended meanwhile
        return 0.0
    for place in places:
        try:
            found.append(int(place.read_text(encoding="ascii").split()[1]) / 1e9)
        except (OSError, IndexError, ValueError):  # it has ended meanwhile, or the kernel does not count
            continue
    return max(found)
