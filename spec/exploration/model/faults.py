"""Which faults can happen, and how often each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

ORDERS = ("stop", "disconnect", "crash", "wipe")
"""What can happen to a server: it is stopped, it loses its connection, it crashes, it crashes and loses its view."""

BREAKING = (*ORDERS, "broker restart")
"""How the names of faults begin that end a connection."""
IN_ALL = "breaks in all"
"""The bound of all faults together that end a connection."""


@dataclass(frozen=True)
class Faults:
    """How often each fault may happen, `None` for any number of times; what is not named never happens.

    `bounds` names `losses` (on either hop), `duplicates`, `storage failure`, `late will`, `second tracker`, `broker
    restart`, `<order> <server>` for the orders `stop`, `disconnect`, `crash` and `wipe`, and `breaks in all` for all
    that end a connection. `kinds` gives the word for a server where several share one bound.
    """

    bounds: Mapping[str, int | None] = field(default_factory=dict)
    timeouts: Literal["any", "patient", "never"] = "any"
    """`any`: a timeout may expire whenever it is set. `patient`: only when nothing is under way."""
    stabilisation: bool = False
    """Whether faults can end for good, at any moment, with a new tracker."""
    loses: frozenset[str] = frozenset()
    """The names of the events that can be lost; empty means all."""
    kinds: Mapping[str, str] = field(default_factory=dict)

    crash_points: bool = False
    """Whether a server that can crash does so inside its steps, too; that counts for the same bound."""

    @property
    def can_repeat(self) -> bool:
        """Whether an event can be delivered twice."""
        return self.bounds.get("duplicates", 0) != 0

    def bounds_of(self, fault: str) -> Iterator[str]:
        """The names of the bounds that a fault counts for."""
        if self.bounds.get(fault) is not None:
            yield fault
        if fault.startswith(BREAKING) and self.bounds.get(IN_ALL) is not None:
            yield IN_ALL

    def orders(self, name: str) -> Iterator[tuple[str, str]]:
        """Each order that a server may get, and the fault that pays for it."""
        for order in ORDERS:
            yield order, f"{order} {self.kinds.get(name, name)}"
