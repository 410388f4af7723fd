"""As many random systems as wanted, compared one after the other; nothing is left out without being counted."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from tests.spec.exploration.oracle.cases import (
    of_charts,
    of_client_join,
    of_crash_points,
    of_forgotten_wills,
    of_interrupted_stops,
    of_second_trackers,
    of_wills,
)
from tests.spec.exploration.oracle.compare import Case, Sizes, differences
from tests.spec.exploration.oracle.search import TooLarge

MOST = 1500
"""Configurations of a system, on a bus where losses take the oldest message."""
KINDS: tuple[tuple[str, Callable[[int], Case]], ...] = (
    ("charts", of_charts),
    ("scenarios", of_client_join),
    ("charts", of_charts),
)
"""The kinds of systems that come one after the other."""
MORE: tuple[tuple[str, Callable[[int], Case]], ...] = (
    ("wills", of_wills),
    ("crash points", of_crash_points),
    ("interrupted stops", of_interrupted_stops),
    ("forgotten wills", of_forgotten_wills),
    ("second trackers", of_second_trackers),
)
"""The kinds that come only where they are asked for."""


@dataclass
class Tally:
    """What was compared, and what was not."""

    systems: Counter[str] = field(default_factory=Counter)
    too_large: Counter[str] = field(default_factory=Counter)
    no_real_bus: int = 0
    """Systems that were compared, but on a real bus had too many configurations."""
    configurations: int = 0
    verdicts: int = 0
    unseen: set[str] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    def lines(self, seconds: float) -> Iterator[str]:
        """The same in words."""
        count = self.systems.total()
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.systems.items()))
        yield f"{count:,} systems compared ({kinds}) in {seconds:,.0f} s, {count / max(seconds, 1e-9):.1f} a second"
        yield f"{self.configurations:,} configurations, {self.verdicts:,} verdicts by each way to search"
        large = ", ".join(f"{number:,} {kind}" for kind, number in sorted(self.too_large.items())) or "none"
        yield f"skipped, being too large: {large}; not compared with a real bus, likewise: {self.no_real_bus:,}"
        yield from (
            f"NOT judged, since the oracle does not see what it asks for: {each}" for each in sorted(self.unseen)
        )
        yield f"{len(self.differences):,} differ"


def compared(kind: str, number: int, tally: Tally, most: int = MOST) -> bool:
    """Compare one system, unless it is too large; whether it was compared."""
    sizes = Sizes()
    case = made(kind, number)
    try:
        found = list(differences(case, most, sizes, number))
    except TooLarge:
        tally.too_large[kind] += 1
        return False
    except Exception:  # noqa: BLE001 - an explorer that breaks is one that says something else
        found = [traceback.format_exc(limit=-6)]
    tally.systems[kind] += 1
    tally.configurations += sizes.configurations
    tally.verdicts += sizes.verdicts
    tally.unseen |= sizes.unseen
    tally.no_real_bus += not sizes.real
    tally.differences += [f"{case.name}\n  {each}" for each in found]
    return True


def made(kind: str, number: int) -> Case:
    """The system of a kind and a number."""
    return {**dict(KINDS), **dict(MORE)}[kind](number)


def systems(seed: int, kind: str | None = None) -> Iterator[tuple[str, int]]:
    """Kinds and numbers of systems, without end; those of one kind, or of all that come one after the other."""
    for number in count(seed * 1_000_003):
        here = kind if kind in dict(MORE) else KINDS[number % len(KINDS)][0]
        if here is not None and kind in {None, here}:
            yield here, number
